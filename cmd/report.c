/* `signsgd report`: hands over to reports/report.py. */
#include <string.h>
#include <strings.h>
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "cmd/ui/cmd.h"
#include "cmd/ui/scripts.h"
#include "experiment/claims.h"
#include "h5/h5_replace.h"

static int check_output(const char *out, struct err *e)
{
	static const char ending[] = ".html";
	size_t length = out ? strlen(out) : 0, n = strlen(ending);
	char *target, shown[256];

	if (!out)
		return err_user(e, "report needs -o PAGE.html");
	if (length <= n || strcasecmp(out + length - n, ending) != 0)
		return err_user(e, "-o %s: expected a name that ends in .html",
		                text_shown(out, shown, sizeof(shown)));
	int there = h5_may_replace(out, H5_PAGE, &target, e);
	mem_free(target);
	return there < 0 ? -1 : 0;
}

static int check_usage(const struct args *a, const struct scripts *reports, struct err *e)
{
	if (!a->n_before)
		return err_user(e,
		                "report needs a folder of results, as in 'signsgd report demo -o demo.html'");
	if (!scripts_have(reports, "report"))
		return scripts_refuse(reports, "report", "report", e);
	if (args_value(a, "claims") && claims_check_file(args_value(a, "claims"), e))
		return -1;
	return check_output(scripts_output(a), e);
}

static int report(const struct args *a)
{
	struct scripts *reports = scripts_find("reports");
	struct err e = {0};
	int code = check_usage(a, reports, &e) ? cmd_fail(&e) : scripts_run(reports, "report", a, 0);

	if (!code && !args_flag(a, "quiet"))
		log_say("wrote %s", scripts_output(a));
	mem_free(reports);
	return code;
}

static const struct option options[] = {
        {"o", "PAGE.html", "the page"},
        {"out", "PAGE.html", "the same"},
        {"title", "TEXT", "title of the page"},
        {"claims", "FILE.json", "show the verdicts of this experiment's `claims`"},
        {"quiet", NULL, "say only errors"},
        {NULL, NULL, NULL},
};

const struct command cmd_report = {
        .name = "report",
        .about = "make a page about a folder of results",
        .usage = "report FOLDER|RUN.h5... -o PAGE.html [OPTION]...",
        .details = "The page says what was compared, which rule was best under the worst attack and how sure "
                   "that is, and shows the table of all settings, heat maps, curves, costs, what was "
                   "probed, who has which data, what failed, and how to run it again. All numbers come "
                   "with 95 % bands over the seeds. Of a folder, all result files below it are read. "
                   "The page is one file that loads nothing; its links to the result files are "
                   "relative. What does not finish is listed and counts in no mean; a file that cannot be "
                   "read is listed, too. Needs a Python 3 with h5py and numpy; SIGNSGD_PYTHON names "
                   "one.",
        .example = "signsgd simulate experiments/demo.json --out demo\n"
                   "signsgd report demo -o demo.html",
        .options = options,
        .run = report,
};
