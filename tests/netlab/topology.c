/* Rounds over nodes: of `signsgd bench round` by mpirun, of the library's own where they are ZeroMQ's. */
#include "tests/netlab/topology.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "config/json.h"
#include "base/mem.h"
#include "tests/netlab/start.h"
#include "registry.h"
#include "bench/bench_round_zmq.h"

/*
 * The limits of --check are what bare test programs needed on this network (a round of votes over one server
 * 0.16 s, sharded 0.019 s), with three twentieths on top, and the ratios that follow from the bytes.
 */
const struct net_topology net_topologies[] = {
        {.name = "float server, MPI",
         .cost = COST_FLOAT_SERVER,
         .transport = "mpi",
         .options = {"--topology", "star", "--aggregator", "mean"},
         .server = true},
        {.name = "float ring, MPI",
         .cost = COST_FLOAT_RING,
         .transport = "mpi",
         .options = {"--topology", "allreduce", "--aggregator", "mean"}},
        {.name = "vote server, MPI",
         .cost = COST_VOTE_SERVER,
         .transport = "mpi",
         .options = {"--topology", "star"},
         .server = true,
         .longest_s = 1.15 * 0.16},
        {.name = "vote server, ZeroMQ",
         .cost = COST_VOTE_SERVER,
         .transport = "zmq",
         .server = true,
         .longest_s = 1.15 * 0.16,
         .least_ratio = 4.5},
        {.name = "vote sharded, MPI",
         .cost = COST_VOTE_SHARDED,
         .transport = "mpi",
         .options = {"--topology", "sharded"},
         .longest_s = 1.15 * 0.019,
         .least_ratio = 28},
};

const size_t net_topology_count = sizeof(net_topologies) / sizeof(net_topologies[0]);

enum { ARGUMENTS = 32 };

static double member(const struct json *object, const char *key)
{
	const struct json *value = json_member(object, key);
	return value && value->type == JSON_NUMBER ? value->number : 0;
}

/* Read the line of JSON that `bench round` printed; MPI may have printed other lines around it. */
static int read_line(char *said, struct net_measure *out, struct err *e)
{
	struct arena arena = {0};
	char *line = strchr(said, '{');
	struct json *j = NULL;

	if (line) {
		line[strcspn(line, "\n")] = '\0';
		j = json_read_text(&arena, "bench round", line, strlen(line), e);
	}
	if (j)
		*out = (struct net_measure){.rounds = (int)member(j, "rounds"),
		                            .round_s = member(j, "round_s"),
		                            .round_s_low = member(j, "round_s_low"),
		                            .round_s_high = member(j, "round_s_high"),
		                            .bytes_busiest = member(j, "bytes_busiest")};
	arena_clear(&arena);
	return j ? 0 : err_world(e, "bench round printed no line of JSON");
}

/* Append the command `signsgd bench round ...` to argv. */
static void add_rounds(const struct net_topology *t, const struct net_rounds *r, struct arena *a,
                       const char **argv, size_t *count)
{
	static const char *const fixed[] = {"bench", "round", "--json", "--lanes", "1", "--transport"};

	argv[(*count)++] = r->program;
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		argv[(*count)++] = fixed[i];
	argv[(*count)++] = t->transport;
	argv[(*count)++] = arena_format(a, "--workers=%d", r->workers);
	argv[(*count)++] = arena_format(a, "--n=%zu", r->n);
	argv[(*count)++] = arena_format(a, "--seconds=%g", r->seconds);
	for (size_t i = 0; t->options[i]; i++)
		argv[(*count)++] = t->options[i];
}

bool net_topology_built(const struct net_topology *t)
{
	return family_find(&family_transports, t->transport) != NULL;
}

/* mpirun starts signsgd on every node. */
static int measure_mpi(const struct net_topology *t, const struct net_nodes *h, const struct net_rounds *r,
                       struct net_measure *out, struct err *e)
{
	static char said[NET_SAID_BYTES];
	const char *argv[ARGUMENTS] = {0};
	struct arena a = {0};
	size_t count = 0;

	add_rounds(t, r, &a, argv, &count);
	int rc = net_mpirun(h, t->server ? 0 : 1, r->workers, argv, said, e);
	arena_clear(&a);
	return rc || read_line(said, out, e) ? -1 : 0;
}

/* The server waits for every worker, however long a round takes: it is the network that is timed. */
#define PATIENT_ZMQ "{\"kind\": \"zmq\", \"deadline_s\": 600, \"patience_s\": 600}"

/* Worker m lives on node m + 1. */
static int enter_node(const void *ctx, int worker, struct err *e)
{
	return net_nodes_enter(ctx, worker + 1, e);
}

/* What the server's process found, through a pipe. */
struct report {
	int failed;
	struct bench_round_result result;
	struct err err;
};

/* The server's process, on node 0. Messages are encrypted, as between machines of different owners. */
_Noreturn static void serve(const struct net_nodes *h, const struct net_rounds *r, int fd)
{
	struct bench_round_options o = {.transport = PATIENT_ZMQ,
	                                .aggregator = "{\"kind\": \"vote\"}",
	                                .n = r->n,
	                                .workers = r->workers,
	                                .lanes = 1,
	                                .seconds = r->seconds};
	struct report report = {0};
	char address[NET_ADDRESS_BYTES + 16];

	snprintf(address, sizeof(address), "tcp://%s:*", h->at[0].address);
	struct bench_round_place place = {address, enter_node, h};
	report.failed = net_nodes_enter(h, 0, &report.err) ||
	                bench_round_zmq(&o, &place, &report.result, &report.err);
	_exit(write(fd, &report, sizeof(report)) == sizeof(report) ? EXIT_DONE : EXIT_WORLD);
}

static int measure_zmq(const struct net_nodes *h, const struct net_rounds *r, struct net_measure *out,
                       struct err *e)
{
	struct report report;
	int ends[2];

	if (pipe(ends))
		return err_world(e, "pipe: %s", strerror(errno));
	pid_t pid = fork();
	if (!pid)
		serve(h, r, ends[1]);
	close(ends[1]);
	ssize_t got = read(ends[0], &report, sizeof(report)); /* shorter than PIPE_BUF: whole or nothing */
	close(ends[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	if (got != sizeof(report))
		return err_world(e, "the server's process died");
	if (report.failed) {
		*e = report.err;
		return -1;
	}
	*out = (struct net_measure){.rounds = (int)report.result.rounds,
	                            .round_s = report.result.round_s,
	                            .round_s_low = report.result.round_s_low,
	                            .round_s_high = report.result.round_s_high,
	                            .bytes_busiest = (double)report.result.bytes_busiest};
	return 0;
}

int net_topology_measure(const struct net_topology *t, const struct net_nodes *h, const struct net_rounds *r,
                         struct net_measure *out, struct err *e)
{
	bool zmq = strcmp(t->transport, "zmq") == 0;

	if (zmq ? measure_zmq(h, r, out, e) : measure_mpi(t, h, r, out, e))
		return err_prefix(e, "%s", t->name);
	return 0;
}
