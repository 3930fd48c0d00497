/*
 * Where the sign of a gradient leads astray, and error feedback does not: the three counter-examples of
 * Karimireddy et al. 2019, "Error feedback fixes SignSGD and other gradient compression schemes", section 3.
 *
 * linear       f = x / 4 with x in [-1, 1], from 0. A gradient is 4 with the probability 1/4, else -1: 1/4 in
 * the mean, and its sign is -1 more often than not. subgradient  f = e |x1 + x2| + |x1 - x2|, 0 < e < 1, from
 * (1, 1). Every subgradient here is e sign(x1 + x2) (1, 1) + sign(x1 - x2) (1, -1), sign(0) = 1: its signs
 * are (1, -1) or (-1, 1), so that x1 + x2 stays 2. squares      f = <a1, x>^2 + <a2, x>^2, a1 = (1, -1) + e
 * (1, 1), a2 = -(1, -1) + e (1, 1), from (1, 1). A gradient is twice that of one of the terms, drawn: the
 * same line.
 *
 * x of `linear` may leave its interval, where f is what it is at the end: a step back begins outside.
 */
#include <math.h>
#include <stddef.h>
#include "base/mem.h"
#include "models/model.h"

enum problem { LINEAR, SUBGRADIENT, SQUARES };

struct sign_trap {
	int problem;
	double epsilon;
};

struct instance {
	const struct backend *be;
	struct queue *queue;
	const struct sign_trap *settings;
};

static size_t sign_trap_n_params(const void *state, const struct model_env *env)
{
	(void)env;
	return ((const struct sign_trap *)state)->problem == LINEAR ? 1 : 2;
}

static bool sign_trap_tensor(const void *state, const struct model_env *env, size_t index, struct tensor *t)
{
	size_t n = sign_trap_n_params(state, env);
	*t = (struct tensor){.name = "x", .rank = 1, .dims = {(int)n}, .count = n};
	return index == 0;
}

static size_t sign_trap_lane_bytes(const void *state, const struct model_env *env)
{
	(void)state, (void)env;
	return 0;
}

static void *sign_trap_create(const void *state, const struct model_env *env)
{
	struct instance *toy = mem_alloc(sizeof *toy);
	*toy = (struct instance){.be = env->be, .queue = env->queue, .settings = state};
	return toy;
}

static void sign_trap_destroy(void *instance)
{
	mem_free(instance);
}

static void sign_trap_init(void *instance, float *x)
{
	const struct instance *toy = instance;
	bool linear = toy->settings->problem == LINEAR;
	x[0] = linear ? 0 : 1;
	if (!linear)
		x[1] = 1;
}

static double sign_of(double x)
{
	return x < 0 ? -1 : 1;
}

/* Of term i of the squares: its vector, and <a, x>. */
static double term(const struct sign_trap *s, int i, const double x[2], double a[2])
{
	double side = i == 0 ? 1 : -1;
	a[0] = side + s->epsilon;
	a[1] = -side + s->epsilon;
	return a[0] * x[0] + a[1] * x[1];
}

static double value(const struct sign_trap *s, const double x[2])
{
	double a[2];
	if (s->problem == LINEAR)
		return fmax(-1, fmin(1, x[0])) / 4;
	if (s->problem == SUBGRADIENT)
		return s->epsilon * fabs(x[0] + x[1]) + fabs(x[0] - x[1]);
	return pow(term(s, 0, x, a), 2) + pow(term(s, 1, x, a), 2);
}

/* A gradient with u drawn from [0, 1); u < 0: the mean of all. */
static void slope(const struct sign_trap *s, const double x[2], double u, double g[2])
{
	double a[2], outer = s->epsilon * sign_of(x[0] + x[1]), inner = sign_of(x[0] - x[1]);
	g[0] = g[1] = 0;
	if (s->problem == LINEAR) {
		g[0] = u < 0 ? 0.25 : u < 0.25 ? 4 : -1;
	} else if (s->problem == SUBGRADIENT) {
		g[0] = outer + inner;
		g[1] = outer - inner;
	} else {
		for (int i = 0; i < 2; i++) {
			double share = u < 0 ? 1 : (u < 0.5) == (i == 0) ? 2 : 0, dot = term(s, i, x, a);
			g[0] += share * 2 * dot * a[0];
			g[1] += share * 2 * dot * a[1];
		}
	}
}

static void place(const struct instance *toy, const float *x, double out[2])
{
	float here[2] = {0, 0};
	size_t n = sign_trap_n_params(toy->settings, NULL);
	toy->be->memory->download(toy->queue, here, x, n * sizeof *here);
	out[0] = (double)here[0];
	out[1] = (double)here[1];
}

static void put(const struct instance *toy, const double g[2], float *to)
{
	const float said[2] = {(float)g[0], (float)g[1]};
	toy->be->memory->upload(toy->queue, to, said, sign_trap_n_params(toy->settings, NULL) * sizeof *said);
	toy->be->memory->finish(toy->queue);
}

static double sign_trap_grad(void *instance, const float *x, const struct batch *batch, float *g)
{
	const struct instance *toy = instance;
	const struct stream drawn = stream_of(batch->seed, RNG_NOISE, batch->worker, batch->step);
	double at[2], along[2];
	place(toy, x, at);
	slope(toy->settings, at, (double)stream_uniform(&drawn, 0), along);
	put(toy, along, g);
	return value(toy->settings, at);
}

static void sign_trap_eval(void *instance, const float *x, const struct batch *batch, double *loss_sum,
                           size_t *correct)
{
	const struct instance *toy = instance;
	double at[2];
	(void)batch;
	place(toy, x, at);
	*loss_sum = value(toy->settings, at);
	*correct = 0;
}

static void sign_trap_exact(void *instance, const float *x, float *g)
{
	const struct instance *toy = instance;
	double at[2], along[2];
	place(toy, x, at);
	slope(toy->settings, at, -1, along);
	put(toy, along, g);
}

static const struct key sign_trap_keys[] = {
        {.name = "problem",
         .kind = KEY_CHOICE,
         .offset = offsetof(struct sign_trap, problem),
         .default_json = "\"linear\"",
         .choices = (const char *const[]){"linear", "subgradient", "squares", NULL},
         .help = "which of the three"},
        {.name = "epsilon",
         .kind = KEY_REAL,
         .offset = offsetof(struct sign_trap, epsilon),
         .default_json = "0.5",
         .lowest = 0,
         .highest = 1,
         .above = true,
         .below = true,
         .help = "e, how flat f is along the line that signs cannot take; not of linear"},
        {.name = NULL},
};

const struct model model_sign_trap = {
        .row = {.name = "sign-trap",
                .also = "ef_counterexamples, counterexample",
                .about = "one or two parameters where steps along the sign of a gradient never reach the "
                         "minimum, and error feedback does",
                .formula = "linear: f = x / 4 in [-1, 1], g = 4 with the probability 1/4, else -1; "
                           "subgradient: f = e |x1 + x2| + |x1 - x2|; squares: f = <a1, x>^2 + <a2, x>^2, "
                           "a = +-(1, -1) + e (1, 1), a term a step; both from (1, 1) (Karimireddy et al. "
                           "2019, section 3)",
                .keys = sign_trap_keys,
                .state_bytes = sizeof(struct sign_trap)},
        .n_params = sign_trap_n_params,
        .tensor = sign_trap_tensor,
        .lane_bytes = sign_trap_lane_bytes,
        .create = sign_trap_create,
        .destroy = sign_trap_destroy,
        .init = sign_trap_init,
        .grad = sign_trap_grad,
        .eval = sign_trap_eval,
        .exact = sign_trap_exact,
};
