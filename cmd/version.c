/* `signsgd version`: what this program is made of and runs on. */
#include <stdio.h>
#include "backend/backend.h"
#include "cmd/ui/cmd.h"
#include "cmd/ui/table.h"
#include "data/fetch/fetch.h"
#include "h5/h5.h"
#include "config/json.h"
#include "base/pool.h"
#include "base/version.h"
#include "registry.h"
#include "transport/transport.h"

#ifdef __clang__
#define COMPILER __VERSION__
#else
#define COMPILER "GCC " __VERSION__
#endif

static void add_line(void *table, const char *name, const char *text)
{
	table_cell(table, "%s", name);
	table_cell(table, "%s", text);
}

static void add_backends(struct table *t, bool load)
{
	for (size_t i = 0; family_backends.rows[i]; i++) {
		const struct backend_row *row = (const struct backend_row *)family_backends.rows[i];
		struct backend b = {0};
		struct err e = {0};
		if (row->describe) {
			row->describe(load, add_line, t);
			continue;
		}
		int failed = row->open(&b, NULL, &e);
		table_cell(t, "backend %s", row->row.name);
		table_cell(t, "%s", failed ? e.text : b.detail);
	}
}

static void add_transports(struct table *t, bool load)
{
	for (size_t i = 0; family_transports.rows[i]; i++) {
		const struct transport *row = (const struct transport *)family_transports.rows[i];
		char library[sizeof(((struct err *)0)->text)];
		if (!row->library)
			continue;
		row->library(load, library, sizeof(library));
		table_cell(t, "transport %s", row->row.name);
		table_cell(t, "%s", library);
	}
}

static int version(const struct args *a)
{
	struct table t;
	char hdf5[32];

	if (a->n_rest > 0) {
		struct err e = {0};
		err_user(&e, "version takes no argument");
		return cmd_fail(&e);
	}
	h5_version(hdf5);
	table_init(&t, "lw");
	table_cell(&t, "signsgd");
	table_cell(&t, "%s, commit %s", version_text(), version_commit());
	table_cell(&t, "compiler");
	table_cell(&t, "%s", COMPILER);
	table_cell(&t, "HDF5");
	table_cell(&t, "%s", hdf5);
	table_cell(&t, "cJSON");
	table_cell(&t, "%s", json_library_version());
	table_cell(&t, "libcurl");
	table_cell(&t, "%s", data_fetch_library());
	add_backends(&t, args_flag(a, "devices"));
	add_transports(&t, args_flag(a, "devices"));
	table_cell(&t, "processor");
	table_cell(&t, "%d cores, %s: %s", pool_cores(), backend_cpu_level(), backend_cpu_features());
	table_print(&t, stdout, 0);
	table_clear(&t);
	return EXIT_DONE;
}

static const struct option options[] = {
        {"devices", NULL,
         "open the libraries too that other commands open when they need them, MPI's and CUDA's, and name "
         "the "
         "GPUs"},
        {NULL, NULL, NULL},
};

const struct command cmd_version = {
        .name = "version",
        .about = "print versions, backends and the processor's features",
        .usage = "version [--devices]",
        .example = "signsgd version",
        .options = options,
        .run = version,
};
