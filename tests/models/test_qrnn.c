/* The language model: against PyTorch's numbers (golden/make_qrnn.py), against finite differences with its
 * masks, its carry, its parameters' count and start. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "registry.h"
#include "tests/support/machines.h"
#include "tests/support/model_fixture.h"

/* A case of sequences: `length` positions of `batch` of them, with memory for tokens and carry. */
struct text {
	struct fixture f;
	struct batch batch;
	int32_t *token, *label; /* [length][batch] */
	float *carry;           /* [carry_floats] */
	size_t rows, carry_floats;
};

static void text_open(struct text *t, const char *json, const char *backend, int vocabulary, int batch,
                      int length)
{
	struct model_env env = {
	        .data = {.n_classes = vocabulary, .window = length}, .batch = batch, .seed = 3};
	*t = (struct text){.rows = (size_t)batch * (size_t)length};
	fixture_open(&t->f, json, backend, &env);
	t->carry_floats = t->f.model->carry_floats(t->f.choice.state, &t->f.env);
	t->carry = mem_array(t->carry_floats, sizeof *t->carry);
	t->token = mem_array(t->rows, sizeof *t->token);
	t->label = mem_array(t->rows, sizeof *t->label);
	t->batch = (struct batch){.count = batch,
	                          .length = length,
	                          .token = t->token,
	                          .label = t->label,
	                          .carry = t->carry,
	                          .seed = 3,
	                          .worker = 1,
	                          .step = 5};
}

static void text_close(struct text *t)
{
	fixture_close(&t->f);
	mem_free(t->carry);
	mem_free(t->token);
	mem_free(t->label);
}

/* Formulas shared with golden/make_qrnn.py. */
static void golden_parameters(size_t n, double scale, float *x)
{
	for (uint64_t i = 0; i < n; i++)
		x[i] = (float)(scale * ((double)((412 * i * i + 271 * i + 11) % 1009) / 1009.0 - 0.5));
}

static void golden_tokens(struct text *t, size_t step)
{
	size_t words = (size_t)t->f.env.data.n_classes;
	for (size_t r = 0; r < t->rows; r++) {
		size_t i = r + step * t->rows;
		t->token[r] = (int32_t)((3 * i * i + 5 * i + 1) % words);
		t->label[r] = (int32_t)((3 * i * i + 5 * i + 4) % words);
	}
}

static double number(const struct json *c, const char *key)
{
	const struct json *value = json_member(c, key);
	cr_assert(value && value->type == JSON_NUMBER, "golden file: %s", key);
	return value->number;
}

/* Every number against the list's, by the largest difference and by signs. */
static void expect_list(const struct json *c, const char *key, const float *values, size_t n,
                        const char *what)
{
	const struct json *list = json_member(c, key);
	size_t i = 0, same = 0;
	double worst = 0, largest = 0;
	cr_assert(list && list->count == n, "%s: %s has %zu numbers of %zu", what, key,
	          list ? list->count : 0, n);
	for (const struct json *v = list->child; v; v = v->next, i++) {
		worst = fmax(worst, fabs((double)values[i] - v->number));
		largest = fmax(largest, fabs(v->number));
		same += (values[i] > 0) == (v->number > 0) && (values[i] < 0) == (v->number < 0);
	}
	cr_expect_lt(worst, 1e-5 * largest, "%s: %s differs by %g of %g", what, key, worst, largest);
	cr_expect_geq((double)same, 0.999 * (double)n, "%s: %s: %zu of %zu signs agree", what, key, same, n);
}

static void golden_run(const struct json *c, const char *backend)
{
	struct text t;
	char json[256], what[128];
	const char *name = json_member(c, "name")->string;
	snprintf(what, sizeof what, "%s on %s", name, backend);
	snprintf(json, sizeof json,
	         "{\"kind\":\"qrnn\",\"layers\":%.0f,\"embedding\":%.0f,\"hidden\":%.0f,\"window\":%.0f,"
	         "\"tied\":%s}",
	         number(c, "layers"), number(c, "embedding"), number(c, "hidden"), number(c, "window"),
	         json_member(c, "tied")->boolean ? "true" : "false");
	text_open(&t, json, backend, (int)number(c, "vocabulary"), (int)number(c, "batch"),
	          (int)number(c, "length"));
	cr_assert_eq(t.f.n, (size_t)number(c, "n"));
	golden_parameters(t.f.n, number(c, "scale"), t.f.x);
	size_t step = 0;
	for (const struct json *loss = json_member(c, "loss")->child; loss; loss = loss->next, step++) {
		golden_tokens(&t, step);
		double mine = t.f.model->grad(t.f.instance, t.f.x, &t.batch, t.f.g);
		cr_expect_float_eq(mine, loss->number, 1e-6 * loss->number,
		                   "%s: loss %zu is %.9g, expected %.9g", what, step, mine, loss->number);
		if (step < 2)
			expect_list(c, step ? "second_gradient" : "gradient", t.f.g, t.f.n, what);
		for (size_t i = 0; i < t.f.n && loss->next; i++)
			t.f.x[i] -= (float)number(c, "rate") * t.f.g[i];
	}
	cr_expect_eq(step, (size_t)number(c, "steps"));
	expect_list(c, "after", t.f.x, t.f.n, what);
	expect_list(c, "carry", t.carry, t.carry_floats, what);
	text_close(&t);
}

Test(qrnn, losses_gradients_steps_and_carry_are_pytorch_s)
{
	struct arena a = {0};
	struct err e = {0};
	const struct json *file = json_read_file(&a, "tests/golden/qrnn.json", &e);
	cr_assert(file, "%s", e.text);
	for (const struct json *c = json_member(file, "cases")->child; c; c = c->next)
		for (const struct row *const *machine = machines_on_host(); *machine; machine++)
			golden_run(c, (*machine)->name);
	arena_clear(&a);
}

/* --- slopes, under the masks of one step ---------------------------------------------------------------- */

static const char *const settings[] = {
        "{\"kind\":\"qrnn\",\"layers\":2,\"embedding\":5,\"hidden\":6,\"window\":1,\"tied\":true}",
        "{\"kind\":\"qrnn\",\"layers\":2,\"embedding\":5,\"hidden\":6,\"window\":2,\"tied\":false,"
        "\"zoneout\":0.4}",
        "{\"kind\":\"qrnn\",\"layers\":3,\"embedding\":5,\"hidden\":6,\"window\":2,\"tied\":true,"
        "\"dropout_words\":0.3,\"dropout_input\":0.3,\"dropout_hidden\":0.4,\"dropout_output\":0.2,"
        "\"zoneout\":0.3}",
        "{\"kind\":\"qrnn\",\"layers\":1,\"embedding\":5,\"window\":1,\"tied\":false,\"hidden\":3,"
        "\"dropout_words\":0.5}",
};
enum { N_SETTINGS = sizeof settings / sizeof *settings, WORDS = 8, SEQUENCES = 3, POSITIONS = 4 };

static void fill_carry(struct text *t)
{
	golden_parameters(t->carry_floats, 1.5, t->carry);
}

/* The loss of a training batch that begins with the same carry. */
static double training_loss(struct text *t)
{
	fill_carry(t);
	return t->f.model->grad(t->f.instance, t->f.x, &t->batch, t->f.g);
}

Test(qrnn, gradients_are_slopes_whatever_is_dropped)
{
	for (size_t s = 0; s < N_SETTINGS; s++) {
		struct text t;
		text_open(&t, settings[s], "ref", WORDS, SEQUENCES, POSITIONS);
		golden_parameters(t.f.n, 1.2, t.f.x);
		golden_tokens(&t, 0);
		float *g = mem_array(t.f.n, sizeof *g);
		memset(t.f.g, 0xff, t.f.n * sizeof *t.f.g);
		training_loss(&t);
		memcpy(g, t.f.g, t.f.n * sizeof *g);
		double largest = 0, worst = 0;
		for (size_t i = 0; i < t.f.n; i++) {
			const float step = 0x1p-7f, x = t.f.x[i];
			t.f.x[i] = x + step;
			double above = training_loss(&t);
			t.f.x[i] = x - step;
			double slope = (above - training_loss(&t)) / (2.0 * (double)step);
			t.f.x[i] = x;
			largest = fmax(largest, fabs(slope));
			worst = fmax(worst, isfinite(g[i]) ? fabs(slope - (double)g[i]) : INFINITY);
		}
		cr_expect_gt(largest, 0.01);
		cr_expect_lt(worst, 1e-3 * largest, "%s: differs by %g of %g", settings[s], worst, largest);
		mem_free(g);
		text_close(&t);
	}
}

Test(qrnn, cpu_and_ref_drop_the_same_numbers)
{
	for (size_t s = 0; s < N_SETTINGS; s++) {
		struct text ref, cpu;
		text_open(&ref, settings[s], "ref", WORDS, SEQUENCES, POSITIONS);
		text_open(&cpu, settings[s], "cpu", WORDS, SEQUENCES, POSITIONS);
		golden_tokens(&ref, 0);
		golden_tokens(&cpu, 0);
		cr_expect_eq(memcmp(ref.f.x, cpu.f.x, ref.f.n * sizeof *ref.f.x), 0, "the start differs");
		double one = training_loss(&ref), other = training_loss(&cpu), largest = 0;
		cr_expect_float_eq(one, other, 1e-5 * one, "%s: %.9g and %.9g", settings[s], one, other);
		for (size_t i = 0; i < ref.f.n; i++)
			largest = fmax(largest, fabs((double)ref.f.g[i]));
		for (size_t i = 0; i < ref.f.n; i++)
			cr_expect_float_eq(ref.f.g[i], cpu.f.g[i], 1e-4 * largest, "%s: gradient %zu",
			                   settings[s], i);
		text_close(&ref);
		text_close(&cpu);
	}
}

Test(qrnn, what_is_dropped_depends_on_the_step_and_not_in_evaluation)
{
	struct text t;
	double loss, again;
	size_t correct;
	text_open(&t, settings[2], "cpu", WORDS, SEQUENCES, POSITIONS);
	golden_parameters(t.f.n, 1.2, t.f.x);
	golden_tokens(&t, 0);
	double first = training_loss(&t);
	cr_expect_eq(training_loss(&t), first);
	t.batch.step++;
	cr_expect_neq(training_loss(&t), first, "another step, the same masks");
	fill_carry(&t);
	t.f.model->eval(t.f.instance, t.f.x, &t.batch, &loss, &correct);
	t.batch.step++;
	fill_carry(&t);
	t.f.model->eval(t.f.instance, t.f.x, &t.batch, &again, &correct);
	cr_expect_eq(loss, again, "an evaluation depends on the step");
	text_close(&t);
}

/* Without dropouts, one long batch is two short ones, the second with the carry of the first. */
Test(qrnn, the_carry_continues_a_sequence)
{
	const char *json =
	        "{\"kind\":\"qrnn\",\"layers\":2,\"embedding\":5,\"hidden\":6,\"window\":2,\"zoneout\":0.3}";
	struct text t;
	double whole, half[2];
	size_t correct;
	text_open(&t, json, "ref", WORDS, SEQUENCES, 2 * POSITIONS);
	golden_parameters(t.f.n, 1.2, t.f.x);
	golden_tokens(&t, 0);
	t.f.model->eval(t.f.instance, t.f.x, &t.batch, &whole, &correct);
	memset(t.carry, 0, t.carry_floats * sizeof *t.carry);
	t.batch.length = POSITIONS;
	for (int i = 0; i < 2; i++) {
		t.f.model->eval(t.f.instance, t.f.x, &t.batch, &half[i], &correct);
		t.batch.token += POSITIONS * SEQUENCES;
		t.batch.label += POSITIONS * SEQUENCES;
	}
	cr_expect_float_eq(half[0] + half[1], whole, 1e-6 * whole, "%.9g + %.9g is not %.9g", half[0],
	                   half[1], whole);
	text_close(&t);
}

/* --- sizes ---------------------------------------------------------------------------------------------- */

static size_t count_of(const char *json, int vocabulary)
{
	struct model_env env = {.data = {.n_classes = vocabulary, .window = 160}, .batch = 60};
	struct fixture f;
	fixture_settings(&f, json, &env);
	size_t n = f.model->n_params(f.choice.state, &f.env);
	fixture_close(&f);
	return n;
}

/* The setting of figure 6: V (e + 1) + 3 h (e + 1) + 2 * 3 h (h + 1) + 3 e (h + 1). */
Test(qrnn, the_paper_s_model_has_150_9_million_parameters)
{
	const size_t v = 267735, e = 400, h = 2500;
	size_t formula = v * (e + 1) + 3 * h * (e + 1) + 6 * h * (h + 1) + 3 * e * (h + 1);
	cr_expect_eq(formula, 150885435);
	cr_expect_eq(
	        count_of("{\"kind\":\"qrnn\",\"layers\":4,\"embedding\":400,\"hidden\":2500,\"window\":1}",
	                 267735),
	        formula);
	cr_expect_eq(count_of("{\"kind\":\"qrnn\",\"layers\":2,\"embedding\":4,\"hidden\":5,\"window\":2,"
	                      "\"tied\":false}",
	                      7),
	             28 + 15 * 9 + 15 * 6 + 7 * 6);
}

Test(qrnn, tensors_have_pytorch_s_names_and_the_start_is_awd_s)
{
	const struct {
		const char *name;
		size_t dims[2];
	} expected[] = {{"encoder.weight", {WORDS, 5}}, {"rnns.0.linear.weight", {18, 10}},
	                {"rnns.0.linear.bias", {18}},   {"rnns.1.linear.weight", {15, 6}},
	                {"rnns.1.linear.bias", {15}},   {"decoder.bias", {WORDS}}};
	struct text t;
	struct tensor tensor;
	text_open(&t, "{\"kind\":\"qrnn\",\"layers\":2,\"embedding\":5,\"hidden\":6,\"window\":2}", "ref",
	          WORDS, SEQUENCES, POSITIONS);
	for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
		cr_assert(t.f.model->tensor(t.f.choice.state, &t.f.env, i, &tensor));
		cr_expect_str_eq(tensor.name, expected[i].name);
		for (int d = 0; d < tensor.rank; d++)
			cr_expect_eq(tensor.dims[d], expected[i].dims[d], "%s", tensor.name);
		float bound = i == 0 ? 0.1f : i == 5 ? 0 : 1 / sqrtf(i < 3 ? 10 : 6), most = 0;
		for (size_t k = 0; k < tensor.count; k++)
			most = fmaxf(most, fabsf(t.f.x[tensor.offset + k]));
		cr_expect(most <= bound && most >= 0.6f * bound, "%s begins with up to %g of %g", tensor.name,
		          most, bound);
	}
	cr_expect_not(
	        t.f.model->tensor(t.f.choice.state, &t.f.env, sizeof expected / sizeof *expected, &tensor));
	text_close(&t);
}

Test(qrnn, a_lane_takes_the_bytes_that_were_announced)
{
	struct text t;
	text_open(&t, settings[2], "cpu", WORDS, SEQUENCES, POSITIONS);
	cr_expect_eq(fixture_alloc_bytes, t.f.model->lane_bytes(t.f.choice.state, &t.f.env));
	training_loss(&t);
	cr_expect_eq(fixture_alloc_bytes, t.f.model->lane_bytes(t.f.choice.state, &t.f.env));
	text_close(&t);
}

Test(qrnn, image_set_are_refused)
{
	fixture_refuses("\"qrnn\"", "an embedding needs tokens");
}
