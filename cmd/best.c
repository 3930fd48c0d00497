/* `signsgd best`: hands over to reports/best.py. */
#include "cmd/ui/cmd.h"
#include "cmd/ui/scripts.h"

static int best(const struct args *a)
{
	struct err e = {0};

	if (!a->n_before || !args_flag(a, "by") || !args_flag(a, "per")) {
		err_user(&e, "best needs a folder of results, --by and --per, as in 'signsgd best tuned --by "
		             "validation --per aggregator'");
		return cmd_fail(&e);
	}
	return scripts_command("reports", "best", a);
}

static const struct option options[] = {
        {"by", "SPLIT", "validation: the samples that data.validation holds out; nothing else is taken"},
        {"per", "NAME",
         "a setting for each value of which the others are chosen: aggregator; may be given again"},
        {"over", "NAME", "what the worst case is over (default: attack, where it differs)"},
        {"value", "WHAT", "accuracy (the default), loss, or bits of a text"},
        {"where", "NAME=VALUE", "only runs with that setting; may be given again"},
        {"json", NULL, "one line of JSON for each value of --per, with all candidates"},
        {NULL, NULL, NULL},
};

const struct command cmd_best = {
        .name = "best",
        .about = "choose the settings of each method by its validation split",
        .usage = "best FOLDER|RUN.h5... --by validation --per NAME [OPTION]...",
        .details = "Settings are what differs beside --per and --over, but for attacks, shares and data. "
                   "Chosen are those whose worst attack "
                   "leaves the highest mean over seeds of the final validation value; then their number on "
                   "the test set is said, which had no say in it. Settings that were not run under every "
                   "attack are not compared, and named. Needs runs with \"data\": {\"validation\": SHARE}, "
                   "and a Python 3 with h5py and numpy; SIGNSGD_PYTHON names one.",
        .example = "signsgd simulate experiments/demo.json --steps 100 --out tuned "
                   "\\\n  --set data.validation=0.1 --set 'sweep={\"lr.rate\": [0.0005, 0.005]}'\n"
                   "signsgd best tuned --by validation --per aggregator",
        .options = options,
        .run = best,
};
