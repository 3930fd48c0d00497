/*
 * Probes: what `record` asks for beyond losses, written below /probes, a group each.
 *
 * Of a step's messages and gradients, at the x before the step:
 *
 *   agreement     agreement [M]: share of coordinates at which a worker's push says what the answer says
 *   margin        votes [2M+1]: coordinates by V = sum of signs, from -M to M
 *   norms         l1 [M], l2 [M]: of each worker's mini-batch gradient
 *   sign_failure  rate [M]: share of coordinates at which the mini-batch gradient's sign differs from the
 *                 full gradient's (Bernstein et al. 2019, figure 2 and the sign-failure bound);
 *                 full_l1, full_l2: norms of the full gradient
 *
 * Of the parameters after the step:
 *
 *   snapshots     x [n]
 *
 * And of a full pass at those parameters, the start (step 0) included: the training set, in an order of its
 * own drawn for each pass, not augmented, cut into K = floor(n_train / B) mini-batches of the experiment's B
 * (what is left over is left out), each of which gives a stochastic gradient g_b as training would at x,
 * running statistics and carries untouched:
 *
 *   gradient_noise  weight [W], values [W][K]: g_b of chosen weights; mean, std, skewness, symmetry, dip,
 * dip_p [W] of those (probe/probe_noise.c; figure 2) snr             S_i = |g_i| / sigma_i of every weight,
 * over the K mini-batches: mean, max, share above 2 / sqrt(3), quantiles, histogram (probe/probe_moments.c;
 * figure 3) l1_l2           density |v|_1^2 / (n |v|_2^2) of the full gradient, of the noise's deviations,
 * and the mean over the stochastic gradients (probe/probe_moments.c)
 *
 * Groups due at once share a pass. sigma_i is that of a mini-batch: for a sample's it is sqrt(B) larger, so
 * S_i grows with sqrt(B), and M workers who vote have M batches beside the one that S_i speaks of.
 *
 * Every group has a column `step` (steps done once the step is complete). Probes look, and change nothing.
 */
#ifndef SIGNSGD_PROBE_PROBE_H
#define SIGNSGD_PROBE_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "experiment/experiment.h"
#include "record/record.h"
#include "train/worker.h"

struct probe;

/* What a probe may look at, between the exchange and the apply. */
struct probe_view {
	const struct round *round;
	const struct worker *workers; /* [M] */
	int count;                    /* M */
	const void *pull;
	/* Writes the full-data gradient at round->x into g [n]. */
	void (*full_gradient)(void *ctx, float *g);
	void *ctx;
};

/* Hands the gradients g [n] of a full pass to take(self, g), in the order of the batches. */
struct probe_pass {
	void (*run)(void *ctx, void (*take)(void *self, const float *g), void *self);
	void *ctx;
};

/* The key below `record` that needs every worker's message or gradient, or NULL. */
const char *probe_needs_all(const struct settings *s);

/* Columns for what s->record asks; continues the columns of a file that is being resumed. */
struct probe *probe_open(const struct settings *s, const struct backend *be, size_t n, struct record *r);
void probe_close(struct probe *p);

/* Does step number `step` (from 0) need gradients' norms, or their signs? */
void probe_needs(const struct settings *s, int64_t step, struct round *r);

/* Append what is due of this step's votes and gradients. */
void probe_step(struct probe *p, const struct probe_view *v);
/* The same of the parameters x [n] after `done` steps: once the answer is applied, and before the first step.
 */
void probe_applied(struct probe *p, const float *x, int64_t done, const struct probe_pass *pass);

/* Bytes that probes hold, for the plan: buffers here, and rows in the result file for a whole run. */
size_t probe_bytes(const struct settings *s, size_t n);
size_t probe_file_bytes(const struct settings *s, size_t n);

#endif
