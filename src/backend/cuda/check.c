/* What calls say that did not do what they should, and what that is while work is captured: see cuda.h. */
#include <stdarg.h>
#include <stdio.h>

#include "backend/cuda/cuda.h"

static _Thread_local struct cuda_capture *captured; /* what this thread captures; NULL: nothing */

void cuda_capture_set(struct cuda_capture *c)
{
	captured = c;
}

/*
 * That work cannot be captured, or graphs cannot be made: because of what is in it, of the driver, or of the
 * memory that they take. It can still be done without.
 */
static bool is_of_capture(cudaError_t status)
{
	switch (status) {
	case cudaErrorMemoryAllocation:
	case cudaErrorCallRequiresNewerDriver:
	case cudaErrorNotSupported:
	case cudaErrorStreamCaptureUnsupported:
	case cudaErrorStreamCaptureInvalidated:
	case cudaErrorStreamCaptureMerge:
	case cudaErrorStreamCaptureUnmatched:
	case cudaErrorStreamCaptureUnjoined:
	case cudaErrorStreamCaptureIsolation:
	case cudaErrorStreamCaptureImplicit:
	case cudaErrorCapturedEvent:
		return true;
	default:
		return false;
	}
}

void cuda_check(cudaError_t status, const char *what)
{
	if (status == cudaSuccess)
		return;
	if (!captured || !is_of_capture(status))
		die("cuda: %s: %s (%s)", what, cudaGetErrorString(status), cudaGetErrorName(status));
	(void)cudaGetLastError(); /* or the next launch would say it again */
	err_world(&captured->why, "%s: %s (%s)", what, cudaGetErrorString(status), cudaGetErrorName(status));
}

/* Libraries have other words for what CUDA refuses them, but the stream knows. */
static bool capture_is_broken(void)
{
	enum cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
	if (!captured)
		return false;
	cuda_check(cudaStreamIsCapturing(captured->stream, &status), "asking for the capture");
	return status == cudaStreamCaptureStatusInvalidated;
}

void cuda_library_failed(const char *format, ...)
{
	char text[512];
	va_list list;
	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	if (!capture_is_broken())
		die("%s", text);
	(void)cudaGetLastError(); /* the library's own call left it */
	err_world(&captured->why, "%s", text);
}

bool cuda_once(const char *what)
{
	if (captured)
		err_world(&captured->why, "%s depends on numbers that are other ones in each step", what);
	return captured;
}

const struct stream *cuda_stream_there(const struct stream *s)
{
	const struct capture_streams *known = captured ? &captured->streams : NULL;
	for (int i = 0; known && i < known->count; i++)
		if (s == known->here + i)
			return known->there + i;
	cuda_once("a kernel with random numbers");
	return NULL;
}
