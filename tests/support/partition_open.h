/* Partitions by their names, for tests. */
#ifndef SIGNSGD_TESTS_SUPPORT_PARTITION_OPEN_H
#define SIGNSGD_TESTS_SUPPORT_PARTITION_OPEN_H

#include "data/partition/partition.h"

/*
 * Share d among workers with a batch of 1 each; `how` is the name of a row, or JSON of a member of the
 * family. What is wrong with it ends the test. One seed for the partition and the orders.
 */
void partition_open(struct partition *p, const struct dataset *d, const char *how, int workers,
                    uint64_t seed);

/* The same with each worker's batch [workers]. -1 and a sentence from partition_init() alone. */
int partition_try(struct partition *p, const struct dataset *d, const char *how, int workers,
                  const int64_t *batch, uint64_t seed, struct err *e);

#endif
