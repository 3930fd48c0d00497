/*
 * Networks that no row describes: layers thrown at random, whose values are read by any number of others.
 * Whatever the plan shares (net_plan.c), folds (net_fold.c) and joins, the bits are those of a network
 * without it, and the numbers those of ref.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "base/rng.h"
#include "models/graph/net.h"
#include "tests/support/machines.h"

TestSuite(any_graph, .timeout = 120);

enum { GRAPHS = 60, LAYERS = 9, BATCH = 4, PARTS = 3, CHANNELS = 3, HEIGHT = 5, WIDTH = 4 };
enum { SAMPLE = CHANNELS * HEIGHT * WIDTH, PIXELS = PARTS * BATCH * SAMPLE };

/* A graph while it is thrown. */
struct graph {
	struct net *n;
	struct stream stream;
	uint64_t next;
	int channels, count, value[LAYERS + 1], readers[LAYERS + 1];
};

static int throw(struct graph * g, int below)
{
	return (int)stream_below(&g->stream, 4 * g->next++, (uint32_t)below);
}

/* One of the last three values. */
static int read_any(struct graph *g)
{
	int which = g->count - 1 - throw(g, g->count < 3 ? g->count : 3);
	g->readers[which]++;
	return g->value[which];
}

static int throw_layer(struct graph *g, const char *name)
{
	const struct net_window three = {3, 1, 1}, one = {1, 1, 0};
	int in = read_any(g), kind = throw(g, 9);
	bool relu = throw(g, 2);
	if (kind < 3)
		return net_norm(g->n, name, in, relu);
	if (kind < 5)
		return net_add(g->n, in, read_any(g), relu);
	if (kind == 5)
		return net_conv(g->n, name, in, g->channels, three, 1, relu, relu);
	if (kind == 6)
		return net_conv(g->n, name, in, g->channels, one, 1, false, false);
	return kind == 7 ? net_max_pool(g->n, in, three) : net_activate(g->n, in, relu ? NET_RELU : NET_TANH);
}

/* state: the graph's number. */
static void build(const void *state, const struct model_env *env, struct net *n)
{
	const uint64_t *number = state;
	const int channels[] = {5, 8, 16, 20, 36};
	(void)env;
	struct graph g = {.n = n, .stream = stream_of(*number, RNG_TEST, 1, 0), .count = 1};
	g.channels = channels[throw(&g, 5)];
	g.value[0] =
	        net_conv(n, "first", NET_INPUT, g.channels, (struct net_window){3, 1, 1}, 1, true, false);
	for (; g.count <= LAYERS; g.count++) {
		char name[20];
		snprintf(name, sizeof name, "layer%d", g.count);
		g.value[g.count] = throw_layer(&g, name);
	}
	int end = g.value[LAYERS];
	for (int i = LAYERS - 1; i >= 0; i--)
		if (g.readers[i] == 0)
			end = net_add(n, g.value[i], end, throw(&g, 2));
	if (throw(&g, 2))
		end = net_norm(n, "end", end, false);
	if (throw(&g, 2))
		end = net_global_mean(n, end);
	if (throw(&g, 2))
		end = net_dropout(n, end, 0.25, false);
	net_classify(n, "classes", end, NULL);
}

static const struct model any = {.row = {.name = "any"}, .build = build, NET_MODEL};

/* How a graph runs. */
struct way {
	const char *machine;
	bool adds;          /* its normalisations may add */
	int fuse, together; /* batches of a call, at most and as many as there are */
};

/* Of each machine, the first is what the others are compared with. */
static const struct way ways[] = {{"ref", false, 1, 1}, {"ref", true, 3, 3}, {"cpu", false, 1, 1},
                                  {"cpu", true, 1, 1},  {"cpu", true, 3, 3}, {"cpu", true, 2, 1}};

enum { WAYS = sizeof ways / sizeof *ways, FIRST_OF_CPU = 2 };

/* A graph at work. */
struct trial {
	struct way way;
	struct backend be;
	struct image_kernels image;
	struct model_env env;
	size_t n, running_floats;
	void *instance;
	/* What it answers. */
	float *g[PARTS], *running;
	double loss[PARTS + 1]; /* the last one of an evaluation of a short batch */
};

static void trial_open(struct trial *t, const uint64_t *number)
{
	struct err e = {0};
	for (const struct row *const *row = machines_on_host(); *row; row++)
		if (strcmp((*row)->name, t->way.machine) == 0)
			cr_assert_eq(((const struct backend_row *)*row)->open(&t->be, NULL, &e), 0, "%s",
			             e.text);
	t->image = *t->be.image;
	t->image.norm_adds = t->way.adds;
	t->be.image = &t->image;
	t->env = (struct model_env){.be = &t->be,
	                            .queue = t->be.memory->queue_open(),
	                            .data = {.n_train = 100,
	                                     .n_test = 10,
	                                     .channels = CHANNELS,
	                                     .height = HEIGHT,
	                                     .width = WIDTH,
	                                     .n_classes = 4},
	                            .batch = BATCH,
	                            .fuse = t->way.fuse,
	                            .workers = PARTS,
	                            .seed = 1,
	                            .model = &any};
	cr_assert_eq(net_model_check(number, &t->env, &e), 0, "%s", e.text);
	t->instance = net_model_create(number, &t->env);
	t->n = net_model_n_params(number, &t->env);
	t->running_floats = net_model_running_floats(number, &t->env);
	t->running = mem_array(t->running_floats, sizeof *t->running);
	net_model_init_running(t->instance, t->running);
	for (int p = 0; p < PARTS; p++)
		t->g[p] = mem_array(t->n, sizeof **t->g);
}

static void trial_close(struct trial *t)
{
	net_model_destroy(t->instance);
	t->be.memory->queue_close(t->env.queue);
	mem_free(t->running);
	for (int p = 0; p < PARTS; p++)
		mem_free(t->g[p]);
}

/* Gradients of all batches, one of which moves the running statistics, and an evaluation. */
static void ask(struct trial *t, const float *x, const float *pixels)
{
	static const int32_t label[BATCH] = {1, 3, 0, 2};
	struct batch batch[PARTS];
	size_t correct;
	net_model_load(t->instance, x);
	for (int p = 0; p < PARTS; p++) {
		memset(t->g[p], 0xff, t->n * sizeof **t->g);
		batch[p] = (struct batch){.count = BATCH,
		                          .x = pixels + (size_t)p * BATCH * SAMPLE,
		                          .label = label,
		                          .seed = 1,
		                          .worker = (uint32_t)p,
		                          .step = 9,
		                          .running = p == 1 ? t->running : NULL};
	}
	for (int p = 0; p < PARTS; p += t->way.together)
		net_model_grad_many(t->instance, x, t->way.together, batch + p, t->g + p, t->loss + p);
	batch[0].count = BATCH - 1;
	batch[0].running = t->running;
	net_model_eval(t->instance, x, &batch[0], &t->loss[PARTS], &correct);
}

static void expect_same(const struct trial *a, const struct trial *b, int number)
{
	cr_expect_eq(memcmp(a->loss, b->loss, sizeof a->loss), 0, "graph %d: other losses", number);
	for (int p = 0; p < PARTS; p++)
		cr_expect_eq(memcmp(a->g[p], b->g[p], a->n * sizeof **a->g), 0,
		             "graph %d, %s, fuse %d of %d: another gradient", number, b->way.machine,
		             b->way.together, b->way.fuse);
	cr_expect_eq(memcmp(a->running, b->running, a->running_floats * sizeof *a->running), 0,
	             "graph %d: other running statistics", number);
}

static void expect_near(const struct trial *a, const struct trial *b, int number)
{
	double difference = 0, size = 0;
	for (size_t i = 0; i < a->n; i++) {
		difference += pow((double)a->g[0][i] - b->g[0][i], 2);
		size += pow(a->g[0][i], 2);
	}
	cr_expect_leq(sqrt(difference / size), 1e-3, "graph %d: %s and %s differ by %g", number,
	              a->way.machine, b->way.machine, sqrt(difference / size));
}

static void try_graph(uint64_t number)
{
	struct trial t[WAYS] = {0};
	struct stream s = stream_of(number, RNG_TEST, 2, 0);
	float *pixels = mem_array(PIXELS, sizeof *pixels);
	for (size_t i = 0; i < PIXELS; i++)
		pixels[i] = 2 * stream_uniform(&s, i) - 1;
	for (int i = 0; i < WAYS; i++) {
		t[i].way = ways[i];
		trial_open(&t[i], &number);
	}
	float *x = mem_array(t[0].n, sizeof *x);
	net_model_init(t[0].instance, x);
	for (size_t i = 0; i < t[0].n; i++)
		x[i] += 0.1f * (2 * stream_uniform(&s, PIXELS + i) - 1);
	for (int i = 0; i < WAYS; i++) {
		ask(&t[i], x, pixels);
		expect_same(&t[i < FIRST_OF_CPU ? 0 : FIRST_OF_CPU], &t[i], (int)number);
	}
	expect_near(&t[0], &t[FIRST_OF_CPU], (int)number);
	for (int i = 0; i < WAYS; i++)
		trial_close(&t[i]);
	mem_free(x);
	mem_free(pixels);
}

Test(any_graph, folds_and_joins_without_another_bit)
{
	for (uint64_t number = 0; number < GRAPHS; number++)
		try_graph(number);
}
