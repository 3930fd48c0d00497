/*
 * From an experiment file to settings that can run.
 *
 * One JSON object. Its keys are the table experiment_keys, except `sweep` and `seeds`, which make one file
 * many runs (experiment/sweep.h), and `claims` (experiment/claims.h). Changes from the command line come
 * first, then the grid is expanded, then every point is parsed, checked (experiment/check.h) and given its
 * identity (experiment/identity.h). Whatever can be refused without loading data is refused here. Earlier
 * names of keys are read too, with a warning for each file (config/key_rename.h).
 */
#ifndef SIGNSGD_EXPERIMENT_EXPERIMENT_H
#define SIGNSGD_EXPERIMENT_EXPERIMENT_H

#include <stddef.h>
#include "base/err.h"
#include "base/mem.h"
#include "experiment/settings.h"

/* A change from the command line: --set KEY=VALUE, --workers 7, ... in order. */
struct change {
	const char *key;    /* dotted */
	const char *value;  /* JSON text, or a bare word taken as a string */
	const char *option; /* for complaints: "--set momentum=2" */
};

/* Points of a grid that are no runs. */
struct left_out {
	size_t by_except;           /* experiment/except.h */
	size_t impossible;          /* the numbers of workers are none that the rule is made for */
	size_t idle;                /* they would repeat another (experiment/repeats.h) */
	const char *why_impossible; /* of the first of them; NULL: there are none */
};

struct runs {
	struct arena arena; /* owns everything below */
	struct settings *at;
	size_t count;
	struct left_out left_out;
	bool foreign; /* another machine wrote the text */
	bool strict;  /* no point is left out because it is impossible */
};

/*
 * Read a file, apply the changes, expand, resolve, check. -1 and a sentence. Warnings go to log_warn(). Of a
 * grid, points whose numbers of workers a rule is not made for are left out with a warning, as long as others
 * stay.
 */
int experiment_read(struct runs *out, const char *path, const struct change *changes, size_t n_changes,
                    struct err *e);
/* The same, but such a point is refused, as it is where it is a file's only one. */
int experiment_read_strict(struct runs *out, const char *path, const struct change *changes, size_t n_changes,
                           struct err *e);
/* The same from a text (tests, fuzzing). */
int experiment_parse(struct runs *out, const char *source, const char *text, size_t length,
                     const struct change *changes, size_t n_changes, struct err *e);
/*
 * The same of what a server sends: its user was warned, and nobody is again. foreign: the server is on
 * another machine, and the settings may name files of data folders only.
 */
int experiment_sent(struct runs *out, const char *source, const char *text, size_t length, bool foreign,
                    const struct change *changes, size_t n_changes, struct err *e);
/*
 * The same from what a result file at `path` says of its run (/config/resolved). What its user was
 * warned of when the run began is not said again, nor that the text has earlier names of keys. The text has
 * its length in steps; a change that gives it in epochs replaces that.
 */
int experiment_recorded(struct runs *out, const char *path, const char *text, const struct change *changes,
                        size_t n_changes, struct err *e);
void runs_clear(struct runs *r);

#endif
