/* Tables and paragraphs for a terminal. */
#include "cmd/ui/table.h"

#include <langinfo.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include "base/mem.h"
#include "base/text.h"

enum { CELL_BYTES = 2048, GAP = 2, WRAPPED_LEAST = 24 };

/* Characters of UTF-8 text: bytes that do not continue one. */
static int width_of(const char *text, size_t bytes)
{
	int width = 0;
	for (size_t i = 0; i < bytes; i++)
		width += ((unsigned char)text[i] & 0xc0) != 0x80;
	return width;
}

void table_init(struct table *t, const char *align)
{
	*t = (struct table){.align = align};
}

static void take(struct table *t, const char *text)
{
	char shown[CELL_BYTES];

	if (t->count == t->size) {
		t->size = t->size ? 2 * t->size : 64;
		t->cells = mem_resize(t->cells, t->size * sizeof(*t->cells));
	}
	t->cells[t->count++] = mem_string(text_shown(text, shown, sizeof(shown)));
}

void table_cell(struct table *t, const char *fmt, ...)
{
	char text[CELL_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	take(t, text);
}

void table_real(struct table *t, int digits, double value, const char *unit)
{
	if (isnan(value))
		take(t, "-");
	else
		table_cell(t, "%.*f%s%s", digits, value, *unit ? " " : "", unit);
}

static int column_width(const struct table *t, size_t column, size_t columns)
{
	int widest = 0;
	for (size_t i = column; i < t->count; i += columns) {
		int width = width_of(t->cells[i], strlen(t->cells[i]));
		widest = width > widest ? width : widest;
	}
	return widest;
}

static void print_cell(FILE *f, const char *cell, char align, int width, bool last)
{
	int pad = width - width_of(cell, strlen(cell));

	if (align == 'r')
		fprintf(f, "%*s%s", pad, "", cell);
	else
		fprintf(f, "%s%*s", cell, last ? 0 : pad, "");
}

static void print_row(const struct table *t, FILE *f, int indent, char *const *row, const int *width)
{
	size_t columns = strlen(t->align), used = columns;
	int at = indent;

	while (used > 1 && !*row[used - 1]) /* no blanks at a line's end */
		used--;
	fprintf(f, "%*s", indent, "");
	for (size_t c = 0; c < used; c++) {
		bool last = c + 1 == used;
		if (t->align[c] == 'w') {
			print_wrapped(f, at, PAGE_COLUMNS - at < WRAPPED_LEAST ? indent + 2 * GAP : at,
			              row[c]);
			return;
		}
		print_cell(f, row[c], t->align[c], width[c], last);
		fprintf(f, "%*s", last ? 0 : GAP, "");
		at += width[c] + GAP;
	}
	fputc('\n', f);
}

void table_print(const struct table *t, FILE *f, int indent)
{
	size_t columns = strlen(t->align);
	int *width = mem_alloc(columns * sizeof(*width)); /* [columns] */

	for (size_t c = 0; c < columns; c++)
		width[c] = column_width(t, c, columns);
	for (size_t i = 0; i + columns <= t->count; i += columns)
		print_row(t, f, indent, t->cells + i, width);
	mem_free(width);
}

void table_print_markdown(const struct table *t, FILE *f)
{
	size_t columns = strlen(t->align);

	for (size_t i = 0; i < t->count; i++) {
		fprintf(f, "| %s ", t->cells[i]);
		if ((i + 1) % columns)
			continue;
		fputs("|\n", f);
		for (size_t c = 0; i + 1 == columns && c < columns; c++)
			fprintf(f, "| ---%s %s", t->align[c] == 'r' ? ":" : "",
			        c + 1 == columns ? "|\n" : "");
	}
}

void table_clear(struct table *t)
{
	for (size_t i = 0; i < t->count; i++)
		mem_free(t->cells[i]);
	mem_free(t->cells);
	*t = (struct table){0};
}

void print_wrapped(FILE *f, int at, int indent, const char *text)
{
	bool fresh = true; /* no word on this line yet */

	while (*text) {
		size_t bytes = strcspn(text, " \n");
		int width = width_of(text, bytes);
		if (bytes && !fresh && at + 1 + width > PAGE_COLUMNS) {
			fprintf(f, "\n%*s", indent, "");
			at = indent;
			fresh = true;
		}
		if (bytes) {
			fprintf(f, "%s%.*s", fresh ? "" : " ", (int)bytes, text);
			at += width + !fresh;
			fresh = false;
		}
		text += bytes;
		if (*text == '\n') {
			fprintf(f, "\n%*s", text[1] && text[1] != '\n' ? indent : 0, "");
			at = indent;
			fresh = true;
		}
		text += *text != '\0';
	}
	fputc('\n', f);
}

int terminal_columns(FILE *f)
{
	const char *said = getenv("COLUMNS");
	struct winsize size;
	long columns = said ? strtol(said, NULL, 10) : 0;

	if (columns <= 0 && !ioctl(fileno(f), TIOCGWINSZ, &size))
		columns = size.ws_col;
	if (columns <= 0)
		columns = PAGE_COLUMNS;
	return columns > 400 ? 400 : (int)columns;
}

bool terminal_unicode(void)
{
	return !strcmp(nl_langinfo(CODESET), "UTF-8");
}
