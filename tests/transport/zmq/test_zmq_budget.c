/*
 * Transport zmq with workers that ask for more than an honest one can need: it is dropped, then it is an
 * offence, and rounds never notice. Whoever asks for what it needs is not punished.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "tests/support/zmq_scene.h"

enum { SMALL = 1000, PIECES = 200000, ASKED = 3000, BAN_AFTER = 100, VOTES = 20, A_ROUND = 64 };

static struct scene scene; /* in static memory, for its size */

/* What is asked for again and again. */
struct request {
	const char *what;
	struct frame frame;
	size_t n; /* parameters */
};

static const struct request requests[] = {
        {"old answers", {.type = FRAME_FETCH}, SMALL},
        {"the present answer", {.type = FRAME_FETCH, .index = 1}, SMALL}, /* the step is filled in */
        {"answers of another run", {.type = FRAME_FETCH, .run = 99}, SMALL},
        {"parameters", {.type = FRAME_SNAPSHOT, .step = FRAME_NOWHERE, .count = 1}, SMALL},
        {"pieces of parameters", {.type = FRAME_SNAPSHOT, .index = 1, .count = 2}, PIECES},
        {"its own state", {.type = FRAME_SNAPSHOT, .flags = FRAME_OWN_STATE, .count = 1}, SMALL},
        {"WELCOME", {.type = FRAME_HELLO, .step = FRAME_NOWHERE}, SMALL},
        {"to leave", {.type = FRAME_BYE}, SMALL},
        {"to save its state", {.type = FRAME_STATE}, SMALL},
};
enum { REQUESTS = sizeof requests / sizeof *requests };

static const struct request *asked; /* by the Byzantine worker of the present test */

static void ask(struct scene *s, struct byzantine *b, uint64_t step)
{
	struct frame f = asked->frame;
	bool present = f.type == FRAME_FETCH && f.index == 1;
	if (present)
		f.index = 0;
	if (present)
		f.step = (uint64_t)atomic_load(&s->steps);
	else if (f.type == FRAME_SNAPSHOT && f.index > 0)
		f.step = step;
	byzantine_say(b, f, "", 0, -1);
	atomic_fetch_add(&s->said, 1);
}

/* The first piece of the parameters; the step of the copy. */
static uint64_t download_first(struct byzantine *b, struct frame *f)
{
	byzantine_say(b, (struct frame){.type = FRAME_SNAPSHOT, .step = FRAME_NOWHERE, .count = 1}, "", 0,
	              -1);
	if (!byzantine_await(b, FRAME_PARAMS, FRAME_NOWHERE, f))
		die("no parameters came");
	return f->step;
}

static void *ask_until_shut_out(void *ctx)
{
	struct scene *s = ctx;
	struct byzantine b;
	struct frame f;
	byzantine_open(&b, &s->toy, SCENE_BYZANTINE, s->address, s->own, s->key);
	byzantine_join(&b);
	uint64_t step = download_first(&b, &f);
	while (scene_faults(s, "banned") == 0)
		ask(s, &b, step);
	atomic_store(&s->told, true);
	byzantine_close(&b);
	return NULL;
}

static void expect_shut_out(const struct request *r)
{
	asked = r;
	scene_open(&scene, ENDPOINT_KEYS, r->n, NULL);
	scene.a_round = A_ROUND;
	scene_meet(&scene);
	scene_run(&scene, ask_until_shut_out);
	cr_expect_gt(scene_faults(&scene, "greedy"), BAN_AFTER,
	             "%s: %llu of %d offences before they were any", r->what,
	             (unsigned long long)scene_faults(&scene, "greedy"), BAN_AFTER);
	scene_close(&scene);
}

TestSuite(zmq_budget, .timeout = 120);

Test(zmq_budget, who_asks_for_ever_is_shut_out_for_answers)
{
	for (int i = 0; i < 3; i++)
		expect_shut_out(&requests[i]);
}

Test(zmq_budget, who_asks_for_ever_is_shut_out_for_state)
{
	for (int i = 3; i < 6; i++)
		expect_shut_out(&requests[i]);
}

Test(zmq_budget, who_asks_for_ever_is_shut_out_for_greetings)
{
	for (int i = 6; i < REQUESTS; i++)
		expect_shut_out(&requests[i]);
}

/* --- what is sent --------------------------------------------------------------------------------------- */

static double drawn; /* bytes that the Byzantine worker was sent */

/* Everything that has come. */
static void drain(struct byzantine *b, int flags)
{
	zmq_msg_t m;
	zmq_msg_init(&m);
	while (zmq_msg_recv(&m, b->dealer, flags) >= 0)
		drawn += (double)zmq_msg_size(&m);
	zmq_msg_close(&m);
}

static void *ask_and_count(void *ctx)
{
	struct scene *s = ctx;
	struct byzantine b;
	struct frame f;
	int wait_ms = 300;
	byzantine_open(&b, &s->toy, SCENE_BYZANTINE, s->address, s->own, s->key);
	byzantine_join(&b);
	uint64_t step = download_first(&b, &f);
	for (int i = 0; i < ASKED || scene_faults(s, "greedy") < ASKED / 2; i++) {
		ask(s, &b, step);
		drain(&b, ZMQ_DONTWAIT);
	}
	zmq_setsockopt(b.dealer, ZMQ_RCVTIMEO, &wait_ms, sizeof wait_ms);
	drain(&b, 0);
	atomic_store(&s->told, true);
	byzantine_close(&b);
	return NULL;
}

/* No more than twice what an honest worker can need, however often it is asked for. */
Test(zmq_budget, no_more_is_sent_than_the_budget_allows)
{
	static const int costly[] = {0, 4, 6};
	for (size_t i = 0; i < sizeof costly / sizeof *costly; i++) {
		asked = &requests[costly[i]];
		drawn = 0;
		scene_open(&scene, ENDPOINT_KEYS, PIECES, "{\"kind\": \"zmq\", \"ban_after\": 1000000}");
		scene.a_round = A_ROUND;
		scene_meet(&scene);
		double begun = clock_s();
		scene_run(&scene, ask_and_count);
		const struct server *server = scene.server.link.self;
		const struct presence *p = &server->peers[SCENE_BYZANTINE].presence;
		const struct budget *b = &server->budget;
		double most = b->once.bytes + b->a_round.bytes * (double)scene.server.state.st.step +
		              b->a_second.bytes * (clock_s() - begun);
		cr_expect(!p->awaited && p->given_up == 0, "%s: rounds have waited for somebody who asks",
		          asked->what);
		cr_expect_leq(drawn, most, "%s: %.0f bytes, expected at most %.0f", asked->what, drawn, most);
		scene_close(&scene);
	}
}

/* --- who needs it --------------------------------------------------------------------------------------- */

/* All pieces of the parameters; their step. */
static uint64_t download(struct byzantine *b)
{
	struct frame f, piece = {.type = FRAME_SNAPSHOT};
	for (piece.step = download_first(b, &f); f.index + 1 < f.count; piece.step = f.step) {
		piece.index = f.index + 1;
		piece.count = piece.index + 1;
		byzantine_say(b, piece, "", 0, -1);
		if (!byzantine_await(b, FRAME_PARAMS, FRAME_NOWHERE, &f))
			die("piece %u did not come", piece.index);
	}
	return f.step;
}

/* The reply to a vote. */
static bool is_stale(struct byzantine *b)
{
	struct frame f;
	zmq_msg_t m;
	zmq_msg_init(&m);
	if (zmq_msg_recv(&m, b->dealer, 0) < 0)
		die("a vote got no answer: %s", zmq_strerror(errno));
	if (frame_read(&f, zmq_msg_data(&m), zmq_msg_size(&m)) != FRAME_SOUND || f.type != FRAME_ANSWER)
		die("a vote got message %d for an answer", (int)f.type);
	zmq_msg_close(&m);
	return f.flags & FRAME_STALE;
}

/* It joins, takes all parameters and follows from there, and again where it is too late for the answers. Its
 * process dies, and the next one does the same.
 */
static void *join_twice(void *ctx)
{
	struct scene *s = ctx;
	struct byzantine b;
	for (int life = 0; life < 2; life++) {
		byzantine_open(&b, &s->toy, SCENE_BYZANTINE, s->address, s->own, s->key);
		byzantine_join(&b);
		uint64_t step = download(&b);
		for (int i = 0; i < VOTES; i++) {
			byzantine_vote(&b, step); /* it may be late: the answer comes all the same */
			step = is_stale(&b) ? download(&b) : step + 1;
		}
		byzantine_close(&b);
	}
	atomic_store(&s->told, true);
	return NULL;
}

Test(zmq_budget, who_joins_and_follows_is_not_punished)
{
	scene_open(&scene, ENDPOINT_KEYS, PIECES, "{\"kind\": \"zmq\", \"deadline_s\": 60}");
	scene_tell_clients(&scene);
	scene_run(&scene, join_twice);
	cr_expect_eq(scene_faults(&scene, "greedy"), 0);
	scene_close(&scene);
}
