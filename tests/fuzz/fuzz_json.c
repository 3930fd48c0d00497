/* The JSON door: whatever it accepts, it writes as a text that it reads as the same tree. */
#include <stdint.h>
#include <string.h>

#include "config/json.h"
#include "tests/fuzz/fuzz.h"

enum { SIZE_MAX_BYTES = 1 << 16 }; /* what is written may be longer than what was read, but not past 1 MiB */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = {0};
	struct err e = {0};
	struct buf first = {0}, second = {0};
	struct json *root, *again;

	if (size > SIZE_MAX_BYTES)
		return 0;
	root = json_read_text(&a, "fuzz.json", (const char *)data, size, &e);
	if (root == NULL) {
		fuzz_check(e.code == EXIT_USER && strncmp(e.text, "fuzz.json:", 10) == 0,
		           "refused without a place", e.text);
	} else {
		fuzz_check(e.text[0] == '\0', "accepted with a complaint", e.text);
		json_write(&first, json_copy(&a, root));
		again = json_read_text(&a, "written.json", first.text, first.length, &e);
		fuzz_check(again != NULL, "its own text is refused", e.text);
		json_write(&second, again);
		fuzz_check(strcmp(first.text, second.text) == 0, "its own text reads differently",
		           second.text);
	}
	buf_clear(&first);
	buf_clear(&second);
	arena_clear(&a);
	return 0;
}
