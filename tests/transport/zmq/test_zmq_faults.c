/*
 * Transport zmq when things go wrong: processes that die, stop, forget or come again, and a server that does.
 * Whatever happens, the parameters are those that the recorded voters make.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "registry.h"
#include "base/clock.h"
#include "base/hash.h"
#include "tests/support/served.h"
#include "tests/support/zmq_byzantine.h"

enum { WORKERS = 3, SPARE = 3, ENOUGH = 3000, CUTS = 6, IN_ROW = 6, FEW = 3000, MANY = 100000 };
enum { PAUSE_MS = 2, SLOWER_AFTER = 400, SETTLED_MS = 60000 };

/* Everybody is to be counted, however slow: who is gone is known without waiting. */
static const char PATIENT[] = "{\"kind\": \"zmq\", \"deadline_s\": 60, \"patience_s\": 60}";
/* From the step on in which a worker that is there is to be missed. */
static const double HURRY_S = 0.3;

/* A process for each worker, and one more that takes worker 2's place when it is told to. */
struct scene {
	struct toy toy;
	struct toy_client clients[WORKERS + 1];
	struct toy_server server;
	bool spare; /* was told */
	char address[SERVED_ADDRESS];
};

static struct scene scene; /* in static memory, for its size */

static void scene_open(struct scene *s, size_t n, size_t running, const struct toy_client *last)
{
	struct err e = {0};
	memset(s, 0, sizeof *s);
	toy_open(&s->toy, WORKERS, TOY_STEPS_MOST, n, "vote");
	s->toy.running = running;
	for (int i = 0; i <= WORKERS; i++) {
		s->clients[i] = (struct toy_client){.count = 1, .first = i, .fail_at = -1};
		if (last && i == last->first) {
			s->clients[i].fail = last->fail;
			s->clients[i].fail_at = last->fail_at;
		}
		s->clients[i].first = last && i == SPARE ? last->first : i;
		toy_client_start(&s->toy, s->clients, i, ENDPOINT_KEYS);
	}
	served_address(s->address, true);
	toy_server_open(&s->server, &s->toy, ENDPOINT_KEYS, s->address, PATIENT);
	for (int i = 0; i < WORKERS; i++)
		toy_client_tell(&s->clients[i], zmq_server_address(s->server.link.self), &s->server.ring);
	s->server.link.row->sync(s->server.link.self, &s->server.state.st, &e);
}

static void one_step(struct scene *s, int flags)
{
	struct err e = {0};
	cr_assert_lt(s->server.state.st.step, ENOUGH, "it never came to what was waited for");
	cr_assert_eq(toy_server_step(&s->server, flags, &e), EXCHANGE_DONE, "%s", e.text);
}

static void steps_to(struct scene *s, int64_t step)
{
	while (s->server.state.st.step < step)
		one_step(s, 0);
}

/* Was worker m counted in the last step, with a state that began at `born` or later? */
static bool counted(const struct scene *s, int m, int64_t born)
{
	return s->server.born[s->server.state.st.step - 1][m] >= born;
}

static struct server *server_of(const struct scene *s)
{
	return s->server.link.self;
}

/* Let the server hear what comes between two rounds. */
static void serve_for(struct scene *s, int ms)
{
	for (double until = clock_s() + ms / 1e3; clock_s() < until;)
		server_serve(server_of(s), 1);
}

/*
 * Steps until worker m is counted with a state that began at `born` or later, and then in a few more in a
 * row: once may be by chance, when it is not waited for yet and will be left behind. Rounds get slower, until
 * the worker follows however little of the machine it has.
 */
static void steps_until(struct scene *s, int m, int64_t born)
{
	for (int in_row = 0, steps = 0; in_row < IN_ROW; steps++) {
		one_step(s, 0);
		in_row = counted(s, m, born) && s->server.last.n_voters == WORKERS ? in_row + 1 : 0;
		serve_for(s, PAUSE_MS << steps / SLOWER_AFTER);
	}
}

/* Wait until every worker has the last answer: then it has voted again, or is gone. */
static void settle(struct scene *s)
{
	double until = clock_s() + SETTLED_MS / 1e3;
	for (int m = 0; m < WORKERS; m++)
		while (!server_of(s)->peers[m].vote.kept && server_of(s)->peers[m].presence.connected) {
			cr_assert_lt(clock_s(), until, "worker %d is there and does not vote", m);
			server_serve(server_of(s), 1);
		}
}

/* All clients that live end in order with the server's x, which is the one that these voters make. */
static void scene_close(struct scene *s, int dead)
{
	int steps = (int)s->server.state.st.step;
	uint64_t hash, wanted;
	float *want = mem_array(s->toy.n, sizeof *want);
	settle(s);
	s->server.link.row->leave(s->server.link.self, true, "done");
	toy_replay(&s->toy, steps, s->server.born, want);
	wanted = hash_words(0, want, s->toy.n * sizeof *want);
	cr_assert_eq(memcmp(want, s->server.state.x, s->toy.n * sizeof *want), 0,
	             "the server's x is another");
	for (int i = 0; i <= WORKERS; i++) {
		if (i == SPARE && !s->spare) {
			kill(s->clients[i].pid, SIGKILL);
			toy_client_end(&s->clients[i], &hash);
			continue;
		}
		int code = toy_client_end(&s->clients[i], &hash);
		cr_assert_eq(code, i == dead ? 256 + SIGKILL : 0, "client %d ended with %d", i, code);
		cr_assert(i == dead || hash == wanted, "client %d's x is another", i);
	}
	toy_server_close(&s->server);
	toy_close(&s->toy);
	mem_free(want);
}

static void tell_spare(struct scene *s)
{
	s->spare = true;
	toy_client_tell(&s->clients[SPARE], zmq_server_address(s->server.link.self), &s->server.ring);
}

Test(zmq_faults, a_killed_worker_is_missed_and_a_new_one_takes_its_place)
{
	scene_open(&scene, 3000, 0, &(struct toy_client){.first = 2, .fail = TOY_DIES, .fail_at = 10});
	steps_to(&scene, 20);
	cr_expect_eq(scene.server.n_voters[9], 3);
	cr_expect_eq(scene.server.n_voters[10], 2);
	cr_expect_eq(scene.server.n_voters[19], 2);
	tell_spare(&scene);
	steps_until(&scene, 2, 1);
	scene_close(&scene, 2);
}

/* Patience is for rounds without a quorum. This one has a quorum, so it ends at its deadline, and not before.
 */
Test(zmq_faults, a_round_with_a_quorum_ends_at_its_deadline_whatever_the_patience)
{
	scene_open(&scene, 3000, 0, &(struct toy_client){.first = 2, .fail = TOY_PAUSES, .fail_at = 10});
	steps_to(&scene, 10);
	struct zmq_settings *set = &server_of(&scene)->set, usual = *set;
	toy_server_meet(&scene.server, 0, 2);
	set->deadline_s = 0.4;
	set->patience_s = 0.2;
	set->max_missed = 1;
	one_step(&scene, 0);
	*set = usual;
	cr_expect_eq(scene.server.last.n_voters, 2);
	cr_expect_geq(scene.server.last.wait_s, 0.4);
	kill(scene.clients[2].pid, SIGCONT);
	steps_until(&scene, 2, 11);
	scene_close(&scene, -1);
}

/*
 * A pause so long that the server has no answer left for it: it gets the parameters again. With many
 * parameters they come in pieces, which wait until the rounds' answers are out.
 */
static void stop_for_long(size_t n)
{
	scene_open(&scene, n, 0, &(struct toy_client){.first = 2, .fail = TOY_PAUSES, .fail_at = 10});
	steps_to(&scene, 10);
	server_of(&scene)->set.deadline_s = HURRY_S;
	steps_to(&scene, 100);
	cr_expect_eq(scene.server.n_voters[99], 2);
	serve_for(&scene, 1);
	bool held = server_of(&scene)->peers[2].presence.connected; /* ZeroMQ cuts it after some seconds */
	kill(scene.clients[2].pid, SIGCONT);
	steps_until(&scene, 2, 11);
	cr_expect(!held || toy_server_fault(&scene.server, 2, "late") >= 1);
	cr_expect_eq(toy_server_fault(&scene.server, 2, "greedy"), 0);
	scene_close(&scene, -1);
}

Test(zmq_faults, a_stopped_worker_is_late_and_then_catches_up)
{
	stop_for_long(FEW);
	stop_for_long(MANY);
}

/* Somebody on the way ends a worker's connection time and again, as soon as it has said HELLO. */
Test(zmq_faults, a_worker_whose_connection_is_cut_again_and_again_is_not_punished)
{
	scene_open(&scene, 3000, 0, NULL);
	for (int k = 0; k < 5; k++)
		one_step(&scene, 0);
	struct presence *p = &server_of(&scene)->peers[1].presence;
	struct route cut = {0};
	for (int cuts = 0; cuts < CUTS; serve_for(&scene, PAUSE_MS)) {
		if (p->connected && memcmp(&p->route, &cut, sizeof cut)) {
			cut = p->route;
			shutdown(p->fd, SHUT_RDWR);
			cuts++;
		}
		one_step(&scene, 0);
	}
	steps_until(&scene, 1, 1);
	cr_expect_eq(toy_server_fault(&scene.server, 1, "greedy"), 0);
	cr_expect_eq(toy_server_fault(&scene.server, 1, "banned"), 0);
	scene_close(&scene, -1);
}

/* A short pause: it follows by the answers that it has missed, and starts again. */
static void stop_for_short(size_t n)
{
	scene_open(&scene, n, 0, &(struct toy_client){.first = 1, .fail = TOY_PAUSES, .fail_at = 10});
	steps_to(&scene, 10);
	server_of(&scene)->set.deadline_s = HURRY_S;
	steps_to(&scene, 16);
	kill(scene.clients[1].pid, SIGCONT);
	steps_until(&scene, 1, 11);
	cr_expect_eq(toy_server_fault(&scene.server, 1, "greedy"), 0);
	scene_close(&scene, -1);
}

Test(zmq_faults, a_worker_that_missed_a_little_follows)
{
	stop_for_short(FEW);
	stop_for_short(MANY);
}

Test(zmq_faults, a_worker_with_other_parameters_is_given_the_right_ones)
{
	scene_open(&scene, 3000, 0, &(struct toy_client){.first = 0, .fail = TOY_FORGETS, .fail_at = 10});
	steps_to(&scene, 10);
	steps_until(&scene, 0, 10);
	cr_expect_eq(toy_server_fault(&scene.server, 0, "wrong_hash"), 1);
	scene_close(&scene, -1);
}

/* The BN owner's go to the server with its vote, and to the next BN owner when it dies. */
Test(zmq_faults, running_statistics_are_saved_bn_owner_who_is_counted)
{
	float want = 0;
	scene_open(&scene, 3000, 17, &(struct toy_client){.first = 0, .fail = TOY_DIES, .fail_at = 10});
	for (int k = 0; k < 20; k++) {
		int bn_owner = scene.server.bn_owner;
		one_step(&scene, 0);
		want += scene.server.born[k][bn_owner] >= 0 ? (float)(bn_owner + 1) : 0;
		for (int i = 0; i < 17; i++)
			cr_assert_eq(scene.server.state.running[i], want, "step %d: %g and %g", k,
			             (double)scene.server.state.running[i], (double)want);
	}
	cr_expect_eq(scene.server.bn_owner, 1);
	scene_close(&scene, 0);
}

/* --- the server ------------------------------------------------------------------------------------------
 */

/*
 * As it would after a kill -9: no word to anybody, and then another life at the same address. Answers that
 * are still on their way would die with the first; they are waited for.
 */
static void restart(struct scene *s, int64_t step, const float *x, const struct keyring *ring)
{
	struct err e = {0};
	struct toy_server *server = &s->server;
	struct choice c = {0};
	static char address[512];
	settle(s);
	snprintf(address, sizeof address, "%s", zmq_server_address(server->link.self));
	server->link.row->close(server->link.self);
	server->endpoint.address = address;
	server->endpoint.ring = ring;
	struct transport_env env = {.workers = WORKERS, .pool = server->pool, .endpoint = &server->endpoint};
	cr_assert_eq(choice_parse(&family_transports, &c, NULL, PATIENT, &server->arena, &e), 0);
	cr_assert_eq(transport_zmq.open(c.state, &env, &server->link, &e), 0, "%s", e.text);
	memcpy(server->state.x, x, s->toy.n * sizeof *x);
	server->state.st.step = step;
	server->state.st.given = true;
	cr_assert_eq(server->link.row->sync(server->link.self, &server->state.st, &e), 0);
}

Test(zmq_faults, a_server_that_comes_again_where_it_was_goes_on_as_if_nothing_had_been)
{
	scene_open(&scene, 3000, 0, NULL);
	steps_to(&scene, 10);
	restart(&scene, 10, scene.server.state.x, &scene.server.ring);
	steps_to(&scene, 20);
	for (int k = 0; k < 20; k++)
		for (int m = 0; m < WORKERS; m++)
			cr_assert_eq(scene.server.born[k][m], 0);
	scene_close(&scene, -1);
}

/* What a worker says of the past is not believed: it begins again, as one of which nothing is known. */
Test(zmq_faults, after_a_resume_a_state_began_when_it_was_recorded)
{
	scene_open(&scene, 3000, 0, NULL);
	steps_to(&scene, 10);
	scene.server.state.born[2] = 7; /* and worker 2 says 0 */
	restart(&scene, 10, scene.server.state.x, &scene.server.ring);
	steps_to(&scene, 20);
	for (int k = 10; k < 20; k++)
		for (int m = 0; m < WORKERS; m++)
			cr_assert(scene.server.born[k][m] == (m == 2 ? 10 : 0), "step %d, worker %d: %d", k,
			          m, (int)scene.server.born[k][m]);
	cr_expect_eq(toy_server_fault(&scene.server, 2, "wrong_since"), 1);
	scene_close(&scene, -1);
}

Test(zmq_faults, a_server_that_comes_again_further_back_takes_all_along)
{
	float *x = mem_array(3000, sizeof *x);
	scene_open(&scene, 3000, 0, NULL);
	steps_to(&scene, 5);
	memcpy(x, scene.server.state.x, 3000 * sizeof *x);
	steps_to(&scene, 10);
	restart(&scene, 5, x, &scene.server.ring);
	steps_to(&scene, 20);
	for (int k = 5; k < 20; k++)
		for (int m = 0; m < WORKERS; m++)
			cr_assert_eq(scene.server.born[k][m], 5);
	mem_free(x);
	scene_close(&scene, -1);
}

/* The next BN owner gets them too where the server has them from a checkpoint, and not from a worker. */
Test(zmq_faults, running_statistics_of_a_checkpoint_go_to_the_next_owner)
{
	scene_open(&scene, 3000, 17, &(struct toy_client){.first = 0, .fail = TOY_DIES, .fail_at = 10});
	steps_to(&scene, 10);
	restart(&scene, 10, scene.server.state.x, &scene.server.ring);
	toy_server_listen(&scene.server);
	toy_server_meet(&scene.server, 1, 2);
	steps_to(&scene, 15);
	cr_expect_eq(scene.server.bn_owner, 1);
	for (int i = 0; i < 17; i++)
		cr_assert_eq(scene.server.state.running[i], 10 * 1 + 4 * 2, "%g",
		             (double)scene.server.state.running[i]);
	scene_close(&scene, 0);
}

/* Memory for every worker's state, as the trainer lends it. */
static void lend(struct toy_state *st, size_t n)
{
	for (int m = 0; m < WORKERS; m++)
		st->blocks[m] = mem_array(n, sizeof(float));
}

static void give_back(struct toy_state *st)
{
	for (int m = 0; m < WORKERS; m++) {
		mem_free(st->blocks[m]);
		st->blocks[m] = NULL;
	}
}

/* Every worker's memory comes to the server, and goes out again to a process that is new. */
Test(zmq_faults, states_are_collected_and_handed_out)
{
	struct err e = {0};
	struct toy_state *st = &scene.server.state;
	scene_open(&scene, 3000, 0, &(struct toy_client){.first = 2, .fail = TOY_DIES, .fail_at = 12});
	scene.server.endpoint.collect = true;
	while (st->st.step < 12)
		one_step(&scene, st->st.step == 5 || st->st.step == 11 ? EXCHANGE_SAVE : 0);
	lend(st, 3000);
	cr_assert_eq(scene.server.link.row->collect(scene.server.link.self, &st->st, &e), 0);
	for (int m = 0; m < WORKERS; m++)
		cr_assert_not_null(st->blocks[m], "worker %d's state is not here", m);
	restart(&scene, 12, st->x, &scene.server.ring);
	tell_spare(&scene);
	steps_to(&scene, 20);
	for (int k = 0; k < 20; k++)
		for (int m = 0; m < WORKERS; m++)
			cr_assert_eq(scene.server.born[k][m], 0, "step %d, worker %d", k, m);
	give_back(st);
	scene_close(&scene, 2);
}

/* Of a dead worker, and of one that was not counted, there is none to be had. */
Test(zmq_faults, a_state_that_is_not_to_be_had_is_none)
{
	struct err e = {0};
	struct toy_state *st = &scene.server.state;
	scene_open(&scene, 3000, 0, &(struct toy_client){.first = 1, .fail = TOY_DIES, .fail_at = 5});
	scene.server.endpoint.collect = true;
	while (st->st.step < 8)
		one_step(&scene, st->st.step == 7 ? EXCHANGE_SAVE : 0);
	lend(st, 3000);
	cr_assert_eq(scene.server.link.row->collect(scene.server.link.self, &st->st, &e), 0);
	cr_expect(st->blocks[0] && !st->blocks[1] && st->blocks[2]);
	give_back(st);
	scene_close(&scene, 1);
}
