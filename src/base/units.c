/* Numbers with units. */
#include "base/units.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/text.h"

struct unit {
	const char *name;
	double size;
};

static const struct unit rates[] = {{"bit", 1}, {"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}, {NULL, 0}};
static const struct unit times[] = {{"us", 1e-6}, {"ms", 1e-3}, {"s", 1}, {"min", 60}, {NULL, 0}};

static const struct unit amounts[] = {{"B", 1},        {"kB", 1e3},     {"MB", 1e6},     {"GB", 1e9},
                                      {"TB", 1e12},    {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30},
                                      {"TiB", 0x1p40}, {NULL, 0}};

/* Digits, a point, an exponent: none of the other things that strtod() reads. */
static int number_of(const char *text, const char **rest, double *out)
{
	char *end;

	if (text[0] != '.' && (text[0] < '0' || text[0] > '9'))
		return -1;
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		return -1;
	*out = strtod(text, &end);
	*rest = end;
	return end == text || !isfinite(*out) ? -1 : 0;
}

static int read(const char *text, const struct unit *units, double *out)
{
	const char *rest;
	double number;

	if (number_of(text, &rest, &number))
		return -1;
	rest += *rest == ' ';
	for (; units->name; units++) {
		if (strcasecmp(rest, units->name))
			continue;
		*out = number * units->size;
		return isfinite(*out) ? 0 : -1;
	}
	return -1;
}

int units_rate(const char *what, const char *text, double *bits_per_s, struct err *e)
{
	char shown[80];
	double value;

	if (read(text, rates, &value) || !(value > 0))
		return err_user(e,
		                "%s: found '%s', expected a number above 0 with bit, kbit, mbit or gbit, as "
		                "in 100mbit",
		                what, text_shown(text, shown, sizeof(shown)));
	*bits_per_s = value;
	return 0;
}

int units_time(const char *what, const char *text, double *seconds, struct err *e)
{
	char shown[80];
	double value;

	if (read(text, times, &value))
		return err_user(e, "%s: found '%s', expected a number with us, ms, s or min, as in 50us",
		                what, text_shown(text, shown, sizeof(shown)));
	*seconds = value;
	return 0;
}

int units_memory(const char *what, const char *text, double *bytes, struct err *e)
{
	char shown[80];
	double value;

	if (read(text, amounts, &value) || !(value > 0))
		return err_user(
		        e, "%s: found '%s', expected a number above 0 with MiB, GiB, MB or GB, as in 2GiB",
		        what, text_shown(text, shown, sizeof(shown)));
	*bytes = value;
	return 0;
}

/* Three digits of value / size with its unit. */
static void write_unit(double value, double size, const char *unit, char out[32])
{
	double shown = value / size;
	int digits = shown < 9.995 ? 2 : shown < 99.95 ? 1 : 0;

	snprintf(out, 32, "%.*f", digits, shown);
	if (strchr(out, '.')) {
		size_t last = strlen(out);
		while (out[last - 1] == '0')
			out[--last] = '\0';
		if (out[last - 1] == '.')
			out[last - 1] = '\0';
	}
	size_t used = strlen(out);
	snprintf(out + used, 32 - used, " %s", unit);
}

void units_rate_text(double v, char out[32])
{
	if (v < 1e6)
		write_unit(v, 1e3, "kbit/s", out);
	else if (v < 1e9)
		write_unit(v, 1e6, "Mbit/s", out);
	else
		write_unit(v, 1e9, "Gbit/s", out);
}

void units_time_text(double v, char out[32])
{
	if (v < 0.9995e-3)
		write_unit(v, 1e-6, "us", out);
	else if (v < 0.9995)
		write_unit(v, 1e-3, "ms", out);
	else if (v < 99.95)
		write_unit(v, 1, "s", out);
	else if (v < 5997)
		write_unit(v, 60, "min", out);
	else
		write_unit(v, 3600, "h", out);
}

void units_bytes_text(double v, char out[32])
{
	if (v < 999.5)
		write_unit(v, 1, "B", out);
	else if (v < 999.5e3)
		write_unit(v, 1e3, "kB", out);
	else if (v < 999.5e6)
		write_unit(v, 1e6, "MB", out);
	else if (v < 999.5e9)
		write_unit(v, 1e9, "GB", out);
	else
		write_unit(v, 1e12, "TB", out);
}
