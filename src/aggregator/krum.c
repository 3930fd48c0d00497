/* Aggregator `krum`: the vector that is nearest to its neighbours. */
#include "aggregator/krum_plan.h"
#include "aggregator/rule_row.h"

static void krum_plan(const struct rule_view *v, struct rule_plan *p)
{
	krum_mean_of_best(v, 1, p);
}

/* Allouah et al. 2023, Table 1, of the scores as they were published; for those of others none is known. */
static double krum_kappa(const void *state, int n, int f, double behind)
{
	(void)behind;
	return ((const struct krum *)state)->as == KRUM_BLANCHARD ? 6 * (1 + rule_ratio(n, f)) : NAN;
}

static const struct rule rule_krum = {
        .check = krum_check, .plan = krum_plan, .chooses = true, .kappa = krum_kappa};

static const struct key krum_keys[] = {
        RULE_KEYS,
        RULE_CHOICE("as", offsetof(struct krum, as), "\"blanchard\"", krum_as_names,
                    "whose scores: the paper's, byzfl: one neighbour more, bernstein: distances not squared"),
        {0},
};

const struct aggregator aggregator_krum = {
        RULE_ROW(rule_krum),
        .row = {.name = "krum",
                .about = "the one vector that is nearest to its neighbours",
                .formula = "score_i = sum of ||v_i - v_k||^2 over the n - f - 2 nearest k; the answer is the "
                           "v_i of least score. Needs 2 f + 2 < n. Blanchard et al. 2017, section 4. `as` "
                           "byzfl: n - f - 1 nearest, needs 2 f < n; bernstein, as in the code published "
                           "with Bernstein et al. 2019: distances not squared. 32 bits a coordinate up and "
                           "32 down",
                .keys = krum_keys,
                .state_bytes = sizeof(struct krum)},
};
