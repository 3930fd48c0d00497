/* `signsgd keys`: make keys, and show those of a folder. */
#include <string.h>
#include "cmd/ui/cmd.h"
#include "cmd/ui/json_line.h"
#include "cmd/ui/table.h"
#include "base/log.h"
#include "base/text.h"
#include "transport/keys/keyring.h"

static int keys_new(const struct args *a, const char *dir, struct err *e)
{
	size_t count = a->n_rest - 1;
	char shown[256];

	if (count == 0)
		return err_user(e, "keys new takes the names of the keys to make, found none");
	if (keyring_new(dir, count, a->rest + 1, e))
		return -1;
	text_shown(dir, shown, sizeof(shown));
	for (size_t i = 1; i < a->n_rest; i++)
		log_say("made %s/%s.public, for %s, and %s/%s.secret, for nobody else", shown, a->rest[i],
		        strcmp(a->rest[i], KEYRING_SERVER) ? "the server" : "the workers", shown, a->rest[i]);
	return 0;
}

static void print_line(const struct keyring *r, const struct curve_key *k)
{
	struct buf b = {0};
	int worker = keyring_number(r, k);

	line_text(&b, "name", k->name);
	if (worker < 0)
		line_raw(&b, "worker", "null");
	else
		line_int(&b, "worker", worker);
	line_bool(&b, "secret", k->secret_key[0] != '\0');
	line_text(&b, "public_key", k->public_key);
	line_print(&b, stdout);
}

static void print_table(const struct keyring *r)
{
	struct table t;

	table_init(&t, "lrll");
	table_cell(&t, "name");
	table_cell(&t, "worker");
	table_cell(&t, "secret");
	table_cell(&t, "public key");
	for (size_t i = 0; i < r->count; i++) {
		int worker = keyring_number(r, &r->at[i]);
		table_cell(&t, "%s", r->at[i].name);
		if (worker < 0)
			table_cell(&t, "-");
		else
			table_cell(&t, "%d", worker);
		table_cell(&t, "%s", r->at[i].secret_key[0] ? "here" : "-");
		table_cell(&t, "%s", r->at[i].public_key);
	}
	table_print(&t, stdout, 0);
	table_clear(&t);
}

static int keys_list(const struct args *a, const char *dir, struct err *e)
{
	struct keyring r;
	bool json = args_flag(a, "json");

	if (a->n_rest > 1)
		return err_user(e, "keys list takes no name, found %zu", a->n_rest - 1);
	if (keyring_read(&r, dir, e))
		return -1;
	for (size_t i = 0; i < r.count && json; i++)
		print_line(&r, &r.at[i]);
	if (!json && r.count > 0)
		print_table(&r);
	else if (!json)
		log_say("%s: there are no keys", dir);
	keyring_clear(&r);
	return 0;
}

static int first(const char *word, struct err *e)
{
	char shown[80];
	if (!strcmp(word, "new") || !strcmp(word, "list"))
		return 0;
	return err_user(e, "keys takes 'new NAME...' or 'list', found '%s'",
	                text_shown(word, shown, sizeof(shown)));
}

static int keys(const struct args *a)
{
	struct err e = {0};
	const char *verb = a->n_rest ? a->rest[0] : "list", *dir = args_value(a, "o");

	if (!dir)
		dir = args_value(a, "out") ? args_value(a, "out") : "keys";
	if (first(verb, &e))
		return cmd_fail(&e);
	if (!strcmp(verb, "new"))
		keys_new(a, dir, &e);
	else
		keys_list(a, dir, &e);
	return e.code ? cmd_fail(&e) : EXIT_DONE;
}

static const struct option options[] = {
        {"o", "DIR", "the folder of the keys (default: keys)"},
        {"out", "DIR", "the same"},
        {"json", NULL, "list: one line of JSON a key"},
        {NULL, NULL, NULL},
};

const struct command cmd_keys = {
        .name = "keys",
        .about = "make and show the keys of servers and workers",
        .usage = "keys new NAME... [-o DIR] | keys list [-o DIR]",
        .details = "A pair of keys is two files: NAME.public, for all to read, and NAME.secret, which proves "
                   "that its holder is NAME and is refused when others may read it. The server's pair is "
                   "called 'server'; every other public key in the server's folder is a worker that may "
                   "vote, once a round. Workers are numbered in the order of their names (w2 before w10). "
                   "The folder of a machine with workers holds their own pairs and server.public. Make each "
                   "pair where it is used, so that only the public file travels; a key is never "
                   "overwritten.",
        .example = "signsgd keys new server w0 w1 -o keys\n"
                   "signsgd keys list -o keys",
        .options = options,
        .first = first,
        .run = keys,
};
