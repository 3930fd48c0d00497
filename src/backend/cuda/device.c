/* Choosing the device: see backend/cuda/device.h. */
#include "backend/cuda/device.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/cuda/cuda.h"
#include "base/log.h"
#include "transport/launch.h"

#ifndef SIGNSGD_CUDA_ARCHS
#define SIGNSGD_CUDA_ARCHS "90"
#endif

enum { TEXT = 512, LEAST_CAPABILITY = 70 };

struct cuda_machine cuda_machine = {.device = -1};

static char name_text[TEXT];
static int64_t bus;
static _Thread_local bool here; /* the device is this thread's current one */

void cuda_here(void)
{
	if (here)
		return;
	cuda_check(cudaSetDevice(cuda_machine.device), "choosing the device");
	here = true;
}

const char *cuda_version(int number, char out[16])
{
	snprintf(out, 16, "%d.%d", number / 1000, number % 1000 / 10);
	return out;
}

/* What the driver and this module's runtime are for; 0: unknown, or there is no driver. */
static void versions(int *driver, int *runtime)
{
	*driver = *runtime = 0;
	if (cudaDriverGetVersion(driver) != cudaSuccess)
		*driver = 0;
	if (cudaRuntimeGetVersion(runtime) != cudaSuccess)
		*runtime = 0;
}

/* Why devices could not be counted, or none was. The runtime remembers an error until it is asked. */
static int no_device(cudaError_t status, struct err *e)
{
	const char *visible = getenv("CUDA_VISIBLE_DEVICES");
	char have[16], want[16];
	int driver, runtime;
	(void)cudaGetLastError();
	versions(&driver, &runtime);
	if (status == cudaErrorInsufficientDriver && driver > 0)
		return err_world(e,
		                 "the NVIDIA driver is too old: found one for CUDA %s, expected one for "
		                 "CUDA %s, with which this program was built",
		                 cuda_version(driver, have), cuda_version(runtime, want));
	if (driver == 0)
		return err_world(e, "no NVIDIA driver was found on this machine");
	if (status != cudaSuccess && status != cudaErrorNoDevice)
		return err_world(e, "the GPUs cannot be counted: %s (%s)", cudaGetErrorString(status),
		                 cudaGetErrorName(status));
	return visible ? err_world(e, "no GPU was found; CUDA_VISIBLE_DEVICES is \"%s\"", visible)
	               : err_world(e, "no GPU was found");
}

/* -1 and a sentence unless there is one. */
static int count_devices(struct err *e)
{
	int count = 0;
	cudaError_t status = cudaGetDeviceCount(&count);
	return status == cudaSuccess && count > 0 ? count : no_device(status, e);
}

/*
 * Has this module kernels for the device? Machine code runs on devices of the same major capability with at
 * least its minor one; the newest architecture is there as PTX too, which later devices translate.
 */
static bool has_kernels(int capability)
{
	int arch = 0;
	bool found = false;
	char *end;
	for (const char *at = SIGNSGD_CUDA_ARCHS; *at; at = end) {
		arch = (int)strtol(at, &end, 10);
		found = found || (arch / 10 == capability / 10 && arch <= capability);
	}
	return found || arch <= capability;
}

static int check_capability(int device, const struct cudaDeviceProp *p, struct err *e)
{
	int capability = p->major * 10 + p->minor;
	if (capability < LEAST_CAPABILITY)
		return err_world(e, "GPU %d (%s) has compute capability %d.%d, expected at least %d.%d",
		                 device, p->name, p->major, p->minor, LEAST_CAPABILITY / 10,
		                 LEAST_CAPABILITY % 10);
	if (!has_kernels(capability))
		return err_world(e,
		                 "GPU %d (%s) has compute capability %d.%d, and this program has kernels "
		                 "for the architectures %s; build it with CUDA_ARCH=%d, where the toolkit "
		                 "knows that",
		                 device, p->name, p->major, p->minor, SIGNSGD_CUDA_ARCHS, capability);
	return 0;
}

static int choose(int64_t wanted, int count, struct err *e)
{
	if (wanted == CUDA_DEVICE_LOCAL_RANK)
		return mpi_launched_rank_here() % count;
	if (wanted >= count)
		return err_world(e, "device: found %lld, and this machine has %d GPU%s, counted from 0",
		                 (long long)wanted, count, count == 1 ? "" : "s");
	return (int)wanted;
}

/* Makes the process's context there, which fails where others have the device for themselves. */
static int begin(int device, const struct cudaDeviceProp *p, struct err *e)
{
	cudaError_t status = cudaSetDevice(device);
	if (status == cudaSuccess)
		status = cudaFree(NULL);
	if (status == cudaSuccess)
		return 0;
	(void)cudaGetLastError();
	return err_world(e, "GPU %d (%s) cannot be used: %s (%s)", device, p->name,
	                 cudaGetErrorString(status), cudaGetErrorName(status));
}

int cuda_device_open(int64_t wanted, struct err *e)
{
	struct cudaDeviceProp p;
	int count = count_devices(e), device = count > 0 ? choose(wanted, count, e) : -1;
	if (device < 0)
		return -1;
	if (cuda_machine.device == device)
		return 0;
	if (cuda_machine.device >= 0)
		return err_world(e, "this process works on GPU %d already, and cannot on GPU %d too",
		                 cuda_machine.device, device);
	cudaError_t status = cudaGetDeviceProperties(&p, device);
	if (status != cudaSuccess)
		return no_device(status, e);
	if (check_capability(device, &p, e) || begin(device, &p, e))
		return -1;
	here = true;
	cuda_machine.device = device;
	cuda_machine.capability = p.major * 10 + p.minor;
	bus = ((int64_t)p.pciDomainID * 256 + p.pciBusID) * 256 + p.pciDeviceID;
	snprintf(name_text, sizeof(name_text), "%s, compute capability %d.%d", p.name, p.major, p.minor);
	return 0;
}

int64_t cuda_device_bus(void)
{
	return bus;
}

const char *cuda_device_name(void)
{
	return name_text;
}

static void describe_device(int device, char text[TEXT])
{
	struct cudaDeviceProp p;
	char bytes[32];
	if (cudaGetDeviceProperties(&p, device) != cudaSuccess) {
		(void)cudaGetLastError();
		snprintf(text, TEXT, "does not answer");
		return;
	}
	log_bytes((double)p.totalGlobalMem, bytes);
	snprintf(text, TEXT, "%s, compute capability %d.%d, %d multiprocessors, %s", p.name, p.major, p.minor,
	         p.multiProcessorCount, bytes);
}

void cuda_devices_describe(void (*tell)(void *ctx, const char *name, const char *text), void *ctx)
{
	struct err e = {0};
	char text[TEXT], name[32], for_cuda[16];
	int driver, runtime, count = count_devices(&e);
	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "GPU %d", i);
		describe_device(i, text);
		tell(ctx, name, text);
	}
	if (count < 0)
		tell(ctx, "GPU", e.text);
	versions(&driver, &runtime);
	snprintf(text, sizeof(text), driver > 0 ? "for CUDA %s" : "none", cuda_version(driver, for_cuda));
	tell(ctx, "NVIDIA driver", text);
	snprintf(text, sizeof(text), "%s, kernels for the architectures %s", cuda_version(runtime, for_cuda),
	         SIGNSGD_CUDA_ARCHS);
	tell(ctx, "CUDA runtime", text);
}
