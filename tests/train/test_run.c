/*
 * Whole runs of the program: killed, interrupted, out of disk, resumed; and what it takes of memory.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "h5/h5.h"
#include "base/mem.h"
#include "base/rng.h"
#include "record/record.h"
#include "train/checkpoint.h"
#include "tests/support/h5_door.h"
#include "tests/support/process.h"
#include "tests/support/train.h"
#include "tests/support/file.h"

enum { SIZE = 1 << 16 };

static char folder[FOLDER_SIZE], run_path_[128], log_path[128], experiment[128], said[SIZE];

static void make_folder(void)
{
	folder_make(folder);
	snprintf(run_path_, sizeof run_path_, "%s/r.h5", folder);
	snprintf(log_path, sizeof log_path, "%s/log", folder);
	snprintf(experiment, sizeof experiment, "%s/e.json", folder);
}

static void drop_folder(void)
{
	folder_remove(folder);
}

TestSuite(run, .init = make_folder, .fini = drop_folder, .timeout = 300);

static void write_experiment(const char *text)
{
	file_put_text(experiment, text);
}

/* About a second's work for one lane, so that a kill finds it at work; checkpoints often. */
static const char *const busy =
        "{\"name\":\"busy\",\"workers\":5,\"steps\":4000,\"batch\":4,\"model\":{\"kind\":\"quadratic\","
        "\"dimensions\":3000},"
        "\"adversaries\":{\"count\":1,\"attack\":{\"kind\":\"flip\",\"probability\":0.3}},"
        "\"record\":{\"norms\":7,\"agreement\":5},\"checkpoint\":{\"every\":50},\"eval\":{\"every\":100}}";

static int simulate(const char *out, const char *more)
{
	char args[1024];
	snprintf(args, sizeof args, "simulate %s --out %s --lanes 2 %s", experiment, out, more);
	int rc = process_run(args, log_path);
	file_text(log_path, said, sizeof said);
	return rc;
}

static float *final_x(const char *path, size_t *n)
{
	struct err e = {0};
	size_t dims[8], count = 0;
	int rank;
	struct h5 *f = h5_open(path, &e);
	cr_assert_not_null(f, "%s", e.text);
	char **names = h5_names(f, "/final", &count);
	cr_assert(names && count == 1);
	char tensor[256];
	snprintf(tensor, sizeof tensor, "/final/%s", names[0]);
	cr_assert_eq(h5_shape(f, tensor, &rank, dims, &e), 0);
	*n = dims[0];
	float *x = mem_array(*n, sizeof *x);
	cr_assert_eq(h5_read(f, tensor, H5_F32, *n, x, &e), 0, "%s", e.text);
	mem_free(names);
	h5_close(f);
	return x;
}

/* All values of a dataset of numbers, whatever its rank. */
static void same_column(const char *a, const char *b, const char *column)
{
	size_t n, m;
	double *u = h5_door_numbers(a, column, &n), *v = h5_door_numbers(b, column, &m);
	cr_expect_eq(n, m, "%s: %zu and %zu values", column, n, m);
	for (size_t i = 0; i < n && i < m; i++)
		cr_assert(u[i] == v[i] || (isnan(u[i]) && isnan(v[i])), "%s, value %zu", column, i);
	mem_free(u);
	mem_free(v);
}

/* Is it the same run, whatever happened in between? Compared are parameters and all columns but times. */
static void same_result(const char *a, const char *b)
{
	static const char *const columns[] = {"/steps/epoch",     "/steps/n_voters",
	                                      "/evals/epoch",     "/evals/train_loss",
	                                      "/probes/norms/l2", "/probes/agreement/step",
	                                      "/steps/step",      "/steps/loss",
	                                      "/steps/lr",        "/steps/bytes_up",
	                                      "/evals/step",      "/evals/bytes",
	                                      "/evals/test_loss", "/probes/norms/step",
	                                      "/probes/norms/l1", "/probes/agreement/agreement"};
	size_t n, m;
	float *x = final_x(a, &n), *y = final_x(b, &m);
	cr_assert_eq(n, m);
	cr_expect_eq(memcmp(x, y, n * sizeof *x), 0, "parameters differ");
	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
		same_column(a, b, columns[i]);
	mem_free(x);
	mem_free(y);
}

static void whole_run(char *path, size_t size)
{
	snprintf(path, size, "%s/whole.h5", folder);
	cr_assert_eq(simulate(path, "--lanes 1"), 0, "%s", said);
}

static void wait_ms(long ms)
{
	process_sleep_ms((int)ms);
}

static pid_t start_busy(void)
{
	char args[512];
	snprintf(args, sizeof args, "simulate %s --out %s --lanes 2", experiment, run_path_);
	return process_start(args, log_path, 0);
}

/* Is the process at its end? It can still be waited for. */
static bool ended(pid_t pid)
{
	siginfo_t info = {0};
	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

/* Waits until a process that was just started has written `count` checkpoints, or is at its end. */
static void wait_for_checkpoints(pid_t pid, const struct stat *before, int count)
{
	char path[160];
	struct stat last = *before, now;
	checkpoint_path(run_path_, path, sizeof path);
	while (count > 0 && !ended(pid)) {
		if (stat(path, &now) == 0 &&
		    (now.st_ino != last.st_ino || now.st_mtim.tv_sec != last.st_mtim.tv_sec ||
		     now.st_mtim.tv_nsec != last.st_mtim.tv_nsec)) {
			last = now;
			count--;
		} else {
			wait_ms(1);
		}
	}
}

static struct stat checkpoint_now(void)
{
	char path[160];
	struct stat st = {0};
	checkpoint_path(run_path_, path, sizeof path);
	stat(path, &st);
	return st;
}

/* kill -9 ten times, a moment after some checkpoint: each time the file opens and the next start goes on; in
 * the end nothing shows. */
Test(run, killed_again_and_again_it_ends_as_if_never_stopped)
{
	char whole[128];
	struct run_info info;
	struct err e = {0};
	struct stream pick = stream_of(5, RNG_TEST, 0, 0);
	int killed = 0, resumed = 0;
	write_experiment(busy);
	whole_run(whole, sizeof whole);
	for (uint64_t i = 0; i < 10; i++) {
		struct stat before = checkpoint_now();
		pid_t pid = start_busy();
		wait_for_checkpoints(pid, &before, 1 + (int)stream_below(&pick, 2 * i, 4));
		process_sleep_us(stream_below(&pick, 2 * i + 1, 20000));
		kill(pid, SIGKILL);
		killed += process_wait(pid) == 256 + SIGKILL;
		resumed += strstr(file_text(log_path, said, sizeof said), "resumed after step") != NULL;
		if (access(run_path_, F_OK) == 0)
			cr_assert_eq(record_info(run_path_, &info, &e), 0, "after kill %d: %s", (int)i,
			             e.text);
	}
	cr_expect_gt(killed, 0);
	cr_assert_eq(simulate(run_path_, ""), 0, "%s", said);
	resumed += strstr(said, "resumed after step") != NULL;
	cr_expect_gt(resumed, 0, "it always started again");
	same_result(whole, run_path_);
}

static void wait_until_said(pid_t pid, const char *words)
{
	while (!strstr(file_text(log_path, said, sizeof said), words) && !ended(pid))
		wait_ms(5);
}

/* Rows that were recorded stay on disk while a resumed run makes them again, also when it is stopped
 * meanwhile. */
Test(run, nothing_recorded_is_lost_by_resuming)
{
	struct run_info before, after;
	struct err e = {0};
	write_experiment(
	        "{\"name\":\"long\",\"workers\":9,\"steps\":100000000,\"batch\":1,"
	        "\"model\":{\"kind\":\"quadratic\",\"dimensions\":20000},\"record\":{\"every\":10}}");
	pid_t pid = start_busy();
	while (checkpoint_now().st_ino == 0 || access(run_path_, F_OK) ||
	       record_info(run_path_, &before, &e) || before.steps_done == 0) {
		err_clear(&e);
		cr_assert(!ended(pid), "%s", file_text(log_path, said, sizeof said));
		wait_ms(50);
	}
	kill(pid, SIGKILL);
	cr_assert_eq(process_wait(pid), 256 + SIGKILL);
	cr_assert_eq(record_info(run_path_, &before, &e), 0, "%s", e.text);
	pid = start_busy();
	wait_until_said(pid, "resumed after step");
	kill(pid, SIGTERM);
	cr_expect_eq(process_wait(pid), 143);
	cr_expect_not_null(strstr(file_text(log_path, said, sizeof said), "resumed after step"), "%s", said);
	cr_assert_eq(record_info(run_path_, &after, &e), 0, "%s", e.text);
	cr_expect_geq(after.steps_done, before.steps_done);
}

static void interrupted(int signal, int code)
{
	char whole[128];
	struct run_info info;
	struct err e = {0};
	write_experiment(busy);
	whole_run(whole, sizeof whole);
	pid_t pid = start_busy();
	while (access(run_path_, F_OK) != 0) /* it has begun once its file is there */
		wait_ms(5);
	kill(pid, signal);
	cr_expect_eq(process_wait(pid), code, "%s", file_text(log_path, said, sizeof said));
	cr_assert_eq(record_info(run_path_, &info, &e), 0, "%s", e.text);
	cr_expect_str_eq(info.state, "interrupted");
	char args[512];
	snprintf(args, sizeof args, "simulate --resume %s --quiet", run_path_);
	cr_assert_eq(process_run(args, log_path), 0, "%s", file_text(log_path, said, sizeof said));
	cr_assert_eq(record_info(run_path_, &info, &e), 0, "%s", e.text);
	cr_expect_str_eq(info.state, "finished");
	same_result(whole, run_path_);
}

Test(run, sigint_finishes_the_step_and_exits_130)
{
	interrupted(SIGINT, 130);
}

Test(run, sigterm_finishes_the_step_and_exits_143)
{
	interrupted(SIGTERM, 143);
}

/* The one that mpirun hands on. */
Test(run, sigusr1_finishes_the_step_and_exits_138)
{
	interrupted(SIGUSR1, 138);
}

/* Systems that end jobs send it again; a step of a second is done and saved all the same. */
Test(run, a_second_sigterm_within_a_step_does_not_kill)
{
	struct run_info info;
	struct err e = {0};
	write_experiment("{\"name\":\"slow\",\"workers\":9,\"steps\":1000,\"batch\":1,"
	                 "\"model\":{\"kind\":\"quadratic\",\"dimensions\":5000000}}");
	pid_t pid = start_busy();
	while (access(run_path_, F_OK) != 0)
		wait_ms(5);
	for (int i = 0; i < 3; i++) {
		kill(pid, i == 1 ? SIGUSR1 : SIGTERM);
		wait_ms(40);
	}
	cr_expect_eq(process_wait(pid), 143, "%s", file_text(log_path, said, sizeof said));
	cr_assert_eq(record_info(run_path_, &info, &e), 0, "%s", e.text);
	cr_expect_str_eq(info.state, "interrupted");
}

Test(run, sighup_finishes_the_step_and_exits_129)
{
	interrupted(SIGHUP, 129);
}

/* The kernel and the shell may both send it; what is being saved then is saved. Its reader is gone as well.
 */
Test(run, a_lost_terminal_may_say_so_twice)
{
	struct run_info info;
	struct err e = {0};
	int ends[2];
	write_experiment(busy);
	cr_assert_eq(pipe(ends), 0);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(ends[1], 1);
		dup2(ends[1], 2);
		close(ends[0]);
		close(ends[1]);
		execl(process_program(), "signsgd", "simulate", experiment, "--out", run_path_, (char *)NULL);
		_exit(127);
	}
	close(ends[0]);
	close(ends[1]);
	while (access(run_path_, F_OK) != 0)
		wait_ms(5);
	for (int i = 0; i < 200 && kill(pid, SIGHUP) == 0; i++)
		process_sleep_us(50);
	cr_expect_eq(process_wait(pid), 129);
	cr_assert_eq(record_info(run_path_, &info, &e), 0, "%s", e.text);
	cr_expect_str_eq(info.state, "interrupted");
}

Test(run, under_nohup_a_lost_terminal_changes_nothing)
{
	write_experiment("{\"steps\":20000,\"batch\":1,\"model\":\"quadratic\"}");
	signal(SIGHUP, SIG_IGN); /* inherited, as from nohup */
	pid_t pid = start_busy();
	signal(SIGHUP, SIG_DFL);
	while (access(run_path_, F_OK) != 0)
		wait_ms(5);
	kill(pid, SIGHUP);
	cr_expect_eq(process_wait(pid), 0, "%s", file_text(log_path, said, sizeof said));
}

Test(run, a_finished_run_is_skipped_and_overwrite_starts_anew)
{
	write_experiment("{\"steps\":3,\"model\":\"quadratic\"}");
	cr_assert_eq(simulate(run_path_, ""), 0, "%s", said);
	cr_assert_eq(simulate(run_path_, ""), 0);
	cr_expect_not_null(strstr(said, "skipped"), "%s", said);
	cr_assert_eq(simulate(run_path_, "--overwrite"), 0);
	cr_expect_null(strstr(said, "skipped"), "%s", said);
}

Test(run, another_run_at_the_path_is_refused)
{
	write_experiment("{\"steps\":3,\"model\":\"quadratic\"}");
	cr_assert_eq(simulate(run_path_, ""), 0, "%s", said);
	cr_expect_eq(simulate(run_path_, "--seed 2"), 2);
	cr_expect_not_null(strstr(said, "another run"), "%s", said);
	file_put_text(run_path_, "my thesis");
	cr_expect_eq(simulate(run_path_, ""), 2, "%s", said);
	cr_expect_str_eq(file_text(run_path_, said, sizeof said), "my thesis");
}

/* Full disk: exit 1, a sentence with the path; what was recorded before opens and can be resumed. */
Test(run, a_full_disk_loses_nothing_recorded)
{
	struct run_info info;
	struct err e = {0};
	char args[512];
	write_experiment(
	        "{\"name\":\"long\",\"workers\":2,\"steps\":60000,\"batch\":1,"
	        "\"model\":{\"kind\":\"quadratic\",\"dimensions\":200},\"checkpoint\":{\"every\":5000}}");
	snprintf(args, sizeof args, "simulate %s --out %s", experiment, run_path_);
	int rc = process_wait(process_start(args, log_path, 2 << 20));
	file_text(log_path, said, sizeof said);
	cr_assert_eq(rc, 1, "exit %d: %s", rc, said);
	cr_expect_not_null(strstr(said, run_path_), "%s", said);
	cr_assert_eq(record_info(run_path_, &info, &e), 0, "%s", e.text);
	cr_expect_gt(info.steps_done, 1000);
	cr_assert_eq(simulate(run_path_, ""), 0, "%s", said);
	cr_assert_eq(record_info(run_path_, &info, &e), 0, "%s", e.text);
	cr_expect_eq(info.steps_done, 60000);
}

Test(run, an_output_folder_that_cannot_be_made_is_a_sentence)
{
	write_experiment("{\"steps\":3,\"model\":\"quadratic\"}");
	cr_expect_eq(simulate("/proc/nowhere/r.h5", ""), 1, "%s", said);
	cr_expect_not_null(strstr(said, "/proc/nowhere"), "%s", said);
}

/* nan under mean: the run ends as diverged, says so, exits 1, and its file says it too. */
Test(run, a_destroyed_run_is_reported)
{
	struct run_info info;
	struct err e = {0};
	write_experiment("{\"steps\":50,\"workers\":3,\"model\":\"quadratic\",\"aggregator\":\"mean\","
	                 "\"adversaries\":{\"count\":1,\"attack\":\"nan\"}}");
	cr_expect_eq(simulate(run_path_, ""), 1, "%s", said);
	cr_expect_not_null(strstr(said, "no longer finite"), "%s", said);
	cr_assert_eq(record_info(run_path_, &info, &e), 0, "%s", e.text);
	cr_expect_str_eq(info.state, "diverged");
	cr_expect_lt(info.steps_done, 5);
	cr_expect(!isfinite(info.final_test_loss), "it ended with a loss of %g", info.final_test_loss);
}

/* Peak memory is what `validate` announced, within 10 %, for runs in which memory matters. */
static void announced_memory(const char *text)
{
	struct runs runs;
	struct plan plan;
	const struct settings *s = train_settings(&runs, text);
	struct rusage use;
	int status;
	trainer_plan(s, 2, &plan);
	runs_clear(&runs);
	write_experiment(text);
	pid_t pid = start_busy();
	wait4(pid, &status, 0, &use);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s",
	          file_text(log_path, said, sizeof said));
	double peak = 1024.0 * (double)use.ru_maxrss, said_bytes = (double)plan.total;
	cr_expect_float_eq(peak / said_bytes, 1.0, 0.1, "peak %.1f MB, announced %.1f MB", peak / 1e6,
	                   said_bytes / 1e6);
}

Test(run, takes_the_memory_that_validate_announced)
{
	if (process_sanitized())
		cr_skip_test("skipped: a sanitizer has memory of its own");
	announced_memory("{\"workers\":7,\"steps\":4,\"batch\":1,\"model\":{\"kind\":\"quadratic\","
	                 "\"dimensions\":4000000}}");
	unlink(run_path_);
	announced_memory("{\"workers\":5,\"steps\":20,\"batch\":64,\"model\":{\"kind\":\"mlp\",\"hidden\":["
	                 "2000,2000]},"
	                 "\"data\":\"glyphs\",\"aggregator\":\"adam\",\"checkpoint\":{\"minutes\":0}}");
	unlink(run_path_);
	announced_memory("{\"workers\":2,\"steps\":2,\"batch\":64,\"model\":\"resnet20\","
	                 "\"data\":{\"kind\":\"glyphs\",\"train\":200,\"test\":64},\"eval\":{\"train\":64}}");
	unlink(run_path_);
	/* half of a large set is held out in place */
	announced_memory(
	        "{\"workers\":2,\"steps\":2,\"batch\":4,\"model\":\"softmax\",\"data\":{\"kind\":"
	        "\"glyphs\",\"train\":60000,\"test\":64,\"validation\":0.5},\"eval\":{\"train\":64}}");
}
