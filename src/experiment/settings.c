/* What can be asked of settings: see experiment/settings.h. */
#include "experiment/settings.h"
#include "aggregator/rule_run.h"
#include "backend/backend.h"
#include "models/init/init_row.h"
#include "models/model.h"

bool settings_is_byzantine(const struct settings *s, int worker)
{
	for (size_t i = 0; i < s->adversaries.ids.count; i++)
		if (s->adversaries.ids.at[i] == worker)
			return true;
	return false;
}

int64_t settings_told_f(const struct settings *s)
{
	bool rule = ((const struct aggregator *)s->aggregator.row)->rule;
	return rule ? ((const struct rule_keys *)s->aggregator.state)->f : -1;
}

struct method settings_method(const struct settings *s)
{
	struct method m = method_of(&s->compressor, &s->aggregator, &s->optimizer, s->layers);
	m.direction = (const struct direction *)s->direction.row;
	m.direction_state = s->direction.state;
	return m;
}

struct rule_size settings_rule_size(const struct settings *s, size_t n, int lanes)
{
	return (struct rule_size){.agg = (const struct aggregator *)s->aggregator.row,
	                          .state = s->aggregator.state,
	                          .layers = s->layers,
	                          .workers = (size_t)s->workers,
	                          .n = n,
	                          .lanes = (size_t)lanes};
}

int settings_open_machine(const struct settings *s, struct backend *out, struct err *e)
{
	const struct choice *own = s->machine.row ? &s->machine : &s->backend;
	return ((const struct backend_row *)own->row)->open(out, own->state, e);
}

struct model_env settings_model_env(const struct settings *s, const struct backend *be)
{
	return (struct model_env){.be = be,
	                          .data = s->shape,
	                          .batch = (int)s->batch.most,
	                          .fuse = (int)s->fuse,
	                          .workers = (int)s->workers,
	                          .seed = s->seed,
	                          .model = (const struct model *)s->model.row,
	                          .init = (int)((const struct init_row *)s->init.row)->scheme,
	                          .profile = s->profile};
}

struct partition_share settings_share(const struct settings *s)
{
	return (struct partition_share){.how = s->partition,
	                                .workers = (int)s->workers,
	                                .batch = s->batch.of,
	                                .seed = s->data_seed ? s->data_seed : s->seed};
}

bool settings_has_passes(const struct settings *s)
{
	return s->record.snr > 0 || s->record.l1_l2 > 0 || s->record.noise.every > 0 ||
	       s->record.noise.at.count > 0;
}

size_t settings_pass_batches(const struct settings *s)
{
	return s->shape.n_train / (size_t)s->batch.most;
}
