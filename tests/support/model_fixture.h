/* A model at work: settings from JSON, a backend, an instance, and vectors of its size. */
#ifndef SIGNSGD_TESTS_SUPPORT_MODEL_FIXTURE_H
#define SIGNSGD_TESTS_SUPPORT_MODEL_FIXTURE_H

#include "backend/backend.h"
#include "models/model.h"

/* A sample has 2 x 3 pixels and one of 4 classes; 3 workers, batches of 5. */
enum { FIX_FEATURES = 6, FIX_CLASSES = 4, FIX_BATCH = 5, FIX_WORKERS = 3 };

extern const struct model_env fixture_env;

struct fixture {
	struct arena arena;
	struct choice choice;
	const struct model *model;
	struct backend be;
	struct model_env env;
	void *instance;
	size_t n;
	float *x, *g; /* [n] */
};

extern size_t fixture_alloc_bytes; /* taken from the backend since the last fixture_open() */

/* Settings of a model from its JSON value, without an instance. fixture_close() it. */
void fixture_settings(struct fixture *f, const char *json, const struct model_env *env);

/* The same with an instance on the backend of that name, and x at the starting point. */
void fixture_open(struct fixture *f, const char *json, const char *backend, const struct model_env *env);

/* After either. */
void fixture_close(struct fixture *f);

/* The mean loss per sample (f, without data) at f->x. */
double fixture_loss(struct fixture *f, const struct batch *batch);

/* Is what check() says about these settings a user's error whose sentence contains `expected`? */
void fixture_refuses(const char *json, const char *expected);

#endif
