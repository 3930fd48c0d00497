/* The child's side of a point's process: see point.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "cmd/overrides.h"
#include "cmd/point.h"
#include "cmd/point_report.h"

enum { CHUNK = 4096 };

static const double REPORT_INTERVAL_S = 0.1;

/* Where it reports, and when it did. */
struct reporter {
	int fd;
	double next_s;
};

/* What the parent has written down; the texts lie in `all`. */
struct order {
	struct buf all;
	const char *source, *path, *id, *given;
};

bool point_is(void)
{
	return getenv(POINT_VARIABLE) != NULL;
}

/* When nobody reads any more, the parent is gone, and this process goes too. */
static void report(const struct reporter *r, const struct point_report *what)
{
	while (write(r->fd, what, sizeof(*what)) < 0 && errno == EINTR)
		;
}

/* run_options.progress */
static void report_progress(void *ctx, const struct run_progress *p, bool last)
{
	struct reporter *r = ctx;
	double now = clock_s();
	if (!last && now < r->next_s)
		return;
	r->next_s = now + REPORT_INTERVAL_S;
	report(r, &(struct point_report){.kind = last ? POINT_LAST : POINT_PROGRESS, .progress = *p});
}

/* The next of the texts; NULL: there is none. */
static const char *next_text(const struct order *o, size_t *at)
{
	const char *text = o->all.text + *at;
	const char *end = *at < o->all.length ? memchr(text, '\0', o->all.length - *at) : NULL;
	*at += end ? strlen(text) + 1 : 0;
	return end ? text : NULL;
}

static int read_order(struct order *o, struct err *e)
{
	char bytes[CHUNK];
	ssize_t got;
	size_t at = 0;
	while ((got = read(STDIN_FILENO, bytes, sizeof(bytes))) > 0)
		buf_bytes(&o->all, bytes, (size_t)got);
	if (!got && o->all.length > 0) {
		o->source = next_text(o, &at);
		o->path = next_text(o, &at);
		o->id = next_text(o, &at);
		o->given = next_text(o, &at);
	}
	if (o->given)
		return 0;
	return err_user(e, POINT_VARIABLE " is for processes that this program starts itself; unset it");
}

static int read_settings(const struct order *o, const struct args *a, struct runs *runs, struct err *e)
{
	if (experiment_sent(runs, o->source, o->given, strlen(o->given), false, NULL, 0, e))
		return -1;
	runs->at[0].profile = args_flag(a, "profile");
	if (strcmp(runs->at[0].id, o->id) == 0)
		return 0;
	return err_user(e,
	                "%s: a file that it names has changed since the command began (found id %s, expected "
	                "%s)",
	                o->source, runs->at[0].id, o->id);
}

static int do_run(const struct order *o, const struct args *a, struct reporter *r, enum run_outcome *outcome,
                  struct err *e)
{
	struct runs runs = {0};
	int lanes, rc = lanes_of(a, &lanes, e) || read_settings(o, a, &runs, e) ? -1 : 0;
	if (!rc) {
		const struct run_options options = {
		        .path = o->path,
		        .overwrite = args_flag(a, "overwrite"),
		        .leave_held = true,
		        .pass_silently = true, /* the parent has looked before: it has just become so */
		        .progress = report_progress,
		        .progress_ctx = r};
		struct pool *pool = pool_open(lanes);
		rc = run_one(&runs.at[0], pool, &options, outcome, e);
		pool_close(pool);
	}
	runs_clear(&runs);
	return rc;
}

int point_run(const struct args *a)
{
	struct reporter r = {.fd = atoi(getenv(POINT_VARIABLE))};
	struct point_report end = {.kind = POINT_ENDED};
	struct order order = {0};
	int code = EXIT_DONE;

	unsetenv(POINT_VARIABLE);
	fcntl(r.fd, F_SETFD, FD_CLOEXEC);
	log_quiet(args_flag(a, "quiet"));
	run_catch_signals();
	if (read_order(&order, &end.why) || do_run(&order, a, &r, &end.outcome, &end.why)) {
		end.kind = POINT_FAILED;
		code = end.why.code;
	} else if (end.outcome == RUN_STOPPED) {
		code = run_signal_code();
	}
	report(&r, &end);
	buf_clear(&order.all);
	return code;
}
