/* Probes of a full pass: which wishes are refused and with which words, and what is announced of the others.
 */
#include <criterion/criterion.h>
#include <string.h>
#include "tests/support/probed_run.h"
#include "tests/support/train.h"

enum { K = PROBED_BATCHES };

static void refuses(const char *text, const char *expected)
{
	struct runs r;
	struct err e = {0};
	cr_assert_eq(experiment_parse(&r, "x.json", text, strlen(text), NULL, 0, &e), -1, "accepted: %s",
	             text);
	cr_expect_eq(e.code, EXIT_USER);
	cr_expect(strstr(e.text, expected) && strstr(e.text, "record"), "\"%s\" is not in: %s", expected,
	          e.text);
}

Test(probe_check, impossible_wishes_are_refused)
{
	refuses("{\"model\":\"quadratic\",\"steps\":5,\"record\":{\"snr\":1}}",
	        "snr: a full pass needs training samples, and data \"none\" has none");
	refuses("{\"model\":\"quadratic\",\"steps\":5,\"record\":{\"gradient_noise\":{\"epochs\":[1],"
	        "\"random\":1}}}",
	        "gradient_noise.epochs: data \"none\" has no epochs");
	refuses("{" PROBED_RUN ",\"record\":{\"gradient_noise\":{\"at\":[7],\"random\":1}}}",
	        "step 7 is never reached");
	refuses("{" PROBED_RUN ",\"record\":{\"gradient_noise\":{\"epochs\":[1.5],\"random\":1}}}",
	        "epoch 1.5 begins after step 8");
	refuses("{" PROBED_RUN ",\"record\":{\"gradient_noise\":{\"at\":[0]}}}",
	        "give `weights` or `random`");
	refuses("{" PROBED_RUN ",\"record\":{\"gradient_noise\":{\"random\":1}}}",
	        "give `at`, `epochs` or `every`");
	refuses("{" PROBED_RUN ",\"record\":{\"gradient_noise\":{\"at\":[0],\"weights\":[7850]}}}",
	        "weight 7850 does not exist: weights are 0 to 7849");
	refuses("{" PROBED_RUN ",\"record\":{\"gradient_noise\":{\"at\":[0],\"weights\":[3,3]}}}",
	        "named twice");
	refuses("{" PROBED_RUN ",\"record\":{\"gradient_noise\":{\"at\":[5,0,5],\"random\":1}}}",
	        "step 5 is named twice");
	refuses("{" PROBED_RUN ",\"record\":{\"gradient_noise\":{\"at\":[0,0],\"random\":1}}}",
	        "step 0 is named twice by `at`; give each time once");
	refuses("{" PROBED_RUN ",\"record\":{\"gradient_noise\":{\"at\":[3],\"epochs\":[0,0],\"random\":1}}}",
	        "step 0 is named twice by `epochs`; give each time once");
	refuses("{" PROBED_RUN ",\"record\":{\"gradient_noise\":{\"at\":[6],\"epochs\":[0,1],\"random\":1}}}",
	        "step 6 is named twice");
	refuses("{" PROBED_RUN ",\"record\":{\"gradient_noise\":{\"epochs\":[0.9,0.95],\"random\":1}}}",
	        "step 5 is named twice");
	refuses("{\"model\":\"softmax\",\"data\":{\"kind\":\"glyphs\",\"train\":19},\"batch\":10,\"steps\":1,"
	        "\"record\":{\"l1_l2\":1}}",
	        "19 samples make 1 of 10");
}

Test(probe_check, epochs_are_steps)
{
	struct runs runs;
	const struct settings *s = train_settings(
	        &runs,
	        "{" PROBED_RUN ",\"record\":{\"gradient_noise\":{\"epochs\":[0,0.9,1],\"random\":1}}}");
	cr_assert_eq(s->record.noise.at.count, 3); /* a shard of 51 samples is 5.1 steps */
	cr_expect_eq(s->record.noise.at.at[0], 0);
	cr_expect_eq(s->record.noise.at.at[1], 5);
	cr_expect_eq(s->record.noise.at.at[2], 6);
	runs_clear(&runs);
}

Test(probe_check, bytes_are_announced)
{
	struct runs bare, probed;
	struct plan without, with;
	const struct settings *a = train_settings(&bare, "{" PROBED_RUN "}"),
	                      *b = train_settings(&probed, PROBED_ALL);
	trainer_plan(a, 1, &without);
	trainer_plan(b, 1, &with);
	size_t sums = 2 * 7850 * sizeof(double), rows = 2 * 4 * K * sizeof(float);
	cr_expect_geq(with.record, without.record + sums + 2 * rows); /* values in a buffer and in the file */
	cr_expect_leq(with.record, without.record + sums + (64 << 10));
	runs_clear(&bare);
	runs_clear(&probed);
}
