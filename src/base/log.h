/*
 * What the program says to a person: on standard error, so that standard output stays for results.
 *
 * log_say     a plain line ("signsgd: ..."), silent under --quiet
 * log_warn    a warning; never silent
 * log_error   an error; never silent
 * log_progress  one line that is drawn over itself on a terminal, or a plain line every few seconds
 *             elsewhere; force = 1 prints in any case (the last line of a run). log_progress_end() leaves it
 * standing. Colours only on a terminal and without NO_COLOR.
 */
#ifndef SIGNSGD_BASE_LOG_H
#define SIGNSGD_BASE_LOG_H

#include <stdbool.h>
#include <stdio.h>

void log_quiet(bool on);
void log_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
bool log_progress_due(void); /* so that a caller formats a line only when it would be shown */
void log_progress(bool force, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_progress_end(void);
bool log_is_tty(FILE *f);
bool log_colour(FILE *f); /* terminal, and NO_COLOR not set (or empty) */
/* "1.5 s", "3 min 20 s", "2 h 5 min" into out. */
void log_duration(double seconds, char out[32]);
/* "512 B", "3.2 KiB", "1.5 GiB" into out. */
void log_bytes(double bytes, char out[32]);

#endif
