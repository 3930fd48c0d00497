/* `signsgd list`: every family, row and key that there is, in words and in JSON lines. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "adversary/attack.h"
#include "aggregator/aggregator.h"
#include "experiment/settings.h"
#include "registry.h"
#include "tests/support/cli.h"
#include "tests/support/file.h"

TestSuite(cli_list, .init = cli_open, .fini = cli_close, .timeout = 120);

static void expect_keys(const struct key *keys)
{
	for (const struct key *k = keys; k && k->name; k++) {
		char word[320];
		cr_expect_not_null(strstr(cli_out, k->name), "key %s is not listed", k->name);
		if (k->kind == KEY_OBJECT) {
			expect_keys(k->keys);
			continue;
		}
		cr_expect_not_null(strstr(cli_out, key_default_text(k, word, sizeof word)), "default of %s",
		                   k->name);
		cr_expect_not_null(strstr(cli_out, key_kind_name(k->kind)), "type of %s", k->name);
	}
}

Test(cli_list, shows_every_family_and_row)
{
	cr_expect_eq(cli("list"), 0);
	for (size_t f = 0; registry_families[f]; f++) {
		const struct family *family = registry_families[f];
		cr_expect_not_null(strstr(cli_out, family->plural));
		for (size_t r = 0; family->rows[r]; r++)
			cr_expect_not_null(strstr(cli_out, family->rows[r]->name), "%s",
			                   family->rows[r]->name);
	}
	cli_expect_narrow("list");
}

/* Help and manual name them too, or nobody would look for those that a rule's key has, such as
 * pre-aggregators. */
Test(cli_list, its_help_names_every_family)
{
	static char page[40000];
	file_text("docs/signsgd.1", page, sizeof page);
	cr_expect_eq(cli("help list"), 0);
	const char *families = strstr(page, "Families are ");
	cr_assert_not_null(families);
	for (size_t f = 0; registry_families[f]; f++) {
		const char *name = registry_families[f]->plural;
		cr_expect_not_null(strstr(cli_out, name), "help list: %s", name);
		cr_expect_not_null(strstr(families, name), "signsgd.1: %s", name);
	}
}

Test(cli_list, shows_every_key_of_every_row)
{
	for (size_t f = 0; registry_families[f]; f++) {
		const struct family *family = registry_families[f];
		static char plural[CLI_SIZE];
		cr_expect_eq(cli("list %s", family->plural), 0);
		snprintf(plural, sizeof plural, "%s", cli_out);
		cr_expect_eq(cli("list %s", family->name), 0);
		cr_expect_str_eq(cli_out, plural, "the singular %s shows something else", family->name);
		for (size_t r = 0; family->rows[r]; r++) {
			cr_expect_not_null(strstr(plural, family->rows[r]->name));
			cr_expect_eq(cli("list %s %s", family->plural, family->rows[r]->name), 0);
			expect_keys(family->rows[r]->keys);
			cli_expect_narrow(family->rows[r]->name);
		}
	}
	cr_expect_eq(cli("list experiment"), 0);
	expect_keys(experiment_keys);
}

Test(cli_list, says_what_an_attack_acts_on_sees_and_is_called)
{
	cr_expect_eq(cli("list attacks invert"), 0);
	cr_expect_not_null(strstr(cli_out, "acts on: message"));
	cr_expect_eq(cli("list attacks gaussian"), 0);
	cr_expect_not_null(strstr(cli_out, "acts on: gradient"));
	cr_expect_not_null(strstr(cli_out, "sees: own"));
	cr_expect_eq(cli("list attacks ipm"), 0);
	cr_expect_not_null(strstr(cli_out, "sees: crowd"));
	cr_expect_not_null(strstr(cli_out, "SignFlipping"));
	cr_expect_eq(cli("list attacks ipm --json"), 0);
	cr_expect_not_null(strstr(cli_out, "\"sees\":\"crowd\""), "%s", cli_out);
	cr_expect_not_null(strstr(cli_out, "\"theorem_2\":\"no\",\"elsewhere\":\"ByzFL: Inner"), "%s",
	                   cli_out);
	cr_expect_eq(cli("list attacks random-sign --json"), 0);
	cr_expect_not_null(strstr(cli_out, "\"theorem_2\":\"yes\",\"elsewhere\":null"), "%s", cli_out);
	cr_expect_eq(cli("list attacks label-flip"), 0);
	cr_expect_not_null(strstr(cli_out, "acts on: data"));
	cr_expect_not_null(strstr(cli_out, "covered by Theorem 2 of Bernstein et al. 2019: no"));
	cr_expect_not_null(strstr(cli_out, "elsewhere: ByzFL: LabelFlipping;"));
	cr_expect_eq(cli("list attacks bit-flip"), 0);
	cr_expect_not_null(strstr(cli_out, "acts on: packed"));
	cr_expect_not_null(strstr(cli_out, "covered by Theorem 2 of Bernstein et al. 2019: signs"));
	cr_expect_not_null(strstr(cli_out, "elsewhere: nothing known"));
	cr_expect_eq(cli("list attacks sleeper"), 0);
	cr_expect_not_null(strstr(cli_out, "acts on: then\n  sees: then\n"));
	cr_expect_eq(cli("list attacks"), 0);
	cr_expect_not_null(strstr(cli_out, "FOE"));
	cr_expect_not_null(strstr(cli_out, "attack       acts on   sees   Thm. 2  what it does\n"));
	cr_expect_not_null(strstr(cli_out, "invert       message   own    yes     sends the opposite"));
}

/* Each with its formula; a rule's says what it needs and who published it. */
Test(cli_list, shows_rules_with_precondition_and_source)
{
	cr_expect_eq(cli("list aggregators"), 0);
	for (const struct row *const *r = family_aggregators.rows; *r; r++) {
		char head[16];
		snprintf(head, sizeof head, "%.15s", (*r)->formula);
		cr_expect_not_null(strstr(cli_out, head), "%s", (*r)->name);
		if (!((const struct aggregator *)(const void *)*r)->rule)
			continue;
		cr_expect_not_null(strstr((*r)->formula, "Needs "), "%s", (*r)->name);
		cr_expect_not_null(strstr((*r)->formula, " 20"), "%s: by whom, and when?", (*r)->name);
	}
	cli_expect_narrow("list aggregators");
}

Test(cli_list, refuses_what_is_not_there)
{
	cli_expect(2, "did you mean 'attacks'?", "list atacks");
	cli_expect(2, "did you mean \"invert\"?", "list attacks inverse");
	cli_expect(2, "'invert' is no family but one of the attacks: 'signsgd list attacks invert'",
	           "list invert");
	static const char *const keys[] = {"batch", "data_seed", "adversaries.data",
	                                   "record.gradient_noise.at", "partition.alpha"};
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		cli_expect(2, "is no family but a key of the experiment: 'signsgd list experiment'",
		           "list %s", keys[i]);
	cli_expect(2, "there is no family 'adversaries.date'", "list adversaries.date");
	cli_expect(2, "there is no family", "list zzzzzzzz");
	cli_expect(2, "is none of the models", "list models zzzzzzzz");
	cli_expect(2, "found 3 words", "list attacks scale factor");
}

Test(cli_list, json_is_a_line_a_row)
{
	struct arena a = {0};
	size_t line = 0;
	cr_expect_eq(cli("list --json"), 0);
	struct json *lines[CLI_LINES];
	size_t count = cli_json_lines(&a, lines);
	cr_expect_str_eq(json_member(lines[line++], "name")->string, "experiment");
	for (size_t f = 0; registry_families[f]; f++)
		for (size_t r = 0; registry_families[f]->rows[r]; r++) {
			cr_assert_lt(line, count);
			const struct json *j = lines[line++];
			const struct row *row = registry_families[f]->rows[r];
			size_t keys = 0;
			while (row->keys && row->keys[keys].name)
				keys++;
			cr_expect_str_eq(json_member(j, "name")->string, row->name);
			cr_expect_str_eq(json_member(j, "family")->string, registry_families[f]->plural);
			cr_expect_eq(json_member(j, "keys")->count, keys);
		}
	cr_expect_eq(line, count);
	arena_clear(&a);
}
