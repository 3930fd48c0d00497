/* What rows have in common that add noise to a vector and send the signs: one bit a coordinate, whatever is
 * added. */
#ifndef SIGNSGD_COMPRESSOR_NOISY_H
#define SIGNSGD_COMPRESSOR_NOISY_H

#include "compressor/compressor.h"

/*
 * sign(scale v + size z), coordinates [begin, end) of push, z of the worker's own stream; a fair coin for
 * what is then 0 or NaN.
 */
void noisy_encode(const struct step_job *job, uint32_t worker, enum noise_kind kind, double scale,
                  double size, const float *v, size_t begin, size_t end, void *push);

/* A number that a kernel makes of the whole v [n], before its message is written to push. */
double noisy_measure(const struct step_job *job,
                     void (*kernel)(struct queue *q, size_t n, const float *x, double *out), const float *v,
                     void *push);

#endif
