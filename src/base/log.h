/*
 * What the program says to a person: on standard error, so that standard output stays for results. Every line
 * is one write, so that lines of processes and threads do not mix. Colours only on a terminal and without
 * NO_COLOR. The line that shows progress is in progress.h.
 */
#ifndef SIGNSGD_BASE_LOG_H
#define SIGNSGD_BASE_LOG_H

#include <stdbool.h>
#include <stdio.h>

/* A plain line, "signsgd: ...". Nothing under --quiet. */
void log_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A warning, also under --quiet. */
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* An error, also under --quiet. */
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void log_quiet(bool on); /* --quiet */
bool log_is_quiet(void);
bool log_is_tty(FILE *f);
bool log_colour(FILE *f); /* a terminal, and NO_COLOR not set (or empty) */

/*
 * For progress.c: write bytes as they are. standing: they leave a line without an end on the terminal, which
 * the next line, or log_end_line(), ends first.
 */
void log_draw(const char *bytes, size_t count, bool standing);
void log_end_line(void);

/* "1.5 s", "3 min 20 s", "2 h 5 min" into out. */
void log_duration(double seconds, char out[32]);
/* "512 B", "3.2 KiB", "1.5 GiB" into out. */
void log_bytes(double bytes, char out[32]);

#endif
