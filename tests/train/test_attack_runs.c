/*
 * Runs under attacks, each of them: what a sleeper does before it wakes and after, that a blind attack knows
 * nothing of others, and that wrong labels are those of a data set with wrong labels.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "registry.h"
#include "tests/support/train.h"
#include "train/trainer_internal.h"

TestSuite(sleeper_runs, .timeout = 300);
TestSuite(blind_runs, .timeout = 300);
TestSuite(label_flip_runs, .timeout = 300);

enum { SLEEP = 3, STEPS = 7, WORKERS = 7, BYZANTINE = 3 };

/* Workers, samples and classes for every attack. */
#define RUN                                                                                                  \
	"{\"name\":\"s\",\"seed\":5,\"workers\":7,\"steps\":7,\"batch\":4,\"momentum\":0.5,\"lr\":0.01,"     \
	"\"model\":{\"kind\":\"mlp\",\"hidden\":[9]},\"data\":{\"kind\":\"glyphs\",\"train\":140,\"test\":"  \
	"20},\"adversaries\":{\"count\":%d,\"attack\":%s}%s}"

static const char *const methods[] = {
        ",\"aggregator\":\"vote\"", ",\"aggregator\":{\"kind\":\"vote\",\"zero\":\"abstain\"}",
        ",\"aggregator\":\"median\"", ",\"compressor\":\"ef-sign\",\"aggregator\":\"mean\""};

enum { METHODS = sizeof methods / sizeof *methods };

struct run {
	struct runs runs;
	struct pool *pool;
	struct trainer *t;
};

static void run_open(struct run *r, int count, const char *attack, const char *method)
{
	char text[1024];
	snprintf(text, sizeof text, RUN, count, attack, method);
	r->pool = pool_open(2);
	r->t = train_open(train_settings(&r->runs, text), r->pool);
}

static void run_close(struct run *r)
{
	trainer_close(r->t);
	pool_close(r->pool);
	runs_clear(&r->runs);
}

static bool same_x(struct run *a, struct run *b)
{
	size_t n, m;
	const float *x = trainer_x(a->t, &n), *y = trainer_x(b->t, &m);
	return n == m && memcmp(x, y, n * sizeof *x) == 0;
}

static const char *sleeper(int after, const char *then, char out[200])
{
	snprintf(out, 200, "{\"kind\":\"sleeper\",\"after\":%d,\"then\":%s}", after, then);
	return out;
}

/* Does the attack fit the method? Some need signs, some a compressor without a memory. */
static bool fits(const char *attack, const char *method)
{
	char text[1024];
	struct runs runs;
	struct err e = {0};
	snprintf(text, sizeof text, RUN, BYZANTINE, attack, method);
	if (experiment_parse(&runs, "test", text, strlen(text), NULL, 0, &e))
		return false;
	runs_clear(&runs);
	return true;
}

/* `visit` for every attack that a sleeper may become, under every method that it fits. */
static void each_attack(void (*visit)(const char *attack, const char *method))
{
	char name[64];
	for (const struct row *const *row = family_attacks.rows; *row; row++) {
		if (((const struct attack *)*row)->then)
			continue;
		snprintf(name, sizeof name, "\"%s\"", (*row)->name);
		int visited = 0;
		for (size_t m = 0; m < METHODS; m++)
			if (fits(name, methods[m]) && ++visited)
				visit(name, methods[m]);
		cr_expect_gt(visited, 0, "%s fits no method", name);
	}
}

static void check_awake(const char *attack, const char *method)
{
	char json[200];
	struct run plain, awake;
	run_open(&plain, BYZANTINE, attack, method);
	run_open(&awake, BYZANTINE, sleeper(0, attack, json), method);
	train_steps(plain.t, STEPS);
	train_steps(awake.t, STEPS);
	cr_expect(same_x(&plain, &awake), "%s%s", attack, method);
	run_close(&plain);
	run_close(&awake);
}

Test(sleeper_runs, who_wakes_at_once_is_the_attack)
{
	each_attack(check_awake);
}

static void check_asleep(const char *attack, const char *method)
{
	char json[200];
	struct run honest, asleep;
	run_open(&honest, 0, "\"invert\"", method);
	run_open(&asleep, BYZANTINE, sleeper(SLEEP, attack, json), method);
	for (int step = 0; step < SLEEP; step++) {
		train_steps(honest.t, 1);
		train_steps(asleep.t, 1);
		cr_expect(same_x(&honest, &asleep), "%s%s, step %d", attack, method, step + 1);
	}
	train_steps(honest.t, STEPS - SLEEP);
	train_steps(asleep.t, STEPS - SLEEP);
	cr_expect(!same_x(&honest, &asleep), "%s%s: never woke", attack, method);
	run_close(&honest);
	run_close(&asleep);
}

Test(sleeper_runs, until_it_wakes_it_is_honest)
{
	each_attack(check_asleep);
}

/* An honest run that goes on under the attack is a sleeper's run, where the attack has no memory. */
static void check_woken(const char *attack, const char *method)
{
	char json[200], path[] = "/tmp/sleeperXXXXXX";
	struct run honest, attacked, woken;
	struct err e = {0};
	int file = mkstemp(path);
	cr_assert_geq(file, 0);
	close(file);
	unlink(path);
	run_open(&honest, 0, "\"invert\"", method);
	run_open(&attacked, BYZANTINE, attack, method);
	run_open(&woken, BYZANTINE, sleeper(SLEEP, attack, json), method);
	const struct attack *row = adversary_of(&attacked.t->settings->adversaries.attack).attack;
	if (!row->memory_floats) {
		train_steps(honest.t, SLEEP);
		cr_assert_eq(trainer_save(honest.t, path, &e), 0, "%s", e.text);
		cr_assert_eq(trainer_restore_as(attacked.t, honest.t->settings->id, path, &e), 0, "%s",
		             e.text);
		train_steps(attacked.t, STEPS - SLEEP);
		train_steps(woken.t, STEPS);
		cr_expect(same_x(&attacked, &woken), "%s%s", attack, method);
		unlink(path);
	}
	run_close(&honest);
	run_close(&attacked);
	run_close(&woken);
}

Test(sleeper_runs, from_then_on_it_is_the_attack)
{
	each_attack(check_woken);
}

/* The memory of `stale` begins when it wakes: it repeats the first message that it sends, not a zero. */
Test(sleeper_runs, its_memory_begins_when_it_wakes)
{
	char json[200];
	struct run stale, honest;
	run_open(&stale, BYZANTINE, sleeper(SLEEP, "{\"kind\":\"stale\",\"delay\":3}", json), methods[2]);
	run_open(&honest, 0, "\"invert\"", methods[2]);
	train_steps(stale.t, SLEEP + 1);
	train_steps(honest.t, SLEEP + 1);
	cr_expect(same_x(&stale, &honest), "the first stale message is the present one");
	size_t n = stale.t->state.n;
	const struct worker *w = &stale.t->workforce.workers[0];
	float *first = mem_array(n, sizeof *first);
	memcpy(first, w->push, n * sizeof *first);
	for (int step = 1; step <= 3; step++) {
		train_steps(stale.t, 1);
		cr_expect_arr_eq(w->push, first, n * sizeof *first, "step %d", step);
	}
	train_steps(stale.t, 1);
	cr_expect_neq(memcmp(w->push, first, n * sizeof *first), 0);
	mem_free(first);
	run_close(&stale);
	run_close(&honest);
}

/* --- blind --------------------------------------------------------------------------------------------- */

static void poison(float *at, size_t count)
{
	memset(at, 0xff, count * sizeof *at); /* NaN */
}

/* Other samples, momenta, memories and messages for all workers but the first. */
static void poison_others(struct trainer *t)
{
	struct dataset *d = &t->workforce.feed.data;
	for (int w = 1; w < WORKERS; w++) {
		struct worker *other = &t->workforce.workers[w];
		poison(t->state.blocks[w], t->state.block_floats[w]);
		memset(other->push, 0xff, t->round.push_bytes);
		for (uint64_t i = 0; i < d->shape.n_train / WORKERS; i++) {
			uint32_t sample = partition_sample(&t->workforce.feed.partition, w, i);
			d->train_labels[sample] = 0;
			memset(d->train_pixels + sample * shape_features(&d->shape), 0xff,
			       shape_features(&d->shape));
		}
	}
}

static void check_blind(const char *attack, const char *method)
{
	struct run one, poisoned;
	run_open(&one, BYZANTINE, attack, method);
	run_open(&poisoned, BYZANTINE, attack, method);
	const struct attack *row = adversary_of(&one.t->settings->adversaries.attack).attack;
	if (row->sees == ATTACK_OWN) {
		struct worker *w = &one.t->workforce.workers[0], *p = &poisoned.t->workforce.workers[0];
		train_steps(one.t, 2);
		train_steps(poisoned.t, 2);
		poison_others(poisoned.t);
		train_steps(one.t, 1);
		train_steps(poisoned.t, 1);
		cr_expect_arr_eq(p->push, w->push, one.t->round.push_bytes, "%s%s: message", attack, method);
		cr_expect_arr_eq(p->v, w->v, one.t->state.n * sizeof *w->v, "%s%s: momentum", attack, method);
		cr_expect_neq(memcmp(one.t->workforce.workers[WORKERS - 1].push,
		                     poisoned.t->workforce.workers[WORKERS - 1].push,
		                     one.t->round.push_bytes),
		              0, "%s%s: the others were not changed", attack, method);
	}
	run_close(&one);
	run_close(&poisoned);
}

/* What a Byzantine worker sends is the same whatever others have, compute, remember and send. */
Test(blind_runs, nothing_of_others_is_seen)
{
	each_attack(check_blind);
}

/* --- label-flip ---------------------------------------------------------------------------------------- */

/* Change the labels in worker 0's shard as the attack does. */
static void flip_shard(struct run *r, int from, int to)
{
	struct feed *f = &r->t->workforce.feed;
	struct dataset *d = &f->data;
	for (uint64_t i = 0; i < d->shape.n_train / WORKERS; i++) {
		uint16_t *label = &d->train_labels[partition_sample(&f->partition, 0, i)];
		if (from < 0)
			*label = (uint16_t)(d->shape.n_classes - 1 - *label);
		else if (*label == from)
			*label = (uint16_t)to;
	}
}

static void expect_same_evaluation(struct run *a, struct run *b)
{
	struct eval_row x, y;
	struct err e = {0};
	cr_assert_eq(trainer_eval(a->t, &x, &e), 0, "%s", e.text);
	cr_assert_eq(trainer_eval(b->t, &y, &e), 0, "%s", e.text);
	cr_expect_eq(x.train_loss, y.train_loss);
	cr_expect_eq(x.train_accuracy, y.train_accuracy);
	cr_expect_eq(x.test_loss, y.test_loss);
	cr_expect_eq(x.test_accuracy, y.test_accuracy);
}

static void check_labels(const char *attack, int from, int to, const char *method)
{
	struct run byzantine, wrong, right;
	run_open(&byzantine, 1, attack, method);
	run_open(&wrong, 0, "\"invert\"", method);
	run_open(&right, 0, "\"invert\"", method);
	struct dataset *d = &wrong.t->workforce.feed.data;
	size_t bytes = d->shape.n_train * sizeof *d->train_labels;
	uint16_t *true_labels = mem_array(d->shape.n_train, sizeof *true_labels);
	memcpy(true_labels, d->train_labels, bytes);
	flip_shard(&wrong, from, to);
	for (int step = 0; step < STEPS; step++) {
		train_steps(byzantine.t, 1);
		train_steps(wrong.t, 1);
		train_steps(right.t, 1);
		cr_expect(same_x(&byzantine, &wrong), "%s%s, step %d", attack, method, step + 1);
		for (int w = 0; w < WORKERS; w++) {
			const struct worker *a = &byzantine.t->workforce.workers[w],
			                    *b = &wrong.t->workforce.workers[w];
			cr_expect_eq(a->loss, b->loss, "worker %d", w);
			cr_expect_arr_eq(a->v, b->v, wrong.t->state.n * sizeof *a->v, "worker %d", w);
		}
	}
	cr_expect(!same_x(&byzantine, &right), "%s%s: no label was changed", attack, method);
	cr_expect_arr_eq(byzantine.t->workforce.feed.data.train_labels, true_labels, bytes);
	memcpy(d->train_labels, true_labels, bytes);
	expect_same_evaluation(&byzantine, &wrong);
	mem_free(true_labels);
	run_close(&byzantine);
	run_close(&wrong);
	run_close(&right);
}

/* Gradient, momentum and message are those of a data set with wrong labels; evaluations have the true ones.
 */
Test(label_flip_runs, are_runs_with_wrong_labels)
{
	for (size_t m = 0; m < METHODS; m++) {
		check_labels("\"label-flip\"", -1, -1, methods[m]);
		check_labels("{\"kind\":\"label-flip\",\"from\":3,\"to\":8}", 3, 8, methods[m]);
	}
}
