/* One method in two spellings: the same run, id and group, from a file, a sweep and the command line. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "experiment/experiment.h"
#include "experiment/identity.h"

#define START "{\"model\":\"quadratic\",\"steps\":5,\"workers\":3,\"momentum\":0,"

static int parse(struct runs *r, const char *text, const char *key, const char *value, struct err *e)
{
	const struct change c = {.key = key, .value = value, .option = "--set"};
	*e = (struct err){0};
	return experiment_parse(r, "x.json", text, strlen(text), &c, key ? 1 : 0, e);
}

/* Both make runs of the same ids, groups, settings and names, one by one. `key`: set in the second; or NULL.
 */
static void same_after(const char *one, const char *other, const char *key, const char *value)
{
	struct runs a, b;
	struct err e;
	cr_assert_eq(parse(&a, one, NULL, NULL, &e), 0, "%s", e.text);
	cr_assert_eq(parse(&b, other, key, value, &e), 0, "%s", e.text);
	cr_assert_eq(a.count, b.count);
	for (size_t i = 0; i < a.count; i++) {
		cr_expect_str_eq(a.at[i].id, b.at[i].id);
		cr_expect_str_eq(a.at[i].group, b.at[i].group);
		cr_expect_str_eq(a.at[i].resolved, b.at[i].resolved);
		cr_expect_str_eq(a.at[i].method, b.at[i].method);
	}
	runs_clear(&a);
	runs_clear(&b);
}

static void same(const char *one, const char *other)
{
	same_after(one, other, NULL, NULL);
}

Test(spelling, both_are_one_experiment)
{
	same(START "\"aggregator\":{\"kind\":\"adam\",\"beta1\":0.5}}",
	     START "\"aggregator\":\"mean\",\"optimizer\":{\"kind\":\"adam\",\"beta1\":0.5}}");
	same(START "\"aggregator\":\"adam\"}", START "\"aggregator\":\"adam\",\"compressor\":\"none\"}");
	same(START "\"aggregator\":{\"kind\":\"sign-mean\",\"zero\":\"abstain\"}}",
	     START "\"aggregator\":\"mean\",\"compressor\":{\"kind\":\"sign\",\"zero\":\"abstain\"}}");
	same(START "\"aggregator\":{\"kind\":\"vote\",\"zero\":\"positive\",\"tie\":\"abstain\"}}",
	     START "\"aggregator\":{\"kind\":\"vote\",\"tie\":\"abstain\"},\"optimizer\":\"sgd\","
	           "\"compressor\":{\"kind\":\"sign\",\"zero\":\"positive\"}}");
	same(START "\"lr\":0.1}", START "\"lr\":0.1,\"compressor\":null,\"optimizer\":null}");
	same(START "\"aggregator\":\"sign-mean\",\"optimizer\":\"adam\"}",
	     START "\"aggregator\":\"mean\",\"compressor\":\"sign\",\"optimizer\":\"adam\"}");
	same(START "\"aggregator\":{\"kind\":\"vote\",\"zero\":\"abstain\"},\"compressor\":\"sign\"}",
	     START "\"compressor\":{\"kind\":\"sign\",\"zero\":\"abstain\"}}");
}

/* A choice that has another name today; and keys that were not there, at what goes without saying. */
Test(spelling, an_id_outlives_the_name_of_a_choice)
{
	static const char *const texts[] = {
	        "\"ef-sign\"",
	        "{\"kind\":\"ef-sign\",\"scope\":\"vector\"}",
	        "{\"kind\":\"ef-sign\",\"scope\":\"whole\",\"two_way\":false}",
	        "{\"kind\":\"ef-sign\",\"scope\":\"layer\"}",
	        "{\"kind\":\"ef-sign\",\"two_way\":true}",
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct runs r;
		struct err e;
		char text[300];
		snprintf(text, sizeof text,
		         "{\"name\":\"e\",\"workers\":3,\"steps\":5,\"batch\":1,\"model\":\"quadratic\","
		         "\"aggregator\":{\"kind\":\"mean\",\"clip_scale\":null},\"compressor\":%s}",
		         texts[i]);
		cr_assert_eq(parse(&r, text, NULL, NULL, &e), 0, "%s", e.text);
		cr_expect_eq(strcmp(r.at[0].id, "760536f712e4") == 0, i < 3, "%s: %s", texts[i], r.at[0].id);
		cr_expect_eq(strstr(r.at[0].resolved, "vector") == NULL, true, "%s", r.at[0].resolved);
		runs_clear(&r);
	}
}

/* Computed by 0.1.0, whose only spelling was the earlier one. */
Test(spelling, ids_are_those_of_the_earlier_one)
{
	static const struct {
		const char *text, *id, *name, *group;
	} cases[] = {
	        {START "\"aggregator\":\"mean\",\"optimizer\":{\"kind\":\"adam\",\"beta1\":0.5}}",
	         "1ed175d10603", "adam",
	         "\"aggregator\":{\"kind\":\"adam\",\"beta1\":0.5,\"beta2\":0.999,\"eps\":1e-08},\"lr\""},
	        {START "\"aggregator\":\"mean\",\"compressor\":{\"kind\":\"sign\",\"zero\":\"abstain\"}}",
	         "062b28995965", "sign-mean",
	         "\"aggregator\":{\"kind\":\"sign-mean\",\"zero\":\"abstain\"},\"lr\""},
	        {START "\"compressor\":{\"kind\":\"sign\",\"zero\":\"positive\"}}", "3eadb8c2f345", "vote",
	         "\"aggregator\":{\"kind\":\"vote\",\"zero\":\"positive\",\"tie\":\"random\"},\"lr\""},
	        {START "\"aggregator\":\"mean\"}", "8a61e966b31c", "mean",
	         "\"aggregator\":{\"kind\":\"mean\"},\"lr\""},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct runs r;
		struct err e;
		cr_assert_eq(parse(&r, cases[i].text, NULL, NULL, &e), 0, "%s", e.text);
		cr_expect_str_eq(r.at[0].id, cases[i].id);
		cr_expect_str_eq(r.at[0].method, cases[i].name);
		cr_expect_not_null(strstr(r.at[0].group, cases[i].group), "%s", r.at[0].group);
		runs_clear(&r);
	}
}

/* What the earlier spelling cannot say is added to it, so that nothing new falls together with it. */
Test(spelling, new_methods_have_ids_of_their_own)
{
	struct runs r;
	struct err e;
	cr_assert_eq(parse(&r,
	                   START "\"sweep\":{\"compressor\":[\"none\",\"sign\"],\"aggregator\":[\"mean\"],"
	                         "\"optimizer\":[\"sgd\",\"adam\"]}}",
	                   NULL, NULL, &e),
	             0, "%s", e.text);
	static const char *const names[] = {"mean", "adam", "sign-mean", "sign-mean, adam"};
	cr_assert_eq(r.count, 4);
	for (size_t i = 0; i < r.count; i++) {
		cr_expect_str_eq(r.at[i].method, names[i]);
		for (size_t k = 0; k < i; k++) {
			cr_expect_str_neq(r.at[i].id, r.at[k].id);
			cr_expect_str_neq(r.at[i].group, r.at[k].group);
		}
	}
	cr_expect_not_null(strstr(r.at[3].group,
	                          "\"aggregator\":{\"kind\":\"sign-mean\",\"zero\":\"random\"},"
	                          "\"optimizer\":{\"kind\":\"adam\""),
	                   "%s", r.at[3].group);
	runs_clear(&r);
}

Test(spelling, sweeps_take_both)
{
	same(START "\"sweep\":{\"aggregator\":[\"vote\",\"mean\",\"adam\",\"sign-mean\"]}}", START
	     "\"sweep\":{\"compressor,aggregator,optimizer\":[[\"sign\",\"vote\",\"sgd\"],[\"none\",\"mean\","
	     "\"sgd\"],[\"none\",\"mean\",\"adam\"],[\"sign\",\"mean\",\"sgd\"]]}}");
	same(START "\"sweep\":{\"aggregator\":[\"mean\",\"adam\"]}}",
	     START "\"aggregator\":\"mean\",\"sweep\":{\"optimizer\":[\"sgd\",\"adam\"]}}");
	same(START "\"sweep\":{\"aggregator\":[\"vote\",\"adam\"]}}",
	     START "\"sweep\":{\"aggregator,optimizer\":[[\"vote\",\"sgd\"],[\"mean\",\"adam\"]]}}");
	same(START "\"aggregator\":\"vote\",\"sweep\":{\"aggregator.zero\":[\"random\",\"abstain\"]}}",
	     START "\"compressor\":\"sign\",\"sweep\":{\"compressor.zero\":[\"random\",\"abstain\"]}}");
	/* `zero` of a vote says nothing of the rules beside it */
	same(START "\"sweep\":{\"aggregator\":[{\"kind\":\"vote\",\"zero\":\"abstain\"},\"mean\"]}}", START
	     "\"aggregator\":{\"kind\":\"vote\",\"zero\":\"positive\"},\"sweep\":{\"aggregator\":[{\"kind\":"
	     "\"vote\",\"zero\":\"abstain\"},\"mean\"]}}");
}

Test(spelling, one_run_in_both_is_there_twice)
{
	struct runs r;
	struct err e;
	cr_expect_eq(
	        parse(&r,
	              START
	              "\"sweep\":{\"aggregator,compressor\":[[\"mean\",\"sign\"],[\"sign-mean\",null]]}}",
	              NULL, NULL, &e),
	        -1);
	cr_expect_not_null(strstr(e.text, "expected each value once"), "%s", e.text);
}

Test(spelling, the_command_line_takes_both)
{
	same_after(START "\"aggregator\":\"adam\"}", START "\"lr\":0.0001}", "aggregator", "adam");
	same_after(START "\"aggregator\":{\"kind\":\"vote\",\"zero\":\"abstain\"}}", START "\"lr\":0.0001}",
	           "aggregator.zero", "abstain");
	same_after(START "\"aggregator\":{\"kind\":\"vote\",\"zero\":\"abstain\"}}", START "\"lr\":0.0001}",
	           "compressor.zero", "abstain");
	/* over a file in the earlier spelling, what is set counts */
	same_after(START "\"aggregator\":{\"kind\":\"vote\",\"zero\":\"abstain\"}}",
	           START "\"aggregator\":{\"kind\":\"vote\",\"zero\":\"positive\"}}", "compressor.zero",
	           "abstain");
	same_after(START "\"aggregator\":\"mean\"}", START "\"aggregator\":\"sign-mean\"}", "compressor",
	           "none");
	same_after(START "\"aggregator\":\"mean\"}", START "\"aggregator\":\"adam\"}", "optimizer", "sgd");
	same_after(START "\"aggregator\":{\"kind\":\"adam\",\"eps\":1}}", START "\"aggregator\":\"adam\"}",
	           "optimizer.eps", "1");
	same_after(START "\"aggregator\":\"mean\"}",
	           START "\"aggregator\":{\"kind\":\"vote\",\"zero\":\"abstain\"}}", "aggregator", "mean");
}

/* The group of a result that does not say it, from either spelling of its settings. */
Test(spelling, groups_of_results_are_the_same)
{
	struct runs r;
	struct err e;
	struct buf group = {0}, again = {0};
	const char *earlier = START "\"aggregator\":\"adam\"}";
	cr_assert_eq(parse(&r, START "\"aggregator\":\"mean\",\"optimizer\":\"adam\"}", NULL, NULL, &e), 0);
	cr_assert_eq(group_of_resolved("r", r.at[0].resolved, &group, &e), 0, "%s", e.text);
	cr_expect_str_eq(group.text, r.at[0].group);
	cr_assert_eq(group_of_resolved("r", earlier, &again, &e), 0, "%s", e.text);
	cr_expect_str_eq(again.text, r.at[0].group);
	buf_clear(&group);
	buf_clear(&again);
	runs_clear(&r);
}

static void refuses(const char *text, const char *phrase)
{
	struct runs r;
	struct err e;
	cr_assert_eq(parse(&r, text, NULL, NULL, &e), -1, "%s", text);
	cr_expect_eq(e.code, EXIT_USER);
	cr_expect_not_null(strstr(e.text, phrase), "\"%s\" is not in: %s", phrase, e.text);
}

Test(spelling, one_thing_is_said_once)
{
	refuses(START "\"aggregator\":\"adam\",\"optimizer\":\"sgd\"}",
	        "optimizer: found it beside aggregator \"adam\", which is \"mean\" with optimizer \"adam\"");
	refuses(START "\"aggregator\":\"sign-mean\",\"compressor\":\"none\"}",
	        "compressor: found it beside aggregator \"sign-mean\"");
	refuses(START
	        "\"aggregator\":{\"kind\":\"vote\",\"zero\":\"random\"},\"compressor\":{\"kind\":\"sign\","
	        "\"zero\":\"random\"}}",
	        "aggregator.zero: found it beside `compressor`");
}

/* A complaint names what was written, and where. */
Test(spelling, complaints_are_about_what_was_written)
{
	refuses(START "\"aggregator\":{\"kind\":\"vote\",\"zero\":\"rndom\"}}",
	        "aggregator.zero: found the string \"rndom\", expected one of \"random\"");
	refuses(START "\"aggregator\":{\"kind\":\"adam\",\"beta3\":1}}",
	        "aggregator.beta3: found an unknown key, expected one of \"kind\", \"beta1\"");
	refuses(START "\"aggregator\":{\"kind\":\"adam\",\"beta2\":1}}",
	        "aggregator.beta2: found the number 1");
	refuses(START "\"aggregator\":\"sign_mean\"}",
	        "\"sign_mean\" is \"mean\" here, with compressor \"sign\"");
	refuses(START "\"aggregator\":\"adamw\"}", "\"adamw\" is \"mean\" here, with optimizer \"adam\"");
}

/* A compressor whose messages are made for a mean brings it; what is said of the aggregator stays said. */
Test(spelling, a_compressor_brings_its_usual_aggregator)
{
	static const char *const usual[] = {"ef-sign",  "scaled-sign", "one-bit", "ssdm",
	                                    "terngrad", "qsgd",        "top-k",   "none"};
	struct runs r;
	struct err e;
	same(START "\"compressor\":\"ssdm\"}", START "\"compressor\":\"ssdm\",\"aggregator\":\"mean\"}");
	same(START "\"compressor\":{\"kind\":\"ssdm\"},\"aggregator\":null}",
	     START "\"compressor\":\"ssdm\",\"aggregator\":\"mean\"}");
	same(START "\"sweep\":{\"compressor\":[\"sign\",\"ssdm\"]}}",
	     START "\"sweep\":{\"compressor,aggregator\":[[\"sign\",\"vote\"],[\"ssdm\",\"mean\"]]}}");
	for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
		char alone[200], both[200];
		snprintf(alone, sizeof alone, START "\"compressor\":\"%s\"}", usual[i]);
		snprintf(both, sizeof both, START "\"compressor\":\"%s\",\"aggregator\":\"mean\"}", usual[i]);
		same(alone, both);
	}
	same_after(START "\"compressor\":\"sign\"}", START "\"compressor\":\"ssdm\"}", "compressor",
	           "\"sign\"");
	cr_assert_eq(parse(&r, START "\"compressor\":\"ssdm\",\"aggregator\":\"vote\"}", NULL, NULL, &e), 0,
	             "%s", e.text);
	cr_expect_str_eq(r.at[0].method, "vote, ssdm");
	runs_clear(&r);
}

Test(spelling, what_does_not_fit_together_is_refused)
{
	refuses(START "\"aggregator\":\"vote\",\"compressor\":\"none\"}",
	        "compressor: aggregator \"vote\" counts signs, and compressor \"none\" sends floats");
	refuses(START "\"aggregator\":\"vote\",\"compressor\":\"ef-sign\"}",
	        "compressor: aggregator \"vote\" counts signs, and compressor \"ef-sign\" sends signs with a "
	        "scale; expected compressor \"sign\", or aggregator \"mean\"");
	refuses(START "\"aggregator\":\"mean\",\"compressor\":\"ef-sign\",\"optimizer\":\"adam\"}",
	        "compressor \"ef-sign\" has the learning rate inside its messages, where that would undo it; "
	        "expected optimizer \"sgd\", or compressor \"none\"");
	refuses(START "\"optimizer\":\"adam\"}",
	        "optimizer \"adam\" steps by floats, and the answer of aggregator \"vote\" is signs");
	refuses("{\"model\":\"quadratic\",\"steps\":5,\"momentum\":0.5,\"aggregator\":\"mean\",\"optimizer\":"
	        "\"adam\"}",
	        "momentum: optimizer \"adam\" keeps its own momentum");
}
