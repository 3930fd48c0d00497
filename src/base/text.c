/* Edit distance for suggestions, UTF-8 by its definition (RFC 3629), and text made fit to be shown. */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "base/text.h"

enum { NAME_MAX_BYTES = 63 }; /* longer names are never suggested */

static int fewer(int a, int b)
{
	return a < b ? a : b;
}

static bool same_letter(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b) || (a == '-' && b == '_') ||
	       (a == '_' && b == '-');
}

/* Optimal string alignment: `row` holds the last line of the table, the two before it serve the swaps. */
static int distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
	int rows[3][NAME_MAX_BYTES + 1]; /* [line modulo 3][bytes of b used] */

	for (size_t j = 0; j <= n_b; j++)
		rows[0][j] = (int)j;
	for (size_t i = 1; i <= n_a; i++) {
		int *row = rows[i % 3];
		const int *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];

		row[0] = (int)i;
		for (size_t j = 1; j <= n_b; j++) {
			bool same = same_letter(a[i - 1], b[j - 1]);

			row[j] = fewer(fewer(above[j], row[j - 1]) + 1, above[j - 1] + (same ? 0 : 1));
			if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) &&
			    same_letter(a[i - 2], b[j - 1]))
				row[j] = fewer(row[j], above2[j - 2] + 1);
		}
	}
	return rows[n_a % 3][n_b];
}

/* Near enough to be meant: one slip of two letters or more, or no more than a third of the longer name. */
static bool is_near(size_t d, size_t n_a, size_t n_b)
{
	size_t longer = n_a > n_b ? n_a : n_b;

	return d == 1 ? longer > 1 : 3 * d <= longer;
}

static size_t apart(size_t a, size_t b)
{
	return a > b ? a - b : b - a;
}

const char *text_nearest(const char *wrong, const char *const *names, size_t count)
{
	size_t n_wrong = strlen(wrong), least_apart = 0;
	const char *nearest = NULL;
	int least = NAME_MAX_BYTES + 1;

	if (n_wrong > NAME_MAX_BYTES)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t n_name = strlen(names[i]);
		int d;

		if (n_name > NAME_MAX_BYTES)
			continue;
		d = distance(wrong, n_wrong, names[i], n_name);
		if (!is_near((size_t)d, n_wrong, n_name) || d > least ||
		    (d == least && apart(n_wrong, n_name) >= least_apart))
			continue;
		least = d;
		least_apart = apart(n_wrong, n_name);
		nearest = names[i];
	}
	return nearest;
}

static bool joins_words(char c)
{
	return c == '-' || c == '_' || c == ' ' || c == '.';
}

bool text_same_word(const char *a, const char *b, size_t n_b)
{
	const char *end = b + n_b;

	for (;; a++, b++) {
		while (joins_words(*a))
			a++;
		while (b < end && joins_words(*b))
			b++;
		if (*a == '\0' || b == end)
			return *a == '\0' && b == end;
		if (!same_letter(*a, *b))
			return false;
	}
}

bool text_in_list(const char *word, const char *list)
{
	for (const char *at = list; at != NULL && *at != '\0';) {
		size_t length = strcspn(at, ",");

		if (text_same_word(word, at, length))
			return true;
		at += length + (at[length] == ',');
	}
	return false;
}

int text_utf8(const unsigned char *p, const unsigned char *end)
{
	unsigned lowest = 0x80,
	         highest = 0xbf; /* of the second byte: keeps out overlong forms and surrogates */
	int length;

	if (p >= end)
		return 0;
	if (*p < 0x80)
		return 1;
	if (*p < 0xc2 || *p > 0xf4)
		return 0;
	length = *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
	if (end - p < length)
		return 0;
	if (*p == 0xe0)
		lowest = 0xa0;
	else if (*p == 0xed)
		highest = 0x9f;
	else if (*p == 0xf0)
		lowest = 0x90;
	else if (*p == 0xf4)
		highest = 0x8f;
	if (p[1] < lowest || p[1] > highest)
		return 0;
	for (int i = 2; i < length; i++) {
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	}
	return length;
}

/* How the character at p is shown, into piece. Returns the bytes it took from p. */
static int show_one(const unsigned char *p, const unsigned char *end, char piece[8])
{
	int length = text_utf8(p, end);
	bool control = *p < 0x20 || *p == 0x7f || (*p == 0xc2 && length == 2 && p[1] < 0xa0);

	if (length == 0 || control) {
		snprintf(piece, 8, "\\x%02x",
		         *p); /* the second byte of a C1 control follows as a stray one */
		return 1;
	}
	memcpy(piece, p, (size_t)length);
	piece[length] = '\0';
	return length;
}

const char *text_first_line(const char *text, char *out, size_t size)
{
	size_t used = 0;

	for (; *text != '\0' && *text != '\n' && used + 1 < size; text++) {
		bool blank = isspace((unsigned char)*text) || iscntrl((unsigned char)*text);

		if (!blank)
			out[used++] = *text;
		else if (used > 0 && out[used - 1] != ' ')
			out[used++] = ' ';
	}
	while (used > 0 && out[used - 1] == ' ')
		used--;
	out[used] = '\0';
	return out;
}

const char *text_shown(const char *text, char *out, size_t size)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + strlen(text);
	size_t used = 0, cut = 0; /* cut: where "..." can still stand */

	if (size == 0)
		return out;
	while (p < end) {
		char piece[8];
		int taken = show_one(p, end, piece);
		size_t n = strlen(piece);

		if (used + n > size - 1) {
			snprintf(out + cut, size - cut, "...");
			return out;
		}
		memcpy(out + used, piece, n);
		used += n;
		if (used + 3 <= size - 1)
			cut = used;
		p += taken;
	}
	out[used] = '\0';
	return out;
}
