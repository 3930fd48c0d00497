/*
 * The one door to cJSON, and stricter than it.
 *
 * cJSON builds the values; what it lets pass (duplicate keys, 01, 1., 1e999, raw control characters,
 * \u0000, invalid UTF-8, empty keys, byte order marks) is refused by a scan of the text before it is
 * handed over, and the scan remembers where every value stands, so that a later complaint about a value
 * can name its line and column. Depth is limited to 64 and a file to 1 MiB.
 *
 * A document is a tree of `struct json`, owned by an arena. The tree may be changed by json_set() (for
 * --set and for sweeps): a new value brings its own source ("--set momentum=2") for complaints.
 */
#ifndef SIGNSGD_CONFIG_JSON_H
#define SIGNSGD_CONFIG_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"
#include "base/mem.h"

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

enum { JSON_DEPTH_MAX = 64, JSON_BYTES_MAX = 1 << 20 };

struct json {
	enum json_type type;
	const char *key;    /* name within the parent object; NULL for elements and the root */
	const char *string; /* JSON_STRING */
	double number;      /* JSON_NUMBER; finite */
	bool boolean;       /* JSON_BOOL */
	bool exact;         /* JSON_NUMBER: written without fraction and exponent, and |number| <= 2^53 */
	const char *source; /* file name, or what else to call it */
	int line, column;   /* of the value's first character, from 1; 0: not from a text with lines */
	int key_line, key_column; /* of its key's quotation mark, likewise */
	struct json *parent, *child, *next;
	size_t count; /* children */
};

/* Read a whole file. NULL and a sentence (file:line:column: ...) when it is not strict JSON. */
struct json *json_read_file(struct arena *a, const char *path, struct err *e);

/* The same from memory; `source` names it. Need not be terminated. */
struct json *json_read_text(struct arena *a, const char *source, const char *text, size_t length,
                            struct err *e);

/*
 * One value of a command line, which has no lines: JSON, or else a bare word that is taken as a string
 * ("vote", "runs/a.h5", and also 18446744073709551615, which no double holds). What begins like an
 * object, an array or a string must be one.
 */
struct json *json_read_value(struct arena *a, const char *source, const char *text, struct err *e);

/* Member of an object by exact name, or NULL. */
struct json *json_member(const struct json *object, const char *key);

/* What stands at "a.b.c" below an object, or NULL. "": the object itself. */
const struct json *json_at(const struct json *object, const char *dotted);

/*
 * A copy of the tree that shares no node (strings are shared); a root. Sweeps change copies.
 */
struct json *json_copy(struct arena *a, const struct json *from);

/*
 * Put a copy of `value` at "a.b.c" below root, making the objects on the way where they are missing or
 * null. A string on the way ("vote", shorthand for {"kind": "vote"}) becomes that object.
 * -1 and a sentence when something else on the way is no object, or when it would be too deep.
 */
int json_set(struct arena *a, struct json *root, const char *dotted, const struct json *value, struct err *e);

/* Take member `key` out of an object, if it is there. */
void json_remove(struct json *object, const char *key);

/*
 * The key's full path ("adversaries.attack.sigma", "sweep.seed[2]"; "" of a root) into out, fit to be
 * shown. Returns out.
 */
const char *json_path(const struct json *value, char *out, size_t size);

/* "found" for a sentence: 'the string "x"', 'the number 1.5', 'an object', ... into out. */
const char *json_found(const struct json *value, char *out, size_t size);

/*
 * The sentence for a bad value: "FILE:LINE:COLUMN: PATH: found FOUND, expected EXPECTED". Always -1.
 */
int json_bad(struct err *e, const struct json *value, const char *expected_fmt, ...)
        __attribute__((format(printf, 3, 4)));

/* A sentence with the value's place in front: "FILE:LINE:COLUMN: PATH: SENTENCE". Always -1. */
int json_say(struct err *e, const struct json *value, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

/* The same about the value's key, with the place of the key where that is known. */
int json_say_key(struct err *e, const struct json *value, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

/*
 * Writing: text as a JSON string with quotes (bytes that are not UTF-8 become U+FFFD); a number that reads
 * back as the same double: whole ones up to 2^53 by their digits, others by the shortest of %.15g to
 * %.17g, and null for NaN and infinity, which JSON does not have.
 */
void json_write_string(struct buf *b, const char *text);
void json_write_number(struct buf *b, double number);
/* The whole tree as compact JSON. */
void json_write(struct buf *b, const struct json *value);

/* cJSON's version, "1.7.15". */
const char *json_library_version(void);

#endif
