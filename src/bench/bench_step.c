/* Steps beside their bandwidth baseline: see bench/bench_step.h. */
#include "bench/bench_step.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "backend/cpu/cpu.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/stats.h"
#include "train/trainer.h"

enum { MAX_STEPS = 1001, LEAST_STEPS = 5, WARM_UP = 2, RANGE = 1 << 16 /* coordinates, a multiple of 64 */ };

/* The same traffic as a step's, by plain loops. */
struct baseline {
	const struct bandwidth_baseline *loops;
	struct pool *pool;
	size_t n;
	int workers;
	float *x;        /* [n] */
	float **g;       /* [lanes] -> [n] */
	float **v;       /* [workers] -> [n] */
	uint64_t **push; /* [workers] -> [words] */
	uint64_t *pull;  /* [words] */
	double *worker_s;
	uint64_t sum; /* of what was only read */
};

static void baseline_open(struct baseline *b, const struct bench_step_options *o, struct pool *pool,
                          const struct bandwidth_baseline *loops)
{
	size_t workers = (size_t)o->workers, lanes = (size_t)pool_lanes(pool);
	*b = (struct baseline){.loops = loops, .pool = pool, .n = o->n, .workers = o->workers};
	b->x = mem_array(o->n, sizeof *b->x);
	b->g = mem_array(lanes, sizeof *b->g);
	b->v = mem_array(workers, sizeof *b->v);
	b->push = mem_array(workers, sizeof *b->push);
	b->pull = mem_array(sign_words(o->n), sizeof *b->pull);
	b->worker_s = mem_array(workers, sizeof *b->worker_s);
	for (size_t i = 0; i < lanes; i++)
		b->g[i] = mem_array(o->n, sizeof *b->g[i]);
	for (size_t m = 0; m < workers; m++) {
		b->v[m] = mem_array(o->n, sizeof *b->v[m]);
		b->push[m] = mem_array(sign_words(o->n), sizeof *b->push[m]);
	}
}

static void baseline_close(struct baseline *b)
{
	for (int i = 0; i < pool_lanes(b->pool); i++)
		mem_free(b->g[i]);
	for (int m = 0; m < b->workers; m++) {
		mem_free(b->v[m]);
		mem_free(b->push[m]);
	}
	mem_free(b->x);
	mem_free(b->g);
	mem_free(b->v);
	mem_free(b->push);
	mem_free(b->pull);
	mem_free(b->worker_s);
}

/* The gradient, which is not timed, then momentum and message. */
static void worker_item(void *ctx, int lane, size_t item)
{
	struct baseline *b = ctx;
	b->loops->copy(b->n, b->x, b->g[lane]);
	double start = clock_s();
	b->loops->triad(b->n, b->g[lane], b->v[item], b->v[item]);
	b->loops->fill(2 * sign_words(b->n), (float *)(void *)b->push[item]);
	b->worker_s[item] = clock_s() - start;
}

static size_t range_words(const struct baseline *b, size_t item)
{
	size_t left = b->n - item * RANGE;
	return sign_words(left < RANGE ? left : RANGE);
}

static void count_item(void *ctx, int lane, size_t item)
{
	struct baseline *b = ctx;
	const uint64_t *push[BENCH_STEP_WORKERS_MOST];
	(void)lane;
	for (int m = 0; m < b->workers; m++)
		push[m] = b->push[m] + item * (RANGE / 64);
	b->loops->fold(range_words(b, item), b->workers, push, b->pull + item * (RANGE / 64));
}

static void apply_item(void *ctx, int lane, size_t item)
{
	struct baseline *b = ctx;
	size_t left = b->n - item * RANGE;
	(void)lane;
	b->loops->update(left < RANGE ? left : RANGE, b->x + item * RANGE);
	uint64_t sum = b->loops->read[0](range_words(b, item), b->pull + item * (RANGE / 64));
	__atomic_fetch_add(&b->sum, sum, __ATOMIC_RELAXED);
}

/* Seconds, counted as a step's are: a lane's mean for the workers, then what passes. */
static double baseline_step(struct baseline *b)
{
	size_t ranges = (b->n + RANGE - 1) / RANGE;
	int lanes = pool_lanes(b->pool);
	double sum = 0;
	pool_run(b->pool, (size_t)b->workers, worker_item, b);
	for (int m = 0; m < b->workers; m++)
		sum += b->worker_s[m];
	double start = clock_s();
	pool_run(b->pool, ranges, count_item, b);
	pool_run(b->pool, ranges, apply_item, b);
	return clock_s() - start + sum / (lanes < b->workers ? lanes : b->workers);
}

/* Of the gradient and the momentum, the pushes twice, the answer twice, and the parameters. */
static double bytes_of(const struct bench_step_options *o)
{
	double n = (double)o->n, plane = (double)sign_plane_bytes(o->n), m = o->workers;
	return m * (12 * n + 2 * plane) + 2 * plane + 8 * n;
}

struct samples {
	double encode_s[MAX_STEPS], exchange_s[MAX_STEPS], apply_s[MAX_STEPS], baseline_s[MAX_STEPS],
	        ratio[MAX_STEPS];
	size_t count;
};

static void take(struct samples *s, const struct step_row *row, double baseline_s)
{
	size_t i = s->count++;
	s->encode_s[i] = row->encode_s;
	s->exchange_s[i] = row->exchange_s;
	s->apply_s[i] = row->apply_s;
	s->baseline_s[i] = baseline_s;
	s->ratio[i] = (row->encode_s + row->exchange_s + row->apply_s) / baseline_s;
}

static int take_samples(struct trainer *t, struct baseline *b, double seconds, struct samples *s,
                        struct err *e)
{
	double end = clock_s() + seconds;
	s->count = 0;
	for (int step = 0; s->count < MAX_STEPS && (s->count < LEAST_STEPS || clock_s() < end); step++) {
		struct step_row row;
		double baseline_s = baseline_step(b);
		if (trainer_step(t, &row, NULL, e))
			return -1;
		if (step >= WARM_UP)
			take(s, &row, baseline_s);
	}
	return 0;
}

static void sum_up(struct samples *s, const struct bench_step_options *o, struct bench_step_result *out)
{
	*out = (struct bench_step_result){.steps = s->count,
	                                  .encode_s = stats_quantile(s->encode_s, s->count, 0.5),
	                                  .exchange_s = stats_quantile(s->exchange_s, s->count, 0.5),
	                                  .apply_s = stats_quantile(s->apply_s, s->count, 0.5),
	                                  .baseline_s = stats_quantile(s->baseline_s, s->count, 0.5),
	                                  .bytes = bytes_of(o),
	                                  .ratio = stats_quantile(s->ratio, s->count, 0.5),
	                                  .ratio_low = stats_quantile(s->ratio, s->count, 0.25),
	                                  .ratio_high = stats_quantile(s->ratio, s->count, 0.75)};
}

static int read_settings(const struct bench_step_options *o, struct runs *runs, struct err *e)
{
	char text[300];
	snprintf(text, sizeof text,
	         "{\"workers\":%d,\"steps\":%d,\"batch\":1,\"momentum\":0.9,\"lr\":1e-4,\"aggregator\":"
	         "\"vote\","
	         "\"model\":{\"kind\":\"quadratic\",\"dimensions\":%zu,\"noise\":0}}",
	         o->workers, MAX_STEPS + WARM_UP, o->n);
	return experiment_parse(runs, "bench step", text, strlen(text), NULL, 0, e);
}

int bench_step(const struct bench_step_options *o, struct bench_step_result *out, struct err *e)
{
	static struct samples s;
	const struct cpu_level *level = cpu_level_chosen(e);
	struct runs runs;
	if (!level || read_settings(o, &runs, e))
		return -1;
	struct pool *pool = pool_open(o->lanes);
	struct baseline b;
	baseline_open(&b, o, pool, &level->baseline);
	struct trainer *t = trainer_open(&runs.at[0], pool, NULL, e);
	int rc = t ? take_samples(t, &b, o->seconds, &s, e) : -1;
	if (!rc)
		sum_up(&s, o, out);
	if (t)
		trainer_close(t);
	baseline_close(&b);
	pool_close(pool);
	runs_clear(&runs);
	return rc;
}
