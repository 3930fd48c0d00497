/* The memory plan of a run: sums of what trainer_open() allocates. */
#include "base/mem.h"
#include "models/init/init_row.h"
#include "registry.h"
#include "train/evaluate.h"
#include "train/feed.h"
#include "train/trainer.h"

enum {
	EMPTY_IMAGE_BYTES = 160 << 10, /* a result file without rows */
	LISTED_BYTES = 128,            /* of one file in the list of files, with its name */
	BASE_BYTES = 24 << 20,         /* the program, its libraries and their buffers, measured at rest */
	LANE_LIBRARY_BYTES = 4 << 20   /* packing buffers that OpenBLAS touches in a lane */
};

static size_t lane_bytes(const struct settings *s, const struct model_env *env, size_t n)
{
	const struct model *model = (const struct model *)s->model.row;
	const struct attack *attack = (const struct attack *)s->adversaries.attack.row;
	size_t bytes = model->lane_bytes(s->model.state, env) + n * sizeof(float);
	if (s->adversaries.count > 0 && attack->acts_on == ATTACK_GRADIENT)
		bytes += n * sizeof(float);
	if (s->shape.window > 0)
		bytes += 2 * (size_t)s->shape.window * (size_t)s->batch * sizeof(int32_t);
	if (model->wants_data)
		bytes +=
		        (size_t)s->batch * (shape_features(&s->shape) * sizeof(float) + 2 * sizeof(int32_t)) +
		        shape_features(&s->shape) + LANE_LIBRARY_BYTES;
	return bytes;
}

/*
 * The result file of a whole run, of which HDF5 keeps one copy in memory: all rows, and the final parameters.
 */
static size_t record_bytes(const struct settings *s, size_t n)
{
	size_t step_rows = (size_t)(s->steps / s->record.every) + 1;
	size_t eval_rows = s->eval.every > 0 ? (size_t)(s->steps / s->eval.every) + 2 : 2;
	size_t image = EMPTY_IMAGE_BYTES + step_rows * 120 + eval_rows * 88 + probe_file_bytes(s, n) +
	               n * sizeof(float);
	return image + RECORD_ROWS * sizeof(struct step_row);
}

/*
 * Open the backend of the settings. If that fails, open `ref`, which is always available; the run will report
 * the error.
 */
static void open_backend(const struct settings *s, struct backend *be)
{
	struct err e = {0};
	if (((const struct backend_row *)s->backend.row)->open(be, &e) == 0)
		return;
	const struct row *ref = family_find(&family_backends, "ref");
	((const struct backend_row *)ref)->open(be, &e);
}

/* Samples and their order; if samples are read while training runs, the list of files and the reader. */
static size_t data_bytes(const struct settings *s, int lanes)
{
	const struct data_source *source = (const struct data_source *)s->data.row;
	size_t sample = source->readers ? LISTED_BYTES : shape_features(&s->shape);
	return (s->shape.n_train + s->shape.n_test) * (sample + sizeof(uint16_t)) +
	       2 * sizeof(uint32_t) * s->shape.n_train + feed_reader_bytes(s, lanes);
}

static size_t adversary_bytes(const struct settings *s, size_t workers, size_t n)
{
	const struct attack *attack = (const struct attack *)s->adversaries.attack.row;
	size_t count = (size_t)s->adversaries.count;
	if (!attack->memory_floats)
		return 0;
	return (count < workers ? count : workers) * attack->memory_floats(s->adversaries.attack.state, n) *
	       sizeof(float);
}

void trainer_plan(const struct settings *s, int lanes, int workers, struct plan *out)
{
	const struct aggregator *agg = (const struct aggregator *)s->aggregator.row;
	const struct model *model = (const struct model *)s->model.row;
	struct backend be;
	open_backend(s, &be);
	struct model_env env = settings_model_env(s, &be);
	size_t n = model->n_params(s->model.state, &env), m = (size_t)workers;
	*out = (struct plan){.n_params = n};
	out->push_bytes = agg->push_bytes(s->aggregator.state, n);
	out->pull_bytes = agg->pull_bytes(s->aggregator.state, n);
	size_t running = model->running_floats ? model->running_floats(s->model.state, &env) : 0;
	size_t carry = model->carry_floats ? model->carry_floats(s->model.state, &env) : 0;
	size_t shared = model->shared_bytes ? model->shared_bytes(s->model.state, &env) : 0;
	out->parameters = (n + running) * sizeof(float);
	out->momentum = m * (n + carry) * sizeof(float);
	out->messages = (m > 0 ? m : (size_t)s->workers) * out->push_bytes + out->pull_bytes;
	out->lane = lane_bytes(s, &env, n);
	out->lanes = (size_t)lanes * out->lane + shared;
	out->data = data_bytes(s, lanes);
	if (s->shape.window > 0)
		out->data = (s->shape.n_train + s->shape.n_test) * sizeof(int32_t) +
		            evaluate_text_floats(carry) * sizeof(float);
	if (agg->memory_floats)
		out->optimiser = agg->memory_floats(s->aggregator.state, n) * sizeof(float);
	out->adversaries = adversary_bytes(s, m, n);
	out->record = record_bytes(s, n) + probe_bytes(s, n);
	out->base = BASE_BYTES;
	out->checkpoint = out->parameters + out->momentum + out->optimiser + out->adversaries;
	out->total = out->parameters + out->momentum + out->messages + out->lanes + out->data +
	             out->optimiser + out->adversaries + out->record + out->base;
}

int trainer_check_start(const struct settings *s, size_t n_params, struct err *e)
{
	const struct init_row *init = (const struct init_row *)s->init.row;
	const struct model *model = (const struct model *)s->model.row;
	struct model_env env = settings_model_env(s, NULL);
	if (!init->read)
		return 0;
	size_t n_running = model->running_floats ? model->running_floats(s->model.state, &env) : 0;
	float *x = mem_array(n_params, sizeof *x);
	float *running = n_running ? mem_array(n_running, sizeof *running) : NULL;
	int rc = init->read(s->init.state, &env, s->model.state, x, running, e);
	mem_free(x);
	mem_free(running);
	return rc;
}
