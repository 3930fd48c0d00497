/*
 * Workers with different optima (Chen et al. 2020, "Distributed training with heterogeneous data: bridging
 * median- and mean-based algorithms"): worker m descends f_m(x) = (x - a_m)^2 / 2. The mean of their
 * gradients leads to the mean of a, where f is lowest; the vote leads to the median of a.
 *
 * The workers' gradients are no unbiased estimates of one gradient, so the theory of Bernstein et al. 2019
 * does not apply and this model does not offer its constants.
 */
#include <stddef.h>
#include "base/mem.h"
#include "models/model.h"

struct median_toy {
	struct reals a;
	double start, noise;
};

struct instance {
	const struct backend *be;
	struct queue *queue;
	const struct median_toy *settings;
	double mean;  /* of a */
	float *slope; /* of the present batch, on the machine */
};

static int median_toy_check(const void *state, const struct model_env *env, struct err *e)
{
	const struct median_toy *toy = state;
	if (toy->a.count == (size_t)env->workers)
		return 0;
	return err_user(e, "a: found %zu values, expected one for each of the %d workers", toy->a.count,
	                env->workers);
}

static size_t median_toy_n_params(const void *state, const struct model_env *env)
{
	(void)state, (void)env;
	return 1;
}

static bool median_toy_tensor(const void *state, const struct model_env *env, size_t index, struct tensor *t)
{
	(void)state, (void)env;
	*t = (struct tensor){.name = "x", .rank = 1, .dims = {1}, .count = 1};
	return index == 0;
}

static size_t median_toy_lane_bytes(const void *state, const struct model_env *env)
{
	(void)state, (void)env;
	return sizeof(float);
}

static void *median_toy_create(const void *state, const struct model_env *env)
{
	struct instance *toy = mem_alloc(sizeof *toy);
	toy->be = env->be;
	toy->queue = env->queue;
	toy->settings = state;
	toy->slope = env->be->memory->alloc(sizeof *toy->slope, "slope");
	for (size_t m = 0; m < toy->settings->a.count; m++)
		toy->mean += toy->settings->a.at[m] / (double)toy->settings->a.count;
	return toy;
}

static void median_toy_destroy(void *instance)
{
	struct instance *toy = instance;
	toy->be->memory->release(toy->slope);
	mem_free(toy);
}

/* The only coordinate. */
static double place(const struct instance *toy, const float *x)
{
	float here;
	toy->be->memory->download(toy->queue, &here, x, sizeof here);
	return (double)here;
}

static void median_toy_init(void *instance, float *x)
{
	x[0] = (float)((const struct instance *)instance)->settings->start;
}

static double median_toy_grad(void *instance, const float *x, const struct batch *batch, float *g)
{
	const struct instance *toy = instance;
	const struct median_toy *s = toy->settings;
	if (batch->worker >= s->a.count)
		BUG("a worker without a place");
	double away = place(toy, x) - s->a.at[batch->worker];
	float slope = (float)away;
	struct stream noise = stream_of(batch->seed, RNG_NOISE, batch->worker, batch->step);
	toy->be->memory->upload(toy->queue, toy->slope, &slope, sizeof slope);
	toy->be->normal(toy->queue, 1, (float)s->noise, &noise, 0, toy->slope, g);
	toy->be->memory->finish(toy->queue);
	return 0.5 * away * away;
}

static void median_toy_eval(void *instance, const float *x, const struct batch *batch, double *loss_sum,
                            size_t *correct)
{
	const struct instance *toy = instance;
	const struct reals *a = &toy->settings->a;
	double sum = 0, x0 = place(toy, x);
	(void)batch;
	for (size_t m = 0; m < a->count; m++)
		sum += 0.5 * (x0 - a->at[m]) * (x0 - a->at[m]);
	*loss_sum = sum / (double)a->count;
	*correct = 0;
}

static void median_toy_exact(void *instance, const float *x, float *g)
{
	const struct instance *toy = instance;
	float slope = (float)(place(toy, x) - toy->mean);
	toy->be->memory->upload(toy->queue, g, &slope, sizeof slope);
	toy->be->memory->finish(toy->queue);
}

static const struct key median_toy_keys[] = {
        {.name = "a",
         .kind = KEY_REALS,
         .offset = offsetof(struct median_toy, a),
         .default_json = "[1, 2, 10]",
         .lowest = -1e15,
         .highest = 1e15,
         .help = "the optimum of each worker, one value a worker"},
        {.name = "start",
         .kind = KEY_REAL,
         .offset = offsetof(struct median_toy, start),
         .default_json = "0.0005",
         .lowest = -1e15,
         .highest = 1e15,
         .help = "x0"},
        {.name = "noise",
         .kind = KEY_REAL,
         .offset = offsetof(struct median_toy, noise),
         .default_json = "0",
         .lowest = 0,
         .highest = 1e15,
         .help = "b, deviation of the normal noise in each worker's gradient, for any batch"},
        {.name = NULL},
};

const struct model model_median_toy = {
        .row = {.name = "median-toy",
                .about =
                        "one parameter with another optimum for each worker: the mean of gradients finds the "
                        "mean of the optima, the vote finds the median",
                .formula = "f(x) = mean_m (x - a_m)^2 / 2, g_m = x - a_m + b N(0, 1) (Chen et al. 2020)",
                .keys = median_toy_keys,
                .state_bytes = sizeof(struct median_toy)},
        .check = median_toy_check,
        .n_params = median_toy_n_params,
        .tensor = median_toy_tensor,
        .lane_bytes = median_toy_lane_bytes,
        .create = median_toy_create,
        .destroy = median_toy_destroy,
        .init = median_toy_init,
        .grad = median_toy_grad,
        .eval = median_toy_eval,
        .exact = median_toy_exact,
};
