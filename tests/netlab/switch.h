/*
 * A switch in user space, which makes a delay: the kernel's own links cannot do that everywhere (not every
 * kernel has netem). Every node's card is a TAP device of which this process holds the other end; a frame
 * passes its sender's link, waits for the latency, and passes its receiver's link, at the links' rates:
 *
 *   leaves the sender's link at  max(now, link free) + bits / rate
 *   reaches the receiver's link  latency later
 *   arrives at                   max(then, link free) + bits / rate
 *
 * Frames that would wait longer than 100 ms for a link are dropped, as the kernel's token buckets do. A frame
 * of up to 64 KiB that the sender's kernel joined of several passes as one, and is counted with the bytes
 * that the several would have on a wire; that keeps the switch below a third of a core at 800 Mbit/s.
 */
#ifndef SIGNSGD_TESTS_NETLAB_SWITCH_H
#define SIGNSGD_TESTS_NETLAB_SWITCH_H

#include "base/err.h"

struct net_port {
	int fd;      /* of net_tap() */
	double rate; /* bits a second, each direction */
};

/* A TAP device "eth0" in this process's present network namespace. Its descriptor, or -1 and a sentence. */
int net_tap(struct err *e);

/* Carry frames between the ports until this process is ended. */
_Noreturn void net_switch(const struct net_port *ports, int count, double latency_s);

#endif
