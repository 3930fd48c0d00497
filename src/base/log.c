/* Lines on standard error, each in one write, so that lines of processes and threads do not mix. */
#include "base/log.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"

enum { LINE_BYTES = 4096 };

static const char CLEAR_TO_END[] = "\033[K";
static const double TTY_INTERVAL_S = 0.1, PLAIN_INTERVAL_S = 5;

static struct {
	pthread_mutex_t lock;
	bool quiet;
	bool standing; /* a progress line is drawn on the terminal, the cursor at its end */
	bool asked;    /* whether `tty` and `next_s` hold something yet */
	bool tty;      /* kept, because progress is asked for in every step */
	double next_s; /* when the next progress line is due */
} state = {.lock = PTHREAD_MUTEX_INITIALIZER};

bool log_is_tty(FILE *f)
{
	return isatty(fileno(f)) == 1;
}

bool log_colour(FILE *f)
{
	const char *refused = getenv("NO_COLOR");
	return (!refused || !refused[0]) && log_is_tty(f);
}

void log_quiet(bool on)
{
	pthread_mutex_lock(&state.lock);
	state.quiet = on;
	pthread_mutex_unlock(&state.lock);
}

/* A terminal or file that takes no more bytes has nobody left to be told. */
static void write_out(const char *bytes, size_t count)
{
	while (count > 0) {
		ssize_t done = write(STDERR_FILENO, bytes, count);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return;
		bytes += done;
		count -= (size_t)done;
	}
}

/* "PREFIX: text" and a line end, after the end of a standing progress line. Longer lines are cut. */
static void say(const char *colour, const char *kind, const char *fmt, va_list ap)
{
	char line[LINE_BYTES];
	bool coloured = colour && log_colour(stderr);
	pthread_mutex_lock(&state.lock);
	int length = snprintf(line, sizeof(line), "%s%ssignsgd:%s%s ", state.standing ? "\n" : "",
	                      coloured ? colour : "", kind, coloured ? "\033[0m" : "");
	int text = vsnprintf(line + length, sizeof(line) - (size_t)length, fmt, ap);
	length += text > 0 ? text : 0;
	if (length > LINE_BYTES - 1)
		length = LINE_BYTES - 1;
	line[length] = '\n';
	write_out(line, (size_t)length + 1);
	state.standing = false;
	pthread_mutex_unlock(&state.lock);
}

void log_say(const char *fmt, ...)
{
	pthread_mutex_lock(&state.lock);
	bool quiet = state.quiet;
	pthread_mutex_unlock(&state.lock);
	if (quiet)
		return;
	va_list ap;
	va_start(ap, fmt);
	say(NULL, "", fmt, ap);
	va_end(ap);
}

void log_warn(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	say("\033[33m", " warning:", fmt, ap);
	va_end(ap);
}

void log_error(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	say("\033[31m", "", fmt, ap);
	va_end(ap);
}

/* A terminal shows the first line at once; elsewhere a run shorter than the interval says nothing of itself.
 */
static bool due_locked(double now)
{
	if (!state.asked) {
		state.asked = true;
		state.tty = log_is_tty(stderr);
		state.next_s = state.tty ? now : now + PLAIN_INTERVAL_S;
	}
	return !state.quiet && now >= state.next_s;
}

bool log_progress_due(void)
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

static void draw(char *line, size_t length)
{
	if (state.tty) {
		length = 1 + fitting_bytes(line + 1, length - 1);
		memcpy(line + length, CLEAR_TO_END, sizeof(CLEAR_TO_END) - 1);
		write_out(line, length + sizeof(CLEAR_TO_END) - 1);
	} else {
		line[length] = '\n';
		write_out(line + 1, length);
	}
	state.standing = state.tty;
}

void log_progress(bool force, const char *fmt, ...)
{
	char line[LINE_BYTES + sizeof(CLEAR_TO_END)] = "\r";
	pthread_mutex_lock(&state.lock);
	double now = clock_s();
	bool due = due_locked(now);
	if (due || (force && !state.quiet)) {
		va_list ap;
		va_start(ap, fmt);
		vsnprintf(line + 1, LINE_BYTES - 1, fmt, ap);
		va_end(ap);
		draw(line, strlen(line));
		state.next_s = now + (state.tty ? TTY_INTERVAL_S : PLAIN_INTERVAL_S);
	}
	pthread_mutex_unlock(&state.lock);
}

void log_progress_end(void)
{
	pthread_mutex_lock(&state.lock);
	if (state.standing)
		write_out("\n", 1);
	state.standing = false;
	pthread_mutex_unlock(&state.lock);
}

void log_duration(double seconds, char out[32])
{
	double whole = floor(seconds + 0.5);
	if (seconds < 9.95)
		snprintf(out, 32, "%.1f s", seconds);
	else if (whole < 60)
		snprintf(out, 32, "%.0f s", whole);
	else if (whole < 3600)
		snprintf(out, 32, "%.0f min %.0f s", floor(whole / 60), fmod(whole, 60));
	else
		snprintf(out, 32, "%.0f h %.0f min", floor(whole / 3600), floor(fmod(whole, 3600) / 60));
}

void log_bytes(double bytes, char out[32])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	const size_t count = sizeof(units) / sizeof(units[0]);
	size_t unit = 0;
	/* 1023.95 KiB would be written "1024.0 KiB" */
	while (bytes >= (unit ? 1023.95 : 1023.5) && unit + 1 < count) {
		bytes /= 1024;
		unit++;
	}
	snprintf(out, 32, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}
