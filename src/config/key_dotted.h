/*
 * The way along a dotted name ("adversaries.attack.tau") through a table of keys and those below it.
 */
#ifndef SIGNSGD_CONFIG_KEY_DOTTED_H
#define SIGNSGD_CONFIG_KEY_DOTTED_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"
#include "config/json.h"
#include "config/key.h"

/* Where a part of a dotted name is looked up: a table, or the tables of all rows of a family, as its row is
 * not known. */
struct key_level {
	const struct key *keys;
	const struct family *family;
};

/* The key whose name, or `earlier` name, is the first `length` bytes of `name`; NULL: none. */
const struct key *key_level_find(const struct key_level *l, const char *name, size_t length, bool earlier);

/* What stands below a key; nothing below NULL. */
struct key_level key_level_below(const struct key *k);

/* Refuse a member whose name is no dotted name of a key: -1 and a sentence with the nearest name. */
int keys_refuse_dotted(const struct key *keys, const struct json *member, struct err *e);

#endif
