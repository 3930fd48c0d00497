/* Attack `flip`: a worker whose signs are wrong now and then, like a bad link or a bad memory. */
#include "adversary/attack.h"

struct flip {
	double probability;
};

/* Exact at probability 0 and 1. */
static void flip_forge(const void *state, const struct own_view *view, float *out)
{
	const struct flip *f = state;
	uint64_t limit = (uint64_t)(f->probability * 4294967296.0);
	view->be->flip(view->queue, view->n, limit, &view->stream, 0, view->v, out);
}

static const struct key flip_keys[] = {
        {.name = "probability",
         .also = "p, r, rate, flip_probability",
         .kind = KEY_REAL,
         .offset = offsetof(struct flip, probability),
         .default_json = "0.5",
         .lowest = 0,
         .highest = 1,
         .help = "r, with which each coordinate's sign is flipped; 0 is honest, 0.5 like random-sign, 1 like "
                 "invert"},
        {0},
};

const struct attack attack_flip = {
        .row = {.name = "flip",
                .also = "stochastic_flip, random_flip, random_flipping",
                .about = "flips each sign of its own vector with a probability",
                .formula = "v_i -> -v_i with probability r, else v_i, coordinates and steps independent. A "
                           "blind multiplicative adversary in the sense of Definition 1 of Bernstein et al. "
                           "2019",
                .keys = flip_keys,
                .state_bytes = sizeof(struct flip)},
        .elsewhere = "SignSGD_Codec (signSGD-FD): stochastic flip",
        .sees = ATTACK_OWN,
        .acts_on = ATTACK_MESSAGE,
        .multiplicative = MULTIPLIES,
        .forge = flip_forge,
};
