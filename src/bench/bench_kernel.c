/*
 * Timing kernels beside the machine's own bandwidth.
 *
 * A kernel and its bandwidth baseline (a plain loop over the same memory with the same reads and writes) take
 * turns, so that other work on the machine slows both. A ratio is taken of each such pair, and the result is
 * the median of the ratios. Where a backend has memory of its own, the baseline is a copy within it, and a
 * turn ends when its queue is finished.
 */
#include "bench/bench_kernel.h"
#include <math.h>
#include <string.h>
#include "backend/cpu/cpu.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/stats.h"
#include "check/kernel_memory.h"
#include "registry.h"

enum {
	MAX_BACKENDS = 8,
	MAX_PAIRS = 1001,
	LEAST_PAIRS = 5,
	RANGE_UNIT = 512,   /* coordinates: every part begins with a cache line of the sign planes */
	LARGE_N = 25600000, /* beyond the caches: ResNet-50 */
	CACHE_N = 270000,   /* within them: ResNet-20 */
	REF_N = 1000000,    /* longer vectors would take ref too long */
	BATCH = 32,         /* rows of matrices: the mlp 784-100-10 */
	CLASSES = 10,
	HIDDEN = 100,
	PIXELS = 784,
	COPIED = 256 << 20 /* bytes, beyond the caches of any device */
};

/* A turn takes at least that long, repeated if it must; with a queue, whose end is waited for, longer. */
static const double TURN_S = 100e-6, QUEUE_TURN_S = 4e-3;

/* One row being measured. */
struct measure {
	const struct kernel *kernel;
	const struct backend *backend;
	const struct bandwidth_baseline *baseline;
	int kind; /* of the bandwidth baseline, where there are several: 0 .. baseline_kinds() - 1 */
	struct pool *pool;
	struct kernel_job *part; /* [n_parts] */
	size_t n_parts;
	struct kernel_memory memory;
	struct kernel_memory far; /* a backend's own; its queue is NULL where it works on the host */
	struct queue *queue;
	char *copied[2]; /* [COPIED] of it */
};

static void kernel_turn(void *ctx, int lane, size_t item)
{
	struct measure *m = ctx;
	(void)lane;
	m->kernel->run(m->backend, &m->part[item]);
}

/* A fold is also timed as reading alone: the planes one after the other, in both ways to read. */
static int baseline_kinds(enum kernel_limit limit)
{
	return limit == LIMIT_FOLD ? 3 : limit == LIMIT_READ ? 2 : 1;
}

static void baseline_fold(const struct measure *m, const struct kernel_job *j)
{
	size_t words = sign_words(j->n);
	if (m->kind == 0) {
		m->baseline->fold(words, j->votes.count, j->votes.vote, j->plane[0]);
		return;
	}
	for (int w = 0; w < j->votes.count; w++)
		j->plane[0][0] += m->baseline->read[m->kind - 1](words, j->votes.vote[w]);
}

static void baseline_turn(void *ctx, int lane, size_t item)
{
	struct measure *m = ctx;
	struct kernel_job *j = &m->part[item];
	size_t n = j->rows * j->n;
	(void)lane;
	if (m->queue) {
		m->backend->memory->copy(m->queue, m->copied[1], m->copied[0], COPIED);
		return;
	}
	switch (m->kernel->limit) {
	case LIMIT_NONE:
		break;
	case LIMIT_READ:
		j->loss->correct += m->baseline->read[m->kind](n / 2, (const uint64_t *)(const void *)j->x);
		if (m->kernel->inputs > 1)
			j->loss->correct +=
			        m->baseline->read[m->kind](n / 2, (const uint64_t *)(const void *)j->y);
		break;
	case LIMIT_COPY:
		m->baseline->copy(n, j->x, j->out[0]);
		break;
	case LIMIT_UPDATE:
		m->baseline->update(n, j->out[0]);
		break;
	case LIMIT_TRIAD:
		m->baseline->triad(n, j->x, m->kernel->inputs > 1 ? j->y : j->out[0], j->out[0]);
		break;
	case LIMIT_FILL:
		m->baseline->fill(n, j->out[0]);
		break;
	case LIMIT_FOLD:
		baseline_fold(m, j);
		break;
	}
}

/* Bytes that one turn of the bandwidth baseline moves over all parts. */
static double baseline_bytes(const struct measure *m)
{
	const double per_number[] = {
	        [LIMIT_READ] = 4, [LIMIT_COPY] = 8, [LIMIT_UPDATE] = 8, [LIMIT_TRIAD] = 12, [LIMIT_FILL] = 4};
	double bytes = 0;
	if (m->queue)
		return 2.0 * COPIED;
	for (size_t i = 0; i < m->n_parts; i++) {
		const struct kernel_job *j = &m->part[i];
		if (m->kernel->limit == LIMIT_FOLD)
			bytes += (double)sign_plane_bytes(j->n) * (j->votes.count + (m->kind == 0));
		else
			bytes += per_number[m->kernel->limit] * (double)(j->rows * j->n) *
			         (m->kernel->limit == LIMIT_READ ? m->kernel->inputs : 1);
	}
	return bytes;
}

/* Seconds of one call, of `repeat` in a row. */
static double time_turn(struct measure *m, void (*turn)(void *ctx, int lane, size_t item), size_t repeat)
{
	double start = clock_s();
	for (size_t i = 0; i < repeat; i++) {
		if (m->queue)
			turn(m, 0, 0);
		else
			pool_run(m->pool, m->n_parts, turn, m);
	}
	if (m->queue)
		m->backend->memory->finish(m->queue);
	return (clock_s() - start) / (double)repeat;
}

static size_t repeats_for(struct measure *m, void (*turn)(void *ctx, int lane, size_t item))
{
	time_turn(m, turn, 1);
	double once = time_turn(m, turn, 1), least = m->queue ? QUEUE_TURN_S : TURN_S;
	return once > least ? 1 : (size_t)ceil(least / fmax(once, 1e-8));
}

struct samples {
	double kernel_s[MAX_PAIRS], limit_gbps[MAX_PAIRS], ratio[MAX_PAIRS];
	size_t count;
};

/* GB/s of the bandwidth baseline, the best where there are several kinds. */
static double baseline_speed(struct measure *m, size_t repeat)
{
	double best = 0;
	int kinds = m->queue ? 1 : baseline_kinds(m->kernel->limit);
	for (m->kind = 0; m->kind < kinds; m->kind++)
		best = fmax(best, baseline_bytes(m) / time_turn(m, baseline_turn, repeat) / 1e9);
	m->kind = 0;
	return best;
}

static void take_samples(struct measure *m, double bytes, double seconds, struct samples *s)
{
	bool limited = m->queue || m->kernel->limit != LIMIT_NONE;
	size_t repeat = repeats_for(m, kernel_turn),
	       baseline_repeat = limited ? repeats_for(m, baseline_turn) : 1;
	double end = clock_s() + seconds;
	for (s->count = 0; s->count < MAX_PAIRS && (s->count < LEAST_PAIRS || clock_s() < end); s->count++) {
		double limit = limited ? baseline_speed(m, baseline_repeat) : NAN;
		double kernel_s = time_turn(m, kernel_turn, repeat);
		s->kernel_s[s->count] = kernel_s;
		s->limit_gbps[s->count] = limit;
		s->ratio[s->count] = bytes / kernel_s / 1e9 / limit;
	}
}

/* The part of the whole job from coordinate `begin` on. Its list of votes is its own. */
static void cut(const struct measure *m, const struct kernel_job *whole, size_t begin, size_t count,
                struct kernel_job *part)
{
	size_t word = m->memory.words > 0 ? begin / 64 : 0, workers = (size_t)whole->votes.count;
	*part = *whole;
	part->n = count;
	part->first = begin;
	part->x += m->kernel->inputs > 0 ? begin : 0;
	part->y += m->kernel->inputs > 1 ? begin : 0;
	part->pixel += m->kernel->shape == SHAPE_VECTOR ? begin : 0;
	for (int i = 0; i < m->kernel->outputs; i++)
		part->out[i] += begin;
	part->vote += word;
	part->abstain += word;
	for (int i = 0; i < 2; i++)
		part->plane[i] += word;
	const uint64_t **vote = mem_array(workers, sizeof(*vote));
	for (size_t w = 0; w < workers; w++)
		vote[w] = whole->votes.vote[w] + word;
	part->votes.vote = vote;
	part->loss = m->queue ? whole->loss : mem_array(1, sizeof(*part->loss));
}

/* Cut the job into one part a lane; more where a part takes long, so that no lane waits for another. */
static void cut_all(struct measure *m, const struct kernel_job *whole)
{
	size_t lanes = (size_t)pool_lanes(m->pool), wanted = lanes == 1         ? 1
	                                                     : whole->n > REF_N ? 8 * lanes
	                                                                        : lanes;
	size_t unit = ((whole->n + wanted - 1) / wanted + RANGE_UNIT - 1) / RANGE_UNIT * RANGE_UNIT;
	m->part = mem_array(wanted, sizeof(*m->part));
	m->n_parts = 0;
	for (size_t begin = 0; begin < whole->n; begin += unit) {
		size_t left = whole->n - begin;
		cut(m, whole, begin, left < unit ? left : unit, &m->part[m->n_parts++]);
	}
}

/* One row of one kernel: sizes and workers are in `job`. */
static struct bench_kernel_row time_job(struct measure *m, struct kernel_job job,
                                        const struct bench_kernel_options *o)
{
	static struct samples s;
	job.policy = SIGN_RANDOM;
	job.flag = m->kernel->shape == SHAPE_ROWS; /* softmax_loss goes back */
	job.random = stream_of(1, RNG_TEST, 0, 0);
	job.rate = 1e-4f;
	job.beta = 0.9f;
	kernel_memory_lend(m->queue ? &m->far : &m->memory, 0, &job);
	job.queue = m->queue;
	double bytes = kernel_bytes(m->kernel, &job);
	cut_all(m, &job);
	take_samples(m, bytes, o->seconds, &s);
	for (size_t i = 0; i < m->n_parts; i++) {
		mem_free((void *)(uintptr_t)m->part[i].votes.vote);
		if (!m->queue)
			mem_free(m->part[i].loss);
	}
	mem_free(m->part);
	double median_s = stats_quantile(s.kernel_s, s.count, 0.5);
	return (struct bench_kernel_row){.kernel = m->kernel->name,
	                                 .backend = m->backend->name,
	                                 .lanes = pool_lanes(m->pool),
	                                 .n = job.rows * job.n,
	                                 .workers = job.votes.count,
	                                 .ms = 1e3 * median_s,
	                                 .ms_low = 1e3 * stats_quantile(s.kernel_s, s.count, 0.25),
	                                 .ms_high = 1e3 * stats_quantile(s.kernel_s, s.count, 0.75),
	                                 .gbps = bytes / median_s / 1e9,
	                                 .limit_gbps = stats_quantile(s.limit_gbps, s.count, 0.5),
	                                 .ratio = stats_quantile(s.ratio, s.count, 0.5)};
}

/* On what and how kernels are timed, and what is told of every row. */
struct audience {
	const struct bench_kernel_options *options;
	struct pool *const *pool; /* [pools]: one lane, and all */
	size_t pools;
	const struct backend *backend; /* [backends] */
	size_t backends;
	void (*tell)(void *ctx, const struct bench_kernel_row *r);
	void *ctx;
};

/* Of a batch: not cut. */
static bool of_a_batch(const struct kernel *k)
{
	return k->shape == SHAPE_ROWS || k->shape == SHAPE_TABLE || k->shape == SHAPE_PRODUCT ||
	       k->shape == SHAPE_IMAGES;
}

/* A backend with memory of its own gets the job's there. */
static void open_far(struct measure *m, const struct kernel_job *job)
{
	const struct memory *machine = m->backend->memory;
	m->queue = NULL;
	if (machine->host)
		return;
	m->queue = machine->queue_open();
	kernel_memory_open(&m->far, m->kernel, m->memory.floats, m->memory.words, job->votes.count, machine);
	kernel_memory_bring(&m->far, m->queue, m->kernel, job, 0, &m->memory, &m->memory);
	for (int i = 0; i < 2; i++)
		m->copied[i] = machine->alloc(COPIED, "what is copied");
}

static void close_far(struct measure *m)
{
	const struct memory *machine = m->backend->memory;
	if (!m->queue)
		return;
	machine->finish(m->queue);
	for (int i = 0; i < 2; i++)
		machine->release(m->copied[i]);
	kernel_memory_close(&m->far);
	machine->queue_close(m->queue);
	m->queue = NULL;
}

/* A job on every backend, with one lane and, where it can be cut, with all. */
static void time_on_backends(struct measure *m, const struct kernel_job *job, const struct audience *a)
{
	bool whole = of_a_batch(m->kernel);
	for (size_t b = 0; b < a->backends; b++) {
		m->backend = &a->backend[b];
		if (strcmp(m->backend->name, "ref") == 0 && job->n > REF_N)
			continue;
		open_far(m, job);
		for (size_t p = 0; p < (whole || m->queue ? 1 : a->pools); p++) {
			m->pool = a->pool[p];
			struct bench_kernel_row row = time_job(m, *job, a->options);
			a->tell(a->ctx, &row);
		}
		close_far(m);
	}
}

/* All jobs of a kernel on vectors of n coordinates. */
static void time_size(struct measure *m, size_t n, const struct audience *a)
{
	const int workers[] = {3, 7, 15, 27, 101};
	size_t count = m->kernel->shape == SHAPE_VOTE ? sizeof(workers) / sizeof(workers[0]) : 1;
	for (size_t i = 0; i < count; i++) {
		struct kernel_job job = {.n = n, .rows = 1};
		if (m->kernel->shape == SHAPE_VOTE)
			job.votes.count = workers[i];
		kernel_memory_open(&m->memory, m->kernel, n + 1, sign_words(n) + 1, job.votes.count,
		                   &memory_host);
		kernel_memory_fill(&m->memory, m->kernel, &job, FLAVOUR_ORDINARY, 1);
		time_on_backends(m, &job, a);
		kernel_memory_close(&m->memory);
	}
}

/* Matrices have the sizes of a small network's layers. */
static void time_layer(struct measure *m, const struct audience *a)
{
	bool product = m->kernel->shape == SHAPE_PRODUCT, loss = strcmp(m->kernel->name, "softmax_loss") == 0;
	struct kernel_job job = {.rows = BATCH, .n = loss ? CLASSES : HIDDEN, .inner = product ? PIXELS : 0};
	kernel_memory_open(&m->memory, m->kernel, PIXELS * HIDDEN + 1, 0, 0, &memory_host);
	kernel_memory_fill(&m->memory, m->kernel, &job, FLAVOUR_ORDINARY, 1);
	time_on_backends(m, &job, a);
	kernel_memory_close(&m->memory);
}

/* As CIFAR is trained on. */
static void time_batch(struct measure *m, const struct audience *a)
{
	struct gather g = {.channels = 3, .height = 32, .width = 32, .pad = 4, .flip = true};
	struct kernel_job job = {.rows = BATCH, .n = (size_t)3 * 32 * 32, .gather = g};
	kernel_memory_open(&m->memory, m->kernel, (job.rows + 1) * job.n + 1, 0, 0, &memory_host);
	kernel_memory_fill(&m->memory, m->kernel, &job, FLAVOUR_ORDINARY, 1);
	time_on_backends(m, &job, a);
	kernel_memory_close(&m->memory);
}

static void time_kernel(const struct kernel *k, const struct bandwidth_baseline *baseline,
                        const struct audience *a)
{
	struct measure m = {.kernel = k, .baseline = baseline};
	if (k->shape == SHAPE_IMAGES) {
		time_batch(&m, a);
	} else if (of_a_batch(k)) {
		time_layer(&m, a);
	} else if (a->options->n > 0) {
		time_size(&m, a->options->n, a);
	} else {
		time_size(&m, LARGE_N, a);
		time_size(&m, CACHE_N, a);
	}
}

/* The backend that was asked for, or every one that opens here. 0 and a sentence: it does not open. */
static size_t open_backends(const struct choice *only, struct backend *list, size_t size, struct err *why)
{
	size_t count = 0;
	if (only->row)
		return ((const struct backend_row *)only->row)->open(list, only->state, why) == 0;
	for (size_t i = 0; family_backends.rows[i] && count < size; i++) {
		const struct backend_row *row = (const struct backend_row *)family_backends.rows[i];
		struct err e = {0};
		if (row->open(&list[count], NULL, &e) == 0)
			count++;
		else
			log_say("backend %s is not timed: %s", row->row.name, e.text);
	}
	return count;
}

int bench_kernel(const struct bench_kernel_options *o,
                 void (*tell)(void *ctx, const struct bench_kernel_row *r), void *ctx, struct err *e)
{
	struct backend backends[MAX_BACKENDS];
	struct err unknown = {0};
	size_t count = open_backends(&o->only, backends, MAX_BACKENDS, e);
	if (count == 0)
		return -1;
	const struct cpu_level *level = cpu_level_chosen(&unknown);
	int cores = pool_cores();
	struct pool *pool[2] = {pool_open(1), pool_open(cores)};
	struct audience a = {.options = o,
	                     .pool = pool,
	                     .pools = cores > 1 ? 2 : 1,
	                     .backend = backends,
	                     .backends = count,
	                     .tell = tell,
	                     .ctx = ctx};
	for (size_t i = 0; i < kernel_count; i++)
		if (!o->kernel || strstr(kernel_table[i].name, o->kernel))
			time_kernel(&kernel_table[i], &(level ? level : cpu_base)->baseline, &a);
	pool_close(pool[0]);
	pool_close(pool[1]);
	return 0;
}
