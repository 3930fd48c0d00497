/*
 * What the backend `cuda` captures and what it does not: random numbers come from memory when work is
 * replayed, and work by numbers of one step is not captured at all.
 */
#include <criterion/criterion.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backend/backend.h"
#include "tests/support/file.h"
#include "tests/support/process.h"

enum { N = 256, WORDS = N / 64 };

extern const struct backend_row backend_ref, backend_cuda;

/* A queue on the stand-in, and what kernels work on there. */
static struct backend be;
static struct queue *queue;
static float *x, *y;
static uint64_t *vote;

static char folder[FOLDER_SIZE], log_file[FOLDER_SIZE + 8];

static void begin(void)
{
	char program[PATH_MAX];
	folder_make(folder);
	snprintf(log_file, sizeof log_file, "%s/said", folder);
	cr_assert(realpath(process_program(), program));
	setenv("SIGNSGD_MODULES", dirname(program), 1);
}

static void end(void)
{
	folder_remove(folder);
}

TestSuite(capture, .init = begin, .fini = end, .timeout = 120);

static void open_cuda(void)
{
	static float here[N];
	struct err e = {0};
	if (backend_cuda.open(&be, NULL, &e))
		die("%s", e.text);
	queue = be.memory->queue_open();
	x = be.memory->alloc(sizeof here, "x");
	y = be.memory->alloc(sizeof here, "y");
	vote = be.memory->alloc(WORDS * sizeof *vote, "vote");
	for (int i = 0; i < N; i++)
		here[i] = (float)i - 100;
	be.memory->upload(queue, x, here, sizeof here);
	be.memory->finish(queue);
}

static void expect_dropout(const struct stream *s, const float *got)
{
	struct backend ref;
	struct err e = {0};
	float from[N], want[N];
	cr_assert_eq(backend_ref.open(&ref, NULL, &e), 0);
	for (int i = 0; i < N; i++)
		from[i] = (float)i - 100;
	ref.dropout(NULL, N, 0.5f, s, 8, from, want);
	cr_expect_eq(memcmp(want, got, sizeof want), 0, "step %d of worker %u", (int)s->step,
	             s->tag & 0xffffff);
}

Test(capture, random_numbers_come_from_memory)
{
	struct stream streams[2];
	float got[N];
	open_cuda();
	struct stream *there = be.memory->alloc(sizeof streams, "streams");
	const struct capture_streams known = {streams, there, 2};
	cr_assert(be.captures->begin(queue, &known));
	be.dropout(queue, N, 0.5f, &streams[1], 8, x, y);
	struct captured *c = be.captures->end(queue);
	cr_assert(c);
	for (uint64_t step = 1; step <= 3; step++) {
		for (uint32_t i = 0; i < 2; i++)
			streams[i] = stream_of(7, RNG_DROPOUT, 3 * i + (uint32_t)step, step);
		be.memory->upload(queue, there, streams, sizeof streams);
		be.captures->replay(queue, c);
		be.memory->download(queue, got, y, sizeof got);
		expect_dropout(&streams[1], got);
	}
	be.captures->close(c);
	be.memory->release(there);
}

/* --- work by numbers of one step --- */

static const struct stream coins = {.tag = 5};

static void by_momentum(void)
{
	be.momentum(queue, N, 0.9f, x, y);
}

static void by_momentum_pack(void)
{
	be.momentum_pack(queue, N, 0.9f, x, y, SIGN_POSITIVE, NULL, 0, vote, NULL);
}

static void by_sign_pack(void)
{
	be.sign_pack(queue, N, x, SIGN_RANDOM, &coins, 0, vote, NULL);
}

static void by_noise_pack(void)
{
	const struct sign_noise noise = {.kind = SIGN_UNIFORM, .scale = 1, .size = 1, .stream = coins};
	be.noise_pack(queue, N, x, &noise, &coins, 0, vote);
}

static void by_sign_apply(void)
{
	be.sign_apply(queue, N, vote, NULL, 0.1f, 0, y);
}

static void by_descend(void)
{
	be.descend(queue, N, x, 0.1f, 0, y);
}

static void by_adam(void)
{
	be.adam(queue, N, x, 0.9f, 0.99f, 1e-8f, 1, 1, 0.1f, 0, y, y, y);
}

static void by_normal(void)
{
	be.normal(queue, N, 1, &coins, 0, x, y);
}

static void by_dropout(void)
{
	be.dropout(queue, N, 0.5f, &coins, 0, x, y);
}

static void by_flip(void)
{
	be.flip(queue, N, 1000, &coins, 0, x, y);
}

static void by_random_sign(void)
{
	be.random_sign(queue, N, &coins, 0, x, y);
}

static void by_majority(void)
{
	const uint64_t *const votes[] = {vote};
	const struct votes b = {.count = 1, .vote = votes};
	be.majority(queue, N, &b, SIGN_POSITIVE, NULL, 0, vote, NULL);
}

static void by_upload(void)
{
	float here[N] = {0};
	be.memory->upload(queue, y, here, sizeof here);
}

static void by_mark(void)
{
	struct mark *m = be.memory->mark_open();
	be.memory->mark_set(queue, m);
	be.memory->mark_close(m);
}

static void by_waiting(void)
{
	be.memory->finish(queue);
}

static const struct once {
	void (*call)(void);
	const char *says;
} once[] = {
        {by_momentum, "a momentum depends"},
        {by_momentum_pack, "a momentum depends"},
        {by_sign_pack, "signs by coins depends"},
        {by_noise_pack, "noise before signs depends"},
        {by_sign_apply, "a step by signs depends"},
        {by_descend, "a step depends"},
        {by_adam, "a step of Adam depends"},
        {by_normal, "normal noise depends"},
        {by_dropout, "a kernel with random numbers depends"},
        {by_flip, "a kernel with random numbers depends"},
        {by_random_sign, "a random sign depends"},
        {by_majority, "a majority depends"},
        {by_upload, "an upload depends"},
        {by_mark, "a mark depends"},
        {by_waiting, "operation not permitted when stream is capturing"},
};
enum { ONCE = sizeof once / sizeof *once };

/* Not 0 where anything but "it was given up, and nothing was done" came of it. */
static int try_once(void *ctx)
{
	const struct once *o = ctx;
	const struct capture_streams none = {0};
	float got[N];
	if (!freopen(log_file, "w", stderr))
		return 1;
	open_cuda();
	if (!be.captures->wanted() || !be.captures->begin(queue, &none))
		return 2;
	be.add(queue, N, x, x);
	o->call();
	if (be.captures->end(queue) || be.captures->wanted())
		return 3;
	be.memory->download(queue, got, x, sizeof got);
	for (int i = 0; i < N; i++)
		if (got[i] != (float)i - 100)
			return 4;
	return 0;
}

Test(capture, what_depends_on_a_step_is_given_up)
{
	for (int i = 0; i < ONCE; i++) {
		struct once o = once[i];
		char said[1024];
		cr_expect_eq(process_in_child(try_once, &o), 0, "%s", o.says);
		file_text(log_file, said, sizeof said);
		cr_expect(strstr(said, "without CUDA graphs") && strstr(said, o.says), "%s: \"%s\"", o.says,
		          said);
	}
}
