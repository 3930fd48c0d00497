/* Members that are no keys: all of a file in one sentence, each with what it may have meant. */
#include <stdio.h>
#include <string.h>
#include "base/text.h"
#include "config/key_names.h"

enum { PATH_SIZE = 200, LIST_SIZE = 760, SHOWN_SIZE = 60 };

/* The walk over a file, and what it has found. */
struct search {
	const struct key *top;
	const struct json *root;
	const struct lingo *lingo; /* may be NULL */
	size_t count, left_off;    /* unknown keys, and those for which the list had no room */
	struct buf list;
	const struct json *first;
	char expected[EXPECTED_SIZE]; /* of the first */
};

/* A key that is meant, by its dotted name; count: how many fit. */
struct meant {
	char path[PATH_SIZE];
	size_t count;
};

static const struct key *find_key(const struct key *keys, const char *name)
{
	for (const struct key *k = keys; k != NULL && k->name != NULL; k++) {
		if (strcmp(k->name, name) == 0)
			return k;
	}
	return NULL;
}

/* The row that a value chooses: {"kind": NAME}, NAME, or nothing, where the default's text is a name. */
static const struct row *row_chosen(const struct key *k, const struct json *value)
{
	const struct json *kind = value;
	char name[SHOWN_SIZE];

	if (value != NULL && value->type == JSON_OBJECT)
		kind = json_member(value, "kind");
	if (value != NULL)
		return kind != NULL && kind->type == JSON_STRING ? family_find(k->family, kind->string)
		                                                 : NULL;
	if (k->default_json == NULL || sscanf(k->default_json, "\"%59[^\"]\"", name) != 1)
		return NULL;
	return family_find(k->family, name);
}

/* The table below a key, and whether it belongs to a row, which "kind" names; NULL: none. */
static const struct key *table_below(const struct key *k, const struct json *value)
{
	const struct row *row = k->kind == KEY_FAMILY ? row_chosen(k, value) : NULL;

	if (k->kind == KEY_OBJECT)
		return k->keys;
	return row != NULL ? row->keys : NULL;
}

static const struct json *member_of(const struct json *object, const char *name)
{
	return object != NULL && object->type == JSON_OBJECT ? json_member(object, name) : NULL;
}

/* How a key is asked for: by what others call it, or by its own name, in any spelling. */
static bool fits(const struct key *k, const char *word, bool others)
{
	return others ? text_in_list(word, k->also) : text_same_word(word, k->name, strlen(k->name));
}

/* Keys below an object, down to `depth` tables. */
static void search_below(struct meant *m, const struct key *keys, const struct json *object, const char *word,
                         bool others, const char *prefix, int depth)
{
	char path[PATH_SIZE];

	for (const struct key *k = keys; k != NULL && k->name != NULL; k++) {
		const struct json *value = member_of(object, k->name);

		snprintf(path, sizeof path, "%.99s%s%.99s", prefix, prefix[0] != '\0' ? "." : "", k->name);
		if (fits(k, word, others) && m->count++ == 0)
			snprintf(m->path, sizeof m->path, "%s", path);
		if (depth > 1)
			search_below(m, table_below(k, value), value, word, others, path, depth - 1);
	}
}

/* Another spelling of a name that stands right there is a slip of the pen, and is answered as one. */
static bool is_spelling(const struct meant *m, const char *word)
{
	return strchr(m->path, '.') == NULL && text_same_word(word, m->path, strlen(m->path));
}

/*
 * What others call a key counts at any depth; a key's own name only in the tables next below, and where one
 * alone has it ("every" has many).
 */
static bool find_meant(struct meant *m, const struct key *keys, const struct json *object, const char *word)
{
	for (int depth = 1; depth <= 3; depth++) {
		*m = (struct meant){.count = 0};
		search_below(m, keys, object, word, true, "", depth);
		if (m->count == 1)
			return true;
	}
	*m = (struct meant){.count = 0};
	search_below(m, keys, object, word, false, "", 2);
	return m->count == 1;
}

static void key_names(struct names *n, const struct search *s, const struct key *keys,
                      const struct json *object, bool has_kind)
{
	if (has_kind)
		names_add(n, "kind");
	for (const struct key *k = keys; k != NULL && k->name != NULL; k++)
		names_add(n, k->name);
	if (object != s->root || s->lingo == NULL || s->lingo->elsewhere == NULL)
		return;
	for (const char *const *other = s->lingo->elsewhere; *other != NULL; other++)
		names_add(n, *other);
}

/* "eval" and "evals". */
static bool is_plural(const char *a, const char *b)
{
	size_t n_a = strlen(a), n_b = strlen(b);

	return n_b == n_a + 1 ? strncmp(a, b, n_a) == 0 && b[n_a] == 's'
	                      : n_a == n_b + 1 && strncmp(a, b, n_b) == 0 && a[n_b] == 's';
}

/* The key of a table that a word means; NULL: none. */
static const struct key *key_meant(const struct key *keys, const char *word)
{
	for (const struct key *k = keys; k != NULL && k->name != NULL; k++)
		if (fits(k, word, false) || fits(k, word, true) || is_plural(k->name, word))
			return k;
	return NULL;
}

/* A key that this row does not have, and others of its family do: which. False: none has it. */
static bool find_rows(const struct family *f, const char *word, char hint[HINT_SIZE])
{
	const struct row *const *has = f->rows;
	const struct key *k = NULL;
	size_t length;

	while (*has != NULL && (k = key_meant((*has)->keys, word)) == NULL)
		has++;
	if (k == NULL)
		return false;
	length = (size_t)snprintf(hint, HINT_SIZE, "\"%s\" is a key of \"%s\"", k->name, (*has)->name);
	for (const struct row *const *r = has + 1; *r != NULL && length < HINT_SIZE - SHOWN_SIZE; r++) {
		const struct key *other = key_meant((*r)->keys, word);

		if (other != NULL && strcmp(other->name, k->name) == 0)
			length += (size_t)snprintf(hint + length, HINT_SIZE - length, ", \"%.40s\"",
			                           (*r)->name);
	}
	return true;
}

/* The rows of a key's family, if it is another one. */
static const struct row *const *rows_of_other(const struct key *k, const struct family *f)
{
	static const struct row *const none[] = {NULL};

	return k->kind == KEY_FAMILY && k->family != f ? k->family->rows : none;
}

/* A key that no row of this family has, and rows of one other family of the top have. False: none has it, or
 * several have. */
static bool find_family(const struct search *s, const struct family *f, const char *word,
                        char hint[HINT_SIZE])
{
	const struct key *found = NULL, *meant = NULL;
	const struct row *row = NULL;

	for (const struct key *top = s->top; top != NULL && top->name != NULL; top++) {
		for (const struct row *const *r = rows_of_other(top, f); *r != NULL; r++) {
			const struct key *k = find_key((*r)->keys, word);

			if (k == NULL)
				continue;
			if (found != NULL && found != top)
				return false;
			if (found == NULL)
				row = *r;
			found = top;
			meant = k;
		}
	}
	if (found != NULL)
		snprintf(hint, HINT_SIZE, "\"%s\" is \"%s.%s\" here, a key of \"%s\"", meant->name,
		         found->name, meant->name, row->name);
	return found != NULL;
}

static void hint_for(const struct search *s, const struct key *keys, const struct json *m,
                     const struct names *n, const struct family *f, char hint[HINT_SIZE])
{
	const struct word *words = s->lingo != NULL ? s->lingo->words : NULL;
	char shown[SHOWN_SIZE];
	struct meant meant;

	text_shown(m->key, shown, sizeof shown);
	if (words_hint(words, m->key, hint, HINT_SIZE)[0] != '\0')
		return;
	if (find_meant(&meant, keys, m->parent, m->key) && !is_spelling(&meant, m->key))
		snprintf(hint, HINT_SIZE, "\"%s\" is \"%.150s\" here", shown, meant.path);
	else if (f != NULL && key_meant(keys, m->key) != NULL)
		names_nearest_hint(n, m->key, hint, HINT_SIZE);
	else if (f != NULL && find_rows(f, m->key, hint))
		return;
	else if (m->parent != s->root && find_meant(&meant, s->top, s->root, m->key))
		snprintf(hint, HINT_SIZE, "\"%s\" is \"%.150s\" at the top", shown, meant.path);
	else if (f != NULL && find_family(s, f, m->key, hint))
		return;
	else
		names_nearest_hint(n, m->key, hint, HINT_SIZE);
}

/* Add to the list of all, without the hint or not at all where there is no room left. */
static void list(struct search *s, const struct json *m, const char *hint)
{
	char path[PATH_SIZE], place[32] = "";
	size_t before = s->list.length;

	json_path(m, path, sizeof path);
	if (m->key_line > 0)
		snprintf(place, sizeof place, "%d:%d ", m->key_line, m->key_column);
	if (before + strlen(path) + strlen(place) > LIST_SIZE) {
		s->left_off++;
		return;
	}
	buf_format(&s->list, "%s%s%s", before > 0 ? ", " : "", place, path);
	if (hint[0] != '\0' && s->list.length + strlen(hint) < LIST_SIZE)
		buf_format(&s->list, " (%s)", hint);
}

static void note(struct search *s, const struct key *keys, const struct json *m, const struct names *n,
                 const struct family *f)
{
	char hint[HINT_SIZE];

	if (s->left_off > 0) { /* they are only counted: there may be as many as a file can hold */
		s->count++;
		s->left_off++;
		return;
	}
	hint_for(s, keys, m, n, f, hint);
	list(s, m, hint);
	if (s->count++ > 0)
		return;
	s->first = m;
	names_expected(n, hint, s->expected, sizeof s->expected);
}

/* f: the keys are those of a row of this family; NULL: of no row. */
static void walk(struct search *s, const struct key *keys, const struct json *object, const struct family *f);

static void walk_value(struct search *s, const struct key *k, const struct json *value)
{
	const struct row *row;

	if (k->kind == KEY_OBJECT) {
		walk(s, k->keys, value, NULL);
	} else if (k->kind == KEY_FAMILY) {
		row = row_chosen(k, value);
		if (row != NULL)
			walk(s, row->keys, value, k->family);
	} else if (k->kind == KEY_LIST) {
		struct key element = {.kind = KEY_FAMILY, .family = k->family};

		if (value->type != JSON_ARRAY)
			walk_value(s, &element, value);
		for (const struct json *c = value->child; c != NULL && value->type == JSON_ARRAY; c = c->next)
			walk_value(s, &element, c);
	}
}

static void walk(struct search *s, const struct key *keys, const struct json *object, const struct family *f)
{
	struct names n = {.count = 0};

	if (object->type != JSON_OBJECT)
		return;
	key_names(&n, s, keys, object, f != NULL);
	for (const struct json *m = object->child; m != NULL; m = m->next) {
		const struct key *k = find_key(keys, m->key);
		size_t i = 0;

		while (i < n.count && strcmp(n.at[i], m->key) != 0)
			i++;
		if (i == n.count)
			note(s, keys, m, &n, f);
		else if (k != NULL)
			walk_value(s, k, m);
	}
}

/* One has the sentence that it deserves; of several the names alone are said, with what they may mean. */
static int refuse(struct search *s, struct err *e)
{
	if (s->count == 1)
		json_say_key(e, s->first, "found an unknown key, expected %s", s->expected);
	else if (s->left_off > 0)
		json_say(e, s->root, "found %zu unknown keys: %s and %zu more", s->count, s->list.text,
		         s->left_off);
	else if (s->count > 0)
		json_say(e, s->root, "found %zu unknown keys: %s", s->count, s->list.text);
	buf_clear(&s->list);
	return s->count > 0 ? -1 : 0;
}

int keys_refuse_unknown(const struct key *keys, const struct json *object, const struct lingo *v,
                        struct err *e)
{
	struct search s = {.top = keys, .root = object, .lingo = v};

	walk(&s, keys, object, NULL);
	return refuse(&s, e);
}

int choice_refuse_unknown(const struct family *f, const struct json *value, struct err *e)
{
	struct search s = {.root = value};

	walk_value(&s, &(struct key){.kind = KEY_FAMILY, .family = f}, value);
	return refuse(&s, e);
}
