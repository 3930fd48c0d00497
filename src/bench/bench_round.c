/* Rounds without training: see bench/bench_round.h. */
#include "bench/bench_round.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "aggregator/method.h"
#include "aggregator/rule_run.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/stats.h"
#include "experiment/spelling.h"
#include "registry.h"
#include "transport/transport.h"

enum { MOST_ROUNDS = 1 << 20, LEAST_ROUNDS = 5, WARM_UP = 3 };

static const uint64_t SEED = 1;

struct bench {
	const struct bench_round_options *o;
	struct backend be;
	struct pool *pool;
	struct method method;
	struct step_job job;
	struct link link;
	struct train_state st;
	struct message_shape shape;
	struct queue **queues; /* [lanes] the first is also that of the job */
	float *v, *v_seen;     /* [n] a worker's vector, and its mirror */
	void *seen[2];         /* [pull_bytes] where answers are compared; NULL: where they are */
	void **pushes;         /* [hosted] */
	void **all;            /* [workers] with check: of all workers */
	void *pull;            /* [pull_bytes] */
	void *expected;        /* [pull_bytes] with check */
	double *loss, *round_s, *wait_s;
	int64_t *born;
	bool *honest;
	/* Of an aggregator that must see all messages: of the rounds, where votes meet; with check: of all
	 * workers. */
	struct rule_run run, run_alone;
	bool withheld; /* the last round */
};

static enum meeting_end meet(void *ctx, const struct meeting *m, struct err *e)
{
	struct bench *b = ctx;
	return rule_meet(&b->run, m, e);
}

static void open_rule(struct bench *b, struct rule_run *r)
{
	const struct rule_size size = {.agg = b->method.aggregator,
	                               .state = b->method.aggregator_state,
	                               .workers = (size_t)b->o->workers,
	                               .n = b->job.n};
	size_t floats = rule_memory(&size).floats;
	*r = (struct rule_run){.agg = b->method.aggregator,
	                       .state = b->method.aggregator_state,
	                       .be = &b->be,
	                       .queues = b->be.memory->host ? NULL : b->queues,
	                       .lanes = b->o->lanes,
	                       .workers = b->o->workers,
	                       .n = b->job.n,
	                       .seed = SEED,
	                       .push = b->method.push};
	if (floats > 0)
		r->memory = b->be.memory->alloc(floats * sizeof(float), "memory of the aggregator");
	rule_open(r);
}

static void close_rule(const struct bench *b, struct rule_run *r)
{
	rule_close(r);
	b->be.memory->release(r->memory);
}

static void combine(void *ctx, int lane, int count, const void *const *pushes, size_t begin, size_t end,
                    void *pull)
{
	const struct bench *b = ctx;
	struct step_job job = b->job;
	job.queue = b->queues[lane];
	method_combine(&b->method, &job, count, pushes, begin, end, pull);
	b->be.memory->finish(job.queue);
}

/* A worker's push of the present step, a function of worker and step alone. Zeros and ties occur. */
static void make_push(struct bench *b, int worker, void *push)
{
	struct stream s = stream_of(SEED, RNG_TEST, (uint32_t)worker, b->job.step);
	for (size_t i = 0; i < b->job.n; i += 4) {
		uint32_t word[4];
		stream_block(&s, i / 4, word);
		for (size_t k = 0; k < 4 && i + k < b->job.n; k++)
			b->v_seen[i + k] = (float)((int)(word[k] % 5) - 2) * 0.7F;
	}
	b->be.memory->upload(b->job.queue, b->v, b->v_seen, b->job.n * sizeof *b->v);
	method_encode(&b->method, &b->job, (uint32_t)worker, b->v, 0, b->job.n, NULL, push);
	b->be.memory->finish(b->job.queue);
}

/*
 * Are the answers the same? Sums of M numbers below 2 may differ by as much as another order of adding makes.
 */
static bool same_answer(const struct bench *b)
{
	const struct memory *m = b->be.memory;
	const float *got = memory_see(m, b->job.queue, b->pull, b->shape.pull_bytes, b->seen[0]);
	const float *want = memory_see(m, b->job.queue, b->expected, b->shape.pull_bytes, b->seen[1]);
	float size = 4 * 1.2e-7F * (float)b->o->workers;
	if (!b->o->sums)
		return memcmp(got, want, b->shape.pull_bytes) == 0;
	for (size_t i = 0; i < b->job.n; i++)
		if (!(fabsf(got[i] - want[i]) <= size))
			return false;
	return true;
}

/* The same messages in one place. True: the step is withheld. */
static bool meets_alone(struct bench *b)
{
	struct err ignored = {0};
	int *ids = mem_array((size_t)b->o->workers, sizeof *ids);
	for (int m = 0; m < b->o->workers; m++)
		ids[m] = m;
	struct meeting m = {.step = b->job.step,
	                    .count = b->o->workers,
	                    .ids = ids,
	                    .pushes = (const void *const *)b->all,
	                    .n = b->job.n,
	                    .end = b->job.n,
	                    .pull = b->expected,
	                    .pool = b->pool};
	enum meeting_end end = rule_meet(&b->run_alone, &m, &ignored);
	mem_free(ids);
	return end == MEETING_WITHHELD;
}

static bool check_answer(struct bench *b)
{
	for (int w = 0; w < b->o->workers; w++)
		make_push(b, w, b->all[w]);
	b->be.memory->fill(b->job.queue, b->expected, 0, b->shape.pull_bytes);
	b->be.memory->finish(b->job.queue);
	if (aggregator_meets(b->method.aggregator))
		return meets_alone(b) == b->withheld && (b->withheld || same_answer(b));
	method_combine(&b->method, &b->job, b->o->workers, (const void *const *)b->all, 0, b->job.n,
	               b->expected);
	b->be.memory->finish(b->job.queue);
	return same_answer(b);
}

static void **make_messages(const struct bench *b, int count)
{
	void **at = mem_array((size_t)count, sizeof *at);
	for (int i = 0; i < count; i++)
		at[i] = b->be.memory->alloc(b->shape.push_bytes, "message");
	return at;
}

static void free_messages(const struct bench *b, void **at, int count)
{
	for (int i = 0; at && i < count; i++)
		b->be.memory->release(at[i]);
	mem_free(at);
}

/* A run without parameters. */
static void make_state(struct bench *b)
{
	size_t workers = (size_t)b->o->workers;
	b->st = (struct train_state){.worker_floats = mem_array(workers, sizeof(size_t)),
	                             .workers = mem_array(workers, sizeof(float *)),
	                             .born = mem_array(workers, sizeof(int64_t))};
}

static void make_buffers(struct bench *b)
{
	size_t workers = (size_t)b->o->workers;
	b->v = b->be.memory->alloc(b->job.n * sizeof *b->v, "vector");
	b->v_seen = memory_mirror(b->be.memory, b->v, b->job.n * sizeof *b->v);
	b->pull = b->be.memory->alloc(b->shape.pull_bytes, "answer");
	b->pushes = make_messages(b, b->link.count);
	if (b->o->check) {
		b->all = make_messages(b, b->o->workers);
		b->expected = b->be.memory->alloc(b->shape.pull_bytes, "answer");
		for (int i = 0; i < 2; i++)
			b->seen[i] = memory_scratch(b->be.memory, b->shape.pull_bytes);
	}
	b->loss = mem_array(workers, sizeof *b->loss);
	b->born = mem_array(workers, sizeof *b->born);
	b->honest = mem_array(workers, sizeof *b->honest);
	memset(b->honest, true, workers * sizeof *b->honest);
	b->round_s = mem_array(MOST_ROUNDS, sizeof *b->round_s);
	b->wait_s = mem_array(MOST_ROUNDS, sizeof *b->wait_s);
}

static void close_bench(struct bench *b)
{
	float *const vectors[] = {b->v, b->pull, b->expected};
	memory_mirror_free(b->be.memory, b->v_seen);
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
		b->be.memory->release(vectors[i]);
	free_messages(b, b->pushes, b->link.count);
	free_messages(b, b->all, b->o->workers);
	if (b->link.row)
		b->link.row->close(b->link.self);
	close_rule(b, &b->run);
	close_rule(b, &b->run_alone);
	for (int i = 0; b->queues && i < b->o->lanes; i++)
		b->be.memory->queue_close(b->queues[i]);
	mem_free(b->queues);
	mem_free(b->seen[0]);
	mem_free(b->seen[1]);
	mem_free(b->loss);
	mem_free(b->born);
	mem_free(b->honest);
	mem_free(b->round_s);
	mem_free(b->wait_s);
	mem_free((void *)(uintptr_t)b->st.worker_floats);
	mem_free(b->st.workers);
	mem_free(b->st.born);
	pool_close(b->pool);
}

static int open_bench(struct bench *b, const struct choice *transport, struct err *e)
{
	const struct bench_round_options *o = b->o;
	const struct aggregator *rule = b->method.aggregator;
	const struct transport *row = (const struct transport *)transport->row;
	struct transport_env env = {.workers = o->workers, .pool = b->pool};
	b->queues = mem_array((size_t)o->lanes, sizeof(struct queue *));
	for (int i = 0; i < o->lanes; i++)
		b->queues[i] = b->be.memory->queue_open();
	b->job = method_job(&b->method, &b->be, SEED, o->n);
	b->job.queue = b->queues[0];
	b->shape = method_shape(&b->method, o->n);
	if (rule->rule && rule_check(rule, b->method.aggregator_state, o->workers, 0, e))
		return -1;
	if (o->open ? o->open(o->ctx, transport, &env, &b->link, e)
	            : row->open(transport->state, &env, &b->link, e))
		return -1;
	make_state(b);
	make_buffers(b);
	if (aggregator_meets(rule) && b->link.meets)
		open_rule(b, &b->run);
	if (aggregator_meets(rule) && o->check)
		open_rule(b, &b->run_alone);
	return b->link.row->sync ? b->link.row->sync(b->link.self, &b->st, e) : 0;
}

static struct exchange_request request_of(struct bench *b)
{
	return (struct exchange_request){.step = b->job.step,
	                                 .shape = b->shape,
	                                 .rule = method_rule(&b->method, combine, meet, b),
	                                 .pushes = (const void *const *)b->pushes,
	                                 .hosted = b->link.count,
	                                 .pull = b->pull,
	                                 .honest = b->honest,
	                                 .loss = b->loss,
	                                 .born = b->born};
}

/* Where the transport sends buckets, post them as the trainer does: the last coordinates first. */
static void post_buckets(struct bench *b, const struct exchange_request *x, int i)
{
	size_t buckets = b->link.buckets > 1 ? (size_t)b->link.buckets : 1;
	size_t size = planes_bucket(x->shape.n, buckets);
	if (buckets == 1 || !exchange_cuts(x))
		return;
	for (size_t end = x->shape.n; end > 0; end = (end - 1) / size * size)
		b->link.row->post(b->link.self, x, i, (end - 1) / size * size, end);
}

/* With check, a worker's push is made while the pushes of the workers before it may be on their way. */
static void make_pushes(struct bench *b, const struct exchange_request *x)
{
	for (int i = 0; i < b->link.count; i++) {
		if (b->job.step == 0 || b->o->check)
			make_push(b, b->link.ids[i], b->pushes[i]);
		post_buckets(b, x, i);
	}
}

/* Is the next round the last one? The root tells all. */
static bool last_round(const struct bench *b, int64_t timed, double start_s)
{
	if (b->o->rounds > 0)
		return timed + 1 >= b->o->rounds;
	return timed + 1 >= MOST_ROUNDS || (timed + 1 >= LEAST_ROUNDS && clock_s() > start_s + b->o->seconds);
}

/* 1: it was the last one. */
static int one_round(struct bench *b, struct bench_round_result *out, double start_s, struct err *e)
{
	struct exchange_request x = request_of(b);
	struct exchange_reply reply;
	int64_t timed = (int64_t)b->job.step - WARM_UP;
	if (b->link.root && timed >= 0 && last_round(b, timed, start_s))
		x.flags = EXCHANGE_STOP;
	double start = clock_s();
	make_pushes(b, &x);
	enum exchange_end end = b->link.row->exchange(b->link.self, &x, &reply, e);
	double took = clock_s() - start;
	if (end != EXCHANGE_DONE)
		return end == EXCHANGE_FAILED ? -1
		                              : err_world(e, "the other processes have ended the rounds");
	b->withheld = reply.flags & EXCHANGE_WITHHELD;
	if (b->o->check && !check_answer(b))
		out->wrong++;
	if (timed >= 0) {
		b->round_s[timed] = took;
		b->wait_s[timed] = reply.wait_s;
		out->rounds++;
	}
	out->bytes_up = reply.bytes_up;
	out->bytes_down = reply.bytes_down;
	out->bytes_busiest = reply.bytes_busiest;
	b->job.step++;
	return reply.flags & EXCHANGE_STOP ? 1 : 0;
}

static int run_rounds(struct bench *b, struct bench_round_result *out, struct err *e)
{
	int rc = 0;
	double start_s = clock_s();
	while (rc == 0) {
		rc = one_round(b, out, start_s, e);
		if (b->job.step == WARM_UP)
			start_s = clock_s();
	}
	if (rc < 0)
		return -1;
	if (b->link.root && b->link.row->leave)
		b->link.row->leave(b->link.self, true, "");
	out->root = b->link.root;
	out->round_s = stats_quantile(b->round_s, (size_t)out->rounds, 0.5);
	out->round_s_low = stats_quantile(b->round_s, (size_t)out->rounds, 0.25);
	out->round_s_high = stats_quantile(b->round_s, (size_t)out->rounds, 0.75);
	out->wait_s = stats_quantile(b->wait_s, (size_t)out->rounds, 0.5);
	return 0;
}

static int choose(const struct family *f, struct choice *c, const char *text, struct arena *a, struct err *e)
{
	const struct json *value = json_read_text(a, f->name, text, strlen(text), e);
	return value ? choice_parse(f, c, value, NULL, a, e) : -1;
}

/* The processor, but for a transport that moves the memory of another machine. */
static int choose_backend(struct choice *c, const struct choice *transport, struct arena *a, struct err *e)
{
	const char *wanted = ((const struct transport *)transport->row)->backend;
	char name[64];
	snprintf(name, sizeof name, "\"%s\"", wanted ? wanted : "cpu");
	return choose(&family_backends, c, name, a, e);
}

/* The aggregator, in any spelling of an experiment, with what it has by itself. */
static int choose_method(struct method *m, const char *text, struct arena *a, struct err *e)
{
	struct json *root = json_read_text(a, "aggregator", "{}", 2, e);
	const struct json *value = root ? json_read_text(a, "aggregator", text, strlen(text), e) : NULL;
	return value && !json_set(a, root, "aggregator", value, e) ? spelling_method(a, root, m, e) : -1;
}

int bench_round(const struct bench_round_options *o, struct bench_round_result *out, struct err *e)
{
	struct arena a = {0};
	struct choice transport = {0}, backend = {0};
	struct bench b = {.o = o};
	*out = (struct bench_round_result){0};
	int rc = choose(&family_transports, &transport, o->transport, &a, e) ||
	         choose_method(&b.method, o->aggregator, &a, e) ||
	         choose_backend(&backend, &transport, &a, e) ||
	         ((const struct backend_row *)backend.row)->open(&b.be, backend.state, e);
	if (!rc) {
		b.pool = pool_open(o->lanes);
		rc = open_bench(&b, &transport, e) || run_rounds(&b, out, e);
		close_bench(&b);
	}
	arena_clear(&a);
	return rc ? -1 : 0;
}
