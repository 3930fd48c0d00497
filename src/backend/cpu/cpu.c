/* The cpu backend: which level this processor has, which one is used, and the table made of it. */
#include "backend/cpu/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/blas_library.h"
#include "backend/cpu/image.h"
#include "backend/cpu/processor.h"

const struct cpu_level *cpu_level_at(size_t i)
{
	const struct cpu_level *found[3] = {cpu_base};
	size_t count = 1;
	if (cpu_avx2 && processor_has_avx2())
		found[count++] = cpu_avx2;
	if (cpu_avx512 && processor_has_avx512())
		found[count++] = cpu_avx512;
	return i < count ? found[i] : NULL;
}

const struct cpu_level *cpu_level_chosen(struct err *e)
{
	const char *wanted = getenv("SIGNSGD_CPU");
	const struct cpu_level *highest = NULL, *level;
	char names[64] = "";
	for (size_t i = 0; (level = cpu_level_at(i)); i++) {
		if (wanted && strcmp(wanted, level->name) == 0)
			return level;
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s", i ? ", " : "",
		         level->name);
		highest = level;
	}
	if (!wanted || !*wanted)
		return highest;
	err_user(e, "the environment variable SIGNSGD_CPU is '%s'; this processor has %s", wanted, names);
	return NULL;
}

const char *backend_cpu_level(void)
{
	struct err ignored = {0};
	const struct cpu_level *level = cpu_level_chosen(&ignored);
	return level ? level->shown : cpu_base->shown;
}

static bool join_product(bool tb, size_t m, size_t n, size_t k)
{
	(void)tb, (void)m, (void)n, (void)k;
	return true;
}

/* OpenBLAS and oneDNN choose the order of sums by the number of rows and images; our own products do not. */
static const struct joins joins_none = {.product = NULL},
                          joins_steady = {.product = join_product, .convolution = cpu_image_joins};

void cpu_open_level(const struct cpu_level *level, struct backend *b)
{
	static char detail[3][200]; /* one for each level: a table may outlive the opening of another */
	const struct cpu_level *known[3] = {cpu_base, cpu_avx2, cpu_avx512};
	size_t i = 0;
	while (known[i] != level)
		i++;
	const struct blas_library *blas = blas_library();
	const struct products *products = level->products();
	snprintf(detail[i], sizeof(detail[i]), "%s, %s, %s", level->shown, blas->name, cpu_image_library());
	*b = (struct backend){.name = "cpu",
	                      .detail = detail[i],
	                      .slow = blas->slow && !products->steady ? blas->slow : cpu_image_slow(),
	                      .reserve = products->steady ? NULL : blas_library_reserve,
	                      .memory = &memory_host,
	                      .joins = products->steady ? &joins_steady : &joins_none,
	                      .gemm = products->gemm,
	                      .library_gemm = products_blas.gemm};
	level->fill(b);
}

static int cpu_open(struct backend *b, const void *state, struct err *e)
{
	(void)state;
	const struct cpu_level *level = cpu_level_chosen(e);
	if (!level)
		return -1;
	cpu_open_level(level, b);
	return 0;
}

extern const struct backend_row backend_cpu;
const struct backend_row backend_cpu = {
        .row = {.name = "cpu",
                .about = "vectors of AVX-512, AVX2 or plain C, chosen when the program starts; matrix "
                         "products and convolutions of odd channel counts of our own, others by oneDNN"},
        .open = cpu_open,
};
