/*
 * What a weighted vote remembers and weighs: see weighted.h.
 *
 * The memory is a [M][n] of coordinates, if weights are theirs; then c [M], a [M] of whole messages and, if
 * weights are of layers, a [M][layers]. Each is a number of 48 bits, two floats that are added: what comes to
 * it in a round may be small beside it, and equal histories in another order must be a tie. Of coordinates
 * the second floats are [M][n] behind the first ones, and only where rho is below 1: else a is a number of
 * halves, for which one float is exact in 2^23 rounds. c is the same for all coordinates of a worker.
 */
#include "aggregator/weighted.h"
#include <string.h>
#include "aggregator/weighted_internal.h"
#include "backend/sign.h"
#include "base/mem.h"

bool weighted_abstains(const void *state)
{
	return ((const struct weighted_keys *)state)->tie == SIGN_ABSTAIN;
}

/* --- memory ------------------------------------------------------------------------------------------- */

static enum weighted_level level_of(const void *state)
{
	return (enum weighted_level)((const struct weighted_keys *)state)->weights;
}

static size_t layers_of(const void *state, const struct layers *layers)
{
	return level_of(state) == WEIGHTED_LAYER ? layers_count(layers) : 1;
}

static size_t numbers_of(const void *state, const struct layers *layers, size_t workers)
{
	return workers * (2 + (level_of(state) == WEIGHTED_LAYER ? layers_of(state, layers) : 0));
}

struct rule_memory weighted_memory(const struct rule_size *s)
{
	struct rule_memory out = {.vectors = s->workers * weighted_vectors(s->state)};
	size_t numbers = 2 * numbers_of(s->state, s->layers, s->workers);
	if (__builtin_mul_overflow(out.vectors, s->n, &out.floats) ||
	    __builtin_add_overflow(out.floats, numbers, &out.floats))
		out.floats = SIZE_MAX;
	return out;
}

/* Where the numbers are. */
static float *numbers_at(const struct rule_run *r)
{
	return r->memory + (size_t)r->workers * weighted_vectors(r->state) * r->n;
}

static double number(const struct weighted_engine *g, size_t i)
{
	return (double)g->seen[2 * i] + (double)g->seen[2 * i + 1];
}

static void set_number(struct weighted_engine *g, size_t i, double value)
{
	weighted_split(value, &g->seen[2 * i], &g->seen[2 * i + 1]);
}

/* The places of a worker's a among the numbers: of whole messages, and of a layer. */
static size_t whole_at(const struct rule_run *r, size_t worker)
{
	return (size_t)r->workers + worker;
}

static size_t layer_at(const struct rule_run *r, size_t worker, size_t layer)
{
	return 2 * (size_t)r->workers + worker * r->weighted->layers + layer;
}

/* --- open and close ----------------------------------------------------------------------------------- */

/* Which layers each block of coordinates has. */
static void find_layers(const struct rule_run *r, struct weighted_engine *g)
{
	size_t blocks = meeting_blocks(r->n);
	g->first = mem_array(blocks, sizeof *g->first);
	g->most = 1;
	for (size_t b = 0, first = 0; b < blocks && g->level == WEIGHTED_LAYER; b++) {
		size_t begin = b * MEETING_BLOCK, end = begin + MEETING_BLOCK, last;
		while (layers_at(r->layers, r->n, first).end <= begin)
			first++;
		for (last = first; last + 1 < g->layers && layers_at(r->layers, r->n, last + 1).begin < end;)
			last++;
		g->first[b] = first;
		g->most = last + 1 - first > g->most ? last + 1 - first : g->most;
	}
}

static void open_lanes(const struct rule_run *r, struct weighted_engine *g)
{
	size_t workers = (size_t)r->workers;
	g->lane = mem_array((size_t)r->lanes, sizeof *g->lane);
	for (int i = 0; i < r->lanes; i++)
		g->lane[i] = (struct weighted_lane){
		        .vote = mem_array(workers, sizeof(uint64_t *)),
		        .silent = mem_array(workers, sizeof(uint64_t *)),
		        .seen = mem_array(2 * workers * WEIGHTED_WORDS, sizeof(uint64_t)),
		        .sum = mem_array(WEIGHTED_CHUNK, sizeof(double)),
		        .size = mem_array(WEIGHTED_CHUNK, sizeof(double)),
		        .w = mem_array(WEIGHTED_CHUNK, sizeof(double)),
		        .memo = mem_array((size_t)1 << WEIGHTED_MEMO_BITS, sizeof(struct weighted_memo)),
		        .a = mem_array(WEIGHTED_CHUNK, sizeof(float)),
		        .rest = mem_array(WEIGHTED_CHUNK, sizeof(float))};
}

void weighted_open(struct rule_run *r)
{
	struct weighted_engine *g = mem_alloc(sizeof *g);
	size_t workers = (size_t)r->workers;
	g->level = level_of(r->state);
	g->layers = layers_of(r->state, r->layers);
	g->numbers = numbers_of(r->state, r->layers, workers);
	find_layers(r, g);
	open_lanes(r, g);
	g->each = workers * (g->most + (g->level == WEIGHTED_COORDINATE));
	g->sums = mem_array(meeting_blocks(r->n) * g->each, sizeof *g->sums);
	g->seen = mem_array(2 * g->numbers, sizeof *g->seen);
	g->w = mem_array(workers * g->layers, sizeof *g->w);
	g->c = mem_array(workers, sizeof *g->c);
	g->agreement = mem_array(g->layers, sizeof *g->agreement);
	g->weights = mem_array(workers, sizeof *g->weights);
	g->removed = mem_array(workers, sizeof *g->removed);
	r->weighted = g;
}

size_t weighted_bytes(const struct rule_size *s)
{
	size_t layers = layers_of(s->state, s->layers), lane, sums, all;
	/* as if every layer were in every block */
	bool more = __builtin_mul_overflow(s->lanes,
	                                   s->workers * 18 * WEIGHTED_WORDS + 4 * WEIGHTED_CHUNK +
	                                           (3 << WEIGHTED_MEMO_BITS),
	                                   &lane) ||
	            __builtin_mul_overflow(s->workers * (layers + 1), meeting_blocks(s->n), &sums) ||
	            __builtin_add_overflow(lane, sums, &all) ||
	            __builtin_add_overflow(all, s->workers * (layers + 4), &all) ||
	            __builtin_mul_overflow(all, sizeof(double), &all);
	return more ? SIZE_MAX : all;
}

void weighted_close(struct rule_run *r)
{
	struct weighted_engine *g = r->weighted;
	for (int i = 0; i < r->lanes; i++) {
		const struct weighted_lane *l = &g->lane[i];
		void *const own[] = {
		        (void *)l->vote, (void *)l->silent, l->seen, l->sum, l->size, l->w, l->a, l->rest,
		        l->memo};
		for (size_t k = 0; k < sizeof own / sizeof *own; k++)
			mem_free(own[k]);
	}
	void *const all[] = {g->lane, g->first,     g->sums,    g->seen,    g->w,
	                     g->c,    g->agreement, g->weights, g->removed, g};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		mem_free(all[i]);
	r->weighted = NULL;
}

/* --- a round ------------------------------------------------------------------------------------------ */

static void weigh(const struct weighted_round *w)
{
	struct weighted_engine *g = w->engine;
	const struct weighted_keys *k = weighted_keys(w->run);
	bool initial = w->meeting->step < (uint64_t)k->initial_rounds;
	g->by_coordinate = !initial && g->level == WEIGHTED_COORDINATE;
	for (int i = 0; i < w->meeting->count; i++) {
		size_t worker = weighted_worker(w->meeting, i);
		double whole = number(g, whole_at(w->run, worker)), *own = g->w + (size_t)i * g->layers;
		g->c[i] = number(g, worker);
		for (size_t l = 0; l < g->layers; l++)
			own[l] = !initial && g->level == WEIGHTED_LAYER
			                 ? weighted_of(k, number(g, layer_at(w->run, worker, l)), g->c[i])
			         : initial && !w->run->agg->weighing->at_once
			                 ? 1
			                 : weighted_of(k, whole, g->c[i]);
	}
}

/* Sum of a place's sums number `at` [most] over all blocks, by layer. Returns all of them together. */
static double add_up(const struct weighted_round *w, int place)
{
	struct weighted_engine *g = w->engine;
	double all = 0;
	memset(g->agreement, 0, g->layers * sizeof *g->agreement);
	for (size_t b = 0; b < meeting_blocks(w->run->n); b++) {
		const double *of = g->sums + b * g->each + (size_t)place * g->most;
		for (size_t k = 0; k < g->most && g->first[b] + k < g->layers; k++) {
			g->agreement[g->first[b] + k] += of[k];
			all += of[k];
		}
	}
	return all;
}

static void remember(const struct weighted_round *w)
{
	struct weighted_engine *g = w->engine;
	const struct rule_run *r = w->run;
	double rho = weighted_keys(r)->rho;
	for (int i = 0; i < w->meeting->count; i++) {
		size_t worker = weighted_worker(w->meeting, i), whole = whole_at(r, worker);
		double twice = add_up(w, i);
		set_number(g, worker, rho * g->c[i] + 1);
		set_number(g, whole, rho * number(g, whole) + twice / (2 * (double)r->n));
		for (size_t l = 0; l < g->layers && g->level == WEIGHTED_LAYER; l++) {
			struct layer_range at = layers_at(r->layers, r->n, l);
			size_t own = layer_at(r, worker, l);
			set_number(g, own,
			           rho * number(g, own) +
			                   g->agreement[l] / (2 * (double)(at.end - at.begin)));
		}
	}
}

/* The mean of its weights over the coordinates. */
static double mean_weight(const struct weighted_round *w, int place)
{
	const struct weighted_engine *g = w->engine;
	const struct rule_run *r = w->run;
	double sum = 0;
	for (size_t b = 0; b < meeting_blocks(r->n) && g->by_coordinate; b++)
		sum += g->sums[b * g->each + (size_t)r->workers * g->most + (size_t)place];
	for (size_t l = 0; l < g->layers && !g->by_coordinate && g->layers > 1; l++) {
		struct layer_range at = layers_at(r->layers, r->n, l);
		sum += (double)(at.end - at.begin) * g->w[(size_t)place * g->layers + l];
	}
	return g->by_coordinate || g->layers > 1 ? sum / (double)r->n : g->w[place];
}

enum meeting_end weighted_meet(struct rule_run *r, const struct meeting *m, struct err *e)
{
	struct weighted_engine *g = r->weighted;
	struct weighted_round w = {.run = r, .engine = g, .meeting = m};
	const struct memory *memory = r->be->memory;
	struct queue *q = r->queues ? r->queues[0] : NULL;
	size_t bytes = 2 * g->numbers * sizeof *g->seen;
	memory->download(q, g->seen, numbers_at(r), bytes);
	weigh(&w);
	memset(g->sums, 0, meeting_blocks(r->n) * g->each * sizeof *g->sums);
	weighted_combine(&w);
	if (m->gather && m->gather(m->self, g->sums, g->each, e))
		return MEETING_FAILED;
	remember(&w);
	memory->upload(q, numbers_at(r), g->seen, bytes);
	memory->finish(q);
	for (int i = 0; i < m->count; i++)
		g->weights[i] = mean_weight(&w, i);
	r->report = (struct rule_report){.n = m->count,
	                                 .has_weights = true,
	                                 .weights = g->weights,
	                                 .removed = g->removed,
	                                 .withheld = ""};
	return MEETING_ANSWERED;
}
