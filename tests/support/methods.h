/* Methods by their text, and all that fit together. */
#ifndef SIGNSGD_TESTS_SUPPORT_METHODS_H
#define SIGNSGD_TESTS_SUPPORT_METHODS_H

#include "aggregator/method.h"

/*
 * `text`: an aggregator as in an experiment, a name in quotes or {"kind": ...}; or an object with
 * `compressor`, `aggregator` and `optimizer`. Ends the program where it is refused. What it points to lives
 * in the arena.
 */
struct method methods_read(struct arena *a, const char *text);

/* One whose three rows fit each other. */
struct method_text {
	char json[256];    /* for methods_read() */
	char options[256]; /* for a command, over any experiment */
	bool rule;         /* messages must be seen all at once */
	bool drawn;        /* a vector does not decide what is said of it */
};

/* All of them; the last has an empty `json`. */
const struct method_text *methods_all(void);

#endif
