/* `signsgd plot`: hands over to plots/FIGURE.py. */
#include <string.h>
#include <strings.h>
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "cmd/ui/cmd.h"
#include "cmd/ui/scripts.h"
#include "h5/h5_replace.h"

static int check_output(const char *out, struct err *e)
{
	static const char *const endings[] = {".png", ".svg", ".pdf"};
	char shown[256];

	if (!out)
		return err_user(e, "plot needs -o FILE.png, .svg or .pdf");
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		size_t length = strlen(out), ending = strlen(endings[i]);
		if (length > ending && !strcasecmp(out + length - ending, endings[i])) {
			char *target;
			int there = h5_may_replace(out, H5_FIGURE, &target, e);
			mem_free(target);
			return there < 0 ? -1 : 0;
		}
	}
	return err_user(e, "-o %s: expected a name that ends in .png, .svg or .pdf",
	                text_shown(out, shown, sizeof(shown)));
}

static int check_usage(const struct args *a, const struct scripts *figures, struct err *e)
{
	if (!a->n_before)
		return err_user(
		        e, "plot needs a figure and result files, as in 'signsgd plot curves demo/*.h5 -o "
		           "demo.png'");
	if (!scripts_have(figures, a->rest[0]))
		return scripts_refuse(figures, "figure", a->rest[0], e);
	if (a->n_before < 2)
		return err_user(e, "plot %s needs result files", a->rest[0]);
	return check_output(scripts_output(a), e);
}

static int plot(const struct args *a)
{
	struct scripts *figures = scripts_find("plots");
	struct err e = {0};
	int code = check_usage(a, figures, &e) ? cmd_fail(&e) : scripts_run(figures, a->rest[0], a, 1);

	if (!code && !args_flag(a, "quiet"))
		log_say("wrote %s", scripts_output(a));
	mem_free(figures);
	return code;
}

static const struct option options[] = {
        {"o", "FILE", "the figure: .png, .svg or .pdf"},
        {"out", "FILE", "the same"},
        {"title", "TEXT", "title of the figure"},
        {"x", "AXIS",
         "curves: step, epoch, wall or bytes; snr, kappa, certificate: step or epoch; bytes: up, down or "
         "both"},
        {"y", "VALUE",
         "curves: test_accuracy, test_loss, train_loss, train_accuracy; text: test_perplexity, "
         "train_perplexity, test_bits; with a validation split validation_accuracy, ..."},
        {"band", "KIND",
         "over seeds: minmax, std, t (95 % by Student's t; of heatmap, box and bytes as it is) or none"},
        {"width", "INCHES", "of the figure"},
        {"height", "INCHES", "of the figure"},
        {"log", NULL, "curves: logarithmic y axis"},
        {"curve", NULL, "bytes: accuracy over the run against the bytes so far"},
        {"rows", "SETTING", "heatmap: rule, attack, share, partition, task, or a key as in lr.rate"},
        {"columns", "SETTING", "heatmap: the same"},
        {"target", "SHARE", "time-to-accuracy: the accuracy, as in 0.88"},
        {"f", "F,...", "certificate: numbers of voters that have a line, as in 1,2; else up to 8 of them"},
        {"theory", NULL, "toy: the bound of Theorem 2 over the measured gradient norm"},
        {"quiet", NULL, "say only errors"},
        {NULL, NULL, NULL},
};

const struct command cmd_plot = {
        .name = "plot",
        .about = "draw a figure from result files",
        .usage = "plot FIGURE RUN.h5... -o FILE.{png,svg,pdf} [OPTION]... [-- MORE...]",
        .details = "Figures: curves (accuracy or loss over a run), adversaries (final accuracy against "
                   "their share), toy (the objective on a logarithmic scale), noise (histograms of single "
                   "weights' stochastic gradients), partition (what each worker got, by class), snr "
                   "(signal-to-noise ratio over a run), kappa (how robust the aggregator was in each step, "
                   "beside its bound), certificate (share of coordinates at which no f voters could have "
                   "turned the majority), half (accuracy against the share of Byzantine workers, up to "
                   "one half and past it, beside Theorem 2's factor), time-to-accuracy (accuracy over wall "
                   "time), heatmap (final accuracy by rule and attack, with the worst case), box (final "
                   "accuracy of every seed, by setting), bytes (accuracy against bytes sent). Means are over "
                   "finished runs of one experiment; unfinished "
                   "ones are drawn by themselves. Needs a Python 3 with h5py, numpy and matplotlib; "
                   "SIGNSGD_PYTHON names one. What follows '--' goes to the "
                   "script.",
        .example = "signsgd simulate experiments/demo.json --out demo\n"
                   "signsgd plot curves demo/*.h5 -o demo.png",
        .options = options,
        .run = plot,
};
