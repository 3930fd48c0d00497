/*
 * What a step would take on a network that is not here: a model with few terms, so that each can be checked
 * by hand. tests/netlab (`make bench-net`) compares it with measurements.
 *
 * A step = computing (the slowest of M machines) + moving bytes + latencies + packing, tallying, applying.
 * Phases follow one another: nothing is answered before everything is there, and nothing overlaps with
 * computing. Links are full duplex; a message of b bytes crosses as TCP in Ethernet does, 66 bytes for each
 * 1448 (1514 on the wire: measured goodput of 100 Mbit/s is 11.955 MB/s). Connections are open and warm.
 *
 * A round begins with a short message from all to all, log2(M) latencies, as it does in transport mpi; a
 * `streamed` round does not.
 *
 *   float server      M pushes of 4n bytes into one link, then M answers out of it
 *   float ring        2 (M-1) turns, each 4n/M bytes to the next neighbour (Patarasuk and Yuan 2009)
 *   float halving     2 log2(M) turns with partners further and further away, the same bytes as the ring
 *                     (Thakur, Rabenseifner and Gropp 2005)
 *   vote server       as float server with n/8 bytes: the paper
 *   vote shards       S servers, each for n/S coordinates
 *   vote sharded      every machine tallies n/M coordinates: shards to all, then answers to all, each phase
 *                     with all its messages at once
 *   vote in turns     the same with one partner at a time: 2 (M-1) turns
 *
 * A server is a machine of its own, or, `colocated`, also one of the M. In `streamed` rounds (transport zmq)
 * a worker goes on as soon as it has its answer, so that votes come in while answers go out. A round then
 * takes between M + 1 messages in a row (answers leave one by one) and 2 M (all answers leave together); the
 * model takes the middle (measured: 11.4, between 9 and 16, for M = 8).
 *
 * The slowest of M: computing times are log-normal with the median compute_s, and `straggle` is the standard
 * deviation of their logarithm. The mean of the largest of M such times is found by numeric integration.
 */
#ifndef SIGNSGD_BENCH_COST_H
#define SIGNSGD_BENCH_COST_H

#include <stdbool.h>
#include <stddef.h>

enum cost_topology {
	COST_FLOAT_SERVER,
	COST_FLOAT_RING,
	COST_FLOAT_HALVING,
	COST_VOTE_SERVER,
	COST_VOTE_SHARDS,
	COST_VOTE_SHARDED,
	COST_VOTE_IN_TURNS,
	COST_TOPOLOGIES
};

extern const char *const cost_names[COST_TOPOLOGIES];

/* Coordinates a second. */
struct cost_speed {
	double pack;  /* floats to signs */
	double apply; /* signs to parameters */
	double tally; /* of one voter */
	double add;   /* floats to floats */
};

struct cost_setting {
	double n;                      /* coordinates */
	double push_bytes, pull_bytes; /* of a vote */
	double machines, shards;
	bool colocated, streamed;
	double rate, server_rate; /* bits a second, each direction */
	double latency_s;         /* one way */
	double message_s;         /* a processor's time to send or receive a message, beside its bytes */
	double compute_s, straggle;
	struct cost_speed speed;
};

struct cost {
	double worker_bytes;  /* sent and received by a machine that is no server; payload */
	double busiest_bytes; /* by the machine that has most of it */
	double wire_s, latency_s, work_s;
	double communication_s; /* the three together */
	double compute_s;       /* of the slowest */
	double step_s;
};

void cost_of(const struct cost_setting *s, enum cost_topology t, struct cost *out);

/* The mean of the largest of `machines` log-normal numbers with median 1. */
double cost_slowest(double machines, double sigma);

/*
 * The largest number of machines, up to `most`, with which t is faster than `than` at every number from 2 on;
 * 0 when it is not with 2.
 */
double cost_until_machines(const struct cost_setting *s, enum cost_topology t, enum cost_topology than,
                           double most);

#define COST_RATE_LOWEST  1e4
#define COST_RATE_HIGHEST 1e14

/*
 * The lowest and the highest rate of the links, to 1 %, at which a step with t takes less than `share` of a
 * step with `than` (all links grow alike). *from = 0: from COST_RATE_LOWEST on, *to = INFINITY: up to
 * COST_RATE_HIGHEST, both 0: nowhere.
 */
void cost_rates(const struct cost_setting *s, enum cost_topology t, enum cost_topology than, double share,
                double *from, double *to);

/* The processor's speeds here: `signsgd bench`'s kernels for about a second, on vectors of n coordinates. */
void cost_measure(size_t n, double workers, struct cost_speed *out);

#endif
