/*
 * For tests of transport zmq: a toy experiment whose workers are processes, the same computed without any
 * transport from who was counted when.
 *
 * Worker m in step k: v = 0.5 v + noise(m, k) + x (all floats), its push the signs of v; the answer moves x
 * by 0.25. So what is said depends on all parameters and on the worker's whole past: one bit gone astray
 * shows.
 */
#ifndef SIGNSGD_TESTS_SUPPORT_ZMQ_PEER_H
#define SIGNSGD_TESTS_SUPPORT_ZMQ_PEER_H

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "aggregator/aggregator.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/rng.h"
#include "registry.h"
#include "transport/zmq/server.h"

enum { TOY_WORKERS_MOST = 16, TOY_STEPS_MOST = 4096 };

struct toy {
	int workers, steps;
	size_t n, running; /* running: floats of running statistics */
	const struct aggregator *agg;
	struct step_job job;
	struct backend be;
	struct arena arena;
	const bool *honest; /* [workers] */
	int zeros;          /* a worker whose every vote is all zeros: a liar below; -1: none */
};

static inline void toy_open(struct toy *t, int workers, int steps, size_t n, const char *agg)
{
	static const bool all[TOY_WORKERS_MOST] = {true, true, true, true, true, true, true, true,
	                                           true, true, true, true, true, true, true, true};
	struct err e = {0};
	struct choice c = {0};
	char quoted[128];
	*t = (struct toy){.workers = workers, .steps = steps, .n = n, .honest = all, .zeros = -1};
	snprintf(quoted, sizeof quoted, agg[0] == '{' ? "%s" : "\"%s\"", agg);
	if (choice_parse(&family_aggregators, &c, NULL, quoted, &t->arena, &e) ||
	    ((const struct backend_row *)family_find(&family_backends, "cpu"))->open(&t->be, &e))
		die("%s", e.text);
	t->agg = (const struct aggregator *)c.row;
	t->job = (struct step_job){.state = c.state, .be = &t->be, .seed = 5, .n = n};
}

static inline void toy_close(struct toy *t)
{
	arena_clear(&t->arena);
}

/* A worker's memory and what it says. */
struct toy_worker {
	int id;
	float *v; /* [n] */
	void *push;
};

static inline void toy_worker_open(const struct toy *t, struct toy_worker *w, int id)
{
	w->id = id;
	w->v = mem_array(t->n, sizeof *w->v);
	w->push = mem_array(t->agg->push_bytes(t->job.state, t->n), 1);
}

static inline void toy_say(const struct toy *t, struct toy_worker *w, uint64_t step, const float *x)
{
	struct stream s = stream_of(77, RNG_TEST, (uint32_t)w->id, step);
	struct step_job job = t->job;
	job.step = step;
	for (size_t i = 0; i < t->n; i++)
		w->v[i] = 0.5F * w->v[i] + (stream_uniform(&s, i) - 0.5F) + 0.125F * x[i];
	t->agg->encode(&job, (uint32_t)w->id, w->v, 0, t->n, w->push);
}

static inline void toy_apply(const struct toy *t, uint64_t step, const void *pull, float *x)
{
	struct step_job job = t->job;
	job.step = step;
	t->agg->apply(&job, pull, 0, t->n, 0.25, 0, NULL, x);
}

struct toy_round {
	const struct toy *toy;
	uint64_t step;
};

static inline void toy_combine(void *ctx, int count, const void *const *pushes, size_t begin, size_t end,
                               void *pull)
{
	const struct toy_round *r = ctx;
	struct step_job job = r->toy->job;
	job.step = r->step;
	r->toy->agg->combine(&job, count, pushes, begin, end, pull);
}

static inline struct exchange_request toy_request(const struct toy *t, struct toy_round *r)
{
	size_t push_bytes = t->agg->push_bytes(t->job.state, t->n);
	size_t pull_bytes = t->agg->pull_bytes(t->job.state, t->n);
	return (struct exchange_request){
	        .step = r->step,
	        .shape = {.n = t->n,
	                  .push_bytes = push_bytes,
	                  .pull_bytes = pull_bytes,
	                  .push_planes = planes_of(t->agg->push_bits, push_bytes, t->n),
	                  .pull_planes = planes_of(t->agg->pull_bits, pull_bytes, t->n)},
	        .rule = {.separable = t->agg->separable, .combine = toy_combine, .ctx = r},
	        .honest = t->honest};
}

/*
 * What x [n] must be after `steps` steps in which since[k][m] says who was counted, with a state begun when
 * (-1: not counted).
 */
static inline void toy_replay(const struct toy *t, int steps, const int64_t (*born)[TOY_WORKERS_MOST],
                              float *x)
{
	struct toy_worker w[TOY_WORKERS_MOST];
	const void *pushes[TOY_WORKERS_MOST];
	void *pull = mem_array(t->agg->pull_bytes(t->job.state, t->n), 1);
	memset(x, 0, t->n * sizeof *x);
	for (int m = 0; m < t->workers; m++)
		toy_worker_open(t, &w[m], m);
	for (int k = 0; k < steps; k++) {
		struct toy_round r = {t, (uint64_t)k};
		int count = 0;
		for (int m = 0; m < t->workers; m++) {
			if (born[k][m] < 0)
				continue;
			if (born[k][m] == k)
				memset(w[m].v, 0, t->n * sizeof(float));
			if (m != t->zeros)
				toy_say(t, &w[m], (uint64_t)k, x);
			pushes[count++] = w[m].push;
		}
		toy_combine(&r, count, pushes, 0, t->n, pull);
		toy_apply(t, (uint64_t)k, pull, x);
	}
	for (int m = 0; m < t->workers; m++) {
		mem_free(w[m].v);
		mem_free(w[m].push);
	}
	mem_free(pull);
}

/* --- a process with workers ----------------------------------------------------------------------------- */

struct toy_client {
	pid_t pid;
	int to, from; /* pipes: address and keys go in, the hash of its x comes out */
	int count, first;
	/* How it fails, if it does: before it votes in step `fail_at` (-1: never). */
	int fail_at, nap_us;                                 /* nap: before every vote */
	enum { TOY_DIES = 1, TOY_PAUSES, TOY_FORGETS } fail; /* forgets: its x becomes another one */
};

static inline void toy_read_line(int fd, char *out, size_t size)
{
	size_t at = 0;
	while (at + 1 < size && read(fd, out + at, 1) == 1 && out[at] != '\n')
		at++;
	out[at] = 0;
}

/* Once. */
static inline void toy_fail(struct toy_client *how, float *x)
{
	how->fail_at = -1;
	if (how->fail == TOY_DIES)
		raise(SIGKILL);
	if (how->fail == TOY_PAUSES)
		raise(SIGSTOP);
	if (how->fail == TOY_FORGETS)
		x[0] += 1;
}

/* State that a host lends to its transport. */
struct toy_state {
	struct train_state st;
	size_t floats[TOY_WORKERS_MOST];
	float *blocks[TOY_WORKERS_MOST];
	int64_t born[TOY_WORKERS_MOST], reported_born[TOY_WORKERS_MOST];
	double loss[TOY_WORKERS_MOST];
	float *x, *running;
};

static inline void toy_state_open(const struct toy *t, struct toy_state *s)
{
	*s = (struct toy_state){0};
	s->x = mem_array(t->n, sizeof *s->x);
	s->running = mem_array(t->running, sizeof *s->running);
	for (int m = 0; m < t->workers; m++)
		s->floats[m] = t->n;
	s->st = (struct train_state){.x = {t->n, s->x},
	                             .running = {t->running, s->running},
	                             .worker_floats = s->floats,
	                             .workers = s->blocks,
	                             .born = s->born};
}

/* Where the server wants pieces, as the trainer does. */
static inline void toy_post(const struct link *link, const struct exchange_request *x)
{
	size_t size = planes_bucket(x->shape.n, link->buckets > 1 ? (size_t)link->buckets : 1);
	for (int i = 0; link->buckets > 1 && i < x->hosted; i++)
		for (size_t end = x->shape.n; end > 0; end = (end - 1) / size * size)
			link->row->post(link->self, x, i, (end - 1) / size * size, end);
}

/* The host's life until the run ends. Exit code. */
static inline int toy_client_run(const struct toy *t, struct toy_client *how, const struct link *link)
{
	struct toy_state s;
	struct toy_worker w[TOY_WORKERS_MOST];
	const void *pushes[TOY_WORKERS_MOST];
	struct err e = {0};
	void *pull = mem_array(t->agg->pull_bytes(t->job.state, t->n), 1);
	bool must_resync = false;
	int bn_owner;
	toy_state_open(t, &s);
	for (int i = 0; i < link->count; i++) {
		toy_worker_open(t, &w[i], link->ids[i]);
		s.blocks[link->ids[i]] = w[i].v;
		pushes[i] = w[i].push;
	}
	if (link->row->sync(link->self, &s.st, &e))
		die("%s", e.text);
	bn_owner = s.st.bn_owner;
	for (int k = (int)s.st.step; k < t->steps;) {
		struct toy_round r = {t, (uint64_t)k};
		struct exchange_reply reply;
		struct exchange_request x = toy_request(t, &r);
		if (k == how->fail_at)
			toy_fail(how, s.x);
		usleep((useconds_t)how->nap_us);
		for (int i = 0; i < link->count && !must_resync; i++) {
			int id = link->ids[i];
			if (s.born[id] < 0) {
				memset(w[i].v, 0, t->n * sizeof(float));
				s.born[id] = k;
			}
			toy_say(t, &w[i], (uint64_t)k, s.x);
			s.loss[id] = id + k;
			for (size_t j = 0; id == bn_owner && j < t->running; j++)
				s.running[j] += (float)(id + 1);
		}
		for (int i = 0; i < link->count; i++)
			s.reported_born[link->ids[i]] = s.born[link->ids[i]];
		x.hosted = link->count;
		x.pushes = pushes;
		x.pull = pull;
		x.loss = s.loss;
		x.born = s.reported_born;
		x.bn_owner = bn_owner;
		x.silent = must_resync;
		x.x_hash = hash_words(0, s.x, t->n * sizeof(float));
		if (!x.silent)
			toy_post(link, &x);
		enum exchange_end end = link->row->exchange(link->self, &x, &reply, &e);
		if (end == EXCHANGE_FAILED)
			die("host of worker %d: %s", how->first, e.text);
		if (end == EXCHANGE_LEFT)
			break;
		for (int i = 0; i < link->count; i++)
			s.born[link->ids[i]] = end == EXCHANGE_REPLACED ? -1 : s.reported_born[link->ids[i]];
		bn_owner = reply.bn_owner;
		must_resync = reply.must_resync;
		if (end == EXCHANGE_REPLACED) {
			k = (int)reply.step;
			continue;
		}
		toy_apply(t, (uint64_t)k, pull, s.x);
		s.st.step = ++k;
		if (reply.flags & EXCHANGE_SAVE && link->row->collect(link->self, &s.st, &e))
			die("%s", e.text);
	}
	uint64_t hash = hash_words(0, s.x, t->n * sizeof(float));
	if (write(how->from, &hash, sizeof hash) != sizeof hash)
		die("no pipe");
	return 0;
}

static inline int toy_client_main(const struct toy *t, struct toy_client *how, enum endpoint_trust trust)
{
	char address[256];
	struct keyring ring = {0};
	const struct curve_key *keys[TOY_WORKERS_MOST];
	struct err e = {0};
	struct link link;
	struct endpoint endpoint = {
	        .trust = trust, .address = address, .ring = &ring, .count = how->count, .patience_s = 20};
	toy_read_line(how->to, address, sizeof address);
	if (trust != ENDPOINT_OPEN) {
		if (keyring_receive(&ring, how->to, &e))
			die("%s", e.text);
		for (int i = 0; i < how->count; i++)
			keys[i] = keyring_worker(&ring, i);
		endpoint.keys = keys;
	}
	struct zmq_client *h = zmq_client_join(&endpoint, &e);
	if (!h || strcmp(zmq_client_settings(h), "{\"toy\": 1}"))
		die("joining: %s", e.text);
	struct transport_env env = {.workers = t->workers, .endpoint = &endpoint};
	if (zmq_client_link(h, &env, &link, &e))
		die("%s", e.text);
	int rc = toy_client_run(t, how, &link);
	link.row->close(link.self);
	keyring_clear(&ring);
	return rc;
}

/*
 * Hosts [count], each a process. To be called before this process starts threads. A host must not hold the
 * pipes of those before it: it reads to the end of what is written.
 */
static inline void toy_client_start(const struct toy *t, struct toy_client *hosts, int i,
                                    enum endpoint_trust trust)
{
	int in[2], out[2];
	struct toy_client *h = &hosts[i];
	if (pipe(in) || pipe(out))
		die("no pipe");
	fflush(NULL);
	h->pid = fork();
	if (h->pid == 0) {
		struct toy_client mine = *h;
		close(in[1]);
		close(out[0]);
		for (int j = 0; j < i; j++)
			close(hosts[j].to);
		mine.to = in[0];
		mine.from = out[1];
		_exit(toy_client_main(t, &mine, trust));
	}
	close(in[0]);
	close(out[1]);
	h->to = in[1];
	h->from = out[0];
}

/* Tell it where to go and who it is: it begins. */
static inline void toy_client_tell(const struct toy_client *h, const char *address,
                                   const struct keyring *ring)
{
	int ids[TOY_WORKERS_MOST];
	struct err e = {0};
	for (int i = 0; i < h->count; i++)
		ids[i] = h->first + i;
	dprintf(h->to, "%s\n", address);
	if (ring && keyring_send(ring, (size_t)h->count, ids, h->to, &e))
		die("%s", e.text);
	close(h->to);
}

/* The exit code (256 + signal), and the hash of its x. */
static inline int toy_client_end(const struct toy_client *h, uint64_t *hash)
{
	int status = 0;
	if (read(h->from, hash, sizeof *hash) != sizeof *hash)
		*hash = 0;
	waitpid(h->pid, &status, 0);
	close(h->from);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

/* --- a server in this process --------------------------------------------------------------------------- */

struct toy_server {
	const struct toy *toy;
	struct pool *pool;
	struct keyring ring;
	struct endpoint endpoint;
	struct link link;
	struct toy_state state;
	void *pull;
	int64_t born[TOY_STEPS_MOST][TOY_WORKERS_MOST]; /* who was counted */
	int n_voters[TOY_STEPS_MOST];
	struct exchange_reply last;
	int bn_owner;
	struct arena arena;
};

/* A server's place and keys, before it is opened: what else it is told goes into s->endpoint. */
static inline void toy_server_make(struct toy_server *s, const struct toy *t, enum endpoint_trust trust,
                                   const char *address)
{
	memset(s, 0, sizeof *s);
	s->toy = t;
	if (trust != ENDPOINT_OPEN)
		keyring_make(&s->ring, t->workers);
	s->endpoint = (struct endpoint){
	        .trust = trust, .address = address, .ring = &s->ring, .settings = "{\"toy\": 1}"};
}

/* settings: of the row, as JSON, or NULL. */
static inline void toy_server_begin(struct toy_server *s, const char *row)
{
	const struct toy *t = s->toy;
	struct err e = {0};
	struct choice c = {0};
	s->pool = pool_open(2);
	struct transport_env env = {.workers = t->workers, .pool = s->pool, .endpoint = &s->endpoint};
	if (choice_parse(&family_transports, &c, NULL, row ? row : "\"zmq\"", &s->arena, &e) ||
	    transport_zmq.open(c.state, &env, &s->link, &e))
		die("%s", e.text);
	toy_state_open(t, &s->state);
	s->pull = mem_array(t->agg->pull_bytes(t->job.state, t->n), 1);
}

static inline void toy_server_open(struct toy_server *s, const struct toy *t, enum endpoint_trust trust,
                                   const char *address, const char *row)
{
	toy_server_make(s, t, trust, address);
	toy_server_begin(s, row);
}

static inline enum exchange_end toy_server_step(struct toy_server *s, int flags, struct err *e)
{
	const struct toy *t = s->toy;
	struct toy_round r = {t, (uint64_t)s->state.st.step};
	struct exchange_reply reply;
	struct exchange_request x = toy_request(t, &r);
	x.pull = s->pull;
	x.loss = s->state.loss;
	x.born = s->born[r.step];
	x.bn_owner = s->bn_owner;
	x.flags = flags;
	x.x_hash = hash_words(0, s->state.x, t->n * sizeof(float));
	enum exchange_end end = s->link.row->exchange(s->link.self, &x, &reply, e);
	s->last = reply;
	if (end != EXCHANGE_DONE)
		return end;
	s->bn_owner = reply.bn_owner;
	s->n_voters[r.step] = reply.n_voters;
	toy_apply(t, r.step, s->pull, s->state.x);
	s->state.st.step++;
	return end;
}

static inline uint64_t toy_server_fault(struct toy_server *s, int m, const char *kind)
{
	const struct fault_table *f = s->link.row->faults(s->link.self);
	for (int k = 0; k < f->n_kinds; k++)
		if (strcmp(f->kinds[k], kind) == 0)
			return f->counts[(m < 0 ? s->toy->workers : m) * f->n_kinds + k];
	die("no fault is called %s", kind);
}

static inline void toy_server_close(struct toy_server *s)
{
	s->link.row->close(s->link.self);
	keyring_clear(&s->ring);
	mem_free(s->state.x);
	mem_free(s->state.running);
	mem_free(s->pull);
	arena_clear(&s->arena);
	pool_close(s->pool);
}

#endif
