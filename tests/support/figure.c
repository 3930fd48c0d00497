#include "tests/support/figure.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

static struct arena shown; /* what the last figure showed */
struct json *figure_lines[CLI_LINES];
size_t figure_n_lines;

/* A python that can draw, or the test is skipped. */
void figure_open(void)
{
	const char *python = getenv("SIGNSGD_PYTHON");
	if (!python || !*python) {
		puts("skipped: no Python with h5py, numpy and matplotlib");
		cr_skip_test("no Python with h5py, numpy and matplotlib");
	}
	cli_open();
	setenv("SIGNSGD_PROGRAM", process_program(), 1);
}

void figure_close(void)
{
	arena_clear(&shown);
	cli_close();
}

/* Draw `names` (with blanks between) of the test's folder; options among them go to the script. What it said
 * is in cli_err. */
void figure_draw(const char *figure, const char *names)
{
	char files[1024] = "", copy[512], out[128], err[128];
	snprintf(copy, sizeof copy, "%s", names);
	for (char *name = strtok(copy, " "); name; name = strtok(NULL, " "))
		if (*name == '-')
			snprintf(files + strlen(files), sizeof files - strlen(files), " %s", name);
		else
			snprintf(files + strlen(files), sizeof files - strlen(files), " %s/%s.h5", cli_folder,
			         name);
	snprintf(out, sizeof out, "%s/values", cli_folder);
	snprintf(err, sizeof err, "%s/said", cli_folder);
	bool drawn = process_shell("$SIGNSGD_PYTHON tests/support/figure_values.py %s%s >%s 2>%s", figure,
	                           files, out, err);
	file_text(out, cli_out, sizeof cli_out);
	file_text(err, cli_err, sizeof cli_err);
	cr_assert(drawn, "%s", cli_err);
	arena_clear(&shown);
	figure_n_lines = cli_json_lines(&shown, figure_lines);
}

const char *figure_text(const struct json *line, const char *key)
{
	const struct json *value = json_member(line, key);
	cr_assert(value && value->type == JSON_STRING, "%s is no string", key);
	return value->string;
}

/* The first curve whose label has this in it, or the only one of that line style or marker; NULL. */
const struct json *figure_curve(const char *key, const char *part)
{
	for (size_t i = 0; i < figure_n_lines; i++)
		if (!strcmp(figure_text(figure_lines[i], "what"), "line") &&
		    strstr(figure_text(figure_lines[i], key), part))
			return figure_lines[i];
	return NULL;
}

const struct json *figure_need_curve(const char *key, const char *part)
{
	const struct json *found = figure_curve(key, part);
	cr_assert_not_null(found, "no line whose %s is %s in: %s", key, part, cli_out);
	return found;
}

size_t figure_count(const char *what)
{
	size_t n = 0;
	for (size_t i = 0; i < figure_n_lines; i++)
		n += !strcmp(figure_text(figure_lines[i], "what"), what);
	return n;
}

/* Copy a curve's numbers; NaN for null. Returns how many there are. */
size_t figure_numbers(const struct json *line, const char *key, double out[FIGURE_POINTS])
{
	size_t n = 0;
	const struct json *list = json_member(line, key);
	cr_assert(list && list->type == JSON_ARRAY, "%s is no list", key);
	for (const struct json *v = list->child; v && n < FIGURE_POINTS; v = v->next)
		out[n++] = v->type == JSON_NUMBER ? v->number : NAN;
	return n;
}

/* The value of a curve at x; NaN where it has no point. */
double figure_at(const struct json *line, double x)
{
	double xs[FIGURE_POINTS], ys[FIGURE_POINTS];
	size_t n = figure_numbers(line, "x", xs);
	cr_assert_eq(figure_numbers(line, "y", ys), n);
	for (size_t i = 0; i < n; i++)
		if (xs[i] == x)
			return ys[i];
	return NAN;
}

/* Does the legend say it? */
bool figure_told(const char *part)
{
	for (size_t i = 0; i < figure_n_lines; i++) {
		if (strcmp(figure_text(figure_lines[i], "what"), "legend") != 0)
			continue;
		for (const struct json *t = json_member(figure_lines[i], "texts")->child; t; t = t->next)
			if (strstr(t->string, part))
				return true;
	}
	return false;
}

void figure_expect_near(double found, double expected, const char *what)
{
	cr_expect(fabs(found - expected) < 1e-9 * fabs(expected), "%s: found %.17g, expected %.17g", what,
	          found, expected);
}

/* The value of a run's curve at x, drawn alone. */
double figure_alone(const char *figure, const char *name, double x)
{
	figure_draw(figure, name);
	return figure_at(figure_need_curve("style", "-"), x);
}
