/* Measuring a network: the rate and the latency of one TCP connection between two nodes of it. */
#ifndef SIGNSGD_TESTS_NETLAB_PROBE_H
#define SIGNSGD_TESTS_NETLAB_PROBE_H

#include "tests/netlab/nodes.h"

struct net_probe {
	double bytes_per_s; /* payload, from the stream's beginning to its end */
	double latency_s;   /* one way: half the time of a byte there and back, median */
};

/* Between nodes `from` and `to`, for about `seconds`. -1 and a sentence. */
int net_probe(const struct net_nodes *h, int from, int to, double seconds, struct net_probe *out,
              struct err *e);

#endif
