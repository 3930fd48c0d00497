/* The earlier spelling of a method, and today's: see experiment/spelling.h. */
#include "experiment/spelling.h"
#include <string.h>
#include "aggregator/rule_run.h"
#include "registry.h"

enum { ALIGNED = 16 };

/* The name that a value of a family gives, or NULL. */
static const char *kind_of(const struct json *value)
{
	const struct json *kind = value && value->type == JSON_OBJECT ? json_member(value, "kind") : value;
	return kind && kind->type == JSON_STRING ? kind->string : NULL;
}

static bool is_kind(const struct json *value, const char *name)
{
	const char *kind = kind_of(value);
	return kind && strcmp(kind, name) == 0;
}

/* What is given, and is not null. */
static struct json *given(const struct json *root, const char *key)
{
	struct json *value = json_member(root, key);
	return value && value->type != JSON_NULL ? value : NULL;
}

/* A name, to stand where `at` stands. */
static struct json name_at(const struct json *at, const char *name)
{
	struct json out = *at;
	out.type = JSON_STRING;
	out.string = name;
	out.child = NULL;
	out.count = 0;
	return out;
}

/* Complaints name members by where they were written. */
static void keep_paths(struct json *moved, struct json *from)
{
	for (struct json *member = moved->child; member; member = member->next)
		member->parent = from;
}

/* "aggregator": {"kind": WAS, keys} becomes "aggregator": "mean" with "key": {"kind": NAME, keys}. */
static int split(struct arena *a, struct json *root, const char *key, const char *name, struct err *e)
{
	struct json *was = json_member(root, "aggregator");
	const struct json mean = name_at(was, "mean"), kind = name_at(was, name);
	if (given(root, key))
		return json_say_key(
		        e, given(root, key),
		        "found it beside aggregator \"%s\", which is \"mean\" with %s \"%s\"; give "
		        "one of them",
		        kind_of(was), key, name);
	if (json_set(a, root, key, was->type == JSON_OBJECT ? was : &kind, e))
		return -1;
	struct json *moved = json_member(root, key);
	if (was->type == JSON_OBJECT && json_set(a, moved, "kind", &kind, e))
		return -1;
	keep_paths(moved, was);
	return json_set(a, root, "aggregator", &mean, e);
}

/* `zero` of a vote belongs to the signs that its workers send. */
static int move_zero(struct arena *a, struct json *root, struct json *vote, struct err *e)
{
	struct json *zero = json_member(vote, "zero"), *there = given(root, "compressor");
	const struct json sign = name_at(zero, "sign");
	if (there && (!is_kind(there, "sign") || (there->type == JSON_OBJECT && json_member(there, "zero"))))
		return json_say_key(
		        e, zero,
		        "found it beside `compressor`, whose key it is: \"compressor\": {\"kind\": "
		        "\"sign\", \"zero\": ...}; give one of them");
	if ((!there && json_set(a, root, "compressor", &sign, e)) ||
	    json_set(a, root, "compressor.zero", zero, e))
		return -1;
	json_member(json_member(root, "compressor"), "zero")->parent = vote;
	json_remove(vote, "zero");
	return 0;
}

int spelling_today(struct arena *a, struct json *root, struct err *e)
{
	struct json *rule = json_member(root, "aggregator");
	if (is_kind(rule, "adam"))
		return split(a, root, "optimizer", "adam", e);
	if (is_kind(rule, "sign-mean"))
		return split(a, root, "compressor", "sign", e);
	if (is_kind(rule, "vote") && rule->type == JSON_OBJECT && json_member(rule, "zero"))
		return move_zero(a, root, rule, e);
	return 0;
}

int spelling_usual_rule(struct arena *a, struct json *root, struct err *e)
{
	const struct json *said = given(root, "compressor");
	const char *name = said ? kind_of(said) : NULL;
	const struct row *row = name ? family_find(&family_compressors, name) : NULL;
	const char *usual = row ? ((const struct compressor *)row)->aggregator : NULL;
	if (!usual || given(root, "aggregator"))
		return 0;
	const struct json rule = name_at(said, usual);
	return json_set(a, root, "aggregator", &rule, e);
}

/* The name of the usual compressor of the aggregator that a tree names; NULL where that is none. */
static const char *usual_compressor(const struct json *root)
{
	const char *rule = given(root, "aggregator") ? kind_of(given(root, "aggregator")) : "vote";
	const struct row *row = rule ? family_find(&family_aggregators, rule) : NULL;
	return row ? ((const struct aggregator *)row)->compressor : NULL;
}

int spelling_before_change(struct arena *a, struct json *root, const char *dotted, const char *option,
                           struct err *e)
{
	size_t length = strcspn(dotted, ".");
	const char *key = arena_format(a, "%.*s", (int)length, dotted);
	bool compressor = strcmp(key, "compressor") == 0, direction = strcmp(key, "direction") == 0;
	if (!compressor && !direction && strcmp(key, "optimizer") != 0)
		return 0;
	if (!direction && spelling_today(a, root, e))
		return -1;
	const char *usual = compressor ? usual_compressor(root) : direction ? "momentum" : "sgd";
	if (!dotted[length] || given(root, key) || !usual)
		return 0;
	const struct json *name = json_read_value(a, option, usual, e);
	return name ? json_set(a, root, key, name, e) : -1;
}

static void choose(struct arena *a, const struct family *f, const char *name, struct choice *c)
{
	struct err e = {0};
	if (c->row)
		return;
	const char *text = arena_format(a, "\"%s\"", name);
	if (choice_parse(f, c, NULL, text, a, &e))
		BUG("a usual row that is none of its family");
}

void spelling_complete(struct arena *a, const struct choice *aggregator, struct choice *compressor,
                       struct choice *optimizer)
{
	choose(a, &family_compressors, ((const struct aggregator *)aggregator->row)->compressor, compressor);
	choose(a, &family_optimizers, "sgd", optimizer);
}

void spelling_complete_settings(struct arena *a, struct settings *s)
{
	spelling_complete(a, &s->aggregator, &s->compressor, &s->optimizer);
	choose(a, &family_directions, "momentum", &s->direction);
}

int spelling_method(struct arena *a, struct json *root, struct method *out, struct err *e)
{
	struct choice c = {0}, g = {0}, o = {0};
	if (spelling_today(a, root, e) || spelling_usual_rule(a, root, e) ||
	    choice_parse(&family_compressors, &c, json_member(root, "compressor"), "null", a, e) ||
	    choice_parse(&family_aggregators, &g, json_member(root, "aggregator"), "\"vote\"", a, e) ||
	    choice_parse(&family_optimizers, &o, json_member(root, "optimizer"), "null", a, e))
		return -1;
	spelling_complete(a, &g, &c, &o);
	rule_resolve((const struct aggregator *)g.row, g.state, 0);
	*out = method_of(&c, &g, &o, NULL);
	return method_check_messages(out, e) || method_check_step(out, e) ? -1 : 0;
}

static bool is_row(const struct choice *c, const char *name)
{
	return strcmp(c->row->name, name) == 0;
}

static size_t key_count(const struct key *keys)
{
	size_t count = 0;
	while (keys && keys[count].name)
		count++;
	return count;
}

static struct key *add_keys(struct key *to, const struct key *keys, size_t shift)
{
	for (size_t i = key_count(keys); i > 0; i--, keys++) {
		*to = *keys;
		(to++)->offset += shift;
	}
	return to;
}

/* A row of that name with the keys of both, and their values. */
static struct choice joined(struct arena *a, const char *name, const struct choice *one,
                            const struct choice *other)
{
	size_t shift = (one->row->state_bytes + ALIGNED - 1) / ALIGNED * ALIGNED;
	size_t bytes = shift + other->row->state_bytes;
	size_t count = key_count(one->row->keys) + key_count(other->row->keys);
	struct key *keys = arena_alloc(a, (count + 1) * sizeof *keys);
	struct row *row = arena_alloc(a, sizeof *row);
	char *state = arena_alloc(a, bytes + 1);
	if (one->state)
		memcpy(state, one->state, one->row->state_bytes);
	if (other->state)
		memcpy(state + shift, other->state, other->row->state_bytes);
	*add_keys(add_keys(keys, one->row->keys, 0), other->row->keys, shift) = (struct key){0};
	*row = (struct row){.name = name, .keys = keys, .state_bytes = bytes};
	return (struct choice){row, state};
}

/* Leave out what goes without saying. */
static void drop_usual(struct choice *c, const char *usual)
{
	if (c->row && is_row(c, usual) && !c->row->keys)
		*c = (struct choice){0};
}

void spelling_first(struct arena *a, struct settings *s)
{
	static const struct choice nothing = {0};
	struct choice rule = s->aggregator;
	const char *usual = ((const struct aggregator *)rule.row)->compressor;
	bool mean = is_row(&rule, "mean"), sign = is_row(&s->compressor, "sign");
	if (sign && (mean || is_row(&rule, "vote"))) {
		s->aggregator = joined(a, mean ? "sign-mean" : "vote", &s->compressor, &rule);
		s->compressor = nothing;
	} else if (mean && is_row(&s->compressor, "none") && is_row(&s->optimizer, "adam")) {
		s->aggregator = joined(a, "adam", &s->optimizer, &rule);
		s->optimizer = nothing;
	}
	drop_usual(&s->compressor, usual);
	drop_usual(&s->optimizer, "sgd");
	drop_usual(&s->direction, "momentum");
}

/* What stands before a rule, and the rule, in the order in which they work: "clipping+nnm+krum". */
static const char *chain_name(struct arena *a, const struct choice *aggregator)
{
	const struct choices *before = &((const struct rule_keys *)aggregator->state)->before;
	const char *name = aggregator->row->name;
	for (size_t i = before->count; i > 0; i--)
		name = arena_format(a, "%s+%s", before->at[i - 1].row->name, name);
	return name;
}

const char *spelling_name(struct arena *a, const struct settings *s)
{
	struct settings copy = *s;
	spelling_first(a, &copy);
	bool rule = ((const struct aggregator *)s->aggregator.row)->rule;
	const char *name = rule ? chain_name(a, &s->aggregator) : copy.aggregator.row->name;
	if (copy.direction.row)
		name = arena_format(a, "%s, %s", name, copy.direction.row->name);
	if (copy.compressor.row)
		name = arena_format(a, "%s, %s", name, copy.compressor.row->name);
	if (copy.optimizer.row)
		name = arena_format(a, "%s, %s", name, copy.optimizer.row->name);
	return name;
}
