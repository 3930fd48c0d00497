/*
 * Probes record what the key `record` asks for in addition to losses. Each of its keys has a group below
 * /probes. Probes do not change the run.
 *
 * From the messages and gradients of a step, at the x before the step:
 *
 *   agreement     agreement [M]: share of coordinates at which a worker's push has the sign of the answer;
 *                 NaN for a worker that was not counted, and in a step that is withheld
 *   margin        votes [2M+1]: number of coordinates for each V = sum of the counted workers' signs, from
 *                 -M to M
 *   norms         l1 [M], l2 [M]: of each worker's mini-batch gradient
 *   sign_failure  rate [M]: share of coordinates at which the mini-batch gradient's sign differs from the
 *                 full gradient's (Bernstein et al. 2019, figure 2 and the sign-failure bound);
 *                 full_l1, full_l2: norms of the full gradient
 *
 *   weights       weight [M] in the answer, chosen [M], bucket [M] (probe/probe_weights.c)
 *   kappa         kappa and its bound, error, spread (probe/probe_kappa.c)
 *   certificate   turned [M/2]: share of coordinates that f voters could turn (probe/probe_certificate.c)
 *
 * From the parameters after the step:
 *
 *   snapshots     x [n]
 *
 * From a full pass at those parameters, also at the start (step 0):
 *
 *   gradient_noise  weight [W], values [W][K]: g_b of chosen weights; mean, std, skewness, symmetry, dip,
 *                   dip_p [W] of those (probe/probe_noise.c; figure 2)
 *   snr             S_i = |g_i| / sigma_i of every weight over the K mini-batches: mean, max, share above
 *                   2 / sqrt(3), quantiles, histogram (probe/probe_moments.c; figure 3)
 *   l1_l2           density |v|_1^2 / (n |v|_2^2) of the full gradient, of the noise's deviations, and the
 *                   mean over the stochastic gradients (probe/probe_moments.c)
 *
 * A full pass cuts the training set into K = floor(n_train / B) mini-batches of the experiment's size B and
 * leaves the remainder out. The order of the samples is random and differs from pass to pass; images
 * are not augmented. Each mini-batch b gives a stochastic gradient g_b, as training would at x. Running
 * statistics and carries do not change. Groups that are due after the same step share a pass. sigma_i is the
 * standard deviation of a mini-batch gradient; that of a single sample's gradient is sqrt(B) times larger, so
 * S_i grows with sqrt(B).
 *
 * Every group has a column `step`: the number of steps that are done once this step is complete.
 */
#ifndef SIGNSGD_PROBE_PROBE_H
#define SIGNSGD_PROBE_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "aggregator/method.h"
#include "aggregator/rule_run.h"
#include "experiment/experiment.h"
#include "record/record.h"

struct probe;

/* What probes need from the gradients of a step. */
struct probe_wants {
	bool norms, signs;
};

/* What probes see of one worker in a step. */
struct probe_worker {
	const void *push; /* [push_bytes] its message */
	const float *v;  /* [n] what it hands to the compressor if it is honest; NULL: no probe asks for it */
	bool idle;       /* it computes no gradient, and what is said of it is NaN */
	double l1, l2;   /* norms of its stochastic gradient, if wanted */
	uint64_t *signs; /* [words] signs of that gradient, if wanted; NULL if no probe ever wants them */
};

/* What probes can read, after the exchange and before the answer is applied. */
struct probe_view {
	const struct method *method;
	const struct step_job *job;
	const struct probe_worker *workers; /* [M] */
	int count;                          /* M */
	const void *pull;                   /* [pull_bytes] the answer; NULL: the step is withheld */
	const int64_t *born;                /* [workers of the run] -1: it was not counted */
	const bool *honest;                 /* [workers of the run] */
	const struct rule_report *report;   /* of an aggregator with a rule, else NULL */
	/* Writes the full-data gradient at the present x into g [n]. */
	void (*full_gradient)(void *ctx, float *g);
	void *ctx;
};

/* run() calls take(self, g) for each gradient g [n] of a full pass, in the order of the batches. */
struct probe_pass {
	void (*run)(void *ctx, void (*take)(void *self, const float *g), void *self);
	void *ctx;
};

/* The first key below `record` that needs the message or gradient of every worker, or NULL. */
const char *probe_needs_all(const struct settings *s);

/* Create the columns that s->record asks for. If a file is resumed, its columns are continued. */
struct probe *probe_open(const struct settings *s, const struct backend *be, struct queue *queue,
                         struct pool *pool, size_t n, struct record *r);
void probe_close(struct probe *p);

/* What the probes need from step number `step` (from 0). */
struct probe_wants probe_wants(const struct settings *s, int64_t step);

/*
 * The messages of the voters that a step counts, where they are combined: coordinates [begin, end) of pushes
 * [count], in a lane. Before probe_step(), and every coordinate once. The queue is that of the lane.
 */
void probe_votes(struct probe *p, const struct step_job *job, int lane, int count, const void *const *pushes,
                 size_t begin, size_t end);
/* Append the rows that are due from this step's messages and gradients. */
void probe_step(struct probe *p, const struct probe_view *v);
/* Append the rows that are due from the parameters x [n] after `done` steps; 0: before the first step. */
void probe_applied(struct probe *p, const float *x, int64_t done, const struct probe_pass *pass);

/* Bytes for the memory plan: of the probes' buffers, and of their rows in the result file of a whole run. */
size_t probe_bytes(const struct settings *s, size_t n, size_t lanes);
/* More buffers, where the machine's memory is not the host's: what of it is read. */
size_t probe_mirror_bytes(const struct settings *s, size_t n, size_t lanes);
size_t probe_file_bytes(const struct settings *s, size_t n);

#endif
