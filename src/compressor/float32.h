/*
 * The float layout, shared by the rows whose pushes, pulls or both are plain floats [n]: 32 bits a
 * coordinate. Sums run over the workers in their order, coordinate by coordinate, so that any cut into
 * ranges gives the same bits.
 */
#ifndef SIGNSGD_COMPRESSOR_FLOAT32_H
#define SIGNSGD_COMPRESSOR_FLOAT32_H

#include "aggregator/aggregator.h"

/* Coordinates that a combine works on at a time: what stays in the nearest cache. */
enum { FLOAT32_BLOCK = 2048 };

/* Functions of `struct aggregator`, with the mean of the pushes as the pull. */
size_t float32_bytes(const void *state, size_t n);
void float32_encode(const struct agg_job *job, uint32_t worker, const float *v, size_t begin, size_t end,
                    void *push);
void float32_mean(const struct agg_job *job, int count, const void *const *pushes, size_t begin, size_t end,
                  void *pull);
void float32_signs(const struct agg_job *job, const void *floats, uint64_t *vote, uint64_t *abstain);

/* x = x - lr (pull + decay x). */
void float32_descend(const struct agg_job *job, const void *pull, size_t begin, size_t end, double lr,
                     double decay, float *memory, float *x);

#endif
