/* Reading: file, scan, cJSON, and from its values and the scan's marks our tree. Changing the tree. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "config/json.h"
#include "config/json_scan.h"
#include "base/text.h"

struct builder {
	struct arena *arena;
	const char *source;
	const struct json_mark *mark; /* of the next value */
};

static struct json *new_node(struct arena *a, enum json_type type, const char *key, const char *source)
{
	struct json *node = arena_alloc(a, sizeof *node);

	node->type = type;
	node->key = key;
	node->source = source;
	return node;
}

/* `end` is where the next child goes: &parent->child, or &next of the last one. */
static struct json **append(struct json *parent, struct json **end, struct json *child)
{
	child->parent = parent;
	*end = child;
	parent->count++;
	return &child->next;
}

/* Depth is bounded by the scan. */
static struct json *build(struct builder *b, const cJSON *from)
{
	const struct json_mark *mark = b->mark++;
	const char *key = from->string != NULL ? arena_string(b->arena, from->string) : NULL;
	struct json *node = new_node(b->arena, JSON_NULL, key, b->source), **end = &node->child;
	const cJSON *child;

	node->line = mark->line;
	node->column = mark->column;
	node->key_line = mark->key_line;
	node->key_column = mark->key_column;
	if (cJSON_IsBool(from)) {
		node->type = JSON_BOOL;
		node->boolean = cJSON_IsTrue(from);
	} else if (cJSON_IsNumber(from)) {
		node->type = JSON_NUMBER;
		node->number = from->valuedouble;
		node->exact = mark->exact;
	} else if (cJSON_IsString(from)) {
		node->type = JSON_STRING;
		node->string = arena_string(b->arena, from->valuestring);
	} else if (cJSON_IsArray(from) || cJSON_IsObject(from)) {
		node->type = cJSON_IsArray(from) ? JSON_ARRAY : JSON_OBJECT;
		cJSON_ArrayForEach(child, from) end = append(node, end, build(b, child));
	}
	return node;
}

static int by_key_then_place(const void *left, const void *right)
{
	const struct json *a = *(const struct json *const *)left, *b = *(const struct json *const *)right;
	int order = strcmp(a->key, b->key);

	if (order == 0)
		order = (a->key_line > b->key_line) - (a->key_line < b->key_line);
	return order != 0 ? order : (a->key_column > b->key_column) - (a->key_column < b->key_column);
}

/* Sorted, not compared pairwise: a file of 1 MiB may have a hundred thousand keys in one object. */
static int refuse_duplicates(const struct json *object, struct err *e)
{
	const struct json **sorted; /* [count] */
	size_t n = 0;
	int rc = 0;

	if (object->count < 2)
		return 0;
	sorted = mem_array(object->count, sizeof *sorted);
	for (const struct json *m = object->child; m != NULL; m = m->next)
		sorted[n++] = m;
	qsort(sorted, n, sizeof *sorted, by_key_then_place);
	for (size_t i = 1; i < n && rc == 0; i++) {
		if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0)
			rc = json_say_key(
			        e, sorted[i],
			        "found this key a second time (the first is at line %d, column %d), "
			        "expected each key once",
			        sorted[i - 1]->key_line, sorted[i - 1]->key_column);
	}
	mem_free(sorted);
	return rc;
}

static int refuse_duplicates_below(const struct json *node, struct err *e)
{
	if (node->type == JSON_OBJECT && refuse_duplicates(node, e) != 0)
		return -1;
	for (const struct json *c = node->child; c != NULL; c = c->next) {
		if (c->child != NULL && refuse_duplicates_below(c, e) != 0)
			return -1;
	}
	return 0;
}

static void let_cjson_use_our_memory(void)
{
	cJSON_InitHooks(&(cJSON_Hooks){mem_alloc, mem_free});
}

struct json *json_read_text(struct arena *a, const char *source, const char *text, size_t length,
                            struct err *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	char shown[200];
	struct json_marks marks = {0};
	struct json *root = NULL;
	char *copy; /* [length + 1]: cJSON reads on until a zero */
	cJSON *tree;

	if (length > JSON_BYTES_MAX) {
		err_user(e, "%s: found more than 1 MiB of text, expected at most %d bytes",
		         text_shown(source, shown, sizeof shown), JSON_BYTES_MAX);
		return NULL;
	}
	if (json_scan(&marks, source, text, length, e) == 0) {
		pthread_once(&once, let_cjson_use_our_memory);
		copy = mem_alloc(length + 1);
		memcpy(copy, text, length);
		tree = cJSON_ParseWithLengthOpts(copy, length + 1, NULL, 1);
		if (tree == NULL)
			BUG("cJSON refuses a text that the scan has passed");
		root = build(&(struct builder){a, arena_string(a, source), marks.at}, tree);
		cJSON_Delete(tree);
		mem_free(copy);
		if (refuse_duplicates_below(root, e) != 0)
			root = NULL;
	}
	mem_free(marks.at);
	return root;
}

/* Up to one byte more than a document may have. Returns the number of bytes, or -1. */
static ssize_t read_some(int fd, char *text)
{
	size_t used = 0;

	while (used <= JSON_BYTES_MAX) {
		ssize_t got = read(fd, text + used, JSON_BYTES_MAX + 1 - used);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		used += (size_t)got;
	}
	return (ssize_t)used;
}

/* The file's text, to be freed, or NULL. */
static char *read_whole(const char *path, size_t *length, struct err *e)
{
	char shown[200], *text = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st = {0};
	ssize_t got;

	text_shown(path, shown, sizeof shown);
	if (fd < 0 && path[0] == '\0') {
		err_user(e, "found an empty path, expected a JSON file");
	} else if (fd < 0 && errno == ENOENT) {
		err_user(e, "%s: found no such file, expected a JSON file", shown);
	} else if (fd < 0) {
		err_user(e, "%s: cannot be opened (%s), expected a JSON file that can be read", shown,
		         strerror(errno));
	} else if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		err_user(e, "%s: found a directory, expected a JSON file", shown);
	} else {
		text = mem_alloc(JSON_BYTES_MAX + 1);
		got = read_some(fd, text);
		*length = got > 0 ? (size_t)got : 0;
		if (got < 0)
			err_world(e, "%s: cannot be read (%s)", shown, strerror(errno));
		else if (got == 0)
			err_user(e, "%s: found an empty file, expected a JSON file", shown);
		if (got <= 0) {
			mem_free(text);
			text = NULL;
		}
	}
	if (fd >= 0)
		close(fd);
	return text;
}

struct json *json_read_file(struct arena *a, const char *path, struct err *e)
{
	size_t length = 0;
	char *text = read_whole(path, &length, e);
	struct json *root = text != NULL ? json_read_text(a, path, text, length, e) : NULL;

	mem_free(text);
	return root;
}

/* A command line has no lines. */
static void forget_lines(struct json *node)
{
	node->line = node->column = node->key_line = node->key_column = 0;
	for (struct json *c = node->child; c != NULL; c = c->next)
		forget_lines(c);
}

static bool is_utf8(const char *text)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + strlen(text);

	while (p < end && text_utf8(p, end) > 0)
		p += text_utf8(p, end);
	return p == end;
}

struct json *json_read_value(struct arena *a, const char *source, const char *text, struct err *e)
{
	struct err first = {0};
	struct json *value = json_read_text(a, source, text, strlen(text), &first);
	char shown[200], begins = text[strspn(text, " \t\r\n")];

	if (value != NULL) {
		forget_lines(value);
	} else if (begins == '{' || begins == '[' || begins == '"') {
		err_user(e, "%s", first.text);
	} else if (!is_utf8(text)) {
		err_user(e, "%s: found a byte that is not valid UTF-8, expected text in UTF-8",
		         text_shown(source, shown, sizeof shown));
	} else {
		value = new_node(a, JSON_STRING, NULL, arena_string(a, source));
		value->string = arena_string(a, text);
	}
	return value;
}

struct json *json_member(const struct json *object, const char *key)
{
	if (object->type != JSON_OBJECT)
		return NULL;
	for (struct json *m = object->child; m != NULL; m = m->next) {
		if (strcmp(m->key, key) == 0)
			return m;
	}
	return NULL;
}

const struct json *json_at(const struct json *object, const char *dotted)
{
	const struct json *at = object;
	while (at != NULL && *dotted != '\0') {
		size_t length = strcspn(dotted, ".");
		const struct json *m = at->type == JSON_OBJECT ? at->child : NULL;
		while (m != NULL && (strncmp(m->key, dotted, length) != 0 || m->key[length] != '\0'))
			m = m->next;
		at = m;
		dotted += length + (dotted[length] == '.');
	}
	return at;
}

struct json *json_copy(struct arena *a, const struct json *from)
{
	struct json *copy = arena_alloc(a, sizeof *copy), **end = &copy->child;

	*copy = *from;
	copy->key = NULL;
	copy->parent = copy->child = copy->next = NULL;
	copy->count = 0;
	for (const struct json *c = from->child; c != NULL; c = c->next) {
		struct json *child = json_copy(a, c);

		child->key = c->key;
		end = append(copy, end, child);
	}
	return copy;
}

/* Where the pointer to member `key` is, or where it would be put. */
static struct json **slot(struct json *object, const char *key)
{
	struct json **at = &object->child;

	while (*at != NULL && strcmp((*at)->key, key) != 0)
		at = &(*at)->next;
	return at;
}

void json_remove(struct json *object, const char *key)
{
	struct json **at;

	if (object->type != JSON_OBJECT)
		return;
	at = slot(object, key);
	if (*at != NULL) {
		*at = (*at)->next;
		object->count--;
	}
}

static void put(struct json *object, const char *key, struct json *node)
{
	struct json **at = slot(object, key);

	node->key = key;
	node->key_line = node->key_column = 0; /* the key is not where the value was written */
	if (*at == NULL) {
		append(object, at, node);
		return;
	}
	node->parent = object;
	node->next = (*at)->next;
	*at = node;
}

static size_t depth_of(const struct json *node)
{
	size_t deepest = 0;

	for (const struct json *c = node->child; c != NULL; c = c->next) {
		size_t d = depth_of(c);

		deepest = d > deepest ? d : deepest;
	}
	return deepest + (node->type == JSON_ARRAY || node->type == JSON_OBJECT);
}

/* Make what is on the way to `key` an object that can take it. */
static int open_way(struct arena *a, struct json *on_way, const char *key, const struct json *value,
                    struct err *e)
{
	struct json *kind;
	char found[80], shown[80], source[160];

	if (on_way->type == JSON_OBJECT)
		return 0;
	if (on_way->type == JSON_NULL) {
		on_way->type = JSON_OBJECT;
		return 0;
	}
	text_shown(key, shown, sizeof shown);
	if (on_way->type != JSON_STRING)
		return json_say(
		        e, on_way,
		        "found %s, expected an object that can take \"%s\" (%s); set the whole of it",
		        json_found(on_way, found, sizeof found), shown,
		        text_shown(value->source != NULL ? value->source : "", source, sizeof source));
	kind = new_node(a, JSON_STRING, NULL, on_way->source);
	kind->string = on_way->string;
	kind->line = on_way->line;
	kind->column = on_way->column;
	on_way->type = JSON_OBJECT;
	on_way->string = NULL;
	put(on_way, "kind", kind);
	return 0;
}

/* How many names stand in "a.b.c"; 0 when one is empty. */
static size_t count_names(const char *dotted)
{
	size_t names = 1;

	for (const char *p = dotted;; p++) {
		if ((*p == '.' || *p == '\0') && (p == dotted || p[-1] == '.'))
			return 0;
		if (*p == '\0')
			return names;
		names += *p == '.';
	}
}

int json_set(struct arena *a, struct json *root, const char *dotted, const struct json *value, struct err *e)
{
	size_t names = count_names(dotted);
	struct json *object = root;
	char shown[200];

	text_shown(dotted, shown, sizeof shown);
	if (names == 0)
		return json_say(e, value,
		                "found the key \"%s\", expected names with single dots between them", shown);
	if (names + depth_of(value) > JSON_DEPTH_MAX)
		return json_say(
		        e, value,
		        "found a value that \"%s\" would put %zu deep, expected a depth of at most %d", shown,
		        names + depth_of(value), JSON_DEPTH_MAX);
	for (;; dotted += strcspn(dotted, ".") + 1, names--) {
		const char *key = arena_format(a, "%.*s", (int)strcspn(dotted, "."), dotted);
		struct json *next;

		if (open_way(a, object, key, value, e) != 0)
			return -1;
		if (names == 1) {
			put(object, key, json_copy(a, value));
			return 0;
		}
		next = json_member(object, key);
		if (next == NULL) {
			next = new_node(a, JSON_OBJECT, NULL, value->source);
			put(object, key, next);
		}
		object = next;
	}
}

const char *json_library_version(void)
{
	return cJSON_Version();
}
