/* `signsgd bench round`. */
#ifndef SIGNSGD_CMD_BENCH_ROUND_H
#define SIGNSGD_CMD_BENCH_ROUND_H

#include "cmd/ui/cmd.h"

/* The exit code. a->rest[0] is "round". */
int bench_round_command(const struct args *a);

#endif
