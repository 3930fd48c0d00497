/*
 * The IDX reader: any bytes give the values, the same whatever part of them is kept, or one sentence that
 * begins with the file's name; nothing is written behind what was asked for.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "data/image/idx.h"
#include "tests/fuzz/fuzz.h"

enum { SAMPLES = 5, SAMPLE = 12, GUARD = 0xa5 };

/* The size tells how much is kept; memory of exactly that size lets the address sanitizer watch its end. */
static int read_kept(const char *path, const struct idx_shape *shape, size_t sample, size_t keep,
                     uint8_t *out)
{
	uint8_t *exact = malloc(keep * sample + 1);
	struct err e = {0};
	uint32_t crc;
	exact[keep * sample] = GUARD;
	int rc = idx_read(path, shape, keep, exact, &crc, &e);
	fuzz_check(exact[keep * sample] == GUARD, "written behind the values", path);
	fuzz_check(rc ? strncmp(e.text, path, strlen(path)) == 0 : e.text[0] == '\0',
	           "not the right sentence", e.text);
	memcpy(out, exact, keep * sample);
	free(exact);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct idx_shape shapes[2] = {{3, {SAMPLES, 3, 4}}, {1, {SAMPLES}}};
	uint8_t all[SAMPLES * SAMPLE], some[SAMPLES * SAMPLE];
	const char *path = fuzz_file(data, size);
	for (int i = 0; i < 2; i++) {
		size_t sample = i == 0 ? SAMPLE : 1, keep = size % SAMPLES;
		int rc = read_kept(path, &shapes[i], sample, SAMPLES, all);
		fuzz_check(read_kept(path, &shapes[i], sample, keep, some) == rc,
		           "another verdict for a part", path);
		fuzz_check(rc || !memcmp(all, some, keep * sample), "other values in a part", path);
	}
	return 0;
}
