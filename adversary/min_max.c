/*
 * Attack `min-max`. The distance of mu + gamma p from x_i is a parabola of gamma, so the largest gamma for
 * which none exceeds B is the least of the positive roots: no bisection.
 */
#include <math.h>
#include "adversary/crowd_reach.h"

static size_t min_max_sums(const void *state, int round, int h)
{
	(void)state, (void)round;
	return crowd_reach_sums(h, true);
}

static void min_max_measure(const void *state, const struct crowd_view *view, int round, size_t begin,
                            size_t end, double *sums)
{
	(void)round;
	crowd_reach_measure(state, view, begin, end, true, sums);
}

/* The root of a t^2 + b t + c that is not negative, a > 0 and c <= 0, without cancellation. */
static double root(double a, double b, double c)
{
	double s = sqrt(b * b - 4 * a * c);
	return b > 0 ? -2 * c / (b + s) : (s - b) / (2 * a);
}

static void min_max_plan(const void *state, const struct crowd_view *view, int round, const double *sums,
                         double *numbers)
{
	struct crowd_reached r = crowd_reached(sums, view->h);
	size_t pairs = view->h > 0 ? (size_t)view->h * (size_t)(view->h - 1) / 2 : 0;
	double most = 0, gamma = INFINITY;
	(void)state, (void)round;
	for (size_t i = 0; i < pairs; i++)
		most = fmax(most, r.pairs[i]);
	for (int i = 0; i < view->h; i++)
		gamma = fmin(gamma, root(r.q_square, -2 * r.product[i], fmin(r.spread[i] - most, 0)));
	crowd_reach_plan(gamma, numbers);
}

static void min_max_forge(const void *state, const struct crowd_view *view, size_t begin, size_t end,
                          float *out)
{
	crowd_reach_forge(state, view, begin, end, out);
}

const struct crowd_attack attack_min_max = {
        .attack =
                {.row = {.name = "min-max",
                         .also = "min_max_attack, agr_min_max",
                         .about = "all send the vector furthest from the honest mean that is no further from "
                                  "any honest vector than two of these are from each other; needs "
                                  "`simulate`",
                         .formula = "v -> mu + gamma p, gamma the largest for which ||v - x_i||^2 <= max "
                                    "||x_k - x_l||^2 for all i: the least positive root of its quadratic "
                                    "equations. Shejwalkar and Houmansadr, NDSS 2021, who approach gamma by "
                                    "bisection, as do FLPoison's MinMax and others",
                         .keys = crowd_reach_keys,
                         .state_bytes = sizeof(struct crowd_reach)},
                 .elsewhere = "Blades: MinMaxAdversary; FLPoison: MinMax",
                 .sees = ATTACK_CROWD,
                 .acts_on = ATTACK_MESSAGE,
                 .without_data = true},
        .rounds = 1,
        .sums = min_max_sums,
        .measure = min_max_measure,
        .plan = min_max_plan,
        .forge = min_max_forge,
};
