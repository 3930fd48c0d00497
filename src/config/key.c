/* From JSON to states: every value is checked against its key, and complaints name the place. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "config/key.h"
#include "config/key_names.h"

enum { PATH_SIZE = 200 };

static const double two53 = 9007199254740992.0;

/* What one complaint and one allocation need, on the way down. */
struct parse {
	struct arena *arena;
	struct err *err;
};

static int fill(struct parse *p, const struct key *keys, char *state, const struct json *from);

/* Is it a list of values for a key that takes one? `many` as in struct key. */
static int bad_value(struct parse *p, const char *many, const struct json *value, const char *expected)
{
	char path[PATH_SIZE];

	if (value->type != JSON_ARRAY || value->key == NULL)
		return json_bad(p->err, value, "%s", expected);
	if (many != NULL)
		return json_bad(p->err, value, "%s; a run with each of several is \"%s\": [...]", expected,
		                many);
	return json_bad(p->err, value, "%s; a run with each of several is \"sweep\": {\"%s\": [...]}",
	                expected, json_path(value, path, sizeof path));
}

static int bad_for_key(struct parse *p, const struct key *k, const struct json *value)
{
	char expected[EXPECTED_SIZE];

	return bad_value(p, k->many, value, key_expected_text(k, expected, sizeof expected));
}

static bool in_bounds(const struct key *k, double x)
{
	if (k->lowest == 0 && k->highest == 0 && !k->above && !k->below)
		return true;
	if (!(k->lowest < k->highest || (k->lowest == k->highest && !k->above && !k->below)))
		BUG("a key with bounds that leave nothing");
	return (k->above ? x > k->lowest : x >= k->lowest) && (k->below ? x < k->highest : x <= k->highest);
}

/* Doubles between 2^53 and beyond are whole without meaning it: only written digits count there. */
static bool is_whole(const struct json *value)
{
	return value->type == JSON_NUMBER &&
	       (value->exact || (value->number == floor(value->number) && fabs(value->number) < two53));
}

/* Is it the string that stands for a number? */
static bool is_word(const struct key *k, const struct json *value)
{
	return k->word != NULL && value->type == JSON_STRING && strcmp(k->word, value->string) == 0;
}

static int parse_int(struct parse *p, const struct key *k, int64_t *out, const struct json *value)
{
	if (is_word(k, value)) {
		*out = (int64_t)k->word_value;
		return 0;
	}
	if (value->type == JSON_NUMBER && fabs(value->number) >= two53 && !value->exact)
		return json_bad(p->err, value,
		                "an integer of at most 2^53 = 9007199254740992 in size, that one in digits");
	if (!is_whole(value) || !in_bounds(k, value->number))
		return bad_for_key(p, k, value);
	*out = (int64_t)value->number;
	return 0;
}

static int parse_real(struct parse *p, const struct key *k, double *out, const struct json *value)
{
	if (is_word(k, value)) {
		*out = k->word_value;
		return 0;
	}
	if (value->type != JSON_NUMBER || !isfinite(value->number) || !in_bounds(k, value->number))
		return bad_for_key(p, k, value);
	*out = value->number == 0 ? 0
	                          : value->number; /* -0 is 0: settings that are equal are written alike */
	return 0;
}

/* Digits of the base, all of them, without overflow. */
static bool read_digits(const char *text, unsigned base, uint64_t *out)
{
	uint64_t sum = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		unsigned digit;

		if (!(base == 16 ? isxdigit(c) : isdigit(c)))
			return false;
		digit = isdigit(c) ? c - (unsigned)'0' : (unsigned)tolower(c) - 'a' + 10;
		if (sum > (UINT64_MAX - digit) / base)
			return false;
		sum = sum * base + digit;
	}
	*out = sum;
	return true;
}

static int parse_seed(struct parse *p, const struct key *k, uint64_t *out, const struct json *value)
{
	if (is_whole(value) && value->number >= 0) {
		*out = (uint64_t)value->number;
		return 0;
	}
	if (value->type == JSON_STRING) {
		const char *text = value->string;
		bool hexadecimal = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');

		if (read_digits(hexadecimal ? text + 2 : text, hexadecimal ? 16 : 10, out))
			return 0;
	}
	return bad_for_key(p, k, value);
}

static bool is_choice(const struct key *k, int i, const char *name)
{
	return strcmp(k->choices[i], name) == 0 ||
	       (k->choices_were != NULL && strcmp(k->choices_were[i], name) == 0);
}

static int parse_choice_name(struct parse *p, const struct key *k, int *out, const struct json *value)
{
	struct names n = {.count = 0};
	char expected[EXPECTED_SIZE], hint[HINT_SIZE] = "";

	for (int i = 0; k->choices[i] != NULL; i++) {
		if (value->type == JSON_STRING && is_choice(k, i, value->string)) {
			*out = i;
			return 0;
		}
	}
	names_of_choices(&n, k->choices);
	if (value->type == JSON_STRING && words_hint(k->words, value->string, hint, sizeof hint)[0] == '\0')
		names_nearest_hint(&n, value->string, hint, sizeof hint);
	return bad_value(p, k->many, value, names_expected(&n, hint, expected, sizeof expected));
}

/* A list's key as that of its elements. */
static struct key element_of(const struct key *list, enum key_kind kind)
{
	struct key element = *list;

	element.kind = kind;
	element.or_one = false;
	return element;
}

static int parse_ints(struct parse *p, const struct key *k, struct ints *out, const struct json *value)
{
	struct key element = element_of(k, KEY_INT);
	struct ints list = {0};
	int64_t one;

	if (k->or_one && value->type == JSON_NUMBER) {
		if (parse_int(p, k, &one, value) != 0)
			return -1;
		list = (struct ints){1, arena_alloc(p->arena, sizeof *list.at)};
		list.at[0] = one;
		*out = list;
		return 0;
	}
	if (value->type != JSON_ARRAY)
		return bad_for_key(p, k, value);
	if (value->count > 0)
		list.at = arena_alloc(p->arena, value->count * sizeof *list.at);
	for (const struct json *c = value->child; c != NULL; c = c->next) {
		if (parse_int(p, &element, &list.at[list.count++], c) != 0)
			return -1;
	}
	*out = list;
	return 0;
}

static int parse_reals(struct parse *p, const struct key *k, struct reals *out, const struct json *value)
{
	struct key element = element_of(k, KEY_REAL);
	struct reals list = {0};

	if (value->type != JSON_ARRAY)
		return bad_for_key(p, k, value);
	if (value->count > 0)
		list.at = arena_alloc(p->arena, value->count * sizeof *list.at);
	for (const struct json *c = value->child; c != NULL; c = c->next) {
		if (parse_real(p, &element, &list.at[list.count++], c) != 0)
			return -1;
	}
	*out = list;
	return 0;
}

static const struct row *find_row(struct parse *p, const struct family *f, const struct json *name)
{
	const struct row *row = family_find(f, name->string);
	struct names n = {.count = 0};
	char expected[EXPECTED_SIZE], hint[HINT_SIZE];

	if (row == NULL) {
		names_of_family(&n, f);
		family_hint(f, name->string, hint, sizeof hint);
		json_bad(p->err, name, "%s", names_expected(&n, hint, expected, sizeof expected));
	}
	return row;
}

/* The row that a value of the family names, or NULL and a sentence. */
static const struct row *row_of(struct parse *p, const struct family *f, const struct json *value)
{
	const struct json *kind = json_member(value, "kind");
	const char *number = f->number_row != NULL ? ", or a number" : "";
	const struct row *row = NULL;
	struct names n = {.count = 0};
	char expected[EXPECTED_SIZE], said[EXPECTED_SIZE + 100];

	names_of_family(&n, f);
	names_expected(&n, "", expected, sizeof expected);
	if (value->type == JSON_STRING)
		return find_row(p, f, value);
	if (kind != NULL && kind->type == JSON_STRING)
		return find_row(p, f, kind);
	if (value->type == JSON_NUMBER && f->number_row != NULL) {
		row = family_find(f, f->number_row);
		if (row == NULL)
			BUG("a family whose number_row is none of its rows");
	} else if (kind != NULL) {
		json_bad(p->err, kind, "%s", expected);
	} else if (value->type == JSON_OBJECT) {
		json_say(p->err, value, "found an object without \"kind\", expected it to be %s%s", expected,
		         json_member(value, "name") != NULL || json_member(value, "type") != NULL
		                 ? "; a name stands under \"kind\" here"
		                 : "");
	} else {
		snprintf(said, sizeof said, "the name of the %s, or {\"kind\": NAME, ...}%s; NAME %s",
		         f->name, number, expected);
		bad_value(p, NULL, value, said);
	}
	return row;
}

static int parse_family(struct parse *p, const struct family *f, struct choice *c, const struct json *value)
{
	const struct row *row = row_of(p, f, value);
	void *state;

	if (row == NULL)
		return -1;
	state = row->state_bytes > 0 ? arena_alloc(p->arena, row->state_bytes) : NULL;
	if (fill(p, row->keys, state, value) != 0)
		return -1;
	*c = (struct choice){row, state};
	return 0;
}

static int parse_list(struct parse *p, const struct key *k, struct choices *out, const struct json *value)
{
	struct choices list = {0};
	bool alone = value->type == JSON_STRING || value->type == JSON_OBJECT;
	size_t count = alone ? 1 : value->count;

	if (value->type != JSON_ARRAY && !alone)
		return bad_for_key(p, k, value);
	if (count > 0)
		list.at = arena_alloc(p->arena, count * sizeof *list.at);
	for (const struct json *c = alone ? value : value->child; list.count < count; c = c->next) {
		if (parse_family(p, k->family, &list.at[list.count++], c) != 0)
			return -1;
	}
	*out = list;
	return 0;
}

/* The first key of an object that takes such a value: what somebody meant who wrote it without one. */
static const struct key *key_meant(const struct key *keys, const struct json *value)
{
	const struct key *k = keys;

	for (; k != NULL && k->name != NULL; k++) {
		bool fits = value->type == JSON_NUMBER
		                    ? k->kind == KEY_INT || k->kind == KEY_REAL
		                    : k->kind == KEY_FAMILY && value->type == JSON_STRING &&
		                              family_find(k->family, value->string) != NULL;

		if (fits)
			return k;
	}
	return NULL;
}

/* {"count": 2}, where somebody wrote 2, and a sweep of "count" where it was [1, 2]. */
static int bad_object(struct parse *p, const struct key *keys, const struct json *value)
{
	const struct json *one = value->type == JSON_ARRAY ? value->child : value;
	const struct key *k = one != NULL ? key_meant(keys, one) : NULL;
	struct buf meant = {0};
	char path[PATH_SIZE];

	if (k == NULL)
		return bad_value(p, NULL, value, "an object");
	if (one != value && value->key != NULL)
		return json_bad(p->err, value,
		                "an object; a run with each of several is \"sweep\": {\"%s.%s\": [...]}",
		                json_path(value, path, sizeof path), k->name);
	json_write(&meant, one);
	json_bad(p->err, value, "an object, as in {\"%s\": %s}", k->name, meant.text);
	buf_clear(&meant);
	return -1;
}

static int parse_object(struct parse *p, const struct key *keys, char *state, const struct json *value)
{
	return value->type == JSON_OBJECT ? fill(p, keys, state, value) : bad_object(p, keys, value);
}

static int parse_value(struct parse *p, const struct key *k, char *at, const struct json *value)
{
	switch (k->kind) {
	case KEY_INT:
		return parse_int(p, k, (int64_t *)(void *)at, value);
	case KEY_SEED:
		return parse_seed(p, k, (uint64_t *)(void *)at, value);
	case KEY_REAL:
		return parse_real(p, k, (double *)(void *)at, value);
	case KEY_BOOL:
		if (value->type != JSON_BOOL)
			return bad_for_key(p, k, value);
		*(bool *)(void *)at = value->boolean;
		return 0;
	case KEY_STRING:
	case KEY_PATH:
		if (value->type != JSON_STRING)
			return bad_for_key(p, k, value);
		*(const char **)(void *)at = arena_string(p->arena, value->string);
		return 0;
	case KEY_CHOICE:
		return parse_choice_name(p, k, (int *)(void *)at, value);
	case KEY_INTS:
		return parse_ints(p, k, (struct ints *)(void *)at, value);
	case KEY_REALS:
		return parse_reals(p, k, (struct reals *)(void *)at, value);
	case KEY_OBJECT:
		return parse_object(p, k->keys, at, value);
	case KEY_FAMILY:
		return parse_family(p, k->family, (struct choice *)(void *)at, value);
	case KEY_LIST:
		return parse_list(p, k, (struct choices *)(void *)at, value);
	}
	BUG("a key of no kind");
}

/* A default is our own text: whatever is wrong with it is our mistake. */
static void parse_default(struct parse *p, const struct key *k, char *at)
{
	struct err e = {0};
	struct parse inner = {p->arena, &e};
	struct json *value = json_read_text(p->arena, k->name, k->default_json, strlen(k->default_json), &e);

	if (value == NULL || (value->type == JSON_NULL && k->kind == KEY_OBJECT))
		BUG("a default that is not JSON, or an object that may be absent");
	if (value->type != JSON_NULL && parse_value(&inner, k, at, value) != 0)
		bug_at(__FILE__, __LINE__, e.text);
}

static int missing_key(struct parse *p, const struct key *k, const struct json *place)
{
	char expected[EXPECTED_SIZE];

	key_expected_text(k, expected, sizeof expected);
	if (place == NULL)
		return err_user(p->err, "found no key \"%s\", expected it: %s", k->name, expected);
	return json_say(p->err, place, "found no key \"%s\", expected it: %s", k->name, expected);
}

/* `value` NULL: the default; `place` is where the value is missing. */
static int parse_member(struct parse *p, const struct key *k, char *at, const struct json *value,
                        const struct json *place)
{
	if (value != NULL && value->type == JSON_NULL && key_may_be_absent(k))
		return 0;
	if (value != NULL)
		return parse_value(p, k, at, value);
	if (k->default_json == NULL)
		return missing_key(p, k, place);
	parse_default(p, k, at);
	return 0;
}

/* The state from an object's members, from a number (the first key) or from defaults alone (a name, NULL). */
static int fill(struct parse *p, const struct key *keys, char *state, const struct json *from)
{
	for (const struct key *k = keys; k != NULL && k->name != NULL; k++) {
		const struct json *value = from != NULL ? json_member(from, k->name) : NULL;

		if (k == keys && from != NULL && from->type == JSON_NUMBER)
			value = from;
		if (parse_member(p, k, state + k->offset, value, from) != 0)
			return -1;
	}
	return 0;
}

int keys_parse(const struct key *keys, void *state, const struct json *object, struct arena *a, struct err *e)
{
	struct parse p = {a, e};

	if (object == NULL)
		return fill(&p, keys, state, NULL);
	return keys_refuse_unknown(keys, object, NULL, e) != 0 ? -1 : parse_object(&p, keys, state, object);
}

int choice_parse(const struct family *f, struct choice *c, const struct json *value, const char *default_json,
                 struct arena *a, struct err *e)
{
	struct key k = {.name = f->name, .kind = KEY_FAMILY, .default_json = default_json, .family = f};

	*c = (struct choice){0};
	if (value != NULL && choice_refuse_unknown(f, value, e) != 0)
		return -1;
	return parse_member(&(struct parse){a, e}, &k, (char *)c, value, NULL);
}
