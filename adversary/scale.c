/* Attack `scale`: its own vector, rescaled. */
#include "adversary/attack.h"

struct scale {
	double factor;
};

static void scale_forge(const void *state, const struct own_view *view, float *out)
{
	const struct scale *s = state;
	view->be->scale(view->queue, view->n, (float)s->factor, view->v, out);
}

static const struct key scale_keys[] = {
        {.name = "factor",
         .kind = KEY_REAL,
         .offset = offsetof(struct scale, factor),
         .default_json = "-10",
         .lowest = -1e30,
         .highest = 1e30,
         .help = "what the vector is multiplied by; -10 is the \"negative\" adversary, a positive factor "
                 "harms a mean but no vote"},
        {0},
};

const struct attack attack_scale = {
        .row = {.name = "scale",
                .also = "rescale, multiply, amplify",
                .about = "multiplies its own vector by a factor",
                .formula = "v -> factor v. Bernstein et al. 2019, Definition 1, example (i); factor -10 is "
                           "the \"negative\" adversary of Blanchard et al. 2017 that their Figure 8 uses",
                .keys = scale_keys,
                .state_bytes = sizeof(struct scale)},
        .elsewhere = "Blanchard et al. 2017 and the code of Bernstein et al. 2019: negative, with "
                     "factor -10",
        .sees = ATTACK_OWN,
        .acts_on = ATTACK_MESSAGE,
        .multiplicative = MULTIPLIES,
        .forge = scale_forge,
};
