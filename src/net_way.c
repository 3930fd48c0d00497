/* Rounds over hosts: the program starts itself there. */
#include "net_way.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/json.h"
#include "base/mem.h"
#include "registry.h"

const struct net_way net_ways[] = {
        {"float server, MPI", COST_FLOAT_SERVER, "mpi", {"--topology", "star", "--aggregator", "mean"}, true},
        {"float ring, MPI",
         COST_FLOAT_RING,
         "mpi",
         {"--topology", "allreduce", "--aggregator", "mean"},
         false},
        {"vote server, MPI", COST_VOTE_SERVER, "mpi", {"--topology", "star"}, true},
        {"vote sharded, MPI", COST_VOTE_SHARDED, "mpi", {"--topology", "sharded"}, false},
};

const size_t net_way_count = sizeof(net_ways) / sizeof(net_ways[0]);

enum { SAID_BYTES = 1 << 16, ARGUMENTS = 64 };

/* Everything that comes out of fd, cut at room - 1 bytes. */
static void read_all(int fd, char *out, size_t room)
{
	char spare[4096];
	size_t length = 0;

	for (;;) {
		bool full = length + 1 >= room;
		ssize_t got = read(fd, full ? spare : out + length, full ? sizeof(spare) : room - 1 - length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		length += full ? 0 : (size_t)got;
	}
	out[length] = '\0';
}

/* The last line that is not empty, for a sentence about what a program said. */
static const char *last_line(char *text)
{
	size_t length = strlen(text);

	while (length && text[length - 1] == '\n')
		text[--length] = '\0';
	char *line = strrchr(text, '\n');
	return line ? line + 1 : text;
}

/* Start argv on a host and wait; its standard output into said. */
static int ask(const struct net_hosts *h, int host, const char *const argv[], char said[SAID_BYTES],
               struct err *e)
{
	static char complaint[SAID_BYTES];
	int out[2], status = 0,
	            fd = open(NET_FOLDER "/complaints", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || pipe2(out, O_CLOEXEC))
		return err_world(e, "a pipe to %s: %s", argv[0], strerror(errno));
	pid_t pid = net_hosts_start(h, host, argv, out[1], fd);
	close(out[1]);
	read_all(out[0], said, SAID_BYTES);
	close(out[0]);
	if (pid > 0)
		waitpid(pid, &status, 0);
	lseek(fd, 0, SEEK_SET);
	read_all(fd, complaint, sizeof(complaint));
	close(fd);
	if (pid > 0 && !status)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return err_world(e, "%s could not be started", argv[0]);
	return err_world(e, "%s ended with exit code %d: %s", argv[0], WEXITSTATUS(status),
	                 last_line(complaint));
}

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

/*
 * mpirun on the server's host, its ranks one a host, the first on the server where the way has one. Open
 * MPI's words: ranks are started by the hosts' agent; all of its traffic stays in the hosts' network; what it
 * keeps on disk goes to their folder; no rank is bound to a core, because all hosts share them. Messages up
 * to the eager limit leave without asking first: the answer to such a question waits in the queue of a link
 * that is busy the other way, which costs the ring of floats a fifth of its time.
 */
static int measure_mpi(const struct net_way *way, const struct net_hosts *h, const struct net_rounds *r,
                       char said[SAID_BYTES], struct err *e)
{
	static const char *const fixed[] = {"sh",
	                                    "-c",
	                                    "exec \"$(command -v mpirun.openmpi || echo mpirun)\" \"$@\"",
	                                    "mpirun",
	                                    "--allow-run-as-root",
	                                    "--oversubscribe",
	                                    "--bind-to",
	                                    "none"};
	static const char *const parameters[][2] = {{"plm_rsh_agent", NET_AGENT},
	                                            {"orte_tmpdir_base", NET_FOLDER},
	                                            {"oob_tcp_if_include", NET_SUBNET},
	                                            {"btl_tcp_if_include", NET_SUBNET},
	                                            {"btl_tcp_eager_limit", "1000000"},
	                                            {"pml", "ob1"},
	                                            {"btl", "self,tcp"}};
	const char *argv[ARGUMENTS] = {0};
	size_t count = sizeof(fixed) / sizeof(fixed[0]);
	struct arena a = {0};
	struct buf places = {0};

	memcpy(argv, fixed, sizeof(fixed));
	for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
		argv[count++] = "--mca";
		argv[count++] = parameters[i][0];
		argv[count++] = parameters[i][1];
	}
	for (int host = !way->server; host <= r->workers; host++)
		buf_format(&places, "%s%s:1", places.length ? "," : "", h->at[host].address);
	argv[count++] = "--host";
	argv[count++] = places.text;
	add_rounds(way, r, &a, argv, &count);
	int rc = ask(h, 0, argv, said, e);
	buf_clear(&places);
	arena_clear(&a);
	return rc;
}

bool net_way_built(const struct net_way *way)
{
	return family_find(&family_transports, way->transport) != NULL;
}

int net_way_measure(const struct net_way *way, const struct net_hosts *h, const struct net_rounds *r,
                    struct net_measure *out, struct err *e)
{
	static char said[SAID_BYTES];

	if (measure_mpi(way, h, r, said, e) || understand(said, out, e))
		return err_prefix(e, "%s", way->name);
	return 0;
}
