/* What importers share: taking values out of another program's tree, putting them into ours, saying what is
 * not so. */
#ifndef SIGNSGD_CMD_IMPORT_GIVE_H
#define SIGNSGD_CMD_IMPORT_GIVE_H

#include <stddef.h>
#include "base/err.h"
#include "base/mem.h"
#include "config/json.h"

struct import {
	struct arena *a;
	struct json *root;                        /* theirs; what is carried over is taken out of it */
	struct json *out;                         /* ours */
	const char *no_key;                       /* what is said of a key that nobody there reads */
	struct err *e;                            /* the sentence of whatever returns -1 or NULL */
	long long least_f, most_f, least_workers; /* of all runs */
};

/* Alternatives of a key, as the elements of a JSON array. */
struct list {
	struct buf text;
	size_t n;
};

/* One line on standard error about a value of theirs. */
void import_say(const struct import *m, const struct json *at, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

/* A member of one of their objects, which is no longer in it then; NULL where it was not. And the same, or
 * what stands for it where there is none. */
struct json *import_take(struct json *object, const char *key);
struct json *import_take_or(const struct import *m, struct json *object, const char *key, const char *text);

/* What is left in an object is said to be no key. */
void import_say_unknown(const struct import *m, const struct json *object);

/* The alternatives of a value, one after the other until NULL: itself, or a list's elements. */
struct json *import_first(const struct json *value);
struct json *import_next(const struct json *value, const struct json *one);

/* Refuses an empty list, which would make no run. */
int import_check_list(const struct import *m, const struct json *value);

/* Set a dotted key of ours to JSON text. */
int import_set(struct import *m, const char *key, const char *text);

void import_add(struct list *l, const char *text);
void import_add_json(struct list *l, const struct json *value);

/*
 * One alternative becomes the key's value, several become an axis of the sweep. Names with commas take their
 * values from lists. The list is gone then. The second one gives nothing where `failed` is not 0.
 */
int import_give(struct import *m, const char *name, struct list *l);
int import_give_unless(struct import *m, int failed, const char *name, struct list *l);

#endif
