/*
 * The checkpoint reader: any bytes are refused with a sentence and change nothing, or are the state they say.
 * HDF5 1.10 does crash on bytes made for it; the seal (h5/h5_seal.h) keeps all but whole files from it, and
 * here is seen that nothing gets past. Seeds: a whole checkpoint of these arrays, the same without its seal,
 * its first half, and an HDF5 file that is none.
 */
#include <stdint.h>
#include <string.h>

#include "train/checkpoint.h"
#include "tests/fuzz/fuzz.h"

enum { N = 3, FILE_BYTES_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	float x[N] = {1, 2, 3}, momentum[N] = {4, 5, 6};
	const float before[2][N] = {{1, 2, 3}, {4, 5, 6}};
	struct checkpoint_array arrays[] = {{.name = "x", .count = N, .at = x},
	                                    {.name = "momentum/0", .count = N, .at = momentum}};
	struct err e = {0};
	int64_t step = 77;
	if (size > FILE_BYTES_MAX)
		return 0;
	const char *path = fuzz_file(data, size);
	if (checkpoint_read(path, "0123456789ab", &step, 2, arrays, &e) == 0) {
		fuzz_check(e.text[0] == '\0' && step >= 0, "accepted with a complaint", e.text);
		return 0;
	}
	fuzz_check(e.code != 0 && strstr(e.text, path) != NULL, "refused without the file's name", e.text);
	fuzz_check(memcmp(x, before[0], sizeof x) == 0 && memcmp(momentum, before[1], sizeof momentum) == 0 &&
	                   step == 77,
	           "refused, and changed", e.text);
	return 0;
}
