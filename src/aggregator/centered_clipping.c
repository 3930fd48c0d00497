/* Aggregator `centered-clipping`: the last answer, moved by clipped differences from it. */
#include <math.h>
#include "aggregator/point.h"
#include "aggregator/rule_row.h"

struct centered_clipping {
	struct rule_keys told;
	double tau;
	int64_t iterations;
};

/* p->w are the weights of u, which begins as the memory's row. */
static void centered_clipping_plan(const struct rule_view *v, struct rule_plan *p)
{
	const struct centered_clipping *c = v->state;
	double *distance = p->scratch;
	p->w[v->extra[RULE_MEMORY]] = 1;
	p->idle = true;
	for (int64_t t = 0; t < c->iterations; t++) {
		double moved = 0;
		point_distances(v, t ? POINT_MIXED : v->extra[RULE_MEMORY], p->w, distance);
		for (int i = 0; i < v->n; i++) {
			p->idle = p->idle && distance[i] <= c->tau;
			moved += distance[i] = fmin(1, c->tau / distance[i]) / v->n;
		}
		for (int k = 0; k < v->rows; k++)
			p->w[k] = p->w[k] * (1 - moved) + (k < v->n ? distance[k] : 0);
	}
}

/* The first iteration needs the distances from the memory alone. */
static bool centered_clipping_products(const void *state)
{
	return ((const struct centered_clipping *)state)->iterations > 1;
}

static const struct rule rule_centered_clipping = {.distances = RULE_FROM_OTHERS,
                                                   .memory = true,
                                                   .products = centered_clipping_products,
                                                   .keeps_answer = true,
                                                   .plan = centered_clipping_plan};

#define AT(member) offsetof(struct centered_clipping, member)
static const struct key centered_clipping_keys[] = {
        RULE_KEYS,
        RULE_POSITIVE("tau", AT(tau), NULL, "differences are clipped to this length"),
        RULE_COUNT("iterations", AT(iterations), "1", "iterations; they cost no reading of messages"),
        {0},
};

const struct aggregator aggregator_centered_clipping = {
        RULE_ROW(rule_centered_clipping),
        .row = {.name = "centered-clipping",
                .also = "cc, centered_clip, cclip, centred_clipping",
                .about = "the last answer, moved by differences from it that are clipped",
                .formula =
                        "u = the last answer, 0 at first; `iterations` times u <- u + (1/n) sum over i of "
                        "(v_i - u) min(1, tau / ||v_i - u||); the answer is u. Needs f < n. Karimireddy et "
                        "al. 2021, Algorithm 2. 32 bits a coordinate up and 32 down",
                .keys = centered_clipping_keys,
                .state_bytes = sizeof(struct centered_clipping)},
};
