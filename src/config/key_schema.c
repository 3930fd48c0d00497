/* JSON Schema, draft 2020-12, from the tables. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "config/key.h"

static const char seed_schema[] =
        "\"oneOf\":[{\"type\":\"integer\",\"minimum\":0,\"maximum\":9007199254740992},"
        "{\"type\":\"string\",\"pattern\":\"^([0-9]+|0[xX][0-9a-fA-F]+)$\"}]";

static void bound(struct buf *b, const char *inclusive, const char *exclusive, bool excluded, double at)
{
	if (!isfinite(at))
		return;
	buf_format(b, ",\"%s\":", excluded ? exclusive : inclusive);
	json_write_number(b, at);
}

static void number_schema(struct buf *b, const struct key *k, const char *type)
{
	buf_format(b, "\"type\":\"%s\"", type);
	if (k->lowest == 0 && k->highest == 0)
		return;
	bound(b, "minimum", "exclusiveMinimum", k->above, k->lowest);
	bound(b, "maximum", "exclusiveMaximum", k->below, k->highest);
}

/* A number, or the string that stands for one. */
static void one_number_schema(struct buf *b, const struct key *k, const char *type)
{
	buf_add(b, k->word != NULL ? "\"oneOf\":[{" : "");
	number_schema(b, k, type);
	if (k->word == NULL)
		return;
	buf_add(b, "},{\"const\":");
	json_write_string(b, k->word);
	buf_add(b, "}]");
}

static void list_schema(struct buf *b, const struct key *k, const char *type)
{
	buf_add(b, "\"type\":\"array\",\"items\":{");
	number_schema(b, k, type);
	buf_add(b, "}");
}

static void ints_schema(struct buf *b, const struct key *k)
{
	if (!k->or_one) {
		list_schema(b, k, "integer");
		return;
	}
	buf_add(b, "\"oneOf\":[{");
	number_schema(b, k, "integer");
	buf_add(b, "},{");
	list_schema(b, k, "integer");
	buf_add(b, "}]");
}

static void choices_schema(struct buf *b, const struct key *k)
{
	for (int i = 0; k->choices[i] != NULL; i++) {
		buf_add(b, i == 0 ? "\"enum\":[" : ",");
		json_write_string(b, k->choices[i]);
	}
	buf_add(b, "]");
}

static void value_schema(struct buf *b, const struct key *k)
{
	switch (k->kind) {
	case KEY_INT:
		one_number_schema(b, k, "integer");
		break;
	case KEY_SEED:
		buf_add(b, seed_schema);
		break;
	case KEY_REAL:
		one_number_schema(b, k, "number");
		break;
	case KEY_BOOL:
		buf_add(b, "\"type\":\"boolean\"");
		break;
	case KEY_STRING:
	case KEY_PATH:
		buf_add(b, "\"type\":\"string\"");
		break;
	case KEY_CHOICE:
		choices_schema(b, k);
		break;
	case KEY_INTS:
		ints_schema(b, k);
		break;
	case KEY_REALS:
		list_schema(b, k, "number");
		break;
	case KEY_OBJECT:
		keys_schema(b, k->keys);
		break;
	case KEY_FAMILY:
		buf_format(b, "\"$ref\":\"#/$defs/%s\"", k->family->plural);
		break;
	case KEY_LIST:
		buf_format(b,
		           "\"oneOf\":[{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/%s\"}},"
		           "{\"$ref\":\"#/$defs/%s\"}]",
		           k->family->plural, k->family->plural);
		break;
	}
}

static void description(struct buf *b, const struct key *k)
{
	struct buf text = {0};
	char default_json[200];

	buf_add(&text, k->help != NULL ? k->help : k->name);
	if (k->unit != NULL && k->unit[0] != '\0')
		buf_format(&text, ", in %s", k->unit);
	key_default_text(k, default_json, sizeof default_json);
	buf_format(&text, k->default_json == NULL ? "; %s" : "; default %s", default_json);
	buf_add(b, "\"description\":");
	json_write_string(b, text.text);
	buf_clear(&text);
	if (k->default_json != NULL)
		buf_format(b, ",\"default\":%s", k->default_json);
}

static void property(struct buf *b, const struct key *k, bool earlier_name)
{
	json_write_string(b, earlier_name ? k->was : k->name);
	buf_add(b, ":{");
	if (earlier_name)
		buf_format(b, "\"description\":\"earlier name of %s\",\"deprecated\":true", k->name);
	else
		description(b, k);
	buf_add(b, key_may_be_absent(k) ? ",\"anyOf\":[{" : ",");
	value_schema(b, k);
	buf_add(b, key_may_be_absent(k) ? "},{\"type\":\"null\"}]}" : "}");
}

static void properties(struct buf *b, const struct key *keys, bool *any)
{
	for (const struct key *k = keys; k != NULL && k->name != NULL; k++) {
		buf_add(b, *any ? "," : "");
		*any = true;
		property(b, k, false);
		if (k->was != NULL) {
			buf_add(b, ",");
			property(b, k, true);
		}
	}
}

static void required(struct buf *b, const struct key *keys, bool *any)
{
	for (const struct key *k = keys; k != NULL && k->name != NULL; k++) {
		if (k->default_json != NULL)
			continue;
		buf_add(b, *any ? "," : "");
		*any = true;
		json_write_string(b, k->name);
	}
}

/* An object with the keys of both tables; with "kind" where that is not NULL. */
static void object_schema(struct buf *b, const char *kind, const struct key *keys, const struct key *more)
{
	bool any = kind != NULL;

	buf_add(b, "\"type\":\"object\",\"properties\":{");
	if (kind != NULL) {
		buf_add(b, "\"kind\":{\"const\":");
		json_write_string(b, kind);
		buf_add(b, "}");
	}
	properties(b, keys, &any);
	properties(b, more, &any);
	buf_add(b, kind != NULL ? "},\"required\":[\"kind\"" : "},\"required\":[");
	any = kind != NULL;
	required(b, keys, &any);
	required(b, more, &any);
	buf_add(b, "],\"additionalProperties\":false");
}

void keys_schema(struct buf *b, const struct key *keys)
{
	object_schema(b, NULL, keys, NULL);
}

/* Do the keys from here on all have defaults? */
static bool all_default(const struct key *keys)
{
	for (const struct key *k = keys; k != NULL && k->name != NULL; k++) {
		if (k->default_json == NULL)
			return false;
	}
	return true;
}

/* How the row was written earlier, if that has the same name; else NULL. */
static const struct earlier_row *earlier_of(const struct family *f, const struct row *r)
{
	const struct earlier_row *was = f->earlier;

	while (was != NULL && was->name != NULL && strcmp(was->name, r->name) != 0)
		was++;
	return was != NULL && was->name != NULL ? was : NULL;
}

/* Nothing, and a list of nothing, say no more than a key that is not there. */
static void one_of_schema(struct buf *b, const char *const *keys)
{
	for (size_t i = 0; keys != NULL && keys[i] != NULL; i++)
		buf_format(b,
		           "%s{\"required\":[\"%s\"],\"properties\":{\"%s\":{\"not\":{\"enum\":[null,[]]}}}}",
		           i == 0 ? ",\"oneOf\":[" : ",", keys[i], keys[i]);
	buf_add(b, keys != NULL ? "]" : "");
}

static void row_schema(struct buf *b, const struct family *f, const struct row *r)
{
	const struct earlier_row *was = earlier_of(f, r);

	buf_add(b, "{\"description\":");
	json_write_string(b, r->about);
	buf_add(b, ",");
	object_schema(b, r->name, r->keys, was != NULL ? was->one->keys : NULL);
	one_of_schema(b, r->one_of);
	buf_add(b, "}");
}

static void earlier_schema(struct buf *b, const struct family *f)
{
	for (const struct earlier_row *was = f->earlier; was != NULL && was->name != NULL; was++) {
		if (family_find(f, was->name) != NULL)
			continue;
		buf_format(b, ",{\"description\":\"earlier: %s with %s\",\"deprecated\":true,",
		           was->other->name, was->one->name);
		object_schema(b, was->name, was->one->keys, was->other->keys);
		buf_add(b, "}");
	}
}

/* Names that stand for a row with its defaults. */
static void names_schema(struct buf *b, const struct family *f)
{
	bool any = false;

	for (const struct row *const *r = f->rows; *r != NULL; r++) {
		if (!all_default((*r)->keys) || (*r)->one_of != NULL)
			continue;
		buf_add(b, any ? "," : ",{\"enum\":[");
		any = true;
		json_write_string(b, (*r)->name);
	}
	for (const struct earlier_row *was = f->earlier; was != NULL && was->name != NULL; was++) {
		if (family_find(f, was->name) != NULL)
			continue;
		buf_add(b, any ? "," : ",{\"enum\":[");
		any = true;
		json_write_string(b, was->name);
	}
	buf_add(b, any ? "]}" : "");
}

void family_schema(struct buf *b, const struct family *f)
{
	const struct row *by_number = f->number_row != NULL ? family_find(f, f->number_row) : NULL;

	buf_add(b, "{\"description\":");
	json_write_string(b, f->about);
	buf_add(b, ",\"oneOf\":[");
	for (const struct row *const *r = f->rows; *r != NULL; r++) {
		buf_add(b, r == f->rows ? "" : ",");
		row_schema(b, f, *r);
	}
	earlier_schema(b, f);
	names_schema(b, f);
	if (by_number != NULL && by_number->keys != NULL && all_default(by_number->keys + 1)) {
		buf_add(b, ",{");
		value_schema(b, by_number->keys);
		buf_add(b, "}");
	}
	buf_add(b, "]}");
}
