/*
 * Three voices.
 *
 * die()      the machine or a device failed (no memory, no thread): one sentence, exit 1.
 * err_set()  somebody gave us something we cannot use (a file, a data set, a peer): the function
 *            returns -1 and the caller decides. `struct err` carries the sentence and the exit code.
 * BUG()      our own mistake: says where, and aborts.
 *
 * A sentence names what (file, key or line), what was found and what was expected.
 */
#ifndef SIGNSGD_BASE_ERR_H
#define SIGNSGD_BASE_ERR_H

enum { EXIT_DONE = 0, EXIT_WORLD = 1, EXIT_USER = 2 };

/* What a caller may do about it, where that differs from saying the sentence. */
enum err_kind {
	ERR_OTHER,
	ERR_IMPOSSIBLE /* numbers of workers that a rule is not made for: a grid can do without the point */
};

struct err {
	int code;        /* EXIT_USER: the user's input; EXIT_WORLD: the machine, the disk, the network */
	char text[1024]; /* one sentence without a final newline; "" while nothing is wrong */
	enum err_kind kind;
};

/* Set *e to a sentence about the user's input (exit code 2). Always returns -1. The first sentence stays. */
int err_user(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same about the world: disk, memory limits, network (exit code 1). Always returns -1. */
int err_world(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Put "PREFIX: " in front of the sentence in *e, unless it begins so already. Always returns -1. */
int err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void err_clear(struct err *e);

/* Print "signsgd: SENTENCE" and exit 1. */
__attribute__((noreturn)) void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

__attribute__((noreturn)) void bug_at(const char *file, int line, const char *what);
#define BUG(what) bug_at(__FILE__, __LINE__, (what))

#endif
