/* Several servers share the coordinates: the bits are those of one server, whichever process dies. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "backend/sign.h"
#include "tests/support/zmq_job.h"

enum { TRIES = 10 };

static struct job job; /* in static memory, for its size */

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
	job_open(&job, &t, trust, n_shards, clients, 2);
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
	job_open(&job, &t, ENDPOINT_KEYS, 2, clients, 4);
	struct zmq_settings *set = &((struct server *)job.server.link.self)->set, usual = *set;
	job_steps(&job, 11);
	set->deadline_s = 0.5; /* the round in which worker 3 learns of its parameters */
	job_steps(&job, 1);
	*set = usual;
	job_steps(&job, t.steps - 12);
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
	job_open(&job, &t, ENDPOINT_KEYS, 2, clients, 1);
	job_steps(&job, 5);
	/* The main server has heard of the votes, and decides on such that the new process does not have. */
	toy_server_meet(&job.server, 0, t.workers);
	job.shards[1].stop = 1;
	cr_expect_eq(shard_end(&job.shards[1]), 1);
	snprintf(address, sizeof address, "%s", job.addresses[1]);
	shard_start(&job.shards[1], &t, ENDPOINT_KEYS, &job.server.ring, address);
	/* All are connected again when the main server checks: itself, and the workers. */
	for (int ms = 0; sockets_at(address, false) < 1 + 1 + t.workers; ms++, usleep(1000))
		cr_assert_lt(ms, SETTLED_MS, "nobody connects to the shard again");
	job_steps(&job, 7);
	all_counted(&job);
	job_close(&job, NULL);
	toy_close(&t);
}

/*
 * Worker 2 does not hear a shard's answer, which the main server has: then the shard is another process. The
 * worker gets that range from the main server, and goes on with the state that it has.
 */
Test(zmq_shards, who_was_not_answered_by_a_shard_that_died_goes_on)
{
	struct toy t;
	int status;
	char address[ADDRESS_SIZE];
	struct toy_client clients[] = {{.count = 2, .first = 0, .fail_at = -1},
	                               {.count = 1, .first = 2, .fail_at = -1}};
	toy_open(&t, 3, 12, 5000, "vote");
	job_open(&job, &t, ENDPOINT_KEYS, 2, clients, 2);
	job_steps(&job, 5);
	toy_server_meet(&job.server, 0, t.workers);
	kill(clients[1].pid, SIGSTOP);
	cr_assert(waitpid(clients[1].pid, &status, WUNTRACED) > 0 && WIFSTOPPED(status));
	sockets_at(job.addresses[1], true);
	job_steps(&job, 1);
	job.shards[1].stop = 1;
	cr_expect_eq(shard_end(&job.shards[1]), 1);
	snprintf(address, sizeof address, "%s", job.addresses[1]);
	shard_start(&job.shards[1], &t, ENDPOINT_KEYS, &job.server.ring, address);
	kill(clients[1].pid, SIGCONT);
	toy_server_meet(&job.server, 0, t.workers);
	job_steps(&job, 6);
	all_counted(&job);
	for (int k = 0; k < 12; k++)
		cr_expect_eq(job.server.born[k][2], 0, "step %d: %d", k, (int)job.server.born[k][2]);
	cr_expect_eq(toy_server_fault(&job.server, 2, "greedy"), 0);
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
	job_open(&job, &t, ENDPOINT_KEYS, 1, clients, 1);
	struct server *server = job.server.link.self;
	job_steps(&job, 3);
	job.shards[0].stop = 1;
	shard_end(&job.shards[0]);
	for (int ms = 0; server->role->trouble(server, &e) == 0; ms += 10) {
		cr_assert_lt(ms, SETTLED_MS, "the main server does not see that the shard is gone");
		server_serve(server, 10);
	}
	server->set.patience_s = 0.2;
	err_clear(&e);
	cr_expect_eq(toy_server_step(&job.server, 0, &e), EXCHANGE_FAILED);
	cr_expect(strstr(e.text, "shard 1") && strstr(e.text, "no answer"), "%s", e.text);
	job.server.link.row->leave(job.server.link.self, true, "done");
	toy_client_end(&clients[0], &hash);
	toy_server_close(&job.server);
	toy_close(&t);
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
		        .trust = ENDPOINT_OPEN, .address = "tcp://127.0.0.1:*", .patience_s = 60};
		struct frame attach = {
		        .type = FRAME_ATTACH, .index = 1, .count = 2, .born = 1, .x_hash = t.n, .value = 100};
		struct zmq_shard *shard = zmq_shard_open(&endpoint, &e);
		cr_assert_not_null(shard, "%s", e.text);
		byzantine_open(&main, &t, t.workers, zmq_shard_address(shard), NULL, NULL);
		byzantine_say(&main, attach, "{}", 2, -1);
		cr_assert_eq(zmq_shard_wait(shard, &e), 0, "%s", e.text);
		cr_expect_eq(sockets_at(zmq_shard_address(shard), false), 0, "try %d", i);
		byzantine_close(&main);
		zmq_shard_close(shard);
	}
	toy_close(&t);
}
