/*
 * The processes of a launched job, connected by TCP: process 0 with each of the others. For a transport whose
 * own library cannot say that a process is gone, and moves only what is on devices: heads, losses, states and
 * sums of the host travel here, and a process that dies is seen at once, whatever the launcher does.
 *
 * Process 0 listens and makes an invitation, which the launcher's means bring to the others (launch.h,
 * mpi_launched_broadcast()). It has a secret that exists for this job alone; who cannot show it is not let
 * in, and who is let in asks for the other half, so that nobody talks to a stranger's port. Nothing is
 * encrypted: like MPI and NCCL, this is for networks that are trusted.
 *
 * All processes make the same calls in the same order. Every message has a length, so that processes which
 * run different programs do not take one thing for another. A process that fails says why to process 0, which
 * tells the others; one that says nothing is missed when its connection ends, or after half a minute without
 * a sign of its machine.
 */
#ifndef SIGNSGD_TRANSPORT_CONTROL_H
#define SIGNSGD_TRANSPORT_CONTROL_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

enum { CONTROL_ADDRESSES = 16, CONTROL_SECRET = 32, CONTROL_SIZE_MOST = 4096 };

/* The same bytes in all processes, which are of the same build. */
struct control_invitation {
	unsigned char secret[CONTROL_SECRET], answer[CONTROL_SECRET];
	uint16_t port;
	int32_t count;
	struct control_address {
		int32_t family;       /* AF_INET or AF_INET6 */
		uint32_t scope;       /* of AF_INET6 */
		unsigned char at[16]; /* in the network's order */
	} at[CONTROL_ADDRESSES];
};

struct control;

/*
 * Process 0: begin to listen; then, when the invitation is on its way, wait for the others, at most
 * `patience_s` seconds. name: of the transport, for sentences; borrowed. -1 and a sentence.
 */
struct control *control_listen(const char *name, int size, struct control_invitation *out, struct err *e);
int control_accept(struct control *c, double patience_s, struct err *e);
/* The others. NULL and a sentence. */
struct control *control_join(const char *name, int rank, int size, const struct control_invitation *in,
                             struct err *e);
/* NULL: nothing. */
void control_close(struct control *c);

/* From process 0 to all. -1 and a sentence, as of all calls below: a process is gone, or says what failed. */
int control_broadcast(struct control *c, void *at, size_t bytes, struct err *e);
/* From one process to another, one of which is 0; all others do nothing. */
int control_carry(struct control *c, void *at, size_t bytes, int from, int to, struct err *e);
/* all [size][each], of which this process has set its own. */
int control_allgather(struct control *c, void *all, size_t each, struct err *e);

/* Are all still there? Does not wait. */
int control_watch(struct control *c, struct err *e);

/* Tell the others why this process ends: its next call, or theirs, returns -1 with that. Does not wait. */
void control_fail(struct control *c, const char *why);

#endif
