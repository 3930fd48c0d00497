/* Whole numbers of 128 bits, which hold every product of the bounds in base/exact.h. */
#include "base/exact.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef unsigned __int128 wide;

/* A number as digits * 10^exponent; digits < 10^17. */
struct decimal {
	uint64_t digits;
	int exponent;
};

void exact_text(double x, char out[32])
{
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(out, 32, "%.*g", digits, x);
		if (strtod(out, NULL) == x)
			break;
	}
}

static struct decimal decimal_of(double x)
{
	struct decimal d = {0, 0};
	char text[32];
	bool fraction = false;
	exact_text(x, text);
	const char *p = text;
	for (; *p && *p != 'e'; p++) {
		if (*p == '.') {
			fraction = true;
			continue;
		}
		d.digits = 10 * d.digits + (uint64_t)(*p - '0');
		d.exponent -= fraction;
	}
	if (*p == 'e')
		d.exponent += (int)strtol(p + 1, NULL, 10);
	return d;
}

/* *x = 10^power *x. false when 128 bits do not hold it; then it is 2^128 or more. */
static bool times_ten(wide *x, int power)
{
	for (; power > 0 && *x; power--)
		if (__builtin_mul_overflow(*x, (wide)10, x))
			return false;
	return true;
}

double ratio_value(struct ratio r)
{
	return r.over ? (double)r.over / (double)r.under : 0;
}

/* x r, down to a whole number, or up. */
static int64_t whole(double x, struct ratio r, bool up)
{
	struct decimal d = decimal_of(x);
	wide over = (wide)d.digits * (wide)r.over, under = (wide)r.under; /* over < 2^57 2^53 */
	if (!times_ten(&over, d.exponent))
		return -1; /* 2^128 / 2^53 is more than 2^53 */
	if (!times_ten(&under, -d.exponent))
		return up && over > 0; /* below 2^110 / 2^128 */
	wide n = over / under + (up && over % under != 0);
	return n <= (wide)EXACT_MAX ? (int64_t)n : -1;
}

int64_t ratio_ceil(double x, struct ratio r)
{
	return whole(x, r, true);
}

int64_t ratio_floor(double x, struct ratio r)
{
	return whole(x, r, false);
}

int64_t ratio_count(int64_t n, int64_t length, struct ratio r)
{
	return (int64_t)((wide)n * (wide)r.under / ((wide)length * (wide)r.over));
}

bool ratio_reached(int64_t n, int64_t length, struct ratio r)
{
	return (wide)n * (wide)r.under >= (wide)length * (wide)r.over;
}
