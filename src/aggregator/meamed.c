/*
 * Aggregator `meamed`, mean around the median: answer_j = mean of the n - f values v_mj of least
 * |v_mj - median_j|, at equal distances those of the lower workers.
 */
#include "aggregator/rule_row.h"

/* The distance of the (n - f)-th nearest: f times, the end that lies farther away falls off. */
static double meamed_reach(const struct rule_column *c, double median)
{
	int low = 0, high = c->n - 1;
	while (high - low >= c->n - c->f)
		if (median - c->sorted[low] > c->sorted[high] - median)
			low++;
		else
			high--;
	return fmax(median - c->sorted[low], c->sorted[high] - median);
}

static double meamed_column(const struct rule_column *c)
{
	double median = stats_median(c->sorted, (size_t)c->n), reach = meamed_reach(c, median), sum = 0;
	int edge = c->n - c->f; /* how many are taken at that very distance */
	for (int m = 0; m < c->n; m++)
		edge -= fabs(c->values[m] - median) < reach;
	for (int m = 0; m < c->n; m++) {
		double away = fabs(c->values[m] - median);
		if (away < reach || (away == reach && edge-- > 0))
			sum += c->values[m];
	}
	return sum / (c->n - c->f);
}

static const struct rule rule_meamed = {.check = rule_minority, .column = meamed_column};

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
