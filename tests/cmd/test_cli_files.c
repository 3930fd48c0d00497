/* The command line from outside: which files it writes over, and which it leaves as they are. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "h5/h5.h"
#include "tests/support/cli.h"

static void begin(void)
{
	cli_open();
	cli_write("e.json", "{\"steps\":3,\"batch\":1,\"model\":\"quadratic\"}");
}

TestSuite(cli_files, .init = begin, .fini = cli_close, .timeout = 120);

/* `signsgd ARGS` refuses with 2 and says what the file is, without a word of --overwrite; the file stays. */
static void expect_stays(const char *name, const char *text, const char *part, const char *args)
{
	char path[512], found[256];
	snprintf(path, sizeof path, "%s/%s", cli_folder, name);
	if (text)
		file_put_text(path, text);
	cli_expect(2, part, "simulate %s/e.json %s", cli_folder, args);
	cr_expect_not_null(strstr(cli_err, name), "%s", cli_err);
	cr_expect_null(strstr(cli_err, "--overwrite"), "%s", cli_err);
	if (text)
		cr_expect_str_eq(file_text(path, found, sizeof found), text);
}

Test(cli_files, what_is_no_result_is_never_replaced)
{
	char args[512];
	for (int overwrite = 0; overwrite < 2; overwrite++) {
		const char *more = overwrite ? "--overwrite" : "";
		snprintf(args, sizeof args, "--out %s/r.h5 %s", cli_folder, more);
		expect_stays("r.h5", "my thesis", "is a text file, expected a result of a run", args);
		expect_stays("r.h5", "{\"steps\": 3}\n", "is a JSON file", args);
		expect_stays("r.h5", "", "is an empty file", args);
		expect_stays("r.h5", "\x89PNG\r\n", "is an image", args);
		expect_stays("r.h5", "\x01\x02", "is a file that signsgd did not make", args);
		snprintf(args, sizeof args, "--out %s/e.json %s", cli_folder, more);
		expect_stays("e.json", NULL, "is a JSON file", args);
	}
	expect_stays("null", NULL, "is a device", "--overwrite --out /dev/null");
}

/* A result under this name, made anew. */
static void make_result(const char *name)
{
	cr_assert_eq(cli("simulate %s/e.json --out %s/%s --overwrite --quiet", cli_folder, cli_folder, name),
	             0, "%s", cli_err);
}

Test(cli_files, a_checkpoint_of_others_is_neither_replaced_nor_removed)
{
	char args[512];
	snprintf(args, sizeof args, "--out %s/r.h5 --overwrite", cli_folder);
	expect_stays("r.checkpoint.h5", "my model", "is a text file, expected a checkpoint of a run", args);
	snprintf(args, sizeof args, "%s/r.checkpoint.h5", cli_folder);
	unlink(args);
	make_result("r.checkpoint.h5"); /* ours, and of another kind */
	cli_expect(2, "r.checkpoint.h5: is a result of a run, expected a checkpoint of a run",
	           "simulate %s/e.json --out %s/r.h5", cli_folder, cli_folder);
}

Test(cli_files, a_link_is_followed_and_stays)
{
	cr_assert(process_shell("cd %s && mkdir there && ln -s there/real.h5 r.h5", cli_folder));
	for (int i = 0; i < 2; i++) { /* once into nothing, once over a result */
		make_result("r.h5");
		cr_expect(process_shell("cd %s && test -L r.h5 && test -f there/real.h5 && ! test -L "
		                        "there/real.h5",
		                        cli_folder));
	}
	cr_assert(process_shell("cd %s && echo words > there/mine && ln -sf there/mine r.h5", cli_folder));
	cli_expect(2, "is a text file", "simulate %s/e.json --overwrite --out %s/r.h5", cli_folder,
	           cli_folder);
	cr_expect(process_shell("cd %s && grep -q words there/mine", cli_folder));
	cr_assert(process_shell("cd %s && ln -sf r.h5 r.h5", cli_folder));
	cli_expect(2, "the link cannot be followed", "simulate %s/e.json --out %s/r.h5", cli_folder,
	           cli_folder);
}

/* Packing reads names and bytes only, so any bytes do. */
static void make_images(void)
{
	cr_assert(process_shell(
	        "cd %s && mkdir -p set/train/cat set/val/cat && echo a > set/train/cat/a.png && "
	        "echo b > set/val/cat/b.png",
	        cli_folder));
}

Test(cli_files, a_pack_replaces_nothing_but_a_pack)
{
	make_images();
	for (int i = 0; i < 2; i++)
		cr_assert_eq(cli("data pack %s/set -o %s/p.h5", cli_folder, cli_folder), 0, "%s", cli_err);
	cr_expect(process_shell("test ! -e %s/p.h5.part", cli_folder));
	make_result("r.h5");
	cli_expect(2, "r.h5: is a result of a run, expected a pack of images", "data pack %s/set -o %s/r.h5",
	           cli_folder, cli_folder);
	cli_expect(2, "is a text file", "data pack %s/set -o %s/set/val/cat/b.png", cli_folder, cli_folder);
	cli_expect(2, "is a device", "data pack %s/set -o /dev/null", cli_folder);
	cli_expect(2, "is a folder", "data pack %s/set -o %s/set", cli_folder, cli_folder);
	cli_write("new.h5.part", "my thesis");
	cli_expect(2, "new.h5.part: is a text file", "data pack %s/set -o %s/new.h5", cli_folder, cli_folder);
	cli_expect(2, "p.h5: is a pack of images, expected a result of a run",
	           "simulate %s/e.json --overwrite --out %s/p.h5", cli_folder, cli_folder);
}

static void set_layout(const char *path, int version)
{
	struct err e = {0};
	struct h5 *f = h5_edit(path, &e);
	cr_assert_not_null(f, "%s", e.text);
	h5_set_int(f, "/format", "version", version);
	cr_assert_eq(h5_flush(f, false, &e), 0, "%s", e.text);
	h5_close(f);
}

/* Of a newer signsgd, damaged, no result: three things, and each is called what it is. */
Test(cli_files, a_result_of_a_newer_version_and_a_damaged_one_are_called_so)
{
	char path[512];
	snprintf(path, sizeof path, "%s/r.h5", cli_folder);
	make_result("r.h5");
	set_layout(path, 99);
	cli_expect(2, "r.h5: is a result of a newer signsgd: found layout version 99",
	           "simulate %s/e.json --out %s", cli_folder, path);
	cr_expect(!strstr(cli_err, "no result") && !strstr(cli_err, "did not make"), "%s", cli_err);
	make_result("r.h5"); /* it is a result of ours: --overwrite may */
	cr_assert(process_shell("printf x | dd of=%s bs=1 seek=900 conv=notrunc status=none", path));
	cli_expect(2, "r.h5: the file is damaged", "simulate %s/e.json --out %s", cli_folder, path);
	cli_expect(2, "r.h5: the file is damaged", "simulate %s/e.json --overwrite --out %s", cli_folder,
	           path);
	cr_expect_null(strstr(cli_err, "--overwrite"), "%s", cli_err);
}
