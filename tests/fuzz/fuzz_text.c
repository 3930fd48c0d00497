/*
 * The text reader: any bytes, packed or not, give tokens that are in the vocabulary, the same each time, or
 * one sentence that begins with the file's name. Seeds: lines of words, Unicode's white space, bytes that are
 * no UTF-8, a packed text, a packed text that is cut, a zero byte, nothing.
 */
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "data/text/text_read.h"
#include "tests/fuzz/fuzz.h"

static int read_once(const char *path, enum text_level level, struct vocabulary *v, struct text *out)
{
	struct err e = {0};
	int rc = text_read(path, level, v, out, &e);
	fuzz_check(rc ? strncmp(e.text, path, strlen(path)) == 0 : e.text[0] == '\0',
	           "not the right sentence", e.text);
	for (size_t i = 0; i < out->count && !rc; i++)
		fuzz_check(out->token[i] >= 0 && out->token[i] < v->count,
		           "a token that is not in the vocabulary", path);
	fuzz_check(rc || out->count > 0, "read nothing, and said nothing", path);
	return rc;
}

/* The same file again adds nothing to the vocabulary, and gives the same numbers. */
static void read_twice(const char *path, enum text_level level)
{
	struct vocabulary v = {0};
	struct text first = {0}, second = {0};
	if (read_once(path, level, &v, &first) == 0) {
		int32_t known = v.count;
		fuzz_check(read_once(path, level, &v, &second) == 0, "refused the second time", path);
		fuzz_check(v.count == known && second.count == first.count &&
		                   memcmp(first.token, second.token, first.count * sizeof *first.token) == 0,
		           "other tokens the second time", path);
	}
	mem_free(first.token);
	mem_free(second.token);
	vocabulary_clear(&v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *path = fuzz_file(data, size);
	read_twice(path, TEXT_CHAR);
	read_twice(path, TEXT_WORD);
	return 0;
}
