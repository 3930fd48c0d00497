/*
 * The strict scan of a JSON text before cJSON sees it: refuses everything that is not RFC 8259, and what
 * RFC 8259 leaves open but an experiment cannot mean (empty keys, \u0000, numbers that a double does not
 * hold). One loop with a bounded stack, so that no text can exhaust the machine's.
 *
 * Only json.c includes this.
 */
#ifndef SIGNSGD_CONFIG_JSON_SCAN_H
#define SIGNSGD_CONFIG_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

/* Where a value stands. Marks follow each other as the values' first characters do. */
struct json_mark {
	int line, column;
	int key_line, key_column; /* of the opening quotation mark of its key; 0 without one */
	bool exact;               /* a number of digits alone */
};

struct json_marks {
	size_t count, size;
	struct json_mark *at; /* [count]; free with mem_free() */
};

/* 0, and a mark for every value; or -1 and the sentence. The marks are to be freed in both cases. */
int json_scan(struct json_marks *marks, const char *source, const char *text, size_t length, struct err *e);

#endif
