/* `signsgd bench step`. */
#ifndef SIGNSGD_CMD_BENCH_STEP_H
#define SIGNSGD_CMD_BENCH_STEP_H

#include "cmd/ui/cmd.h"

/* The exit code. a->rest[0] is "step". */
int bench_step_command(const struct args *a);

#endif
