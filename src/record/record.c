/* Writing a result file: rows are gathered in memory, a buffer a column, and appended when one is full. */
#include "record/record.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "record/record_internal.h"

enum { COLUMNS_MAX = 24, EVAL_ROWS = 64, COLUMN_PATH_BYTES = 64 };

/* Runs that have a quantity, where not all do. */
enum { OF_WITHHOLDING = 1, OF_PRIVACY = 2, OF_TEXT = 4, OF_CODING = 8, OF_VALIDATION = 16 };

/* A quantity: where it stands in a row's struct, and what the file says of it. */
struct quantity {
	const char *name;
	enum h5_type type;
	size_t bytes, offset;
	unsigned of; /* OF_ */
	const char *unit, *about;
};

#define IN_SOME(row, member, of) sizeof(((struct row *)0)->member), offsetof(struct row, member), of
#define IN(row, member)          IN_SOME(row, member, 0)

static const struct quantity step_quantities[] = {
        {"step", H5_I64, IN(step_row, step), "steps", "steps done, from 1"},
        {"epoch", H5_F64, IN(step_row, epoch), "epochs", "samples so far over those in use; 0 without data"},
        {"loss", H5_F64, IN(step_row, loss), "1",
         "mean over the honest workers' mini-batch losses before the step"},
        {"lr", H5_F64, IN(step_row, lr), "1", "learning rate of the step"},
        {"bytes_up", H5_U64, IN(step_row, bytes_up), "bytes", "what all workers sent in this step"},
        {"bytes_down", H5_U64, IN(step_row, bytes_down), "bytes", "what all workers received in this step"},
        {"bytes_busiest", H5_U64, IN(step_row, bytes_busiest), "bytes",
         "what the busiest process sent and received in this step"},
        {"n_voters", H5_I32, IN(step_row, n_voters), "workers", "messages that counted in this step"},
        {"wall_s", H5_F64, IN(step_row, wall_s), "s",
         "time since the run began, including what came before a resumption"},
        {"compute_s", H5_F64, IN(step_row, compute_s), "s", "time for the workers' gradients"},
        {"encode_s", H5_F64, IN(step_row, encode_s), "s", "time for momentum and messages"},
        {"wait_s", H5_F64, IN(step_row, wait_s), "s", "of exchange_s: until the last message was there"},
        {"exchange_s", H5_F64, IN(step_row, exchange_s), "s", "time for exchange and vote"},
        {"apply_s", H5_F64, IN(step_row, apply_s), "s", "time for stepping the parameters"},
        {"data_s", H5_F64, IN(step_row, data_s), "s",
         "of compute_s: a lane's mean time for waiting for its batches and gathering them"},
        {"withheld", H5_I64, IN_SOME(step_row, withheld, OF_WITHHOLDING), "steps",
         "steps since the row before, this one included, that were withheld: without an answer, which "
         "changes no parameter"},
        {"privacy_epsilon", H5_F64, IN_SOME(step_row, privacy.epsilon, OF_PRIVACY), "1",
         "what a worker's messages have spent so far, the steps added up"},
        {"privacy_delta", H5_F64, IN_SOME(step_row, privacy.delta, OF_PRIVACY), "1",
         "the delta of privacy_epsilon"},
        {"privacy_renyi_epsilon", H5_F64, IN_SOME(step_row, privacy.renyi_epsilon, OF_PRIVACY), "1",
         "the same by Renyi's divergence"},
        {"privacy_renyi_delta", H5_F64, IN_SOME(step_row, privacy.renyi_delta, OF_PRIVACY), "1",
         "the delta of privacy_renyi_epsilon"},
        {"gradients", H5_I64, IN_SOME(step_row, gradients, OF_CODING), "gradients",
         "gradients of a batch that the counted workers have computed in this step"},
};

enum { STEPS_ALL = sizeof step_quantities / sizeof *step_quantities };

static const struct quantity eval_quantities[] = {
        {"step", H5_I64, IN(eval_row, step), "steps", "steps done"},
        {"epoch", H5_F64, IN(eval_row, epoch), "epochs", "samples so far over those in use; 0 without data"},
        {"wall_s", H5_F64, IN(eval_row, wall_s), "s",
         "time since the run began, including what came before a resumption"},
        {"bytes", H5_U64, IN(eval_row, bytes), "bytes", "what all workers sent and received so far"},
        {"train_loss", H5_F64, IN(eval_row, train_loss), "1", "loss on the first training samples"},
        {"train_accuracy", H5_F64, IN(eval_row, train_accuracy), "1",
         "share of the first training samples that are classified right"},
        {"test_loss", H5_F64, IN(eval_row, test_loss), "1", "loss on the test samples"},
        {"test_accuracy", H5_F64, IN(eval_row, test_accuracy), "1",
         "share of the test samples that are classified right"},
        {"train_perplexity", H5_F64, IN_SOME(eval_row, train_perplexity, OF_TEXT), "1", "e^train_loss"},
        {"test_perplexity", H5_F64, IN_SOME(eval_row, test_perplexity, OF_TEXT), "1", "e^test_loss"},
        {"test_bits", H5_F64, IN_SOME(eval_row, test_bits, OF_TEXT), "bits",
         "test_loss / ln 2: bits a token"},
        {"validation_loss", H5_F64, IN_SOME(eval_row, validation_loss, OF_VALIDATION), "1",
         "loss on the validation samples"},
        {"validation_accuracy", H5_F64, IN_SOME(eval_row, validation_accuracy, OF_VALIDATION), "1",
         "share of the validation samples that are classified right"},
        {"validation_bits", H5_F64, IN_SOME(eval_row, validation_bits, OF_VALIDATION | OF_TEXT), "bits",
         "validation_loss / ln 2: bits a token"},
};

enum { EVAL_ALL = sizeof eval_quantities / sizeof *eval_quantities };

_Static_assert((int)STEPS_ALL <= (int)COLUMNS_MAX, "columns of /steps");
_Static_assert((int)EVAL_ALL <= (int)COLUMNS_MAX, "columns of /evals");

/* A group of columns, and rows that are not in the file yet. */
struct table {
	size_t n, size, filled;
	const struct quantity *quantities[COLUMNS_MAX]; /* [n] */
	struct h5_column *columns[COLUMNS_MAX];         /* [n] */
	unsigned char *rows[COLUMNS_MAX];               /* [n] of [size] values */
};

struct record {
	struct h5 *file;
	struct table steps, evals;
	struct record_voters *voters; /* NULL: not kept */
	struct record_faults *faults;
	double flushed; /* clock_s() of the last flush */
	double earlier_s;
	int64_t withheld; /* steps, in all rows so far */
};

/* A column that the file did not have, of a version that did not know of it: zeros for the rows that are
 * there.
 */
static void fill_new(struct table *t, size_t i)
{
	size_t rows = h5_rows(t->columns[0]);
	if (h5_rows(t->columns[i]) > 0)
		return;
	for (size_t at = 0; at < rows; at += t->size)
		h5_append(t->columns[i], rows - at < t->size ? rows - at : t->size, t->rows[i]);
}

static void table_add_column(struct table *t, struct h5 *f, const char *group, const struct quantity *q)
{
	char path[COLUMN_PATH_BYTES], scale[COLUMN_PATH_BYTES];
	snprintf(path, sizeof path, "%s/%s", group, q->name);
	t->quantities[t->n] = q;
	t->columns[t->n] = h5_column(f, path, q->type, 0, NULL, q->unit, q->about);
	t->rows[t->n] = mem_array(t->size, q->bytes);
	fill_new(t, t->n);
	snprintf(scale, sizeof scale, "%s/%s", group, t->quantities[0]->name);
	if (t->n++ > 0)
		h5_scale(f, path, scale);
}

/* The columns of all[count] that a run of these kinds (OF_) has. */
static void table_init(struct table *t, struct h5 *f, const char *group, const struct quantity *all,
                       size_t count, unsigned kinds, size_t size)
{
	*t = (struct table){.size = size};
	for (size_t i = 0; i < count; i++)
		if ((all[i].of & ~kinds) == 0)
			table_add_column(t, f, group, &all[i]);
}

/* Append the gathered rows to the file in memory. */
static void table_empty(struct table *t)
{
	for (size_t i = 0; i < t->n; i++)
		h5_append(t->columns[i], t->filled, t->rows[i]);
	t->filled = 0;
}

static void table_add(struct table *t, const void *row)
{
	if (t->filled == t->size)
		table_empty(t);
	for (size_t i = 0; i < t->n; i++) {
		const struct quantity *q = t->quantities[i];
		memcpy(t->rows[i] + t->filled * q->bytes, (const char *)row + q->offset, q->bytes);
	}
	t->filled++;
}

static void table_clear(struct table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		h5_column_close(t->columns[i]);
		mem_free(t->rows[i]);
	}
}

static struct record *new_record(struct h5 *f, const struct record_meta *m)
{
	struct record *r = mem_alloc(sizeof *r);
	r->file = f;
	unsigned kinds = (m->withholds ? OF_WITHHOLDING : 0) | (m->privacy ? OF_PRIVACY : 0) |
	                 (m->coded ? OF_CODING : 0) | (m->text ? OF_TEXT : 0) |
	                 (m->validation ? OF_VALIDATION : 0);
	table_init(&r->steps, f, "/steps", step_quantities, STEPS_ALL, kinds, RECORD_ROWS);
	table_init(&r->evals, f, "/evals", eval_quantities, EVAL_ALL, kinds, EVAL_ROWS);
	h5_group(f, "/probes");
	if (m->voters || h5_has(f, VOTERS))
		r->voters = record_voters_open(f, (size_t)m->workers);
	r->flushed = clock_s();
	return r;
}

/* The columns that every run has. */
static size_t rows_bytes(const struct quantity *all, size_t count, size_t rows)
{
	size_t bytes = 0;
	for (size_t i = 0; i < count; i++)
		bytes += all[i].of ? 0 : h5_column_bytes(all[i].bytes, rows);
	return bytes;
}

size_t record_rows_bytes(size_t steps, size_t evals)
{
	return rows_bytes(step_quantities, STEPS_ALL, steps) + rows_bytes(eval_quantities, EVAL_ALL, evals);
}

struct record *record_create(const char *path, const struct record_meta *m)
{
	struct h5 *f = h5_create(path);
	record_write_meta(f, m, true);
	return new_record(f, m);
}

static int check_identity(struct h5 *f, const char *path, const char *expected, struct err *e)
{
	if (record_check_format(f, path, e))
		return -1;
	char *id = h5_get_text(f, "/meta", "id", e);
	if (!id)
		return -1;
	int rc = 0;
	if (strcmp(id, expected) != 0)
		rc = err_user(e, "%s: holds another run: found id %s, expected %s", path, id, expected);
	mem_free(id);
	return rc;
}

/* Seconds that the rows took which are left in the file. */
static int read_earlier(struct h5 *f, const char *path, double *earlier_s, struct err *e)
{
	void *wall;
	size_t count;
	if (record_read_column(f, path, "/steps/wall_s", H5_F64, &wall, &count, e))
		return -1;
	*earlier_s = count ? ((double *)wall)[count - 1] : 0;
	mem_free(wall);
	return 0;
}

/* A file without /voters is of a run that counted all workers in every step. */
static void add_all_voters(struct record_voters *v, int64_t workers, int64_t steps)
{
	int64_t *born = mem_array((size_t)workers, sizeof *born); /* zeros */
	for (int64_t k = 1; k <= steps; k++)
		record_voters_add(v, k, born);
	mem_free(born);
}

/* A file that is cut to `step`, and has its attributes. NULL: reading it has failed, with a sentence. */
static struct record *go_on(struct h5 *f, const char *path, const struct record_meta *m, int64_t step,
                            struct err *e)
{
	double earlier_s;
	int64_t withheld;
	if (read_earlier(f, path, &earlier_s, e) || record_read_withheld(f, path, &withheld, e)) {
		h5_close(f);
		return NULL;
	}
	record_write_meta(f, m, false);
	bool had_voters = h5_has(f, VOTERS);
	struct record *r = new_record(f, m);
	if (r->voters && !had_voters)
		add_all_voters(r->voters, m->workers, step);
	r->earlier_s = earlier_s;
	r->withheld = withheld;
	return r;
}

struct record *record_continue(const char *path, const struct record_meta *m, int64_t step, struct err *e)
{
	struct h5 *f = h5_edit(path, e);
	if (!f)
		return NULL;
	if (check_identity(f, path, m->id, e) || record_cut(f, path, m->every, step, e)) {
		h5_close(f);
		return NULL;
	}
	return go_on(f, path, m, step, e);
}

struct record *record_extend(const char *path, const struct record_meta *m, const struct record_extended *was,
                             int64_t eval_every, struct err *e)
{
	struct h5 *f = h5_edit(path, e);
	if (!f)
		return NULL;
	if (check_identity(f, path, was->id, e) ||
	    record_cut_end(f, path, m->every, eval_every, was->step, e) ||
	    record_cut(f, path, m->every, was->step, e) || record_add_extension(f, path, was, e)) {
		h5_close(f);
		return NULL;
	}
	h5_remove(f, "/final");
	record_write_length(f, m);
	return go_on(f, path, m, was->step, e);
}

void record_step(struct record *r, const struct step_row *row)
{
	struct step_row own = *row;
	own.withheld -= r->withheld;
	r->withheld = row->withheld;
	table_add(&r->steps, &own);
}

void record_eval(struct record *r, const struct eval_row *row)
{
	table_add(&r->evals, row);
}

void record_voters(struct record *r, int64_t step, const int64_t *born)
{
	if (r->voters)
		record_voters_add(r->voters, step, born);
}

void record_faults(struct record *r, const char *kind, size_t rows, const uint64_t *counts)
{
	record_faults_add(r->file, &r->faults, kind, rows, counts);
}

double record_earlier_s(const struct record *r)
{
	return r->earlier_s;
}

struct h5 *record_file(struct record *r)
{
	return r->file;
}

static int flush(struct record *r, bool sync, struct err *e)
{
	table_empty(&r->steps);
	table_empty(&r->evals);
	int rc = h5_flush(r->file, sync, e);
	r->flushed = clock_s(); /* a disk that refused is not asked again at every step */
	return rc;
}

int record_tick(struct record *r, struct err *e)
{
	return clock_s() - r->flushed < RECORD_FLUSH_S ? 0 : flush(r, false, e);
}

int record_flush(struct record *r, struct err *e)
{
	return flush(r, true, e);
}

void record_final(struct record *r, const char *tensor, int rank, const size_t *dims, const float *values)
{
	char *path = mem_format("/final/%s", tensor);
	h5_write(r->file, path, H5_F32, rank, dims, values);
	mem_free(path);
}

void record_final_count(struct record *r, const char *name, int64_t count)
{
	char *path = mem_format("/final/%s", name);
	h5_write(r->file, path, H5_I64, 0, NULL, &count);
	mem_free(path);
}

void record_profile(struct record *r, size_t count, const struct layer_row *rows)
{
	struct buf names = {0};
	double *forward_s = mem_array(count, sizeof *forward_s),
	       *backward_s = mem_array(count, sizeof *backward_s);
	for (size_t i = 0; i < count; i++) {
		buf_format(&names, "%s\n", rows[i].name);
		forward_s[i] = rows[i].forward_s;
		backward_s[i] = rows[i].backward_s;
	}
	h5_write_text(r->file, "/profile/layers", names.text ? names.text : "");
	h5_write(r->file, "/profile/forward_s", H5_F64, 1, &count, forward_s);
	h5_write(r->file, "/profile/backward_s", H5_F64, 1, &count, backward_s);
	mem_free(forward_s);
	mem_free(backward_s);
	buf_clear(&names);
}

int record_end(struct record *r, enum run_state state, const char *why, struct err *e)
{
	record_write_state(r->file, state, why, true);
	return flush(r, true, e);
}

void record_close(struct record *r)
{
	table_clear(&r->steps);
	table_clear(&r->evals);
	record_voters_close(r->voters);
	record_faults_clear(&r->faults);
	h5_close(r->file);
	mem_free(r);
}
