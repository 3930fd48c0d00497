/* From JSON to states: every value is checked against its key, and complaints name the place. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "config/key.h"
#include "base/text.h"

enum { NAMES_MAX = 128, NAMES_SIZE = 450, EXPECTED_SIZE = NAMES_SIZE + 100 };

static const double two53 = 9007199254740992.0;

/* What one complaint and one allocation need, on the way down. */
struct parse {
	struct arena *arena;
	struct err *err;
};

static int fill(struct parse *p, const struct key *keys, char *state, const struct json *from);
static int refuse_unknown(struct parse *p, const struct key *keys, const struct json *object, bool has_kind);

const struct row *family_find(const struct family *f, const char *name)
{
	for (const struct row *const *r = f->rows; *r != NULL; r++) {
		if (strcmp((*r)->name, name) == 0)
			return *r;
	}
	return NULL;
}

/* Names for a suggestion or a list. */
struct names {
	const char *at[NAMES_MAX]; /* [count] */
	size_t count;
};

static void add_name(struct names *n, const char *name)
{
	if (n->count == NAMES_MAX)
		BUG("a table with more names than this holds");
	n->at[n->count++] = name;
}

static void family_names(struct names *n, const struct family *f)
{
	for (const struct row *const *r = f->rows; *r != NULL; r++)
		add_name(n, (*r)->name);
}

const char *family_nearest(const struct family *f, const char *wrong)
{
	struct names n = {.count = 0};

	family_names(&n, f);
	return text_nearest(wrong, n.at, n.count);
}

/* 'one of "a", "b"; did you mean "b"?' into out, for a name that is none of them. */
static const char *expect_names(const struct names *n, const char *wrong, char *out, size_t size)
{
	const char *nearest = wrong != NULL ? text_nearest(wrong, n->at, n->count) : NULL;
	char listed[NAMES_SIZE], hint[100] = "";
	struct buf list = {0};

	for (size_t i = 0; i < n->count; i++)
		buf_format(&list, "%s\"%s\"", i > 0 ? ", " : "one of ", n->at[i]);
	text_shown(n->count > 0 ? list.text : "none", listed, sizeof listed);
	if (nearest != NULL)
		snprintf(hint, sizeof hint, "; did you mean \"%s\"?", nearest);
	snprintf(out, size, "%s%s", listed, hint);
	buf_clear(&list);
	return out;
}

static int bad_for_key(struct parse *p, const struct key *k, const struct json *value)
{
	char expected[EXPECTED_SIZE];

	return json_bad(p->err, value, "%s", key_expected_text(k, expected, sizeof expected));
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

static int parse_int(struct parse *p, const struct key *k, int64_t *out, const struct json *value)
{
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

static int parse_choice_name(struct parse *p, const struct key *k, int *out, const struct json *value)
{
	struct names n = {.count = 0};
	char expected[EXPECTED_SIZE];

	for (int i = 0; k->choices[i] != NULL; i++) {
		if (value->type == JSON_STRING && strcmp(k->choices[i], value->string) == 0) {
			*out = i;
			return 0;
		}
		add_name(&n, k->choices[i]);
	}
	return json_bad(p->err, value, "%s",
	                expect_names(&n, value->type == JSON_STRING ? value->string : NULL, expected,
	                             sizeof expected));
}

/* A list's key as that of its elements. */
static struct key element_of(const struct key *list, enum key_kind kind)
{
	struct key element = *list;

	element.kind = kind;
	return element;
}

static int parse_ints(struct parse *p, const struct key *k, struct ints *out, const struct json *value)
{
	struct key element = element_of(k, KEY_INT);
	struct ints list = {0};

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
	char expected[EXPECTED_SIZE];

	if (row == NULL) {
		family_names(&n, f);
		json_bad(p->err, name, "%s", expect_names(&n, name->string, expected, sizeof expected));
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
	char expected[EXPECTED_SIZE];

	family_names(&n, f);
	expect_names(&n, NULL, expected, sizeof expected);
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
		json_say(p->err, value, "found an object without \"kind\", expected it to be %s", expected);
	} else {
		json_bad(p->err, value, "the name of the %s, or {\"kind\": NAME, ...}%s; NAME %s", f->name,
		         number, expected);
	}
	return row;
}

static int parse_family(struct parse *p, const struct family *f, struct choice *c, const struct json *value)
{
	const struct row *row = row_of(p, f, value);
	void *state;

	if (row == NULL)
		return -1;
	if (value->type == JSON_OBJECT && refuse_unknown(p, row->keys, value, true) != 0)
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

	if (value->type != JSON_ARRAY)
		return bad_for_key(p, k, value);
	if (value->count > 0)
		list.at = arena_alloc(p->arena, value->count * sizeof *list.at);
	for (const struct json *c = value->child; c != NULL; c = c->next) {
		if (parse_family(p, k->family, &list.at[list.count++], c) != 0)
			return -1;
	}
	*out = list;
	return 0;
}

static int parse_object(struct parse *p, const struct key *keys, char *state, const struct json *value)
{
	if (value->type != JSON_OBJECT)
		return json_bad(p->err, value, "an object");
	return refuse_unknown(p, keys, value, false) != 0 ? -1 : fill(p, keys, state, value);
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

static int refuse_unknown(struct parse *p, const struct key *keys, const struct json *object, bool has_kind)
{
	struct names n = {.count = 0};
	char expected[EXPECTED_SIZE];

	if (has_kind)
		add_name(&n, "kind");
	for (const struct key *k = keys; k != NULL && k->name != NULL; k++)
		add_name(&n, k->name);
	for (const struct json *m = object->child; m != NULL; m = m->next) {
		size_t i = 0;

		while (i < n.count && strcmp(n.at[i], m->key) != 0)
			i++;
		if (i == n.count)
			return json_say_key(p->err, m, "found an unknown key, expected %s",
			                    expect_names(&n, m->key, expected, sizeof expected));
	}
	return 0;
}

int keys_parse(const struct key *keys, void *state, const struct json *object, struct arena *a, struct err *e)
{
	struct parse p = {a, e};

	return object != NULL ? parse_object(&p, keys, state, object) : fill(&p, keys, state, NULL);
}

int choice_parse(const struct family *f, struct choice *c, const struct json *value, const char *default_json,
                 struct arena *a, struct err *e)
{
	struct key k = {.name = f->name, .kind = KEY_FAMILY, .default_json = default_json, .family = f};

	*c = (struct choice){0};
	return parse_member(&(struct parse){a, e}, &k, (char *)c, value, NULL);
}
