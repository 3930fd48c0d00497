/* Batches gathered from a data set: the right samples, shifted over black, half of them mirrored, on every
 * machine. */
#include <criterion/criterion.h>
#include <string.h>
#include "tests/support/backend_tables.h"

enum { SIDE = 32, FEATURES = 3 * SIDE * SIDE, SAMPLES = 5, BATCH = 400 };

/* A data set without black, and a batch of it with one byte more that nobody may touch. */
struct set {
	uint8_t pixels[SAMPLES * FEATURES];
	uint16_t labels[SAMPLES];
	uint32_t index[BATCH];
	uint8_t out[BATCH * FEATURES + 1];
	int32_t label[BATCH + 1];
};

static struct stream coins_of(uint64_t position)
{
	return stream_of(5, RNG_AUGMENT, 3, position);
}

static struct gather fill(struct set *s)
{
	struct stream random = stream_of(21, RNG_TEST, 9, 0);
	for (size_t i = 0; i < sizeof s->pixels; i++)
		s->pixels[i] = (uint8_t)(1 + stream_below(&random, i, 255));
	for (uint32_t i = 0; i < SAMPLES; i++)
		s->labels[i] = (uint16_t)(i == 3 ? 65535 : 10 * i);
	for (uint32_t i = 0; i < BATCH; i++)
		s->index[i] = i * 7 % SAMPLES;
	memset(s->out, 0x5a, sizeof s->out);
	memset(s->label, 0x5a, sizeof s->label);
	return (struct gather){
	        .pixels = s->pixels, .labels = s->labels, .channels = 3, .height = SIDE, .width = SIDE};
}

/* Some shift by at most 4, and perhaps a mirroring, makes `out` of `in`; which one goes to *which. */
static bool explained(const uint8_t *in, const uint8_t *out, int *which)
{
	for (*which = 0; *which < 2 * 81; ++*which) {
		int flip = *which / 81, dy = *which % 81 / 9 - 4, dx = *which % 9 - 4;
		bool same = true;
		for (int i = 0; i < FEATURES && same; i++) {
			int c = i / 1024, y = i / 32 % 32, x = flip ? 31 - i % 32 : i % 32;
			int from_y = y + dy, from_x = x + dx;
			bool inside = from_y >= 0 && from_y < 32 && from_x >= 0 && from_x < 32;
			same = out[i] == (inside ? in[c * 1024 + from_y * 32 + from_x] : 0);
		}
		if (same)
			return true;
	}
	return false;
}

static void check_changes(const struct backend *b, const struct set *s)
{
	int mirrored = 0, which, seen[9] = {0};
	for (size_t i = 0; i < BATCH; i++) {
		cr_assert_eq(s->label[i], s->labels[s->index[i]]);
		cr_assert(explained(s->pixels + s->index[i] * FEATURES, s->out + i * FEATURES, &which),
		          "%s: image %zu is no shift of the original", b->detail, i);
		/* the corner's row and column, as the stream has them */
		struct stream coins = coins_of(1000 + i);
		cr_assert_eq(which % 81 / 9, (int)stream_below(&coins, 0, 9));
		cr_assert_eq(which % 9, (int)stream_below(&coins, 1, 9));
		cr_assert_eq(which / 81, (int)(stream_bits(&coins, 2) & 1));
		mirrored += which / 81;
		seen[which % 9]++;
	}
	cr_assert(mirrored > 150 && mirrored < 250, "%d of 400 mirrored", mirrored);
	for (int i = 0; i < 9; i++)
		cr_assert(seen[i] > 15, "shift %d came %d times of 400", i - 4, seen[i]);
	cr_assert(s->out[sizeof s->out - 1] == 0x5a && s->label[BATCH] == 0x5a5a5a5a, "writes behind");
}

Test(gather, augmentation_shifts_over_black_and_mirrors_half)
{
	static struct set s;
	struct backend tables[TABLES_MAX];
	int count = backend_tables_all(tables);
	for (int t = 0; t < count; t++) {
		struct gather from = fill(&s);
		struct stream coins = coins_of(1000);
		from.pad = 4;
		from.flip = true;
		tables[t].gather(NULL, &from, BATCH, s.index, &coins, s.out, s.label);
		check_changes(&tables[t], &s);
	}
}

Test(gather, an_image_does_not_depend_on_its_batch)
{
	static struct set whole, cut;
	struct backend tables[TABLES_MAX];
	int count = backend_tables_all(tables);
	for (int t = 0; t < count; t++) {
		struct gather from = fill(&whole);
		fill(&cut);
		struct stream coins = coins_of(77), later = coins_of(77 + 13);
		from.pad = 4;
		from.flip = true;
		tables[t].gather(NULL, &from, 20, whole.index, &coins, whole.out, whole.label);
		tables[t].gather(NULL, &from, 7, whole.index + 13, &later, cut.out, cut.label);
		cr_assert_eq(memcmp(whole.out + (size_t)13 * FEATURES, cut.out, (size_t)7 * FEATURES), 0);
		cr_assert_eq(memcmp(whole.label + 13, cut.label, 7 * sizeof *cut.label), 0);
	}
}

Test(gather, nothing_asked_for_changes_nothing)
{
	static struct set s;
	struct backend tables[TABLES_MAX];
	int count = backend_tables_all(tables);
	for (int t = 0; t < count; t++) {
		struct gather from = fill(&s);
		tables[t].gather(NULL, &from, BATCH, s.index, NULL, s.out, s.label);
		for (size_t i = 0; i < BATCH; i++) {
			cr_assert_eq(memcmp(s.pixels + s.index[i] * FEATURES, s.out + i * FEATURES, FEATURES),
			             0);
			cr_assert_eq(s.label[i], s.labels[s.index[i]]);
		}
	}
}
