/* Several processes on one folder of a sweep, as tasks of an array: each takes what no other has; and --run.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "h5/h5_lock.h"
#include "record/record.h"
#include "tests/support/cli.h"
#include "tests/support/mpirun.h"
#include "tests/support/process.h"

TestSuite(shared_sweep, .init = cli_open, .fini = cli_close, .timeout = 180);

enum { RUNS = 3, PATH_BYTES = 512 };

static char paths[RUNS][PATH_BYTES]; /* of the runs, in the order of the sweep */

/* Learn the paths from `validate`, which lists the runs in the order of --run. */
static void write_sweep(int steps)
{
	struct arena a = {0};
	struct json *lines[CLI_LINES];
	char text[512];
	snprintf(text, sizeof text,
	         "{\"name\":\"swept\",\"workers\":5,\"steps\":%d,\"batch\":1,\"lr\":0.01,"
	         "\"model\":{\"kind\":\"quadratic\",\"dimensions\":50},\"sweep\":{\"adversaries.count\":[0,1,"
	         "2]}}",
	         steps);
	cli_write("e.json", text);
	cr_assert_eq(cli("validate --json %s/e.json", cli_folder), 0, "%s", cli_err);
	cr_assert_eq(cli_json_lines(&a, lines), RUNS);
	for (int i = 0; i < RUNS; i++)
		snprintf(paths[i], PATH_BYTES, "%s/r/swept-%.12s.h5", cli_folder,
		         json_member(lines[i], "id")->string);
	arena_clear(&a);
}

static const char *state(int run)
{
	static struct run_info info;
	struct err e = {0};
	return record_info(paths[run], &info, &e) ? "absent" : info.state;
}

static void expect_states(const char *first, const char *second, const char *third)
{
	cr_expect_str_eq(state(0), first);
	cr_expect_str_eq(state(1), second);
	cr_expect_str_eq(state(2), third);
}

static struct h5_lock hold(int run)
{
	struct h5_lock lock;
	struct err e = {0};
	cr_assert_eq(h5_lock_take(&lock, paths[run], &e), 0, "%s", e.text);
	return lock;
}

static int said(const char *part)
{
	int count = 0;
	for (const char *at = cli_err; (at = strstr(at, part)); at++)
		count++;
	return count;
}

Test(shared_sweep, what_another_process_writes_is_left_to_it_and_named_at_the_end)
{
	char line[PATH_BYTES + 64];
	write_sweep(40);
	struct h5_lock lock = hold(1);
	cr_expect_eq(cli("simulate %s/e.json --out %s/r", cli_folder, cli_folder), 0, "%s", cli_err);
	expect_states("finished", "absent", "finished");
	snprintf(line, sizeof line, "%s: left to process %ld on host", paths[1], (long)getpid());
	cr_expect_eq(said(line), 2, "once, and again when the others were done: %s", cli_err);
	snprintf(line, sizeof line, "%s: not done here: another process is at it", paths[1]);
	cr_expect_eq(said(line), 1, "%s", cli_err);
	cr_expect_eq(cli("simulate %s/e.json --out %s/r --quiet", cli_folder, cli_folder), 0);
	cr_expect_eq(said(line), 1, "also with --quiet: %s", cli_err);
	h5_lock_release(&lock);
	cr_expect_eq(cli("simulate %s/e.json --out %s/r", cli_folder, cli_folder), 0, "%s", cli_err);
	cr_expect_eq(said("not done here"), 0, "%s", cli_err);
	expect_states("finished", "finished", "finished");
}

Test(shared_sweep, processes_of_one_job_leave_it_together)
{
	if (!mpirun_here())
		cr_skip_test("skipped: there is no MPI");
	write_sweep(40);
	struct h5_lock lock = hold(1);
	cr_expect_eq(mpirun(2, "train %s/e.json --out %s/r", cli_folder, cli_folder), 0, "%s", cli_err);
	expect_states("finished", "absent", "finished");
	cr_expect_eq(said("not done here"), 1, "%s", cli_err);
	h5_lock_release(&lock);
}

/* A run whose process has gone meanwhile is taken after all. */
Test(shared_sweep, what_was_let_go_meanwhile_is_taken)
{
	char args[3 * FOLDER_SIZE], log[FOLDER_SIZE + 8];
	write_sweep(process_sanitized() ? 20000 : 400000); /* seconds */
	struct h5_lock lock = hold(0);
	snprintf(args, sizeof args, "simulate %s/e.json --jobs 1 --lanes 1 --out %s/r", cli_folder,
	         cli_folder);
	snprintf(log, sizeof log, "%s/log", cli_folder);
	pid_t pid = process_start(args, log, 0);
	while (access(paths[1], F_OK) != 0) /* the first was passed over */
		process_sleep_ms(5);
	h5_lock_release(&lock);
	while (access(paths[0], F_OK) != 0)
		process_sleep_ms(5);
	kill(pid, SIGTERM);
	cr_expect_eq(process_wait(pid), 143);
	expect_states("interrupted", "finished", "finished");
}

Test(shared_sweep, of_a_single_run_it_is_an_error)
{
	write_sweep(40);
	struct h5_lock lock = hold(2);
	cli_expect(1, "another process writes this file: process", "simulate %s/e.json --out %s/r --run 3",
	           cli_folder, cli_folder);
	h5_lock_release(&lock);
}

Test(shared_sweep, one_run_is_chosen_by_its_number)
{
	write_sweep(40);
	cr_expect_eq(cli("simulate %s/e.json --out %s/r --run 2", cli_folder, cli_folder), 0, "%s", cli_err);
	expect_states("absent", "finished", "absent");
	cr_expect_eq(cli("train %s/e.json --out %s/r --run 3 --processes 2", cli_folder, cli_folder), 0, "%s",
	             cli_err);
	expect_states("absent", "finished", "finished");
	cr_expect_eq(cli("simulate %s/e.json --out %s/one.h5 --run 1", cli_folder, cli_folder), 0, "%s",
	             cli_err);
	snprintf(paths[0], PATH_BYTES, "%s/one.h5", cli_folder);
	expect_states("finished", "finished", "finished");
	cli_expect(2, "--run: found '4', expected a whole number from 1 to 3", "simulate %s/e.json --run 4",
	           cli_folder);
	cli_expect(2, "--run: found '0'", "train %s/e.json --run 0", cli_folder);
}
