/* imagefolder: settings, what is read ahead, training, files that are no images. */
#include "tests/support/image_folder.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/image/reader.h"
#include "train/run.h"
#include "tests/support/train.h"

extern const struct data_source data_imagefolder;

enum { BATCH = 5, BATCHES = 12, FEATURES = 3 * SIZE * SIZE };

TestSuite(imagefolder, .init = data_help_enter, .fini = data_help_leave);

static struct data_shape shape_at(const char *dir, const char *text, struct err *e)
{
	struct data_shape shape = {0};
	const struct data_env env = {.dir = dir};
	*e = (struct err){0};
	data_imagefolder.shape(data_help_state(&data_imagefolder.row, text), &env, &shape, e);
	return shape;
}

static void expect_no_shape(const char *dir, const char *text, const char *part)
{
	struct err e;
	shape_at(dir, text, &e);
	cr_assert(e.code == EXIT_USER && strstr(e.text, part), "expected '%s' in: %s", part, e.text);
}

Test(imagefolder, the_shape_follows_from_the_list)
{
	struct err e;
	image_folder_make();
	struct data_shape s =
	        shape_at(data_help_path("set"), "{\"size\": 16, \"resize\": 20, \"train\": 10}", &e);
	cr_assert(s.n_train == 10 && s.n_test == 12 && s.channels == 3 && s.height == 16 && s.n_classes == 3);
}

Test(imagefolder, what_cannot_be_is_said)
{
	image_folder_make();
	expect_no_shape(NULL, "{}", "a set of images needs `dir` (or --data)");
	expect_no_shape(data_help_path("nothing"), "{}",
	                "nothing: cannot be read: No such file or directory; expected a folder");
	expect_no_shape(data_help_path("set/train"), "{}", "set/train: found no folder train/");
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
	                "empty: found no folder val/, expected train/ and val/");
	data_help_path("empty/val/a/");
	expect_no_shape(data_help_path("empty"), "{}",
	                "empty/train/a: holds no images, expected some of every class");
	data_help_put("other/train/a/1.jpg", "", 0);
	expect_no_shape(data_help_path("other"), "{}", "other: found no folder val/");
	data_help_path("other/test/a/");
	expect_no_shape(data_help_path("other"), "{}", "other/test: holds no images, expected CLASS/FILE");
	data_help_path("other/train/.cache/"); /* a class, for torchvision too */
	expect_no_shape(data_help_path("other"), "{}", "other/train/.cache: holds no images");
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
	struct reader *r = reader_open(g, BATCH, slots, threads, &memory_host);
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
	image_folder_make();
	struct dataset d = image_folder_open(data_help_path("set"), "");
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

Test(imagefolder, a_pack_gives_the_bits_of_its_folder)
{
	image_folder_make();
	struct dataset folder_set = image_folder_open(data_help_path("set"), ""),
	               pack_set = image_folder_open(image_folder_pack("set.h5"), "");
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

/* --- training
 * ------------------------------------------------------------------------------------------------ */

Test(imagefolder, training_has_the_same_bits_on_any_lanes_readers_and_from_a_pack)
{
	size_t n;
	image_folder_make();
	char *dir = data_help_path("set");
	float *one = train_x(image_folder_experiment(dir, ""), 1, &n);
	float *others[] = {train_x(image_folder_experiment(dir, ""), 2, &n),
	                   train_x(image_folder_experiment(dir, ",\"readers\":5"), 3, &n),
	                   train_x(image_folder_experiment(image_folder_pack("set.h5"), ""), 2, &n)};
	for (size_t i = 0; i < 3; i++) {
		cr_assert_eq(memcmp(one, others[i], n * sizeof *one), 0, "training %zu", i);
		mem_free(others[i]);
	}
	mem_free(one);
}

Test(imagefolder, the_number_of_readers_is_no_part_of_a_runs_identity)
{
	struct runs few, many;
	image_folder_make();
	const struct settings *a = train_settings(&few, image_folder_experiment(data_help_path("set"), "")),
	                      *b = train_settings(&many, image_folder_experiment(data_help_path("set"),
	                                                                         ",\"readers\":5"));
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
	image_folder_make();
	char *text = image_folder_experiment(data_help_path("set"), "");
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
	image_folder_make();
	char *text = image_folder_experiment(data_help_path("set"), ""),
	     *path = data_help_path("half.checkpoint.h5");
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
	image_folder_make();
	data_help_put("set/train/bee/03.png", "none", 4);
	data_help_put("set/val/cow/08.jpg", "", 0);
	char *path = data_help_path("skipped.h5");
	const struct settings *s =
	        train_settings(&runs, image_folder_experiment(data_help_path("set"), ",\"bad\":\"skip\""));
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
	image_folder_make();
	image_folder_put("set/train/bee/03.png", make_png(20, 20, PNG_COLOR_TYPE_GRAY, 16));
	image_folder_put("set/train/cow/03.png", make_png(20, 20, PNG_COLOR_TYPE_GRAY, 16));
	char *path = data_help_path("odd.h5");
	const struct settings *s = train_settings(&runs, image_folder_experiment(data_help_path("set"), ""));
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
	image_folder_make();
	char *path = data_help_put("set/train/bee/03.png", "", 0);
	cr_assert_eq(image_folder_train(image_folder_experiment(data_help_path("set"), ""), &e), -1);
	char *expected = arena_format(&data_help_arena, "%s: is empty", path);
	cr_assert_eq(e.code, EXIT_USER);
	cr_assert_str_eq(e.text, expected);
}

/* Zeros in the data of a scan, which libjpeg fills in with grey. */
Test(imagefolder, a_damaged_jpeg_is_a_bad_file)
{
	struct err e = {0};
	struct jpeg_kind kind = {90, 60, JCS_YCbCr, 2, 0, 0, 0};
	image_folder_make();
	struct made m = make_jpeg(&kind);
	memset(m.at + m.n - 150, 0, 100);
	char *path = image_folder_put("set/train/bee/00.jpg", m);
	cr_assert_eq(image_folder_train(image_folder_experiment(data_help_path("set"), ""), &e), -1);
	cr_expect(e.code == EXIT_USER && strstr(e.text, path) &&
	                  strstr(e.text, "is a damaged JPEG file: Corrupt JPEG data: ") &&
	                  strstr(e.text, " of libjpeg)"),
	          "%s", e.text);
	e = (struct err){0};
	cr_assert_eq(
	        image_folder_train(image_folder_experiment(data_help_path("set"), ",\"bad\":\"skip\""), &e),
	        0, "%s", e.text);
}

Test(imagefolder, a_pipe_is_not_waited_for, .timeout = 60)
{
	struct err e = {0};
	image_folder_make();
	char *path = data_help_put("set/train/bee/03.jpg", "", 0);
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(mkfifo(path, 0600), 0);
	cr_assert_eq(image_folder_train(image_folder_experiment(data_help_path("set"), ""), &e), -1);
	cr_expect(strstr(e.text, path) && strstr(e.text, "is no regular file"), "%s", e.text);
}

Test(imagefolder, or_is_skipped_where_that_is_wished)
{
	struct err e = {0};
	image_folder_make();
	data_help_put("set/train/bee/03.png", "\xff\xd8\xff\xe0 no", 7);
	struct dataset d = image_folder_open(data_help_path("set"), ",\"bad\": \"skip\"");
	struct seen *seen = seen_by(d.lazy_images, TRAIN, 2, 2);
	dataset_clear(&d);
	unlink(data_help_path("set/train/bee/03.png"));
	struct jpeg_kind next = {40 + 9 * 4, 60 - 7, JCS_YCbCr, 1, 0, 4, 1};
	image_folder_put("set/train/bee/03.png",
	                 make_jpeg(&next)); /* what 04.jpg holds, under the other's name */
	d = image_folder_open(data_help_path("set"), "");
	struct seen *replaced = seen_by(d.lazy_images, TRAIN, 2, 2);
	cr_assert_eq(memcmp(seen, replaced, sizeof *seen), 0);
	dataset_clear(&d);
	mem_free(seen);
	mem_free(replaced);
	cr_assert_eq(
	        image_folder_train(image_folder_experiment(data_help_path("set"), ",\"bad\":\"skip\""), &e),
	        0, "%s", e.text);
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
	cr_assert_eq(
	        image_folder_train(image_folder_experiment(data_help_path("set"), ",\"bad\":\"skip\""), &e),
	        -1);
	cr_assert(strstr(e.text, "is no image: it begins as no JPEG"), "%s", e.text);
}
