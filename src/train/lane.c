/* Allocates a lane's memory, and gathers batches into it. */
#include "train/lane.h"
#include "base/mem.h"

/* An instance for batches of a size. */
static void *make_instance(const struct lane *l, const struct model_env *env, const void *model_state,
                           int size, void *sibling)
{
	const struct feed *f = l->feed;
	struct model_env own = *env;
	int alike = 0;
	for (int i = 0; i < f->count; i++)
		alike += f->batch_of[f->ids[i]] == size;
	own.batch = size;
	own.fuse = lane_fuse(env->fuse, alike);
	own.sibling = sibling;
	return env->model->create(model_state, &own);
}

/* Instances for the sizes that workers of this process have beside the largest. */
static void open_others(struct lane *l, const struct model_env *env, const void *model_state,
                        const struct lane *first)
{
	const struct feed *f = l->feed;
	l->others = mem_array((size_t)f->n_reading, sizeof *l->others);
	for (int i = 0; i < f->n_reading; i++) {
		int size = (int)f->batch_of[f->reading[i]];
		if (size == f->batch || lane_instance(l, size) != l->model)
			continue;
		void *sibling = first ? first->others[l->n_others].model : NULL;
		l->others[l->n_others++] =
		        (struct lane_model){size, make_instance(l, env, model_state, size, sibling)};
	}
}

/* Memory for the batches of all slots. */
static void open_batches(struct lane *l, const struct model_env *env)
{
	const struct memory *m = l->be->memory;
	size_t features = shape_features(&env->data), batch = (size_t)l->feed->batch,
	       window = (size_t)env->data.window, slots = l->slots;
	l->brought = m->mark_open();
	l->labels = batch * (window ? window : 1);
	l->x = m->alloc(slots * lane_stride(batch * features) * sizeof(float), "images");
	l->pixels_gathered = mem_array(batch, features);
	l->label_gathered = mem_array(slots * l->labels, sizeof *l->label_gathered);
	l->token_gathered = mem_array(slots * batch * window, sizeof *l->token_gathered);
	l->index = mem_array(batch, sizeof *l->index);
	if (m->host)
		return;
	l->pixels = m->alloc(batch * features, "pixels");
	l->label = m->alloc(slots * l->labels * sizeof *l->label, "labels");
	l->token = m->alloc(slots * batch * window * sizeof *l->token, "tokens");
	l->index_brought = m->alloc(batch * sizeof *l->index, "sample numbers");
}

void lane_open(struct lane *l, const struct model_env *env, const void *model_state, struct feed *feed,
               size_t n, bool forges_gradient, size_t vector_floats, const struct lane *first)
{
	const struct backend *be = env->be;
	struct model_env own = *env;
	own.queue = be->memory->queue_open();
	*l = (struct lane){.be = be,
	                   .queue = own.queue,
	                   .row = env->model,
	                   .feed = feed,
	                   .n = n,
	                   .slots = (size_t)lane_fuse(env->fuse, feed->count)};
	l->model = make_instance(l, &own, model_state, feed->batch, first ? first->model : NULL);
	l->scratch = be->memory->alloc(l->slots * lane_stride(n) * sizeof(float), "gradient");
	open_others(l, &own, model_state, first);
	l->numbers = be->memory->alloc(2 * sizeof *l->numbers, "sums");
	l->batches = mem_array(l->slots, sizeof *l->batches);
	l->gradients = mem_array(l->slots, sizeof *l->gradients);
	l->losses = mem_array(l->slots, sizeof *l->losses);
	if (feed->shared)
		coded_open(&l->coded, be, n);
	if (forges_gradient)
		l->forged = be->memory->alloc(n * sizeof(float), "forged gradient");
	if (vector_floats > 0)
		l->vector = be->memory->alloc(vector_floats * sizeof *l->vector, "vector of a worker");
	if (env->model->wants_data)
		open_batches(l, env);
}

void lane_close(struct lane *l)
{
	void *const buffers[] = {l->scratch, l->forged, l->vector, l->numbers, l->x,
	                         l->block,   l->pixels, l->label,  l->token,   l->index_brought};
	void *const gathered[] = {l->pixels_gathered, l->label_gathered, l->token_gathered, l->index,
	                          l->batches,         l->gradients,      l->losses,         l->seen};
	coded_close(&l->coded, l->be);
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

float *lane_gradient(const struct lane *l)
{
	return l->scratch + l->slot * lane_stride(l->n);
}

/* Where the labels of the present slot are gathered, and where kernels read them. */
static int32_t *own_labels(const struct lane *l)
{
	return l->label_gathered + l->slot * l->labels;
}

static const int32_t *show_labels(const struct lane *l, size_t count)
{
	int32_t *there = l->label ? l->label + l->slot * l->labels : NULL;
	return memory_give(l->be->memory, l->queue, there, own_labels(l), count * sizeof *there);
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
	float *x = l->x + l->slot * lane_stride((size_t)count * features);
	l->be->pixels(l->queue, (size_t)count, channels, features / channels, pixels, factor, shift, x);
	out->count = count;
	out->x = x;
	out->label = label;
}

/* Bring `count` images, and their gathered labels, to the machine. */
static void bring_images(struct lane *l, const uint8_t *pixels, int count, struct batch *out)
{
	const struct memory *m = l->be->memory;
	size_t n = (size_t)count;
	pixels = memory_give(m, l->queue, l->pixels, pixels, n * shape_features(&l->feed->data.shape));
	show_images(l, pixels, show_labels(l, n), count, out);
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
		own_labels(l)[i] = labels[i];
	if (!m->host) {
		m->send(l->queue, l->pixels, pixels, n * shape_features(&l->feed->data.shape));
		m->mark_set(l->queue, l->brought);
		pixels = l->pixels;
	}
	show_images(l, pixels, show_labels(l, n), count, out);
	m->mark_wait(l->brought);
	reader_give_back(l->feed->reader, number);
}

/* The batch of the samples that l->index lists: gathered where they are. */
static void gather(struct lane *l, const struct gather *from, const struct stream *coins, int count,
                   struct batch *out)
{
	size_t n = (size_t)count;
	if (!l->feed->memory) {
		gather_on_host(l->queue, from, n, l->index, coins, l->pixels_gathered, own_labels(l));
		bring_images(l, l->pixels_gathered, count, out);
		return;
	}
	l->be->memory->upload(l->queue, l->index_brought, l->index, n * sizeof *l->index);
	int32_t *label = l->label + l->slot * l->labels;
	l->be->gather(l->queue, from, n, l->index_brought, coins, l->pixels, label);
	show_images(l, l->pixels, label, count, out);
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
	struct gather from = feed_images(f, SET_TRAIN);
	struct stream coins = stream_of(f->seed, RNG_AUGMENT, worker, position);
	from.pad = f->data.augment.pad;
	from.flip = f->data.augment.flip;
	feed_list(f, (int)worker, step, l->index);
	gather(l, &from, &coins, size, out);
}

void lane_relabel(struct lane *l, const struct attack *attack, const void *attack_state, struct batch *batch)
{
	const struct memory *m = l->be->memory;
	size_t count = (size_t)batch->count;
	m->download(l->queue, own_labels(l), batch->label, count * sizeof *batch->label);
	attack->relabel(attack_state, l->feed->data.shape.n_classes, count, own_labels(l));
	batch->label = show_labels(l, count);
}

void lane_tokens(struct lane *l, const int32_t *tokens, size_t positions, size_t first, size_t at, int length,
                 struct batch *out)
{
	const struct memory *m = l->be->memory;
	size_t columns = (size_t)out->count, count = columns * (size_t)length, slot = l->slot * l->labels;
	int32_t *token = l->token_gathered + slot;
	text_gather(tokens, positions, first, columns, at, length, token, own_labels(l));
	out->length = length;
	out->token =
	        memory_give(m, l->queue, l->token ? l->token + slot : NULL, token, count * sizeof *token);
	out->label = show_labels(l, count);
}

void lane_text(struct lane *l, uint32_t worker, struct batch *out)
{
	const struct text_walk *at = &l->feed->walk;
	lane_tokens(l, l->feed->data.train_tokens, at->positions, l->feed->column[worker], at->position,
	            at->length, out);
}

void lane_pass(struct lane *l, enum feed_set set, uint64_t number, int count, struct batch *out)
{
	if (l->feed->reader) {
		take_read(l, number, count, out);
		return;
	}
	const struct gather from = feed_images(l->feed, set);
	gather(l, &from, NULL, count, out);
}
