/* Model `sign-trap`: signs stay where Karimireddy et al. 2019 say they stay, and error feedback does not. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "record/record.h"
#include "tests/support/cli.h"

TestSuite(sign_trap, .init = cli_open, .fini = cli_close, .timeout = 120);

/* The losses of a run with a rate that is a power of two, so that signs add up exactly. */
static double *losses(const char *problem, const char *method, const char *lr, size_t *count)
{
	char path[256];
	double *values;
	struct err e = {0};
	cli_write("e.json",
	          "{\"name\":\"e\",\"workers\":3,\"steps\":4096,\"batch\":1,\"momentum\":0,\"eval\":{"
	          "\"every\":0},\"model\":\"sign-trap\",\"lr\":0.0078125}");
	cr_assert_eq(cli("simulate %s/e.json --set model.problem=%s %s --set 'lr=%s' --out %s/e.h5 "
	                 "--overwrite --quiet",
	                 cli_folder, problem, method, lr, cli_folder),
	             0, "%s", cli_err);
	snprintf(path, sizeof path, "%s/e.h5", cli_folder);
	cr_assert_eq(record_column(path, "/steps/loss", &values, count, &e), 0, "%s", e.text);
	cr_assert_eq(*count, 4096);
	return values;
}

#define VOTE     "--set aggregator=vote"
#define FEEDBACK "--set aggregator=mean --set compressor=ef-sign"
#define FALLING  "{\"kind\":\"inverse-sqrt\",\"rate\":0.125}"

/* 1/4 against the mean of the gradients, to the maximum; and to the minimum. */
Test(sign_trap, the_sign_climbs_a_line)
{
	static const struct {
		const char *method;
		double end;
	} cases[] = {{VOTE, 0.25}, {FEEDBACK, -0.25}};
	for (size_t k = 0; k < 2; k++) {
		size_t count;
		double *f = losses("linear", cases[k].method, "0.0078125", &count);
		cr_expect_eq(f[count - 1], cases[k].end, "%s: %g", cases[k].method, f[count - 1]);
		mem_free(f);
	}
}

/* On x1 + x2 = 2 f is 2 e at least, or 8 e^2, with e = 1/2; both are reached, and nothing below. */
Test(sign_trap, signs_stay_on_a_line)
{
	static const struct {
		const char *problem;
		double least;
	} cases[] = {{"subgradient", 1}, {"squares", 2}};
	for (size_t k = 0; k < 2; k++) {
		size_t count;
		double *f = losses(cases[k].problem, VOTE, "0.0078125", &count), least = INFINITY;
		for (size_t i = 0; i < count; i++)
			least = fmin(least, f[i]);
		cr_expect_eq(least, cases[k].least, "%s: %g", cases[k].problem, least);
		mem_free(f);
		f = losses(cases[k].problem, FEEDBACK, FALLING, &count);
		cr_expect_lt(f[count - 1], 0.05, "%s: %g", cases[k].problem, f[count - 1]);
		mem_free(f);
	}
}
