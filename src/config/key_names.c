/* Wrong names, and what they may have meant: see config/key_names.h. */
#include "config/key_names.h"
#include <stdio.h>
#include <string.h>
#include "base/text.h"

enum { WORD_SIZE = 60 };

static const struct row *row_named(const struct row *const *rows, const char *name)
{
	for (; rows && *rows; rows++)
		if (strcmp((*rows)->name, name) == 0)
			return *rows;
	return NULL;
}

const struct row *family_find(const struct family *f, const char *name)
{
	const struct row *listed = row_named(f->rows, name);
	return listed ? listed : row_named(f->unlisted, name);
}

void names_add(struct names *n, const char *name)
{
	if (n->count == NAMES_MAX)
		BUG("a table with more names than this holds");
	n->at[n->count++] = name;
}

void names_of_family(struct names *n, const struct family *f)
{
	for (const struct row *const *r = f->rows; *r != NULL; r++)
		names_add(n, (*r)->name);
}

void names_of_choices(struct names *n, const char *const *choices)
{
	for (; *choices != NULL; choices++)
		names_add(n, *choices);
}

const char *names_expected(const struct names *n, const char *hint, char *out, size_t size)
{
	char listed[NAMES_SIZE];
	struct buf list = {0};

	for (size_t i = 0; i < n->count; i++)
		buf_format(&list, "%s\"%s\"", i > 0 ? ", " : "one of ", n->at[i]);
	text_shown(n->count > 0 ? list.text : "none", listed, sizeof listed);
	snprintf(out, size, "%s%s%s", listed, hint[0] != '\0' ? "; " : "", hint);
	buf_clear(&list);
	return out;
}

const char *names_nearest_hint(const struct names *n, const char *wrong, char *out, size_t size)
{
	const char *nearest = NULL;

	for (size_t i = 0; i < n->count && nearest == NULL; i++) {
		if (text_same_word(wrong, n->at[i], strlen(n->at[i])))
			nearest = n->at[i];
	}
	if (nearest == NULL)
		nearest = text_nearest(wrong, n->at, n->count);
	out[0] = '\0';
	if (nearest != NULL)
		snprintf(out, size, "did you mean \"%s\"?", nearest);
	return out;
}

/* The same word as one of the list, or one of them with the number of a device: "cuda:1". */
static bool is_called(const char *word, const char *list)
{
	char bare[WORD_SIZE];
	size_t length = strcspn(word, ":");

	if (text_in_list(word, list))
		return true;
	if (word[length] == '\0' || length >= sizeof bare || word[length + 1] == '\0' ||
	    strspn(word + length + 1, "0123456789") != strlen(word + length + 1))
		return false;
	snprintf(bare, sizeof bare, "%.*s", (int)length, word);
	return text_in_list(bare, list);
}

const char *words_hint(const struct word *words, const char *wrong, char *out, size_t size)
{
	const struct word *w = words;
	char shown[WORD_SIZE];

	out[0] = '\0';
	while (w != NULL && w->called != NULL && !is_called(wrong, w->called))
		w++;
	if (w == NULL || w->called == NULL)
		return out;
	text_shown(wrong, shown, sizeof shown);
	if (w->here != NULL)
		snprintf(out, size, "\"%s\" is \"%s\" here%s%s", shown, w->here, w->says != NULL ? ", " : "",
		         w->says != NULL ? w->says : "");
	else
		snprintf(out, size, "\"%s\" has no counterpart here: %s", shown, w->says);
	return out;
}

/* A family of the list that has a row of that name, or NULL. */
static const struct family *family_of(const struct family *const *list, const char *name)
{
	for (; list != NULL && *list != NULL; list++) {
		for (const struct row *const *r = (*list)->rows; *r != NULL; r++) {
			if (text_same_word(name, (*r)->name, strlen((*r)->name)) ||
			    is_called(name, (*r)->also))
				return *list;
		}
	}
	return NULL;
}

/* Others write the number of a device behind the machine's name, we in a key of its own. */
static bool takes_device(const struct row *r)
{
	const struct key *k = r->keys;
	while (k != NULL && k->name != NULL && strcmp(k->name, "device") != 0)
		k++;
	return k != NULL && k->name != NULL;
}

const char *family_hint(const struct family *f, const char *wrong, char *out, size_t size)
{
	struct names n = {.count = 0};
	char shown[WORD_SIZE];
	const char *number = strchr(wrong, ':');

	for (const struct row *const *r = f->rows; *r != NULL; r++) {
		if (!is_called(wrong, (*r)->also) && (number == NULL || !is_called(wrong, (*r)->name)))
			continue;
		int length = snprintf(out, size, "\"%s\" is \"%s\" here",
		                      text_shown(wrong, shown, sizeof shown), (*r)->name);
		if (number != NULL && takes_device(*r) && length < (int)size)
			snprintf(out + length, size - (size_t)length, ", with \"device\": %.8s", number + 1);
		return out;
	}
	if (words_hint(f->words, wrong, out, size)[0] != '\0')
		return out;
	const struct family *itself[] = {f, NULL}, *other = family_of(f->kin, wrong);
	if (other != NULL && family_of(itself, wrong) == NULL) {
		snprintf(out, size, "\"%s\" is one of the %s here", text_shown(wrong, shown, sizeof shown),
		         other->plural);
		return out;
	}
	names_of_family(&n, f);
	return names_nearest_hint(&n, wrong, out, size);
}

const char *family_meant(const struct family *f, const char *wrong, char out[FAMILY_MEANT])
{
	return family_hint(f, wrong, out, FAMILY_MEANT);
}
