/* The parent's side of a point's process: see point.h. */
#include "cmd/point.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "cmd/point_report.h"
#include "cmd/program.h"

enum { VARIABLE_BYTES = 64 };

static const char said_by_us[] = "signsgd: "; /* how lines of base/log.h begin */

static bool write_all(int fd, const char *bytes, size_t count)
{
	while (count > 0) {
		ssize_t done = write(fd, bytes, count);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		bytes += done;
		count -= (size_t)done;
	}
	return true;
}

/* A file in memory with the texts that point_run() reads, each with its end. -1 and errno. */
static int write_order(const struct point_order *o)
{
	const char *const texts[] = {o->run->source, o->path, o->run->id, o->run->given};
	int fd = memfd_create("signsgd point", MFD_CLOEXEC);
	bool written = fd >= 0;
	for (size_t i = 0; written && i < sizeof(texts) / sizeof(*texts); i++)
		written = write_all(fd, texts[i], strlen(texts[i]) + 1);
	if (written && lseek(fd, 0, SEEK_SET) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static void close_pair(const int ends[2])
{
	for (int i = 0; i < 2; i++)
		if (ends[i] >= 0)
			close(ends[i]);
}

/* Only the parent's end is read without waiting. */
static int open_pipe(int ends[2])
{
	return pipe2(ends, O_CLOEXEC) || fcntl(ends[0], F_SETFL, O_NONBLOCK) ? -1 : 0;
}

int point_start(struct point *p, const struct point_order *order, struct err *e)
{
	int reports[2] = {-1, -1}, said[2] = {-1, -1}, text = write_order(order);
	char channel[VARIABLE_BYTES], place[VARIABLE_BYTES];
	*p = (struct point){.pid = -1, .reports = -1, .said = -1};
	if (text >= 0 && !open_pipe(reports) && !open_pipe(said)) {
		snprintf(channel, sizeof(channel), POINT_VARIABLE "=%d", reports[1]);
		snprintf(place, sizeof(place), "SIGNSGD_LOCAL_RANK=%d", order->place);
		const struct program program = {.arguments = order->arguments,
		                                .variables = {channel, place},
		                                .in = text,
		                                .out = said[1],
		                                .kept = reports[1]};
		p->pid = program_start(&program);
	}
	if (p->pid < 0) {
		err_world(e, "no process for this run: %s", strerror(errno));
		close_pair(reports);
		close_pair(said);
	} else {
		close(reports[1]);
		close(said[1]);
		p->reports = reports[0];
		p->said = said[0];
	}
	if (text >= 0)
		close(text);
	return p->pid < 0 ? -1 : 0;
}

static void take(struct point *p, const struct point_report *r)
{
	p->ended |= r->kind == POINT_ENDED;
	if (r->kind == POINT_ENDED)
		p->outcome = r->outcome;
	else if (r->kind == POINT_FAILED)
		p->why = r->why;
	else
		p->progress = r->progress;
	p->last |= r->kind == POINT_LAST;
}

bool point_listen(struct point *p)
{
	struct point_report report;
	ssize_t got;
	while ((got = read(p->reports, &report, sizeof(report))) == (ssize_t)sizeof(report))
		take(p, &report);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	close(p->reports);
	p->reports = -1;
	return false;
}

static void tell_line(struct point *p, const char *line, void (*tell)(void *ctx, const char *line), void *ctx)
{
	snprintf(p->words, sizeof(p->words), "%.*s", (int)sizeof(p->words) - 1, line);
	tell(ctx, line);
}

static void tell_lines(struct point *p, bool all, void (*tell)(void *ctx, const char *line), void *ctx)
{
	char *at = p->line, *end;
	p->line[p->length] = '\0';
	while ((end = strchr(at, '\n'))) {
		*end = '\0';
		tell_line(p, at, tell, ctx);
		at = end + 1;
	}
	if (*at && (all || (at == p->line && p->length == POINT_LINE - 1))) {
		tell_line(p, at, tell, ctx);
		at += strlen(at);
	}
	p->length = strlen(at);
	memmove(p->line, at, p->length);
}

void point_hear(struct point *p, void (*tell)(void *ctx, const char *line), void *ctx)
{
	ssize_t got;
	while ((got = read(p->said, p->line + p->length, POINT_LINE - 1 - p->length)) > 0) {
		for (ssize_t i = 0; i < got; i++) /* a text has none within */
			if (p->line[p->length + (size_t)i] == '\0')
				p->line[p->length + (size_t)i] = '?';
		p->length += (size_t)got;
		tell_lines(p, false, tell, ctx);
	}
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	tell_lines(p, true, tell, ctx);
	close(p->said);
	p->said = -1;
}

/* A process that gives up by die() has said why. */
static void say_why(struct point *p, int status)
{
	char end[PROGRAM_END];
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_WORLD &&
	    strncmp(p->words, said_by_us, sizeof(said_by_us) - 1) == 0)
		err_world(&p->why, "%s", p->words + sizeof(said_by_us) - 1);
	else
		err_world(&p->why, "its process ended by %s%s", program_end(status, end),
		          WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL
		                  ? ", as when memory runs out; fewer at once (--jobs) need less"
		                  : "");
}

void point_end(struct point *p, bool stopping, void (*tell)(void *ctx, const char *line), void *ctx)
{
	int status = 0;
	while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (p->said >= 0)
		point_hear(p, tell, ctx);
	if (p->said >= 0)
		close(p->said);
	p->said = -1;
	if (p->ended || p->why.code)
		return;
	p->outcome = RUN_STOPPED;
	if (!stopping)
		say_why(p, status);
}
