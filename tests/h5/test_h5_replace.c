/* Which files may be replaced: those of other programs and those that may not be read are told apart. */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/mem.h"
#include "h5/h5.h"
#include "h5/h5_replace.h"
#include "tests/support/h5_files.h"
#include "tests/support/process.h"

TestSuite(h5_replace, .init = h5_files_begin, .fini = h5_files_end);

enum { NOBODY = 65534 };

static int judge(const char *path, enum h5_kind kind, struct err *e)
{
	char *target;
	*e = (struct err){0};
	int rc = h5_may_replace(path, kind, &target, e);
	cr_expect_eq(target == NULL, rc < 0);
	mem_free(target);
	return rc;
}

static void make_checkpoint(const char *path)
{
	struct err e = {0};
	struct h5 *f = h5_create(path);
	h5_set_int(f, "/", "checkpoint_version", 1);
	h5_group(f, "/state");
	cr_assert_eq(h5_flush(f, false, &e), 0, "%s", e.text);
	h5_close(f);
}

Test(h5_replace, only_the_very_kind_may_be_replaced)
{
	struct err e;
	const char *path = h5_files_path("a.h5");
	cr_expect_eq(judge(path, H5_CHECKPOINT, &e), 0, "nothing is there");
	make_checkpoint(path);
	cr_expect_eq(judge(path, H5_CHECKPOINT, &e), 1, "%s", e.text);
	cr_expect_eq(judge(path, H5_RESULT, &e), -1);
	cr_expect(strstr(e.text, "a.h5: is a checkpoint of a run, expected a result of a run"), "%s", e.text);
	struct h5 *f = h5_create(path);
	h5_set_int(f, "/", "version", 1);
	cr_assert_eq(h5_flush(f, false, &e), 0);
	h5_close(f);
	cr_expect_eq(judge(path, H5_CHECKPOINT, &e), -1);
	cr_expect(strstr(e.text, "is an HDF5 file that signsgd did not make"), "%s", e.text);
}

static int judge_text(const char *text, enum h5_kind kind)
{
	struct err e;
	const char *path = h5_files_path("t");
	file_put(path, text, strlen(text));
	return judge(path, kind, &e);
}

Test(h5_replace, tables_are_known_by_how_they_begin)
{
	static const char csv[] = "rule,attack,mean,half_width,low,high,n,diverged,unfinished,worst_attack\n";
	cr_expect_eq(judge_text("signsgd table: test accuracy\n", H5_TABLE), 1);
	cr_expect_eq(judge_text("<!-- signsgd table -->\nx", H5_TABLE), 1);
	cr_expect_eq(judge_text("% signsgd table: x\n", H5_TABLE), 1);
	cr_expect_eq(judge_text("{\"made_by\": \"signsgd table\", \"x\": 1}", H5_TABLE), 1);
	cr_expect_eq(judge_text(csv, H5_TABLE), 1);
	cr_expect_eq(
	        judge_text("a,b\nrule,attack,mean,half_width,low,high,n,diverged,unfinished,worst_attack\n",
	                   H5_TABLE),
	        -1, "the words stand in the second line");
	cr_expect_eq(judge_text("# signsgd table: mine\n", H5_TABLE), -1);
	cr_expect_eq(judge_text(csv, H5_FIGURE), -1);
	cr_expect_eq(judge_text("", H5_TABLE), -1);
}

/* Root may read everything, so root becomes somebody else. */
static int judge_as_nobody(void *path)
{
	struct err e;
	if (geteuid() == 0 && (setegid(NOBODY) || seteuid(NOBODY)))
		return 77;
	if (judge(path, H5_CHECKPOINT, &e) != -1 || e.code != EXIT_USER)
		return 2;
	return strstr(e.text, "a.h5: is there, and may not be read: Permission denied") ? 0 : 3;
}

Test(h5_replace, a_file_that_may_not_be_read_is_called_so)
{
	const char *path = h5_files_path("a.h5");
	make_checkpoint(path);
	cr_assert_eq(chmod(h5_files_folder, 0755), 0);
	cr_assert_eq(chmod(path, 0), 0);
	int rc = process_in_child(judge_as_nobody, (void *)path);
	if (rc == 77)
		cr_skip_test("skipped: cannot give up root's rights here");
	cr_expect_eq(rc, 0);
}
