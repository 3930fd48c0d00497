/* Timing a whole model. Rounds of the model and of matrix products take turns, so that other work on the
 * machine slows both. */
#include "bench/bench_model.h"
#include <math.h>
#include <string.h>
#include "base/clock.h"
#include "base/machine.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/stats.h"
#include "base/text.h"
#include "registry.h"

enum { LEAST_ROUNDS = 5, MOST_ROUNDS = 1000, GEMM_SIDE = 768 };

/* What one lane works with. */
struct bench_lane {
	struct queue *queue;
	void *instance;
	float *g;               /* [n] */
	float *x;               /* [batch][features]; NULL for text */
	int32_t *token, *label; /* [positions] */
	float *carry;           /* NULL: none */
	float *a, *b, *c;       /* [GEMM_SIDE][GEMM_SIDE] */
	struct batch batch;
};

struct bench_run {
	struct choice choice;
	const struct model *model;
	struct backend be;
	struct model_env env;
	struct pool *pool;
	struct bench_lane *lane; /* [lanes] */
	size_t n;
	float *x, *running; /* [n], [running_floats] or NULL */
};

static size_t positions(const struct bench_run *r)
{
	size_t window = r->env.data.window > 0 ? (size_t)r->env.data.window : 1;
	return (size_t)r->env.batch * window;
}

static void fill_normal(const struct bench_run *r, uint32_t lane, uint64_t what, size_t n, float *x)
{
	struct stream s = stream_of(1, RNG_TEST, lane, what);
	struct queue *q = r->lane[lane].queue;
	r->be.memory->fill(q, x, 0, n * sizeof *x);
	r->be.normal(q, n, 1, &s, 0, x, x);
	r->be.memory->finish(q);
}

/* Classes at random, in the machine's memory; `which` of two such lists. */
static int32_t *make_classes(const struct bench_run *r, const struct bench_lane *l, uint32_t number,
                             size_t which)
{
	const struct memory *m = r->be.memory;
	struct stream s = stream_of(1, RNG_TEST, number, 3);
	size_t count = positions(r), bytes = count * sizeof(int32_t);
	int32_t *at = m->alloc(bytes, "classes"), *seen = memory_mirror(m, at, bytes);
	for (size_t i = 0; i < count; i++)
		seen[i] = (int32_t)stream_below(&s, 2 * i + which, (uint32_t)r->env.data.n_classes);
	m->upload(l->queue, at, seen, bytes);
	m->finish(l->queue);
	memory_mirror_free(m, seen);
	return at;
}

static void open_batch(struct bench_run *r, struct bench_lane *l, uint32_t number)
{
	const struct data_shape *d = &r->env.data;
	size_t features = shape_features(d) * (size_t)r->env.batch;
	l->label = make_classes(r, l, number, 0);
	l->token = make_classes(r, l, number, 1);
	if (d->window == 0) {
		l->x = r->be.memory->alloc(features * sizeof(float), "images");
		fill_normal(r, number, 0, features, l->x);
	}
	l->batch = (struct batch){.count = r->env.batch,
	                          .length = d->window,
	                          .x = l->x,
	                          .token = d->window > 0 ? l->token : NULL,
	                          .label = l->label,
	                          .carry = l->carry,
	                          .seed = 1,
	                          .worker = number};
}

static void open_lane(struct bench_run *r, uint32_t number)
{
	struct bench_lane *l = &r->lane[number];
	const size_t square = (size_t)GEMM_SIDE * GEMM_SIDE;
	const void *state = r->choice.state;
	size_t carry = r->model->carry_floats ? r->model->carry_floats(state, &r->env) : 0;
	l->queue = r->be.memory->queue_open();
	r->env.queue = l->queue;
	l->instance = r->model->create(state, &r->env);
	r->env.sibling = r->lane[0].instance;
	l->g = r->be.memory->alloc(r->n * sizeof(float), "gradient");
	if (carry > 0)
		l->carry = r->be.memory->alloc(carry * sizeof(float), "carry");
	float **squares[] = {&l->a, &l->b, &l->c};
	for (size_t i = 0; i < 3; i++) {
		*squares[i] = r->be.memory->alloc(square * sizeof(float), "matrix");
		fill_normal(r, number, 4 + i, square, *squares[i]);
	}
	open_batch(r, l, number);
}

/* What the host's functions write, to the machine. */
static void begin_with(const struct bench_run *r, float *at, size_t count,
                       void (*write)(void *instance, float *out))
{
	const struct memory *m = r->be.memory;
	const struct bench_lane *l = &r->lane[0];
	float *seen = memory_mirror(m, at, count * sizeof *at);
	write(l->instance, seen);
	m->upload(l->queue, at, seen, count * sizeof *at);
	m->finish(l->queue);
	memory_mirror_free(m, seen);
}

static void open_run(struct bench_run *r, int lanes)
{
	const void *state = r->choice.state;
	size_t running = r->model->running_floats ? r->model->running_floats(state, &r->env) : 0;
	r->pool = pool_open(lanes);
	r->n = r->model->n_params(state, &r->env);
	r->lane = mem_array((size_t)lanes, sizeof *r->lane);
	for (int i = 0; i < lanes; i++)
		open_lane(r, (uint32_t)i);
	r->x = r->be.memory->alloc(r->n * sizeof(float), "parameters");
	begin_with(r, r->x, r->n, r->model->init);
	if (running > 0) {
		r->running = r->be.memory->alloc(running * sizeof(float), "running statistics");
		begin_with(r, r->running, running, r->model->init_running);
		r->lane[0].batch.running = r->running;
	}
	if (r->model->load)
		r->model->load(r->lane[0].instance, r->x);
}

static void close_run(struct bench_run *r)
{
	for (int i = pool_lanes(r->pool) - 1; i >= 0; i--) {
		struct bench_lane *l = &r->lane[i];
		float *const vectors[] = {l->g, l->x, l->carry, l->a, l->b, l->c};
		r->model->destroy(l->instance);
		for (size_t v = 0; v < sizeof vectors / sizeof *vectors; v++)
			r->be.memory->release(vectors[v]);
		r->be.memory->release(l->label);
		r->be.memory->release(l->token);
		r->be.memory->queue_close(l->queue);
	}
	r->be.memory->release(r->x);
	r->be.memory->release(r->running);
	mem_free(r->lane);
	pool_close(r->pool);
}

static void gradient_item(void *ctx, int lane, size_t item)
{
	struct bench_run *r = ctx;
	struct bench_lane *l = &r->lane[item];
	(void)lane;
	r->model->grad(l->instance, r->x, &l->batch, l->g);
}

static void gemm_item(void *ctx, int lane, size_t item)
{
	const struct bench_run *r = ctx;
	const struct bench_lane *l = &r->lane[item];
	(void)lane;
	(r->be.library_gemm ? r->be.library_gemm : r->be.gemm)(l->queue, false, false, GEMM_SIDE, GEMM_SIDE,
	                                                       GEMM_SIDE, 1, l->a, l->b, 0, l->c);
	r->be.memory->finish(l->queue);
}

/* A lane's part of the coordinates, in whole words of signs: the mean of the gradients, and the step. */
static void apply_item(void *ctx, int lane, size_t item)
{
	const struct bench_run *r = ctx;
	const struct bench_lane *l = &r->lane[item];
	size_t lanes = (size_t)pool_lanes(r->pool), part = (r->n / lanes + 63) / 64 * 64, begin = item * part;
	size_t end = item + 1 == lanes || begin + part > r->n ? r->n : begin + part;
	(void)lane;
	if (begin >= end)
		return;
	for (size_t i = 1; i < lanes; i++)
		r->be.add(l->queue, end - begin, r->lane[i].g + begin, r->lane[0].g + begin);
	r->be.descend(l->queue, end - begin, r->lane[0].g + begin, 1e-3f / (float)lanes, 0, r->x + begin);
	r->be.memory->finish(l->queue);
}

/* Seconds of one round of training. */
static double train(struct bench_run *r)
{
	size_t lanes = (size_t)pool_lanes(r->pool);
	double start = clock_s();
	pool_run(r->pool, lanes, gradient_item, r);
	pool_run(r->pool, lanes, apply_item, r);
	if (r->model->load)
		r->model->load(r->lane[0].instance, r->x);
	return clock_s() - start;
}

static double multiply(struct bench_run *r)
{
	double start = clock_s();
	pool_run(r->pool, (size_t)pool_lanes(r->pool), gemm_item, r);
	return clock_s() - start;
}

/* Multiplications and additions of a sample, forward and backward. */
static double flops(const struct bench_run *r)
{
	struct layer_info info;
	double sum = 0;
	for (size_t i = 0; r->model->layer && r->model->layer(r->choice.state, &r->env, NULL, i, &info); i++)
		sum += 2 * (info.multiply_adds + info.back_multiply_adds);
	return sum;
}

static void measure(struct bench_run *r, double seconds, struct bench_model_result *out)
{
	double lanes = pool_lanes(r->pool), *round = mem_array(MOST_ROUNDS, sizeof *round),
	       *share = mem_array(MOST_ROUNDS, sizeof *share), *gemm = mem_array(MOST_ROUNDS, sizeof *gemm);
	double work = lanes * (double)positions(r) * flops(r), product = lanes * 2 * pow(GEMM_SIDE, 3);
	size_t count = 0;
	train(r); /* pages are touched, code is in the cache */
	multiply(r);
	for (double end = clock_s() + seconds;
	     count < MOST_ROUNDS && (count < LEAST_ROUNDS || clock_s() < end); count++) {
		gemm[count] = product / multiply(r) / 1e9;
		round[count] = train(r);
		share[count] = work / round[count] / 1e9 / gemm[count];
	}
	out->round_s = stats_quantile(round, count, 0.5);
	out->round_s_low = stats_quantile(round, count, 0.25);
	out->round_s_high = stats_quantile(round, count, 0.75);
	out->samples_per_s = lanes * (double)positions(r) / out->round_s;
	out->gflops = work / out->round_s / 1e9;
	out->sgemm_gflops = stats_quantile(gemm, count, 0.5);
	out->share = stats_quantile(share, count, 0.5);
	mem_free(round);
	mem_free(gemm);
	mem_free(share);
}

/* Layers with the times of one batch: the mean over three rounds. */
static void profile(struct bench_run *r, struct bench_model_result *out)
{
	enum { ROUNDS = 3 };
	const struct bench_lane *l = &r->lane[0];
	struct layer_info info;
	while (r->model->layer && r->model->layer(r->choice.state, &r->env, NULL, out->n_layers, &info))
		out->n_layers++;
	out->layer = mem_array(out->n_layers, sizeof *out->layer);
	for (size_t i = 0; i < out->n_layers; i++) /* earlier rounds do not count */
		r->model->layer(r->choice.state, &r->env, l->instance, i, &out->layer[i]);
	for (int i = 0; i < ROUNDS; i++)
		train(r);
	for (size_t i = 0; i < out->n_layers; i++) {
		struct layer_info *sum = &out->layer[i];
		r->model->layer(r->choice.state, &r->env, l->instance, i, &info);
		sum->forward_s = (info.forward_s - sum->forward_s) / ROUNDS;
		sum->backward_s = (info.backward_s - sum->backward_s) / ROUNDS;
	}
}

static const struct row *find(const struct family *f, const char *name, struct err *e)
{
	const struct row *row = family_find(f, name);
	char shown[80], said[FAMILY_MEANT];
	if (row)
		return row;
	const char *meant = family_meant(f, name, said);
	text_shown(name, shown, sizeof shown);
	if (*meant)
		err_user(e, "there is no %s '%s'; %s", f->name, shown, meant);
	else
		err_user(e, "there is no %s '%s'; 'signsgd list %s' shows them", f->name, shown, f->plural);
	return NULL;
}

/* Samples as asked for, or those that the model was made for. */
static struct data_shape shape_of(const struct bench_model_options *o, const struct model *model)
{
	struct data_shape shape = model->usual;
	if (o->shape.channels > 0) {
		shape.channels = o->shape.channels;
		shape.height = o->shape.height;
		shape.width = o->shape.width;
	}
	shape.n_classes = o->shape.n_classes > 0 ? o->shape.n_classes : shape.n_classes;
	shape.window = o->shape.window > 0 ? o->shape.window : shape.window;
	shape.n_train = shape.n_test = (size_t)o->batch;
	return shape;
}

static int choose(struct bench_run *r, const struct bench_model_options *o, struct arena *a, struct err *e)
{
	struct buf default_json = {0};
	const struct row *model = find(&family_models, o->model, e);
	const struct row *machine = model ? find(&family_backends, o->backend, e) : NULL;
	if (!machine || ((const struct backend_row *)machine)->open(&r->be, o->backend_state, e))
		return -1;
	r->model = (const struct model *)model;
	if (!r->model->wants_data)
		return err_user(e,
		                "model '%s' makes its own gradients; bench times models that learn from data",
		                o->model);
	struct data_shape shape = shape_of(o, r->model);
	if (shape.n_classes < 2 || (shape.window == 0 && shape.channels < 1))
		return err_user(e,
		                "model '%s' was made for samples of no particular size; give --input and "
		                "--classes",
		                o->model);
	buf_format(&default_json, "\"%s\"", o->model);
	int rc = choice_parse(&family_models, &r->choice, NULL, default_json.text, a, e);
	buf_clear(&default_json);
	r->env = (struct model_env){.be = &r->be,
	                            .data = shape,
	                            .batch = o->batch,
	                            .workers = o->lanes,
	                            .seed = 1,
	                            .model = r->model,
	                            .profile = r->be.memory->host};
	if (rc || !r->model->check || r->model->check(r->choice.state, &r->env, e) == 0)
		return rc;
	return err_prefix(e, "model '%s'", o->model);
}

int bench_model(const struct bench_model_options *o, struct bench_model_result *out, struct err *e)
{
	struct bench_run r = {0};
	struct arena a = {0};
	int rc = choose(&r, o, &a, e);
	*out = (struct bench_model_result){0};
	if (rc == 0) {
		open_run(&r, o->lanes);
		measure(&r, o->seconds, out);
		if (r.env.profile) /* elsewhere layers only give work to a queue */
			profile(&r, out);
		out->shape = r.env.data;
		out->n_params = r.n;
		out->lane_bytes = r.model->lane_bytes(r.choice.state, &r.env);
		out->shared_bytes = r.model->shared_bytes ? r.model->shared_bytes(r.choice.state, &r.env) : 0;
		out->vector_bytes = ((size_t)o->lanes + 1) * r.n * sizeof(float);
		out->peak_bytes = machine_peak_bytes();
		close_run(&r);
	}
	arena_clear(&a);
	return rc;
}
