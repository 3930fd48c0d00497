/*
 * The probe certificate: at what share of the coordinates f of a step's counted voters, voting otherwise,
 * could turn the majority.
 *
 * V is the sum of the counted votes' signs, an abstention being 0. f voters turn a coordinate if other votes
 * of theirs (+1, -1 or, where messages can, none) could give V another sign: V > 0, V < 0 and V = 0 are three
 * different ones. That is so exactly where
 *
 *   |V| <= 2 f:
 *
 * a vote moves V by 2 at most, so that a larger |V| keeps its sign. If V is not 0, there are |V| voters or
 * more on its side; f of them going over take |V| down by 2 f, or all of them, and then nobody is left there.
 * V = 0 any one voter moves.
 *
 * So a tie counts as turned, whatever `tie` then says: the answer is no longer the majority's. With a coin it
 * may stay what it was, with `positive` it does where V > 0; the share is of what nobody can be sure of. Who
 * abstains is counted, and may vote otherwise.
 *
 * Votes are seen where they are combined, in the lanes: each lane counts coordinates, whole numbers, so that
 * neither lanes nor ranges change the bits.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "probe/probe_internal.h"

#define CERTIFICATE "/probes/certificate/"

enum { CHUNK = 65536, CHUNK_BYTES = CHUNK / 8 /* coordinates whose V a lane has at a time; of a plane */ };

/* Of a lane. */
struct count {
	int16_t *sums;            /* [CHUNK] V; at most VOTES_MOST voters */
	uint64_t *vote, *abstain; /* planes of a chunk; NULL: they are read where they are */
	int64_t *need;            /* [bins] coordinates of this step that so many voters turn, and no fewer */
};

struct certificate {
	const struct settings *s;
	struct count *lanes; /* [n_lanes] */
	int n_lanes;
	size_t n;
	double *row; /* [columns] */
	struct h5_column *step, *turned;
};

/* f from 1 to half of the workers. */
static size_t columns_of(const struct settings *s)
{
	return (size_t)s->workers / 2;
}

/* Half of the workers and one more turn anything. */
static size_t bins_of(const struct settings *s)
{
	return columns_of(s) + 2;
}

void votes_add(size_t n, const uint64_t *vote, const uint64_t *abstain, int16_t *sums)
{
	for (size_t i = 0; i < n; i++) {
		int minus = (int)(vote[i / 64] >> (i % 64) & 1),
		    silent = abstain ? (int)(abstain[i / 64] >> (i % 64) & 1) : 0;
		sums[i] = (int16_t)(sums[i] + (1 - silent) * (1 - 2 * minus));
	}
}

struct certificate *certificate_open(const struct settings *s, const struct backend *be, struct pool *pool,
                                     size_t n, struct h5 *f)
{
	size_t columns = columns_of(s);
	if (s->record.certificate == 0)
		return NULL;
	struct certificate *p = mem_alloc(sizeof *p);
	*p = (struct certificate){.s = s, .n = n, .n_lanes = pool_lanes(pool)};
	p->lanes = mem_array((size_t)p->n_lanes, sizeof *p->lanes);
	for (int i = 0; i < p->n_lanes; i++)
		p->lanes[i] = (struct count){.sums = mem_array(CHUNK, sizeof(int16_t)),
		                             .vote = memory_scratch(be->memory, CHUNK_BYTES),
		                             .abstain = memory_scratch(be->memory, CHUNK_BYTES),
		                             .need = mem_array(bins_of(s), sizeof(int64_t))};
	p->row = mem_array(columns, sizeof *p->row);
	p->step = h5_column(f, CERTIFICATE "step", H5_I64, 0, NULL, "steps", "steps done");
	p->turned =
	        h5_column(f, CERTIFICATE "turned", H5_F64, 1, &columns, "share",
	                  "coordinates that f of the counted voters, voting otherwise, could turn: |V| <= "
	                  "2 f; f from 1 to half of the workers");
	return p;
}

void certificate_close(struct certificate *p)
{
	if (!p)
		return;
	for (int i = 0; i < p->n_lanes; i++) {
		mem_free(p->lanes[i].sums);
		mem_free(p->lanes[i].vote);
		mem_free(p->lanes[i].abstain);
		mem_free(p->lanes[i].need);
	}
	mem_free(p->lanes);
	mem_free(p->row);
	h5_column_close(p->step);
	h5_column_close(p->turned);
	mem_free(p);
}

/* The fewest voters that turn a coordinate with this V. */
static int fewest(int sum)
{
	return sum == 0 ? 1 : (abs(sum) + 1) / 2;
}

static void count_chunk(const struct step_job *job, const struct votes *votes, size_t at, size_t n,
                        struct count *c)
{
	const struct memory *memory = job->be->memory;
	size_t word = at / 64, bytes = sign_plane_bytes(n);
	memset(c->sums, 0, n * sizeof *c->sums);
	for (int m = 0; m < votes->count; m++) {
		const uint64_t *vote = memory_see(memory, job->queue, votes->vote[m] + word, bytes, c->vote);
		const uint64_t *abstain =
		        votes->abstain
		                ? memory_see(memory, job->queue, votes->abstain[m] + word, bytes, c->abstain)
		                : NULL;
		votes_add(n, vote, abstain, c->sums);
	}
	for (size_t i = 0; i < n; i++)
		c->need[fewest(c->sums[i])]++;
}

void certificate_votes(struct certificate *p, const struct step_job *job, int lane, int count,
                       const void *const *pushes, size_t begin, size_t end)
{
	struct vote_list list;
	if (!p || !probe_due(p->s->record.certificate, (int64_t)job->step + 1))
		return;
	struct votes votes = message_votes(job, count, pushes, begin, &list);
	for (size_t at = begin; at < end; at += CHUNK)
		count_chunk(job, &votes, at - begin, end - at < CHUNK ? end - at : CHUNK, &p->lanes[lane]);
}

/* Coordinates of the step that `f` voters turn, and no fewer; the next step begins to count at 0. */
static int64_t take(struct certificate *p, size_t f)
{
	int64_t all = 0;
	for (int i = 0; i < p->n_lanes; i++) {
		all += p->lanes[i].need[f];
		p->lanes[i].need[f] = 0;
	}
	return all;
}

void certificate_step(struct certificate *p, int64_t done)
{
	if (!p || !probe_due(p->s->record.certificate, done))
		return;
	int64_t turned = 0;
	size_t columns = columns_of(p->s);
	for (size_t f = 1; f <= columns; f++) {
		turned += take(p, f);
		p->row[f - 1] = (double)turned / (double)p->n;
	}
	take(p, columns + 1);
	h5_append(p->step, 1, &done);
	h5_append(p->turned, 1, p->row);
}

size_t certificate_bytes(const struct settings *s, size_t lanes)
{
	size_t lane = CHUNK * sizeof(int16_t) + bins_of(s) * sizeof(int64_t);
	return s->record.certificate > 0 ? lanes * lane : 0;
}

size_t certificate_mirror_bytes(const struct settings *s, size_t lanes)
{
	return s->record.certificate > 0 ? lanes * 2 * CHUNK_BYTES : 0;
}

double certificate_file_bytes(const struct settings *s)
{
	double rows = s->record.certificate > 0 ? (double)(s->steps / s->record.certificate) : 0;
	return rows * 8 * (1 + (double)columns_of(s));
}
