/* Nodes out of network namespaces. */
#include "tests/netlab/nodes.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/mem.h"
#include "tests/netlab/switch.h"

static const double BUCKET_LEAST = 32 << 10, BUCKET_S = 1e-3; /* bytes; or what passes in that time */

/* How far the child came: inside() ran, or a sentence. */
struct outcome {
	int ran, code;
	struct err err;
};

static void send_outcome(int fd, const struct outcome *o)
{
	const char *at = (const char *)o;
	size_t left = sizeof(*o);

	while (left) {
		ssize_t wrote = write(fd, at, left);
		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0)
			return;
		at += wrote;
		left -= (size_t)wrote;
	}
}

/* 0 when a whole outcome was there. */
static int receive_outcome(int fd, struct outcome *o)
{
	size_t have = 0;

	while (have < sizeof(*o)) {
		ssize_t got = read(fd, (char *)o + have, sizeof(*o) - have);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -1;
		have += (size_t)got;
	}
	return 0;
}

/* Run argv with `input` on its standard input. Where it fails, its first line of output is in the sentence.
 */
static int run_tool(const char *const argv[], const char *input, struct err *e)
{
	int in[2], out[2], status;
	char said[512];
	size_t length = 0;
	ssize_t got;

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		return err_world(e, "pipe: %s", strerror(errno));
	pid_t pid = fork();
	if (!pid) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(out[1], 2);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		dprintf(2, "%s", strerror(errno));
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	signal(SIGPIPE, SIG_IGN);
	ssize_t wrote = write(in[1], input,
	                      strlen(input)); /* shorter than a pipe holds, or the tool reads meanwhile */
	close(in[1]);
	while ((got = read(out[0], said + length, sizeof(said) - 1 - length)) > 0)
		length += (size_t)got;
	close(out[0]);
	said[length] = '\0';
	said[strcspn(said, "\n")] = '\0';
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status || wrote != (ssize_t)strlen(input))
		return err_world(e, "%s: %s", argv[0], said[0] ? said : "failed");
	return 0;
}

static int write_file(const char *path, const char *text, mode_t mode, struct err *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
		err_world(e, "%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	close(fd);
	return 0;
}

/* A folder in memory, and /proc of the new process numbers. */
static int mount_all(struct err *e)
{
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) || mount("proc", "/proc", "proc", 0, NULL))
		return err_world(e, "mounting /proc for the nodes: %s", strerror(errno));
	if (mount("tmpfs", NET_FOLDER, "tmpfs", 0, NULL))
		return err_world(e, "mounting a folder for the nodes: %s", strerror(errno));
	return write_file(NET_AGENT,
	                  "#!/bin/sh\n"
	                  "while case $1 in -*) true ;; *) false ;; esac; do shift; done\n"
	                  "node=$1\nshift\n"
	                  "exec nsenter -t \"$(cat " NET_FOLDER "/$node)\" -n -u -- sh -c \"$*\"\n",
	                  0700, e);
}

/* The process that keeps a node's namespaces; it writes a byte to `ready` once they are there. */
_Noreturn static void hold(int node, int ready)
{
	char name[16];

	snprintf(name, sizeof(name), "h%d", node);
	if (unshare(CLONE_NEWNET | CLONE_NEWUTS) || sethostname(name, strlen(name)) ||
	    write(ready, "r", 1) != 1)
		_exit(1);
	close(ready);
	for (;;)
		pause();
}

static int make_holder(struct net_nodes *h, int node, struct err *e)
{
	struct net_node *me = &h->at[node];
	int ready[2];
	char byte, path[64], pid[16];

	if (pipe2(ready, O_CLOEXEC))
		return err_world(e, "pipe: %s", strerror(errno));
	me->holder = fork();
	if (!me->holder)
		hold(node, ready[1]);
	close(ready[1]);
	ssize_t got = me->holder > 0 ? read(ready[0], &byte, 1) : 0;
	close(ready[0]);
	if (got != 1)
		return err_world(e, "a node's network namespace could not be made");
	snprintf(me->address, sizeof(me->address), "10.77.0.%d", node + 1);
	snprintf(path, sizeof(path), NET_FOLDER "/%s", me->address);
	snprintf(pid, sizeof(pid), "%d", (int)me->holder);
	return write_file(path, pid, 0600, e);
}

/* Move this process to one of a node's namespaces. */
static int enter(const struct net_nodes *h, int node, const char *name, int kind, struct err *e)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)h->at[node].holder, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = fd < 0 ? -1 : setns(fd, kind), why = errno;
	if (fd >= 0)
		close(fd);
	return rc ? err_world(e, "%s: %s", path, strerror(why)) : 0;
}

static void bucket(struct buf *b, const char *device, double rate)
{
	buf_format(b, "qdisc add dev %s root tbf rate %.0fbit burst %.0f latency 100ms\n", device, rate,
	           fmax(BUCKET_LEAST, rate / 8 * BUCKET_S));
}

static int batch(const char *tool, struct buf *b, struct err *e)
{
	const char *const argv[] = {tool, "-batch", "-", NULL};
	int rc = run_tool(argv, b->text, e);

	buf_clear(b);
	return rc;
}

/* The switch and its ends of the links; the other ends are made in the nodes' namespaces. */
static int make_switch(const struct net_plan *plan, const struct net_nodes *h, struct err *e)
{
	struct buf links = {0}, buckets = {0};
	char name[16];

	buf_add(&links, "link set lo up\nlink add br0 type bridge\nlink set br0 up\n");
	for (int i = 0; i < h->count; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		buf_format(&links,
		           "link add %s type veth peer name eth0 netns %d\nlink set %s master br0 up\n", name,
		           (int)h->at[i].holder, name);
		bucket(&buckets, name, i ? plan->rate : plan->server_rate);
	}
	if (batch("ip", &links, e)) {
		buf_clear(&buckets);
		return -1;
	}
	return batch("tc", &buckets, e);
}

/* A process that is the switch; it holds the other end of every node's card. */
static int make_slow_switch(const struct net_plan *plan, const struct net_nodes *h, struct err *e)
{
	struct net_port *ports = mem_array((size_t)h->count, sizeof(*ports)); /* [count] */
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), made = 0;

	while (made < h->count && !enter(h, made, "net", CLONE_NEWNET, e)) {
		ports[made].rate = made ? plan->rate : plan->server_rate;
		ports[made].fd = net_tap(e);
		if (ports[made].fd < 0)
			break;
		made++;
	}
	if (setns(home, CLONE_NEWNET))
		err_world(e, "/proc/self/ns/net: %s", strerror(errno));
	close(home);
	if (!e->code && !fork())
		net_switch(ports, made, plan->latency_s);
	for (int i = 0; i < made; i++)
		close(ports[i].fd);
	mem_free(ports);
	return e->code ? -1 : 0;
}

/* Drop a share of the packets that arrive. The sender joins none, so that each is lost by itself. */
static int lose(double loss, struct err *e)
{
	struct buf b = {0};
	const char *const nft[] = {"nft", "-f", "-", NULL};

	buf_format(
	        &b,
	        "table ip lossy { chain in { type filter hook input priority 0;\niif != \"lo\" numgen random "
	        "mod 1000000 < %.0f drop\n}\n}\n",
	        1e6 * loss);
	int rc = run_tool(nft, b.text, e);
	buf_clear(&b);
	return rc;
}

/* A node's end of its link, set up by a process that has moved there. */
static int make_link(const struct net_plan *plan, const struct net_nodes *h, int node, struct err *e)
{
	struct buf b = {0};

	if (net_nodes_enter(h, node, e))
		return -1;
	buf_format(&b, "link set lo up\naddr add %s/24 dev eth0\nlink set eth0 up\n", h->at[node].address);
	if (plan->loss > 0)
		buf_add(&b, "link set eth0 gso_max_segs 1\n");
	if (batch("ip", &b, e))
		return -1;
	bucket(&b, "eth0", node ? plan->rate : plan->server_rate);
	if (plan->latency_s > 0)
		buf_clear(&b); /* the switch keeps to the rate */
	else if (batch("tc", &b, e))
		return -1;
	return plan->loss > 0 ? lose(plan->loss, e) : 0;
}

/* The same in a child. */
static int make_link_apart(const struct net_plan *plan, const struct net_nodes *h, int node, struct err *e)
{
	int report[2];
	struct outcome o = {0};

	if (pipe2(report, O_CLOEXEC))
		return err_world(e, "pipe: %s", strerror(errno));
	pid_t pid = fork();
	if (!pid) {
		o.code = make_link(plan, h, node, &o.err);
		send_outcome(report[1], &o);
		_exit(0);
	}
	close(report[1]);
	int heard = pid > 0 ? receive_outcome(report[0], &o) : -1;
	close(report[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	if (heard || o.code)
		return err_world(e, "node %d: %s", node, heard ? "its link could not be made" : o.err.text);
	return 0;
}

static int make_nodes(const struct net_plan *plan, struct net_nodes *h, struct err *e)
{
	h->count = plan->count;
	for (int i = 0; i < h->count; i++)
		if (make_holder(h, i, e))
			return -1;
	if (plan->latency_s > 0 ? make_slow_switch(plan, h, e) : make_switch(plan, h, e))
		return -1;
	for (int i = 0; i < h->count; i++)
		if (make_link_apart(plan, h, i, e))
			return -1;
	return 0;
}

/* The first process of the new namespaces: when it ends, all others in them do. */
_Noreturn static void be_first(const struct net_plan *plan,
                               int (*inside)(const struct net_nodes *h, void *ctx), void *ctx, int report)
{
	struct net_nodes *h = mem_alloc(sizeof(*h));
	struct outcome o = {0};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!mount_all(&o.err) && !make_nodes(plan, h, &o.err)) {
		o.ran = 1;
		o.code = inside(h, ctx);
	}
	fflush(NULL);
	send_outcome(report, &o);
	_exit(0);
}

/* The process between: its first child is the first in the new namespaces. */
_Noreturn static void be_between(const struct net_plan *plan,
                                 int (*inside)(const struct net_nodes *h, void *ctx), void *ctx, int report)
{
	struct outcome o = {0};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare(CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC)) {
		err_world(&o.err, "namespaces cannot be made: %s", strerror(errno));
		send_outcome(report, &o);
		_exit(0);
	}
	pid_t pid = fork();
	if (!pid)
		be_first(plan, inside, ctx, report);
	close(report);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	_exit(0);
}

int net_nodes_run(const struct net_plan *plan, int (*inside)(const struct net_nodes *h, void *ctx), void *ctx,
                  struct err *e)
{
	struct outcome o = {0};
	int report[2];

	if (geteuid() != 0)
		return err_world(e, "only root can make network namespaces");
	if (pipe2(report, O_CLOEXEC))
		return err_world(e, "pipe: %s", strerror(errno));
	fflush(NULL);
	pid_t pid = fork();
	if (!pid) {
		close(report[0]);
		be_between(plan, inside, ctx, report[1]);
	}
	close(report[1]);
	int heard = pid > 0 ? receive_outcome(report[0], &o) : -1;
	close(report[0]);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (heard)
		return err_world(e, "the nodes' first process ended before its time");
	if (!o.ran) {
		*e = o.err;
		return -1;
	}
	return o.code;
}

int net_nodes_enter(const struct net_nodes *h, int node, struct err *e)
{
	return enter(h, node, "net", CLONE_NEWNET, e) || enter(h, node, "uts", CLONE_NEWUTS, e) ? -1 : 0;
}

pid_t net_nodes_start(const struct net_nodes *h, int node, const char *const argv[], int out_fd, int err_fd)
{
	pid_t pid = fork();
	struct err e = {0};

	if (pid)
		return pid;
	if (out_fd >= 0)
		dup2(out_fd, 1);
	if (err_fd >= 0)
		dup2(err_fd, 2);
	if (!net_nodes_enter(h, node, &e))
		execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}
