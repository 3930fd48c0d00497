/* Attack `nan`: values that are no numbers, or no finite ones. */
#include <math.h>
#include "adversary/attack.h"

struct nan {
	int value;
};

static const char *const value_names[] = {"nan", "inf", "-inf", NULL};
static const float values[] = {NAN, INFINITY, -INFINITY}; /* order of value_names */

static void nan_forge(const void *state, const struct own_view *view, float *out)
{
	const struct nan *s = state;
	view->be->constant(view->queue, view->n, values[s->value], out);
}

static const struct key nan_keys[] = {
        {.name = "value",
         .kind = KEY_CHOICE,
         .offset = offsetof(struct nan, value),
         .default_json = "\"nan\"",
         .choices = value_names,
         .help = "what it sends in every coordinate"},
        {0},
};

const struct attack attack_nan = {
        .row = {.name = "nan",
                .about = "sends NaN or an infinity in every coordinate",
                .formula = "v_i -> NaN, +inf or -inf. The introduction of Bernstein et al. 2019 names the "
                           "worker that sends infinite gradients: one is enough to destroy a mean. In a vote "
                           "an infinity has one sign like any number, and for NaN the policy `zero` decides "
                           "the sign",
                .keys = nan_keys,
                .state_bytes = sizeof(struct nan)},
        .elsewhere = "ByzFL: Inf, with value inf",
        .sees = ATTACK_OWN,
        .acts_on = ATTACK_MESSAGE,
        .without_data = true,
        .forge = nan_forge,
};
