/* The form of `claims`: see experiment/claims.h. */
#include "experiment/claims.h"
#include <string.h>
#include "base/text.h"
#include "config/key_dotted.h"
#include "experiment/settings.h"

enum { SENTENCE, SETTINGS, SETTINGS_OR_NUMBER, NUMBER, NOT_NEGATIVE, MEASURE };

static const struct member {
	const char *name;
	int what;
	bool required;
	const char *help;
} members[] = {
        {"say", SENTENCE, true, "the claim as a sentence"},
        {"source", SENTENCE, false, "the paper, and the figure or section"},
        {"of", SETTINGS, true, "dotted keys and values: the runs that are meant"},
        {"than", SETTINGS_OR_NUMBER, true, "the same of the runs they are compared with, or a number"},
        {"measure", MEASURE, false, "a column of /evals; test_accuracy if nothing is said"},
        {"by", NUMBER, false, "least difference; negative: at least so much lower; absent: the same"},
        {"tolerance", NOT_NEGATIVE, false, "by how much that may be missed; required without `by`"},
};
enum { MEMBERS = sizeof members / sizeof members[0] };

/* Columns of /evals (docs/RESULTS.md). */
static const char *const measures[] = {"test_accuracy", "test_loss",       "train_accuracy",  "train_loss",
                                       "test_bits",     "test_perplexity", "train_perplexity"};
enum { MEASURES = sizeof measures / sizeof measures[0] };

/* "a", "b": all names of a list, and the nearest to a wrong one. Returns what b holds. */
static const char *names_text(struct buf *b, const char *const *names, size_t n, const char *wrong)
{
	const char *near = text_nearest(wrong, names, n);
	for (size_t i = 0; i < n; i++)
		buf_format(b, "%s\"%s\"", i ? ", " : "one of ", names[i]);
	if (near)
		buf_format(b, "; did you mean \"%s\"?", near);
	return b->text;
}

static const struct member *member_named(const char *name)
{
	for (size_t i = 0; i < MEMBERS; i++)
		if (strcmp(members[i].name, name) == 0)
			return &members[i];
	return NULL;
}

static int refuse_member(const struct json *m, struct err *e)
{
	const char *names[MEMBERS];
	struct buf b = {0};
	for (size_t i = 0; i < MEMBERS; i++)
		names[i] = members[i].name;
	json_say_key(e, m, "found an unknown member of a claim, expected %s",
	             names_text(&b, names, MEMBERS, m->key));
	buf_clear(&b);
	return -1;
}

static int check_settings(const struct json *object, struct err *e)
{
	if (!object->child)
		return json_say(e, object,
		                "found no settings, expected those that tell these runs from others");
	for (const struct json *m = object->child; m; m = m->next)
		if (keys_refuse_dotted(experiment_keys, m, e))
			return -1;
	return 0;
}

static int check_measure(const struct json *m, struct err *e)
{
	struct buf b = {0};
	for (size_t i = 0; i < MEASURES && m->type == JSON_STRING; i++)
		if (strcmp(measures[i], m->string) == 0)
			return 0;
	json_bad(e, m, "%s", names_text(&b, measures, MEASURES, m->type == JSON_STRING ? m->string : ""));
	buf_clear(&b);
	return -1;
}

static int check_member(const struct json *m, struct err *e)
{
	const struct member *is = member_named(m->key);
	if (!is)
		return refuse_member(m, e);
	switch (is->what) {
	case SENTENCE:
		return m->type == JSON_STRING && m->string[0] ? 0 : json_bad(e, m, "a sentence");
	case SETTINGS:
		return m->type == JSON_OBJECT ? check_settings(m, e)
		                              : json_bad(e, m, "an object {\"dotted.key\": value}");
	case SETTINGS_OR_NUMBER:
		if (m->type == JSON_OBJECT)
			return check_settings(m, e);
		return m->type == JSON_NUMBER
		               ? 0
		               : json_bad(e, m, "an object {\"dotted.key\": value}, or a number");
	case NUMBER:
		return m->type == JSON_NUMBER ? 0 : json_bad(e, m, "a number");
	case NOT_NEGATIVE:
		return m->type == JSON_NUMBER && m->number >= 0 ? 0 : json_bad(e, m, "a number, at least 0");
	default:
		return check_measure(m, e);
	}
}

static int check_claim(const struct json *claim, struct err *e)
{
	if (claim->type != JSON_OBJECT)
		return json_bad(e, claim, "an object, a claim");
	for (const struct json *m = claim->child; m; m = m->next)
		if (check_member(m, e))
			return -1;
	for (size_t i = 0; i < MEMBERS; i++)
		if (members[i].required && !json_member(claim, members[i].name))
			return json_say(e, claim, "found no `%s`, expected %s", members[i].name,
			                members[i].help);
	if (!json_member(claim, "by") && !json_member(claim, "tolerance"))
		return json_say(e, claim,
		                "found neither `by` nor `tolerance`, expected the least difference, or how "
		                "near the two are");
	return 0;
}

int claims_check(const struct json *root, struct err *e)
{
	const struct json *claims = json_member(root, "claims");
	if (!claims)
		return 0;
	if (claims->type != JSON_ARRAY)
		return json_bad(e, claims, "a list of claims");
	for (const struct json *c = claims->child; c; c = c->next)
		if (check_claim(c, e))
			return -1;
	return 0;
}

int claims_check_file(const char *path, struct err *e)
{
	struct arena a = {0};
	const struct json *root = json_read_file(&a, path, e);
	int bad = !root ? -1 : root->type != JSON_OBJECT ? json_bad(e, root, "an object, the experiment") : 0;
	if (!bad && !json_member(root, "claims"))
		bad = err_user(e, "%s: has no `claims`, expected a list of them", path);
	bad = bad ? bad : claims_check(root, e);
	arena_clear(&a);
	return bad;
}

static void schema_member(struct buf *b, const struct member *m)
{
	static const char *const types[] = {
	        [SENTENCE] = "\"type\":\"string\",\"minLength\":1",
	        [SETTINGS] = "\"type\":\"object\",\"minProperties\":1",
	        [SETTINGS_OR_NUMBER] = "\"type\":[\"object\",\"number\"],\"minProperties\":1",
	        [NUMBER] = "\"type\":\"number\"",
	        [NOT_NEGATIVE] = "\"type\":\"number\",\"minimum\":0",
	};
	buf_format(b, "\"%s\":{\"description\":\"%s\",", m->name, m->help);
	if (m->what == MEASURE)
		for (size_t i = 0; i < MEASURES; i++)
			buf_format(b, "%s\"%s\"", i ? "," : "\"enum\":[", measures[i]);
	buf_add(b, m->what == MEASURE ? "]}" : types[m->what]);
	if (m->what != MEASURE)
		buf_add(b, "}");
}

void claims_schema(struct buf *b)
{
	buf_add(b,
	        "\"claims\":{\"type\":\"array\",\"description\":\"what the runs should show, read by signsgd "
	        "claims; no settings\",\"items\":{\"type\":\"object\",\"properties\":{");
	for (size_t i = 0; i < MEMBERS; i++) {
		buf_add(b, i ? "," : "");
		schema_member(b, &members[i]);
	}
	buf_add(b,
	        "},\"required\":[\"say\",\"of\",\"than\"],\"anyOf\":[{\"required\":[\"by\"]},{\"required\":"
	        "[\"tolerance\"]}],\"additionalProperties\":false}},");
}
