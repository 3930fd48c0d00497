/* Probes of a full pass: which wishes are refused and with which words, and what is announced of the others.
 */
#include <criterion/criterion.h>
#include "tests/support/train.h"

/* 103 samples in batches of 10: a pass has K = 10. */
#define RUN                                                                                                  \
	"\"seed\":3,\"workers\":2,\"steps\":6,\"batch\":10,\"lr\":0.01,\"momentum\":0.5,\"model\":"          \
	"\"softmax\","                                                                                       \
	"\"data\":{\"kind\":\"glyphs\",\"train\":103,\"test\":20},\"eval\":{\"every\":0}"
#define PROBED                                                                                               \
	"{" RUN                                                                                              \
	",\"record\":{\"gradient_noise\":{\"at\":[0,4],\"weights\":[7845,5],\"random\":2},\"snr\":3,"        \
	"\"l1_l2\":2}}"

enum { K = 10 };

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
	refuses("{" RUN ",\"record\":{\"gradient_noise\":{\"at\":[7],\"random\":1}}}",
	        "step 7 is never reached");
	refuses("{" RUN ",\"record\":{\"gradient_noise\":{\"epochs\":[1.5],\"random\":1}}}",
	        "epoch 1.5 begins after step 8");
	refuses("{" RUN ",\"record\":{\"gradient_noise\":{\"at\":[0]}}}", "give `weights` or `random`");
	refuses("{" RUN ",\"record\":{\"gradient_noise\":{\"random\":1}}}", "give `at`, `epochs` or `every`");
	refuses("{" RUN ",\"record\":{\"gradient_noise\":{\"at\":[0],\"weights\":[7850]}}}",
	        "weight 7850 does not exist: weights are 0 to 7849");
	refuses("{" RUN ",\"record\":{\"gradient_noise\":{\"at\":[0],\"weights\":[3,3]}}}", "named twice");
	refuses("{\"model\":\"softmax\",\"data\":{\"kind\":\"glyphs\",\"train\":19},\"batch\":10,\"steps\":1,"
	        "\"record\":{\"l1_l2\":1}}",
	        "19 samples make 1 of 10");
}

Test(probe_check, epochs_are_steps)
{
	struct runs runs;
	const struct settings *s = train_settings(
	        &runs, "{" RUN ",\"record\":{\"gradient_noise\":{\"epochs\":[0,0.9,1],\"random\":1}}}");
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
	const struct settings *a = train_settings(&bare, "{" RUN "}"), *b = train_settings(&probed, PROBED);
	trainer_plan(a, 1, &without);
	trainer_plan(b, 1, &with);
	size_t sums = 2 * 7850 * sizeof(double), rows = 2 * 4 * K * sizeof(float);
	cr_expect_geq(with.record, without.record + sums + 2 * rows); /* values in a buffer and in the file */
	cr_expect_leq(with.record, without.record + sums + (64 << 10));
	runs_clear(&bare);
	runs_clear(&probed);
}
