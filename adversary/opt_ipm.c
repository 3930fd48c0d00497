/* Attack `opt-ipm`: inner product manipulation with the factor that does the most harm. */
#include "adversary/crowd_search.h"

static void opt_ipm_plan(const void *state, const struct crowd_view *view, int round, const double *sums,
                         double *numbers)
{
	(void)round, (void)sums;
	crowd_search(state, view, numbers);
}

static void opt_ipm_forge(const void *state, const struct crowd_view *view, size_t begin, size_t end,
                          float *out)
{
	(void)state;
	crowd_mix(view, &(struct crowd_mix){.mean = -view->numbers[0]}, begin, end, out);
}

static const struct key opt_ipm_keys[] = {CROWD_SEARCH_KEYS(0), {0}};

const struct crowd_attack attack_opt_ipm = {
        .attack = {.row = {.name = "opt-ipm",
                           .also = "auto_ipm, optimal_ipm, optimal_inner_product_manipulation, auto_foe",
                           .about =
                                   "`ipm` with the factor that drives the run's own answer furthest from the "
                                   "honest mean; needs `simulate`",
                           .formula = "v -> -t mu, t sought in every step so that ||F - mu|| is large, F the "
                                      "answer of the run's own chain to the honest messages and the "
                                      "colluders'. Costs `evals` answers a step. The search of ByzFL 0.0.11 "
                                      "(Optimal_InnerProductManipulation, there by default against clipping "
                                      "and a mean, whatever the run has)",
                           .keys = opt_ipm_keys,
                           .state_bytes = sizeof(struct crowd_search)},
                   .elsewhere = "ByzFL: Optimal_InnerProductManipulation",
                   .sees = ATTACK_CROWD,
                   .acts_on = ATTACK_MESSAGE,
                   .without_data = true},
        .asks = crowd_search_asks,
        .rounds = 1,
        .plan = opt_ipm_plan,
        .forge = opt_ipm_forge,
};
