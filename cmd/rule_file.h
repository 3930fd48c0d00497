/* A rule in a file of its own, as `combine` and `bench rule` take it. */
#ifndef SIGNSGD_CMD_RULE_FILE_H
#define SIGNSGD_CMD_RULE_FILE_H

#include <stdint.h>
#include "base/err.h"
#include "config/key.h"

enum { RULE_FILE_VECTORS_MOST = 4096 };

struct rule_file {
	struct choice compressor, aggregator;
	uint64_t seed;
	int64_t step;
};

/*
 * {"aggregator": ..., "seed": ..., "step": ...}, or an aggregator alone. The rule's f may be open
 * (rule_resolve()). What it says is in the arena. -1 and a sentence.
 */
int rule_file_read(struct rule_file *out, const char *path, struct arena *a, struct err *e);

#endif
