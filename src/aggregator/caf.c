/*
 * Aggregator `caf`, the covariance-bound agnostic filter: weights fall along the direction in which the
 * vectors spread most, until f of them could be gone twice; the answer is the weighted mean of least spread
 * on the way. The largest tau is one among the vectors that have a weight: then each round takes one of them
 * away, and n rounds suffice. 2 f < n, as there is nothing to come down to otherwise.
 */
#include <string.h>
#include "aggregator/rule_row.h"
#include "aggregator/spread.h"

/* c_i <- c_i (1 - tau_i / max tau). Their sum; 0, which ends it, where there is no tau. */
static double lower(double *c, const double *tau, int n)
{
	double most = 0, sum = 0;
	for (int i = 0; i < n; i++)
		most = fmax(most, tau[i]);
	for (int i = 0; i < n && most > 0; i++)
		sum += c[i] *= 1 - tau[i] / most;
	return sum;
}

static void caf_plan(const struct rule_view *v, struct rule_plan *p)
{
	double *c = p->scratch, *q = c + v->rows, *tau = q + v->rows, *offset = tau + v->rows,
	       least = INFINITY, sum = v->n;
	for (int i = 0; i < v->n; i++) {
		c[i] = 1;
		p->w[i] = 1.0 / v->n; /* f = 0 is the mean */
	}
	while (sum > v->n - 2 * v->f) {
		for (int i = 0; i < v->n; i++)
			q[i] = c[i] / sum;
		double spread = spread_greatest(v, q, p->squares, offset, tau);
		if (spread < least)
			memcpy(p->w, q, (size_t)v->n * sizeof *q);
		least = fmin(least, spread);
		sum = lower(c, tau, v->n);
	}
}

static const struct rule rule_caf = {.squares = 2, .check = rule_minority, .plan = caf_plan};

static const struct key caf_keys[] = {RULE_KEYS, {0}};

const struct aggregator aggregator_caf = {
        RULE_ROW(rule_caf),
        .row = {.name = "caf",
                .also = "covariance_bound_agnostic_filter, covariance_agnostic_filter",
                .about = "mean of weights that fall along the direction in which the vectors spread most",
                .formula =
                        "c_m = 1; while sum c > n - 2 f: mu = sum c_m v_m / sum c; lambda, u the greatest "
                        "eigenvalue and its vector of the covariance about mu by weights c; tau_m = <v_m - "
                        "mu, u>^2; c_m <- c_m (1 - tau_m / max tau). The answer is the mu of least lambda; "
                        "f = 0 is the mean. Needs 2 f < n. Allouah, Guerraoui and Stephan 2025. 32 bits a "
                        "coordinate up and 32 down",
                .keys = caf_keys,
                .state_bytes = sizeof(struct rule_keys)},
};
