/* The device of this process: which one, whether it will do, and what there is. */
#ifndef SIGNSGD_BACKEND_CUDA_DEVICE_H
#define SIGNSGD_BACKEND_CUDA_DEVICE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Makes device number `wanted` (CUDA_DEVICE_LOCAL_RANK: the local rank's) that of this process, and fills
 * cuda_machine. -1 and a sentence when there is no driver, no such device, or this
 * module has no kernels for it, or when the process works on another one already.
 */
int cuda_device_open(int64_t wanted, struct err *e);

/* Of the device that is open: where it is in this machine, whatever number the process knows it by. */
int64_t cuda_device_bus(void);

/* "NVIDIA H200, compute capability 9.0": of the device that is open. */
const char *cuda_device_name(void);

/* A text for each device that the driver counts, or one that says why there is none. */
void cuda_devices_describe(void (*tell)(void *ctx, const char *name, const char *text), void *ctx);

/* "13.0" of 13000. */
const char *cuda_version(int number, char out[16]);

#endif
