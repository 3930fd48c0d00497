/* What is known of a rule without any message: see rule_run.h. */
#include <math.h>
#include "aggregator/rule_internal.h"

struct rule_says rule_says(const struct aggregator *agg, const void *state)
{
	struct rule_says out = {.weights = agg->float_mean || agg->weighing};
	if (!agg->rule)
		return out;
	for (int i = 0; i < rule_stages(state) - 1; i++) {
		struct rule_stage st = rule_stage_of(agg, state, i);
		out.buckets = out.buckets || st.rule->left;
	}
	out.weights = !agg->rule->column;
	out.chosen = agg->rule->chooses && !out.buckets; /* behind buckets no message is chosen by itself */
	return out;
}

double rule_kappa(const struct aggregator *agg, const void *state, int n, int f)
{
	double kappa = NAN;
	for (int i = agg->rule ? rule_stages(state) : 0; i > 0; i--) {
		struct rule_stage st = rule_stage_of(agg, state, i - 1);
		struct err ignored = {0};
		bool holds = !rule_check_stage(&st, n, n, f, &ignored);
		kappa = holds && st.rule->kappa ? st.rule->kappa(st.state, n, f, kappa) : NAN;
	}
	return kappa;
}
