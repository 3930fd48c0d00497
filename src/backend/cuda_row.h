/*
 * The backend `cuda` as the program knows it without CUDA: its row, its keys, and what the module
 * signsgd-cuda.so (backend/cuda) has to offer. The module is opened when the backend is, so that the program
 * starts on machines without GPU, driver and libraries, and an experiment that was made for a GPU can be
 * read, checked and drawn there.
 */
#ifndef SIGNSGD_BACKEND_CUDA_ROW_H
#define SIGNSGD_BACKEND_CUDA_ROW_H

#include "backend/backend.h"
#include "base/module.h"

/* In the order of the key's choices. What the products of layers are computed in; all else is float32. */
enum cuda_precision { CUDA_FP32, CUDA_TF32, CUDA_BF16 };

enum { CUDA_DEVICE_LOCAL_RANK = -1 };

struct cuda_settings {
	int64_t device; /* as the driver counts them from 0; CUDA_DEVICE_LOCAL_RANK: this process's rank on
	                   its machine, modulo the number of devices */
	int precision;  /* enum cuda_precision */
	bool graphs;    /* what a gradient does is captured and replayed */
};

/* The module's table. */
struct cuda_module {
	struct module_head head;
	/* As in struct backend_row; never with NULL for the settings. One device a process. */
	int (*open)(struct backend *b, const struct cuda_settings *s, struct err *e);
	/* For `version --devices`: a line of words for each of: devices, driver and runtime, cuBLAS, cuDNN.
	 * Calls tell(ctx, NAME, TEXT); a thing that is not there is a TEXT that says so. */
	void (*describe)(void (*tell)(void *ctx, const char *name, const char *text), void *ctx);
};

#endif
