/* A batch goes to the machine once: bytes and labels, which are made numbers there; where the machine keeps
 * the data set, numbers of samples alone. */
#include <criterion/criterion.h>
#include "base/mem.h"
#include "registry.h"
#include "tests/support/train.h"
#include "train/lane.h"

enum { BATCH = 4, WORKERS = 3, FEATURES = 28 * 28 };

static const char experiment[] =
        "{\"workers\":3,\"steps\":1,\"batch\":4,\"lr\":0.01,\"model\":{\"kind\":\"mlp\",\"hidden\":[5]},"
        "\"data\":{\"kind\":\"glyphs\",\"train\":30,\"test\":10}}";

static struct memory counting, own;
static size_t uploads, uploaded;

static void count_upload(struct queue *q, void *to, const void *from, size_t bytes)
{
	uploads++;
	uploaded += bytes;
	own.upload(q, to, from, bytes);
}

static void open_machine(struct backend *be)
{
	struct err e = {0};
	const struct backend_row *row =
	        (const struct backend_row *)(const void *)family_find(&family_backends, "guarded");
	cr_assert_eq(row->open(be, NULL, &e), 0, "%s", e.text);
	own = counting = *be->memory;
	counting.upload = count_upload;
	be->memory = &counting;
}

static void add_one(const void *state, int classes, size_t count, int32_t *label)
{
	const struct attack *attack = state;
	cr_expect(attack->acts_on == ATTACK_DATA && classes == 10 && count == BATCH);
	for (size_t i = 0; i < count; i++)
		label[i]++;
}

/* An attack on data changes the batch's labels where the model reads them, and there alone. */
static void check_relabelled(struct lane *l, struct batch *batch, const int32_t *was)
{
	static const struct attack attack = {.acts_on = ATTACK_DATA, .relabel = add_one};
	int32_t label[BATCH];
	float x[BATCH * FEATURES], after[BATCH * FEATURES];
	const struct memory *m = l->be->memory;
	m->download(l->queue, x, batch->x, sizeof x);
	lane_relabel(l, &attack, &attack, batch);
	m->download(l->queue, label, batch->label, sizeof label);
	m->download(l->queue, after, batch->x, sizeof after);
	cr_expect_arr_eq(x, after, sizeof x);
	for (size_t i = 0; i < BATCH; i++)
		cr_expect_eq(label[i], was[i] + 1);
}

/* Three batches, each of `most` uploads with `bytes` bytes together, are the samples of the partition. */
static void check_batches(bool keep, size_t most, size_t bytes)
{
	struct runs runs;
	struct err e = {0};
	struct backend be;
	struct feed feed;
	struct lane l;
	struct batch batch = {0};
	const int ids[WORKERS] = {0, 1, 2};
	const struct settings *s = train_settings(&runs, experiment);
	struct pool *pool = pool_open(1);
	open_machine(&be);
	cr_assert_eq(feed_open(&feed, s, pool, ids, WORKERS, true, &e), 0, "%s", e.text);
	struct queue *q = be.memory->queue_open();
	if (keep)
		feed_keep(&feed, &be, q);
	be.memory->queue_close(q);
	struct model_env env = settings_model_env(s, &be);
	lane_open(&l, &env, s->model.state, &feed, 1000, false, 0, NULL);
	for (uint64_t step = 0; step < 3; step++) {
		float x[BATCH * FEATURES];
		int32_t label[BATCH];
		uploads = uploaded = 0;
		lane_images(&l, 1, step, 0, &batch);
		cr_expect_eq(uploads, most, "%zu uploads", uploads);
		cr_expect_eq(uploaded, bytes, "%zu bytes", uploaded);
		be.memory->download(l.queue, x, batch.x, sizeof x);
		be.memory->download(l.queue, label, batch.label, sizeof label);
		for (size_t i = 0; i < BATCH; i++) {
			uint32_t sample = partition_sample(&feed.partition, 1, step * BATCH + i);
			cr_expect_eq(label[i], feed.data.train_labels[sample]);
			for (size_t j = 0; j < FEATURES; j++) {
				double p = feed.data.train_pixels[sample * FEATURES + j] / 255.0;
				cr_assert_float_eq(x[i * FEATURES + j],
				                   (p - feed.data.mean[0]) / feed.data.std[0], 1e-5);
			}
		}
		check_relabelled(&l, &batch, label);
	}
	lane_close(&l);
	feed_close(&feed);
	pool_close(pool);
	runs_clear(&runs);
}

Test(lane, a_batch_is_uploaded_once)
{
	check_batches(false, 2, BATCH * (FEATURES + sizeof(int32_t)));
}

Test(lane, of_a_kept_data_set_the_numbers_of_samples_are_uploaded)
{
	check_batches(true, 1, BATCH * sizeof(uint32_t));
}
