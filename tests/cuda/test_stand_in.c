/*
 * What the stand-in for a GPU is for (tests/cuda/emulated.h): it keeps the orders that streams and events
 * promise and no others, and ends the process with a sentence where a program does what a GPU leaves
 * undefined.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/cuda/emulated.h"
#include "tests/cuda/stand_in_kernels.h"
#include "tests/support/file.h"
#include "tests/support/process.h"

enum { N = 1000, SEEDS = 20 };

static char folder[FOLDER_SIZE], said[4096];

static void open_folder(void)
{
	folder_make(folder);
}

static void close_folder(void)
{
	folder_remove(folder);
}

TestSuite(stand_in, .init = open_folder, .fini = close_folder, .timeout = 120);

/* What kernel.cuh's LAUNCH calls. */
void cuda_here(void)
{
}

static cudaError_t launched; /* what the last launches said */

void cuda_check(cudaError_t status, const char *what)
{
	(void)what;
	if (status)
		launched = status;
}

/* In a child: dies where it is not so. */
static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "not so: %s\n", what);
	exit(1);
}

#define MUST(condition) must(condition, #condition)
#define OK(call)        must((call) == cudaSuccess, #call)

static struct queue queue_open(void)
{
	struct queue q = {0};
	OK(cudaStreamCreateWithFlags(&q.stream, cudaStreamNonBlocking));
	return q;
}

static void *device(size_t bytes)
{
	void *at = NULL;
	OK(cudaMalloc(&at, bytes));
	return at;
}

static void *pinned(size_t bytes)
{
	void *at = NULL;
	OK(cudaMallocHost(&at, bytes));
	return at;
}

static void up(struct queue *q, void *to, const void *from, size_t bytes)
{
	OK(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, q->stream));
}

static void down(struct queue *q, void *to, const void *from, size_t bytes)
{
	OK(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, q->stream));
}

static void finish(struct queue *q)
{
	OK(cudaStreamSynchronize(q->stream));
}

struct task {
	int (*work)(void);
	const char *log;
};

static int in_child(void *ctx)
{
	const struct task *t = ctx;
	return freopen(t->log, "w", stderr) ? t->work() : 1;
}

/* The child's end, with its words in said[]. A device that a process has used is none for its children, so
 * all work is done in children. */
static int run(int (*work)(void))
{
	char log[FOLDER_SIZE + 8];
	snprintf(log, sizeof log, "%s/said", folder);
	struct task t = {work, log};
	int code = process_in_child(in_child, &t);
	file_text(log, said, sizeof said);
	return code;
}

static void expect_well(int (*work)(void))
{
	cr_expect_eq(run(work), 0, "%s", said);
}

/* With every seed. */
static void expect_always(int (*work)(void))
{
	char seed[16];
	for (int i = 1; i <= SEEDS; i++) {
		snprintf(seed, sizeof seed, "%d", i);
		setenv("SIGNSGD_EMULATED_SEED", seed, 1);
		cr_expect_eq(run(work), 0, "seed %d: %s", i, said);
	}
}

/* With some seeds and not with others: what an order that nobody asked for is like. */
static void expect_now_and_then(int (*work)(void))
{
	char seed[16];
	int good = 0;
	for (int i = 1; i <= SEEDS; i++) {
		snprintf(seed, sizeof seed, "%d", i);
		setenv("SIGNSGD_EMULATED_SEED", seed, 1);
		good += run(work) == 0;
	}
	cr_expect(good > 0 && good < SEEDS, "%d of %d seeds", good, SEEDS);
}

static void expect_bug(int (*work)(void), const char *words)
{
	cr_expect_gt(run(work), 255, "nothing was noticed; expected \"%s\"", words);
	cr_expect(strstr(said, words), "\"%s\", not \"%s\"", said, words);
}

/* --- memory --- */

static int host_reads(void)
{
	volatile unsigned *x = device(400);
	return (int)x[3];
}

static int host_writes(void)
{
	volatile unsigned *x = device(400);
	x[99] = 1;
	return 0;
}

static int kernel_leaves(void)
{
	struct queue q = queue_open();
	stand_in_step(&q, 113, device(400)); /* the block ends with 112 numbers, a multiple of 64 bytes */
	finish(&q);
	return 0;
}

static int kernel_works_on_what_was_freed(void)
{
	struct queue q = queue_open();
	unsigned *x = device(400);
	OK(cudaFree(x));
	stand_in_step(&q, 1, x);
	finish(&q);
	return 0;
}

static int kernel_gets_host(void)
{
	struct queue q = queue_open();
	unsigned here[64] = {0};
	stand_in_step(&q, 64, here);
	return 0;
}

static int freed_twice(void)
{
	void *x = device(400);
	OK(cudaFree(x));
	OK(cudaFree(x));
	return 0;
}

static int no_stream(void)
{
	struct queue q = {0};
	stand_in_step(&q, 1, device(4));
	return 0;
}

Test(stand_in, names_who_touches_what)
{
	expect_bug(host_reads,
	           "the host touched the device's memory, an allocation of 400 bytes, at byte 12");
	expect_bug(host_writes,
	           "the host touched the device's memory, an allocation of 400 bytes, at byte 396");
	expect_bug(kernel_leaves, "work on the device left an allocation of 400 bytes");
	expect_bug(kernel_works_on_what_was_freed, "an allocation of 400 bytes that was given back");
	expect_bug(kernel_gets_host, "step got memory of the host");
	expect_bug(freed_twice, "memory is freed that is not allocated");
	expect_bug(no_stream, "work for a stream that is not open");
}

static int new_memory(void)
{
	struct queue q = queue_open();
	float here[10];
	down(&q, here, device(sizeof here), sizeof here);
	for (int i = 0; i < 10; i++)
		MUST(here[i] != here[i]);
	return 0;
}

static int limited(void)
{
	size_t free_bytes, all;
	void *at;
	OK(cudaMemGetInfo(&free_bytes, &all));
	MUST(all == 1000000 && free_bytes == all);
	void *x = device(500000);
	MUST(cudaMalloc(&at, 600000) == cudaErrorMemoryAllocation && !at);
	MUST(cudaGetLastError() == cudaErrorMemoryAllocation && cudaGetLastError() == cudaSuccess);
	OK(cudaFree(x));
	x = device(600000);
	OK(cudaMemGetInfo(&free_bytes, &all));
	MUST(free_bytes <= 400000);
	return 0;
}

Test(stand_in, memory_is_no_number_and_has_an_end)
{
	expect_well(new_memory);
	setenv("SIGNSGD_EMULATED_MEMORY", "1000000", 1);
	expect_well(limited);
}

/* --- order --- */

/* What nobody has waited for is not there, and what was waited for is. */
static int late(void)
{
	struct queue q = queue_open();
	unsigned here[N], *locked = pinned(sizeof here), *x = device(sizeof here);
	for (unsigned i = 0; i < N; i++)
		here[i] = i;
	up(&q, x, here, sizeof here);
	memset(here, 0, sizeof here); /* was taken */
	memset(locked, 0, sizeof here);
	stand_in_step(&q, N, x);
	down(&q, locked, x, sizeof here);
	for (unsigned i = 0; i < N; i++)
		MUST(locked[i] == 0);
	finish(&q);
	for (unsigned i = 0; i < N; i++)
		MUST(locked[i] == 2 * i + 1);
	down(&q, here, x, sizeof here); /* waits by itself */
	MUST(memcmp(here, locked, sizeof here) == 0);
	up(&q, x, locked, sizeof here);
	locked[7] = 70; /* too early */
	finish(&q);
	down(&q, here, x, sizeof here);
	MUST(here[7] == 70);
	return 0;
}

/* Doubling and adding one, filling, copying: none commutes with another. */
static int in_order(void)
{
	struct queue q[3];
	unsigned *x[3], *y = device(3 * N * sizeof *y), here[3 * N];
	for (int i = 0; i < 3; i++) {
		q[i] = queue_open();
		x[i] = device(N * sizeof *y);
		OK(cudaMemsetAsync(x[i], 0, N * sizeof *y, q[i].stream));
	}
	for (unsigned s = 0; s < 4; s++)
		for (unsigned i = 0; i < 3; i++)
			stand_in_step(&q[i], N, x[i]);
	for (unsigned i = 0; i < 3; i++) {
		OK(cudaMemcpyAsync(y + N * i, x[i], N * sizeof *y, cudaMemcpyDeviceToDevice, q[i].stream));
		stand_in_step(&q[i], N, x[i]);
	}
	for (unsigned i = 0; i < 3; i++)
		finish(&q[i]);
	down(&q[0], here, y, sizeof here);
	for (unsigned i = 0; i < 3 * N; i++)
		MUST(here[i] == 15);
	return 0;
}

/* x goes from stream to stream and back, a step each. */
static int hand_over(bool events)
{
	struct queue q[2] = {queue_open(), queue_open()};
	unsigned *x = device(N * sizeof *x), here[N];
	cudaEvent_t e;
	OK(cudaEventCreateWithFlags(&e, cudaEventDisableTiming));
	OK(cudaMemsetAsync(x, 0, N * sizeof *x, q[0].stream));
	for (unsigned s = 0; s < 6; s++) {
		struct queue *from = &q[s % 2], *to = &q[(s + 1) % 2];
		stand_in_step(from, N, x);
		OK(cudaEventRecord(e, from->stream));
		if (events)
			OK(cudaStreamWaitEvent(to->stream, e, 0));
	}
	OK(cudaEventSynchronize(e));
	OK(cudaEventDestroy(e));
	down(&q[1], here, x, sizeof here);
	for (unsigned i = 0; i < N; i++)
		MUST(here[i] == 63);
	return 0;
}

static int with_events(void)
{
	return hand_over(true);
}

static int without_events(void)
{
	return hand_over(false);
}

Test(stand_in, runs_work_late)
{
	expect_always(late);
}

Test(stand_in, keeps_the_order_of_streams_and_events)
{
	expect_always(in_order);
	expect_always(with_events);
}

Test(stand_in, a_missing_event_is_seen)
{
	expect_now_and_then(without_events);
}

/* --- kernels --- */

static int where_threads_are(void)
{
	struct queue q = queue_open();
	unsigned *out = device(192 * sizeof *out), here[192];
	OK(cudaMemsetAsync(out, 0, sizeof here, q.stream));
	stand_in_count(&q, out);
	down(&q, here, out, sizeof here);
	for (int i = 0; i < 192; i++)
		MUST(here[i] == 1);
	return 0;
}

static int sums(bool barriers)
{
	enum { BLOCKS = 5 };
	struct queue q = queue_open();
	unsigned here[BLOCKS * STAND_IN_THREADS], *x = device(sizeof here), *out = device(BLOCKS * 4),
	                                          answer[BLOCKS];
	for (unsigned i = 0; i < BLOCKS * STAND_IN_THREADS; i++)
		here[i] = i * i + 1;
	up(&q, x, here, sizeof here);
	stand_in_sum(&q, BLOCKS, barriers, x, out);
	down(&q, answer, out, sizeof answer);
	for (unsigned b = 0; b < BLOCKS; b++) {
		unsigned sum = 0;
		for (unsigned t = 0; t < STAND_IN_THREADS; t++)
			sum += here[b * STAND_IN_THREADS + t];
		MUST(answer[b] == sum);
	}
	return 0;
}

static int sum_with_barriers(void)
{
	return sums(true);
}

static int sum_without_barriers(void)
{
	return sums(false);
}

static int warps(void)
{
	enum { T = STAND_IN_THREADS };
	struct queue q = queue_open();
	unsigned here[T], out[7][T], *x = device(sizeof here), *y = device(sizeof out);
	for (unsigned i = 0; i < T; i++)
		here[i] = i * 2654435761u;
	up(&q, x, here, sizeof here);
	stand_in_warps(&q, x, y);
	down(&q, out, y, sizeof out);
	for (unsigned i = 0; i < T; i++) {
		unsigned lane = i % 32, warp = i - lane, votes = 0;
		for (unsigned l = 0; l < 32; l++)
			votes |= (here[warp + l] & 1) << l;
		MUST(out[0][i] == votes);
		MUST(out[1][i] == here[warp + 5]);
		MUST(out[2][i] == here[lane < 3 ? i : i - 3]);
		MUST(out[3][i] == here[lane % 16 < 14 ? i + 2 : i]);
		MUST(out[4][i] == here[warp + (lane ^ 9)]);
		MUST(out[5][i] == (unsigned)(2 * (here[i ^ 1] + 0.5)) || here[i ^ 1] >= 1u << 31);
		MUST(out[6][i] == (unsigned)(__builtin_popcount(here[i]) + __builtin_ffs((int)here[i]) +
		                             (here[i] ? __builtin_clz(here[i]) : 32)));
	}
	return 0;
}

static int addresses_in_memory(void)
{
	struct queue q = queue_open();
	unsigned value = 42, answer = 0, *x = device(sizeof value), **at = device(sizeof *at),
	         *out = device(sizeof answer);
	up(&q, x, &value, sizeof value);
	up(&q, at, &x, sizeof x);
	stand_in_follow(&q, at, out);
	down(&q, &answer, out, sizeof answer);
	MUST(answer == 42);
	return 0;
}

Test(stand_in, threads_of_a_block_are_where_they_should_be)
{
	expect_well(where_threads_are);
	expect_well(addresses_in_memory);
}

Test(stand_in, barriers_and_what_warps_say)
{
	expect_always(sum_with_barriers);
	expect_always(warps);
}

Test(stand_in, a_missing_barrier_is_seen)
{
	cr_expect_neq(run(sum_without_barriers), 0);
}

static enum stand_in_fault fault;

static int commit(void)
{
	struct queue q = queue_open();
	stand_in_fault(&q, fault);
	finish(&q);
	return 0;
}

Test(stand_in, threads_that_do_not_meet_are_named)
{
	static const char *const words[] = {
	        [BARRIER_IN_A_BRANCH] =
	                "kernel barrier_in_a_branch, block 0 0 0 of 64 threads: not all of a block "
	                "meet: thread 0 waits at stand_in_kernels.cu:",
	        [BARRIER_AFTER_THE_END] = "for a __syncthreads, thread 40 has ended",
	        [BALLOT_IN_A_BRANCH] = "not all of a warp meet: thread 1 waits at stand_in_kernels.cu:",
	        [HALF_A_WARP] = "a warp of 16 threads meets; expected 32",
	        [PART_OF_A_MASK] = "a mask of lanes is 0000ffff"};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		fault = (enum stand_in_fault)i;
		expect_bug(commit, words[i]);
	}
}

/* --- calls that fail --- */

static int wrong_calls(void)
{
	struct queue q = queue_open();
	unsigned here[4], *x = device(sizeof here);
	stand_in_no_threads(&q);
	MUST(launched == cudaErrorInvalidConfiguration);
	MUST(cudaMemcpyAsync(x, here, 4, cudaMemcpyDeviceToHost, q.stream) == cudaErrorInvalidValue);
	MUST(cudaSetDevice(2) == cudaErrorInvalidDevice);
	OK(cudaSetDevice(1));
	stand_in_step(&q, 4, x);
	MUST(launched == cudaErrorInvalidResourceHandle);
	return 0;
}

static int none(void)
{
	int count = 7;
	MUST(cudaGetDeviceCount(&count) == cudaErrorNoDevice && count == 0);
	MUST(strcmp(cudaGetErrorName(cudaErrorNoDevice), "cudaErrorNoDevice") == 0);
	return 0;
}

static int third_fails(void)
{
	struct queue q = queue_open();
	unsigned *x = device(4);
	launched = cudaSuccess;
	stand_in_step(&q, 1, x);
	MUST(launched == cudaErrorUnknown);
	stand_in_step(&q, 1, x);
	finish(&q);
	exit(0);
}

static int use(void)
{
	int count;
	return cudaGetDeviceCount(&count) == cudaSuccess ? 0 : 7;
}

static int child_uses(void *ctx)
{
	(void)ctx;
	return use();
}

static int parent_and_child(void)
{
	MUST(use() == 0);
	MUST(process_in_child(child_uses, NULL) == 7);
	return 0;
}

Test(stand_in, wrong_calls_are_refused)
{
	setenv("SIGNSGD_EMULATED_DEVICES", "2", 1);
	expect_well(wrong_calls);
	setenv("SIGNSGD_EMULATED_DEVICES", "0", 1);
	expect_well(none);
}

Test(stand_in, a_chosen_call_fails_and_calls_are_counted)
{
	char path[FOLDER_SIZE + 8], text[256];
	snprintf(path, sizeof path, "%s/count", folder);
	setenv("SIGNSGD_EMULATED_FAIL", "3", 1);
	setenv("SIGNSGD_EMULATED_COUNT", path, 1);
	expect_well(third_fails);
	file_text(path, text, sizeof text);
	cr_expect_str_eq(text, "calls 5\nallocations 1\nstreams 1\nevents 0\nhandles 0\n");
}

Test(stand_in, a_device_is_not_inherited)
{
	expect_well(parent_and_child);
}
