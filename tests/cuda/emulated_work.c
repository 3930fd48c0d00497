/* What is given to streams: copies, fills and kernels. */
#include "tests/cuda/emulated_internal.h"
#include <stdlib.h>
#include <string.h>

struct copy {
	void *to;
	const void *from;
	size_t bytes;
};

static void copy(void *arguments)
{
	const struct copy *c = arguments;
	memcpy(c->to, c->from, c->bytes);
}

static bool is_kind(enum cudaMemcpyKind kind, bool from_device, bool to_device)
{
	const enum cudaMemcpyKind is = from_device
	                                       ? to_device ? cudaMemcpyDeviceToDevice : cudaMemcpyDeviceToHost
	                               : to_device ? cudaMemcpyHostToDevice
	                                           : cudaMemcpyHostToHost;
	return kind == cudaMemcpyDefault || kind == is;
}

static cudaError_t stream_call(cudaStream_t stream)
{
	cudaError_t status = emulated_call();
	if (status)
		return status;
	return emulated_stream_is_here(stream) ? emulated_capture_says(stream)
	                                       : emulated_say(cudaErrorInvalidResourceHandle);
}

/*
 * Memory of the host is read when the copy's turn in the stream has come. The runtime often takes what is not
 * page-locked before it returns, but does not promise it. A copy to such memory has written there when it
 * returns.
 */
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind,
                            cudaStream_t stream)
{
	cudaError_t status = stream_call(stream);
	if (status || bytes == 0)
		return status;
	const enum emulated_place there = emulated_place(to), here = emulated_place(from);
	if (!is_kind(kind, here == EMULATED_DEVICE, there == EMULATED_DEVICE))
		return emulated_say(cudaErrorInvalidValue);
	if (there == EMULATED_HOST || here == EMULATED_HOST) /* not page-locked: the call itself may wait */
		status = emulated_breaks_capture(stream, cudaErrorStreamCaptureUnsupported);
	if (status)
		return status;
	const struct copy c = {there == EMULATED_HOST ? to : emulated_at(to, "cudaMemcpyAsync"),
	                       here == EMULATED_HOST ? from : emulated_at(from, "cudaMemcpyAsync"), bytes};
	emulated_enqueue(stream, copy, &c, sizeof c);
	if (there == EMULATED_HOST)
		emulated_wait(stream);
	return cudaSuccess;
}

struct fill {
	void *to;
	int byte;
	size_t bytes;
};

static void fill(void *arguments)
{
	const struct fill *f = arguments;
	memset(f->to, f->byte, f->bytes);
}

cudaError_t cudaMemsetAsync(void *to, int byte, size_t bytes, cudaStream_t stream)
{
	cudaError_t status = stream_call(stream);
	if (status || bytes == 0)
		return status;
	const struct fill f = {emulated_at(to, "cudaMemsetAsync"), byte, bytes};
	emulated_enqueue(stream, fill, &f, sizeof f);
	return cudaSuccess;
}

struct launch {
	struct emulated_kernel kernel;
	_Alignas(16) unsigned char parameters[];
};

static void launch(void *arguments)
{
	struct launch *l = arguments;
	l->kernel.parameters = l->parameters;
	emulated_run_kernel(&l->kernel);
}

/* Of a device of compute capability 7.0 and later. */
static bool can_be(struct uint3 blocks, struct uint3 threads)
{
	return blocks.x > 0 && blocks.x < 1u << 31 && blocks.y > 0 && blocks.y < 1u << 16 && blocks.z > 0 &&
	       blocks.z < 1u << 16 && threads.x > 0 && threads.x <= 1024 && threads.y > 0 &&
	       threads.y <= 1024 && threads.z > 0 && threads.z <= 64 &&
	       threads.x * threads.y * threads.z <= 1024;
}

void emulated_launch(cudaStream_t stream, const char *kernel, struct uint3 blocks, struct uint3 threads,
                     void (*call)(const void *parameters), const void *parameters, size_t bytes)
{
	if (stream_call(stream))
		return;
	if (!can_be(blocks, threads)) {
		emulated_say(cudaErrorInvalidConfiguration);
		return;
	}
	struct launch *l = malloc(sizeof *l + bytes);
	if (!l)
		emulated_bug("no memory for a launch");
	l->kernel =
	        (struct emulated_kernel){.name = kernel, .blocks = blocks, .threads = threads, .call = call};
	memcpy(l->parameters, parameters, bytes);
	emulated_enqueue(stream, launch, l, sizeof *l + bytes);
	free(l);
}
