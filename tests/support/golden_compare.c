/* One golden network on one machine. */
#include "tests/support/golden_compare.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "h5/h5.h"
#include "tests/support/golden_nets.h"
#include "tests/support/model_fixture.h"

#define ERROR_MOST    1e-4
#define SIGNS_LEAST   0.999
#define CHANGE_MOST   0.02
#define ROUNDING_MOST 0.01 /* of a change: beyond, it would hide what is compared */

struct golden {
	struct fixture f;
	struct h5 *file;
	const char *name;
	char what[96];
	uint32_t salt;
	float lr;
	float *start;       /* [n] */
	struct batch batch; /* this and the vectors are the machine's memory */
	float *pixels, *x, *g;
	int32_t *label;
	double error, change, moved; /* largest found */
	size_t same, signs;
	int stays; /* the last gradient in which float32 decides as float64 does */
};

static void *column(struct golden *g, const char *of, size_t *count)
{
	struct err e = {0};
	size_t dims[8];
	int rank;
	char path[96];
	snprintf(path, sizeof path, "/%s/%s", g->name, of);
	cr_assert_eq(h5_shape(g->file, path, &rank, dims, &e), 0, "%s", e.text);
	double *values = mem_array(dims[0], sizeof *values);
	cr_assert_eq(h5_read(g->file, path, H5_F64, dims[0], values, &e), 0, "%s", e.text);
	*count = dims[0];
	return values;
}

static int attribute(struct golden *g, const char *name)
{
	struct err e = {0};
	char path[96];
	int64_t value;
	snprintf(path, sizeof path, "/%s", g->name);
	cr_assert_eq(h5_get_int(g->file, path, name, &value, &e), 0, "%s", e.text);
	return (int)value;
}

/* A copy in the machine's memory. */
static void *moved(struct golden *g, const void *from, size_t bytes)
{
	void *to = g->f.be.memory->alloc(bytes, "golden");
	g->f.be.memory->upload(g->f.env.queue, to, from, bytes);
	return to;
}

static void fill_batch(struct golden *g, int classes)
{
	size_t count = (size_t)g->f.env.batch, numbers = count * shape_features(&g->f.env.data);
	float *pixels = mem_array(numbers, sizeof *pixels);
	int32_t *label = mem_array(count, sizeof *label);
	for (size_t i = 0; i < numbers; i++)
		pixels[i] = 1.75f * golden_uniform(g->salt, GOLDEN_BATCH, i);
	for (size_t i = 0; i < count; i++)
		label[i] = (int32_t)(golden_hash(g->salt, GOLDEN_LABELS, i) % (uint32_t)classes);
	g->pixels = moved(g, pixels, numbers * sizeof *pixels);
	g->label = moved(g, label, count * sizeof *label);
	g->batch = (struct batch){.count = (int)count, .x = g->pixels, .label = g->label};
	mem_free(pixels);
	mem_free(label);
}

static void fill_parameters(struct golden *g)
{
	struct fixture *f = &g->f;
	struct tensor t;
	for (uint32_t i = 0; f->model->tensor(f->choice.state, &f->env, i, &t); i++)
		golden_tensor(g->salt, i, &t, f->x + t.offset);
	g->start = mem_array(f->n, sizeof *g->start);
	memcpy(g->start, f->x, f->n * sizeof *g->start);
	g->x = moved(g, f->x, f->n * sizeof *f->x);
	g->g = moved(g, f->g, f->n * sizeof *f->g);
	f->model->load(f->instance, g->x);
}

static void golden_open(struct golden *g, const char *name, const char *backend)
{
	struct err e = {0};
	char path[96];
	*g = (struct golden){.name = name, .file = h5_open("tests/golden/nets.h5", &e)};
	cr_assert(g->file, "%s", e.text);
	snprintf(path, sizeof path, "/%s", name);
	snprintf(g->what, sizeof g->what, "%s on %s", name, backend);
	char *json = h5_get_text(g->file, path, "model", &e);
	double lr;
	cr_assert(json, "%s", e.text);
	cr_assert_eq(h5_get_real(g->file, path, "lr", &lr, &e), 0, "%s", e.text);
	g->lr = (float)lr;
	g->salt = (uint32_t)attribute(g, "salt");
	g->stays = attribute(g, "stays");
	struct model_env env = {.data = {.channels = attribute(g, "channels"),
	                                 .height = attribute(g, "height"),
	                                 .width = attribute(g, "width"),
	                                 .n_classes = attribute(g, "classes")},
	                        .batch = attribute(g, "batch"),
	                        .workers = 1};
	fixture_open(&g->f, json, backend, &env);
	fill_batch(g, env.data.n_classes);
	fill_parameters(g);
	mem_free(json);
}

static void golden_close(struct golden *g)
{
	void *theirs[] = {g->pixels, g->label, g->x, g->g};
	for (size_t i = 0; i < sizeof theirs / sizeof *theirs; i++)
		g->f.be.memory->release(theirs[i]);
	mem_free(g->start);
	fixture_close(&g->f);
	h5_close(g->file);
}

/* What a tensor's samples are compared by. */
struct difference {
	double wrong, right; /* sums of squares */
};

/* Gradients of one tensor: `right` begins at the tensor's first golden number. */
static void compare_gradient(struct golden *g, uint32_t index, const struct tensor *t, const double *right,
                             size_t count, double norm)
{
	const float *found = g->f.g + t->offset;
	struct difference d = {0, 0};
	double squares = 0;
	for (size_t k = 0; k < count; k++) {
		double mine = (double)found[golden_sample(g->salt, index, t->count, GOLDEN_GRADIENTS, k)];
		d.wrong += (mine - right[k]) * (mine - right[k]);
		d.right += right[k] * right[k];
		if (mine == 0 && right[k] == 0)
			continue;
		g->signs++;
		g->same += (mine > 0) == (right[k] > 0);
	}
	for (size_t i = 0; i < t->count; i++)
		squares += (double)found[i] * (double)found[i];
	double error = sqrt(d.wrong / d.right), of_norm = fabs(sqrt(squares) / norm - 1);
	g->error = fmax(g->error, fmax(error, of_norm));
	cr_expect_lt(error, ERROR_MOST, "%s: gradient of %s is off by %.2g", g->what, t->name, error);
	cr_expect_lt(of_norm, ERROR_MOST, "%s: norm of the gradient of %s is off by %.2g", g->what, t->name,
	             of_norm);
}

/* How far parameters have moved, to within the rounding of the parameters themselves. */
static void compare_change(struct golden *g, uint32_t index, const struct tensor *t, const double *right,
                           size_t count, int step)
{
	struct difference d = {0, 0};
	/* The change adds up `step` gradients, each of which may be off by ERROR_MOST. */
	double rounding = 0, size = 0, most = step - 1 <= g->stays ? step * ERROR_MOST : CHANGE_MOST;
	for (size_t k = 0; k < count; k++) {
		size_t i = t->offset + golden_sample(g->salt, index, t->count, GOLDEN_PARAMETERS, k);
		double x = (double)g->f.x[i], mine = x - (double)g->start[i], ulp = step * 0x1p-24 * x;
		d.wrong += (mine - right[k]) * (mine - right[k]);
		d.right += right[k] * right[k];
		rounding += ulp * ulp;
		size += x * x;
	}
	double error = fmax(sqrt(d.wrong) - sqrt(rounding), 0) / sqrt(d.right);
	g->change = fmax(g->change, sqrt(d.wrong / d.right));
	g->moved = fmax(g->moved, sqrt(d.wrong / size));
	cr_expect_lt(sqrt(rounding), ROUNDING_MOST * sqrt(d.right),
	             "%s: after step %d, %s has moved too little for float", g->what, step, t->name);
	cr_expect_lt(sqrt(d.wrong / size), ERROR_MOST, "%s: after step %d, %s is off by %.2g", g->what, step,
	             t->name, sqrt(d.wrong / size));
	cr_expect_lt(error, most, "%s: after step %d, the change of %s is off by %.2g", g->what, step,
	             t->name, error);
}

/* Walk over all tensors with their golden samples. step 0: gradients. */
static void compare_tensors(struct golden *g, int step)
{
	struct fixture *f = &g->f;
	char of[32] = "gradient";
	size_t total, tensors, at = 0, most = step ? GOLDEN_PARAMETERS : GOLDEN_GRADIENTS;
	if (step)
		snprintf(of, sizeof of, "change%d", step);
	double *right = column(g, of, &total), *norm = column(g, "norm", &tensors);
	struct tensor t;
	for (uint32_t i = 0; f->model->tensor(f->choice.state, &f->env, i, &t); i++) {
		size_t count = t.count < most ? t.count : most;
		cr_assert_leq(at + count, total);
		if (step)
			compare_change(g, i, &t, right + at, count, step);
		else
			compare_gradient(g, i, &t, right + at, count, norm[i]);
		at += count;
	}
	cr_expect_eq(at, total, "%s: %zu golden numbers, %zu compared", g->what, total, at);
	mem_free(right);
	mem_free(norm);
}

/* A step of SGD, and where it led. */
static void descend(struct golden *g)
{
	struct fixture *f = &g->f;
	f->be.descend(f->env.queue, f->n, g->g, g->lr, 0, g->x);
	f->be.memory->download(f->env.queue, f->x, g->x, f->n * sizeof *f->x);
	f->model->load(f->instance, g->x);
}

void golden_compare(const char *name, const char *backend)
{
	struct golden g;
	size_t losses;
	double worst = 0;
	golden_open(&g, name, backend);
	struct fixture *f = &g.f;
	double *right = column(&g, "loss", &losses);
	cr_assert_eq(losses, GOLDEN_STEPS + 1);
	for (int step = 0; step <= GOLDEN_STEPS; step++) {
		double loss = f->model->grad(f->instance, g.x, &g.batch, g.g),
		       error = fabs(loss / right[step] - 1);
		f->be.memory->download(f->env.queue, f->g, g.g, f->n * sizeof *f->g);
		worst = fmax(worst, error);
		cr_expect_lt(error, ERROR_MOST, "%s: loss %d is %.9g, expected %.9g", g.what, step, loss,
		             right[step]);
		compare_tensors(&g, step);
		descend(&g);
	}
	double share = (double)g.same / (double)g.signs;
	cr_expect_gt(share, SIGNS_LEAST, "%s: %zu of %zu signs agree", g.what, g.same, g.signs);
	printf("%-22s loss %.1e, gradients %.1e, signs %zu of %zu, parameters %.1e, changes %.1e\n", g.what,
	       worst, g.error, g.same, g.signs, g.moved, g.change);
	mem_free(right);
	golden_close(&g);
}
