/* A stream and a ping over TCP. Both ends are children; the sender reports through a pipe. */
#include "tests/netlab/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/stats.h"

enum { PORT = 5001, CHUNK = 64 << 10, PINGS = 21, TRIES = 200, TRY_US = 5000 };

static struct sockaddr_in place(const char *address)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(PORT)};

	inet_pton(AF_INET, address, &at.sin_addr);
	return at;
}

/* Answer each of the pings, then swallow a stream and say at which rate it came. */
static int serve(const char *address)
{
	static char chunk[CHUNK];
	struct sockaddr_in at = place(address);
	int yes = 1, listener = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 1))
		return 1;
	int fd = accept(listener, NULL, NULL);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	for (int i = 0; i < PINGS; i++)
		if (read(fd, chunk, 1) != 1 || write(fd, chunk, 1) != 1)
			return 1;
	double total = 0, start = clock_s();
	for (ssize_t got; (got = read(fd, chunk, sizeof(chunk))) > 0;)
		total += (double)got;
	double rate = total / (clock_s() - start);
	return write(fd, &rate, sizeof(rate)) == sizeof(rate) ? 0 : 1;
}

static int reach(const char *address)
{
	struct sockaddr_in at = place(address);
	const struct timespec pause = {0, TRY_US * 1000};

	for (int i = 0; i < TRIES; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
		if (!connect(fd, (struct sockaddr *)&at, sizeof(at)))
			return fd;
		close(fd);
		nanosleep(&pause, NULL);
	}
	return -1;
}

static double ping(int fd)
{
	double took[PINGS];
	char byte = 'p';

	for (int i = 0; i < PINGS; i++) {
		double start = clock_s();
		if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1)
			return -1;
		took[i] = clock_s() - start;
	}
	return stats_quantile(took, PINGS, 0.5) / 2;
}

static int ask(const char *address, double seconds, int report)
{
	static char chunk[CHUNK];
	struct net_probe p;
	int fd = reach(address);

	p.latency_s = fd < 0 ? -1 : ping(fd);
	if (p.latency_s < 0)
		return 1;
	double start = clock_s();
	while (clock_s() < start + seconds)
		if (write(fd, chunk, sizeof(chunk)) < 0)
			return 1;
	shutdown(fd, SHUT_WR);
	if (read(fd, &p.bytes_per_s, sizeof(p.bytes_per_s)) != sizeof(p.bytes_per_s))
		return 1;
	return write(report, &p, sizeof(p)) == sizeof(p) ? 0 : 1;
}

int net_probe(const struct net_nodes *h, int from, int to, double seconds, struct net_probe *out,
              struct err *e)
{
	int report[2], missed = 0;
	struct err wrong = {0};

	if (pipe(report))
		return err_world(e, "pipe: %s", strerror(errno));
	pid_t server = fork();
	if (!server)
		_exit(net_nodes_enter(h, to, &wrong) ? 1 : serve(h->at[to].address));
	pid_t client = fork();
	if (!client)
		_exit(net_nodes_enter(h, from, &wrong) ? 1 : ask(h->at[to].address, seconds, report[1]));
	close(report[1]);
	missed = read(report[0], out, sizeof(*out)) != sizeof(*out);
	close(report[0]);
	for (int i = 0; i < 2; i++)
		waitpid(i ? client : server, NULL, 0);
	if (missed)
		return err_world(e, "node %d does not reach node %d over the network that was made", from,
		                 to);
	return 0;
}
