/* Impossible combinations, each with the sentence that refuses it. */
#include "experiment/check.h"
#include <ctype.h>
#include <math.h>
#include <string.h>
#include "aggregator/rule_run.h"
#include "data/dataset.h"
#include "data/partition.h"
#include "data/text/text_walk.h"
#include "models/init/init_row.h"
#include "optimizer/schedule.h"

/* The value at "a.b", or the innermost object on the way to it that is there: where to point a complaint. */
static const struct json *place(const struct json *root, const char *dotted)
{
	const struct json *at = root;
	while (*dotted && at->type == JSON_OBJECT) {
		char name[64];
		size_t length = strcspn(dotted, ".");
		if (length >= sizeof name)
			break;
		memcpy(name, dotted, length);
		name[length] = 0;
		const struct json *next = json_member(at, name);
		if (!next)
			break;
		at = next;
		dotted += length + (dotted[length] == '.');
	}
	return at;
}

/* Put the place of `key` before a row's own sentence. Always -1. */
static int say_at(struct err *e, const struct json *root, const char *key)
{
	struct err said = *e;
	const struct json *where = place(root, key);
	err_clear(e);
	if (where == root)
		return json_say(e, where, "%s: %s", key, said.text);
	return json_say(e, where, "%s", said.text);
}

static int check_name(const struct settings *s, const struct json *root, struct err *e)
{
	size_t length = strlen(s->name);
	bool good = length > 0 && length <= 100 && s->name[0] != '.' && s->name[0] != '-';
	for (size_t i = 0; i < length; i++)
		good = good && (isalnum((unsigned char)s->name[i]) || strchr("._-", s->name[i]));
	if (good)
		return 0;
	return json_bad(e, place(root, "name"),
	                "1 to 100 letters, digits, '.', '_' or '-', the first a letter, a digit or '_'");
}

static int check_ids(struct settings *s, const struct json *root, struct err *e)
{
	const struct ints *ids = &s->adversaries.ids;
	const struct json *where = place(root, "adversaries.ids");
	for (size_t i = 0; i < ids->count; i++) {
		if (ids->at[i] >= s->workers)
			return json_say(e, where, "worker %lld does not exist: workers are 0 to %lld",
			                (long long)ids->at[i], (long long)s->workers - 1);
		for (size_t j = 0; j < i; j++)
			if (ids->at[i] == ids->at[j])
				return json_say(e, where, "worker %lld is named twice",
				                (long long)ids->at[i]);
	}
	return 0;
}

/* Count and list of the Byzantine workers agree, and some worker is honest; an empty list becomes the first
 * `count`. */
static int check_adversaries(struct arena *a, struct settings *s, const struct json *root, struct err *e)
{
	struct ints *ids = &s->adversaries.ids;
	const struct json *given = json_member(root, "adversaries");
	if (ids->count > 0 && given && !json_member(given, "count"))
		s->adversaries.count = (int64_t)ids->count;
	if (ids->count > 0 && (int64_t)ids->count != s->adversaries.count)
		return json_say(e, place(root, "adversaries.ids"),
		                "found %zu workers, expected as many as adversaries.count = %lld", ids->count,
		                (long long)s->adversaries.count);
	if (s->adversaries.count >= s->workers)
		return json_say(
		        e, place(root, "adversaries.count"),
		        "%lld adversaries of %lld workers leave no worker honest; expected at most %lld",
		        (long long)s->adversaries.count, (long long)s->workers, (long long)s->workers - 1);
	if (ids->count > 0)
		return check_ids(s, root, e);
	ids->count = (size_t)s->adversaries.count;
	ids->at = arena_alloc(a, ids->count * sizeof *ids->at);
	for (size_t i = 0; i < ids->count; i++)
		ids->at[i] = (int64_t)i;
	return 0;
}

/* A text is cut into one column for each sequence of each worker. */
static int check_text(struct settings *s, const struct json *root, struct err *e)
{
	size_t columns = (size_t)s->workers * (size_t)s->batch, batch = (size_t)s->batch;
	if (!((const struct model *)s->model.row)->build)
		return json_say(e, place(root, "model"), "model \"%s\" reads images, and data \"%s\" is text",
		                s->model.row->name, s->data.row->name);
	if (json_member(root, "partition") && s->partition != PARTITION_SHARDS)
		return json_say(e, place(root, "partition"),
		                "a text is divided into one contiguous shard for each worker; expected "
		                "\"shards\", or no `partition`");
	s->partition = PARTITION_SHARDS;
	if (s->record.sign_failure > 0)
		return json_say(e, place(root, "record.sign_failure"),
		                "a text has no full-data gradient, because its sequences carry a state");
	if (text_positions(s->shape.n_train, columns) == 0)
		return json_say(e, place(root, "batch"),
		                "%zu training tokens are too few for %lld workers with %lld sequences each",
		                s->shape.n_train, (long long)s->workers, (long long)s->batch);
	if (text_positions(s->shape.n_test, batch) == 0)
		return json_say(e, place(root, "batch"), "%zu test tokens are too few for %lld sequences",
		                s->shape.n_test, (long long)s->batch);
	s->steps_per_epoch = (struct ratio){(int64_t)text_walk_steps(&s->shape, columns, s->seed), 1};
	return 0;
}

static int check_data(struct settings *s, const struct json *root, struct err *e)
{
	const struct data_source *data = (const struct data_source *)s->data.row;
	const struct model *model = (const struct model *)s->model.row;
	const struct data_env env = {
	        .dir = s->data_dir[0] ? s->data_dir : NULL, .foreign = s->foreign, .seed = s->seed};
	if (data->shape(s->data.state, &env, &s->shape, e))
		return say_at(e, root, "data");
	if (model->wants_data && !data->load)
		return json_say(e, place(root, "data"),
		                "model \"%s\" learns from samples, and data \"%s\" has none", model->row.name,
		                data->row.name);
	if (!model->wants_data && data->load)
		return json_say(e, place(root, "data"),
		                "model \"%s\" makes its own gradients; expected data \"none\"",
		                model->row.name);
	if (!data->load)
		return 0;
	if (s->shape.window > 0)
		return check_text(s, root, e);
	size_t shard = partition_shard(s->shape.n_train, (int)s->workers);
	if ((size_t)s->batch > shard)
		return json_say(e, place(root, "batch"),
		                "a batch of %lld is more than a worker's shard of %zu samples (%zu over %lld "
		                "workers)",
		                (long long)s->batch, shard, s->shape.n_train, (long long)s->workers);
	s->steps_per_epoch = (struct ratio){(int64_t)shard, s->batch};
	return 0;
}

static int check_length(struct settings *s, const struct json *root, struct err *e)
{
	if (s->steps > 0 && s->epochs > 0)
		return json_say(e, place(root, "epochs"), "give either `steps` or `epochs`, not both");
	if (s->steps == 0 && s->epochs == 0)
		return json_say(e, root, "how long to train is missing: give `steps` or `epochs`");
	if (s->epochs == 0)
		return 0;
	if (s->steps_per_epoch.over == 0)
		return json_say(e, place(root, "epochs"), "data \"%s\" has no epochs; give `steps`",
		                s->data.row->name);
	s->steps = ratio_ceil(s->epochs, s->steps_per_epoch);
	if (s->steps < 0)
		return json_say(e, place(root, "epochs"), "%g epochs are more than 2^53 steps", s->epochs);
	s->epochs_given = s->shape.random_length ? s->epochs : 0;
	s->epochs = 0; /* the resolved settings say it once, in steps */
	return 0;
}

/* Changes of momentum: a value for every step, in rising order, and workers that keep momentum. */
static int check_momentum(const struct settings *s, const struct json *root, struct err *e)
{
	const struct ints *at = &s->momentum_at;
	if (at->count != s->momentum_then.count)
		return json_say(e, place(root, "momentum_at"),
		                "found %zu steps and %zu values in `momentum_then`, expected as many",
		                at->count, s->momentum_then.count);
	for (size_t i = 1; i < at->count; i++)
		if (at->at[i] <= at->at[i - 1])
			return json_say(e, place(root, "momentum_at"),
			                "found %lld behind %lld, expected each value above the one before",
			                (long long)at->at[i], (long long)at->at[i - 1]);
	if (at->count > 0 && ((const struct optimizer *)s->optimizer.row)->own_momentum)
		return json_say(e, place(root, "momentum_at"),
		                "optimizer \"%s\" keeps its own momentum; leave `momentum_at` out",
		                s->optimizer.row->name);
	return 0;
}

/* The rule's f becomes a number. */
static int check_rule(const struct aggregator *agg, struct settings *s, struct err *e)
{
	int byzantine = (int)s->adversaries.count;
	rule_resolve(agg, s->aggregator.state, byzantine);
	return rule_check(agg, s->aggregator.state, (int)s->workers, byzantine, e);
}

/* Do compressor, aggregator and optimizer fit each other, and the workers? */
static int check_method(struct settings *s, const struct json *root, struct err *e)
{
	const struct method m = settings_method(s);
	const struct aggregator *agg = m.aggregator;
	if (method_check_messages(&m, e))
		return say_at(e, root, json_member(root, "compressor") ? "compressor" : "aggregator");
	if (method_check_step(&m, e))
		return say_at(e, root, "optimizer");
	if (m.optimizer->own_momentum) {
		if (json_member(root, "momentum") && s->momentum > 0)
			return json_say(e, place(root, "momentum"),
			                "optimizer \"%s\" keeps its own momentum; leave `momentum` out or "
			                "set it to 0",
			                m.optimizer->row.name);
		s->momentum = 0;
	}
	if (agg->rule && check_rule(agg, s, e))
		return say_at(e, root, "aggregator");
	return 0;
}

static int check_init(const struct settings *s, const struct json *root, struct err *e)
{
	const struct init_row *init = (const struct init_row *)s->init.row;
	const struct model *model = (const struct model *)s->model.row;
	if (init->any_model || model->build)
		return 0;
	return json_say(e, place(root, "init"),
	                "model \"%s\" begins in its own way, and \"%s\" is a way to begin the layers of a "
	                "network; expected \"model\" or {\"kind\": \"file\", ...}%s",
	                model->row.name, init->row.name,
	                model->wants_data ? ", or model \"sequential\" with the same layers" : "");
}

static int check_model(struct settings *s, const struct json *root, struct err *e)
{
	const struct model *model = (const struct model *)s->model.row;
	const struct schedule *lr = (const struct schedule *)s->lr.row;
	struct model_env env = settings_model_env(s, NULL);
	struct schedule_env when = {.steps = s->steps, .steps_per_epoch = s->steps_per_epoch, NAN, NAN};
	if (model->check && model->check(s->model.state, &env, e))
		return say_at(e, root, "model");
	if (lr->check && lr->check(s->lr.state, &when, model->theory != NULL, e))
		return say_at(e, root, "lr");
	return 0;
}

int experiment_check(struct arena *a, struct settings *s, const struct json *root, struct err *e)
{
	if (check_name(s, root, e) || check_adversaries(a, s, root, e) || check_data(s, root, e) ||
	    check_length(s, root, e) || check_method(s, root, e) || check_momentum(s, root, e) ||
	    check_init(s, root, e))
		return -1;
	if (check_model(s, root, e))
		return -1;
	return experiment_check_probes(a, s, e) ? say_at(e, root, "record") : 0;
}
