/* The three voices: sentences in a struct err, die() and BUG(). */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

/* A sentence that did not fit ends in "...", and not in the middle of a UTF-8 character. */
static void mark_cut(char *text, size_t size)
{
	size_t at = size - sizeof("...");
	while (at > 0 && ((unsigned char)text[at] & 0xC0) == 0x80)
		at--;
	memcpy(text + at, "...", sizeof("..."));
}

__attribute__((format(printf, 3, 0))) static void write_sentence(char *text, size_t size, const char *fmt,
                                                                 va_list ap)
{
	int length = vsnprintf(text, size, fmt, ap);
	if (length < 0)
		BUG("a sentence's format cannot be printed");
	if ((size_t)length >= size)
		mark_cut(text, size);
}

__attribute__((format(printf, 3, 0))) static void set_first(struct err *e, int code, const char *fmt,
                                                            va_list ap)
{
	if (e->text[0])
		return;
	e->code = code;
	e->kind = ERR_OTHER;
	write_sentence(e->text, sizeof(e->text), fmt, ap);
}

int err_user(struct err *e, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	set_first(e, EXIT_USER, fmt, ap);
	va_end(ap);
	return -1;
}

int err_world(struct err *e, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	set_first(e, EXIT_WORLD, fmt, ap);
	va_end(ap);
	return -1;
}

int err_prefix(struct err *e, const char *fmt, ...)
{
	char prefix[sizeof(e->text)], old[sizeof(e->text)];
	if (!e->text[0])
		BUG("err_prefix() without a sentence to put it in front of");
	va_list ap;
	va_start(ap, fmt);
	write_sentence(prefix, sizeof(prefix), fmt, ap);
	va_end(ap);
	size_t before = strlen(prefix);
	if (!strncmp(e->text, prefix, before) && e->text[before] == ':')
		return -1; /* the sentence names the place itself */
	memcpy(old, e->text, sizeof(old));
	int length = snprintf(e->text, sizeof(e->text), "%s: %s", prefix, old);
	if ((size_t)length >= sizeof(e->text))
		mark_cut(e->text, sizeof(e->text));
	return -1;
}

void err_clear(struct err *e)
{
	e->code = EXIT_DONE;
	e->kind = ERR_OTHER;
	e->text[0] = '\0';
}

_Noreturn void die(const char *fmt, ...)
{
	char text[sizeof(((struct err *)0)->text)];
	va_list ap;
	va_start(ap, fmt);
	write_sentence(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_error("%s", text);
	fflush(NULL);
	/* No handlers of libraries: they may wait for ever for the memory or the thread that is not there. */
	_exit(EXIT_WORLD);
}

_Noreturn void bug_at(const char *file, int line, const char *what)
{
	log_error("%s:%d: a mistake in the program: %s", file, line, what);
	abort();
}
