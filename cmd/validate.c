/* `signsgd validate`: what a file would run, without running it. */
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include "cmd/coding.h"
#include "cmd/differences.h"
#include "cmd/forecast.h"
#include "cmd/overrides.h"
#include "cmd/summary.h"
#include "cmd/validate_plan.h"
#include "cmd/ui/cmd.h"
#include "cmd/ui/json_line.h"
#include "cmd/ui/pretty.h"
#include "cmd/ui/table.h"
#include "adversary/attack.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/text.h"
#include "experiment/experiment.h"
#include "experiment/repeats.h"
#include "models/model.h"
#include "record/record.h"
#include "train/run.h"
#include "train/shares.h"
#include "train/trainer.h"
#include "transport/transport.h"

enum { RUNS_SHOWN = 100, PATH_BYTES = 4096, REMARK_BYTES = 256 };

/* The smallest and the largest shard of a run. */
struct shares {
	enum shares_known known;
	size_t least, most;
	int64_t poorest, richest; /* workers: the first of those */
};

static double epochs(const struct settings *s)
{
	double epoch = ratio_value(s->steps_per_epoch);

	return epoch > 0 ? (double)s->steps / epoch : NAN;
}

/* What settings that are allowed do to each other; false: nothing worth a word. */
static bool remark(const struct settings *s, char *out, size_t size)
{
	const struct transport *row = (const struct transport *)s->transport.row;
	return row->remark && row->remark(s->transport.state, out, size);
}

/* Of the workers that have data. */
static void find_shares(const struct settings *s, int lanes, struct shares *out, struct err *e)
{
	size_t *size = mem_array((size_t)s->workers, sizeof(*size));
	struct pool *pool = pool_open(lanes);

	*out = (struct shares){.known = shares_find(s, pool, size, e), .least = SIZE_MAX};
	for (int64_t w = 0; out->known == SHARES_KNOWN && w < s->workers; w++) {
		if (s->batch.of[w] > 0 && size[w] < out->least) {
			out->least = size[w];
			out->poorest = w;
		}
		if (size[w] > out->most) {
			out->most = size[w];
			out->richest = w;
		}
	}
	pool_close(pool);
	mem_free(size);
}

static void shares_line(struct buf *b, const struct settings *s, const struct shares *h)
{
	if (h->known == SHARES_NONE)
		return;
	line_open(b, "shards");
	line_bool(b, "known", h->known == SHARES_KNOWN);
	if (h->known == SHARES_KNOWN) {
		line_count(b, "smallest", h->least);
		line_int(b, "smallest_of", h->poorest);
		line_count(b, "largest", h->most);
		line_int(b, "largest_of", h->richest);
	}
	line_int(b, "batches", s->batch.all);
	line_close(b);
}

/* What all steps spend. */
static struct privacy whole_privacy(const struct settings *s)
{
	const struct method m = settings_method(s);
	return method_privacy(&m, s->steps);
}

static void print_line(const struct settings *s, const struct plan *p, const struct shares *h,
                       const char *path, const struct forecast *f, size_t run)
{
	const struct method m = settings_method(s);
	struct buf b = {0};
	char text[REMARK_BYTES];

	line_text(&b, "source", s->source);
	line_text(&b, "name", s->name);
	line_text(&b, "id", s->id);
	line_count(&b, "parameters", p->n_params);
	line_count(&b, "push_bytes", p->push_bytes);
	line_count(&b, "pull_bytes", p->pull_bytes);
	line_count(&b, "bytes_up", p->push_bytes * (size_t)s->workers);
	line_count(&b, "bytes_down", p->pull_bytes * (size_t)s->workers);
	summary_varies(&b, message_varies(&m.push));
	if (m.compressor->privacy) {
		const struct privacy spent = whole_privacy(s);
		summary_privacy(&b, &spent);
	}
	if (s->parts)
		line_int(&b, "gradients", coding_gradients(s));
	line_int(&b, "steps", s->steps);
	line_real(&b, "epochs", epochs(s));
	line_text(&b, "method", s->method);
	line_int(&b, "workers", s->workers);
	line_int(&b, "adversaries", s->adversaries.count);
	if (settings_told_f(s) >= 0)
		line_int(&b, "f", settings_told_f(s));
	shares_line(&b, s, h);
	line_open(&b, "memory");
	line_count(&b, "lane", p->lane);
	for (const struct plan_part *part = plan_parts; part->name; part++)
		line_count(&b, part->name, plan_part_bytes(p, part));
	line_count(&b, "device", p->device);
	line_count(&b, "host", p->total - p->device);
	line_close(&b);
	line_text(&b, "file", path);
	if (remark(s, text, sizeof(text)))
		line_text(&b, "remark", text);
	forecast_line(&b, f, run);
	line_raw(&b, "settings", s->resolved);
	line_print(&b, stdout);
}

static void print_fact(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void print_fact(const char *name, const char *fmt, ...)
{
	char text[PATH_BYTES + 64], shown[PATH_BYTES + 64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printf("  %-12s %s\n", name, text_shown(text, shown, sizeof(shown)));
}

/* Who is Byzantine and what the rule is told of it are two numbers. */
static void print_method(const struct settings *s)
{
	char f[32] = "", attack[ATTACK_NAME] = "";

	if (s->adversaries.count > 0)
		attack_name(&s->adversaries.attack, attack);
	if (settings_told_f(s) >= 0)
		snprintf(f, sizeof(f), ", f = %lld", (long long)settings_told_f(s));
	print_fact("method", "%s%s", s->method, f);
	print_fact("Byzantine", "%lld of %lld workers%s%s", (long long)s->adversaries.count,
	           (long long)s->workers, *attack ? ", " : "", attack);
}

static void print_bytes(const struct settings *s, const struct plan *p)
{
	char push[32], pull[32], up[32], down[32];
	double workers = (double)s->workers;
	const struct method m = settings_method(s);
	const bool varies = message_varies(&m.push);
	const char *most_up = summary_at_most(varies), *most_down = summary_at_most(varies && m.two_way);

	log_bytes((double)p->push_bytes, push);
	log_bytes((double)p->pull_bytes, pull);
	log_bytes(workers * (double)p->push_bytes, up);
	log_bytes(workers * (double)p->pull_bytes, down);
	print_fact("a step", "%s%s up and %s%s down a worker; %s%s up and %s%s down in all", most_up, push,
	           most_down, pull, most_up, up, most_down, down);
}

static void print_privacy(const struct settings *s)
{
	char text[PRIVACY_TEXT];
	const struct privacy spent = whole_privacy(s);
	if (settings_method(s).compressor->privacy)
		print_fact("privacy", "%s", privacy_text(&spent, s->steps, text));
}

static void print_coding(const struct settings *s)
{
	char text[CODING_TEXT];
	if (s->parts)
		print_fact("coding", "%s", coding_text(s, text));
}

static void print_shares(const struct settings *s, const struct shares *h)
{
	const char *unit = s->shape.window > 0 ? "tokens" : "samples";

	if (h->known == SHARES_LABELS)
		print_fact("shards", "%s: they follow from the labels, and the data are not here",
		           s->partition.row->name);
	if (h->known != SHARES_KNOWN)
		return;
	if (h->least == h->most)
		print_fact("shards", "%s: %zu %s each; a step takes %lld", s->partition.row->name, h->most,
		           unit, (long long)s->batch.all);
	else
		print_fact("shards", "%s: from %zu %s (worker %lld) to %zu (worker %lld); a step takes %lld",
		           s->partition.row->name, h->least, unit, (long long)h->poorest, h->most,
		           (long long)h->richest, (long long)s->batch.all);
}

static void print_validation(const struct settings *s)
{
	if (s->shape.n_validation > 0)
		print_fact("validation", "%zu %s that nobody trains on; %zu are left", s->shape.n_validation,
		           s->shape.window > 0 ? "tokens" : "samples", s->shape.n_train);
}

/* What simulate would find at the output path: "" or " (there: finished)". */
static void presence(const struct settings *s, const char *path, char out[64])
{
	struct run_info info;
	struct err e = {0};

	out[0] = '\0';
	if (!record_info(path, &info, &e))
		snprintf(out, 64, " (there: %s)", strcmp(info.id, s->id) ? "another run" : info.state);
}

/* All of one run. */
static void print_run(const struct settings *s, const struct plan *p, const struct shares *h,
                      const char *path, const struct forecast *f)
{
	char shown[160], there[64], text[REMARK_BYTES];

	presence(s, path, there);
	printf("\n%s, id %s\n", text_shown(s->name, shown, sizeof(shown)), s->id);
	print_fact("parameters", "%zu", p->n_params);
	if (s->steps_per_epoch.over > 0)
		print_fact("steps", "%lld, which is %.4g epochs", (long long)s->steps, epochs(s));
	else
		print_fact("steps", "%lld", (long long)s->steps);
	print_method(s);
	print_validation(s);
	print_shares(s, h);
	print_coding(s);
	print_bytes(s, p);
	print_privacy(s);
	print_fact("output", "%s%s", path, there);
	forecast_print_run(f, 0);
	if (remark(s, text, sizeof(text)))
		print_fact("remark", "%s", text);
	validate_print_network(s, p);
	validate_print_memory(p);
	fputs("  settings\n    ", stdout);
	pretty_print(stdout, 4, s->resolved);
	putchar('\n');
}

static void path_of(const struct runs *r, size_t i, const struct args *a, char path[PATH_BYTES])
{
	run_path(&r->at[i], NULL, r->count > 1 || a->n_rest > 1, path, PATH_BYTES);
}

/* The runs of a sweep, a row each: what the file gives them otherwise than the first, and what follows. */
static void print_runs(const struct runs *r, const struct plan *plans, const struct args *a)
{
	size_t shown = r->count <= RUNS_SHOWN ? r->count : RUNS_SHOWN;
	struct differences d;
	struct table t;

	differences_find(&d, r);
	table_init(&t, differences_align(&d));
	differences_head(&d, &t);
	for (size_t i = 0; i < shown; i++) {
		char path[PATH_BYTES], there[64], memory[32];
		const struct plan *plan = &plans[i];
		struct err none = {0};
		path_of(r, i, a, path);
		presence(&r->at[i], path, there);
		log_bytes((double)plan->total, memory);
		differences_row(&d, &t, i);
		table_cell(&t, "%zu", plan->n_params);
		table_cell(&t, "%lld", (long long)r->at[i].steps);
		table_cell(&t, "%s%s", memory, plan_room(plan, &none) ? ", not enough" : "");
		table_cell(&t, "%s%s", path, there);
	}
	printf("\n");
	table_print(&t, stdout, 2);
	if (shown < r->count)
		printf("  and %zu more; --json shows them all\n", r->count - shown);
	table_clear(&t);
	differences_clear(&d);
}

static void say_runs(const struct runs *r, const struct plan *plans, const struct shares *h,
                     const struct forecast *f, const char *file, const struct args *a)
{
	bool json = args_flag(a, "json"), many = r->count > 1;
	char path[PATH_BYTES], name[PATH_BYTES];

	if (!json)
		printf("%s: %zu run%s\n", text_shown(file, name, sizeof(name)), r->count,
		       many ? "s, of which this is the first" : "");
	for (size_t i = 0; i < (json ? r->count : 1); i++) {
		path_of(r, i, a, path);
		if (json)
			print_line(&r->at[i], &plans[i], &h[i], path, f, i);
		else
			print_run(&r->at[i], &plans[i], &h[i], path, f);
	}
	if (!many || json)
		return;
	print_runs(r, plans, a);
	forecast_print(f);
}

/* Files that parameters come from are opened here too: what is in them is part of the experiment. */
static int check_starts(const struct runs *r, const struct plan *plans, struct err *e)
{
	for (size_t i = 0; i < r->count; i++) {
		if (trainer_check_transport(&r->at[i], e))
			return -1;
		if (plans[i].total <= machine_memory().bytes &&
		    trainer_check_start(&r->at[i], plans[i].n_params, e))
			return -1;
	}
	return 0;
}

/* Of the runs that are shown in full, into [runs]; shares that cannot be are refused. */
static int check_shares(const struct runs *r, int lanes, const struct args *a, struct shares *out,
                        struct err *e)
{
	for (size_t i = 0; i < (args_flag(a, "json") ? r->count : 1); i++) {
		struct err why = {0};
		find_shares(&r->at[i], lanes, &out[i], &why);
		if (out[i].known == SHARES_REFUSED) {
			*e = why;
			return -1;
		}
	}
	return 0;
}

/* A file that could be read: say it, or why it cannot run. */
static int say_file(const struct runs *r, const char *file, int lanes, const struct args *a)
{
	struct shares *shares = mem_array(r->count, sizeof(*shares));
	struct plan *plans = mem_array(r->count, sizeof(*plans));
	struct forecast forecast = {0};
	struct err e = {0};
	int code = EXIT_DONE;

	for (size_t i = 0; i < r->count; i++)
		trainer_plan(&r->at[i], lanes, &plans[i]);
	if (check_starts(r, plans, &e) || check_shares(r, lanes, a, shares, &e) ||
	    forecast_open(&forecast, r, plans, a, lanes, &e))
		code = cmd_fail(&e);
	else
		say_runs(r, plans, shares, &forecast, file, a);
	forecast_clear(&forecast);
	mem_free(plans);
	mem_free(shares);
	return code;
}

/* Every file is looked at, so that one round of corrections is enough. */
static int say_files(const struct args *a, const struct overrides *c, int lanes)
{
	struct runs *files = mem_alloc(a->n_rest * sizeof(*files)); /* [n_rest] */
	int code = EXIT_DONE;
	struct err again = {0};

	for (size_t i = 0; i < a->n_rest; i++) {
		struct err e = {0};
		int said = overrides_read(c, a, a->rest[i], &files[i], &e)
		                   ? cmd_fail(&e)
		                   : say_file(&files[i], a->rest[i], lanes, a);
		code = said != EXIT_DONE ? said : code;
	}
	if (refuse_repeated_files(files, a->n_rest, &again))
		code = cmd_fail(&again);
	for (size_t i = 0; i < a->n_rest; i++)
		runs_clear(&files[i]);
	mem_free(files);
	return code;
}

static int validate(const struct args *a)
{
	struct overrides overrides = {0};
	struct err e = {0};
	int lanes, code;

	if (!a->n_rest)
		err_user(&e,
		         "validate needs an experiment file, as in 'signsgd validate experiments/demo.json'");
	if (e.code || lanes_of(a, &lanes, &e) || overrides_init(&overrides, a, NULL, 0, &e))
		code = cmd_fail(&e);
	else
		code = say_files(a, &overrides, lanes);
	overrides_clear(&overrides);
	return code;
}

static const struct option options[] = {
        OVERRIDE_OPTIONS,
        LANES_OPTION,
        GRID_OPTION,
        FORECAST_OPTIONS,
        {"json", NULL, "one line of JSON a run"},
        {NULL, NULL, NULL},
};

const struct command cmd_validate = {
        .name = "validate",
        .about = "check experiment files and say what they would run",
        .usage = "validate FILE.json... [OPTION]...",
        .details =
                "The resolved settings, the number of parameters, bytes on the wire a step, memory by "
                "part, steps and epochs, the smallest and the largest shard (for which the data set is "
                "read where labels decide), and where the result would go. Of a sweep all that for the first "
                "run, and for every run what differs; then how many runs there are and how many are left "
                "out, how long all take, "
                "by a step of each kind that is timed on made-up samples (without reading images, "
                "measurements "
                "of `record` and networks), and what their files take. A file that `init` names is read. The "
                "options "
                "change the settings as those of 'simulate' do.",
        .example = "signsgd validate experiments/demo.json\n"
                   "signsgd validate experiments/fashion-7.json --workers 15 --json",
        .options = options,
        .run = validate,
};
