/* A configuration of ByzFL's benchmark, key by key: see import_byzfl.h. */
#include "cmd/import_byzfl.h"
#include <string.h>
#include "cmd/import_byzfl_things.h"
#include "base/log.h"

enum { LIST_MOST = 1000, WORKERS_MOST = 1000000, SEED_MOST = 1000000, SEEDS_MOST = 10000 };

static bool is_true(const struct json *value)
{
	return value && value->type == JSON_BOOL && value->boolean;
}

static bool is_text(const struct json *value, const char *text)
{
	return value && value->type == JSON_STRING && strcmp(value->string, text) == 0;
}

/* Their value, or list of values, is ours. */
static int give_same(struct import *m, const char *name, const struct json *value)
{
	struct list l = {0};
	if (import_check_list(m, value))
		return -1;
	for (const struct json *one = import_first(value); one; one = import_next(value, one))
		import_add_json(&l, one);
	return import_give(m, name, &l);
}

/* A whole number, or a list of such. */
static int check_counts(const struct import *m, const struct json *value, long long least, long long most)
{
	if (import_check_list(m, value))
		return -1;
	if (value->type == JSON_ARRAY && value->count > LIST_MOST)
		return json_bad(m->e, value, "a list of at most %d values", LIST_MOST);
	for (const struct json *one = import_first(value); one; one = import_next(value, one))
		if (one->type != JSON_NUMBER || !one->exact || one->number < (double)least ||
		    one->number > (double)most)
			return json_bad(m->e, one, "a whole number from %lld to %lld, or a list of such",
			                least, most);
	return 0;
}

static void say_not_carried(const struct import *m, struct json *object, const char *key, const char *why)
{
	const struct json *member = import_take(object, key);
	if (member)
		import_say(m, member, "%s", why);
}

/* Is f within what some rule is told? There runs beyond are left out. */
static bool tolerated_by_some(const struct json *tolerated, double f)
{
	if (!tolerated)
		return true;
	for (const struct json *t = import_first(tolerated); t; t = import_next(tolerated, t))
		if (t->number >= f)
			return true;
	return false;
}

static int add_workers(struct import *m, struct list *l, long long honest, long long f, bool all)
{
	long long workers = all ? honest : honest + f;
	char text[64];
	if (f >= workers)
		return err_user(m->e,
		                "%s: benchmark_config: f = %lld of %lld workers leaves no worker honest",
		                m->root->source, f, workers);
	snprintf(text, sizeof text, "[%lld,%lld]", workers, f);
	import_add(l, text);
	m->least_f = f < m->least_f ? f : m->least_f;
	m->most_f = f > m->most_f ? f : m->most_f;
	m->least_workers = workers < m->least_workers ? workers : m->least_workers;
	return 0;
}

static int give_workers(struct import *m, struct json *config, const struct json *tolerated)
{
	const struct json *f = import_take_or(m, config, "f", "0"),
	                  *honest = import_take_or(m, config, "nb_honest_clients", "10"),
	                  *all = import_take(config, "set_honest_clients_as_clients");
	struct list l = {0};
	m->least_workers = m->least_f = 2 * WORKERS_MOST;
	if (check_counts(m, f, 0, WORKERS_MOST) || check_counts(m, honest, 1, WORKERS_MOST))
		return -1;
	if (all && all->type != JSON_BOOL)
		return json_bad(m->e, all, "true or false");
	import_say(m, honest,
	           "counts %s; here `workers` counts all, and adversaries.count the Byzantine ones",
	           is_true(all) ? "all workers, because set_honest_clients_as_clients is true"
	                        : "honest workers alone");
	int rc = 0;
	for (const struct json *h = import_first(honest); h; h = import_next(honest, h))
		for (const struct json *b = import_first(f); !rc && b; b = import_next(f, b))
			if (tolerated_by_some(tolerated, b->number))
				rc = add_workers(m, &l, (long long)h->number, (long long)b->number,
				                 is_true(all));
	if (!rc && l.n == 0)
		return json_say(m->e, f, "every value is above tolerated_f, which leaves no run");
	return import_give_unless(m, rc, "workers,adversaries.count", &l);
}

/* Each of `first` and the numbers behind it, as many as the largest of `count` says; once each, plus `shift`.
 * Several become the key `many`, or an axis. */
static int give_seeds(struct import *m, const char *key, const char *many, const struct json *first,
                      const struct json *count, int shift)
{
	bool *there = mem_alloc((SEED_MOST + SEEDS_MOST) * sizeof *there);
	struct list l = {0};
	int n = 0;
	for (const struct json *c = import_first(count); c; c = import_next(count, c))
		n = (int)c->number > n ? (int)c->number : n;
	for (const struct json *s = import_first(first); s; s = import_next(first, s))
		for (int i = 0, seed = (int)s->number; i < n; i++, seed++) {
			if (!there[seed])
				import_add(&l, arena_format(m->a, "%d", seed + shift));
			there[seed] = true;
		}
	mem_free(there);
	if (l.n == 1 || !many)
		return import_give(m, key, &l);
	buf_add(&l.text, "]");
	int rc = import_set(m, many, l.text.text);
	buf_clear(&l.text);
	return rc;
}

static int give_all_seeds(struct import *m, struct json *config)
{
	const struct json *seed = import_take_or(m, config, "training_seed", "0"),
	                  *n = import_take_or(m, config, "nb_training_seeds", "1"),
	                  *data = import_take_or(m, config, "data_distribution_seed", "0"),
	                  *n_data = import_take_or(m, config, "nb_data_distribution_seeds", "1");
	if (check_counts(m, seed, 0, SEED_MOST) || check_counts(m, n, 1, SEEDS_MOST) ||
	    check_counts(m, data, 0, SEED_MOST) || check_counts(m, n_data, 1, SEEDS_MOST) ||
	    give_seeds(m, "seed", "seeds", seed, n, 0) || give_seeds(m, "data_seed", NULL, data, n_data, 1))
		return -1;
	log_say("%s: training_seed is `seed`, and data_distribution_seed + 1 is `data_seed`; random numbers "
	        "are others, so "
	        "runs of one seed are not the same there and here",
	        m->root->source);
	return 0;
}

/* constant, or multi-step where it decays. */
static int give_rate(struct import *m, struct json *model)
{
	const struct json *rate = import_take_or(m, model, "learning_rate", "0.1"),
	                  *decay = import_take_or(m, model, "learning_rate_decay", "1"),
	                  *at = import_take_or(m, model, "milestones", "[]");
	bool several = at->type == JSON_ARRAY && at->child && at->child->type == JSON_ARRAY;
	struct list l = {0};
	if (import_check_list(m, rate) || import_check_list(m, decay))
		return -1;
	if (at->type != JSON_ARRAY)
		return json_bad(m->e, at, "a list of steps");
	for (const struct json *r = import_first(rate); r; r = import_next(rate, r))
		for (const struct json *d = import_first(decay); d; d = import_next(decay, d))
			for (const struct json *s = several ? at->child : at; s;
			     s = several ? s->next : NULL) {
				struct buf b = {0};
				buf_add(&b, "{\"kind\":\"constant\",\"rate\":");
				bool falls = s->count > 0 && !(d->type == JSON_NUMBER && d->number == 1);
				if (falls)
					b.length = 0, buf_add(&b, "{\"kind\":\"multi-step\",\"rate\":");
				json_write(&b, r);
				if (falls) {
					buf_add(&b, ",\"factor\":");
					json_write(&b, d);
					buf_add(&b, ",\"at\":");
					json_write(&b, s);
				}
				buf_add(&b, "}");
				import_add(&l, b.text);
				buf_clear(&b);
			}
	return import_give(m, "lr", &l);
}

static int give_model(struct import *m, struct json *model, const char *const *validation)
{
	const struct json *loss = import_take(model, "loss"), *labels = import_take(model, "nb_labels"),
	                  *optimizer = import_take(model, "optimizer_name");
	if (byzfl_give_names(m, "model", byzfl_models, import_take_or(m, model, "name", "\"cnn_mnist\""),
	                     "model", (const char *const[]){"", NULL}) ||
	    byzfl_give_names(m, "data", byzfl_data, import_take_or(m, model, "dataset_name", "\"mnist\""),
	                     "data set", validation) ||
	    give_rate(m, model))
		return -1;
	if (is_text(loss, "NLLLoss") || is_text(loss, "CrossEntropyLoss"))
		import_say(m, loss,
		           "behind such a model is the cross-entropy that every model here brings with it");
	else if (loss)
		import_say(m, loss, "is not carried over: the loss here is the cross-entropy");
	if (labels)
		import_say(m, labels, "is not carried over: the data set knows its classes");
	if (optimizer && !is_text(optimizer, "SGD"))
		import_say(m, optimizer, "is not carried over: written is \"sgd\"");
	import_say_unknown(m, model);
	return 0;
}

static int give_clients(struct import *m, struct json *clients)
{
	if (give_same(m, "momentum", import_take_or(m, clients, "momentum", "0.9")) ||
	    give_same(m, "weight_decay", import_take_or(m, clients, "weight_decay", "1e-4")) ||
	    give_same(m, "batch", import_take_or(m, clients, "batch_size", "32")))
		return -1;
	import_say_unknown(m, clients);
	return 0;
}

/* What of the training set does not train there is for choosing settings, as what data.validation says is
 * here. A member of the data for each share, NULL behind the last; NULL and a sentence. */
static const char **read_validation(struct import *m, struct json *config)
{
	const struct json *share = import_take_or(m, config, "size_train_set", "0.8");
	const char **out = arena_alloc(m->a, (share->count + 2) * sizeof *out);
	size_t n = 0;
	if (import_check_list(m, share))
		return NULL;
	for (const struct json *one = import_first(share); one; one = import_next(share, one)) {
		if (one->type != JSON_NUMBER || one->number <= 0 || one->number > 1) {
			json_bad(m->e, one, "a number above 0 and at most 1, or a list of such");
			return NULL;
		}
		out[n++] =
		        one->number < 1 ? arena_format(m->a, ",\"validation\":%.12g", 1 - one->number) : "";
	}
	log_say("%s: size_train_set, 0.8 where none is given, trains there, and the rest is for choosing "
	        "settings: that is "
	        "data.validation",
	        m->root->source);
	return out;
}

static int give_config(struct import *m, struct json *config)
{
	const struct json *algorithm = import_take(config, "training_algorithm"),
	                  *device = import_take(config, "device"),
	                  *tolerated = import_take(config, "tolerated_f"),
	                  *name = algorithm ? json_member(algorithm, "name") : NULL;
	if (algorithm && algorithm->type != JSON_OBJECT)
		return json_bad(m->e, algorithm, "an object {\"name\": \"DSGD\"}");
	if (name && !is_text(name, "DSGD"))
		return json_bad(m->e, name,
		                "\"DSGD\": here every worker sends one message a step, and none trains by "
		                "itself between");
	if (tolerated && check_counts(m, tolerated, 0, WORKERS_MOST))
		return -1;
	if (device && !is_text(device, "cpu"))
		import_say(m, device, "is not carried over: --set backend=cuda chooses a GPU");
	say_not_carried(m, config, "nb_workers", "is computed there, and not read");
	if (give_same(m, "steps", import_take_or(m, config, "nb_steps", "1000")) ||
	    give_workers(m, config, tolerated) || byzfl_give_partition(m, config) ||
	    byzfl_give_rules(m, tolerated) || byzfl_give_attacks(m) || give_all_seeds(m, config))
		return -1;
	import_say_unknown(m, config);
	return 0;
}

static int give_evaluation(struct import *m, struct json *ev)
{
	const struct json *test = import_take(ev, "evaluate_on_test"),
	                  *store = import_take(ev, "store_models"),
	                  *each = import_take(ev, "store_per_client_metrics"),
	                  *delta = import_take_or(m, ev, "evaluation_delta", "50");
	if (give_same(m, "eval.every", delta) || (is_true(store) && give_same(m, "record.snapshots", delta)))
		return -1;
	if (is_true(store))
		import_say(m, store, "is record.snapshots, below /probes of the result file");
	if (test && !is_true(test))
		import_say(m, test, "is not carried over: here every evaluation is on test data");
	if (is_true(each))
		import_say(m, each, "is not carried over: losses are those of all honest workers together");
	say_not_carried(m, ev, "batch_size_evaluation",
	                "is not carried over: evaluations use the workers' batch");
	say_not_carried(m, ev, "data_folder", "is not carried over: --data says where data sets are");
	say_not_carried(m, ev, "results_directory", "is not carried over: --out says where results go");
	import_say_unknown(m, ev);
	return 0;
}

/* One of their objects; an empty one where it is not there. */
static struct json *section(struct import *m, const char *key)
{
	struct json *there = (struct json *)import_take_or(m, m->root, key, "{}");
	if (there->type == JSON_OBJECT)
		return there;
	json_bad(m->e, there, "an object");
	return NULL;
}

const struct json *import_byzfl(struct arena *a, struct json *config, struct err *e)
{
	struct import m = {.a = a,
	                   .root = config,
	                   .no_key = "is no key of byzfl 0.0.11's benchmark; not carried over",
	                   .e = e};
	if (config->type != JSON_OBJECT || !json_member(config, "benchmark_config")) {
		json_bad(e, config,
		         "an object with the member \"benchmark_config\", as ByzFL's benchmark reads it");
		return NULL;
	}
	m.out = json_read_value(a, "import", "{\"name\":\"byzfl\"}", e);
	struct json *bench = section(&m, "benchmark_config"), *model = section(&m, "model"),
	            *clients = section(&m, "honest_clients"), *ev = section(&m, "evaluation_and_results");
	const char **validation = bench && model && clients && ev ? read_validation(&m, bench) : NULL;
	if (!validation || give_model(&m, model, validation) || give_config(&m, bench) ||
	    give_clients(&m, clients) || give_evaluation(&m, ev))
		return NULL;
	import_say_unknown(&m, config);
	return m.out;
}
