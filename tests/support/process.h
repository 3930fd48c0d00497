/* Processes of tests, and the program itself among them: start it, wait for it, read what it said. */
#ifndef SIGNSGD_TESTS_SUPPORT_PROCESS_H
#define SIGNSGD_TESTS_SUPPORT_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { CHILD_SECONDS = 60 };

/* $SIGNSGD_BIN, or ./signsgd. */
const char *process_program(void);

/* Built with a sanitizer? Then memory and limits are not the program's own. */
bool process_sanitized(void);

/*
 * Start `signsgd ARGS` (a shell's words) with both outputs into the file `log`. limit_bytes > 0 limits the
 * size of the files it may write. Returns the process; process_wait() for it.
 */
pid_t process_start(const char *args, const char *log, size_t limit_bytes);

/* The same to its end: process_wait()'s result. */
int process_run(const char *args, const char *log);

/* The exit code, or 256 + the signal that ended it. */
int process_wait(pid_t pid);

/* From now on the processes that a child leaves behind become our own children, whatever they are called. */
void process_adopt_orphans(void);

/* Wait until no child is left, adopted ones among them; false when there still are some after CHILD_SECONDS.
 */
bool process_none_left(void);

/* Do `work` in a process of its own, so that a crash is seen and not shared: 0 when it ended well. A process
 * that takes longer than CHILD_SECONDS is killed.
 */
int process_in_child(int (*work)(void *ctx), void *ctx);

/* Run a shell's line. Did it end well? */
bool process_shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void process_sleep_us(uint64_t us);
void process_sleep_ms(int ms);

#endif
