/* Tables of `validate`: where the memory of a run goes, and what its network is. */
#ifndef SIGNSGD_CMD_VALIDATE_PLAN_H
#define SIGNSGD_CMD_VALIDATE_PLAN_H

#include "train/trainer.h"

void validate_print_memory(const struct plan *p);

/* The network's layers, where the model knows them. */
void validate_print_network(const struct settings *s, const struct plan *p);

#endif
