/*
 * The engine's work on coordinates: chunks of the messages, mixed in double by the weights so far; sums of
 * squared differences; the answer. All of it is plain C on the host, which reads chunks by the calls of
 * backend/memory.h. Machines that have kernels for it do it themselves: rule_machine.c.
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
	size_t memory = (size_t)s->meeting->count;
	for (int i = 0; i < g->n_alive; i++) {
		size_t place = (size_t)g->alive[i];
		l->x[place] = decode(&job, s->meeting->pushes[place], at, at + count,
		                     l->seen + place * RULE_STRIDE);
	}
	if (rule_last(g)->rule->memory)
		l->x[memory] =
		        decode_floats(&job, s->run->memory, at, at + count, l->seen + memory * RULE_STRIDE);
}

/* --- rows --------------------------------------------------------------------------------------------- */

/* to = sum of weights[c] x_c. A weight of 0 reads nothing: what it belongs to may be no number. */
static void mix_row(const struct row_loops *rows, const struct rule_lane *l, const double *weights,
                    int columns, size_t count, double *to)
{
	size_t mixed = 0;
	for (int c = 0; c < columns; c++)
		if (weights[c] < 0 || weights[c] > 0) {
			l->weight[mixed] = weights[c];
			l->mixed[mixed++] = l->x[c];
		}
	rows->mix(count, mixed, l->weight, l->mixed, to);
}

static double *make_row(const struct row_loops *rows, const struct rule_engine *g, const struct rule_lane *l,
                        int i, size_t count, double *to)
{
	if (g->identity)
		rows->widen(count, l->x[g->alive[i]], to);
	else
		mix_row(rows, l, g->mix + (size_t)i * (size_t)g->columns, g->columns, count, to);
	return to;
}

static void make_rows(const struct row_loops *rows, const struct rule_engine *g, const struct rule_lane *l,
                      size_t count)
{
	for (int i = 0; i < g->n; i++)
		l->row[i] = make_row(rows, g, l, i, count, l->y + (size_t)i * RULE_STRIDE);
}

/*
 * Sort the rows' values of every coordinate: Batcher's merge exchange (Knuth, The Art of Computer
 * Programming, volume 3, Algorithm 5.2.2M), whose exchanges are the same for all coordinates. Messages are
 * sorted as the floats that they are.
 */
static void exchange_rows(const struct row_loops *rows, const struct rule_engine *g,
                          const struct rule_lane *l, size_t count)
{
	int n = g->n, top = 1;
	while (top < n)
		top *= 2;
	for (int p = top / 2; p > 0; p /= 2)
		for (int q = top / 2, r = 0, d = p; d > 0; d = q - p, q /= 2, r = p)
			for (int i = 0; i < n - d; i++) {
				size_t low = (size_t)i * RULE_STRIDE, high = (size_t)(i + d) * RULE_STRIDE;
				if ((i & p) == r && g->identity)
					rows->exchange_floats(count, l->exchanged + low, l->exchanged + high);
				else if ((i & p) == r)
					rows->exchange(count, l->sorted + low, l->sorted + high);
			}
}

/* Rows `first` to `last` of the sorted ones come to stand in l->sorted. */
static void sort_rows(const struct row_loops *rows, const struct rule_engine *g, const struct rule_lane *l,
                      size_t count, int first, int last)
{
	for (int i = 0; i < g->n; i++)
		if (g->identity)
			memcpy(l->exchanged + (size_t)i * RULE_STRIDE, l->x[g->alive[i]],
			       count * sizeof(float));
		else
			memcpy(l->sorted + (size_t)i * RULE_STRIDE, l->row[i], count * sizeof(double));
	exchange_rows(rows, g, l, count);
	for (int i = first; i <= last && g->identity; i++)
		rows->widen(count, l->exchanged + (size_t)i * RULE_STRIDE,
		            l->sorted + (size_t)i * RULE_STRIDE);
}

/* The median of each coordinate, in place of the lower of the middle two. */
static const double *median_row(const struct row_loops *rows, const struct rule_engine *g,
                                const struct rule_lane *l, size_t count)
{
	int low = (g->n - 1) / 2, high = g->n / 2;
	double *a = l->sorted + (size_t)low * RULE_STRIDE;
	const double *b = l->sorted + (size_t)high * RULE_STRIDE;
	sort_rows(rows, g, l, count, low, high);
	for (size_t i = 0; i < count && low < high; i++)
		a[i] = 0.5 * (a[i] + b[i]);
	return a;
}

/* --- scan --------------------------------------------------------------------------------------------- */

/* What is not finite is counted for each message. */
static double *add_nonfinite(const struct rule_step *s, const struct rule_lane *l, size_t count, double *sums)
{
	const struct rule_engine *g = s->engine;
	for (int i = 0; i < g->n; i++)
		*sums++ += (double)s->run->be->rows->nonfinite(count, l->x[g->alive[i]]);
	return sums;
}

static double *add_pairs(const struct rule_step *s, const struct rule_lane *l, size_t count, double *sums)
{
	const struct rule_engine *g = s->engine;
	for (int i = 0, rows = g->view.rows; i < rows - 1; i++) {
		s->run->be->rows->distances(count, l->row[i], (size_t)(rows - i - 1), l->row + i + 1, sums);
		sums += rows - i - 1;
	}
	return sums;
}

/* Messages are made rows one by one: those that no products need stay where the nearest cache has them. */
static double *add_from_others(const struct rule_step *s, const struct rule_lane *l, size_t count,
                               double *sums)
{
	const struct rule_engine *g = s->engine;
	const struct row_loops *rows = s->run->be->rows;
	const double *other[RULE_EXTRA_ROWS + 1];
	double *trusted = l->y + (size_t)g->view.rows * RULE_STRIDE;
	for (int k = 0; k < g->others; k++)
		other[k] = g->other[k] < g->n ? make_row(rows, g, l, g->other[k], count, trusted)
		                              : l->row[g->other[k]];
	for (int i = 0; i < g->n; i++) {
		size_t place = g->products ? (size_t)i : 0;
		if (g->identity)
			l->row[i] = make_row(rows, g, l, i, count, l->y + place * RULE_STRIDE);
		rows->distances(count, l->row[i], (size_t)g->others, other, sums);
		sums += g->others;
	}
	return sums;
}

/* Products of what is left of the rows without the centre. From here on the rows are that. */
static void add_products(const struct rule_step *s, const struct rule_lane *l, size_t count, double *sums)
{
	const struct rule_engine *g = s->engine;
	const struct row_loops *rows = s->run->be->rows;
	const double *centre = l->row[rule_centre(&g->view)];
	for (int i = 0; i < g->n; i++)
		rows->subtract(count, l->row[i], centre, l->y + (size_t)i * RULE_STRIDE);
	for (int i = 0; i < g->n - 1; i++) {
		rows->products(count, l->row[i], (size_t)(g->n - i - 1), l->row + i + 1, sums);
		sums += g->n - i - 1;
	}
}

/* The rows that are no messages. */
static void make_extra(const struct rule_step *s, const struct rule_lane *l, size_t count)
{
	const struct rule_engine *g = s->engine;
	const struct row_loops *rows = s->run->be->rows;
	const int *extra = g->view.extra;
	if (extra[RULE_ORIGIN] >= 0)
		l->row[extra[RULE_ORIGIN]] = g->zeros;
	if (extra[RULE_MEMORY] >= 0) {
		double *memory = l->y + (size_t)extra[RULE_MEMORY] * RULE_STRIDE;
		rows->widen(count, l->x[s->meeting->count], memory);
		l->row[extra[RULE_MEMORY]] = memory;
	}
	if (extra[RULE_MEDIAN] >= 0)
		l->row[extra[RULE_MEDIAN]] = median_row(rows, g, l, count);
}

static void scan_chunk(const struct rule_step *s, int lane, size_t at, size_t count, double *sums)
{
	const struct rule_engine *g = s->engine;
	const struct rule_lane *l = &g->lane[lane];
	read_chunk(s, lane, at, count);
	if (g->identity)
		sums = add_nonfinite(s, l, count, sums);
	if (!g->pairs && !g->others)
		return;
	if (g->pairs || !g->identity)
		make_rows(s->run->be->rows, g, l, count);
	make_extra(s, l, count);
	sums = g->pairs ? add_pairs(s, l, count, sums) : add_from_others(s, l, count, sums);
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

/* Where messages are, if they can stay there. */
static bool by_machine(const struct rule_step *s)
{
	return s->engine->machine && !s->run->decode;
}

void rule_scan(struct rule_step *s)
{
	if (by_machine(s))
		rule_machine_scan(s);
	else
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
	sort_rows(rows, g, l, count, 0, g->n - 1);
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
	if (rule_last(s->engine)->rule->keeps_answer)
		job->be->memory->upload(job->queue, s->run->memory + at, answer, count * sizeof *answer);
}

static void combine_chunk(const struct rule_step *s, int lane, size_t at, size_t count)
{
	const struct rule_engine *g = s->engine;
	const struct rule_lane *l = &g->lane[lane];
	const struct row_loops *rows = s->run->be->rows;
	struct step_job job = job_of(s, lane);
	float answer[RULE_CHUNK];
	read_chunk(s, lane, at, count);
	make_rows(rows, g, l, count);
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
	if (by_machine(s))
		rule_machine_combine(s);
	else
		on_lanes(s, RULE_RANGE, combine_range);
}
