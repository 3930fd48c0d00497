/* Several servers share the coordinates: the bits are those of one server, whichever process dies. */
#include <criterion/criterion.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/hash.h"
#include "backend/sign.h"
#include "tests/support/served.h"
#include "tests/support/zmq_byzantine.h"
#include "transport/zmq/shard.h"

enum { SHARDS_OPEN = 4, TRIES = 10, FD_MOST = 1024 };

/* A shard, in a thread. */
struct toy_shard {
	const struct toy *toy;
	struct endpoint endpoint;
	struct zmq_shard *open;
	struct exchange_request x;
	volatile sig_atomic_t stop;
	pthread_t thread;
	int rc;
	struct err e;
	char address[ADDRESS_SIZE];
};

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

static void shard_start(struct toy_shard *s, const struct toy *t, enum endpoint_trust trust,
                        const struct keyring *ring, const char *address)
{
	*s = (struct toy_shard){.toy = t};
	s->endpoint = (struct endpoint){.trust = trust,
	                                .address = address,
	                                .ring = trust == ENDPOINT_OPEN ? NULL : ring,
	                                .patience_s = 20,
	                                .stop = &s->stop};
	s->open = zmq_shard_open(&s->endpoint, &s->e);
	cr_assert_not_null(s->open, "%s", s->e.text);
	snprintf(s->address, sizeof s->address, "%s", zmq_shard_address(s->open));
	cr_assert_eq(pthread_create(&s->thread, NULL, shard_main, s), 0);
}

static int shard_end(struct toy_shard *s)
{
	pthread_join(s->thread, NULL);
	return s->rc;
}

/* A main server, shards and clients; the keys of all are the server's. */
struct job {
	struct toy_server server;
	struct toy_shard shards[SHARDS_OPEN];
	const char *addresses[SHARDS_OPEN];
	/* where they are told to listen */
	char own[SERVED_ADDRESS], shard_at[SHARDS_OPEN][SERVED_ADDRESS];
	int n_shards, n_clients;
	struct toy_client *clients;
};

static struct job job; /* in static memory, for its size */

/* more: further keys of the row. */
static void job_open(struct job *p, const struct toy *t, enum endpoint_trust trust, int n_shards,
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
	for (int i = 0; i < n_clients; i++)
		toy_client_tell(&clients[i], zmq_server_address(p->server.link.self),
		                trust == ENDPOINT_OPEN ? NULL : &p->server.ring);
	cr_assert_eq(p->server.link.row->sync(p->server.link.self, &p->server.state.st, &e), 0);
}

static void job_steps(struct job *p, int steps)
{
	struct err e = {0};
	for (int k = 0; k < steps; k++)
		cr_assert_eq(toy_server_step(&p->server, 0, &e), EXCHANGE_DONE, "%s", e.text);
}

/* All x are what the counted votes make of them. */
static void job_close(struct job *p, const int *ends)
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

static void all_counted(const struct job *p)
{
	for (int k = 0; k < (int)p->server.state.st.step; k++)
		cr_assert_eq(p->server.n_voters[k], p->server.toy->workers, "step %d", k);
}

TestSuite(zmq_shards, .timeout = 120);

static void run_sound(const char *agg, enum endpoint_trust trust, int n_shards, size_t n, size_t running)
{
	struct toy t;
	struct toy_client clients[] = {{.count = 1, .first = 0, .fail_at = -1},
	                               {.count = 2, .first = 1, .fail_at = -1}};
	toy_open(&t, 3, 12, n, agg);
	t.running = running;
	job_open(&job, &t, trust, n_shards, clients, 2, "");
	job_steps(&job, t.steps);
	all_counted(&job);
	job_close(&job, NULL);
	toy_close(&t);
}

Test(zmq_shards, same_bits_with_every_policy)
{
	for (int i = 0; i < 9; i++) {
		const char *const *policies = SIGN_POLICY_NAMES;
		char agg[96];
		snprintf(agg, sizeof agg, "{\"kind\":\"vote\",\"zero\":\"%s\",\"tie\":\"%s\"}",
		         policies[i % 3], policies[i / 3]);
		run_sound(agg, ENDPOINT_TOKENS, 1 + i % 2, 1000, 5);
	}
}

Test(zmq_shards, same_bits_over_tcp_with_keys_of_floats)
{
	run_sound("mean", ENDPOINT_KEYS, 2, 20011, 0);
}

Test(zmq_shards, same_bits_without_keys)
{
	run_sound("vote", ENDPOINT_OPEN, 3, 100001, 0);
}

/* When the process dies, its vote may be at some of the servers only. */
Test(zmq_shards, a_killed_worker_is_counted_by_all_or_by_none)
{
	struct toy t;
	struct toy_client clients[] = {{.count = 2, .first = 0, .fail_at = -1},
	                               {.count = 1, .first = 2, .fail_at = 7, .fail = TOY_DIES},
	                               {.count = 1, .first = 3, .fail_at = 11, .fail = TOY_FORGETS},
	                               {.count = 1, .first = 4, .fail_at = -1}};
	static const int ends[] = {0, 256 + SIGKILL, 0, 0};
	toy_open(&t, 5, 25, 5000, "vote");
	job_open(&job, &t, ENDPOINT_KEYS, 2, clients, 4, ",\"deadline_s\":0.5");
	job_steps(&job, t.steps);
	cr_expect_eq(job.server.born[6][2], 0);
	cr_expect_eq(job.server.born[7][2], -1);
	/* A shard keeps the first attempt, so a worker that learns in a round of wrong parameters must wait.
	 */
	cr_expect_eq(job.server.born[11][3], -1);
	cr_expect_eq(job.server.born[12][3], 12);
	job_close(&job, ends);
	toy_close(&t);
}

Test(zmq_shards, a_shard_that_is_started_again_gets_the_votes_again)
{
	struct toy t;
	char address[ADDRESS_SIZE];
	struct toy_client clients[] = {{.count = 3, .first = 0, .fail_at = -1}};
	toy_open(&t, 3, 12, 5000, "vote");
	job_open(&job, &t, ENDPOINT_KEYS, 2, clients, 1, "");
	job_steps(&job, 5);
	usleep(200000); /* votes for the next step are there */
	/* The main server has heard so, and decides on votes that the new process does not have. */
	job.shards[1].stop = 1;
	cr_expect_eq(shard_end(&job.shards[1]), 1);
	snprintf(address, sizeof address, "%s", job.addresses[1]);
	shard_start(&job.shards[1], &t, ENDPOINT_KEYS, &job.server.ring, address);
	usleep(500000); /* it is connected again when the main server checks */
	job_steps(&job, 7);
	cr_expect_eq(job.server.n_voters[11], 3); /* step 5 may have ended at its deadline */
	job_close(&job, NULL);
	toy_close(&t);
}

Test(zmq_shards, without_a_shard_there_is_a_sentence)
{
	struct toy t;
	uint64_t hash;
	struct err e = {0};
	struct toy_client clients[] = {{.count = 3, .first = 0, .fail_at = -1}};
	toy_open(&t, 3, 12, 5000, "vote");
	job_open(&job, &t, ENDPOINT_KEYS, 1, clients, 1, ",\"patience_s\":1");
	job_steps(&job, 3);
	job.shards[0].stop = 1;
	shard_end(&job.shards[0]);
	enum exchange_end end = EXCHANGE_DONE;
	for (int k = 0; k < 2 && end == EXCHANGE_DONE; k++)
		end = toy_server_step(&job.server, 0, &e);
	cr_expect_eq(end, EXCHANGE_FAILED);
	cr_expect(strstr(e.text, "shard 1") && strstr(e.text, "no answer"), "%s", e.text);
	job.server.link.row->leave(job.server.link.self, true, "done");
	toy_client_end(&clients[0], &hash);
	toy_server_close(&job.server);
	toy_close(&t);
}

/* The vote for one server: a worker may send it to one and not to another. */
static void say_vote(struct byzantine *l, const struct toy *t, int to, uint64_t step, uint32_t attempt)
{
	struct planes p = planes_of(1, t->shape.push_bytes, t->n);
	size_t range = planes_bucket(t->n, 2), begin = (size_t)to * range, end = to ? t->n : range;
	size_t bytes = planes_range_bytes(&p, t->n, begin, end);
	unsigned char *zeros = mem_array(bytes, 1);
	int id = l->id;
	l->id = (int)attempt;
	byzantine_say(l, (struct frame){.type = FRAME_PUSH, .step = step, .born = (int64_t)step}, zeros,
	              bytes, -1);
	l->id = id;
	mem_free(zeros);
}

/* The server behind l is done with the step, though the main one may have been before. */
static void wait_for_answer(struct byzantine *l, uint64_t step)
{
	struct frame f;
	byzantine_say(l, (struct frame){.type = FRAME_FETCH, .step = step}, "", 0, -1);
	cr_assert(byzantine_await(l, FRAME_ANSWER, step, &f), "no answer of step %d", (int)step);
}

/* Worker m at both servers, after the first step: the main one will hear its HELLO, the shard has. */
static void open_at_both(struct byzantine *main, struct byzantine *shard, const struct toy *t, int m)
{
	const struct curve_key *own = keyring_find(&job.server.ring, KEYRING_SERVER);
	const struct curve_key *key = keyring_worker(&job.server.ring, m);
	byzantine_open(main, t, m, zmq_server_address(job.server.link.self), own, key);
	byzantine_open(shard, t, m, job.addresses[0], own, key);
	byzantine_say(main, (struct frame){.type = FRAME_HELLO, .step = 1}, "none", 4, -1);
	byzantine_join(shard);
}

/* Between two rounds the server hears messages until something is so. */
static void hear_until(struct server *s, const bool *is_so)
{
	for (double until = clock_s() + 30; !*is_so && clock_s() < until;)
		server_serve(s, 10);
	cr_assert(*is_so, "a message to the server does not come");
}

Test(zmq_shards, a_vote_in_part_or_in_parts_of_two_attempts_does_not_count)
{
	enum { BYZANTINE = 2 };
	struct toy t;
	struct byzantine main, shard;
	struct frame decide = {.type = FRAME_DECIDE};
	unsigned char junk[4096] = {0};
	struct toy_client clients[] = {{.count = 2, .first = 0, .fail_at = -1}};
	toy_open(&t, 3, 6, 5000, "vote");
	t.zeros = BYZANTINE;
	job_open(&job, &t, ENDPOINT_KEYS, 1, clients, 1,
	         ",\"deadline_s\":1,\"patience_s\":10,\"max_missed\":9");
	struct server *server = job.server.link.self;
	job_steps(&job, 1);
	open_at_both(&main, &shard, &t, BYZANTINE);
	hear_until(server, &server->peers[BYZANTINE].presence.awaited);
	say_vote(&main, &t, 0, 1, 7);
	job_steps(&job, 1); /* 1: at the main server alone */
	say_vote(&shard, &t, 1, 2, 8);
	job_steps(&job, 1); /* 2: at the other alone */
	say_vote(&main, &t, 0, 3, 9);
	say_vote(&shard, &t, 1, 3, 10);
	job_steps(&job, 1); /* 3: two attempts */
	wait_for_answer(&shard, 3);
	say_vote(&shard, &t, 1, 4, 11);
	say_vote(&shard, &t, 1, 4, 12); /* the first stays */
	decide.step = 4;
	byzantine_say(&shard, decide, junk, 24, -1);
	byzantine_say(&shard, (struct frame){.type = FRAME_PUSH, .step = 4}, junk, 100, -1);
	byzantine_say(&shard, (struct frame){.type = FRAME_ATTACH, .step = 9, .count = 2}, junk, 100, -1);
	say_vote(&main, &t, 0, 4, 11);
	hear_until(server, &server->peers[BYZANTINE].vote.complete);
	job_steps(&job, 1); /* 4: a vote */
	for (int k = 1; k < 5; k++)
		cr_expect_eq(job.server.born[k][BYZANTINE], k == 4 ? 4 : -1, "step %d", k);
	job_steps(&job, 1);
	cr_expect_eq(toy_server_fault(&job.server, BYZANTINE, "duplicate"), 1);
	cr_expect_eq(toy_server_fault(&job.server, BYZANTINE, "garbage"), 2);
	cr_expect_eq(toy_server_fault(&job.server, BYZANTINE, "wrong_length"), 1);
	byzantine_close(&main);
	byzantine_close(&shard);
	job_close(&job, NULL);
	toy_close(&t);
}

/* Frames for one server at the shard, and at the main one: lies about what they are, whose, and how long. */
static void lie_to(struct byzantine *l, const struct toy *t, uint64_t step, bool main)
{
	static unsigned char junk[8192];
	const size_t push = t->shape.push_bytes;
	const struct frame votes[] = {
	        {.type = FRAME_PUSH, .step = step, .born = (int64_t)step, .index = 0, .count = 5},
	        {.type = FRAME_PUSH, .step = step, .born = (int64_t)step, .index = 4, .count = 5},
	        {.type = FRAME_PUSH, .step = step, .born = (int64_t)step, .flags = FRAME_HAS_RUNNING},
	        {.type = FRAME_PUSH, .step = step + 1, .born = (int64_t)step},
	        {.type = FRAME_FETCH, .step = step + 1000},
	        {.type = FRAME_STATE, .step = step, .count = 1},
	};
	static const enum frame_type others[] = {FRAME_ATTACH, FRAME_DECIDE, FRAME_HAVE,  FRAME_RANGE,
	                                         FRAME_FAULTS, FRAME_READY,  FRAME_ANSWER};
	for (size_t i = 0; i < sizeof votes / sizeof *votes; i++)
		byzantine_say(l, votes[i], junk, push, -1);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		for (size_t bytes = 0; bytes <= 48; bytes += 24)
			byzantine_say(l,
			              (struct frame){.type = others[i], .step = step, .index = 1, .count = 2},
			              junk, bytes, -1);
	say_vote(l, t, main, step, 3); /* the range of the other server */
	zmq_send(l->dealer, junk, 64, ZMQ_SNDMORE);
	zmq_send(l->dealer, junk, 64, 0);
	for (int i = 0; i < 300; i++)
		byzantine_say(l, (struct frame){.type = FRAME_FETCH}, junk, 0, -1);
}

/* All of it is dropped; the honest are counted in each round, and in the end the liar too. */
Test(zmq_shards, hostile_frames_change_nothing)
{
	enum { BYZANTINE = 2 };
	struct toy t;
	struct byzantine main, shard;
	struct toy_client clients[] = {{.count = 2, .first = 0, .fail_at = -1}};
	toy_open(&t, 3, 8, 5000, "vote");
	t.zeros = BYZANTINE;
	job_open(&job, &t, ENDPOINT_KEYS, 1, clients, 1,
	         ",\"deadline_s\":2,\"patience_s\":4,\"max_missed\":1,\"ban_after\":1000");
	job_steps(&job, 1);
	open_at_both(&main, &shard, &t, BYZANTINE);
	for (uint64_t step = 1; step < 5; step++) {
		lie_to(&shard, &t, step, false);
		lie_to(&main, &t, step, true);
		job_steps(&job, 1);
	}
	for (int k = 1; k < 5; k++)
		cr_expect(job.server.born[k][0] == 0 && job.server.born[k][1] == 0 &&
		                  job.server.born[k][BYZANTINE] == -1,
		          "step %d", k);
	cr_expect_geq(toy_server_fault(&job.server, BYZANTINE, "garbage"), 40);
	cr_expect_geq(toy_server_fault(&job.server, BYZANTINE, "wrong_length"), 4);
	cr_expect_geq(toy_server_fault(&job.server, BYZANTINE, "multipart"), 2);
	byzantine_close(&main);
	byzantine_close(&shard);
	job_steps(&job, 1);
	job_close(&job, NULL);
	toy_close(&t);
}

/* A vote that some of the servers do not get is a missed one: nobody waits for such a worker for ever. */
Test(zmq_shards, who_votes_at_one_server_only_is_given_up)
{
	enum { BYZANTINE = 2 };
	struct toy t;
	struct byzantine main, shard;
	struct toy_client clients[] = {{.count = 2, .first = 0, .fail_at = -1}};
	toy_open(&t, 3, 8, 5000, "vote");
	job_open(&job, &t, ENDPOINT_KEYS, 1, clients, 1,
	         ",\"deadline_s\":1,\"patience_s\":10,\"max_missed\":2");
	struct server *server = job.server.link.self;
	job_steps(&job, 1);
	open_at_both(&main, &shard, &t, BYZANTINE);
	hear_until(server, &server->peers[BYZANTINE].presence.awaited);
	for (uint64_t step = 1; step < 5; step++) {
		say_vote(&main, &t, 0, step, 7);
		job_steps(&job, 1);
	}
	cr_expect_not(server->peers[BYZANTINE].presence.awaited);
	cr_expect_geq(server->peers[BYZANTINE].presence.given_up, 1);
	byzantine_close(&main);
	byzantine_close(&shard);
	job_close(&job, NULL);
	toy_close(&t);
}

/* A shard has a budget for each key too, and tells the main server of its offences. */
Test(zmq_shards, who_asks_a_shard_for_ever_is_shut_out_there)
{
	enum { BYZANTINE = 2, ASKED = 300 };
	struct toy t;
	struct byzantine shard;
	struct toy_client clients[] = {{.count = 2, .first = 0, .fail_at = -1}};
	toy_open(&t, 3, TOY_STEPS_MOST, 5000, "vote");
	job_open(&job, &t, ENDPOINT_KEYS, 1, clients, 1, ",\"patience_s\":2");
	job_steps(&job, 1);
	byzantine_open(&shard, &t, BYZANTINE, job.addresses[0],
	               keyring_find(&job.server.ring, KEYRING_SERVER),
	               keyring_worker(&job.server.ring, BYZANTINE));
	byzantine_join(&shard);
	while (toy_server_fault(&job.server, BYZANTINE, "banned") == 0) {
		cr_assert_lt(job.server.state.st.step, TOY_STEPS_MOST - 10, "it is never shut out");
		for (int i = 0; i < ASKED; i++)
			byzantine_say(&shard, (struct frame){.type = FRAME_FETCH}, "", 0, -1);
		job_steps(&job, 1);
	}
	cr_expect_gt(toy_server_fault(&job.server, BYZANTINE, "greedy"), 100);
	for (int k = 0; k < (int)job.server.state.st.step; k++)
		cr_assert_eq(job.server.n_voters[k], 2, "step %d", k);
	byzantine_close(&shard);
	job_close(&job, NULL);
	toy_close(&t);
}

/* Sockets of this process at the address's port: one that listens, and connections that it has taken. */
static int sockets_at(const char *address)
{
	struct sockaddr_in at;
	int count = 0, port = atoi(strrchr(address, ':') + 1);
	for (int fd = 0; fd < FD_MOST; fd++) {
		socklen_t size = sizeof at;
		count += getsockname(fd, (struct sockaddr *)&at, &size) == 0 && at.sin_family == AF_INET &&
		         ntohs(at.sin_port) == port;
	}
	return count;
}

/* A shard listens once to learn of its run, and again when it knows how long messages will be. In between
 * nobody can reach it: whoever could would say HELLO to a socket that is only being closed. */
Test(zmq_shards, nobody_is_let_in_before_the_shard_listens_again)
{
	struct toy t;
	toy_open(&t, 3, 1, 1000, "vote");
	for (int i = 0; i < TRIES; i++) {
		struct err e = {0};
		struct byzantine main;
		struct endpoint endpoint = {
		        .trust = ENDPOINT_OPEN, .address = "tcp://127.0.0.1:*", .patience_s = 20};
		struct frame attach = {
		        .type = FRAME_ATTACH, .index = 1, .count = 2, .born = 1, .x_hash = t.n, .value = 100};
		struct zmq_shard *shard = zmq_shard_open(&endpoint, &e);
		cr_assert_not_null(shard, "%s", e.text);
		byzantine_open(&main, &t, t.workers, zmq_shard_address(shard), NULL, NULL);
		byzantine_say(&main, attach, "{}", 2, -1);
		cr_assert_eq(zmq_shard_wait(shard, &e), 0, "%s", e.text);
		cr_expect_eq(sockets_at(zmq_shard_address(shard)), 0, "try %d", i);
		byzantine_close(&main);
		zmq_shard_close(shard);
	}
	toy_close(&t);
}
