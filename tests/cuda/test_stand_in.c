/*
 * What the stand-in for a GPU is for (tests/cuda/emulated.h): it keeps the orders that streams and events
 * promise and no others, ends the process with a sentence where somebody touches what is not his, and fails
 * where it is told to.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/cuda/stand_in_help.h"

enum { N = 1000 };

TestSuite(stand_in, .init = stand_in_open, .fini = stand_in_close, .timeout = 120);

/* --- memory --- */

static int host_reads(void)
{
	volatile unsigned *x = stand_in_device(400);
	return (int)x[3];
}

static int host_writes(void)
{
	volatile unsigned *x = stand_in_device(400);
	x[99] = 1;
	return 0;
}

static int kernel_leaves(void)
{
	struct queue q = stand_in_queue();
	stand_in_step(&q, 113,
	              stand_in_device(400)); /* the block ends with 112 numbers, a multiple of 64 bytes */
	stand_in_finish(&q);
	return 0;
}

static int kernel_works_on_what_was_freed(void)
{
	struct queue q = stand_in_queue();
	unsigned *x = stand_in_device(400);
	OK(cudaFree(x));
	stand_in_step(&q, 1, x);
	stand_in_finish(&q);
	return 0;
}

static int kernel_gets_host(void)
{
	struct queue q = stand_in_queue();
	unsigned here[64] = {0};
	stand_in_step(&q, 64, here);
	return 0;
}

static int freed_twice(void)
{
	void *x = stand_in_device(400);
	OK(cudaFree(x));
	OK(cudaFree(x));
	return 0;
}

static int no_stream(void)
{
	uint64_t nothing[8] = {0};
	struct queue q = {.stream = (cudaStream_t)(void *)nothing};
	stand_in_step(&q, 1, stand_in_device(4));
	return 0;
}

Test(stand_in, names_who_touches_what)
{
	stand_in_expect_bug(host_reads,
	                    "the host touched the device's memory, an allocation of 400 bytes, at byte 12");
	stand_in_expect_bug(host_writes,
	                    "the host touched the device's memory, an allocation of 400 bytes, at byte 396");
	stand_in_expect_bug(kernel_leaves, "work on the device left an allocation of 400 bytes");
	stand_in_expect_bug(kernel_works_on_what_was_freed, "an allocation of 400 bytes that was given back");
	stand_in_expect_bug(kernel_gets_host, "step got memory of the host");
	stand_in_expect_bug(freed_twice, "memory is freed that is not allocated");
	stand_in_expect_bug(no_stream, "work for a stream that is not open");
}

static int new_memory(void)
{
	struct queue q = stand_in_queue();
	float here[10];
	stand_in_down(&q, here, stand_in_device(sizeof here), sizeof here);
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
	void *x = stand_in_device(500000);
	MUST(cudaMalloc(&at, 600000) == cudaErrorMemoryAllocation && !at);
	MUST(cudaGetLastError() == cudaErrorMemoryAllocation && cudaGetLastError() == cudaSuccess);
	OK(cudaFree(x));
	x = stand_in_device(600000);
	OK(cudaMemGetInfo(&free_bytes, &all));
	MUST(free_bytes <= 400000);
	return 0;
}

Test(stand_in, memory_is_no_number_and_has_an_end)
{
	stand_in_expect_well(new_memory);
	setenv("SIGNSGD_EMULATED_MEMORY", "1000000", 1);
	stand_in_expect_well(limited);
}

/* --- order --- */

/* What nobody has waited for is not there, and what was waited for is. */
static int late(void)
{
	struct queue q = stand_in_queue();
	unsigned here[N], *locked = stand_in_pinned(sizeof here), *x = stand_in_device(sizeof here);
	for (unsigned i = 0; i < N; i++)
		here[i] = i;
	stand_in_up(&q, x, here, sizeof here);
	memset(here, 0, sizeof here);
	memset(locked, 0, sizeof here);
	stand_in_step(&q, N, x);
	stand_in_down(&q, locked, x, sizeof here);
	for (unsigned i = 0; i < N; i++)
		MUST(locked[i] == 0);
	stand_in_finish(&q);
	for (unsigned i = 0; i < N; i++)
		MUST(locked[i] == 2 * i + 1);
	stand_in_down(&q, here, x, sizeof here); /* waits by itself */
	MUST(memcmp(here, locked, sizeof here) == 0);
	OK(cudaMemcpyAsync(x, locked, sizeof here, cudaMemcpyHostToDevice, q.stream));
	locked[7] = 70; /* too early */
	stand_in_finish(&q);
	stand_in_down(&q, here, x, sizeof here);
	MUST(here[7] == 70);
	OK(cudaMemcpyAsync(x, here, sizeof here, cudaMemcpyHostToDevice, q.stream));
	here[7] = 71; /* likewise */
	stand_in_down(&q, here, x, sizeof here);
	MUST(here[7] == 71);
	return 0;
}

/* Doubling and adding one, filling, copying: none commutes with another. */
static int in_order(void)
{
	struct queue q[3];
	unsigned *x[3], *y = stand_in_device(3 * N * sizeof *y), here[3 * N];
	for (int i = 0; i < 3; i++) {
		q[i] = stand_in_queue();
		x[i] = stand_in_device(N * sizeof *y);
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
		stand_in_finish(&q[i]);
	stand_in_down(&q[0], here, y, sizeof here);
	for (unsigned i = 0; i < 3 * N; i++)
		MUST(here[i] == 15);
	return 0;
}

/* x goes from stream to stream and back, a step each. */
static int hand_over(bool events)
{
	struct queue q[2] = {stand_in_queue(), stand_in_queue()};
	unsigned *x = stand_in_device(N * sizeof *x), here[N];
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
	stand_in_down(&q[1], here, x, sizeof here);
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
	stand_in_expect_always(late);
}

Test(stand_in, keeps_the_order_of_streams_and_events)
{
	stand_in_expect_always(in_order);
	stand_in_expect_always(with_events);
}

Test(stand_in, a_missing_event_is_seen)
{
	stand_in_expect_now_and_then(without_events);
}

/* --- captures --- */

static struct queue capturing(void)
{
	struct queue q = stand_in_queue();
	OK(cudaStreamBeginCapture(q.stream, cudaStreamCaptureModeThreadLocal));
	return q;
}

static cudaGraphExec_t captured(struct queue *q)
{
	cudaGraph_t graph;
	cudaGraphExec_t exec;
	OK(cudaStreamEndCapture(q->stream, &graph));
	OK(cudaGraphInstantiateWithFlags(&exec, graph, 0));
	OK(cudaGraphDestroy(graph));
	return exec;
}

/* Nothing runs when it is captured, and all of it with each launch, in the order of the stream. */
static int replayed(void)
{
	struct queue q = stand_in_queue();
	unsigned here[N], *locked = stand_in_pinned(sizeof here), *x = stand_in_device(sizeof here);
	OK(cudaMemsetAsync(x, 0, sizeof here, q.stream));
	OK(cudaStreamBeginCapture(q.stream, cudaStreamCaptureModeThreadLocal));
	stand_in_step(&q, N, x);
	OK(cudaMemcpyAsync(x, locked, sizeof *x, cudaMemcpyHostToDevice, q.stream));
	cudaGraphExec_t exec = captured(&q);
	stand_in_down(&q, here, x, sizeof here);
	MUST(here[0] == 0 && here[N - 1] == 0);
	for (unsigned i = 1; i <= 3; i++) {
		locked[0] = 10 * i; /* the address was captured, not what was there */
		stand_in_step(&q, N, x);
		OK(cudaGraphLaunch(exec, q.stream));
		stand_in_down(&q, here, x, sizeof here);
		MUST(here[0] == 10 * i && here[N - 1] == (1u << 2 * i) - 1);
	}
	OK(cudaGraphLaunch(exec, q.stream));
	OK(cudaGraphExecDestroy(exec)); /* what was launched is done all the same */
	stand_in_down(&q, here, x, sizeof here);
	MUST(here[N - 1] == 127);
	return 0;
}

Test(stand_in, graphs_replay_what_was_captured)
{
	stand_in_expect_always(replayed);
}

static void broken(struct queue *q, cudaError_t says)
{
	enum cudaStreamCaptureStatus status;
	cudaGraph_t graph;
	MUST(says == cudaErrorStreamCaptureUnsupported);
	OK(cudaStreamIsCapturing(q->stream, &status));
	MUST(status == cudaStreamCaptureStatusInvalidated);
	MUST(cudaStreamEndCapture(q->stream, &graph) == cudaErrorStreamCaptureInvalidated && !graph);
	OK(cudaStreamIsCapturing(q->stream, &status));
	MUST(status == cudaStreamCaptureStatusNone);
}

/* Whoever waits or allocates in a capture has none. */
static int no_captures(void)
{
	void *at, *x = stand_in_device(4);
	unsigned here = 0;
	struct queue q = capturing();
	broken(&q, cudaMalloc(&at, 4));
	q = capturing();
	broken(&q, cudaFree(x));
	q = capturing();
	broken(&q, cudaMallocHost(&at, 4));
	q = capturing();
	broken(&q, cudaDeviceSynchronize());
	q = capturing();
	broken(&q, cudaStreamSynchronize(q.stream));
	q = capturing();
	broken(&q, cudaStreamQuery(q.stream));
	q = capturing();
	broken(&q, cudaMemcpyAsync(x, &here, 4, cudaMemcpyHostToDevice, q.stream));
	q = capturing();
	MUST(cudaStreamSynchronize(q.stream) == cudaErrorStreamCaptureUnsupported);
	MUST(cudaMemsetAsync(x, 0, 4, q.stream) == cudaErrorStreamCaptureInvalidated);
	return 0;
}

static int graph_outlives_memory(void)
{
	unsigned *x = stand_in_device(400);
	struct queue q = capturing();
	stand_in_step(&q, 1, x);
	cudaGraphExec_t exec = captured(&q);
	OK(cudaFree(x));
	OK(cudaGraphLaunch(exec, q.stream));
	stand_in_finish(&q);
	return 0;
}

static int event_in_a_capture(void)
{
	cudaEvent_t e;
	OK(cudaEventCreateWithFlags(&e, cudaEventDisableTiming));
	struct queue q = capturing();
	OK(cudaEventRecord(e, q.stream));
	return 0;
}

Test(stand_in, captures_are_broken_by_what_waits)
{
	stand_in_expect_well(no_captures);
	stand_in_expect_bug(graph_outlives_memory, "an allocation of 400 bytes that was given back");
	stand_in_expect_bug(event_in_a_capture, "an event is recorded in a stream that captures");
}

/* --- calls that fail --- */

static int wrong_calls(void)
{
	struct queue q = stand_in_queue();
	unsigned here[4], *x = stand_in_device(sizeof here);
	stand_in_no_threads(&q);
	MUST(stand_in_launched == cudaErrorInvalidConfiguration);
	MUST(cudaMemcpyAsync(x, here, 4, cudaMemcpyDeviceToHost, q.stream) == cudaErrorInvalidValue);
	MUST(cudaSetDevice(2) == cudaErrorInvalidDevice);
	OK(cudaSetDevice(1));
	stand_in_step(&q, 4, x);
	MUST(stand_in_launched == cudaErrorInvalidResourceHandle);
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
	struct queue q = stand_in_queue();
	unsigned *x = stand_in_device(4);
	stand_in_launched = cudaSuccess;
	stand_in_step(&q, 1, x);
	MUST(stand_in_launched == cudaErrorUnknown);
	stand_in_step(&q, 1, x);
	stand_in_finish(&q);
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
	stand_in_expect_well(wrong_calls);
	setenv("SIGNSGD_EMULATED_DEVICES", "0", 1);
	stand_in_expect_well(none);
}

Test(stand_in, a_chosen_call_fails_and_calls_are_counted)
{
	char path[FOLDER_SIZE + 8], text[256];
	snprintf(path, sizeof path, "%s/count", stand_in_folder);
	setenv("SIGNSGD_EMULATED_FAIL", "3", 1);
	setenv("SIGNSGD_EMULATED_COUNT", path, 1);
	stand_in_expect_well(third_fails);
	file_text(path, text, sizeof text);
	cr_expect_str_eq(text,
	                 "calls 5\nallocations 1\nstreams 1\nevents 0\nhandles 0\ngraphs 0\nlaunches 0\n"
	                 "first capture 0\nlast launch 0\nlast graph 0\n");
}

Test(stand_in, a_device_is_not_inherited)
{
	stand_in_expect_well(parent_and_child);
}
