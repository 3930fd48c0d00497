/* What a step passes to its transport. */
#include "train/uplink.h"
#include "base/hash.h"
#include "base/mem.h"
#include "registry.h"
#include "train/host.h"
#include "transport/lanes.h"

enum { HASH_SEED = 1, HASH_ITEM = 16 * HASH_BLOCK /* bytes that a lane hashes at a time */ };

int uplink_open(struct uplink *u, const struct settings *s, const struct backend *be, const struct link *link,
                struct pool *pool, struct err *e)
{
	struct transport_env env = {.workers = (int)s->workers, .pool = pool};
	const struct transport *local = (const struct transport *)family_find(&family_transports, "local");
	const struct method method = settings_method(s);
	*u = (struct uplink){.borrowed = link != NULL};
	u->mirrors = link && !link->row->on_machine;
	u->on_host = u->mirrors || method_on_host(&method);
	if (u->on_host && host_open(be, &u->host, e))
		return -1;
	if (!link)
		return local->open(NULL, &env, &u->link, e);
	u->link = *link;
	return 0;
}

static struct step_job lane_job(const struct uplink *u, int lane)
{
	struct step_job job = round_job(u->round, &u->workforce->lanes[lane]);
	if (!u->on_host)
		return job;
	job.be = &u->host;
	job.queue = NULL;
	job.scratch = u->host_scratch + (size_t)lane * MESSAGE_SCRATCH;
	return job;
}

static void combine(void *ctx, int lane, int count, const void *const *pushes, size_t begin, size_t end,
                    void *pull)
{
	const struct uplink *u = ctx;
	struct step_job job = lane_job(u, lane);
	if (u->met) {
		job.scales = u->judge.scales;
		if (job.push.kind == MESSAGE_CODED) /* they are decoded by now */
			job.push.kind = MESSAGE_FLOATS;
	}
	method_combine(&u->round->method, &job, count, pushes, begin, end, pull);
	if (u->probe)
		probe_votes(u->probe, &job, lane, count, pushes, begin, end);
	job.be->memory->finish(job.queue);
}

/* The rule's answer of messages, of which codes are floats by now. */
static enum meeting_end meet_by_rule(struct uplink *u, const struct meeting *m, struct err *e)
{
	enum meeting_end end = rule_meet(&u->run, m, e);
	for (int i = 0; m->removed && i < m->count; i++)
		m->removed[i] = u->run.report.removed[i];
	u->withheld = u->run.report.withheld;
	return end;
}

/* Range by range, without the messages that are refused. */
static enum meeting_end meet_by_ranges(struct uplink *u, const struct step_job *job, const struct meeting *m)
{
	struct exchange_request x = {.rule = u->rule, .pull = m->pull};
	u->withheld = "no message is one that its compressor can have made";
	if (m->begin == m->end)
		return MEETING_ABSENT; /* a message may not have been sent here */
	if (u->rule.judged)
		judge_messages(&u->judge, job, m->pool, m->count, m->pushes);
	for (int i = 0; m->removed && u->rule.judged && i < m->count; i++)
		m->removed[i] = u->judge.refused[i];
	int count = u->rule.judged ? u->judge.count : m->count;
	if (count == 0)
		return MEETING_WITHHELD;
	u->met = m;
	lanes_combine(m->pool, &x, count, u->rule.judged ? u->judge.pushes : m->pushes, m->begin, m->end);
	u->met = NULL;
	return MEETING_ANSWERED;
}

static enum meeting_end meet(void *ctx, const struct meeting *given, struct err *e)
{
	struct uplink *u = ctx;
	const struct method *method = &u->round->method;
	const struct step_job job = lane_job(u, 0);
	bool by_rule = aggregator_meets(method->aggregator);
	struct meeting m = *given;
	if (u->sent)
		m.pull = u->pull_seen;
	if (by_rule && u->judge.rows) {
		judge_messages(&u->judge, &job, m.pool, m.count, m.pushes);
		m.pushes = u->judge.rows;
	}
	enum meeting_end end = by_rule ? meet_by_rule(u, &m, e) : meet_by_ranges(u, &job, &m);
	if (end == MEETING_ANSWERED && u->sent && !method_can_say(method, job.n, u->pull_seen, u->unsaid)) {
		u->withheld = "the answer is not finite, which no code says";
		return MEETING_WITHHELD;
	}
	if (end == MEETING_ANSWERED && u->sent)
		method_encode_answer(method, &job, u->pull_seen, u->unsaid, u->sent);
	return end;
}

/* A compressed answer that a server sent. */
static const char *refuses(void *ctx, const void *answer, size_t bytes)
{
	const struct uplink *u = ctx;
	const struct message *m = &u->round->method.push;
	return m->code->refuses(m->state, m->layers, u->shape.n, answer, bytes);
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
	u->rule.refuses = u->shape.pull_varies ? refuses : NULL;
}

const struct backend *uplink_combines(const struct uplink *u, const struct backend *be)
{
	return u->on_host ? &u->host : be;
}

static void open_rule(struct uplink *u, const struct settings *s, const struct round *r,
                      const struct state *st)
{
	int lanes = pool_lanes(u->workforce->pool);
	struct message push = r->method.push;
	if (!aggregator_meets(r->method.aggregator))
		return;
	if (push.kind == MESSAGE_CODED)
		push = (struct message){.kind = MESSAGE_FLOATS};
	if (!u->on_host) {
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
	                           .push = push,
	                           .layers = r->method.layers,
	                           .memory = st->server};
	rule_open(&u->run);
}

/* What combines messages that must be seen at once. */
static void open_meeting(struct uplink *u, const struct settings *s, const struct round *r,
                         const struct state *st)
{
	if (!u->link.meets)
		return;
	open_rule(u, s, r, st);
	judge_open(&u->judge, &r->method, (int)s->workers, r->job.n);
	u->unsaid = state_server_unsaid(st);
}

/* A compressed answer travels as it is, and is read to where the optimizer finds it. */
static void open_answer(struct uplink *u, const struct round *r)
{
	size_t bytes = method_pull_bytes(&r->method, r->job.n);
	u->pull = r->be->memory->alloc(bytes, "answer");
	u->pull_seen = u->on_host ? memory_mirror_moving(r->be->memory, u->pull, bytes) : u->pull;
	if (r->method.two_way)
		u->sent = u->host.memory->alloc(u->shape.pull_bytes, "compressed answer");
	if (u->on_host)
		u->host_scratch =
		        mem_array((size_t)pool_lanes(u->workforce->pool) * MESSAGE_SCRATCH, sizeof(float));
}

void uplink_prepare(struct uplink *u, const struct settings *s, struct round *r,
                    const struct workforce *workforce, const struct state *st)
{
	size_t workers = (size_t)s->workers;
	u->workforce = workforce;
	u->round = r;
	describe(u, r);
	open_meeting(u, s, r, st);
	open_answer(u, r);
	if (!u->link.root || u->link.count < st->workers)
		u->sum = r->be->memory->alloc(sizeof *u->sum, "hash");
	u->pushes = mem_array((size_t)workforce->count, sizeof *u->pushes);
	r->push_bytes = u->shape.push_bytes;
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
	if (u->pull && u->on_host)
		memory_mirror_moving_free(be->memory, u->pull_seen);
	if (u->pull)
		be->memory->release(u->pull);
	if (u->sent)
		u->host.memory->release(u->sent);
	mem_free(u->host_scratch);
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
	judge_close(&u->judge);
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
	                                 .pull = u->sent ? u->sent : u->pull_seen,
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
	if (!u->on_host || withheld)
		return;
	const struct memory *m = st->be->memory;
	const struct step_job job = lane_job(u, 0);
	if (u->sent)
		method_read_answer(&u->round->method, &job, u->sent, u->pull_seen);
	m->send(st->queue, u->pull, u->pull_seen, method_pull_bytes(&u->round->method, u->shape.n));
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
