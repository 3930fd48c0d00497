#include "tests/support/zmq_job.h"
#include <criterion/criterion.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "base/hash.h"
#include "base/mem.h"

enum { FD_MOST = 1024 };

static void combine_here(void *ctx, int lane, int count, const void *const *pushes, size_t begin, size_t end,
                         void *pull)
{
	const struct toy_shard *s = ctx;
	struct toy_round r = {s->toy, s->x.step};
	toy_combine(&r, lane, count, pushes, begin, end, pull);
}

static void *shard_main(void *ctx)
{
	struct toy_shard *s = ctx;
	struct toy_round r = {s->toy, 0};
	struct pool *pool = pool_open(1);
	s->rc = zmq_shard_wait(s->open, &s->e);
	cr_assert(s->rc || zmq_shard_n(s->open) == s->toy->n);
	s->x = toy_request(s->toy, &r);
	s->x.rule.combine = combine_here;
	s->x.rule.ctx = s;
	s->x.pull = mem_array(s->x.shape.pull_bytes, 1);
	s->rc = s->rc || zmq_shard_serve(s->open, pool, &s->x, &s->e);
	zmq_shard_close(s->open);
	mem_free(s->x.pull);
	pool_close(pool);
	return NULL;
}

void shard_start(struct toy_shard *s, const struct toy *t, enum endpoint_trust trust,
                 const struct keyring *ring, const char *address)
{
	*s = (struct toy_shard){.toy = t};
	s->endpoint = (struct endpoint){.trust = trust,
	                                .address = address,
	                                .ring = trust == ENDPOINT_OPEN ? NULL : ring,
	                                .patience_s = 60,
	                                .stop = &s->stop};
	s->open = zmq_shard_open(&s->endpoint, &s->e);
	cr_assert_not_null(s->open, "%s", s->e.text);
	snprintf(s->address, sizeof s->address, "%s", zmq_shard_address(s->open));
	cr_assert_eq(pthread_create(&s->thread, NULL, shard_main, s), 0);
}

int shard_end(struct toy_shard *s)
{
	pthread_join(s->thread, NULL);
	return s->rc;
}

static const char PATIENT[] = ",\"deadline_s\":60";

/* The clients wait to be told. more: further keys of the row. */
static void job_make(struct job *p, const struct toy *t, enum endpoint_trust trust, int n_shards,
                     struct toy_client *clients, int n_clients, const char *more)
{
	char row[128];
	struct err e = {0};
	bool tcp = trust != ENDPOINT_TOKENS;
	memset(p, 0, sizeof *p);
	p->n_shards = n_shards;
	p->clients = clients;
	p->n_clients = n_clients;
	for (int i = 0; i < n_clients; i++)
		toy_client_start(t, clients, i, trust);
	served_address(p->own, tcp);
	toy_server_make(&p->server, t, trust, p->own);
	p->server.endpoint.n_shards = n_shards;
	p->server.endpoint.shards = p->addresses;
	for (int i = 0; i < n_shards; i++) {
		served_address(p->shard_at[i], tcp);
		shard_start(&p->shards[i], t, trust, &p->server.ring, p->shard_at[i]);
		p->addresses[i] = p->shards[i].address;
	}
	snprintf(row, sizeof row, "{\"kind\":\"zmq\",\"shards\":%d%s}", 1 + n_shards, more);
	toy_server_begin(&p->server, row);
	cr_assert_eq(p->server.link.row->sync(p->server.link.self, &p->server.state.st, &e), 0);
}

static void job_tell(struct job *p)
{
	for (int i = 0; i < p->n_clients; i++)
		toy_client_tell(&p->clients[i], zmq_server_address(p->server.link.self),
		                p->server.endpoint.trust == ENDPOINT_OPEN ? NULL : &p->server.ring);
}

void job_open(struct job *p, const struct toy *t, enum endpoint_trust trust, int n_shards,
              struct toy_client *clients, int n_clients)
{
	job_make(p, t, trust, n_shards, clients, n_clients, PATIENT);
	job_tell(p);
}

void job_meet(struct job *p, const struct toy *t, struct toy_client *honest, const char *more)
{
	job_make(p, t, ENDPOINT_KEYS, 1, honest, 1, more);
	toy_server_listen(&p->server);
	job_tell(p);
	toy_server_meet(&p->server, 0, 2);
}

void job_steps(struct job *p, int steps)
{
	struct err e = {0};
	for (int k = 0; k < steps; k++)
		cr_assert_eq(toy_server_step(&p->server, 0, &e), EXCHANGE_DONE, "%s", e.text);
}

void job_close(struct job *p, const int *ends)
{
	const struct toy *t = p->server.toy;
	int steps = (int)p->server.state.st.step;
	float *want = mem_array(t->n, sizeof *want);
	uint64_t hash;
	p->server.link.row->leave(p->server.link.self, true, "done");
	toy_replay(t, steps, p->server.born, want);
	cr_assert_eq(memcmp(want, p->server.state.x, t->n * sizeof *want), 0, "the server's x is another");
	for (int i = 0; i < p->n_clients; i++) {
		int end = toy_client_end(&p->clients[i], &hash);
		cr_assert_eq(end, ends ? ends[i] : 0, "client %d ended with %d", i, end);
		if (end == 0)
			cr_assert_eq(hash, hash_words(0, want, t->n * sizeof *want),
			             "client %d's x is another", i);
	}
	toy_server_close(&p->server);
	for (int i = 0; i < p->n_shards; i++)
		cr_expect_eq(shard_end(&p->shards[i]), 0, "shard %d: %s", i + 1, p->shards[i].e.text);
	mem_free(want);
}

int sockets_at(const char *address, bool cut)
{
	struct sockaddr_in at;
	int count = 0, port = atoi(strrchr(address, ':') + 1);
	for (int fd = 0; fd < FD_MOST; fd++) {
		socklen_t size = sizeof at, peer = 0;
		if (getsockname(fd, (struct sockaddr *)&at, &size) || at.sin_family != AF_INET ||
		    ntohs(at.sin_port) != port)
			continue;
		count++;
		if (cut && getpeername(fd, NULL, &peer) == 0)
			shutdown(fd, SHUT_RDWR);
	}
	return count;
}
