/* What a step hands to its transport, and who is counted in a run that is repeated. */
#include "base/hash.h"
#include "base/mem.h"
#include "train/trainer_internal.h"

enum { HASH_SEED = 1, HASH_ITEM = 16 * HASH_BLOCK /* bytes that a lane hashes at a time */ };

static void combine(void *ctx, int count, const void *const *pushes, size_t begin, size_t end, void *pull)
{
	const struct round *r = ctx;
	r->agg->combine(&r->job, count, pushes, begin, end, pull);
}

/* Only the trainer's own thread speaks to the transport; what other lanes made waits for it. */
static void post_from_lane(void *ctx, const struct lane *l, const struct worker *w)
{
	struct trainer *t = ctx;
	(void)w;
	if (l == &t->lanes[0])
		trainer_post(t);
}

struct exchange_request trainer_request(struct trainer *t, int flags)
{
	const struct aggregator *agg = t->round.agg;
	size_t n = t->round.job.n;
	struct message_shape shape = {.n = n,
	                              .push_bytes = t->push_bytes,
	                              .pull_bytes = t->pull_bytes,
	                              .push_planes = planes_of(agg->push_bits, t->push_bytes, n),
	                              .pull_planes = planes_of(agg->pull_bits, t->pull_bytes, n)};
	struct exchange_rule rule = {.separable = agg->separable,
	                             .float_mean = agg->float_mean,
	                             .combine = combine,
	                             .ctx = &t->round};
	return (struct exchange_request){.shape = shape,
	                                 .rule = rule,
	                                 .pushes = t->pushes,
	                                 .silent = t->must_resync,
	                                 .pull = t->pull,
	                                 .flags = flags,
	                                 .bn_owner = t->bn_owner,
	                                 .honest = t->honest,
	                                 .loss = t->loss,
	                                 .born = t->reported_born};
}

void trainer_post_open(struct trainer *t)
{
	size_t n = t->round.job.n, pieces = t->link.buckets > 1 ? (size_t)t->link.buckets : 1;
	if (pieces == 1 || !t->link.row->post || !t->round.agg->separable)
		return;
	t->posted = mem_array((size_t)t->count, sizeof *t->posted);
	t->round.bucket = planes_bucket(n, pieces);
	t->round.piece = post_from_lane;
	t->round.piece_ctx = t;
}

void trainer_post_begin(struct trainer *t, struct exchange_request *x)
{
	if (t->round.bucket == 0)
		return;
	t->present = x;
	x->hosted = t->count;
	for (int i = 0; i < t->count; i++) {
		t->posted[i] = t->workers[i].made = t->round.job.n;
		t->pushes[i] = t->workers[i].push;
	}
}

void trainer_post(struct trainer *t)
{
	size_t bucket = t->round.bucket;
	for (int i = 0; bucket > 0 && i < t->count; i++) {
		size_t made = __atomic_load_n(&t->workers[i].made, __ATOMIC_ACQUIRE);
		while (t->posted[i] > made) {
			size_t from = (t->posted[i] - 1) / bucket * bucket;
			t->link.row->post(t->link.self, t->present, i, from, t->posted[i]);
			t->posted[i] = from;
		}
	}
}

static void hash_item(void *ctx, int lane, size_t item)
{
	struct trainer *t = ctx;
	size_t bytes = t->round.job.n * sizeof *t->x, begin = item * HASH_ITEM;
	size_t count = bytes - begin < HASH_ITEM ? bytes - begin : HASH_ITEM;
	(void)lane;
	uint64_t sum = hash_blocks(HASH_SEED, begin / HASH_BLOCK, (const char *)t->x + begin, count);
	__atomic_fetch_add(&t->hash_sum, sum, __ATOMIC_RELAXED);
}

uint64_t trainer_hash(struct trainer *t)
{
	size_t bytes = t->round.job.n * sizeof *t->x;
	if (t->link.count == (int)t->settings->workers && t->link.root)
		return 0;
	t->hash_sum = 0;
	pool_run(t->pool, (bytes + HASH_ITEM - 1) / HASH_ITEM, hash_item, t);
	return hash_combine(HASH_SEED, t->hash_sum, bytes);
}

void trainer_replay(struct trainer *t, const struct replay *r)
{
	t->replay = r;
}

/* [M] of the present step, or NULL where nothing is repeated. */
static const int32_t *recorded(const struct trainer *t)
{
	return t->replay ? t->replay->born + (size_t)t->steps_done * (size_t)t->settings->workers : NULL;
}

bool trainer_counts(const struct trainer *t, int id)
{
	const int32_t *born = recorded(t);
	return !born || born[id] >= 0;
}

/* The state of a worker that began earlier than ours did cannot be had; one that begins now can. */
static int check_born(struct trainer *t, int id, int64_t born, struct err *e)
{
	if (born == t->steps_done)
		t->born[id] = -1;
	else if (born >= 0 && born != t->born[id])
		return err_user(e,
		                "the voters recorded do not fit: worker %d was counted in step %lld with a "
		                "state begun after step %lld, and here it began after step %lld",
		                id, (long long)t->steps_done + 1, (long long)born, (long long)t->born[id]);
	return 0;
}

int trainer_replay_fits(struct trainer *t, struct err *e)
{
	const int32_t *born = recorded(t);
	if (!born)
		return 0;
	if (t->steps_done >= t->replay->steps)
		return err_user(e, "the voters recorded end after step %lld", (long long)t->replay->steps);
	for (int m = 0; m < (int)t->settings->workers; m++)
		if (check_born(t, m, born[m], e))
			return -1;
	return 0;
}

const int64_t *trainer_voters(const struct trainer *t)
{
	return t->reported_born;
}
