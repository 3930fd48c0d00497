/* The sign layout: one bit a coordinate, two if workers may abstain (backend/sign.h has the layout). */
#ifndef SIGNSGD_COMPRESSOR_SIGN_H
#define SIGNSGD_COMPRESSOR_SIGN_H

#include "compressor/job.h"

/*
 * Write the message of worker `worker`: the signs of v [n], coordinates [begin, end), begin a multiple of 64.
 * The policy `zero` decides the sign of a coordinate that has none.
 */
void sign_message_encode(const struct step_job *job, enum sign_policy zero, uint32_t worker, const float *v,
                         size_t begin, size_t end, void *push);

/*
 * v = (1 - beta) g + beta v on the same coordinates, then sign_message_encode() of v, in one pass: the same
 * v and the same message.
 */
void sign_message_encode_momentum(const struct step_job *job, enum sign_policy zero, uint32_t worker,
                                  float beta, const float *g, float *v, size_t begin, size_t end, void *push);

/* Copy a message's planes to vote and abstain [words]. Without an abstain plane, abstain becomes 0. */
void sign_message_signs(const struct step_job *job, enum sign_policy policy, const void *message,
                        uint64_t *vote, uint64_t *abstain);

#endif
