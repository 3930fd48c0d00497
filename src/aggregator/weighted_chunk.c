/*
 * A weighted vote's work on coordinates: see weighted.h. It is plain C on the host, which reads chunks of the
 * messages by the calls of backend/memory.h. A lane works on whole blocks, and in them on chunks, whose
 * coordinates are cut where a layer ends if layers have weights of their own.
 */
#include <math.h>
#include <string.h>
#include "aggregator/weighted_internal.h"
#include "backend/memory.h"
#include "backend/sign.h"
#include "base/rng.h"

static const double TIE = 1e-12;

/* A chunk of a lane's block. */
struct chunk {
	const struct weighted_round *round;
	struct weighted_lane *lane;
	struct queue *queue;
	size_t block, at, count; /* coordinates [at, at + count) */
};

/* Coordinates [begin, end) of the chunk, counted from its beginning, and which weight of a worker they
 * share. */
struct piece {
	size_t layer, begin, end;
};

/* The piece of the chunk that begins there. */
static struct piece piece_at(const struct chunk *c, size_t begin, size_t layer)
{
	const struct rule_run *r = c->round->run;
	struct layer_range own = {.begin = 0, .end = r->n};
	if (c->round->engine->level == WEIGHTED_LAYER) {
		while (layers_at(r->layers, r->n, layer).end <= c->at + begin)
			layer++;
		own = layers_at(r->layers, r->n, layer);
	}
	size_t end = own.end - c->at < c->count ? own.end - c->at : c->count;
	return (struct piece){layer, begin, end};
}

static struct piece first_piece(const struct chunk *c)
{
	return piece_at(c, 0, c->round->engine->first[c->block]);
}

/* --- reading ------------------------------------------------------------------------------------------ */

static const uint64_t *see(const struct chunk *c, const uint64_t *plane, size_t scratch)
{
	if (!plane)
		return NULL;
	return memory_see(c->round->run->be->memory, c->queue, plane, sign_plane_bytes(c->count),
	                  c->lane->seen + scratch * WEIGHTED_WORDS);
}

static void read_messages(const struct chunk *c)
{
	const struct rule_run *r = c->round->run;
	for (int i = 0; i < c->round->meeting->count; i++) {
		const void *push = c->round->meeting->pushes[i];
		size_t at = 2 * (size_t)i;
		c->lane->vote[i] = see(c, sign_message_vote(push, c->at), at);
		c->lane->silent[i] =
		        see(c, sign_message_abstain(push, r->n, r->push.abstains, c->at), at + 1);
	}
}

/* Where the memory has floats number 0 or 1 of a of the worker at that place, of this chunk. */
static float *memory_at(const struct chunk *c, int place, size_t number)
{
	const struct rule_run *r = c->round->run;
	size_t row = number * (size_t)r->workers + weighted_worker(c->round->meeting, place);
	return r->memory + row * r->n + c->at;
}

/* a of coordinates: first + rest. */
struct agreements {
	const float *first, *rest; /* [count] rest may be NULL */
};

static struct agreements read_agreements(const struct chunk *c, int place)
{
	const struct memory *m = c->round->run->be->memory;
	size_t bytes = c->count * sizeof(float);
	struct agreements out = {memory_see(m, c->queue, memory_at(c, place, 0), bytes, c->lane->a), NULL};
	if (weighted_vectors(c->round->run->state) > 1)
		out.rest = memory_see(m, c->queue, memory_at(c, place, 1), bytes, c->lane->rest);
	return out;
}

static double agreement_at(const struct agreements *a, size_t i)
{
	return (double)a->first[i] + (a->rest ? (double)a->rest[i] : 0);
}

/* --- the answer --------------------------------------------------------------------------------------- */

/* -1, 0 or 1 of coordinate i. */
static int sign_at(const uint64_t *vote, const uint64_t *silent, size_t i)
{
	if (silent && silent[i / 64] >> i % 64 & 1)
		return 0;
	return vote[i / 64] >> i % 64 & 1 ? -1 : 1;
}

static uint64_t bits_of(double x)
{
	uint64_t bits;
	memcpy(&bits, &x, sizeof bits);
	return bits;
}

/* weighted_of(), which the lane may remember. */
static double weight_of(const struct chunk *c, double a, double counted)
{
	uint64_t bits = bits_of(a), rounds = bits_of(counted);
	struct weighted_memo *m =
	        &c->lane->memo[bits * UINT64_C(0x9E3779B97F4A7C15) >> (64 - WEIGHTED_MEMO_BITS)];
	if (m->a != bits || m->c != rounds || counted <= 0)
		*m = (struct weighted_memo){bits, rounds,
		                            weighted_of(weighted_keys(c->round->run), a, counted)};
	return m->w;
}

/* A worker's weights in this chunk, to lane->w. */
static void weigh(const struct chunk *c, int place)
{
	const struct weighted_engine *g = c->round->engine;
	double *w = c->lane->w;
	if (g->by_coordinate) {
		const struct agreements a = read_agreements(c, place);
		double *sum = g->sums + c->block * g->each + (size_t)c->round->run->workers * g->most +
		              (size_t)place;
		for (size_t i = 0; i < c->count; i++) {
			w[i] = weight_of(c, agreement_at(&a, i), g->c[place]);
			*sum += w[i];
		}
		return;
	}
	for (struct piece p = first_piece(c);; p = piece_at(c, p.end, p.layer)) {
		for (size_t i = p.begin; i < p.end; i++)
			w[i] = g->w[(size_t)place * g->layers + p.layer];
		if (p.end == c->count)
			return;
	}
}

/* Add them to the sums, each with the sign of the message. */
static void add(const struct chunk *c, int place)
{
	const struct weighted_lane *l = c->lane;
	const uint64_t *vote = l->vote[place], *silent = l->silent[place];
	for (size_t i = 0; i < c->count; i++) {
		uint64_t minus = vote[i / 64] >> i % 64 & 1, mute = silent ? silent[i / 64] >> i % 64 & 1 : 0;
		uint64_t bits = (bits_of(l->w[i]) ^ minus << 63) & (mute - 1);
		double term;
		memcpy(&term, &bits, sizeof term);
		l->sum[i] += term;
		l->size[i] += fabs(l->w[i]);
	}
}

/* Word k of the chunk's answer. */
static void decide(const struct chunk *c, enum sign_policy tie, const struct stream *coins, size_t k)
{
	struct weighted_lane *l = c->lane;
	uint64_t minus = 0, tied = 0;
	for (size_t bit = 0; bit < 64 && 64 * k + bit < c->count; bit++) {
		size_t i = 64 * k + bit;
		bool none = fabs(l->sum[i]) <= TIE * l->size[i];
		minus |= (uint64_t)(!none && l->sum[i] < 0) << bit;
		tied |= (uint64_t)none << bit;
	}
	l->answer[k] = minus | (tie == SIGN_RANDOM ? tied & stream_bits(coins, c->at / 64 + k) : 0);
	l->quiet[k] = tie == SIGN_ABSTAIN ? tied : 0;
}

static void answer(const struct chunk *c)
{
	const struct rule_run *r = c->round->run;
	enum sign_policy tie = (enum sign_policy)weighted_keys(r)->tie;
	struct stream coins = stream_of(r->seed, RNG_TIE, 0, c->round->meeting->step);
	uint64_t *pull = (uint64_t *)c->round->meeting->pull + c->at / 64;
	size_t bytes = sign_plane_bytes(c->count);
	memset(c->lane->sum, 0, WEIGHTED_CHUNK * sizeof *c->lane->sum);
	memset(c->lane->size, 0, WEIGHTED_CHUNK * sizeof *c->lane->size);
	for (int i = 0; i < c->round->meeting->count; i++) {
		weigh(c, i);
		add(c, i);
	}
	for (size_t k = 0; k < sign_words(c->count); k++)
		decide(c, tie, &coins, k);
	r->be->memory->upload(c->queue, pull, c->lane->answer, bytes);
	if (tie == SIGN_ABSTAIN)
		r->be->memory->upload(c->queue, pull + sign_words(r->n), c->lane->quiet, bytes);
}

/* --- agreement ---------------------------------------------------------------------------------------- */

/* Twice the agreement of the message at that place with the answer, in the coordinates of a piece. */
static double agreement(const struct chunk *c, int place, const struct piece *p)
{
	const struct weighted_lane *l = c->lane;
	const uint64_t *vote = l->vote[place], *silent = l->silent[place];
	int twice = 0;
	for (size_t k = p->begin / 64; 64 * k < p->end; k++) {
		uint64_t mute = (silent ? silent[k] : 0) | l->quiet[k];
		uint64_t mask = p->end - 64 * k < 64 ? sign_mask(p->end, k) : ~UINT64_C(0);
		if (p->begin > 64 * k)
			mask &= ~sign_mask(p->begin, k);
		twice += 2 * __builtin_popcountll(~(vote[k] ^ l->answer[k]) & ~mute & mask) +
		         __builtin_popcountll(mute & mask);
	}
	return twice;
}

static void count_agreement(const struct chunk *c, int place)
{
	const struct weighted_engine *g = c->round->engine;
	double *sums = g->sums + c->block * g->each + (size_t)place * g->most;
	for (struct piece p = first_piece(c);; p = piece_at(c, p.end, p.layer)) {
		sums[p.layer - g->first[c->block]] += agreement(c, place, &p);
		if (p.end == c->count)
			return;
	}
}

/* a of every coordinate. */
static void remember(const struct chunk *c, int place)
{
	const struct rule_run *r = c->round->run;
	const struct weighted_lane *l = c->lane;
	const struct agreements a = read_agreements(c, place);
	size_t bytes = c->count * sizeof *l->a;
	double rho = weighted_keys(r)->rho;
	for (size_t i = 0; i < c->count; i++) {
		int same = sign_at(l->vote[place], l->silent[place], i) * sign_at(l->answer, l->quiet, i);
		weighted_split(rho * agreement_at(&a, i) + (1 + same) * 0.5, &l->a[i], &l->rest[i]);
	}
	r->be->memory->upload(c->queue, memory_at(c, place, 0), l->a, bytes);
	if (a.rest)
		r->be->memory->upload(c->queue, memory_at(c, place, 1), l->rest, bytes);
}

/* --- all of a share ----------------------------------------------------------------------------------- */

static void combine_chunk(const struct chunk *c)
{
	read_messages(c);
	answer(c);
	for (int i = 0; i < c->round->meeting->count; i++) {
		count_agreement(c, i);
		if (c->round->engine->level == WEIGHTED_COORDINATE)
			remember(c, i);
	}
}

static void combine_block(void *ctx, int lane, size_t item)
{
	const struct weighted_round *w = ctx;
	size_t begin = w->meeting->begin + item * MEETING_BLOCK, end = w->meeting->end;
	struct chunk c = {.round = w,
	                  .lane = &w->engine->lane[lane],
	                  .queue = w->run->queues ? w->run->queues[lane] : NULL,
	                  .block = begin / MEETING_BLOCK};
	if (end - begin > MEETING_BLOCK)
		end = begin + MEETING_BLOCK;
	for (c.at = begin; c.at < end; c.at += WEIGHTED_CHUNK) {
		c.count = end - c.at < WEIGHTED_CHUNK ? end - c.at : WEIGHTED_CHUNK;
		combine_chunk(&c);
	}
	w->run->be->memory->finish(c.queue);
}

void weighted_combine(struct weighted_round *w)
{
	size_t items = (w->meeting->end - w->meeting->begin + MEETING_BLOCK - 1) / MEETING_BLOCK;
	if (w->meeting->pool)
		pool_run(w->meeting->pool, items, combine_block, w);
	for (size_t i = 0; i < items && !w->meeting->pool; i++)
		combine_block(w, 0, i);
}
