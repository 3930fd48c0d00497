/* Aggregator `multi-krum`: the mean of the m vectors that are nearest to their neighbours. */
#include "aggregator/krum_plan.h"
#include "aggregator/rule_row.h"

static int multi_krum_check(const void *state, int n, int f, struct err *e)
{
	const struct krum *k = state;
	if (krum_check(k, n, f, e))
		return -1;
	if (krum_m(k, n, f) > n - f)
		return err_user(e, "found m = %d, n = %d messages and f = %d, expected m <= n - f",
		                krum_m(k, n, f), n, f);
	return 0;
}

static void multi_krum_plan(const struct rule_view *v, struct rule_plan *p)
{
	krum_mean_of_best(v, krum_m(v->state, v->n, v->f), p);
}

static const struct rule rule_multi_krum = {
        .check = multi_krum_check, .plan = multi_krum_plan, .chooses = true};

static const struct key multi_krum_keys[] = {
        RULE_KEYS,
        RULE_COUNT("m", offsetof(struct krum, m), "null",
                   "vectors in the mean; without it n - f - 2, and n - f if `as` is not blanchard"),
        RULE_CHOICE("as", offsetof(struct krum, as), "\"blanchard\"", krum_as_names,
                    "whose scores: the paper's, byzfl: one neighbour more, bernstein: distances not squared"),
        {0},
};

const struct aggregator aggregator_multi_krum = {
        RULE_ROW(rule_multi_krum),
        .row = {.name = "multi-krum",
                .also = "mkrum, m_krum",
                .about = "mean of the m vectors that are nearest to their neighbours",
                .formula =
                        "scores as in `krum`; the answer is the mean of the m vectors of least score, 1 <= "
                        "m <= n - f; m = 1 is Krum. Needs 2 f + 2 < n, as byzfl 2 f < n. Blanchard et al. "
                        "2017, full version, section 5. 32 bits a coordinate up and 32 down",
                .keys = multi_krum_keys,
                .state_bytes = sizeof(struct krum)},
};
