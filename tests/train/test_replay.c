/*
 * A run in which workers are not counted: they start again, the others go on, and running statistics come
 * from workers that were counted. The recorded voters are enough to repeat the run bit for bit.
 */
#include <criterion/criterion.h>
#include <string.h>
#include "base/rng.h"
#include "registry.h"
#include "tests/support/train.h"
#include "transport/transport.h"

enum { WORKERS = 5, STEPS = 12 };

/* All workers live here, and some votes are lost on the way to the count. */
struct lossy {
	struct link local;
	bool lost[STEPS][WORKERS];
	int32_t born[STEPS][WORKERS]; /* as a result file would have it */
	int step;
};

static enum exchange_end lossy_exchange(void *self, const struct exchange_request *x,
                                        struct exchange_reply *reply, struct err *e)
{
	struct lossy *l = self;
	struct exchange_request left = *x;
	const void *counted[WORKERS];
	int count = 0;
	for (int m = 0; m < WORKERS; m++) {
		if (l->lost[l->step][m])
			x->born[m] = -1;
		else
			counted[count++] = x->pushes[m];
		l->born[l->step][m] = (int32_t)x->born[m];
	}
	left.pushes = counted;
	left.hosted = count;
	l->step++;
	return l->local.row->exchange(l->local.self, &left, reply, e);
}

static const struct transport lossy_row = {.row = {.name = "lossy"}, .exchange = lossy_exchange};

static void lossy_open(struct lossy *l, struct pool *pool, struct link *out)
{
	const struct transport *row = (const struct transport *)family_find(&family_transports, "local");
	struct transport_env env = {.workers = WORKERS, .pool = pool};
	struct err e = {0};
	cr_assert_eq(row->open(NULL, &env, &l->local, &e), 0);
	*out = l->local;
	out->row = &lossy_row;
	out->self = l;
}

#define DATA "\"data\":{\"kind\":\"glyphs\",\"train\":100,\"test\":21}"
#define RUN  "\"seed\":3,\"workers\":5,\"steps\":12,\"batch\":4,\"lr\":0.01," DATA

static const char *const experiments[] = {
        "{" RUN ",\"model\":{\"kind\":\"mlp\",\"hidden\":[9]},\"adversaries\":{\"count\":2}}",
        "{" RUN
        ",\"model\":{\"kind\":\"mlp\",\"hidden\":[9]},\"adversaries\":{\"count\":1,\"attack\":\"stale\"}}",
        "{" RUN ",\"aggregator\":\"mean\",\"model\":{\"kind\":\"sequential\",\"layers\":[{\"kind\":\"conv\","
        "\"channels\":6,\"kernel\":5,\"stride\":2},\"norm\",\"relu\"]},\"adversaries\":{\"count\":1}}",
};

static void run(const struct settings *s, struct pool *pool, const struct link *link,
                const struct replay *replay, struct eval_row *eval, float **x, size_t *n)
{
	struct err e = {0};
	struct trainer *t = trainer_open(s, pool, link, &e);
	cr_assert_not_null(t, "%s", e.text);
	trainer_replay(t, replay);
	train_steps(t, STEPS);
	cr_assert_eq(trainer_eval(t, eval, &e), 0);
	const float *at = trainer_x(t, n);
	*x = mem_array(*n, sizeof **x);
	memcpy(*x, at, *n * sizeof **x);
	trainer_close(t);
}

static void check(const char *text, uint64_t seed)
{
	struct runs runs;
	const struct settings *s = train_settings(&runs, text);
	struct pool *pool = pool_open(2);
	struct lossy lossy = {0};
	struct link link;
	struct stream coins = stream_of(seed, RNG_TEST, 1, 0);
	for (uint32_t i = 0; i < STEPS * WORKERS; i++)
		lossy.lost[i / WORKERS][i % WORKERS] = stream_below(&coins, i, 4) == 0;
	lossy.lost[0][s->adversaries.count] = true; /* the first BN owner of running statistics */
	lossy_open(&lossy, pool, &link);
	struct replay replay = {.steps = STEPS, .born = lossy.born[0]};
	struct eval_row eval, again, plain;
	float *x, *same, *other;
	size_t n;
	run(s, pool, &link, NULL, &eval, &x, &n);
	run(s, pool, NULL, &replay, &again, &same, &n);
	run(s, pool, NULL, NULL, &plain, &other, &n);
	cr_expect_eq(memcmp(x, same, n * sizeof *x), 0, "%s: repeated with other bits", text);
	cr_expect_eq(eval.test_loss, again.test_loss, "%s: running statistics differ", text);
	cr_expect_neq(memcmp(x, other, n * sizeof *x), 0, "%s: the losses changed nothing", text);
	lossy.local.row->close(lossy.local.self);
	mem_free(x);
	mem_free(same);
	mem_free(other);
	pool_close(pool);
	runs_clear(&runs);
}

Test(replay, voters_are_enough_to_repeat_a_run)
{
	for (size_t i = 0; i < sizeof experiments / sizeof *experiments; i++)
		for (uint64_t seed = 1; seed <= 3; seed++)
			check(experiments[i], seed);
}

/* A state that began before anything we know of cannot be made. */
Test(replay, voters_that_do_not_fit_are_refused)
{
	struct runs runs;
	const struct settings *s = train_settings(&runs, experiments[0]);
	struct pool *pool = pool_open(1);
	int32_t born[STEPS][WORKERS] = {{0}};
	struct replay replay = {.steps = 3, .born = born[0]};
	struct step_row row;
	struct err e = {0};
	born[1][2] = -1;
	struct trainer *t = trainer_open(s, pool, NULL, &e);
	trainer_replay(t, &replay);
	cr_assert_eq(trainer_step(t, &row, NULL, &e), TRAINER_DID);
	cr_assert_eq(trainer_step(t, &row, NULL, &e), TRAINER_DID);
	cr_assert_eq(row.n_voters, WORKERS - 1);
	cr_assert_eq(trainer_step(t, &row, NULL, &e), TRAINER_FAILED);
	cr_expect_not_null(strstr(e.text, "worker 2 was counted in step 3"), "%s", e.text);
	trainer_close(t);
	pool_close(pool);
	runs_clear(&runs);
}
