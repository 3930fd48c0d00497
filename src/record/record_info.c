/* Reading result files: what they say of themselves, columns, and cutting them back to a step. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "record/record_internal.h"

/* "runs/x.checkpoint.h5" -> "runs/x.h5"; NULL where the name is another. Free with mem_free(). */
static char *result_of(const char *checkpoint)
{
	static const char ending[] = ".checkpoint.h5";
	size_t length = strlen(checkpoint), end = sizeof ending - 1;
	if (length <= end || strcmp(checkpoint + length - end, ending) != 0)
		return NULL;
	return mem_format("%.*s.h5", (int)(length - end), checkpoint);
}

/* What stands beside an unfinished result is said to be no more than that. */
static int refuse_other(struct h5 *f, const char *path, struct err *e)
{
	int64_t version, step;
	struct err ignored = {0};
	char *result = result_of(path);
	char *id = h5_get_int(f, "/", "checkpoint_version", &version, &ignored)
	                   ? NULL
	                   : h5_get_text(f, "/", "run_id", &ignored);
	if (id && !h5_get_int(f, "/", "step", &step, &ignored))
		err_user(e, "%s: is the checkpoint of run %s after step %" PRId64 ", no result%s%s", path, id,
		         step, result ? "; that stands in " : "", result ? result : "");
	else
		err_user(e, "%s: is an HDF5 file, but no result of signsgd (it has no /format version)",
		         path);
	mem_free(id);
	mem_free(result);
	return -1;
}

int record_check_format(struct h5 *f, const char *path, struct err *e)
{
	int64_t version;
	struct err inner = {0};
	if (h5_get_int(f, "/format", "version", &version, &inner))
		return refuse_other(f, path, e);
	if (version > RECORD_LAYOUT)
		return err_user(e,
		                "%s: is a result of a newer signsgd: found layout version %" PRId64
		                ", this one reads %d to %d",
		                path, version, RECORD_LAYOUT_OLDEST, RECORD_LAYOUT);
	if (version < RECORD_LAYOUT_OLDEST)
		return err_user(e, "%s: found layout version %" PRId64 ", expected %d to %d", path, version,
		                RECORD_LAYOUT_OLDEST, RECORD_LAYOUT);
	return 0;
}

int record_read_column(struct h5 *f, const char *path, const char *column, enum h5_type type, void **values,
                       size_t *count, struct err *e)
{
	int rank;
	size_t dims[8];
	*values = NULL;
	*count = 0;
	if (h5_shape(f, column, &rank, dims, e))
		return -1;
	if (rank != 1)
		return err_user(e, "%s: %s: found %d dimensions, expected a column of one", path, column,
		                rank);
	*count = dims[0];
	*values = mem_array(dims[0], sizeof(double));
	if (!h5_read(f, column, type, dims[0], *values, e))
		return 0;
	mem_free(*values);
	*values = NULL;
	return -1;
}

/* Rows of a group whose step is at most `step`. The steps must rise. */
static int rows_up_to(struct h5 *f, const char *path, const char *group, int64_t step, int64_t **steps,
                      size_t *all, size_t *kept, struct err *e)
{
	void *values = NULL;
	char *column = mem_format("%s/step", group);
	int rc = record_read_column(f, path, column, H5_I64, &values, all, e);
	mem_free(column);
	*steps = values;
	*kept = 0;
	for (size_t i = 0; !rc && i < *all; i++) {
		if (i > 0 && (*steps)[i] <= (*steps)[i - 1])
			rc = err_user(e,
			              "%s: %s/step: the file is damaged: row %zu is no later step than the "
			              "one before",
			              path, group, i);
		*kept += (*steps)[i] <= step;
	}
	return rc;
}

/* Every column of the group to its first rows; all must have been equally long. */
static int cut_columns(struct h5 *f, const char *path, const char *group, size_t all, size_t kept,
                       struct err *e)
{
	size_t count, dims[8] = {0};
	int rank, rc = 0;
	char **names = h5_names(f, group, &count);
	for (size_t i = 0; i < count && !rc; i++) {
		char *column = mem_format("%s/%s", group, names[i]);
		if (h5_shape(f, column, &rank, dims, e))
			rc = -1;
		else if (rank == 0 || dims[0] != all)
			rc = err_user(
			        e, "%s: %s: the file is damaged: found %zu rows, expected %zu as in %s/step",
			        path, column, rank ? dims[0] : 0, all, group);
		else
			rc = h5_truncate(f, column, kept, e);
		mem_free(column);
	}
	mem_free(names);
	return rc;
}

static int cut_group(struct h5 *f, const char *path, const char *group, int64_t step, struct err *e)
{
	int64_t *steps;
	size_t all, kept;
	int rc = rows_up_to(f, path, group, step, &steps, &all, &kept, e);
	mem_free(steps);
	return rc ? -1 : cut_columns(f, path, group, all, kept, e);
}

/* Nothing may be missing before `step`: a row every `every` steps, and one more where the run has its end. */
static int check_complete(struct h5 *f, const char *path, int64_t every, int64_t step, struct err *e)
{
	int64_t *steps;
	size_t all, kept;
	int rc = rows_up_to(f, path, "/steps", step, &steps, &all, &kept, e);
	if (every == 0)
		every = kept && steps[0] > 0 ? steps[0] : step + 1;
	bool end = kept && steps[kept - 1] == step && step % every;
	if (!rc && (int64_t)kept - end != step / every)
		rc = err_user(e,
		              "%s: found %zu rows up to step %" PRId64 ", expected %" PRId64
		              ": the checkpoint is of a later time than this file",
		              path, kept, step, step / every);
	mem_free(steps);
	return rc;
}

static int cut_probes(struct h5 *f, const char *path, int64_t step, struct err *e)
{
	size_t count;
	int rc = 0;
	char **names = h5_names(f, "/probes", &count);
	for (size_t i = 0; i < count && !rc; i++) {
		char *group = mem_format("/probes/%s", names[i]);
		rc = cut_group(f, path, group, step, e);
		mem_free(group);
	}
	mem_free(names);
	return rc;
}

int record_cut(struct h5 *f, const char *path, int64_t every, int64_t step, struct err *e)
{
	return check_complete(f, path, every, step, e) || cut_group(f, path, "/steps", step, e) ||
	                       cut_group(f, path, "/evals", step, e) ||
	                       (h5_has(f, VOTERS) && cut_group(f, path, VOTERS, step, e)) ||
	                       cut_probes(f, path, step, e)
	               ? -1
	               : 0;
}

int record_cut_end(struct h5 *f, const char *path, int64_t every, int64_t eval_every, int64_t step,
                   struct err *e)
{
	if (every > 0 && step % every && cut_group(f, path, "/steps", step - 1, e))
		return -1;
	bool due = step == 0 || (eval_every > 0 && step % eval_every == 0);
	return due ? 0 : cut_group(f, path, "/evals", step - 1, e);
}

/* A text attribute of /meta, cut to `size`. */
static int meta_text(struct h5 *f, const char *name, char *out, size_t size, struct err *e)
{
	char *text = h5_get_text(f, "/meta", name, e);
	if (!text)
		return -1;
	snprintf(out, size, "%s", text);
	mem_free(text);
	return 0;
}

/* An attribute that files of earlier versions lack: "" then. */
static void meta_text_if_any(struct h5 *f, const char *name, char *out, size_t size)
{
	struct err ignored = {0};
	if (meta_text(f, name, out, size, &ignored))
		out[0] = '\0';
}

/* A count that only files have where there was something to count. */
static int64_t meta_count(struct h5 *f, const char *name)
{
	int64_t count = 0;
	struct err ignored = {0};
	return h5_get_int(f, "/meta", name, &count, &ignored) ? 0 : count;
}

static int read_meta(struct h5 *f, struct run_info *info, struct err *e)
{
	const struct {
		const char *name;
		char *out;
		size_t size;
	} texts[] = {
	        {"name", info->name, sizeof info->name},
	        {"id", info->id, sizeof info->id},
	        {"state", info->state, sizeof info->state},
	        {"why", info->why, sizeof info->why},
	        {"attack", info->attack, sizeof info->attack},
	        {"aggregator", info->aggregator, sizeof info->aggregator},
	        {"model", info->model, sizeof info->model},
	        {"data", info->data, sizeof info->data},
	        {"start", info->start, sizeof info->start},
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (meta_text(f, texts[i].name, texts[i].out, texts[i].size, e))
			return -1;
	meta_text_if_any(f, "data_id", info->data_id, sizeof info->data_id);
	meta_text_if_any(f, "data_note", info->data_note, sizeof info->data_note);
	info->data_skipped = meta_count(f, "data_skipped");
	info->data_odd = meta_count(f, "data_odd");
	int64_t push, pull;
	if (h5_get_int(f, "/meta", "steps", &info->steps, e) ||
	    h5_get_int(f, "/meta", "workers", &info->workers, e) ||
	    h5_get_int(f, "/meta", "adversaries", &info->adversaries, e) ||
	    h5_get_int(f, "/meta", "push_bytes", &push, e) || h5_get_int(f, "/meta", "pull_bytes", &pull, e))
		return -1;
	info->push_bytes = (uint64_t)push;
	info->pull_bytes = (uint64_t)pull;
	info->push_varies = meta_count(f, "push_varies") > 0;
	info->pull_varies = meta_count(f, "pull_varies") > 0;
	return 0;
}

/* The column's last value and its best number (`sign` * value is largest); NaN without any. */
static int last_and_best(struct h5 *f, const char *path, const char *column, double sign, double *last,
                         double *best, struct err *e)
{
	void *at;
	size_t count;
	if (record_read_column(f, path, column, H5_F64, &at, &count, e))
		return -1;
	const double *values = at;
	*last = count ? values[count - 1] : NAN;
	*best = NAN;
	for (size_t i = 0; i < count; i++)
		if (!isnan(values[i]) && (isnan(*best) || sign * values[i] > sign * *best))
			*best = values[i];
	mem_free(at);
	return 0;
}

/* The last value of a column of integers, 0 without rows. */
static int last_int(struct h5 *f, const char *path, const char *column, int64_t *last, struct err *e)
{
	void *at;
	size_t count;
	if (record_read_column(f, path, column, H5_I64, &at, &count, e))
		return -1;
	*last = count ? ((int64_t *)at)[count - 1] : 0;
	mem_free(at);
	return 0;
}

int record_read_withheld(struct h5 *f, const char *path, int64_t *withheld, struct err *e)
{
	void *at = NULL;
	size_t count = 0;
	*withheld = 0;
	if (h5_has(f, "/steps/withheld") &&
	    record_read_column(f, path, "/steps/withheld", H5_I64, &at, &count, e))
		return -1;
	for (size_t i = 0; i < count; i++)
		*withheld += ((int64_t *)at)[i];
	mem_free(at);
	return 0;
}

/* The last row's; *has false: the file has no such columns. */
static int read_privacy(struct h5 *f, const char *path, bool *has, struct privacy *p, struct err *e)
{
	const struct {
		const char *column;
		double *out;
	} parts[] = {{"/steps/privacy_epsilon", &p->epsilon},
	             {"/steps/privacy_delta", &p->delta},
	             {"/steps/privacy_renyi_epsilon", &p->renyi_epsilon},
	             {"/steps/privacy_renyi_delta", &p->renyi_delta}};
	double best;
	*has = h5_has(f, parts[0].column);
	for (size_t i = 0; *has && i < sizeof parts / sizeof *parts; i++)
		if (last_and_best(f, path, parts[i].column, 1, parts[i].out, &best, e))
			return -1;
	*has = *has && !isnan(p->epsilon);
	return 0;
}

static int read_steps(struct h5 *f, const char *path, struct run_info *info, struct err *e)
{
	int64_t up, down;
	double best;
	if (last_int(f, path, "/steps/step", &info->steps_done, e) ||
	    last_int(f, path, "/steps/n_voters", &info->n_voters, e) ||
	    record_read_withheld(f, path, &info->withheld, e) ||
	    read_privacy(f, path, &info->has_privacy, &info->privacy, e) ||
	    last_int(f, path, "/steps/bytes_up", &up, e) ||
	    last_int(f, path, "/steps/bytes_down", &down, e) ||
	    last_and_best(f, path, "/steps/wall_s", 1, &info->wall_s, &best, e))
		return -1;
	info->bytes_up = (uint64_t)up;
	info->bytes_down = (uint64_t)down;
	if (isnan(info->wall_s))
		info->wall_s = 0;
	return 0;
}

static int read_evals(struct h5 *f, const char *path, struct run_info *info, struct err *e)
{
	double best_train, best_bits;
	info->final_test_perplexity = info->best_test_perplexity = info->final_test_bits = NAN;
	if (h5_has(f, "/evals/test_perplexity") &&
	    (last_and_best(f, path, "/evals/test_perplexity", -1, &info->final_test_perplexity,
	                   &info->best_test_perplexity, e) ||
	     last_and_best(f, path, "/evals/test_bits", -1, &info->final_test_bits, &best_bits, e)))
		return -1;
	return last_and_best(f, path, "/evals/train_loss", -1, &info->final_train_loss, &best_train, e) ||
	                       last_and_best(f, path, "/evals/test_loss", -1, &info->final_test_loss,
	                                     &info->best_test_loss, e) ||
	                       last_and_best(f, path, "/evals/test_accuracy", 1, &info->final_test_accuracy,
	                                     &info->best_test_accuracy, e)
	               ? -1
	               : 0;
}

/* Of a run without a validation split NaN. */
static int read_validation(struct h5 *f, const char *path, struct run_info *info, struct err *e)
{
	info->final_validation_loss = info->best_validation_loss = NAN;
	info->final_validation_accuracy = info->best_validation_accuracy = NAN;
	if (!h5_has(f, "/evals/validation_loss"))
		return 0;
	return last_and_best(f, path, "/evals/validation_loss", -1, &info->final_validation_loss,
	                     &info->best_validation_loss, e) ||
	                       last_and_best(f, path, "/evals/validation_accuracy", 1,
	                                     &info->final_validation_accuracy,
	                                     &info->best_validation_accuracy, e)
	               ? -1
	               : 0;
}

int record_info(const char *path, struct run_info *info, struct err *e)
{
	struct h5 *f = h5_open(path, e);
	if (!f)
		return -1;
	*info = (struct run_info){0};
	int rc = record_check_format(f, path, e) || read_meta(f, info, e) || read_steps(f, path, info, e) ||
	                         read_evals(f, path, info, e) || read_validation(f, path, info, e)
	                 ? -1
	                 : 0;
	h5_close(f);
	return rc;
}

int record_column(const char *path, const char *column, double **values, size_t *count, struct err *e)
{
	void *at = NULL;
	struct h5 *f = h5_open(path, e);
	*values = NULL;
	*count = 0;
	if (!f)
		return -1;
	int rc = record_check_format(f, path, e) || record_read_column(f, path, column, H5_F64, &at, count, e)
	                 ? -1
	                 : 0;
	*values = at;
	h5_close(f);
	return rc;
}
