/* A curve drawn with characters: braille dots (2 x 4 a character) in UTF-8, otherwise '.', '\'' and ':'. */
#ifndef SIGNSGD_CMD_UI_CURVE_H
#define SIGNSGD_CMD_UI_CURVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct curve {
	const char *title;
	const char *x_label;
	const double *x, *y; /* [count]; points that are not finite are left out */
	size_t count;
};

/*
 * `columns` wide with the labels. A y that is positive everywhere and spans over two decades is drawn on a
 * logarithmic axis, which the title then says.
 */
void curve_print(FILE *f, const struct curve *c, int columns, bool unicode);

#endif
