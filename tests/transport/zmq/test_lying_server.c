/* What a worker lets a server's settings do to its machine. */
#include <criterion/criterion.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "experiment/remote.h"
#include "tests/support/process.h"
#include "tests/support/served.h"
#include "tests/support/zmq_byzantine.h"
#include "train/feed.h"
#include "train/trainer.h"

TestSuite(lying_server, .init = cli_open, .fini = cli_close, .timeout = 120);

#define START "{\"name\":\"x\",\"workers\":3,\"steps\":5,\"lr\":0.1,\"eval\":{\"every\":0},"
#define DRAWN(MODEL)                                                                                         \
	START "\"model\":" MODEL ",\"data\":{\"kind\":\"glyphs\",\"train\":1000000,\"clutter\":100}}"

/* A server whose settings are those of `text`; it says them to any worker. */
struct liar {
	struct toy toy;
	struct buf settings;
	char address[64];
	pid_t pid;
};

static void liar_open(struct liar *l, const char *text)
{
	struct runs runs;
	struct err e = {0};
	cr_assert_eq(experiment_parse(&runs, "test", text, strlen(text), NULL, 0, &e), 0, "%s", e.text);
	*l = (struct liar){0};
	char data_id[DATA_ID_SIZE];
	cr_assert_eq(feed_fingerprint(&runs.at[0], data_id, &e), 0, "%s", e.text);
	settings_remote(&runs.at[0], data_id, &l->settings);
	runs_clear(&runs);
	toy_open(&l->toy, 3, 5, 1000, "vote");
	snprintf(l->address, sizeof l->address, "tcp://127.0.0.1:%d", served_free_port());
	l->pid = byzantine_server(&l->toy, l->settings.text, l->address);
}

static void liar_close(struct liar *l)
{
	byzantine_server_end(l->pid);
	toy_close(&l->toy);
	buf_clear(&l->settings);
}

Test(lying_server, memory_needs_the_workers_leave)
{
	static const struct {
		const char *text, *options, *sentence;
	} cases[] = {
	        {DRAWN("\"softmax\""), "",
	         "most of it for: data set (758.7 MiB), and may take 512.0 MiB; nothing was "
	         "made; --memory 7"},
	        {DRAWN("\"softmax\""), "--memory 700MiB", "and may take 700.0 MiB"},
	        {START "\"model\":{\"kind\":\"quadratic\",\"dimensions\":500000000}}", "--lanes 2",
	         "most of it for: gradients and activations (3.7 GiB)"},
	        {START "\"model\":{\"kind\":\"mlp\",\"hidden\":[65536,65536]},\"data\":\"glyphs\"}",
	         "--lanes 1", "most of it for: gradients and activations (16.2 GiB)"},
	        {START "\"model\":\"softmax\",\"data\":\"glyphs\"}", "--memory 1MB",
	         "and may take 976.6 KiB"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		static struct liar l;
		liar_open(&l, cases[i].text);
		cli_expect(2, cases[i].sentence, "work --connect %s --insecure --patience 5s --workers 1 %s",
		           l.address, cases[i].options);
		cr_expect_not_null(strstr(cli_err, "settings of tcp://127.0.0.1:"), "%s", cli_err);
		liar_close(&l);
	}
	cli_expect(2, "--memory: found '5', expected a number above 0 with MiB, GiB, MB or GB, as in 2GiB",
	           "work --connect tcp://127.0.0.1:1 --insecure --memory 5");
}

/* As `validate` counts it, for as many workers as are here; what is more than can be counted stays more. */
Test(lying_server, memory_is_counted_without_wrapping_round)
{
	static const char text[] =
	        "{\"workers\":4096,\"steps\":5,\"lr\":0.1,\"batch\":200,\"model\":{\"kind\":"
	        "\"mlp\",\"hidden\":[65536,65536,65536]},\"data\":{\"kind\":\"glyphs\",\"train\":1000000}}";
	struct runs runs;
	struct plan all, one, root;
	struct err e = {0};
	cr_assert_eq(experiment_parse(&runs, "test", text, strlen(text), NULL, 0, &e), 0, "%s", e.text);
	trainer_plan(&runs.at[0], 2, &root);
	trainer_plan_hosted(&runs.at[0], 2, 4096, &all);
	trainer_plan_hosted(&runs.at[0], 2, 1, &one);
	/* without what the program and its libraries take for themselves */
	cr_expect_eq(root.total - root.record - root.base - 2 * (4 << 20), all.total);
	cr_expect_eq(all.momentum, 4096 * one.momentum);
	trainer_plan_hosted(&runs.at[0], INT_MAX, 4096, &all);
	cr_expect_gt(all.total, all.lane);
	cr_expect_eq(plan_check(&all, 1e18, "s", &e), -1);
	runs_clear(&runs);
}

/* Drawing them takes minutes. */
Test(lying_server, a_worker_ends_while_it_makes_what_was_asked_for)
{
	static const int signals[] = {SIGTERM, SIGHUP};
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		static struct liar l;
		char said[4096], log[16];
		snprintf(log, sizeof log, "work%zu.log", i);
		liar_open(&l, DRAWN("\"softmax\""));
		pid_t work = served_start(log, "work --connect %s --insecure --workers 1 --memory 2GiB",
		                          l.address);
		served_wait_for_words(log, "worker 0 of 3");
		kill(work, signals[i]);
		cr_expect_eq(process_wait(work), 128 + signals[i]);
		served_log(log, said, sizeof said);
		cr_expect_not_null(strstr(said, i ? "ended at once by SIGHUP" : "ended at once by SIGTERM"),
		                   "%s", said);
		liar_close(&l);
	}
}
