/*
 * Additions that are part of a normalisation (models/graph/net_fold.c) give the bits that they give as nodes
 * of their own, in no more memory but for a few lines where small places do not fit as well, for every
 * network of the registry.
 */
#include <criterion/criterion.h>
#include <string.h>
#include "base/mem.h"
#include "tests/support/machines.h"
#include "tests/support/net_fixture.h"

TestSuite(fold, .timeout = 300);

/* A network on a machine, and the same on one whose normalisations cannot add. */
struct pair {
	struct net_fixture t;
	struct image_kernels image;
	struct backend be;
	struct model_env env;
	void *apart;
};

static void pair_open(struct pair *p, const struct net_suit *s, const char *machine)
{
	net_fixture_open(&p->t, s, machine, NET_BATCH);
	p->be = p->t.f.be;
	p->image = *p->be.image;
	p->image.norm_adds = false;
	p->be.image = &p->image;
	p->env = p->t.f.env;
	p->env.be = &p->be;
	p->apart = p->t.f.model->create(p->t.f.choice.state, &p->env);
	p->t.f.model->load(p->apart, p->t.f.x);
}

static void pair_close(struct pair *p)
{
	p->t.f.model->destroy(p->apart);
	net_fixture_close(&p->t);
}

static size_t layers_of(const struct pair *p, const struct model_env *env, const void *instance)
{
	struct layer_info info;
	size_t count = 0;
	while (p->t.f.model->layer(p->t.f.choice.state, env, instance, count, &info))
		count++;
	return count;
}

/* The gradient, which moves the running statistics, and an evaluation by them. */
static void expect_same(struct pair *p)
{
	const struct fixture *f = &p->t.f;
	size_t floats = p->t.running_floats, correct[2];
	float *g = mem_array(f->n, sizeof *g), *running = mem_array(floats, sizeof *running);
	struct batch batch = p->t.batch;
	double sum[2];
	if (floats > 0)
		memcpy(running, p->t.running, floats * sizeof *running);
	p->t.batch.running = floats ? p->t.running : NULL;
	batch.running = floats ? running : NULL;
	memset(f->g, 0xff, f->n * sizeof *f->g);
	double loss = f->model->grad(p->apart, f->x, &batch, g);
	cr_expect_eq(net_grad(&p->t), loss, "%s: another loss", p->t.what);
	cr_expect_eq(memcmp(f->g, g, f->n * sizeof *g), 0, "%s: another gradient", p->t.what);
	for (size_t i = 0; i < floats; i++)
		cr_expect_eq(memcmp(&p->t.running[i], &running[i], sizeof *running), 0,
		             "%s: other running statistics", p->t.what);
	f->model->eval(f->instance, f->x, &p->t.batch, &sum[0], &correct[0]);
	f->model->eval(p->apart, f->x, &batch, &sum[1], &correct[1]);
	cr_expect_eq(sum[0], sum[1], "%s: another evaluation", p->t.what);
	mem_free(g);
	mem_free(running);
}

static void try_suit(const struct net_suit *s)
{
	for (const struct row *const *machine = machines_on_host(); *machine; machine++) {
		struct pair p;
		if (s->heavy && strcmp((*machine)->name, "ref") == 0)
			continue;
		pair_open(&p, s, (*machine)->name);
		const struct fixture *f = &p.t.f;
		size_t folded = layers_of(&p, &f->env, f->instance), apart = layers_of(&p, &p.env, p.apart),
		       bytes = f->model->lane_bytes(f->choice.state, &f->env),
		       bytes_apart = f->model->lane_bytes(f->choice.state, &p.env);
		expect_same(&p);
		cr_expect_eq(folded < apart, strstr(s->row, "resnet") || strstr(s->json, "block"),
		             "%s: %zu layers, %zu with additions apart", p.t.what, folded, apart);
		cr_expect_eq(folded, layers_of(&p, &f->env, NULL), "%s: other layers before it is made",
		             p.t.what);
		cr_expect_leq(bytes, bytes_apart + bytes_apart / 500,
		              "%s: %zu bytes, %zu with additions apart", p.t.what, bytes, bytes_apart);
		pair_close(&p);
	}
}

Test(fold, additions_in_a_normalisation_have_the_bits_of_those_apart)
{
	net_each_suit(true, try_suit);
}
