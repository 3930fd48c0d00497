/* Where a run is written: compared again before the first write, because not every writer takes the lock. */
#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>
#include "tests/support/file.h"
#include "tests/support/h5_files.h"
#include "tests/support/record_run.h"
#include "train/run_place.h"

TestSuite(run_place, .init = h5_files_begin, .fini = h5_files_end);

/* A finished result of a run with this id, written without a lock, as by an earlier version. */
static void put_result(const char *path, const char *id)
{
	struct err e = {0};
	struct record_meta meta = record_run_meta;
	meta.id = id;
	struct record *r = record_create(path, &meta);
	cr_assert_eq(record_end(r, RUN_FINISHED, "", &e), 0, "%s", e.text);
	record_close(r);
}

Test(run_place, what_came_after_the_first_look_is_seen_before_the_first_write)
{
	struct run_place p;
	struct err e = {0};
	const struct run_options o = {.path = h5_files_path("a.h5")};
	cr_assert_eq(run_place_open(&p, "one", &o, &e), 0, "%s", e.text);
	cr_expect_eq(p.present, RUN_PRESENT_NOTHING);
	cr_expect_eq(run_place_check(&p, "one", &o, &e), 0, "%s", e.text);
	put_result(o.path, "other");
	cr_expect_eq(run_place_check(&p, "one", &o, &e), -1);
	cr_expect(strstr(e.text, "holds another run"), "%s", e.text);
	put_result(o.path, "one");
	e = (struct err){0};
	cr_expect_eq(run_place_check(&p, "one", &o, &e), -1);
	cr_expect(strstr(e.text, "another process has written this file since"), "%s", e.text);
	file_put_text(o.path, "my thesis");
	e = (struct err){0};
	cr_expect_eq(run_place_check(&p, "one", &o, &e), -1);
	cr_expect(strstr(e.text, "is a text file"), "%s", e.text);
	run_place_clear(&p);
}

/* A folder that nobody can write to needs no lock when all is done. */
Test(run_place, a_finished_run_is_found_without_a_lock)
{
	struct run_place p;
	struct err e = {0};
	const struct run_options o = {.path = h5_files_path("a.h5")};
	put_result(o.path, "one");
	cr_assert_eq(run_place_open(&p, "one", &o, &e), 0, "%s", e.text);
	cr_expect_eq(p.present, RUN_PRESENT_FINISHED);
	cr_expect(!file_there(h5_files_path("a.h5.lock")));
	run_place_clear(&p);
}
