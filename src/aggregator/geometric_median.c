/* Aggregator `geometric-median`: smoothed Weiszfeld iterations, all on products of the messages. */
#include <math.h>
#include "aggregator/point.h"
#include "aggregator/rule_row.h"

static const char *const starts[] = {"median", "mean", "zero", NULL};
enum { START_MEDIAN, START_MEAN, START_ZERO };

#define NU_LEAST   1e-300 /* below it the sum of b_i is no number */
#define NU_DEFAULT 1e-6

struct geometric_median {
	struct rule_keys told;
	int start;
	int64_t iterations;
	double nu;
};

/* p->w are z's weights; the coordinate median is no weighted sum of messages, so D has a row of it. */
static void geometric_median_plan(const struct rule_view *v, struct rule_plan *p)
{
	const struct geometric_median *g = v->state;
	double *distance = p->scratch, nu = fmax(g->nu, NU_LEAST);
	int from = g->start == START_MEAN ? POINT_MIXED
	                                  : v->extra[g->start == START_ZERO ? RULE_ORIGIN : RULE_MEDIAN];
	for (int i = 0; i < v->n; i++)
		p->w[i] = 1.0 / v->n;
	for (int64_t t = 0; t < g->iterations; t++) {
		double sum = 0;
		point_distances(v, t ? POINT_MIXED : from, p->w, distance);
		for (int i = 0; i < v->n; i++)
			sum += p->w[i] = 1 / fmax(nu, distance[i]);
		for (int i = 0; i < v->n; i++)
			p->w[i] /= sum;
	}
}

/* The first iteration from the median or the origin needs the distances from there alone. */
static bool geometric_median_products(const void *state)
{
	const struct geometric_median *g = state;
	return g->iterations > 1 || g->start == START_MEAN;
}

/*
 * That of the geometric median itself, which is what iterations from the coordinate median stay close to: it
 * has the same bound. From elsewhere few iterations may end anywhere between, and within a large nu of each
 * other messages are averaged: nothing is known of these.
 */
static double geometric_median_kappa(const void *state, int n, int f, double behind)
{
	const struct geometric_median *g = state;
	bool close = g->start == START_MEDIAN && g->nu <= NU_DEFAULT;
	return close ? rule_median_kappa(state, n, f, behind) : NAN;
}

static const struct rule rule_geometric_median = {.distances = RULE_FROM_OTHERS,
                                                  .median = true,
                                                  .norms = true,
                                                  .products = geometric_median_products,
                                                  .check = rule_minority,
                                                  .plan = geometric_median_plan,
                                                  .kappa = geometric_median_kappa};

#define AT(member) offsetof(struct geometric_median, member)
static const struct key geometric_median_keys[] = {
        RULE_KEYS,
        RULE_CHOICE("start", AT(start), "\"median\"", starts, "where the iterations begin"),
        RULE_COUNT("iterations", AT(iterations), "8", "iterations; they cost no reading of messages"),
        RULE_POSITIVE("nu", AT(nu), "1e-6", "least distance that divides"),
        {0},
};

const struct aggregator aggregator_geometric_median = {
        RULE_ROW(rule_geometric_median),
        .row = {.name = "geometric-median",
                .also = "rfa, geomed, gm, geo_med, weiszfeld, robust_federated_aggregation",
                .about = "the point of least sum of distances to the vectors, nearly",
                .formula = "z <- sum b_i v_i / sum b_i, b_i = 1 / max(nu, ||v_i - z||), `iterations` times "
                           "from `start`. Needs 2 f < n. Pillutla et al. 2022, Algorithm 2. 32 bits a "
                           "coordinate up and 32 down",
                .keys = geometric_median_keys,
                .state_bytes = sizeof(struct geometric_median)},
};
