/* What `krum`, `multi-krum` and `bulyan` share: scores, and the mean of the vectors of least score. */
#ifndef SIGNSGD_AGGREGATOR_KRUM_PLAN_H
#define SIGNSGD_AGGREGATOR_KRUM_PLAN_H

#include "aggregator/rule.h"

/*
 * score_i = sum of the squared distances D_ik over the nearest k != i:
 *   blanchard  n - f - 2 of them; needs 2 f + 2 < n
 *   byzfl      n - f - 1 of them; needs 2 f < n
 *   bernstein  n - f - 2 of them, distances not squared; needs 2 f + 2 < n
 */
enum krum_as { KRUM_BLANCHARD, KRUM_BYZFL, KRUM_BERNSTEIN };

struct krum {
	struct rule_keys told;
	int as;    /* enum krum_as */
	int64_t m; /* vectors in the mean; 0: multi-krum's default */
};

extern const char *const krum_as_names[];

/* m of multi-krum where it is not given: n - f - 2, and n - f under the other two definitions. */
int krum_m(const struct krum *k, int n, int f);
/* The precondition of the scores. */
int krum_check(const void *state, int n, int f, struct err *e);
/* The mean of the m vectors of least score; equal scores: the lower worker. */
void krum_mean_of_best(const struct rule_view *v, int m, struct rule_plan *p);
/*
 * Krum's choice among the `rest` messages that are not chosen yet: those without a score. Neighbours are the
 * nearest max(1, rest - f - 2) of them.
 */
void krum_choose(const struct rule_view *v, struct rule_plan *p, int rest);

#endif
