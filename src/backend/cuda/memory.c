/* The device's memory, and its queues: see backend/memory.h. */
#include <stdint.h>
#include <string.h>

#include "backend/cuda/cuda.h"
#include "base/log.h"
#include "base/mem.h"

static void no_memory(size_t bytes, const char *what)
{
	size_t left = 0, all = 0;
	char asked[32], free_text[32], all_text[32];
	(void)cudaGetLastError();
	cuda_check(cudaMemGetInfo(&left, &all), "asking for the free memory");
	log_bytes((double)bytes, asked);
	log_bytes((double)left, free_text);
	log_bytes((double)all, all_text);
	die("memory: GPU %d has no %zu bytes (%s) for \"%s\": found %zu bytes (%s) free of %s",
	    cuda_machine.device, bytes, asked, what, left, free_text, all_text);
}

/* Other queues do not wait for the default stream, in which it is cleared. cudaMalloc() aligns to 256 bytes.
 */
static void *cuda_alloc(size_t bytes, const char *what)
{
	void *p = NULL;
	cuda_here();
	cudaError_t status = cudaMalloc(&p, bytes > 0 ? bytes : 1);
	if (status == cudaErrorMemoryAllocation)
		no_memory(bytes, what);
	cuda_check(status, "allocating memory");
	if (bytes > 0) {
		cuda_check(cudaMemsetAsync(p, 0, bytes, NULL), "clearing memory");
		cuda_check(cudaStreamSynchronize(NULL), "clearing memory");
	}
	return p;
}

static void cuda_release(void *p)
{
	if (!p)
		return;
	cuda_here();
	cuda_check(cudaFree(p), "releasing memory");
}

static void staging_open(struct cuda_staging *s)
{
	for (int i = 0; i < 2; i++) {
		void *half = NULL;
		cuda_check(cudaMallocHost(&half, CUDA_STAGING), "allocating memory of the host");
		s->half[i] = half;
		cuda_check(cudaEventCreateWithFlags(&s->sent[i], cudaEventDisableTiming), "making an event");
	}
}

static void staging_close(struct cuda_staging *s)
{
	for (int i = 0; i < 2; i++) {
		cuda_check(cudaEventDestroy(s->sent[i]), "closing an event");
		cuda_check(cudaFreeHost(s->half[i]), "releasing memory of the host");
	}
}

static struct queue *cuda_queue_open(void)
{
	struct queue *q = mem_alloc(sizeof *q);
	cuda_here();
	cuda_check(cudaStreamCreateWithFlags(&q->stream, cudaStreamNonBlocking), "making a stream");
	q->scratch = cuda_alloc(CUDA_SCRATCH, "scratch of a queue");
	staging_open(&q->staging);
	if (cuda_products_there()) {
		q->workspace = cuda_alloc(CUDA_WORKSPACE, "the workspace of products");
		cuda_products_open(q);
	}
	cuda_layers_open(q);
	return q;
}

static void cuda_finish(struct queue *q)
{
	cuda_here();
	cuda_check(cudaStreamSynchronize(q->stream), "waiting for the device");
}

/* The runtime remembers that it was not ready as if that were an error. */
bool cuda_finished(struct queue *q)
{
	cuda_here();
	cudaError_t status = cudaStreamQuery(q->stream);
	if (status == cudaErrorNotReady) {
		(void)cudaGetLastError();
		return false;
	}
	cuda_check(status, "waiting for the device");
	return true;
}

static void cuda_queue_close(struct queue *q)
{
	cuda_finish(q);
	cuda_products_close(q);
	cuda_layers_close(q);
	staging_close(&q->staging);
	cuda_release(q->workspace);
	cuda_release(q->scratch);
	cuda_check(cudaStreamDestroy(q->stream), "closing a stream");
	mem_free(q);
}

/*
 * By way of the queue's own memory that the device reads by itself, so that `from` may be changed afterwards.
 * The runtime would do the same for most memory, but need not: where the device can read all of the host's
 * memory, its copies may begin after the call has returned.
 */
static void cuda_upload(struct queue *q, void *to, const void *from, size_t bytes)
{
	struct cuda_staging *s = &q->staging;
	if (to == from || cuda_once("an upload"))
		return;
	cuda_here();
	for (size_t at = 0; at < bytes; at += CUDA_STAGING) {
		size_t part = bytes - at < CUDA_STAGING ? bytes - at : CUDA_STAGING;
		int i = s->next;
		cuda_check(cudaEventSynchronize(s->sent[i]), "an upload");
		memcpy(s->half[i], (const char *)from + at, part);
		cuda_check(
		        cudaMemcpyAsync((char *)to + at, s->half[i], part, cudaMemcpyHostToDevice, q->stream),
		        "an upload");
		cuda_check(cudaEventRecord(s->sent[i], q->stream), "an upload");
		s->next = !i;
	}
}

static void cuda_download(struct queue *q, void *to, const void *from, size_t bytes)
{
	cuda_here();
	if (to != from && bytes > 0)
		cuda_check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, q->stream), "a download");
	cuda_finish(q);
}

static void cuda_send(struct queue *q, void *to, const void *from, size_t bytes)
{
	if (cuda_once("an upload"))
		return;
	cuda_here();
	if (to != from && bytes > 0)
		cuda_check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, q->stream), "an upload");
}

static void cuda_bring(struct queue *q, void *to, const void *from, size_t bytes)
{
	cuda_here();
	if (to != from && bytes > 0)
		cuda_check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, q->stream), "a download");
}

static void *cuda_host_alloc(size_t bytes)
{
	void *p = NULL;
	cuda_here();
	cuda_check(cudaMallocHost(&p, bytes > 0 ? bytes : 1), "allocating memory of the host");
	memset(p, 0, bytes);
	return p;
}

static void cuda_host_release(void *p)
{
	cuda_here();
	if (p)
		cuda_check(cudaFreeHost(p), "releasing memory of the host");
}

static struct mark *cuda_mark_open(void)
{
	struct mark *m = mem_alloc(sizeof *m);
	cuda_here();
	cuda_check(cudaEventCreateWithFlags(&m->event, cudaEventDisableTiming), "making an event");
	return m;
}

static void cuda_mark_close(struct mark *m)
{
	cuda_here();
	if (m)
		cuda_check(cudaEventDestroy(m->event), "closing an event");
	mem_free(m);
}

static void cuda_mark_set(struct queue *q, struct mark *m)
{
	if (cuda_once("a mark"))
		return;
	cuda_here();
	cuda_check(cudaEventRecord(m->event, q->stream), "recording an event");
}

static bool cuda_mark_reached(struct mark *m)
{
	cuda_here();
	cudaError_t status = cudaEventQuery(m->event);
	if (status == cudaErrorNotReady) {
		(void)cudaGetLastError(); /* no error, but the runtime remembers it as one */
		return false;
	}
	cuda_check(status, "asking for an event");
	return true;
}

static void cuda_mark_wait(struct mark *m)
{
	cuda_here();
	cuda_check(cudaEventSynchronize(m->event), "waiting for an event");
}

static void cuda_mark_follow(struct queue *q, struct mark *m)
{
	cuda_here();
	cuda_check(cudaStreamWaitEvent(q->stream, m->event, 0), "following an event");
}

static void cuda_copy(struct queue *q, void *to, const void *from, size_t bytes)
{
	cuda_here();
	if (to != from && bytes > 0)
		cuda_check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, q->stream), "a copy");
}

static void cuda_fill(struct queue *q, void *to, unsigned char byte, size_t bytes)
{
	cuda_here();
	if (bytes > 0)
		cuda_check(cudaMemsetAsync(to, byte, bytes, q->stream), "filling memory");
}

static void cuda_free_bytes(size_t *left, size_t *all)
{
	cuda_here();
	cuda_check(cudaMemGetInfo(left, all), "asking for the free memory");
}

const struct memory cuda_memory = {
        .alloc = cuda_alloc,
        .release = cuda_release,
        .queue_open = cuda_queue_open,
        .queue_close = cuda_queue_close,
        .upload = cuda_upload,
        .download = cuda_download,
        .send = cuda_send,
        .bring = cuda_bring,
        .host_alloc = cuda_host_alloc,
        .host_release = cuda_host_release,
        .mark_open = cuda_mark_open,
        .mark_close = cuda_mark_close,
        .mark_set = cuda_mark_set,
        .mark_reached = cuda_mark_reached,
        .mark_wait = cuda_mark_wait,
        .mark_follow = cuda_mark_follow,
        .copy = cuda_copy,
        .fill = cuda_fill,
        .finish = cuda_finish,
        .free_bytes = cuda_free_bytes,
        .queue_bytes = CUDA_SCRATCH + CUDA_WORKSPACE,
};
