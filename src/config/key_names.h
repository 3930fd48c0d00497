/*
 * Names for sentences: which were expected, and what a wrong one may have meant. Files of this room only.
 */
#ifndef SIGNSGD_CONFIG_KEY_NAMES_H
#define SIGNSGD_CONFIG_KEY_NAMES_H

#include <stddef.h>
#include "config/key.h"

enum { NAMES_MAX = 128, NAMES_SIZE = 450, HINT_SIZE = 250, EXPECTED_SIZE = NAMES_SIZE + HINT_SIZE };

struct names {
	const char *at[NAMES_MAX]; /* [count] */
	size_t count;
};

void names_add(struct names *n, const char *name);
void names_of_family(struct names *n, const struct family *f);
void names_of_choices(struct names *n, const char *const *choices);

/* 'one of "a", "b"; HINT' into out; "" as hint: nothing more. Returns out. */
const char *names_expected(const struct names *n, const char *hint, char *out, size_t size);

/* The same word in another spelling, or else the nearest name: 'did you mean "b"?', or "". Returns out. */
const char *names_nearest_hint(const struct names *n, const char *wrong, char *out, size_t size);

/* What a word of elsewhere is here: '"gpu" is "cuda" here', or why it is nothing; or "". Returns out. */
const char *words_hint(const struct word *words, const char *wrong, char *out, size_t size);

/* All that can be said of a wrong name of a row. Returns out. */
const char *family_hint(const struct family *f, const char *wrong, char *out, size_t size);

/* keys_refuse_unknown() for one value of a family. */
int choice_refuse_unknown(const struct family *f, const struct json *value, struct err *e);

#endif
