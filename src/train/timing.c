/* Steps timed on made-up samples: see train/timing.h. */
#include "train/timing.h"
#include <math.h>
#include <string.h>
#include "base/clock.h"
#include "data/dataset.h"
#include "registry.h"
#include "train/trainer.h"

enum { STEPS_MOST = 5, WINDOWS = 8 };

static const double SLOW_S = 3, ENOUGH_S = 0.1; /* a first step that is timed by itself; time for others */
static const double FORWARD_SHARE = 1.0 / 3;    /* of forward and backward together, in operations */

/* --- samples ------------------------------------------------------------------------------------------ */

struct made_up {
	struct data_keys keys; /* stands first in the state of every row with samples */
	struct data_shape shape;
};

static int no_shape(const void *state, const struct data_env *env, struct data_shape *out, struct err *e)
{
	(void)env, (void)e;
	*out = ((const struct made_up *)state)->shape;
	return 0;
}

/* Pixels and tokens in turn: what they are changes no time. */
static void fill(const struct dataset *d, uint8_t *pixels, uint16_t *labels, size_t samples)
{
	size_t bytes = samples * shape_features(&d->shape);
	for (size_t i = 0; i < bytes; i++)
		pixels[i] = (uint8_t)(i * 37 % 251);
	for (size_t i = 0; i < samples; i++)
		labels[i] = (uint16_t)(i % (size_t)d->shape.n_classes);
}

static int32_t *tokens(const struct data_shape *shape, size_t count)
{
	int32_t *out = mem_alloc(count * sizeof *out);
	for (size_t i = 0; i < count; i++)
		out[i] = (int32_t)(i * 37 % (size_t)shape->n_classes);
	return out;
}

static int load(const void *state, const struct data_env *env, struct dataset *out, struct err *e)
{
	const struct data_shape *shape = &((const struct made_up *)state)->shape;
	(void)env, (void)e;
	*out = (struct dataset){.shape = *shape};
	for (int c = 0; c < CHANNELS_MAX; c++)
		out->std[c] = 1;
	if (shape->window > 0) {
		out->train_tokens = tokens(shape, shape->n_train);
		out->test_tokens = tokens(shape, shape->n_test);
		return 0;
	}
	dataset_alloc(out);
	fill(out, out->train_pixels, out->train_labels, shape->n_train);
	fill(out, out->test_pixels, out->test_labels, shape->n_test);
	return 0;
}

static const struct data_source made_up_source = {
        .row = {.name = "made up", .about = "samples of the right size"}, .shape = no_shape, .load = load};

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The same run with samples for a step and a little evaluation. */
static void make_up(const struct settings *s, int lanes, struct settings *out, struct made_up *data)
{
	size_t unit = s->shape.window > 0 ? (size_t)s->shape.window * WINDOWS : 1,
	       batch = (size_t)s->batch.most;
	*out = *s;
	out->record.agreement = out->record.margin = out->record.norms = out->record.sign_failure = 0;
	out->record.snapshots = out->record.snr = out->record.l1_l2 = out->record.weights = 0;
	out->record.kappa = out->record.certificate = 0;
	memset(&out->record.noise, 0, sizeof out->record.noise);
	if (s->shape.n_train == 0)
		return;
	out->shape.n_train = least(s->shape.n_train, (size_t)s->workers * batch * unit);
	out->shape.n_test = least(s->shape.n_test, (size_t)lanes * batch * unit);
	out->shape.n_validation = 0;
	out->eval.train = 0;
	*data = (struct made_up){.shape = out->shape};
	out->data = (struct choice){.row = &made_up_source.row, .state = data};
	out->partition = (struct choice){
	        .row = family_find(&family_partitions, s->shape.window > 0 ? "shards" : "iid")};
}

/* --- time --------------------------------------------------------------------------------------------- */

static int step(struct trainer *t, double *seconds, struct err *e)
{
	struct step_row row;
	double begin = clock_s();
	if (trainer_step(t, &row, NULL, e) != TRAINER_DID)
		return e->code ? -1 : err_world(e, "a step could not be done");
	*seconds = clock_s() - begin;
	return 0;
}

/* All samples of an evaluation over those that are there. */
static double times_larger(const struct settings *s, const struct settings *made)
{
	size_t train = least((size_t)s->eval.train, s->shape.n_train);
	double all = (double)(s->shape.n_test + s->shape.n_validation + train);
	return made->shape.n_test > 0 ? all / (double)made->shape.n_test : 1;
}

static int measure(struct trainer *t, const struct settings *s, const struct settings *made,
                   struct timing *out, struct err *e)
{
	struct eval_row row;
	double first = 0, one = 0, all = 0;
	int n = 0;
	if (step(t, &first, e))
		return -1;
	if (first > SLOW_S) {
		double samples = times_larger(s, made) * (double)made->shape.n_test;
		*out = (struct timing){.step_s = first,
		                       .eval_s = first * FORWARD_SHARE * samples / (double)s->batch.all};
		return 0;
	}
	for (; n < STEPS_MOST && (n == 0 || all + one < ENOUGH_S); n++) {
		if (step(t, &one, e))
			return -1;
		all += one;
	}
	double begin = clock_s();
	if (trainer_eval(t, &row, e))
		return -1;
	*out = (struct timing){.step_s = all / n, .eval_s = (clock_s() - begin) * times_larger(s, made)};
	return 0;
}

int timing_measure(const struct settings *s, struct pool *pool, struct timing *out, struct err *e)
{
	struct settings made;
	struct made_up data;
	make_up(s, pool_lanes(pool), &made, &data);
	struct trainer *t = trainer_open(&made, pool, NULL, e);
	int rc = t ? measure(t, s, &made, out, e) : -1;
	trainer_close(t);
	return rc;
}

const char *timing_shape(struct arena *a, const struct settings *s)
{
	static const char *const aside[] = {"name", "seed",     "data_seed", "steps",        "epochs",
	                                    "lr",   "data",     "partition", "record",       "checkpoint",
	                                    "out",  "data_dir", "init",      "weight_decay", "eval"};
	struct err never = {0};
	struct buf b = {0};
	struct json *all = json_read_text(a, "settings", s->resolved, strlen(s->resolved), &never);
	if (!all)
		return s->resolved;
	for (size_t i = 0; i < sizeof aside / sizeof *aside; i++)
		json_remove(all, aside[i]);
	json_write(&b, all);
	const char *text = arena_format(a, "%s %dx%dx%d %d %d %zu %zu %zu %lld", b.text, s->shape.channels,
	                                s->shape.height, s->shape.width, s->shape.window, s->shape.n_classes,
	                                s->shape.n_train, s->shape.n_test, s->shape.n_validation,
	                                (long long)s->eval.train);
	buf_clear(&b);
	return text;
}
