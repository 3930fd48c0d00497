/* Options: every form that is accepted, every sentence for what is not. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "cmd/ui/cmd.h"

static const struct option options[] = {
        {"workers", "M", "how many"}, {"set", "KEY=VALUE", "any key"}, {"out", "PATH", "where"},
        {"quiet", NULL, "say less"},  {"o", "FILE", "short"},          {"v", NULL, "short flag"},
        {NULL, NULL, NULL},
};
static const struct command command = {.name = "try", .options = options};
static const struct command bare = {.name = "bare"};

enum { WORDS_MAX = 16 };

static struct args a;
static struct err e;

/* Parse words (up to a NULL) as the arguments of a command. */
static int parse_for(const struct command *c, const char *const *words)
{
	char *argv[WORDS_MAX];
	int argc = 0;
	for (; words[argc]; argc++)
		argv[argc] = (char *)words[argc];
	e = (struct err){0};
	return args_parse(&a, c, argc, argv, &e);
}

#define PARSE(...)      parse_for(&command, (const char *const[]){__VA_ARGS__, NULL})
#define PARSE_BARE(...) parse_for(&bare, (const char *const[]){__VA_ARGS__, NULL})

static void expect_refused(int rc, const char *part)
{
	cr_expect_eq(rc, -1);
	cr_expect_eq(e.code, EXIT_USER);
	cr_expect_not_null(strstr(e.text, part), "'%s' does not say '%s'", e.text, part);
	cr_expect_null(strchr(e.text, '\033'), "a control character reached the sentence");
}

Test(options, value_with_equals_sign_and_as_next_argument)
{
	cr_assert_eq(PARSE("--workers=7", "--out", "x.h5"), 0, "%s", e.text);
	cr_expect_str_eq(args_value(&a, "workers"), "7");
	cr_expect_str_eq(args_value(&a, "out"), "x.h5");
	cr_expect_eq(a.n_rest, 0);
	args_clear(&a);
}

Test(options, absent_is_null_and_a_flag_is_empty)
{
	cr_assert_eq(PARSE("--quiet"), 0);
	cr_expect(args_flag(&a, "quiet"));
	cr_expect_str_eq(args_value(&a, "quiet"), "");
	cr_expect(!args_flag(&a, "workers"));
	cr_expect_null(args_value(&a, "workers"));
	cr_expect_null(args_value(&a, "no-such-option"));
	args_clear(&a);
}

/* It is what an unset variable of a shell leaves behind, and means nothing that could be done. */
Test(options, an_empty_value_is_refused)
{
	expect_refused(PARSE("--out="), "--out needs a value (");
	expect_refused(PARSE("--out", ""), "found an empty one");
	expect_refused(PARSE("--workers="), "found an empty one");
}

Test(options, a_value_may_hold_equals_signs_and_a_minus)
{
	cr_assert_eq(PARSE("--set=lr={\"kind\":\"x=y\"}", "--workers", "-3"), 0, "%s", e.text);
	cr_expect_str_eq(args_value(&a, "set"), "lr={\"kind\":\"x=y\"}");
	cr_expect_str_eq(args_value(&a, "workers"), "-3");
	args_clear(&a);
}

Test(options, one_letter_takes_one_dash_or_two)
{
	static const char *const forms[][2] = {
	        {"-o", "a.png"}, {"-oa.png", NULL}, {"--o", "a.png"}, {"--o=a.png", NULL}};
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		cr_assert_eq(PARSE(forms[i][0], forms[i][1]), 0, "%s: %s", forms[i][0], e.text);
		cr_expect_str_eq(args_value(&a, "o"), "a.png");
		args_clear(&a);
	}
	cr_assert_eq(PARSE("-v"), 0);
	cr_expect(args_flag(&a, "v"));
	args_clear(&a);
}

Test(options, order_is_kept_and_the_last_value_wins)
{
	cr_assert_eq(PARSE("--set", "a=1", "--workers=2", "file", "--set", "b=2", "--workers=3"), 0);
	cr_expect_str_eq(args_value(&a, "workers"), "3");
	cr_expect_str_eq(args_value(&a, "set"), "b=2");
	static const char *const names[] = {"set", "workers", "set", "workers"};
	static const char *const values[] = {"a=1", "2", "b=2", "3"};
	cr_assert_eq(a.n_given, 4);
	for (size_t i = 0; i < a.n_given; i++) {
		cr_expect_str_eq(a.given[i].option->name, names[i]);
		cr_expect_str_eq(a.given[i].value, values[i]);
	}
	args_clear(&a);
}

Test(options, words_between_options_are_positional)
{
	cr_assert_eq(PARSE("one", "--quiet", "two", "-", ""), 0);
	cr_assert_eq(a.n_rest, 4);
	cr_expect_str_eq(a.rest[0], "one");
	cr_expect_str_eq(a.rest[1], "two");
	cr_expect_str_eq(a.rest[2], "-");
	cr_expect_str_eq(a.rest[3], "");
	cr_expect_eq(a.n_before, 4);
	args_clear(&a);
}

Test(options, two_dashes_end_the_options)
{
	cr_assert_eq(PARSE("one", "--", "--quiet", "-h", "--"), 0);
	cr_expect(!args_flag(&a, "quiet"));
	cr_expect(!a.help);
	cr_assert_eq(a.n_rest, 4);
	cr_expect_eq(a.n_before, 1);
	cr_expect_str_eq(a.rest[1], "--quiet");
	cr_expect_str_eq(a.rest[2], "-h");
	cr_expect_str_eq(a.rest[3], "--");
	args_clear(&a);
}

Test(options, help_is_known_to_every_command)
{
	cr_assert_eq(PARSE("-h"), 0);
	cr_expect(a.help);
	args_clear(&a);
	cr_assert_eq(PARSE_BARE("--help"), 0);
	cr_expect(a.help);
	args_clear(&a);
	cr_assert_eq(PARSE("file"), 0);
	cr_expect(!a.help);
	args_clear(&a);
}

Test(options, a_wrong_name_is_answered_with_the_nearest)
{
	expect_refused(PARSE("--worker", "3"), "did you mean '--workers'?");
	expect_refused(PARSE("--qiuet"), "did you mean '--quiet'?");
	expect_refused(PARSE("--hlep"), "did you mean '--help'?");
	expect_refused(PARSE("--worker=3"), "did you mean '--workers'?");
	expect_refused(PARSE("-workers"), "did you mean '--workers'?");
	expect_refused(
	        PARSE("--completely-different"),
	        "try has no option '--completely-different'; other keys are given by --set KEY=VALUE, see "
	        "'signsgd help try'");
	expect_refused(PARSE_BARE("--verbose"), "bare has no option '--verbose'; see 'signsgd help bare'");
}

Test(options, no_prefix_is_taken_for_a_name)
{
	expect_refused(PARSE("--work=3"), "no option '--work=3'");
	expect_refused(PARSE("--=3"), "no option");
}

Test(options, a_missing_value_is_named)
{
	expect_refused(PARSE("--workers"), "--workers needs a value: M");
	expect_refused(PARSE("-o"), "-o needs a value: FILE");
	expect_refused(PARSE("--out", "--quiet"), "--out needs a value (PATH), found '--quiet'");
	cr_assert_eq(PARSE("--out=--quiet"), 0);
	cr_expect_str_eq(args_value(&a, "out"), "--quiet");
	args_clear(&a);
}

Test(options, a_flag_refuses_a_value)
{
	expect_refused(PARSE("--quiet=yes"), "--quiet takes no value, found 'yes'");
	expect_refused(PARSE("-vx"), "no option '-vx'");
}

Test(options, control_characters_are_not_repeated)
{
	expect_refused(PARSE("--\033[31mred"), "no option");
	expect_refused(PARSE("--quiet=\033[2J"), "takes no value");
}

static void expect_int(const char *text, long long lowest, long long highest, int rc, long long value)
{
	char word[128];
	long long out = -99;
	snprintf(word, sizeof word, "--workers=%s", text);
	cr_assert_eq(PARSE(word), 0);
	cr_expect_eq(args_int(&a, "workers", lowest, highest, &out, &e), rc, "%s", text);
	cr_expect_eq(out, rc ? -99 : value, "%s gave %lld", text, out);
	if (rc)
		expect_refused(rc, "expected a whole number from");
	args_clear(&a);
}

Test(options, whole_numbers_within_bounds)
{
	expect_int("1", 1, 1024, 0, 1);
	expect_int("1024", 1, 1024, 0, 1024);
	expect_int("0", 1, 1024, -1, 0);
	expect_int("1025", 1, 1024, -1, 0);
	expect_int("-5", -10, 10, 0, -5);
	expect_int("007", 1, 1024, 0, 7);
	expect_int("7x", 1, 1024, -1, 0);
	expect_int(" 7", 1, 1024, -1, 0);
	expect_int("+7", 1, 1024, -1, 0);
	expect_int("7.0", 1, 1024, -1, 0);
	expect_int("0x10", 1, 1024, -1, 0);
	expect_int("99999999999999999999", 1, 9223372036854775807LL, -1, 0);
	expect_int("\033[1m7", 1, 1024, -1, 0);
}

Test(options, an_absent_number_keeps_its_default)
{
	long long out = 5;
	cr_assert_eq(PARSE("--quiet"), 0);
	cr_expect_eq(args_int(&a, "workers", 1, 10, &out, &e), 0);
	cr_expect_eq(out, 5);
	args_clear(&a);
}

Test(options, no_arguments_at_all)
{
	cr_assert_eq(args_parse(&a, &command, 0, NULL, &e), 0);
	cr_expect_eq(a.n_rest, 0);
	cr_expect_eq(a.n_given, 0);
	args_clear(&a);
	args_clear(&a); /* clearing twice is allowed */
}
