/* The menu: every row of every family. */
#ifndef SIGNSGD_REGISTRY_H
#define SIGNSGD_REGISTRY_H

#include "config/key.h"

extern const struct family family_models, family_inits, family_data, family_partitions, family_codings,
        family_attacks, family_directions, family_compressors, family_aggregators, family_optimizers,
        family_schedules, family_backends, family_transports;

/* All of them, in the order of `signsgd list`. NULL-terminated. */
extern const struct family *const registry_families[];

#endif
