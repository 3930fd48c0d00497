/*
 * Aggregator `meamed`, mean around the median: answer_j = mean of the n - f values v_mj of least
 * |v_mj - median_j|, at equal distances those of the lower workers.
 */
#include "aggregator/around.h"
#include "aggregator/rule_row.h"

static double meamed_column(const struct rule_column *c)
{
	return around_median(c, c->n - c->f);
}

static struct rules_order meamed_order(int n, int f)
{
	return (struct rules_order){RULES_AROUND, n - f};
}

static const struct rule rule_meamed = {
        .check = rule_minority, .column = meamed_column, .order = meamed_order};

static const struct key meamed_keys[] = {RULE_KEYS, {0}};

const struct aggregator aggregator_meamed = {
        RULE_ROW(rule_meamed),
        .row = {.name = "meamed",
                .also = "mean_around_median, mean_around_the_median",
                .about = "mean of the n - f values of each coordinate that are nearest to its median",
                .formula =
                        "answer_j = mean of the n - f values v_mj of least |v_mj - median_j|, at equal "
                        "distances those of the lower workers; f = 0 is the mean. Needs 2 f < n. Xie et al. "
                        "2018 (arXiv 1802.10116). 32 bits a coordinate up and 32 down",
                .keys = meamed_keys,
                .state_bytes = sizeof(struct rule_keys)},
};
