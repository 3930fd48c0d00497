/*
 * What `min-max` and `min-sum` share: mu + gamma p, as far from the honest mean in a direction p as stays
 * within what honest workers are apart from each other.
 */
#ifndef SIGNSGD_ADVERSARY_CROWD_REACH_H
#define SIGNSGD_ADVERSARY_CROWD_REACH_H

#include "adversary/crowd.h"

struct crowd_reach {
	int direction;
};

/* Sums over all coordinates. q is the direction's opposite: mu, sd or sign(mu), not yet of length 1. */
struct crowd_reached {
	double q_square;       /* <q, q> */
	const double *spread;  /* [h] ||mu - x_i||^2 */
	const double *product; /* [h] <q, mu - x_i> */
	const double *pairs;   /* [h (h - 1) / 2] ||x_i - x_k||^2, i < k; if they were measured */
};

size_t crowd_reach_sums(int h, bool pairs);
void crowd_reach_measure(const struct crowd_reach *s, const struct crowd_view *view, size_t begin, size_t end,
                         bool pairs, double *sums);
struct crowd_reached crowd_reached(const double *sums, int h);
/* gamma is in lengths of q, so that the vector is mu - gamma q. One that is no number stands for 0. */
void crowd_reach_plan(double gamma, double *numbers);
void crowd_reach_forge(const struct crowd_reach *s, const struct crowd_view *view, size_t begin, size_t end,
                       float *out);

extern const struct key crowd_reach_keys[];

#endif
