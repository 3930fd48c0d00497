/*
 * The CIFAR reader: any bytes give samples whose labels are classes, the same whatever part is kept, or one
 * sentence that begins with the file's name. Seeds: one and two records of both layouts, a wrong label, a cut
 * one.
 */
#include <stdint.h>
#include <string.h>

#include "data/image/cifar_file.h"
#include "tests/fuzz/fuzz.h"

enum { KEEP = 3, GUARD = 0xa5 };

static int read_kept(const char *path, const struct cifar_layout *x, size_t keep, uint8_t *pixels,
                     size_t *got)
{
	uint16_t labels[KEEP] = {0};
	struct err e = {0};
	pixels[keep * CIFAR_FEATURES] = GUARD;
	int rc = cifar_read(path, x, keep, pixels, labels, got, &e);
	fuzz_check(pixels[keep * CIFAR_FEATURES] == GUARD, "written behind the samples", path);
	fuzz_check(rc ? strncmp(e.text, path, strlen(path)) == 0 : e.text[0] == '\0',
	           "not the right sentence", e.text);
	for (size_t i = 0; i < *got && !rc; i++)
		fuzz_check(labels[i] < x->classes, "a label that is no class", path);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct cifar_layout layouts[2] = {{1, 10, KEEP}, {2, 100, KEEP}};
	static uint8_t all[KEEP * CIFAR_FEATURES + 1], some[KEEP * CIFAR_FEATURES + 1];
	const char *path = fuzz_file(data, size);
	for (int i = 0; i < 2; i++) {
		size_t got, few;
		if (read_kept(path, &layouts[i], KEEP, all, &got))
			continue;
		fuzz_check(read_kept(path, &layouts[i], 1, some, &few) == 0 && few == 1, "a part is refused",
		           path);
		fuzz_check(memcmp(all, some, CIFAR_FEATURES) == 0, "other pixels in a part", path);
	}
	return 0;
}
