/* Writes and reads the header of a message: see frame.h. */
#include "transport/zmq/frame.h"

#include <string.h>

#include "base/err.h"
#include "base/hash.h"

enum { SEAL_AT = 64, TYPES = 52 };

static const unsigned char magic[4] = "SGN1"; /* no final 0 */

/* name NULL: there is no such type. */
struct kind {
	const char *name;
	unsigned flags; /* the flags that may be set */
};

static const struct kind kinds[TYPES] = {
        [FRAME_HELLO] = {"HELLO", 0},
        [FRAME_PUSH] = {"PUSH", FRAME_HAS_RUNNING | FRAME_NO_PULL | FRAME_SAVE | FRAME_STOP},
        [FRAME_FETCH] = {"FETCH", FRAME_NO_PULL},
        [FRAME_SNAPSHOT] = {"SNAPSHOT", FRAME_OWN_STATE},
        [FRAME_STATE] = {"STATE", 0},
        [FRAME_BYE] = {"BYE", 0},
        [FRAME_WELCOME] = {"WELCOME", FRAME_HAVE_VOTE | FRAME_GIVEN},
        [FRAME_PARAMS] = {"PARAMS", FRAME_OWN_STATE | FRAME_HAS_RUNNING | FRAME_HAS_STATE},
        [FRAME_ANSWER] = {"ANSWER", FRAME_HAS_RUNNING | FRAME_NO_PULL | FRAME_COUNTED | FRAME_SAVE |
                                            FRAME_STOP | FRAME_STALE | FRAME_WITHHELD},
        [FRAME_ASK_STATE] = {"ASK_STATE", 0},
        [FRAME_REFUSED] = {"REFUSED", 0},
        [FRAME_DONE] = {"DONE", 0},
        [FRAME_ATTACH] = {"ATTACH", 0},
        [FRAME_DECIDE] = {"DECIDE", 0},
        [FRAME_READY] = {"READY", 0},
        [FRAME_HAVE] = {"HAVE", 0},
        [FRAME_RANGE] = {"RANGE", 0},
        [FRAME_FAULTS] = {"FAULTS", 0},
};

const char *frame_fault_name(enum frame_fault fault)
{
	static const char *const names[] = {[FRAME_SOUND] = "sound",
	                                    [FRAME_GARBAGE] = "garbage",
	                                    [FRAME_OTHER_VERSION] = "other_version",
	                                    [FRAME_WRONG_LENGTH] = "wrong_length",
	                                    [FRAME_DAMAGED] = "damaged"};
	return names[fault];
}

const char *frame_type_name(enum frame_type type)
{
	return (unsigned)type < TYPES ? kinds[type].name : NULL;
}

bool frame_from_worker(enum frame_type type)
{
	return type < FRAME_WELCOME;
}

bool frame_to_shard(enum frame_type type)
{
	return type == FRAME_ATTACH || type == FRAME_DECIDE || type == FRAME_DONE;
}

static void put(unsigned char *p, int bytes, uint64_t value)
{
	for (int i = 0; i < bytes; i++)
		p[i] = (unsigned char)(value >> 8 * i);
}

static uint64_t get(const unsigned char *p, int bytes)
{
	uint64_t value = 0;
	for (int i = bytes - 1; i >= 0; i--)
		value = value << 8 | p[i];
	return value;
}

/* Could this version of the protocol have written this header? */
static bool fields_hold(const struct frame *f)
{
	return frame_type_name(f->type) && !(f->flags & ~kinds[f->type].flags) &&
	       (f->index < f->count || (f->index == 0 && f->count == 0)) && f->count <= UINT16_MAX;
}

void frame_write(const struct frame *f, unsigned char out[FRAME_HEADER_BYTES])
{
	if (!fields_hold(f))
		BUG("a frame that no reader would accept");
	uint64_t value;
	memcpy(&value, &f->value, sizeof value);
	memcpy(out, magic, sizeof magic);
	put(out + 4, 1, FRAME_VERSION);
	put(out + 5, 1, (uint64_t)f->type);
	put(out + 6, 2, f->flags);
	put(out + 8, 8, f->run);
	put(out + 16, 8, f->step);
	put(out + 24, 8, (uint64_t)f->born);
	put(out + 32, 8, f->x_hash);
	put(out + 40, 2, f->index);
	put(out + 42, 2, f->count);
	put(out + 44, 4, f->worker);
	put(out + 48, 8, value);
	put(out + 56, 8, f->bytes);
	put(out + SEAL_AT, 8, hash_words(f->body_hash, out, SEAL_AT));
}

static void take_fields(struct frame *f, const unsigned char *p)
{
	uint64_t value = get(p + 48, 8);
	*f = (struct frame){
	        .type = (enum frame_type)get(p + 5, 1),
	        .flags = (unsigned)get(p + 6, 2),
	        .run = get(p + 8, 8),
	        .step = get(p + 16, 8),
	        .born = (int64_t)get(p + 24, 8),
	        .x_hash = get(p + 32, 8),
	        .index = (unsigned)get(p + 40, 2),
	        .count = (unsigned)get(p + 42, 2),
	        .worker = (uint32_t)get(p + 44, 4),
	        .bytes = get(p + 56, 8),
	};
	memcpy(&f->value, &value, sizeof value);
}

enum frame_fault frame_read(struct frame *f, const void *bytes, size_t count)
{
	const unsigned char *p = bytes;
	if (count < FRAME_HEADER_BYTES || memcmp(p, magic, sizeof magic) != 0)
		return FRAME_GARBAGE;
	if (p[4] != FRAME_VERSION)
		return FRAME_OTHER_VERSION;
	take_fields(f, p);
	if (!fields_hold(f))
		return FRAME_GARBAGE;
	if (f->bytes != count - FRAME_HEADER_BYTES)
		return FRAME_WRONG_LENGTH;
	f->body_hash = hash_words(0, p + FRAME_HEADER_BYTES, count - FRAME_HEADER_BYTES);
	return get(p + SEAL_AT, 8) == hash_words(f->body_hash, p, SEAL_AT) ? FRAME_SOUND : FRAME_DAMAGED;
}
