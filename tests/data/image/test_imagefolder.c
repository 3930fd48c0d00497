/* imagefolder: lists, packs, what is read ahead, files that are no images. */
#include "tests/support/data_help.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/image/reader.h"
#include "h5/h5_seal.h"
#include "train/run.h"
#include "tests/support/bitmap_files.h"
#include "tests/support/train.h"

extern const struct data_source data_imagefolder;

enum { CLASSES = 3, TRAIN_FILES = 7, VAL_FILES = 4 };
enum { BATCH = 5, BATCHES = 12, SIZE = 12, FEATURES = 3 * SIZE * SIZE };

static char *put_made(const char *rest, struct made m)
{
	char *path = data_help_put(rest, m.at, m.n);
	free(m.at);
	return path;
}

/* Images of many sizes and kinds: FOLDER/set/{train,val}/{ape,bee,cow}. */
static void put_set(void)
{
	static const char *const classes[CLASSES] = {"ape", "bee", "cow"};
	char name[128];
	for (int c = 0; c < CLASSES; c++)
		for (int i = 0; i < TRAIN_FILES + VAL_FILES; i++) {
			const char *split = i < TRAIN_FILES ? "train" : "val";
			struct jpeg_kind kind = {40 + 9 * i, 60 - 7 * c, JCS_YCbCr, 1 + i % 2,
			                         i % 3 == 0, i % 9,      c % 2};
			snprintf(name, sizeof name, "set/%s/%s/%02d.%s", split, classes[c], i,
			         i % 4 == 3 ? "png"
			         : i % 2    ? "JPEG"
			                    : "jpg");
			put_made(name, i % 4 == 3 ? make_png(33 + i, 47 + c, PNG_COLOR_TYPE_RGB, 8)
			                          : make_jpeg(&kind));
		}
	data_help_put("set/train/ape/notes.txt", "no image", 8);
}

TestSuite(imagefolder, .init = data_help_enter, .fini = data_help_leave);

static struct data_shape shape_at(const char *dir, const char *text, struct err *e)
{
	struct data_shape shape = {0};
	const struct data_env env = {.dir = dir};
	*e = (struct err){0};
	data_imagefolder.shape(data_help_state(&data_imagefolder.row, text), &env, &shape, e);
	return shape;
}

Test(imagefolder, lists_classes_and_files_in_order)
{
	struct err e = {0};
	put_set();
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
	struct data_shape s =
	        shape_at(data_help_path("set"), "{\"size\": 16, \"resize\": 20, \"train\": 10}", &e);
	cr_assert(s.n_train == 10 && s.n_test == 12 && s.channels == 3 && s.height == 16 && s.n_classes == 3);
}

static struct dataset opened(const char *dir, const char *more)
{
	const struct data_env env = {.dir = dir};
	struct dataset d;
	struct err e = {0};
	char *text = arena_format(&data_help_arena, "{\"size\": %d, \"resize\": 16%s}", SIZE, more);
	cr_assert_eq(data_imagefolder.load(data_help_state(&data_imagefolder.row, text), &env, &d, &e), 0,
	             "%s", e.text);
	return d;
}

static void expect_no_shape(const char *dir, const char *text, const char *part)
{
	struct err e;
	shape_at(dir, text, &e);
	cr_assert(e.code == EXIT_USER && strstr(e.text, part), "expected '%s' in: %s", part, e.text);
}

Test(imagefolder, what_cannot_be_is_said)
{
	put_set();
	expect_no_shape(NULL, "{}", "a set of images needs `dir` (or --data)");
	expect_no_shape(data_help_path("nothing"), "{}",
	                "nothing: cannot be read: No such file or directory; expected a folder");
	expect_no_shape(data_help_path("set/train"), "{}", "set/train/train: cannot be read");
	expect_no_shape(data_help_put("text", "some text", 9), "{}", "text: is no HDF5 file");
	expect_no_shape(data_help_path("set"), "{\"train\": 1000}",
	                "train: found 1000, expected at most the 21 images in");
	expect_no_shape(data_help_path("set"), "{\"resize\": 100}",
	                "resize: found 100, expected at least size = 224");
	expect_no_shape(data_help_path("set"), "{\"scale\": [0.5]}", "scale: found 1 numbers, expected 2");
	expect_no_shape(data_help_path("set"), "{\"ratio\": [2, 1]}", "ratio: found 2 before 1");
	data_help_path("set/val/dog/");
	expect_no_shape(data_help_path("set"), "{}", "set/val/dog: is a class that");
	data_help_path("empty/train/a/");
	expect_no_shape(data_help_path("empty"), "{}",
	                "empty/train/a: holds no images, expected some of every class");
	data_help_put("other/train/a/1.jpg", "", 0);
	data_help_path("other/test/a/");
	expect_no_shape(data_help_path("other"), "{}", "other/test: holds no images, expected CLASS/FILE");
	data_help_path("other/train/.cache/"); /* a class, for torchvision too */
	expect_no_shape(data_help_path("other"), "{}", "other/train/.cache: holds no images");
}

/* --- which files ---------------------------------------------------------------------------------------- */

/* What torchvision's make_dataset() lists: sorted(os.walk(CLASS, followlinks=True)), in each sorted names. */
Test(imagefolder, walks_as_torchvision_does)
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

/* Folders that hold links to all others: as many ways through them as there are orders. */
Test(imagefolder, links_in_a_circle_end, .timeout = 60)
{
	struct err e = {0};
	put_set();
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
Test(imagefolder, what_is_left_out_is_said_once)
{
	char said[4096] = "";
	put_set();
	cr_redirect_stderr();
	for (int i = 0; i < 2; i++) {
		struct dataset d = opened(data_help_path("set"), "");
		dataset_clear(&d);
	}
	fflush(stderr);
	cr_assert_gt(fread(said, 1, sizeof said - 1, cr_get_redirected_stderr()), 0);
	char *first = strstr(said, "1 file is left out, because of the name or the place: 1 .txt, such as "
	                           "train/ape/notes.txt");
	cr_expect(first && !strstr(first, "warning"), "%s", said);
}

/* --- the reader ------------------------------------------------------------------------------------------
 */

struct seen {
	uint8_t pixels[BATCHES][BATCH * FEATURES];
	uint16_t labels[BATCHES][BATCH];
};

static int list_some(void *ctx, uint64_t number, uint32_t *index, struct stream *coins)
{
	for (int i = 0; i < BATCH; i++) {
		index[i] = (uint32_t)((number * BATCH + (uint64_t)i) * 5 % *(const size_t *)ctx);
		coins[i] = stream_of(3, RNG_AUGMENT, 1, number * BATCH + (uint64_t)i);
	}
	return BATCH;
}

/* All batches of a pass by that many readers. */
static struct seen *seen_by(const struct lazy_images *g, int split, int slots, int threads)
{
	struct seen *seen = mem_alloc(sizeof *seen);
	struct reader *r = reader_open(g, BATCH, slots, threads);
	size_t all = g->image_set->n[split];
	struct err e = {0};
	const struct reader_pass pass = {.split = split,
	                                 .augmented = split == TRAIN,
	                                 .batches = BATCHES,
	                                 .list = list_some,
	                                 .ctx = &all};
	reader_begin(r, &pass, 0);
	for (uint64_t b = 0; b < BATCHES; b++) {
		const uint8_t *pixels;
		const uint16_t *labels;
		reader_take(r, b, &pixels, &labels);
		memcpy(seen->pixels[b], pixels, sizeof seen->pixels[b]);
		memcpy(seen->labels[b], labels, sizeof seen->labels[b]);
		reader_give_back(r, b);
		cr_assert_eq(reader_next(r), b + 1);
	}
	cr_assert_eq(reader_failed(r, &e), 0, "%s", e.text);
	reader_close(r);
	return seen;
}

Test(imagefolder, any_number_of_readers_and_slots_gives_the_same_bits)
{
	put_set();
	struct dataset d = opened(data_help_path("set"), "");
	cr_assert(d.lazy_images && !d.train_pixels && d.train_labels[TRAIN_FILES] == 1);
	for (int split = 0; split < 2; split++) {
		struct seen *one = seen_by(d.lazy_images, split, 1, 1);
		for (int threads = 1; threads <= 4; threads++) {
			struct seen *many = seen_by(d.lazy_images, split, 1 + 2 * (threads % 3), threads);
			cr_assert_eq(memcmp(one, many, sizeof *one), 0, "%d readers", threads);
			mem_free(many);
		}
		mem_free(one);
	}
	dataset_clear(&d);
}

static char *packed(const char *rest)
{
	struct err e = {0};
	char *path = data_help_path(rest);
	struct image_set *p = image_set_open(data_help_path("set"), &e);
	cr_assert(p && image_set_pack(p, path, NULL, &e) == 0, "%s", e.text);
	image_set_close(p);
	return path;
}

Test(imagefolder, a_pack_gives_the_bits_of_its_folder)
{
	put_set();
	struct dataset folder_set = opened(data_help_path("set"), ""),
	               pack_set = opened(packed("set.h5"), "");
	cr_assert_eq(memcmp(&folder_set.shape, &pack_set.shape, sizeof folder_set.shape), 0);
	for (int split = 0; split < 2; split++) {
		struct seen *a = seen_by(folder_set.lazy_images, split, 3, 2),
		            *b = seen_by(pack_set.lazy_images, split, 3, 2);
		cr_assert_eq(memcmp(a, b, sizeof *a), 0);
		mem_free(a);
		mem_free(b);
	}
	dataset_clear(&folder_set);
	dataset_clear(&pack_set);
}

static char *experiment(const char *dir, const char *more)
{
	return arena_format(&data_help_arena,
	                    "{\"workers\":3,\"steps\":12,\"batch\":3,\"lr\":0.01,\"model\":\"softmax\","
	                    "\"data\":{\"kind\":"
	                    "\"imagefolder\",\"size\":12,\"resize\":16%s},\"data_dir\":\"%s\"}",
	                    more, dir);
}

/* Train until a step or an evaluation fails. */
static int trained_until(const char *text, struct err *e)
{
	struct runs runs;
	struct step_row row;
	struct pool *pool = pool_open(2);
	struct trainer *t = train_open(train_settings(&runs, text), pool);
	int rc = 0;
	for (int i = 0; i < 12 && !rc; i++)
		rc = trainer_step(t, &row, NULL, e);
	trainer_close(t);
	pool_close(pool);
	runs_clear(&runs);
	return rc;
}

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
Test(imagefolder, a_flipped_byte_anywhere_in_a_pack_is_found)
{
	size_t n, opened_not = 0, one = 0;
	put_set();
	char *path = packed("set.h5");
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

Test(imagefolder, a_cut_pack_is_refused)
{
	size_t n;
	put_set();
	char *path = packed("set.h5");
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
Test(imagefolder, a_packs_seal_is_that_of_results)
{
	size_t n;
	put_set();
	uint8_t *bytes = bytes_of(packed("set.h5"), &n);
	cr_expect_eq(h5_crc32(0, bytes, n), UINT32_C(0x2144DF1C));
	cr_expect_eq(memcmp(bytes + n - 24, "signsgd seal", 12), 0);
	mem_free(bytes);
}

Test(imagefolder, a_damaged_image_of_a_pack_is_treated_as_bad)
{
	size_t n;
	struct err e = {0};
	put_set();
	char *path = packed("set.h5");
	struct image_set *p = image_set_open(path, &e);
	cr_assert(p, "%s", e.text);
	size_t at = p->at[TRAIN][4].begin + 200;
	image_set_close(p);
	uint8_t *bytes = bytes_of(path, &n);
	bytes[at] ^= 1;
	data_help_put("set.h5", bytes, n);
	mem_free(bytes);
	cr_assert_eq(trained_until(experiment(path, ""), &e), -1);
	cr_expect(strstr(e.text, "the pack is damaged: the checksum of train/ape/04.jpg"), "%s", e.text);
	e = (struct err){0};
	cr_assert_eq(trained_until(experiment(path, ",\"bad\":\"skip\""), &e), 0, "%s", e.text);
}

/* Version 0.1.0 put no seal on a pack: it is read, with a word (tests/golden/make_pack.sh). */
Test(imagefolder, a_pack_without_a_seal_is_read_with_a_warning)
{
	char said[4096] = "";
	struct err e = {0};
	cr_assert_eq(unreadable("tests/golden/pack-0.1.0.h5", &e), 0, "%s", e.text);
	cr_redirect_stderr();
	struct dataset d = opened("tests/golden/pack-0.1.0.h5", "");
	fflush(stderr);
	cr_assert_gt(fread(said, 1, sizeof said - 1, cr_get_redirected_stderr()), 0);
	cr_expect(strstr(said, "was packed before packs had a seal") &&
	                  strstr(said, "`signsgd data pack` makes it anew"),
	          "%s", said);
	cr_expect(d.shape.n_train == 2 && d.shape.n_test == 2);
	dataset_clear(&d);
}

Test(imagefolder, a_pack_tells_what_its_folder_left_out)
{
	struct err e = {0};
	put_set();
	struct image_set *p = image_set_open(packed("set.h5"), &e);
	cr_assert(p, "%s", e.text);
	cr_expect_eq(p->left_out, 1);
	cr_expect_str_eq(p->left_out_what, "1 .txt, such as train/ape/notes.txt");
	image_set_close(p);
}

/* --- training
 * ------------------------------------------------------------------------------------------------ */

Test(imagefolder, training_has_the_same_bits_on_any_lanes_readers_and_from_a_pack)
{
	size_t n;
	put_set();
	char *dir = data_help_path("set");
	float *one = train_x(experiment(dir, ""), 1, &n);
	float *others[] = {train_x(experiment(dir, ""), 2, &n),
	                   train_x(experiment(dir, ",\"readers\":5"), 3, &n),
	                   train_x(experiment(packed("set.h5"), ""), 2, &n)};
	for (size_t i = 0; i < 3; i++) {
		cr_assert_eq(memcmp(one, others[i], n * sizeof *one), 0, "training %zu", i);
		mem_free(others[i]);
	}
	mem_free(one);
}

Test(imagefolder, the_number_of_readers_is_no_part_of_a_runs_identity)
{
	struct runs few, many;
	put_set();
	const struct settings *a = train_settings(&few, experiment(data_help_path("set"), "")),
	                      *b = train_settings(&many, experiment(data_help_path("set"), ",\"readers\":5"));
	cr_expect_str_eq(a->id, b->id);
	runs_clear(&few);
	runs_clear(&many);
}

/* Evaluations in between throw away what was read ahead, and change nothing. */
Test(imagefolder, evaluations_leave_training_as_it_is)
{
	size_t n;
	struct runs runs;
	struct err e = {0};
	struct eval_row row;
	put_set();
	char *text = experiment(data_help_path("set"), "");
	float *plain = train_x(text, 2, &n);
	struct pool *pool = pool_open(2);
	struct trainer *t = train_open(train_settings(&runs, text), pool);
	for (int i = 0; i < 4; i++) {
		cr_assert_eq(trainer_eval(t, &row, &e), 0, "%s", e.text);
		train_steps(t, 3);
	}
	cr_assert(row.test_loss > 0 && row.test_accuracy >= 0 && row.test_accuracy <= 1);
	cr_assert_eq(memcmp(plain, trainer_x(t, &n), n * sizeof *plain), 0);
	trainer_close(t);
	pool_close(pool);
	runs_clear(&runs);
	mem_free(plain);
}

/* Interrupted after any step and resumed = never interrupted. */
Test(imagefolder, resumed_training_reads_on_where_it_was)
{
	size_t n;
	struct runs runs;
	struct err e = {0};
	put_set();
	char *text = experiment(data_help_path("set"), ""), *path = data_help_path("half.checkpoint.h5");
	float *whole = train_x(text, 2, &n);
	struct pool *pool = pool_open(2);
	const struct settings *s = train_settings(&runs, text);
	struct trainer *t = train_open(s, pool);
	train_steps(t, 5);
	cr_assert_eq(trainer_save(t, path, &e), 0, "%s", e.text);
	trainer_close(t);
	t = train_open(s, pool);
	train_steps(t, 2);
	cr_assert_eq(trainer_restore(t, path, &e), 0, "%s", e.text);
	train_steps(t, 7);
	cr_assert_eq(memcmp(whole, trainer_x(t, &n), n * sizeof *whole), 0);
	trainer_close(t);
	pool_close(pool);
	runs_clear(&runs);
	mem_free(whole);
}

/* The result file says how many files others have replaced. */
Test(imagefolder, a_result_counts_what_was_skipped)
{
	struct runs runs;
	struct err e = {0};
	enum run_outcome outcome;
	int64_t skipped = 0;
	put_set();
	data_help_put("set/train/bee/03.png", "none", 4);
	data_help_put("set/val/cow/08.jpg", "", 0);
	char *path = data_help_path("skipped.h5");
	const struct settings *s =
	        train_settings(&runs, experiment(data_help_path("set"), ",\"bad\":\"skip\""));
	const struct run_options options = {.path = path};
	struct pool *pool = pool_open(2);
	cr_assert_eq(run_one(s, pool, &options, &outcome, &e), 0, "%s", e.text);
	struct h5 *f = h5_open(path, &e);
	cr_assert(f && h5_get_int(f, "/meta", "data_skipped", &skipped, &e) == 0, "%s", e.text);
	cr_assert_eq(skipped, 3); /* and notes.txt */
	h5_close(f);
	pool_close(pool);
	runs_clear(&runs);
}

/* A grey PNG of 16 bits is cut off at 255, as Pillow has it, which no reader of the result would expect. */
Test(imagefolder, a_result_counts_what_was_taken_with_a_note)
{
	struct runs runs;
	struct err e = {0};
	enum run_outcome outcome;
	int64_t odd = 0;
	put_set();
	put_made("set/train/bee/03.png", make_png(20, 20, PNG_COLOR_TYPE_GRAY, 16));
	put_made("set/train/cow/03.png", make_png(20, 20, PNG_COLOR_TYPE_GRAY, 16));
	char *path = data_help_path("odd.h5");
	const struct settings *s = train_settings(&runs, experiment(data_help_path("set"), ""));
	const struct run_options options = {.path = path};
	struct pool *pool = pool_open(2);
	cr_redirect_stderr();
	cr_assert_eq(run_one(s, pool, &options, &outcome, &e), 0, "%s", e.text);
	fflush(stderr);
	char said[4096] = "";
	cr_assert_gt(fread(said, 1, sizeof said - 1, cr_get_redirected_stderr()), 0);
	char *first = strstr(said, "values above 255 are white, as Pillow has it; it is taken");
	cr_expect(first && !strstr(first + 1, "values above 255"), "%s", said);
	struct h5 *f = h5_open(path, &e);
	cr_assert(f && h5_get_int(f, "/meta", "data_odd", &odd, &e) == 0, "%s", e.text);
	cr_assert_eq(odd, 2);
	h5_close(f);
	pool_close(pool);
	runs_clear(&runs);
}

Test(imagefolder, a_file_that_is_no_bitmap_ends_the_run_and_is_named)
{
	struct err e = {0};
	put_set();
	char *path = data_help_put("set/train/bee/03.png", "", 0);
	cr_assert_eq(trained_until(experiment(data_help_path("set"), ""), &e), -1);
	char *expected = arena_format(&data_help_arena, "%s: is empty", path);
	cr_assert_eq(e.code, EXIT_USER);
	cr_assert_str_eq(e.text, expected);
}

/* Zeros in the data of a scan, which libjpeg fills in with grey. */
Test(imagefolder, a_damaged_jpeg_is_a_bad_file)
{
	struct err e = {0};
	struct jpeg_kind kind = {90, 60, JCS_YCbCr, 2, 0, 0, 0};
	put_set();
	struct made m = make_jpeg(&kind);
	memset(m.at + m.n - 150, 0, 100);
	char *path = put_made("set/train/bee/00.jpg", m);
	cr_assert_eq(trained_until(experiment(data_help_path("set"), ""), &e), -1);
	cr_expect(e.code == EXIT_USER && strstr(e.text, path) &&
	                  strstr(e.text, "is a damaged JPEG file: Corrupt JPEG data: ") &&
	                  strstr(e.text, " of libjpeg)"),
	          "%s", e.text);
	e = (struct err){0};
	cr_assert_eq(trained_until(experiment(data_help_path("set"), ",\"bad\":\"skip\""), &e), 0, "%s",
	             e.text);
}

Test(imagefolder, a_pipe_is_not_waited_for, .timeout = 60)
{
	struct err e = {0};
	put_set();
	char *path = data_help_put("set/train/bee/03.jpg", "", 0);
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(mkfifo(path, 0600), 0);
	cr_assert_eq(trained_until(experiment(data_help_path("set"), ""), &e), -1);
	cr_expect(strstr(e.text, path) && strstr(e.text, "is no regular file"), "%s", e.text);
}

Test(imagefolder, or_is_skipped_where_that_is_wished)
{
	struct err e = {0};
	put_set();
	data_help_put("set/train/bee/03.png", "\xff\xd8\xff\xe0 no", 7);
	struct dataset d = opened(data_help_path("set"), ",\"bad\": \"skip\"");
	struct seen *seen = seen_by(d.lazy_images, TRAIN, 2, 2);
	dataset_clear(&d);
	unlink(data_help_path("set/train/bee/03.png"));
	struct jpeg_kind next = {40 + 9 * 4, 60 - 7, JCS_YCbCr, 1, 0, 4, 1};
	put_made("set/train/bee/03.png", make_jpeg(&next)); /* what 04.jpg holds, under the other's name */
	d = opened(data_help_path("set"), "");
	struct seen *replaced = seen_by(d.lazy_images, TRAIN, 2, 2);
	cr_assert_eq(memcmp(seen, replaced, sizeof *seen), 0);
	dataset_clear(&d);
	mem_free(seen);
	mem_free(replaced);
	cr_assert_eq(trained_until(experiment(data_help_path("set"), ",\"bad\":\"skip\""), &e), 0, "%s",
	             e.text);
}

Test(imagefolder, a_set_without_any_bitmap_ends_the_run_too)
{
	struct err e = {0};
	char name[64];
	for (int i = 0; i < 12; i++) {
		snprintf(name, sizeof name, "set/train/ape/%02d.jpg", i);
		data_help_put(name, "none", 4);
	}
	data_help_put("set/val/ape/1.jpg", "none", 4);
	cr_assert_eq(trained_until(experiment(data_help_path("set"), ",\"bad\":\"skip\""), &e), -1);
	cr_assert(strstr(e.text, "is no image: it begins as no JPEG"), "%s", e.text);
}
