/*
 * A gate on the way from clients to a server, for tests that must do something before a run is over: only so
 * many bytes pass to the server as the test allows, so that the run waits there, however fast it is and
 * however slow the test. What the server says passes always.
 */
#ifndef SIGNSGD_TESTS_SUPPORT_GATE_H
#define SIGNSGD_TESTS_SUPPORT_GATE_H

#include <stdint.h>

struct gate;

/* Clients of 127.0.0.1 that connect to port `outer` get through to port `inner`, also if its server comes
 * later or again: until it is there, they are turned away. Nothing passes yet. */
struct gate *gate_open(int outer, int inner);

/* So many bytes more may pass to the server. */
void gate_allow(struct gate *g, int64_t bytes);

/* From now on everything passes. */
void gate_lift(struct gate *g);

/* Ends all connections; NULL is none. */
void gate_close(struct gate *g);

#endif
