/* For tests that run a server and its workers as processes of the program. */
#ifndef SIGNSGD_TESTS_SUPPORT_SERVED_H
#define SIGNSGD_TESTS_SUPPORT_SERVED_H

#include <stdbool.h>
#include <sys/types.h>
#include "tests/support/cli.h"

enum { SERVED_POLL_MS = 20, SERVED_PATIENCE_MS = 60000 };

/*
 * A port of 127.0.0.1 that nobody listens at, that the system gives to no connection of its own choice, and
 * that no other test gets while the calling process lives.
 */
int served_free_port(void);

enum { SERVED_ADDRESS = 64 };

/* An address that is this process' own also while nobody listens there: tcp with such a port, or ipc. */
void served_address(char out[SERVED_ADDRESS], bool tcp);

/* `signsgd ARGS` with both outputs into a file of the test's folder; process_wait() for it. */
pid_t served_start(const char *log, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What that file holds so far, in `out`, which is returned. */
const char *served_log(const char *log, char *out, size_t size);

/* Waits until that file holds these words; ends the test after SERVED_PATIENCE_MS. */
void served_wait_for_words(const char *log, const char *words);

/* Waits until there is such a file in the test's folder; the same else. */
void served_wait_for_file(const char *name);

/* Steps that NAME.h5 in the test's folder holds; -1: there is no such file yet. */
long long served_steps(const char *name);

/* Waits until NAME.h5 holds more than so many steps; ends the test after SERVED_PATIENCE_MS. */
void served_wait_for_steps(const char *name, long long steps);

#endif
