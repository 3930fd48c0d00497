/* A session of `train`, which either MPI's launcher or train_processes.c brings to its processes. */
#ifndef SIGNSGD_CMD_TRAIN_H
#define SIGNSGD_CMD_TRAIN_H

#include "cmd/session.h"

struct transport;

struct training {
	const struct args *args;
	struct session session;
	const struct transport *row;
	struct change kind; /* the transport, where nobody chose one */
	int processes;      /* --processes, or 0 */
	bool silent;        /* another process says what is wrong */
};

/* Start worker processes, be their server, take them down. The exit code. */
int train_processes(struct training *t, struct pool *pool);

#endif
