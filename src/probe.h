/*
 * Probes: what `record` asks for beyond losses, written below /probes, a group each:
 *
 *   agreement     agreement [M]: share of coordinates at which a worker's push says what the answer says
 *   margin        votes [2M+1]: coordinates by V = sum of signs, from -M to M
 *   norms         l1 [M], l2 [M]: of each worker's mini-batch gradient
 *   sign_failure  rate [M]: share of coordinates at which the mini-batch gradient's sign differs from the
 *                 full gradient's (Bernstein et al. 2019, figure 2 and the sign-failure bound);
 *                 full_l1, full_l2: norms of the full gradient
 *   snapshots     x [n]: the parameters after the step
 *
 * Every group has a column `step` (steps done once the step is complete). Probes look, and change nothing.
 */
#ifndef SIGNSGD_PROBE_H
#define SIGNSGD_PROBE_H

#include <stddef.h>
#include <stdint.h>
#include "experiment.h"
#include "record.h"
#include "worker.h"

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

/* Columns for what s->record asks; continues the columns of a file that is being resumed. */
struct probe *probe_open(const struct settings *s, const struct backend *be, size_t n, struct record *r);
void probe_close(struct probe *p);

/* Does step number `step` (from 0) need gradients' norms, or their signs? */
void probe_needs(const struct settings *s, int64_t step, struct round *r);

/* Append what is due of this step's votes and gradients. */
void probe_step(struct probe *p, const struct probe_view *v);
/* The same of the parameters, once the answer is applied. */
void probe_applied(struct probe *p, const struct round *r);

/* Bytes that probes hold, for the plan: buffers here, and rows in the result file for a whole run. */
size_t probe_bytes(const struct settings *s, size_t n);
size_t probe_file_bytes(const struct settings *s, size_t n);

#endif
