/*
 * Parameters from an HDF5 file: a PyTorch state_dict written by h5py, or /final of a result file. Every
 * tensor of the model, and running_mean and running_var of normalisations, is a dataset of its name and
 * shape; all of them stand at the top of the file or together in one group. num_batches_tracked, PyTorch's
 * own counter, is ignored. Any other dataset beside them is refused, because it was probably meant for the
 * model.
 *
 * Path and content are part of a run's identity: two runs that begin from different parameters are different
 * runs.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "h5/h5.h"
#include "base/mem.h"
#include "base/text.h"
#include "models/init/init_row.h"

enum { SHAPE_SIZE = 160, NAME_MOST = 500, PATH_SIZE = 2 * NAME_MOST + 8, RANK_MAX = 8 };

struct from_file {
	const char *path;
};

/* A tensor of the model, and where its values go. */
struct target {
	struct tensor tensor;
	float *at;
};

struct reading {
	struct h5 *file;
	const char *path;
	const char *group;      /* "" for the top */
	struct target *targets; /* [count] */
	const char **names;     /* [count] of the targets */
	size_t count;
	struct err *err;
};

static void add_target(struct reading *r, const struct tensor *t, float *base)
{
	r->targets = mem_resize(r->targets, (r->count + 1) * sizeof *r->targets);
	r->targets[r->count++] = (struct target){*t, base + t->offset};
}

static void collect(struct reading *r, const struct model_env *env, const void *state, float *x,
                    float *running)
{
	struct tensor t;
	for (size_t i = 0; env->model->tensor(state, env, i, &t); i++)
		add_target(r, &t, x);
	for (size_t i = 0; running && env->model->running(state, env, i, &t); i++)
		add_target(r, &t, running);
	r->names = mem_array(r->count, sizeof *r->names);
	for (size_t i = 0; i < r->count; i++)
		r->names[i] = r->targets[i].tensor.name;
}

static const char *place(const char *group, const char *name, char out[PATH_SIZE])
{
	snprintf(out, PATH_SIZE, "%.*s/%.*s", NAME_MOST, group, NAME_MOST, name);
	return out;
}

static size_t found_in(const struct reading *r, const char *group)
{
	char path[PATH_SIZE];
	size_t found = 0;
	for (size_t i = 0; i < r->count; i++)
		found += h5_has(r->file, place(group, r->names[i], path));
	return found;
}

/* Find the group (the top, or one below it) with the most tensors of the model. Returns how many; 0: none. */
static size_t find_group(const struct reading *r, char group[PATH_SIZE])
{
	size_t count, best = found_in(r, "");
	char **names = h5_names(r->file, "/", &count), path[PATH_SIZE];
	group[0] = 0;
	for (size_t i = 0; i < count; i++) {
		size_t found = found_in(r, place("", names[i], path));
		if (found <= best)
			continue;
		best = found;
		memcpy(group, path, sizeof path);
	}
	mem_free(names);
	return best;
}

static const char *shape_text(int rank, const size_t *dims, char out[SHAPE_SIZE])
{
	size_t used = 0;
	snprintf(out, SHAPE_SIZE, "a single number");
	for (int i = 0; i < rank && used < SHAPE_SIZE; i++)
		used += (size_t)snprintf(out + used, SHAPE_SIZE - used, "%s%zu", i ? " x " : "", dims[i]);
	return out;
}

/* A hint at the name in the file that is nearest to a wrong one; "" if none is near. */
static void say_nearest(const char *wrong, const char *const *names, size_t count, char *out, size_t size)
{
	const char *nearest = text_nearest(wrong, names, count);
	char shown[100];
	out[0] = 0;
	if (nearest)
		snprintf(out, size, "; the nearest there is \"%s\"",
		         text_shown(nearest, shown, sizeof shown));
}

static int missing(const struct reading *r, const struct tensor *t)
{
	size_t count;
	char shape[SHAPE_SIZE], hint[160], **names = h5_names(r->file, r->group[0] ? r->group : "/", &count);
	say_nearest(t->name, (const char *const *)names, count, hint, sizeof hint);
	mem_free(names);
	return err_user(r->err, "%s: found no tensor \"%s\" in group \"%s/\", expected one of %s%s", r->path,
	                t->name, r->group, shape_text(t->rank, t->dims, shape), hint);
}

static bool has_ending(const char *name, const char *ending)
{
	size_t length = strlen(name), end = strlen(ending);
	return length > end && strcmp(name + length - end, ending) == 0;
}

static int read_target(const struct reading *r, const struct target *p)
{
	const struct tensor *t = &p->tensor;
	char path[PATH_SIZE], found[SHAPE_SIZE], expected[SHAPE_SIZE];
	size_t dims[RANK_MAX];
	int rank;
	if (!h5_has(r->file, place(r->group, t->name, path)))
		return missing(r, t);
	if (h5_shape(r->file, path, &rank, dims, r->err))
		return -1;
	if (rank != t->rank || memcmp(dims, t->dims, (size_t)rank * sizeof *dims) != 0)
		return err_user(r->err, "%s: tensor \"%s\" is %s, expected %s", r->path, path,
		                shape_text(rank, dims, found), shape_text(t->rank, t->dims, expected));
	if (h5_read(r->file, path, H5_F32, t->count, p->at, r->err))
		return -1;
	for (size_t i = 0; i < t->count; i++)
		if (!isfinite(p->at[i]) || (t->variance && p->at[i] < 0))
			return err_user(r->err, "%s: tensor \"%s\" has %g at place %zu, expected %s", r->path,
			                path, (double)p->at[i], i,
			                t->variance ? "variances, finite and not negative"
			                            : "finite numbers");
	return 0;
}

static bool is_counter(const char *name)
{
	return has_ending(name, ".num_batches_tracked");
}

static bool is_known(const struct reading *r, const char *name)
{
	for (size_t i = 0; i < r->count; i++)
		if (strcmp(r->names[i], name) == 0)
			return true;
	return is_counter(name);
}

/* Refuse a dataset in the group that the model does not have. Groups beside them are ignored. */
static int refuse_others(const struct reading *r)
{
	size_t count, dims[RANK_MAX];
	int rank, rc = 0;
	char path[PATH_SIZE], shown[120], hint[160];
	char **names = h5_names(r->file, r->group[0] ? r->group : "/", &count);
	for (size_t i = 0; i < count && !rc; i++) {
		struct err none = {0};
		if (is_known(r, names[i]) ||
		    h5_shape(r->file, place(r->group, names[i], path), &rank, dims, &none))
			continue;
		say_nearest(names[i], r->names, r->count, hint, sizeof hint);
		rc = err_user(r->err, "%s: found a tensor \"%s\" that the model does not have%s", r->path,
		              text_shown(path, shown, sizeof shown), hint);
	}
	mem_free(names);
	return rc;
}

static int read_all(struct reading *r)
{
	char group[PATH_SIZE];
	if (find_group(r, group) == 0)
		return err_user(
		        r->err,
		        "%s: found none of the model's tensors (\"%s\", ...), expected all of them at "
		        "the top or in one group",
		        r->path, r->names[0]);
	r->group = group;
	for (size_t i = 0; i < r->count; i++)
		if (read_target(r, &r->targets[i]))
			return -1;
	return refuse_others(r);
}

static int read_file(const void *state, const struct model_env *env, const void *model_state, float *x,
                     float *running, struct err *e)
{
	const struct from_file *from = state;
	struct reading r = {.path = from->path, .err = e};
	r.file = h5_open(from->path, e);
	if (!r.file)
		return err_prefix(e, "init");
	collect(&r, env, model_state, x, running);
	int rc = read_all(&r) ? err_prefix(e, "init") : 0;
	h5_close(r.file);
	mem_free(r.targets);
	mem_free(r.names);
	return rc;
}

static const struct key keys[] = {
        {.name = "path",
         .kind = KEY_STRING,
         .offset = offsetof(struct from_file, path),
         .help = "the HDF5 file; part of the run's identity, because it says where the run begins"},
        {.name = NULL},
};

static const char *file_of(const void *state)
{
	const struct from_file *f = state;
	return f->path;
}

const struct init_row init_file = {
        .row = {.name = "file",
                .also = "pretrained, load",
                .about = "the tensors of an HDF5 file: a PyTorch state_dict, or /final of a result file",
                .formula = "datasets under the tensors' names, in PyTorch's layouts, at the top or in one "
                           "group; numbers of any type, as float32",
                .keys = keys,
                .state_bytes = sizeof(struct from_file)},
        .scheme = INIT_MODEL,
        .any_model = true,
        .read = read_file,
        .file = file_of,
};
