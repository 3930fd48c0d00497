/*
 * Samples that are taken out of a training set before it is shared: the validation split, on which settings
 * are chosen without the test set.
 *
 * Of images each class gives its share, as near as whole samples allow; which ones is drawn from the seed of
 * the partition, the class and nothing else. Of a text it is the end. What remains keeps its order.
 */
#ifndef SIGNSGD_DATA_HOLD_OUT_H
#define SIGNSGD_DATA_HOLD_OUT_H

#include "config/key.h"
#include "data/dataset.h"

/* The share that the settings of a data set ask for; 0: none, or they have no samples. */
double hold_out_share(const struct choice *data);

/* How many of `all` samples that is: the nearest whole number, at most all. */
size_t hold_out_count(size_t all, double share);

/* Take `count` < d->shape.n_train samples of a data set that was just loaded out of its training set; 0:
 * none. */
void hold_out(struct dataset *d, size_t count, uint64_t seed);

#endif
