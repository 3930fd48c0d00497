/* Attack `random-sign`: right magnitudes with meaningless signs. */
#include "adversary/attack.h"

static void random_sign_forge(const void *state, const struct own_view *view, float *out)
{
	(void)state;
	view->be->random_sign(view->queue, view->n, &view->stream, 0, view->v, out);
}

const struct attack attack_random_sign = {
        .row = {.name = "random-sign",
                .also = "random, random_signs, rademacher",
                .about = "gives every coordinate of its own vector a fair random sign, drawn again in each "
                         "step",
                .formula = "v_i -> s_i v_i, s_i = +1 or -1 with probability 1/2 each. Bernstein et al. 2019, "
                           "Definition 1, example (ii)"},
        .sees = ATTACK_OWN,
        .acts_on = ATTACK_MESSAGE,
        .multiplicative = MULTIPLIES,
        .forge = random_sign_forge,
};
