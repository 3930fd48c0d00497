/*
 * The program under Slurm, as its users use it, on a node of its own (tests/support/slurm.sh): srun with and
 * without MPI's plugin, and the scripts of docs/CLUSTER.md as they stand there, signals and all.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "record/record.h"
#include "tests/support/cli.h"
#include "tests/support/mpirun.h"

enum {
	LINE = 4096,
	PAGE = 1 << 16,
	NOT_HERE = 77,
	SCRIPT_SRUN = 0,
	SCRIPT_TRAP,
	SCRIPT_MPIRUN,
	SCRIPT_ARRAY,
	SCRIPT_PART
};

static pid_t slurm;
static int until =
        -1; /* Slurm lives until this end of a pipe is closed, which the kernel does for the dead */

/* Start it. Skips the test where that cannot be. */
static void slurm_open(void)
{
	int stop[2], said[2];
	char words[256] = "", at[FOLDER_SIZE + 16];
	mpirun_open();
	cr_assert(pipe2(stop, O_CLOEXEC) == 0 && pipe2(said, O_CLOEXEC) == 0);
	snprintf(at, sizeof at, "%s/slurm", cli_folder);
	slurm = fork();
	if (slurm == 0) {
		dup2(stop[0], STDIN_FILENO);
		dup2(said[1], STDOUT_FILENO);
		execl("tests/support/slurm.sh", "slurm.sh", at, (char *)NULL);
		_exit(127);
	}
	close(stop[0]);
	close(said[1]);
	until = stop[1];
	ssize_t n = read(said[0], words, sizeof words - 1);
	close(said[0]);
	words[n > 0 ? strcspn(words, "\n") : 0] = '\0';
	if (strcmp(words, "ready") != 0) {
		int code = process_wait(slurm);
		slurm = 0;
		if (code == NOT_HERE) {
			fprintf(stderr, "slurm: skipped: %s\n", words);
			cr_skip_test("%s", words);
		}
		cr_assert_fail("Slurm did not come up, %d: its logs are in %s", code, at);
	}
	snprintf(words, sizeof words, "%s/slurm.conf", at);
	setenv("SLURM_CONF", words, 1);
}

static void slurm_close(void)
{
	if (until >= 0)
		close(until);
	if (slurm > 0)
		process_wait(slurm);
	cli_close();
}

TestSuite(slurm, .init = slurm_open, .fini = slurm_close, .timeout = 600);

static const char *at(const char *name)
{
	static char path[4][LINE];
	static int turn;
	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof path[turn], "%s/%s", cli_folder, name);
	return path[turn];
}

/* A shell's line, from the test's folder. The exit code; its words are in cli_out, both outputs. */
__attribute__((format(printf, 1, 2))) static int shell(const char *fmt, ...)
{
	char line[LINE], whole[2 * LINE];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	snprintf(whole, sizeof whole, "cd %s && { %s; } >out 2>&1", cli_folder, line);
	int status = system(whole); /* NOLINT(cert-env33-c): a test's own line */
	file_text(at("out"), cli_out, sizeof cli_out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

static bool said(const char *part)
{
	return strstr(cli_out, part) != NULL;
}

/* Two workers, and long steps: a signal finds the program within one. */
static const char *const slow =
        "{\"name\":\"e\",\"workers\":2,\"steps\":%d,\"batch\":1,\"model\":{\"kind\":\"quadratic\","
        "\"dimensions\":%d},\"adversaries\":{\"count\":0},\"checkpoint\":{\"minutes\":0}%s}";

static void write_experiment(const char *name, int steps, int dimensions, const char *more)
{
	char text[LINE];
	snprintf(text, sizeof text, slow, steps, dimensions, more);
	cr_assert(process_shell("mkdir -p %s/experiments", cli_folder));
	cli_write(name, text);
}

/* Script number `which` of the page, as it is. */
static const char *script(int which)
{
	static char page[PAGE];
	file_text("docs/CLUSTER.md", page, sizeof page);
	char *found = strstr(page, "### Slurm");
	for (int i = 0; found && i <= which; i++)
		found = strstr(found + 1, "#!/bin/bash\n");
	char *end = found ? strstr(found, "\n```") : NULL;
	cr_assert(end, "docs/CLUSTER.md has no script %d", which);
	end[1] = '\0';
	return found;
}

/* Into the folder, with `signsgd` in the path. */
static void write_script(int which)
{
	char path[LINE];
	cli_write("script.sh", script(which));
	cr_assert_not_null(realpath(process_program(), path));
	cr_assert(process_shell("mkdir -p %s/bin && ln -sf %s %s/bin/signsgd", cli_folder, path, cli_folder));
	snprintf(path, sizeof path, "%s/bin:%s", cli_folder, getenv("PATH"));
	setenv("PATH", path, 1);
}

/* Also where there is no Slurm. srun does not inherit --cpus-per-task, and a trap must not kill srun itself.
 */
Test(slurm_scripts, are_scripts_that_tell_srun_its_cores, .init = cli_open, .fini = cli_close)
{
	for (int i = SCRIPT_SRUN; i <= SCRIPT_PART; i++) {
		cli_write("script.sh", script(i));
		cr_expect(process_shell("bash -n %s/script.sh", cli_folder), "script %d", i);
		cr_expect(!strstr(script(i), "\nsrun ") ||
		                  strstr(script(i), "--cpus-per-task=$SLURM_CPUS_PER_TASK"),
		          "script %d", i);
		cr_expect_null(strstr(script(i), "kill -TERM"), "script %d", i);
	}
}

/* The script's job, with the size of this machine. Its words go to job.out, or job.N.out in an array. */
static int submit(const char *options)
{
	char *end;
	cr_assert_eq(shell("sbatch --parsable --output=%s %s script.sh",
	                   strstr(options, "--array") ? "job.%a.out" : "job.out", options),
	             0, "%s", cli_out);
	long job = strtol(cli_out, &end, 10);
	cr_assert_gt(job, 0, "%s", cli_out);
	return (int)job;
}

static void wait_for(int job)
{
	while (shell("squeue --noheader --jobs=%d 2>/dev/null | grep -q .", job) == 0)
		process_sleep_ms(200);
}

/* "ExitCode=143:0": what the job ended with. */
static int exit_code(int job)
{
	shell("scontrol show job %d | sed -n 's/.* ExitCode=\\([0-9]*\\):.*/\\1/p' | sort -n | tail -n 1",
	      job);
	return (int)strtol(cli_out, NULL, 10);
}

static int results(const char *state)
{
	shell("for f in results/*.h5; do case $f in *checkpoint*) ;; *) signsgd show $f --json;; esac; done "
	      "| "
	      "grep -c '\"state\":\"%s\"'",
	      state);
	return (int)strtol(cli_out, NULL, 10);
}

static const char *job_said(void)
{
	static char text[PAGE];
	return file_text(at("job.out"), text, sizeof text);
}

/* Two tasks of one processor each on the one node, in place of seven nodes. */
#define TWO_TASKS "--nodes=1 --ntasks-per-node=2 --cpus-per-task=1"

/* Submit a script; signal it within a step, twice; it saves. Submit it again; it goes on to the end. */
static void interrupted_and_continued(int which, const char *signal, const char *how, int code)
{
	enum { STEPS = 40 };
	write_experiment("experiments/alexnet-imagenet.json", STEPS, 8000000, "");
	write_script(which);
	int job = submit(TWO_TASKS);
	while (shell("ls results/*.h5") != 0)
		process_sleep_ms(50);
	for (int i = 0; i < 2; i++)
		cr_expect_eq(shell("scancel %s %d", how, job), 0, "%s", cli_out);
	wait_for(job);
	cr_expect_eq(exit_code(job), code, "%s", job_said());
	cr_expect_not_null(strstr(job_said(), signal), "%s", job_said());
	cr_expect_eq(results("interrupted"), 1, "%s", job_said());
	cr_expect_eq(shell("ls results/*checkpoint*"), 0, "nothing was saved: %s", job_said());
	wait_for(submit(TWO_TASKS));
	cr_expect_not_null(strstr(job_said(), "resumed after step"), "%s", job_said());
	cr_expect_eq(results("finished"), 1, "%s", job_said());
}

Test(slurm, the_documented_script_saves_and_continues)
{
	interrupted_and_continued(SCRIPT_SRUN, "SIGTERM came after step", "--signal=TERM", 143);
}

Test(slurm, the_documented_trap_saves_and_continues)
{
	interrupted_and_continued(SCRIPT_TRAP, "SIGTERM came after step", "--batch --signal=TERM", 0);
}

Test(slurm, the_documented_mpirun_saves_and_continues)
{
	interrupted_and_continued(SCRIPT_MPIRUN, "SIGUSR1 came after step", "--batch --signal=USR1", 138);
}

Test(slurm, srun_without_a_plugin_is_refused_and_with_it_is_one_run)
{
	write_experiment("e.json", 20, 100, "");
	write_script(SCRIPT_SRUN);
	cr_expect_eq(shell("srun -n 2 signsgd train e.json --out apart.h5"), 2, "%s", cli_out);
	cr_expect(said("srun started 2 of us without telling us of each other"), "%s", cli_out);
	cr_expect(!file_there(at("apart.h5")));
	cr_expect_eq(shell("srun -n 2 --mpi=pmix signsgd train e.json --out one.h5"), 0, "%s", cli_out);
	cr_expect_eq(cli("simulate %s --out %s", at("e.json"), at("s.h5")), 0, "%s", cli_err);
	struct err e = {0};
	char different[256];
	cr_expect_eq(record_same_final(at("one.h5"), at("s.h5"), different, sizeof different, &e), 1, "%s %s",
	             different, e.text);
	/* what comes of it depends on how Open MPI was built; it is said before */
	if (shell("srun --mpi=list 2>&1 | grep -qw pmi2") == 0 && shell("ompi_info | grep -q .") == 0) {
		shell("srun -n 2 --mpi=pmi2 signsgd train e.json --out pmi2.h5");
		cr_expect(said("srun speaks PMI-2") && said("--mpi=pmix"), "%s", cli_out);
	}
}

/* The number of lanes that each of srun's tasks takes by itself: their least and their sum. */
static void expect_lanes(const char *options, int least, int sum)
{
	char want[64];
	cr_expect_eq(shell("srun --quiet %s signsgd bench round --json --n 1000 --rounds 1 --transport local "
	                   "| sed -n 's/.*\"lanes\": *\\([0-9]*\\).*/\\1/p' | sort -n "
	                   "| awk 'NR == 1 {l = $1} {s += $1} END {print l, s}'",
	                   options),
	             0, "%s", cli_out);
	snprintf(want, sizeof want, "%d %d\n", least, sum);
	cr_expect_str_eq(cli_out, want, "%s: %s", options, cli_out);
}

Test(slurm, tasks_share_the_cores_that_are_not_their_own)
{
	write_script(SCRIPT_SRUN);
	expect_lanes("-n 1 --cpus-per-task=2", 2, 2);
	expect_lanes("-n 2 --cpus-per-task=1", 1, 2);                  /* one mask of two for both */
	expect_lanes("-n 2 --cpus-per-task=1 --cpu-bind=none", 1, 2);  /* no mask */
	expect_lanes("-n 2 --cpus-per-task=1 --cpu-bind=cores", 1, 2); /* a mask of one each */
}

static const char *const swept = ",\"sweep\":{\"adversaries.count\":[0,1]}";

Test(slurm, the_documented_array_does_a_run_a_task)
{
	write_experiment("experiments/fig7-adversaries.json", 30, 1000, swept);
	write_script(SCRIPT_ARRAY);
	int job = submit("--array=1-2 --cpus-per-task=1");
	wait_for(job);
	cr_expect_eq(exit_code(job), 0);
	cr_expect_eq(results("finished"), 2);
	cr_expect_eq(shell("cat job.1.out job.2.out | grep -c 'finished, 30 steps'"), 0, "%s", cli_out);
	cr_expect_str_eq(cli_out, "2\n", "each task does its own");
}

/* Two tasks, three runs: the first has two. */
Test(slurm, the_documented_parts_are_the_whole)
{
	write_experiment("experiments/fig7-adversaries.json", 30, 1000, ",\"seeds\":[1,2,3]");
	write_script(SCRIPT_PART);
	int job = submit("--array=1-2 --cpus-per-task=1");
	wait_for(job);
	cr_expect_eq(exit_code(job), 0);
	cr_expect_eq(results("finished"), 3);
	shell("cat job.*.out");
	cr_expect(said("1 of 3: ") && said("2 of 3: ") && said("3 of 3: "), "%s", cli_out);
	cr_expect(!said("skipped") && !said("left to"), "each task does its own: %s", cli_out);
}

/* Tasks that do not know each other by MPI know their numbers, which is enough to deal the runs. */
Test(slurm, tasks_of_srun_deal_the_runs)
{
	write_experiment("e.json", 30, 1000, ",\"seeds\":[1,2,3,4]");
	write_script(SCRIPT_SRUN);
	cr_expect_eq(shell("srun -n 2 signsgd simulate e.json --json --quiet --out results"), 0, "%s",
	             cli_out);
	cr_expect_eq(results("finished"), 4);
	cr_expect_eq(
	        shell("srun -n 2 signsgd simulate e.json --json --quiet --out results | grep -c finished"),
	        0);
	cr_expect_str_eq(cli_out, "4\n", "the first speaks for all: %s", cli_out);
}

/* Without --run the tasks share the sweep, and none does what another is doing. */
Test(slurm, tasks_of_an_array_share_a_sweep)
{
	write_experiment("e.json", 2000, 20000, ",\"sweep\":{\"adversaries.count\":[0,1]},\"seeds\":[1,2]");
	write_script(SCRIPT_ARRAY);
	cli_write("script.sh", "#!/bin/bash\nsrun signsgd simulate e.json --out results\n");
	int job = submit("--array=1-2 --ntasks=1");
	wait_for(job);
	cr_expect_eq(exit_code(job), 0);
	cr_expect_eq(results("finished"), 4);
	shell("cat job.*.out");
	cr_expect(!said("another process writes") && !said("has written this file"), "%s", cli_out);
}
