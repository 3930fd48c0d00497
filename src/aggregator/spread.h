/* What `smea` and `caf` share: how far weighted vectors spread along the direction in which they do most. */
#ifndef SIGNSGD_AGGREGATOR_SPREAD_H
#define SIGNSGD_AGGREGATOR_SPREAD_H

#include "aggregator/rule.h"

/*
 * The greatest eigenvalue of C = sum_i q_i (x_i - mu)(x_i - mu)', mu = sum_i q_i x_i, for q [n] >= 0 that sum
 * to 1. along [n] becomes <x_i - mu, u>^2 of those with a weight, u its eigenvector; of the others 0.
 *
 * C has the eigenvalues of the matrix sqrt(q_i q_k) <x_i - mu, x_k - mu>, which follows from D. They are
 * found by Jacobi's rotations, cyclic by rows: their order is fixed, so the bits are. A library's would be
 * those of one build of it. Of equal greatest eigenvalues u is one of many.
 *
 * squares [2][n][n] is scratch; so is `offset` [n].
 */
double spread_greatest(const struct rule_view *v, const double *q, double *squares, double *offset,
                       double *along);

/*
 * The eigenvalue alone, which takes a fraction of the time: by Householder's reflections to a tridiagonal
 * matrix, whose greatest eigenvalue is found by halving, with Sturm's count of those below (Golub and Van
 * Loan, Matrix Computations, sections 8.3 and 8.4). squares [n][n], offset [n] and line [n] are scratch.
 */
double spread_value(const struct rule_view *v, const double *q, double *squares, double *offset,
                    double *line);

#endif
