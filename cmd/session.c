/* The runs of a command line: see session.h. */
#include "cmd/session.h"

#include <math.h>
#include <string.h>
#include "cmd/ui/json_line.h"
#include "experiment/repeats.h"
#include "h5/h5.h"
#include "base/log.h"
#include "base/text.h"
#include "record/record.h"

/* The experiment that a result file carries, for --resume and --replay without a file. */
static int read_recorded(struct session *s, struct err *e)
{
	const char *path = s->resume ? s->resume : s->repeated;
	struct h5 *f = h5_open(path, e);
	char *text = f ? h5_read_text(f, "/config/resolved", e) : NULL;
	int failed = -1;

	if (f && !text)
		err_prefix(e, "%s", path);
	if (text)
		failed =
		        experiment_recorded(&s->files[0], path, text, s->overrides.at, s->overrides.count, e);
	s->n_files = !failed;
	mem_free(text);
	h5_close(f);
	return failed;
}

/*
 * Did the run that --resume continues go over this kind of transport? A file that cannot be read is
 * complained of later, when it is opened for the run.
 */
static bool recorded_transport(const struct args *a, const char *kind)
{
	const char *path = args_value(a, "resume");
	struct arena arena = {0};
	struct err ignored = {0};
	struct h5 *f = path && !a->n_rest ? h5_open(path, &ignored) : NULL;
	char *text = f ? h5_read_text(f, "/config/resolved", &ignored) : NULL;
	struct json *root = text ? json_read_text(&arena, path, text, strlen(text), &ignored) : NULL;
	struct json *transport = root && root->type == JSON_OBJECT ? json_member(root, "transport") : NULL;
	struct json *name =
	        transport && transport->type == JSON_OBJECT ? json_member(transport, "kind") : NULL;
	bool same = name && name->type == JSON_STRING && !strcmp(name->string, kind);

	arena_clear(&arena);
	mem_free(text);
	if (f)
		h5_close(f);
	return same;
}

bool session_names_transport(const struct args *a, const char *kind)
{
	for (size_t i = 0; i < a->n_given; i++)
		if (!strcmp(a->given[i].option->name, "set") &&
		    (!strncmp(a->given[i].value, "transport=", 10) ||
		     !strncmp(a->given[i].value, "transport.kind=", 15)))
			return true;
	for (size_t i = 0; i < a->n_rest; i++) {
		struct arena arena = {0};
		struct err ignored = {0}; /* said when the file is read for the run */
		struct json *root = json_read_file(&arena, a->rest[i], &ignored);
		bool found = root && root->type == JSON_OBJECT && json_member(root, "transport");
		arena_clear(&arena);
		if (found)
			return true;
	}
	return args_value(a, "transport") || recorded_transport(a, kind);
}

static int read_files(struct session *s, struct err *e)
{
	const struct args *a = s->args;

	s->files = mem_alloc((a->n_rest + 1) * sizeof(*s->files)); /* [n_rest], or the one of --resume */
	if (!a->n_rest && (s->resume || s->repeated))
		return read_recorded(s, e);
	for (size_t i = 0; i < a->n_rest; i++) {
		if (overrides_read(&s->overrides, a, a->rest[i], &s->files[i], e))
			return -1;
		s->n_files++;
	}
	return refuse_repeated_files(s->files, s->n_files, e);
}

static int check_usage(const struct session *s, struct err *e)
{
	if (s->repeated && (s->args->n_rest || s->resume))
		return err_user(e,
		                "--replay repeats what RUN.h5 says; leave out the experiment and --resume");
	if (!s->args->n_rest && !s->resume && !s->repeated)
		return err_user(e, "%s needs an experiment file, as in 'signsgd %s experiments/demo.json'",
		                s->command, s->command);
	if (s->resume && args_flag(s->args, "overwrite"))
		return err_user(e,
		                "--resume continues a run and --overwrite starts it again; give one of them");
	if (args_value(s->args, "part") && (s->resume || s->repeated || args_value(s->args, "run")))
		return err_user(e, "--part chooses among the runs of a sweep; leave out --%s",
		                s->resume     ? "resume"
		                : s->repeated ? "replay"
		                              : "run");
	if (s->resume && args_value(s->args, "out"))
		return err_user(e, "--resume writes to the file it continues; leave out --out");
	return 0;
}

/* "i/N" of --part; without it both stay. */
static int part_of(const struct session *s, size_t *part, size_t *parts, struct err *e)
{
	const char *text = args_value(s->args, "part");
	char shown[80], rest;
	long long i = 0, n = 0;

	if (text && (strspn(text, "0123456789/") != strlen(text) ||
	             sscanf(text, "%9lld/%9lld%c", &i, &n, &rest) != 2 || i < 1 || i > n))
		return err_user(
		        e,
		        "--part: found '%s', expected a part and how many there are, from 1/N to N/N, "
		        "as in --part 1/4",
		        text_shown(text, shown, sizeof(shown)));
	if (text) {
		*part = (size_t)i;
		*parts = (size_t)n;
	}
	return 0;
}

/* --run N leaves one run in the session, --part i/N every Nth, from the ith on. */
static int choose_points(struct session *s, struct err *e)
{
	long long number = 0;
	size_t part = 1, parts = 1, kept = 0;

	if (args_int(s->args, "run", 1, (long long)s->all, &number, e) || part_of(s, &part, &parts, e))
		return -1;
	for (size_t i = 0; i < s->all; i++)
		if (number ? i + 1 == (size_t)number : i % parts == part - 1)
			s->points[kept++] = s->points[i];
	s->total = kept;
	return 0;
}

static void list_points(struct session *s, const struct choice *machine)
{
	for (size_t i = 0; i < s->n_files; i++)
		s->all += s->files[i].count;
	s->points = mem_alloc((s->all + 1) * sizeof(*s->points)); /* [all] */
	s->done = mem_alloc((s->all + 1) * sizeof(*s->done));     /* [total] */
	s->over = mem_alloc((s->all + 1) * sizeof(*s->over));     /* [total] */
	for (size_t i = 0; i < s->n_files; i++)
		for (size_t r = 0; r < s->files[i].count; r++) {
			struct settings *run = &s->files[i].at[r];
			run->profile = args_flag(s->args, "profile");
			run->machine = *machine;
			s->points[s->total] = (struct session_point){run, s->total + 1};
			s->total++;
		}
}

int session_prepare(struct session *s, const char *command, const struct args *a, struct err *e)
{
	struct choice machine;
	s->args = a;
	s->command = command;
	s->resume = args_value(s->args, "resume");
	s->json = args_flag(s->args, "json");
	log_quiet(args_flag(s->args, "quiet"));
	if (check_usage(s, e) || lanes_of(s->args, &s->lanes, e) ||
	    overrides_init(&s->overrides, s->args, s->more, s->n_more, e) ||
	    machine_of(s->args, &s->overrides.arena, &machine, e) || read_files(s, e))
		return -1;
	list_points(s, &machine);
	if (s->resume && s->all != 1)
		return err_user(e, "--resume continues one run, and the experiments given make %zu", s->all);
	return choose_points(s, e);
}

static void print_due(struct session *s, bool all)
{
	for (; s->printed < s->total; s->printed++) {
		const struct summary *d = &s->done[s->printed];
		struct buf b = {0};
		if (!d->path && !all && !s->over[s->printed])
			return;
		if (!d->path || !s->json || s->silent)
			continue;
		summary_line(&b, d);
		line_print(&b, stdout);
	}
}

int session_report(struct session *s, size_t i, enum run_outcome outcome, const char *path, struct err *e)
{
	struct summary d = {.skipped = outcome == RUN_SKIPPED};

	if (summary_read(&d, path, e))
		return -1;
	mem_free((char *)s->done[i].path);
	d.path = mem_string(path);
	s->done[i] = d;
	print_due(s, false);
	return 0;
}

bool session_diverged(const struct session *s, size_t i)
{
	return !strcmp(s->done[i].info.state, run_state_name(RUN_DIVERGED));
}

/*
 * Where a run is written. With --run the place is the one that it has among all runs, so that the commands of
 * an array of jobs share one --out, unless that is the name of a result.
 */
void session_path(const struct session *s, size_t i, char path[SESSION_PATH])
{
	const struct settings *run = s->points[i].run;
	const char *end = strrchr(run->out, '.');
	bool alone = args_flag(s->args, "run") && end && !strcmp(end, ".h5");

	if (s->resume)
		snprintf(path, SESSION_PATH, "%s", s->resume);
	else
		run_path(run, NULL, s->all > 1 && !alone, path, SESSION_PATH);
}

struct walk {
	struct session *session;
	struct pool *pool;
	int code;
};

/* session_one() of session_run(). */
static int run_next(void *ctx, const struct settings *run, size_t number, enum run_outcome *outcome,
                    struct err *e)
{
	struct walk *w = ctx;
	struct session *s = w->session;
	char label[48], path[SESSION_PATH];
	struct run_options o = {.path = path,
	                        .overwrite = args_flag(s->args, "overwrite"),
	                        .resume = s->resume != NULL,
	                        .leave_held = s->total > 1,
	                        .label = s->total > 1 ? label : NULL,
	                        .job = s->job,
	                        .replay = s->replay};

	snprintf(label, sizeof(label), "%zu of %zu", number, s->total);
	session_path(s, number - 1, path);
	if (run_one(run, w->pool, &o, outcome, e))
		return -1;
	if (*outcome == RUN_LEFT)
		return 0;
	if (session_report(s, number - 1, *outcome, path, e))
		return -1;
	if (*outcome != RUN_STOPPED && session_diverged(s, number - 1))
		w->code = EXIT_WORLD;
	return 0;
}

int session_stopped(void)
{
	return run_signal_code();
}

const struct settings *session_run_at(const struct session *s, size_t number)
{
	return s->points[number - 1].run;
}

int session_walk(struct session *s, session_one *one, void *ctx, enum run_outcome *end, struct err *e)
{
	bool again = true;

	for (*end = RUN_LEFT; *end == RUN_LEFT && again;) {
		*end = RUN_DID;
		again = false;
		for (size_t i = 0; i < s->total; i++) {
			enum run_outcome outcome = RUN_DID;
			if (s->over[i])
				continue;
			if (one(ctx, session_run_at(s, i + 1), i + 1, &outcome, e))
				return -1;
			if (outcome == RUN_STOPPED) {
				*end = RUN_STOPPED;
				return 0;
			}
			s->over[i] = outcome != RUN_LEFT;
			again |= outcome == RUN_DID || outcome == RUN_BLEW_UP;
			if (outcome == RUN_LEFT)
				*end = RUN_LEFT;
		}
	}
	return 0;
}

/* Runs that another process does are its to finish, and are no failure of this one; but they are not done. */
void session_end(struct session *s)
{
	char path[SESSION_PATH];

	for (size_t i = 0; i < s->total && !run_signal(); i++) {
		if (s->over[i])
			continue;
		session_path(s, i, path);
		log_warn("%s: not done here: another process is at it", path);
	}
	print_due(s, true);
}

int session_run(struct session *s, struct pool *pool)
{
	struct walk walk = {.session = s, .pool = pool, .code = EXIT_DONE};
	enum run_outcome end = RUN_DID;
	struct err e = {0};

	run_catch_signals();
	if (session_walk(s, run_next, &walk, &end, &e)) {
		print_due(s, true);
		s->failed = true;
		return cmd_fail(&e);
	}
	session_end(s);
	return end == RUN_STOPPED ? session_stopped() : walk.code;
}

static void print_one(const struct summary *d)
{
	const struct run_info *i = &d->info;
	char took[32], shown[SESSION_PATH];

	log_duration(i->wall_s, took);
	printf("%s: %s, %lld steps in %s", text_shown(i->name, shown, sizeof(shown)), i->state,
	       (long long)i->steps_done, took);
	if (i->withheld > 0)
		printf(", %lld of them withheld", (long long)i->withheld);
	if (!isnan(i->final_test_accuracy))
		printf(", test accuracy %.2f %% (best %.2f %%)", 100 * i->final_test_accuracy,
		       100 * i->best_test_accuracy);
	if (!isnan(i->final_test_perplexity))
		printf(", test perplexity %.5g (best %.5g)", i->final_test_perplexity,
		       i->best_test_perplexity);
	if (!isnan(i->final_test_loss))
		printf(", test loss %.6g", i->final_test_loss);
	printf("\n%s%s\n", text_shown(d->path, shown, sizeof(shown)), d->skipped ? " (was there)" : "");
}

void session_summary(const struct session *s)
{
	struct summary *rows = mem_alloc((s->total + 1) * sizeof(*rows)); /* [count] */
	size_t count = 0;

	for (size_t i = 0; i < s->total; i++)
		if (s->done[i].path)
			rows[count++] = s->done[i];
	if (s->json || s->silent || args_flag(s->args, "quiet"))
		count = 0;
	if (count == 1 && s->total == 1)
		print_one(&rows[0]);
	else if (count > 0)
		summary_table(rows, count);
	mem_free(rows);
}

void session_clear(struct session *s)
{
	for (size_t i = 0; i < s->n_files; i++)
		runs_clear(&s->files[i]);
	for (size_t i = 0; i < s->total; i++)
		mem_free((char *)s->done[i].path);
	mem_free(s->files);
	mem_free(s->points);
	mem_free(s->done);
	mem_free(s->over);
	overrides_clear(&s->overrides);
}
