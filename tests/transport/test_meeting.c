/* A rule that must see all messages at once, in one process; and which transports suit it. */
#include <criterion/criterion.h>
#include <string.h>
#include "aggregator/aggregator.h"
#include "base/mem.h"
#include "base/rng.h"
#include "registry.h"
#include "tests/support/meeting_rule.h"
#include "transport/mpi_row.h"
#include "transport/transport.h"

enum { WORKERS = 5, N = MEETING_BLOCK + 1000, STEPS = 7 };

/* An exchange over `local`, and the same rule without a transport. */
struct scene {
	struct link link;
	struct pool *pool;
	float *messages[WORKERS], *pull, *want;
	const void *pushes[WORKERS];
	int64_t born[WORKERS];
	bool honest[WORKERS];
	struct meeting_rule rule, alone;
	struct exchange_request x;
	struct exchange_reply reply;
};

static void scene_open(struct scene *s, int lanes)
{
	struct err e = {0};
	memset(s, 0, sizeof *s);
	s->pool = pool_open(lanes);
	struct transport_env env = {.workers = WORKERS, .pool = s->pool};
	const struct transport *local = (const struct transport *)family_find(&family_transports, "local");
	cr_assert_eq(local->open(NULL, &env, &s->link, &e), 0, "%s", e.text);
	for (int m = 0; m < WORKERS; m++)
		s->messages[m] = mem_array(N, sizeof(float));
	s->pull = mem_array(N, sizeof(float));
	s->want = mem_array(N, sizeof(float));
	s->rule = (struct meeting_rule){.every = 3, .memory = mem_array(N, sizeof(float))};
	s->alone = (struct meeting_rule){.every = 3, .memory = mem_array(N, sizeof(float))};
	s->x = (struct exchange_request){
	        .shape = {.n = N, .push_bytes = N * sizeof(float), .pull_bytes = N * sizeof(float)},
	        .rule = {.name = "test", .meet = meeting_rule_meet, .ctx = &s->rule},
	        .pushes = s->pushes,
	        .born = s->born,
	        .honest = s->honest,
	        .pull = s->pull};
}

static void scene_close(struct scene *s)
{
	s->link.row->close(s->link.self);
	for (int m = 0; m < WORKERS; m++)
		mem_free(s->messages[m]);
	mem_free(s->pull);
	mem_free(s->want);
	mem_free(s->rule.memory);
	mem_free(s->alone.memory);
	pool_close(s->pool);
}

/* Step k, in which the workers of ids [count] are counted. */
static enum meeting_end step(struct scene *s, int k, int count, const int *ids)
{
	struct err e = {0};
	for (int m = 0; m < WORKERS; m++) {
		struct stream noise = stream_of(3, RNG_TEST, (uint32_t)m, (uint64_t)k);
		for (size_t i = 0; i < N; i++)
			s->messages[m][i] = stream_uniform(&noise, i) - 0.5F;
		s->born[m] = -1;
	}
	for (int i = 0; i < count; i++) {
		s->pushes[i] = s->messages[ids[i]];
		s->born[ids[i]] = 0;
	}
	s->x.step = (uint64_t)k;
	s->x.hosted = count;
	memset(s->pull, 0x5a, N * sizeof(float));
	memset(s->want, 0x5a, N * sizeof(float));
	cr_assert_eq(s->link.row->exchange(s->link.self, &s->x, &s->reply, &e), EXCHANGE_DONE, "%s", e.text);
	return meeting_rule_alone(&s->alone, (uint64_t)k, count, ids, s->pushes, N, s->want);
}

Test(meeting, a_step_is_answered_or_withheld)
{
	static const int all[] = {0, 1, 2, 3, 4}, some[] = {1, 2, 4};
	for (int lanes = 1; lanes <= 3; lanes += 2) {
		static struct scene s;
		scene_open(&s, lanes);
		for (int k = 0; k < STEPS; k++) {
			bool few = k == 4;
			uint64_t count = few ? 3 : 5;
			bool withheld = step(&s, k, (int)count, few ? some : all) == MEETING_WITHHELD;
			cr_expect_eq(withheld, k % 3 == 2);
			cr_expect_eq(s.reply.flags, withheld ? EXCHANGE_WITHHELD : 0, "step %d", k);
			cr_expect_eq(memcmp(s.pull, s.want, N * sizeof(float)), 0, "step %d", k);
			cr_expect_eq(memcmp(s.rule.memory, s.alone.memory, N * sizeof(float)), 0);
			cr_expect_eq(s.reply.n_voters, (int)count);
			cr_expect_eq(s.reply.bytes_up, count * N * sizeof(float));
			cr_expect_eq(s.reply.bytes_down, withheld ? 0 : count * N * sizeof(float));
		}
		scene_close(&s);
	}
}

Test(meeting, a_meeting_that_fails_fails_the_round)
{
	static struct scene s;
	struct err e = {0};
	scene_open(&s, 1);
	s.rule.fails = "no room";
	cr_expect_eq(s.link.row->exchange(s.link.self, &s.x, &s.reply, &e), EXCHANGE_FAILED);
	cr_expect_str_eq(e.text, "no room");
	scene_close(&s);
}

static const struct transport *transport(const char *name)
{
	return (const struct transport *)family_find(&family_transports, name);
}

static void expect_check(const char *name, const char *json, const struct exchange_rule *rule,
                         const char *sentence)
{
	struct arena a = {0};
	struct err e = {0};
	struct choice c = {0};
	cr_assert_eq(choice_parse(&family_transports, &c, NULL, json, &a, &e), 0, "%s", e.text);
	int rc = transport(name)->check(c.state, rule, &e);
	cr_expect_eq(rc, sentence ? -1 : 0, "%s: %s", json, e.text);
	cr_expect(!sentence || strcmp(e.text, sentence) == 0, "%s: %s", json, e.text);
	cr_expect(!sentence || e.code == EXIT_USER);
	arena_clear(&a);
}

Test(meeting, what_cannot_hold_it_refuses_it_by_name)
{
	static const struct exchange_rule krum = {.name = "krum", .meet = meeting_rule_meet},
	                                  vote = {.name = "vote", .separable = true}, odd = {.name = "odd"};
	expect_check("mpi", "{\"kind\":\"mpi\",\"topology\":\"star\"}", &krum, NULL);
	expect_check("mpi", "{\"kind\":\"mpi\",\"topology\":\"sharded\"}", &krum, NULL);
	expect_check("mpi", "{\"kind\":\"mpi\",\"topology\":\"sharded\"}", &vote, NULL);
	expect_check(
	        "mpi", "{\"kind\":\"mpi\",\"topology\":\"allreduce\"}", &krum,
	        "mpi: topology 'allreduce' needs an aggregator whose answer is the mean of floats (mean, "
	        "adam); \"krum\" needs 'sharded' or 'star'");
	expect_check("mpi", "{\"kind\":\"mpi\",\"topology\":\"sharded\"}", &odd,
	             "mpi: topology 'sharded' needs an aggregator that treats every coordinate by itself; "
	             "\"odd\" needs 'star'");
	expect_check("zmq", "\"zmq\"", &krum, NULL);
	expect_check("zmq", "{\"kind\":\"zmq\",\"buckets\":4}", &krum, NULL);
	expect_check("zmq", "{\"kind\":\"zmq\",\"shards\":2}", &vote, NULL);
	expect_check(
	        "zmq", "{\"kind\":\"zmq\",\"shards\":2}", &krum,
	        "transport.shards: found 2, expected 1: aggregator \"krum\" does not treat every coordinate "
	        "by itself, and needs whole messages at one server");
}
