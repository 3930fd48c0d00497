/* Byzantine workers where several servers share the coordinates: a vote counts at all of them or at none, and
 * what is wrong is dropped and counted. */
#include <criterion/criterion.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/mem.h"
#include "tests/support/zmq_job.h"

static struct job job; /* in static memory, for its size */

TestSuite(zmq_shards_byzantine, .timeout = 300);

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

/* The shard behind l has a vote for the present step. */
static void wait_for_vote(struct byzantine *l)
{
	struct frame f;
	byzantine_say(l, (struct frame){.type = FRAME_HELLO, .step = FRAME_NOWHERE}, "again", 5, -1);
	cr_assert(byzantine_await(l, FRAME_WELCOME, FRAME_NOWHERE, &f) && f.flags & FRAME_HAVE_VOTE);
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
	for (double until = clock_s() + SETTLED_MS / 1e3; !*is_so && clock_s() < until;)
		server_serve(s, 10);
	cr_assert(*is_so, "a message to the server does not come");
}

Test(zmq_shards_byzantine, a_vote_in_part_or_in_parts_of_two_attempts_does_not_count)
{
	enum { BYZANTINE = 2 };
	struct toy t;
	struct byzantine main, shard;
	struct frame decide = {.type = FRAME_DECIDE};
	unsigned char junk[4096] = {0};
	struct toy_client clients[] = {{.count = 2, .first = 0, .fail_at = -1}};
	toy_open(&t, 3, 6, 5000, "vote");
	t.zeros = BYZANTINE;
	job_meet(&job, &t, clients, ",\"deadline_s\":0.5,\"max_missed\":9");
	struct server *server = job.server.link.self;
	job_steps(&job, 1);
	open_at_both(&main, &shard, &t, BYZANTINE);
	hear_until(server, &server->peers[BYZANTINE].presence.awaited);
	const bool *kept = &server->peers[BYZANTINE].vote.kept;
	say_vote(&main, &t, 0, 1, 7);
	hear_until(server, kept);
	job_steps(&job, 1); /* 1: at the main server alone */
	say_vote(&shard, &t, 1, 2, 8);
	wait_for_vote(&shard);
	job_steps(&job, 1); /* 2: at the other alone */
	say_vote(&main, &t, 0, 3, 9);
	say_vote(&shard, &t, 1, 3, 10);
	hear_until(server, kept);
	wait_for_vote(&shard);
	job_steps(&job, 1); /* 3: two attempts */
	wait_for_answer(&shard, 3);
	say_vote(&shard, &t, 1, 4, 11);
	say_vote(&shard, &t, 1, 4, 12); /* the first stays */
	decide.step = 4;
	byzantine_say(&shard, decide, junk, 24, -1);
	byzantine_say(&shard, (struct frame){.type = FRAME_PUSH, .step = 4}, junk, 100, -1);
	byzantine_say(&shard, (struct frame){.type = FRAME_ATTACH, .step = 9, .count = 2}, junk, 100, -1);
	wait_for_vote(&shard); /* and it has heard all of that */
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
Test(zmq_shards_byzantine, hostile_frames_change_nothing)
{
	enum { BYZANTINE = 2 };
	struct toy t;
	struct byzantine main, shard;
	struct toy_client clients[] = {{.count = 2, .first = 0, .fail_at = -1}};
	toy_open(&t, 3, TOY_STEPS_MOST, 5000, "vote");
	t.zeros = BYZANTINE;
	job_meet(&job, &t, clients, ",\"deadline_s\":0.5,\"max_missed\":1,\"ban_after\":1000");
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
	/* Some of it may still be on its way. */
	while (toy_server_fault(&job.server, BYZANTINE, "garbage") < 40 ||
	       toy_server_fault(&job.server, BYZANTINE, "wrong_length") < 4 ||
	       toy_server_fault(&job.server, BYZANTINE, "multipart") < 2) {
		cr_assert_lt(job.server.state.st.step, TOY_STEPS_MOST - 10, "a fault is not counted");
		job_steps(&job, 1);
		usleep(2000);
	}
	byzantine_close(&main);
	byzantine_close(&shard);
	job_steps(&job, 1);
	job_close(&job, NULL);
	toy_close(&t);
}

/* A vote that some of the servers do not get is a missed one: nobody waits for such a worker for ever. */
Test(zmq_shards_byzantine, who_votes_at_one_server_only_is_given_up)
{
	enum { BYZANTINE = 2 };
	struct toy t;
	struct byzantine main, shard;
	struct toy_client clients[] = {{.count = 2, .first = 0, .fail_at = -1}};
	toy_open(&t, 3, 8, 5000, "vote");
	job_meet(&job, &t, clients, ",\"deadline_s\":0.5,\"max_missed\":2");
	struct server *server = job.server.link.self;
	job_steps(&job, 1);
	open_at_both(&main, &shard, &t, BYZANTINE);
	hear_until(server, &server->peers[BYZANTINE].presence.awaited);
	for (uint64_t step = 1; step < 5; step++) {
		say_vote(&main, &t, 0, step, 7);
		hear_until(server, &server->peers[BYZANTINE].vote.kept);
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
Test(zmq_shards_byzantine, who_asks_a_shard_for_ever_is_shut_out_there)
{
	enum { BYZANTINE = 2, ASKED = 300 };
	struct toy t;
	struct byzantine shard;
	struct toy_client clients[] = {{.count = 2, .first = 0, .fail_at = -1}};
	toy_open(&t, 3, TOY_STEPS_MOST, 5000, "vote");
	job_meet(&job, &t, clients, "");
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

/* The bytes of the body that comes for the range `index` of `count`; -1: STALE. */
static int64_t fetch_range(struct byzantine *l, uint64_t step, unsigned index, unsigned count)
{
	struct frame f;
	byzantine_say(l, (struct frame){.type = FRAME_FETCH, .step = step, .index = index, .count = count},
	              "", 0, -1);
	for (zmq_msg_t m;; zmq_msg_close(&m)) {
		zmq_msg_init(&m);
		if (zmq_msg_recv(&m, l->dealer, 0) < 0)
			die("no reply to a FETCH");
		if (frame_read(&f, zmq_msg_data(&m), zmq_msg_size(&m)) != FRAME_SOUND ||
		    f.type != FRAME_ANSWER)
			continue;
		zmq_msg_close(&m);
		cr_expect(f.flags & FRAME_STALE || (f.index == index && f.count == count));
		return f.flags & FRAME_STALE ? -1 : (int64_t)f.bytes;
	}
}

static void *fetch_ranges(void *ctx)
{
	struct byzantine *l = ctx;
	const struct toy *t = l->toy;
	const size_t range = planes_bucket(t->n, 2);
	const struct planes pull = t->shape.pull_planes;
	byzantine_join(l);
	cr_expect_eq(fetch_range(l, 1, 1, 2), (int64_t)planes_range_bytes(&pull, t->n, range, t->n));
	cr_expect_eq(fetch_range(l, 1, 0, 2), -1);
	cr_expect_eq(fetch_range(l, 1, 2, 3), -1);
	cr_expect_eq(fetch_range(l, 0, 1, 2), -1);
	cr_expect_eq(fetch_range(l, 2, 1, 2), -1);
	return NULL;
}

/* The main server has the last step's ranges of all shards, and no others. */
Test(zmq_shards_byzantine, the_main_server_gives_a_range_of_the_last_step_alone)
{
	enum { BYZANTINE = 2 };
	struct toy t;
	struct byzantine main;
	pthread_t thread;
	struct toy_client clients[] = {{.count = 2, .first = 0, .fail_at = -1}};
	toy_open(&t, 3, 6, 5000, "vote");
	job_meet(&job, &t, clients, "");
	job_steps(&job, 2);
	byzantine_open(&main, &t, BYZANTINE, zmq_server_address(job.server.link.self),
	               keyring_find(&job.server.ring, KEYRING_SERVER),
	               keyring_worker(&job.server.ring, BYZANTINE));
	cr_assert_eq(pthread_create(&thread, NULL, fetch_ranges, &main), 0);
	while (pthread_tryjoin_np(thread, NULL))
		server_serve(job.server.link.self, 10);
	byzantine_close(&main);
	job_steps(&job, 4);
	job_close(&job, NULL);
	toy_close(&t);
}
