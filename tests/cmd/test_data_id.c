/* A result is of its settings and of its data: what happens where the settings are the same and the data are
 * not. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "h5/h5.h"
#include "record/record.h"
#include "tests/support/bitmap_files.h"
#include "tests/support/served.h"

TestSuite(data_id, .init = cli_open, .fini = cli_close, .timeout = 180);

/* Two texts of the same length and letters, so that nothing but their content tells them apart. */
static void put_texts(void)
{
	cr_assert(process_shell("mkdir %s/a %s/b", cli_folder, cli_folder));
	cli_write("a/t.txt", "abcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabc");
	cli_write("b/t.txt", "abcbacabcbacabcbacabcbacabcbacabcbacabcbacabcbacabcbacabcbacabcbacabcbacabc");
	cli_write("e.json", "{\"name\":\"e\",\"workers\":3,\"steps\":4,\"batch\":1,"
	                    "\"model\":{\"kind\":\"qrnn\",\"layers\":1,\"embedding\":3,\"hidden\":4},"
	                    "\"data\":{\"kind\":\"text\",\"train\":\"t.txt\",\"bptt\":3}}");
}

static struct run_info info_of(const char *name)
{
	char path[128];
	struct run_info info;
	struct err e = {0};
	snprintf(path, sizeof path, "%s/%s.h5", cli_folder, name);
	cr_assert_eq(record_info(path, &info, &e), 0, "%s", e.text);
	return info;
}

/* The last sentence names what was found and what was expected. */
static void expect_both(const char *found, const char *expected)
{
	char part[192];
	snprintf(part, sizeof part, "found data_id %s, expected %s", found, expected);
	cr_expect_not_null(strstr(cli_err, part), "'%s' is not in: %s", part, cli_err);
}

Test(data_id, a_result_of_other_data_is_not_done_already)
{
	put_texts();
	cr_assert_eq(cli("simulate %s/e.json --data %s/a --out %s/a.h5 --quiet", cli_folder, cli_folder,
	                 cli_folder),
	             0, "%s", cli_err);
	cr_assert_eq(cli("simulate %s/e.json --data %s/b --out %s/b.h5 --quiet", cli_folder, cli_folder,
	                 cli_folder),
	             0, "%s", cli_err);
	const struct run_info a = info_of("a"), b = info_of("b");
	cr_expect_str_eq(a.id, b.id);
	cr_expect_str_neq(a.data_id, b.data_id);
	cli_expect(0, "done already, skipped", "simulate %s/e.json --data %s/a --out %s/a.h5", cli_folder,
	           cli_folder, cli_folder);
	cli_expect(2, "trained on other data", "simulate %s/e.json --data %s/b --out %s/a.h5", cli_folder,
	           cli_folder, cli_folder);
	expect_both(a.data_id, b.data_id);
	cr_expect_eq(cli("show --json %s/a.h5", cli_folder), 0);
	cr_expect_not_null(strstr(cli_out, a.data_id), "%s", cli_out);
	cr_expect_eq(cli("simulate %s/e.json --data %s/b --out %s/a.h5 --overwrite --quiet", cli_folder,
	                 cli_folder, cli_folder),
	             0, "%s", cli_err);
	cr_expect_str_eq(info_of("a").data_id, b.data_id);
}

/* A folder of small images of two classes. */
static void put_image(const char *split, const char *name, int seed)
{
	char path[128];
	struct made m = make_png(8 + seed, 9, PNG_COLOR_TYPE_RGB, 8);
	snprintf(path, sizeof path, "%s/set/%s/%s", cli_folder, split, name);
	folder_make_parents(path);
	file_put(path, m.at, m.n);
	free(m.at);
}

static void put_images(void)
{
	for (int i = 0; i < 8; i++) {
		char name[32];
		snprintf(name, sizeof name, "%s/%d.png", i % 2 ? "ape" : "bee", i);
		put_image(i < 4 ? "train" : "val", name, i);
	}
	cli_write("i.json", "{\"name\":\"i\",\"steps\":3,\"batch\":2,\"model\":\"softmax\","
	                    "\"data\":{\"kind\":\"imagefolder\",\"size\":4,\"resize\":6}}");
}

/* What is known of the data, in words and in JSON; a class that is never tested is named. */
Test(data_id, show_says_what_was_trained_on)
{
	char words[160];
	put_images();
	cli_write("set/train/ape/notes.txt", "no image");
	put_image("train", "cow/1.png", 3);
	cr_assert_eq(
	        cli("simulate %s/i.json --data %s/set --out %s/r.h5", cli_folder, cli_folder, cli_folder), 0,
	        "%s", cli_err);
	cr_expect_not_null(strstr(cli_err, "such as train/ape/notes.txt; classes without an image to test "
	                                   "on: 1 of 3, such as cow"),
	                   "%s", cli_err);
	cr_assert_eq(cli("show %s/r.h5", cli_folder), 0, "%s", cli_err);
	snprintf(words, sizeof words, "data_id %s; files not trained on: 1", info_of("r").data_id);
	cr_expect_not_null(strstr(cli_out, words), "'%s' is not in: %s", words, cli_out);
	cr_assert_eq(cli("show --json %s/r.h5", cli_folder), 0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, "\"data_skipped\":1,\"data_odd\":null"), "%s", cli_out);
	snprintf(words, sizeof words, "\"data_id\":\"%s\"", info_of("r").data_id);
	cr_expect_not_null(strstr(cli_out, words), "'%s' is not in: %s", words, cli_out);
}

/* As if it had been interrupted before the first checkpoint. */
static void interrupt(const char *name)
{
	char path[128];
	struct err e = {0};
	snprintf(path, sizeof path, "%s/%s.h5", cli_folder, name);
	struct h5 *f = h5_edit(path, &e);
	cr_assert_not_null(f, "%s", e.text);
	h5_set_text(f, "/meta", "state", "interrupted");
	cr_assert_eq(h5_flush(f, false, &e), 0, "%s", e.text);
	h5_close(f);
}

Test(data_id, a_run_goes_on_with_its_own_images_only)
{
	put_images();
	cr_assert_eq(cli("simulate %s/i.json --data %s/set --out %s/r.h5 --quiet", cli_folder, cli_folder,
	                 cli_folder),
	             0, "%s", cli_err);
	cr_assert_eq(cli("data pack %s/set -o %s/set.h5", cli_folder, cli_folder), 0, "%s", cli_err);
	cli_expect(0, "done already, skipped", "simulate %s/i.json --data %s/set.h5 --out %s/r.h5",
	           cli_folder, cli_folder, cli_folder);
	interrupt("r");
	put_image("train", "ape/9.png", 9);
	const struct run_info before = info_of("r");
	cli_expect(2, "it can go on only with the data that it began with",
	           "simulate --resume %s/r.h5 --data %s/set", cli_folder, cli_folder);
	cr_expect_not_null(strstr(cli_err, before.data_id), "%s", cli_err);
	cli_expect(2, "it can go on only with the data that it began with",
	           "simulate --resume %s/r.h5 --data %s/set --set steps=99", cli_folder, cli_folder);
	cr_expect_str_eq(info_of("r").state, "interrupted");
	cr_expect_eq(cli("simulate --resume %s/r.h5 --data %s/set.h5 --quiet", cli_folder, cli_folder), 0,
	             "%s", cli_err);
	cr_expect_str_eq(info_of("r").data_id, before.data_id);
}

/* What is done is done, whether or not its data are still there; what is not done says that they are missing.
 */
Test(data_id, a_finished_run_needs_no_data_to_be_skipped)
{
	cli_write("c.json",
	          "{\"name\":\"c\",\"steps\":1,\"model\":\"softmax\",\"batch\":1,\"data\":{\"kind\":"
	          "\"cifar10\",\"check\":false,\"train\":1,\"test\":1}}");
	cr_assert(process_shell(
	        "mkdir -p %s/a/cifar-10-batches-bin && head -c 3073 /dev/zero "
	        ">%s/a/cifar-10-batches-bin/data_batch_1.bin && cp "
	        "%s/a/cifar-10-batches-bin/data_batch_1.bin %s/a/cifar-10-batches-bin/test_batch.bin",
	        cli_folder, cli_folder, cli_folder, cli_folder));
	unsetenv("SIGNSGD_DATA");
	setenv("XDG_CACHE_HOME", cli_folder, 1);
	cr_assert_eq(cli("simulate %s/c.json --data %s/a --out %s/r.h5 --quiet", cli_folder, cli_folder,
	                 cli_folder),
	             0, "%s", cli_err);
	cli_expect(0, "done already, skipped", "simulate %s/c.json --out %s/r.h5", cli_folder, cli_folder);
	cli_expect(2, "found no file data_batch_1.bin", "simulate %s/c.json --out %s/new.h5", cli_folder,
	           cli_folder);
	interrupt("r");
	cli_expect(2, "found no file data_batch_1.bin", "simulate %s/c.json --out %s/r.h5", cli_folder,
	           cli_folder);
}

Test(data_id, a_run_is_repeated_with_its_own_data_only)
{
	put_texts();
	cr_assert_eq(cli("train %s/e.json --processes 2 --data %s/a --out %s/r.h5 --quiet", cli_folder,
	                 cli_folder, cli_folder),
	             0, "%s", cli_err);
	cli_expect(2, "was trained on other data", "simulate --replay %s/r.h5 --data %s/b", cli_folder,
	           cli_folder);
	cr_expect_not_null(strstr(cli_err, info_of("r").data_id), "%s", cli_err);
	cli_expect(0, "ends with the same bits", "simulate --replay %s/r.h5 --data %s/a", cli_folder,
	           cli_folder);
}

/* A text is each worker's own: it may be another one than the server's, and the worker says so. */
Test(data_id, workers_keep_texts_of_their_own)
{
	int port = served_free_port();
	char path[128], said[4096];
	put_texts();
	pid_t server = served_start("serve.log",
	                            "serve %s/e.json --listen tcp://127.0.0.1:%d --insecure --data %s/a "
	                            "--out %s/r.h5",
	                            cli_folder, port, cli_folder, cli_folder);
	pid_t own = served_start("own.log",
	                         "work --connect tcp://127.0.0.1:%d --insecure --workers 2 --data %s/b", port,
	                         cli_folder);
	pid_t same = served_start("same.log",
	                          "work --connect tcp://127.0.0.1:%d --insecure --workers 1 --data %s/a",
	                          port, cli_folder);
	cr_expect_eq(process_wait(server), 0);
	cr_expect_eq(process_wait(own), 0);
	cr_expect_eq(process_wait(same), 0);
	snprintf(path, sizeof path, "%s/own.log", cli_folder);
	file_text(path, said, sizeof said);
	cr_expect_not_null(strstr(said, "trains on data of its own"), "%s", said);
	cr_expect_not_null(strstr(said, info_of("r").data_id), "%s", said);
	snprintf(path, sizeof path, "%s/same.log", cli_folder);
	cr_expect_null(strstr(file_text(path, said, sizeof said), "data of its own"), "%s", said);
}

/* A name that says what the content is must mean the same on both sides, even where nobody checks it. */
Test(data_id, a_worker_with_another_content_of_a_named_set_is_refused)
{
	int port = served_free_port();
	cli_write("c.json",
	          "{\"name\":\"c\",\"steps\":2,\"model\":\"softmax\",\"batch\":1,\"data\":{\"kind\":"
	          "\"cifar10\",\"check\":false,\"train\":1,\"test\":1}}");
	for (int i = 0; i < 2; i++)
		cr_assert(process_shell(
		        "d=%s/%d/cifar-10-batches-bin; mkdir -p $d && head -c 3073 /dev/zero | tr '\\0' "
		        "'\\%d' >$d/data_batch_1.bin && cp $d/data_batch_1.bin $d/test_batch.bin",
		        cli_folder, i, i + 1));
	pid_t server = served_start("serve.log",
	                            "serve %s/c.json --listen tcp://127.0.0.1:%d --insecure --data %s/0 "
	                            "--out %s/r.h5",
	                            cli_folder, port, cli_folder, cli_folder);
	cli_expect(2, "has another content of data set \"cifar10\" (found data_id ",
	           "work --connect tcp://127.0.0.1:%d --insecure --data %s/1", port, cli_folder);
	cr_expect_eq(
	        cli("work --connect tcp://127.0.0.1:%d --insecure --data %s/0 --quiet", port, cli_folder), 0,
	        "%s", cli_err);
	cr_expect_eq(process_wait(server), 0);
	cr_expect_not_null(strstr(info_of("r").data_note, "not the official files"));
}
