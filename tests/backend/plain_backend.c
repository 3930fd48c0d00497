/*
 * Kernels on many lanes at once: OpenBLAS, held to one thread a call, must give every lane the bits that it
 * gives alone, whatever the others compute at the time; so must the vote.
 */
#include <stdio.h>
#include <string.h>

#include "backend/backend.h"
#include "base/mem.h"
#include "base/pool.h"
#include "registry.h"

enum { LANES = 4, ITEMS = 40, ROUNDS = 30, SIDE = 96, VOTERS = 21, N = 3000 };

struct scene {
	struct backend backend;
	float *a, *b;                   /* [SIDE * SIDE] */
	float *want;                    /* [ITEMS][SIDE * SIDE], of one lane alone */
	float *got;                     /* [ITEMS][SIDE * SIDE] */
	uint64_t *votes;                /* [VOTERS][words] */
	const uint64_t *vote[VOTERS];   /* into votes */
	uint64_t *want_pull, *got_pull; /* [ITEMS][words] */
};

static void work(struct scene *s, size_t item, float *c, uint64_t *pull)
{
	/* another shape for every item, the small ones' own kernels among them */
	size_t m = 1 + item * 7 % SIDE, n = 1 + item * 13 % SIDE, k = 1 + item * 29 % SIDE;
	s->backend.gemm(NULL, item % 2, item / 2 % 2, m, n, k, 1, s->a, s->b, 0, c + item * SIDE * SIDE);
	struct votes b = {.count = 1 + (int)(item % VOTERS), .vote = s->vote};
	struct stream coins = stream_of(4, RNG_TIE, 0, item);
	s->backend.majority(NULL, N, &b, SIGN_RANDOM, &coins, 0, pull + item * sign_words(N), NULL);
}

static void on_a_lane(void *ctx, int lane, size_t item)
{
	struct scene *s = ctx;
	(void)lane;
	work(s, item, s->got, s->got_pull);
}

static void set_up(struct scene *s)
{
	struct stream random = stream_of(4, RNG_TEST, 0, 0);
	size_t words = sign_words(N), square = (size_t)SIDE * SIDE;
	s->a = mem_array(square, sizeof(*s->a));
	s->b = mem_array(square, sizeof(*s->b));
	s->want = mem_array(ITEMS * square, sizeof(*s->want));
	s->got = mem_array(ITEMS * square, sizeof(*s->got));
	s->votes = mem_array(VOTERS * words, sizeof(*s->votes));
	s->want_pull = mem_array(ITEMS * words, sizeof(*s->want_pull));
	s->got_pull = mem_array(ITEMS * words, sizeof(*s->got_pull));
	for (size_t i = 0; i < square; i++) {
		s->a[i] = stream_uniform(&random, 2 * i) - 0.5f;
		s->b[i] = stream_uniform(&random, 2 * i + 1) - 0.5f;
	}
	for (size_t i = 0; i < VOTERS * words; i++)
		s->votes[i] = stream_bits(&random, square + i);
	for (size_t v = 0; v < VOTERS; v++)
		s->vote[v] = s->votes + v * words;
}

static void tear_down(struct scene *s)
{
	void *all[] = {s->a, s->b, s->want, s->got, s->votes, s->want_pull, s->got_pull};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		mem_free(all[i]);
}

int main(void)
{
	static struct scene s;
	struct err e = {0};
	const struct backend_row *cpu = (const struct backend_row *)family_find(&family_backends, "cpu");
	if (cpu->open(&s.backend, NULL, &e)) {
		fprintf(stderr, "plain_backend: %s\n", e.text);
		return 1;
	}
	set_up(&s);
	for (size_t item = 0; item < ITEMS; item++)
		work(&s, item, s.want, s.want_pull);
	struct pool *pool = pool_open(LANES);
	long checks = 0, failures = 0;
	size_t square = (size_t)SIDE * SIDE, words = sign_words(N);
	for (int round = 0; round < ROUNDS; round++) {
		pool_run(pool, ITEMS, on_a_lane, &s);
		for (size_t i = 0; i < ITEMS; i++, checks++)
			failures += memcmp(s.want + i * square, s.got + i * square, square * sizeof(float)) ||
			            memcmp(s.want_pull + i * words, s.got_pull + i * words,
			                   words * sizeof(uint64_t));
	}
	pool_close(pool);
	tear_down(&s);
	if (failures > 0)
		fprintf(stderr, "plain_backend: %ld of %ld items differ from what one lane computes\n",
		        failures, checks);
	else
		printf("plain_backend: %ld checks passed\n", checks);
	return failures > 0;
}
