/*
 * Rounds over every topology between nodes (tests/netlab/topology.h), printed beside the arithmetic of bytes
 * and the cost model's estimate for the same network.
 */
#ifndef SIGNSGD_TESTS_NETLAB_ROUNDS_H
#define SIGNSGD_TESTS_NETLAB_ROUNDS_H

#include "tests/netlab/format.h"
#include "tests/netlab/topology.h"

/* The standard network, for which --check has limits: 8 workers, a million coordinates, links of 100 Mbit/s.
 */
enum { NET_N = 1000000, NET_WORKERS = 8 };
#define NET_RATE 1e8

struct rounds_options {
	struct net_plan plan;
	struct net_rounds rounds;
	const char *only; /* topologies whose name contains this, or NULL: all */
	enum net_format format;
	bool check;              /* hold the standard network's limits */
	struct cost_speed speed; /* of this machine, by cost_measure() */
};

/* Does any topology's name contain o->only? -1 and a sentence. */
int rounds_check_options(const struct rounds_options *o, struct err *e);

/* Within the nodes: measure one topology after the other, print what was found. The exit code. */
int rounds_run(const struct rounds_options *o, const struct net_nodes *h);

#endif
