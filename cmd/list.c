/* `signsgd list`: the menu. Everything is read off the rows, so what is listed is what works. */
#include <string.h>
#include "adversary/attack.h"
#include "aggregator/pre/pre.h"
#include "cmd/ui/cmd.h"
#include "cmd/ui/json_line.h"
#include "cmd/ui/table.h"
#include "config/json.h"
#include "base/text.h"
#include "experiment/experiment.h"
#include "registry.h"

enum { FAMILIES_MAX = 32, WORD_BYTES = 320 };

/* The top level of an experiment file, listed as if it were a family of one row. */
static const struct row experiment_row = {.name = "experiment",
                                          .about = "the top level of an experiment file",
                                          .keys = experiment_keys,
                                          .state_bytes = sizeof(struct settings)};
static const struct row *const experiment_rows[] = {&experiment_row, NULL};
static const struct family experiment_family = {.name = "experiment",
                                                .plural = "experiment",
                                                .about = "keys of an experiment file",
                                                .rows = experiment_rows};

static size_t all_families(const struct family *out[FAMILIES_MAX])
{
	size_t n = 0;
	out[n++] = &experiment_family;
	for (size_t i = 0; registry_families[i] && n < FAMILIES_MAX; i++)
		out[n++] = registry_families[i];
	return n;
}

static const char *type_of(const struct key *k)
{
	return k->or_one ? "integer or integers" : key_kind_name(k->kind);
}

/* One key, or, for an object, its members with dotted names. */
static void print_key(const struct key *k, const char *prefix)
{
	char name[WORD_BYTES], word[WORD_BYTES];

	snprintf(name, sizeof(name), "%s%s%s", prefix, *prefix ? "." : "", k->name);
	if (k->kind == KEY_OBJECT) {
		for (const struct key *m = k->keys; m->name; m++)
			print_key(m, name);
		return;
	}
	printf("\n  %s (%s", name, type_of(k));
	printf(k->unit && *k->unit ? ", in %s)" : ")", k->unit);
	printf(k->default_json ? ", default %s" : ", %s", key_default_text(k, word, sizeof(word)));
	if (*key_bounds_text(k, word, sizeof(word)))
		printf(", %s", word);
	fputs("\n      ", stdout);
	print_wrapped(stdout, 6, 6, k->help);
}

/* NULL: the row is no attack. */
static const struct attack *attack_row(const struct family *f, const struct row *r)
{
	return f == &family_attacks ? (const struct attack *)r : NULL;
}

static void print_attack(const struct attack *a)
{
	printf("  acts on: %s\n  sees: %s\n  covered by Theorem 2 of Bernstein et al. 2019: %s\n  ",
	       attack_acts_name(a->acts_on), attack_sees_name(a->sees), attack_covered_name(a));
	fputs("elsewhere: ", stdout);
	print_wrapped(stdout, 13, 4, a->elsewhere ? a->elsewhere : "nothing known");
}

static void print_row(const struct family *f, const struct row *r)
{
	const struct attack *attack = attack_row(f, r);

	printf("%s (%s)\n  ", r->name, f->name);
	print_wrapped(stdout, 2, 2, r->about);
	if (r->formula) {
		fputs("  ", stdout);
		print_wrapped(stdout, 2, 2, r->formula);
	}
	if (attack)
		print_attack(attack);
	if (!r->keys || !r->keys->name)
		puts("\n  no keys");
	for (const struct key *k = r->keys; k && k->name; k++)
		print_key(k, "");
}

static void attack_head(struct table *t)
{
	static const char *const head[] = {"attack", "acts on", "sees", "Thm. 2", "what it does"};
	for (size_t i = 0; i < sizeof head / sizeof *head; i++)
		table_cell(t, "%s", head[i]);
}

static void attack_cells(struct table *t, const struct attack *a)
{
	table_cell(t, "%s", attack_acts_name(a->acts_on));
	table_cell(t, "%s", attack_sees_name(a->sees));
	table_cell(t, "%s", attack_covered_name(a));
}

static void print_family(const struct family *f, bool named)
{
	struct table t;

	printf("%s: %s\n", f->plural, f->about);
	if (f == &experiment_family && !named) {
		puts("  (signsgd list experiment)");
		return;
	}
	table_init(&t, f == &family_attacks ? "llllw" : "lw");
	if (f == &family_attacks)
		attack_head(&t);
	for (size_t i = 0; f->rows[i]; i++) {
		table_cell(&t, "%s", f->rows[i]->name);
		const struct attack *attack = attack_row(f, f->rows[i]);
		if (attack)
			attack_cells(&t, attack);
		bool elsewhere = attack && attack->elsewhere;
		table_cell(&t, "%s%s%s", f->rows[i]->about, elsewhere ? ". Elsewhere: " : "",
		           elsewhere ? attack->elsewhere : "");
	}
	table_print(&t, stdout, 2);
	table_clear(&t);
}

/* Rows that are told apart by their formulas, preconditions and sources. */
static void print_formulas(const struct family *f)
{
	printf("%s: %s\n", f->plural, f->about);
	for (size_t i = 0; f->rows[i]; i++) {
		printf("\n  %s: ", f->rows[i]->name);
		print_wrapped(stdout, strlen(f->rows[i]->name) + 4, 4, f->rows[i]->about);
		if (!f->rows[i]->formula)
			continue;
		fputs("      ", stdout);
		print_wrapped(stdout, 6, 6, f->rows[i]->formula);
	}
}

static void keys_line(struct buf *b, const struct key *keys);

static void choices_line(struct buf *b, const char *const *choices)
{
	struct buf names = {0};

	for (size_t i = 0; choices[i]; i++) {
		buf_add(&names, i ? "," : "[");
		json_write_string(&names, choices[i]);
	}
	buf_add(&names, "]");
	line_raw(b, "choices", names.text);
	buf_clear(&names);
}

static void key_line(struct buf *b, const struct key *k)
{
	struct buf inner = {0};
	char bounds[WORD_BYTES];

	key_bounds_text(k, bounds, sizeof(bounds));
	line_text(&inner, "name", k->name);
	line_text(&inner, "type", type_of(k));
	line_bool(&inner, "required", !k->default_json);
	line_raw(&inner, "default", k->default_json ? k->default_json : "null");
	line_text(&inner, "bounds", *bounds ? bounds : NULL);
	if (k->kind == KEY_FAMILY || k->kind == KEY_LIST)
		line_text(&inner, "family", k->family->plural);
	if (k->kind == KEY_CHOICE)
		choices_line(&inner, k->choices);
	line_text(&inner, "unit", k->unit && *k->unit ? k->unit : NULL);
	line_text(&inner, "help", k->help);
	if (k->kind == KEY_OBJECT)
		keys_line(&inner, k->keys);
	buf_format(b, "%s}", inner.text);
	buf_clear(&inner);
}

/* A member "keys": a list of objects. */
static void keys_line(struct buf *b, const struct key *keys)
{
	struct buf list = {0};

	buf_add(&list, "[");
	for (const struct key *k = keys; k && k->name; k++) {
		buf_add(&list, k == keys ? "" : ",");
		key_line(&list, k);
	}
	buf_add(&list, "]");
	line_raw(b, "keys", list.text);
	buf_clear(&list);
}

static void print_line(const struct family *f, const struct row *r)
{
	const struct attack *attack = attack_row(f, r);
	struct buf b = {0};

	line_text(&b, "family", f->plural);
	line_text(&b, "name", r->name);
	line_text(&b, "about", r->about);
	line_text(&b, "formula", r->formula);
	if (attack) {
		line_text(&b, "acts_on", attack_acts_name(attack->acts_on));
		line_text(&b, "sees", attack_sees_name(attack->sees));
		line_text(&b, "theorem_2", attack_covered_name(attack));
		line_text(&b, "elsewhere", attack->elsewhere);
	}
	keys_line(&b, r->keys);
	line_print(&b, stdout);
}

/* The family that has a row of this name, or NULL. */
static const struct family *home_of(const char *row)
{
	for (size_t i = 0; registry_families[i]; i++)
		if (family_find(registry_families[i], row))
			return registry_families[i];
	return NULL;
}

/* Is it, or begins it as, a key of these? As in "batch" and "adversaries.data". */
static bool is_key(const struct key *keys, const char *dotted)
{
	size_t length = strcspn(dotted, ".");
	for (const struct key *k = keys; k->name; k++) {
		if (strncmp(k->name, dotted, length) != 0 || k->name[length])
			continue;
		return !dotted[length] || k->kind != KEY_OBJECT || is_key(k->keys, dotted + length + 1);
	}
	return false;
}

static const struct family *find_family(const char *name, struct err *e)
{
	const struct family *families[FAMILIES_MAX];
	const char *names[2 * FAMILIES_MAX];
	char shown[80];
	size_t n = all_families(families);

	for (size_t i = 0; i < n; i++) {
		if (!strcmp(name, families[i]->name) || !strcmp(name, families[i]->plural))
			return families[i];
		names[2 * i] = families[i]->plural;
		names[2 * i + 1] = families[i]->name;
	}
	const struct family *home = home_of(name);
	const char *near = text_nearest(name, names, 2 * n);
	text_shown(name, shown, sizeof(shown));
	if (home)
		err_user(e, "'%s' is no family but one of the %s: 'signsgd list %s %s'", shown, home->plural,
		         home->plural, shown);
	else if (is_key(experiment_keys, name))
		err_user(e, "'%s' is no family but a key of the experiment: 'signsgd list experiment'",
		         shown);
	else if (near)
		err_user(e, "there is no family '%s'; did you mean '%s'?", shown, near);
	else
		err_user(e, "there is no family '%s'; 'signsgd list' shows them", shown);
	return NULL;
}

static const struct row *find_row(const struct family *f, const char *name, struct err *e)
{
	const struct row *r = family_find(f, name);
	char shown[80], said[FAMILY_MEANT];

	if (r)
		return r;
	const char *meant = family_meant(f, name, said);
	text_shown(name, shown, sizeof(shown));
	if (*meant)
		err_user(e, "'%s' is none of the %s; %s", shown, f->plural, meant);
	else
		err_user(e, "'%s' is none of the %s; 'signsgd list %s' shows them", shown, f->plural,
		         f->plural);
	return NULL;
}

static void print_all(bool json)
{
	const struct family *families[FAMILIES_MAX];
	size_t n = all_families(families);

	for (size_t i = 0; i < n; i++) {
		for (size_t r = 0; json && families[i]->rows[r]; r++)
			print_line(families[i], families[i]->rows[r]);
		if (json)
			continue;
		print_family(families[i], false);
		if (i + 1 < n)
			putchar('\n');
	}
}

static int list(const struct args *a)
{
	struct err e = {0};
	bool json = args_flag(a, "json");
	const struct family *f = NULL;
	const struct row *r = NULL;

	if (a->n_rest > 2)
		err_user(&e, "list takes a family and a name, found %zu words", a->n_rest);
	if (!e.code && a->n_rest)
		f = find_family(a->rest[0], &e);
	if (f && a->n_rest > 1)
		r = find_row(f, a->rest[1], &e);
	else if (f == &experiment_family)
		r = &experiment_row;
	if (e.code)
		return cmd_fail(&e);
	if (!f)
		print_all(json);
	else if (r && json)
		print_line(f, r);
	else if (r)
		print_row(f, r);
	else if (json)
		for (size_t i = 0; f->rows[i]; i++)
			print_line(f, f->rows[i]);
	else if (f == &family_aggregators || f == &family_pre)
		print_formulas(f);
	else
		print_family(f, true);
	return EXIT_DONE;
}

static const struct option options[] = {
        {"json", NULL, "one line of JSON a row"},
        {NULL, NULL, NULL},
};

const struct command cmd_list = {
        .name = "list",
        .about = "show what can be named in an experiment file",
        .usage = "list [FAMILY] [NAME]",
        .details = "Families: experiment, models, layers, inits, data, partitions, codings, attacks, "
                   "directions, compressors, aggregators, pre-aggregators, optimizers, schedules, "
                   "backends, transports. With a name, "
                   "every key of it: type, default, bounds, "
                   "unit and meaning, "
                   "and the formula it stands for. Of an attack: what it acts on (data, gradient, message, "
                   "the packed "
                   "message), what it sees (own: nothing of other workers), whether Theorem 2 of Bernstein "
                   "et al. 2019 covers it (blind multiplicative adversaries only; \"signs\": where it sends "
                   "signs), what other libraries call "
                   "it; \"then\": as the attack that it becomes.",
        .example = "signsgd list\n"
                   "signsgd list attacks\n"
                   "signsgd list attacks scale",
        .options = options,
        .run = list,
};
