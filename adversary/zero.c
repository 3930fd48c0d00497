/* Attack `zero`: a worker that takes part and contributes nothing. */
#include "adversary/attack.h"

static void zero_forge(const void *state, const struct own_view *view, float *out)
{
	(void)state;
	view->be->memory->fill(view->queue, out, 0, view->n * sizeof *out);
}

const struct attack attack_zero = {
        .row = {.name = "zero",
                .also = "zeros, dead, crash, dropout",
                .about = "sends zeros, like a worker whose data or device is dead",
                .formula = "v -> 0: example (i) of Bernstein et al. 2019, Definition 1, with the factor 0. "
                           "In a vote the policy `zero` decides its sign"},
        .sees = ATTACK_OWN,
        .acts_on = ATTACK_MESSAGE,
        .multiplicative = MULTIPLIES,
        .without_data = true,
        .forge = zero_forge,
};
