/* Direction `momentum`: the mean of the gradients so far, the later the heavier. */
#include "direction/direction.h"

static void momentum_turn(const struct step_job *job, const struct turning *t, size_t begin, size_t end)
{
	job->be->momentum(job->queue, end - begin, t->beta, t->g + begin, t->m + begin);
}

const struct direction direction_momentum = {
        .row = {.name = "momentum",
                .also = "signum, heavy_ball, polyak, ema, sgdm, gradient",
                .about = "the worker's momentum; its gradient where `momentum` is 0",
                .formula = "v_m <- (1 - beta) g_m + beta v_m, beta the experiment's `momentum`. With "
                           "aggregator \"vote\" it is Signum (Bernstein et al. 2019, Algorithm 1)"},
        .in_place = true,
        .turn = momentum_turn,
};
