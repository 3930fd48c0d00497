/* `signsgd table`: hands over to reports/table.py. */
#include "base/log.h"
#include "base/mem.h"
#include "cmd/ui/cmd.h"
#include "cmd/ui/scripts.h"
#include "h5/h5_replace.h"

static int check_usage(const struct args *a, struct err *e)
{
	const char *out = scripts_output(a);
	char *target;

	if (!a->n_before || !args_flag(a, "rows"))
		return err_user(
		        e, "table needs a folder of results and --rows, as in 'signsgd table demo --rows "
		           "aggregator --columns attack'");
	int there = out ? h5_may_replace(out, H5_TABLE, &target, e) : 0;
	if (out)
		mem_free(target);
	return there < 0 ? -1 : 0;
}

static int table(const struct args *a)
{
	struct err e = {0};
	int code = check_usage(a, &e) ? cmd_fail(&e) : scripts_command("reports", "table", a);

	if (!code && scripts_output(a) && !args_flag(a, "quiet"))
		log_say("wrote %s", scripts_output(a));
	return code;
}

static const struct option options[] = {
        {"rows", "NAME", "a setting that has a row for each of its values: aggregator, alpha, model.kind"},
        {"columns", "NAME", "one that has a column for each; none: one column"},
        {"value", "COLUMN", "of /evals: test_accuracy (the default), test_loss, validation_accuracy, ..."},
        {"where", "NAME=VALUE", "only runs with that setting; may be given again"},
        {"against", "NAME=VALUE", "differences to this row or column, paired by seed"},
        {"format", "FORM", "text, markdown, latex, csv or json; else as the ending of -o says, or text"},
        {"json", NULL, "the same as --format json"},
        {"peak", NULL, "the best value over time instead of the mean of the last 5 evaluations"},
        {"o", "FILE", "write it there instead of printing it: .txt, .md, .tex, .csv, .json"},
        {"out", "FILE", "the same"},
        {"quiet", NULL, "say only errors"},
        {NULL, NULL, NULL},
};

const struct command cmd_table = {
        .name = "table",
        .about = "make a table of final values with their bands",
        .usage = "table FOLDER|RUN.h5... --rows NAME [--columns NAME] [OPTION]...",
        .details =
                "Each place has the mean over seeds of the runs' final values (each the mean of its last 5 "
                "evaluations) and half of its 95 % band by Student's t. Where the columns are attacks, the "
                "last one is the worst case with its band by bootstrap over seeds. Runs that diverged, "
                "that are not finished or are missing are marked. A name is a setting (partition.alpha), "
                "the end of one (alpha), attack or byzantine. Runs of one place must be one experiment: "
                "what else differs is named, and --where chooses. docs/REPORTS.md says how all numbers "
                "are made. Of a folder, all result files below it are read. Needs a Python 3 with h5py, "
                "numpy and matplotlib; SIGNSGD_PYTHON names one.",
        .example = "signsgd simulate experiments/demo.json --steps 100 --out seeds "
                   "\\\n  --set 'sweep={\"seed\": [1, 2, 3]}'\n"
                   "signsgd table seeds --rows aggregator",
        .options = options,
        .run = table,
};
