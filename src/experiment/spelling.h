/*
 * Two spellings of one method. In the first versions a row of `aggregator` was all three parts of it; today
 * `compressor`, `aggregator` and `optimizer` are keys of their own. The earlier spelling stays an accepted
 * one:
 *
 *   "aggregator": "adam", with its keys          "mean" with "optimizer": "adam"
 *   "aggregator": "sign-mean", with `zero`       "mean" with "compressor": "sign"
 *   `zero` inside "aggregator": "vote"           `zero` of "compressor": "sign"
 *
 * Ids and groups are made with the earlier spelling, as far as it goes: what it cannot say is added to it,
 * and what an aggregator has by itself is left out.
 */
#ifndef SIGNSGD_EXPERIMENT_SPELLING_H
#define SIGNSGD_EXPERIMENT_SPELLING_H

#include "experiment/settings.h"

/* Bring the tree of one run to today's spelling. -1 and a sentence where it says one thing in both. */
int spelling_today(struct arena *a, struct json *root, struct err *e);

/*
 * Before `dotted` is set in the tree: where that is a key of today's spelling, bring the tree to it, so that
 * the new value meets no earlier one; and give "compressor.zero" an object to stand in. `option` is for
 * complaints.
 */
int spelling_before_change(struct arena *a, struct json *root, const char *dotted, const char *option,
                           struct err *e);

/* Where the tree of one run, in today's spelling, names a compressor and no aggregator: give it the one that
 * is usual with that compressor. */
int spelling_usual_rule(struct arena *a, struct json *root, struct err *e);

/* Choose what was not chosen: the aggregator's usual compressor, and "sgd". */
void spelling_complete(struct arena *a, const struct choice *aggregator, struct choice *compressor,
                       struct choice *optimizer);
/* The same of settings, and "momentum". */
void spelling_complete_settings(struct arena *a, struct settings *s);

/*
 * The method of an object with `compressor`, `aggregator` and `optimizer`, in any spelling; its other members
 * are not looked at, and it is brought to today's spelling. A rule that does not say its f has f = 0. -1 and
 * a sentence where a value is wrong or the three do not fit each other.
 */
int spelling_method(struct arena *a, struct json *root, struct method *out, struct err *e);

/* The earlier spelling: for keys_write(), nothing else can be done with the copy. */
void spelling_first(struct arena *a, struct settings *s);

/* The method in a word for people: "vote", "adam", "sign-mean, adam" or "nnm+krum". In the arena. */
const char *spelling_name(struct arena *a, const struct settings *s);

#endif
