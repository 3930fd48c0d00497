/*
 * How parameters begin: a row of the family `inits`. Most rows name a scheme of models/init/init.h. `file`
 * begins as the model does, and then reads parameters from a file.
 */
#ifndef SIGNSGD_MODELS_INIT_INIT_ROW_H
#define SIGNSGD_MODELS_INIT_INIT_ROW_H

#include "base/err.h"
#include "config/key.h"
#include "models/init/init.h"
#include "models/model.h"

struct init_row {
	struct row row;
	enum init_scheme scheme;
	bool any_model; /* also for models that are not networks */
	/*
	 * Overwrite x [n] and running [running_floats] (NULL where the model has none), which the model has
	 * initialised. NULL: nothing to do. -1 and a sentence that names file and tensor.
	 */
	int (*read)(const void *state, const struct model_env *env, const void *model_state, float *x,
	            float *running, struct err *e);
	/* The file whose content is part of a run's identity. NULL: none. */
	const char *(*file)(const void *state);
};

extern const struct init_row init_model, init_pytorch, init_resnet, init_vgg, init_he, init_glorot, init_awd,
        init_file;

#endif
