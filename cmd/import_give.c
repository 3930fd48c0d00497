/* What importers share: see import_give.h. */
#include "cmd/import_give.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "experiment/sweep.h"

enum { PLACE_BYTES = 160 };

void import_say(const struct import *m, const struct json *at, const char *fmt, ...)
{
	char place[PLACE_BYTES], text[500];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	json_path(at, place, sizeof place);
	log_say("%s: %s%s%s", m->root->source, place, *place ? ": " : "", text);
}

/* A member of one of their objects, which is no longer in it then; NULL where it was not. */
struct json *import_take(struct json *object, const char *key)
{
	struct json *member = json_member(object, key);
	if (member)
		json_remove(object, key);
	return member;
}

/* A value that they take where there is none. */
static struct json *usual(const struct import *m, const char *text)
{
	struct err never = {0};
	return json_read_value(m->a, m->root->source, text, &never);
}

struct json *import_take_or(const struct import *m, struct json *object, const char *key, const char *text)
{
	struct json *member = import_take(object, key);
	return member ? member : usual(m, text);
}

/* The alternatives of a value: itself, or a list's elements. */
struct json *import_first(const struct json *value)
{
	return value->type == JSON_ARRAY ? value->child : (struct json *)value;
}

struct json *import_next(const struct json *value, const struct json *one)
{
	return value->type == JSON_ARRAY ? one->next : NULL;
}

/* Refuses an empty list, which would make no run. */
int import_check_list(const struct import *m, const struct json *value)
{
	if (value->type == JSON_ARRAY && !value->child)
		return json_bad(m->e, value, "a value, or a list of one or more");
	return 0;
}

int import_set(struct import *m, const char *key, const char *text)
{
	const struct json *value = json_read_value(m->a, key, text, m->e);
	return value ? json_set(m->a, m->out, key, value, m->e) : -1;
}

void import_add(struct list *l, const char *text)
{
	buf_add(&l->text, l->n++ ? "," : "[");
	buf_add(&l->text, text);
}

void import_add_json(struct list *l, const struct json *value)
{
	struct buf b = {0};
	json_write(&b, value);
	import_add(l, b.text);
	buf_clear(&b);
}

/* One alternative becomes the key's value, several become an axis of the sweep. Names with commas take their
 * values from a list. */
int import_give(struct import *m, const char *name, struct list *l)
{
	buf_add(&l->text, "]");
	const struct json *values = json_read_value(m->a, name, l->text.text, m->e);
	buf_clear(&l->text);
	if (!values)
		return -1;
	if (l->n > 1)
		return sweep_set(m->a, m->out, name, values, m->e);
	if (!strchr(name, ','))
		return json_set(m->a, m->out, name, values->child, m->e);
	const char *key = name;
	for (const struct json *v = values->child->child; v; v = v->next) {
		size_t length = strcspn(key, ",");
		if (json_set(m->a, m->out, arena_format(m->a, "%.*s", (int)length, key), v, m->e))
			return -1;
		key += length + (key[length] == ',');
	}
	return 0;
}

/* The same, unless what made the list has failed. */
int import_give_unless(struct import *m, int failed, const char *name, struct list *l)
{
	if (!failed)
		return import_give(m, name, l);
	buf_clear(&l->text);
	return -1;
}

/* What is left in an object is no key that their benchmark reads. */
void import_say_unknown(const struct import *m, const struct json *object)
{
	for (const struct json *left = object->type == JSON_OBJECT ? object->child : NULL; left;
	     left = left->next)
		import_say(m, left, "%s", m->no_key);
}
