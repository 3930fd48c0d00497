/* Lines of JSON. */
#include "cmd/ui/json_line.h"

#include <inttypes.h>
#include <math.h>
#include "config/json.h"

/* `key` with what must stand before it: a comma unless it is the first of its object. */
static void begin(struct buf *b, const char *key)
{
	if (!b->length)
		buf_add(b, "{");
	else if (b->text[b->length - 1] != '{')
		buf_add(b, ",");
	json_write_string(b, key);
	buf_add(b, ":");
}

void line_text(struct buf *b, const char *key, const char *value)
{
	begin(b, key);
	if (value)
		json_write_string(b, value);
	else
		buf_add(b, "null");
}

void line_int(struct buf *b, const char *key, int64_t value)
{
	begin(b, key);
	buf_format(b, "%" PRId64, value);
}

void line_count(struct buf *b, const char *key, uint64_t value)
{
	begin(b, key);
	buf_format(b, "%" PRIu64, value);
}

void line_real(struct buf *b, const char *key, double value)
{
	begin(b, key);
	if (isfinite(value))
		json_write_number(b, value);
	else
		buf_add(b, "null");
}

void line_bool(struct buf *b, const char *key, int value)
{
	begin(b, key);
	buf_add(b, value ? "true" : "false");
}

void line_raw(struct buf *b, const char *key, const char *json)
{
	begin(b, key);
	buf_add(b, json);
}

void line_open(struct buf *b, const char *key)
{
	begin(b, key);
	buf_add(b, "{");
}

void line_close(struct buf *b)
{
	buf_add(b, "}");
}

void line_print(struct buf *b, FILE *f)
{
	fprintf(f, "%s}\n", b->length ? b->text : "{");
	fflush(f);
	buf_clear(b);
}
