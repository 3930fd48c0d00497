/* Help texts, made from the commands' rows. */
#include "cmd/ui/help.h"

#include <string.h>
#include "base/text.h"
#include "cmd/ui/table.h"

enum { COMMANDS_MAX = 64 };

/* Every line of `text` with `prefix` before it. */
static void print_lines(FILE *f, const char *prefix, const char *text)
{
	while (*text) {
		size_t bytes = strcspn(text, "\n");
		fprintf(f, "%s%.*s\n", prefix, (int)bytes, text);
		text += bytes + (text[bytes] != '\0');
	}
}

static void print_options(FILE *f, const struct option *o)
{
	struct table t;

	table_init(&t, "lw");
	for (; o && o->name; o++) {
		char letter[8] = "";
		if (!o->name[1])
			snprintf(letter, sizeof(letter), "-%s, ", o->name);
		table_cell(&t, "%s--%s%s%s", letter, o->name, o->argument && o->argument[0] != '[' ? " " : "",
		           o->argument ? o->argument : "");
		table_cell(&t, "%s", o->help);
	}
	table_cell(&t, "-h, --help");
	table_cell(&t, "print this text");
	table_print(&t, f, 2);
	table_clear(&t);
}

void help_command(const struct command *c, FILE *f)
{
	fprintf(f, "signsgd %s: %s\n\nusage:\n", c->name, c->about);
	print_lines(f, "  signsgd ", c->usage);
	if (c->details) {
		fputc('\n', f);
		print_wrapped(f, 0, 0, c->details);
	}
	fputs("\noptions:\n", f);
	print_options(f, c->options);
	if (c->example) {
		fputs("\nexample:\n", f);
		print_lines(f, "  ", c->example);
	}
}

void help_overview(const struct command *const *commands, FILE *f)
{
	fputs("usage: signsgd COMMAND [OPTION]...\n\ncommands:\n", f);
	for (; *commands; commands++)
		fprintf(f, "  %-10s %s\n", (*commands)->name, (*commands)->about);
	fputs("\n'signsgd help COMMAND' tells more. Try: signsgd simulate experiments/demo.json\n", f);
}

const struct command *help_find(const struct command *const *commands, const char *name)
{
	for (; *commands; commands++)
		if (!strcmp((*commands)->name, name))
			return *commands;
	return NULL;
}

static const char *nearest(const struct command *const *commands, const char *wrong)
{
	const char *names[COMMANDS_MAX];
	size_t count = 0;

	if (wrong[0] == '-')
		return text_nearest(wrong, (const char *const[]){"--help", "--version"}, 2);
	for (; commands[count] && count < COMMANDS_MAX; count++)
		names[count] = commands[count]->name;
	return text_nearest(wrong, names, count);
}

int help_unknown(const struct command *const *commands, const char *wrong, struct err *e)
{
	const char *near = nearest(commands, wrong), *kind = wrong[0] == '-' ? "option" : "command";
	char shown[80];

	text_shown(wrong, shown, sizeof(shown));
	if (near)
		return err_user(e, "there is no %s '%s'; did you mean '%s'?", kind, shown, near);
	return err_user(e, "there is no %s '%s'; 'signsgd help' shows what there is", kind, shown);
}
