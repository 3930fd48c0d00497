/* imagefolder: lists, packs, what is read ahead, files that are no images. */
#include "tests/support/data_help.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/image/reader.h"
#include "train/run.h"
#include "tests/support/bitmap_files.h"
#include "tests/support/train.h"

extern const struct data_source data_imagefolder;

enum { CLASSES = 3, TRAIN_FILES = 7, VAL_FILES = 4 };

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
	data_help_put("set/train/ape/.hidden.jpg", "no image", 8);
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
	expect_no_shape(data_help_path("set/train"), "{}", "set/train: found no folder train/");
	expect_no_shape(data_help_put("text", "some text", 9), "{}", "text: HDF5 cannot open it");
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
	expect_no_shape(data_help_path("empty"), "{}", "empty/train: holds no images");
	data_help_path("other/val/a/");
	expect_no_shape(data_help_path("other"), "{}", "other: found no folder train/");
}

/* --- the reader ------------------------------------------------------------------------------------------
 */

enum { BATCH = 5, BATCHES = 12, SIZE = 12, FEATURES = 3 * SIZE * SIZE };

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

Test(imagefolder, a_damaged_pack_is_refused)
{
	put_set();
	char *path = packed("set.h5");
	struct stat st;
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(truncate(path, st.st_size - 1000), 0);
	struct err e = {0};
	cr_assert_null(image_set_open(path, &e));
	cr_assert(strstr(e.text, path), "%s", e.text);
}

/* --- training
 * ------------------------------------------------------------------------------------------------ */

static char *experiment(const char *dir, const char *more)
{
	return arena_format(&data_help_arena,
	                    "{\"workers\":3,\"steps\":12,\"batch\":3,\"lr\":0.01,\"model\":\"softmax\","
	                    "\"data\":{\"kind\":"
	                    "\"imagefolder\",\"size\":12,\"resize\":16%s},\"data_dir\":\"%s\"}",
	                    more, dir);
}

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
	cr_assert_eq(skipped, 2);
	h5_close(f);
	pool_close(pool);
	runs_clear(&runs);
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
	cr_assert(strstr(e.text, "is neither a JPEG nor a PNG file"), "%s", e.text);
}
