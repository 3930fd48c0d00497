/* oneDNN's engine, name and threads: what does not depend on its version. */
#include "backend/cpu/dnnl.h"

#include <pthread.h>
#include <stdio.h>

#include "backend/cpu/image.h"
#include "backend/cpu/processor.h"
#include "base/err.h"

/* Of libgomp, without needing the compiler's OpenMP. */
extern void omp_set_num_threads(int count);

void onednn_one_thread(void)
{
	omp_set_num_threads(1);
}

void onednn_must(dnnl_status_t status, const char *what)
{
	if (status != dnnl_success)
		die("oneDNN cannot %s (status %d)", what, (int)status);
}

static dnnl_engine_t engine;
static pthread_once_t engine_once = PTHREAD_ONCE_INIT;

static void engine_open(void)
{
	onednn_must(dnnl_engine_create(&engine, dnnl_cpu, 0), "use this processor");
}

/* Lives as long as the process. */
dnnl_engine_t onednn_engine(void)
{
	pthread_once(&engine_once, engine_open);
	return engine;
}

dnnl_primitive_attr_t attributes_open(dnnl_status_t (*append)(dnnl_post_ops_t after))
{
	dnnl_primitive_attr_t a = NULL;
	dnnl_post_ops_t after = NULL;
	onednn_must(dnnl_primitive_attr_create(&a), "make attributes");
	onednn_must(dnnl_primitive_attr_set_scratchpad_mode(a, dnnl_scratchpad_mode_user),
	            "work in given memory");
	if (!append)
		return a;
	onednn_must(dnnl_post_ops_create(&after), "make attributes");
	onednn_must(append(after), "append an operation");
	onednn_must(dnnl_primitive_attr_set_post_ops(a, after), "append an operation");
	dnnl_post_ops_destroy(after);
	return a;
}

static bool reaches(dnnl_cpu_isa_t level)
{
	return (dnnl_get_effective_cpu_isa() & level) == level;
}

int cpu_image_block(const struct image *i)
{
	if (i->channels % 8 != 0)
		return i->channels;
	return reaches(dnnl_cpu_isa_avx512_core) && i->channels % 16 == 0 ? 16 : 8;
}

const char *cpu_image_slow(void)
{
	bool missed = (processor_has_avx512() && !reaches(dnnl_cpu_isa_avx512_core)) ||
	              (processor_has_avx2() && !reaches(dnnl_cpu_isa_avx2));
	return missed ? "convolutions are slow: oneDNN does not use this processor's widest vectors; is "
	                "ONEDNN_MAX_CPU_ISA set?"
	              : NULL;
}

const char *cpu_image_library(void)
{
	static char text[64];
	const dnnl_version_t *v = dnnl_version();
	const char *level = reaches(dnnl_cpu_isa_avx512_core) ? "AVX-512"
	                    : reaches(dnnl_cpu_isa_avx2)      ? "AVX2"
	                    : reaches(dnnl_cpu_isa_sse41)     ? "SSE4.1"
	                                                      : "plain C";
	snprintf(text, sizeof(text), "oneDNN %d.%d.%d (%s)", v->major, v->minor, v->patch, level);
	return text;
}
