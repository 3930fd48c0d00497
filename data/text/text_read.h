/*
 * Text as token numbers.
 *
 * Words: what stands between white space (Unicode's, as Python's str.split() knows it, which is how the
 * published counts of WikiText came about), as bytes; "<eos>" at the end of every line, also of empty ones
 * and of a last one without a newline.
 *
 * Characters: UTF-8 characters, the newline among them; a byte that is no part of valid UTF-8 is a
 * character by itself.
 *
 * A file may be packed with gzip. A zero byte is in no text: a file that has one is refused.
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
 * Append a file's tokens to *out; texts that v does not know yet are added to it. -1 and a sentence when the
 * file cannot be read, is damaged, empty or binary, has a word that is no word (over 64 KiB) or too many
 * different ones; *out is then to be freed all the same.
 */
int text_read(const char *path, enum text_level level, struct vocabulary *v, struct text *out, struct err *e);

#endif
