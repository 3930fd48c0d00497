/*
 * The reader under the thread sanitizer: several lanes take the batches of passes that follow each other,
 * some left in the middle, and get what one reader gives one lane; and it can be closed at any moment.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/pool.h"
#include "data/image/reader.h"
#include "tests/support/bitmap_files.h"
#include "tests/support/plain.h"
#include "tests/support/file.h"

enum {
	FILES = 9,
	BATCH = 3,
	BATCHES = 20,
	SIZE = 8,
	FEATURES = 3 * SIZE * SIZE,
	LANES = 3,
	READERS = 3,
	SLOTS = 4
};

static void put(const char *folder, const char *split, int i)
{
	struct jpeg_kind kind = {20 + i, 30 - i, JCS_YCbCr, 1 + i % 2, i % 2, i % 9, 0};
	struct made m = make_jpeg(&kind);
	char *path = mem_format("%s/%s/a/%d.jpg", folder, split, i);
	file_put(path, m.at, m.n);
	mem_free(path);
	free(m.at);
}

static void make_folder(char *folder)
{
	static const char *const splits[2] = {"train", "val"};
	folder_make(folder);
	for (int s = 0; s < 2; s++) {
		char *split = mem_format("%s/%s", folder, splits[s]), *class = mem_format("%s/a", split);
		mkdir(split, 0700);
		mkdir(class, 0700);
		mem_free(split);
		mem_free(class);
		for (int i = 0; i < FILES; i++)
			put(folder, splits[s], i);
	}
}

static int list(void *ctx, uint64_t number, uint32_t *index, struct stream *coins)
{
	(void)ctx;
	for (uint64_t i = 0; i < BATCH; i++) {
		index[i] = (uint32_t)((number + 2 * i) % FILES);
		coins[i] = stream_of(1, RNG_AUGMENT, 0, number * BATCH + i);
	}
	return BATCH;
}

struct taking {
	struct reader *r;
	uint8_t (*got)[BATCH * FEATURES]; /* [BATCHES] */
};

static void take(void *ctx, int lane, size_t item)
{
	const struct taking *t = ctx;
	const uint8_t *pixels;
	const uint16_t *labels;
	(void)lane;
	reader_take(t->r, item, &pixels, &labels);
	memcpy(t->got[item], pixels, sizeof t->got[item]);
	reader_give_back(t->r, item);
}

/* A pass whole or in part. */
static void pass(struct reader *r, struct pool *pool, int split, size_t batches,
                 uint8_t (*got)[BATCH * FEATURES])
{
	const struct reader_pass what = {.split = split, .augmented = true, .batches = BATCHES, .list = list};
	struct taking t = {r, got};
	reader_rest(r);
	reader_begin(r, &what, 0);
	pool_run(pool, batches, take, &t);
}

static void compare(const struct lazy_images *g)
{
	static uint8_t alone[BATCHES][BATCH * FEATURES], together[BATCHES][BATCH * FEATURES];
	struct pool *one = pool_open(1), *many = pool_open(LANES);
	struct reader *a = reader_open(g, BATCH, 1, 1, &memory_host),
	              *b = reader_open(g, BATCH, SLOTS, READERS, &memory_host);
	for (int round = 0; round < 4; round++) {
		pass(a, one, round % 2, BATCHES, alone);
		pass(b, many, 1 - round % 2, 5, together); /* left in the middle */
		pass(b, many, round % 2, BATCHES, together);
		for (size_t i = 0; i < BATCHES; i++)
			plain_check(memcmp(alone[i], together[i], sizeof alone[i]) == 0,
			            "another batch by several readers", i);
	}
	struct err e = {0};
	plain_check(reader_failed(a, &e) == 0 && reader_failed(b, &e) == 0, e.text, 0);
	pass(b, many, 0, 2, together);
	reader_close(a);
	reader_close(b); /* with batches read that nobody took */
	reader_close(reader_open(g, BATCH, SLOTS, READERS, &memory_host));
	pool_close(one);
	pool_close(many);
}

int main(void)
{
	char folder[FOLDER_SIZE];
	struct err e = {0};
	make_folder(folder);
	struct image_set *p = image_set_open(folder, &e);
	if (!p)
		die("%s", e.text);
	const struct lazy_images g = {.image_set = p,
	                              .transform = {SIZE, SIZE + 2, {.1, 1}, {.75, 4 / 3.0}, true, true}};
	compare(&g);
	image_set_close(p);
	folder_remove(folder);
	plain_check(!file_there(folder), "the folder stays", 0);
	return plain_end();
}
