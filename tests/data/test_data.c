/* The rows of the family `data`: where their files are looked for, what is refused, what they give. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/mem.h"
#include "data/dataset.h"
#include "tests/support/file.h"

extern const struct data_source data_none, data_mnist, data_fashion_mnist, data_glyphs;

enum { PIXELS = 784 };

static struct arena arena; /* texts of a test */

/* The row's state, as an experiment would set it. Free with mem_free(). */
static void *state_of(const struct data_source *s, const char *json)
{
	struct err e = {0};
	void *state = mem_alloc(s->row.state_bytes);
	const struct json *object = json_read_text(&arena, "test", json, strlen(json), &e);
	cr_assert(object && keys_parse(s->row.keys, state, object, &arena, &e) == 0, "%s", e.text);
	return state;
}

static struct data_shape shape_of(const struct data_source *s, const char *json)
{
	struct data_shape shape;
	struct err e = {0};
	void *state = state_of(s, json);
	cr_assert_eq(s->shape(state, &(struct data_env){0}, &shape, &e), 0, "%s", e.text);
	mem_free(state);
	return shape;
}

static int load(const struct data_source *s, const char *json, const char *dir, struct pool *pool,
                struct dataset *out, struct err *e)
{
	const struct data_env env = {.dir = dir, .seed = 77, .pool = pool};
	void *state = state_of(s, json);
	*e = (struct err){0};
	int rc = s->load(state, &env, out, e);
	mem_free(state);
	return rc;
}

static struct dataset loaded(const struct data_source *s, const char *json, const char *dir,
                             struct pool *pool)
{
	struct dataset d;
	struct err e;
	cr_assert_eq(load(s, json, dir, pool, &d, &e), 0, "%s", e.text);
	return d;
}

/* --- where files are looked for ---------------------------------------------------------------------- */

static char home[FOLDER_SIZE];

/* A home of the test's own, with nothing in it, and none of the user's settings. */
static void enter_home(void)
{
	folder_make(home);
	setenv("HOME", home, 1);
	unsetenv("XDG_CACHE_HOME");
	unsetenv("SIGNSGD_DATA");
}

static void leave_home(void)
{
	folder_remove(home);
	arena_clear(&arena);
}

TestSuite(data_files, .init = enter_home, .fini = leave_home);

/* HOME/REST. */
static char *below(const char *rest)
{
	return arena_format(&arena, "%s/%s", home, rest);
}

/* Make the folders on the way to HOME/REST, and there an empty file. */
static void put_empty(const char *rest)
{
	char *path = below(rest);
	folder_make_parents(path);
	file_put_text(path, "");
}

Test(data_files, a_missing_file_says_where_it_was_looked_for_and_how_to_get_it)
{
	static const char *const places[] = {"arg/mnist", "arg", "own/mnist",          "own",
	                                     "all/mnist", "all", "cache/signsgd/mnist"};
	struct dataset d;
	struct err e;
	char *json = arena_format(&arena, "{\"dir\": \"%s/own\"}", home);
	setenv("SIGNSGD_DATA", below("all"), 1);
	setenv("XDG_CACHE_HOME", below("cache"), 1);
	cr_assert_eq(load(&data_mnist, json, below("arg"), NULL, &d, &e), -1);
	cr_assert_eq(e.code, EXIT_USER);
	cr_assert(strstr(e.text, "found no file train-images-idx3-ubyte.gz"), "%s", e.text);
	cr_assert(strstr(e.text, "`signsgd data fetch mnist`"), "%s", e.text);
	const char *at = strstr(e.text, "looked in");
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		char *place = arena_format(&arena, " %s", below(places[i]));
		cr_assert(at && (at = strstr(at, place)), "no%s in order in: %s", place, e.text);
		at += strlen(place);
		cr_assert(*at == ',' || *at == '\0');
	}
}

/* Files put into later places first, so that each new one must win over those before. */
Test(data_files, earlier_places_and_unpacked_files_win)
{
	static const char *const files[] = {
	        ".cache/signsgd/mnist/train-images.idx3-ubyte.gz",
	        ".cache/signsgd/mnist/train-images.idx3-ubyte",
	        ".cache/signsgd/mnist/train-images-idx3-ubyte.gz",
	        ".cache/signsgd/mnist/train-images-idx3-ubyte",
	        "all/train-images-idx3-ubyte.gz",
	        "all/mnist/train-images.idx3-ubyte.gz",
	        "own/train-images-idx3-ubyte",
	        "own/mnist/train-images-idx3-ubyte",
	        "arg/train-images-idx3-ubyte.gz",
	        "arg/mnist/train-images-idx3-ubyte",
	};
	const char *const dirs[2] = {below("arg"), below("own")};
	setenv("SIGNSGD_DATA", below("all"), 1);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct err e = {0};
		put_empty(files[i]);
		char *path = dataset_find(&data_mnist, dirs, &data_mnist.files[0], &e);
		cr_assert(path, "%s", e.text);
		cr_assert_str_eq(path, below(files[i]));
		mem_free(path);
	}
}

static const char *cache_of(const struct data_source *s)
{
	char *path = dataset_cache(s), *kept = path ? arena_string(&arena, path) : NULL;
	mem_free(path);
	return kept;
}

Test(data_files, the_cache_is_where_the_xdg_rules_say)
{
	setenv("XDG_CACHE_HOME", "relative", 1);
	cr_assert_str_eq(cache_of(&data_mnist), below(".cache/signsgd/mnist"));
	setenv("XDG_CACHE_HOME", "/x", 1);
	cr_assert_str_eq(cache_of(&data_fashion_mnist), "/x/signsgd/fashion-mnist");
	unsetenv("XDG_CACHE_HOME");
	unsetenv("HOME");
	cr_assert_null(cache_of(&data_mnist));
}

/* An IDX file of the right size, packed, with every value `value`. */
static void put_constant(const char *rest, uint8_t rank, uint32_t samples, size_t sample, uint8_t value)
{
	uint8_t header[16] = {0, 0,  8, rank, 0, 0, (uint8_t)(samples >> 8), (uint8_t)samples, 0, 0,
	                      0, 28, 0, 0,    0, 28};
	uint8_t *values = mem_alloc(sample * samples);
	put_empty(rest);
	gzFile f = gzopen(below(rest), "wb1");
	memset(values, value, sample * samples);
	cr_assert_eq(gzwrite(f, header, 4 + 4 * (unsigned)rank), 4 + 4 * rank);
	cr_assert_eq(gzwrite(f, values, (unsigned)(sample * samples)), (int)(sample * samples));
	cr_assert_eq(gzclose(f), Z_OK);
	mem_free(values);
}

/* Right in all but the content: a run on "mnist" ran on MNIST or not at all. */
Test(data_files, content_that_is_not_the_official_is_refused)
{
	struct dataset d;
	struct err e;
	put_constant("mnist/train-images-idx3-ubyte.gz", 3, 60000, PIXELS, 0);
	put_constant("mnist/train-labels-idx1-ubyte.gz", 1, 60000, 1, 10);
	cr_assert_eq(load(&data_mnist, "{}", home, NULL, &d, &e), -1);
	cr_assert(strstr(e.text, "mnist/train-images-idx3-ubyte.gz: found content with CRC-32 "), "%s",
	          e.text);
	cr_assert(strstr(e.text,
	                 "expected e9f4d8b3, the official train-images-idx3-ubyte.gz of data set mnist"),
	          "%s", e.text);
	cr_assert_eq(e.code, EXIT_USER);
}

Test(data_files, wrong_counts_are_refused)
{
	struct dataset d;
	struct err e;
	put_constant("mnist/train-images-idx3-ubyte.gz", 3, 59999, PIXELS, 0);
	put_constant("mnist/train-labels-idx1-ubyte.gz", 1, 60000, 1, 0);
	cr_assert_eq(load(&data_mnist, "{}", home, NULL, &d, &e), -1);
	cr_assert(strstr(e.text, "found 59999 samples, expected 60000"), "%s", e.text);
}

/* --- mnist and fashion-mnist -------------------------------------------------------------------------- */

Test(mnist, shapes_are_known_before_anything_is_loaded)
{
	const struct data_source *const rows[] = {&data_mnist, &data_fashion_mnist};
	for (int i = 0; i < 2; i++) {
		struct data_shape s = shape_of(rows[i], "{}");
		cr_assert(s.n_train == 60000 && s.n_test == 10000 && s.n_classes == 10);
		cr_assert(s.channels == 1 && s.height == 28 && s.width == 28);
		s = shape_of(rows[i], "{\"train\": 1234, \"test\": 7}");
		cr_assert(s.n_train == 1234 && s.n_test == 7);
	}
}

/* The folder with the real files, or NULL. */
static const char *real_data(void)
{
	const char *dir = getenv("SIGNSGD_DATA");
	if (!dir || !*dir)
		dir = "../shared/data";
	char *file = arena_format(&arena, "%s/mnist/train-images-idx3-ubyte.gz", dir);
	int there = access(file, R_OK) == 0;
	if (!there)
		printf("skipped: no files of mnist and fashion-mnist in SIGNSGD_DATA or ../shared/data\n");
	return there ? dir : NULL;
}

static void check_counts(const uint16_t *labels, size_t n, const int expected[10])
{
	int found[10] = {0};
	for (size_t i = 0; i < n; i++)
		found[labels[i]]++;
	for (int c = 0; c < 10; c++)
		cr_assert_eq(found[c], expected[c], "class %d: %d, expected %d", c, found[c], expected[c]);
}

/* Mean and standard deviation of pixel / 255 by their definition. */
static void moments(const uint8_t *pixels, size_t n, double *mean, double *std)
{
	double sum = 0, squares = 0;
	for (size_t i = 0; i < n; i++)
		sum += pixels[i] / 255.0;
	*mean = sum / (double)n;
	for (size_t i = 0; i < n; i++)
		squares += (pixels[i] / 255.0 - *mean) * (pixels[i] / 255.0 - *mean);
	*std = sqrt(squares / (double)n);
}

static void check_real(const struct data_source *s, const int train[10], const int test[10])
{
	const char *dir = real_data();
	double mean, std;
	if (!dir)
		cr_skip_test("no files");
	struct dataset d = loaded(s, "{}", dir, NULL);
	check_counts(d.train_labels, 60000, train);
	check_counts(d.test_labels, 10000, test);
	moments(d.train_pixels, 60000 * (size_t)PIXELS, &mean, &std);
	cr_assert_float_eq(d.mean[0], mean, 5e-5);
	cr_assert_float_eq(d.std[0], std, 5e-5);

	struct dataset few = loaded(s, "{\"train\": 77, \"test\": 3}", dir, NULL);
	cr_assert(few.shape.n_train == 77 && few.shape.n_test == 3);
	cr_assert_eq(memcmp(few.train_pixels, d.train_pixels, 77 * PIXELS), 0);
	cr_assert_eq(memcmp(few.test_labels, d.test_labels, 3 * sizeof *d.test_labels), 0);
	dataset_clear(&few);
	dataset_clear(&d);
}

/* Counts: Yann LeCun's page. */
Test(mnist, the_real_files_have_the_published_counts)
{
	static const int train[10] = {5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949};
	static const int test[10] = {980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009};
	check_real(&data_mnist, train, test);
}

Test(mnist, the_real_files_of_fashion_mnist_have_equal_counts)
{
	static const int train[10] = {6000, 6000, 6000, 6000, 6000, 6000, 6000, 6000, 6000, 6000};
	static const int test[10] = {1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000};
	check_real(&data_fashion_mnist, train, test);
}

/* The files of both have the same names and sizes. */
Test(mnist, one_is_not_taken_for_the_other)
{
	const char *dir = real_data();
	struct dataset d;
	struct err e;
	if (!dir)
		cr_skip_test("no files");
	char *other = arena_format(&arena, "%s/mnist", dir);
	cr_assert_eq(load(&data_fashion_mnist, "{}", other, NULL, &d, &e), -1);
	cr_assert(strstr(e.text, "the official train-images-idx3-ubyte.gz of data set fashion-mnist"), "%s",
	          e.text);
}

Test(none, has_no_samples_and_nothing_to_load)
{
	struct data_shape shape = {.n_train = 1};
	struct err e = {0};
	cr_assert_eq(data_none.shape(NULL, &(struct data_env){0}, &shape, &e), 0);
	cr_assert(shape.n_train == 0 && shape.n_test == 0 && shape_features(&shape) == 0);
	cr_assert_null(data_none.load);
}
