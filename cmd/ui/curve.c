/* Curves in a terminal: points joined by straight lines on a grid of dots. */
#include "cmd/ui/curve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

enum { ROWS = 10, LABEL = 10, COLUMNS_LEAST = 30 };
static const double DECADES_FOR_LOG = 2;

struct grid {
	int columns;           /* characters; ROWS of them high */
	int dots_x, dots_y;    /* a character */
	unsigned char *dots;   /* [ROWS * dots_y][columns * dots_x] */
	double x0, x1, y0, y1; /* what the edges mean */
	bool logarithmic;
};

static double height(const struct grid *g, double y)
{
	return g->logarithmic ? log10(y) : y;
}

static bool visible(const struct curve *c, size_t i)
{
	return isfinite(c->x[i]) && isfinite(c->y[i]);
}

/* The ranges of both axes. Returns the number of points to draw. */
static size_t measure(struct grid *g, const struct curve *c)
{
	size_t seen = 0;
	double low = INFINITY, high = -INFINITY;

	g->x0 = INFINITY;
	g->x1 = -INFINITY;
	for (size_t i = 0; i < c->count; i++) {
		if (!visible(c, i))
			continue;
		seen++;
		g->x0 = fmin(g->x0, c->x[i]);
		g->x1 = fmax(g->x1, c->x[i]);
		low = fmin(low, c->y[i]);
		high = fmax(high, c->y[i]);
	}
	g->logarithmic = seen && low > 0 && log10(high / low) > DECADES_FOR_LOG;
	g->y0 = height(g, low);
	g->y1 = height(g, high);
	return seen;
}

static int dot_at(double value, double from, double to, int dots)
{
	if (!(to > from))
		return dots / 2;
	return (int)lround((value - from) / (to - from) * (dots - 1));
}

static void line(struct grid *g, int x, int y, int to_x, int to_y)
{
	int wide = g->columns * g->dots_x, high = ROWS * g->dots_y;
	int steps = to_x - x > abs(to_y - y) ? to_x - x : abs(to_y - y);

	for (int s = 0; s <= steps; s++) {
		double share = steps ? (double)s / steps : 0;
		int px = x + (int)lround(share * (to_x - x));
		int py = y + (int)lround(share * (to_y - y));
		g->dots[(high - 1 - py) * wide + px] = 1;
	}
}

static void draw(struct grid *g, const struct curve *c)
{
	int last_x = -1, last_y = 0;

	for (size_t i = 0; i < c->count; i++) {
		if (!visible(c, i))
			continue;
		int x = dot_at(c->x[i], g->x0, g->x1, g->columns * g->dots_x);
		int y = dot_at(height(g, c->y[i]), g->y0, g->y1, ROWS * g->dots_y);
		line(g, last_x < 0 ? x : last_x, last_x < 0 ? y : last_y, x, y);
		last_x = x;
		last_y = y;
	}
}

/* The dots of one character as bits, numbered as Unicode numbers the dots of braille. */
static unsigned character(const struct grid *g, int row, int column)
{
	static const unsigned char bit[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
	unsigned dots = 0;

	for (int y = 0; y < g->dots_y; y++)
		for (int x = 0; x < g->dots_x; x++)
			if (g->dots[(row * g->dots_y + y) * g->columns * g->dots_x + column * g->dots_x + x])
				dots |= bit[y][x];
	return dots;
}

static void print_row(FILE *f, const struct grid *g, int row, bool unicode)
{
	static const char ascii[4] = {' ', '\'', '.', ':'};
	int used = g->columns;

	while (used && !character(g, row, used - 1))
		used--;
	for (int column = 0; column < used; column++) {
		unsigned dots = character(g, row, column);
		if (!unicode)
			fputc(ascii[dots & 3], f);
		else if (dots)
			fprintf(f, "\xe2%c%c", (char)(0xa0 | dots >> 6), (char)(0x80 | (dots & 0x3f)));
		else
			fputc(' ', f);
	}
	fputc('\n', f);
}

static void print_grid(FILE *f, const struct grid *g, bool unicode)
{
	for (int row = 0; row < ROWS; row++) {
		double y = g->y1 + (g->y0 - g->y1) * row / (ROWS - 1);
		bool labelled = row == 0 || row == ROWS - 1 || row == (ROWS - 1) / 2;
		if (labelled)
			fprintf(f, "%*.4g ", LABEL - 1, g->logarithmic ? pow(10, y) : y);
		else
			fprintf(f, "%*s", LABEL, "");
		fputs(unicode ? "\xe2\x94\x82" : "|", f);
		print_row(f, g, row, unicode);
	}
}

/* The x axis, and below it its ends with the label between them where it fits. */
static void print_x_axis(FILE *f, const struct grid *g, const char *label, bool unicode)
{
	char from[32], to[32];
	int left = snprintf(from, sizeof(from), "%.6g", g->x0);
	int right = snprintf(to, sizeof(to), "%.6g", g->x1);
	int gap = g->columns - left - right, middle = (int)strlen(label);

	fprintf(f, "%*s%s", LABEL, "", unicode ? "\xe2\x94\x94" : "+");
	for (int i = 0; i < g->columns; i++)
		fputs(unicode ? "\xe2\x94\x80" : "-", f);
	if (gap < middle + 2) {
		label = "";
		middle = 0;
	}
	int before = (gap - middle) / 2;
	fprintf(f, "\n%*s%s%*s%s%*s%s\n", LABEL + 1, "", from, before, "", label, gap - middle - before, "",
	        to);
}

void curve_print(FILE *f, const struct curve *c, int columns, bool unicode)
{
	struct grid g = {.dots_x = unicode ? 2 : 1, .dots_y = unicode ? 4 : 2};

	if (measure(&g, c) < 2) {
		fprintf(f, "%s: fewer than two points so far, no curve\n", c->title);
		return;
	}
	g.columns = (columns < COLUMNS_LEAST ? COLUMNS_LEAST : columns) - LABEL - 1;
	g.dots = mem_alloc((size_t)(g.columns * g.dots_x) * (size_t)(ROWS * g.dots_y));
	draw(&g, c);
	fprintf(f, "%s%s\n", c->title, g.logarithmic ? " (logarithmic)" : "");
	print_grid(f, &g, unicode);
	print_x_axis(f, &g, c->x_label, unicode);
	mem_free(g.dots);
}
