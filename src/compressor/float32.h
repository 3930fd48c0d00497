/* The float32 layout: a vector as n plain floats, 32 bits a coordinate, nothing compressed. */
#ifndef SIGNSGD_COMPRESSOR_FLOAT32_H
#define SIGNSGD_COMPRESSOR_FLOAT32_H

#include "compressor/job.h"

/* Bytes of a message of n coordinates; state is not used. */
size_t float32_bytes(const void *state, size_t n);

/* Write the message of v [n], coordinates [begin, end), into push. */
void float32_encode(const struct step_job *job, uint32_t worker, const float *v, size_t begin, size_t end,
                    void *push);

/* The signs of a message as planes of backend/sign.h: vote and abstain [words]. */
void float32_signs(const struct step_job *job, const void *message, uint64_t *vote, uint64_t *abstain);

#endif
