/*
 * Rows and keys: the one place from which an experiment is parsed, checked, listed, put in the JSON
 * schema and written, resolved, into the result file.
 *
 * A family (models, attacks, ...) is a list of rows. A row has a name, a line about it, and keys. A key
 * says where in the row's state (a plain struct) its value goes, its default, bounds, unit and help.
 * The top level of an experiment file is a row too, whose keys may be objects (KEY_OBJECT: a sub-struct),
 * families (KEY_FAMILY: a `struct choice`, written as {"kind": NAME, keys}; a bare string NAME stands
 * for {"kind": NAME}; a bare number stands for the family's `number_row` with its first key set to it) and
 * lists of a family's members (KEY_LIST: a `struct choices`; a member alone stands for a list of it).
 *
 * A choice made in another object's keys ("adversaries.attack") nests in the same way.
 *
 * A key with the default "null" may be absent: missing or null in the file, and then its state stays as it
 * was: zero (0, false, an empty list, no row). Zero is therefore also what absent means when the state is
 * written; such a key's bounds should exclude 0 where 0 would mean something else.
 */
#ifndef SIGNSGD_CONFIG_KEY_H
#define SIGNSGD_CONFIG_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "config/json.h"
#include "base/mem.h"

enum key_kind {
	KEY_INT,    /* int64_t; a whole number up to 2^53 in size, however written (3, 3.0, 1e3) */
	KEY_SEED,   /* uint64_t; a number up to 2^53 or a string of decimal digits or 0x hexadecimal */
	KEY_REAL,   /* double */
	KEY_BOOL,   /* bool */
	KEY_STRING, /* const char * */
	KEY_PATH,   /* const char *; a place, so no part of a run's identity */
	KEY_CHOICE, /* int: index into choices */
	KEY_INTS,   /* struct ints */
	KEY_REALS,  /* struct reals */
	KEY_OBJECT, /* the members of `keys`, offsets counted from this key's offset; never absent */
	KEY_FAMILY, /* struct choice */
	KEY_LIST    /* struct choices: an array of members of `family`, or one of them */
};

struct ints {
	size_t count;
	int64_t *at;
};

struct reals {
	size_t count;
	double *at;
};

/* What other programs call something. Words are compared as text_same_word() does (base/text.h). */
struct word {
	const char *called; /* "a, b"; a table of words ends with NULL */
	const char *here;   /* our name for it, or NULL: there is none */
	const char *says;   /* here NULL: why there is none, or what to do; else more about it, or NULL */
};

struct key {
	const char *name;
	const char
	        *also; /* what other programs call it, "a, b": a complaint about such a key names this one */
	/*
	 * What it was called in earlier versions, which files may still say (config/key_rename.h); identities
	 * are made with it, so that they outlive the name. NULL: always the same.
	 */
	const char *was;
	enum key_kind kind;
	size_t offset;
	const char *default_json; /* default as JSON text; NULL: must be given; "null": may be absent */
	const char *default_says; /* of a "null" that others fill in: by what, in words for lists */
	/*
	 * Bounds, included, of a KEY_INT, a KEY_REAL or each element of a list; INFINITY for an open side.
	 * Both 0: no bounds.
	 */
	double lowest, highest;
	/* KEY_INT, KEY_REAL: a string that stands for the number word_value, which bounds need not hold.
	 * NULL: none. */
	const char *word;
	double word_value;
	const char *const *choices; /* KEY_CHOICE: NULL-terminated names */
	/* KEY_CHOICE: what each choice was called in earlier versions, as files may still say; identities are
	 * made with it, as with `was`. NULL: always the same. */
	const char *const *choices_were;
	const struct word *words;    /* KEY_CHOICE: names that others give to choices, or NULL */
	const struct key *keys;      /* KEY_OBJECT: members, ended by a key without a name */
	const struct family *family; /* KEY_FAMILY, KEY_LIST */
	const char *unit;            /* "" or NULL: none */
	const char *help;            /* a phrase without a final stop */
	const char *many;            /* the key that takes a list of these; NULL: a sweep does */
	bool or_one;                 /* KEY_INTS: a bare integer is a list of it alone, and is written so */
	bool above;                  /* lowest itself is excluded */
	bool below;                  /* highest itself is excluded */
	bool not_identity;           /* changes no result, so no part of a run's identity */
	bool not_group;              /* part of the identity, but figures group runs without it: KEYS_GROUP */
	bool file; /* KEY_STRING of a data set: a file, by its path or by its name below a data folder */
};

struct row {
	const char *name;
	const char *also;       /* what other programs call it, "a, b"; NULL: nothing known */
	const char *about;      /* one sentence without a final stop */
	const char *formula;    /* what it computes, with its source; NULL: nothing to say */
	const struct key *keys; /* ended by a key without a name; NULL: none */
	size_t state_bytes;     /* of the struct that keys fill; 0 without keys */
	/* [2] and a NULL: keys of which just one is given. The row itself refuses the rest; a schema says it.
	 * NULL: none. */
	const char *const *one_of;
};

/* One row with its state, as an experiment chose it. */
struct choice {
	const struct row *row;
	void *state;
};

/* Several of them, in the order in which they were written. */
struct choices {
	size_t count;
	struct choice *at;
};

/* A row of that name was one with the keys of two rows of today, `other` of them in its family. */
struct earlier_row {
	const char *name;
	const struct row *one, *other;
};

struct family {
	const char *name;   /* "attack" */
	const char *plural; /* "attacks" */
	const char *about;
	const struct row *const *rows;     /* NULL-terminated; every family type begins with a struct row */
	const struct row *const *unlisted; /* found by their names, shown by nothing; or NULL */
	const char *number_row;            /* the row that a bare number means, or NULL */
	const struct word *words;          /* what is no plain other name of a row, or NULL */
	/* Whose rows may be written in its place by mistake; NULL-terminated, or NULL. */
	const struct family *const *kin;
	/* It was a KEY_CHOICE once: a row without keys is written by its name alone, as identities have it.
	 */
	bool bare;
	/* Ended by one without a name; or NULL. Who reads files brings them to the rows of today first; for
	 * the schema, which allows them. */
	const struct earlier_row *earlier;
};

/* What a whole file may say beside its table, and words for which no key stands; both may be NULL. */
struct lingo {
	const char *const *elsewhere; /* keys of the top level that are read elsewhere; NULL-terminated */
	const struct word *words;
};

/* The row of that name, or NULL. */
const struct row *family_find(const struct family *f, const char *name);

/* What a wrong name of a row may have meant, a phrase for the end of a sentence, or "". Returns out. */
enum { FAMILY_MEANT = 250 };
const char *family_meant(const struct family *f, const char *wrong, char out[FAMILY_MEANT]);

/*
 * Refuse all members of an object, and of the objects below it, that are no keys, in one sentence. It says
 * what each may have meant: a key that others call so (in the same object, below it, or at the top), why
 * there is none, or the nearest name. Anything but an object is left for keys_parse().
 */
int keys_refuse_unknown(const struct key *keys, const struct json *object, const struct lingo *v,
                        struct err *e);

/*
 * Fill `state` from a JSON object (NULL: all defaults). Refuses unknown keys (as above), wrong
 * types, numbers out of bounds, missing keys without a default. What the state points to lives in the arena.
 */
int keys_parse(const struct key *keys, void *state, const struct json *object, struct arena *a,
               struct err *e);

/*
 * One family value: {"kind": ...}, a bare name or a bare number. `value` NULL: the default text, of which
 * "null" leaves *c without a row.
 */
int choice_parse(const struct family *f, struct choice *c, const struct json *value, const char *default_json,
                 struct arena *a, struct err *e);

/* Which keys are written, and under which names. */
enum keys_text {
	KEYS_RESOLVED, /* every key; an absent one is null */
	KEYS_IDENTITY, /* what decides the results, under the names that keys had first */
	KEYS_SHARED,   /* the same under today's names */
	KEYS_GROUP     /* as KEYS_IDENTITY, without what is `not_group` */
};

/*
 * The state as JSON, in the order of the table: the same settings always give the same text, and keys_parse()
 * of the resolved text gives the same state. All but KEYS_RESOLVED leave out each KEY_PATH, absent keys and
 * those that are `not_identity`.
 */
void keys_write(struct buf *b, const struct key *keys, const void *state, enum keys_text which);

/* Is its default "null"? */
bool key_may_be_absent(const struct key *k);

/*
 * Default and bounds in words into out. Return out. Default: "0.9", "required", "none" (may be absent).
 * Bounds: "in [0, 1)", "at least 1", "above 0", "each at least 1", "one of iid, shards",
 * "one of the attacks", "above 0, or "auto"", "" without any.
 */
const char *key_default_text(const struct key *k, char *out, size_t size);
const char *key_bounds_text(const struct key *k, char *out, size_t size);
const char *key_kind_name(enum key_kind kind);

/* What a sentence expects of such a value: "a number in [0, 1)", "an array of integers, each above 0". */
const char *key_expected_text(const struct key *k, char *out, size_t size);

/*
 * JSON Schema (draft 2020-12) of an object with these keys: "type", "properties", "required",
 * "additionalProperties" without braces around them, so that the caller can put "$schema" and "$defs" beside
 * them. A family is a "$ref" to "#/$defs/PLURAL". Earlier names and rows are allowed and "deprecated".
 */
void keys_schema(struct buf *b, const struct key *keys);

/* The value of "$defs"/PLURAL: all ways to write a member of the family. */
void family_schema(struct buf *b, const struct family *f);

#endif
