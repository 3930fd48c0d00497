/* Points that are weighted sums of rows: how far the messages are from them, by the distances alone. */
#ifndef SIGNSGD_AGGREGATOR_POINT_H
#define SIGNSGD_AGGREGATOR_POINT_H

#include "aggregator/rule.h"

/*
 * out[i] = ||x_i - z|| of the n messages, z = sum of w_k x_k over all rows, the weights' sum being 1:
 * ||x_i - z||^2 = sum_k w_k D_ik - w'Dw / 2.
 */
void point_distances(const struct rule_view *v, const double *w, double *out);
/* out[i] = ||x_i - row||. */
void row_distances(const struct rule_view *v, int row, double *out);

#endif
