/*
 * Text as token numbers.
 *
 * Words: the bytes between white space, as Python's str.split() knows it (the published counts of WikiText
 * were made with it), and "<eos>" at the end of every line, also of an empty line and of a last line without
 * a newline.
 *
 * Characters: UTF-8 characters, newlines included. A byte that belongs to no valid character is a character
 * by itself.
 *
 * A file may be packed with gzip. A file with a zero byte is refused: it is not a text.
 */
#ifndef SIGNSGD_DATA_TEXT_TEXT_READ_H
#define SIGNSGD_DATA_TEXT_TEXT_READ_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "data/text/vocabulary.h"

enum text_level { TEXT_CHAR, TEXT_WORD };

struct text {
	int32_t *token; /* [count]; mem_free() */
	size_t count, size;
};

/*
 * Append a file's tokens to *out, and new ones to the vocabulary v. -1 and a sentence when the file cannot be
 * read, is damaged, empty or binary, has a word of more than 64 KiB, or too many different tokens; *out must
 * be freed in any case.
 */
int text_read(const char *path, enum text_level level, struct vocabulary *v, struct text *out, struct err *e);

#endif
