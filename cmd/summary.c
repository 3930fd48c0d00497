/* Lines and tables about result files. */
#include "cmd/summary.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include "cmd/ui/json_line.h"
#include "cmd/ui/table.h"
#include "h5/h5.h"
#include "base/text.h"

static double rate(const struct run_info *i)
{
	return i->wall_s > 0 ? (double)i->steps_done / i->wall_s : NAN;
}

int summary_read(struct summary *r, const char *path, struct err *e)
{
	struct h5 *f = record_info(path, &r->info, e) ? NULL : h5_open(path, e);
	char *seed = f ? h5_get_text(f, "/meta", "seed", e) : NULL;

	if (seed)
		snprintf(r->seed, sizeof(r->seed), "%s", seed);
	r->path = path;
	mem_free(seed);
	h5_close(f);
	return seed ? 0 : -1;
}

void summary_privacy(struct buf *b, const struct privacy *p)
{
	line_open(b, "privacy");
	line_real(b, "epsilon", p->epsilon);
	line_real(b, "delta", p->delta);
	line_real(b, "renyi_epsilon", p->renyi_epsilon);
	line_real(b, "renyi_delta", p->renyi_delta);
	line_close(b);
}

void summary_line(struct buf *b, const struct summary *r)
{
	const struct run_info *i = &r->info;

	line_text(b, "name", i->name);
	line_text(b, "id", i->id);
	line_text(b, "state", i->state);
	line_int(b, "steps", i->steps_done);
	line_real(b, "final_test_accuracy", i->final_test_accuracy);
	line_real(b, "final_test_loss", i->final_test_loss);
	line_real(b, "best_test_accuracy", i->best_test_accuracy);
	line_real(b, "best_test_loss", i->best_test_loss);
	if (!isnan(i->final_validation_loss)) {
		line_real(b, "final_validation_accuracy", i->final_validation_accuracy);
		line_real(b, "final_validation_loss", i->final_validation_loss);
		line_real(b, "best_validation_accuracy", i->best_validation_accuracy);
		line_real(b, "best_validation_loss", i->best_validation_loss);
	}
	line_real(b, "wall_s", i->wall_s);
	line_real(b, "steps_per_s", rate(i));
	line_count(b, "push_bytes", i->push_bytes);
	line_count(b, "pull_bytes", i->pull_bytes);
	line_count(b, "bytes_up", i->bytes_up);
	line_count(b, "bytes_down", i->bytes_down);
	line_int(b, "n_voters", i->n_voters);
	if (i->withheld > 0)
		line_int(b, "withheld", i->withheld);
	if (i->has_privacy)
		summary_privacy(b, &i->privacy);
	line_text(b, "file", r->path);
}

const char *summary_at_most(bool varies)
{
	return varies ? "at most " : "";
}

static void add_row(struct table *t, const struct summary *r)
{
	const struct run_info *i = &r->info;

	table_cell(t, "%s", i->name);
	table_cell(t, "%s", r->seed);
	table_cell(t, "%" PRId64 " of %" PRId64, i->adversaries, i->workers);
	table_cell(t, "%s", i->adversaries ? i->attack : "-");
	table_cell(t, "%s", i->aggregator);
	table_cell(t, "%" PRId64, i->steps_done);
	table_real(t, 2, 100 * i->final_test_accuracy, "%");
	table_real(t, 2, 100 * i->best_test_accuracy, "%");
	table_cell(t, "%.5g", i->final_test_loss);
	table_real(t, 0, rate(i), "");
	table_cell(t, "%s%s", i->state, r->skipped ? " before" : "");
	table_cell(t, "%s", r->path);
}

/* What must be said of row i's data, unless it was said for an earlier row. */
static void print_note(const struct summary *rows, size_t i)
{
	const char *note = rows[i].info.data_note;
	char shown[1024];

	for (size_t k = 0; k < i; k++)
		if (!strcmp(rows[k].info.data_note, note))
			return;
	if (*note)
		printf("data: %s\n", text_shown(note, shown, sizeof(shown)));
}

void summary_table(const struct summary *rows, size_t count)
{
	static const char *const head[] = {"run",      "seed", "Byzantine", "attack",  "aggregator", "steps",
	                                   "accuracy", "best", "loss",      "steps/s", "state",      "file"};
	struct table t;

	table_init(&t, "lrrllrrrrrll");
	for (size_t c = 0; c < sizeof(head) / sizeof(head[0]); c++)
		table_cell(&t, "%s", head[c]);
	for (size_t i = 0; i < count; i++)
		add_row(&t, &rows[i]);
	table_print(&t, stdout, 0);
	table_clear(&t);
	for (size_t i = 0; i < count; i++)
		print_note(rows, i);
}
