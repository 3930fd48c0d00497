/* Short ways to read and write trees in tests of the JSON door and of tables of keys. */
#ifndef SIGNSGD_TESTS_SUPPORT_JSON_HELP_H
#define SIGNSGD_TESTS_SUPPORT_JSON_HELP_H

#include "config/json.h"
#include "config/key.h"

extern struct arena json_help_arena; /* owns all that is returned here */

/* After each test of a suite that names it. */
void json_help_clear(void);

/* The tree of a text, or NULL and a sentence that names `source`. */
struct json *json_help_read_as(const char *source, const char *text, struct err *e);

/* The tree of a text; ends the test where it is refused. */
struct json *json_help_good(const char *text);

/* The same of the value of an option. */
struct json *json_help_value(const char *text);

/* The tree as text. */
const char *json_help_written(const struct json *v);

/* Each text of texts [count] is no member of the family, and a sentence says so. */
void json_help_family_refuses(const struct family *f, const char *const *texts, size_t count);

/* Adds `text` so many times. */
void json_help_repeat(struct buf *b, const char *text, int times);

#endif
