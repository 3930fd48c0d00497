/* Indented JSON. */
#include "cmd/ui/pretty.h"

#include <string.h>
#include "cmd/ui/table.h"
#include "config/json.h"

static void print_value(FILE *f, int indent, int at, const struct json *v)
{
	struct buf b = {0};
	bool list = v->type == JSON_ARRAY;

	json_write(&b, v);
	if (!v->child || at + (int)b.length < PAGE_COLUMNS) {
		fputs(b.text, f);
		buf_clear(&b);
		return;
	}
	buf_clear(&b);
	fputc(list ? '[' : '{', f);
	for (const struct json *c = v->child; c; c = c->next) {
		fprintf(f, "\n%*s", indent + 2, "");
		if (!list) {
			json_write_string(&b, c->key);
			fprintf(f, "%s: ", b.text);
		}
		print_value(f, indent + 2, indent + 4 + (int)b.length, c);
		buf_clear(&b);
		fputs(c->next ? "," : "", f);
	}
	fprintf(f, "\n%*s%c", indent, "", list ? ']' : '}');
}

void pretty_print(FILE *f, int indent, const char *text)
{
	struct arena a = {0};
	struct err e = {0};
	struct json *v = json_read_text(&a, "settings", text, strlen(text), &e);

	if (v)
		print_value(f, indent, indent, v);
	else
		fputs(text, f); /* too large or too deep for the strict reader, so as it is */
	arena_clear(&a);
}
