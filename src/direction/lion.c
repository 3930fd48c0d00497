/*
 * Direction `lion`: Lion's (Chen et al. 2023), of each worker's own gradients. What is sent weighs the
 * present gradient by 1 - beta1, what is remembered by 1 - beta2.
 */
#include "direction/direction.h"

struct lion {
	double beta1, beta2;
};

static void lion_turn(const struct step_job *job, const struct turning *t, size_t begin, size_t end)
{
	const struct lion *s = job->state;
	const struct backend *be = job->be;
	size_t n = end - begin;
	be->memory->copy(job->queue, t->v + begin, t->m + begin, n * sizeof *t->v);
	be->momentum(job->queue, n, (float)s->beta1, t->g + begin, t->v + begin);
	be->momentum(job->queue, n, (float)s->beta2, t->g + begin, t->m + begin);
}

static const struct key lion_keys[] = {
        {.name = "beta1",
         .kind = KEY_REAL,
         .offset = offsetof(struct lion, beta1),
         .default_json = "0.9",
         .lowest = 0,
         .highest = 0.9999999,
         .help = "share of the memory in the vector that is sent"},
        {.name = "beta2",
         .kind = KEY_REAL,
         .offset = offsetof(struct lion, beta2),
         .default_json = "0.99",
         .lowest = 0,
         .highest = 0.9999999,
         .help = "share of the memory in the next memory"},
        {0},
};

const struct direction direction_lion = {
        .row = {.name = "lion",
                .also = "dlion, d_lion, distributed_lion, lion_mavo, lion_avg, signlion, "
                        "evolved_sign_momentum",
                .about = "what Lion takes the signs of; workers' own, as in Distributed Lion",
                .formula =
                        "v_m = beta1 m_m + (1 - beta1) g_m, then m_m <- beta2 m_m + (1 - beta2) g_m, m_m "
                        "= 0 at first. With aggregator \"vote\" it is Distributed Lion's MaVo, with "
                        "compressor \"sign\" and aggregator \"mean\" its Avg (Liu et al. 2024); "
                        "`weight_decay` is decoupled, as theirs. Their code counts 0 as -1 and breaks ties "
                        "towards -1; here `zero` of \"sign\" and `tie` of \"vote\" say what is done. Its "
                        "rates are usually a third to a tenth of Adam's",
                .keys = lion_keys,
                .state_bytes = sizeof(struct lion)},
        .own_momentum = true,
        .turn = lion_turn,
};
