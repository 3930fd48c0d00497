/*
 * Aggregator `bulyan`: Krum chooses n - 2 f vectors one by one, then each coordinate is a mean around the
 * median of the chosen. The paper leaves open what Krum's neighbours are when few vectors remain: here at
 * least one.
 */
#include "aggregator/around.h"
#include "aggregator/krum_plan.h"
#include "aggregator/rule_row.h"

static int bulyan_check(const void *state, int n, int f, struct err *e)
{
	(void)state;
	return rule_expect(4 * f + 3 <= n, "4 f + 3 <= n", n, f, e);
}

static void bulyan_plan(const struct rule_view *v, struct rule_plan *p)
{
	double *w = p->w;
	p->n = v->n - 2 * v->f;
	for (int t = 0; t < p->n; t++)
		krum_choose(v, p, v->n - t);
	for (int i = 0; i < v->n; i++)
		if (p->chosen[i]) {
			w[i] = 1;
			w += v->rows;
		}
}

static double bulyan_column(const struct rule_column *c)
{
	return around_median(c, c->n - 2 * c->f);
}

static struct rules_order bulyan_order(int n, int f)
{
	return (struct rules_order){RULES_AROUND, n - 2 * f};
}

static const struct rule rule_bulyan = {.check = bulyan_check,
                                        .plan = bulyan_plan,
                                        .chooses = true,
                                        .column = bulyan_column,
                                        .order = bulyan_order};

static const struct key bulyan_keys[] = {RULE_KEYS, {0}};

const struct aggregator aggregator_bulyan = {
        RULE_ROW(rule_bulyan),
        .row = {.name = "bulyan",
                .about = "of the vectors that Krum chooses one by one, a mean around the median of each "
                         "coordinate",
                .formula =
                        "n - 2 f times the choice of `krum` among the r vectors that remain (the max(1, r "
                        "- f - 2) nearest) goes to S; answer_j = mean of the n - 4 f values of S nearest "
                        "to the median of S, equally near: the lower worker. Needs 4 f + 3 <= n. El Mhamdi "
                        "et al. 2018, section 4. 32 bits a coordinate up and 32 down",
                .keys = bulyan_keys,
                .state_bytes = sizeof(struct rule_keys)},
};
