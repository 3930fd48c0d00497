/*
 * The transport `mpi` between real processes: mpirun starts the program several times. Every answer in every
 * topology is compared, in every process, with a plain combine of all workers' pushes (`bench round
 * --check`); what a process does that fails, and that none is left behind by a killed launcher. Skipped with
 * a word where there is no mpirun or the program was built without MPI.
 */
#include <criterion/criterion.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tests/support/mpirun.h"
#include "transport/launch.h"

TestSuite(mpi, .init = mpirun_open, .fini = cli_close, .timeout = 600);

static const struct spread {
	int processes, workers;
} spreads[] = {{3, 5}, {4, 2}, {2, 6}, {1, 3}};

static int buckets = 1;

static void expect_same_answers(const char *topology, const char *aggregator, const struct spread *s, int n)
{
	cr_expect_eq(mpirun(s->processes,
	                    "bench round --topology %s --aggregator '%s' --workers %d -n %d --rounds 4 "
	                    "--lanes 2 --buckets %d --check",
	                    topology, aggregator, s->workers, n, buckets),
	             0, "%s %s, %d workers on %d processes, n = %d: %s", topology, aggregator, s->workers,
	             s->processes, n, cli_err);
	cr_expect_not_null(strstr(cli_out, "every answer is that of a plain combine"), "%s", cli_out);
}

Test(mpi, every_topology_gives_what_one_process_gives)
{
	static const char *const topologies[] = {"star", "sharded"};
	static const char *const rules[] = {"sign-mean", "mean", "adam"};
	for (size_t t = 0; t < 2; t++)
		for (size_t r = 0; r < sizeof rules / sizeof *rules; r++)
			expect_same_answers(topologies[t], rules[r], &spreads[r % 2], 40001);
}

/* Rules that must see all messages at once: no block, one, and several; a memory; something before the rule.
 */
Test(mpi, whole_messages_give_what_one_process_gives)
{
	static const char *const rules[] = {"median", "{\"kind\":\"centered-clipping\",\"tau\":100}",
	                                    "{\"kind\":\"krum\",\"before\":[\"nnm\"]}"};
	for (size_t r = 0; r < 3; r++) {
		buckets = 1 + 3 * (r == 1);
		expect_same_answers(r % 2 ? "sharded" : "star", rules[r], &spreads[0], 1000);
		expect_same_answers("sharded", rules[r], &spreads[r == 2 ? 2 : 0], 140000);
	}
	cr_expect_eq(mpirun(2, "bench round --topology allreduce --aggregator median --rounds 2 -n 100"), 2);
	cr_expect_not_null(strstr(cli_err, "\"median\" needs 'sharded' or 'star'"), "%s", cli_err);
}

/* One and two planes in both directions; every way in which a zero or a tie is said. */
Test(mpi, votes_are_the_same_under_every_policy)
{
	static const char *const policy[] = {"random", "positive", "abstain"};
	for (int zero = 0; zero < 3; zero++)
		for (int tie = 0; tie < 3; tie++) {
			char rule[128];
			snprintf(rule, sizeof rule, "{\"kind\":\"vote\",\"zero\":\"%s\",\"tie\":\"%s\"}",
			         policy[zero], policy[tie]);
			expect_same_answers((zero + tie) % 2 ? "star" : "sharded", rule,
			                    &spreads[(zero + tie) % 4], 100003);
		}
}

/* Fewer words than processes, one coordinate, exactly one word a process. */
Test(mpi, small_vectors_leave_some_processes_without_a_share)
{
	static const int sizes[] = {1, 64, 130, 192};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		expect_same_answers("sharded", "{\"kind\":\"vote\",\"tie\":\"abstain\"}", &spreads[0],
		                    sizes[i]);
		expect_same_answers(i % 2 ? "sharded" : "star", "mean", &spreads[1], sizes[i]);
	}
}

Test(mpi, all_reduce_gives_the_mean_up_to_rounding)
{
	expect_same_answers("allreduce", "mean", &spreads[0], 40001);
	expect_same_answers("allreduce", "adam", &spreads[1], 3);
	cr_expect_eq(mpirun(2, "bench round --topology allreduce --rounds 2 -n 100"), 2);
	cr_expect_not_null(
	        strstr(cli_err, "topology 'allreduce' needs an aggregator whose answer is the mean"));
}

static double number(const struct json *object, const char *key)
{
	const struct json *member = json_member(object, key);
	cr_assert_not_null(member, "%s is missing", key);
	return member->number;
}

/* A process's head has 48 bytes, to each of two others; a word beside a vote 16, of four workers to the root.
 */
static void expect_bytes(const char *topology, const char *rule, double up, double down, double busiest)
{
	struct arena a = {0};
	struct json *lines[CLI_LINES];
	double head = 48, word = 16;
	cr_assert_eq(mpirun(3,
	                    "bench round --topology %s --aggregator %s --workers 5 -n 1920 --rounds 2 --json",
	                    topology, rule),
	             0, "%s", cli_err);
	cr_assert_eq(cli_json_lines(&a, lines), 1);
	cr_expect_eq(number(lines[0], "processes"), 3);
	cr_expect_eq(number(lines[0], "rounds"), 2);
	cr_expect_gt(number(lines[0], "round_s"), 0);
	cr_expect_eq(number(lines[0], "bytes_up"), up + 6 * head + 4 * word, "%s: %g up", topology,
	             number(lines[0], "bytes_up"));
	cr_expect_eq(number(lines[0], "bytes_down"), down, "%s: %g down", topology,
	             number(lines[0], "bytes_down"));
	cr_expect_eq(number(lines[0], "bytes_busiest"), busiest + 4 * head, "%s: %g busiest", topology,
	             number(lines[0], "bytes_busiest"));
	arena_clear(&a);
}

/* 1, 2 and 2 workers; a vote has 240 bytes, a third of it 80; the vector 7680, a third of it 2560. */
Test(mpi, bytes_are_those_that_cross_between_processes)
{
	expect_bytes("star", "vote", 4 * 240, 2 * 240, 4 * 240 + 2 * 240 + 4 * 16);
	expect_bytes("sharded", "vote", 5 * 160, 3 * 160, 2 * 160 + 3 * 80 + 160 + 160 + 2 * 16);
	expect_bytes("allreduce", "mean", 3 * 5120, 3 * 5120, 4 * 5120 + 4 * 16);
}

Test(mpi, what_a_process_cannot_use_ends_all_with_a_sentence)
{
	cr_expect_eq(mpirun(3, "bench round --topology ring"), 2);
	cr_expect_not_null(strstr(cli_err, "found the string \"ring\""), "%s", cli_err);
	cr_expect_eq(mpirun(2, "bench round --rounds 0"), 2);
	cr_expect_eq(mpirun(2, "bench round resnet20"), 2);
	cli_expect(2, "takes options alone", "bench round resnet20");
	cli_expect(2, "are for kernels and models", "bench round --kernel gemm");
	cli_expect(2, "topology", "bench round --transport local --topology star");
}

Test(mpi, a_round_needs_no_launcher)
{
	cr_expect_eq(cli("bench round -n 1000 --rounds 2 --check"), 0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, "local, vote, 7 workers"), "%s", cli_out);
	cr_expect_eq(cli("bench round --transport mpi -n 1000 --rounds 2 --check"), 0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, "mpi, vote, 7 workers"), "%s", cli_out);
}

/* More buckets than words too: then there are as many as words. */
Test(mpi, buckets_do_not_show)
{
	static const char *const rules[] = {"{\"kind\":\"vote\",\"zero\":\"abstain\",\"tie\":\"abstain\"}",
	                                    "sign-mean", "mean"};
	for (int r = 0; r < 3; r++) {
		buckets = 5;
		expect_same_answers(r % 2 ? "star" : "sharded", rules[r], &spreads[r], 100003);
		expect_same_answers(r % 2 ? "sharded" : "star", rules[r], &spreads[0], 100003);
		buckets = 200;
		expect_same_answers("sharded", rules[r], &spreads[1], 1000);
	}
	buckets = 3;
	expect_same_answers("allreduce", "mean", &spreads[0], 1000);
}

/* A long bench in the background, with a number of coordinates that nobody else uses; its launcher. */
static pid_t start_long(const char *mark)
{
	char line[1024];
	snprintf(line, sizeof line, "exec mpirun -n 3 %s bench round --seconds 100 -n %s >%s/out 2>&1",
	         process_program(), mark, cli_folder);
	pid_t pid = fork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", line, (char *)NULL);
		_exit(127);
	}
	cr_assert(mpirun_wait_until(mark, 3), "three processes of '%s' did not start", mark);
	return pid;
}

static void unique_mark(char mark[32])
{
	snprintf(mark, 32, "%d", 100000 + (int)getpid() % 1000000);
}

Test(mpi, a_killed_launcher_leaves_no_process_must_resync)
{
	char mark[32];
	unique_mark(mark);
	pid_t launcher = start_long(mark);
	kill(launcher, SIGKILL);
	process_wait(launcher);
	cr_expect(mpirun_wait_until(mark, 0), "processes outlived their launcher");
}

Test(mpi, a_killed_process_ends_the_job)
{
	char mark[32];
	pid_t one = 0;
	unique_mark(mark);
	pid_t launcher = start_long(mark);
	cr_assert_eq(mpirun_processes(mark, &one), 3);
	cr_assert_eq(kill(one, SIGKILL), 0);
	cr_expect_neq(process_wait(launcher), 0);
	cr_expect(mpirun_wait_until(mark, 0), "processes went on without the one that was killed");
}

/* What launchers leave in the environment. */
static void forget_launchers(void)
{
	static const char *const names[] = {"OMPI_COMM_WORLD_SIZE",
	                                    "OMPI_COMM_WORLD_RANK",
	                                    "OMPI_COMM_WORLD_LOCAL_SIZE",
	                                    "PMI_SIZE",
	                                    "PMI_RANK",
	                                    "PMIX_RANK",
	                                    "MPI_LOCALNRANKS",
	                                    "SLURM_STEP_NUM_TASKS",
	                                    "SLURM_STEP_TASKS_PER_NODE",
	                                    "SLURM_NODEID",
	                                    "SLURM_LOCALID",
	                                    "SLURM_PROCID",
	                                    "SLURM_CPU_BIND_TYPE",
	                                    "SLURM_CPU_BIND_LIST",
	                                    "OMPI_COMM_WORLD_LOCAL_RANK",
	                                    "MPI_LOCALRANKID",
	                                    "SIGNSGD_LOCAL_RANK"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		unsetenv(names[i]);
}

Test(launcher, is_seen_in_the_environment)
{
	forget_launchers();
	cr_expect_eq(mpi_launched(), 0);
	cr_expect_eq(mpi_launched_here(), 1);
	setenv("SLURM_STEP_NUM_TASKS", "4", 1); /* srun, of a program that is not MPI's */
	cr_expect_eq(mpi_launched(), 0);
	setenv("PMIX_RANK", "3", 1);
	cr_expect_eq(mpi_launched(), 4);
	cr_expect_eq(mpi_launched_rank(), 3);
	forget_launchers();
	setenv("PMIX_RANK", "1", 1);
	cr_expect_eq(mpi_launched(), 1, "as many as this one, until MPI says more");
	forget_launchers();
	setenv("PMI_SIZE", "8", 1);
	setenv("PMI_RANK", "7", 1);
	cr_expect_eq(mpi_launched(), 8);
	cr_expect_eq(mpi_launched_rank(), 7);
	setenv("OMPI_COMM_WORLD_SIZE", "two", 1);
	cr_expect_eq(mpi_launched(), 8, "what is no number is no size");
	setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "5", 1);
	cr_expect_eq(mpi_launched_here(), 5);
}

/* As Slurm 22.05 sets them. */
Test(launcher, tasks_of_srun_share_the_cores_that_are_not_their_own)
{
	static const struct {
		const char *tasks, *node, *local, *type, *list;
		int here;
	} cases[] = {
	        {"2", "0", "1", "mask_cpu:", "0x3", 2, /* one mask for all */},
	        {"2", "0", "1", "mask_cpu:", "0x3,0xC", 1},
	        {"2", "0", "0", "cores,mask_cpu:", "0xF0,0x0F", 1},
	        {"4", "0", "2", "mask_cpu:", "0xF0,0x0F,0xF0,0x0F", 2, /* by sockets */},
	        {"4", "0", "2", "mask_cpu:", "0xF0,0x0F", 2, /* masks are taken in turn */},
	        {"2", "0", "0", "mask_cpu:", "1,3", 2},
	        {"2", "0", "0", "mask_cpu:", "0xFF0000000000000000,0xFF", 1, /* longer than any number */},
	        {"2", "0", "0", "none", "", 2},
	        {"3", "0", "0", "rank", "", 3},
	        {"2(x3),1", "2", "0", "none", "", 2},
	        {"2(x3),1", "3", "0", "none", "", 1},
	        {"2,5(x2)", "1", "0", NULL, NULL, 5},
	        {"2", "7", "0", NULL, NULL, 1, /* no such node */},
	        {"many", "0", "0", NULL, NULL, 1},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		forget_launchers();
		setenv("SLURM_STEP_TASKS_PER_NODE", cases[i].tasks, 1);
		setenv("SLURM_NODEID", cases[i].node, 1);
		setenv("SLURM_LOCALID", cases[i].local, 1);
		if (cases[i].type)
			setenv("SLURM_CPU_BIND_TYPE", cases[i].type, 1);
		if (cases[i].list)
			setenv("SLURM_CPU_BIND_LIST", cases[i].list, 1);
		cr_expect_eq(mpi_launched_here(), cases[i].here, "%zu: %d", i, mpi_launched_here());
	}
	setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "3", 1); /* mpirun in a task */
	cr_expect_eq(mpi_launched_here(), 3);
	forget_launchers();
}

static int bound_to_one(void *ctx)
{
	cpu_set_t one, *all = ctx;
	int core = 0;
	while (!CPU_ISSET(core, all))
		core++;
	CPU_ZERO(&one);
	CPU_SET(core, &one);
	return sched_setaffinity(0, sizeof one, &one) || mpi_launched_here() != 1;
}

/* The parent may use them all: a process that is bound to some has these to itself, if there are enough. */
Test(launcher, processes_that_mpirun_bound_share_no_cores)
{
	cpu_set_t all;
	cr_assert_eq(sched_getaffinity(0, sizeof all, &all), 0);
	if (CPU_COUNT(&all) < 2)
		cr_skip_test("skipped: there is one core");
	forget_launchers();
	setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "2", 1);
	cr_expect_eq(mpi_launched_here(), 2, "unbound");
	cr_expect_eq(process_in_child(bound_to_one, &all), 0, "bound");
	forget_launchers();
}

Test(launcher, tasks_of_srun_without_a_plugin_are_apart)
{
	int number;
	forget_launchers();
	cr_expect_eq(mpi_launched_apart(&number), 0);
	setenv("SLURM_STEP_NUM_TASKS", "1", 1);
	setenv("SLURM_PROCID", "0", 1);
	cr_expect_eq(mpi_launched_apart(&number), 0, "one task is a whole job");
	setenv("SLURM_STEP_NUM_TASKS", "4", 1);
	setenv("SLURM_PROCID", "3", 1);
	cr_expect_eq(mpi_launched_apart(&number), 4);
	cr_expect_eq(number, 3);
	setenv("PMIX_RANK", "3", 1);
	cr_expect_eq(mpi_launched_apart(&number), 0);
	forget_launchers();
}

Test(launcher, tells_which_of_the_processes_of_a_machine_this_is)
{
	forget_launchers();
	setenv("SLURM_LOCALID", "2", 1); /* srun, of a program that is not MPI's */
	cr_expect_eq(mpi_launched_rank_here(), 0);
	setenv("PMIX_RANK", "6", 1);
	cr_expect_eq(mpi_launched_rank_here(), 2);
	setenv("MPI_LOCALRANKID", "1", 1);
	cr_expect_eq(mpi_launched_rank_here(), 1);
	setenv("OMPI_COMM_WORLD_LOCAL_RANK", "3", 1);
	cr_expect_eq(mpi_launched_rank_here(), 3);
	setenv("SIGNSGD_LOCAL_RANK", "4", 1); /* of a process that one of the launcher's has started */
	cr_expect_eq(mpi_launched_rank_here(), 4);
}
