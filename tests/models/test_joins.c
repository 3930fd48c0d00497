/*
 * The gradients of several workers at once are those of one after the other, bit for bit, for every model
 * that has batches; and the table of what a backend joins (backend/joins.h) holds over the shapes of all
 * layers.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "models/graph/net_internal.h"
#include "registry.h"
#include "tests/support/machines.h"
#include "tests/support/net_fixture.h"

TestSuite(joins, .timeout = 300);

enum { WORKERS = 3, TEXT_WORDS = 9, TEXT_LENGTH = 4 };

/* Batches of the workers, and what becomes of them. */
struct joint {
	struct fixture f; /* an instance for all workers at once; f.x is where gradients are taken */
	void *single;     /* one for each by itself */
	char what[200];
	size_t carry_floats, running_floats;
	struct batch batch[WORKERS];
	float *pixels;
	int32_t *token, *label;
	float *carry[2][WORKERS], *running[2]; /* of both ways */
	float *g[2][WORKERS];
	double loss[2][WORKERS];
};

static float *normal(size_t count, uint32_t draw)
{
	float *x = mem_array(count, sizeof *x);
	struct stream s = stream_of(7, RNG_TEST, draw, 0);
	for (size_t i = 0; i < count; i++) {
		float z[4];
		stream_normal4(&s, i / 4, z);
		x[i] = z[i % 4];
	}
	return x;
}

static void fill_batches(struct joint *t)
{
	const struct model_env *env = &t->f.env;
	size_t window = (size_t)env->data.window, features = shape_features(&env->data),
	       rows = (size_t)env->batch * (window ? window : 1);
	t->pixels = normal(WORKERS * rows * features + 1, 0);
	t->token = mem_array(WORKERS * rows, sizeof *t->token);
	t->label = mem_array(WORKERS * rows, sizeof *t->label);
	for (size_t i = 0; i < WORKERS * rows; i++) {
		t->token[i] = (int32_t)((3 * i * i + 5 * i + 1) % (size_t)env->data.n_classes);
		t->label[i] = (int32_t)((7 * i * i + i + 2) % (size_t)env->data.n_classes);
	}
	for (size_t w = 0; w < WORKERS; w++)
		t->batch[w] = (struct batch){.count = env->batch,
		                             .length = (int)window,
		                             .x = window ? NULL : t->pixels + w * rows * features,
		                             .token = window ? t->token + w * rows : NULL,
		                             .label = t->label + w * rows,
		                             .seed = 1,
		                             .worker = (uint32_t)w + 2,
		                             .step = 9};
}

static void fill_state(struct joint *t)
{
	const struct model *m = t->f.model;
	t->carry_floats = m->carry_floats ? m->carry_floats(t->f.choice.state, &t->f.env) : 0;
	t->running_floats = m->running_floats ? m->running_floats(t->f.choice.state, &t->f.env) : 0;
	for (int way = 0; way < 2; way++) {
		for (uint32_t w = 0; w < WORKERS; w++) {
			t->carry[way][w] = normal(t->carry_floats, w + 1);
			t->g[way][w] = mem_array(t->f.n, sizeof(float));
			memset(t->g[way][w], 0xff, t->f.n * sizeof(float));
		}
		t->running[way] = mem_array(t->running_floats, sizeof(float));
		if (t->running_floats > 0)
			m->init_running(t->f.instance, t->running[way]);
	}
}

static void joint_open(struct joint *t, const char *json, const char *backend, const struct model_env *env)
{
	struct model_env own = *env;
	memset(t, 0, sizeof *t);
	own.fuse = WORKERS;
	fixture_open(&t->f, json, backend, &own);
	snprintf(t->what, sizeof t->what, "%.140s on %s, batch %d", json, backend, env->batch);
	const struct model *m = t->f.model;
	size_t lane = m->lane_bytes(t->f.choice.state, &t->f.env),
	       shared = m->shared_bytes ? m->shared_bytes(t->f.choice.state, &t->f.env) : 0;
	cr_expect_eq(fixture_alloc_bytes, lane + shared, "%s: took %zu bytes, announced %zu", t->what,
	             fixture_alloc_bytes, lane + shared);
	own = t->f.env;
	own.fuse = 1;
	t->single = t->f.model->create(t->f.choice.state, &own);
	if (t->f.model->load) {
		t->f.model->load(t->f.instance, t->f.x);
		t->f.model->load(t->single, t->f.x);
	}
	fill_batches(t);
	fill_state(t);
}

static void joint_close(struct joint *t)
{
	t->f.model->destroy(t->single);
	fixture_close(&t->f);
	for (int way = 0; way < 2; way++) {
		for (int w = 0; w < WORKERS; w++) {
			mem_free(t->carry[way][w]);
			mem_free(t->g[way][w]);
		}
		mem_free(t->running[way]);
	}
	mem_free(t->pixels);
	mem_free(t->token);
	mem_free(t->label);
}

/* The first `count` workers, at once and one by one; the last of them owns the running statistics. */
static void both_ways(struct joint *t, int count)
{
	const struct model *m = t->f.model;
	for (int way = 0; way < 2; way++) {
		for (int w = 0; w < count; w++) {
			t->batch[w].carry = t->carry_floats ? t->carry[way][w] : NULL;
			t->batch[w].running = t->running_floats && w == count - 1 ? t->running[way] : NULL;
		}
		for (int w = 0; w < count && way == 0; w++)
			t->loss[0][w] = m->grad(t->single, t->f.x, &t->batch[w], t->g[0][w]);
		if (way == 1)
			m->grad_many(t->f.instance, t->f.x, count, t->batch, t->g[1], t->loss[1]);
	}
}

static void expect_same(const struct joint *t, int count)
{
	for (int w = 0; w < count; w++) {
		cr_expect_eq(t->loss[0][w], t->loss[1][w], "%s: worker %d of %d: loss %.17g, alone %.17g",
		             t->what, w, count, t->loss[1][w], t->loss[0][w]);
		cr_expect_eq(memcmp(t->g[0][w], t->g[1][w], t->f.n * sizeof(float)), 0,
		             "%s: worker %d of %d has another gradient than alone", t->what, w, count);
		cr_expect_eq(memcmp(t->carry[0][w], t->carry[1][w], t->carry_floats * sizeof(float)), 0,
		             "%s: worker %d of %d has another carry than alone", t->what, w, count);
	}
	cr_expect_eq(memcmp(t->running[0], t->running[1], t->running_floats * sizeof(float)), 0,
	             "%s: other running statistics", t->what);
}

/* An evaluation, which takes one batch and goes on with its carry. */
static void expect_same_eval(struct joint *t)
{
	void *const instance[2] = {t->single, t->f.instance};
	double sum[2];
	size_t correct[2];
	for (int way = 0; way < 2; way++) {
		struct batch b = t->batch[0];
		b.carry = t->carry_floats ? t->carry[way][0] : NULL;
		b.running = t->running[way];
		t->f.model->eval(instance[way], t->f.x, &b, &sum[way], &correct[way]);
	}
	cr_expect(sum[0] == sum[1] && correct[0] == correct[1], "%s: evaluation", t->what);
}

/* Groups that are full, that are not, and full again; and an evaluation in between. */
static void try_joint(const char *json, const char *backend, const struct model_env *env)
{
	static const int counts[] = {3, 2, 1, 3};
	struct joint t;
	joint_open(&t, json, backend, env);
	cr_assert(t.f.model->grad_many, "%s", t.what);
	size_t before = fixture_alloc_bytes;
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
		both_ways(&t, counts[i]);
		expect_same(&t, counts[i]);
		expect_same_eval(&t);
	}
	cr_expect_eq(fixture_alloc_bytes, before, "%s: allocates after create()", t.what);
	joint_close(&t);
}

static void each_machine(const char *json, const struct model_env *env, bool heavy)
{
	for (const struct row *const *machine = machines_on_host(); *machine; machine++)
		if (!heavy || strcmp((*machine)->name, "ref") != 0)
			try_joint(json, (*machine)->name, env);
}

/* Batches whose parts lie with gaps between them, and without. */
static void suit_joint(const struct net_suit *s)
{
	const int batches[] = {3, 16};
	for (int i = 0; i < (s->heavy ? 1 : 2); i++) {
		struct model_env env = net_suit_env(s, batches[i]);
		each_machine(s->json, &env, s->heavy);
	}
}

Test(joins, networks_on_images_have_the_bits_of_single_workers)
{
	net_each_suit(true, suit_joint);
}

Test(joins, dense_models_have_the_bits_of_single_workers)
{
	static const char *const models[] = {"\"mlp\"", "{\"kind\":\"mlp\",\"hidden\":[16,32]}",
	                                     "{\"kind\":\"mlp\",\"hidden\":[7,5],\"activation\":\"tanh\"}",
	                                     "\"softmax\""};
	struct model_env env = fixture_env;
	env.data.height = env.data.width = 8;
	for (size_t i = 0; i < sizeof models / sizeof *models; i++)
		for (env.batch = 5; env.batch <= 32; env.batch += 27)
			each_machine(models[i], &env, false);
}

Test(joins, networks_on_text_have_the_bits_of_single_workers)
{
	static const char *const models[] = {
	        "{\"kind\":\"qrnn\",\"layers\":2,\"embedding\":6,\"hidden\":8,\"window\":2,\"tied\":true,"
	        "\"dropout_words\":0.2,\"dropout_input\":0.1,\"dropout_hidden\":0.1,\"zoneout\":0.1}",
	        "{\"kind\":\"qrnn\",\"layers\":1,\"embedding\":5,\"window\":1,\"tied\":false,\"hidden\":3}",
	        "{\"kind\":\"sequential\",\"layers\":[{\"kind\":\"embed\",\"width\":8},{\"kind\":\"qrnn\","
	        "\"width\":8},{\"kind\":\"linear\",\"width\":16},\"tanh\"]}"};
	const struct model_env env = {
	        .data = {.n_classes = TEXT_WORDS, .window = TEXT_LENGTH}, .batch = 4, .seed = 3};
	for (size_t i = 0; i < sizeof models / sizeof *models; i++)
		each_machine(models[i], &env, false);
}

/* --- buckets -------------------------------------------------------------------------------------------- */

/* What each worker heard: where its gradient was final, ever lower, down to the first coordinate. */
struct listener {
	const float *g;
	size_t n, from;
	float *seen; /* [n] the gradient as it was when it was said to be final */
};

static void listen(void *ctx, size_t begin)
{
	struct listener *l = ctx;
	cr_expect_leq(begin, l->from);
	for (size_t i = begin; i < l->from; i++)
		l->seen[i] = l->g[i];
	l->from = begin;
}

static void try_ready(const char *json, const struct model_env *env)
{
	struct joint t;
	struct listener heard[WORKERS];
	joint_open(&t, json, "cpu", env);
	for (int w = 0; w < WORKERS; w++) {
		heard[w] = (struct listener){t.g[1][w], t.f.n, t.f.n, mem_array(t.f.n, sizeof(float))};
		t.batch[w].ready = listen;
		t.batch[w].ready_ctx = &heard[w];
	}
	t.f.model->grad_many(t.f.instance, t.f.x, WORKERS, t.batch, t.g[1], t.loss[1]);
	for (int w = 0; w < WORKERS; w++) {
		cr_expect_eq(heard[w].from, 0, "%s: worker %d", t.what, w);
		cr_expect_eq(memcmp(heard[w].seen, t.g[1][w], t.f.n * sizeof(float)), 0,
		             "%s: worker %d: changed when it was said to be final", t.what, w);
		mem_free(heard[w].seen);
	}
	joint_close(&t);
}

static void suit_ready(const struct net_suit *s)
{
	struct model_env env = net_suit_env(s, 3);
	try_ready(s->json, &env);
}

Test(joins, each_worker_hears_of_its_own_gradient)
{
	try_ready("{\"kind\":\"mlp\",\"hidden\":[7,5]}", &fixture_env);
	net_each_suit(false, suit_ready);
}

/* --- the table ------------------------------------------------------------------------------------------ */

static void expect_products(const struct backend *be, bool tb, size_t m, size_t n, size_t k)
{
	if (!joins_product(be->joins, tb, m, n, k))
		return;
	float *a = normal(WORKERS * m * k, 1), *b = normal(n * k, 2), *c[2];
	for (int way = 0; way < 2; way++)
		c[way] = mem_array(WORKERS * m * n, sizeof(float));
	be->gemm(NULL, false, tb, WORKERS * m, n, k, 1, a, b, 0, c[1]);
	for (size_t w = 0; w < WORKERS; w++)
		be->gemm(NULL, false, tb, m, n, k, 1, a + w * m * k, b, 0, c[0] + w * m * n);
	cr_expect_eq(memcmp(c[0], c[1], WORKERS * m * n * sizeof(float)), 0,
	             "%s: products of %zu x %zu x %zu differ when joined", be->name, m, n, k);
	for (int way = 0; way < 2; way++)
		mem_free(c[way]);
	mem_free(a);
	mem_free(b);
}

/* A layer and its memory, for the images of one worker or of all. */
struct stage {
	struct image_layer *layer;
	struct image_need need;
	float *weights;
	void *keep, *scratch;
};

static void stage_open(struct stage *s, const struct backend *be, const struct image_spec *spec,
                       const struct image_memory *at, const float *w, const float *b)
{
	struct image_memory m = *at;
	s->layer = be->image->open(spec, &s->need);
	m.weights = s->weights = be->memory->alloc(s->need.weights_floats * sizeof(float), "weights");
	m.keep = s->keep = be->memory->alloc(s->need.keep_bytes, "keep");
	m.scratch = s->scratch = be->memory->alloc(s->need.scratch_bytes, "scratch");
	be->image->bind(NULL, s->layer, &m);
	if (spec->kind == IMAGE_CONV)
		be->image->load(NULL, s->layer, w, spec->bias ? b : NULL);
}

static void stage_close(struct stage *s, const struct backend *be)
{
	be->image->close(s->layer);
	be->memory->release(s->weights);
	be->memory->release(s->keep);
	be->memory->release(s->scratch);
}

/* What comes out, and the gradients of what goes in and of the weights. */
struct outcome {
	float *out, *d_out, *d_in, *dw, *db;
};

static void expect_layer(const struct backend *be, const struct image_spec *one, const char *what)
{
	const struct image_kernels *k = be->image;
	struct image_spec all = *one;
	struct outcome o[2];
	all.in.count *= WORKERS;
	all.out.count *= WORKERS;
	size_t in = one->rows_in ? (size_t)(one->in.count * one->in.channels * one->in.height * one->in.width)
	                         : k->floats(&one->in),
	       out = k->floats(&one->out), size = (size_t)(one->kernel[0] * one->kernel[1]),
	       weights = (size_t)(one->out.channels * one->in.channels / one->groups) * size;
	if (!joins_layer(be->joins, one))
		return;
	float *x = normal(WORKERS * in, 1), *w = normal(weights, 2),
	      *b = normal((size_t)one->out.channels, 3);
	for (int way = 0; way < 2; way++) {
		o[way] = (struct outcome){mem_array(WORKERS * out, sizeof(float)), normal(WORKERS * out, 4),
		                          mem_array(WORKERS * in, sizeof(float)),
		                          mem_array(WORKERS * weights, sizeof(float)),
		                          mem_array(WORKERS * (size_t)one->out.channels, sizeof(float))};
		for (size_t p = 0; p < (way ? 1 : WORKERS); p++) {
			struct stage s;
			float *dw = one->kind == IMAGE_CONV && !way ? o[0].dw + p * weights : NULL;
			const struct image_memory m = {.in = x + p * in,
			                               .out = o[way].out + p * out,
			                               .d_out = o[way].d_out + p * out,
			                               .d_in = one->d_in ? o[way].d_in + p * in : NULL};
			stage_open(&s, be, way ? &all : one, &m, w, b);
			k->forward(NULL, s.layer, true, NULL);
			k->backward(NULL, s.layer, dw,
			            dw && one->bias ? o[0].db + p * (size_t)one->out.channels : NULL);
			stage_close(&s, be);
		}
	}
	for (size_t p = 0; p < WORKERS && one->kind == IMAGE_CONV; p++) {
		struct stage s;
		const struct image_memory m = {.in = x + p * in,
		                               .out = o[1].out + p * out,
		                               .d_out = o[1].d_out + p * out,
		                               .d_in = one->d_in ? o[1].d_in + p * in : NULL};
		stage_open(&s, be, one, &m, w, b);
		k->weights_back(NULL, s.layer, o[1].dw + p * weights,
		                one->bias ? o[1].db + p * (size_t)one->out.channels : NULL);
		stage_close(&s, be);
	}
	cr_expect_eq(memcmp(o[0].out, o[1].out, WORKERS * out * sizeof(float)), 0, "%s: %s, forward",
	             be->name, what);
	cr_expect_eq(memcmp(o[0].d_in, o[1].d_in, WORKERS * in * sizeof(float)), 0, "%s: %s, back", be->name,
	             what);
	cr_expect_eq(memcmp(o[0].dw, o[1].dw, WORKERS * weights * sizeof(float)), 0, "%s: %s, weights",
	             be->name, what);
	cr_expect_eq(memcmp(o[0].db, o[1].db, WORKERS * (size_t)one->out.channels * sizeof(float)), 0,
	             "%s: %s, bias", be->name, what);
	for (int way = 0; way < 2; way++) {
		float *const arrays[] = {o[way].out, o[way].d_out, o[way].d_in, o[way].dw, o[way].db};
		for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
			mem_free(arrays[i]);
	}
	mem_free(x);
	mem_free(w);
	mem_free(b);
}

static void expect_node(const struct backend *be, const struct net *n, const struct net_node *node,
                        const char *what)
{
	size_t rows = (size_t)n->env.batch;
	if (node->kind == NODE_IMAGE)
		expect_layer(be, &node->spec, what);
	if (node->kind != NODE_LINEAR)
		return;
	expect_products(be, true, rows, net_width(n, node->out), net_width(n, node->in[0]));
	expect_products(be, false, rows, net_width(n, node->in[0]), net_width(n, node->out));
}

static void suit_table(const struct net_suit *s)
{
	for (const struct row *const *machine = machines_on_host(); *machine; machine++) {
		struct fixture f;
		struct backend be;
		struct err e = {0};
		struct model_env env = net_suit_env(s, 2);
		if (s->heavy && strcmp((*machine)->name, "ref") == 0)
			continue;
		cr_assert_eq(((const struct backend_row *)*machine)->open(&be, NULL, &e), 0, "%s", e.text);
		fixture_settings(&f, s->json, &env);
		f.env.be = &be;
		struct net *n = net_build(f.choice.state, &f.env);
		n->rows = net_rows_max(n);
		for (int i = 0; i < n->n_nodes; i++) {
			char what[120];
			snprintf(what, sizeof what, "%.80s, layer %d", s->json, i);
			expect_node(&be, n, &n->node[i], what);
		}
		net_free_graph(n);
		fixture_close(&f);
	}
}

Test(joins, what_the_table_joins_has_the_bits_of_single_batches)
{
	net_each_suit(true, suit_table);
}
