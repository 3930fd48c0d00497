#include "tests/cuda/stand_in_help.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEEDS = 20 };

char stand_in_folder[FOLDER_SIZE], stand_in_said[4096];

void stand_in_open(void)
{
	folder_make(stand_in_folder);
}

void stand_in_close(void)
{
	folder_remove(stand_in_folder);
}

/* What kernel.cuh's LAUNCH calls. */
void cuda_here(void)
{
}

cudaError_t stand_in_launched; /* what the last launch that failed said */

void cuda_check(cudaError_t status, const char *what)
{
	(void)what;
	if (status)
		stand_in_launched = status;
}

void stand_in_must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "not so: %s\n", what);
	exit(1);
}

struct queue stand_in_queue(void)
{
	struct queue q = {0};
	OK(cudaStreamCreateWithFlags(&q.stream, cudaStreamNonBlocking));
	return q;
}

void *stand_in_device(size_t bytes)
{
	void *at = NULL;
	OK(cudaMalloc(&at, bytes));
	return at;
}

void *stand_in_pinned(size_t bytes)
{
	void *at = NULL;
	OK(cudaMallocHost(&at, bytes));
	return at;
}

void stand_in_up(struct queue *q, void *to, const void *from, size_t bytes)
{
	OK(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, q->stream));
	stand_in_finish(q);
}

void stand_in_down(struct queue *q, void *to, const void *from, size_t bytes)
{
	OK(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, q->stream));
}

void stand_in_finish(struct queue *q)
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

int stand_in_run(int (*work)(void))
{
	char log[FOLDER_SIZE + 8];
	snprintf(log, sizeof log, "%s/said", stand_in_folder);
	struct task t = {work, log};
	int code = process_in_child(in_child, &t);
	file_text(log, stand_in_said, sizeof stand_in_said);
	return code;
}

void stand_in_expect_well(int (*work)(void))
{
	cr_expect_eq(stand_in_run(work), 0, "%s", stand_in_said);
}

void stand_in_expect_always(int (*work)(void))
{
	char seed[16];
	for (int i = 1; i <= SEEDS; i++) {
		snprintf(seed, sizeof seed, "%d", i);
		setenv("SIGNSGD_EMULATED_SEED", seed, 1);
		cr_expect_eq(stand_in_run(work), 0, "seed %d: %s", i, stand_in_said);
	}
}

void stand_in_expect_now_and_then(int (*work)(void))
{
	char seed[16];
	int good = 0;
	for (int i = 1; i <= SEEDS; i++) {
		snprintf(seed, sizeof seed, "%d", i);
		setenv("SIGNSGD_EMULATED_SEED", seed, 1);
		good += stand_in_run(work) == 0;
	}
	cr_expect(good > 0 && good < SEEDS, "%d of %d seeds", good, SEEDS);
}

void stand_in_expect_bug(int (*work)(void), const char *words)
{
	cr_expect_gt(stand_in_run(work), 255, "nothing was noticed; expected \"%s\"", words);
	cr_expect(strstr(stand_in_said, words), "\"%s\", not \"%s\"", stand_in_said, words);
}
