/* What figures group runs by: the settings that make an experiment, whatever the seed and however it is run
 * and watched. */
#include <criterion/criterion.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/mem.h"
#include "experiment/experiment.h"
#include "experiment/identity.h"
#include "tests/support/file.h"

#define TOY  "\"model\":\"quadratic\",\"steps\":5,\"workers\":4"
#define BASE "{" TOY "}"

static char folder[FOLDER_SIZE];

static void leave(void)
{
	folder_remove(folder);
}

static void enter(void)
{
	folder_make(folder);
}

TestSuite(group, .init = enter, .fini = leave);

static void parse(struct runs *r, const char *text)
{
	struct err e = {0};
	cr_assert_eq(experiment_parse(r, "x.json", text, strlen(text), NULL, 0, &e), 0, "%s\n%s", text,
	             e.text);
}

static bool same_group(const char *text, const char *other)
{
	struct runs a, b;
	parse(&a, text);
	parse(&b, other);
	bool same = !strcmp(a.at[0].group, b.at[0].group);
	runs_clear(&a);
	runs_clear(&b);
	return same;
}

Test(group, is_the_experiment)
{
	static const char *const same[] = {"{" TOY ",\"seed\":7}",
	                                   "{" TOY ",\"name\":\"other\"}",
	                                   "{" TOY ",\"out\":\"there.h5\",\"data_dir\":\"/data\"}",
	                                   "{" TOY ",\"transport\":\"zmq\"}",
	                                   "{" TOY ",\"transport\":{\"kind\":\"zmq\",\"buckets\":3}}",
	                                   "{" TOY ",\"eval\":{\"every\":1},\"record\":{\"norms\":2}}",
	                                   "{" TOY ",\"checkpoint\":{\"every\":3},\"backend\":\"ref\"}",
	                                   "{" TOY ",\"adversaries\":{\"count\":0,\"attack\":\"flip\"}}"};
	static const char *const other[] = {"{" TOY ",\"momentum\":0.8}",
	                                    "{" TOY ",\"adversaries\":{\"count\":1}}", "{" TOY ",\"lr\":0.5}",
	                                    "{" TOY ",\"batch\":7}"};
	for (size_t i = 0; i < sizeof same / sizeof *same; i++)
		cr_expect(same_group(BASE, same[i]), "%s", same[i]);
	for (size_t i = 0; i < sizeof other / sizeof *other; i++)
		cr_expect_not(same_group(BASE, other[i]), "%s", other[i]);
	cr_expect_not(same_group("{" TOY ",\"adversaries\":{\"count\":1}}",
	                         "{" TOY ",\"adversaries\":{\"ids\":[3]}}"));
}

/* A file without it says as much in its resolved settings. */
static size_t expect_group_of_resolved(const char *path)
{
	struct runs r;
	struct err e = {0};
	if (experiment_read(&r, path, NULL, 0, &e))
		return 0; /* its data is not here */
	for (size_t i = 0; i < r.count; i++) {
		struct buf group = {0};
		if (r.at[i].epochs_given > 0)
			continue; /* they are not in the resolved settings */
		cr_expect_eq(group_of_resolved(path, r.at[i].resolved, &group, &e), 0, "%s", e.text);
		cr_expect_str_eq(group.text, r.at[i].group, "%s", path);
		buf_clear(&group);
	}
	size_t count = r.count;
	runs_clear(&r);
	return count;
}

Test(group, follows_from_the_resolved_settings)
{
	glob_t found;
	size_t count = 0;
	cr_assert_eq(glob("experiments/*.json", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++)
		count += expect_group_of_resolved(found.gl_pathv[i]);
	cr_expect_gt(count, 50);
	globfree(&found);
}

/* Windows of random length make as many epochs more steps under the one seed than under the other. */
Test(group, has_seeds_whose_epochs_are_other_steps)
{
	char path[128], text[2048], given[512];
	struct runs r;
	bool differ = false;
	snprintf(path, sizeof path, "%s/t.txt", folder);
	for (size_t i = 0; i < sizeof text - 1; i++)
		text[i] = "abcde "[i * i % 6];
	text[sizeof text - 1] = 0;
	file_put_text(path, text);
	snprintf(given, sizeof given,
	         "{\"model\":\"qrnn\",\"epochs\":4,\"batch\":1,\"seeds\":[1,2,3,4],\"data_dir\":\"%s\","
	         "\"data\":{\"kind\":\"text\",\"train\":\"t.txt\",\"bptt\":10,\"random_length\":true}}",
	         folder);
	parse(&r, given);
	for (size_t i = 1; i < r.count; i++) {
		differ |= r.at[i].steps != r.at[0].steps;
		cr_expect_str_eq(r.at[i].group, r.at[0].group);
		cr_expect_str_neq(r.at[i].id, r.at[0].id);
	}
	cr_expect(differ, "all have %lld steps", (long long)r.at[0].steps);
	cr_expect_not_null(strstr(r.at[0].group, "\"steps\":0,\"epochs\":4,"), "%s", r.at[0].group);
	runs_clear(&r);
}

/* A transport that this build does not have, and names that keys had in 0.1.0. */
Test(group, of_an_earlier_program_is_the_same)
{
	struct runs r;
	struct err e = {0};
	struct buf group = {0};
	parse(&r, BASE);
	cr_assert_eq(group_of_resolved("old.h5",
	                               "{" TOY ",\"transport\":{\"kind\":\"pigeons\"},"
	                               "\"record\":{\"sign-failure\":3}}",
	                               &group, &e),
	             0, "%s", e.text);
	cr_expect_str_eq(group.text, r.at[0].group);
	cr_expect_eq(group_of_resolved("old.h5", "{\"model\":\"quadratc\"}", &group, &e), -1);
	cr_expect_not_null(strstr(e.text, "old.h5"), "%s", e.text);
	cr_expect_not_null(strstr(e.text, "quadratic"), "%s", e.text);
	buf_clear(&group);
	runs_clear(&r);
}

/* Files that parameters begin with differ by their content; the file of an old result may be gone. */
Test(group, knows_the_file_that_parameters_begin_with)
{
	char text[512], path[128];
	struct runs a, b;
	struct buf group = {0};
	struct err e = {0};
	snprintf(path, sizeof path, "%s/first.h5", folder);
	snprintf(text, sizeof text, "{" TOY ",\"init\":{\"kind\":\"file\",\"path\":\"%s\"}}", path);
	file_put_text(path, "one");
	parse(&a, text);
	file_put_text(path, "two");
	parse(&b, text);
	cr_expect_not_null(strstr(a.at[0].group, "\"init_sha256\":\""), "%s", a.at[0].group);
	cr_expect_str_neq(a.at[0].group, b.at[0].group);
	unlink(path);
	cr_expect_eq(group_of_resolved("old.h5", a.at[0].resolved, &group, &e), 0, "%s", e.text);
	cr_expect_not_null(strstr(group.text, path), "%s", group.text);
	buf_clear(&group);
	runs_clear(&a);
	runs_clear(&b);
}
