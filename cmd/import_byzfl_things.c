/* Names with parameters, and the rules, attacks and partitions that they are: see import_byzfl_things.h. */
#include "cmd/import_byzfl_things.h"
#include <string.h>
#include "experiment/sweep.h"

/* --- names with parameters ---------------------------------------------------------------------------- */

/* How many combinations the lists among the parameters make. */
static size_t combinations(const struct json *parameters)
{
	size_t n = 1;
	for (const struct json *p = parameters && parameters->type == JSON_OBJECT ? parameters->child : NULL;
	     p; p = p->next)
		if (p->type == JSON_ARRAY && p->count > 0 && n <= SWEEP_RUNS_MAX)
			n *= p->count;
	return n;
}

/* The value of a parameter in combination `number`; the last list turns fastest. */
static const struct json *in_combination(const struct json *parameter, size_t number)
{
	if (parameter->type != JSON_ARRAY || parameter->count == 0)
		return parameter;
	for (const struct json *p = parameter->next; p; p = p->next)
		if (p->type == JSON_ARRAY && p->count > 0)
			number /= p->count;
	const struct json *value = parameter->child;
	for (size_t i = number % parameter->count; i > 0; i--)
		value = value->next;
	return value;
}

static void write_parameter(struct buf *b, const struct byzfl_param *p, const struct json *given,
                            size_t number)
{
	buf_format(b, ",\"%s\":", p->ours);
	if (given)
		json_write(b, in_combination(given, number));
	else
		buf_add(b, p->usual);
}

/* Our object for a name of theirs: {"kind": ..., without its last brace. */
static void write_thing(struct buf *b, const struct byzfl_name *n, const struct json *parameters,
                        size_t number)
{
	buf_format(b, "{\"kind\":\"%s\"%s%s", n->ours, n->fixed ? "," : "", n->fixed ? n->fixed : "");
	for (const struct byzfl_param *p = n->parameters; p && p->theirs; p++)
		if (p->ours)
			write_parameter(b, p, parameters ? json_member(parameters, p->theirs) : NULL, number);
}

static void add_thing(struct list *l, const struct byzfl_name *n, const struct json *parameters,
                      size_t number, const char *tail)
{
	struct buf b = {0};
	write_thing(&b, n, parameters, number);
	buf_format(&b, "%s}", tail);
	import_add(l, b.text);
	buf_clear(&b);
}

/* Why a parameter is not carried over; NULL: it is, or says what is so anyway. */
static const char *why_not(const struct byzfl_name *n, const struct json *given, bool *drop)
{
	const struct byzfl_param *p = n->parameters;
	while (p && p->theirs && strcmp(p->theirs, given->key) != 0)
		p++;
	bool known = p && p->theirs;
	*drop = !known || !p->ours;
	if (strcmp(given->key, "f") == 0)
		return "is replaced there by tolerated_f, or f; so here";
	if (!known)
		return "is no parameter that it has; not carried over";
	bool usual = p->usual && given->type == JSON_NUMBER && given->number == 0;
	return p->ours || usual ? NULL : "has no counterpart here; not carried over";
}

/* Say what is otherwise of a thing, and take out of its parameters those that are not carried over. */
static void settle_thing(const struct import *m, const struct byzfl_name *n, const struct json *name,
                         struct json *parameters)
{
	if (n->says)
		import_say(m, name, "%s", n->says);
	for (struct json *g = parameters ? parameters->child : NULL, *next; g; g = next) {
		bool drop;
		const char *why = why_not(n, g, &drop);
		next = g->next;
		if (why)
			import_say(m, g, "%s", why);
		if (drop)
			json_remove(parameters, g->key);
	}
}

/* Lists among the parameters make so many combinations that no grid has them. */
static int check_combinations(const struct import *m, const struct json *parameters)
{
	size_t n = combinations(parameters);
	return n <= SWEEP_RUNS_MAX ? 0
	                           : json_say(m->e, parameters, "its lists make more than %d combinations",
	                                      SWEEP_RUNS_MAX);
}

/* What is in a thing beside its name and parameters. */
static void say_others(const struct import *m, struct json *thing, const struct json *one,
                       const struct json *other)
{
	for (struct json *o = thing->child, *next; o; o = next) {
		next = o->next;
		if (o == one || o == other)
			continue;
		import_say(m, o, "%s", m->no_key);
		json_remove(thing, o->key);
	}
}

/* {"name": ..., "parameters": ...} */
static const struct byzfl_name *open_thing(const struct import *m, const struct byzfl_name *names,
                                           struct json *thing, const char *what,
                                           const struct json **parameters)
{
	struct json *name = json_member(thing, "name"), *given = json_member(thing, "parameters");
	if (!name) {
		json_bad(m->e, thing, "an object {\"name\": ..., \"parameters\": {...}}, the name of %s",
		         what);
		return NULL;
	}
	const struct byzfl_name *n = byzfl_find(names, name, what, m->e);
	if (!n)
		return NULL;
	if (given && given->type != JSON_OBJECT) {
		json_bad(m->e, given, "an object");
		return NULL;
	}
	say_others(m, thing, name, given);
	settle_thing(m, n, name, given);
	*parameters = given;
	return given && check_combinations(m, given) ? NULL : n;
}

static int add_partitions(struct import *m, struct list *l, struct json *one)
{
	struct json *name = json_member(one, "name"), *value = json_member(one, "distribution_parameter");
	const struct byzfl_name *n = NULL;
	if (!name)
		return json_bad(m->e, one, "an object {\"name\": ..., \"distribution_parameter\": ...}");
	if (!(n = byzfl_find(byzfl_partitions, name, "data distribution", m->e)))
		return -1;
	say_others(m, one, name, value);
	if (value && (!n->parameters || value->type == JSON_NULL)) {
		import_say(m, value, "means nothing for %s; not carried over", n->theirs);
		json_remove(one, value->key);
	}
	if (check_combinations(m, one))
		return -1;
	for (size_t i = 0; i < combinations(one); i++)
		add_thing(l, n, one, i, "");
	return 0;
}

int byzfl_give_partition(struct import *m, struct json *config)
{
	const struct json *given = import_take_or(m, config, "data_distribution", "{\"name\":\"iid\"}");
	struct list l = {0};
	int rc = import_check_list(m, given);
	for (struct json *one = import_first(given); !rc && one; one = import_next(given, one))
		rc = add_partitions(m, &l, one);
	return import_give_unless(m, rc, "partition", &l);
}

/* --- the rule ----------------------------------------------------------------------------------------- */

/* What comes before rules: each chain as the elements of `before`. */
struct chains {
	size_t n;
	const char **at; /* [n] */
};

static int write_chain(struct import *m, struct buf *b, const struct json *chain)
{
	for (struct json *one = chain->child; one; one = one->next) {
		const struct json *parameters = NULL;
		const struct byzfl_name *n =
		        open_thing(m, byzfl_pre_aggregators, one, "pre-aggregator", &parameters);
		if (!n)
			return -1;
		write_thing(b, n, parameters, 0);
		buf_add(b, one->next ? "}," : "}");
	}
	return 0;
}

/* What a rule has in addition to its parameters: the trusted worker, f, and what comes before it. */
static const char *rule_tail(const struct import *m, const struct byzfl_name *n, const struct json *told,
                             const char *chain)
{
	const char *tail = "";
	if (n->plain)
		return tail;
	if (n->trusts) /* Byzantine workers are the first; an honest one of every run */
		tail = arena_format(m->a, ",\"pivot\":%lld",
		                    m->most_f < m->least_workers ? m->most_f : m->least_workers - 1);
	if (told)
		tail = arena_format(m->a, "%s,\"f\":%.0f", tail, told->number);
	return *chain ? arena_format(m->a, "%s,\"before\":[%s]", tail, chain) : tail;
}

/* Every combination of parameters x chain x f that the rule is told. */
static int add_rules(struct import *m, struct list *l, struct json *rule, const struct chains *chains,
                     const struct json *tolerated)
{
	const struct json *parameters = NULL;
	const struct byzfl_name *n = open_thing(m, byzfl_aggregators, rule, "aggregator", &parameters);
	if (!n)
		return -1;
	if (n->plain && (chains->n > 1 || *chains->at[0]))
		import_say(m, rule,
		           "\"mean\" takes messages as they are here: written without what comes before it "
		           "there");
	for (size_t i = 0; i < combinations(parameters); i++)
		for (size_t c = 0; c < (n->plain ? 1 : chains->n); c++) {
			if (n->plain || !tolerated) {
				add_thing(l, n, parameters, i, rule_tail(m, n, NULL, chains->at[c]));
				continue;
			}
			for (const struct json *t = import_first(tolerated); t; t = import_next(tolerated, t))
				if (t->number >= (double)m->least_f)
					add_thing(l, n, parameters, i, rule_tail(m, n, t, chains->at[c]));
		}
	return 0;
}

/* A list of pre-aggregators is one chain; a list of lists is several. */
static int read_chains(struct import *m, const struct json *given, struct chains *out)
{
	bool several = given->type == JSON_ARRAY && given->child && given->child->type == JSON_ARRAY;
	out->at = arena_alloc(m->a, (given->count + 1) * sizeof *out->at);
	for (const struct json *one = several ? given->child : given; one; one = several ? one->next : NULL) {
		struct buf b = {0};
		int rc = one->type == JSON_ARRAY
		                 ? write_chain(m, &b, one)
		                 : json_bad(m->e, one, "a list of pre-aggregators, or a list of such lists");
		out->at[out->n++] = arena_string(m->a, b.text ? b.text : "");
		buf_clear(&b);
		if (rc)
			return -1;
	}
	return 0;
}

/* There runs of more Byzantine workers than the rule is told of are left out. */
static int leave_out_understated(struct import *m, const struct json *tolerated)
{
	const struct json *sweep = json_member(m->out, "sweep"),
	                  *pairs = sweep ? json_member(sweep, "workers,adversaries.count") : NULL;
	struct list l = {0};
	if (!pairs || !tolerated || !json_member(sweep, "aggregator"))
		return 0;
	for (const struct json *t = import_first(tolerated); t; t = import_next(tolerated, t)) {
		struct list above = {0};
		for (const struct json *pair = pairs->child; pair; pair = pair->next)
			if (pair->child->next->number > t->number)
				import_add_json(&above, pair->child->next);
		if (above.n > 0) {
			buf_add(&above.text, "]");
			import_add(&l, arena_format(m->a, "{\"aggregator.f\":%.0f,\"adversaries.count\":%s}",
			                            t->number, above.text.text));
		}
		buf_clear(&above.text);
	}
	if (l.n == 0)
		return 0;
	buf_add(&l.text, "]");
	int rc = import_set(m, "sweep.except", l.text.text);
	buf_clear(&l.text);
	return rc;
}

int byzfl_give_rules(struct import *m, const struct json *tolerated)
{
	const struct json *rules = import_take_or(m, m->root, "aggregator", "{\"name\":\"Average\"}"),
	                  *before = import_take_or(m, m->root, "pre_aggregators", "[]");
	struct chains chains = {0};
	struct list l = {0};
	int rc = import_check_list(m, rules) || read_chains(m, before, &chains);
	for (struct json *one = import_first(rules); !rc && one; one = import_next(rules, one))
		rc = add_rules(m, &l, one, &chains, tolerated);
	return import_give_unless(m, rc, "aggregator", &l) || leave_out_understated(m, tolerated) ? -1 : 0;
}

static int add_attacks(struct import *m, struct list *l, struct json *one)
{
	const struct json *parameters = NULL;
	const struct byzfl_name *n = open_thing(m, byzfl_attacks, one, "attack", &parameters);
	if (!n)
		return -1;
	if (!n->ours)
		return m->most_f > 0 ? json_say(m->e, one, "NoAttack with f > 0 is refused there too") : 0;
	for (size_t i = 0; i < combinations(parameters); i++) {
		struct buf b = {0};
		buf_add(&b, "[");
		write_thing(&b, n, parameters, i);
		buf_format(&b, "},\"%s\"]", n->own ? "own" : "none");
		import_add(l, b.text);
		buf_clear(&b);
	}
	return 0;
}

/* Byzantine workers have no data there; where an attack here needs some, they have. */
int byzfl_give_attacks(struct import *m)
{
	const struct json *given = import_take_or(m, m->root, "attack", "{\"name\":\"NoAttack\"}");
	struct list pairs = {0};
	int rc = import_check_list(m, given);
	for (struct json *one = import_first(given); !rc && one; one = import_next(given, one))
		rc = add_attacks(m, &pairs, one);
	return !rc && pairs.n == 0 ? 0
	                           : import_give_unless(m, rc, "adversaries.attack,adversaries.data", &pairs);
}

/* Names of `names` without parameters. */
int byzfl_give_names(struct import *m, const char *key, const struct byzfl_name *names,
                     const struct json *given, const char *what, const char *const *tails)
{
	struct list l = {0};
	int rc = import_check_list(m, given);
	for (const struct json *one = import_first(given); !rc && one; one = import_next(given, one)) {
		const struct byzfl_name *n = byzfl_find(names, one, what, m->e);
		rc = n ? 0 : -1;
		for (const char *const *tail = tails; n && *tail; tail++)
			add_thing(&l, n, NULL, 0, *tail);
		if (n && n->says)
			import_say(m, one, "%s", n->says);
	}
	return import_give_unless(m, rc, key, &l);
}
