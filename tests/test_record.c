/* Result files: all of it comes back, to us and to h5py; cutting and continuing; damage; docs/RESULTS.md. */
#include <criterion/criterion.h>
#include <math.h>
#include <sys/mman.h>
#include "base/h5.h"
#include "h5_files.h"
#include "record.h"

TestSuite(record, .init = files_begin, .fini = files_end, .timeout = 240);

static const struct record_meta meta = {
        .name = "toy",
        .id = "0123456789ab",
        .given = "{\"name\": \"toy\"}",
        .resolved = "{\"name\": \"toy\", \"seed\": 1}",
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

/* What a run would record after `step` steps: any numbers, but a function of the step alone. */
static struct step_row step_at(int64_t step)
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

static struct eval_row eval_at(int64_t step)
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

/* A probe of a row every 5 steps: two numbers a row, and floats. */
struct probe {
	struct h5_column *step, *pair, *real;
};

static struct probe probe_columns(struct record *r)
{
	struct h5 *f = record_file(r);
	return (struct probe){
	        h5_column(f, "/probes/pairs/step", H5_I64, 0, NULL, "steps", "steps done"),
	        h5_column(f, "/probes/pairs/pair", H5_I32, 1, (size_t[]){2}, "1", "step and its half"),
	        h5_column(f, "/probes/pairs/real", H5_F32, 0, NULL, "1", "the step"),
	};
}

static void probe_close(struct probe *p)
{
	h5_column_close(p->step);
	h5_column_close(p->pair);
	h5_column_close(p->real);
}

/* Record the steps after `from` up to `to`: a row each `every`, an evaluation each 50, the probe each 5. */
static void run_steps(struct record *r, struct probe *p, int64_t from, int64_t to, int64_t every)
{
	for (int64_t step = from + 1; step <= to; step++) {
		struct step_row row = step_at(step);
		struct eval_row eval = eval_at(step);
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

/* A run from its first step to `to`, ended in `state`. */
static void write_run(const char *path, const struct record_meta *m, int64_t to, enum run_state state)
{
	struct err e = {0};
	struct record *r = record_create(path, m);
	struct probe p = probe_columns(r);
	struct eval_row first = eval_at(0);
	record_eval(r, &first);
	run_steps(r, &p, 0, to, m->every);
	probe_close(&p);
	if (state == RUN_FINISHED)
		record_final(r, "layer.weight", 2, (size_t[]){2, 3}, (float[]){1, 2, 3, 4, 5, 6});
	cr_assert_eq(record_end(r, state, "", &e), 0, "%s", e.text);
	record_close(r);
}

static struct h5 *again(const char *path)
{
	struct err e = {0};
	struct h5 *f = h5_open(path, &e);
	cr_assert_not_null(f, "%s", e.text);
	return f;
}

static void expect_text(struct h5 *f, const char *name, const char *expected)
{
	struct err e = {0};
	char *text = h5_get_text(f, "/meta", name, &e);
	cr_assert_not_null(text, "%s", e.text);
	cr_expect_str_eq(text, expected, "%s", name);
	mem_free(text);
}

static void expect_int(struct h5 *f, const char *name, int64_t expected)
{
	struct err e = {0};
	int64_t value;
	cr_assert_eq(h5_get_int(f, "/meta", name, &value, &e), 0, "%s", e.text);
	cr_expect_eq(value, expected, "%s", name);
}

static size_t rows_of(struct h5 *f, const char *path)
{
	struct err e = {0};
	int rank;
	size_t dims[8];
	cr_assert_eq(h5_shape(f, path, &rank, dims, &e), 0, "%s", e.text);
	return dims[0];
}

/* A column is `bytes` wide and holds what `at` says for steps first, first + every, ... */
static void expect_column(struct h5 *f, const char *path, enum h5_type type, size_t bytes, int64_t first,
                          int64_t every, size_t rows, void (*at)(int64_t step, void *row), size_t offset)
{
	struct err e = {0};
	unsigned char *values = mem_array(rows, bytes), row[256];
	cr_assert_eq(rows_of(f, path), rows, "%s", path);
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
	*(struct step_row *)row = step_at(step);
}

static void fill_eval(int64_t step, void *row)
{
	*(struct eval_row *)row = eval_at(step);
}

#define STEP(name, type)                                                                                     \
	expect_column(f, "/steps/" #name, type, sizeof((struct step_row *)0)->name, every, every, rows,      \
	              fill_step, offsetof(struct step_row, name))
#define EVAL(name, type)                                                                                     \
	expect_column(f, "/evals/" #name, type, sizeof((struct eval_row *)0)->name, 0, 50, evals, fill_eval, \
	              offsetof(struct eval_row, name))

/* Everything in the tables and the probe as after `to` steps of an uninterrupted run. */
static void expect_run(const char *path, int64_t to, int64_t every)
{
	struct h5 *f = again(path);
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
	cr_assert_eq(rows_of(f, "/probes/pairs/step"), probed);
	for (size_t i = 0; i < probed; i++) {
		int32_t step = 5 * ((int32_t)i + 1);
		cr_assert(pairs[2 * i] == step && pairs[2 * i + 1] == step / 2 && reals[i] == (float)step);
	}
	mem_free(pairs);
	mem_free(reals);
	h5_close(f);
}

Test(record, a_run_comes_back)
{
	const char *path = in_folder("a.h5");
	struct err e = {0};
	write_run(path, &meta, 10000, RUN_FINISHED); /* more than two buffers of rows, and of evaluations */
	expect_run(path, 10000, 1);
	struct h5 *f = again(path);
	expect_text(f, "name", "toy");
	expect_text(f, "id", "0123456789ab");
	expect_text(f, "state", "finished");
	expect_text(f, "why", "");
	expect_text(f, "seed", "18446744073709551615");
	expect_text(f, "backend", "cpu");
	expect_text(f, "backend_detail", "AVX2");
	expect_text(f, "attack", "invert");
	expect_text(f, "aggregator", "vote");
	expect_text(f, "model", "mlp");
	expect_text(f, "data", "glyphs");
	expect_int(f, "lanes", 2);
	expect_int(f, "steps", 10000);
	expect_int(f, "workers", 7);
	expect_int(f, "adversaries", 3);
	expect_int(f, "n_params", 79510);
	expect_int(f, "push_bytes", 9944);
	expect_int(f, "pull_bytes", 9945);
	const char *const told[] = {"version", "commit", "host", "processor", "libraries", "start", "end"};
	for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
		char *text = h5_get_text(f, "/meta", told[i], &e);
		cr_expect(text && text[0], "%s", told[i]);
		mem_free(text);
	}
	char *given = h5_read_text(f, "/config/given", &e),
	     *resolved = h5_read_text(f, "/config/resolved", &e);
	cr_expect_str_eq(given, meta.given);
	cr_expect_str_eq(resolved, meta.resolved);
	mem_free(given);
	mem_free(resolved);
	float x[6];
	cr_assert_eq(h5_read(f, "/final/layer.weight", H5_F32, 6, x, &e), 0, "%s", e.text);
	for (int i = 0; i < 6; i++)
		cr_expect_eq(x[i], (float)(i + 1));
	h5_close(f);
}

Test(record, info_says_what_the_file_says)
{
	const char *path = in_folder("a.h5");
	struct err e = {0};
	struct run_info info;
	write_run(path, &meta, 200, RUN_DIVERGED);
	cr_assert_eq(record_info(path, &info, &e), 0, "%s", e.text);
	cr_expect_str_eq(info.name, "toy");
	cr_expect_str_eq(info.id, "0123456789ab");
	cr_expect_str_eq(info.state, "diverged");
	cr_expect_str_eq(info.attack, "invert");
	cr_expect_str_eq(info.model, "mlp");
	cr_expect_eq(info.steps_done, 200);
	cr_expect_eq(info.steps, 10000);
	cr_expect_eq(info.workers, 7);
	cr_expect_eq(info.adversaries, 3);
	cr_expect_eq(info.n_voters, 200 % 7);
	cr_expect_eq(info.push_bytes, 9944);
	cr_expect_eq(info.pull_bytes, 9945);
	cr_expect_eq(info.bytes_down, 600);
	cr_expect_eq(info.wall_s, 50.0);
	cr_expect_eq(info.final_train_loss, 2 - 1e-4 * 200);
	cr_expect_eq(info.final_test_loss, 3 - 1e-4 * 200);
	cr_expect_eq(info.best_test_loss, 3 - 1e-4 * 200);
	double best = -1;
	for (int i = 0; i <= 4; i++)
		best = fmax(best, sin(50.0 * i));
	cr_expect_eq(info.final_test_accuracy, sin(200.0));
	cr_expect_eq(info.best_test_accuracy, best);
}

Test(record, info_of_a_run_that_just_began)
{
	const char *path = in_folder("a.h5");
	struct err e = {0};
	struct run_info info;
	struct record *r = record_create(path, &meta);
	cr_expect_eq(record_tick(r, &e), 0);
	cr_expect(!file_there(path), "written before it was due");
	cr_assert_eq(record_flush(r, &e), 0, "%s", e.text);
	cr_assert_eq(record_info(path, &info, &e), 0, "%s", e.text);
	cr_expect_str_eq(info.state, "running");
	cr_expect_eq(info.steps_done, 0);
	cr_expect_eq(info.wall_s, 0.0);
	cr_expect(isnan(info.final_test_accuracy) && isnan(info.best_test_loss) &&
	          isnan(info.final_train_loss));
	struct eval_row row = eval_at(1);
	row.test_accuracy = row.test_loss = NAN;
	record_eval(r, &row);
	cr_assert_eq(record_flush(r, &e), 0, "%s", e.text);
	cr_assert_eq(record_info(path, &info, &e), 0, "%s", e.text);
	cr_expect(isnan(info.best_test_accuracy) && isnan(info.best_test_loss));
	cr_expect_eq(info.final_train_loss, row.train_loss);
	record_close(r);
}

Test(record, a_due_flush_writes_what_was_gathered)
{
	const char *path = in_folder("a.h5");
	struct err e = {0};
	struct run_info info;
	struct record *r = record_create(path, &meta);
	struct step_row row = step_at(1);
	record_step(r, &row);
	sleep_us(RECORD_FLUSH_S * UINT64_C(1000000));
	cr_assert_eq(record_tick(r, &e), 0, "%s", e.text);
	cr_assert_eq(record_info(path, &info, &e), 0, "%s", e.text);
	cr_expect_eq(info.steps_done, 1);
	record_close(r);
}

Test(record, columns_are_read_as_doubles)
{
	const char *path = in_folder("a.h5");
	struct err e = {0};
	double *values;
	size_t count;
	write_run(path, &meta, 120, RUN_FINISHED);
	cr_assert_eq(record_column(path, "/steps/step", &values, &count, &e), 0, "%s", e.text);
	cr_assert_eq(count, 120);
	for (size_t i = 0; i < count; i++)
		cr_expect_eq(values[i], (double)(i + 1));
	mem_free(values);
	cr_expect_eq(record_column(path, "/steps/none", &values, &count, &e), -1);
	cr_expect_null(values);
	cr_expect_not_null(strstr(e.text, "/steps/none"), "%s", e.text);
	err_clear(&e);
	cr_expect_eq(record_column(path, "/final/layer.weight", &values, &count, &e), -1);
	cr_expect_not_null(strstr(e.text, "expected a column of one"), "%s", e.text);
}

/* --- continuing ------------------------------------------------------------------------------------ */

static void continue_run(const char *path, const struct record_meta *m, int64_t from, int64_t to)
{
	struct err e = {0};
	struct record *r = record_continue(path, m, from, &e);
	int64_t every = m->every ? m->every : 1;
	cr_assert_not_null(r, "%s", e.text);
	cr_expect_eq(record_earlier_s(r), (double)(from / every * every) / 4);
	struct probe p = probe_columns(r);
	run_steps(r, &p, from, to, every);
	probe_close(&p);
	cr_assert_eq(record_end(r, RUN_FINISHED, "", &e), 0, "%s", e.text);
	record_close(r);
}

Test(record, a_continued_file_is_like_one_never_interrupted)
{
	const char *path = in_folder("a.h5");
	struct record_meta m = meta;
	uint64_t state = 23;
	for (m.every = 1; m.every <= 7; m.every += 3) {
		for (int i = 0; i < 4; i++) {
			int64_t from = (int64_t)(next_number(&state) % 1000);
			write_run(path, &m, 1000, RUN_INTERRUPTED);
			continue_run(path, &m, from, 1500);
			expect_run(path, 1500, m.every);
		}
	}
	write_run(path, &meta, 300, RUN_INTERRUPTED);
	m.every = 0; /* then the file's first row says it */
	continue_run(path, &m, 123, 456);
	expect_run(path, 456, 1);
	struct h5 *f = again(path);
	expect_text(f, "state", "finished");
	h5_close(f);
}

Test(record, continuing_keeps_the_start_and_says_running)
{
	const char *path = in_folder("a.h5");
	struct err e = {0};
	write_run(path, &meta, 100, RUN_INTERRUPTED);
	struct h5 *f = h5_edit(path, &e);
	h5_set_text(f, "/meta", "start", "2001-02-03T04:05:06Z");
	cr_assert_eq(h5_flush(f, false, &e), 0);
	h5_close(f);
	struct record *r = record_continue(path, &meta, 100, &e);
	cr_assert_not_null(r, "%s", e.text);
	cr_assert_eq(record_flush(r, &e), 0);
	record_close(r);
	struct run_info info;
	cr_assert_eq(record_info(path, &info, &e), 0, "%s", e.text);
	cr_expect_str_eq(info.state, "running");
	cr_expect_str_eq(info.start, "2001-02-03T04:05:06Z");
	f = again(path);
	expect_text(f, "end", "");
	h5_close(f);
}

static void expect_no_continuing(const char *path, int64_t step, const char *what)
{
	struct err e = {0};
	cr_expect_null(record_continue(path, &meta, step, &e));
	cr_expect_not_null(strstr(e.text, path), "'%s' does not name %s", e.text, path);
	cr_expect_not_null(strstr(e.text, what), "'%s' does not say '%s'", e.text, what);
}

/* Change the file behind our back, through the door. */
static void change(const char *path, void (*how)(struct h5 *f))
{
	struct err e = {0};
	struct h5 *f = h5_edit(path, &e);
	cr_assert_not_null(f, "%s", e.text);
	how(f);
	cr_assert_eq(h5_flush(f, false, &e), 0, "%s", e.text);
	h5_close(f);
}

static void change_id(struct h5 *f)
{
	h5_set_text(f, "/meta", "id", "ba9876543210");
}

static void change_version(struct h5 *f)
{
	h5_set_int(f, "/format", "version", 2);
}

static void shorten_loss(struct h5 *f)
{
	struct err e = {0};
	cr_assert_eq(h5_truncate(f, "/steps/loss", 99, &e), 0);
}

static void shorten_probe(struct h5 *f)
{
	struct err e = {0};
	cr_assert_eq(h5_truncate(f, "/probes/pairs/pair", 3, &e), 0);
}

static void turn_steps_back(struct h5 *f)
{
	int64_t steps[100];
	for (int64_t i = 0; i < 100; i++)
		steps[i] = i == 50 ? 50 : i + 1;
	h5_write(f, "/steps/step", H5_I64, 1, (size_t[]){100}, steps);
}

static void add_group_without_steps(struct h5 *f)
{
	h5_group(f, "/probes/mine");
}

Test(record, what_cannot_be_continued_has_a_sentence)
{
	const char *path = in_folder("a.h5");
	const struct {
		void (*how)(struct h5 *f);
		int64_t step;
		const char *what;
	} changes[] = {
	        {change_id, 50, "found id ba9876543210, expected 0123456789ab"},
	        {change_version, 50, "found layout version 2, expected 1"},
	        {shorten_loss, 50, "/steps/loss: the file is damaged: found 99 rows, expected 100"},
	        {shorten_probe, 50, "/probes/pairs/pair: the file is damaged: found 3 rows, expected 20"},
	        {turn_steps_back, 70, "/steps/step: the file is damaged: row 50"},
	        {add_group_without_steps, 50, "has no dataset /probes/mine/step"},
	};
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		write_run(path, &meta, 100, RUN_INTERRUPTED);
		change(path, changes[i].how);
		expect_no_continuing(path, changes[i].step, changes[i].what);
	}
	write_run(path, &meta, 100, RUN_INTERRUPTED);
	expect_no_continuing(path, 101, "found 100 rows up to step 101, expected 101");
	expect_run(path, 100, 1); /* a refusal changes nothing */
	expect_no_continuing(in_folder("missing.h5"), 5, "No such file");
	struct h5 *f = h5_create(in_folder("other.h5"));
	struct err e = {0};
	cr_assert_eq(h5_flush(f, false, &e), 0);
	h5_close(f);
	expect_no_continuing(in_folder("other.h5"), 5, "no result of signsgd");
}

/* --- bad moments ------------------------------------------------------------------------------------ */

struct killed {
	const char *path;
	volatile int64_t *flushed;
	uint64_t state;
};

static int record_for_ever(void *ctx)
{
	struct killed *k = ctx;
	struct err e = {0};
	struct record *r = record_create(k->path, &meta);
	struct probe p = probe_columns(r);
	struct eval_row first = eval_at(0);
	record_eval(r, &first);
	for (int64_t done = 0;;) {
		int64_t more = (int64_t)(next_number(&k->state) % 2000);
		run_steps(r, &p, done, done + more, 1);
		done += more;
		if (record_flush(r, &e))
			return 1;
		*k->flushed = done;
	}
}

Test(record, a_killed_run_is_continued_from_its_last_flush)
{
	struct killed k = {in_folder("a.h5"), NULL, 31};
	k.path = mem_string(k.path);
	k.flushed = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 10; i++) {
		*k.flushed = -1;
		k.state += 1;
		fflush(NULL);
		pid_t pid = fork();
		if (pid == 0) {
			alarm(CHILD_SECONDS);
			_exit(record_for_ever(&k));
		}
		while (*k.flushed < 0)
			sleep_us(100);
		sleep_us(next_number(&k.state) % 30000);
		kill(pid, SIGKILL);
		cr_assert_eq(program_wait(pid), 256 + SIGKILL);
		struct err e = {0};
		struct run_info info;
		cr_assert_eq(record_info(k.path, &info, &e), 0, "%s", e.text);
		cr_expect_geq(info.steps_done, *k.flushed);
		cr_expect_str_eq(info.state, "running");
		continue_run(k.path, &meta, *k.flushed, *k.flushed + 77);
		expect_run(k.path, *k.flushed + 77, 1);
	}
	mem_free((void *)k.path);
}

static int run_into_the_limit(void *ctx)
{
	const struct rlimit limit = {400000, 400000};
	struct err e = {0};
	struct record *r = record_create(ctx, &meta);
	struct probe p = probe_columns(r);
	struct eval_row first = eval_at(0);
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	record_eval(r, &first);
	run_steps(r, &p, 0, 100, 1);
	if (record_flush(r, &e))
		return 2;
	run_steps(r, &p, 100, 20000, 1);
	if (record_flush(r, &e) != -1 || !strstr(e.text, "File too large"))
		return 3;
	err_clear(&e);
	probe_close(&p);
	if (record_end(r, RUN_FAILED, "the disk is full", &e) != -1)
		return 4;
	record_close(r);
	return 0;
}

Test(record, a_full_disk_leaves_what_was_recorded)
{
	char *path = mem_string(in_folder("a.h5"));
	cr_expect_eq(in_child(run_into_the_limit, path), 0);
	expect_run(path, 100, 1);
	mem_free(path);
}

struct damaged {
	const char *path;
	const unsigned char *bytes;
	size_t count;
	const struct run_info *right;
	uint64_t state;
};

static int look_at_damaged(void *ctx)
{
	struct damaged *d = ctx;
	for (int i = 0; i < 15; i++) {
		struct err e = {0};
		struct run_info info;
		unsigned char *bytes = mem_alloc(d->count);
		memcpy(bytes, d->bytes, d->count);
		file_put(d->path, bytes, damage(bytes, d->count, &d->state));
		if (record_info(d->path, &info, &e)) {
			if (!strstr(e.text, d->path))
				return 2;
		} else if (strcmp(info.id, d->right->id) != 0 || info.steps_done != d->right->steps_done ||
		           info.wall_s != d->right->wall_s) {
			return 3;
		}
		err_clear(&e);
		struct record *r = record_continue(d->path, &meta, 50, &e);
		if (r)
			record_close(r);
		else if (!strstr(e.text, d->path))
			return 4;
		mem_free(bytes);
	}
	return 0;
}

Test(record, damaged_results_never_crash_us_and_never_lie)
{
	char *path = mem_string(in_folder("a.h5")), *other = mem_string(in_folder("damaged.h5"));
	struct err e = {0};
	struct run_info right;
	size_t count;
	write_run(path, &meta, 100, RUN_FINISHED);
	cr_assert_eq(record_info(path, &right, &e), 0);
	unsigned char *bytes = file_bytes(path, &count);
	struct damaged d = {other, bytes, count, &right, 0};
	for (d.state = 1; d.state < 25 * 1000; d.state += 1000) {
		int rc = in_child(look_at_damaged, &d);
		cr_expect_eq(rc, 0, "damage from state %llu on: %d", (unsigned long long)d.state, rc);
	}
	mem_free(bytes);
	mem_free(path);
	mem_free(other);
}

/* --- docs/RESULTS.md ------------------------------------------------------------------------------- */

/* The text between ```LANGUAGE and ``` in the document; free with mem_free(). */
static char *example(const char *language)
{
	char opening[32];
	size_t count;
	char *document = (char *)file_bytes("docs/RESULTS.md", &count);
	document = mem_resize(document, count + 1);
	document[count] = 0;
	snprintf(opening, sizeof opening, "```%s\n", language);
	char *from = strstr(document, opening), *to = from ? strstr(from + 4, "\n```") : NULL;
	cr_assert(from && to, "no example in %s", language);
	*to = 0;
	char *text = mem_string(from + strlen(opening));
	mem_free(document);
	return text;
}

Test(record, the_documented_examples_work)
{
	const char *python = h5py();
	write_run(in_folder("run.h5"), &meta, 200, RUN_FINISHED);
	char *code = example("python"), *dump = example("sh");
	file_put(in_folder("example.py"), code, strlen(code));
	file_put(in_folder("example.sh"), dump, strlen(dump));
	if (python)
		cr_expect(
		        shell("cd '%s' && '%s' example.py >out && grep -q 'mlp' out", files_folder, python));
	else
		printf("skipped: the example in Python, no h5py\n");
	if (have_h5dump())
		cr_expect(shell("cd '%s' && sh -e example.sh >out && grep -q glyphs out", files_folder));
	else
		printf("skipped: the example with h5dump, there is none\n");
	mem_free(code);
	mem_free(dump);
}

Test(record, the_document_names_all_that_is_in_a_file)
{
	const char *path = in_folder("run.h5");
	const char *const groups[] = {"/", "/steps", "/evals", "/config"};
	size_t count, n;
	write_run(path, &meta, 10, RUN_FINISHED);
	char *document = (char *)file_bytes("docs/RESULTS.md", &count);
	document = mem_resize(document, count + 1);
	document[count] = 0;
	struct h5 *f = again(path);
	for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
		char **names = h5_names(f, groups[g], &n), quoted[128];
		for (size_t i = 0; i < n; i++) {
			snprintf(quoted, sizeof quoted, g == 0 ? "`/%s`" : "`%s`", names[i]);
			cr_expect_not_null(strstr(document, quoted), "%s/%s", groups[g], names[i]);
		}
		mem_free(names);
	}
	h5_close(f);
	mem_free(document);
}
