/* Probes: one function for each group, due every so many steps. */
#include <math.h>
#include <string.h>
#include "base/mem.h"
#include "probe/probe_internal.h"

#define PROBE_BYTES_MAX 0x1p60

/* Signs [words], on the machine and where this thread reads them. */
struct plane {
	uint64_t *at, *seen;
};

struct probe {
	const struct settings *s;
	const struct backend *be;
	struct queue *queue;
	size_t n, words;
	struct h5_column *steps[5]; /* the `step` column of each group, in order of `enum group` */
	struct h5_column *agreement, *votes, *l1, *l2, *rate, *full_l1, *full_l2, *x;
	struct plane vote, abstain, pull_vote, pull_abstain;
	int16_t *sums;  /* [n] V of every coordinate; at most 4096 voters */
	double *row;    /* [M] */
	int64_t *bins;  /* [2M+1] */
	float *full;    /* [n] */
	double *number; /* a sum, on the machine */
	float *seen;    /* [n] where a vector of the machine is read; NULL: where it is */
	struct weights *weights;
	struct kappa *kappa;
	struct certificate *certificate;
	struct noise *noise;
	struct moments *moments;
	bool noise_due, moments_due; /* in the present pass */
};

enum group { AGREEMENT, MARGIN, NORMS, SIGN_FAILURE, SNAPSHOTS };

static const char *const step_paths[] = {"/probes/agreement/step", "/probes/margin/step",
                                         "/probes/norms/step", "/probes/sign_failure/step",
                                         "/probes/snapshots/step"};

static int64_t every(const struct settings *s, enum group g)
{
	const int64_t all[] = {s->record.agreement, s->record.margin, s->record.norms, s->record.sign_failure,
	                       s->record.snapshots};
	return all[g];
}

/* Is a row of group g due when `step` steps were done before this one? */
static bool due(const struct settings *s, enum group g, int64_t step)
{
	return probe_due(every(s, g), step + 1);
}

const char *probe_needs_all(const struct settings *s)
{
	static const char *const names[] = {"agreement", "margin", "norms", "sign_failure"};
	for (int g = AGREEMENT; g <= SIGN_FAILURE; g++)
		if (every(s, (enum group)g) > 0)
			return names[g];
	return NULL;
}

static bool wants_planes(const struct settings *s)
{
	return s->record.agreement > 0 || s->record.margin > 0 || s->record.sign_failure > 0;
}

/* Gradients of a full pass, or the parameters. */
static bool reads_vectors(const struct settings *s)
{
	return settings_has_passes(s) || s->record.snapshots > 0;
}

struct probe_wants probe_wants(const struct settings *s, int64_t step)
{
	return (struct probe_wants){.norms = due(s, NORMS, step), .signs = due(s, SIGN_FAILURE, step)};
}

static void open_columns(struct probe *p, struct h5 *f)
{
	size_t m = (size_t)p->s->workers, bins = 2 * m + 1;
	for (int g = AGREEMENT; g <= SNAPSHOTS; g++)
		if (every(p->s, (enum group)g) > 0)
			p->steps[g] = h5_column(f, step_paths[g], H5_I64, 0, NULL, "steps", "steps done");
	if (p->s->record.agreement > 0)
		p->agreement =
		        h5_column(f, "/probes/agreement/agreement", H5_F64, 1, &m, "share",
		                  "coordinates at which each worker's push has the sign of the answer");
	if (p->s->record.margin > 0)
		p->votes = h5_column(f, "/probes/margin/votes", H5_I64, 1, &bins, "coordinates",
		                     "coordinates by V, the sum of the voters' signs, from -M to M");
	if (p->s->record.norms > 0) {
		p->l1 = h5_column(f, "/probes/norms/l1", H5_F64, 1, &m, "",
		                  "L1 norm of each mini-batch gradient");
		p->l2 = h5_column(f, "/probes/norms/l2", H5_F64, 1, &m, "",
		                  "L2 norm of each mini-batch gradient");
	}
	if (p->s->record.sign_failure > 0) {
		p->rate = h5_column(
		        f, "/probes/sign_failure/rate", H5_F64, 1, &m, "share",
		        "coordinates at which a mini-batch gradient's sign is not the full gradient's");
		p->full_l1 = h5_column(f, "/probes/sign_failure/full_l1", H5_F64, 0, NULL, "",
		                       "L1 norm of the full gradient");
		p->full_l2 = h5_column(f, "/probes/sign_failure/full_l2", H5_F64, 0, NULL, "",
		                       "L2 norm of the full gradient");
	}
	if (p->s->record.snapshots > 0)
		p->x = h5_column(f, "/probes/snapshots/x", H5_F32, 1, &p->n, "", "parameters");
}

static void open_plane(const struct probe *p, struct plane *plane)
{
	size_t bytes = sign_plane_bytes(p->n);
	plane->at = p->be->memory->alloc(bytes, "planes of probes");
	plane->seen = memory_mirror(p->be->memory, plane->at, bytes);
}

static void close_plane(const struct probe *p, struct plane *plane)
{
	memory_mirror_free(p->be->memory, plane->seen);
	p->be->memory->release(plane->at);
}

struct probe *probe_open(const struct settings *s, const struct backend *be, struct queue *queue,
                         struct pool *pool, size_t n, struct record *r)
{
	struct probe *p = mem_alloc(sizeof *p);
	*p = (struct probe){.s = s, .be = be, .queue = queue, .n = n, .words = sign_words(n)};
	open_columns(p, record_file(r));
	if (wants_planes(s)) {
		struct plane *planes[] = {&p->vote, &p->abstain, &p->pull_vote, &p->pull_abstain};
		for (size_t i = 0; i < 4; i++)
			open_plane(p, planes[i]);
	}
	if (s->record.margin > 0)
		p->sums = mem_array(n, sizeof *p->sums);
	p->row = mem_array((size_t)s->workers, sizeof *p->row);
	p->bins = mem_array(2 * (size_t)s->workers + 1, sizeof *p->bins);
	if (s->record.sign_failure > 0)
		p->full = be->memory->alloc(n * sizeof(float), "gradient of a probe");
	p->number = be->memory->alloc(sizeof *p->number, "sum");
	if (reads_vectors(s))
		p->seen = memory_scratch(be->memory, n * sizeof(float));
	p->weights = weights_open(s, record_file(r));
	p->kappa = kappa_open(s, be, pool, n, record_file(r));
	p->certificate = certificate_open(s, be, pool, n, record_file(r));
	p->noise = noise_open(s, n, record_file(r));
	p->moments = moments_open(s, be, queue, n, record_file(r));
	return p;
}

void probe_close(struct probe *p)
{
	if (!p)
		return;
	weights_close(p->weights);
	kappa_close(p->kappa);
	certificate_close(p->certificate);
	noise_close(p->noise);
	moments_close(p->moments);
	struct h5_column *columns[] = {p->agreement, p->votes,   p->l1,      p->l2,
	                               p->rate,      p->full_l1, p->full_l2, p->x};
	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
		if (columns[i])
			h5_column_close(columns[i]);
	for (int g = AGREEMENT; g <= SNAPSHOTS; g++)
		if (p->steps[g])
			h5_column_close(p->steps[g]);
	struct plane *planes[] = {&p->vote, &p->abstain, &p->pull_vote, &p->pull_abstain};
	for (size_t i = 0; i < 4; i++)
		close_plane(p, planes[i]);
	p->be->memory->release(p->full);
	p->be->memory->release(p->number);
	mem_free(p->seen);
	mem_free(p->sums);
	mem_free(p->row);
	mem_free(p->bins);
	mem_free(p);
}

/* Coordinates at which two pairs of planes have the same sign, or both abstain. */
static size_t count_equal(size_t n, const uint64_t *vote_a, const uint64_t *abstain_a, const uint64_t *vote_b,
                          const uint64_t *abstain_b)
{
	size_t equal = 0;
	for (size_t w = 0; w < sign_words(n); w++) {
		uint64_t differ = (vote_a[w] ^ vote_b[w]) | (abstain_a[w] ^ abstain_b[w]);
		equal += (size_t)__builtin_popcountll(~differ & sign_mask(n, w));
	}
	return equal;
}

/* Make what kernels wrote to a plane readable. */
static const uint64_t *seen(const struct probe *p, const struct plane *plane)
{
	p->be->memory->download(p->queue, plane->seen, plane->at, sign_plane_bytes(p->n));
	return plane->seen;
}

static void see_pull(const struct probe *p, const struct probe_view *v)
{
	method_pull_signs(v->method, v->job, v->pull, p->pull_vote.at, p->pull_abstain.at);
	seen(p, &p->pull_vote);
	seen(p, &p->pull_abstain);
}

static void see_push(const struct probe *p, const struct probe_view *v, int m)
{
	method_push_signs(v->method, v->job, v->workers[m].push, p->vote.at, p->abstain.at);
	seen(p, &p->vote);
	seen(p, &p->abstain);
}

static void agreement_step(struct probe *p, const struct probe_view *v)
{
	if (v->pull)
		see_pull(p, v);
	for (int m = 0; m < v->count; m++) {
		p->row[m] = NAN; /* also of what is not of this step: the server has not counted it */
		if (!v->pull || v->born[m] < 0)
			continue;
		see_push(p, v, m);
		p->row[m] = (double)count_equal(p->n, p->vote.seen, p->abstain.seen, p->pull_vote.seen,
		                                p->pull_abstain.seen) /
		            (double)p->n;
	}
	h5_append(p->agreement, 1, p->row);
}

static void margin_step(struct probe *p, const struct probe_view *v)
{
	size_t voters = (size_t)v->count;
	memset(p->sums, 0, p->n * sizeof *p->sums);
	for (size_t m = 0; m < voters; m++) {
		if (v->born[m] < 0)
			continue; /* in a run that is repeated */
		see_push(p, v, (int)m);
		votes_add(p->n, p->vote.seen, p->abstain.seen, p->sums);
	}
	memset(p->bins, 0, (2 * voters + 1) * sizeof *p->bins);
	for (size_t i = 0; i < p->n; i++)
		p->bins[p->sums[i] + (int64_t)voters]++;
	h5_append(p->votes, 1, p->bins);
}

static void norms_step(struct probe *p, const struct probe_view *v)
{
	for (int m = 0; m < v->count; m++)
		p->row[m] = v->workers[m].idle ? NAN : v->workers[m].l1;
	h5_append(p->l1, 1, p->row);
	for (int m = 0; m < v->count; m++)
		p->row[m] = v->workers[m].idle ? NAN : v->workers[m].l2;
	h5_append(p->l2, 1, p->row);
}

static void sign_failure_step(struct probe *p, const struct probe_view *v)
{
	v->full_gradient(v->ctx, p->full);
	const struct memory *memory = p->be->memory;
	size_t bytes = sign_plane_bytes(p->n);
	p->be->sum_abs(p->queue, p->n, p->full, p->number);
	double l1 = memory_number(memory, p->queue, p->number);
	p->be->sum_square(p->queue, p->n, p->full, p->number);
	double l2 = sqrt(memory_number(memory, p->queue, p->number));
	memory->fill(p->queue, p->abstain.at, 0, bytes);
	p->be->sign_pack(p->queue, p->n, p->full, SIGN_POSITIVE, NULL, 0, p->pull_vote.at, NULL);
	const uint64_t *none = seen(p, &p->abstain), *full = seen(p, &p->pull_vote);
	for (int m = 0; m < v->count; m++) {
		if (v->workers[m].idle) {
			p->row[m] = NAN;
			continue;
		}
		const uint64_t *signs =
		        memory_see(memory, p->queue, v->workers[m].signs, bytes, p->vote.seen);
		size_t equal = count_equal(p->n, signs, none, full, none);
		p->row[m] = 1.0 - (double)equal / (double)p->n;
	}
	h5_append(p->rate, 1, p->row);
	h5_append(p->full_l1, 1, &l1);
	h5_append(p->full_l2, 1, &l2);
}

void probe_votes(struct probe *p, const struct step_job *job, int lane, int count, const void *const *pushes,
                 size_t begin, size_t end)
{
	certificate_votes(p->certificate, job, lane, count, pushes, begin, end);
}

void probe_step(struct probe *p, const struct probe_view *v)
{
	static void (*const groups[])(struct probe *, const struct probe_view *) = {
	        agreement_step, margin_step, norms_step, sign_failure_step};
	int64_t step = (int64_t)v->job->step, done = step + 1;
	for (int g = AGREEMENT; g <= SIGN_FAILURE; g++) {
		if (!due(p->s, (enum group)g, step))
			continue;
		groups[g](p, v);
		h5_append(p->steps[g], 1, &done);
	}
	weights_step(p->weights, v, done);
	kappa_step(p->kappa, v, done);
	certificate_step(p->certificate, done);
}

static void take(void *self, const float *g)
{
	struct probe *p = self;
	const float *seen = memory_see(p->be->memory, p->queue, g, p->n * sizeof *g, p->seen);
	if (p->noise_due)
		noise_take(p->noise, seen);
	if (p->moments_due)
		moments_take(p->moments, g, seen);
}

static void run_pass(struct probe *p, int64_t done, const struct probe_pass *pass)
{
	p->noise_due = noise_due(p->s, done);
	p->moments_due = moments_due(p->s, done);
	if (!p->noise_due && !p->moments_due)
		return;
	pass->run(pass->ctx, take, p);
	if (p->noise_due)
		noise_append(p->noise, done);
	if (p->moments_due)
		moments_append(p->moments, done);
}

void probe_applied(struct probe *p, const float *x, int64_t done, const struct probe_pass *pass)
{
	if (done > 0 && due(p->s, SNAPSHOTS, done - 1)) {
		h5_append(p->x, 1, memory_see(p->be->memory, p->queue, x, p->n * sizeof *x, p->seen));
		h5_append(p->steps[SNAPSHOTS], 1, &done);
	}
	run_pass(p, done, pass);
}

size_t probe_bytes(const struct settings *s, size_t n, size_t lanes)
{
	size_t bytes = 0;
	if (wants_planes(s))
		bytes += 4 * sign_plane_bytes(n);
	if (s->record.margin > 0)
		bytes += n * sizeof(int16_t);
	if (s->record.sign_failure > 0)
		bytes += n * sizeof(float) + (size_t)s->workers * sign_plane_bytes(n);
	if (settings_has_passes(s))
		bytes += s->shape.n_train * sizeof(uint32_t); /* the order of a full pass */
	bytes +=
	        noise_bytes(s) + moments_bytes(s, n) + kappa_bytes(s, n, lanes) + certificate_bytes(s, lanes);
	return bytes;
}

size_t probe_mirror_bytes(const struct settings *s, size_t n, size_t lanes)
{
	size_t bytes = kappa_mirror_bytes(s, lanes) + certificate_mirror_bytes(s, lanes);
	if (wants_planes(s))
		bytes += 4 * sign_plane_bytes(n);
	if (reads_vectors(s))
		bytes += n * sizeof(float);
	return bytes;
}

size_t probe_file_bytes(const struct settings *s, size_t n)
{
	size_t m = (size_t)s->workers;
	const size_t row[] = {8 * m, 8 * (2 * m + 1), 16 * m, 8 * m + 16, 4 * n};
	/* In double: the size of an absurd request must not wrap round to a small one. */
	double bytes = noise_file_bytes(s) + moments_file_bytes(s) + weights_file_bytes(s) +
	               kappa_file_bytes(s) + certificate_file_bytes(s);
	for (int g = AGREEMENT; g <= SNAPSHOTS; g++)
		if (every(s, (enum group)g) > 0)
			bytes += (8 + (double)row[g]) * (double)(s->steps / every(s, (enum group)g));
	return bytes < PROBE_BYTES_MAX ? (size_t)bytes : (size_t)PROBE_BYTES_MAX;
}
