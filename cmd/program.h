/*
 * This program, started again as a child: worker processes of `train`, points of a grid. The kernel kills a
 * child when the thread that started it ends, of whatever cause.
 */
#ifndef SIGNSGD_CMD_PROGRAM_H
#define SIGNSGD_CMD_PROGRAM_H

#include <stdbool.h>
#include <sys/types.h>

enum { PROGRAM_VARIABLES = 2, PROGRAM_END = 64 };

struct program {
	const char *const *arguments; /* its name first, ended by NULL */
	/* "NAME=VALUE", found before this process's own; NULL: no more */
	const char *variables[PROGRAM_VARIABLES];
	int in, out; /* descriptors that become its standard input, and its two outputs; -1: as here */
	int kept;    /* a descriptor that it gets under the same number; -1: none */
	/* A terminal, `timeout` or an init system sends its signals to all processes, but only the parent may
	 * act on them: the child ignores those that ask to stop. */
	bool deaf;
};

/* The child's process id; -1 and errno. */
pid_t program_start(const struct program *p);

/* How a process ended, of a waitpid() status: "signal 9 (Killed)", "exit code 1". Returns out. */
const char *program_end(int status, char out[PROGRAM_END]);

#endif
