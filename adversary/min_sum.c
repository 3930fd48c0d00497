/*
 * Attack `min-sum`. Sums of squared distances split at the mean: sum_k ||y - x_k||^2 = h ||y - mu||^2 + S, S
 * = sum_k ||x_k - mu||^2. So gamma^2 ||p||^2 = max_i ||x_i - mu||^2: no bisection, and no pairs.
 */
#include <math.h>
#include "adversary/crowd_reach.h"

static size_t min_sum_sums(const void *state, int round, int h)
{
	(void)state, (void)round;
	return crowd_reach_sums(h, false);
}

static void min_sum_measure(const void *state, const struct crowd_view *view, int round, size_t begin,
                            size_t end, double *sums)
{
	(void)round;
	crowd_reach_measure(state, view, begin, end, false, sums);
}

static void min_sum_plan(const void *state, const struct crowd_view *view, int round, const double *sums,
                         double *numbers)
{
	struct crowd_reached r = crowd_reached(sums, view->h);
	double most = 0;
	(void)state, (void)round;
	for (int i = 0; i < view->h; i++)
		most = fmax(most, r.spread[i]);
	crowd_reach_plan(sqrt(most / r.q_square), numbers);
}

static void min_sum_forge(const void *state, const struct crowd_view *view, size_t begin, size_t end,
                          float *out)
{
	crowd_reach_forge(state, view, begin, end, out);
}

const struct crowd_attack attack_min_sum = {
        .attack =
                {.row = {.name = "min-sum",
                         .also = "min_sum_attack, agr_min_sum",
                         .about = "all send the vector furthest from the honest mean whose squared distances "
                                  "from the honest vectors sum to no more than one of theirs do; needs "
                                  "`simulate`",
                         .formula = "v -> mu + gamma p, gamma the largest for which sum_k ||v - x_k||^2 <= "
                                    "max_i sum_k ||x_i - x_k||^2: gamma = max_i ||x_i - mu|| / ||p||. "
                                    "Shejwalkar and Houmansadr, NDSS 2021, who approach it by bisection, as "
                                    "do FLPoison's MinSum and others",
                         .keys = crowd_reach_keys,
                         .state_bytes = sizeof(struct crowd_reach)},
                 .elsewhere = "FLPoison: MinSum",
                 .sees = ATTACK_CROWD,
                 .acts_on = ATTACK_MESSAGE,
                 .without_data = true},
        .rounds = 1,
        .sums = min_sum_sums,
        .measure = min_sum_measure,
        .plan = min_sum_plan,
        .forge = min_sum_forge,
};
