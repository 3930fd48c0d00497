/* `signsgd claims`: what an experiment file claims, held against its results by reports/claims.py. */
#include "base/mem.h"
#include "cmd/ui/cmd.h"
#include "cmd/ui/scripts.h"
#include "experiment/claims.h"

static int check_usage(const struct args *a, struct err *e)
{
	if (a->n_rest < 2)
		return err_user(
		        e, "claims needs an experiment file and the folder of its results, as in 'signsgd "
		           "claims experiments/papers/karimireddy-ef.json ef/'");
	return claims_check_file(a->rest[0], e);
}

static int claims(const struct args *a)
{
	struct err e = {0};
	if (check_usage(a, &e))
		return cmd_fail(&e);
	struct scripts *reports = scripts_find("reports");
	int code = scripts_run(reports, "claims", a, 0);
	mem_free(reports);
	return code;
}

static const struct option options[] = {
        {"json", NULL, "one line of JSON a claim"},
        {"strict", NULL, "exit code 1 where a claim does not hold"},
        {NULL, NULL, NULL},
};

const struct command cmd_claims = {
        .name = "claims",
        .about = "hold what an experiment file claims against its results",
        .usage = "claims FILE.json FOLDER... [--json] [--strict]",
        .details =
                "`claims` of an experiment file is a list; each says what two groups of its runs should "
                "differ "
                "by, and how much of that may be missed: {\"say\": \"a sentence\", \"source\": \"paper, "
                "figure\", \"of\": {\"dotted.key\": value}, \"than\": the same or a number, \"measure\": "
                "\"test_accuracy\", \"by\": least difference (negative: at least so much lower; without it: "
                "the same), \"tolerance\": t}. The difference is the mean over the seeds of FILE, with its "
                "95 % band: a claim holds where the whole band is on the claimed side, does not hold where "
                "none of it is, and is else not decided. Values are means of the last 5 evaluations. "
                "Exit code 1: runs are missing. Needs a Python 3 with h5py, numpy and matplotlib.",
        .example = "signsgd simulate experiments/papers/karimireddy-ef.json --out ef/\n"
                   "signsgd claims experiments/papers/karimireddy-ef.json ef/",
        .options = options,
        .run = claims,
};
