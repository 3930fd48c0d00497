/* CIFAR: layouts and what is no CIFAR file; what is said of files that are not the official ones;
 * augmented batches. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tests/support/data_help.h"

#include "data/image/cifar_file.h"
#include "tests/support/train.h"

extern const struct data_source data_cifar10, data_cifar100;

enum { RECORD = 1 + CIFAR_FEATURES, SOME = 12 };

/* Pixel k of record i of a made file. */
static uint8_t pixel(size_t i, size_t k)
{
	return (uint8_t)(i * 89 + k * 7 + (k >> 5) * 3);
}

/* `count` made records with `label_bytes` labels each; label i % classes comes last. */
static char *put_records(const char *rest, size_t count, size_t label_bytes, int classes)
{
	size_t record = label_bytes + CIFAR_FEATURES;
	uint8_t *bytes = mem_alloc(count * record);
	for (size_t i = 0; i < count; i++) {
		uint8_t *at = bytes + i * record;
		at[0] = 200; /* CIFAR-100's coarse label, which is not looked at */
		at[label_bytes - 1] = (uint8_t)(i % (size_t)classes);
		for (size_t k = 0; k < CIFAR_FEATURES; k++)
			at[label_bytes + k] = pixel(i, k);
	}
	char *path = data_help_put(rest, bytes, count * record);
	mem_free(bytes);
	return path;
}

static void put_ten(void)
{
	char name[64];
	for (int i = 1; i <= 5; i++) {
		snprintf(name, sizeof name, "cifar-10-batches-bin/data_batch_%d.bin", i);
		put_records(name, SOME, 1, 10);
	}
	put_records("cifar-10-batches-bin/test_batch.bin", SOME, 1, 10);
}

TestSuite(cifar, .init = data_help_enter, .fini = data_help_leave);

Test(cifar, samples_come_file_by_file_as_stored)
{
	put_ten();
	struct dataset d = data_help_loaded(&data_cifar10, "{\"check\": false, \"train\": 30, \"test\": 5}");
	cr_assert(d.shape.n_train == 30 && d.shape.n_test == 5 && d.shape.n_classes == 10);
	cr_assert(d.shape.channels == 3 && d.shape.height == 32 && d.shape.width == 32);
	for (size_t i = 0; i < 30; i++) {
		cr_assert_eq(d.train_labels[i], i % SOME % 10);
		for (size_t k = 0; k < CIFAR_FEATURES; k++)
			cr_assert_eq(d.train_pixels[i * CIFAR_FEATURES + k], pixel(i % SOME, k));
	}
	cr_assert(d.test_labels[4] == 4 && d.test_pixels[CIFAR_FEATURES] == pixel(1, 0));
	cr_assert(d.mean[0] > d.mean[1] && d.mean[1] > d.mean[2] && d.std[2] > d.std[0]);
	dataset_clear(&d);
}

Test(cifar, a_hundred_classes_have_the_fine_label)
{
	put_records("cifar-100-binary/train.bin", 120, 2, 100);
	put_records("cifar-100-binary/test.bin", 3, 2, 100);
	struct dataset d =
	        data_help_loaded(&data_cifar100, "{\"check\": false, \"train\": 110, \"test\": 3}");
	cr_assert(d.shape.n_classes == 100 && d.train_labels[99] == 99 && d.train_labels[100] == 0);
	cr_assert_eq(d.train_pixels[99 * CIFAR_FEATURES + 5], pixel(99, 5));
	dataset_clear(&d);
}

Test(cifar, other_files_than_the_official_are_refused_and_taken_only_with_a_note)
{
	struct dataset d;
	struct err e;
	put_ten();
	cr_assert_eq(data_help_load(&data_cifar10, "{\"train\": 30, \"test\": 5}", &d, &e), -1);
	cr_assert_eq(e.code, EXIT_USER);
	cr_assert(strstr(e.text, "data_batch_1.bin: is not the official data_batch_1.bin of CIFAR-10"), "%s",
	          e.text);
	cr_assert(strstr(e.text, "\"check\": false"), "%s", e.text);
	d = data_help_loaded(&data_cifar10, "{\"check\": false, \"train\": 30, \"test\": 5}");
	cr_assert(d.note && strstr(d.note,
	                           "not the official files of CIFAR-10: deviations of red, green, blue"),
	          "%s", d.note);
	cr_assert(strstr(d.note, "0.2470 0.2435 0.2616"), "%s", d.note);
	dataset_clear(&d);
}

Test(cifar, too_few_samples_are_said)
{
	struct dataset d;
	struct err e;
	put_ten();
	cr_assert_eq(data_help_load(&data_cifar10, "{\"check\": false}", &d, &e), -1);
	cr_assert(strstr(e.text, "found 60 samples in data_batch_1.bin and its fellows, expected 50000"),
	          "%s", e.text);
	cr_assert_eq(data_help_load(&data_cifar100, "{}", &d, &e), -1);
	cr_assert(strstr(e.text, "data set cifar100: found no file train.bin (`signsgd data fetch cifar100`"),
	          "%s", e.text);
}

/* The sentence about a file of these bytes. */
static const char *refusal(const char *path, const struct cifar_layout *x)
{
	static struct err e;
	static uint8_t pixels[4 * CIFAR_FEATURES];
	uint16_t labels[4];
	size_t got;
	e = (struct err){0};
	cr_assert_eq(cifar_read(path, x, 4, pixels, labels, &got, &e), -1);
	cr_assert_eq(strncmp(e.text, path, strlen(path)), 0, "%s", e.text);
	return e.text;
}

Test(cifar, what_is_no_cifar_file_is_named)
{
	const struct cifar_layout ten = {1, 10, SOME}, hundred = {2, 100, SOME};
	uint8_t record[RECORD] = {10};
	cr_assert(strstr(refusal(data_help_put("empty", "", 0), &ten),
	                 "found 0 bytes, expected 1 to 12 records of 3073"));
	cr_assert(strstr(refusal(data_help_put("short", record, RECORD - 1), &ten), "found 3072 bytes"));
	cr_assert(strstr(refusal(data_help_put("label", record, RECORD), &ten),
	                 "found label 10 in record 0, expected 0 to 9"));
	cr_assert(strstr(refusal(put_records("many", SOME + 1, 1, 10), &ten), "found 39949 bytes"));
	cr_assert(strstr(refusal(put_records("other", SOME, 1, 10), &hundred), "records of 3074 bytes"));
	cr_assert(strstr(refusal(data_help_path("folder/"), &ten), "is no regular file"));
	cr_assert(strstr(refusal(data_help_path("nothing"), &ten), "No such file"));
}

/* x after some steps on the made files. How images are augmented: tests/backend/test_gather.c. */
static float *trained(const char *backend, const char *more, int lanes, size_t *n)
{
	char *text =
	        arena_format(&data_help_arena,
	                     "{\"backend\":\"%s\",\"workers\":3,\"steps\":15,\"batch\":4,\"lr\":0.01,"
	                     "\"model\":\"softmax\","
	                     "\"data\":{\"kind\":\"cifar10\",\"check\":false,\"train\":60,\"test\":12%s},"
	                     "\"data_dir\":\"%s\"}",
	                     backend, more, data_help_folder);
	return train_x(text, lanes, n);
}

Test(cifar, augmented_batches_are_the_same_on_any_number_of_lanes)
{
	size_t n;
	put_ten();
	float *one = trained("cpu", "", 1, &n), *two = trained("cpu", "", 2, &n),
	      *plain = trained("cpu", ",\"augment\":false", 1, &n);
	cr_assert_eq(memcmp(one, two, n * sizeof *one), 0);
	cr_assert_neq(memcmp(one, plain, n * sizeof *one), 0);
	mem_free(one);
	mem_free(two);
	mem_free(plain);
}

/* `ref` gathers and augments on the host, `guarded` where the data set is kept: same random numbers, same
 * floats. */
Test(cifar, a_kept_data_set_gives_the_same_batches)
{
	const char *const more[] = {"", ",\"augment\":false"};
	size_t n;
	put_ten();
	for (int i = 0; i < 2; i++) {
		float *host = trained("ref", more[i], 2, &n), *kept = trained("guarded", more[i], 2, &n);
		cr_expect_eq(memcmp(host, kept, n * sizeof *host), 0);
		mem_free(host);
		mem_free(kept);
	}
}

/* The real images, where they are: the first 4,000 of the official training set. */
Test(cifar, the_exact_subset_has_the_known_labels)
{
	static const int expected[10] = {396, 366, 420, 384, 422, 393, 414, 385, 407, 413};
	const struct cifar_layout ten = {1, 10, 10000};
	const char *dir = getenv("SIGNSGD_DATA");
	char *path = arena_format(&data_help_arena, "%s/cifar-10-exact-subset/train_0000-3999.bin",
	                          dir ? dir : "");
	if (access(path, R_OK)) {
		printf("skipped: no cifar-10-exact-subset in SIGNSGD_DATA\n");
		cr_skip_test("no files");
	}
	uint8_t *pixels = mem_alloc(4000 * CIFAR_FEATURES);
	uint16_t labels[4000];
	size_t got;
	struct err e = {0};
	int found[10] = {0};
	cr_assert_eq(cifar_read(path, &ten, 4000, pixels, labels, &got, &e), 0, "%s", e.text);
	cr_assert_eq(got, 4000);
	for (int i = 0; i < 4000; i++)
		found[labels[i]]++;
	cr_assert_eq(memcmp(found, expected, sizeof found), 0);
	mem_free(pixels);
}
