/*
 * The engine's work on coordinates: chunks of the messages in double, mixed by the weights so far; sums of
 * squared differences; the answer. All of it is plain C on the host, which reads chunks by the calls of
 * backend/memory.h.
 */
#include <string.h>
#include "aggregator/rule_internal.h"
#include "base/stats.h"

enum { SUMS = 8 /* sums that run beside each other, for vectors; their order is part of the bits */ };

/* --- reading ------------------------------------------------------------------------------------------ */

static struct step_job job_of(const struct rule_step *s, int lane)
{
	const struct rule_run *r = s->run;
	return (struct step_job){.state = r->state,
	                         .be = r->be,
	                         .queue = r->queues ? r->queues[lane] : NULL,
	                         .seed = r->seed,
	                         .step = s->meeting->step,
	                         .n = r->n,
	                         .push = r->push};
}

static const float *decode_floats(const struct step_job *job, const void *push, size_t begin, size_t end,
                                  float *scratch)
{
	return memory_see(job->be->memory, job->queue, (const float *)push + begin,
	                  (end - begin) * sizeof(float), scratch);
}

static const float *decode_message(const struct step_job *job, const void *push, size_t begin, size_t end,
                                   float *scratch)
{
	message_floats(job, &job->push, push, begin, end, scratch);
	return scratch;
}

static rule_decode_fn *decode_of(const struct rule_run *r)
{
	if (r->decode)
		return r->decode;
	return r->push.kind == MESSAGE_FLOATS ? decode_floats : decode_message;
}

static void widen(const float *from, size_t count, double *to)
{
	for (size_t i = 0; i < count; i++)
		to[i] = from[i];
}

/* The chunk of every message that counts, and of the memory. */
static void read_chunk(const struct rule_step *s, int lane, size_t at, size_t count)
{
	const struct rule_engine *g = s->engine;
	const struct rule_lane *l = &g->lane[lane];
	struct step_job job = job_of(s, lane);
	rule_decode_fn *decode = decode_of(s->run);
	for (int i = 0; i < g->n_alive; i++) {
		size_t place = (size_t)g->alive[i];
		widen(decode(&job, s->meeting->pushes[place], at, at + count, l->seen), count,
		      l->x + place * RULE_STRIDE);
	}
	if (rule_last(g)->rule->memory)
		widen(decode_floats(&job, s->run->memory, at, at + count, l->seen), count,
		      l->x + (size_t)s->meeting->count * RULE_STRIDE);
}

/* --- rows --------------------------------------------------------------------------------------------- */

/* to = sum of weights[c] x_c. A weight of 0 reads nothing: what it belongs to may be no number. */
static void mix_row(const double *weights, int columns, const double *x, size_t count, double *to)
{
	memset(to, 0, count * sizeof *to);
	for (int c = 0; c < columns; c++) {
		const double *from = x + (size_t)c * RULE_STRIDE;
		double w = weights[c];
		for (size_t i = 0; i < count && (w < 0 || w > 0); i++)
			to[i] += w * from[i];
	}
}

static void mix_rows(const struct rule_engine *g, const struct rule_lane *l, size_t count)
{
	for (int i = 0; i < g->n; i++) {
		double *to = l->y + (size_t)i * RULE_STRIDE;
		l->row[i] = g->identity ? l->x + (size_t)g->alive[i] * RULE_STRIDE : to;
		if (!g->identity)
			mix_row(g->mix + (size_t)i * (size_t)g->columns, g->columns, l->x, count, to);
	}
}

static void exchange(double *restrict a, double *restrict b, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		double low = a[i] < b[i] ? a[i] : b[i], high = a[i] < b[i] ? b[i] : a[i];
		a[i] = low;
		b[i] = high;
	}
}

/*
 * Sort the rows' values of every coordinate: Batcher's merge exchange (Knuth, The Art of Computer
 * Programming, volume 3, Algorithm 5.2.2M), whose exchanges are the same for all coordinates.
 */
static void sort_rows(const struct rule_engine *g, const struct rule_lane *l, size_t count)
{
	int n = g->n, top = 1;
	for (int i = 0; i < n; i++)
		memcpy(l->sorted + (size_t)i * RULE_STRIDE, l->row[i], count * sizeof(double));
	while (top < n)
		top *= 2;
	for (int p = top / 2; p > 0; p /= 2)
		for (int q = top / 2, r = 0, d = p; d > 0; d = q - p, q /= 2, r = p)
			for (int i = 0; i < n - d; i++)
				if ((i & p) == r)
					exchange(l->sorted + (size_t)i * RULE_STRIDE,
					         l->sorted + (size_t)(i + d) * RULE_STRIDE, count);
}

/* The median of each coordinate, in place of the lowest sorted values. */
static const double *median_row(const struct rule_engine *g, const struct rule_lane *l, size_t count)
{
	const double *a = l->sorted + (size_t)((g->n - 1) / 2) * RULE_STRIDE,
	             *b = l->sorted + (size_t)(g->n / 2) * RULE_STRIDE;
	sort_rows(g, l, count);
	for (size_t i = 0; i < count; i++)
		l->sorted[i] = a == b ? a[i] : 0.5 * (a[i] + b[i]);
	return l->sorted;
}

/* --- scan --------------------------------------------------------------------------------------------- */

static double square_distance(const double *a, const double *b, size_t count)
{
	double sum[SUMS] = {0};
	size_t i = 0;
	for (; i + SUMS <= count; i += SUMS)
		for (size_t k = 0; k < SUMS; k++)
			sum[k] += (a[i + k] - b[i + k]) * (a[i + k] - b[i + k]);
	for (size_t k = 0; i < count; i++, k++)
		sum[k] += (a[i] - b[i]) * (a[i] - b[i]);
	return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

/* The same of (a - c) (b - c). */
static double product(const double *a, const double *b, const double *c, size_t count)
{
	double sum[SUMS] = {0};
	size_t i = 0;
	for (; i + SUMS <= count; i += SUMS)
		for (size_t k = 0; k < SUMS; k++)
			sum[k] += (a[i + k] - c[i + k]) * (b[i + k] - c[i + k]);
	for (size_t k = 0; i < count; i++, k++)
		sum[k] += (a[i] - c[i]) * (b[i] - c[i]);
	return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

static void add_products(const struct rule_engine *g, const struct rule_lane *l, size_t count, double *sums)
{
	const int *extra = g->view.extra;
	const double *centre = l->row[extra[extra[RULE_MEMORY] >= 0 ? RULE_MEMORY : RULE_MEDIAN]];
	for (int i = 0; i < g->n; i++)
		for (int k = i; k < g->n; k++)
			*sums++ += product(l->row[i], l->row[k], centre, count);
}

static void scan_chunk(const struct rule_step *s, int lane, size_t at, size_t count, double *sums)
{
	const struct rule_engine *g = s->engine;
	const struct rule_lane *l = &g->lane[lane];
	const int *extra = g->view.extra;
	read_chunk(s, lane, at, count);
	mix_rows(g, l, count);
	l->row[extra[RULE_ORIGIN]] = g->zeros;
	if (extra[RULE_MEMORY] >= 0)
		l->row[extra[RULE_MEMORY]] = l->x + (size_t)s->meeting->count * RULE_STRIDE;
	if (extra[RULE_MEDIAN] >= 0)
		l->row[extra[RULE_MEDIAN]] = median_row(g, l, count);
	for (int i = 0; i < g->view.rows; i++)
		for (int k = g->pairs ? i + 1 : g->n; k < g->view.rows && i < k; k++)
			*sums++ += square_distance(l->row[i], l->row[k], count);
	if (g->products)
		add_products(g, l, count, sums);
}

static void scan_block(void *ctx, int lane, size_t item)
{
	const struct rule_step *s = ctx;
	size_t begin = s->meeting->begin + item * MEETING_BLOCK, end = s->meeting->end;
	double *sums = s->engine->sums + begin / MEETING_BLOCK * s->engine->each;
	if (end - begin > MEETING_BLOCK)
		end = begin + MEETING_BLOCK;
	memset(sums, 0, s->engine->each * sizeof *sums);
	for (size_t at = begin; at < end; at += RULE_CHUNK)
		scan_chunk(s, lane, at, end - at < RULE_CHUNK ? end - at : RULE_CHUNK, sums);
}

static void on_lanes(struct rule_step *s, size_t item, void (*job)(void *ctx, int lane, size_t item))
{
	size_t items = (s->meeting->end - s->meeting->begin + item - 1) / item;
	if (s->meeting->pool)
		pool_run(s->meeting->pool, items, job, s);
	for (size_t i = 0; i < items && !s->meeting->pool; i++)
		job(s, 0, i);
}

void rule_scan(struct rule_step *s)
{
	on_lanes(s, MEETING_BLOCK, scan_block);
}

/* --- combine ------------------------------------------------------------------------------------------ */

static void columns(const struct rule_engine *g, const struct rule_lane *l, size_t count, float *answer)
{
	const struct rule_stage *last = rule_last(g);
	double *values = l->column, *sorted = l->column + g->n;
	struct rule_column c = {
	        .state = last->state, .n = g->n, .f = g->f, .values = values, .sorted = sorted};
	sort_rows(g, l, count);
	for (size_t j = 0; j < count; j++) {
		for (int i = 0; i < g->n; i++) {
			values[i] = l->row[i][j];
			sorted[i] = l->sorted[(size_t)i * RULE_STRIDE + j];
		}
		answer[j] = (float)last->rule->column(&c);
	}
}

static void remember(const struct rule_step *s, const struct step_job *job, size_t at, size_t count,
                     const float *answer)
{
	const struct rule_stage *last = rule_last(s->engine);
	float memory[RULE_CHUNK];
	if (!last->rule->after)
		return;
	job->be->memory->download(job->queue, memory, s->run->memory + at, count * sizeof *memory);
	last->rule->after(last->state, count, answer, memory);
	job->be->memory->upload(job->queue, s->run->memory + at, memory, count * sizeof *memory);
}

static void combine_chunk(const struct rule_step *s, int lane, size_t at, size_t count)
{
	const struct rule_engine *g = s->engine;
	const struct rule_lane *l = &g->lane[lane];
	struct step_job job = job_of(s, lane);
	float answer[RULE_CHUNK];
	read_chunk(s, lane, at, count);
	mix_rows(g, l, count);
	if (rule_last(g)->rule->column)
		columns(g, l, count, answer);
	else
		for (size_t j = 0; j < count; j++)
			answer[j] = (float)l->row[0][j];
	job.be->memory->upload(job.queue, (float *)s->meeting->pull + at, answer, count * sizeof *answer);
	remember(s, &job, at, count, answer);
}

static void combine_range(void *ctx, int lane, size_t item)
{
	const struct rule_step *s = ctx;
	size_t begin = s->meeting->begin + item * RULE_RANGE, end = s->meeting->end;
	struct step_job job = job_of(s, lane);
	if (end - begin > RULE_RANGE)
		end = begin + RULE_RANGE;
	for (size_t at = begin; at < end; at += RULE_CHUNK)
		combine_chunk(s, lane, at, end - at < RULE_CHUNK ? end - at : RULE_CHUNK);
	job.be->memory->finish(job.queue);
}

void rule_combine(struct rule_step *s)
{
	on_lanes(s, RULE_RANGE, combine_range);
}
