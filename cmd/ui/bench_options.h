/* Options that everything that times something takes. */
#ifndef SIGNSGD_CMD_UI_BENCH_OPTIONS_H
#define SIGNSGD_CMD_UI_BENCH_OPTIONS_H

#include "cmd/ui/cmd.h"

/* Option --seconds into *out, which stays when it is absent. -1 and a sentence. */
int bench_seconds(const struct args *a, double *out, struct err *e);

#endif
