/*
 * Attacks on data and on the packed message, and sleepers, in every way to run: same bits on any lanes, in
 * several processes, served, resumed before and after a sleeper wakes; and what is refused or warned of.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "record/record.h"
#include "tests/support/mpirun.h"
#include "tests/support/served.h"

TestSuite(attack_ways, .init = cli_open, .fini = cli_close, .timeout = 600);

#define RUN                                                                                                  \
	"{\"name\":\"a\",\"seed\":3,\"workers\":5,\"steps\":8,\"batch\":4,\"momentum\":0.5,\"lr\":0.01,"     \
	"\"model\":{\"kind\":\"mlp\",\"hidden\":[30]},\"data\":{\"kind\":\"glyphs\",\"train\":200,\"test\":" \
	"20},\"eval\":{\"train\":50},\"checkpoint\":{\"keep\":true},"

#define ATTACK(text) "\"adversaries\":{\"count\":2,\"attack\":" text "}"

static const char *const experiments[] = {
        RUN ATTACK("\"label-flip\"") "}",
        RUN ATTACK("{\"kind\":\"bit-flip\",\"probability\":0.3}") ",\"aggregator\":{\"kind\":\"vote\","
                                                                  "\"zero\":\"abstain\"}}",
        RUN ATTACK("{\"kind\":\"bit-flip\",\"probability\":0.001}") ",\"aggregator\":\"median\"}",
        RUN ATTACK("\"bit-flip\"") ",\"compressor\":\"ef-sign\",\"aggregator\":\"median\"}",
        RUN ATTACK("{\"kind\":\"sleeper\",\"after\":3,\"then\":{\"kind\":\"stale\",\"delay\":2}}") "}",
        RUN ATTACK("{\"kind\":\"sleeper\",\"after\":3,\"then\":{\"kind\":\"label-flip\",\"from\":1,\"to\":2}"
                   "}") "}",
        RUN ATTACK("{\"kind\":\"sleeper\",\"after\":3,\"then\":\"gaussian\"}") ",\"aggregator\":\"mean\"}",
};

/* All workers must be in one process. */
static const char *const crowds[] = {
        RUN ATTACK("{\"kind\":\"sleeper\",\"after\":3,\"then\":{\"kind\":\"ipm\",\"tau\":1}}") "}",
        RUN ATTACK("{\"kind\":\"sleeper\",\"after\":3,\"then\":{\"kind\":\"mimic\",\"target\":\"auto\","
                   "\"warmup\":3}}") ",\"aggregator\":\"median\"}",
        RUN ATTACK("{\"kind\":\"sleeper\",\"after\":3,\"then\":\"fang\"}") ",\"aggregator\":\"median\"}",
};

enum { EXPERIMENTS = sizeof experiments / sizeof *experiments, CROWDS = sizeof crowds / sizeof *crowds };

/* Write the experiment and simulate it: e.json and simulate.h5. */
static void prepare(const char *experiment)
{
	cli_write("e.json", experiment);
	cr_assert_eq(cli("simulate %s/e.json --out %s/simulate.h5 --overwrite --quiet --lanes 1", cli_folder,
	                 cli_folder),
	             0, "%s", cli_err);
}

/* NAME.h5 ends like simulate.h5. */
static void expect_same(const char *name, const char *experiment)
{
	char path[128], other[128], different[128] = "";
	struct err e = {0};
	snprintf(path, sizeof path, "%s/simulate.h5", cli_folder);
	snprintf(other, sizeof other, "%s/%s.h5", cli_folder, name);
	int same = record_same_final(path, other, different, sizeof different, &e);
	cr_expect_eq(same, 1, "%s: %s%s\n%s", name, same < 0 ? e.text : "other bits: ", different,
	             experiment);
}

static void expect_on_lanes_and_resumed(const char *experiment)
{
	prepare(experiment);
	cr_expect_eq(cli("simulate %s/e.json --out %s/lanes.h5 --overwrite --quiet --lanes 3", cli_folder,
	                 cli_folder),
	             0, "%s", cli_err);
	expect_same("lanes", experiment);
	for (int at = 2; at <= 5; at += 3) { /* a sleeper sleeps, and is awake */
		cr_expect_eq(cli("simulate %s/e.json --steps %d --out %s/resumed.h5 --overwrite --quiet",
		                 cli_folder, at, cli_folder),
		             0, "%s", cli_err);
		cr_expect_eq(cli("simulate --resume %s/resumed.h5 --steps 8 --quiet", cli_folder), 0, "%s",
		             cli_err);
		expect_same("resumed", experiment);
	}
}

Test(attack_ways, lanes_and_resumption_change_no_bit)
{
	for (int i = 0; i < EXPERIMENTS; i++)
		expect_on_lanes_and_resumed(experiments[i]);
	for (int i = 0; i < CROWDS; i++)
		expect_on_lanes_and_resumed(crowds[i]);
}

static void train(const char *name, const char *options, const char *experiment)
{
	cr_expect_eq(cli("train %s/e.json %s --out %s/%s.h5 --overwrite --quiet", cli_folder, options,
	                 cli_folder, name),
	             0, "%s", cli_err);
	expect_same(name, experiment);
}

Test(attack_ways, processes_change_no_bit)
{
	for (int i = 0; i < EXPERIMENTS; i++) {
		prepare(experiments[i]);
		train("own", "--processes 2", experiments[i]);
		train("buckets", "--processes 3 --set transport.buckets=3", experiments[i]);
		if (mpirun_here()) {
			cr_expect_eq(mpirun(2, "train %s/e.json --out %s/mpi.h5 --overwrite --quiet",
			                    cli_folder, cli_folder),
			             0, "%s", cli_err);
			expect_same("mpi", experiments[i]);
		}
	}
}

Test(attack_ways, a_server_and_workers_change_no_bit)
{
	cr_assert_eq(cli("keys new server w0 w1 w2 w3 w4 -o %s/keys", cli_folder), 0, "%s", cli_err);
	for (int i = 0; i < EXPERIMENTS; i += 2) {
		prepare(experiments[i]);
		int port = served_free_port();
		pid_t server =
		        served_start("serve.log",
		                     "serve %s/e.json --listen tcp://127.0.0.1:%d --keys %s/keys --quiet "
		                     "--set transport.deadline_s=60 --out %s/served.h5 --overwrite",
		                     cli_folder, port, cli_folder, cli_folder);
		pid_t work = served_start(
		        "work.log", "work --connect tcp://127.0.0.1:%d --keys %s/keys --workers 5 --quiet",
		        port, cli_folder);
		cr_expect_eq(process_wait(work), 0);
		cr_expect_eq(process_wait(server), 0);
		expect_same("served", experiments[i]);
	}
}

Test(attack_ways, a_sleeper_that_becomes_a_crowd_needs_one_process)
{
	cli_write("e.json", crowds[0]);
	cli_expect(2, "adversaries.attack.then: \"ipm\" sees what the honest workers are about to send",
	           "train %s/e.json --processes 2 --out %s/t.h5", cli_folder, cli_folder);
	cli_expect(2, "adversaries.attack.then: \"ipm\" sees",
	           "serve %s/e.json --insecure --listen tcp://127.0.0.1:0 --out %s/t.h5", cli_folder,
	           cli_folder);
}

Test(attack_ways, a_sleeper_fits_what_its_attack_fits)
{
	cli_write("e.json", RUN ATTACK("{\"kind\":\"sleeper\",\"after\":3,\"then\":\"against\"}") "}");
	cli_expect(2, "adversaries.attack.then: attack \"against\": the attack is one on votes",
	           "validate %s/e.json --set aggregator=median", cli_folder);
	cr_expect_eq(cli("validate %s/e.json", cli_folder), 0, "%s", cli_err);
}

Test(attack_ways, a_sleeper_that_never_wakes_is_warned_of)
{
	cli_write("e.json", RUN ATTACK("{\"kind\":\"sleeper\",\"after\":8}") "}");
	cli_expect(
	        0,
	        "in 1 of 1 runs nobody attacks: adversaries.attack begins after 8 steps, and the run has 8",
	        "validate %s/e.json", cli_folder);
	cr_expect_eq(cli("validate %s/e.json --steps 9", cli_folder), 0);
	cr_expect_null(strstr(cli_err, "nobody attacks"), "%s", cli_err);
	cr_expect_eq(cli("validate %s/e.json --adversaries 0", cli_folder), 0);
	cr_expect_null(strstr(cli_err, "begins after"), "%s", cli_err);
}

#define SWEEP ",\"sweep\":{\"adversaries.attack.after\":[1,100]}}"

Test(attack_ways, keys_of_what_a_sleeper_becomes_are_set_and_swept)
{
	cli_write("e.json", RUN ATTACK("{\"kind\":\"sleeper\",\"then\":\"scale\"}") SWEEP);
	cli_expect(0, "in 1 of 2 runs nobody attacks: adversaries.attack begins after 100 steps",
	           "validate %s/e.json", cli_folder);
	cli_write("e.json", RUN ATTACK("{\"kind\":\"sleeper\",\"after\":2,\"then\":\"scale\"}") "}");
	cr_expect_eq(cli("validate %s/e.json --json --set adversaries.attack.then=zero", cli_folder), 0, "%s",
	             cli_err);
	cr_expect_not_null(strstr(cli_out, "\"then\":{\"kind\":\"zero\"}"), "%s", cli_out);
	cli_write("e.json",
	          RUN ATTACK("{\"kind\":\"sleeper\",\"after\":2,\"then\":{\"kind\":\"scale\"}}") "}");
	cr_expect_eq(cli("validate %s/e.json --json --set adversaries.attack.then.factor=3", cli_folder), 0,
	             "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, "\"factor\":3"), "%s", cli_out);
	cli_expect(2, "did you mean \"factor\"?", "validate %s/e.json --set adversaries.attack.then.facter=3",
	           cli_folder);
}

#define TOY                                                                                                  \
	"{\"name\":\"t\",\"workers\":3,\"steps\":4,\"model\":\"quadratic\",\"adversaries\":{\"count\":%d,"   \
	"\"attack\":%s}}"

static void toy(int count, const char *attack)
{
	char text[512];
	snprintf(text, sizeof text, TOY, count, attack);
	cli_write("t.json", text);
}

Test(attack_ways, labels_that_are_not_there_are_said)
{
	toy(1, "\"label-flip\"");
	cli_expect(2,
	           "adversaries.attack: label-flip changes the labels of samples, and data \"none\" has none",
	           "validate %s/t.json", cli_folder);
	toy(1, "{\"kind\":\"sleeper\",\"after\":1,\"then\":\"label-flip\"}");
	cli_expect(2, "adversaries.attack.then: label-flip changes the labels of samples",
	           "validate %s/t.json", cli_folder);
	toy(0, "\"label-flip\"");
	cr_expect_eq(cli("validate %s/t.json", cli_folder), 0, "nobody attacks: %s", cli_err);
	toy(1, "{\"kind\":\"sleeper\",\"then\":\"sleeper\"}");
	cli_expect(2, "adversaries.attack: then: a sleeper wakes once", "validate %s/t.json", cli_folder);
	cli_write("text", "the quick brown fox jumps over the lazy dog and the dog sleeps on\n");
	cli_expect(2, "label-flip changes the labels of samples, and data \"text\" has none",
	           "simulate %s/t.json --set model=qrnn --set batch=1 --set "
	           "'data={\"kind\":\"text\",\"train\":\"%s/text\",\"bptt\":2}' --adversaries 1 --attack "
	           "label-flip --out %s/t.h5",
	           cli_folder, cli_folder, cli_folder);
	cli_write("e.json", RUN ATTACK("{\"kind\":\"label-flip\",\"from\":1}") "}");
	cli_expect(2, "adversaries.attack: label-flip: found `from` alone", "validate %s/e.json", cli_folder);
}

/* Flipped exponents make infinities: a mean is lost with them and says so, a rule goes on without them. */
Test(attack_ways, bits_of_floats_end_a_mean_and_no_rule)
{
	cli_write("e.json",
	          RUN ATTACK("{\"kind\":\"bit-flip\",\"probability\":0.5}") ",\"aggregator\":\"mean\"}");
	int code = cli("simulate %s/e.json --out %s/mean.h5 --quiet", cli_folder, cli_folder);
	cr_expect_eq(code, 1, "%d: %s", code, cli_err);
	cr_expect_not_null(strstr(cli_err, "no longer finite"), "%s", cli_err);
	cr_expect_eq(cli("show %s/mean.h5", cli_folder), 0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, "diverged"), "%s", cli_out);
	cr_expect_eq(cli("simulate %s/e.json --set aggregator=median --out %s/median.h5 --quiet", cli_folder,
	                 cli_folder),
	             0, "%s", cli_err);
	cr_expect_eq(cli("simulate %s/e.json --set aggregator=mean --set compressor=ef-sign --out %s/ef.h5 "
	                 "--quiet",
	                 cli_folder, cli_folder) > 1,
	             0, "%s", cli_err);
}

/* A loss that is no number has no sign either, whatever bits the last sum left it. */
Test(attack_ways, no_loss_is_minus_nan)
{
	cli_write("e.json", RUN ATTACK("\"nan\"") ",\"aggregator\":\"mean\"}");
	int code = cli("simulate %s/e.json --out %s/nan.h5", cli_folder, cli_folder);
	cr_expect_eq(code, 1, "%d: %s", code, cli_err);
	cr_expect(strstr(cli_err, "loss nan") && !strstr(cli_err, "-nan"), "%s", cli_err);
}
