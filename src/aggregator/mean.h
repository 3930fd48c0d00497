/*
 * The mean of float32 messages, and plain gradient descent: functions of `struct aggregator` that several
 * rows share. Sums run over the workers in their order, coordinate by coordinate, so that any cut into ranges
 * gives the same bits.
 */
#ifndef SIGNSGD_AGGREGATOR_MEAN_H
#define SIGNSGD_AGGREGATOR_MEAN_H

#include "aggregator/aggregator.h"

/* Coordinates that a combine works on at a time: what stays in the nearest cache. */
enum { MEAN_BLOCK = 2048 };

/* The pull is the mean of the pushes. */
void mean_combine(const struct step_job *job, int count, const void *const *pushes, size_t begin, size_t end,
                  void *pull);

/* x = x - lr (pull + decay x). */
void mean_apply(const struct step_job *job, const void *pull, size_t begin, size_t end, double lr,
                double decay, float *memory, float *x);

#endif
