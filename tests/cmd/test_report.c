/* `signsgd report`: a page whose numbers are those of the files, that any browser shows without loading
 * anything, and that no file can break. What is on it is read by support/page_values.py. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/support/figure.h"

TestSuite(report, .init = figure_open, .fini = figure_close, .timeout = 180);

/* Two rules, two attacks, and what more the sweep has; the results are in runs/ of the test's folder. */
static void simulate_swept(const char *more)
{
	char text[1024];
	snprintf(text, sizeof text,
	         "{\"name\":\"page\",\"workers\":7,\"steps\":24,\"batch\":4,\"momentum\":0.5,\"lr\":0.1,"
	         "\"model\":{\"kind\":\"softmax\"},\"compressor\":\"none\",\"data\":{\"kind\":\"glyphs\","
	         "\"train\":280,\"test\":100},\"adversaries\":{\"count\":2},\"eval\":{\"every\":3,\"train\":"
	         "50},"
	         "\"record\":{\"kappa\":6},\"sweep\":{\"aggregator\":[\"mean\",\"median\"],"
	         "\"adversaries.attack\":[\"invert\",\"zero\"]%s}",
	         more);
	cli_write("page.json", text);
	cr_assert_eq(cli("simulate %s/page.json --out %s/runs/ --quiet", cli_folder, cli_folder), 0, "%s",
	             cli_err);
}

static void simulate(const char *seeds)
{
	char more[64];
	snprintf(more, sizeof more, "},\"seeds\":%s", seeds);
	simulate_swept(more);
}

/* The page of runs/, as NAME.html in the test's folder. */
static void make_page(const char *name)
{
	cr_assert_eq(cli("report %s/runs -o %s/%s.html", cli_folder, cli_folder, name), 0, "%s", cli_err);
}

/* tests/support/page_values.py ARGUMENT FOLDER/NAME.html [FOLDER/runs]; what it said is in cli_out. */
static bool page_is(const char *argument, const char *name, bool with_runs)
{
	char said[256];
	snprintf(said, sizeof said, "%s/said", cli_folder);
	bool good = process_shell("$SIGNSGD_PYTHON tests/support/page_values.py %s %s/%s.html %s%s >%s 2>&1",
	                          argument, cli_folder, name, with_runs ? cli_folder : "",
	                          with_runs ? "/runs" : "", said);
	file_text(said, cli_out, sizeof cli_out);
	return good;
}

/* A text of the page NAME.html, all of it. */
static const char *page_text(const char *name)
{
	char path[256];
	snprintf(path, sizeof path, "%s/%s.html", cli_folder, name);
	return file_text(path, cli_out, sizeof cli_out);
}

/* In a browser without a window: nothing is said to the console, refused or loaded. Whether it was there. */
static bool shown_by_chromium(const char *name)
{
	static const char find[] =
	        "$(command -v chromium || command -v chromium-browser || command -v google-chrome)";
	char said[256];
	if (!process_shell("test -n \"%s\"", find))
		return false;
	snprintf(said, sizeof said, "%s/console", cli_folder);
	cr_assert(process_shell("%s --headless=new --no-sandbox --disable-gpu --user-data-dir=%s/chromium "
	                        "--enable-logging=stderr --dump-dom file://%s/%s.html >%s/dom 2>%s",
	                        find, cli_folder, cli_folder, name, cli_folder, said));
	file_text(said, cli_err, sizeof cli_err);
	cr_expect_null(strstr(cli_err, "CONSOLE"), "%s", cli_err);
	snprintf(said, sizeof said, "%s/dom", cli_folder);
	file_text(said, cli_out, sizeof cli_out);
	cr_expect_not_null(strstr(cli_out, "How to run it again"));
	return true;
}

Test(report, says_what_the_files_say)
{
	simulate("[1,2,3]");
	make_page("a");
	bool good = page_is("", "a", true);
	cr_assert(good, "%s", cli_out);
	cr_expect_eq(atoi(cli_out), 6, "%s", cli_out);
	const char *page = page_text("a");
	cr_expect(strstr(page,
	                 "7 workers, 2 of them Byzantine, train the model softmax on the data glyphs for 24 "
	                 "steps."));
	cr_expect(strstr(page, "2 attack settings were tried."));
	cr_expect(strstr(page, "All settings send the same"));
	cr_expect_null(strstr(page, "id=\"partition-map\""), "a figure of what chance alone did");
	make_page("b");
	cr_expect(process_shell("cmp %s/a.html %s/b.html", cli_folder, cli_folder),
	          "the same files, another page");
	/* what it says of how to run it again makes runs with the same ids, which are in the files' names */
	good = page_is("--again", "a", false);
	cr_assert(good, "%s", cli_out);
	cli_write("again.json", cli_out);
	cr_assert_eq(cli("simulate %s/again.json --out %s/again/ --quiet", cli_folder, cli_folder), 0, "%s",
	             cli_err);
	cr_expect(
	        process_shell(
	                "test \"$(ls %s/runs/*.h5 | xargs -n1 basename)\" = \"$(ls %s/again/*.h5 | xargs -n1 "
	                "basename)\"",
	                cli_folder, cli_folder),
	        "other ids");
	if (!shown_by_chromium("a"))
		puts("no chromium: not looked at in a browser");
}

/* One seed has no band, and the page says what that means. */
Test(report, says_that_one_seed_says_nothing_of_chance)
{
	simulate("[4]");
	make_page("a");
	bool good = page_is("--whole", "a", false);
	cr_expect(good, "%s", cli_out);
	const char *page = page_text("a");
	cr_expect(strstr(page, "Every setting has one seed: there are no bands"));
	cr_expect(strstr(page, "one seed says nothing about how sure that is"));
	cr_expect_null(strstr(page, "class=\"band"));
	cr_expect_null(strstr(page, "shaded: 95"));
}

/* Attacks by short names, runs that nobody attacks as what they are, and runs that were better before their
 * end. */
Test(report, names_attacks_and_counts_falls)
{
	cli_write(
	        "z.json",
	        "{\"name\":\"z\",\"workers\":7,\"steps\":8,\"batch\":2,\"model\":{\"kind\":\"softmax\"},"
	        "\"data\":{\"kind\":\"glyphs\",\"train\":140,\"test\":50},\"eval\":{\"every\":4},\"sweep\":{"
	        "\"aggregator\":[\"mean\",\"median\"],\"adversaries.count,adversaries.attack\":[[0,{\"kind\":"
	        "\"alie\",\"z\":1.5}],[2,{\"kind\":\"alie\",\"z\":1.5}],[2,{\"kind\":\"alie\",\"z\":\"auto\"}"
	        "]]}}");
	cr_assert_eq(cli("simulate %s/z.json --out %s/runs/ --quiet", cli_folder, cli_folder), 0, "%s",
	             cli_err);
	cr_assert(process_shell(
	        "$SIGNSGD_PYTHON -c \"import glob, h5py\nfor i, path in enumerate(sorted("
	        "glob.glob('%s/runs/*.h5'))):\n    with h5py.File(path, 'r+') as file:\n        "
	        "file['evals/test_accuracy'][...] = 0.5\n        if i == 0:\n            "
	        "file['evals/test_accuracy'][-1] = 0.38\n\"",
	        cli_folder));
	make_page("a");
	bool good = page_is("--whole", "a", false);
	cr_expect(good, "%s", cli_out);
	const char *page = page_text("a");
	cr_expect(strstr(page, ">no attack, none Byzantine<") && strstr(page, ">alie, z = 1.5<"));
	cr_expect(strstr(page, ">z\u00a0=\u00a01.5<"), "a head of the map is cut");
	cr_expect_null(strstr(page, "adversaries.attack.z = "));
	cr_expect(strstr(page, "1.5 (2 runs), &quot;auto&quot; (2 runs)"), "what nobody does is no setting");
	cr_expect(strstr(page, "7 workers, 0 or 2 of them Byzantine"));
	cr_expect(strstr(page, "In 1 of 6 runs that ended the test accuracy fell by more than 10 points"));
	cr_expect_eq(
	        cli("report %s/runs -o %s/c.html --claims %s/none.json", cli_folder, cli_folder, cli_folder),
	        2);
}

/* No worst case of a rule that lacks an attack, nor of one whose attacks have no seed in common. */
Test(report, knows_no_worst_case_of_what_is_not_there)
{
	simulate_swept(",\"seed\":[1,2],\"except\":["
	               "{\"aggregator\":\"mean\",\"adversaries.attack\":\"zero\",\"seed\":1},"
	               "{\"aggregator\":\"mean\",\"adversaries.attack\":\"invert\",\"seed\":2}]}");
	make_page("apart");
	cr_expect(
	        strstr(page_text("apart"), "Not ranked, because they lack a value in some situation: mean."));
	cli_expect(0, "", "table %s/runs --rows aggregator --columns attack", cli_folder);
	cr_expect(strstr(cli_out, "no seed has them all"));
	cr_assert_eq(cli("table %s/runs --rows aggregator --columns attack --format csv", cli_folder), 0);
	cr_expect(strstr(cli_out, "\nmean,worst case,,,,,0,0,0,\n"), "%s", cli_out);
	/* rules of another task lack nothing in this one; shares of the data are in the order of seeds */
	cr_assert_eq(cli("simulate %s/page.json --set data.test=50 --set momentum=0.4 --out %s/runs/ --quiet",
	                 cli_folder, cli_folder),
	             0, "%s", cli_err);
	make_page("two");
	const char *page = page_text("two");
	cr_expect_null(strstr(page, "lacks 2 situations"));
	const char *first = strstr(page, "iid, seed 1"), *second = strstr(page, "iid, seed 2");
	cr_expect(first && second && first < second);
}

/* Whatever a file says stays text; what cannot be read is named, and the others are shown. */
Test(report, cannot_be_broken_by_a_file)
{
	simulate("[1]");
	cr_assert(process_shell(
	        "cd %s/runs && set -- *.h5 && $SIGNSGD_PYTHON \"$OLDPWD\"/tests/support/spoil_result.py "
	        "$1 && $SIGNSGD_PYTHON \"$OLDPWD\"/tests/support/spoil_result.py $2 interrupted && head "
	        "-c 3000 $3 >'<b>cut.h5' && rm $3 && echo no >'a&b.h5'",
	        cli_folder));
	make_page("a");
	bool good = page_is("--whole", "a", false);
	cr_expect(good, "%s", cli_out);
	const char *page = page_text("a");
	cr_expect_null(strstr(page, "<script"));
	cr_expect_null(strstr(page, "<img"));
	cr_expect(strstr(page, "&lt;script&gt;alert(1)"));
	cr_expect(strstr(page, "&lt;b&gt;cut.h5") && strstr(page, "a&amp;b.h5: is no HDF5 file"));
	cr_expect(strstr(page, "1 diverged, 1 interrupted"), "states are counted");
	/* a folder in which nothing has ended */
	cr_assert(process_shell("cd %s/runs && rm -f *cut.h5 a*.h5 && for f in *.h5; do $SIGNSGD_PYTHON "
	                        "\"$OLDPWD\"/tests/support/spoil_result.py $f running; done",
	                        cli_folder));
	make_page("none");
	good = page_is("--whole", "none", false);
	cr_expect(good, "%s", cli_out);
	cr_expect(strstr(page_text("none"), "No run has ended so far"));
	cr_assert_eq(cli("report %s/runs -o %s/t.html --title '<script>x</script>'", cli_folder, cli_folder),
	             0, "%s", cli_err);
	cr_expect_null(strstr(page_text("t"), "<script"));
}

/* Without labels the loss is compared, of which less is better; a seed that no double holds is a seed. */
Test(report, ranks_the_least_loss_first)
{
	cli_write("loss.json",
	          "{\"name\":\"loss\",\"workers\":5,\"steps\":20,\"batch\":1,\"lr\":0.01,\"model\":{"
	          "\"kind\":\"quadratic\",\"dimensions\":20},\"adversaries\":{\"count\":1,\"attack\":"
	          "\"invert\"},\"compressor\":\"none\",\"eval\":{\"every\":2},\"sweep\":{\"aggregator\":["
	          "\"median\",\"mean\"]},\"seeds\":[2,\"18446744073709551615\"]}");
	cr_assert_eq(cli("simulate %s/loss.json --out %s/runs/ --quiet", cli_folder, cli_folder), 0, "%s",
	             cli_err);
	make_page("a");
	bool good = page_is("--whole", "a", false);
	cr_expect(good, "%s", cli_out);
	const char *page = page_text("a");
	cr_expect(strstr(page, " has a loss of ") && strstr(page, ": the lowest of all."));
	cr_expect(strstr(page, "paired over 2 seeds"));
	cr_expect(strstr(page, ">18446744073709551615</a>"));
}

Test(report, replaces_nothing_that_is_not_its_own)
{
	simulate("[1]");
	make_page("a");
	make_page("a");
	cli_write("mine.html", "<!DOCTYPE html>\n<html lang=\"en\">\n<p>signsgd report</p>\n");
	cli_expect(2, "is a text file, expected a page of signsgd report or nothing; it stays as it is",
	           "report %s/runs -o %s/mine.html", cli_folder, cli_folder);
	cli_expect(2, "expected a name that ends in .html", "report %s/runs -o %s/page.htm", cli_folder,
	           cli_folder);
	cli_expect(2, "report needs -o PAGE.html", "report %s/runs", cli_folder);
	cli_expect(2, "report needs a folder of results", "report -o %s/b.html", cli_folder);
	cr_assert(process_shell("mkdir %s/empty", cli_folder));
	cli_expect(2, "no result of signsgd is there", "report %s/empty -o %s/b.html", cli_folder,
	           cli_folder);
	cli_expect(1, "could not be written", "report %s/runs -o %s/nowhere/b.html", cli_folder, cli_folder);
	cr_expect(process_shell("test ! -e %s/b.html && test -z \"$(ls -A %s | grep report-)\"", cli_folder,
	                        cli_folder));
}

/* Text and lines can be read in both schemes, and by who cannot tell colours apart. */
Test(report, has_contrast)
{
	cr_expect(process_shell("$SIGNSGD_PYTHON tests/support/page_values.py --style"));
}
