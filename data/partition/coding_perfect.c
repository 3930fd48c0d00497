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
                .about = "every worker has every part: all honest votes are the same",
                .formula = "G_ik = 1: M gradients a worker and step, and any Byzantine minority changes no "
                           "answer, as long as no worker's own majority is a tie. Sohn et al. 2020"},
        .holds = perfect_holds,
};
