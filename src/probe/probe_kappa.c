/*
 * The probe kappa: how far the answer F of a step is from the honest mean, in units of the honest spread,
 *
 *   kappa = ||F - mu||^2 / (1/h) sum over H of ||v_i - mu||^2,   mu = (1/h) sum over H of v_i,
 *
 * H the vectors that the h honest workers counted in the step hand to the compressor (Allouah et al. 2023,
 * Definition 2, of the one set that is true). Sums over workers run in their order, over coordinates in
 * blocks of MEETING_BLOCK which are added in order, all in double: so the bits do not depend on the lanes.
 *
 * The bound is that of the aggregator with all that stands before it (rule_kappa()), for the n and f of the
 * step. It is one for every set of n - f messages, and so for the mean over all such subsets of H if h >= n -
 * f: their means average to mu, and their spreads to no more than that of H. With more than f Byzantine
 * messages nothing is promised.
 */
#include <math.h>
#include "base/mem.h"
#include "probe/probe_internal.h"

#define KAPPA "/probes/kappa/"

enum { CHUNK = 1024 /* coordinates of all vectors that stay in a near cache */ };

struct sums {
	double error, spread;
};

/* Where a lane reads. */
struct reader_lane {
	struct queue *queue;
	float *answer;       /* [CHUNK] NULL: it is read where it is */
	float *scratch;      /* [M][CHUNK] the same */
	const float **chunk; /* [M] of the honest vectors */
};

struct kappa {
	const struct settings *s;
	const struct backend *be;
	struct pool *pool;
	size_t n;
	struct reader_lane *lanes; /* [lanes] */
	struct sums *blocks;       /* [blocks] */
	const float **honest;      /* [M] -> [n] those of the present step */
	int h;
	const float *answer; /* [n] of the present step */
	struct h5_column *step, *kappa, *bound, *error, *spread;
};

static void open_columns(struct kappa *p, struct h5 *f)
{
	p->step = h5_column(f, KAPPA "step", H5_I64, 0, NULL, "steps", "steps done");
	p->kappa = h5_column(f, KAPPA "kappa", H5_F64, 0, NULL, "1",
	                     "error over spread; NaN in a withheld step, and where the counted honest "
	                     "workers' vectors are "
	                     "none or not finite; no finite number where they are all the same");
	p->bound = h5_column(f, KAPPA "bound", H5_F64, 0, NULL, "1",
	                     "largest kappa that the aggregator allows; NaN: none is known, or more messages "
	                     "than f are Byzantine");
	p->error = h5_column(f, KAPPA "error", H5_F64, 0, NULL, "",
	                     "squared distance of the answer from the mean of the honest workers' vectors");
	p->spread = h5_column(f, KAPPA "spread", H5_F64, 0, NULL, "",
	                      "mean squared distance of the honest workers' vectors from their mean");
}

struct kappa *kappa_open(const struct settings *s, const struct backend *be, struct pool *pool, size_t n,
                         struct h5 *f)
{
	size_t workers = (size_t)s->workers;
	if (s->record.kappa == 0)
		return NULL;
	struct kappa *p = mem_alloc(sizeof *p);
	*p = (struct kappa){.s = s, .be = be, .pool = pool, .n = n};
	p->lanes = mem_array((size_t)pool_lanes(pool), sizeof *p->lanes);
	for (int i = 0; i < pool_lanes(pool); i++)
		p->lanes[i] = (struct reader_lane){
		        .queue = be->memory->queue_open(),
		        .answer = memory_scratch(be->memory, CHUNK * sizeof(float)),
		        .scratch = memory_scratch(be->memory, workers * CHUNK * sizeof(float)),
		        .chunk = mem_array(workers, sizeof(float *)),
		};
	p->blocks = mem_array(meeting_blocks(n), sizeof *p->blocks);
	p->honest = mem_array(workers, sizeof *p->honest);
	open_columns(p, f);
	return p;
}

void kappa_close(struct kappa *p)
{
	if (!p)
		return;
	for (int i = 0; i < pool_lanes(p->pool); i++) {
		p->be->memory->queue_close(p->lanes[i].queue);
		mem_free(p->lanes[i].answer);
		mem_free(p->lanes[i].scratch);
		mem_free(p->lanes[i].chunk);
	}
	mem_free(p->lanes);
	mem_free(p->blocks);
	mem_free(p->honest);
	struct h5_column *columns[] = {p->step, p->kappa, p->bound, p->error, p->spread};
	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
		h5_column_close(columns[i]);
	mem_free(p);
}

/* The chunk of every honest vector, and of the answer. */
static const float *read_chunk(const struct kappa *p, const struct reader_lane *l, size_t at, size_t count)
{
	const struct memory *m = p->be->memory;
	size_t bytes = count * sizeof(float);
	for (int i = 0; i < p->h; i++)
		l->chunk[i] = memory_see(m, l->queue, p->honest[i] + at, bytes,
		                         l->scratch ? l->scratch + (size_t)i * CHUNK : NULL);
	return memory_see(m, l->queue, p->answer + at, bytes, l->answer);
}

static void add_chunk(const struct kappa *p, const struct reader_lane *l, size_t at, size_t count,
                      struct sums *out)
{
	const float *answer = read_chunk(p, l, at, count);
	for (size_t j = 0; j < count; j++) {
		double mean = 0, away = 0;
		for (int i = 0; i < p->h; i++)
			mean += (double)l->chunk[i][j];
		mean /= p->h;
		for (int i = 0; i < p->h; i++)
			away += ((double)l->chunk[i][j] - mean) * ((double)l->chunk[i][j] - mean);
		out->spread += away;
		out->error += ((double)answer[j] - mean) * ((double)answer[j] - mean);
	}
}

static void add_block(void *ctx, int lane, size_t block)
{
	const struct kappa *p = ctx;
	size_t begin = block * MEETING_BLOCK,
	       end = p->n - begin < MEETING_BLOCK ? p->n : begin + MEETING_BLOCK;
	p->blocks[block] = (struct sums){0, 0};
	for (size_t at = begin; at < end; at += CHUNK)
		add_chunk(p, &p->lanes[lane], at, end - at < CHUNK ? end - at : CHUNK, &p->blocks[block]);
}

/* By queues of its own, of lanes that do not know whose work the answer is: `queue` has all of it behind it.
 */
static struct sums measure(struct kappa *p, struct queue *queue)
{
	struct sums all = {0, 0};
	p->be->memory->finish(queue);
	pool_run(p->pool, meeting_blocks(p->n), add_block, p);
	for (size_t b = 0; b < meeting_blocks(p->n); b++) {
		all.error += p->blocks[b].error;
		all.spread += p->blocks[b].spread;
	}
	all.spread /= p->h;
	return all;
}

/* Messages that count for the rule stand in its report in order of worker; how many honest ones are theirs.
 */
static int honest_counted(const struct kappa *p, const struct probe_view *v)
{
	int counted = 0;
	for (int64_t m = 0, at = 0; m < p->s->workers; m++) {
		if (v->born[m] < 0)
			continue;
		counted += v->honest[m] && !v->report->removed[at];
		at++;
	}
	return counted;
}

static double bound_of(const struct kappa *p, const struct probe_view *v)
{
	const struct rule_report *r = v->report;
	if (!r || !v->pull || honest_counted(p, v) < r->n - r->f)
		return NAN;
	return rule_kappa(v->method->aggregator, v->method->aggregator_state, r->n, r->f);
}

void kappa_step(struct kappa *p, const struct probe_view *v, int64_t done)
{
	struct sums all = {NAN, NAN};
	if (!p || !probe_due(p->s->record.kappa, done))
		return;
	p->h = 0;
	p->answer = v->pull;
	for (int m = 0; m < v->count; m++)
		if (v->honest[m] && v->born[m] >= 0)
			p->honest[p->h++] = v->workers[m].v;
	if (v->pull && p->h > 0)
		all = measure(p, v->job->queue);
	double kappa = all.error / all.spread, bound = bound_of(p, v);
	h5_append(p->step, 1, &done);
	h5_append(p->kappa, 1, &kappa);
	h5_append(p->bound, 1, &bound);
	h5_append(p->error, 1, &all.error);
	h5_append(p->spread, 1, &all.spread);
}

size_t kappa_bytes(const struct settings *s, size_t n, size_t lanes)
{
	size_t pointers = (lanes + 1) * (size_t)s->workers * sizeof(float *);
	return s->record.kappa > 0 ? meeting_blocks(n) * sizeof(struct sums) + pointers : 0;
}

size_t kappa_mirror_bytes(const struct settings *s, size_t lanes)
{
	return s->record.kappa > 0 ? lanes * ((size_t)s->workers + 1) * CHUNK * sizeof(float) : 0;
}

double kappa_file_bytes(const struct settings *s)
{
	return s->record.kappa > 0 ? 8.0 * 5 * (double)(s->steps / s->record.kappa) : 0;
}
