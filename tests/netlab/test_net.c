/*
 * Nodes out of network namespaces and what bench_net finds between them. Bytes are compared with arithmetic;
 * times are not, because tests share the machine. Skipped where no nodes can be made.
 */
#include "tests/support/cli.h"
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "tests/netlab/probe.h"
#include "tests/netlab/topology.h"
#include "tests/support/launcher.h"

static char signsgd[PATH_MAX];

/* From here on cli() runs bench_net, which stands beside this program. */
static void run_bench_net(void)
{
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof path - 16);
	cr_assert_gt(length, 0);
	path[length] = 0;
	strcpy(strrchr(path, '/'), "/bench_net");
	setenv("SIGNSGD_BIN", path, 1);
}

/* From here on cli() runs signsgd. */
static void run_signsgd(void)
{
	setenv("SIGNSGD_BIN", signsgd, 1);
}

/* MPI keeps memory until the end, which the address sanitizer calls leaks. */
static void net_open(void)
{
	launcher_forgive_leaks();
	snprintf(signsgd, sizeof signsgd, "%s", process_program());
	run_bench_net();
	cli_open();
}

TestSuite(net, .init = net_open, .fini = cli_close, .timeout = 120);

static int nothing(const struct net_nodes *h, void *ctx)
{
	(void)h;
	(void)ctx;
	return 0;
}

/* Can nodes be had here? Says so where not. */
static bool here(void)
{
	struct net_plan plan = {.count = 2, .rate = 1e9, .server_rate = 1e9};
	struct err e = {0};
	if (net_nodes_run(&plan, nothing, NULL, &e) == 0)
		return true;
	printf("skipped: %s\n", e.text);
	return false;
}

static ino_t network_of(const char *path)
{
	struct stat s;
	return stat(path, &s) ? 0 : s.st_ino;
}

/* Every node has a network of its own, and its name; what fails is told by the exit code. */
static int look_around(const struct net_nodes *h, void *ctx)
{
	const ino_t *outside = ctx;
	char path[64];
	const char *const argv[] = {
	        "sh", "-c", "test \"$(hostname)\" = h2 && ip addr show eth0 | grep -q 10.77.0.3", NULL};
	int status;
	for (int i = 0; i < h->count; i++) {
		snprintf(path, sizeof path, "/proc/%d/ns/net", (int)h->at[i].holder);
		if (network_of(path) == *outside || network_of(path) == network_of("/proc/self/ns/net"))
			return 2;
	}
	if (network_of("/proc/self/ns/net") == *outside)
		return 3;
	pid_t pid = net_nodes_start(h, 2, argv, -1, -1);
	waitpid(pid, &status, 0);
	return status ? 4 : 5;
}

Test(net, nodes_have_networks_of_their_own)
{
	struct net_plan plan = {.count = 3, .rate = 1e9, .server_rate = 1e9};
	struct err e = {0};
	ino_t outside = network_of("/proc/self/ns/net");
	if (!here())
		return;
	cr_expect_eq(net_nodes_run(&plan, look_around, &outside, &e), 5, "%s", e.text);
	cr_expect_eq(network_of("/proc/self/ns/net"), outside);
}

static int probe(const struct net_nodes *h, void *ctx)
{
	struct net_probe p;
	struct err e = {0};
	(void)ctx;
	if (net_probe(h, 1, 2, 0.3, &p, &e))
		return 1;
	/* a link never carries more than its rate, however busy the machine; the first buckets go free */
	return p.bytes_per_s > 0 && p.bytes_per_s < 1.25 * 2e7 / 8 && p.latency_s > 0 ? 0 : 2;
}

Test(net, links_carry_no_more_than_their_rate)
{
	struct net_plan plan = {.count = 3, .rate = 2e7, .server_rate = 2e7};
	struct err e = {0};
	if (!here())
		return;
	cr_expect_eq(net_nodes_run(&plan, probe, NULL, &e), 0, "%s", e.text);
	plan.loss = 0.01;
	int code = net_nodes_run(&plan, probe, NULL, &e);
	if (code < 0)
		printf("skipped: loss: %s\n", e.text);
	else
		cr_expect_eq(code, 0);
}

static int ping_slowly(const struct net_nodes *h, void *ctx)
{
	const double *latency_s = ctx;
	struct net_probe p;
	struct err e = {0};
	if (net_probe(h, 1, 2, 0.5, &p, &e))
		return 1;
	return p.latency_s >= *latency_s && p.bytes_per_s > 0 && p.bytes_per_s < 1.25 * 2e7 / 8 ? 0 : 2;
}

Test(net, a_latency_is_kept)
{
	double latency_s = 5e-3;
	struct net_plan plan = {.count = 3, .rate = 2e7, .server_rate = 2e7, .latency_s = latency_s};
	struct err e = {0};
	if (!here())
		return;
	int code = net_nodes_run(&plan, ping_slowly, &latency_s, &e);
	if (code < 0)
		printf("skipped: latency: %s\n", e.text);
	else
		cr_expect_eq(code, 0);
}

static int stay(const struct net_nodes *h, void *ctx)
{
	const char *argv[] = {"sleep", "3600", NULL};
	(void)ctx;
	net_nodes_start(h, 1, argv, -1, -1);
	if (write(*(int *)ctx, "r", 1) == 1)
		for (;;)
			pause();
	return 0;
}

/* A pipe that every process of the nodes holds: its end is seen when the last of them is gone. */
Test(net, everything_goes_with_the_process_that_made_it)
{
	struct net_plan plan = {.count = 3, .rate = 1e9, .server_rate = 1e9};
	struct err e = {0};
	int ready[2];
	char byte;
	if (!here())
		return;
	cr_assert_eq(pipe(ready), 0);
	pid_t maker = fork();
	if (!maker) {
		close(ready[0]);
		net_nodes_run(&plan, stay, &ready[1], &e);
		_exit(0);
	}
	close(ready[1]);
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	kill(maker, SIGKILL);
	waitpid(maker, NULL, 0);
	cr_expect_eq(read(ready[0], &byte, 1), 0, "a process of the nodes lives on");
	close(ready[0]);
}

Test(net, rounds_carry_the_bytes_that_arithmetic_says)
{
	struct arena a = {0};
	struct json *lines[CLI_LINES];
	if (!here())
		return;
	cr_assert_eq(cli("--rate 1gbit --workers 3 --n 100000 --seconds 0.05 --json"), 0, "%s", cli_err);
	size_t built = 0, count = cli_json_lines(&a, lines);
	for (size_t i = 0; i < net_topology_count; i++)
		built += net_topology_built(&net_topologies[i]);
	cr_expect_eq(count, built);
	if (built < net_topology_count)
		printf("skipped: %zu topologies whose transport is not built\n", net_topology_count - built);
	for (size_t i = 0; i < count; i++) {
		double bytes = cli_number(lines[i], "measured_bytes_busiest");
		double expected = cli_number(json_member(lines[i], "estimate"), "busiest_bytes");
		cr_expect_gt(cli_number(lines[i], "round_s"), 0);
		cr_expect_geq(bytes, 0.999 * expected);
		cr_expect_leq(bytes, 1.1 * expected, "%s: %g bytes, %g by arithmetic", /* headers */
		              json_member(lines[i], "topology")->string, bytes, expected);
	}
	arena_clear(&a);
}

/* Training over nodes is training: the same bits as in one process, and a figure of both rules' times. */
Test(net, an_experiment_is_trained_over_nodes)
{
	struct arena a = {0};
	struct json *lines[CLI_LINES];
	if (!here())
		return;
	if (!net_topology_built(&net_topologies[0])) {
		printf("skipped: this program has no MPI\n");
		return;
	}
	cli_write("e.json",
	          "{\"name\":\"e\",\"workers\":3,\"steps\":6,\"batch\":4,\"model\":\"softmax\",\"data\":"
	          "{\"kind\":\"glyphs\",\"train\":60,\"test\":20},\"lr\":0.001,\"eval\":{\"every\":2},"
	          "\"sweep\":{\"aggregator\":[\"vote\",\"mean\"]}}");
	cr_assert_eq(cli("--train %s/e.json --rate 1gbit --out %s/net/ --json", cli_folder, cli_folder), 0,
	             "%s", cli_err);
	cr_assert_eq(cli_json_lines(&a, lines), 2);
	double voted = cli_number(lines[0], "final_test_loss");
	cr_expect_eq(cli_number(lines[0], "n_voters"), 3);
	arena_clear(&a);
	run_signsgd();
	cr_assert_eq(
	        cli("simulate %s/e.json --set aggregator=vote --out %s/s.h5 --json", cli_folder, cli_folder),
	        0, "%s", cli_err);
	cr_assert_eq(cli_json_lines(&a, lines), 1);
	cr_expect_eq(cli_number(lines[0], "final_test_loss"), voted);
	arena_clear(&a);
	run_bench_net();
	cr_assert_eq(cli("--train %s/e.json --rate 1gbit --out %s/net/ --markdown", cli_folder, cli_folder),
	             0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, "| vote | sharded | "), "%s", cli_out);
	cr_expect_not_null(strstr(cli_out, "| mean | allreduce | "), "%s", cli_out);
	cli_expect(2, "workers need other nodes", "--train %s/e.json --set 'sweep={\"workers\":[2,3]}'",
	           cli_folder);
}

Test(net, wrong_words_get_a_sentence)
{
	cli_expect(2, "takes options alone", "x");
	cli_expect(2, "--rate: found 'fast'", "--rate fast");
	cli_expect(2, "--server-rate: found '0bit'", "--server-rate 0bit");
	cli_expect(2, "--latency: found '20'", "--latency 20");
	cli_expect(2, "--loss: found '2', expected a number from 0 to 0.5", "--loss 2");
	cli_expect(2, "leave out --workers", "--check --workers 3");
	cli_expect(2, "--workers: found '1'", "--workers 1");
	cli_expect(2, "no such file", "--train %s/none.json", cli_folder);
	cli_expect(2, "--topology: no topology's name contains 'pigeon'", "--topology pigeon");
}

Test(net, signsgd_says_where_networks_are_measured)
{
	run_signsgd();
	cli_expect(2, "`make bench-net`", "bench net");
}
