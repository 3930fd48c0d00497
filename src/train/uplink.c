/* What a step passes to its transport. */
#include "train/uplink.h"
#include "base/hash.h"
#include "base/mem.h"
#include "registry.h"
#include "train/host.h"

enum { HASH_SEED = 1, HASH_ITEM = 16 * HASH_BLOCK /* bytes that a lane hashes at a time */ };

int uplink_open(struct uplink *u, const struct settings *s, const struct backend *be, const struct link *link,
                struct pool *pool, struct err *e)
{
	struct transport_env env = {.workers = (int)s->workers, .pool = pool};
	const struct transport *local = (const struct transport *)family_find(&family_transports, "local");
	*u = (struct uplink){.borrowed = link != NULL};
	u->mirrors = link && !link->row->on_machine;
	if (!link)
		return local->open(NULL, &env, &u->link, e);
	u->link = *link;
	return u->mirrors ? host_open(be, &u->host, e) : 0;
}

static void combine(void *ctx, int lane, int count, const void *const *pushes, size_t begin, size_t end,
                    void *pull)
{
	const struct uplink *u = ctx;
	struct step_job job = round_job(u->round, &u->workforce->lanes[lane]);
	if (u->mirrors) {
		job.be = &u->host;
		job.queue = NULL;
	}
	method_combine(&u->round->method, &job, count, pushes, begin, end, pull);
	if (u->probe)
		probe_votes(u->probe, &job, lane, count, pushes, begin, end);
	job.be->memory->finish(job.queue);
}

static enum meeting_end meet(void *ctx, const struct meeting *m, struct err *e)
{
	struct uplink *u = ctx;
	enum meeting_end end = rule_meet(&u->run, m, e);
	for (int i = 0; m->removed && i < m->count; i++)
		m->removed[i] = u->run.report.removed[i];
	return end;
}

/* Post what is made, from the end to the beginning; waits: also what is still on its way to the host. */
static void post(struct uplink *u, bool waits)
{
	const struct memory *m = u->round->be->memory;
	for (int i = 0; u->bucket > 0 && i < u->workforce->count; i++) {
		size_t made = __atomic_load_n(&u->workforce->workers[i].made, __ATOMIC_ACQUIRE);
		while (u->posted[i] > made) {
			size_t bucket = (u->posted[i] - 1) / u->bucket, from = bucket * u->bucket;
			struct mark *mark = u->workforce->workers[i].marks[bucket];
			if (!waits && !m->mark_reached(mark))
				break;
			m->mark_wait(mark);
			u->link.row->post(u->link.self, u->present, i, from, u->posted[i]);
			u->posted[i] = from;
		}
	}
}

/*
 * Only the trainer's own thread, lane 0, calls the transport; it also posts the buckets that other lanes have
 * made. It does not wait for any: it has kernels to give to its queue.
 */
static void post_from_lane(void *ctx, const struct lane *l)
{
	struct uplink *u = ctx;
	if (l == &u->workforce->lanes[0])
		post(u, false);
}

static void open_marks(struct uplink *u, const struct memory *m, size_t buckets)
{
	size_t workers = (size_t)u->workforce->count;
	u->n_marks = workers * buckets;
	u->marks = mem_array(u->n_marks, sizeof *u->marks);
	for (size_t i = 0; i < u->n_marks; i++)
		u->marks[i] = m->mark_open();
	for (size_t i = 0; i < workers; i++)
		u->workforce->workers[i].marks = u->marks + i * buckets;
}

static void prepare_buckets(struct uplink *u, struct round *r)
{
	size_t buckets = u->link.buckets > 1 ? (size_t)u->link.buckets : 1;
	struct exchange_request x = {.shape = u->shape, .rule = u->rule};
	if (buckets == 1 || !u->link.row->post || !exchange_cuts(&x))
		return;
	u->posted = mem_array((size_t)u->link.count, sizeof *u->posted);
	u->bucket = planes_bucket(r->job.n, buckets);
	open_marks(u, r->be->memory, (r->job.n + u->bucket - 1) / u->bucket);
	r->buckets = (struct round_buckets){
	        .size = u->bucket, .planes = u->shape.push_planes, .made = post_from_lane, .ctx = u};
}

struct exchange_rule uplink_rule(const struct settings *s)
{
	const struct method m = settings_method(s);
	return method_rule(&m, combine, meet, NULL);
}

/* Set the shape of this run's messages, and the rule that combines them. */
static void describe(struct uplink *u, const struct round *r)
{
	u->shape = method_shape(&r->method, r->job.n);
	u->rule = method_rule(&r->method, combine, meet, u);
}

const struct backend *uplink_combines(const struct uplink *u, const struct backend *be)
{
	return u->mirrors ? &u->host : be;
}

static void open_rule(struct uplink *u, const struct settings *s, const struct round *r,
                      const struct state *st)
{
	int lanes = pool_lanes(u->workforce->pool);
	if (!r->method.aggregator->rule || !u->link.meets)
		return;
	if (!u->mirrors) {
		u->queues = mem_array((size_t)lanes, sizeof(struct queue *));
		for (int i = 0; i < lanes; i++)
			u->queues[i] = u->workforce->lanes[i].queue;
	}
	u->run = (struct rule_run){.agg = r->method.aggregator,
	                           .state = s->aggregator.state,
	                           .be = uplink_combines(u, r->be),
	                           .queues = u->queues,
	                           .lanes = lanes,
	                           .workers = (int)s->workers,
	                           .n = r->job.n,
	                           .seed = s->seed,
	                           .push = r->method.push,
	                           .memory = st->server};
	rule_open(&u->run);
}

void uplink_prepare(struct uplink *u, const struct settings *s, struct round *r,
                    const struct workforce *workforce, const struct state *st)
{
	size_t workers = (size_t)s->workers;
	u->workforce = workforce;
	u->round = r;
	describe(u, r);
	open_rule(u, s, r, st);
	if (!u->link.root || u->link.count < st->workers)
		u->sum = r->be->memory->alloc(sizeof *u->sum, "hash");
	u->pushes = mem_array((size_t)workforce->count, sizeof *u->pushes);
	r->push_bytes = u->shape.push_bytes;
	u->pull = r->be->memory->alloc(u->shape.pull_bytes, "answer");
	u->pull_seen =
	        u->mirrors ? memory_mirror_moving(r->be->memory, u->pull, u->shape.pull_bytes) : u->pull;
	u->taken = r->be->memory->mark_open();
	u->honest = mem_array(workers, sizeof *u->honest);
	u->loss = mem_array(workers, sizeof *u->loss);
	u->sorted = mem_array(workers, sizeof *u->sorted);
	u->reported_born = mem_array(workers, sizeof *u->reported_born);
	for (int m = 0; m < (int)s->workers; m++)
		u->honest[m] = !settings_is_byzantine(s, m);
	prepare_buckets(u, r);
}

void uplink_close(struct uplink *u, const struct backend *be)
{
	if (u->pull && u->mirrors)
		memory_mirror_moving_free(be->memory, u->pull_seen);
	if (u->pull)
		be->memory->release(u->pull);
	if (u->sum)
		be->memory->release(u->sum);
	for (size_t i = 0; i < u->n_marks; i++)
		be->memory->mark_close(u->marks[i]);
	if (u->taken)
		be->memory->mark_close(u->taken);
	mem_free(u->marks);
	mem_free(u->pushes);
	mem_free(u->honest);
	mem_free(u->loss);
	mem_free(u->sorted);
	mem_free(u->reported_born);
	mem_free(u->posted);
	rule_close(&u->run);
	mem_free(u->queues);
	if (u->link.self && !u->borrowed)
		u->link.row->close(u->link.self);
}

struct exchange_request uplink_request(const struct uplink *u, uint64_t step, const struct state *st,
                                       int flags)
{
	return (struct exchange_request){.step = step,
	                                 .shape = u->shape,
	                                 .rule = u->rule,
	                                 .pushes = u->pushes,
	                                 .silent = u->must_resync,
	                                 .flags = flags,
	                                 .bn_owner = st->bn_owner,
	                                 .honest = u->honest,
	                                 .pull = u->pull_seen,
	                                 .loss = u->loss,
	                                 .born = u->reported_born};
}

void uplink_post_begin(struct uplink *u, struct exchange_request *request)
{
	if (u->bucket == 0)
		return;
	u->present = request;
	request->hosted = u->workforce->count;
	for (int i = 0; i < u->workforce->count; i++) {
		u->posted[i] = u->workforce->workers[i].made = u->shape.n;
		u->pushes[i] = u->workforce->workers[i].push_seen;
	}
}

void uplink_post(struct uplink *u)
{
	post(u, true);
}

void uplink_gather(struct uplink *u, const struct workforce *workforce, const struct replay *replay,
                   const struct state *st, struct exchange_request *request)
{
	request->hosted = 0;
	for (int i = 0; i < workforce->count; i++) {
		const struct worker *w = &workforce->workers[i];
		u->loss[w->id] = w->loss;
		u->reported_born[w->id] = replay_counts(replay, st, (int)w->id) ? st->born[w->id] : -1;
		if (u->reported_born[w->id] >= 0)
			u->pushes[request->hosted++] = w->push_seen;
	}
}

void uplink_show(const struct uplink *u, struct state *st)
{
	if (u->mirrors)
		state_show_shared(st);
}

/* A transport that reads messages in the machine's memory sees these in a mirror all the same. */
void uplink_show_running(const struct uplink *u, struct state *st)
{
	if (u->borrowed)
		state_show_running(st);
}

void uplink_take(const struct uplink *u, struct state *st, bool withheld)
{
	if (u->borrowed)
		state_take_running(st);
	if (withheld || !u->mirrors)
		return;
	const struct memory *m = st->be->memory;
	m->send(st->queue, u->pull, u->pull_seen, u->shape.pull_bytes);
	m->mark_set(st->queue, u->taken);
	for (int i = 0; i < pool_lanes(u->workforce->pool); i++)
		m->mark_follow(u->workforce->lanes[i].queue, u->taken);
}

/* A sum that all lanes of the host add to. */
struct hashing {
	const char *bytes;
	size_t count;
	uint64_t sum;
};

static void hash_item(void *ctx, int lane, size_t item)
{
	struct hashing *h = ctx;
	size_t begin = item * HASH_ITEM;
	size_t count = h->count - begin < HASH_ITEM ? h->count - begin : HASH_ITEM;
	(void)lane;
	uint64_t sum = hash_blocks(HASH_SEED, begin / HASH_BLOCK, h->bytes + begin, count);
	__atomic_fetch_add(&h->sum, sum, __ATOMIC_RELAXED);
}

uint64_t uplink_hash(const struct uplink *u, const struct state *st, struct pool *pool)
{
	const struct memory *m = st->be->memory;
	struct hashing h = {.bytes = (const char *)st->x, .count = st->n * sizeof *st->x};
	if (!u->sum)
		return 0;
	if (m->host) {
		pool_run(pool, (h.count + HASH_ITEM - 1) / HASH_ITEM, hash_item, &h);
	} else {
		st->be->hash(st->queue, st->n, HASH_SEED, st->x, u->sum);
		m->download(st->queue, &h.sum, u->sum, sizeof h.sum);
	}
	return hash_combine(HASH_SEED, h.sum, h.count);
}
