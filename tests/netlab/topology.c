/* Rounds over hosts: the program starts itself there. */
#include "tests/netlab/topology.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "config/json.h"
#include "base/mem.h"
#include "tests/netlab/start.h"
#include "registry.h"
#include "bench/bench_round_zmq.h"

const struct net_way net_ways[] = {
        {"float server, MPI", COST_FLOAT_SERVER, "mpi", {"--topology", "star", "--aggregator", "mean"}, true},
        {"float ring, MPI",
         COST_FLOAT_RING,
         "mpi",
         {"--topology", "allreduce", "--aggregator", "mean"},
         false},
        {"vote server, MPI", COST_VOTE_SERVER, "mpi", {"--topology", "star"}, true},
        {"vote server, ZeroMQ", COST_VOTE_SERVER, "zmq", {NULL}, true},
        {"vote sharded, MPI", COST_VOTE_SHARDED, "mpi", {"--topology", "sharded"}, false},
};

const size_t net_way_count = sizeof(net_ways) / sizeof(net_ways[0]);

enum { ARGUMENTS = 32 };

static double member(const struct json *object, const char *key)
{
	const struct json *value = json_member(object, key);
	return value && value->type == JSON_NUMBER ? value->number : 0;
}

/* The line of JSON in what `bench round` said; MPI may have said other things around it. */
static int understand(char *said, struct net_measure *out, struct err *e)
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

/* What follows the program's name, up to the end of the list. */
static void add_rounds(const struct net_way *way, const struct net_rounds *r, struct arena *a,
                       const char **argv, size_t *count)
{
	static const char *const fixed[] = {"bench", "round", "--json", "--lanes", "1", "--transport"};

	argv[(*count)++] = r->program;
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		argv[(*count)++] = fixed[i];
	argv[(*count)++] = way->transport;
	argv[(*count)++] = arena_format(a, "--workers=%d", r->workers);
	argv[(*count)++] = arena_format(a, "--n=%zu", r->n);
	argv[(*count)++] = arena_format(a, "--seconds=%g", r->seconds);
	for (size_t i = 0; way->options[i]; i++)
		argv[(*count)++] = way->options[i];
}

bool net_way_built(const struct net_way *way)
{
	return family_find(&family_transports, way->transport) != NULL;
}

/* mpirun starts this program again on every host. */
static int measure_mpi(const struct net_way *way, const struct net_nodes *h, const struct net_rounds *r,
                       struct net_measure *out, struct err *e)
{
	static char said[NET_SAID_BYTES];
	const char *argv[ARGUMENTS] = {0};
	struct arena a = {0};
	size_t count = 0;

	add_rounds(way, r, &a, argv, &count);
	int rc = net_mpirun(h, way->server ? 0 : 1, r->workers, argv, said, e);
	arena_clear(&a);
	return rc || understand(said, out, e) ? -1 : 0;
}

/* Rounds of every worker, however long they take: what is timed is the network, not who gives up first. */
#define PATIENT_ZMQ "{\"kind\": \"zmq\", \"deadline_s\": 600, \"patience_s\": 600}"

/* What the server's process found, through a pipe. */
struct report {
	int failed;
	struct round_bench_result result;
	struct err err;
};

/* The server: encrypted and with keys, as between machines that nobody vouches for. */
_Noreturn static void serve(const struct net_nodes *h, const struct net_rounds *r, int fd)
{
	struct round_bench_options o = {.transport = PATIENT_ZMQ,
	                                .aggregator = "{\"kind\": \"vote\"}",
	                                .n = r->n,
	                                .workers = r->workers,
	                                .lanes = 1,
	                                .seconds = r->seconds};
	struct report report = {0};

	report.failed =
	        net_nodes_enter(h, 0, &report.err) || round_zmq(&o, true, h, &report.result, &report.err);
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
	ssize_t got = read(ends[0], &report, sizeof(report)); /* below a pipe's unit: whole or nothing */
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

int net_way_measure(const struct net_way *way, const struct net_nodes *h, const struct net_rounds *r,
                    struct net_measure *out, struct err *e)
{
	bool zmq = strcmp(way->transport, "zmq") == 0;

	if (zmq ? measure_zmq(h, r, out, e) : measure_mpi(way, h, r, out, e))
		return err_prefix(e, "%s", way->name);
	return 0;
}
