/* The progress line: when it is due, and how it is drawn over itself. */
#include "base/progress.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

enum { LINE_BYTES = 4096 };

static const char CLEAR_TO_END[] = "\033[K";
static const double TTY_INTERVAL_S = 0.1, PLAIN_INTERVAL_S = 5;

static struct {
	pthread_mutex_t lock;
	bool asked;    /* `tty` and `next_s` hold something */
	bool tty;      /* kept, because progress is asked for in every step */
	double next_s; /* when the next line is due */
} state = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* A terminal shows the first line at once; elsewhere the first line comes after a whole interval. */
static bool due_locked(double now)
{
	if (!state.asked) {
		state.asked = true;
		state.tty = log_is_tty(stderr);
		state.next_s = state.tty ? now : now + PLAIN_INTERVAL_S;
	}
	return !log_is_quiet() && now >= state.next_s;
}

bool progress_due(void)
{
	pthread_mutex_lock(&state.lock);
	bool due = due_locked(clock_s());
	pthread_mutex_unlock(&state.lock);
	return due;
}

/* Bytes of the text that fit beside each other on the terminal: a wrapped line could not be drawn over. */
static size_t fitting_bytes(const char *text, size_t length)
{
	struct winsize size;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 2)
		return length;
	size_t columns = (size_t)size.ws_col - 1;
	for (size_t i = 0; i < length; i++) {
		bool starts = ((unsigned char)text[i] & 0xC0) != 0x80;
		if (starts && columns-- == 0)
			return i;
	}
	return length;
}

/* `line` begins with a carriage return, and has bytes to spare for CLEAR_TO_END. */
static void draw(char *line, size_t length)
{
	if (state.tty) {
		length = 1 + fitting_bytes(line + 1, length - 1);
		memcpy(line + length, CLEAR_TO_END, sizeof(CLEAR_TO_END) - 1);
		log_draw(line, length + sizeof(CLEAR_TO_END) - 1, true);
	} else {
		line[length] = '\n';
		log_draw(line + 1, length, false);
	}
}

void progress_show(bool force, const char *fmt, ...)
{
	char line[LINE_BYTES + sizeof(CLEAR_TO_END)] = "\r";
	pthread_mutex_lock(&state.lock);
	double now = clock_s();
	bool due = due_locked(now);
	if (due || (force && !log_is_quiet())) {
		va_list ap;
		va_start(ap, fmt);
		vsnprintf(line + 1, LINE_BYTES - 1, fmt, ap);
		va_end(ap);
		draw(line, strlen(line));
		state.next_s = now + (state.tty ? TTY_INTERVAL_S : PLAIN_INTERVAL_S);
	}
	pthread_mutex_unlock(&state.lock);
}

void progress_keep(const char *fmt, ...)
{
	char line[LINE_BYTES + sizeof(CLEAR_TO_END)] = "\r";
	pthread_mutex_lock(&state.lock);
	due_locked(clock_s());
	if (!log_is_quiet()) {
		va_list ap;
		va_start(ap, fmt);
		vsnprintf(line + 1, LINE_BYTES - 1, fmt, ap);
		va_end(ap);
		draw(line, strlen(line));
		log_end_line();
	}
	pthread_mutex_unlock(&state.lock);
}

void progress_end(void)
{
	log_end_line();
}
