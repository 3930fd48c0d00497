/* What a tree says: its paths, the sentences about its values, and itself as text. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "config/json.h"
#include "base/exact.h"
#include "base/text.h"

enum { PATH_SIZE = 200, SOURCE_SIZE = 200, SENTENCE_SIZE = 900 };

static size_t index_of(const struct json *element)
{
	size_t index = 0;

	for (const struct json *c = element->parent->child; c != element; c = c->next)
		index++;
	return index;
}

const char *json_path(const struct json *value, char *out, size_t size)
{
	const struct json *chain[JSON_DEPTH_MAX + 1]; /* [depth], the value first */
	size_t depth = 0;
	struct buf path = {0};

	for (; value->parent != NULL; value = value->parent) {
		if (depth > JSON_DEPTH_MAX)
			BUG("a tree deeper than its limit");
		chain[depth++] = value;
	}
	while (depth-- > 0) {
		const struct json *v = chain[depth];

		if (v->key == NULL)
			buf_format(&path, "[%zu]", index_of(v));
		else
			buf_format(&path, "%s%s", path.length > 0 ? "." : "", v->key);
	}
	text_shown(path.length > 0 ? path.text : "", out, size);
	buf_clear(&path);
	return out;
}

const char *json_found(const struct json *value, char *out, size_t size)
{
	struct buf number = {0};
	char shown[60];

	switch (value->type) {
	case JSON_NULL:
		snprintf(out, size, "null");
		break;
	case JSON_BOOL:
		snprintf(out, size, "%s", value->boolean ? "true" : "false");
		break;
	case JSON_NUMBER:
		json_write_number(&number, value->number);
		snprintf(out, size, "the number %s", number.text);
		break;
	case JSON_STRING:
		snprintf(out, size, "the string \"%s\"", text_shown(value->string, shown, sizeof shown));
		break;
	case JSON_ARRAY:
		snprintf(out, size, "an array");
		break;
	case JSON_OBJECT:
		snprintf(out, size, "an object");
		break;
	}
	buf_clear(&number);
	return out;
}

/* "FILE:LINE:COLUMN: PATH: SENTENCE", without what is not known. */
__attribute__((format(printf, 5, 0))) static int say_at(struct err *e, const struct json *value, int line,
                                                        int column, const char *fmt, va_list args)
{
	char path[PATH_SIZE], source[SOURCE_SIZE], place[32] = "", sentence[SENTENCE_SIZE];
	const char *from = value->source != NULL ? value->source : "JSON";

	vsnprintf(sentence, sizeof sentence, fmt, args);
	json_path(value, path, sizeof path);
	if (line > 0)
		snprintf(place, sizeof place, ":%d:%d", line, column);
	return err_user(e, "%s%s: %s%s%s", text_shown(from, source, sizeof source), place, path,
	                path[0] != '\0' ? ": " : "", sentence);
}

int json_say(struct err *e, const struct json *value, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say_at(e, value, value->line, value->column, fmt, args);
	va_end(args);
	return -1;
}

int json_say_key(struct err *e, const struct json *value, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	if (value->key_line > 0)
		say_at(e, value, value->key_line, value->key_column, fmt, args);
	else
		say_at(e, value, value->line, value->column, fmt, args);
	va_end(args);
	return -1;
}

int json_bad(struct err *e, const struct json *value, const char *expected_fmt, ...)
{
	char found[100], expected[SENTENCE_SIZE];
	va_list args;

	va_start(args, expected_fmt);
	vsnprintf(expected, sizeof expected, expected_fmt, args);
	va_end(args);
	return json_say(e, value, "found %s, expected %s", json_found(value, found, sizeof found), expected);
}

void json_write_string(struct buf *b, const char *text)
{
	static const char letters[] = "\b\f\n\r\t\"\\", escapes[] = "bfnrt\"\\";
	const unsigned char *p = (const unsigned char *)text, *end = p + strlen(text);

	buf_add(b, "\"");
	while (p < end) {
		int bytes = text_utf8(p, end);
		const char *letter = strchr(letters, *p);

		if (letter != NULL)
			buf_format(b, "\\%c", escapes[letter - letters]);
		else if (*p < 0x20)
			buf_format(b, "\\u%04x", *p);
		else if (bytes == 0)
			buf_add(b, "\xef\xbf\xbd");
		else
			buf_bytes(b, p, (size_t)bytes);
		p += bytes > 0 ? bytes : 1;
	}
	buf_add(b, "\"");
}

void json_write_number(struct buf *b, double number)
{
	static const double two53 = 9007199254740992.0;
	char text[32];

	if (!isfinite(number)) {
		buf_add(b, "null");
		return;
	}
	if (fabs(number) <= two53 && number == floor(number)) {
		buf_format(b, "%.0f", number);
		return;
	}
	exact_text(number, text);
	buf_add(b, text);
	if (strpbrk(text, ".e") == NULL)
		buf_add(b, ".0"); /* beyond 2^53 digits alone are refused: they would pass for exact */
}

static void write_children(struct buf *b, const struct json *value)
{
	for (const struct json *c = value->child; c != NULL; c = c->next) {
		if (c != value->child)
			buf_add(b, ",");
		if (c->key != NULL) {
			json_write_string(b, c->key);
			buf_add(b, ":");
		}
		json_write(b, c);
	}
}

void json_write(struct buf *b, const struct json *value)
{
	switch (value->type) {
	case JSON_NULL:
		buf_add(b, "null");
		break;
	case JSON_BOOL:
		buf_add(b, value->boolean ? "true" : "false");
		break;
	case JSON_NUMBER:
		json_write_number(b, value->number);
		break;
	case JSON_STRING:
		json_write_string(b, value->string);
		break;
	case JSON_ARRAY:
		buf_add(b, "[");
		write_children(b, value);
		buf_add(b, "]");
		break;
	case JSON_OBJECT:
		buf_add(b, "{");
		write_children(b, value);
		buf_add(b, "}");
		break;
	}
}
