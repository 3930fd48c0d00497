#include "tests/support/net_fixture.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "base/rng.h"
#include "registry.h"

static const struct net_suit suits[] = {
        {"cnn", "\"cnn\"", 1, 16, false},
        {"resnet20", "\"resnet20\"", 3, 6, false},
        {"resnet20", "{\"kind\":\"resnet20\",\"shortcut\":\"A\"}", 1, 7, false},
        {"resnet32", "\"resnet32\"", 3, 8, true},
        {"resnet44", "\"resnet44\"", 3, 8, true},
        {"resnet56", "\"resnet56\"", 3, 8, true},
        {"resnet110", "\"resnet110\"", 3, 8, true},
        {"resnet18", "\"resnet18\"", 3, 8, true},
        {"resnet34", "\"resnet34\"", 3, 8, true},
        {"resnet50", "\"resnet50\"", 3, 8, true},
        {"alexnet", "{\"kind\":\"alexnet\",\"hidden\":16}", 3, 63, true},
        {"vgg11", "{\"kind\":\"vgg11\",\"hidden\":16}", 3, 32, true},
        {"sequential", "\"sequential\"", 2, 3, false},
        {"sequential",
         "{\"kind\":\"sequential\",\"layers\":[{\"kind\":\"conv\",\"channels\":5,\"kernel\":3,\"padding\":1},"
         "\"tanh\","
         "\"norm\",\"relu\",{\"kind\":\"max-pool\",\"kernel\":3,\"stride\":2,\"padding\":1},{\"kind\":"
         "\"block\",\"channels\":6,"
         "\"stride\":2},{\"kind\":\"mean-pool\",\"kernel\":2},{\"kind\":\"dropout\",\"rate\":0.25},"
         "\"flatten\",{\"kind\":"
         "\"linear\",\"width\":7},\"relu\"]}",
         3, 9, false},
        {"sequential",
         "{\"kind\":\"sequential\",\"layers\":[{\"kind\":\"conv\",\"channels\":4,\"kernel\":2,\"groups\":2},"
         "\"relu\","
         "{\"kind\":\"linear\",\"width\":9},\"tanh\",{\"kind\":\"conv\",\"channels\":3,\"kernel\":1},"
         "\"norm\",\"global-mean\"]}",
         2, 5, false},
        {"sequential", /* one value a sample and channel */
         "{\"kind\":\"sequential\",\"layers\":[{\"kind\":\"conv\",\"channels\":8,\"kernel\":3},\"relu\","
         "\"global-mean\","
         "\"norm\"]}",
         2, 5, false},
};

enum { N_SUITS = sizeof suits / sizeof *suits };

struct model_env net_suit_env(const struct net_suit *s, int batch)
{
	return (struct model_env){.data = {.n_train = 100,
	                                   .n_test = 10,
	                                   .channels = s->channels,
	                                   .height = s->side,
	                                   .width = s->side,
	                                   .n_classes = NET_CLASSES},
	                          .batch = batch,
	                          .workers = 3,
	                          .seed = 1};
}

/* An instance with everything but a batch. */
static void net_fixture_make(struct net_fixture *t, const struct net_suit *s, const char *backend,
                             const struct model_env *env)
{
	*t = (struct net_fixture){.pixels = NULL};
	fixture_open(&t->f, s->json, backend, env);
	snprintf(t->what, sizeof t->what, "%s on %s: %.100s", s->row, backend, s->json);
	t->running_floats = t->f.model->running_floats(t->f.choice.state, &t->f.env);
	if (t->running_floats > 0) {
		t->running = mem_array(t->running_floats, sizeof *t->running);
		t->f.model->init_running(t->f.instance, t->running);
	}
	t->f.model->load(t->f.instance, t->f.x);
}

void net_fixture_open(struct net_fixture *t, const struct net_suit *s, const char *backend, int batch)
{
	struct model_env env = net_suit_env(s, batch);
	net_fixture_make(t, s, backend, &env);
	size_t numbers = NET_SAMPLES * shape_features(&env.data);
	t->pixels = mem_array(numbers, sizeof *t->pixels);
	struct stream draw = stream_of(7, RNG_TEST, 0, 0);
	for (size_t i = 0; i < numbers; i++) {
		float z[4];
		stream_normal4(&draw, i / 4, z);
		t->pixels[i] = z[i % 4];
	}
	for (int i = 0; i < NET_SAMPLES; i++)
		t->label[i] = (3 * i + 1) % NET_CLASSES;
	t->batch = (struct batch){
	        .count = batch, .x = t->pixels, .label = t->label, .seed = 1, .worker = 2, .step = 9};
}

void net_fixture_close(struct net_fixture *t)
{
	fixture_close(&t->f);
	mem_free(t->pixels);
	mem_free(t->running);
}

double net_grad(struct net_fixture *t)
{
	return t->f.model->grad(t->f.instance, t->f.x, &t->batch, t->f.g);
}

double net_eval(struct net_fixture *t, int first, int count, size_t *correct)
{
	struct batch b = t->batch;
	double sum;
	b.count = count;
	b.x = t->pixels + (size_t)first * shape_features(&t->f.env.data);
	b.label = t->label + first;
	b.running = t->running;
	t->f.model->eval(t->f.instance, t->f.x, &b, &sum, correct);
	return sum;
}

/* Does the row read images? (The others are tests/models/test_qrnn.c's.) */
static bool reads_images(const struct model *m)
{
	const struct net_suit any = {m->row.name, NULL, 3, 32, true};
	struct model_env env = net_suit_env(&any, NET_BATCH);
	struct fixture f;
	struct err e = {0};
	char json[80];
	snprintf(json, sizeof json, "\"%s\"", m->row.name);
	fixture_settings(&f, json, &env);
	bool yes = m->check(f.choice.state, &f.env, &e) == 0 || !strstr(e.text, "token");
	fixture_close(&f);
	return yes;
}

void net_each_suit(bool heavy, void (*try)(const struct net_suit *s))
{
	int networks = 0;
	for (const struct row *const *r = family_models.rows; *r; r++) {
		const struct model *m = (const struct model *)*r;
		char json[80];
		snprintf(json, sizeof json, "\"%s\"", m->row.name);
		const struct net_suit usual = {m->row.name, json, 3, 32, false};
		bool suited = false;
		if (!m->build || !reads_images(m))
			continue;
		networks++;
		for (size_t i = 0; i < N_SUITS; i++) {
			if (strcmp(suits[i].row, m->row.name) != 0)
				continue;
			suited = true;
			if (heavy || !suits[i].heavy)
				try(&suits[i]);
		}
		if (!suited)
			try(&usual);
	}
	cr_assert_geq(networks, 5);
}
