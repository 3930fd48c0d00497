/* Kernels on the stand-in for a GPU: what the threads of a block say to each other, and where they do not. */
#include <string.h>
#include "tests/cuda/stand_in_help.h"

TestSuite(stand_in_kernels, .init = stand_in_open, .fini = stand_in_close, .timeout = 120);

static int where_threads_are(void)
{
	struct queue q = stand_in_queue();
	unsigned *out = stand_in_device(192 * sizeof *out), here[192];
	OK(cudaMemsetAsync(out, 0, sizeof here, q.stream));
	stand_in_count(&q, out);
	stand_in_down(&q, here, out, sizeof here);
	for (int i = 0; i < 192; i++)
		MUST(here[i] == 1);
	return 0;
}

static int sums(bool barriers)
{
	enum { BLOCKS = 5 };
	struct queue q = stand_in_queue();
	unsigned here[BLOCKS * STAND_IN_THREADS], *x = stand_in_device(sizeof here),
	                                          *out = stand_in_device(BLOCKS * 4), answer[BLOCKS];
	for (unsigned i = 0; i < BLOCKS * STAND_IN_THREADS; i++)
		here[i] = i * i + 1;
	stand_in_up(&q, x, here, sizeof here);
	stand_in_sum(&q, BLOCKS, barriers, x, out);
	stand_in_down(&q, answer, out, sizeof answer);
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
	struct queue q = stand_in_queue();
	unsigned here[T], out[7][T], *x = stand_in_device(sizeof here), *y = stand_in_device(sizeof out);
	for (unsigned i = 0; i < T; i++)
		here[i] = i * 2654435761u;
	stand_in_up(&q, x, here, sizeof here);
	stand_in_warps(&q, x, y);
	stand_in_down(&q, out, y, sizeof out);
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
	struct queue q = stand_in_queue();
	unsigned value = 42, answer = 0, *x = stand_in_device(sizeof value),
	         **at = stand_in_device(sizeof *at), *out = stand_in_device(sizeof answer);
	stand_in_up(&q, x, &value, sizeof value);
	stand_in_up(&q, at, &x, sizeof x);
	stand_in_follow(&q, at, out);
	stand_in_down(&q, &answer, out, sizeof answer);
	MUST(answer == 42);
	return 0;
}

Test(stand_in_kernels, threads_of_a_block_are_where_they_should_be)
{
	stand_in_expect_well(where_threads_are);
	stand_in_expect_well(addresses_in_memory);
}

Test(stand_in_kernels, barriers_and_what_warps_say)
{
	stand_in_expect_always(sum_with_barriers);
	stand_in_expect_always(warps);
}

Test(stand_in_kernels, a_missing_barrier_is_seen)
{
	cr_expect_neq(stand_in_run(sum_without_barriers), 0);
}

static enum stand_in_fault fault;

static int commit(void)
{
	struct queue q = stand_in_queue();
	stand_in_fault(&q, fault);
	stand_in_finish(&q);
	return 0;
}

Test(stand_in_kernels, threads_that_do_not_meet_are_named)
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
		stand_in_expect_bug(commit, words[i]);
	}
}
