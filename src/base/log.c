/* Lines on standard error, each in one write, so that lines of processes and threads do not mix. */
#include "base/log.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 4096 };

static struct {
	pthread_mutex_t lock;
	bool quiet;
	bool standing; /* a line without an end is on the terminal, the cursor behind it */
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

bool log_is_quiet(void)
{
	pthread_mutex_lock(&state.lock);
	bool quiet = state.quiet;
	pthread_mutex_unlock(&state.lock);
	return quiet;
}

/* When the terminal or file takes no more bytes, there is nobody left to tell. */
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

/* "PREFIX: text" and a line end, after the end of a line that stands without one. Longer lines are cut. */
__attribute__((format(printf, 3, 0))) static void say(const char *colour, const char *kind, const char *fmt,
                                                      va_list ap)
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
	if (log_is_quiet())
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

void log_draw(const char *bytes, size_t count, bool standing)
{
	pthread_mutex_lock(&state.lock);
	write_out(bytes, count);
	state.standing = standing;
	pthread_mutex_unlock(&state.lock);
}

void log_end_line(void)
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
