/* plots/bands.py, where means and bands over seeds are computed: beside scipy's numbers
 * (tests/golden/make_bands.py). */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include "tests/support/figure.h"

TestSuite(bands, .init = figure_open, .fini = figure_close, .timeout = 60);

Test(bands, are_those_of_scipy)
{
	char said[512];
	snprintf(said, sizeof said, "%s/said", cli_folder);
	bool same = process_shell("$SIGNSGD_PYTHON tests/support/bands_values.py >%s 2>&1", said);
	cr_expect(same, "%s", file_text(said, cli_out, sizeof cli_out));
	file_text(said, cli_out, sizeof cli_out);
	cr_expect_gt(atoi(cli_out), 4000, "%s", cli_out);
}
