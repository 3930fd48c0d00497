/*
 * `mpirun signsgd train`: the bits of `simulate` for any number of processes and every topology that moves
 * votes; running statistics that live in another process than the root; runs that end early; what a killed
 * process leaves behind.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "registry.h"
#include "record/record.h"
#include "tests/support/mpirun.h"
#include "tests/support/process.h"

TestSuite(mpi_train, .init = mpirun_open, .fini = cli_close, .timeout = 900);

/* Normalisation, momentum, a Byzantine worker; the last layers are final long before the first. */
static const char resnet[] = "{\"name\":\"r\",\"workers\":%d,\"adversaries\":{\"count\":%d,\"attack\":"
                             "\"random-sign\"},\"steps\":%d,\"batch\":4,\"model\":\"resnet20\",\"data\":"
                             "{\"kind\":\"glyphs\",\"train\":120,\"test\":20},\"lr\":0.001,\"momentum\":0.9,"
                             "\"eval\":{\"every\":2},\"checkpoint\":{\"every\":2}}";

static void write_resnet(int workers, int byzantine, int steps)
{
	char text[1024];
	snprintf(text, sizeof text, resnet, workers, byzantine, steps);
	cli_write("e.json", text);
}

static const char *at(const char *name)
{
	static char path[2][128];
	static int turn;
	turn = !turn;
	snprintf(path[turn], sizeof path[turn], "%s/%s", cli_folder, name);
	return path[turn];
}

static void simulate(void)
{
	cr_assert_eq(cli("simulate %s --out %s --quiet", at("e.json"), at("s.h5")), 0, "%s", cli_err);
}

static void expect_same_bits(const char *what)
{
	char different[256];
	struct err e = {0};
	cr_expect_eq(record_same_final(at("s.h5"), at("m.h5"), different, sizeof different, &e), 1,
	             "%s: %s %s", what, different, e.text);
}

static void train(int processes, const char *options)
{
	cr_expect_eq(mpirun(processes, "train %s --out %s --overwrite --quiet %s", at("e.json"), at("m.h5"),
	                    options),
	             0, "%d processes, %s: %s", processes, options, cli_err);
	expect_same_bits(options);
}

Test(mpi_train, gives_the_bits_of_one_process)
{
	write_resnet(5, 1, 4);
	simulate();
	train(3, "--set transport.topology=star");
	train(3, "--set transport.buckets=4");
	train(2, "--lanes 2 --set transport.buckets=7 --set transport.topology=star");
	train(4, "--set aggregator=vote");
}

/* Worker 0, whose batches they follow, lives with process 1; the root evaluates with them. */
Test(mpi_train, running_statistics_reach_the_root)
{
	write_resnet(2, 0, 4);
	simulate();
	train(3, "--set transport.topology=sharded");
	cr_assert_eq(cli("show %s --json", at("s.h5")), 0);
	char *one = mem_string(strstr(cli_out, "\"final_test_loss\""));
	cr_assert_eq(cli("show %s --json", at("m.h5")), 0);
	const char *other = strstr(cli_out, "\"final_test_loss\"");
	cr_assert_not_null(other);
	cr_expect_eq(strncmp(one, other, strcspn(other, ",")), 0, "%s, and %s", one, other);
	mem_free(one);
}

Test(mpi_train, memories_and_means_travel_too)
{
	static const char *const rules[] = {"sign-mean", "mean", "adam"};
	write_resnet(3, 0, 3);
	for (int r = 0; r < 3; r++) {
		char options[128];
		snprintf(options, sizeof options, "--set momentum=0 --set aggregator=%s", rules[r]);
		cr_assert_eq(
		        cli("simulate %s --out %s --overwrite --quiet %s", at("e.json"), at("s.h5"), options),
		        0, "%s", cli_err);
		train(2, options);
	}
	cr_expect_eq(mpirun(2,
	                    "train %s --out %s --overwrite --quiet --set aggregator=mean --set "
	                    "transport.topology=allreduce",
	                    at("e.json"), at("a.h5")),
	             0, "%s", cli_err);
}

static const char toy[] = "{\"name\":\"q\",\"workers\":3,\"steps\":40,\"seeds\":[1,2],\"model\":{\"kind\":"
                          "\"quadratic\",\"dimensions\":100},\"aggregator\":\"mean\",\"lr\":%s}";

static void write_toy(const char *lr)
{
	char text[512];
	snprintf(text, sizeof text, toy, lr);
	cli_write("q.json", text);
}

/* One command, several runs, each with its own beginning and end; those that are there are skipped by all. */
Test(mpi_train, several_runs_one_after_the_other)
{
	write_toy("0.1");
	for (int again = 0; again < 2; again++) {
		struct arena a = {0};
		struct json *lines[CLI_LINES];
		cr_assert_eq(mpirun(2, "train %s --out %s --json", at("q.json"), at("runs/")), 0, "%s",
		             cli_err);
		cr_expect_eq(cli_json_lines(&a, lines), 2);
		cr_expect_eq(strstr(cli_err, "skipped") != NULL, again == 1, "%s", cli_err);
		arena_clear(&a);
	}
}

/* The root alone knows that it diverged; the others are told, and none waits for ever. */
Test(mpi_train, a_run_that_diverges_ends_everywhere)
{
	write_toy("1e6");
	cr_expect_eq(mpirun(3, "train %s --out %s", at("q.json"), at("runs/")), 1, "%s", cli_err);
	cr_expect_not_null(strstr(cli_err, "no longer finite"), "%s", cli_err);
	cr_expect_null(strstr(cli_err, "ended its part"), "%s", cli_err);
}

/* The others send their states for a checkpoint that is due after the same step, too large to send unasked.
 */
Test(mpi_train, a_run_that_diverges_where_it_saves_ends_everywhere)
{
	cli_write("d.json", "{\"name\":\"d\",\"workers\":3,\"steps\":40,\"aggregator\":\"mean\","
	                    "\"adversaries\":{\"count\":1,\"attack\":\"nan\"},\"checkpoint\":{\"every\":1},"
	                    "\"model\":{\"kind\":\"quadratic\",\"dimensions\":300000}}");
	cr_expect_eq(mpirun(3, "train %s --out %s", at("d.json"), at("d.h5")), 1, "%s", cli_err);
	cr_expect_not_null(strstr(cli_err, "no longer finite"), "%s", cli_err);
}

Test(mpi_train, processes_that_differ_end_with_a_sentence)
{
	write_toy("0.1");
	char lines[2][512];
	for (int i = 0; i < 2; i++)
		snprintf(lines[i], sizeof lines[i], "%s train %s --seed %d --out %s", process_program(),
		         at("q.json"), i + 1, at("m.h5"));
	cr_expect_eq(mpirun_two(lines[0], lines[1]), 1, "%s", cli_err);
	cr_expect_not_null(strstr(cli_err, "the parameters of process 1 differ from those of process 0"),
	                   "%s", cli_err);
}

static bool wait_for_file(const char *path)
{
	for (int i = 0; i < 3000; i++) {
		if (file_there(path))
			return true;
		process_sleep_ms(50);
	}
	return false;
}

/* kill -9 of a process ends the job; another number of processes goes on from the checkpoint. */
Test(mpi_train, a_killed_process_ends_the_job_and_another_number_resumes)
{
	char line[1024], mark[64];
	pid_t one = 0;
	write_resnet(3, 0, 60);
	simulate();
	snprintf(mark, sizeof mark, "--set=transport.buckets=%d", 2 + (int)getpid() % 200);
	snprintf(line, sizeof line, "exec mpirun -n 3 %s train %s --out %s --quiet %s >%s 2>&1",
	         process_program(), at("e.json"), at("m.h5"), mark, "/dev/null");
	pid_t launcher = fork();
	if (launcher == 0) {
		execl("/bin/sh", "sh", "-c", line, (char *)NULL);
		_exit(127);
	}
	cr_assert(wait_for_file(at("m.checkpoint.h5")), "no checkpoint was written");
	cr_assert_eq(mpirun_processes(mark, &one), 3, "%d", mpirun_processes(mark, &one));
	cr_assert_eq(kill(one, SIGKILL), 0);
	cr_expect_neq(process_wait(launcher), 0);
	cr_expect(mpirun_wait_until(mark, 0), "processes went on without the one that was killed");
	cr_expect_eq(mpirun(2, "train --resume %s", at("m.h5")), 0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_err, "resumed after step"), "%s", cli_err);
	expect_same_bits("resumed");
}

/* Two processes of which each would start its own are no run of two; without MPI, say so. */
Test(launched, train_takes_mpi_or_says_why_not, .init = cli_open, .fini = cli_close, .timeout = 60)
{
	write_toy("0.1");
	setenv("OMPI_COMM_WORLD_SIZE", "2", 1);
	cli_expect(2,
	           family_find(&family_transports, "mpi") ? "starts its own processes"
	                                                  : "this program was built without MPI",
	           "train %s --set transport=zmq --out %s", at("q.json"), at("m.h5"));
}

/* As `srun -n 2` without --mpi leaves them: each would train by itself, on the same files. */
Test(launched, tasks_that_do_not_know_each_other_are_refused, .init = cli_open, .fini = cli_close,
     .timeout = 60)
{
	write_toy("0.1");
	setenv("SLURM_STEP_NUM_TASKS", "2", 1);
	setenv("SLURM_PROCID", "0", 1);
	cli_expect(2, "srun started 2 of us without telling us of each other", "train %s --out %s",
	           at("q.json"), at("m.h5"));
	cr_expect_not_null(strstr(cli_err, "--mpi=pmix"), "%s", cli_err);
	setenv("SLURM_PROCID", "1", 1);
	cr_expect_eq(cli("train %s --out %s", at("q.json"), at("m.h5")), 2);
	cr_expect_str_empty(cli_err, "the first speaks for all: %s", cli_err);
	cr_expect_eq(cli("train %s --processes 2 --out %s", at("q.json"), at("m.h5")), 0,
	             "trainings of their own may be meant: %s", cli_err);
}

/* A launcher of another MPI than the program's: every process believes to be the only one. */
Test(launched, a_library_that_does_not_know_the_launcher_is_refused, .init = mpirun_open, .fini = cli_close,
     .timeout = 60)
{
	write_toy("0.1");
	setenv("PMI_RANK", "0", 1);
	setenv("PMI_SIZE", "2", 1);
	cli_expect(2, "does not speak its protocol and sees one", "train %s --out %s", at("q.json"),
	           at("m.h5"));
}

Test(mpi_train, a_process_without_a_worker_is_told_of)
{
	write_toy("0.1");
	cr_expect_eq(mpirun(3, "train %s --workers 1 --adversaries 0 --out %s", at("q.json"), at("m.h5")), 0,
	             "%s", cli_err);
	cr_expect_not_null(
	        strstr(cli_err, "2 of the 3 processes have no worker: the experiment has 1 (`workers`)"),
	        "%s", cli_err);
}

/* Each machine of a job may have a disk of its own. */
Test(mpi_train, a_process_with_other_data_ends_the_job)
{
	static const char *const texts[] = {"abcabcabcabcabcabcabcabcabcabcabcabcabcabcabc",
	                                    "abcbacabcbacabcbacabcbacabcbacabcbacabcbacabc"};
	static const char *const folders[] = {"0/text", "1/text"};
	cli_write("e.json",
	          "{\"name\":\"e\",\"workers\":2,\"steps\":4,\"batch\":1,\"model\":{\"kind\":\"qrnn\","
	          "\"layers\":1,\"embedding\":3,\"hidden\":4},\"data\":{\"kind\":\"text\",\"train\":"
	          "\"t.txt\",\"bptt\":3}}");
	for (int i = 0; i < 2; i++) {
		char name[64];
		cr_assert(process_shell("mkdir -p %s/%s", cli_folder, folders[i]));
		snprintf(name, sizeof name, "%s/t.txt", folders[i]);
		cli_write(name, texts[i]);
	}
	for (int other = 0; other < 2; other++) {
		char lines[2][512];
		for (int i = 0; i < 2; i++)
			snprintf(lines[i], sizeof lines[i], "env SIGNSGD_DATA=%s/%d %s train %s --out %s",
			         cli_folder, i * other, process_program(), at("e.json"), at("m.h5"));
		int code = mpirun_two(lines[0], lines[1]);
		cr_expect(other ? code != 0 && code != 124 : code == 0, "exit code %d: %s", code, cli_err);
		cr_expect_eq(strstr(cli_err,
		                    "has other data than the first one of the job (found data_id ") != NULL,
		             other, "%s", cli_err);
		cr_assert(process_shell("rm -f %s/m.h5", cli_folder));
	}
}
