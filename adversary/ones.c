/* Attack `ones`: one sign for every coordinate, whatever it knows. */
#include "adversary/attack.h"

enum ones_sign { ONES_MINUS, ONES_PLUS }; /* order of sign_names */

struct ones {
	int sign;
};

static void ones_forge(const void *state, const struct own_view *view, float *out)
{
	const struct ones *o = state;
	view->be->constant(view->queue, view->n, o->sign == ONES_MINUS ? -1 : 1, out);
}

static const char *const sign_names[] = {"minus", "plus", NULL};

static const struct key ones_keys[] = {
        {.name = "sign",
         .kind = KEY_CHOICE,
         .offset = offsetof(struct ones, sign),
         .default_json = "\"minus\"",
         .choices = sign_names,
         .help = "which one: minus sends -1 and pushes every parameter up, plus sends +1 and pushes them "
                 "down"},
        {0},
};

const struct attack attack_ones = {
        .row = {.name = "ones",
                .about = "sends the same sign for every coordinate",
                .formula = "v_i -> -1 (sign = minus) or +1 (sign = plus). Blind and independent of the "
                           "gradient, so outside Definition 1 of Bernstein et al. 2019, which multiplies it",
                .keys = ones_keys,
                .state_bytes = sizeof(struct ones)},
        .sees = ATTACK_OWN,
        .acts_on = ATTACK_MESSAGE,
        .without_data = true,
        .forge = ones_forge,
};
