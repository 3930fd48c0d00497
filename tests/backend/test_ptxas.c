/* What ptxas tells of every kernel, which the build keeps beside the objects: none spills its registers to
 * memory. */
#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "tests/support/process.h"

enum { NAME_SIZE = 512 };

struct kernel_told {
	char name[NAME_SIZE], arch[32];
	unsigned stack, stores, loads, registers;
};

/* Compares what one file tells; how many kernels, each once an architecture. */
static int read_told(const char *path)
{
	char line[4096];
	struct kernel_told k = {0};
	int count = 0;
	FILE *f = fopen(path, "r");
	cr_assert_not_null(f, "%s", path);
	while (fgets(line, sizeof line, f)) {
		sscanf(line, "ptxas info : Compiling entry function '%511[^']' for '%31[^']'", k.name,
		       k.arch);
		sscanf(line, " %u bytes stack frame, %u bytes spill stores, %u bytes spill loads", &k.stack,
		       &k.stores, &k.loads);
		if (sscanf(line, "ptxas info : Used %u registers", &k.registers) != 1)
			continue;
		cr_log_info("%-8s %3u registers, %u bytes of stack: %s", k.arch, k.registers, k.stack,
		            k.name);
		cr_expect_eq(k.stores + k.loads, 0, "%s: %s of %s spills %u bytes and loads %u", path, k.name,
		             k.arch, k.stores, k.loads);
		count++;
	}
	fclose(f);
	return count;
}

Test(ptxas, no_kernel_spills)
{
	char program[PATH_MAX], pattern[PATH_MAX + 64];
	glob_t found;
	int count = 0;
	cr_assert_not_null(realpath(process_program(), program));
	snprintf(pattern, sizeof pattern, "%s/src/backend/cuda/*.cu.ptxas", dirname(program));
	if (glob(pattern, 0, NULL, &found) != 0) {
		printf("skipped: built without nvcc\n");
		return;
	}
	for (size_t i = 0; i < found.gl_pathc; i++)
		count += read_told(found.gl_pathv[i]);
	globfree(&found);
	if (count == 0)
		printf("skipped: built by another compiler than nvcc\n");
	else
		cr_expect_geq(count, 30);
}
