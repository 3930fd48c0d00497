/*
 * The wire's header: any bytes are a fault with a name, or a message that is written the same again. The
 * same bytes are then given the magic, length and seal they lack, so that what lies behind those is reached.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "transport/zmq/frame.h"
#include "tests/fuzz/fuzz.h"

enum { LENGTH_AT = 56, SEAL_AT = 64 };

static void put_u64(unsigned char *p, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		p[i] = (unsigned char)(value >> 8 * i);
}

/* Memory of exactly that size lets the address sanitizer watch its end. */
static enum frame_fault read_exact(const uint8_t *data, size_t size)
{
	uint8_t *exact = malloc(size + (size == 0));
	unsigned char again[FRAME_HEADER_BYTES];
	struct frame f;
	if (size > 0)
		memcpy(exact, data, size);
	enum frame_fault fault = frame_read(&f, exact, size);
	fuzz_check(frame_fault_name(fault) != NULL, "a fault without a name", "in a frame");
	if (fault == FRAME_SOUND) {
		fuzz_check(f.bytes == size - FRAME_HEADER_BYTES, "another length", "in a frame");
		fuzz_check(frame_type_name(f.type) != NULL, "a type without a name", "in a frame");
		fuzz_check(f.count == 0 ? f.index == 0 : f.index < f.count, "an index behind the last one",
		           "in a frame");
		frame_write(&f, again);
		fuzz_check(memcmp(again, exact, sizeof again) == 0, "written in another way", "in a frame");
	}
	free(exact);
	return fault;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_exact(data, size);
	if (size < FRAME_HEADER_BYTES)
		return 0;
	uint8_t *mended = malloc(size);
	memcpy(mended, data, size);
	memcpy(mended, "SGN1\1", 5);
	put_u64(mended + LENGTH_AT, size - FRAME_HEADER_BYTES);
	uint64_t body = hash_words(0, mended + FRAME_HEADER_BYTES, size - FRAME_HEADER_BYTES);
	put_u64(mended + SEAL_AT, hash_words(body, mended, SEAL_AT));
	enum frame_fault fault = read_exact(mended, size);
	fuzz_check(fault == FRAME_SOUND || fault == FRAME_GARBAGE, "a mended message has another fault",
	           "in a frame");
	free(mended);
	return 0;
}
