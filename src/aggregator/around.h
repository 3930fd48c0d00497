/* What `meamed` and `bulyan` share. */
#ifndef SIGNSGD_AGGREGATOR_AROUND_H
#define SIGNSGD_AGGREGATOR_AROUND_H

#include "aggregator/rule.h"

/* The mean of the `take` values of a coordinate nearest to its median; equally near: the lower worker's. */
double around_median(const struct rule_column *c, int take);

#endif
