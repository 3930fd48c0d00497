/*
 * Nothing but kernels and memory calls touches what is the machine's: whole runs on `guarded`, where any
 * other touch ends the program and names the memory, give the bits of `ref`. The models that are not here are
 * in tests/guarded/models.c (`make test-guarded`).
 */
#include <stdio.h>
#include <string.h>
#include "adversary/attack.h"
#include "backend/backend.h"
#include "record/record.h"
#include "registry.h"
#include "tests/support/cli.h"
#include "tests/support/guarded.h"
#include "tests/support/methods.h"
#include "tests/support/small_experiments.h"

TestSuite(guarded, .init = cli_open, .fini = cli_close, .timeout = 240);

Test(guarded, models_give_the_bits_of_ref)
{
	static const char toy[] = "{\"name\":\"m\",\"workers\":3,\"steps\":5,\"lr\":0.1,\"momentum\":0.5,"
	                          "\"model\":\"median-toy\",\"eval\":{\"every\":1}}";
	static const char cnn[] = "{\"name\":\"c\",\"workers\":1,\"steps\":1,\"batch\":2,\"lr\":0.01,"
	                          "\"model\":\"cnn\",\"data\":{\"kind\":\"glyphs\",\"train\":3,\"test\":2}}";
	char qrnn[SMALL_TEXT];
	guarded_expect_as_ref(small_mlp, "--lanes 2");
	guarded_expect_as_ref(toy, "--set model.noise=0.5 --lanes 2");
	guarded_expect_as_ref(small_quadratic, "--set model.noise=0.5 --lanes 2");
	guarded_expect_as_ref(small_quadratic, "--set model.noise=0 --set lr=theory");
	guarded_expect_as_ref(small_quadratic, "--set model.spread=1 --set record.sign_failure=1");
	guarded_expect_as_ref(cnn, "");
	guarded_expect_as_ref(small_layers, "--lanes 2");
	small_text(qrnn);
	guarded_expect_as_ref(qrnn, "--lanes 2");
	guarded_expect_as_ref(qrnn, "--set 'model={\"kind\":\"sequential\",\"layers\":[{\"kind\":\"embed\","
	                            "\"width\":6,\"dropout\":0.2},{\"kind\":\"qrnn\",\"width\":8}]}'");
}

Test(guarded, every_method)
{
	for (const struct method_text *t = methods_all(); t->json[0]; t++)
		guarded_expect_as_ref(small_mlp, t->options);
	guarded_expect_as_ref(small_mlp, "--set 'aggregator={\"kind\":\"vote\",\"zero\":\"abstain\",\"tie\":"
	                                 "\"abstain\"}' --set record.agreement=1 --lanes 2");
	guarded_expect_as_ref(
	        small_mlp, "--set 'aggregator={\"kind\":\"krum\",\"f\":1,\"before\":[\"nnm\"]}' --lanes 2");
}

Test(guarded, every_attack)
{
	char options[128];
	for (const struct row *const *row = family_attacks.rows; *row; row++) {
		snprintf(options, sizeof options, "--adversaries 2 --attack %s", (*row)->name);
		guarded_expect_as_ref(small_mlp, options);
		if (((const struct attack *)(const void *)*row)->then)
			continue;
		snprintf(options, sizeof options,
		         "--adversaries 2 --set "
		         "'adversaries.attack={\"kind\":\"sleeper\",\"after\":2,\"then\":"
		         "\"%s\"}'",
		         (*row)->name);
		guarded_expect_as_ref(small_mlp, options);
	}
}

/* The bits of every kind of message. */
Test(guarded, packed_messages)
{
	static const char *const methods[] = {
	        "--set aggregator=vote", "--set 'aggregator={\"kind\":\"vote\",\"zero\":\"abstain\"}'",
	        "--set aggregator=median", "--set aggregator=median --set compressor=ef-sign"};
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
		char options[256];
		snprintf(options, sizeof options, "--adversaries 2 --attack bit-flip --lanes 2 %s",
		         methods[i]);
		guarded_expect_as_ref(small_mlp, options);
	}
}

/* Colluders who remember, and who try what a server answers that remembers, or to workers who do. */
Test(guarded, colluders)
{
	guarded_expect_as_ref(small_mlp,
	                      "--set 'adversaries={\"count\":2,\"attack\":{\"kind\":\"mimic\",\"target\":"
	                      "\"auto\",\"warmup\":2}}' --lanes 2");
	guarded_expect_as_ref(small_mlp, "--adversaries 2 --attack opt-ipm --set "
	                                 "'aggregator={\"kind\":\"centered-clipping\",\"tau\":1}' --lanes 2");
	guarded_expect_as_ref(small_mlp, "--adversaries 2 --attack opt-alie --set aggregator=median --set "
	                                 "compressor=ef-sign --lanes 2");
	guarded_expect_as_ref(small_mlp, "--adversaries 2 --attack opt-ipm --set aggregator=median --set "
	                                 "'compressor={\"kind\":\"top-k\",\"two_way\":true}' --lanes 2");
	guarded_expect_as_ref(small_mlp, "--set "
	                                 "'adversaries={\"count\":2,\"attack\":{\"kind\":\"opt-ipm\","
	                                 "\"evals\":3,\"delta\":0.1}}' --set aggregator=mean --set "
	                                 "'compressor={\"kind\":\"ef-sign\",\"two_way\":true}' --lanes 2");
	guarded_expect_as_ref(small_mlp,
	                      "--set 'adversaries={\"count\":1,\"attack\":{\"kind\":\"fang\",\"rule\":"
	                      "\"krum\"}}' --set aggregator=krum --lanes 2");
	guarded_expect_as_ref(small_mlp,
	                      "--adversaries 2 --attack min-margin --set "
	                      "'aggregator={\"kind\":\"vote\",\"zero\":\"abstain\",\"tie\":\"abstain\"}'");
}

Test(guarded, probes)
{
	guarded_expect_as_ref(small_mlp,
	                      "--set record.agreement=1 --set record.margin=1 --set record.norms=1 "
	                      "--set record.sign_failure=1 --set record.snapshots=1 --lanes 2");
	guarded_expect_as_ref(small_mlp, "--set record.snr=2 --set record.l1_l2=1 --set "
	                                 "'record.gradient_noise={\"at\":[0,2],\"random\":3}' --lanes 2");
}

Test(guarded, checkpoints_and_what_continues_from_them)
{
	const char *all = "--adversaries 1 --attack stale --set aggregator=adam --set momentum=0";
	char options[256];
	snprintf(options, sizeof options, "%s --set checkpoint.every=2 --set checkpoint.keep=true", all);
	guarded_run("simulate", small_mlp, options, "ref", "ref");
	guarded_run("simulate", small_mlp, options, "guarded", "guarded");
	guarded_expect_same("ref", "guarded");
	cr_assert_eq(cli("simulate --resume %s/ref.h5 --steps 7 --quiet", cli_folder), 0, "%s", cli_err);
	cr_assert_eq(cli("simulate --resume %s/guarded.h5 --steps 7 --quiet", cli_folder), 0, "%s", cli_err);
	guarded_expect_same("ref", "guarded");
}

/* Processes of our own, messages in buckets, and a recorded run that is repeated. */
Test(guarded, transports_and_replay)
{
	static const char *const ways[] = {"--processes 2", "--processes 2 --set transport.buckets=3",
	                                   "--processes 2 --set transport.shards=2"};
	const char *const experiments[] = {small_mlp, small_layers};
	for (size_t i = 0; i < 2; i++) {
		guarded_run("simulate", experiments[i], "", "ref", "ref");
		for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
			guarded_run("train", experiments[i], ways[w], "guarded", "own");
			char path[2][128], different[128] = "";
			struct err e = {0};
			snprintf(path[0], sizeof path[0], "%s/ref.h5", cli_folder);
			snprintf(path[1], sizeof path[1], "%s/own.h5", cli_folder);
			cr_expect_eq(record_same_final(path[0], path[1], different, sizeof different, &e), 1,
			             "%s: %s%s", ways[w], e.text, different);
		}
		cr_expect_eq(cli("simulate --replay %s/own.h5 --quiet --overwrite", cli_folder), 0, "%s",
		             cli_err);
	}
}

/* A rule's memory is the machine's, or the host's where the host combines; it goes into checkpoints. */
Test(guarded, memory_of_a_rule)
{
	static const char rule[] = "--set 'aggregator={\"kind\":\"centered-clipping\",\"tau\":1}' --set "
	                           "checkpoint.keep=true --set lr=0.1 --steps 4 ";
	char options[512], path[2][128], different[128] = "";
	struct err e = {0};
	snprintf(options, sizeof options, "%s --processes 2", rule);
	guarded_run("simulate", small_mlp, rule, "ref", "ref");
	guarded_run("simulate", small_mlp, rule, "guarded", "guarded");
	guarded_run("train", small_mlp, options, "guarded", "own");
	cr_assert_eq(cli("simulate --resume %s/ref.h5 --steps 7 --quiet", cli_folder), 0, "%s", cli_err);
	cr_assert_eq(cli("simulate --resume %s/guarded.h5 --steps 7 --quiet", cli_folder), 0, "%s", cli_err);
	guarded_expect_same("ref", "guarded");
	cr_assert_eq(cli("train --resume %s/own.h5 --steps 7 --processes 2 --quiet", cli_folder), 0, "%s",
	             cli_err);
	snprintf(path[0], sizeof path[0], "%s/ref.h5", cli_folder);
	snprintf(path[1], sizeof path[1], "%s/own.h5", cli_folder);
	cr_expect_eq(record_same_final(path[0], path[1], different, sizeof different, &e), 1, "%s%s", e.text,
	             different);
}

static struct backend machine;

static void open_machine(void)
{
	struct err e = {0};
	const struct backend_row *row =
	        (const struct backend_row *)(const void *)family_find(&family_backends, "guarded");
	cr_assert_eq(row->open(&machine, NULL, &e), 0, "%s", e.text);
}

Test(guarded, is_found_and_not_listed)
{
	cr_expect(family_find(&family_backends, "guarded"));
	for (const struct row *const *row = family_backends.rows; *row; row++)
		cr_expect_str_neq((*row)->name, "guarded");
	cr_expect_eq(cli("list backends"), 0);
	cr_expect_null(strstr(cli_out, "guarded"));
	cr_expect_eq(cli("bench model mlp --backend guarded --batch 2 --seconds 0.01"), 0, "%s", cli_err);
}

/* Every entry of ref's table is there, so that a kernel without a guard is no surprise in a run. */
Test(guarded, its_table_has_all_that_ref_has)
{
	struct backend ref;
	struct err e = {0};
	open_machine();
	const struct backend_row *row =
	        (const struct backend_row *)(const void *)family_find(&family_backends, "ref");
	cr_assert_eq(row->open(&ref, NULL, &e), 0);
	void *const *ours = (void *const *)(const void *)&machine, *const *theirs =
	                                                                   (void *const *)(const void *)&ref;
	for (size_t i = 0; i < sizeof machine / sizeof *ours; i++)
		cr_expect(!theirs[i] || ours[i], "entry %zu of struct backend is missing", i);
	ours = (void *const *)(const void *)machine.image;
	theirs = (void *const *)(const void *)ref.image;
	for (size_t i = 0; i < sizeof *ref.image / sizeof *ours; i++)
		cr_expect(!theirs[i] || ours[i], "entry %zu of struct image_kernels is missing", i);
}

enum offence {
	HOST_READS,
	HOST_WRITES,
	KERNEL_RUNS_OVER,
	USED_AFTER_RELEASE,
	KERNEL_GETS_HOST,
	NO_QUEUE,
	OFFENCES
};

static void commit(enum offence offence)
{
	const struct memory *m = machine.memory;
	struct queue *q = m->queue_open();
	float *x = m->alloc(100 * sizeof *x, "parameters"), here[64] = {0};
	switch (offence) {
	case HOST_READS:
		here[0] = x[3];
		break;
	case HOST_WRITES:
		x[99] = 1;
		break;
	case KERNEL_RUNS_OVER:
		machine.relu(q, 113, x); /* the block ends with 112 numbers, a multiple of 64 bytes */
		break;
	case USED_AFTER_RELEASE:
		m->release(x);
		machine.relu(q, 1, x);
		break;
	case KERNEL_GETS_HOST:
		machine.relu(q, 64, here);
		break;
	default:
		machine.relu(NULL, 64, x);
	}
	m->upload(q, x, here, sizeof here); /* so that nothing above is left out */
}

struct culprit {
	enum offence offence;
	char said[128]; /* the file of its words */
};

static int offend(void *ctx)
{
	const struct culprit *c = ctx;
	if (!freopen(c->said, "w", stderr))
		return 1;
	commit(c->offence);
	return 0;
}

/* What the guard is for: each of these ends the process with a sentence. */
Test(guarded, offences_end_the_program_and_are_named)
{
	static const char *const said[OFFENCES] = {
	        [HOST_READS] =
	                "the host touched \"parameters\", 400 bytes of the machine's memory, at byte 12",
	        [HOST_WRITES] =
	                "the host touched \"parameters\", 400 bytes of the machine's memory, at byte 396",
	        [KERNEL_RUNS_OVER] = "a kernel left \"parameters\"",
	        [USED_AFTER_RELEASE] =
	                "a kernel left \"parameters\", 400 bytes of the machine's memory, released",
	        [KERNEL_GETS_HOST] = "a kernel got memory of the host",
	        [NO_QUEUE] = "work for a queue that is not open"};
	struct culprit c;
	open_machine();
	snprintf(c.said, sizeof c.said, "%s/said", cli_folder);
	for (c.offence = 0; c.offence < OFFENCES; c.offence++) {
		char log[4096];
		cr_expect_gt(process_in_child(offend, &c), 255, "offence %d went unseen", (int)c.offence);
		file_text(c.said, log, sizeof log);
		cr_expect(strstr(log, said[c.offence]), "offence %d: \"%s\", not \"%s\"", (int)c.offence, log,
		          said[c.offence]);
	}
}
