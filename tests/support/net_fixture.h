/* Networks at work: a model of the registry on small images, with batches and running statistics. */
#ifndef SIGNSGD_TESTS_SUPPORT_NET_FIXTURE_H
#define SIGNSGD_TESTS_SUPPORT_NET_FIXTURE_H

#include "tests/support/model_fixture.h"

/* What a row is tried on: settings and images that are small enough to be quick. */
struct net_suit {
	const char *row, *json;
	int channels, side;
	bool heavy; /* millions of parameters: tried on cpu, and once against ref */
};

enum { NET_CLASSES = 4, NET_BATCH = 5, NET_SAMPLES = 16 };

struct net_fixture {
	struct fixture f;
	char what[160];
	float *pixels;  /* [NET_SAMPLES][features] */
	float *running; /* [running_floats]; NULL: none */
	size_t running_floats;
	int32_t label[NET_SAMPLES];
	struct batch batch;
};

/* Data of a suit, for three workers. */
struct model_env net_suit_env(const struct net_suit *s, int batch);

/* An instance and all that it needs, with a batch of normal numbers and labels in turn. net_fixture_close()
 * it. */
void net_fixture_open(struct net_fixture *t, const struct net_suit *s, const char *backend, int batch);

void net_fixture_close(struct net_fixture *t);

/* The loss of the batch at t->f.x; its gradient is in t->f.g. */
double net_grad(struct net_fixture *t);

/* Sum of losses over `count` samples from number `first` on. */
double net_eval(struct net_fixture *t, int first, int count, size_t *correct);

/* Call `try` for every network of the registry in every suit it has; with 32 x 32 images where it has none.
 */
void net_each_suit(bool heavy, void (*try)(const struct net_suit *s));

#endif
