/*
 * The toy of Bernstein et al. 2019, figure 1, with any curvature: f(x) = 1/2 sum_i L_i x_i^2.
 *
 * Its stochastic gradient is L x plus normal noise, so every constant of the theory is known: f* = 0, the
 * curvature is the vector L, and sigma_i is the noise of one sample. The mean over a batch of B samples is
 * drawn directly, as one normal number of deviation sigma / sqrt(B). The loss that grad() returns is f(x)
 * itself, without noise.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include "base/mem.h"
#include "models/model.h"

/* Steps of the stream RNG_INIT, for what is drawn once when the run begins. */
enum { DRAW_START = 0, DRAW_CURVATURE = 1 };

struct quadratic {
	int64_t dimensions;
	struct reals curvature, start_at;
	double spread, noise, start;
};

struct instance {
	const struct backend *be;
	struct queue *queue;
	const struct quadratic *settings;
	size_t n;
	uint64_t seed;
	float noise;        /* deviation of a batch's mean, per coordinate */
	float *curvature;   /* [n]; NULL: all ones */
	const float *known; /* [n] the same, on the host */
	float *seen;        /* [n] where value() sees x; NULL: it needs no place of its own */
	double *sum;        /* a number on the machine */
	float *slope;       /* [n] L x; NULL if x itself is the slope, or g can hold it */
};

static bool all_ones(const struct quadratic *q)
{
	return q->curvature.count == 0 && q->spread == 1;
}

static bool needs_slope(const struct quadratic *q)
{
	return !all_ones(q) && q->noise > 0;
}

/* A list holds no value, one for all coordinates, or one for each. */
static bool list_fits(const struct reals *list, int64_t n)
{
	return list->count <= 1 || list->count == (size_t)n;
}

static double list_value(const struct reals *list, size_t i, double otherwise)
{
	return list->count == 0 ? otherwise : list->at[list->count == 1 ? 0 : i];
}

static int quadratic_check(const void *state, const struct model_env *env, struct err *e)
{
	const struct quadratic *q = state;
	(void)env;
	if (q->curvature.count > 0 && q->spread > 1)
		return err_user(e, "curvature and spread are both given; expected the values of L in "
		                   "`curvature`, or `spread` to draw them");
	if (!list_fits(&q->curvature, q->dimensions))
		return err_user(e,
		                "curvature: found %zu values, expected none, 1, or one for each of the %lld "
		                "dimensions",
		                q->curvature.count, (long long)q->dimensions);
	if (!list_fits(&q->start_at, q->dimensions))
		return err_user(e,
		                "start_at: found %zu values, expected none, 1, or one for each of the %lld "
		                "dimensions",
		                q->start_at.count, (long long)q->dimensions);
	return 0;
}

static size_t quadratic_n_params(const void *state, const struct model_env *env)
{
	(void)env;
	return (size_t)((const struct quadratic *)state)->dimensions;
}

static bool quadratic_tensor(const void *state, const struct model_env *env, size_t index, struct tensor *t)
{
	size_t n = quadratic_n_params(state, env);
	if (index > 0)
		return false;
	*t = (struct tensor){.name = "x", .rank = 1, .dims = {n}, .count = n};
	return true;
}

static size_t quadratic_lane_bytes(const void *state, const struct model_env *env)
{
	size_t arrays = (size_t)!all_ones(state) + (size_t)needs_slope(state);
	return arrays * quadratic_n_params(state, env) * sizeof(float) + sizeof(double);
}

/* L_i: as given, or log-uniform in [1, spread]. */
static void fill_curvature(const struct instance *q, float *out)
{
	struct stream draw = stream_of(q->seed, RNG_INIT, 0, DRAW_CURVATURE);
	double range = log(q->settings->spread);
	for (size_t i = 0; i < q->n; i++) {
		double drawn = range > 0 ? exp(range * (double)stream_uniform(&draw, i)) : 1;
		out[i] = (float)list_value(&q->settings->curvature, i, drawn);
	}
}

static void *quadratic_create(const void *state, const struct model_env *env)
{
	struct instance *q = mem_alloc(sizeof *q);
	q->be = env->be;
	q->queue = env->queue;
	q->settings = state;
	q->n = quadratic_n_params(state, env);
	q->seed = env->seed;
	q->noise = (float)(q->settings->noise / sqrt(env->batch));
	if (!all_ones(state)) {
		q->curvature = q->be->memory->alloc(q->n * sizeof(float), "curvature");
		float *known = memory_mirror(q->be->memory, q->curvature, q->n * sizeof(float));
		fill_curvature(q, known);
		q->be->memory->upload(q->queue, q->curvature, known, q->n * sizeof(float));
		q->known = known;
		q->seen = memory_scratch(q->be->memory, q->n * sizeof(float));
	}
	q->sum = q->be->memory->alloc(sizeof *q->sum, "sum");
	if (needs_slope(state))
		q->slope = q->be->memory->alloc(q->n * sizeof(float), "slope");
	return q;
}

static void quadratic_destroy(void *instance)
{
	struct instance *q = instance;
	if (q->curvature)
		q->be->memory->release(q->curvature);
	if (q->slope)
		q->be->memory->release(q->slope);
	memory_mirror_free(q->be->memory, (void *)(uintptr_t)q->known);
	mem_free(q->seen);
	q->be->memory->release(q->sum);
	mem_free(q);
}

static void quadratic_init(void *instance, float *x)
{
	struct instance *q = instance;
	struct stream draw = stream_of(q->seed, RNG_INIT, 0, DRAW_START);
	float normal[4];
	for (size_t i = 0; i < q->n; i++) {
		if (i % 4 == 0)
			stream_normal4(&draw, i / 4, normal);
		x[i] = (float)(list_value(&q->settings->start_at, i, 0) +
		               q->settings->start * (double)normal[i % 4]);
	}
}

static double fetch(const struct instance *q)
{
	return memory_number(q->be->memory, q->queue, q->sum);
}

/* x'x */
static double square(const struct instance *q, const float *x)
{
	q->be->sum_square(q->queue, q->n, x, q->sum);
	return fetch(q);
}

/* g = L x; returns f(x) = 1/2 x'L x. */
static double slope(const struct instance *q, const float *x, float *g)
{
	if (q->curvature) {
		q->be->multiply(q->queue, q->n, q->curvature, x, g);
		q->be->dot(q->queue, q->n, x, g, q->sum);
		return 0.5 * fetch(q);
	}
	q->be->scale(q->queue, q->n, 1, x, g);
	return 0.5 * square(q, x);
}

static double quadratic_grad(void *instance, const float *x, const struct batch *batch, float *g)
{
	struct instance *q = instance;
	struct stream noise = stream_of(batch->seed, RNG_NOISE, batch->worker, batch->step);
	const float *mean = x;
	double loss;
	if (q->noise == 0)
		return slope(q, x, g);
	if (q->slope) {
		loss = slope(q, x, q->slope);
		mean = q->slope;
	} else {
		loss = 0.5 * square(q, x);
	}
	q->be->normal(q->queue, q->n, q->noise, &noise, 0, mean, g);
	q->be->memory->finish(q->queue);
	return loss;
}

static void quadratic_exact(void *instance, const float *x, float *g)
{
	slope(instance, x, g);
}

static double value(const struct instance *q, const float *x)
{
	double sum = 0;
	if (!q->curvature)
		return 0.5 * square(q, x);
	x = memory_see(q->be->memory, q->queue, x, q->n * sizeof *x, q->seen);
	for (size_t i = 0; i < q->n; i++)
		sum += (double)q->known[i] * (double)x[i] * (double)x[i];
	return 0.5 * sum;
}

static void quadratic_eval(void *instance, const float *x, const struct batch *batch, double *loss_sum,
                           size_t *correct)
{
	(void)batch;
	*loss_sum = value(instance, x);
	*correct = 0;
}

static void quadratic_theory(void *instance, const float *x0, struct smoothness *out)
{
	struct instance *q = instance;
	out->f0 = value(q, x0);
	out->f_star = 0;
	out->l1_l = (double)q->n;
	if (q->curvature) {
		q->be->sum_abs(q->queue, q->n, q->curvature, q->sum);
		out->l1_l = fetch(q);
	}
	out->l1_sigma = (double)q->n * q->settings->noise;
}

static const struct key quadratic_keys[] = {
        {.name = "dimensions",
         .kind = KEY_INT,
         .offset = offsetof(struct quadratic, dimensions),
         .default_json = "1000",
         .lowest = 1,
         .highest = 1e9,
         .help = "n, coordinates of x"},
        {.name = "curvature",
         .kind = KEY_REALS,
         .offset = offsetof(struct quadratic, curvature),
         .default_json = "[]",
         .lowest = 0,
         .above = true,
         .highest = 1e30,
         .help = "L: one value for each dimension, or one for all; empty: all ones, or as `spread` says"},
        {.name = "spread",
         .kind = KEY_REAL,
         .offset = offsetof(struct quadratic, spread),
         .default_json = "1",
         .lowest = 1,
         .highest = 1e30,
         .help = "largest L over smallest: L is drawn log-uniform in [1, spread] from the seed"},
        {.name = "noise",
         .kind = KEY_REAL,
         .offset = offsetof(struct quadratic, noise),
         .default_json = "1",
         .lowest = 0,
         .highest = 1e30,
         .help = "sigma, deviation of each component of one sample's gradient; a batch of B has "
                 "sigma / sqrt(B)"},
        {.name = "start",
         .kind = KEY_REAL,
         .offset = offsetof(struct quadratic, start),
         .default_json = "1",
         .lowest = 0,
         .highest = 1e15,
         .help = "deviation of the normal numbers in x0 = start_at + start N(0, 1)"},
        {.name = "start_at",
         .kind = KEY_REALS,
         .offset = offsetof(struct quadratic, start_at),
         .default_json = "[]",
         .lowest = -1e15,
         .highest = 1e15,
         .help = "centre of the starting point: one value for each dimension, or one for all; empty: 0"},
        {.name = NULL},
};

const struct model model_quadratic = {
        .row = {.name = "quadratic",
                .about = "a quadratic bowl with normal noise on every component of the gradient",
                .formula = "f(x) = 1/2 sum_i L_i x_i^2, g_i = L_i x_i + sigma / sqrt(B) N(0, 1); f* = 0 "
                           "(Bernstein et al. 2019, figure 1: L = 1, sigma = 1, 1000 dimensions)",
                .keys = quadratic_keys,
                .state_bytes = sizeof(struct quadratic)},
        .check = quadratic_check,
        .n_params = quadratic_n_params,
        .tensor = quadratic_tensor,
        .lane_bytes = quadratic_lane_bytes,
        .create = quadratic_create,
        .destroy = quadratic_destroy,
        .init = quadratic_init,
        .grad = quadratic_grad,
        .eval = quadratic_eval,
        .exact = quadratic_exact,
        .theory = quadratic_theory,
};
