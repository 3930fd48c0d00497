/* What can be said against settings before anything is loaded. */
#ifndef SIGNSGD_EXPERIMENT_CHECK_H
#define SIGNSGD_EXPERIMENT_CHECK_H

#include "backend/backend.h"
#include "experiment/experiment.h"
#include "models/model.h"

/*
 * Refuse impossible combinations (-1 and a sentence with the place in `root`), and derive what follows:
 * shape, steps from epochs, the list of liars, momentum 0 under an aggregator that keeps its own.
 */
int experiment_check(struct arena *a, struct settings *s, const struct json *root, struct err *e);

/* What a model needs to know of its surroundings. be may be NULL while nothing is computed. */
struct model_env settings_model_env(const struct settings *s, const struct backend *be);

#endif
