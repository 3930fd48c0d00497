/* Image sets: which files of a folder are listed, and packs: whole, damaged, old. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "h5/h5_seal.h"
#include "tests/support/image_folder.h"

TestSuite(image_set, .init = data_help_enter, .fini = data_help_leave);

Test(image_set, lists_classes_and_files_in_order)
{
	struct err e = {0};
	image_folder_make();
	struct image_set *p = image_set_open(data_help_path("set"), &e);
	cr_assert(p, "%s", e.text);
	cr_assert(p->n_classes == CLASSES && p->n[TRAIN] == CLASSES * TRAIN_FILES &&
	          p->n[VAL] == CLASSES * VAL_FILES);
	cr_assert_str_eq(p->classes[1], "bee");
	cr_assert_str_eq(p->at[TRAIN][0].name, "train/ape/00.jpg");
	cr_assert_str_eq(p->at[TRAIN][TRAIN_FILES + 3].name, "train/bee/03.png");
	cr_assert_eq(p->at[TRAIN][TRAIN_FILES + 3].label, 1);
	image_set_thin(p, VAL, 5);
	cr_assert(p->n[VAL] == 5 && p->at[VAL][4].label == 2 && p->at[VAL][0].label == 0);
	image_set_close(p);
}

/* --- which files ---------------------------------------------------------------------------------------- */

/* What torchvision's make_dataset() lists: sorted(os.walk(CLASS, followlinks=True)), in each sorted names. */
Test(image_set, walks_as_torchvision_does)
{
	static const char *const put[] = {
	        "set/train/ape/b.jpg",        "set/train/ape/B.JPG",           "set/train/ape/a/9.webp",
	        "set/train/ape/a-b/1.bmp",    "set/train/ape/a/b/1.Png",       "set/train/ape/.h.jpeg",
	        "set/train/ape/.jpg",         "set/train/ape/.old/1.ppm",      "set/train/ape/x.jpg/2.pgm",
	        "set/train/ape/1.tif",        "set/train/ape/1.TIFF",          "set/train/ape/1.jpg.txt",
	        "set/train/ape/notes",        "set/train/ape/a/1.gif",         "set/train/ape/a/2.GIF",
	        "set/train/bee/\xc3\xa9.jpg", "set/train/bee/z.jpg",           "set/train/stray.jpg",
	        "set/train/README",           "set/val/bee/deep/er/than/1.png"};
	static const char *const expected[] = {"train/ape/.h.jpeg",
	                                       "train/ape/.jpg",
	                                       "train/ape/1.TIFF",
	                                       "train/ape/1.tif",
	                                       "train/ape/B.JPG",
	                                       "train/ape/b.jpg",
	                                       "train/ape/dead.jpg",
	                                       "train/ape/.old/1.ppm",
	                                       "train/ape/a/9.webp",
	                                       "train/ape/a-b/1.bmp",
	                                       "train/ape/a/b/1.Png",
	                                       "train/ape/linked/z.jpg",
	                                       "train/ape/linked/\xc3\xa9.jpg",
	                                       "train/ape/x.jpg/2.pgm",
	                                       "train/bee/z.jpg",
	                                       "train/bee/\xc3\xa9.jpg"};
	const size_t n = sizeof expected / sizeof *expected;
	struct err e = {0};
	for (size_t i = 0; i < sizeof put / sizeof *put; i++)
		data_help_put(put[i], "", 0);
	cr_assert_eq(symlink("../bee", data_help_path("set/train/ape/linked")), 0);
	cr_assert_eq(symlink("nowhere", data_help_path("set/train/ape/dead.jpg")), 0);
	cr_assert_eq(symlink("..", data_help_path("set/train/ape/a/b/up")), 0);
	cr_assert_eq(symlink(".", data_help_path("set/train/ape/self")), 0);
	struct image_set *p = image_set_open(data_help_path("set"), &e);
	cr_assert(p, "%s", e.text);
	cr_assert_eq(p->n[TRAIN], n, "found %zu", p->n[TRAIN]);
	for (size_t i = 0; i < n; i++) {
		cr_expect_str_eq(p->at[TRAIN][i].name, expected[i]);
		cr_expect_eq(p->at[TRAIN][i].label, i + 2 >= n);
	}
	cr_assert_eq(p->n[VAL], 1);
	cr_expect_str_eq(p->at[VAL][0].name, "val/bee/deep/er/than/1.png");
	cr_expect_eq(p->left_out, 8);
	cr_expect_str_eq(p->left_out_what,
	                 "2 .gif, 2 links to a folder above them, 2 without an ending, 1 .txt, 1 images "
	                 "outside of a class, such as train/README");
	image_set_close(p);
}

/* All that holds a class holds the other classes too: their images would have its label. */
Test(image_set, links_to_what_holds_the_class_are_not_followed)
{
	static const char *const to[] = {"..",        "../..",    "../../..", "../../../../..",
	                                 "../bee/..", "../../val"};
	struct err e = {0};
	for (size_t i = 0; i < sizeof to / sizeof *to; i++) {
		image_folder_make();
		data_help_put("stray/1.jpg", "", 0);
		const char *link = data_help_path("set/train/ape/up");
		struct image_set *plain = image_set_open(data_help_path("set"), &e);
		cr_assert(plain, "%s", e.text);
		cr_assert_eq(symlink(to[i], link), 0);
		struct image_set *p = image_set_open(data_help_path("set"), &e);
		cr_assert(p, "%s", e.text);
		cr_expect_eq(p->n[TRAIN], plain->n[TRAIN], "%s: found %zu images, expected %zu", to[i],
		             p->n[TRAIN], plain->n[TRAIN]);
		cr_expect_not_null(strstr(p->left_out_what, "1 links to a folder above them"), "%s",
		                   p->left_out_what);
		image_set_close(p);
		image_set_close(plain);
		cr_assert_eq(unlink(link), 0);
	}
}

/* A class that is a link to a folder elsewhere, which links to the one that it is in. */
Test(image_set, links_out_of_a_linked_class_are_not_followed_back)
{
	struct err e = {0};
	image_folder_make();
	data_help_put("else/cow/1.jpg", "", 0);
	data_help_put("else/dog/1.jpg", "", 0);
	cr_assert_eq(symlink("..", data_help_path("else/cow/up")), 0);
	cr_assert_eq(symlink("../../else/cow", data_help_path("set/train/bug")), 0);
	struct image_set *p = image_set_open(data_help_path("set"), &e);
	cr_assert(p, "%s", e.text);
	for (size_t i = 0; i < p->n[TRAIN]; i++)
		cr_expect_null(strstr(p->at[TRAIN][i].name, "/up/"), "%s", p->at[TRAIN][i].name);
	image_set_close(p);
}

/* Folders that hold links to all others: as many ways through them as there are orders. */
Test(image_set, links_in_a_circle_end, .timeout = 60)
{
	struct err e = {0};
	image_folder_make();
	for (int i = 0; i < 12; i++)
		for (int k = 0; k < 12; k++) {
			char *link = arena_format(
			        &data_help_arena, "%s/%d",
			        data_help_path(arena_format(&data_help_arena, "set/train/ape/%d/", i)), k);
			cr_assert_eq(symlink(arena_format(&data_help_arena, "../%d", k), link), 0);
		}
	cr_assert_null(image_set_open(data_help_path("set"), &e));
	cr_expect(e.code == EXIT_USER && strstr(e.text, "do links lead in a circle?"), "%s", e.text);
}

/* One line, also where a folder is opened again and again. */
Test(image_set, what_is_left_out_is_said_once)
{
	char said[4096] = "";
	image_folder_make();
	cr_redirect_stderr();
	for (int i = 0; i < 2; i++) {
		struct dataset d = image_folder_open(data_help_path("set"), "");
		dataset_clear(&d);
	}
	fflush(stderr);
	cr_assert_gt(fread(said, 1, sizeof said - 1, cr_get_redirected_stderr()), 0);
	char *first = strstr(said, "1 file is left out, because of the name or the place: 1 .txt, such as "
	                           "train/ape/notes.txt");
	cr_expect(first && !strstr(first, "warning"), "%s", said);
}

/* --- packs -------------------------------------------------------------------------------------------- */

/* Bytes of a whole file, and their number. */
static uint8_t *bytes_of(const char *path, size_t *n)
{
	struct stat st;
	FILE *f = fopen(path, "rb");
	cr_assert(f && fstat(fileno(f), &st) == 0, "%s", path);
	*n = (size_t)st.st_size;
	uint8_t *bytes = mem_alloc(*n);
	cr_assert_eq(fread(bytes, 1, *n, f), *n);
	fclose(f);
	return bytes;
}

/* Files of a set that cannot be read, the last one's sentence in *e. -1: the set cannot be opened. */
static int unreadable(const char *path, struct err *e)
{
	int bad = 0;
	struct file_bytes b = {0};
	struct image_set *p = image_set_open(path, e);
	for (int split = 0; p && split < 2; split++)
		for (size_t i = 0; i < p->n[split]; i++) {
			struct err one = {0};
			bad += image_set_read(p, &p->at[split][i], &b, &one) != 0;
			*e = one.code ? one : *e;
		}
	mem_free(b.at);
	image_set_close(p);
	return p ? bad : -1;
}

/* Any byte of the file: in the list when it is opened, in an image when that one is read. */
Test(image_set, a_flipped_byte_anywhere_in_a_pack_is_found)
{
	size_t n, opened_not = 0, one = 0;
	image_folder_make();
	char *path = image_folder_pack("set.h5");
	uint8_t *bytes = bytes_of(path, &n);
	struct err e = {0};
	cr_assert_eq(unreadable(path, &e), 0, "%s", e.text);
	for (size_t at = 0; at < n; at += at + 100 < n ? 41 : 1) {
		e = (struct err){0};
		bytes[at] ^= 0x10;
		data_help_put("set.h5", bytes, n);
		int bad = unreadable(path, &e);
		cr_expect(bad == -1 || bad == 1, "byte %zu of %zu: %d unreadable", at, n, bad);
		cr_expect(e.code == EXIT_USER && strstr(e.text, path) &&
		                  (bad == -1 || strstr(e.text, "the pack is damaged: the checksum of ")),
		          "byte %zu: %s", at, e.text);
		opened_not += bad == -1;
		one += bad == 1;
		bytes[at] ^= 0x10;
	}
	cr_expect(opened_not > 100 && one > 100, "%zu and %zu", opened_not, one);
	mem_free(bytes);
}

Test(image_set, a_cut_pack_is_refused)
{
	size_t n;
	image_folder_make();
	char *path = image_folder_pack("set.h5");
	uint8_t *bytes = bytes_of(path, &n);
	static const size_t cuts[] = {1, 24, 24 + 32, 24 + 33, 1000};
	for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
		struct err e = {0};
		data_help_put("set.h5", bytes, n - cuts[i]);
		cr_expect_null(image_set_open(path, &e), "%zu bytes less", cuts[i]);
		cr_expect(strstr(e.text, path), "%s", e.text);
	}
	struct err e = {0};
	data_help_put("set.h5", bytes, n - 24 - 32); /* as another program leaves it that has changed it */
	cr_assert_null(image_set_open(path, &e));
	cr_expect(strstr(e.text, "has no seal: the pack was cut short or changed by another program"), "%s",
	          e.text);
	mem_free(bytes);
}

/* The seal is that of all files: the CRC-32 of the whole file is one constant. */
Test(image_set, a_packs_seal_is_that_of_results)
{
	size_t n;
	image_folder_make();
	uint8_t *bytes = bytes_of(image_folder_pack("set.h5"), &n);
	cr_expect_eq(h5_crc32(0, bytes, n), UINT32_C(0x2144DF1C));
	cr_expect_eq(memcmp(bytes + n - 24, "signsgd seal", 12), 0);
	mem_free(bytes);
}

Test(image_set, a_damaged_image_of_a_pack_is_treated_as_bad)
{
	size_t n;
	struct err e = {0};
	image_folder_make();
	char *path = image_folder_pack("set.h5");
	struct image_set *p = image_set_open(path, &e);
	cr_assert(p, "%s", e.text);
	size_t at = p->at[TRAIN][4].begin + 200;
	image_set_close(p);
	uint8_t *bytes = bytes_of(path, &n);
	bytes[at] ^= 1;
	data_help_put("set.h5", bytes, n);
	mem_free(bytes);
	cr_assert_eq(image_folder_train(image_folder_experiment(path, ""), &e), -1);
	cr_expect(strstr(e.text, "the pack is damaged: the checksum of train/ape/04.jpg"), "%s", e.text);
	e = (struct err){0};
	cr_assert_eq(image_folder_train(image_folder_experiment(path, ",\"bad\":\"skip\""), &e), 0, "%s",
	             e.text);
}

/* Version 0.1.0 put no seal on a pack: it is read, with a word (tests/golden/make_pack.sh). */
Test(image_set, a_pack_without_a_seal_is_read_with_a_warning)
{
	char said[4096] = "";
	struct err e = {0};
	cr_assert_eq(unreadable("tests/golden/pack-0.1.0.h5", &e), 0, "%s", e.text);
	cr_redirect_stderr();
	struct dataset d = image_folder_open("tests/golden/pack-0.1.0.h5", "");
	fflush(stderr);
	cr_assert_gt(fread(said, 1, sizeof said - 1, cr_get_redirected_stderr()), 0);
	cr_expect(strstr(said, "was packed before packs had a seal") &&
	                  strstr(said, "`signsgd data pack` makes it anew"),
	          "%s", said);
	cr_expect(d.shape.n_train == 2 && d.shape.n_test == 2);
	dataset_clear(&d);
}

Test(image_set, a_pack_tells_what_its_folder_left_out)
{
	struct err e = {0};
	image_folder_make();
	struct image_set *p = image_set_open(image_folder_pack("set.h5"), &e);
	cr_assert(p, "%s", e.text);
	cr_expect_eq(p->left_out, 1);
	cr_expect_str_eq(p->left_out_what, "1 .txt, such as train/ape/notes.txt");
	image_set_close(p);
}
