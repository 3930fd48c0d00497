/*
 * What every model must do: a walk through the registry, with default settings and some more. Networks want
 * larger samples than these: tests/models/graph/test_nets.c walks through them.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "registry.h"
#include "tests/support/machines.h"
#include "tests/support/model_fixture.h"

static const char *const more_settings[] = {
        "{\"kind\":\"quadratic\",\"dimensions\":37,\"spread\":50,\"start_at\":[0.5]}",
        "{\"kind\":\"quadratic\",\"dimensions\":3,\"curvature\":[1,4,0.25],\"noise\":0}",
        "{\"kind\":\"median-toy\",\"a\":[-1,0.5,3],\"noise\":2}",
        "{\"kind\":\"sign-trap\",\"problem\":\"subgradient\",\"epsilon\":0.25}",
        "{\"kind\":\"sign-trap\",\"problem\":\"squares\"}",
        "{\"kind\":\"mlp\",\"hidden\":[]}",
        "{\"kind\":\"mlp\",\"hidden\":[5],\"activation\":\"tanh\"}",
        "{\"kind\":\"mlp\",\"hidden\":[7,3]}",
        "{\"kind\":\"mlp\",\"hidden\":[5,8,4,3,6],\"activation\":\"tanh\"}",
};

enum { N_MORE = sizeof more_settings / sizeof *more_settings };

/* A fixed batch of normal numbers, labels in turn. */
struct samples {
	float x[FIX_BATCH * FIX_FEATURES];
	int32_t label[FIX_BATCH];
	struct batch batch;
};

static void samples_make(struct samples *s)
{
	struct stream draw = stream_of(7, RNG_TEST, 0, 0);
	float z[4] = {0};
	for (size_t i = 0; i < FIX_BATCH * FIX_FEATURES; i++) {
		if (i % 4 == 0)
			stream_normal4(&draw, i / 4, z);
		s->x[i] = z[i % 4];
	}
	for (int i = 0; i < FIX_BATCH; i++)
		s->label[i] = (3 * i + 1) % FIX_CLASSES;
	s->batch = (struct batch){
	        .count = FIX_BATCH, .x = s->x, .label = s->label, .seed = 1, .worker = 2, .step = 9};
}

/* Call `try` for every model on every backend: default settings first, then the ones above. */
static void walk(void (*try)(struct fixture *f, const char *what, const struct batch *batch))
{
	struct samples s;
	samples_make(&s);
	for (const struct row *const *machine = machines_on_host(); *machine; machine++) {
		size_t n_rows = 0;
		while (family_models.rows[n_rows])
			n_rows++;
		for (size_t i = 0; i < n_rows + N_MORE; i++) {
			char default_json[64], what[256];
			struct fixture f;
			if (i < n_rows && ((const struct model *)family_models.rows[i])->build)
				continue;
			snprintf(default_json, sizeof default_json, "\"%s\"",
			         i < n_rows ? family_models.rows[i]->name : "");
			const char *json = i < n_rows ? default_json : more_settings[i - n_rows];
			snprintf(what, sizeof what, "%s on %s", json, (*machine)->name);
			fixture_open(&f, json, (*machine)->name, &fixture_env);
			try(&f, what, &s.batch);
			fixture_close(&f);
		}
	}
}

static void try_tensors(struct fixture *f, const char *what, const struct batch *batch)
{
	struct tensor t;
	size_t n = 0, index = 0;
	(void)batch;
	for (; f->model->tensor(f->choice.state, &f->env, index, &t); index++) {
		size_t count = 1;
		cr_expect_eq(t.offset, n, "%s: tensor %s begins at %zu, expected %zu", what, t.name, t.offset,
		             n);
		cr_assert(t.rank >= 1 && t.rank <= 4, "%s: rank %d", what, t.rank);
		for (int d = 0; d < t.rank; d++)
			count *= t.dims[d];
		cr_expect_eq(t.count, count, "%s: tensor %s", what, t.name);
		cr_expect(t.name[0]);
		n += t.count;
	}
	cr_expect_eq(n, f->n, "%s: tensors hold %zu numbers of %zu", what, n, f->n);
	cr_expect_gt(index, 0);
}

Test(models, tensors_cover_the_parameters_without_gaps)
{
	walk(try_tensors);
}

static void try_bytes(struct fixture *f, const char *what, const struct batch *batch)
{
	size_t announced = f->model->lane_bytes(f->choice.state, &f->env);
	cr_expect_eq(fixture_alloc_bytes, announced, "%s: took %zu bytes, announced %zu", what,
	             fixture_alloc_bytes, announced);
	f->model->grad(f->instance, f->x, batch, f->g);
	fixture_loss(f, batch);
	cr_expect_eq(fixture_alloc_bytes, announced, "%s: allocates after create()", what);
}

Test(models, instances_take_the_bytes_that_were_announced)
{
	walk(try_bytes);
}

static void try_init(struct fixture *f, const char *what, const struct batch *batch)
{
	struct model_env env = f->env;
	float *again = mem_array(f->n, sizeof *again);
	void *twin = f->model->create(f->choice.state, &env);
	(void)batch;
	memset(again, 0xff, f->n * sizeof *again);
	f->model->init(twin, again);
	cr_expect_eq(memcmp(again, f->x, f->n * sizeof *again), 0, "%s: same seed, other start", what);
	f->model->destroy(twin);
	env.seed = 2;
	twin = f->model->create(f->choice.state, &env);
	f->model->init(twin, again);
	bool same = memcmp(again, f->x, f->n * sizeof *again) == 0;
	const char *name = f->model->row.name;
	bool fixed = strcmp(name, "median-toy") == 0 || strcmp(name, "sign-trap") == 0;
	cr_expect_eq(same, fixed, "%s: the start must depend on the seed where it is random, and only there",
	             what);
	f->model->destroy(twin);
	mem_free(again);
}

Test(models, the_start_is_a_function_of_the_seed)
{
	walk(try_init);
}

static void try_every_component(struct fixture *f, const char *what, const struct batch *batch)
{
	memset(f->g, 0xff, f->n * sizeof *f->g); /* NaN */
	double loss = f->model->grad(f->instance, f->x, batch, f->g);
	cr_expect(isfinite(loss), "%s: loss %g", what, loss);
	for (size_t i = 0; i < f->n; i++)
		cr_expect(isfinite(f->g[i]), "%s: g[%zu] was not written", what, i);
	float *first = mem_array(f->n, sizeof *first);
	memcpy(first, f->g, f->n * sizeof *first);
	fixture_loss(f, batch);
	cr_expect_eq(f->model->grad(f->instance, f->x, batch, f->g), loss);
	cr_expect_eq(memcmp(first, f->g, f->n * sizeof *first), 0, "%s: same batch, other gradient", what);
	mem_free(first);
}

Test(models, a_gradient_is_written_whole_and_depends_on_the_batch_alone)
{
	walk(try_every_component);
}

/*
 * Differences of eval() in double against grad() (exact() where the model makes its own noise). eval()
 * computes in float, so a difference of 2^-7 to either side leaves some 1e-5 of rounding in a slope of
 * order 1. Beside that, a gradient must lie between the slopes to either side: they are nearly equal where f
 * is smooth, and a ReLU's kink parts them.
 */
static void try_differences(struct fixture *f, const char *what, const struct batch *batch)
{
	const double h = 0x1p-7;
	double *error = mem_array(f->n, sizeof *error), largest = 0, here = fixture_loss(f, batch);
	if (f->model->exact)
		f->model->exact(f->instance, f->x, f->g);
	else
		f->model->grad(f->instance, f->x, batch, f->g);
	for (size_t i = 0; i < f->n; i++) {
		float x = f->x[i], up = (float)((double)x + h), down = (float)((double)x - h);
		f->x[i] = up;
		double above = (fixture_loss(f, batch) - here) / ((double)up - (double)x);
		f->x[i] = down;
		double below = (here - fixture_loss(f, batch)) / ((double)x - (double)down);
		f->x[i] = x;
		error[i] = fabs(0.5 * (above + below) - (double)f->g[i]) - 0.5 * fabs(above - below);
		largest = fmax(largest, fabs((double)f->g[i]));
	}
	cr_expect_gt(largest, 0, "%s: no slope anywhere", what);
	for (size_t i = 0; i < f->n; i++)
		cr_expect_lt(error[i], 2e-4 * largest, "%s: g[%zu] = %g is off by %g", what, i,
		             (double)f->g[i], error[i]);
	mem_free(error);
}

Test(models, gradients_are_the_slopes_of_the_loss)
{
	walk(try_differences);
}

static void try_loss(struct fixture *f, const char *what, const struct batch *batch)
{
	double evaluated = fixture_loss(f, batch), returned = f->model->grad(f->instance, f->x, batch, f->g);
	if (strcmp(f->model->row.name, "median-toy") == 0)
		return; /* there a worker's loss is its own */
	cr_expect_float_eq(returned, evaluated, 1e-6 * fabs(evaluated), "%s: grad() says %.9g, eval() %.9g",
	                   what, returned, evaluated);
}

Test(models, grad_returns_the_loss_that_eval_measures)
{
	walk(try_loss);
}

static void try_theory(struct fixture *f, const char *what, const struct batch *batch)
{
	struct smoothness s;
	if (!f->model->theory)
		return;
	f->model->theory(f->instance, f->x, &s);
	cr_expect_float_eq(s.f0, fixture_loss(f, batch), 1e-9 * s.f0, "%s: f0", what);
	cr_expect_leq(s.f_star, s.f0, "%s", what);
	cr_expect_gt(s.l1_l, 0, "%s", what);
	cr_expect_geq(s.l1_sigma, 0, "%s", what);
	/* Assumption 2 for a step of 1 in every coordinate: |f(y) - f(x) - sum_i g_i| <= 1/2 |L|_1. */
	double slope = 0;
	f->model->exact(f->instance, f->x, f->g);
	for (size_t i = 0; i < f->n; i++) {
		slope += (double)f->g[i];
		f->x[i] += 1;
	}
	double excess = fabs(fixture_loss(f, batch) - s.f0 - slope);
	cr_expect_leq(excess, 0.5 * s.l1_l * (1 + 1e-5), "%s: %g above 1/2 |L|_1 = %g", what, excess,
	              0.5 * s.l1_l);
}

Test(models, constants_of_the_theory_bound_the_loss)
{
	walk(try_theory);
}

Test(models, bad_settings_are_refused_by_name)
{
	fixture_refuses("{\"kind\":\"median-toy\",\"a\":[1,2,3,4]}", "a: found 4 values");
	fixture_refuses("{\"kind\":\"median-toy\",\"a\":[]}", "3 workers");
	fixture_refuses("{\"kind\":\"quadratic\",\"dimensions\":4,\"curvature\":[1,2]}",
	                "curvature: found 2 values");
	fixture_refuses("{\"kind\":\"quadratic\",\"dimensions\":4,\"start_at\":[1,2,3,4,5]}",
	                "start_at: found 5 values");
	fixture_refuses("{\"kind\":\"quadratic\",\"curvature\":[2],\"spread\":10}", "spread");
	fixture_refuses("{\"kind\":\"mlp\",\"hidden\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}",
	                "hidden: found 17 widths, expected at most 16");
}
