/* The runtime's calls that are neither memory nor streams nor kernels, and the calls that have to fail. */
#include "tests/cuda/emulated_internal.h"
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static atomic_ullong calls, first_capture, last_launch, last_graph_call;
static atomic_int handles;
static _Thread_local cudaError_t last;
static _Thread_local int device;
static bool used, forked;
static pthread_once_t once = PTHREAD_ONCE_INIT;

void emulated_bug(const char *format, ...)
{
	va_list list;
	char text[1024];
	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	fprintf(stderr, "emulated: %s\n", text);
	fflush(stderr);
	abort();
}

unsigned long long emulated_setting(const char *name, unsigned long long otherwise)
{
	const char *text = getenv(name);
	char *end;
	if (!text || !*text)
		return otherwise;
	unsigned long long value = strtoull(text, &end, 10);
	if (*end)
		emulated_bug("%s is '%s'; expected a number", name, text);
	return value;
}

void emulated_handles(int change)
{
	atomic_fetch_add(&handles, change);
}

static void count(void)
{
	const char *path = getenv("SIGNSGD_EMULATED_COUNT");
	FILE *f = path && *path && !forked ? fopen(path, "a") : NULL;
	if (!f)
		return;
	fprintf(f,
	        "calls %llu\nallocations %d\nstreams %d\nevents %d\nhandles %d\ngraphs %d\nlaunches "
	        "%d\nfirst capture %llu\nlast launch %llu\nlast graph %llu\n",
	        atomic_load(&calls), emulated_allocations(), emulated_streams(), emulated_events(),
	        atomic_load(&handles), emulated_graphs(), emulated_launches(), atomic_load(&first_capture),
	        atomic_load(&last_launch), atomic_load(&last_graph_call));
	fclose(f);
}

/* A device that a process has used cannot be used by its children. */
static void after_fork(void)
{
	forked = forked || used;
}

static void begin(void)
{
	used = true;
	pthread_atfork(NULL, NULL, after_fork);
	atexit(count);
}

int emulated_fails(void)
{
	pthread_once(&once, begin);
	return atomic_fetch_add(&calls, 1) + 1 == emulated_setting("SIGNSGD_EMULATED_FAIL", 0);
}

cudaError_t emulated_say(cudaError_t status)
{
	if (status)
		last = status;
	return status;
}

static int devices(void)
{
	return (int)emulated_setting("SIGNSGD_EMULATED_DEVICES", 1);
}

cudaError_t emulated_call(void)
{
	if (emulated_fails())
		return emulated_say(cudaErrorUnknown);
	if (forked)
		return emulated_say(cudaErrorInitializationError);
	return devices() > 0 ? cudaSuccess : emulated_say(cudaErrorNoDevice);
}

cudaError_t emulated_graph_call(enum emulated_graph_call what)
{
	cudaError_t status = emulated_call();
	unsigned long long none = 0, number = atomic_load(&calls);
	if (what == EMULATED_CAPTURE)
		atomic_compare_exchange_strong(&first_capture, &none, number);
	if (what == EMULATED_LAUNCH)
		atomic_store(&last_launch, number);
	atomic_store(&last_graph_call, number);
	return status;
}

int emulated_device(void)
{
	return device;
}

cudaError_t cudaGetDeviceCount(int *n)
{
	*n = 0;
	cudaError_t status = emulated_call();
	if (!status)
		*n = devices();
	return status;
}

static void tell_chosen(int number)
{
	const char *path = getenv("SIGNSGD_EMULATED_CHOSEN");
	FILE *f = path && *path ? fopen(path, "a") : NULL;
	if (!f)
		return;
	fprintf(f, "%d\n", number);
	fclose(f);
}

cudaError_t cudaSetDevice(int number)
{
	cudaError_t status = emulated_call();
	if (status)
		return status;
	if (number < 0 || number >= devices())
		return emulated_say(cudaErrorInvalidDevice);
	device = number;
	tell_chosen(number);
	return cudaSuccess;
}

cudaError_t cudaGetDevice(int *number)
{
	cudaError_t status = emulated_call();
	*number = device;
	return status;
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *p, int number)
{
	cudaError_t status = emulated_call();
	if (status)
		return status;
	if (number < 0 || number >= devices())
		return emulated_say(cudaErrorInvalidDevice);
	int capability = (int)emulated_setting("SIGNSGD_EMULATED_CAPABILITY", 80);
	*p = (struct cudaDeviceProp){.name = "Emulated",
	                             .totalGlobalMem =
	                                     (size_t)emulated_setting("SIGNSGD_EMULATED_MEMORY", 16ULL << 30),
	                             .sharedMemPerBlock = 48 << 10,
	                             .major = capability / 10,
	                             .minor = capability % 10,
	                             .multiProcessorCount = 4,
	                             .warpSize = 32,
	                             .maxThreadsPerBlock = 1024,
	                             .maxThreadsPerMultiProcessor = 2048,
	                             .memoryBusWidth = 256,
	                             .l2CacheSize = 4 << 20,
	                             .pciBusID = number};
	return cudaSuccess;
}

static cudaError_t version(int *out)
{
	if (emulated_fails())
		return emulated_say(cudaErrorUnknown);
	*out = CUDART_VERSION;
	return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int *out)
{
	return version(out);
}

cudaError_t cudaRuntimeGetVersion(int *out)
{
	return version(out);
}

cudaError_t cudaGetLastError(void)
{
	cudaError_t status = last;
	last = cudaSuccess;
	return status;
}

static const struct {
	cudaError_t status;
	const char *name, *words;
} errors[] = {
        {cudaSuccess, "cudaSuccess", "no error"},
        {cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument"},
        {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
        {cudaErrorInitializationError, "cudaErrorInitializationError", "initialization error"},
        {cudaErrorInvalidConfiguration, "cudaErrorInvalidConfiguration", "invalid configuration argument"},
        {cudaErrorInsufficientDriver, "cudaErrorInsufficientDriver",
         "CUDA driver version is insufficient for CUDA runtime version"},
        {cudaErrorCallRequiresNewerDriver, "cudaErrorCallRequiresNewerDriver",
         "API call is not supported in the installed CUDA driver"},
        {cudaErrorNoDevice, "cudaErrorNoDevice", "no CUDA-capable device is detected"},
        {cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal"},
        {cudaErrorInvalidResourceHandle, "cudaErrorInvalidResourceHandle", "invalid resource handle"},
        {cudaErrorNotReady, "cudaErrorNotReady", "device not ready"},
        {cudaErrorNotSupported, "cudaErrorNotSupported", "operation not supported"},
        {cudaErrorStreamCaptureUnsupported, "cudaErrorStreamCaptureUnsupported",
         "operation not permitted when stream is capturing"},
        {cudaErrorStreamCaptureInvalidated, "cudaErrorStreamCaptureInvalidated",
         "operation failed due to a previous error during capture"},
        {cudaErrorStreamCaptureIsolation, "cudaErrorStreamCaptureIsolation",
         "dependency created on uncaptured work in another stream"},
        {cudaErrorStreamCaptureWrongThread, "cudaErrorStreamCaptureWrongThread",
         "attempt to terminate a thread-local capture sequence from another thread"},
        {cudaErrorUnknown, "cudaErrorUnknown", "unknown error"},
};

const char *cudaGetErrorName(cudaError_t status)
{
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
		if (errors[i].status == status)
			return errors[i].name;
	return "unrecognized error code";
}

const char *cudaGetErrorString(cudaError_t status)
{
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
		if (errors[i].status == status)
			return errors[i].words;
	return "unrecognized error code";
}
