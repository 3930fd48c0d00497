/*
 * How long a step would take on a network that is not available: a cost model with few terms, so that each
 * can be checked by hand. tests/netlab (`make bench-net`) compares it with measurements.
 *
 * A step = computing (the slowest of M machines) + moving bytes + latencies + packing, tallying, applying.
 * Phases follow one another: no answer is sent before all messages have arrived, and communication does not
 * overlap with computing. Links are full duplex; a message of b bytes crosses as TCP in Ethernet does, 66
 * bytes for each 1448 (1514 on the wire: measured goodput of 100 Mbit/s is 11.955 MB/s). Connections are open
 * and warm.
 *
 * A round begins with a short message from all to all, log2(M) latencies, as in transport mpi; a `streamed`
 * round does not begin with one.
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
 * a worker continues as soon as it has its answer, so that the server receives votes while it sends answers.
 * A round then takes the time of M + 1 messages (answers are sent one by one) to 2 M messages (all answers
 * are sent together); the model uses the middle of the two (measured: 11.4, between 9 and 16, for M = 8).
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

/* Coordinates per second. */
struct cost_speed {
	double pack;  /* floats to signs */
	double apply; /* signs to parameters */
	double tally; /* the votes of one worker */
	double add;   /* floats to floats */
};

struct cost_setting {
	double n;                      /* coordinates */
	double push_bytes, pull_bytes; /* of a vote */
	double machines, shards;
	bool colocated, streamed;
	double rate, server_rate; /* bits per second, in each direction */
	double latency_s;         /* one way */
	double message_s; /* processor time to send or receive a message, without that for its bytes */
	double compute_s, straggle;
	struct cost_speed speed;
};

struct cost {
	double worker_bytes;  /* sent and received by a machine that is not a server; payload */
	double busiest_bytes; /* sent and received by the busiest machine */
	double wire_s, latency_s, work_s;
	double communication_s; /* the three together */
	double compute_s;       /* of the slowest machine */
	double step_s;
};

void cost_of(const struct cost_setting *s, enum cost_topology t, struct cost *out);

/* The mean of the largest of `machines` log-normal numbers with median 1. */
double cost_slowest(double machines, double sigma);

/*
 * The largest number of machines, up to `most`, so that t is faster than `than` with every number from 2 up
 * to it; 0: t is not faster with 2.
 */
double cost_until_machines(const struct cost_setting *s, enum cost_topology t, enum cost_topology than,
                           double most);

#define COST_RATE_LOWEST  1e4
#define COST_RATE_HIGHEST 1e14

/*
 * The lowest and the highest rate of the links, to 1 %, at which a step with t takes less than `share` of a
 * step with `than` (all links are scaled by the same factor). *from = 0: already at COST_RATE_LOWEST. *to =
 * INFINITY: still at COST_RATE_HIGHEST. Both 0: at no rate.
 */
void cost_rates(const struct cost_setting *s, enum cost_topology t, enum cost_topology than, double share,
                double *from, double *to);

/*
 * Measure the speeds of this processor: runs the kernels of `signsgd bench` for about a second, on vectors of
 * n coordinates.
 */
void cost_measure(size_t n, double workers, struct cost_speed *out);

#endif
