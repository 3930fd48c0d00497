/* Which workers were counted and what went wrong, in the result file; and whether two files end alike. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "tests/support/record_run.h"
#include "tests/support/h5_files.h"

TestSuite(record_voters, .init = h5_files_begin, .fini = h5_files_end, .timeout = 60);

enum { WORKERS = 7 };

/* Worker m is missing in step k where this says so. */
static int64_t born_at(int64_t step, int m)
{
	return (step + m) % 5 == 0 ? -1 : step - step % (m + 2);
}

static void add_steps(struct record *r, int64_t from, int64_t to)
{
	for (int64_t k = from + 1; k <= to; k++) {
		int64_t born[WORKERS];
		struct step_row row = record_run_step(k);
		for (int m = 0; m < WORKERS; m++)
			born[m] = born_at(k, m);
		record_step(r, &row);
		record_voters(r, k, born);
	}
}

static void add_faults(struct record *r, uint64_t late, uint64_t unknown)
{
	uint64_t lates[WORKERS + 1] = {[2] = late, [6] = 1}, keys[WORKERS + 1] = {[WORKERS] = unknown};
	record_faults(r, "late", WORKERS + 1, lates);
	record_faults(r, "unknown_key", WORKERS + 1, keys);
}

static void expect_said(const char *path, const char *text)
{
	struct buf said = {0};
	struct err e = {0};
	cr_assert_eq(record_say_faults(path, &said, &e), 0, "%s", e.text);
	cr_expect_str_eq(said.text, text);
	buf_clear(&said);
}

Test(record_voters, voters_and_faults_survive_a_resumption)
{
	const char *path = h5_files_path("a.h5");
	struct record_meta m = record_run_meta;
	struct err e = {0};
	int64_t steps;
	int32_t *born;
	m.voters = true;
	struct record *r = record_create(path, &m);
	add_steps(r, 0, 100);
	add_faults(r, 1, 0); /* counts so far: the later call replaces the earlier */
	add_faults(r, 10, 4);
	cr_assert_eq(record_end(r, RUN_INTERRUPTED, "", &e), 0, "%s", e.text);
	record_close(r);
	expect_said(path, "late: 10 of worker 2, 1 of worker 6; unknown_key: 4 of nobody known");
	r = record_continue(path, &m, 60, &e);
	cr_assert_not_null(r, "%s", e.text);
	add_steps(r, 60, 130);
	add_faults(r, 5, 0); /* of this part alone */
	cr_assert_eq(record_end(r, RUN_FINISHED, "", &e), 0, "%s", e.text);
	record_close(r);
	expect_said(path, "late: 15 of worker 2, 2 of worker 6; unknown_key: 4 of nobody known");
	cr_assert_eq(record_read_voters(path, WORKERS, &steps, &born, &e), 0, "%s", e.text);
	cr_assert_eq(steps, 130);
	for (int64_t k = 1; k <= steps; k++)
		for (int w = 0; w < WORKERS; w++)
			cr_expect_eq(born[(k - 1) * WORKERS + w], born_at(k, w), "step %lld, worker %d",
			             (long long)k, w);
	mem_free(born);
	cr_expect_eq(record_read_voters(path, WORKERS + 1, &steps, &born, &e), -1);
	cr_expect_not_null(strstr(e.text, "found 2 dimensions and 7 workers, expected 2 and 8"), "%s",
	                   e.text);
}

/* A file without /voters is of a run that counted all workers; a continued file keeps what it has. */
Test(record_voters, voters_cover_all_steps_whoever_continues)
{
	const char *path = h5_files_path("a.h5");
	const bool kept[] = {false, true, false};
	struct record_meta m = record_run_meta;
	struct err e = {0};
	int64_t steps;
	int32_t *born;
	for (int part = 0; part < 3; part++) {
		m.voters = kept[part];
		struct record *r =
		        part == 0 ? record_create(path, &m) : record_continue(path, &m, 40 * part, &e);
		cr_assert_not_null(r, "%s", e.text);
		add_steps(r, 40 * part, 40 * (part + 1));
		cr_assert_eq(record_end(r, part < 2 ? RUN_INTERRUPTED : RUN_FINISHED, "", &e), 0);
		record_close(r);
	}
	cr_assert_eq(record_read_voters(path, WORKERS, &steps, &born, &e), 0, "%s", e.text);
	cr_assert_eq(steps, 120);
	for (int64_t k = 1; k <= steps; k++)
		for (int w = 0; w < WORKERS; w++)
			cr_expect_eq(born[(k - 1) * WORKERS + w], k <= 40 ? 0 : born_at(k, w));
	mem_free(born);
}

Test(record_voters, a_file_without_voters_says_why)
{
	const char *path = h5_files_path("a.h5");
	struct err e = {0};
	int64_t steps;
	int32_t *born;
	record_run_write(path, &record_run_meta, 5, RUN_FINISHED);
	expect_said(path, "");
	cr_expect_eq(record_read_voters(path, WORKERS, &steps, &born, &e), -1);
	cr_expect_not_null(strstr(e.text, "every worker was counted"), "%s", e.text);
}

static void end_with(const char *path, float value, const char *second)
{
	struct record *r = record_create(path, &record_run_meta);
	const float weight[6] = {1, 2, NAN, 4, -0.0F, value}, bias[1] = {7};
	struct err e = {0};
	record_final(r, "weight", 2, (const size_t[]){2, 3}, weight);
	if (second)
		record_final(r, second, 1, (const size_t[]){1}, bias);
	record_final_count(r, "count", 12);
	cr_assert_eq(record_end(r, RUN_FINISHED, "", &e), 0, "%s", e.text);
	record_close(r);
}

Test(record_voters, two_ends_are_compared_bit_by_bit)
{
	const char *path = h5_files_path("a.h5"), *other = h5_files_path("b.h5");
	char first[512], different[64] = "";
	struct err e = {0};
	snprintf(first, sizeof first, "%s", path);
	end_with(first, 1.5F, "bias");
	other = h5_files_path("b.h5");
	end_with(other, 1.5F, "bias");
	cr_expect_eq(record_same_final(first, other, different, sizeof different, &e), 1, "%s", e.text);
	end_with(other, nextafterf(1.5F, 2), "bias");
	cr_expect_eq(record_same_final(first, other, different, sizeof different, &e), 0);
	cr_expect_str_eq(different, "weight");
	end_with(other, 1.5F, "bios");
	cr_expect_eq(record_same_final(first, other, different, sizeof different, &e), 0);
	cr_expect_str_eq(different, "bias");
	end_with(other, 1.5F, NULL);
	cr_expect_eq(record_same_final(first, other, different, sizeof different, &e), 0);
	record_run_write(other, &record_run_meta, 3, RUN_INTERRUPTED);
	cr_expect_eq(record_same_final(first, other, different, sizeof different, &e), -1);
	cr_expect_not_null(strstr(e.text, "no final parameters"), "%s", e.text);
}
