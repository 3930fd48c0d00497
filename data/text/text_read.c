/* Reading a text in chunks, so that a file need not fit into memory beside its tokens. */
#include "data/text/text_read.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base/mem.h"
#include "base/text.h"

enum { CHUNK = 1 << 16, CHARACTER_MAX = 4, WORD_MAX = 1 << 16, TOKENS_FIRST = 1 << 16 };

struct reader {
	const char *path;
	enum text_level level;
	struct vocabulary *vocabulary;
	struct text *out;
	size_t n_taken; /* bytes before this chunk */
	size_t word_length;
	bool in_line; /* there are characters after the last newline */
	unsigned char word[WORD_MAX];
	unsigned char chunk[CHUNK + CHARACTER_MAX]; /* the rest of the chunk before, then the next one */
};

static int add_token(struct reader *r, const void *text, size_t length, struct err *e)
{
	struct text *t = r->out;
	int32_t number = vocabulary_number(r->vocabulary, text, length);
	if (number < 0)
		return err_user(e, "%s: found more than %d different %s, which is no vocabulary", r->path,
		                VOCABULARY_MAX, r->level == TEXT_WORD ? "words" : "characters");
	if (t->count == t->size) {
		t->size = t->size ? 2 * t->size : TOKENS_FIRST;
		t->token = mem_resize(t->token, t->size * sizeof *t->token);
	}
	t->token[t->count++] = number;
	return 0;
}

static int end_word(struct reader *r, struct err *e)
{
	size_t length = r->word_length;
	r->word_length = 0;
	return length > 0 ? add_token(r, r->word, length, e) : 0;
}

static int end_line(struct reader *r, struct err *e)
{
	static const char eos[] = "<eos>";
	r->in_line = false;
	return end_word(r, e) ? -1 : add_token(r, eos, sizeof eos - 1, e);
}

/* The code point of a valid UTF-8 character. */
static uint32_t code_point(const unsigned char *p, int length)
{
	uint32_t code = length == 1 ? p[0] : p[0] & (0x7fu >> length);
	for (int i = 1; i < length; i++)
		code = code << 6 | (p[i] & 0x3fu);
	return code;
}

/* White space as Python's str.isspace() has it. */
static bool is_space(uint32_t c)
{
	if (c <= 0x20)
		return c == ' ' || (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x1f);
	return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
	       c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

/* Take one character, or, if not `valid`, one byte that belongs to no character. */
static int take(struct reader *r, const unsigned char *p, int length, bool valid, struct err *e)
{
	if (r->level == TEXT_CHAR)
		return add_token(r, p, (size_t)length, e);
	if (*p == '\n')
		return end_line(r, e);
	r->in_line = true;
	if (valid && is_space(code_point(p, length)))
		return end_word(r, e);
	if (r->word_length + (size_t)length > WORD_MAX)
		return err_user(e, "%s: found more than %d bytes without white space, expected words",
		                r->path, WORD_MAX);
	memcpy(r->word + r->word_length, p, (size_t)length);
	r->word_length += (size_t)length;
	return 0;
}

/* Programs, archives, images and UTF-16 have zero bytes; a text has none. */
static int say_binary(const struct reader *r, size_t place, struct err *e)
{
	return err_user(
	        e, "%s: found a zero byte at offset %zu, expected a text in UTF-8, plain or packed with gzip",
	        r->path, place);
}

/* Take the characters of a chunk. *left: bytes at its end that may begin a character. */
static int take_chunk(struct reader *r, size_t n, bool last, size_t *left, struct err *e)
{
	const unsigned char *p = r->chunk, *end = p + n;
	while (p < end) {
		if (!*p)
			return say_binary(r, r->n_taken + (size_t)(p - r->chunk), e);
		int length = text_utf8(p, end);
		if (length == 0 && end - p < CHARACTER_MAX && !last)
			break;
		if (take(r, p, length ? length : 1, length > 0, e))
			return -1;
		p += length ? length : 1;
	}
	r->n_taken += (size_t)(p - r->chunk);
	*left = (size_t)(end - p);
	memmove(r->chunk, p, *left);
	return 0;
}

static int say_damage(struct reader *r, gzFile file, struct err *e)
{
	int code = Z_OK;
	const char *why = gzerror(file, &code);
	if (code == Z_BUF_ERROR)
		return err_user(e, "%s: the gzip stream is cut off", r->path);
	if (code == Z_ERRNO)
		return err_world(e, "%s: cannot be read: %s", r->path, strerror(errno));
	return err_user(e, "%s: found a damaged gzip stream: %s", r->path, why);
}

static int read_all(struct reader *r, gzFile file, struct err *e)
{
	size_t left = 0;
	int got, code = Z_OK;
	do {
		got = gzread(file, r->chunk + left, CHUNK);
		if (got >= 0)
			gzerror(file, &code);
		if (got < 0 || code == Z_BUF_ERROR)
			return say_damage(r, file, e);
		if (take_chunk(r, left + (size_t)got, got == 0, &left, e))
			return -1;
	} while (got > 0);
	return r->in_line ? end_line(r, e) : 0;
}

int text_read(const char *path, enum text_level level, struct vocabulary *v, struct text *out, struct err *e)
{
	struct stat st;
	size_t before = out->count;
	if (stat(path, &st))
		return err_world(e, "%s: cannot be read: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_user(e, "%s: is no regular file, expected a text", path);
	gzFile file = gzopen(path, "rbe");
	if (!file)
		return err_world(e, "%s: cannot be read: %s", path, strerror(errno));
	struct reader *r = mem_alloc(sizeof *r);
	*r = (struct reader){.path = path, .level = level, .vocabulary = v, .out = out};
	int rc = read_all(r, file, e);
	if (rc == 0 && out->count == before)
		rc = err_user(e, "%s: is empty, expected a text", path);
	mem_free(r);
	gzclose(file);
	return rc;
}
