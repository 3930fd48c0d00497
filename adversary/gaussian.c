/* Attack `gaussian`: pure noise for a gradient. */
#include "adversary/attack.h"

struct gaussian {
	double sigma;
};

static void gaussian_forge(const void *state, const struct own_view *view, float *out)
{
	const struct gaussian *g = state;
	view->be->memory->fill(view->queue, out, 0, view->n * sizeof *out); /* the mean */
	view->be->normal(view->queue, view->n, (float)g->sigma, &view->stream, 0, out, out);
}

static const struct key gaussian_keys[] = {
        {.name = "sigma",
         .also = "std, stddev, standard_deviation",
         .kind = KEY_REAL,
         .offset = offsetof(struct gaussian, sigma),
         .default_json = "1",
         .lowest = 0,
         .highest = 1e30,
         .above = true,
         .help = "standard deviation of the noise in every coordinate"},
        {0},
};

const struct attack attack_gaussian = {
        .row = {.name = "gaussian",
                .also = "noise, gauss, normal, gaussian_noise",
                .about = "puts Gaussian noise in place of its gradient",
                .formula = "g_i -> N(0, sigma^2), drawn again in each step. The worker's own momentum then "
                           "smooths "
                           "the noise: v_i tends to N(0, sigma^2 (1 - beta) / (1 + beta)), a fair sign that "
                           "stays the same for some steps. The noise adversary of the code published with "
                           "Bernstein et al. 2019, with sigma = 1",
                .keys = gaussian_keys,
                .state_bytes = sizeof(struct gaussian)},
        .elsewhere = "ByzFL: Gaussian, of the message; FLPoison: Gaussian, of the update; Blades: "
                     "NoiseAdversary, around 0.1",
        .sees = ATTACK_OWN,
        .acts_on = ATTACK_GRADIENT,
        .without_data = true,
        .forge = gaussian_forge,
};
