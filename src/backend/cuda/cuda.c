/* The module's table, and the table of kernels: see backend/cuda/cuda.h. */
#include "backend/cuda/cuda.h"

#include <stdio.h>

#include "backend/cuda/device.h"

extern const struct backend_row backend_cpu;
extern const struct cuda_module signsgd_module_cuda;

static char detail[512];

/* "NVIDIA H200, compute capability 9.0, CUDA 13.0, tf32" */
static void write_detail(void)
{
	static const char *const precision[] = {"fp32", "tf32", "bf16"};
	char version[16];
	int runtime = 0;
	cuda_check(cudaRuntimeGetVersion(&runtime), "asking for the version");
	snprintf(detail, sizeof detail, "%s, CUDA %s, %s", cuda_device_name(), cuda_version(runtime, version),
	         precision[cuda_machine.precision]);
}

static int cuda_open(struct backend *b, const struct cuda_settings *s, struct err *e)
{
	struct backend host;
	if (cuda_device_open(s->device, e) || backend_cpu.open(&host, NULL, e))
		return -1;
	cuda_machine.precision = (enum cuda_precision)s->precision;
	write_detail();
	*b = (struct backend){
	        .name = "cuda",
	        .detail = detail,
	        .memory = &cuda_memory,
	        .keeps_data = true,
	        .rows = host.rows,
	};
	return 0;
}

MODULE_TABLE const struct cuda_module signsgd_module_cuda = {
        .head = {SIGNSGD_VERSION, SIGNSGD_COMMIT},
        .open = cuda_open,
        .describe = cuda_devices_describe,
};
