/* The search of `mda`. */
#ifndef SIGNSGD_AGGREGATOR_LEAST_DIAMETER_H
#define SIGNSGD_AGGREGATOR_LEAST_DIAMETER_H

#include "aggregator/rule.h"

enum { LEAST_DIAMETER_SQUARES = 1 /* that it needs of a plan */ };

/*
 * p->chosen becomes the n - f messages whose largest distance from each other is least; of several such sets
 * the first in lexicographic order. n <= CLIQUE_MOST, 2 f < n.
 */
void least_diameter(const struct rule_view *v, struct rule_plan *p);

#endif
