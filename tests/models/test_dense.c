/* softmax and mlp: against PyTorch's numbers (golden/make_dense.py), their starting point, small batches. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "registry.h"
#include "tests/support/machines.h"
#include "tests/support/model_fixture.h"

static void open_stack(struct fixture *f, const char *json, const char *backend, int features, int classes,
                       int batch)
{
	struct model_env env = fixture_env;
	env.data.height = 1;
	env.data.width = features;
	env.data.n_classes = classes;
	env.batch = batch;
	fixture_open(f, json, backend, &env);
}

/* Formulas shared with golden/make_dense.py. */
static void golden_parameters(size_t n, double scale, float *x)
{
	for (uint64_t i = 0; i < n; i++)
		x[i] = (float)(scale * ((double)((412 * i * i + 271 * i + 11) % 1009) / 1009.0 - 0.5));
}

static void golden_batch(int step, int classes, size_t features, float *x, int32_t *label,
                         struct batch *batch)
{
	size_t n = (size_t)batch->count * features;
	for (uint64_t k = 0; k < n; k++) {
		uint64_t i = k + (uint64_t)step * n;
		x[k] = (float)((double)((335 * i * i + 129 * i + 3) % 997) / 997.0);
	}
	for (int r = 0; r < batch->count; r++)
		label[r] = (r * r + 2 * r + step) % classes;
	batch->x = x;
	batch->label = label;
}

static double number(const struct json *c, const char *key)
{
	const struct json *value = json_member(c, key);
	cr_assert(value && value->type == JSON_NUMBER, "golden file: %s", key);
	return value->number;
}

/* Compare every stride-th value with the list: by the largest difference, and by signs. */
static void expect_near(const struct json *c, const char *key, const float *values, const char *what)
{
	const struct json *list = json_member(c, key);
	size_t stride = (size_t)number(c, "stride"), i = 0, same = 0;
	double worst = 0, largest = 0;
	cr_assert(list && list->count > 0);
	for (const struct json *v = list->child; v; v = v->next, i++) {
		double mine = (double)values[i * stride];
		worst = fmax(worst, fabs(mine - v->number));
		largest = fmax(largest, fabs(v->number));
		same += (mine > 0) == (v->number > 0) && (mine < 0) == (v->number < 0);
	}
	cr_expect_lt(worst, 1e-5 * largest, "%s: %s differs by %g of %g", what, key, worst, largest);
	cr_expect_geq((double)same, 0.999 * (double)list->count, "%s: %s: %zu of %zu signs agree", what, key,
	              same, list->count);
}

static void expect_norms(const struct json *c, const float *g, size_t n, const char *what)
{
	double l1 = 0, square = 0;
	for (size_t i = 0; i < n; i++) {
		l1 += fabs((double)g[i]);
		square += (double)g[i] * (double)g[i];
	}
	cr_expect_float_eq(l1, number(c, "l1"), 1e-5 * l1, "%s: L1 norm %.9g", what, l1);
	cr_expect_float_eq(sqrt(square), number(c, "l2"), 1e-5 * sqrt(square), "%s: L2 norm %.9g", what,
	                   sqrt(square));
}

static void golden_run(struct fixture *f, const struct json *c, const char *what)
{
	size_t features = shape_features(&f->env.data);
	float *x = mem_array((size_t)f->env.batch * features, sizeof *x); /* [batch][features] */
	int32_t *label = mem_array((size_t)f->env.batch, sizeof *label);
	struct batch batch = {.count = f->env.batch};
	int step = 0;
	cr_assert_eq(f->n, (size_t)number(c, "n"));
	golden_parameters(f->n, number(c, "scale"), f->x);
	for (const struct json *loss = json_member(c, "loss")->child; loss; loss = loss->next, step++) {
		golden_batch(step, f->env.data.n_classes, features, x, label, &batch);
		double mine = f->model->grad(f->instance, f->x, &batch, f->g);
		cr_expect_float_eq(mine, loss->number, 1e-6 * loss->number,
		                   "%s: loss %d is %.9g, expected %.9g", what, step, mine, loss->number);
		if (step == 0) {
			expect_near(c, "gradient", f->g, what);
			expect_norms(c, f->g, f->n, what);
		}
		for (size_t i = 0; i < f->n && loss->next; i++)
			f->x[i] -= (float)number(c, "rate") * f->g[i];
	}
	cr_expect_eq(step, 4, "three steps were stored");
	expect_near(c, "after", f->x, what);
	mem_free(x);
	mem_free(label);
}

Test(dense, losses_gradients_and_three_steps_are_pytorch_s)
{
	struct arena a = {0};
	struct err e = {0};
	const struct json *file = json_read_file(&a, "tests/golden/dense.json", &e);
	cr_assert(file, "%s", e.text);
	for (const struct json *c = json_member(file, "cases")->child; c; c = c->next)
		for (const struct row *const *machine = machines_on_host(); *machine; machine++) {
			const char *name = json_member(c, "name")->string;
			struct buf json = {0};
			struct fixture f;
			char what[128];
			snprintf(what, sizeof what, "%s on %s", name, (*machine)->name);
			if (strcmp(name, "softmax") == 0) {
				buf_add(&json, "\"softmax\"");
			} else {
				buf_add(&json, "{\"kind\":\"mlp\",\"hidden\":");
				json_write(&json, json_member(c, "hidden"));
				buf_format(&json, ",\"activation\":\"%s\"}",
				           json_member(c, "activation")->string);
			}
			open_stack(&f, json.text, (*machine)->name, (int)number(c, "features"),
			           (int)number(c, "classes"), (int)number(c, "batch"));
			golden_run(&f, c, what);
			fixture_close(&f);
			buf_clear(&json);
		}
	arena_clear(&a);
}

Test(dense, tensors_have_their_usual_names_and_shapes)
{
	struct fixture f;
	struct tensor t;
	fixture_settings(&f, "{\"kind\":\"mlp\",\"hidden\":[8,3]}", &fixture_env);
	const char *const names[] = {"fc1.weight", "fc1.bias",   "fc2.weight",
	                             "fc2.bias",   "fc3.weight", "fc3.bias"};
	const size_t rows[] = {8, 8, 3, 3, FIX_CLASSES, FIX_CLASSES},
	             columns[] = {FIX_FEATURES, 0, 8, 0, 3, 0};
	for (size_t i = 0; i < 6; i++) {
		cr_assert(f.model->tensor(f.choice.state, &f.env, i, &t));
		cr_expect_str_eq(t.name, names[i]);
		cr_expect_eq(t.rank, columns[i] ? 2 : 1);
		cr_expect_eq(t.dims[0], rows[i]);
		cr_expect_eq(t.dims[1], columns[i]);
	}
	cr_expect_not(f.model->tensor(f.choice.state, &f.env, 6, &t));
	fixture_close(&f);
	fixture_settings(&f, "\"softmax\"", &fixture_env);
	cr_assert(f.model->tensor(f.choice.state, &f.env, 1, &t));
	cr_expect_str_eq(t.name, "fc.bias");
	fixture_close(&f);
}

/* Uniform in +-1/sqrt(in): within the bound, mean 0 and variance bound^2 / 3 within six deviations. */
Test(dense, the_start_is_uniform_as_pytorch_s_linear)
{
	struct fixture f;
	struct tensor t;
	open_stack(&f, "{\"kind\":\"mlp\",\"hidden\":[100,50]}", "ref", 64, 10, 1);
	const double fan_in[] = {64, 64, 100, 100, 50, 50};
	for (size_t i = 0; f.model->tensor(f.choice.state, &f.env, i, &t); i++) {
		struct stream draw = stream_of(f.env.seed, RNG_INIT, 0, i);
		double bound = 1 / sqrt(fan_in[i]), sum = 0, square = 0, n = (double)t.count;
		for (size_t j = t.offset; j < t.offset + t.count; j++) {
			cr_expect_leq(fabs((double)f.x[j]), bound * (1 + 1e-7), "%s: %g", t.name,
			              (double)f.x[j]);
			float u = stream_uniform(&draw, j - t.offset);
			cr_expect_float_eq((double)f.x[j] / bound, 2 * (double)u - 1, 1e-6,
			                   "%s: not its stream's", t.name);
			sum += (double)f.x[j] / bound;
			square += pow((double)f.x[j] / bound, 2);
		}
		cr_expect_leq(fabs(sum), 6 * sqrt(n / 3), "%s: mean %g", t.name, sum / n);
		cr_expect_leq(fabs(square - n / 3), 6 * sqrt(n * 4 / 45), "%s: variance %g", t.name,
		              square / n);
	}
	fixture_close(&f);
}

/* With W = 1, b = 0 the logits are the sample: who is right can be read off it. */
Test(dense, correct_are_the_samples_whose_largest_logit_is_the_label)
{
	const float x[] = {3, 1, 2, 0, 5, 1, 1, 1, 9};
	const int32_t label[] = {0, 2, 2};
	struct batch batch = {.count = 3, .x = x, .label = label};
	for (const struct row *const *machine = machines_on_host(); *machine; machine++) {
		struct fixture f;
		double loss = 0, expected = 0;
		size_t correct = 0;
		open_stack(&f, "\"softmax\"", (*machine)->name, 3, 3, 3);
		for (size_t i = 0; i < f.n; i++)
			f.x[i] = i < 9 && i % 4 == 0;
		f.model->eval(f.instance, f.x, &batch, &loss, &correct);
		for (size_t r = 0; r < 3; r++) {
			const float *z = x + 3 * r;
			expected += log(exp((double)z[0]) + exp((double)z[1]) + exp((double)z[2])) -
			            (double)z[label[r]];
		}
		cr_expect_eq(correct, 2, "%s: %zu correct", (*machine)->name, correct);
		cr_expect_float_eq(loss, expected, 1e-5 * expected, "%s: loss %g", (*machine)->name, loss);
		fixture_close(&f);
	}
}

/* An instance for 5 samples takes fewer; a batch is the sum of its samples, its gradient their mean. */
Test(dense, a_batch_is_the_sum_of_its_samples)
{
	float x[FIX_BATCH * FIX_FEATURES];
	int32_t label[FIX_BATCH];
	for (const struct row *const *machine = machines_on_host(); *machine; machine++) {
		struct fixture f;
		struct batch batch = {.count = FIX_BATCH};
		double all = 0, one = 0, sum = 0;
		size_t correct = 0, one_correct = 0, sum_correct = 0;
		golden_batch(0, FIX_CLASSES, FIX_FEATURES, x, label, &batch);
		fixture_open(&f, "{\"kind\":\"mlp\",\"hidden\":[7,5]}", (*machine)->name, &fixture_env);
		double *mean = mem_array(f.n, sizeof *mean);
		f.model->eval(f.instance, f.x, &batch, &all, &correct);
		for (int r = 0; r < FIX_BATCH; r++) {
			struct batch single = {.count = 1, .x = x + r * FIX_FEATURES, .label = label + r};
			f.model->eval(f.instance, f.x, &single, &one, &one_correct);
			f.model->grad(f.instance, f.x, &single, f.g);
			sum += one;
			sum_correct += one_correct;
			for (size_t i = 0; i < f.n; i++)
				mean[i] += (double)f.g[i] / FIX_BATCH;
		}
		f.model->grad(f.instance, f.x, &batch, f.g);
		cr_expect_float_eq(all, sum, 1e-6 * sum);
		cr_expect_eq(correct, sum_correct);
		for (size_t i = 0; i < f.n; i++)
			cr_expect_float_eq((double)f.g[i], mean[i], 1e-6, "%s: g[%zu]", (*machine)->name, i);
		mem_free(mean);
		fixture_close(&f);
	}
}
