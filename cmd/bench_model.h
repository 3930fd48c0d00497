/* `signsgd bench model NAME`. */
#ifndef SIGNSGD_CMD_BENCH_MODEL_H
#define SIGNSGD_CMD_BENCH_MODEL_H

#include "cmd/ui/cmd.h"

/* The exit code. a->rest[0] is "model". */
int bench_model_command(const struct args *a);

#endif
