/* Points that are weighted sums of messages and a centre: how far the messages are from them. */
#ifndef SIGNSGD_AGGREGATOR_POINT_H
#define SIGNSGD_AGGREGATOR_POINT_H

#include "aggregator/rule.h"

enum { POINT_MIXED = -1 };

/*
 * out[i] = ||x_i - z|| of the n messages. Where iterations begin, z is a row. From then on row is POINT_MIXED
 * and z = c + sum of w_k (x_k - c) over the messages, c the centre of the products (struct rule):
 * ||x_i - z||^2 = P_ii - 2 (P w)_i + w'Pw.
 *
 * D would do (sum_k w_k D_ik - w'Dw / 2) if there were no rounding: but a message at a distance R has a
 * weight near 1/R, and w D of it is near R, in which the distances of all others are lost. Seen from a centre
 * near the others, w P of it is as small as they are.
 */
void point_distances(const struct rule_view *v, int row, const double *w, double *out);

#endif
