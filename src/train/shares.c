/* Shards from the shape of the data where that is enough, else from the data: see train/shares.h. */
#include "train/shares.h"
#include "data/text/text_walk.h"
#include "train/feed.h"

static void text_shares(const struct settings *s, size_t *size)
{
	size_t positions = text_positions(s->shape.n_train, (size_t)s->batch.all);
	for (int64_t w = 0; w < s->workers; w++)
		size[w] = positions * (size_t)s->batch.of[w];
}

static enum shares_known dealt(const struct settings *s, struct pool *pool, size_t *size, struct err *e)
{
	struct feed feed;
	enum shares_known known = SHARES_KNOWN;
	if (feed_open(&feed, s, pool, NULL, 0, false, e))
		known = feed.kind == FEED_NONE ? SHARES_LABELS : SHARES_REFUSED;
	for (int w = 0; known == SHARES_KNOWN && w < (int)s->workers; w++)
		size[w] = partition_size(&feed.partition, w);
	feed_close(&feed);
	return known;
}

enum shares_known shares_find(const struct settings *s, struct pool *pool, size_t *size, struct err *e)
{
	const struct partition_share share = settings_share(s);
	if (s->shape.n_train == 0)
		return SHARES_NONE;
	if (s->shape.window > 0) {
		text_shares(s, size);
		return SHARES_KNOWN;
	}
	int rc = partition_sizes(&share, &s->shape, size, e);
	return rc < 0 ? SHARES_REFUSED : rc == 0 ? SHARES_KNOWN : dealt(s, pool, size, e);
}
