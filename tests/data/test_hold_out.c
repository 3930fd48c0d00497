/* The validation split: which samples it has, and that what remains is what there was. */
#include <criterion/criterion.h>
#include <string.h>
#include "data/hold_out.h"
#include "data/image/reader.h"
#include "tests/support/data_help.h"
#include "tests/support/image_folder.h"

TestSuite(hold_out, .init = data_help_enter, .fini = data_help_leave, .timeout = 60);

extern const struct data_source data_glyphs, data_text;

enum { ALL = 203, HELD = 41, SEED = 7, DIGITS = 10 };

static const char glyphs[] = "{\"train\":203,\"test\":20}";

static struct dataset held_glyphs(uint64_t seed)
{
	struct dataset d = data_help_loaded(&data_glyphs, glyphs);
	hold_out(&d, HELD, seed);
	return d;
}

/* Is sample i of one set sample k of the other, pixel by pixel? */
static bool same(const struct dataset *a, const uint8_t *pixels, size_t i, const struct dataset *b, size_t k)
{
	size_t n = shape_features(&a->shape);
	return !memcmp(pixels + i * n, b->train_pixels + k * n, n);
}

Test(hold_out, every_sample_is_in_one_part_and_in_its_order)
{
	struct dataset whole = data_help_loaded(&data_glyphs, glyphs), d = held_glyphs(SEED);
	size_t kept = 0, held = 0;
	cr_assert_eq(d.shape.n_train, ALL - HELD);
	cr_assert_eq(d.shape.n_validation, HELD);
	cr_assert_eq(d.shape.n_test, 20);
	for (size_t k = 0; k < ALL; k++) {
		bool left = kept < ALL - HELD && same(&d, d.train_pixels, kept, &whole, k);
		const uint16_t *label = left ? &d.train_labels[kept++] : &d.validation_labels[held];
		if (!left)
			cr_assert(held < HELD && same(&d, d.validation_pixels, held++, &whole, k),
			          "sample %zu", k);
		cr_expect_eq(*label, whole.train_labels[k]);
	}
	cr_expect_eq(kept + held, ALL);
	dataset_clear(&d);
	dataset_clear(&whole);
}

Test(hold_out, every_class_gives_its_share)
{
	struct dataset d = held_glyphs(SEED);
	size_t of[DIGITS] = {0}, all[DIGITS] = {0};
	for (size_t i = 0; i < HELD; i++)
		of[d.validation_labels[i]]++;
	for (size_t i = 0; i < ALL; i++)
		all[d.train_labels[i]]++; /* the others stand behind */
	for (int c = 0; c < DIGITS; c++) {
		double share = (double)(all[c] * HELD) / ALL;
		cr_expect_lt((double)of[c], share + 1, "class %d: %zu of %zu", c, of[c], all[c]);
		cr_expect_gt((double)of[c], share - 1, "class %d: %zu of %zu", c, of[c], all[c]);
	}
	dataset_clear(&d);
}

Test(hold_out, is_drawn_by_the_seed)
{
	struct dataset a = held_glyphs(SEED), b = held_glyphs(SEED), c = held_glyphs(SEED + 1);
	size_t bytes = HELD * shape_features(&a.shape);
	cr_expect_arr_eq(a.validation_pixels, b.validation_pixels, bytes);
	cr_expect_neq(memcmp(a.validation_pixels, c.validation_pixels, bytes), 0);
	dataset_clear(&a);
	dataset_clear(&b);
	dataset_clear(&c);
}

Test(hold_out, files_of_a_folder_are_told_apart_in_the_same_way)
{
	enum { IMAGES = CLASSES * TRAIN_FILES, OUT = 6 };
	const char *name[IMAGES];
	image_folder_make();
	char *folder = data_help_path("set");
	struct dataset d = image_folder_open(folder, "");
	struct image_set *p = d.lazy_images->image_set;
	for (size_t i = 0; i < IMAGES; i++)
		name[i] = p->at[TRAIN][i].name;
	hold_out(&d, OUT, SEED);
	cr_assert_eq(p->n[TRAIN], IMAGES - OUT);
	cr_assert_eq(p->n[HELD_OUT], OUT);
	cr_expect_eq(p->n[VAL], CLASSES * VAL_FILES);
	size_t kept = 0, held = 0, of[CLASSES] = {0};
	for (size_t i = 0; i < IMAGES; i++) {
		bool left = kept < p->n[TRAIN] && !strcmp(p->at[TRAIN][kept].name, name[i]);
		if (left) {
			cr_expect_eq(d.train_labels[kept], p->at[TRAIN][kept].label);
			kept++;
			continue;
		}
		cr_assert_lt(held, (size_t)OUT);
		cr_expect_str_eq(p->at[HELD_OUT][held].name, name[i]);
		cr_expect_eq(d.validation_labels[held], p->at[HELD_OUT][held].label);
		of[d.validation_labels[held++]]++;
	}
	for (int c = 0; c < CLASSES; c++)
		cr_expect_eq(of[c], 2, "class %d", c);
	dataset_clear(&d);
}

Test(hold_out, of_a_text_is_its_end)
{
	char text[400];
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)('a' + i % 7);
	data_help_put("t.txt", text, sizeof text);
	struct dataset d = data_help_loaded(&data_text, "{\"train\":\"t.txt\",\"share\":0.25}");
	size_t all = d.shape.n_train;
	const int32_t *end = d.train_tokens + all - 50;
	hold_out(&d, 50, SEED);
	cr_expect_eq(d.shape.n_train, all - 50);
	cr_expect_eq(d.shape.n_validation, 50);
	cr_expect_eq(d.validation_tokens, end);
	dataset_clear(&d);
}

Test(hold_out, counts_to_the_nearest_sample)
{
	cr_expect_eq(hold_out_count(100, 0), 0);
	cr_expect_eq(hold_out_count(100, 0.29), 29);
	cr_expect_eq(hold_out_count(60000, 0.1), 6000);
	cr_expect_eq(hold_out_count(3, 0.5), 2);
	cr_expect_eq(hold_out_count(10, 0.04), 0);
	cr_expect_eq(hold_out_count(10, 0.999), 10);
}
