/*
 * The schedules. A rate is computed in double from the step alone, so a resumed run sees the same rates.
 * Lengths are turned into steps (which need not be whole when they are given in epochs). Whether a length is
 * over is decided by exact arithmetic; how far it has come is a double.
 */
#include "optimizer/schedule.h"
#include <math.h>
#include <stddef.h>

#define PI         3.14159265358979323846
#define RATE_MAX   1e6
#define LENGTH_MAX EXACT_MAX

/* Every state but theory's begins so, and its table begins with RATE_KEY. */
struct constant {
	struct warmup warmup;
	double rate;
};

struct step_decay {
	struct constant base;
	int64_t every;
	double factor;
};

struct multi_step {
	struct constant base;
	struct ints at;
	double factor;
};

struct descent { /* cosine and linear */
	struct constant base;
	double lowest;
	int64_t length;
};

struct inverse_sqrt {
	struct constant base;
	double offset;
};

struct theory {
	struct warmup warmup;
	double scale;
};

/* clang-format off */
#define RATE_KEY \
	{.name = "rate", .also = "lr, learning_rate, base_lr, initial_lr, max_lr, eta", .kind = KEY_REAL, .offset = offsetof(struct constant, rate), .default_json = "0.0001", \
	 .lowest = 0, .highest = RATE_MAX, .help = "the rate at the start"}

#define WARMUP_KEYS \
	{.name = "per", .kind = KEY_CHOICE, .offset = offsetof(struct warmup, per), .default_json = "\"step\"", \
	 .choices = per_names, .help = "unit of the lengths of this schedule"}, \
	{.name = "warmup", .also = "warmup_steps, warmup_epochs, num_warmup_steps", .kind = KEY_INT, .offset = offsetof(struct warmup, warmup), .default_json = "0", \
	 .lowest = 0, .highest = LENGTH_MAX, .unit = "steps or epochs", \
	 .help = "w, length of the warm-up: there the rate is multiplied by f + (1 - f) (t + 1) / w, f = warmup_from"}, \
	{.name = "warmup_from", .kind = KEY_REAL, .offset = offsetof(struct warmup, warmup_from), .default_json = "0", \
	 .lowest = 0, .highest = 1, .help = "share of the rate that the warm-up climbs from"}, \
	{.name = NULL}
/* clang-format on */

static const char *const per_names[] = {"step", "epoch", NULL}; /* order of enum schedule_per */

/* Steps in the unit of the lengths. */
static struct ratio unit_of(const struct warmup *w, const struct schedule_env *env)
{
	return w->per == SCHEDULE_EPOCH ? env->steps_per_epoch : (struct ratio){1, 1};
}

/* A length in steps. */
static double in_steps(const struct warmup *w, const struct schedule_env *env, double length)
{
	return length * ratio_value(unit_of(w, env));
}

double schedule_rate(const struct schedule *s, const void *state, const struct schedule_env *env,
                     int64_t step)
{
	const struct warmup *w = state;
	double rate = s->rate(state, env, step), length = in_steps(w, env, (double)w->warmup);
	if (ratio_reached(step + 1, w->warmup, unit_of(w, env)))
		return rate;
	return rate * (w->warmup_from + (1 - w->warmup_from) * ((double)step + 1) / length);
}

static int check_per(const void *state, const struct schedule_env *env, bool knows_theory, struct err *e)
{
	const struct warmup *w = state;
	(void)knows_theory;
	if (w->per == SCHEDULE_EPOCH && env->steps_per_epoch.over == 0)
		return err_user(
		        e, "per: found \"epoch\", but without data there are no epochs; expected \"step\"");
	return 0;
}

static double constant_rate(const void *state, const struct schedule_env *env, int64_t step)
{
	(void)env, (void)step;
	return ((const struct constant *)state)->rate;
}

static const struct key constant_keys[] = {RATE_KEY, WARMUP_KEYS};

const struct schedule schedule_constant = {
        .row = {.name = "constant",
                .also = "constant_lr, fixed",
                .about = "the same rate at every step",
                .formula = "eta(t) = rate",
                .keys = constant_keys,
                .state_bytes = sizeof(struct constant)},
        .check = check_per,
        .rate = constant_rate,
};

static double step_rate(const void *state, const struct schedule_env *env, int64_t step)
{
	const struct step_decay *s = state;
	int64_t drops = ratio_count(step, s->every, unit_of(&s->base.warmup, env));
	return s->base.rate * pow(s->factor, (double)drops);
}

static const struct key step_keys[] = {
        RATE_KEY,
        {.name = "every",
         .also = "step_size, period",
         .kind = KEY_INT,
         .offset = offsetof(struct step_decay, every),
         .default_json = NULL,
         .lowest = 1,
         .highest = LENGTH_MAX,
         .unit = "steps or epochs",
         .help = "multiply the rate by `factor` this often"},
        {.name = "factor",
         .also = "gamma, decay, drop",
         .kind = KEY_REAL,
         .offset = offsetof(struct step_decay, factor),
         .default_json = "0.1",
         .lowest = 0,
         .above = true,
         .highest = 1,
         .help = "what the rate is multiplied by"},
        WARMUP_KEYS,
};

const struct schedule schedule_step = {
        .row = {.name = "step",
                .also = "step_lr, step_decay",
                .about = "the rate drops by a factor at regular intervals",
                .formula = "eta(t) = rate factor^floor(t / every)",
                .keys = step_keys,
                .state_bytes = sizeof(struct step_decay)},
        .check = check_per,
        .rate = step_rate,
};

static int multi_step_check(const void *state, const struct schedule_env *env, bool knows_theory,
                            struct err *e)
{
	const struct ints *at = &((const struct multi_step *)state)->at;
	for (size_t i = 1; i < at->count; i++)
		if (at->at[i] <= at->at[i - 1])
			return err_user(
			        e, "at: found %lld behind %lld, expected each value above the one before",
			        (long long)at->at[i], (long long)at->at[i - 1]);
	return check_per(state, env, knows_theory, e);
}

static double multi_step_rate(const void *state, const struct schedule_env *env, int64_t step)
{
	const struct multi_step *s = state;
	size_t passed = 0;
	while (passed < s->at.count && ratio_reached(step, s->at.at[passed], unit_of(&s->base.warmup, env)))
		passed++;
	return s->base.rate * pow(s->factor, (double)passed);
}

static const struct key multi_step_keys[] = {
        RATE_KEY,
        {.name = "at",
         .also = "milestones",
         .kind = KEY_INTS,
         .offset = offsetof(struct multi_step, at),
         .default_json = NULL,
         .lowest = 1,
         .highest = LENGTH_MAX,
         .unit = "steps or epochs",
         .help = "when the rate is multiplied by `factor`, in rising order"},
        {.name = "factor",
         .also = "gamma, decay, drop",
         .kind = KEY_REAL,
         .offset = offsetof(struct multi_step, factor),
         .default_json = "0.1",
         .lowest = 0,
         .above = true,
         .highest = 1,
         .help = "what the rate is multiplied by"},
        WARMUP_KEYS,
};

const struct schedule schedule_multi_step = {
        .row = {.name = "multi-step",
                .also = "multi_step_lr, milestones",
                .about = "the rate drops by a factor at given moments",
                .formula = "eta(t) = rate factor^(number of `at` that are <= t)",
                .keys = multi_step_keys,
                .state_bytes = sizeof(struct multi_step)},
        .check = multi_step_check,
        .rate = multi_step_rate,
};

static int descent_check(const void *state, const struct schedule_env *env, bool knows_theory, struct err *e)
{
	const struct descent *s = state;
	if (s->lowest > s->base.rate)
		return err_user(e, "lowest: found %g, expected at most the rate, %g", s->lowest,
		                s->base.rate);
	return check_per(state, env, knows_theory, e);
}

/* How far the descent has come, in [0, 1]. */
static double descent_share(const struct descent *s, const struct schedule_env *env, int64_t step)
{
	if (!s->length)
		return fmin((double)step / (double)env->steps, 1);
	if (ratio_reached(step, s->length, unit_of(&s->base.warmup, env)))
		return 1;
	return fmin((double)step / in_steps(&s->base.warmup, env, (double)s->length), 1);
}

/* The whole run in units of `per`; 0 where it is no whole number of epochs. */
static bool descent_spans(const void *state, const struct schedule_env *env, int64_t *length)
{
	const struct descent *s = state;
	struct ratio unit = unit_of(&s->base.warmup, env);
	int64_t units = ratio_count(env->steps, 1, unit);
	bool whole = ratio_reached(units, env->steps, (struct ratio){unit.under, unit.over});
	*length = whole ? units : 0;
	return s->length == 0;
}

static double cosine_rate(const void *state, const struct schedule_env *env, int64_t step)
{
	const struct descent *s = state;
	double left = 0.5 * (1 + cos(PI * descent_share(s, env, step)));
	return s->lowest + (s->base.rate - s->lowest) * left;
}

static double linear_rate(const void *state, const struct schedule_env *env, int64_t step)
{
	const struct descent *s = state;
	return s->lowest + (s->base.rate - s->lowest) * (1 - descent_share(s, env, step));
}

static const struct key descent_keys[] = {
        RATE_KEY,
        {.name = "lowest",
         .also = "eta_min, min_lr, final_lr, end_lr",
         .kind = KEY_REAL,
         .offset = offsetof(struct descent, lowest),
         .default_json = "0",
         .lowest = 0,
         .highest = RATE_MAX,
         .help = "the rate at the end of the descent and after it"},
        {.name = "length",
         .also = "t_max, total_iters",
         .kind = KEY_INT,
         .offset = offsetof(struct descent, length),
         .default_json = "0",
         .lowest = 0,
         .highest = LENGTH_MAX,
         .unit = "steps or epochs",
         .help = "T, how long the descent takes, from the run's start; 0: the whole run"},
        WARMUP_KEYS,
};

const struct schedule schedule_cosine = {
        .row = {.name = "cosine",
                .also = "cosine_annealing, cosine_annealing_lr, cosine_decay",
                .about = "half a cosine from the rate down to the lowest",
                .formula = "eta(t) = lowest + (rate - lowest) (1 + cos(pi min(t / T, 1))) / 2",
                .keys = descent_keys,
                .state_bytes = sizeof(struct descent)},
        .check = descent_check,
        .rate = cosine_rate,
        .spans = descent_spans,
};

const struct schedule schedule_linear = {
        .row = {.name = "linear",
                .also = "linear_lr, linear_decay",
                .about = "a straight line from the rate down to the lowest",
                .formula = "eta(t) = lowest + (rate - lowest) (1 - min(t / T, 1))",
                .keys = descent_keys,
                .state_bytes = sizeof(struct descent)},
        .check = descent_check,
        .rate = linear_rate,
        .spans = descent_spans,
};

static double inverse_sqrt_rate(const void *state, const struct schedule_env *env, int64_t step)
{
	const struct inverse_sqrt *s = state;
	return s->base.rate / sqrt(1 + (double)step / in_steps(&s->base.warmup, env, s->offset));
}

static const struct key inverse_sqrt_keys[] = {
        RATE_KEY,
        {.name = "offset",
         .kind = KEY_REAL,
         .offset = offsetof(struct inverse_sqrt, offset),
         .default_json = "1",
         .lowest = 0,
         .above = true,
         .highest = LENGTH_MAX,
         .unit = "steps or epochs",
         .help = "how long the rate stays near its start; at t = 3 offset it is half of it"},
        WARMUP_KEYS,
};

const struct schedule schedule_inverse_sqrt = {
        .row = {.name = "inverse-sqrt",
                .also = "inverse_square_root, inv_sqrt, rsqrt",
                .about = "the rate falls with the square root of time",
                .formula = "eta(t) = rate / sqrt(1 + t / offset)",
                .keys = inverse_sqrt_keys,
                .state_bytes = sizeof(struct inverse_sqrt)},
        .check = check_per,
        .rate = inverse_sqrt_rate,
};

static int theory_check(const void *state, const struct schedule_env *env, bool knows_theory, struct err *e)
{
	if (!knows_theory)
		return err_user(
		        e, "schedule \"theory\" needs f(x0) - f* and |L|_1, which the model does not know; "
		           "expected a model that does (\"quadratic\"), or another schedule");
	return check_per(state, env, knows_theory, e);
}

static double theory_rate(const void *state, const struct schedule_env *env, int64_t step)
{
	(void)step;
	return ((const struct theory *)state)->scale *
	       sqrt(env->f0_minus_f_star / (env->l1_l * (double)env->steps));
}

static bool theory_spans(const void *state, const struct schedule_env *env, int64_t *length)
{
	(void)state, (void)env;
	*length = 0;
	return true;
}

static const struct key theory_keys[] = {
        {.name = "scale",
         .kind = KEY_REAL,
         .offset = offsetof(struct theory, scale),
         .default_json = "1",
         .lowest = 0,
         .above = true,
         .highest = RATE_MAX,
         .help = "a factor on the theory's rate"},
        WARMUP_KEYS,
};

const struct schedule schedule_theory = {
        .row = {.name = "theory",
                .about = "the constant rate of the paper's theorems, for models that know their constants",
                .formula =
                        "eta = scale sqrt((f(x0) - f*) / (|L|_1 K)), K steps in all (Bernstein et al. 2019, "
                        "theorems 1 and 2, with scale = 1)",
                .keys = theory_keys,
                .state_bytes = sizeof(struct theory)},
        .check = theory_check,
        .rate = theory_rate,
        .spans = theory_spans,
};
