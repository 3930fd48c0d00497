/* Allocates a lane's memory, and gathers batches into it. */
#include "train/lane.h"
#include "data/image/augment.h"

void lane_open(struct lane *l, const struct model_env *env, const void *model_state, struct feed *feed,
               size_t n, bool forges_gradient)
{
	const struct backend *be = env->be;
	size_t features = shape_features(&env->data), batch = (size_t)env->batch;
	struct model_env own = *env;
	own.queue = be->memory->queue_open();
	*l = (struct lane){.be = be,
	                   .queue = own.queue,
	                   .row = env->model,
	                   .feed = feed,
	                   .model = env->model->create(model_state, &own),
	                   .scratch = be->memory->alloc(n * sizeof(float), "gradient")};
	if (forges_gradient)
		l->forged = be->memory->alloc(n * sizeof(float), "forged gradient");
	if (!env->model->wants_data)
		return;
	l->x = be->memory->alloc(batch * features * sizeof(float), "images");
	size_t window = (size_t)env->data.window;
	l->label = be->memory->alloc(batch * (window ? window : 1) * sizeof(int32_t), "labels");
	l->token = be->memory->alloc(batch * window * sizeof(int32_t), "tokens");
	l->index = be->memory->alloc(batch * sizeof(uint32_t), "sample numbers");
	l->image = be->memory->alloc(features, "image");
}

void lane_close(struct lane *l)
{
	void *const buffers[] = {l->scratch, l->forged, l->x, l->label, l->token, l->index, l->image};
	l->row->destroy(l->model);
	for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
		l->be->memory->release(buffers[i]);
	l->be->memory->queue_close(l->queue);
}

/* Write sample i of the lane's batch: its pixels are normalised, channel by channel. */
static void put_image(struct lane *l, int i, const uint8_t *pixels, uint16_t label)
{
	const struct dataset *d = &l->feed->data;
	size_t features = shape_features(&d->shape), plane = features / (size_t)d->shape.channels;
	float *out = l->x + (size_t)i * features;
	for (int c = 0; c < d->shape.channels; c++)
		l->be->pixels(l->queue, plane, pixels + (size_t)c * plane, 1.0f / (255.0f * d->std[c]),
		              -d->mean[c] / d->std[c], out + (size_t)c * plane);
	l->label[i] = label;
}

static void show_images(const struct lane *l, int count, struct batch *out)
{
	out->count = count;
	out->x = l->x;
	out->label = l->label;
}

/* Take batch `number` from the reader. */
static void take_read(struct lane *l, uint64_t number, int count)
{
	size_t features = shape_features(&l->feed->data.shape);
	const uint8_t *pixels;
	const uint16_t *labels;
	reader_take(l->feed->reader, number, &pixels, &labels);
	for (int i = 0; i < count; i++)
		put_image(l, i, pixels + (size_t)i * features, labels[i]);
	reader_give_back(l->feed->reader, number);
}

/* Write sample number `sample` of the training set, augmented by the random numbers of this position. */
static void put_augmented(struct lane *l, int i, uint32_t sample, uint32_t worker, uint64_t position)
{
	const struct dataset *d = &l->feed->data;
	const uint8_t *pixels = d->train_pixels + sample * shape_features(&d->shape);
	struct stream coins = stream_of(l->feed->seed, RNG_AUGMENT, worker, position);
	if (augment_does(&d->augment)) {
		augment_image(&d->augment, &d->shape, &coins, pixels, l->image);
		pixels = l->image;
	}
	put_image(l, i, pixels, d->train_labels[sample]);
}

void lane_images(struct lane *l, uint32_t worker, uint64_t step, uint64_t number, struct batch *out)
{
	struct feed *f = l->feed;
	uint64_t position = step * (uint64_t)f->batch;
	if (f->reader)
		take_read(l, number, f->batch);
	for (int i = 0; !f->reader && i < f->batch; i++, position++)
		put_augmented(l, i, partition_sample(&f->partition, (int)worker, position), worker, position);
	show_images(l, f->batch, out);
}

void lane_text(struct lane *l, uint32_t worker, struct batch *out)
{
	const struct text_walk *at = &l->feed->walk;
	size_t columns = (size_t)l->feed->batch;
	text_gather(l->feed->data.train_tokens, at->positions, worker * columns, columns, at->position,
	            at->length, l->token, l->label);
	out->length = at->length;
	out->token = l->token;
	out->label = l->label;
}

void lane_pass(struct lane *l, bool test, uint64_t number, int count, struct batch *out)
{
	const struct dataset *d = &l->feed->data;
	const uint8_t *pixels = test ? d->test_pixels : d->train_pixels;
	const uint16_t *labels = test ? d->test_labels : d->train_labels;
	size_t features = shape_features(&d->shape);
	if (l->feed->reader)
		take_read(l, number, count);
	for (int i = 0; !l->feed->reader && i < count; i++)
		put_image(l, i, pixels + l->index[i] * features, labels[l->index[i]]);
	show_images(l, count, out);
}
