/* Data set `none`: for models that make their own gradients (the quadratic, the median toy). */
#include "data/dataset.h"

static int none_shape(const void *state, const struct data_env *env, struct data_shape *out, struct err *e)
{
	(void)state;
	(void)env;
	(void)e;
	*out = (struct data_shape){0};
	return 0;
}

const struct data_source data_none = {
        .row = {.name = "none", .about = "No data, for models that make their own gradients"},
        .shape = none_shape,
};
