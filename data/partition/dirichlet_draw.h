/*
 * Draws from Dirichlet distributions.
 *
 * Proportional to independent Gamma variables (Marsaglia and Tsang 2000, "A simple method for generating
 * gamma variables"; below shape 1 that of shape + 1 times U^(1 / shape)). All in logarithms: with a shape of
 * 0.01 most such variables are below the smallest double, and the largest may be too.
 *
 * Logarithms and cosines are the C library's: its next version may round the last bit of a share otherwise,
 * which moves a sample only where a share times a number of samples is whole to within 1e-16 of it.
 */
#ifndef SIGNSGD_DATA_PARTITION_DIRICHLET_DRAW_H
#define SIGNSGD_DATA_PARTITION_DIRICHLET_DRAW_H

#include <stdint.h>
#include "base/rng.h"

/* Numbers of a stream, one after the other. */
struct draw {
	struct stream stream;
	uint64_t next;
};

/* In (0, 1), from 53 bits. */
double draw_uniform(struct draw *d);

/* Shares q [count] >= 0 of sum 1, from Dirichlet(shape [count]); a shape of 0 has no share. Some shape is
 * above 0, and none between 0 and 1e-300: logarithms of such draws are beyond a double. */
void draw_dirichlet(struct draw *d, int count, const double *shape, double *q);

#endif
