/* Partitions by their names: see tests/support/partition_open.h. */
#include "tests/support/partition_open.h"
#include <string.h>
#include "registry.h"

int partition_try(struct partition *p, const struct dataset *d, const char *how, int workers,
                  const int64_t *batch, uint64_t seed, struct err *e)
{
	struct arena a = {0};
	struct partition_share share = {.workers = workers, .batch = batch, .seed = seed};
	const char *text = *how == '{' ? how : arena_format(&a, "\"%s\"", how);
	const struct json *value = json_read_text(&a, "test", text, strlen(text), e);
	if (!value || choice_parse(&family_partitions, &share.how, value, NULL, &a, e))
		die("%s", e->text);
	int rc = partition_init(p, d, &share, seed, e);
	arena_clear(&a);
	return rc;
}

void partition_open(struct partition *p, const struct dataset *d, const char *how, int workers, uint64_t seed)
{
	struct err e = {0};
	int64_t *batch = mem_array((size_t)workers, sizeof *batch);
	for (int w = 0; w < workers; w++)
		batch[w] = 1;
	if (partition_try(p, d, how, workers, batch, seed, &e))
		die("%s", e.text);
	mem_free(batch);
}
