/* `signsgd schema`: a JSON Schema of experiment files, made from the rows. */
#include <stdio.h>
#include "cmd/ui/cmd.h"
#include "cmd/ui/pretty.h"
#include "base/mem.h"
#include "experiment/schema.h"

static int schema(const struct args *a)
{
	struct buf b = {0};
	struct err e = {0};

	if (a->n_rest) {
		err_user(&e, "schema takes no file; it goes to standard output");
		return cmd_fail(&e);
	}
	experiment_schema(&b);
	pretty_print(stdout, 0, b.text);
	putchar('\n');
	buf_clear(&b);
	return EXIT_DONE;
}

const struct command cmd_schema = {
        .name = "schema",
        .about = "print a JSON Schema of experiment files, for editors",
        .usage = "schema",
        .details = "JSON Schema, draft 2020-12, from the same tables that read experiment files.",
        .example = "signsgd schema > experiment.schema.json",
        .run = schema,
};
