/*
 * Codes that a peer sends (compressor/code.h): the first line is a compressor, then a byte that says how many
 * coordinates there are, and one that says where the first of two layers ends; all else is the message. It is
 * refused with a phrase, or it says as many finite floats. The same bytes are then given the length they
 * have, so that what lies behind it is reached.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "compressor/compressor.h"
#include "registry.h"
#include "tests/fuzz/fuzz.h"

enum { LINE_MOST = 200, COORDINATES_MOST = 200 };

/* Memory of exactly these sizes lets the address sanitizer watch their ends. */
static void read_code(const struct choice *c, const struct layers *layers, size_t n, const uint8_t *message,
                      size_t bytes)
{
	const struct message_code *code = ((const struct compressor *)c->row)->code;
	const char *why = code->refuses(c->state, layers, n, message, bytes);
	if (why) {
		fuzz_check(why[0] != '\0', "refused without a phrase", c->row->name);
		return;
	}
	fuzz_check(bytes >= CODE_LENGTH_BYTES && code_length(message) == bytes, "another length",
	           c->row->name);
	fuzz_check(bytes <= code->most(c->state, layers, n), "longer than the longest", c->row->name);
	float *out = malloc(n * sizeof *out);
	code->floats(c->state, layers, n, message, out);
	for (size_t i = 0; i < n; i++)
		fuzz_check(isfinite(out[i]), "a float that is not finite", c->row->name);
	free(out);
}

static void read_both(const struct choice *c, const uint8_t *data, size_t size)
{
	size_t n = 1 + data[0] % COORDINATES_MOST, first = data[1] % n, bytes = size - 2;
	const struct layer_range at[] = {{.begin = 0, .end = first}, {.begin = first, .end = n}};
	const struct layers two = {.count = 2, .at = at};
	uint8_t *exact = malloc(bytes + (bytes == 0));
	memcpy(exact, data + 2, bytes);
	read_code(c, first > 0 ? &two : NULL, n, exact, bytes);
	if (bytes >= CODE_LENGTH_BYTES) {
		code_set_length(exact, bytes);
		read_code(c, first > 0 ? &two : NULL, n, exact, bytes);
	}
	free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
	char line[LINE_MOST] = "";
	size_t length = end ? (size_t)(end - data) : 0;
	struct arena a = {0};
	struct choice c = {0};
	struct err e = {0};
	if (!end || length >= LINE_MOST || size - length < 3)
		return 0;
	memcpy(line, data, length);
	const struct json *text = json_read_text(&a, "compressor", line, strlen(line), &e);
	if (text && !choice_parse(&family_compressors, &c, text, NULL, &a, &e) &&
	    ((const struct compressor *)c.row)->code)
		read_both(&c, end + 1, size - length - 1);
	arena_clear(&a);
	return 0;
}
