/* Krum's scores: see krum_plan.h. */
#include "aggregator/krum_plan.h"
#include <math.h>
#include <string.h>

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

/*
 * The sum of the `count` least of distance [n], in order of worker; of equal ones the lower worker's. What is
 * left out is INFINITY. work [n] is scratch.
 */
static double sum_of_nearest(const double *distance, int n, int count, double *work)
{
	double sum = 0;
	int edge = count; /* how many are taken at the largest distance */
	if (count == 0)
		return 0;
	memcpy(work, distance, (size_t)n * sizeof *work);
	double reach = stats_select(work, (size_t)n, (size_t)count - 1);
	for (int j = 0; j < n; j++)
		edge -= distance[j] < reach;
	for (int j = 0; j < n; j++)
		if (distance[j] < reach || (distance[j] == reach && edge-- > 0))
			sum += distance[j];
	return sum;
}

static double score(const struct rule_view *v, int i, double *distance)
{
	const struct krum *k = v->state;
	int count = v->n - v->f - (k->as == KRUM_BYZFL ? 1 : 2);
	for (int j = 0; j < v->n; j++) {
		double d = rule_distance(v, i, j);
		distance[j] = j == i ? INFINITY : k->as == KRUM_BERNSTEIN ? sqrt(d) : d;
	}
	return sum_of_nearest(distance, v->n, count, distance + v->rows);
}

void krum_mean_of_best(const struct rule_view *v, int m, struct rule_plan *p)
{
	for (int i = 0; i < v->n; i++)
		p->scores[i] = score(v, i, p->scratch);
	stats_mark_least(p->scores, (size_t)v->n, (size_t)m, p->chosen);
	rule_mean_of_chosen(v, m, p);
}

static double score_among(const struct rule_view *v, const struct rule_plan *p, int i, int rest)
{
	int near = rest - v->f - 2 > 1 ? rest - v->f - 2 : 1;
	for (int k = 0; k < v->n; k++)
		p->scratch[k] = k == i || !isnan(p->scores[k]) ? INFINITY : rule_distance(v, i, k);
	return sum_of_nearest(p->scratch, v->n, near < rest ? near : rest - 1, p->scratch + v->rows);
}

void krum_choose(const struct rule_view *v, struct rule_plan *p, int rest)
{
	int best = -1;
	double least = INFINITY;
	for (int i = 0; i < v->n; i++) {
		double own = isnan(p->scores[i]) ? score_among(v, p, i, rest) : INFINITY;
		if (own < least) {
			least = own;
			best = i;
		}
	}
	p->scores[best] = least;
	p->chosen[best] = true;
}
