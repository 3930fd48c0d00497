/* Krum's scores: see krum_plan.h. */
#include "aggregator/krum_plan.h"
#include <math.h>
#include "base/stats.h"

const char *const krum_as_names[] = {"blanchard", "byzfl", "bernstein", NULL};

int krum_m(const struct krum *k, int n, int f)
{
	return k->m ? (int)k->m : k->as == KRUM_BLANCHARD ? n - f - 2 : n - f;
}

int krum_check(const void *state, int n, int f, struct err *e)
{
	const struct krum *k = state;
	return k->as == KRUM_BYZFL ? rule_minority(state, n, f, e)
	                           : rule_expect(2 * f + 2 < n, "2 f + 2 < n", n, f, e);
}

static double score(const struct rule_view *v, int i, double *distance, bool *near)
{
	const struct krum *k = v->state;
	int count = v->n - v->f - (k->as == KRUM_BYZFL ? 1 : 2);
	double sum = 0;
	for (int j = 0; j < v->n; j++) {
		double d = rule_distance(v, i, j);
		distance[j] = j == i ? INFINITY : k->as == KRUM_BERNSTEIN ? sqrt(d) : d;
	}
	stats_mark_least(distance, (size_t)v->n, (size_t)count, near);
	for (int j = 0; j < v->n; j++)
		sum += near[j] ? distance[j] : 0;
	return sum;
}

void krum_mean_of_best(const struct rule_view *v, int m, struct rule_plan *p)
{
	for (int i = 0; i < v->n; i++)
		p->scores[i] = score(v, i, p->scratch, p->chosen);
	stats_mark_least(p->scores, (size_t)v->n, (size_t)m, p->chosen);
	for (int i = 0; i < v->n; i++)
		p->w[i] = p->chosen[i] ? 1.0 / m : 0;
}
