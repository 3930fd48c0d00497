/* The processes of a day. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/faults/day.h"

enum { ARGS_SIZE = 2048 };

pid_t cast_fork(const struct day *d, int client)
{
	struct err e = {0};
	fflush(NULL);
	pid_t pid = fork();
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (d->nodes && net_nodes_enter(d->nodes, client, &e)) {
		fprintf(stderr, "%s\n", e.text);
		_exit(127);
	}
	return 0;
}

static pid_t start(const struct day *d, int client, const char *log, const char *args)
{
	char path[2 * DAY_PATH], line[ARGS_SIZE + DAY_PATH];
	pid_t pid = cast_fork(d, client);
	if (pid)
		return pid;
	snprintf(path, sizeof path, "%s/%s", d->folder, log);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
		_exit(127);
	snprintf(line, sizeof line, "exec %s %s", d->program, args);
	execl("/bin/sh", "sh", "-c", line, (char *)NULL);
	_exit(127);
}

pid_t cast_start(const struct day *d, int client, const char *log, const char *fmt, ...)
{
	char args[ARGS_SIZE];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(args, sizeof args, fmt, ap);
	va_end(ap);
	return start(d, client, log, args);
}

int cast_wait(pid_t pid)
{
	int status = 0;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

int cast_run(const struct day *d, const char *log, const char *fmt, ...)
{
	char args[ARGS_SIZE];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(args, sizeof args, fmt, ap);
	va_end(ap);
	return cast_wait(start(d, 0, log, args));
}

void cast_serve(struct day *d)
{
	char what[4 * DAY_PATH];
	if (d->lives++ > 0)
		snprintf(what, sizeof what, "--resume %s/run.h5", d->folder);
	else
		snprintf(what, sizeof what, "%s/e.json --out %s/run.h5", d->folder, d->folder);
	d->server = cast_start(d, 0, "serve.log", "serve %s --listen tcp://%s:%d --keys %s/keys", what,
	                       d->nodes ? "0.0.0.0" : "127.0.0.1", d->port, d->folder);
}

void cast_work(struct day *d, int worker)
{
	char log[32];
	snprintf(log, sizeof log, "w%d.log", worker);
	d->workers[worker] =
	        cast_start(d, worker + 1, log, "work --connect %s --keys %s/keys --name w%d --lanes 1",
	                   d->address, d->folder, worker);
}

double cast_kill(pid_t *pid)
{
	struct rusage used = {0};
	if (*pid <= 0)
		return 0;
	kill(*pid, SIGKILL);
	while (wait4(*pid, NULL, 0, &used) < 0 && errno == EINTR)
		continue;
	*pid = 0;
	return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
	       1e-6 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

void cast_link(const struct day *d, int client, bool up)
{
	pid_t pid = cast_fork(d, client);
	if (pid == 0) {
		execlp("ip", "ip", "link", "set", "eth0", up ? "up" : "down", (char *)NULL);
		_exit(127);
	}
	if (cast_wait(pid))
		fprintf(stderr, "the link of node %d cannot be set\n", client);
}

static void note_end(struct day *d, pid_t pid, int code)
{
	if (pid == d->server) {
		d->server = 0;
		d->over = true;
		d->server_code = code;
		printf("%6.1f s  the server has ended, code %d\n", day_s(d), code);
		return;
	}
	for (int m = 0; m < DAY_WORKERS; m++) {
		if (pid != d->workers[m])
			continue;
		d->workers[m] = 0;
		if (code != 0)
			day_fail(d, "worker %d ended by itself, code %d", m, code);
	}
}

void cast_watch(struct day *d)
{
	int status;
	for (pid_t pid = waitpid(-1, &status, WNOHANG); pid > 0; pid = waitpid(-1, &status, WNOHANG))
		note_end(d, pid, WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status));
}
