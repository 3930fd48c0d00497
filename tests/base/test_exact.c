/* Lengths in epochs as whole steps: against integers, at the bounds, and where doubles are one step off. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include "base/exact.h"

#define TWO53 INT64_C(9007199254740992)

/* Every number of thousandths, against the same product in integers. Doubles are off for many of them. */
Test(exact, thousandths_of_an_epoch)
{
	static const struct ratio epochs[] = {{100, 1}, {1600, 32},  {50000, 24},
	                                      {21, 19}, {7142, 128}, {1, 3}};
	size_t off = 0;
	for (size_t i = 0; i < sizeof epochs / sizeof *epochs; i++) {
		struct ratio r = epochs[i];
		for (int64_t k = 0; k < 20000; k++) {
			int64_t expected = (k * r.over + 1000 * r.under - 1) / (1000 * r.under);
			double x = (double)k / 1000; /* the double nearest to the decimal */
			cr_assert_eq(ratio_ceil(x, r), expected, "%g of %lld/%lld", x, (long long)r.over,
			             (long long)r.under);
			off += ceil(x * ((double)r.over / (double)r.under)) != (double)expected;
		}
	}
	cr_expect_gt(off, 500, "only %zu would be wrong in double", off);
}

Test(exact, bounds_of_a_length)
{
	cr_expect_eq(ratio_ceil(0, (struct ratio){5, 1}), 0);
	cr_expect_eq(ratio_ceil(5e-324, (struct ratio){TWO53, 1}), 1);
	cr_expect_eq(ratio_ceil(1e-15, (struct ratio){TWO53, 1}), 10);
	cr_expect_eq(ratio_ceil(0.3333333333333333, (struct ratio){3, 1}), 1);
	cr_expect_eq(ratio_ceil(1, (struct ratio){TWO53, 1}), TWO53);
	cr_expect_eq(ratio_ceil(2, (struct ratio){TWO53, 2}), TWO53);
	cr_expect_eq(ratio_ceil(1.0000000000000002, (struct ratio){TWO53, 1}), -1);
	cr_expect_eq(ratio_ceil(1e9, (struct ratio){TWO53, 1}), -1);
	cr_expect_eq(ratio_ceil(1e308, (struct ratio){1, TWO53}), -1);
	cr_expect_eq(ratio_ceil(1e22, (struct ratio){1, TWO53}), 1110224);
}

Test(exact, when_a_length_is_over)
{
	struct ratio r = {21, 19}, largest = {TWO53, 1};
	cr_expect(!ratio_reached(20, 19, r) && ratio_reached(21, 19, r));
	cr_expect_eq(ratio_count(20, 19, r), 0);
	cr_expect_eq(ratio_count(21, 19, r), 1);
	cr_expect_eq(ratio_count(2 * 21 - 1, 19, r), 1);
	cr_expect(ratio_reached(0, 0, r));
	cr_expect(!ratio_reached(TWO53, TWO53, largest));
	cr_expect_eq(ratio_count(TWO53, TWO53, largest), 0);
	cr_expect_eq(ratio_count(TWO53, 1, (struct ratio){1, 1}), TWO53);
	cr_expect_eq(ratio_value(r), 21.0 / 19.0);
	cr_expect_eq(ratio_value((struct ratio){0, 0}), 0);
}

Test(exact, text_is_the_shortest_that_reads_back)
{
	static const char *const written[] = {"0.07",   "1e-300",
	                                      "1.1",    "0.1",
	                                      "1e+22",  "0.3333333333333333",
	                                      "5e-324", "1.7976931348623157e+308"};
	char text[32];
	for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
		exact_text(strtod(written[i], NULL), text);
		cr_expect_eq(strtod(text, NULL), strtod(written[i], NULL));
		if (i != 6) /* 15 digits of the smallest number are no fewer */
			cr_expect_str_eq(text, written[i]);
	}
}

/* 0.29 * 100 is 28.999999999999996. */
Test(exact, floors_are_those_of_the_decimal_number)
{
	cr_expect_eq(ratio_floor(0.29, (struct ratio){100, 1}), 29);
	cr_expect_eq(ratio_floor(0.289, (struct ratio){100, 1}), 28);
	cr_expect_eq(ratio_floor(1, (struct ratio){103, 1}), 103);
	cr_expect_eq(ratio_floor(0, (struct ratio){103, 1}), 0);
	cr_expect_eq(ratio_floor(5e-324, (struct ratio){TWO53, 1}), 0);
	cr_expect_eq(ratio_floor(2, (struct ratio){TWO53, 1}), -1);
}
