/* Options that everything that times something takes. */
#ifndef SIGNSGD_CMD_UI_BENCH_OPTIONS_H
#define SIGNSGD_CMD_UI_BENCH_OPTIONS_H

#include "cmd/ui/cmd.h"

/* Option --seconds into *out, which stays when it is absent. -1 and a sentence. */
int bench_seconds(const struct args *a, double *out, struct err *e);

/*
 * Options that a word behind `bench` does not take: -1 and a sentence for the first one given that is not
 * among `names`, which ends with NULL. "json" is always taken.
 */
int bench_takes(const struct args *a, const char *const *names, struct err *e);

#endif
