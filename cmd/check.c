/* `signsgd check`: every kernel of every backend against the reference. */
#include <inttypes.h>
#include <stdio.h>
#include "cmd/overrides.h"
#include "cmd/ui/cmd.h"
#include "cmd/ui/json_line.h"
#include "check/check.h"

static void tell_line(void *ctx, const struct check_result *r)
{
	struct buf b = {0};

	(void)ctx;
	line_text(&b, "kernel", r->kernel);
	line_text(&b, "backend", r->backend);
	line_bool(&b, "passed", r->passed);
	line_count(&b, "cases", r->cases);
	line_real(&b, "worst", r->worst);
	line_real(&b, "allowed", r->allowed);
	line_text(&b, "where", r->passed ? NULL : r->where);
	line_print(&b, stdout);
}

static void tell_row(void *ctx, const struct check_result *r)
{
	int *rows = ctx;

	if (!(*rows)++)
		printf("%-14s %-15s %-7s %9s  %-11s %s\n", "kernel", "backend", "", "cases", "worst error",
		       "allowed");
	printf("%-14s %-15s %-7s %9zu  %-11.3g ", r->kernel, r->backend, r->passed ? "passed" : "FAILED",
	       r->cases, r->worst);
	if (r->allowed > 0)
		printf("%.3g", r->allowed);
	else
		fputs("same bits", stdout);
	printf(r->passed ? "\n" : "  at %s\n", r->where);
	fflush(stdout);
}

static int check(const struct args *a)
{
	int rows = 0;
	bool json = args_flag(a, "json");
	struct err e = {0};
	struct arena arena = {0};
	struct choice only;

	int failed = a->n_rest ? err_user(&e, "check takes no file") : machine_of(a, &arena, &only, &e);
	if (!failed)
		failed = check_run(&only, json ? tell_line : tell_row, &rows, &e);
	arena_clear(&arena);
	if (failed < 0)
		return cmd_fail(&e);
	if (!json && failed)
		printf("\n%d of %d failed\n", failed, rows);
	else if (!json)
		printf("\nall %d agree with the reference\n", rows);
	return failed ? EXIT_WORLD : EXIT_DONE;
}

static const struct option options[] = {
        {"backend", "NAME", "this one alone, also where it is not listed; or JSON, with keys"},
        {"json", NULL, "one line of JSON a kernel"},
        {NULL, NULL, NULL},
};

const struct command cmd_check = {
        .name = "check",
        .about = "compare every kernel of every backend with the reference",
        .usage = "check [OPTION]...",
        .details = "The backend 'ref' is plain C and the definition of every kernel. The others must give "
                   "the same bits, or, for sums and matrix products, stay within a relative error, on "
                   "random and extreme input. A backend that cannot be opened here is said and not "
                   "checked. Exit code 1 when a kernel does not agree, or the backend that was asked for "
                   "cannot be opened.",
        .example = "signsgd check\nsignsgd check --backend cpu",
        .options = options,
        .run = check,
};
