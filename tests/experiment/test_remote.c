/* Settings from another process: of this version and of the one before keys were renamed, and nothing else.
 */
#include <criterion/criterion.h>
#include <string.h>
#include "base/mem.h"
#include "experiment/remote.h"

#define TEXT "{\"model\":\"quadratic\",\"steps\":5,\"record\":{\"sign_failure\":2,\"l1_l2\":0}}"

#define DATA_ID "0123456789ab"

static char received[DATA_ID_SIZE]; /* what the server said of its data */

/* What a server sends of TEXT. */
static void send_settings(struct buf *out)
{
	struct runs r;
	struct err e = {0};
	cr_assert_eq(experiment_parse(&r, "x.json", TEXT, strlen(TEXT), NULL, 0, &e), 0, "%s", e.text);
	settings_remote(&r.at[0], DATA_ID, out);
	runs_clear(&r);
}

static int receive(const char *text, struct err *e)
{
	struct runs r;
	*e = (struct err){0};
	int rc = experiment_remote(&r, received, "server", text, true, NULL, 0, e);
	if (!rc) {
		cr_expect_eq(r.at[0].record.sign_failure, 2);
		runs_clear(&r);
	}
	return rc;
}

/* `from` became `to` in a copy by mem_format(). */
static char *changed(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	cr_assert_not_null(at, "no %s in %s", from, text);
	return mem_format("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

Test(remote, settings_of_this_version_and_of_the_earlier_names_are_taken)
{
	static const char today[] = "\"direction\":{\"kind\":\"momentum\"},\"compressor\":{\"kind\":\"sign\","
	                            "\"zero\":\"random\"},\"aggregator\":"
	                            "{\"kind\":\"vote\",\"tie\":\"random\"},\"optimizer\":{\"kind\":\"sgd\"}",
	                  first[] =
	                          "\"aggregator\":{\"kind\":\"vote\",\"zero\":\"random\",\"tie\":\"random\"}";
	struct buf sent = {0};
	struct err e;
	send_settings(&sent);
	cr_expect_eq(receive(sent.text, &e), 0, "%s", e.text);
	char *one = changed(sent.text, "\"sign_failure\"", "\"sign-failure\"");
	char *two = changed(one, "\"gradient_noise\"", "\"gradient-noise\"");
	char *three = changed(two, "\"l1_l2\"", "\"l1-l2\"");
	char *all = changed(three, today, first);
	cr_expect_eq(receive(all, &e), 0, "%s", e.text);
	cr_expect_eq(receive(three, &e), -1, "spellings of two versions are taken");
	cr_expect_eq(receive(two, &e), -1, "names of two versions are taken");
	cr_expect_not_null(strstr(e.text, "server: found settings that this version would write otherwise"),
	                   "%s", e.text);
	char *defaults = changed(sent.text, "\"sign_failure\":2,", "");
	cr_expect_eq(receive(defaults, &e), -1, "a default that is left out is taken");
	mem_free(one);
	mem_free(two);
	mem_free(three);
	mem_free(all);
	mem_free(defaults);
	buf_clear(&sent);
}

/* A server of an earlier version says nothing of its data; what is no fingerprint is no key of ours. */
Test(remote, the_fingerprint_of_the_data_comes_with_the_settings)
{
	struct buf sent = {0};
	struct err e;
	send_settings(&sent);
	cr_expect_eq(receive(sent.text, &e), 0, "%s", e.text);
	cr_expect_str_eq(received, DATA_ID);
	char *earlier = changed(sent.text, "\"data_id\":\"" DATA_ID "\",", "");
	cr_expect_eq(receive(earlier, &e), 0, "%s", e.text);
	cr_expect_str_empty(received);
	static const char *const wrong[] = {"0123456789a", "0123456789abc", "0123456789aB",
	                                    "\\u0030123456789ab", ""};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		char *bad = changed(sent.text, DATA_ID, wrong[i]);
		cr_expect_eq(receive(bad, &e), -1, "%s was taken", wrong[i]);
		cr_expect_not_null(strstr(e.text, "data_id"), "%s", e.text);
		mem_free(bad);
	}
	mem_free(earlier);
	buf_clear(&sent);
}
