/*
 * `sweep` and `seeds`: one file, many runs.
 *
 * `sweep` {"dotted.key": [values]} is a grid over all its keys, the last key fastest. A name with commas
 * ("aggregator,lr") sets several keys together from lists of lists. `seeds` [values] is one more axis, behind
 * the others, that sets `seed`. "except" in `sweep` is no key: it leaves points out (experiment/except.h).
 *
 * The points are numbered in the order of the grid, with or without those that are left out, and what is left
 * are the runs, numbered in the same order.
 *
 * A run that is there twice would count twice wherever runs are averaged. A key that two axes set is refused
 * here, and two values that make the same run in experiment/repeats.h.
 */
#ifndef SIGNSGD_EXPERIMENT_SWEEP_H
#define SIGNSGD_EXPERIMENT_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"
#include "config/json.h"
#include "config/key_rename.h"

enum { SWEEP_AXES_MAX = 32, SWEEP_KEYS_MAX = 8, SWEEP_RUNS_MAX = 100000 };

/* One direction of the grid: keys[0..n_keys-1] take their values together. */
struct sweep_axis {
	size_t n_keys;
	const char *keys[SWEEP_KEYS_MAX];
	const struct json *values; /* an array; its elements are values, or lists of n_keys values */
};

struct sweep {
	size_t n_axes;
	struct sweep_axis axes[SWEEP_AXES_MAX];
	size_t points;             /* product of the axes' numbers of values; 1 without any */
	const struct json *except; /* what is left out, as it was given; NULL: nothing */
	size_t runs;               /* points that are not left out, and which they are */
	size_t *point;             /* [runs] */
};

/* The member of `sweep` that is no key. */
#define SWEEP_EXCEPT "except"

/* Bring the names in root's `sweep` to the keys' present names. -1 and a sentence where one is there twice
 * then. */
int sweep_rename(struct json *root, struct key_renames *r, struct err *e);

/*
 * Sweep the dotted key `name` over the values of a list: a member of `sweep`, in place of one of that name.
 * -1 and a sentence where `sweep` is no object.
 */
int sweep_set(struct arena *a, struct json *root, const char *name, const struct json *values, struct err *e);

/*
 * Take `key` out of root's `sweep` (or `seeds`), because it is set otherwise. -1 and a sentence, about
 * `option`, where it is swept together with other keys.
 */
int sweep_drop(struct json *root, const char *key, const char *option, struct err *e);

/* Is `key` by itself one of the swept ones, in root's `sweep` or as `seed` of `seeds`? */
bool sweep_names(const struct json *root, const char *key);

/* The grid of root's `sweep` and `seeds`, from which nothing is left out yet; borrows from root. -1 and a
 * sentence. */
int sweep_read(struct arena *a, struct sweep *out, const struct json *root, struct err *e);

/* Put the values of one point, of 0 to points - 1, into the root of a run. -1 and a sentence. */
int sweep_apply(struct arena *a, const struct sweep *s, size_t point, struct json *root, struct err *e);

/* Which value of an axis a point has, from 0; and key k's value of it. */
size_t sweep_index(const struct sweep *s, size_t axis, size_t point);
const struct json *sweep_value(const struct sweep_axis *axis, size_t index, size_t k);

/* The values of a point as an entry of `except` would say them: {"aggregator":"krum","seed":1}. */
void sweep_say_point(struct buf *b, const struct sweep *s, size_t point);

/*
 * The sentence that refuses run `again`, from 0, because it makes the same as run `first`. id: of both, where
 * they have other settings, which change no result; else NULL. Always -1.
 */
int sweep_say_repeat(const struct sweep *s, size_t first, size_t again, const char *id, struct err *e);

#endif
