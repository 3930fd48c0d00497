/* What the two files of transport/control.h share. */
#ifndef SIGNSGD_TRANSPORT_CONTROL_INTERNAL_H
#define SIGNSGD_TRANSPORT_CONTROL_INTERNAL_H

#include <poll.h>
#include "transport/control.h"

struct control {
	const char *name;
	int rank, size;
	int listener;          /* of process 0, until all are there; else -1 */
	int *fd;               /* [size] the connection with each; -1: there is none */
	struct pollfd *polled; /* [size] scratch */
	unsigned char secret[CONTROL_SECRET], answer[CONTROL_SECRET];
};

#endif
