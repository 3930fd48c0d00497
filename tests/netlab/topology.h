/*
 * The ways to hold a round that `signsgd bench net` compares, each as the command that holds rounds of it on
 * hosts (tests/netlab/nodes.h), and the row of the cost model that it should agree with.
 */
#ifndef SIGNSGD_TESTS_NETLAB_TOPOLOGY_H
#define SIGNSGD_TESTS_NETLAB_TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "bench/cost.h"
#include "tests/netlab/nodes.h"

struct net_way {
	const char *name; /* "float ring, MPI" */
	enum cost_topology topology;
	const char *transport;
	const char *options[8]; /* of `bench round`, NULL-terminated */
	bool server;            /* host 0 takes part, and hosts no worker */
};

extern const struct net_way net_ways[];
extern const size_t net_way_count;

/* Does this program have the way's transport? */
bool net_way_built(const struct net_way *way);

/* One way's rounds. */
struct net_measure {
	int rounds;
	double round_s, round_s_low, round_s_high; /* median and quartiles */
	double bytes_busiest;                      /* sent and received by the busiest process */
};

struct net_rounds {
	const char *program; /* this one's file */
	int workers;         /* on hosts 1 .. workers */
	size_t n;
	double seconds; /* about how long a way may take */
};

/* Hold rounds on the hosts. -1 and a sentence. */
int net_way_measure(const struct net_way *way, const struct net_nodes *h, const struct net_rounds *r,
                    struct net_measure *out, struct err *e);

#endif
