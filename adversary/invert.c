/* Attack `invert`: the opposite of what it knows to be right. */
#include "adversary/attack.h"

static void invert_forge(const void *state, const struct own_view *view, float *out)
{
	(void)state;
	view->be->scale(view->queue, view->n, -1, view->v, out);
}

const struct attack attack_invert = {
        .row = {.name = "invert",
                .also = "flip_signs, reverse, reversed_gradient, negate",
                .about = "sends the opposite of its own vector",
                .formula = "v -> -v. Bernstein et al. 2019, Definition 1, example (iii); the adversary of "
                           "their Figures 1 and 7. ByzFL's SignFlipping reverses the honest mean: "
                           "\"ipm\" with tau = 1"},
        .elsewhere = "FLPoison: SignFlipping; Blades: SignFlipAdversary, of the gradient; the "
                     "code of bucketing (Karimireddy et al. 2022): BitFlippingWorker",
        .sees = ATTACK_OWN,
        .acts_on = ATTACK_MESSAGE,
        .multiplicative = MULTIPLIES,
        .forge = invert_forge,
};
