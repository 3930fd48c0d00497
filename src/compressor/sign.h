/*
 * The sign layout, shared by the rows that send signs: the vote plane of all n coordinates, and behind it,
 * at byte sign_plane_bytes(n), the mute plane if the policy is `abstain` (sign.h).
 */
#ifndef SIGNSGD_COMPRESSOR_SIGN_H
#define SIGNSGD_COMPRESSOR_SIGN_H

#include "aggregator/aggregator.h"

size_t sign_rows_bytes(size_t n, enum sign_policy policy);

/* Where coordinate `begin` (a multiple of 64) stands in a message of n. No mute plane: NULL. */
const uint64_t *sign_rows_vote(const void *message, size_t begin);
const uint64_t *sign_rows_mute(const void *message, size_t n, enum sign_policy policy, size_t begin);

/* Worker `worker` says the signs of v [n], coordinates [begin, end), begin a multiple of 64. */
void sign_rows_encode(const struct agg_job *job, enum sign_policy zero, uint32_t worker, const float *v,
                      size_t begin, size_t end, void *push);

/* A message's planes to vote and mute [words], mute always written. */
void sign_rows_signs(size_t n, enum sign_policy policy, const void *message, uint64_t *vote, uint64_t *mute);

#endif
