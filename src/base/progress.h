/*
 * The progress line, on standard error: on a terminal one line that is drawn over itself, at most ten times a
 * second; elsewhere a plain line every five seconds, so that a short run says nothing. Nothing under --quiet.
 */
#ifndef SIGNSGD_BASE_PROGRESS_H
#define SIGNSGD_BASE_PROGRESS_H

#include <stdbool.h>

/* Would a line be shown now? So that a caller formats one only when it would. */
bool progress_due(void);
/* Show a line if one is due; force: in any case, for the last line of a run. */
void progress_show(bool force, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A line that stays, in place of the one that stands on the terminal; the next is due when it was. */
void progress_keep(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Leave the line that stands on the terminal as it is, and go to the next one. */
void progress_end(void);

#endif
