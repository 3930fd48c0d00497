/*
 * Processes of `train --processes` that are killed: each is started anew, once. The run is planned so long
 * that it is never over before that, however slow the test; then a signal ends it, and it is resumed with an
 * end that it reaches.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "record/record.h"
#include "tests/support/process.h"
#include "tests/support/served.h"

TestSuite(children, .init = cli_open, .fini = cli_close, .timeout = 240);

enum { CHILDREN_MOST = 8, MORE_STEPS = 100 };

static const char experiment[] = "{\"name\":\"long\",\"workers\":3,\"steps\":1000000,\"batch\":8,\"model\":"
                                 "\"softmax\",\"data\":{\"kind\":"
                                 "\"glyphs\",\"train\":300,\"test\":30},\"lr\":0.001,\"checkpoint\":{"
                                 "\"every\":50},\"eval\":{\"every\":"
                                 "50,\"train\":30}}";

/* Processes that `parent` started with this command, in the order of their ids. */
static int children_of(pid_t parent, const char *command, pid_t out[CHILDREN_MOST])
{
	char line[128];
	int count = 0;
	snprintf(line, sizeof line, "pgrep -P %d -f '[s]ignsgd %s'", (int)parent, command);
	FILE *list = popen(line, "r");
	while (list && count < CHILDREN_MOST && fscanf(list, "%d", &out[count]) == 1)
		count++;
	if (list)
		pclose(list);
	return count;
}

/* The one of `count` children that is not among `before`, once there are as many again. */
static pid_t wait_for_new(pid_t parent, const char *command, int count, const pid_t *before)
{
	for (int ms = 0; ms < SERVED_PATIENCE_MS; ms += SERVED_POLL_MS) {
		pid_t now[CHILDREN_MOST];
		int found = children_of(parent, command, now);
		for (int i = 0; i < found && found == count; i++) {
			bool known = false;
			for (int j = 0; j < count; j++)
				known |= now[i] == before[j];
			if (!known)
				return now[i];
		}
		process_sleep_ms(SERVED_POLL_MS);
	}
	cr_assert_fail("no new process");
	return -1;
}

/* Start a run and wait until it trains; its children with this command go into `out`. */
static pid_t begin(const char *options, const char *command, int count, pid_t out[CHILDREN_MOST])
{
	cli_write("e.json", experiment);
	pid_t run =
	        served_start("log", "train %s/e.json --out %s/own.h5 %s", cli_folder, cli_folder, options);
	served_wait_for_steps("own", 0);
	cr_assert_eq(children_of(run, command, out), count);
	return run;
}

/*
 * The run says this, and trains on with whoever is there. End it, and resume it with an end soon after, which
 * is returned.
 */
static long long finish(pid_t run, const char *sentence, const char *options)
{
	char path[128];
	struct run_info info;
	struct err e = {0};
	served_wait_for_words("log", sentence);
	served_wait_for_steps("own", served_steps("own") + MORE_STEPS);
	kill(run, SIGTERM);
	cr_expect_eq(process_wait(run), 128 + SIGTERM);
	long long steps = served_steps("own") + MORE_STEPS;
	cli_expect(0, "", "train --resume %s/own.h5 --steps %lld --quiet %s", cli_folder, steps, options);
	snprintf(path, sizeof path, "%s/own.h5", cli_folder);
	cr_assert_eq(record_info(path, &info, &e), 0, "%s", e.text);
	cr_expect_eq(info.steps_done, steps);
	/* who was counted determines the bits, which --replay compares */
	cli_expect(0, "", "simulate --replay %s/own.h5 --quiet", cli_folder);
	return steps;
}

/* Two of three workers: no quorum without them. */
Test(children, a_killed_process_of_workers_is_started_anew)
{
	pid_t work[CHILDREN_MOST];
	pid_t run = begin("--processes 2", "work", 2, work);
	kill(work[1], SIGKILL);
	finish(run,
	       "workers 1 to 2: the process ended by signal 9 (Killed) and is started anew, this once; until "
	       "it votes it abstains",
	       "--processes 2");
}

Test(children, killed_twice_it_is_not_started_again_and_the_run_goes_on)
{
	pid_t work[CHILDREN_MOST];
	pid_t run = begin("--processes 2", "work", 2, work);
	kill(work[0], SIGKILL);
	kill(wait_for_new(run, "work", 2, work), SIGKILL);
	finish(run, "worker 0: the process ended again, by signal 9 (Killed); it will not be started again",
	       "--processes 2");
}

/* Votes on a shard that is gone are sent again: nothing is missed, and the bits are those of one process. */
Test(children, a_killed_shard_is_started_anew)
{
	char path[128], other[128], different[128] = "";
	struct err e = {0};
	pid_t shard[CHILDREN_MOST];
	const char *options = "--processes 2 --set transport.shards=2";
	pid_t run = begin(options, "shard", 1, shard);
	kill(shard[0], SIGKILL);
	long long steps =
	        finish(run, "a shard: the process ended by signal 9 (Killed) and is started anew, this once",
	               options);
	cli_expect(0, "", "simulate %s/e.json --out %s/simulate.h5 --steps %lld --quiet", cli_folder,
	           cli_folder, steps);
	snprintf(path, sizeof path, "%s/simulate.h5", cli_folder);
	snprintf(other, sizeof other, "%s/own.h5", cli_folder);
	int same = record_same_final(path, other, different, sizeof different, &e);
	cr_expect_eq(same, 1, "%s%s", same < 0 ? e.text : "other bits: ", different);
}
