/*
 * Attack `mimic`: all colluders copy one honest worker, so that the answer leans towards its data. Nothing of
 * what they send is out of the ordinary.
 *
 * The memory of `auto` is z [n], the running mean [n], and the number of steps that are in them.
 */
#include <math.h>
#include <string.h>
#include "adversary/crowd.h"

enum { TARGET_AUTO = -1 };

/* Rounds of `auto`: how far its warm-up is; what z becomes. */
enum { ROUND_BEGIN, ROUND_PROJECT, ROUND_TURN, ROUNDS };

/* Numbers of a plan. From COEFFICIENT on: <g_i - mean, z> of each honest worker. */
enum { TARGET, DONE, KEEP, TURN, LEARNS, COEFFICIENT };

/* Sums of ROUND_TURN: of w = sum_i <g_i - mean, z> (g_i - mean), and of z. Behind them <g_i, w> and <g_i, z>.
 */
enum { W_W, W_Z, Z_Z, PRODUCTS };

struct mimic {
	int64_t target; /* among the honest workers; TARGET_AUTO */
	int64_t warmup;
};

static bool is_auto(const void *state)
{
	return ((const struct mimic *)state)->target == TARGET_AUTO;
}

static int mimic_check(const void *state, const struct crowd_terms *terms, struct err *e)
{
	const struct mimic *s = state;
	int honest = terms->workers - terms->byzantine;
	if (s->target < honest)
		return 0;
	return err_user(e, "found \"target\": %lld, and the run has %d honest worker%s; expected %s",
	                (long long)s->target, honest, honest == 1 ? "" : "s",
	                honest == 1 ? "0" : "a number below that, or \"auto\"");
}

static size_t mimic_memory_floats(const void *state, size_t n)
{
	return is_auto(state) ? 2 * n + 1 : 0;
}

static size_t mimic_sums(const void *state, int round, int h)
{
	if (!is_auto(state) || round == ROUND_BEGIN)
		return 0;
	return round == ROUND_PROJECT ? (size_t)h : PRODUCTS + 2 * (size_t)h;
}

static void see_memory(const struct crowd_view *view, size_t at, size_t count, double *x)
{
	float scratch[CROWD_CHUNK];
	const float *seen =
	        memory_see(view->be->memory, view->queue, view->memory + at, count * sizeof *seen, scratch);
	for (size_t i = 0; i < count; i++)
		x[i] = seen[i];
}

/* z: what is remembered, at first normal numbers, number i for coordinate i. */
static void see_z(const struct crowd_view *view, size_t at, size_t count, double *z)
{
	float normal[4];
	if (view->numbers[DONE] > 0) {
		see_memory(view, at, count, z);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (i % 4 == 0)
			stream_normal4(&view->stream, (at + i) / 4, normal);
		z[i] = normal[i % 4];
	}
}

/* The running mean with this step in it. */
static void see_mean(const struct crowd_view *view, size_t at, size_t count, double *mean)
{
	double before[CROWD_CHUNK], done = view->numbers[DONE];
	crowd_mean(view, at, count, mean);
	see_memory(view, view->n + at, count, before);
	for (size_t i = 0; i < count; i++)
		mean[i] = done / (1 + done) * before[i] + mean[i] / (1 + done);
}

/* to += factor (g_k - mean) */
static void add_difference(const struct crowd_view *view, int k, size_t at, size_t count, const double *mean,
                           double factor, double *to)
{
	double g[CROWD_CHUNK];
	crowd_read(view, k, at, count, g);
	for (size_t i = 0; i < count; i++)
		to[i] += factor * (g[i] - mean[i]);
}

static void turned(const struct crowd_view *view, size_t at, size_t count, double *w)
{
	double mean[CROWD_CHUNK];
	see_mean(view, at, count, mean);
	for (size_t i = 0; i < count; i++)
		w[i] = 0;
	for (int k = 0; k < view->h; k++)
		add_difference(view, k, at, count, mean, view->numbers[COEFFICIENT + k], w);
}

static void project(const struct crowd_view *view, size_t at, size_t count, double *sums)
{
	double mean[CROWD_CHUNK], z[CROWD_CHUNK];
	see_mean(view, at, count, mean);
	see_z(view, at, count, z);
	for (int k = 0; k < view->h; k++) {
		double difference[CROWD_CHUNK] = {0};
		add_difference(view, k, at, count, mean, 1, difference);
		sums[k] += crowd_dot(count, difference, z);
	}
}

static void turn(const struct crowd_view *view, size_t at, size_t count, double *sums)
{
	double w[CROWD_CHUNK] = {0}, z[CROWD_CHUNK], g[CROWD_CHUNK];
	double *products = sums + PRODUCTS;
	see_z(view, at, count, z);
	if (view->numbers[LEARNS] > 0)
		turned(view, at, count, w);
	sums[W_W] += crowd_dot(count, w, w);
	sums[W_Z] += crowd_dot(count, w, z);
	sums[Z_Z] += crowd_dot(count, z, z);
	for (int k = 0; k < view->h; k++) {
		crowd_read(view, k, at, count, g);
		products[k] += crowd_dot(count, g, w);
		products[view->h + k] += crowd_dot(count, g, z);
	}
}

static void mimic_measure(const void *state, const struct crowd_view *view, int round, size_t begin,
                          size_t end, double *sums)
{
	(void)state;
	if (round == ROUND_PROJECT && !(view->numbers[LEARNS] > 0))
		return;
	for (size_t at = begin, count; at < end; at += count) {
		count = end - at < CROWD_CHUNK ? end - at : CROWD_CHUNK;
		if (round == ROUND_PROJECT)
			project(view, at, count, sums);
		else
			turn(view, at, count, sums);
	}
}

/* z becomes KEEP z + TURN w, of length 1. Where w is 0 or no number there is nothing to learn. */
static void plan_z(const double *sums, double *numbers)
{
	double done = numbers[DONE], w = sqrt(sums[W_W]);
	double keep = done / (1 + done), by = 1 / ((1 + done) * w);
	double length = sqrt(keep * keep * sums[Z_Z] + 2 * keep * by * sums[W_Z] + by * by * sums[W_W]);
	bool learns = numbers[LEARNS] > 0 && w > 0 && isfinite(w) && length > 0 && isfinite(length);
	numbers[LEARNS] = learns;
	numbers[KEEP] = learns ? keep / length : 1;
	numbers[TURN] = learns ? by / length : 0;
}

/* The honest worker furthest along the new z. */
static int furthest(const double *products, int h, const double *numbers)
{
	double most = -INFINITY;
	int best = 0;
	for (int k = 0; k < h; k++) {
		double along = numbers[KEEP] * products[h + k];
		along += numbers[LEARNS] > 0 ? numbers[TURN] * products[k] : 0;
		if (along > most) {
			most = along;
			best = k;
		}
	}
	return best;
}

static void plan_begin(const struct mimic *s, const struct crowd_view *view, double *numbers)
{
	float done;
	view->be->memory->download(view->queue, &done, view->memory + 2 * view->n, sizeof done);
	numbers[DONE] = done;
	numbers[LEARNS] = done < (double)s->warmup && view->h > 0;
}

static void plan_auto(const struct mimic *s, const struct crowd_view *view, int round, const double *sums,
                      double *numbers)
{
	if (round == ROUND_BEGIN)
		plan_begin(s, view, numbers);
	if (round == ROUND_PROJECT)
		memcpy(numbers + COEFFICIENT, sums, (size_t)view->h * sizeof *sums);
	if (round != ROUND_TURN)
		return;
	plan_z(sums, numbers);
	numbers[TARGET] = furthest(sums + PRODUCTS, view->h, numbers);
}

static void mimic_plan(const void *state, const struct crowd_view *view, int round, const double *sums,
                       double *numbers)
{
	const struct mimic *s = state;
	if (is_auto(s))
		plan_auto(s, view, round, sums, numbers);
	else
		numbers[TARGET] = s->target < view->h ? (double)s->target : view->h - 1;
}

static void mimic_forge(const void *state, const struct crowd_view *view, size_t begin, size_t end,
                        float *out)
{
	size_t bytes = (end - begin) * sizeof *out;
	const struct memory *m = view->be->memory;
	(void)state;
	if (view->h > 0)
		m->copy(view->queue, out + begin, view->honest[(int)view->numbers[TARGET]] + begin, bytes);
	else
		m->fill(view->queue, out + begin, 0, bytes);
}

static void mimic_remember(const void *state, const struct crowd_view *view, size_t begin, size_t end,
                           float *memory)
{
	const double *numbers = view->numbers;
	(void)state;
	if (!(numbers[LEARNS] > 0))
		return;
	for (size_t at = begin, count; at < end; at += count) {
		double z[CROWD_CHUNK], w[CROWD_CHUNK], mean[CROWD_CHUNK];
		count = end - at < CROWD_CHUNK ? end - at : CROWD_CHUNK;
		see_z(view, at, count, z);
		turned(view, at, count, w);
		see_mean(view, at, count, mean);
		for (size_t i = 0; i < count; i++)
			z[i] = numbers[KEEP] * z[i] + numbers[TURN] * w[i];
		crowd_write(view, z, at, count, memory);
		crowd_write(view, mean, at, count, memory + view->n);
	}
	const float done = (float)numbers[DONE] + 1;
	if (begin == 0)
		view->be->memory->upload(view->queue, memory + 2 * view->n, &done, sizeof done);
}

static const struct key mimic_keys[] = {
        {.name = "target",
         .also = "target_rank, epsilon",
         .kind = KEY_INT,
         .offset = offsetof(struct mimic, target),
         .default_json = "0",
         .word = "auto",
         .word_value = TARGET_AUTO,
         .lowest = 0,
         .highest = 4095,
         .help = "whom they copy, a number among the honest workers in their order; auto: in each step the "
                 "one furthest in the direction in which the honest workers differ most"},
        {.name = "warmup",
         .also = "steps_to_learn",
         .kind = KEY_INT,
         .offset = offsetof(struct mimic, warmup),
         .default_json = "20",
         .lowest = 1,
         .highest = 1000000,
         .unit = "steps",
         .help = "auto: from how many steps that direction is learnt; it is kept from then on"},
        {0},
};

const struct crowd_attack attack_mimic = {
        .attack =
                {.row = {.name = "mimic",
                         .also = "mimic_attack, mimic_variant, copycat",
                         .about = "all copy one honest worker, whose data then count for more; needs "
                                  "`simulate`",
                         .formula =
                                 "v -> g_k. target auto: in the first `warmup` steps t = 0, 1, ...: m <- "
                                 "t/(1 "
                                 "+ t) m + mu/(1 + t), w = sum_i <g_i - m, z> (g_i - m), z <- t/(1 + t) z + "
                                 "w/||w||/(1 + t), z <- z/||z||, which begins as normal noise (Oja's rule); "
                                 "k "
                                 "= argmax_i <g_i, z>, anew in every step. Karimireddy, He and Jaggi, ICLR "
                                 "2022, arXiv 2006.09365; in their code k stays as it was in the last step "
                                 "of warm-up. ByzFL's Mimic is a fixed k",
                         .keys = mimic_keys,
                         .state_bytes = sizeof(struct mimic)},
                 .elsewhere = "ByzFL: Mimic, of one worker; FLPoison: Mimic",
                 .sees = ATTACK_CROWD,
                 .acts_on = ATTACK_MESSAGE,
                 .without_data = true},
        .check = mimic_check,
        .memory_floats = mimic_memory_floats,
        .rounds = ROUNDS,
        .sums = mimic_sums,
        .measure = mimic_measure,
        .plan = mimic_plan,
        .forge = mimic_forge,
        .remember = mimic_remember,
};
