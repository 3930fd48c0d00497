/*
 * What can be said against settings before anything is loaded. Refuses impossible combinations, and derives
 * what follows from the others.
 */
#ifndef SIGNSGD_EXPERIMENT_CHECK_H
#define SIGNSGD_EXPERIMENT_CHECK_H

#include "experiment/settings.h"

/*
 * -1 and a sentence with the place in `root`. Derived are shape, layers and steps_per_epoch, steps from
 * epochs, the ids of the Byzantine workers, and momentum 0 under an optimizer or direction that keeps its
 * own.
 */
int experiment_check(struct arena *a, struct settings *s, const struct json *root, struct err *e);

/*
 * The part about `record`: -1 and a sentence that begins with the key below it. Epochs become steps. Data,
 * model and length are settled before.
 */
int experiment_check_probes(struct arena *a, struct settings *s, struct err *e);

#endif
