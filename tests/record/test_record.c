/* Result files: all of it comes back, to us and to h5py, as docs/RESULTS.md says. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "tests/support/record_run.h"
#include "tests/support/file.h"
#include "tests/support/process.h"
#include "tests/support/h5_files.h"

TestSuite(record, .init = h5_files_begin, .fini = h5_files_end, .timeout = 240);

Test(record, a_run_comes_back)
{
	const char *path = h5_files_path("a.h5");
	struct err e = {0};
	record_run_write(path, &record_run_meta, 10000,
	                 RUN_FINISHED); /* more than two buffers of rows, and of evaluations */
	record_run_expect(path, 10000, 1);
	struct h5 *f = h5_door_open(path);
	record_run_expect_text(f, "name", "toy");
	record_run_expect_text(f, "id", "0123456789ab");
	record_run_expect_text(f, "state", "finished");
	record_run_expect_text(f, "why", "");
	record_run_expect_text(f, "seed", "18446744073709551615");
	record_run_expect_text(f, "backend", "cpu");
	record_run_expect_text(f, "backend_detail", "AVX2");
	record_run_expect_text(f, "attack", "invert");
	record_run_expect_text(f, "aggregator", "vote");
	record_run_expect_text(f, "model", "mlp");
	record_run_expect_text(f, "data", "glyphs");
	record_run_expect_int(f, "lanes", 2);
	record_run_expect_int(f, "steps", 10000);
	record_run_expect_int(f, "workers", 7);
	record_run_expect_int(f, "adversaries", 3);
	record_run_expect_int(f, "n_params", 79510);
	record_run_expect_int(f, "push_bytes", 9944);
	record_run_expect_int(f, "pull_bytes", 9945);
	const char *const told[] = {"version", "commit", "host", "processor", "libraries", "start", "end"};
	for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
		char *text = h5_get_text(f, "/meta", told[i], &e);
		cr_expect(text && text[0], "%s", told[i]);
		mem_free(text);
	}
	char *given = h5_read_text(f, "/config/given", &e),
	     *resolved = h5_read_text(f, "/config/resolved", &e);
	cr_expect_str_eq(given, record_run_meta.given);
	cr_expect_str_eq(resolved, record_run_meta.resolved);
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
	const char *path = h5_files_path("a.h5");
	struct err e = {0};
	struct run_info info;
	record_run_write(path, &record_run_meta, 200, RUN_DIVERGED);
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
	const char *path = h5_files_path("a.h5");
	struct err e = {0};
	struct run_info info;
	struct record *r = record_create(path, &record_run_meta);
	cr_expect_eq(record_tick(r, &e), 0);
	cr_expect(!file_there(path), "written before it was due");
	cr_assert_eq(record_flush(r, &e), 0, "%s", e.text);
	cr_assert_eq(record_info(path, &info, &e), 0, "%s", e.text);
	cr_expect_str_eq(info.state, "running");
	cr_expect_eq(info.steps_done, 0);
	cr_expect_eq(info.wall_s, 0.0);
	cr_expect(isnan(info.final_test_accuracy) && isnan(info.best_test_loss) &&
	          isnan(info.final_train_loss));
	struct eval_row row = record_run_eval(1);
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
	const char *path = h5_files_path("a.h5");
	struct err e = {0};
	struct run_info info;
	struct record *r = record_create(path, &record_run_meta);
	struct step_row row = record_run_step(1);
	record_step(r, &row);
	process_sleep_us(RECORD_FLUSH_S * UINT64_C(1000000));
	cr_assert_eq(record_tick(r, &e), 0, "%s", e.text);
	cr_assert_eq(record_info(path, &info, &e), 0, "%s", e.text);
	cr_expect_eq(info.steps_done, 1);
	record_close(r);
}

Test(record, columns_are_read_as_doubles)
{
	const char *path = h5_files_path("a.h5");
	struct err e = {0};
	double *values;
	size_t count;
	record_run_write(path, &record_run_meta, 120, RUN_FINISHED);
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
	const char *python = h5_files_python();
	record_run_write(h5_files_path("run.h5"), &record_run_meta, 200, RUN_FINISHED);
	char *code = example("python"), *dump = example("sh");
	file_put(h5_files_path("example.py"), code, strlen(code));
	file_put(h5_files_path("example.sh"), dump, strlen(dump));
	if (python)
		cr_expect(process_shell("cd '%s' && '%s' example.py >out && grep -q 'mlp' out",
		                        h5_files_folder, python));
	else
		printf("skipped: the example in Python, no h5py\n");
	if (h5_files_have_h5dump())
		cr_expect(process_shell("cd '%s' && grep '^h5dump' example.sh >dump.sh && "
		                        "sh -e dump.sh >out && grep -q glyphs out",
		                        h5_files_folder)); /* test_readme.c runs the other lines */
	else
		printf("skipped: the example with h5dump, there is none\n");
	mem_free(code);
	mem_free(dump);
}

Test(record, the_document_names_all_that_is_in_a_file)
{
	const char *path = h5_files_path("run.h5");
	const char *const groups[] = {"/", "/steps", "/evals", "/config"};
	size_t count, n;
	record_run_write(path, &record_run_meta, 10, RUN_FINISHED);
	char *document = (char *)file_bytes("docs/RESULTS.md", &count);
	document = mem_resize(document, count + 1);
	document[count] = 0;
	struct h5 *f = h5_door_open(path);
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
