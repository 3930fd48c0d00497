/*
 * The topologies over which bench_net holds rounds: for each the command that holds them on nodes
 * (tests/netlab/nodes.h), and the row of the cost model that it is compared with.
 */
#ifndef SIGNSGD_TESTS_NETLAB_TOPOLOGY_H
#define SIGNSGD_TESTS_NETLAB_TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>
#include "bench/cost.h"
#include "tests/netlab/nodes.h"

struct net_topology {
	const char *name; /* "float ring, MPI" */
	enum cost_topology cost;
	const char *transport;
	const char *options[8]; /* of `signsgd bench round`, NULL-terminated */
	bool server;            /* node 0 takes part, as a server without a worker */
	/* What --check demands on the standard network (tests/netlab/rounds.h); both 0: nothing. */
	double longest_s;   /* a round */
	double least_ratio; /* of the ring of floats' round to this one's */
};

extern const struct net_topology net_topologies[];
extern const size_t net_topology_count;

/* Was this program built with the topology's transport? */
bool net_topology_built(const struct net_topology *t);

/* One topology's rounds. */
struct net_measure {
	int rounds;
	double round_s, round_s_low, round_s_high; /* median and quartiles */
	double bytes_busiest;                      /* sent and received by the busiest process */
};

struct net_rounds {
	const char *program; /* signsgd's file */
	int workers;         /* on nodes 1 .. workers */
	size_t n;
	double seconds; /* about how long a topology may take */
};

/* Hold rounds on the nodes. -1 and a sentence. */
int net_topology_measure(const struct net_topology *t, const struct net_nodes *h, const struct net_rounds *r,
                         struct net_measure *out, struct err *e);

#endif
