/* A line of JSON for programs: one object, built member by member, printed with line_print(). */
#ifndef SIGNSGD_CMD_UI_JSON_LINE_H
#define SIGNSGD_CMD_UI_JSON_LINE_H

#include <stdint.h>
#include <stdio.h>
#include "base/mem.h"

void line_text(struct buf *b, const char *key, const char *value); /* NULL gives null */
void line_int(struct buf *b, const char *key, int64_t value);
void line_count(struct buf *b, const char *key, uint64_t value);
void line_real(struct buf *b, const char *key, double value); /* null where not finite */
void line_bool(struct buf *b, const char *key, int value);
void line_raw(struct buf *b, const char *key, const char *json);
/* A member that is an object itself: members go in until line_close(). */
void line_open(struct buf *b, const char *key);
void line_close(struct buf *b);

/* Print the object and a line end, flush, and free. */
void line_print(struct buf *b, FILE *f);

#endif
