/* The strict scan of a JSON text: a pointer that walks over it with its line and column, and a stack. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "config/json.h"
#include "config/json_scan.h"
#include "base/mem.h"
#include "base/text.h"

enum { WORD_SIZE = 48, NUMBER_MAX_BYTES = 63 /* what cJSON takes */, FOUND_SIZE = 4 * WORD_SIZE };

static const char value_expected[] =
        "a value: an object, an array, a string in double quotes, a finite number, true, false or null";

/* A container that is open at this moment. */
struct frame {
	bool object;
	const unsigned char *key; /* of the member at hand, as written; NULL before it is read */
	size_t key_length;
	size_t index; /* of the element at hand */
};

struct scan {
	const char *source;
	const unsigned char *p, *end;
	int line, column; /* of p */
	int key_line, key_column;
	size_t depth;
	struct frame open[JSON_DEPTH_MAX]; /* [depth] */
	struct json_marks *marks;
};

/* The characters of one key, number or misplaced word; none at the end of the text. */
static size_t word_length(const struct scan *s)
{
	size_t n = 0;

	while (s->p + n < s->end && s->p[n] != '\0' && (isalnum(s->p[n]) || strchr("_.+-", s->p[n])))
		n++;
	return n;
}

static bool begins(const struct scan *s, const char *with)
{
	size_t n = strlen(with);

	return (size_t)(s->end - s->p) >= n && memcmp(s->p, with, n) == 0;
}

static void copy_shown(const unsigned char *p, size_t length, char *out, size_t size)
{
	char copy[NUMBER_MAX_BYTES + 1];

	snprintf(copy, sizeof copy, "%.*s", (int)(length > NUMBER_MAX_BYTES ? NUMBER_MAX_BYTES : length),
	         (const char *)p);
	text_shown(copy, out, size);
}

/* What stands at p, in words. */
static void describe(const struct scan *s, char out[FOUND_SIZE])
{
	char shown[WORD_SIZE];
	size_t n = word_length(s);
	int bytes = text_utf8(s->p, s->end);

	if (s->p == s->end)
		snprintf(out, FOUND_SIZE, "the end of the text");
	else if (begins(s, "//") || begins(s, "/*") || *s->p == '#')
		snprintf(out, FOUND_SIZE, "a comment, which JSON does not have");
	else if (bytes == 0)
		snprintf(out, FOUND_SIZE, "the byte \\x%02x, which is not valid UTF-8 here", *s->p);
	else if (*s->p == '\n' || *s->p == '\r')
		snprintf(out, FOUND_SIZE, "the end of the line");
	else if (*s->p < 0x20)
		snprintf(out, FOUND_SIZE, "the control character \\x%02x", *s->p);
	else if (*s->p == '"')
		snprintf(out, FOUND_SIZE, "a string");
	else {
		copy_shown(s->p, n > 0 ? n : (size_t)bytes, shown, sizeof shown);
		snprintf(out, FOUND_SIZE, "'%s'", shown);
	}
}

static void path_here(const struct scan *s, char *out, size_t size)
{
	struct buf path = {0};

	for (size_t d = 0; d < s->depth; d++) {
		const struct frame *f = &s->open[d];

		if (!f->object) {
			buf_format(&path, "[%zu]", f->index);
		} else if (f->key != NULL) {
			buf_add(&path, path.length > 0 ? "." : "");
			buf_bytes(&path, f->key, f->key_length);
		}
	}
	text_shown(path.length > 0 ? path.text : "", out, size);
	buf_clear(&path);
}

/* Refuse what stands at p. `found` NULL: it describes itself. */
static int refuse(const struct scan *s, struct err *e, const char *found, const char *expected)
{
	char here[FOUND_SIZE], path[160], source[200];

	describe(s, here);
	path_here(s, path, sizeof path);
	return err_user(e, "%s:%d:%d: %s%sfound %s, expected %s",
	                text_shown(s->source, source, sizeof source), s->line, s->column, path,
	                path[0] != '\0' ? ": " : "", found != NULL ? found : here, expected);
}

/* Past one character of `bytes` bytes. */
static void step(struct scan *s, int bytes)
{
	bool line_ends = *s->p == '\n';

	s->p += bytes;
	s->column = line_ends ? 1 : s->column + 1;
	s->line += line_ends;
}

static void skip_space(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
		step(s, 1);
}

static bool at(const struct scan *s, char c)
{
	return s->p < s->end && *s->p == (unsigned char)c;
}

static void add_mark(struct scan *s, bool exact)
{
	struct json_marks *m = s->marks;

	if (m->count == m->size) {
		m->size = m->size > 0 ? 2 * m->size : 64;
		m->at = mem_resize(m->at, m->size * sizeof *m->at);
	}
	m->at[m->count++] = (struct json_mark){s->line, s->column, s->key_line, s->key_column, exact};
	s->key_line = s->key_column = 0;
}

/* The four digits after \u, or -1. */
static int hex4(const unsigned char *p, const unsigned char *end)
{
	int value = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		if (!isxdigit(p[i]))
			return -1;
		value = 16 * value + (isdigit(p[i]) ? p[i] - '0' : tolower(p[i]) - 'a' + 10);
	}
	return value;
}

/* At a backslash. Returns the bytes of the escape, or -1. */
static int scan_escape(const struct scan *s, struct err *e)
{
	int first, second;

	if (s->end - s->p < 2 || s->p[1] == '\0' || strchr("\"\\/bfnrtu", s->p[1]) == NULL)
		return refuse(s, e, "a backslash", "one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX");
	if (s->p[1] != 'u')
		return 2;
	first = hex4(s->p + 2, s->end);
	if (first < 0)
		return refuse(s, e, "\\u without four hexadecimal digits", "\\uXXXX");
	if (first == 0)
		return refuse(s, e, "\\u0000", "text without a zero character");
	if (first >= 0xdc00 && first <= 0xdfff)
		return refuse(s, e, "the second half of a surrogate pair alone", "its first half before it");
	if (first < 0xd800 || first > 0xdfff)
		return 6;
	second = s->end - s->p >= 12 && s->p[6] == '\\' && s->p[7] == 'u' ? hex4(s->p + 8, s->end) : -1;
	if (second < 0xdc00 || second > 0xdfff)
		return refuse(s, e, "the first half of a surrogate pair alone", "its second half after it");
	return 12;
}

/* At a quotation mark; ends after the closing one. */
static int scan_string(struct scan *s, struct err *e)
{
	step(s, 1);
	while (!at(s, '"')) {
		int bytes = text_utf8(s->p, s->end);

		if (s->p == s->end || *s->p == '\n' || *s->p == '\r')
			return refuse(s, e, NULL, "a quotation mark that ends the string");
		if (bytes == 0)
			return refuse(s, e, NULL, "text in UTF-8");
		if (*s->p < 0x20)
			return refuse(s, e, NULL, "an escape for it (\\t, \\u001b) within a string");
		if (*s->p == '\\') {
			bytes = scan_escape(s, e);
			if (bytes < 0)
				return -1;
			s->column += bytes - 1; /* an escape is all ASCII */
		}
		step(s, bytes);
	}
	step(s, 1);
	return 0;
}

static size_t digits(const char *p)
{
	return strspn(p, "0123456789");
}

/* What should have stood there instead of this word, which begins like a number; NULL: it is a good one. */
static const char *number_fault(const char *word, bool *exact)
{
	static const char largest[] = "9007199254740992"; /* 2^53 */
	const char *integer = word[0] == '-' ? word + 1 : word, *p = integer + digits(integer);
	size_t n = digits(integer);
	double x = strtod(word, NULL);

	if (n == 0)
		return "a digit after the minus sign";
	if (n > 1 && *integer == '0')
		return "a number without leading zeros";
	*exact = *p == '\0';
	if (*p == '.' && digits(p + 1) == 0)
		return "a digit after the decimal point";
	if (*p == '.')
		p += 1 + digits(p + 1);
	if (*p == 'e' || *p == 'E') {
		p += p[1] == '+' || p[1] == '-' ? 2 : 1;
		if (digits(p) == 0)
			return "a digit in the exponent";
		p += digits(p);
	}
	if (*p != '\0')
		return "a number of digits, a decimal point and an exponent";
	if (!isfinite(x))
		return "a number of at most 1.797e308, the largest double";
	if (x == 0 && strcspn(word, "123456789") < strcspn(word, "eE"))
		return "0 or a number that a double can hold (at least 5e-324)";
	if (*exact && (n > strlen(largest) || (n == strlen(largest) && strcmp(integer, largest) > 0)))
		return "an integer of at most 2^53 = 9007199254740992 (a 64-bit seed can be written as a "
		       "string)";
	return NULL;
}

static int scan_number(struct scan *s, struct err *e)
{
	char word[NUMBER_MAX_BYTES + 1], shown[WORD_SIZE], found[FOUND_SIZE];
	size_t n = word_length(s);
	bool exact = false;
	const char *fault = "a number of at most 63 characters";

	if (n < sizeof word) {
		memcpy(word, s->p, n);
		word[n] = '\0';
		fault = number_fault(word, &exact);
	}
	if (fault != NULL) {
		copy_shown(s->p, n, shown, sizeof shown);
		snprintf(found, sizeof found, "the number '%s'", shown);
		return refuse(s, e, found, fault);
	}
	add_mark(s, exact);
	s->p += n;
	s->column += (int)n;
	return 0;
}

static int scan_literal(struct scan *s, struct err *e)
{
	static const char *const literals[] = {"true", "false", "null"};
	char word[WORD_SIZE], expected[sizeof value_expected + WORD_SIZE];
	size_t n = word_length(s);
	const char *nearest;

	for (int i = 0; i < 3; i++) {
		if (n == strlen(literals[i]) && begins(s, literals[i])) {
			add_mark(s, false);
			s->p += n;
			s->column += (int)n;
			return 0;
		}
	}
	copy_shown(s->p, n, word, sizeof word);
	nearest = n > 0 ? text_nearest(word, literals, 3) : NULL;
	if (nearest == NULL)
		return refuse(s, e, NULL, value_expected);
	snprintf(expected, sizeof expected, "%s; did you mean %s?", value_expected, nearest);
	return refuse(s, e, NULL, expected);
}

/* From before a member's key to after its colon. */
static int scan_key(struct scan *s, struct err *e)
{
	struct frame *f = &s->open[s->depth - 1];
	const unsigned char *first;

	f->key = NULL;
	skip_space(s);
	if (!at(s, '"'))
		return refuse(s, e, NULL, "a key in double quotes");
	if (begins(s, "\"\""))
		return refuse(s, e, "an empty key", "a name");
	s->key_line = s->line;
	s->key_column = s->column;
	first = s->p + 1;
	if (scan_string(s, e) != 0)
		return -1;
	f->key = first;
	f->key_length = (size_t)(s->p - 1 - first);
	skip_space(s);
	if (!at(s, ':'))
		return refuse(s, e, NULL, "':' after the key");
	step(s, 1);
	return 0;
}

/* At a bracket. Ends before the first value of it, or after the closing bracket: *empty. */
static int scan_open(struct scan *s, bool *empty, struct err *e)
{
	bool object = *s->p == '{';

	if (s->depth == JSON_DEPTH_MAX)
		return refuse(s, e, "brackets in brackets 65 deep", "a depth of at most 64");
	add_mark(s, false);
	step(s, 1);
	skip_space(s);
	*empty = at(s, object ? '}' : ']');
	if (*empty) {
		step(s, 1);
		return 0;
	}
	s->open[s->depth++] = (struct frame){.object = object};
	return object ? scan_key(s, e) : 0;
}

/* After a value: past what closes here, to before the next value, or to the end: depth 0. */
static int scan_after(struct scan *s, struct err *e)
{
	while (s->depth > 0) {
		struct frame *f = &s->open[s->depth - 1];

		skip_space(s);
		if (at(s, f->object ? '}' : ']')) {
			step(s, 1);
			s->depth--;
			continue;
		}
		if (!at(s, ','))
			return refuse(s, e, NULL,
			              f->object ? "',' or '}' after a member"
			                        : "',' or ']' after an element");
		step(s, 1);
		f->index++;
		f->key = NULL;
		skip_space(s);
		if (at(s, f->object ? '}' : ']'))
			return refuse(s, e, NULL,
			              f->object ? "a key in double quotes, or no comma before it"
			                        : "another element, or no comma before it");
		return f->object ? scan_key(s, e) : 0;
	}
	return 0;
}

/* One value, or the opening of one: then *inside. */
static int scan_value(struct scan *s, bool *inside, struct err *e)
{
	bool empty = false;
	int rc;

	*inside = false;
	skip_space(s);
	if (at(s, '{') || at(s, '[')) {
		rc = scan_open(s, &empty, e);
		*inside = !empty;
	} else if (at(s, '"')) {
		add_mark(s, false);
		rc = scan_string(s, e);
	} else if (s->p < s->end && (isdigit(*s->p) || *s->p == '-')) {
		rc = scan_number(s, e);
	} else {
		rc = scan_literal(s, e);
	}
	return rc;
}

int json_scan(struct json_marks *marks, const char *source, const char *text, size_t length, struct err *e)
{
	struct scan s = {.source = source, .line = 1, .column = 1, .marks = marks};
	bool inside;

	s.p = (const unsigned char *)text;
	s.end = s.p + length;
	if (begins(&s, "\xef\xbb\xbf"))
		return refuse(&s, e, "a byte order mark", "UTF-8 without one");
	do {
		if (scan_value(&s, &inside, e) != 0)
			return -1;
		if (!inside && scan_after(&s, e) != 0)
			return -1;
	} while (s.depth > 0);
	skip_space(&s);
	if (s.p < s.end)
		return refuse(&s, e, NULL, "the end of the text after one value");
	return 0;
}
