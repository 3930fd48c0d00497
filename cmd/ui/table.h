/*
 * What commands print for people: tables with aligned columns and paragraphs of 80 columns. Widths count
 * characters, not bytes. Text of a user or a file passes text_shown(), so no terminal is steered by it.
 */
#ifndef SIGNSGD_CMD_UI_TABLE_H
#define SIGNSGD_CMD_UI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { PAGE_COLUMNS = 80 };

struct table {
	const char *align; /* a letter a column: l, r, or, for the last, w: wrapped at PAGE_COLUMNS */
	char **cells;      /* [count], row after row */
	size_t count, size;
};

void table_init(struct table *t, const char *align);
/* The next cell. Control characters are shown as \xNN. */
void table_cell(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A number with `digits` decimals and its unit, "-" for NaN. */
void table_real(struct table *t, int digits, double value, const char *unit);
/* The rows, two spaces between columns, `indent` before the first. */
void table_print(const struct table *t, FILE *f, int indent);
/* The same as a table of Markdown. */
void table_print_markdown(const struct table *t, FILE *f);
void table_clear(struct table *t);

/*
 * Words of `text`, the first at column `at` (where the cursor is), lines broken before PAGE_COLUMNS, later
 * lines beginning at column `indent`. Line ends in the text are kept. Ends with a line end.
 */
void print_wrapped(FILE *f, int at, int indent, const char *text);

/* Columns of the terminal behind f: COLUMNS, or what the terminal says, or 80. */
int terminal_columns(FILE *f);
/* Can the terminal show more than ASCII? By the locale. */
bool terminal_unicode(void);

#endif
