/* Shortening messages: see clip.h. */
#include "aggregator/pre/clip.h"

double clip_norm(const struct rule_view *v, int i)
{
	return sqrt(rule_distance(v, i, v->extra[RULE_ORIGIN]));
}

void clip_plan(const struct rule_view *v, double limit, struct rule_plan *p)
{
	for (int i = 0; i < v->n; i++) {
		double norm = clip_norm(v, i);
		p->w[(size_t)i * (size_t)v->rows + (size_t)i] = norm > limit ? limit / norm : 1;
	}
}
