/* `signsgd bench net`. */
#ifndef SIGNSGD_TESTS_NETLAB_BENCH_NET_H
#define SIGNSGD_TESTS_NETLAB_BENCH_NET_H

#include "cmd/ui/cmd.h"

/* The exit code. a->rest[0] is "net". */
int bench_net_command(const struct args *a);

#endif
