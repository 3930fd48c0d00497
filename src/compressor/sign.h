/*
 * The sign layout, shared by the rows that send signs: the vote plane of all n coordinates, and behind it,
 * at byte sign_plane_bytes(n), the abstain plane if the policy is `abstain` (sign.h).
 */
#ifndef SIGNSGD_COMPRESSOR_SIGN_H
#define SIGNSGD_COMPRESSOR_SIGN_H

#include "aggregator/aggregator.h"

size_t sign_message_bytes(size_t n, enum sign_policy policy);

/* Where coordinate `begin` (a multiple of 64) stands in a message of n. No abstain plane: NULL. */
const uint64_t *sign_message_vote(const void *message, size_t begin);
const uint64_t *sign_message_abstain(const void *message, size_t n, enum sign_policy policy, size_t begin);

/* Worker `worker` says the signs of v [n], coordinates [begin, end), begin a multiple of 64. */
void sign_message_encode(const struct agg_job *job, enum sign_policy zero, uint32_t worker, const float *v,
                         size_t begin, size_t end, void *push);

/* A message's planes to vote and abstain [words], abstain always written. */
void sign_message_signs(size_t n, enum sign_policy policy, const void *message, uint64_t *vote,
                        uint64_t *abstain);

#endif
