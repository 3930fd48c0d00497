/* Kernels of the reference table that have files of their own. Contracts: backend/backend.h. */
#ifndef SIGNSGD_BACKEND_REF_REF_H
#define SIGNSGD_BACKEND_REF_REF_H

#include "backend/backend.h"

/* backend/ref/sign.c */
void ref_sign_pack(HOST_QUEUE, size_t n, const float *v, enum sign_policy zero, const struct stream *coins,
                   size_t first, uint64_t *vote, uint64_t *abstain);
void ref_noise_pack(HOST_QUEUE, size_t n, const float *v, const struct sign_noise *noise,
                    const struct stream *coins, size_t first, uint64_t *vote);
void ref_random_sign(struct queue *q, size_t n, const struct stream *s, size_t first, const float *x,
                     float *out);
void ref_sign_unpack(HOST_QUEUE, size_t n, const uint64_t *vote, const uint64_t *abstain, float *v);
void ref_majority(HOST_QUEUE, size_t n, const struct votes *b, enum sign_policy tie,
                  const struct stream *coins, size_t first, uint64_t *pull_vote, uint64_t *pull_abstain);
void ref_sign_apply(HOST_QUEUE, size_t n, const uint64_t *vote, const uint64_t *abstain, float lr,
                    float decay, float *x);

/* backend/ref/layers.c */
void ref_gemm(HOST_QUEUE, bool ta, bool tb, size_t m, size_t n, size_t k, float alpha, const float *a,
              const float *b, float beta, float *c);
void ref_tanh(HOST_QUEUE, size_t n, float *y);
void ref_sigmoid(HOST_QUEUE, size_t n, float *y);
void ref_softmax_loss(HOST_QUEUE, size_t rows, size_t n, float *z, const int32_t *label, bool back,
                      float weight, struct loss *out);

/* backend/ref/gather.c */
void ref_gather(struct queue *q, const struct gather *from, size_t count, const uint32_t *index,
                const struct stream *coins, uint8_t *out, int32_t *label);

/* backend/ref/image.c */
extern const struct image_kernels ref_image;

#endif
