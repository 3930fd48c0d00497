/*
 * Codes of messages: whatever a peer sends, and whatever length it says, is refused with a reason or read as
 * floats that are finite, and nothing is touched but the bytes that are there. The first byte chooses the
 * compressor and its keys, the second how many coordinates, and whether they lie in layers; the message
 * follows, once as it is and once with its true length.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "experiment/spelling.h"
#include "tests/fuzz/fuzz.h"

static const char *const compressors[] = {
        "{\"kind\":\"qsgd\",\"levels\":1}",
        "{\"kind\":\"qsgd\",\"levels\":100,\"scope\":\"whole\"}",
        "{\"kind\":\"qsgd\",\"levels\":1,\"coding\":\"elias\"}",
        "{\"kind\":\"qsgd\",\"levels\":32767,\"coding\":\"elias\",\"scope\":\"whole\"}",
        "{\"kind\":\"top-k\",\"share\":0.2}",
        "{\"kind\":\"top-k\",\"share\":0.1,\"sends\":\"signs\",\"scope\":\"whole\"}",
        "{\"kind\":\"terngrad\"}",
        "{\"kind\":\"terngrad\",\"packing\":\"trits\",\"scope\":\"whole\"}",
};

enum { KINDS = sizeof compressors / sizeof *compressors, SIZES = 128, STEP = 9 /* coordinates */ };

static struct method read_method(struct arena *a, const char *compressor)
{
	struct method m;
	struct err e = {0};
	const char *text = arena_format(a, "{\"compressor\":%s,\"aggregator\":\"mean\"}", compressor);
	struct json *root = json_read_text(a, "method", text, strlen(text), &e);
	fuzz_check(root && !spelling_method(a, root, &m, &e), "a method that is none", e.text);
	return m;
}

static const struct message *message_of(uint8_t kind)
{
	static struct arena arena;
	static struct method all[KINDS];
	if (!all[0].compressor)
		for (size_t i = 0; i < KINDS; i++)
			all[i] = read_method(&arena, compressors[i]);
	return &all[kind % KINDS].push;
}

/* Memory of exactly that size lets the address sanitizer watch its end. */
static void look(const struct message *m, const struct layers *layers, size_t n, const uint8_t *data,
                 size_t size, bool mend)
{
	unsigned char *exact = malloc(size + (size == 0));
	if (size > 0)
		memcpy(exact, data, size);
	if (mend)
		code_set_length(exact, size);
	const char *wrong = m->code->refuses(m->state, layers, n, exact, size);
	fuzz_check(!wrong || *wrong, "refused without a word", "a code");
	if (!wrong) {
		float *out = malloc(n * sizeof *out);
		fuzz_check(code_length(exact) == size && size <= m->code->most(m->state, layers, n),
		           "not the right length", "a code");
		m->code->floats(m->state, layers, n, exact, out);
		for (size_t i = 0; i < n; i++)
			fuzz_check(isfinite(out[i]), "not finite", "a code");
		free(out);
	}
	free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	size_t n = 3 + (size_t)(data[1] % SIZES) * STEP;
	const struct layer_range at[] = {{0, 1, 0}, {1, n / 2 + 1, 0}, {n / 2 + 1, n, 0}};
	const struct layers layers = {sizeof at / sizeof *at, at};
	const struct message *m = message_of(data[0]);
	bool cut = data[1] >= SIZES;
	look(m, cut ? &layers : NULL, n, data + 2, size - 2, false);
	if (size - 2 >= CODE_LENGTH_BYTES)
		look(m, cut ? &layers : NULL, n, data + 2, size - 2, true);
	return 0;
}
