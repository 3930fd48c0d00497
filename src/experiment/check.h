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

/*
 * Refuse what `record` asks for where it cannot be (-1 and a sentence that names the key), and turn epochs
 * into steps. Data, model and length are settled before.
 */
int experiment_check_probes(struct arena *a, struct settings *s, struct err *e);

/* Does any probe need passes over the whole training set? And the mini-batches K of such a pass. */
bool settings_has_passes(const struct settings *s);
size_t settings_pass_batches(const struct settings *s);

/* What a model needs to know of its surroundings. be may be NULL while nothing is computed. */
struct model_env settings_model_env(const struct settings *s, const struct backend *be);

#endif
