#include "tests/support/record_run.h"
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>
#include "base/mem.h"

const struct record_meta record_run_meta = {
        .name = "toy",
        .id = "0123456789ab",
        .given = "{\"name\": \"toy\"}",
        .resolved = "{\"name\": \"toy\", \"seed\": 1}",
        .group = "{}",
        .backend = "cpu",
        .backend_detail = "AVX2",
        .lanes = 2,
        .steps = 10000,
        .workers = 7,
        .adversaries = 3,
        .attack = "invert",
        .aggregator = "vote",
        .model = "mlp",
        .data = "glyphs",
        .seed = UINT64_MAX,
        .n_params = 79510,
        .push_bytes = 9944,
        .pull_bytes = 9945,
        .every = 1,
};

struct step_row record_run_step(int64_t step)
{
	double s = (double)step;
	return (struct step_row){.step = step,
	                         .epoch = s / 10,
	                         .loss = step % 7 ? 1 / s : NAN,
	                         .lr = 0.1 / s,
	                         .bytes_up = (UINT64_C(1) << 63) + (uint64_t)step,
	                         .bytes_down = (uint64_t)step * 3,
	                         .n_voters = (int32_t)(step % 7),
	                         .wall_s = s / 4,
	                         .compute_s = 1e-3 * s,
	                         .encode_s = 1e-4 * s,
	                         .exchange_s = 1e-5 * s,
	                         .apply_s = 1e-6 * s};
}

struct eval_row record_run_eval(int64_t step)
{
	double s = (double)step;
	return (struct eval_row){.step = step,
	                         .epoch = s / 10,
	                         .wall_s = s / 4,
	                         .bytes = (uint64_t)step * 100,
	                         .train_loss = 2 - 1e-4 * s,
	                         .train_accuracy = 1e-4 * s,
	                         .test_loss = 3 - 1e-4 * s,
	                         .test_accuracy = sin(s)};
}

struct record_run_probe record_run_probe_columns(struct record *r)
{
	struct h5 *f = record_file(r);
	return (struct record_run_probe){
	        h5_column(f, "/probes/pairs/step", H5_I64, 0, NULL, "steps", "steps done"),
	        h5_column(f, "/probes/pairs/pair", H5_I32, 1, (size_t[]){2}, "1", "step and its half"),
	        h5_column(f, "/probes/pairs/real", H5_F32, 0, NULL, "1", "the step"),
	};
}

void record_run_probe_close(struct record_run_probe *p)
{
	h5_column_close(p->step);
	h5_column_close(p->pair);
	h5_column_close(p->real);
}

void record_run_steps(struct record *r, struct record_run_probe *p, int64_t from, int64_t to, int64_t every)
{
	for (int64_t step = from + 1; step <= to; step++) {
		struct step_row row = record_run_step(step);
		struct eval_row eval = record_run_eval(step);
		float real = (float)step;
		if (step % 5 == 0) {
			h5_append(p->pair, 1, (int32_t[]){(int32_t)step, (int32_t)step / 2});
			h5_append(p->real, 1, &real);
			h5_append(p->step, 1, &step);
		}
		if (step % every == 0)
			record_step(r, &row);
		if (step % 50 == 0)
			record_eval(r, &eval);
	}
}

void record_run_write(const char *path, const struct record_meta *m, int64_t to, enum run_state state)
{
	struct err e = {0};
	struct record *r = record_create(path, m);
	struct record_run_probe p = record_run_probe_columns(r);
	struct eval_row first = record_run_eval(0);
	record_eval(r, &first);
	record_run_steps(r, &p, 0, to, m->every);
	record_run_probe_close(&p);
	if (state == RUN_FINISHED)
		record_final(r, "layer.weight", 2, (size_t[]){2, 3}, (float[]){1, 2, 3, 4, 5, 6});
	cr_assert_eq(record_end(r, state, "", &e), 0, "%s", e.text);
	record_close(r);
}

void record_run_expect_text(struct h5 *f, const char *name, const char *expected)
{
	struct err e = {0};
	char *text = h5_get_text(f, "/meta", name, &e);
	cr_assert_not_null(text, "%s", e.text);
	cr_expect_str_eq(text, expected, "%s", name);
	mem_free(text);
}

void record_run_expect_int(struct h5 *f, const char *name, int64_t expected)
{
	struct err e = {0};
	int64_t value;
	cr_assert_eq(h5_get_int(f, "/meta", name, &value, &e), 0, "%s", e.text);
	cr_expect_eq(value, expected, "%s", name);
}

/* A column is `bytes` wide and holds what `at` says for steps first, first + every, ... */
static void expect_column(struct h5 *f, const char *path, enum h5_type type, size_t bytes, int64_t first,
                          int64_t every, size_t rows, void (*at)(int64_t step, void *row), size_t offset)
{
	struct err e = {0};
	unsigned char *values = mem_array(rows, bytes), row[256];
	cr_assert_eq(h5_door_rows(f, path), rows, "%s", path);
	cr_assert_eq(h5_read(f, path, type, rows, values, &e), 0, "%s", e.text);
	for (size_t i = 0; i < rows; i++) {
		at(first + (int64_t)i * every, row);
		cr_assert_eq(memcmp(values + i * bytes, row + offset, bytes), 0, "%s row %zu", path, i);
	}
	char *unit = h5_get_text(f, path, "unit", &e), *about = h5_get_text(f, path, "about", &e);
	cr_expect(unit && unit[0] && about && about[0], "%s", path);
	mem_free(unit);
	mem_free(about);
	mem_free(values);
}

static void fill_step(int64_t step, void *row)
{
	*(struct step_row *)row = record_run_step(step);
}

static void fill_eval(int64_t step, void *row)
{
	*(struct eval_row *)row = record_run_eval(step);
}

#define STEP(name, type)                                                                                     \
	expect_column(f, "/steps/" #name, type, sizeof((struct step_row *)0)->name, every, every, rows,      \
	              fill_step, offsetof(struct step_row, name))
#define EVAL(name, type)                                                                                     \
	expect_column(f, "/evals/" #name, type, sizeof((struct eval_row *)0)->name, 0, 50, evals, fill_eval, \
	              offsetof(struct eval_row, name))

void record_run_expect(const char *path, int64_t to, int64_t every)
{
	struct h5 *f = h5_door_open(path);
	struct err e = {0};
	size_t rows = (size_t)(to / every), evals = (size_t)(to / 50) + 1, probed = (size_t)(to / 5);
	STEP(step, H5_I64);
	STEP(epoch, H5_F64);
	STEP(loss, H5_F64);
	STEP(lr, H5_F64);
	STEP(bytes_up, H5_U64);
	STEP(bytes_down, H5_U64);
	STEP(n_voters, H5_I32);
	STEP(wall_s, H5_F64);
	STEP(compute_s, H5_F64);
	STEP(encode_s, H5_F64);
	STEP(exchange_s, H5_F64);
	STEP(apply_s, H5_F64);
	EVAL(step, H5_I64);
	EVAL(epoch, H5_F64);
	EVAL(wall_s, H5_F64);
	EVAL(bytes, H5_U64);
	EVAL(train_loss, H5_F64);
	EVAL(train_accuracy, H5_F64);
	EVAL(test_loss, H5_F64);
	EVAL(test_accuracy, H5_F64);
	int32_t *pairs = mem_array(2 * probed, sizeof *pairs);
	float *reals = mem_array(probed, sizeof *reals);
	cr_assert_eq(h5_read(f, "/probes/pairs/pair", H5_I32, 2 * probed, pairs, &e), 0, "%s", e.text);
	cr_assert_eq(h5_read(f, "/probes/pairs/real", H5_F32, probed, reals, &e), 0, "%s", e.text);
	cr_assert_eq(h5_door_rows(f, "/probes/pairs/step"), probed);
	for (size_t i = 0; i < probed; i++) {
		int32_t step = 5 * ((int32_t)i + 1);
		cr_assert(pairs[2 * i] == step && pairs[2 * i + 1] == step / 2 && reals[i] == (float)step);
	}
	mem_free(pairs);
	mem_free(reals);
	h5_close(f);
}
