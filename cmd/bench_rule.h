/* `signsgd bench rule`. */
#ifndef SIGNSGD_CMD_BENCH_RULE_H
#define SIGNSGD_CMD_BENCH_RULE_H

#include "cmd/ui/cmd.h"

/* The exit code. a->rest[0] is "rule". */
int bench_rule_command(const struct args *a);

#endif
