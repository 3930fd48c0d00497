/*
 * An experiment of ours from a configuration of ByzFL's benchmark (byzfl 0.0.11, `run_benchmark()`).
 *
 * What stands in a list there is a grid here. What has no counterpart, or another name, or means something
 * else, is said; no key is passed over in silence.
 */
#ifndef SIGNSGD_CMD_IMPORT_BYZFL_H
#define SIGNSGD_CMD_IMPORT_BYZFL_H

#include "base/err.h"
#include "base/mem.h"
#include "config/json.h"

/*
 * The experiment of a configuration, whose tree is used up. Says on standard error, a line each, what is
 * otherwise. NULL and a sentence where it cannot be carried over at all.
 */
const struct json *import_byzfl(struct arena *a, struct json *config, struct err *e);

#endif
