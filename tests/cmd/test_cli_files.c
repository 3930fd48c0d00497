/* The command line from outside: which files it writes over, and which it leaves as they are. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "h5/h5.h"
#include "record/record.h"
#include "tests/support/cli.h"
#include "tests/support/served.h"

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

/* A checkpoint that was kept on purpose, and whose result has another name by now, is not litter. */
Test(cli_files, a_kept_checkpoint_of_another_run_stays_without_overwrite)
{
	static const char again[] =
	        "simulate %s/e.json --set batch=4 --set checkpoint.keep=true --out %s/a.h5 "
	        "--quiet";
	char path[512];
	snprintf(path, sizeof path, "%s/a.checkpoint.h5", cli_folder);
	cr_assert_eq(cli(again, cli_folder, cli_folder), 0, "%s", cli_err);
	cr_assert(process_shell("cd %s && mv a.h5 kept.h5 && cp a.checkpoint.h5 was", cli_folder));
	cli_expect(2, "a.checkpoint.h5: is a checkpoint of another run: found id ",
	           "simulate %s/e.json --out %s/a.h5", cli_folder, cli_folder);
	cr_expect_not_null(strstr(cli_err, "choose another --out, or --overwrite"), "%s", cli_err);
	cr_expect(process_shell("cd %s && cmp a.checkpoint.h5 was && test ! -e a.h5", cli_folder));
	cr_expect_eq(cli(again, cli_folder, cli_folder), 0, "its own: %s", cli_err);
	cr_expect(file_there(path));
	cr_assert_eq(cli("simulate %s/e.json --out %s/a.h5 --overwrite --quiet", cli_folder, cli_folder), 0);
	cr_expect(!file_there(path), "it is replaced by nothing, as was asked for");
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

/* Nobody writes to it: who opened it as a file would wait for ever. */
Test(cli_files, a_pipe_in_place_of_a_file_is_refused)
{
	char path[160];
	snprintf(path, sizeof path, "%s/pipe", cli_folder);
	cr_assert_eq(mkfifo(path, 0600), 0);
	cli_expect(2, "pipe: is a device or pipe, expected a file", "data verify %s", path);
	cli_write("e.json", "{\"name\":\"e\",\"workers\":3,\"steps\":1,\"batch\":2,\"lr\":0.1,\"model\":"
	                    "\"softmax\",\"data\":{\"kind\":\"glyphs\",\"train\":30,\"test\":5}}");
	cli_expect(2, "pipe: is a device or pipe, expected a file",
	           "validate %s/e.json --set 'init={\"kind\":\"file\",\"path\":\"%s\"}'", cli_folder, path);
}

/* Tiny golden pictures, one of them damaged: in the folder, and in its pack. */
Test(cli_files, verify_names_every_bad_image)
{
	cr_assert(process_shell(
	        "mkdir -p %s/set/train/a %s/set/val/a && cp tests/golden/images/rgb-8.png "
	        "tests/golden/images/lossy.webp tests/golden/images/grey-16.png %s/set/train/a && "
	        "cp tests/golden/images/bits-4.bmp %s/set/val/a",
	        cli_folder, cli_folder, cli_folder, cli_folder));
	cli_expect(0, "all 4 images are whole, 1 of them odd", "data verify %s/set", cli_folder);
	cr_assert(process_shell(
	        "cd %s/set && head -c 60 train/a/lossy.webp >train/a/cut.webp && echo no >val/a/b.jpg",
	        cli_folder));
	cli_expect(2, "2 of 6 images are bad", "data verify %s/set", cli_folder);
	cr_expect(strstr(cli_err, "cut.webp: is a WebP file that ends early") &&
	                  strstr(cli_err, "b.jpg: is no image"),
	          "%s", cli_err);
	cr_assert_eq(cli("data pack %s/set -o %s/p.h5", cli_folder, cli_folder), 0, "%s", cli_err);
	cli_expect(2, "2 of 6 images are bad", "data verify %s/p.h5", cli_folder);
	cr_assert(process_shell("cd %s && printf x | dd of=p.h5 bs=1 seek=20 conv=notrunc 2>/dev/null",
	                        cli_folder));
	cli_expect(2, "p.h5: the file is damaged: its checksum does not fit", "data verify %s/p.h5",
	           cli_folder);
	cli_expect(2, "p.h5: the file is damaged", "data pack %s/set -o %s/p.h5", cli_folder, cli_folder);
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

/* The last command has said what lets it go on, which is done. */
static void expect_rm(const char *path)
{
	char rm[600];
	snprintf(rm, sizeof rm,
	         "it stays as it is, as nothing tells whose it was; if nobody needs it, `rm %s`", path);
	cr_expect_not_null(strstr(cli_err, rm), "%s", cli_err);
	unlink(path);
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
	expect_rm(path);
	cr_expect_eq(cli("simulate %s/e.json --out %s --quiet", cli_folder, path), 0, "%s", cli_err);
}

/* What a killed `data pack` leaves. */
Test(cli_files, a_pack_that_was_cut_short_says_how_to_go_on)
{
	char path[512];
	snprintf(path, sizeof path, "%s/p.h5.part", cli_folder);
	make_images();
	cr_assert_eq(cli("data pack %s/set -o %s/p.h5", cli_folder, cli_folder), 0, "%s", cli_err);
	cr_assert(process_shell("cd %s && head -c 2000 p.h5 > p.h5.part && rm p.h5", cli_folder));
	cli_expect(2, "p.h5.part: the file was cut short", "data pack %s/set -o %s/p.h5", cli_folder,
	           cli_folder);
	cr_expect(file_there(path));
	expect_rm(path);
	cr_expect_eq(cli("data pack %s/set -o %s/p.h5", cli_folder, cli_folder), 0, "%s", cli_err);
}

/* What `plot` drew carries a mark; other images, and figures from before there was one, stay. */
Test(cli_files, a_figure_replaces_nothing_but_a_figure)
{
	make_result("r.h5");
	cli_write("photo.png", "\x89PNG\r\n a holiday");
	cli_expect(2, "photo.png: is an image that signsgd did not draw, expected a figure of signsgd plot",
	           "plot curves %s/r.h5 -o %s/photo.png", cli_folder, cli_folder);
	cli_write("notes.svg", "my thesis");
	cli_expect(2, "notes.svg: is a text file", "plot curves %s/r.h5 -o %s/notes.svg", cli_folder,
	           cli_folder);
	cli_write("words.svg", "<?xml version=\"1.0\"?>\n<thesis>drawn with signsgd plot</thesis>\n");
	cli_write("title.svg",
	          "<?xml version=\"1.0\"?>\n<!DOCTYPE svg>\n<svg width=\"1\">"
	          "<title>signsgd plot</title><metadata><rdf:RDF x=\"\"></rdf:RDF></metadata></svg>");
	cli_write("words.png", "\x89PNG\r\n\x1A\n a picture of signsgd plot");
	cli_write("words.pdf", "%PDF-1.4\n(drawn with signsgd plot)\n/Creator (signsgd plot)\n%%EOF\n");
	static const char *const words[] = {"words.svg", "title.svg", "words.png", "words.pdf"};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		cli_expect(2, "expected a figure of signsgd plot", "plot curves %s/r.h5 -o %s/%s", cli_folder,
		           cli_folder, words[i]);
		cr_expect_not_null(strstr(cli_err, words[i]), "%s", cli_err);
	}
	cr_assert(process_shell("ln -s r.h5 %s/r.pdf", cli_folder));
	cli_expect(2, "is a result of a run", "plot curves %s/r.h5 -o %s/r.pdf", cli_folder, cli_folder);
	const char *python = getenv("SIGNSGD_PYTHON");
	if (!python || !python[0])
		cr_skip_test("skipped: no Python with h5py, numpy and matplotlib");
	for (int i = 0; i < 2; i++) {
		cr_expect_eq(cli("plot curves %s/r.h5 -o %s/f.png", cli_folder, cli_folder), 0, "%s",
		             cli_err);
		cr_expect_eq(cli("plot curves %s/r.h5 -o %s/f.svg", cli_folder, cli_folder), 0, "%s",
		             cli_err);
		cr_expect_eq(cli("plot curves %s/r.h5 -o %s/f.pdf", cli_folder, cli_folder), 0, "%s",
		             cli_err);
	}
	cli_expect(2, "f.png: is a figure of signsgd plot, expected a result of a run",
	           "simulate %s/e.json --overwrite --out %s/f.png", cli_folder, cli_folder);
}

static const char *const long_run =
        "{\"name\":\"long\",\"workers\":3,\"steps\":100000000,\"batch\":1,\"model\":\"quadratic\"}";

/* With the same settings, with others, with --overwrite and through a link: one process writes a path. */
Test(cli_files, the_second_process_with_one_path_is_told_who_writes_it)
{
	static const char *const more[] = {"r.h5", "r.h5 --seed 7", "r.h5 --seed 7 --overwrite", "link.h5"};
	char who[64];
	cli_write("e.json", long_run);
	cr_assert(process_shell("ln -s r.h5 %s/link.h5", cli_folder));
	pid_t pid = served_start("log", "simulate %s/e.json --out %s/r.h5 --lanes 1", cli_folder, cli_folder);
	served_wait_for_steps("r", -1);
	snprintf(who, sizeof who, "process %ld on host ", (long)pid);
	for (size_t i = 0; i < sizeof more / sizeof *more; i++)
		cli_expect(1, who, "simulate %s/e.json --out %s/%s", cli_folder, cli_folder, more[i]);
	kill(pid, SIGTERM);
	cr_expect_eq(process_wait(pid), 143);
	cr_expect(process_shell("test ! -e %s/r.h5.lock", cli_folder));
	cli_expect(2, "holds another run", "simulate %s/e.json --out %s/r.h5 --seed 7", cli_folder,
	           cli_folder);
}

/* Two that start at once: one ends well, its result is there; the other is refused, by the lock or the id. */
Test(cli_files, of_two_that_start_at_once_one_is_refused)
{
	char path[512];
	struct run_info info[2], found;
	struct err e = {0};
	cli_write("e.json", "{\"steps\":3000,\"batch\":1,\"model\":\"quadratic\"}");
	for (int seed = 0; seed < 2; seed++) {
		cr_assert_eq(cli("simulate %s/e.json --seed %d --out %s/s.h5 --overwrite --quiet", cli_folder,
		                 seed, cli_folder),
		             0);
		snprintf(path, sizeof path, "%s/s.h5", cli_folder);
		cr_assert_eq(record_info(path, &info[seed], &e), 0, "%s", e.text);
	}
	snprintf(path, sizeof path, "%s/r.h5", cli_folder);
	for (int round = 0; round < 10; round++) {
		pid_t pids[2];
		unlink(path);
		for (int seed = 0; seed < 2; seed++)
			pids[seed] = served_start(seed ? "log1" : "log0",
			                          "simulate %s/e.json --lanes 1 --seed %d --out %s/r.h5",
			                          cli_folder, seed, cli_folder);
		int code[2] = {process_wait(pids[0]), process_wait(pids[1])}, winner = code[0] != 0;
		cr_assert(code[winner] == 0 && (code[!winner] == 1 || code[!winner] == 2),
		          "round %d: they exit with %d and %d", round, code[0], code[1]);
		cr_assert_eq(record_info(path, &found, &e), 0, "%s", e.text);
		cr_assert_str_eq(found.id, info[winner].id);
		cr_assert_str_eq(found.state, "finished");
	}
}

/* A fetched file that is wrong is replaced; what is no file is neither read, which might never end, nor
 * replaced. */
Test(cli_files, a_fetch_refuses_a_pipe_in_a_files_place)
{
	cr_assert(process_shell("mkdir %s/mnist && mkfifo %s/mnist/train-images-idx3-ubyte.gz", cli_folder,
	                        cli_folder));
	cli_expect(2, "train-images-idx3-ubyte.gz: is no regular file, expected one or nothing",
	           "data fetch mnist --to %s --from http://127.0.0.1:1/", cli_folder);
	cr_expect(process_shell("test -p %s/mnist/train-images-idx3-ubyte.gz", cli_folder));
}
