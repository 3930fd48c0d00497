/*
 * Runs whose Byzantine workers see the crowd: whom they see, what they send, and the laws that hold for every
 * run: same bits on any lanes, resumed and repeated. Where workers are in several processes there is no crowd
 * to see, and such attacks are refused.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "adversary/crowd.h"
#include "aggregator/rule_run.h"
#include "base/mem.h"
#include "record/record.h"
#include "registry.h"
#include "tests/support/cli.h"
#include "tests/support/train.h"

TestSuite(colluders, .init = cli_open, .fini = cli_close, .timeout = 240);

enum { STEPS = 8 };

#define RUN                                                                                                  \
	"\"seed\":5,\"steps\":8,\"batch\":2,\"momentum\":0.5,\"lr\":0.01,\"model\":{\"kind\":\"quadratic\"," \
	"\"dimensions\":300,\"noise\":1}"

/* How far the run's parameters go; replay may be NULL. */
static double travel(const struct settings *s, const struct replay *replay)
{
	struct pool *pool = pool_open(2);
	struct trainer *t = train_open(s, pool);
	size_t n;
	double sum = 0;
	const float *x = trainer_x(t, &n);
	float *from = mem_array(n, sizeof *from);
	memcpy(from, x, n * sizeof *x);
	trainer_replay(t, replay);
	train_steps(t, s->steps);
	x = trainer_x(t, &n);
	for (size_t i = 0; i < n; i++)
		sum += ((double)x[i] - from[i]) * ((double)x[i] - from[i]);
	mem_free(from);
	trainer_close(t);
	pool_close(pool);
	return sqrt(sum);
}

static double distance(const char *text)
{
	struct runs runs;
	double d = travel(train_settings(&runs, text), NULL);
	runs_clear(&runs);
	return d;
}

#define IPM(count, tau)                                                                                      \
	"\"adversaries\":{\"count\":" #count ",\"attack\":{\"kind\":\"ipm\",\"tau\":" #tau "}}"

/*
 * Who answers with the mean of h vectors and f of -(h / f) mu answers 0, whatever momenta and noise were: all
 * honest workers are in mu, no colluder is, and what is sent is what is in the mean.
 */
Test(colluders, cancel_the_mean_of_the_honest)
{
	cr_expect_eq(distance("{" RUN ",\"workers\":2,\"aggregator\":\"mean\"," IPM(1, 1) "}"), 0);
	cr_expect_lt(distance("{" RUN ",\"workers\":5,\"aggregator\":\"mean\"," IPM(2, 1.5) "}"), 1e-6);
	cr_expect_lt(distance("{" RUN ",\"workers\":7,\"aggregator\":\"mean\"," IPM(2, 2.5) "}"), 1e-6);
	cr_expect_gt(distance("{" RUN ",\"workers\":5,\"aggregator\":\"mean\"," IPM(2, 1) "}"), 1e-3);
}

/* Of a compressor's vector its message is sent: here the opposite sign, so that every vote is a tie. */
Test(colluders, send_the_sign_of_what_they_forge)
{
	cr_expect_eq(
	        distance("{" RUN ",\"workers\":2,\"aggregator\":{\"kind\":\"vote\",\"tie\":\"abstain\"}," IPM(
	                1, 0.1) "}"),
	        0);
	cr_expect_gt(
	        distance("{" RUN ",\"workers\":4,\"aggregator\":{\"kind\":\"vote\",\"tie\":\"abstain\"}," IPM(
	                1, 0.1) "}"),
	        1e-3);
}

/* An attack that checks all that it is shown, and sends what its first colluder would have sent. */
struct witness {
	uint64_t forged; /* how often */
	int wrong;
	bool signs, abstains; /* expected */
};

static bool signs_fit(const struct crowd_view *v, int k)
{
	uint64_t vote[8] = {0}, abstain[8] = {0};
	v->be->sign_pack(v->queue, v->n, v->honest[k], v->abstains ? SIGN_ABSTAIN : SIGN_POSITIVE, NULL, 0,
	                 vote, v->abstains ? abstain : NULL);
	return memcmp(vote, sign_message_vote(v->signs[k], 0), sign_plane_bytes(v->n)) == 0 &&
	       (!v->abstains || memcmp(abstain, sign_message_abstain(v->signs[k], v->n, true, 0),
	                               sign_plane_bytes(v->n)) == 0);
}

static void witness_forge(const void *state, const struct crowd_view *v, size_t begin, size_t end, float *out)
{
	struct witness *w = *(struct witness *const *)state;
	w->wrong += v->step != w->forged++;
	w->wrong += v->h != 3 || v->f != 2 || v->n != 300 || begin != 0 || end != v->n;
	w->wrong += !v->signs == w->signs || v->abstains != w->abstains;
	for (int k = 0; v->signs && k < v->h; k++)
		w->wrong += !signs_fit(v, k);
	for (int i = 0; i < v->f; i++)
		for (int k = 0; k < v->h; k++)
			w->wrong += memcmp(v->own[i], v->honest[k], v->n * sizeof(float)) == 0;
	v->be->memory->copy(v->queue, out, v->own[0], v->n * sizeof *out);
}

static const struct crowd_attack witness_attack = {
        .attack = {.row = {.name = "witness"}, .sees = ATTACK_CROWD, .acts_on = ATTACK_MESSAGE},
        .forge = witness_forge};

static void show(const char *method, struct witness *w)
{
	char text[1024];
	struct runs runs;
	snprintf(text, sizeof text, "{" RUN ",\"workers\":5,%s," IPM(2, 1) "}", method);
	train_settings(&runs, text);
	struct settings *s = &runs.at[0];
	s->adversaries.attack.row = &witness_attack.attack.row;
	s->adversaries.attack.state = &w;
	struct pool *pool = pool_open(2);
	struct trainer *t = train_open(s, pool);
	train_steps(t, s->steps);
	trainer_close(t);
	pool_close(pool);
	runs_clear(&runs);
	cr_expect_eq(w->forged, STEPS, "%s: once a step for all colluders", method);
	cr_expect_eq(w->wrong, 0, "%s: %d wrong", method, w->wrong);
}

Test(colluders, are_shown_this_steps_honest_vectors_and_their_signs)
{
	struct witness floats = {0}, signs = {.signs = true}, planes = {.signs = true, .abstains = true};
	show("\"aggregator\":\"mean\"", &floats);
	show("\"aggregator\":{\"kind\":\"vote\",\"zero\":\"positive\"}", &signs);
	show("\"aggregator\":{\"kind\":\"vote\",\"zero\":\"abstain\"}", &planes);
}

/* Repeat a run of 2 colluders and 3 honest workers, of whom so many are counted: the distance of x. */
static double repeat(const char *text, int colluders, int honest)
{
	int32_t born[STEPS][5];
	struct runs runs;
	const struct settings *s = train_settings(&runs, text);
	for (int step = 0; step < STEPS; step++)
		for (int m = 0, seen[2] = {0, 0}; m < 5; m++) {
			bool byzantine = settings_is_byzantine(s, m);
			born[step][m] = seen[byzantine]++ < (byzantine ? colluders : honest) ? 0 : -1;
		}
	const struct replay replay = {.steps = STEPS, .born = born[0]};
	double d = travel(s, &replay);
	runs_clear(&runs);
	return d;
}

/* Whom a repeated run does not count, nobody sees: the others cancel out. */
Test(colluders, see_those_that_are_counted)
{
	static const char text[] = "{" RUN ",\"workers\":5,\"aggregator\":\"mean\"," IPM(2, 2) "}";
	cr_expect_lt(repeat(text, 1, 2), 1e-6);
	cr_expect_gt(repeat(text, 1, 1), 1e-3);
	cr_expect_eq(repeat(text, 2, 0), 0);
	cr_expect_eq(repeat(text, 2, 3), distance(text), "all counted: the run itself");
}

static const char experiment[] = "{\"name\":\"c\"," RUN ",\"workers\":5,\"aggregator\":{\"kind\":\"krum\"},"
                                 "\"checkpoint\":{\"keep\":true}," IPM(1, 0.1) "}";

static void expect_same(const char *name)
{
	char path[128], other[128], different[128] = "";
	struct err e = {0};
	snprintf(path, sizeof path, "%s/one.h5", cli_folder);
	snprintf(other, sizeof other, "%s/%s.h5", cli_folder, name);
	cr_expect_eq(record_same_final(path, other, different, sizeof different, &e), 1, "%s: %s%s", name,
	             e.text, different);
}

static void simulate(const char *name, const char *options)
{
	cr_assert_eq(
	        cli("simulate %s/e.json %s --out %s/%s.h5 --quiet", cli_folder, options, cli_folder, name), 0,
	        "%s", cli_err);
}

Test(colluders, have_the_same_bits_on_all_lanes_and_resumed)
{
	static const char *const methods[] = {"krum", "vote", "mean"};
	for (size_t i = 0; i < 3; i++) {
		char options[128];
		cli_write("e.json", experiment);
		snprintf(options, sizeof options, "--set aggregator=%s --overwrite --lanes 1", methods[i]);
		simulate("one", options);
		snprintf(options, sizeof options, "--set aggregator=%s --overwrite --lanes 3", methods[i]);
		simulate("lanes", options);
		expect_same("lanes");
		snprintf(options, sizeof options, "--set aggregator=%s --overwrite --steps 3", methods[i]);
		simulate("resumed", options);
		cr_assert_eq(cli("simulate --resume %s/resumed.h5 --steps 8 --quiet", cli_folder), 0, "%s",
		             cli_err);
		expect_same("resumed");
	}
}

/* Each attack under a method that it is for: which of them keep memory, ask, or have a vector for each. */
static const struct {
	const char *attack, *aggregator, *compressor; /* NULL: the usual one */
} ways[] = {
        {"{\"kind\":\"alie\",\"z\":0.5}", "\"median\"", NULL},
        {"\"opt-ipm\"", "{\"kind\":\"centered-clipping\",\"tau\":1}", NULL},
        {"\"opt-ipm\"", "\"vote\"", NULL},
        {"\"opt-ipm\"", "\"mean\"", "{\"kind\":\"ef-sign\",\"two_way\":true}"},
        {"\"opt-ipm\"", "\"mean\"", "{\"kind\":\"qsgd\",\"coding\":\"elias\",\"two_way\":true}"},
        {"\"opt-alie\"", "\"median\"", "{\"kind\":\"top-k\",\"two_way\":true}"},
        {"\"opt-alie\"", "{\"kind\":\"trimmed-mean\",\"before\":[\"nnm\"]}", NULL},
        {"{\"kind\":\"mimic\",\"target\":2}", "\"vote\"", NULL},
        {"{\"kind\":\"mimic\",\"target\":\"auto\",\"warmup\":6}", "\"krum\"", NULL},
        {"{\"kind\":\"mimic\",\"target\":\"auto\",\"warmup\":2}", "\"vote\"", NULL},
        {"{\"kind\":\"min-max\",\"direction\":\"std\"}", "\"krum\"", NULL},
        {"\"min-sum\"", "\"median\"", NULL},
        {"\"fang\"", "\"trimmed-mean\"", NULL},
        {"{\"kind\":\"fang\",\"rule\":\"krum\"}", "\"multi-krum\"", NULL},
        {"\"against\"", "\"vote\"", NULL},
        {"\"min-margin\"", "{\"kind\":\"vote\",\"zero\":\"abstain\",\"tie\":\"abstain\"}", NULL},
};

/* The laws of every run: lanes, an interruption and the machine do not show. */
Test(colluders, of_all_attacks_have_the_same_bits_however_they_run)
{
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		char options[400];
		cli_write("e.json", experiment);
		int length = snprintf(options, sizeof options,
		                      "--set 'aggregator=%s' --set adversaries.count=1 --set "
		                      "'adversaries.attack=%s' --set 'compressor=%s' --set workers=7 "
		                      "--overwrite ",
		                      ways[i].aggregator, ways[i].attack,
		                      ways[i].compressor ? ways[i].compressor : "null");
		snprintf(options + length, sizeof options - (size_t)length, "--lanes 1");
		simulate("one", options);
		snprintf(options + length, sizeof options - (size_t)length, "--lanes 3");
		simulate("lanes", options);
		expect_same("lanes");
		snprintf(options + length, sizeof options - (size_t)length, "--set backend=ref");
		simulate("ref", options);
		expect_same("ref");
		snprintf(options + length, sizeof options - (size_t)length, "--steps 3");
		simulate("resumed", options);
		cr_assert_eq(cli("simulate --resume %s/resumed.h5 --steps 8 --quiet", cli_folder), 0, "%s",
		             cli_err);
		expect_same("resumed");
	}
}

#define REFUSED                                                                                              \
	"adversaries.attack: \"ipm\" sees what the honest workers are about to send, and with transport "    \
	"\"%s\" "                                                                                            \
	"these are in other processes"

Test(colluders, are_refused_where_workers_are_in_other_processes)
{
	char said[256];
	size_t refused = 0;
	cli_write("e.json", experiment);
	for (const struct row *const *row = family_transports.rows; *row; row++) {
		const char *name = (*row)->name;
		if (((const struct transport *)(const void *)*row)->on_machine)
			continue;
		snprintf(said, sizeof said, REFUSED, name);
		cli_expect(2, said, "validate %s/e.json --set transport=%s", cli_folder, name);
		cli_expect(2, said, "train %s/e.json --set transport=%s --out %s/t.h5", cli_folder, name,
		           cli_folder);
		refused++;
	}
	cr_expect_gt(refused, 0);
	snprintf(said, sizeof said, REFUSED, "zmq");
	cli_expect(2, said, "train %s/e.json --processes 2 --out %s/t.h5", cli_folder, cli_folder);
	cli_expect(2, said, "serve %s/e.json --insecure --listen tcp://127.0.0.1:0 --out %s/t.h5", cli_folder,
	           cli_folder);
	cr_expect_eq(cli("validate %s/e.json", cli_folder), 0, "%s", cli_err);
	cr_expect_eq(cli("validate %s/e.json --set transport=zmq --adversaries 0", cli_folder), 0, "%s",
	             cli_err);
}

/* A client takes its settings from a server, which may be another program than ours. */
Test(colluders, are_refused_by_a_process_that_is_not_alone)
{
	static const char text[] = "{" RUN ",\"workers\":5," IPM(1, 1) "}";
	struct runs runs;
	struct err e = {0};
	const struct settings *s = train_settings(&runs, text);
	struct pool *pool = pool_open(1);
	int id = 1;
	struct link link = {.row = (const struct transport *)family_find(&family_transports, "zmq"),
	                    .count = 1,
	                    .ids = &id};
	cr_expect_null(trainer_open(s, pool, &link, &e));
	cr_expect_eq(e.code, EXIT_USER);
	cr_expect_not_null(strstr(e.text, "\"ipm\" sees what the honest workers are about to send"), "%s",
	                   e.text);
	pool_close(pool);
	runs_clear(&runs);
}

#define ATTACK(attack) "\"adversaries\":{\"count\":2,\"attack\":" attack "}"

static size_t planned(const char *adversaries)
{
	char text[1024];
	struct runs runs;
	struct plan plan;
	snprintf(text, sizeof text, "{" RUN ",\"workers\":5,%s}", adversaries);
	trainer_plan(train_settings(&runs, text), 2, &plan);
	runs_clear(&runs);
	return plan.total;
}

/* What an attack needs of a run stands in the experiment, so that it is said before anything runs. */
Test(colluders, are_refused_where_their_attack_makes_no_sense)
{
	cli_write("e.json", experiment);
#define WITH(attack) "validate %s/e.json --set 'adversaries.attack=" attack "' "
	cli_expect(2,
	           "attack \"alie\": \"z\": \"auto\" is 0 with 1 of 5 workers Byzantine, and one that is not "
	           "positive harms nobody; expected adversaries.count of at least 2, or a number for `z`",
	           WITH("\"alie\""), cli_folder);
	cli_expect(2, "messages of compressor \"none\" are no plain signs; expected compressor \"sign\"",
	           WITH("\"against\""), cli_folder);
	cli_expect(2, "messages of compressor \"ef-sign\" are no plain signs",
	           WITH("\"min-margin\"") "--set aggregator=mean --set compressor=ef-sign", cli_folder);
	cli_expect(2, "aggregator \"median\" is not Krum; expected aggregator \"krum\" or \"multi-krum\"",
	           WITH("{\"kind\":\"fang\",\"rule\":\"krum\"}") "--set aggregator=median", cli_folder);
	cli_expect(2, "behind buckets that is no message; expected no \"bucketing\" in `before`",
	           WITH("{\"kind\":\"fang\",\"rule\":\"krum\"}") "--set "
	                                                         "'aggregator.before=[{\"kind\":"
	                                                         "\"bucketing\",\"s\":1}]'",
	           cli_folder);
	cli_expect(2, "found \"target\": 4, and the run has 4 honest workers; expected a number below that",
	           WITH("{\"kind\":\"mimic\",\"target\":4}"), cli_folder);
	cr_expect_eq(cli(WITH("\"opt-alie\"") "--set aggregator=mean --set compressor=ef-sign", cli_folder),
	             0, "%s", cli_err);
	cr_expect_eq(cli(WITH("{\"kind\":\"mimic\",\"target\":3}"), cli_folder), 0, "%s", cli_err);
	cr_expect_eq(cli(WITH("\"alie\"") "--adversaries 0", cli_folder), 0, "%s", cli_err);
	cr_expect_eq(cli(WITH("{\"kind\":\"fang\",\"rule\":\"krum\"}"), cli_folder), 0, "%s", cli_err);
#undef WITH
}

Test(colluders, memory_is_planned)
{
	size_t blind = planned("\"adversaries\":{\"count\":2,\"attack\":\"invert\"}");
	cr_expect_eq(planned(IPM(2, 1)), blind + 300 * sizeof(float));
	cr_expect_eq(planned(IPM(0, 1)), blind);
	/* sums of a block of 3 honest workers: <q, q>, 2 for each, and their pairs */
	cr_expect_eq(planned(ATTACK("\"min-max\"")), blind + 300 * sizeof(float) + 10 * sizeof(double));
	cr_expect_eq(planned(ATTACK("\"fang\"")), blind, "each forges in its lane");
	size_t learning = planned(ATTACK("{\"kind\":\"mimic\",\"target\":\"auto\"}"));
	cr_expect_eq(learning, blind + (300 + 601) * sizeof(float) + 9 * sizeof(double));
	/* the answer, 300 signs, and the distances of its one block */
	cr_expect_eq(planned(ATTACK("\"opt-ipm\"")), blind + 300 * sizeof(float) + 40 + sizeof(double));
	size_t rule = planned(ATTACK("\"ipm\"") ",\"aggregator\":{\"kind\":\"centered-clipping\",\"tau\":1}"),
	       asking = planned(
	               ATTACK("\"opt-ipm\"") ",\"aggregator\":{\"kind\":\"centered-clipping\",\"tau\":1}");
	const struct rule_size clipping = {
	        .agg = (const struct aggregator *)family_find(&family_aggregators, "centered-clipping"),
	        .workers = 5,
	        .n = 300,
	        .lanes = 2};
	size_t saying = planned(ATTACK("\"ipm\"") ",\"aggregator\":\"mean\",\"compressor\":\"ef-sign\""),
	       trying = planned(ATTACK("\"opt-ipm\"") ",\"aggregator\":\"mean\",\"compressor\":\"ef-sign\"");
	/* and what each of 5 messages is judged with: its scale, two pointers, scratch, a verdict */
	const size_t judged = 5 * (sizeof(float) + 2 * sizeof(void *) + sizeof(double) + sizeof(bool));
	cr_expect_eq(trying, saying + (300 + 2 * 304) * sizeof(float) + sizeof(double) + judged);
	/* behind a compressed answer, it, and what who makes it remembers */
	static const char both[] =
	        ",\"aggregator\":\"mean\",\"compressor\":{\"kind\":\"ef-sign\",\"two_way\":true}";
	char said[256], tried[256];
	snprintf(said, sizeof said, ATTACK("\"ipm\"") "%s", both);
	snprintf(tried, sizeof tried, ATTACK("\"opt-ipm\"") "%s", both);
	cr_expect_eq(planned(tried) - planned(said), trying - saying + 300 * sizeof(float) + 44);
	cr_expect_eq(asking, rule + rule_bytes(&clipping) + 2 * 300 * sizeof(float) + sizeof(double));
}
