/* Pre-aggregator `arc`: adaptive robust clipping. */
#include "aggregator/pre/clip.h"
#include "aggregator/pre/pre.h"
#include "base/stats.h"

/* k = floor(2 (f / n) (n - f)) in whole numbers: in floating point it may be one less. */
static void arc_plan(const struct rule_view *v, struct rule_plan *p)
{
	int64_t n = v->n, f = v->f, k = 2 * f * (n - f) / n;
	for (int i = 0; i < v->n; i++)
		p->scratch[i] = clip_norm(v, i);
	stats_sort(p->scratch, (size_t)n);
	clip_plan(v, p->scratch[n - 1 - k], p);
}

const struct pre pre_arc = {
        .row = {.name = "arc",
                .also = "adaptive_robust_clipping, adaptive_clipping",
                .about = "the longest messages are shortened to the length of the next longest",
                .formula = "k = floor(2 (f / n) (n - f)); C = the (k + 1)-th largest |x_i|; y_i = x_i min(1, "
                           "C / |x_i|). n' = n, f' = f; needs 2 f < n. Allouah et al. 2025, Algorithm 2"},
        .rule = {.distances = RULE_FROM_OTHERS, .norms = true, .check = rule_minority, .plan = arc_plan},
};
