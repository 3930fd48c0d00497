/* Names: the nearest valid one for a sentence about a wrong one, and checks on text. */
#ifndef SIGNSGD_BASE_TEXT_H
#define SIGNSGD_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The name nearest to `wrong` (fewest insertions, deletions, replacements and swaps of neighbours, capitals
 * and small letters alike; the first of equals), or NULL when none is near enough to be meant: more than half
 * of the longer one's letters differ.
 */
const char *text_nearest(const char *wrong, const char *const *names, size_t count);

/* Bytes of the UTF-8 character at p (1 to 4), or 0 when the bytes there are not valid UTF-8. */
int text_utf8(const unsigned char *p, const unsigned char *end);

/*
 * A copy of text for a sentence: control characters and what is not UTF-8 as \xNN, at most size - 1 bytes,
 * "..." when cut, never within a character. Returns out.
 */
const char *text_shown(const char *text, char *out, size_t size);

#endif
