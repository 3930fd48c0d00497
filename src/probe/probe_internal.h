/* The probes that have files of their own: for probe*.c only. n parameters, K mini-batches a pass. */
#ifndef SIGNSGD_PROBE_PROBE_INTERNAL_H
#define SIGNSGD_PROBE_PROBE_INTERNAL_H

#include "h5/h5.h"
#include "probe/probe.h"

/* gradient_noise: the stochastic gradients of W weights. NULL where it is not asked for. */
struct noise;

struct noise *noise_open(const struct settings *s, size_t n, struct h5 *f);
void noise_close(struct noise *p);
bool noise_due(const struct settings *s, int64_t done);
void noise_take(struct noise *p, const float *g);
/* Append the row of a pass that is over. The next noise_take() begins another. */
void noise_append(struct noise *p, int64_t done);
size_t noise_bytes(const struct settings *s);
double noise_file_bytes(const struct settings *s);

/* snr and l1_l2: mean and deviation of every weight. NULL where neither is asked for. */
struct moments;

struct moments *moments_open(const struct settings *s, const struct backend *be, struct queue *queue,
                             size_t n, struct h5 *f);
void moments_close(struct moments *p);
bool moments_due(const struct settings *s, int64_t done);
/* at: the gradient on the machine; g: where this thread reads it. */
void moments_take(struct moments *p, const float *at, const float *g);
void moments_append(struct moments *p, int64_t done);
size_t moments_bytes(const struct settings *s, size_t n);
double moments_file_bytes(const struct settings *s);

/* Is a row due when `done` steps are done? */
static inline bool probe_due(int64_t period, int64_t done)
{
	return period > 0 && done % period == 0;
}

/* weights: what the rule made of each worker's message. NULL where it is not asked for. */
struct weights;

struct weights *weights_open(const struct settings *s, struct h5 *f);
void weights_close(struct weights *p);
void weights_step(struct weights *p, const struct probe_view *v, int64_t done);
double weights_file_bytes(const struct settings *s);

/* kappa: how robust the rule was in the step. NULL where it is not asked for. */
struct kappa;

struct kappa *kappa_open(const struct settings *s, const struct backend *be, struct pool *pool, size_t n,
                         struct h5 *f);
void kappa_close(struct kappa *p);
void kappa_step(struct kappa *p, const struct probe_view *v, int64_t done);
size_t kappa_bytes(const struct settings *s, size_t n, size_t lanes);
size_t kappa_mirror_bytes(const struct settings *s, size_t lanes);
double kappa_file_bytes(const struct settings *s);

/* certificate: how many voters could turn the majority. NULL where it is not asked for. */
struct certificate;

struct certificate *certificate_open(const struct settings *s, const struct backend *be, struct pool *pool,
                                     size_t n, struct h5 *f);
void certificate_close(struct certificate *p);
/* As probe_votes(). */
void certificate_votes(struct certificate *p, const struct step_job *job, int lane, int count,
                       const void *const *pushes, size_t begin, size_t end);
void certificate_step(struct certificate *p, int64_t done);
size_t certificate_bytes(const struct settings *s, size_t lanes);
size_t certificate_mirror_bytes(const struct settings *s, size_t lanes);
double certificate_file_bytes(const struct settings *s);

/* Add a message's signs to V, sums [n], from planes of backend/sign.h that this thread reads. abstain NULL:
 * there is no such plane. */
void votes_add(size_t n, const uint64_t *vote, const uint64_t *abstain, int16_t *sums);

#endif
