/*
 * The engine's work on coordinates: chunks of the messages in double, mixed by the weights so far; sums of
 * squared differences; the answer. All of it is plain C on the host, which reads chunks by the calls of
 * backend/memory.h.
 */
#include <string.h>
#include "aggregator/rule_internal.h"
#include "base/stats.h"

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

/* The chunk of every message that counts, and of the memory. */
static void read_chunk(const struct rule_step *s, int lane, size_t at, size_t count)
{
	const struct rule_engine *g = s->engine;
	const struct rule_lane *l = &g->lane[lane];
	struct step_job job = job_of(s, lane);
	rule_decode_fn *decode = decode_of(s->run);
	const struct row_loops *rows = s->run->be->rows;
	for (int i = 0; i < g->n_alive; i++) {
		size_t place = (size_t)g->alive[i];
		rows->widen(count, decode(&job, s->meeting->pushes[place], at, at + count, l->seen),
		            l->x + place * RULE_STRIDE);
	}
	if (rule_last(g)->rule->memory)
		rows->widen(count, decode_floats(&job, s->run->memory, at, at + count, l->seen),
		            l->x + (size_t)s->meeting->count * RULE_STRIDE);
}

/* --- rows --------------------------------------------------------------------------------------------- */

/* to = sum of weights[c] x_c. A weight of 0 reads nothing: what it belongs to may be no number. */
static void mix_row(const struct row_loops *rows, const double *weights, int columns, const double *x,
                    size_t count, double *to)
{
	memset(to, 0, count * sizeof *to);
	for (int c = 0; c < columns; c++)
		if (weights[c] < 0 || weights[c] > 0)
			rows->add_scaled(count, weights[c], x + (size_t)c * RULE_STRIDE, to);
}

static void mix_rows(const struct row_loops *rows, const struct rule_engine *g, const struct rule_lane *l,
                     size_t count)
{
	for (int i = 0; i < g->n; i++) {
		double *to = l->y + (size_t)i * RULE_STRIDE;
		l->row[i] = g->identity ? l->x + (size_t)g->alive[i] * RULE_STRIDE : to;
		if (!g->identity)
			mix_row(rows, g->mix + (size_t)i * (size_t)g->columns, g->columns, l->x, count, to);
	}
}

/*
 * Sort the rows' values of every coordinate: Batcher's merge exchange (Knuth, The Art of Computer
 * Programming, volume 3, Algorithm 5.2.2M), whose exchanges are the same for all coordinates.
 */
static void sort_rows(const struct row_loops *rows, const struct rule_engine *g, const struct rule_lane *l,
                      size_t count)
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
					rows->exchange(count, l->sorted + (size_t)i * RULE_STRIDE,
					               l->sorted + (size_t)(i + d) * RULE_STRIDE);
}

/* The median of each coordinate, in place of the lowest sorted values. */
static const double *median_row(const struct row_loops *rows, const struct rule_engine *g,
                                const struct rule_lane *l, size_t count)
{
	const double *a = l->sorted + (size_t)((g->n - 1) / 2) * RULE_STRIDE,
	             *b = l->sorted + (size_t)(g->n / 2) * RULE_STRIDE;
	sort_rows(rows, g, l, count);
	for (size_t i = 0; i < count; i++)
		l->sorted[i] = a == b ? a[i] : 0.5 * (a[i] + b[i]);
	return l->sorted;
}

/* --- scan --------------------------------------------------------------------------------------------- */

/* Products of what is left of the rows without the centre. From here on the rows are that. */
static void add_products(const struct rule_step *s, const struct rule_lane *l, size_t count, double *sums)
{
	const struct rule_engine *g = s->engine;
	const struct row_loops *rows = s->run->be->rows;
	const int *extra = g->view.extra;
	const double *centre = l->row[extra[extra[RULE_MEMORY] >= 0 ? RULE_MEMORY : RULE_MEDIAN]];
	for (int i = 0; i < g->n; i++) {
		double *to = l->y + (size_t)i * RULE_STRIDE;
		rows->subtract(count, l->row[i], centre, to);
		l->row[i] = to;
	}
	for (int i = 0; i < g->n; i++) {
		rows->products(count, l->row[i], (size_t)(g->n - i), l->row + i, sums);
		sums += g->n - i;
	}
}

static void scan_chunk(const struct rule_step *s, int lane, size_t at, size_t count, double *sums)
{
	const struct rule_engine *g = s->engine;
	const struct rule_lane *l = &g->lane[lane];
	const struct row_loops *rows = s->run->be->rows;
	const int *extra = g->view.extra;
	read_chunk(s, lane, at, count);
	mix_rows(rows, g, l, count);
	l->row[extra[RULE_ORIGIN]] = g->zeros;
	if (extra[RULE_MEMORY] >= 0)
		l->row[extra[RULE_MEMORY]] = l->x + (size_t)s->meeting->count * RULE_STRIDE;
	if (extra[RULE_MEDIAN] >= 0)
		l->row[extra[RULE_MEDIAN]] = median_row(rows, g, l, count);
	for (int i = 0; i < (g->pairs ? g->view.rows : g->n); i++) {
		int from = g->pairs ? i + 1 : g->n;
		rows->distances(count, l->row[i], (size_t)(g->view.rows - from), l->row + from, sums);
		sums += g->view.rows - from;
	}
	if (rule_scans_trusted(g)) {
		rows->distances(count, l->row[g->view.trusted], (size_t)g->n, l->row, sums);
		sums += g->n;
	}
	if (g->products)
		add_products(s, l, count, sums);
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

static void columns(const struct row_loops *rows, const struct rule_engine *g, const struct rule_lane *l,
                    size_t count, float *answer)
{
	const struct rule_stage *last = rule_last(g);
	double *values = l->column, *sorted = l->column + g->n;
	struct rule_column c = {
	        .state = last->state, .n = g->n, .f = g->f, .values = values, .sorted = sorted};
	sort_rows(rows, g, l, count);
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
	const struct row_loops *rows = s->run->be->rows;
	struct step_job job = job_of(s, lane);
	float answer[RULE_CHUNK];
	read_chunk(s, lane, at, count);
	mix_rows(rows, g, l, count);
	if (rule_last(g)->rule->column)
		columns(rows, g, l, count, answer);
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
