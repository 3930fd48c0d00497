/* Aggregator `trimmed-mean`: of each coordinate, the mean without the f lowest and the f highest values. */
#include "aggregator/rule_row.h"

static double trimmed_mean_column(const struct rule_column *c)
{
	double sum = 0;
	for (int i = c->f; i < c->n - c->f; i++)
		sum += c->sorted[i];
	return sum / (c->n - 2 * c->f);
}

/* Allouah et al. 2023, Table 1. */
static double trimmed_mean_kappa(const void *state, int n, int f, double behind)
{
	(void)state, (void)behind;
	double r = rule_ratio(n, f);
	return 6 * r * (1 + r);
}

static struct rules_order trimmed_mean_order(int n, int f)
{
	return (struct rules_order){RULES_MIDDLE, n - 2 * f};
}

static const struct rule rule_trimmed_mean = {.check = rule_minority,
                                              .column = trimmed_mean_column,
                                              .order = trimmed_mean_order,
                                              .kappa = trimmed_mean_kappa};

static const struct key trimmed_mean_keys[] = {RULE_KEYS, {0}};

const struct aggregator aggregator_trimmed_mean = {
        RULE_ROW(rule_trimmed_mean),
        .row = {.name = "trimmed-mean",
                .also = "trmean, tr_mean, cwtm, cw_trimmed_mean, coordinate_wise_trimmed_mean",
                .about = "mean of each coordinate without its f lowest and f highest values",
                .formula =
                        "answer_j = mean of the n - 2 f values v_mj that are left without the f lowest and "
                        "the f highest; f = 0 is the mean. Needs 2 f < n. Yin et al. 2018, Definition 2. "
                        "32 bits a coordinate up and 32 down",
                .keys = trimmed_mean_keys,
                .state_bytes = sizeof(struct rule_keys)},
};
