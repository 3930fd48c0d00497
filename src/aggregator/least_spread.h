/* The search of `smea`. */
#ifndef SIGNSGD_AGGREGATOR_LEAST_SPREAD_H
#define SIGNSGD_AGGREGATOR_LEAST_SPREAD_H

#include "aggregator/rule.h"

enum { LEAST_SPREAD_SQUARES = 2 /* that it needs of a plan */ };

/* What differs by a smaller share is equal: more than rounding makes of equals. */
#define LEAST_SPREAD_SAME 1e-12

/*
 * p->chosen becomes the n - f messages whose covariance has the least greatest eigenvalue; of several such
 * sets the first in lexicographic order.
 */
void least_spread(const struct rule_view *v, struct rule_plan *p);

#endif
