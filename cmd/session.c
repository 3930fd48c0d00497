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

enum { PATH_BYTES = 4096 };

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
	if (s->resume && args_value(s->args, "out"))
		return err_user(e, "--resume writes to the file it continues; leave out --out");
	return 0;
}

/* --run N leaves one run in the session. */
static int choose_run(struct session *s, struct err *e)
{
	long long number = 0;
	if (args_int(s->args, "run", 1, (long long)s->total, &number, e))
		return -1;
	if (number == 0)
		return 0;
	const struct settings *run = session_run_at(s, (size_t)number);
	for (size_t f = 0; f < s->n_files; f++) {
		struct runs *file = &s->files[f];
		bool here = run >= file->at && run < file->at + file->count;
		*file = (struct runs){.arena = file->arena,
		                      .at = here ? file->at + (run - file->at) : file->at,
		                      .count = here};
	}
	s->chosen = s->total > 1;
	s->total = 1;
	return 0;
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
	for (size_t i = 0; i < s->n_files; i++) {
		s->total += s->files[i].count;
		for (size_t r = 0; r < s->files[i].count; r++) {
			s->files[i].at[r].profile = args_flag(s->args, "profile");
			s->files[i].at[r].machine = machine;
		}
	}
	if (s->resume && s->total != 1)
		return err_user(e, "--resume continues one run, and the experiments given make %zu",
		                s->total);
	if (choose_run(s, e))
		return -1;
	s->done = mem_alloc((s->total + 1) * sizeof(*s->done)); /* [total] */
	s->over = mem_alloc((s->total + 1) * sizeof(*s->over)); /* [total] */
	return 0;
}

static int report(struct session *s, enum run_outcome outcome, const char *path, struct err *e)
{
	struct summary *d = &s->done[s->n_done];
	struct buf b = {0};

	if (summary_read(d, path, e))
		return -1;
	d->path = mem_string(path);
	d->skipped = outcome == RUN_SKIPPED;
	s->n_done++;
	if (s->json) {
		summary_line(&b, d);
		line_print(&b, stdout);
	}
	return 0;
}

/*
 * Where a run is written. With --run the place is the one that it has among all runs, so that the commands of
 * an array of jobs share one --out, unless that is the name of a result.
 */
static void path_of(const struct session *s, const struct settings *run, char path[PATH_BYTES])
{
	const char *end = strrchr(run->out, '.');
	bool many = s->total > 1 || (s->chosen && !(end && !strcmp(end, ".h5")));

	if (s->resume)
		snprintf(path, PATH_BYTES, "%s", s->resume);
	else
		run_path(run, NULL, many, path, PATH_BYTES);
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
	char label[48], path[PATH_BYTES];
	struct run_options o = {.path = path,
	                        .overwrite = args_flag(s->args, "overwrite"),
	                        .resume = s->resume != NULL,
	                        .leave_held = s->total > 1,
	                        .label = s->total > 1 ? label : NULL,
	                        .job = s->job,
	                        .replay = s->replay};

	snprintf(label, sizeof(label), "%zu of %zu", number, s->total);
	path_of(s, run, path);
	if (run_one(run, w->pool, &o, outcome, e))
		return -1;
	if (*outcome == RUN_LEFT)
		return 0;
	if (report(s, *outcome, path, e))
		return -1;
	if (*outcome != RUN_STOPPED &&
	    !strcmp(s->done[s->n_done - 1].info.state, run_state_name(RUN_DIVERGED)))
		w->code = EXIT_WORLD;
	return 0;
}

int session_stopped(void)
{
	return run_signal_code();
}

const struct settings *session_run_at(const struct session *s, size_t number)
{
	const struct runs *file = s->files;

	for (number--; number >= file->count; file++)
		number -= file->count;
	return &file->at[number];
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
static void say_left(const struct session *s)
{
	char path[PATH_BYTES];

	for (size_t i = 0; i < s->total; i++) {
		if (s->over[i])
			continue;
		path_of(s, session_run_at(s, i + 1), path);
		log_warn("%s: not done here: another process is at it", path);
	}
}

int session_run(struct session *s, struct pool *pool)
{
	struct walk walk = {.session = s, .pool = pool, .code = EXIT_DONE};
	enum run_outcome end = RUN_DID;
	struct err e = {0};

	run_catch_signals();
	if (session_walk(s, run_next, &walk, &end, &e)) {
		s->failed = true;
		return cmd_fail(&e);
	}
	if (end == RUN_STOPPED)
		return session_stopped();
	say_left(s);
	return walk.code;
}

static void print_one(const struct summary *d)
{
	const struct run_info *i = &d->info;
	char took[32], shown[PATH_BYTES];

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
	if (s->json || args_flag(s->args, "quiet") || !s->n_done)
		return;
	if (s->total == 1)
		print_one(&s->done[0]);
	else
		summary_table(s->done, s->n_done);
}

void session_clear(struct session *s)
{
	for (size_t i = 0; i < s->n_files; i++)
		runs_clear(&s->files[i]);
	for (size_t i = 0; i < s->n_done; i++)
		mem_free((char *)s->done[i].path);
	mem_free(s->files);
	mem_free(s->done);
	mem_free(s->over);
	overrides_clear(&s->overrides);
}
