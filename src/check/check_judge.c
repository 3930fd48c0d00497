/* Judging one case of one kernel: run ref and every table, and compare their results. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "check/check_walk.h"

static size_t guarded_floats(const struct kernel_job *j)
{
	return j->rows * j->n + WALK_GUARD;
}

static size_t guarded_words(const struct walk *w, const struct kernel_job *j)
{
	return w->given.words ? sign_words(j->n) + WALK_GUARD : 0;
}

/* The job with its outputs in `to`, filled like the given outputs, guards included. */
static struct kernel_job redirected(const struct walk *w, struct kernel_job j, struct kernel_memory *to,
                                    size_t shift)
{
	for (int i = 0; i < w->kernel->outputs; i++) {
		memcpy(to->out[i], w->given.out[i], guarded_floats(&j) * sizeof(float));
		j.out[i] = to->out[i] + shift;
	}
	for (int i = 0; i < 2; i++) {
		memset(to->plane[i], 0x5a, guarded_words(w, &j) * sizeof(uint64_t));
		j.plane[i] = to->plane[i] + shift;
	}
	*to->loss = (struct loss){0};
	j.loss = to->loss;
	return j;
}

static void absolute(const float *from, float *to, size_t count)
{
	for (size_t i = 0; i < count; i++)
		to[i] = fabsf(from[i]);
}

/* ref's result for absolute values, in w->size: errors are relative to it where sums may cancel. */
static void absolute_job(struct walk *w, struct kernel_job j, size_t shift)
{
	j = redirected(w, j, &w->size, shift);
	absolute(j.x, w->size.x, kernel_input_size(w->kernel, &j, 0));
	absolute(j.y, w->size.y, kernel_input_size(w->kernel, &j, 1));
	for (int i = 0; i < w->kernel->outputs; i++)
		absolute(j.out[i], j.out[i], j.rows * j.n);
	j.x = w->size.x;
	j.y = w->size.y;
	j.rate = fabsf(j.rate);
	w->kernel->run(w->ref, &j);
}

/* The difference of two numbers relative to `size`; 0 for two NaNs or two equal infinities. */
static double error_of(double want, double got, double size)
{
	if (isnan(want) && isnan(got))
		return 0;
	if (isnan(want) || isnan(got) || isinf(want) || isinf(got))
		return want == got ? 0 : INFINITY;
	/* below the normal numbers, relative errors mean nothing */
	return fabs(want - got) / fmax(fabs(size), 1e-37);
}

/* 0 if equal bit for bit, or both NaN. */
static double difference_of(float want, float got)
{
	if (memcmp(&want, &got, sizeof(want)) == 0 || (isnan(want) && isnan(got)))
		return 0;
	return fmax(error_of(want, got, want), 1e-300);
}

/* The worst error in the outputs, guards included. */
static double worst_of(const struct walk *w, const struct kernel_job *sizes)
{
	const struct kernel *k = w->kernel;
	const struct loss *want = w->want.loss, *got = w->got.loss;
	double worst = 0;
	for (int o = 0; o < k->outputs; o++)
		for (size_t i = 0; i < guarded_floats(sizes); i++) {
			float a = w->want.out[o][i], b = w->got.out[o][i];
			double error = k->allowed == 0 ? difference_of(a, b)
			                               : error_of(a, b, k->cancels ? w->size.out[o][i] : a);
			worst = fmax(worst, error);
		}
	for (int p = 0; p < 2; p++)
		if (memcmp(w->want.plane[p], w->got.plane[p], guarded_words(w, sizes) * sizeof(uint64_t)) !=
		    0)
			worst = INFINITY;
	if (want->correct != got->correct)
		worst = INFINITY;
	return fmax(worst, error_of(want->sum, got->sum, k->cancels ? w->size.loss->sum : want->sum));
}

static void describe(const struct kernel *k, const struct kernel_job *j, char *out, size_t size)
{
	const char *const *policies = SIGN_POLICY_NAMES;
	if (k->shape == SHAPE_VOTE)
		snprintf(out, size, "n = %zu, %d workers, policy %s%s", j->n, j->votes.count,
		         policies[j->policy], j->flag ? ", abstain planes" : "");
	else if (k->shape == SHAPE_SIGN)
		snprintf(out, size, "n = %zu, policy %s%s, beta %g, decay %g", j->n, policies[j->policy],
		         j->flag ? ", abstain plane" : "", (double)j->beta, (double)j->decay);
	else if (k->shape == SHAPE_IMAGES)
		snprintf(out, size, "%zu images of %d x %d x %d, pad %d%s", j->rows, j->gather.channels,
		         j->gather.height, j->gather.width, j->gather.pad,
		         j->gather.flip ? ", mirrored" : "");
	else if (k->shape == SHAPE_PRODUCT)
		snprintf(out, size, "%zu x %zu x %zu%s%s, alpha %g, beta %g", j->rows, j->n, j->inner,
		         j->flag ? ", A transposed" : "", j->other ? ", B transposed" : "", (double)j->rate,
		         (double)j->beta);
	else
		snprintf(out, size, "%zu x %zu, rate %g, beta %g, decay %g", j->rows, j->n, (double)j->rate,
		         (double)j->beta, (double)j->decay);
}

static void note(const struct walk *w, struct check_result *r, const struct kernel_job *j, double worst)
{
	r->cases++;
	r->worst = fmax(r->worst, worst);
	if (worst <= w->kernel->allowed || !r->passed)
		return;
	r->passed = false;
	describe(w->kernel, j, r->where, sizeof(r->where));
}

/* Table t's results, in w->got. */
static void run_table(struct walk *w, size_t t, const struct kernel_job *sizes, size_t shift)
{
	const struct kernel *k = w->kernel;
	const struct walk_far *far = &w->far[t];
	struct kernel_job job = redirected(w, *sizes, &w->got, shift);
	if (w->table[t].kernels.memory->host) {
		k->run(&w->table[t].kernels, &job);
		return;
	}
	kernel_memory_bring(&far->memory, far->queue, k, sizes, WALK_GUARD, &w->given, &w->got);
	kernel_memory_lend(&far->memory, shift, &job);
	job.queue = far->queue;
	k->run(&w->table[t].kernels, &job);
	kernel_memory_fetch(&far->memory, far->queue, k, sizes, WALK_GUARD, &w->got);
}

void walk_case(struct walk *w, struct kernel_job sizes, enum kernel_flavour flavour, size_t shift)
{
	const struct kernel *k = w->kernel;
	kernel_memory_fill(&w->given, k, &sizes, flavour, w->cases++);
	kernel_memory_lend(&w->given, shift, &sizes);
	struct kernel_job want = redirected(w, sizes, &w->want, shift);
	k->run(w->ref, &want);
	if (k->cancels)
		absolute_job(w, sizes, shift);
	for (size_t t = 0; t < w->count; t++) {
		run_table(w, t, &sizes, shift);
		note(w, &w->result[t], &sizes, worst_of(w, &sizes));
	}
}
