/* Where a run is written: compared again before the first write, because not every writer takes the lock. */
#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>
#include "tests/support/file.h"
#include "tests/support/h5_files.h"
#include "tests/support/record_run.h"
#include "train/run_place.h"

static const struct run_key one = {.id = "one", .data_id = "data"};

TestSuite(run_place, .init = h5_files_begin, .fini = h5_files_end);

/* A finished result of a run with this id and data (NULL: it does not say them), written without a lock. */
static void put_result(const char *path, const char *id, const char *data_id)
{
	struct err e = {0};
	struct record_meta meta = record_run_meta;
	meta.id = id;
	meta.data_id = data_id;
	struct record *r = record_create(path, &meta);
	cr_assert_eq(record_end(r, RUN_FINISHED, "", &e), 0, "%s", e.text);
	record_close(r);
}

Test(run_place, what_came_after_the_first_look_is_seen_before_the_first_write)
{
	struct run_place p;
	struct err e = {0};
	const struct run_options o = {.path = h5_files_path("a.h5")};
	cr_assert_eq(run_place_open(&p, &one, &o, &e), 0, "%s", e.text);
	cr_expect_eq(p.present, RUN_PRESENT_NOTHING);
	cr_expect_eq(run_place_check(&p, &one, &o, &e), 0, "%s", e.text);
	put_result(o.path, "other", NULL);
	cr_expect_eq(run_place_check(&p, &one, &o, &e), -1);
	cr_expect(strstr(e.text, "holds another run"), "%s", e.text);
	put_result(o.path, "one", NULL);
	e = (struct err){0};
	cr_expect_eq(run_place_check(&p, &one, &o, &e), -1);
	cr_expect(strstr(e.text, "another process has written this file since"), "%s", e.text);
	file_put_text(o.path, "my thesis");
	e = (struct err){0};
	cr_expect_eq(run_place_check(&p, &one, &o, &e), -1);
	cr_expect(strstr(e.text, "is a text file"), "%s", e.text);
	run_place_clear(&p);
}

/* A folder that nobody can write to needs no lock when all is done. */
Test(run_place, a_finished_run_is_found_without_a_lock)
{
	struct run_place p;
	struct err e = {0};
	const struct run_options o = {.path = h5_files_path("a.h5")};
	put_result(o.path, "one", NULL);
	cr_assert_eq(run_place_open(&p, &one, &o, &e), 0, "%s", e.text);
	cr_expect_eq(p.present, RUN_PRESENT_FINISHED);
	cr_expect(!file_there(h5_files_path("a.h5.lock")));
	run_place_clear(&p);
}

/* The same settings on other data are another run. One that does not say its data is taken at its word, and
 * data that are not here are not compared. */
Test(run_place, a_run_of_other_data_is_another_run)
{
	static const struct {
		const char *there, *here;
		bool same;
	} cases[] = {
	        {"data", "data", true}, {"other", "data", false}, {NULL, "data", true}, {"data", "", true}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int resume = 0; resume < 2; resume++) {
			struct run_place p;
			struct err e = {0};
			const struct run_options o = {.path = h5_files_path("a.h5"), .resume = resume};
			const struct run_key key = {"one", cases[i].here};
			put_result(o.path, "one", cases[i].there);
			cr_expect_eq(run_place_open(&p, &key, &o, &e), cases[i].same ? 0 : -1, "case %zu: %s",
			             i, e.text);
			if (!cases[i].same) {
				cr_expect(strstr(e.text, "found data_id other, expected data"), "%s", e.text);
				cr_expect_eq(strstr(e.text, "--overwrite") == NULL, resume, "%s", e.text);
			}
			run_place_clear(&p);
		}
	struct run_place p;
	struct err e = {0};
	const struct run_options over = {.path = h5_files_path("a.h5"), .overwrite = true};
	put_result(over.path, "one", "other");
	cr_expect_eq(run_place_open(&p, &one, &over, &e), 0, "%s", e.text);
	run_place_clear(&p);
}
