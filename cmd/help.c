/* `signsgd help`: texts from the command table. */
#include <stdio.h>
#include <string.h>
#include "cmd/ui/cmd.h"
#include "cmd/commands.h"
#include "cmd/ui/table.h"

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

void cmd_print_help(const struct command *c, void *f)
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

static int help(const struct args *a)
{
	struct err e = {0};

	if (!a->n_rest) {
		commands_usage(stdout);
		return EXIT_DONE;
	}
	const struct command *c = command_find(a->rest[0]);
	if (!c) {
		command_unknown(a->rest[0], &e);
		return cmd_fail(&e);
	}
	cmd_print_help(c, stdout);
	return EXIT_DONE;
}

const struct command cmd_help = {
        .name = "help",
        .about = "say how a command is used",
        .usage = "help [COMMAND]",
        .example = "signsgd help simulate",
        .run = help,
};
