/*
 * Data under the thread sanitizer: drawings made by several lanes at once, and orders of different workers
 * asked for by different lanes at once, are those that one thread makes.
 */
#include <string.h>

#include "base/mem.h"
#include "data/partition/partition.h"
#include "tests/support/partition_open.h"
#include "tests/support/plain.h"

extern const struct data_source data_glyphs;

enum { PIXELS = 784, TRAIN = 700, LANES = 3, WORKERS = 5, ASKED = 1000 };

static struct dataset drawn(struct pool *pool)
{
	struct arena a = {0};
	struct err e = {0};
	struct dataset d;
	static const char text[] = "{\"train\": 700, \"test\": 50}";
	void *state = arena_alloc(&a, data_glyphs.row.state_bytes);
	const struct data_env env = {.pool = pool};
	const struct json *object = json_read_text(&a, "plain_data", text, sizeof(text) - 1, &e);
	if (!object || keys_parse(data_glyphs.row.keys, state, object, &a, &e) ||
	    data_glyphs.load(state, &env, &d, &e))
		die("%s", e.text);
	arena_clear(&a);
	return d;
}

struct asking {
	struct partition *p;
	uint32_t (*got)[ASKED]; /* [WORKERS][ASKED] */
};

static void ask(void *ctx, int lane, size_t worker)
{
	(void)lane;
	const struct asking *job = ctx;
	for (uint64_t i = 0; i < ASKED; i++)
		job->got[worker][i] = partition_sample(job->p, (int)worker, i);
}

static void check_partition(const struct dataset *d, struct pool *pool)
{
	static uint32_t got[WORKERS][ASKED];
	struct partition at_once, alone;
	partition_open(&at_once, d, "iid", WORKERS, 3);
	partition_open(&alone, d, "iid", WORKERS, 3);
	struct asking job = {&at_once, got};
	pool_run(pool, WORKERS, ask, &job);
	for (int w = 0; w < WORKERS; w++)
		for (uint64_t i = 0; i < ASKED; i++)
			plain_check(got[w][i] == partition_sample(&alone, w, i),
			            "another sample at once than alone", i);
	partition_clear(&at_once);
	partition_clear(&alone);
}

int main(void)
{
	struct pool *pool = pool_open(LANES);
	struct dataset together = drawn(pool), alone = drawn(NULL);
	for (size_t i = 0; i < TRAIN; i++)
		plain_check(together.train_labels[i] == alone.train_labels[i] &&
		                    !memcmp(together.train_pixels + i * PIXELS,
		                            alone.train_pixels + i * PIXELS, PIXELS),
		            "another drawing by several lanes", i);
	check_partition(&together, pool);
	pool_close(pool);
	dataset_clear(&together);
	dataset_clear(&alone);
	return plain_end();
}
