/* `signsgd show`: result files in a terminal, finished or still growing. */
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include "cmd/ui/cmd.h"
#include "cmd/ui/curve.h"
#include "cmd/ui/json_line.h"
#include "cmd/summary.h"
#include "config/json.h"
#include "h5/h5_replace.h"
#include "cmd/ui/table.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "data/dataset.h"
#include "experiment/identity.h"
#include "h5/h5.h"
#include "record/record.h"
#include "registry.h"

/* What can be drawn, the first that has a value; the first of all only of text. */
static const struct view {
	const char *y, *x;
	const char *title, *title_without_data;
} views[] = {
        {"/evals/test_perplexity", "/evals/step", "test perplexity", ""},
        {"/evals/test_accuracy", "/evals/step", "test accuracy", ""},
        {"/evals/test_loss", "/evals/step", "test loss", "objective"},
        {"/steps/loss", "/steps/step", "loss of the mini-batches", "objective"},
};

static const char *shown(const char *text)
{
	static char out[4096];
	return text_shown(text, out, sizeof(out));
}

/* How often the length of the run was changed; none where the file does not say, which has just been read. */
static struct record_extended *extensions(const struct summary *r, size_t *count)
{
	struct record_extended *rows;
	struct err ignored = {0};
	record_extensions(r->path, &rows, count, &ignored);
	return rows;
}

static void line_extended(struct buf *b, const struct summary *r)
{
	size_t count;
	struct record_extended *rows = extensions(r, &count);
	struct buf list = {0};
	buf_add(&list, "[");
	for (size_t i = 0; i < count; i++) {
		buf_format(&list, "%s{\"step\":%" PRId64 ",\"id\":", i ? "," : "", rows[i].step);
		json_write_string(&list, rows[i].id);
		buf_add(&list, "}");
	}
	buf_add(&list, "]");
	line_raw(b, "extended", list.text);
	buf_clear(&list);
	mem_free(rows);
}

/* Files of earlier versions say only what the identity is made from. */
static void add_identity(struct buf *b, const char *path)
{
	struct buf group = {0};
	struct err ignored = {0}; /* null: not known */
	struct h5 *f = h5_open(path, &ignored);
	bool says = f && h5_has(f, "/config/identity");
	char *text = f ? h5_read_text(f, says ? "/config/identity" : "/config/resolved", &ignored) : NULL;

	if (text && says)
		buf_add(&group, text);
	else if (text)
		group_of_resolved(path, text, &group, &ignored);
	line_text(b, "identity", group.text);
	buf_clear(&group);
	mem_free(text);
	h5_close(f);
}

/* The certificate's last row; null without one. */
static void line_certificate(struct buf *b, const struct summary *r)
{
	struct err ignored = {0}; /* the file has just been read; what it does not say is not shown */
	struct buf out = {0};
	double *turned;
	size_t count;
	int64_t step = 0;
	record_certificate(r->path, &step, &turned, &count, &ignored);
	for (size_t f = 0; f < count; f++)
		buf_format(&out, "%s%.17g", f ? "," : "", turned[f]);
	if (count > 0) {
		line_open(b, "certificate");
		line_int(b, "step", step);
		char *list = mem_format("[%s]", out.text);
		line_raw(b, "turned", list);
		mem_free(list);
		line_close(b);
	} else {
		line_raw(b, "certificate", "null");
	}
	buf_clear(&out);
	mem_free(turned);
}

/* Files say only what there is some of. */
static void line_count_or_null(struct buf *b, const char *name, int64_t count)
{
	if (count > 0)
		line_int(b, name, count);
	else
		line_raw(b, name, "null");
}

static void print_line(const struct summary *r)
{
	const struct run_info *i = &r->info;
	struct buf b = {0};

	summary_line(&b, r);
	line_int(&b, "steps_planned", i->steps);
	line_text(&b, "why", *i->why ? i->why : NULL);
	line_text(&b, "start", i->start);
	line_extended(&b, r);
	line_text(&b, "seed", r->seed);
	line_text(&b, "model", i->model);
	line_text(&b, "data", i->data);
	line_text(&b, "data_id", *i->data_id ? i->data_id : NULL);
	line_text(&b, "data_note", *i->data_note ? i->data_note : NULL);
	line_count_or_null(&b, "data_skipped", i->data_skipped);
	line_count_or_null(&b, "data_odd", i->data_odd);
	line_text(&b, "aggregator", i->aggregator);
	line_int(&b, "workers", i->workers);
	line_int(&b, "adversaries", i->adversaries);
	line_text(&b, "attack", i->attack);
	line_real(&b, "final_train_loss", i->final_train_loss);
	line_certificate(&b, r);
	add_identity(&b, r->path);
	line_print(&b, stdout);
}

static void fact(struct table *t, const char *name)
{
	table_cell(t, "%s", name);
}

/* What was trained on, and what of it was not. */
static void data_facts(struct table *t, const struct run_info *i)
{
	struct buf b = {0};

	if (*i->data_id)
		buf_format(&b, "; data_id %s", i->data_id);
	if (i->data_skipped > 0)
		buf_format(&b, "; files not trained on: %" PRId64, i->data_skipped);
	if (i->data_odd > 0)
		buf_format(&b, "; odd images: %" PRId64, i->data_odd);
	if (*i->data_note)
		buf_format(&b, "; %s", i->data_note);
	if (b.length) {
		fact(t, "data");
		table_cell(t, "%s", b.text + 2);
	}
	buf_clear(&b);
}

static void bytes_fact(struct table *t, const struct run_info *i)
{
	char push[32], pull[32], up[32], down[32];

	log_bytes((double)i->push_bytes, push);
	log_bytes((double)i->pull_bytes, pull);
	log_bytes((double)i->bytes_up, up);
	log_bytes((double)i->bytes_down, down);
	fact(t, "a step");
	table_cell(t, "%s%s up and %s%s down a worker; %s up and %s down in all, %" PRId64 " voters",
	           summary_at_most(i->push_varies), push, summary_at_most(i->pull_varies), pull, up, down,
	           i->n_voters);
}

static void extended_facts(struct table *t, const struct summary *r)
{
	size_t count;
	struct record_extended *rows = extensions(r, &count);
	struct buf said = {0};
	for (size_t i = 0; i < count; i++)
		buf_format(&said, "%safter step %" PRId64 " (was %s)", i ? ", " : "", rows[i].step,
		           rows[i].id);
	if (count) {
		fact(t, "extended");
		table_cell(t, "%s", said.text);
	}
	buf_clear(&said);
	mem_free(rows);
}

static void progress_facts(struct table *t, const struct run_info *i)
{
	char took[32], withheld[64] = "";

	log_duration(i->wall_s, took);
	fact(t, "state");
	table_cell(t, "%s%s%s", i->state, *i->why ? ": " : "", i->why);
	fact(t, "steps");
	if (i->withheld > 0)
		snprintf(withheld, sizeof withheld, "; %" PRId64 " of them were withheld", i->withheld);
	table_cell(t, "%" PRId64 " of %" PRId64 " in %s%s", i->steps_done, i->steps, took, withheld);
	if (i->has_privacy) {
		char spent[PRIVACY_TEXT];
		fact(t, "privacy");
		table_cell(t, "%s", privacy_text(&i->privacy, i->steps_done, spent));
	}
}

/* A data set that this program does not know has data all the same. */
static bool has_data(const struct run_info *i)
{
	const struct data_source *source = (const struct data_source *)family_find(&family_data, i->data);
	return !source || source->load;
}

static void result_facts(struct table *t, const struct run_info *i)
{
	if (!isnan(i->final_test_accuracy)) {
		fact(t, "accuracy");
		table_cell(t, "%.2f %% on test data, best %.2f %%", 100 * i->final_test_accuracy,
		           100 * i->best_test_accuracy);
	}
	if (!isnan(i->final_test_perplexity)) {
		fact(t, "perplexity");
		table_cell(t, "%.6g on test data, best %.6g; %.4f bits a token", i->final_test_perplexity,
		           i->best_test_perplexity, i->final_test_bits);
	}
	if (!isnan(i->final_test_loss)) {
		fact(t, has_data(i) ? "loss" : "objective");
		table_cell(t, "%.6g%s, best %.6g", i->final_test_loss, has_data(i) ? " on test data" : "",
		           i->best_test_loss);
	}
	if (!isnan(i->final_validation_accuracy)) {
		fact(t, "validation");
		table_cell(t, "%.2f %%, best %.2f %%; loss %.6g", 100 * i->final_validation_accuracy,
		           100 * i->best_validation_accuracy, i->final_validation_loss);
	}
	if (has_data(i) && !isnan(i->final_train_loss)) {
		fact(t, "train loss");
		table_cell(t, "%.6g", i->final_train_loss);
	}
}

/* From one voter, and from as many as are Byzantine. */
static void certificate_facts(struct table *t, const struct summary *r)
{
	struct err ignored = {0}; /* as in line_certificate() */
	size_t count, byzantine = (size_t)r->info.adversaries;
	double *turned;
	int64_t step = 0;
	record_certificate(r->path, &step, &turned, &count, &ignored);
	if (count > 0) {
		char more[80] = "";
		if (byzantine > 1 && byzantine <= count)
			snprintf(more, sizeof more, ", of %.2f %% from any %zu",
			         100 * (1 - turned[byzantine - 1]), byzantine);
		fact(t, "certificate");
		table_cell(t,
		           "in step %" PRId64
		           " the vote of %.2f %% of the coordinates was safe from any one voter%s",
		           step, 100 * (1 - turned[0]), more);
	}
	mem_free(turned);
}

/* Nobody is at fault where a step is withheld because workers are not there. */
static void fault_facts(struct table *t, const struct summary *r)
{
	const char *rest = r->info.withheld > 0 ? "; too few messages were there in withheld steps" : "";
	struct buf said = {0};
	struct err ignored = {0}; /* the file has just been read; what it does not say is not shown */
	if (!record_say_faults(r->path, &said, &ignored) && said.length) {
		fact(t, "faults");
		table_cell(t, "%s%s", said.text, strcmp(said.text, "nothing") == 0 ? rest : "");
	}
	buf_clear(&said);
}

static void print_facts(const struct summary *r)
{
	const struct run_info *i = &r->info;
	struct table t;

	printf("%s\n", shown(r->path));
	table_init(&t, "lw");
	fact(&t, "run");
	table_cell(&t, "%s, id %s, seed %s, begun %s", i->name, i->id, r->seed, i->start);
	fact(&t, "trains");
	table_cell(&t, "%s%s%s, %s of %" PRId64 " workers", i->model, has_data(i) ? " on " : "",
	           has_data(i) ? i->data : "", i->aggregator, i->workers);
	data_facts(&t, i);
	fact(&t, "adversaries");
	table_cell(&t, "%" PRId64 " of %" PRId64 "%s%s", i->adversaries, i->workers,
	           i->adversaries ? ", " : "", i->adversaries ? i->attack : "");
	progress_facts(&t, i);
	extended_facts(&t, r);
	bytes_fact(&t, i);
	result_facts(&t, i);
	certificate_facts(&t, r);
	fault_facts(&t, r);
	table_print(&t, stdout, 2);
	table_clear(&t);
}

static bool any_value(const double *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (isfinite(values[i]))
			return true;
	return false;
}

/* Both columns are read from the file as it is at that moment; a writer may add a row between the two. */
static int read_view(const char *path, const struct view *v, struct curve *c, double **x, double **y,
                     struct err *e)
{
	size_t n_x, n_y;

	*x = NULL;
	*y = NULL;
	if (record_column(path, v->x, x, &n_x, e) || record_column(path, v->y, y, &n_y, e)) {
		mem_free(*x);
		return -1;
	}
	*c = (struct curve){.x_label = "step", .x = *x, .y = *y, .count = n_x < n_y ? n_x : n_y};
	return 0;
}

static int print_curve(const struct summary *r, struct err *e)
{
	const size_t n_views = sizeof(views) / sizeof(views[0]);

	for (size_t v = isnan(r->info.final_test_perplexity); v < n_views; v++) {
		struct curve c;
		double *x, *y;
		if (read_view(r->path, &views[v], &c, &x, &y, e))
			return -1;
		c.title = has_data(&r->info) ? views[v].title : views[v].title_without_data;
		bool drawn = any_value(y, c.count) || v + 1 == n_views;
		if (drawn)
			curve_print(stdout, &c, terminal_columns(stdout), terminal_unicode());
		mem_free(x);
		mem_free(y);
		if (drawn)
			break;
	}
	return 0;
}

static int print_curves(const struct summary *reports, size_t count)
{
	int code = EXIT_DONE;

	for (size_t i = 0; i < count; i++) {
		struct err e = {0};
		putchar('\n');
		if (count > 1)
			printf("%s\n", shown(reports[i].path));
		if (print_curve(&reports[i], &e))
			code = cmd_fail(&e);
	}
	return code;
}

static int print_all(const struct summary *reports, size_t count, bool json)
{
	for (size_t i = 0; i < count && json; i++)
		print_line(&reports[i]);
	if (json || !count)
		return EXIT_DONE;
	if (count == 1)
		print_facts(&reports[0]);
	else
		summary_table(reports, count);
	return print_curves(reports, count);
}

static bool is_checkpoint(const char *path)
{
	struct err ignored = {0};
	char *target = NULL;
	bool is = h5_may_replace(path, H5_CHECKPOINT, &target, &ignored) > 0;

	mem_free(target);
	return is;
}

/*
 * A folder's files names the checkpoints of unfinished runs too: beside results they are passed over, with a
 * word. Where there is nothing else each is refused by what it is. over [n_rest].
 */
static void pass_over(const struct args *a, bool over[])
{
	size_t count = 0;

	for (size_t i = 0; i < a->n_rest; i++) {
		over[i] = is_checkpoint(a->rest[i]);
		count += over[i];
	}
	for (size_t i = 0; i < a->n_rest; i++) {
		over[i] = over[i] && count < a->n_rest;
		if (over[i])
			log_say("%s: a checkpoint of a run, no result: passed over", shown(a->rest[i]));
	}
}

/* What can be read is shown, even when another of the files cannot. */
static int show(const struct args *a)
{
	struct summary *reports = mem_alloc((a->n_rest + 1) * sizeof(*reports)); /* [n_rest] */
	bool *over = mem_alloc((a->n_rest + 1) * sizeof(*over));                 /* [n_rest] */
	struct err e = {0};
	size_t count = 0;
	int code = EXIT_DONE;

	pass_over(a, over);
	for (size_t i = 0; i < a->n_rest; i++) {
		e = (struct err){0};
		if (over[i])
			continue;
		if (summary_read(&reports[count], a->rest[i], &e))
			code = cmd_fail(&e);
		else
			count++;
	}
	if (!a->n_rest) {
		err_user(&e, "show needs a result file, as in 'signsgd show demo/*.h5'");
		code = cmd_fail(&e);
	}
	int drawn = print_all(reports, count, args_flag(a, "json"));
	mem_free(over);
	mem_free(reports);
	return code ? code : drawn;
}

static const struct option options[] = {
        {"json", NULL, "one line of JSON a file"},
        {NULL, NULL, NULL},
};

const struct command cmd_show = {
        .name = "show",
        .about = "summarise result files and draw their curves",
        .usage = "show RUN.h5... [OPTION]...",
        .details = "Draws test accuracy against the step, or the loss where there are no labels, as wide "
                   "as the terminal. A run that still goes on can be looked at.",
        .example = "signsgd simulate experiments/demo.json --out demo\n"
                   "signsgd show demo/*.h5",
        .options = options,
        .run = show,
};
