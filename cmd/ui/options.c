/*
 * Options: one pass over argv, GNU style, against a command's own table. What matches nothing is answered
 * with the nearest name, and never taken for it.
 */
#include "cmd/ui/cmd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "base/text.h"

/* Where the reading stands. */
struct reader {
	struct args *a;
	const struct command *c;
	int argc, at;
	char **argv;
	struct err *e;
};

static size_t option_count(const struct option *o)
{
	size_t n = 0;
	while (o && o[n].name)
		n++;
	return n;
}

static const struct option *find(const struct args *a, const char *name, size_t length)
{
	for (size_t i = 0; i < a->n_options; i++)
		if (strlen(a->options[i].name) == length && !strncmp(a->options[i].name, name, length))
			return &a->options[i];
	return NULL;
}

static const char *dashes(const char *name)
{
	return name[1] ? "--" : "-";
}

/* A wrong word before the option is the greater mistake: its options are unknown because it is. */
static int unknown(struct reader *r, const char *name)
{
	const struct args *a = r->a;
	if (a->n_rest && r->c->first && r->c->first(a->rest[0], r->e))
		return -1;
	const char **names = mem_alloc((a->n_options + 1) * sizeof(*names)); /* [n_options + 1] */
	char shown[80];

	for (size_t i = 0; i < a->n_options; i++)
		names[i] = a->options[i].name;
	names[a->n_options] = "help";
	const char *near = text_nearest(name, names, a->n_options + 1);
	text_shown(r->argv[r->at], shown, sizeof(shown));
	if (near)
		err_user(r->e, "%s has no option '%s'; did you mean '%s%s'?", r->c->name, shown, dashes(near),
		         near);
	else
		err_user(r->e, "%s has no option '%s'; %ssee 'signsgd help %s'", r->c->name, shown,
		         find(a, "set", 3) ? "other keys are given by --set KEY=VALUE, " : "", r->c->name);
	mem_free(names);
	return -1;
}

/* An empty value is an unset variable of a shell: whoever means the default leaves the option out. */
static int give(struct reader *r, const struct option *o, const char *value)
{
	struct args *a = r->a;

	if (o->argument && o->argument[0] != '[' && !*value)
		return err_user(r->e, "%s%s needs a value (%s), found an empty one", dashes(o->name), o->name,
		                o->argument);
	a->value[o - a->options] = value;
	a->given[a->n_given++] = (struct given){o, value};
	return 0;
}

/* The value is the next argument. One that looks like an option is more likely a forgotten value. */
static int give_next(struct reader *r, const struct option *o)
{
	if (r->at + 1 >= r->argc)
		return err_user(r->e, "%s%s needs a value: %s", dashes(o->name), o->name, o->argument);
	const char *value = r->argv[r->at + 1];
	if (!strncmp(value, "--", 2)) {
		char shown[80];
		return err_user(r->e,
		                "%s%s needs a value (%s), found '%s'; a value that begins with dashes is "
		                "written %s%s=%s",
		                dashes(o->name), o->name, o->argument,
		                text_shown(value, shown, sizeof(shown)), dashes(o->name), o->name, shown);
	}
	r->at++;
	return give(r, o, value);
}

static int take_long(struct reader *r, const char *name)
{
	size_t length = strcspn(name, "=");
	const char *value = name[length] == '=' ? name + length + 1 : NULL;
	const struct option *o = find(r->a, name, length);

	if (!o && length == 4 && !strncmp(name, "help", 4) && !value) {
		r->a->help = true;
		return 0;
	}
	if (!o) {
		char wrong[64];
		size_t cut = length < sizeof(wrong) ? length : sizeof(wrong) - 1;
		memcpy(wrong, name, cut);
		wrong[cut] = '\0';
		return unknown(r, wrong);
	}
	if (!o->argument) {
		char shown[80];
		if (value)
			return err_user(r->e, "--%s takes no value, found '%s'", o->name,
			                text_shown(value, shown, sizeof(shown)));
		return give(r, o, "");
	}
	if (!value && o->argument[0] != '[')
		return give_next(r, o);
	return give(r, o, value ? value : "");
}

/* "-h", "-o FILE" or "-oFILE"; flags are not bundled. */
static int take_short(struct reader *r, const char *name)
{
	const struct option *o = find(r->a, name, 1);

	if (!o && !strcmp(name, "h")) {
		r->a->help = true;
		return 0;
	}
	if (!o || (!o->argument && name[1]))
		return unknown(r, name);
	if (!o->argument)
		return give(r, o, "");
	return name[1] ? give(r, o, name + 1) : give_next(r, o);
}

static int take_all(struct reader *r)
{
	struct args *a = r->a;

	for (; r->at < r->argc; r->at++) {
		const char *arg = r->argv[r->at];
		if (!strcmp(arg, "--"))
			break;
		if (arg[0] != '-' || !arg[1])
			a->rest[a->n_rest++] = arg;
		else if (arg[1] == '-' ? take_long(r, arg + 2) : take_short(r, arg + 1))
			return -1;
	}
	a->n_before = a->n_rest;
	for (r->at++; r->at < r->argc; r->at++)
		a->rest[a->n_rest++] = r->argv[r->at];
	return 0;
}

int args_parse(struct args *a, const struct command *c, int argc, char **argv, struct err *e)
{
	struct reader r = {a, c, argc, 0, argv, e};
	size_t size = (size_t)argc + 1;

	*a = (struct args){.options = c->options, .n_options = option_count(c->options)};
	a->value = mem_alloc((a->n_options + 1) * sizeof(*a->value)); /* [n_options], never of no bytes */
	a->rest = mem_alloc(size * sizeof(*a->rest));                 /* [argc + 1] */
	a->given = mem_alloc(size * sizeof(*a->given));               /* [argc + 1] */
	if (take_all(&r)) {
		args_clear(a);
		return -1;
	}
	return 0;
}

void args_clear(struct args *a)
{
	mem_free(a->value);
	mem_free(a->rest);
	mem_free(a->given);
	*a = (struct args){0};
}

const char *args_value(const struct args *a, const char *option)
{
	const struct option *o = find(a, option, strlen(option));
	return o ? a->value[o - a->options] : NULL;
}

bool args_flag(const struct args *a, const char *option)
{
	return args_value(a, option) != NULL;
}

int args_int(const struct args *a, const char *option, long long lowest, long long highest, long long *out,
             struct err *e)
{
	const char *text = args_value(a, option);
	char *end, shown[80];

	if (!text)
		return 0;
	errno = 0;
	long long number = strtoll(text, &end, 10);
	bool whole = end != text && !*end && (text[0] == '-' || (text[0] >= '0' && text[0] <= '9'));
	if (!whole || errno == ERANGE || number < lowest || number > highest)
		return err_user(e, "%s%s: found '%s', expected a whole number from %lld to %lld",
		                dashes(option), option, text_shown(text, shown, sizeof(shown)), lowest,
		                highest);
	*out = number;
	return 0;
}

int args_real(const struct args *a, const char *option, double lowest, double highest, double *out,
              struct err *e)
{
	const char *text = args_value(a, option);
	char *end, shown[80];

	if (!text)
		return 0;
	double value = strtod(text, &end);
	if (end == text || *end || !(value >= lowest && value <= highest))
		return err_user(e, "--%s: found '%s', expected a number from %g to %g", option,
		                text_shown(text, shown, sizeof(shown)), lowest, highest);
	*out = value;
	return 0;
}
