/* What is another data set and what is the same: official files, what the program makes, folders, packs,
 * texts. */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>
#include "data/fingerprint.h"
#include "data/image/image_set.h"
#include "tests/support/data_help.h"
#include "tests/support/process.h"

extern const struct data_source data_none, data_glyphs, data_mnist, data_fashion_mnist, data_cifar10,
        data_cifar100, data_tinyshakespeare, data_wikitext2, data_imagefolder, data_text;

TestSuite(fingerprint, .init = data_help_enter, .fini = data_help_leave);

/* In the arena. */
static const char *of(const struct data_source *s, const char *text, const char *dir)
{
	char id[DATA_ID_SIZE];
	struct err e = {0};
	const struct data_env env = {.dir = dir};
	void *state = s->row.keys ? data_help_state(&s->row, text) : NULL;
	cr_assert_eq(data_fingerprint(s, state, &env, id, &e), 0, "%s", e.text);
	cr_expect_eq(strspn(id, "0123456789abcdef"), DATA_ID_SIZE - 1, "%s", id);
	return arena_string(&data_help_arena, id);
}

/* Constants for ever: results say them. Their files need not be there. */
Test(fingerprint, of_official_sets_and_of_what_is_made_is_a_constant)
{
	static const struct {
		const struct data_source *source;
		const char *text, *id;
	} all[] = {{&data_none, "{}", "c95b2c26b2a8"},
	           {&data_glyphs, "{\"train\": 5, \"noise\": 0.3}", "f0f157b7dacb"},
	           {&data_mnist, "{\"train\": 7}", "bb6ac891f634"},
	           {&data_fashion_mnist, "{}", "49f39a1c6b9f"},
	           {&data_cifar10, "{\"augment\": false}", "1147b9f8cbc4"},
	           {&data_cifar100, "{}", "64ed7ac07fe4"},
	           {&data_tinyshakespeare, "{\"bptt\": 5}", "03a206391ca5"}};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		cr_expect_str_eq(of(all[i].source, all[i].text, data_help_folder), all[i].id, "%s",
		                 all[i].source->row.name);
}

static void put(const char *rest, size_t bytes)
{
	static const char content[64] = "not read";
	data_help_put(rest, content, bytes);
}

/* Two classes, two files of training and one of validation each. */
static const char *put_folder(const char *name)
{
	static const char *const files[] = {"train/ape/a.jpg", "train/ape/b.png", "train/bee/a.jpg",
	                                    "train/bee/c.jpg", "val/ape/d.jpg",   "val/bee/d.jpg"};
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		put(arena_format(&data_help_arena, "%s/%s", name, files[i]), 10 + i);
	return data_help_path(name);
}

static const char *of_folder(const char *path)
{
	return of(&data_imagefolder, "{}", path);
}

Test(fingerprint, of_a_folder_is_of_its_paths_sizes_and_classes)
{
	const char *a = put_folder("a"), *b = put_folder("b"), *first = of_folder(a);
	const struct utimbuf old = {0, 0};
	cr_expect_str_eq(of_folder(b), first, "another place");
	put("a/train/ape/notes.txt", 9);
	cr_assert_eq(utime(data_help_path("a/train/ape/a.jpg"), &old), 0);
	cr_expect_str_eq(of_folder(a), first, "another time, and a file that is no image");
	put("a/train/ape/c.jpg", 5);
	cr_expect_str_neq(of_folder(a), first, "one more");
	unlink(data_help_path("a/train/ape/c.jpg"));
	cr_expect_str_eq(of_folder(a), first);
	put("a/train/ape/a.jpg", 11);
	cr_expect_str_neq(of_folder(a), first, "another size");
	put("a/train/ape/a.jpg", 10);
	cr_assert(process_shell("cd %s && mv a/train/ape/a.jpg a/train/ape/z.jpg", data_help_folder));
	cr_expect_str_neq(of_folder(a), first, "another name");
	cr_assert(process_shell("cd %s && mv b/train/bee b/train/cow && mv b/val/bee b/val/cow",
	                        data_help_folder));
	cr_expect_str_neq(of_folder(b), first, "another class");
}

/* Images that a setting leaves out are no part of what is trained on. */
Test(fingerprint, of_a_folder_is_of_the_images_used)
{
	const char *a = put_folder("a"), *some = of(&data_imagefolder, "{\"train\": 2, \"test\": 1}", a);
	cr_expect_str_neq(some, of_folder(a));
	put("a/train/ape/b.png", 20);
	cr_expect_str_eq(of(&data_imagefolder, "{\"train\": 2, \"test\": 1}", a), some);
}

/* It follows from a pack's list, so packs of earlier versions have it too. */
Test(fingerprint, of_a_pack_is_that_of_its_folder)
{
	struct err e = {0};
	const char *a = put_folder("a"), *pack = data_help_path("a.h5");
	struct image_set *set = image_set_open(a, &e);
	cr_assert(set && image_set_pack(set, pack, NULL, &e) == 0, "%s", e.text);
	image_set_close(set);
	cr_expect_str_eq(of_folder(pack), of_folder(a));
	cr_expect_str_eq(of(&data_imagefolder, "{\"train\": 2}", pack),
	                 of(&data_imagefolder, "{\"train\": 2}", a));
	put("a/val/bee/d.jpg", 40);
	cr_expect_str_neq(of_folder(pack), of_folder(a));
}

static void put_text(const char *rest, const char *text)
{
	data_help_put(rest, text, strlen(text));
}

Test(fingerprint, of_a_text_is_of_its_content)
{
	static const char one[] = "to be or not to be\n";
	const char *name = "{\"train\": \"t.txt\"}", *a = data_help_path("a"), *b = data_help_path("b");
	put_text("a/t.txt", one);
	put_text("b/t.txt", one);
	const char *first = of(&data_text, name, a);
	cr_expect_str_eq(of(&data_text, name, b), first);
	cr_assert(process_shell("gzip %s/b/t.txt", data_help_folder));
	cr_expect_str_eq(of(&data_text, name, b), first, "packed");
	put_text("a/t.txt", "to be or not to me\n");
	cr_expect_str_neq(of(&data_text, name, a), first, "another letter");
	put_text("a/t.txt", "xo be or nox xo be\n");
	cr_expect_str_neq(of(&data_text, name, a), first, "the same numbers of other letters");
	put_text("a/t.txt", one);
	put_text("a/u.txt", "to be");
	cr_expect_str_neq(of(&data_text, "{\"train\": \"t.txt\", \"test\": \"u.txt\"}", a), first);
}

/* "check": false takes other files than the official ones: they are known by their content. */
Test(fingerprint, of_other_cifar_files_is_of_their_content)
{
	enum { RECORD = 3073 };
	static const char wanted[] = "{\"check\": false, \"train\": 1, \"test\": 1}";
	uint8_t record[RECORD] = {3};
	char id[DATA_ID_SIZE];
	struct err e = {0};
	const struct data_env nowhere = {.dir = data_help_path("none")};
	data_help_put("a/cifar-10-batches-bin/data_batch_1.bin", record, RECORD);
	data_help_put("a/cifar-10-batches-bin/test_batch.bin", record, RECORD);
	const char *first = of(&data_cifar10, wanted, data_help_path("a"));
	cr_expect_str_neq(first, of(&data_cifar10, "{}", data_help_path("a")));
	record[RECORD - 1] = 1;
	data_help_put("a/cifar-10-batches-bin/test_batch.bin", record, RECORD);
	cr_expect_str_neq(of(&data_cifar10, wanted, data_help_path("a")), first);
	unsetenv("SIGNSGD_DATA");
	setenv("XDG_CACHE_HOME", data_help_folder, 1);
	cr_expect_eq(
	        data_fingerprint(&data_cifar10, data_help_state(&data_cifar10.row, wanted), &nowhere, id, &e),
	        -1);
	cr_expect_not_null(strstr(e.text, "found no file data_batch_1.bin"), "%s", e.text);
}
