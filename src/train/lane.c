/* Allocates a lane's memory, and gathers batches into it. */
#include "train/lane.h"
#include "base/mem.h"

/* Instances for the sizes that workers of this process have beside the largest. */
static void open_others(struct lane *l, const struct model_env *env, const void *model_state,
                        const struct lane *first)
{
	const struct feed *f = l->feed;
	struct model_env own = *env;
	l->others = mem_array((size_t)f->count, sizeof *l->others);
	for (int i = 0; i < f->count; i++) {
		int size = (int)f->batch_of[f->ids[i]];
		if (size == 0 || size == f->batch || lane_instance(l, size) != l->model)
			continue;
		own.batch = size;
		own.sibling = first ? first->others[l->n_others].model : NULL;
		l->others[l->n_others++] = (struct lane_model){size, env->model->create(model_state, &own)};
	}
}

void lane_open(struct lane *l, const struct model_env *env, const void *model_state, struct feed *feed,
               size_t n, bool forges_gradient, const struct lane *first)
{
	const struct backend *be = env->be;
	size_t features = shape_features(&env->data), batch = (size_t)feed->batch;
	struct model_env own = *env;
	own.queue = be->memory->queue_open();
	own.batch = feed->batch;
	own.sibling = first ? first->model : NULL;
	*l = (struct lane){.be = be,
	                   .queue = own.queue,
	                   .row = env->model,
	                   .feed = feed,
	                   .model = env->model->create(model_state, &own),
	                   .scratch = be->memory->alloc(n * sizeof(float), "gradient")};
	open_others(l, &own, model_state, first);
	l->numbers = be->memory->alloc(2 * sizeof *l->numbers, "sums");
	if (forges_gradient)
		l->forged = be->memory->alloc(n * sizeof(float), "forged gradient");
	if (!env->model->wants_data)
		return;
	size_t window = (size_t)env->data.window, labels = batch * (window ? window : 1) * sizeof(int32_t);
	l->brought = be->memory->mark_open();
	l->x = be->memory->alloc(batch * features * sizeof(float), "images");
	l->pixels_gathered = mem_array(batch, features);
	l->label_gathered = mem_array(labels, 1);
	l->token_gathered = mem_array(batch * window, sizeof *l->token_gathered);
	l->index = mem_array(batch, sizeof *l->index);
	if (be->memory->host)
		return;
	l->pixels = be->memory->alloc(batch * features, "pixels");
	l->label = be->memory->alloc(labels, "labels");
	l->token = be->memory->alloc(batch * window * sizeof *l->token, "tokens");
	l->index_brought = be->memory->alloc(batch * sizeof *l->index, "sample numbers");
}

void lane_close(struct lane *l)
{
	void *const buffers[] = {l->scratch, l->forged, l->numbers, l->x,
	                         l->pixels,  l->label,  l->token,   l->index_brought};
	void *const gathered[] = {l->pixels_gathered, l->label_gathered, l->token_gathered, l->index};
	for (int i = 0; i < l->n_others; i++)
		l->row->destroy(l->others[i].model);
	mem_free(l->others);
	l->row->destroy(l->model);
	for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
		l->be->memory->release(buffers[i]);
	for (size_t i = 0; i < sizeof gathered / sizeof *gathered; i++)
		mem_free(gathered[i]);
	if (l->brought)
		l->be->memory->mark_close(l->brought);
	l->be->memory->queue_close(l->queue);
}

void *lane_instance(const struct lane *l, int size)
{
	for (int i = 0; i < l->n_others; i++)
		if (l->others[i].batch == size)
			return l->others[i].model;
	return l->model;
}

void lane_load(const struct lane *l, const float *x)
{
	if (!l->row->load)
		return;
	l->row->load(l->model, x);
	for (int i = 0; i < l->n_others; i++)
		l->row->load(l->others[i].model, x);
}

/* Normalise images that kernels can read, channel by channel. */
static void show_images(struct lane *l, const uint8_t *pixels, const int32_t *label, int count,
                        struct batch *out)
{
	const struct dataset *d = &l->feed->data;
	size_t channels = (size_t)d->shape.channels, features = shape_features(&d->shape);
	float factor[CHANNELS_MAX], shift[CHANNELS_MAX];
	for (size_t c = 0; c < channels; c++) {
		factor[c] = 1.0f / (255.0f * d->std[c]);
		shift[c] = -d->mean[c] / d->std[c];
	}
	l->be->pixels(l->queue, (size_t)count, channels, features / channels, pixels, factor, shift, l->x);
	out->count = count;
	out->x = l->x;
	out->label = label;
}

/* Bring `count` images, and their gathered labels, to the machine. */
static void bring_images(struct lane *l, const uint8_t *pixels, int count, struct batch *out)
{
	const struct memory *m = l->be->memory;
	size_t n = (size_t)count;
	pixels = memory_give(m, l->queue, l->pixels, pixels, n * shape_features(&l->feed->data.shape));
	show_images(l, pixels, memory_give(m, l->queue, l->label, l->label_gathered, n * sizeof *l->label),
	            count, out);
}

/* Take batch `number` from the reader, straight from its ring. */
static void take_read(struct lane *l, uint64_t number, int count, struct batch *out)
{
	const struct memory *m = l->be->memory;
	size_t n = (size_t)count;
	const uint8_t *pixels;
	const uint16_t *labels;
	reader_take(l->feed->reader, number, &pixels, &labels);
	for (int i = 0; i < count; i++)
		l->label_gathered[i] = labels[i];
	if (!m->host) {
		m->send(l->queue, l->pixels, pixels, n * shape_features(&l->feed->data.shape));
		m->mark_set(l->queue, l->brought);
		pixels = l->pixels;
	}
	show_images(l, pixels, memory_give(m, l->queue, l->label, l->label_gathered, n * sizeof *l->label),
	            count, out);
	m->mark_wait(l->brought);
	reader_give_back(l->feed->reader, number);
}

/* The batch of the samples that l->index lists: gathered where they are. */
static void gather(struct lane *l, const struct gather *from, const struct stream *coins, int count,
                   struct batch *out)
{
	size_t n = (size_t)count;
	if (!l->feed->memory) {
		gather_on_host(l->queue, from, n, l->index, coins, l->pixels_gathered, l->label_gathered);
		bring_images(l, l->pixels_gathered, count, out);
		return;
	}
	l->be->memory->upload(l->queue, l->index_brought, l->index, n * sizeof *l->index);
	l->be->gather(l->queue, from, n, l->index_brought, coins, l->pixels, l->label);
	show_images(l, l->pixels, l->label, count, out);
}

void lane_images(struct lane *l, uint32_t worker, uint64_t step, uint64_t number, struct batch *out)
{
	struct feed *f = l->feed;
	int size = (int)f->batch_of[worker];
	uint64_t position = step * (uint64_t)size;
	if (f->reader) {
		take_read(l, number, size, out);
		return;
	}
	struct gather from = feed_images(f, false);
	struct stream coins = stream_of(f->seed, RNG_AUGMENT, worker, position);
	from.pad = f->data.augment.pad;
	from.flip = f->data.augment.flip;
	for (int i = 0; i < size; i++)
		l->index[i] = partition_sample(&f->partition, (int)worker, position + (uint64_t)i);
	gather(l, &from, &coins, size, out);
}

void lane_relabel(struct lane *l, const struct attack *attack, const void *attack_state, struct batch *batch)
{
	const struct memory *m = l->be->memory;
	size_t count = (size_t)batch->count, bytes = count * sizeof *batch->label;
	m->download(l->queue, l->label_gathered, batch->label, bytes);
	attack->relabel(attack_state, l->feed->data.shape.n_classes, count, l->label_gathered);
	batch->label = memory_give(m, l->queue, l->label, l->label_gathered, bytes);
}

void lane_tokens(struct lane *l, const int32_t *tokens, size_t positions, size_t first, size_t at, int length,
                 struct batch *out)
{
	const struct memory *m = l->be->memory;
	size_t columns = (size_t)out->count, bytes = columns * (size_t)length * sizeof *l->label;
	text_gather(tokens, positions, first, columns, at, length, l->token_gathered, l->label_gathered);
	out->length = length;
	out->token = memory_give(m, l->queue, l->token, l->token_gathered, bytes);
	out->label = memory_give(m, l->queue, l->label, l->label_gathered, bytes);
}

void lane_text(struct lane *l, uint32_t worker, struct batch *out)
{
	const struct text_walk *at = &l->feed->walk;
	lane_tokens(l, l->feed->data.train_tokens, at->positions, l->feed->column[worker], at->position,
	            at->length, out);
}

void lane_pass(struct lane *l, bool test, uint64_t number, int count, struct batch *out)
{
	if (l->feed->reader) {
		take_read(l, number, count, out);
		return;
	}
	const struct gather from = feed_images(l->feed, test);
	gather(l, &from, NULL, count, out);
}
