/* Parts of experiment_check(), for check*.c only. */
#ifndef SIGNSGD_EXPERIMENT_CHECK_INTERNAL_H
#define SIGNSGD_EXPERIMENT_CHECK_INTERNAL_H

#include "base/err.h"
#include "base/mem.h"
#include "config/json.h"
#include "experiment/settings.h"

/* The value at "a.b", or the innermost object on the way to it that is there: where to point a complaint. */
const struct json *check_place(const struct json *root, const char *dotted);

/* Put the place of `key` before a row's own sentence. Always -1. */
int check_say_at(struct err *e, const struct json *root, const char *key);

/* What the partition is drawn with, said once where it is `seed`. */
int check_data_seed(struct settings *s, const struct json *root, struct err *e);

/* Take the validation split out of the training samples of s->shape. The settings of the data are checked. */
int check_validation(struct settings *s, const struct json *root, struct err *e);

/* Give every worker its batch. The workers are checked. */
int check_batches(struct arena *a, struct settings *s, const struct json *root, struct err *e);

/* Images: every shard whose size is known has a batch. The shape of the data is there. */
int check_shards(struct arena *a, struct settings *s, const struct json *root, struct err *e);

/* The same of a text, which is always shared by shards. */
int check_text(struct settings *s, const struct json *root, struct err *e);

/* Who has which parts of the data, if there is a coding. Batches and method are checked. */
int check_coding(struct arena *a, struct settings *s, const struct json *root, struct err *e);

#endif
