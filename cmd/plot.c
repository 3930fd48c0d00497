/*
 * `signsgd plot`: hands over to plots/FIGURE.py. No shell is involved: file names reach the script as they
 * are.
 */
#include <dirent.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "cmd/ui/cmd.h"
#include "cmd/ui/interpreter.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "h5/h5_replace.h"

#ifndef SIGNSGD_PLOTS_DIR
#define SIGNSGD_PLOTS_DIR "plots"
#endif

enum { FIGURES_MAX = 64, NAME_BYTES = 64 };

struct figures {
	char folder[PATH_MAX];
	char names[FIGURES_MAX][NAME_BYTES];
	size_t count;
};

/* Options that go on to the script as they are. */
static const char *const passed[] = {"title",  "x",   "y",      "band",   "width",
                                     "height", "log", "theory", "target", "f"};

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* What the scripts share is no figure. */
static bool is_shared(const char *name)
{
	return !strcmp(name, "common.py") || !strcmp(name, "house.py") || !strcmp(name, "results.py") ||
	       !strcmp(name, "labels.py") || !strcmp(name, "probes.py");
}

/* The scripts in a folder. */
static void look_into(struct figures *f, const char *folder)
{
	DIR *d = opendir(folder);

	if (!d)
		return;
	snprintf(f->folder, sizeof(f->folder), "%s", folder);
	for (struct dirent *entry = readdir(d); entry && f->count < FIGURES_MAX; entry = readdir(d)) {
		size_t length = strlen(entry->d_name);
		bool script = length > 3 && length < NAME_BYTES && !strcmp(entry->d_name + length - 3, ".py");
		if (script && !is_shared(entry->d_name))
			snprintf(f->names[f->count++], NAME_BYTES, "%.*s", (int)length - 3, entry->d_name);
	}
	closedir(d);
	qsort(f->names, f->count, NAME_BYTES, by_name);
}

/*
 * The folder of the scripts: SIGNSGD_PLOTS, or plots/ beside the program or beside its build folder (a source
 * tree), or where they were installed: as seen from the program (PREFIX/bin, PREFIX/share), or as the build
 * was told. Never the working folder: a script in there may be anybody's.
 */
static void find_figures(struct figures *f)
{
	static const char *const near[] = {"plots", "../../plots", "../share/signsgd/plots"};
	const char *named = getenv("SIGNSGD_PLOTS");
	char self[PATH_MAX], folder[PATH_MAX + 16];

	f->count = 0;
	if (named && *named) {
		look_into(f, named);
		return;
	}
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[length > 0 ? length : 0] = '\0';
	const char *home = dirname(self);
	for (size_t i = 0; length > 0 && i < sizeof(near) / sizeof(near[0]) && !f->count; i++) {
		snprintf(folder, sizeof(folder), "%s/%s", home, near[i]);
		look_into(f, folder);
	}
	if (!f->count)
		look_into(f, SIGNSGD_PLOTS_DIR);
}

static int refuse_figure(const struct figures *f, const char *wrong, struct err *e)
{
	const char *names[FIGURES_MAX];
	struct buf all = {0};
	char shown[80];

	for (size_t i = 0; i < f->count; i++) {
		names[i] = f->names[i];
		buf_format(&all, "%s%s", i ? ", " : "", f->names[i]);
	}
	text_shown(wrong, shown, sizeof(shown));
	const char *near = text_nearest(wrong, names, f->count);
	if (!f->count)
		err_world(e,
		          "the plot scripts were not found beside the program nor in %s; SIGNSGD_PLOTS can "
		          "name their folder",
		          SIGNSGD_PLOTS_DIR);
	else if (near)
		err_user(e, "there is no figure '%s'; did you mean '%s'? There are: %s", shown, near,
		         all.text);
	else
		err_user(e, "there is no figure '%s'; there are: %s", shown, all.text);
	buf_clear(&all);
	return -1;
}

static bool has_figure(const struct figures *f, const char *name)
{
	for (size_t i = 0; i < f->count; i++)
		if (!strcmp(f->names[i], name))
			return true;
	return false;
}

static const char *output_of(const struct args *a)
{
	const char *out = args_value(a, "o");
	return out ? out : args_value(a, "out");
}

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

static int check_usage(const struct args *a, const struct figures *f, struct err *e)
{
	if (!a->n_before)
		return err_user(
		        e, "plot needs a figure and result files, as in 'signsgd plot curves demo/*.h5 -o "
		           "demo.png'");
	if (!has_figure(f, a->rest[0]))
		return refuse_figure(f, a->rest[0], e);
	if (a->n_before < 2)
		return err_user(e, "plot %s needs result files", a->rest[0]);
	return check_output(output_of(a), e);
}

static bool is_passed(const char *option)
{
	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
		if (!strcmp(option, passed[i]))
			return true;
	return false;
}

/* python -B SCRIPT -o OUT --title=... EXTRA... -- RUN... */
static char **script_argv(struct arena *m, const struct args *a, const char *python, const char *script)
{
	char **argv = arena_alloc(m, (a->n_given + a->n_rest + 8) * sizeof(*argv));
	size_t n = 0;

	argv[n++] = arena_string(m, python);
	argv[n++] = arena_string(m, "-B"); /* an installed folder stays as it was */
	argv[n++] = arena_string(m, script);
	argv[n++] = arena_string(m, "-o");
	argv[n++] = arena_string(m, output_of(a));
	for (size_t i = 0; i < a->n_given; i++) {
		const struct option *o = a->given[i].option;
		if (is_passed(o->name))
			argv[n++] = o->argument ? arena_format(m, "--%s=%s", o->name, a->given[i].value)
			                        : arena_format(m, "--%s", o->name);
	}
	for (size_t i = a->n_before; i < a->n_rest; i++)
		argv[n++] = arena_string(m, a->rest[i]);
	argv[n++] = arena_string(m, "--");
	for (size_t i = 1; i < a->n_before; i++)
		argv[n++] = arena_string(m, a->rest[i]);
	return argv;
}

static int draw(const struct args *a, const struct figures *f, const char *python)
{
	struct arena m = {0};
	const char *script = arena_format(&m, "%s/%s.py", f->folder, a->rest[0]);
	int code = program_run(script_argv(&m, a, python, script), 0);

	if (code > EXIT_USER)
		log_error("%s ended with exit code %d", script, code);
	else if (!code && !args_flag(a, "quiet"))
		log_say("wrote %s", output_of(a));
	arena_clear(&m);
	return code > EXIT_USER ? EXIT_WORLD : code;
}

/* Scripts ask this program what files of earlier versions do not say (plots/common.py). */
static void name_program(void)
{
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (length <= 0)
		return;
	self[length] = '\0';
	setenv("SIGNSGD_PROGRAM", self, 1);
}

static int plot(const struct args *a)
{
	struct figures *f = mem_alloc(sizeof(*f));
	char python[PATH_MAX];
	struct err e = {0};
	int code;

	find_figures(f);
	name_program();
	if (check_usage(a, f, &e) || interpreter_find(python, sizeof(python), &e))
		code = cmd_fail(&e);
	else
		code = draw(a, f, python);
	mem_free(f);
	return code;
}

static const struct option options[] = {
        {"o", "FILE", "the figure: .png, .svg or .pdf"},
        {"out", "FILE", "the same"},
        {"title", "TEXT", "title of the figure"},
        {"x", "AXIS", "curves: step, epoch, wall or bytes; snr, kappa, certificate: step or epoch"},
        {"y", "VALUE",
         "curves: test_accuracy, test_loss, train_loss, train_accuracy; text: test_perplexity, "
         "train_perplexity, test_bits"},
        {"band", "KIND", "over seeds: minmax, std or none"},
        {"width", "INCHES", "of the figure"},
        {"height", "INCHES", "of the figure"},
        {"log", NULL, "curves: logarithmic y axis"},
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
                   "turned the majority), time-to-accuracy (accuracy over wall "
                   "time). Means are over finished runs of one experiment; unfinished "
                   "ones are drawn by themselves. Needs a Python 3 with h5py, numpy and matplotlib; "
                   "SIGNSGD_PYTHON names one. What follows '--' goes to the "
                   "script.",
        .example = "signsgd simulate experiments/demo.json --out demo\n"
                   "signsgd plot curves demo/*.h5 -o demo.png",
        .options = options,
        .run = plot,
};
