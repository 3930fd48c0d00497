/* For tests of figures: what a figure shows, in numbers (support/figure_values.py). */
#ifndef SIGNSGD_TESTS_SUPPORT_FIGURE_H
#define SIGNSGD_TESTS_SUPPORT_FIGURE_H

#include <stdbool.h>
#include "tests/support/cli.h"

enum { FIGURE_POINTS = 64 };

/* What the last figure showed, a line of JSON each. */
extern struct json *figure_lines[CLI_LINES];
extern size_t figure_n_lines;

/* A suite's init and fini: a python that can draw, or the test is skipped. They do what cli_open() does. */
void figure_open(void);
void figure_close(void);

/* Draw `names` (with blanks between) of the test's folder; options among them go to the script. What it said
 * is in cli_err. */
void figure_draw(const char *figure, const char *names);
/* A text of a line. */
const char *figure_text(const struct json *line, const char *key);
/* The first curve whose label has this in it, or the only one of that line style or marker. NULL, or the end
 * of the test. */
const struct json *figure_curve(const char *key, const char *part);
const struct json *figure_need_curve(const char *key, const char *part);
/* How many lines, panels, bands or legends there are. */
size_t figure_count(const char *what);
/* Copy a curve's numbers; NaN for null. Returns how many there are. */
size_t figure_numbers(const struct json *line, const char *key, double out[FIGURE_POINTS]);
/* The value of a curve at x; NaN where it has no point. */
double figure_at(const struct json *line, double x);
/* Does the legend say it? */
bool figure_told(const char *part);
void figure_expect_near(double found, double expected, const char *what);
/* The value of a run's curve at x, drawn alone. */
double figure_alone(const char *figure, const char *name, double x);

#endif
