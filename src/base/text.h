/* Names: the nearest valid one for a sentence about a wrong one, and checks on text. */
#ifndef SIGNSGD_BASE_TEXT_H
#define SIGNSGD_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The name nearest to `wrong` (fewest insertions, deletions, replacements and swaps of neighbours, capitals
 * and small letters alike, '-' and '_' too; of equals the one whose length is nearer, then the first), or
 * NULL when none is near enough to be meant: more than one letter and more than a third of the longer one's
 * letters differ.
 */
const char *text_nearest(const char *wrong, const char *const *names, size_t count);

/*
 * Is a the same word as the n_b bytes at b, in another spelling? Capitals and small letters are alike, and
 * '-', '_', '.' and spaces do not count: "SignFlipping" is "sign_flipping".
 */
bool text_same_word(const char *a, const char *b, size_t n_b);

/* Is it one of the words of "a, b, c" in that sense? A NULL or empty list has none. */
bool text_in_list(const char *word, const char *list);

/* Bytes of the UTF-8 character at p (1 to 4), or 0 when the bytes there are not valid UTF-8. */
int text_utf8(const unsigned char *p, const unsigned char *end);

/*
 * A copy of text for a sentence: control characters and what is not UTF-8 as \xNN, at most size - 1 bytes,
 * "..." when cut, never within a character. Returns out.
 */
const char *text_shown(const char *text, char *out, size_t size);

/* The first line of text, with one space for every run of spaces, tabs and control characters. Returns out.
 */
const char *text_first_line(const char *text, char *out, size_t size);

#endif
