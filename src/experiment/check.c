/* Impossible combinations, each with the sentence that refuses it. */
#include "experiment/check.h"
#include <ctype.h>
#include <limits.h>
#include <math.h>
#include <string.h>
#include "adversary/crowd.h"
#include "aggregator/rule_run.h"
#include "data/dataset.h"
#include "experiment/check_internal.h"
#include "models/init/init_row.h"
#include "optimizer/schedule.h"

static int check_name(const struct settings *s, const struct json *root, struct err *e)
{
	size_t length = strlen(s->name);
	bool good = length > 0 && length <= 100 && s->name[0] != '.' && s->name[0] != '-';
	for (size_t i = 0; i < length; i++)
		good = good && (isalnum((unsigned char)s->name[i]) || strchr("._-", s->name[i]));
	if (good)
		return 0;
	return json_bad(e, check_place(root, "name"),
	                "1 to 100 letters, digits, '.', '_' or '-', the first a letter, a digit or '_'");
}

static int check_ids(struct settings *s, const struct json *root, struct err *e)
{
	const struct ints *ids = &s->adversaries.ids;
	const struct json *where = check_place(root, "adversaries.ids");
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
		return json_say(e, check_place(root, "adversaries.ids"),
		                "found %zu workers, expected as many as adversaries.count = %lld", ids->count,
		                (long long)s->adversaries.count);
	if (s->adversaries.count >= s->workers)
		return json_say(
		        e, check_place(root, "adversaries.count"),
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

static int check_data(struct arena *a, struct settings *s, const struct json *root, struct err *e)
{
	const struct data_source *data = (const struct data_source *)s->data.row;
	const struct model *model = (const struct model *)s->model.row;
	const struct data_env env = {
	        .dir = s->data_dir[0] ? s->data_dir : NULL, .foreign = s->foreign, .seed = s->seed};
	if (data->shape(s->data.state, &env, &s->shape, e))
		return check_say_at(e, root, "data");
	if (model->wants_data && !data->load)
		return json_say(e, check_place(root, "data"),
		                "model \"%s\" learns from samples, and data \"%s\" has none", model->row.name,
		                data->row.name);
	if (!model->wants_data && data->load)
		return json_say(e, check_place(root, "data"),
		                "model \"%s\" makes its own gradients; expected data \"none\"",
		                model->row.name);
	if (!data->load)
		return 0;
	if (check_validation(s, root, e))
		return -1;
	return s->shape.window > 0 ? check_text(s, root, e) : check_shards(a, s, root, e);
}

static int check_one_attack(const struct choice *c, const char *key, const struct attack_env *env,
                            const struct json *root, struct err *e)
{
	const struct attack *attack = (const struct attack *)c->row;
	return attack->check && attack->check(c->state, env, e) ? check_say_at(e, root, key) : 0;
}

/* Does the attack, and what it becomes, fit the run? An attack of nobody fits every run. */
static int check_attack(const struct settings *s, const struct json *root, struct err *e)
{
	const struct choice *c = &s->adversaries.attack;
	const struct attack *attack = (const struct attack *)c->row;
	const struct attack_env env = {.workers = (int)s->workers,
	                               .byzantine = (int)s->adversaries.count,
	                               .classes = s->shape.window > 0 ? 0 : s->shape.n_classes,
	                               .data = s->data.row->name};
	uint64_t after;
	if (s->adversaries.count == 0)
		return 0;
	if (check_one_attack(c, "adversaries.attack", &env, root, e))
		return -1;
	return attack->then ? check_one_attack(attack->then(c->state, &after), "adversaries.attack.then",
	                                       &env, root, e)
	                    : 0;
}

static int check_length(struct settings *s, const struct json *root, struct err *e)
{
	if (s->steps > 0 && s->epochs > 0)
		return json_say(e, check_place(root, "epochs"), "give either `steps` or `epochs`, not both");
	if (s->steps == 0 && s->epochs == 0)
		return json_say(e, root, "how long to train is missing: give `steps` or `epochs`");
	if (s->epochs == 0)
		return 0;
	if (s->steps_per_epoch.over == 0)
		return json_say(e, check_place(root, "epochs"), "data \"%s\" has no epochs; give `steps`",
		                s->data.row->name);
	s->steps = ratio_ceil(s->epochs, s->steps_per_epoch);
	if (s->steps < 0)
		return json_say(e, check_place(root, "epochs"), "%g epochs are more than 2^53 steps",
		                s->epochs);
	s->epochs_given = s->shape.random_length ? s->epochs : 0;
	s->epochs = 0; /* the resolved settings say it once, in steps */
	return 0;
}

/* The row that keeps a momentum of its own, and its family; or NULL. */
static const char *keeps_momentum(const struct settings *s, const char **family)
{
	const struct method m = settings_method(s);
	*family = m.optimizer->own_momentum ? "optimizer" : "direction";
	if (m.optimizer->own_momentum)
		return m.optimizer->row.name;
	return m.direction->own_momentum ? m.direction->row.name : NULL;
}

/* Changes of momentum: a value for every step, in rising order, and workers that keep momentum. */
static int check_momentum(const struct settings *s, const struct json *root, struct err *e)
{
	const struct ints *at = &s->momentum_at;
	if (at->count != s->momentum_then.count)
		return json_say(e, check_place(root, "momentum_at"),
		                "found %zu steps and %zu values in `momentum_then`, expected as many",
		                at->count, s->momentum_then.count);
	for (size_t i = 1; i < at->count; i++)
		if (at->at[i] <= at->at[i - 1])
			return json_say(e, check_place(root, "momentum_at"),
			                "found %lld behind %lld, expected each value above the one before",
			                (long long)at->at[i], (long long)at->at[i - 1]);
	const char *family, *owner = keeps_momentum(s, &family);
	if (at->count > 0 && owner)
		return json_say(e, check_place(root, "momentum_at"),
		                "%s \"%s\" keeps its own momentum; leave `momentum_at` out", family, owner);
	return 0;
}

/* The rule's f becomes a number; a worker that it trusts is none of the Byzantine ones. */
static int check_rule(const struct aggregator *agg, struct settings *s, struct err *e)
{
	int byzantine = (int)s->adversaries.count, trusted = rule_trusted(agg, s->aggregator.state);
	rule_resolve(agg, s->aggregator.state, byzantine);
	if (rule_check(agg, s->aggregator.state, (int)s->workers, byzantine, e))
		return -1;
	if (trusted < 0 || !settings_is_byzantine(s, trusted))
		return 0;
	return err_user(e,
	                "%s: found pivot = %d, a worker that is Byzantine here (adversaries.ids), expected "
	                "an honest one",
	                agg->row.name, trusted);
}

/* Do compressor, aggregator and optimizer fit each other, and the workers? */
static int check_method(struct settings *s, const struct json *root, struct err *e)
{
	const struct method m = settings_method(s);
	const struct aggregator *agg = m.aggregator;
	if (method_check_messages(&m, e))
		return check_say_at(e, root, json_member(root, "compressor") ? "compressor" : "aggregator");
	if (method_check_step(&m, e))
		return check_say_at(e, root, "optimizer");
	const char *family, *owner = keeps_momentum(s, &family);
	if (owner) {
		if (json_member(root, "momentum") && s->momentum > 0)
			return json_say(e, check_place(root, "momentum"),
			                "%s \"%s\" keeps its own momentum; leave `momentum` out or "
			                "set it to 0",
			                family, owner);
		s->momentum = 0;
	}
	if (agg->rule && check_rule(agg, s, e))
		return check_say_at(e, root, "aggregator");
	return 0;
}

/* What codes and compressed answers, which are made on the host, leave no room for. */
static int check_code(const struct method *m, const struct adversary *adversary, struct err *e)
{
	const struct attack *attack = adversary->attack;
	const struct crowd_attack *crowd = crowd_attack_of(attack);
	bool coded = m->push.kind == MESSAGE_CODED;
	if (coded && attack->acts_on == ATTACK_PACKED)
		return err_user(e,
		                "attack \"%s\" flips bits of messages, and those of compressor \"%s\" are "
		                "a code; expected one whose messages are signs or floats",
		                attack->row.name, m->compressor->row.name);
	if ((coded || m->two_way) && crowd && crowd->asks && crowd->asks(adversary->state))
		return err_user(e,
		                "attack \"%s\" tries what the server would answer, which is not done %s "
		                "compressor \"%s\"; expected %s",
		                attack->row.name, coded ? "with the codes of" : "where the answer is made by",
		                m->compressor->row.name, coded ? "another compressor" : "two_way false");
	return 0;
}

/* What an attack that sees the crowd needs of its run. */
static int check_crowd(const struct settings *s, const struct json *root, struct err *e)
{
	const struct adversary adversary = adversary_of(&s->adversaries.attack);
	const struct crowd_attack *a = crowd_attack_of(adversary.attack);
	const struct method m = settings_method(s);
	if (s->adversaries.count > 0 && check_code(&m, &adversary, e))
		return check_say_at(e, root, "adversaries.attack");
	const struct crowd_terms terms = {.workers = (int)s->workers,
	                                  .byzantine = (int)s->adversaries.count,
	                                  .aggregator = m.aggregator->row.name,
	                                  .compressor = m.compressor->row.name,
	                                  .signs = m.push.kind == MESSAGE_SIGNS && !m.compressor->random,
	                                  .chooses = rule_says(m.aggregator, m.aggregator_state).chosen};
	if (s->adversaries.count == 0 || !a || !a->check || !a->check(adversary.state, &terms, e))
		return 0;
	err_prefix(e, "attack \"%s\"", a->attack.row.name);
	bool becomes = &a->attack.row != s->adversaries.attack.row;
	return check_say_at(e, root, becomes ? "adversaries.attack.then" : "adversaries.attack");
}

static int check_init(const struct settings *s, const struct json *root, struct err *e)
{
	const struct init_row *init = (const struct init_row *)s->init.row;
	const struct model *model = (const struct model *)s->model.row;
	if (init->any_model || model->build)
		return 0;
	return json_say(e, check_place(root, "init"),
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
	for (int64_t w = 0; model->check && w < s->workers; w++) {
		env.batch = (int)s->batch.of[w];
		if (env.batch > 0 && model->check(s->model.state, &env, e))
			return check_say_at(e, root, "model");
	}
	if (lr->check && lr->check(s->lr.state, &when, model->theory != NULL, e))
		return check_say_at(e, root, "lr");
	return 0;
}

/* Workers are computed at once by their batches, and samples are counted in an int. */
static int check_fuse(const struct settings *s, const struct json *root, struct err *e)
{
	const struct model *model = (const struct model *)s->model.row;
	if (s->fuse > 1 && !model->grad_many)
		return json_say(e, check_place(root, "fuse"),
		                "found %lld, and model \"%s\" has no batches that workers could share a pass "
		                "over; expected 1",
		                (long long)s->fuse, model->row.name);
	if (s->fuse > 1 && s->parts)
		return json_say(
		        e, check_place(root, "fuse"),
		        "found %lld, and by `coding` a worker's gradients, one a part of the data, are "
		        "computed one after the other; expected 1",
		        (long long)s->fuse);
	if (s->fuse > INT_MAX / s->batch.most)
		return json_say(e, check_place(root, "fuse"),
		                "found %lld workers with %lld samples each, expected at most %d samples at "
		                "once",
		                (long long)s->fuse, (long long)s->batch.most, INT_MAX);
	return 0;
}

/* The layers that the model's parameters are. */
static const struct layers *layers_of(struct arena *a, const struct settings *s)
{
	const struct model *model = (const struct model *)s->model.row;
	const struct model_env env = settings_model_env(s, NULL);
	struct layers *out = arena_alloc(a, sizeof *out);
	struct tensor t;
	while (model->tensor(s->model.state, &env, out->count, &t))
		out->count++;
	struct layer_range *at = arena_alloc(a, out->count * sizeof *at);
	for (size_t i = 0; model->tensor(s->model.state, &env, i, &t); i++)
		at[i] = (struct layer_range){t.offset, t.offset + t.count, t.rank > 1 ? t.dims[0] : 0};
	out->at = at;
	return out;
}

int experiment_check(struct arena *a, struct settings *s, const struct json *root, struct err *e)
{
	if (check_name(s, root, e) || check_adversaries(a, s, root, e) || check_data_seed(s, root, e) ||
	    check_batches(a, s, root, e) || check_data(a, s, root, e) || check_attack(s, root, e) ||
	    check_length(s, root, e) || check_method(s, root, e) || check_crowd(s, root, e) ||
	    check_coding(a, s, root, e) || check_momentum(s, root, e) || check_init(s, root, e))
		return -1;
	if (check_model(s, root, e) || check_fuse(s, root, e))
		return -1;
	s->layers = layers_of(a, s);
	return experiment_check_probes(a, s, e) ? check_say_at(e, root, "record") : 0;
}
