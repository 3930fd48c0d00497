#include "tests/support/zmq_peer.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/hash.h"
#include "base/mem.h"
#include "tests/support/process.h"

static void toy_read_line(int fd, char *out, size_t size)
{
	size_t at = 0;
	while (at + 1 < size && read(fd, out + at, 1) == 1 && out[at] != '\n')
		at++;
	out[at] = 0;
}

/* How a client fails; once. */
static void toy_fail(struct toy_client *how, float *x)
{
	how->fail_at = -1;
	if (how->fail == TOY_DIES)
		raise(SIGKILL);
	if (how->fail == TOY_PAUSES)
		raise(SIGSTOP);
	if (how->fail == TOY_FORGETS)
		x[0] += 1;
}

/* Says buckets early where the server wants them, as the trainer does. */
static void toy_post(const struct link *link, const struct exchange_request *x)
{
	size_t size = planes_bucket(x->shape.n, link->buckets > 1 ? (size_t)link->buckets : 1);
	for (int i = 0; link->buckets > 1 && i < x->hosted; i++)
		for (size_t end = x->shape.n; end > 0; end = (end - 1) / size * size)
			link->row->post(link->self, x, i, (end - 1) / size * size, end);
}

/* A client's life: what it holds from its first step to its last. */
struct client_life {
	const struct toy *toy;
	struct toy_client *how;
	const struct link *link;
	struct toy_state state;
	struct toy_worker w[TOY_WORKERS_MOST];
	const void *pushes[TOY_WORKERS_MOST];
	void *pull;
	struct toy_round round;
	bool must_resync;
	int bn_owner;
};

static void life_open(struct client_life *c)
{
	const struct toy *t = c->toy;
	struct err e = {0};
	c->pull = mem_array(t->shape.pull_bytes, 1);
	toy_state_open(t, &c->state);
	for (int i = 0; i < c->link->count; i++) {
		toy_worker_open(t, &c->w[i], c->link->ids[i]);
		c->state.blocks[c->link->ids[i]] = c->w[i].v;
		c->pushes[i] = c->w[i].push;
	}
	if (c->link->row->sync(c->link->self, &c->state.st, &e))
		die("%s", e.text);
	c->bn_owner = c->state.st.bn_owner;
}

/* What the workers say in step k, unless the client must take the server's state first. */
static void life_say(struct client_life *c, int k)
{
	const struct toy *t = c->toy;
	struct toy_state *s = &c->state;
	for (int i = 0; i < c->link->count; i++) {
		int id = c->link->ids[i];
		if (!c->must_resync) {
			if (s->born[id] < 0) {
				memset(c->w[i].v, 0, t->n * sizeof(float));
				s->born[id] = k;
			}
			toy_say(t, &c->w[i], (uint64_t)k, s->x);
			s->loss[id] = id + k;
			for (size_t j = 0; id == c->bn_owner && j < t->running; j++)
				s->running[j] += (float)(id + 1);
		}
		s->reported_born[id] = s->born[id];
	}
}

/* The exchange of step k. */
static enum exchange_end life_exchange(struct client_life *c, int k, struct exchange_reply *reply)
{
	const struct toy *t = c->toy;
	struct err e = {0};
	c->round = (struct toy_round){t, (uint64_t)k};
	struct exchange_request x = toy_request(t, &c->round);
	x.hosted = c->link->count;
	x.pushes = c->pushes;
	x.pull = c->pull;
	x.loss = c->state.loss;
	x.born = c->state.reported_born;
	x.bn_owner = c->bn_owner;
	x.silent = c->must_resync;
	x.x_hash = hash_words(0, c->state.x, t->n * sizeof(float));
	if (!x.silent)
		toy_post(c->link, &x);
	enum exchange_end end = c->link->row->exchange(c->link->self, &x, reply, &e);
	if (end == EXCHANGE_FAILED)
		die("client of worker %d: %s", c->how->first, e.text);
	return end;
}

/* One step; false: the run is over. */
static bool life_step(struct client_life *c, int *k)
{
	struct toy_state *s = &c->state;
	struct exchange_reply reply;
	struct err e = {0};
	if (*k == c->how->fail_at)
		toy_fail(c->how, s->x);
	usleep((useconds_t)c->how->nap_us);
	life_say(c, *k);
	enum exchange_end end = life_exchange(c, *k, &reply);
	if (end == EXCHANGE_LEFT)
		return false;
	for (int i = 0; i < c->link->count; i++) {
		int id = c->link->ids[i];
		s->born[id] = end == EXCHANGE_REPLACED ? -1 : s->reported_born[id];
	}
	c->bn_owner = reply.bn_owner;
	c->must_resync = reply.must_resync;
	if (end == EXCHANGE_REPLACED) {
		*k = (int)reply.step;
		return true;
	}
	if (!(reply.flags & EXCHANGE_WITHHELD))
		toy_apply(c->toy, (uint64_t)*k, c->pull, s->x);
	s->st.step = ++*k;
	if (reply.flags & EXCHANGE_SAVE && c->link->row->collect(c->link->self, &s->st, &e))
		die("%s", e.text);
	return true;
}

/* The client's life until the run ends. Exit code. */
static int toy_client_run(const struct toy *t, struct toy_client *how, const struct link *link)
{
	struct client_life c = {.toy = t, .how = how, .link = link};
	life_open(&c);
	for (int k = (int)c.state.st.step; k < t->steps;) {
		if (!life_step(&c, &k))
			break;
	}
	uint64_t hash = hash_words(0, c.state.x, t->n * sizeof(float));
	if (write(how->from, &hash, sizeof hash) != sizeof hash)
		die("no pipe");
	return 0;
}

static int toy_client_main(const struct toy *t, struct toy_client *how, enum endpoint_trust trust)
{
	char address[256];
	struct keyring ring = {0};
	const struct curve_key *keys[TOY_WORKERS_MOST];
	struct err e = {0};
	struct link link;
	struct endpoint endpoint = {
	        .trust = trust, .address = address, .ring = &ring, .count = how->count, .patience_s = 60};
	toy_read_line(how->to, address, sizeof address);
	if (trust != ENDPOINT_OPEN) {
		if (keyring_receive(&ring, how->to, &e))
			die("%s", e.text);
		for (int i = 0; i < how->count; i++)
			keys[i] = keyring_worker(&ring, i);
		endpoint.keys = keys;
	}
	struct zmq_client *joined = zmq_client_join(&endpoint, &e);
	if (!joined || strcmp(zmq_client_settings(joined), "{\"toy\": 1}"))
		die("joining: %s", e.text);
	struct transport_env env = {.workers = t->workers, .endpoint = &endpoint};
	if (zmq_client_link(joined, &env, &link, &e))
		die("%s", e.text);
	int rc = toy_client_run(t, how, &link);
	link.row->close(link.self);
	keyring_clear(&ring);
	return rc;
}

void toy_client_start(const struct toy *t, struct toy_client *clients, int i, enum endpoint_trust trust)
{
	int in[2], out[2];
	struct toy_client *h = &clients[i];
	if (pipe(in) || pipe(out))
		die("no pipe");
	fflush(NULL);
	h->pid = fork();
	if (h->pid == 0) {
		struct toy_client mine = *h;
		close(in[1]);
		close(out[0]);
		for (int j = 0; j < i; j++)
			close(clients[j].to);
		mine.to = in[0];
		mine.from = out[1];
		_exit(toy_client_main(t, &mine, trust));
	}
	close(in[0]);
	close(out[1]);
	h->to = in[1];
	h->from = out[0];
}

void toy_client_tell(const struct toy_client *h, const char *address, const struct keyring *ring)
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

int toy_client_end(const struct toy_client *h, uint64_t *hash)
{
	if (read(h->from, hash, sizeof *hash) != sizeof *hash)
		*hash = 0;
	int code = process_wait(h->pid);
	close(h->from);
	return code;
}
