/* Programs on nodes. */
#include "tests/netlab/start.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/mem.h"

enum { ARGUMENTS = 96, EXIT_NOT_STARTED = 127 };

/* Everything that comes out of fd, cut at room - 1 bytes. */
static void read_all(int fd, char *out, size_t size)
{
	char spare[4096];
	size_t length = 0;

	for (;;) {
		bool full = length + 1 >= size;
		ssize_t got = read(fd, full ? spare : out + length, full ? sizeof(spare) : size - 1 - length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		length += full ? 0 : (size_t)got;
	}
	out[length] = '\0';
}

/*
 * The line that goes into the sentence about a program that failed: the last of the program that mpirun
 * started, or else the last with a letter in it. Behind it mpirun draws its frames.
 */
static const char *telling_line(char *text)
{
	static const char ours[] = "signsgd: ";
	const char *telling = "", *own = NULL;
	char *rest;

	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (!strncmp(line, ours, sizeof(ours) - 1))
			own = line;
		if (strpbrk(line, "abcdefghijklmnopqrstuvwxyz"))
			telling = line;
	}
	return own ? own : telling;
}

/* How a program ended, as a sentence. */
static int judge(const char *program, int status, char *complaint, struct err *e)
{
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NOT_STARTED)
		return err_world(e, "%s could not be started", program);
	if (WIFSIGNALED(status))
		return err_world(e, "%s was ended by signal %d", program, WTERMSIG(status));
	const char *line = telling_line(complaint);
	return err_world(e, "%s ended with exit code %d%s%s", program, WEXITSTATUS(status), *line ? ": " : "",
	                 line);
}

static int wait_for(pid_t pid)
{
	int status = EXIT_NOT_STARTED << 8; /* as waitpid() writes an exit code */

	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

int net_ask(const struct net_nodes *h, int node, const char *const argv[], char said[NET_SAID_BYTES],
            struct err *e)
{
	static char complaint[NET_SAID_BYTES];
	int out[2];

	complaint[0] = '\0';
	if (!said)
		return judge(argv[0], wait_for(net_nodes_start(h, node, argv, -1, -1)), complaint, e);
	int fd = open(NET_FOLDER "/complaints", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || pipe2(out, O_CLOEXEC))
		return err_world(e, "a pipe to %s: %s", argv[0], strerror(errno));
	pid_t pid = net_nodes_start(h, node, argv, out[1], fd);
	close(out[1]);
	read_all(out[0], said, NET_SAID_BYTES);
	close(out[0]);
	int status = wait_for(pid);
	lseek(fd, 0, SEEK_SET);
	read_all(fd, complaint, sizeof(complaint));
	close(fd);
	return judge(argv[0], status, complaint, e);
}

/*
 * Open MPI's parameters: ranks are started by NET_AGENT; all traffic stays in the nodes' network; files go to
 * the nodes' folder; no rank is bound to a core, because all nodes share the cores. Messages up to the eager
 * limit leave without a request to send. The answer to such a request would wait in the queue of a link that
 * is busy in the other direction, which costs the ring of floats a fifth of its time.
 */
int net_mpirun(const struct net_nodes *h, int from, int to, const char *const command[],
               char said[NET_SAID_BYTES], struct err *e)
{
	static const char *const fixed[] = {"--allow-run-as-root", "--oversubscribe", "--bind-to", "none"};
	static const char *const parameters[][2] = {{"plm_rsh_agent", NET_AGENT},
	                                            {"orte_tmpdir_base", NET_FOLDER},
	                                            {"oob_tcp_if_include", NET_SUBNET},
	                                            {"btl_tcp_if_include", NET_SUBNET},
	                                            {"btl_tcp_eager_limit", "1000000"},
	                                            {"pml", "ob1"},
	                                            {"btl", "self,tcp"}};
	const char *argv[ARGUMENTS] = {0};
	size_t count = 1;
	struct buf places = {0};

	/* beside other libraries Debian gives Open MPI's a name of its own */
	argv[0] = access("/usr/bin/mpirun.openmpi", X_OK) ? "mpirun" : "mpirun.openmpi";
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		argv[count++] = fixed[i];
	for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
		argv[count++] = "--mca";
		argv[count++] = parameters[i][0];
		argv[count++] = parameters[i][1];
	}
	for (int node = from; node <= to; node++) /* Open MPI 5 knows its own machine by name alone */
		buf_format(&places, "%s%s:1", places.length ? "," : "",
		           node ? h->at[node].address : NET_SERVER_NAME);
	argv[count++] = "--host";
	argv[count++] = places.text;
	for (size_t i = 0; command[i]; i++) {
		if (count + 1 == ARGUMENTS)
			BUG("a command with too many words");
		argv[count++] = command[i];
	}
	int rc = net_ask(h, 0, argv, said, e);
	buf_clear(&places);
	return rc;
}
