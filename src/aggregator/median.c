/* Aggregator `median`: the median of each coordinate. */
#include "aggregator/rule_row.h"

static double median_column(const struct rule_column *c)
{
	return stats_median(c->sorted, (size_t)c->n);
}

static struct rules_order median_order(int n, int f)
{
	(void)f;
	return (struct rules_order){RULES_MEDIAN, n};
}

static const struct rule rule_median = {
        .check = rule_minority, .column = median_column, .order = median_order, .kappa = rule_median_kappa};

static const struct key median_keys[] = {RULE_KEYS, {0}};

const struct aggregator aggregator_median = {
        RULE_ROW(rule_median),
        .row = {.name = "median",
                .also = "coordinate_median, coordinate_wise_median, cw_median, cwmed, comed, cm",
                .about = "median of each coordinate",
                .formula =
                        "answer_j = median over workers m of v_mj; of an even number, the mean of the middle "
                        "two. Needs 2 f < n. Yin et al. 2018, Definition 1. 32 bits a coordinate up and "
                        "32 down",
                .keys = median_keys,
                .state_bytes = sizeof(struct rule_keys)},
};
