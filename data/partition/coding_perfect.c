/* Coding `perfect`: every worker has every part. */
#include "data/partition/coding.h"

static bool perfect_holds(const void *state, uint64_t seed, int workers, int worker, int part)
{
	(void)state, (void)seed, (void)workers, (void)worker, (void)part;
	return true;
}

const struct coding coding_perfect = {
        .row = {.name = "perfect",
                .also = "full, all, replicated",
                .about = "every worker has every part: all honest votes are the same, but for coins "
                         "where their signs add up to 0",
                .formula =
                        "G_ik = 1: M gradients a worker and step, and any Byzantine minority changes no "
                        "answer where the signs of the parts add up to more or less than 0. Where they add "
                        "up to 0, as those of a weight that no sample reaches, each worker votes as "
                        "`zero` of its compressor says: \"random\" is a coin of its own, with "
                        "\"positive\" all honest votes are the same there too. Sohn et al. 2020"},
        .holds = perfect_holds,
};
