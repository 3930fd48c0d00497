/* For tests that start the program by MPI's launcher. */
#ifndef SIGNSGD_TESTS_SUPPORT_MPIRUN_H
#define SIGNSGD_TESTS_SUPPORT_MPIRUN_H

#include <stdbool.h>
#include <sys/types.h>
#include "tests/support/cli.h"
#include "tests/support/launcher.h"

/* cli_open(); skips the test, with a word, where there is no MPI. */
void mpirun_open(void);

/*
 * Two processes of one job, with a line of the shell each: the exit code, 124 when it did not end; their
 * words are in cli_out and cli_err. (mpirun takes several programs by itself, but some builds of Open MPI 5
 * crash then.)
 */
int mpirun_two(const char *first, const char *second);

/* `mpirun -n P signsgd ARGS`, likewise. */
int mpirun(int processes, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* How many of the program's processes have `mark` as their last argument; *last is one of them. */
int mpirun_processes(const char *mark, pid_t *last);

/* Waits until there are `count` of them; false: not within 30 s. */
bool mpirun_wait_until(const char *mark, int count);

#endif
