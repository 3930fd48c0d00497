/* `signsgd bench net`. */
#ifndef SIGNSGD_CMD_BENCH_NET_H
#define SIGNSGD_CMD_BENCH_NET_H

#include "cmd/cmd.h"

/* The exit code. a->rest[0] is "net". */
int bench_net_command(const struct args *a);

#endif
