/* From the tables outwards: resolved settings, words for lists and complaints, JSON Schema. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "config/key.h"
#include "base/text.h"

static const struct {
	const char *name, *expected;
} kinds[] = {
        [KEY_INT] = {"integer", "an integer"},
        [KEY_SEED] = {"seed",
                      "an integer from 0 to 2^53, or a string of decimal digits or 0x and hexadecimal "
                      "digits below 2^64"},
        [KEY_REAL] = {"number", "a number"},
        [KEY_BOOL] = {"boolean", "true or false"},
        [KEY_STRING] = {"string", "a string"},
        [KEY_PATH] = {"path", "a string that names a place"},
        [KEY_CHOICE] = {"choice", ""},
        [KEY_INTS] = {"integers", "an array of integers"},
        [KEY_REALS] = {"numbers", "an array of numbers"},
        [KEY_OBJECT] = {"object", "an object"},
        [KEY_FAMILY] = {"family", ""},
        [KEY_LIST] = {"list", "an array"},
};

const char *key_kind_name(enum key_kind kind)
{
	return kinds[kind].name;
}

bool key_may_be_absent(const struct key *k)
{
	return k->default_json != NULL && strcmp(k->default_json, "null") == 0;
}

/* Move the text to the caller's memory, fit to be shown. */
static const char *give(struct buf *b, char *out, size_t size)
{
	text_shown(b->text != NULL ? b->text : "", out, size);
	buf_clear(b);
	return out;
}

const char *key_default_text(const struct key *k, char *out, size_t size)
{
	const char *default_json = k->default_says != NULL   ? k->default_says
	                           : k->default_json == NULL ? "required"
	                           : key_may_be_absent(k)    ? "none"
	                                                     : k->default_json;

	return text_shown(default_json, out, size);
}

static bool is_list(const struct key *k)
{
	return k->kind == KEY_INTS || k->kind == KEY_REALS || k->kind == KEY_LIST;
}

static bool is_bounded(const struct key *k)
{
	bool number =
	        k->kind == KEY_INT || k->kind == KEY_REAL || k->kind == KEY_INTS || k->kind == KEY_REALS;

	return number && (k->lowest != 0 || k->highest != 0) && (isfinite(k->lowest) || isfinite(k->highest));
}

static void number_bounds(struct buf *b, const struct key *k)
{
	if (is_list(k))
		buf_add(b, "each ");
	if (isfinite(k->lowest) && isfinite(k->highest)) {
		buf_add(b, k->above ? "in (" : "in [");
		json_write_number(b, k->lowest);
		buf_add(b, ", ");
		json_write_number(b, k->highest);
		buf_add(b, k->below ? ")" : "]");
	} else if (isfinite(k->lowest)) {
		buf_add(b, k->above ? "above " : "at least ");
		json_write_number(b, k->lowest);
	} else {
		buf_add(b, k->below ? "below " : "at most ");
		json_write_number(b, k->highest);
	}
}

const char *key_bounds_text(const struct key *k, char *out, size_t size)
{
	struct buf b = {0};

	if (is_bounded(k))
		number_bounds(&b, k);
	else if (k->kind == KEY_FAMILY || k->kind == KEY_LIST)
		buf_format(&b, "%sone of the %s", is_list(k) ? "each " : "", k->family->plural);
	else if (k->kind == KEY_CHOICE)
		for (int i = 0; k->choices[i] != NULL; i++)
			buf_format(&b, "%s%s", i == 0 ? "one of " : ", ", k->choices[i]);
	if (k->word != NULL)
		buf_format(&b, "%sor \"%s\"", b.length > 0 ? ", " : "", k->word);
	return give(&b, out, size);
}

const char *key_expected_text(const struct key *k, char *out, size_t size)
{
	char bounds[300];
	struct buf b = {0};

	key_bounds_text(k, bounds, sizeof bounds);
	buf_format(&b, "%s%s", k->or_one ? "an integer or " : "", kinds[k->kind].expected);
	if (bounds[0] != '\0' && b.length > 0)
		buf_add(&b, is_list(k) ? ", " : " ");
	buf_add(&b, bounds);
	return give(&b, out, size);
}

static void write_member_name(struct buf *b, const char *name, bool *first)
{
	buf_add(b, *first ? "" : ",");
	*first = false;
	json_write_string(b, name);
	buf_add(b, ":");
}

static void write_text_or_null(struct buf *b, const char *text)
{
	if (text != NULL)
		json_write_string(b, text);
	else
		buf_add(b, "null");
}

static void write_seed(struct buf *b, uint64_t seed)
{
	buf_format(b, seed <= UINT64_C(1) << 53 ? "%" PRIu64 : "\"%" PRIu64 "\"", seed);
}

static void write_int(struct buf *b, const struct key *k, int64_t value)
{
	if (k->word != NULL && value == (int64_t)k->word_value)
		json_write_string(b, k->word);
	else
		buf_format(b, "%" PRId64, value);
}

static void write_real(struct buf *b, const struct key *k, double value)
{
	if (k->word != NULL && value == k->word_value)
		json_write_string(b, k->word);
	else
		json_write_number(b, value);
}

static void write_ints(struct buf *b, const struct ints *list, bool or_one)
{
	if (or_one && list->count == 1) {
		buf_format(b, "%" PRId64, list->at[0]);
		return;
	}
	for (size_t i = 0; i < list->count; i++)
		buf_format(b, "%s%" PRId64, i == 0 ? "[" : ",", list->at[i]);
	buf_add(b, list->count == 0 ? "[]" : "]");
}

static void write_reals(struct buf *b, const struct reals *list)
{
	for (size_t i = 0; i < list->count; i++) {
		buf_add(b, i == 0 ? "[" : ",");
		json_write_number(b, list->at[i]);
	}
	buf_add(b, list->count == 0 ? "[]" : "]");
}

static void write_members(struct buf *b, const struct key *keys, const char *state, enum keys_text which,
                          bool *first);

static void write_family(struct buf *b, const struct family *f, const struct choice *c, enum keys_text which)
{
	bool first = false;

	if (c->row == NULL) {
		buf_add(b, "null");
		return;
	}
	if (f->bare && c->row->keys == NULL) {
		json_write_string(b, c->row->name);
		return;
	}
	buf_add(b, "{\"kind\":");
	json_write_string(b, c->row->name);
	write_members(b, c->row->keys, c->state, which, &first);
	buf_add(b, "}");
}

static void write_list(struct buf *b, const struct family *f, const struct choices *list,
                       enum keys_text which)
{
	for (size_t i = 0; i < list->count; i++) {
		buf_add(b, i == 0 ? "[" : ",");
		write_family(b, f, &list->at[i], which);
	}
	buf_add(b, list->count == 0 ? "[]" : "]");
}

static bool under_first_names(enum keys_text which)
{
	return which == KEYS_IDENTITY || which == KEYS_GROUP;
}

static void write_choice(struct buf *b, const struct key *k, int i, enum keys_text which)
{
	bool first = under_first_names(which) && k->choices_were != NULL;

	json_write_string(b, first ? k->choices_were[i] : k->choices[i]);
}

static void write_value(struct buf *b, const struct key *k, const char *at, enum keys_text which)
{
	switch (k->kind) {
	case KEY_INT:
		write_int(b, k, *(const int64_t *)(const void *)at);
		break;
	case KEY_SEED:
		write_seed(b, *(const uint64_t *)(const void *)at);
		break;
	case KEY_REAL:
		write_real(b, k, *(const double *)(const void *)at);
		break;
	case KEY_BOOL:
		buf_add(b, *(const bool *)(const void *)at ? "true" : "false");
		break;
	case KEY_STRING:
	case KEY_PATH:
		write_text_or_null(b, *(const char *const *)(const void *)at);
		break;
	case KEY_CHOICE:
		write_choice(b, k, *(const int *)(const void *)at, which);
		break;
	case KEY_INTS:
		write_ints(b, (const struct ints *)(const void *)at, k->or_one);
		break;
	case KEY_REALS:
		write_reals(b, (const struct reals *)(const void *)at);
		break;
	case KEY_OBJECT:
		keys_write(b, k->keys, at, which);
		break;
	case KEY_FAMILY:
		write_family(b, k->family, (const struct choice *)(const void *)at, which);
		break;
	case KEY_LIST:
		write_list(b, k->family, (const struct choices *)(const void *)at, which);
		break;
	}
}

static bool is_zero(const struct key *k, const char *at)
{
	switch (k->kind) {
	case KEY_INT:
		return *(const int64_t *)(const void *)at == 0;
	case KEY_SEED:
		return *(const uint64_t *)(const void *)at == 0;
	case KEY_REAL:
		return *(const double *)(const void *)at == 0;
	case KEY_BOOL:
		return !*(const bool *)(const void *)at;
	case KEY_STRING:
	case KEY_PATH:
		return *(const char *const *)(const void *)at == NULL;
	case KEY_CHOICE:
		return *(const int *)(const void *)at == 0;
	case KEY_INTS:
		return ((const struct ints *)(const void *)at)->count == 0;
	case KEY_REALS:
		return ((const struct reals *)(const void *)at)->count == 0;
	case KEY_OBJECT:
		return false;
	case KEY_FAMILY:
		return ((const struct choice *)(const void *)at)->row == NULL;
	case KEY_LIST:
		return ((const struct choices *)(const void *)at)->count == 0;
	}
	BUG("a key of no kind");
}

static void write_members(struct buf *b, const struct key *keys, const char *state, enum keys_text which,
                          bool *first)
{
	for (const struct key *k = keys; k != NULL && k->name != NULL; k++) {
		const char *at = state + k->offset;
		bool absent = key_may_be_absent(k) && is_zero(k, at);

		if (which != KEYS_RESOLVED && (absent || k->not_identity || k->kind == KEY_PATH))
			continue;
		if (which == KEYS_GROUP && k->not_group)
			continue;
		write_member_name(b, under_first_names(which) && k->was != NULL ? k->was : k->name, first);
		if (absent)
			buf_add(b, "null");
		else
			write_value(b, k, at, which);
	}
}

void keys_write(struct buf *b, const struct key *keys, const void *state, enum keys_text which)
{
	bool first = true;

	buf_add(b, "{");
	write_members(b, keys, state, which, &first);
	buf_add(b, "}");
}
