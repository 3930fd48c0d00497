/* Coding `bernoulli`: every worker has every part with the same probability. */
#include "base/rng.h"
#include "data/partition/coding.h"

struct bernoulli {
	double redundancy;
};

static int bernoulli_check(const void *state, int workers, struct err *e)
{
	const struct bernoulli *b = state;
	if (b->redundancy <= workers)
		return 0;
	return err_user(e, "redundancy: found %g, expected at most the number of workers, %d", b->redundancy,
	                workers);
}

static bool bernoulli_holds(const void *state, uint64_t seed, int workers, int worker, int part)
{
	const struct bernoulli *b = state;
	struct stream s = stream_of(seed, RNG_CODING, (uint32_t)worker, 0);
	return (double)stream_uniform(&s, (uint64_t)part) < b->redundancy / workers;
}

static const struct key bernoulli_keys[] = {
        {.name = "redundancy",
         .also = "r, replication, computational_redundancy",
         .kind = KEY_REAL,
         .offset = offsetof(struct bernoulli, redundancy),
         .lowest = 0,
         .highest = 1e6,
         .above = true,
         .unit = "parts",
         .help = "how many parts a worker has, on average; each one with probability redundancy / workers"},
        {0},
};

const struct coding coding_bernoulli = {
        .row = {.name = "bernoulli",
                .also = "random, stochastic",
                .about = "each worker has each part with the same probability, drawn once by the seed",
                .formula = "G_ik = 1 with probability r / M, and worker i sends the majority of the signs of "
                           "g_k over its parts k; a worker without any has part i. Sohn et al. 2020, random "
                           "Bernoulli code; there r = 2.5 and 3.8 for M = 5 and 9",
                .keys = bernoulli_keys,
                .state_bytes = sizeof(struct bernoulli)},
        .check = bernoulli_check,
        .holds = bernoulli_holds,
};
