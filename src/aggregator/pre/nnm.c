/* Pre-aggregator `nnm`: nearest-neighbour mixing. */
#include "aggregator/pre/pre.h"

static void nnm_plan(const struct rule_view *v, struct rule_plan *p)
{
	int near = v->n - v->f;
	for (int i = 0; i < v->n; i++) {
		rule_mark_nearest(v, i, near, p->scratch, p->chosen);
		for (int k = 0; k < v->n; k++)
			p->w[(size_t)i * (size_t)v->rows + (size_t)k] = p->chosen[k] ? 1.0 / near : 0;
	}
}

/* Allouah et al. 2023, Table 1. */
static double nnm_kappa(const void *state, int n, int f, double behind)
{
	(void)state;
	return 8.0 * f / (n - f) * (behind + 1);
}

const struct pre pre_nnm = {
        .row = {.name = "nnm",
                .also = "nearest_neighbor_mixing, nearest_neighbour_mixing, nn_mixing",
                .about = "each message becomes the mean of the n - f messages nearest to it",
                .formula =
                        "y_i = mean of the n - f vectors x_k nearest to x_i, x_i among them; equally near: "
                        "the lower worker. n' = n, f' = f; needs 2 f < n. Allouah et al. 2023, "
                        "Algorithm 2"},
        .rule = {.check = rule_minority, .plan = nnm_plan, .kappa = nnm_kappa},
};
