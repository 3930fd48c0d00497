/* Earlier names of keys: read everywhere, said once a file, kept in identities, unknown to suggestions. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "config/key_rename.h"

struct noise_state {
	int64_t first, at_step;
};

struct state {
	int64_t l1_l2;
	struct {
		int64_t sign_failure;
	} record;
	struct choice attack;
	struct choices several;
};

static const struct key noise_keys[] = {
        {.name = "first",
         .kind = KEY_INT,
         .offset = offsetof(struct noise_state, first),
         .default_json = "0"},
        {.name = "at_step",
         .was = "at-step",
         .kind = KEY_INT,
         .offset = offsetof(struct noise_state, at_step),
         .default_json = "4"},
        {0},
};
static const struct row plain = {.name = "plain", .about = "Nothing"};
static const struct row noise = {
        .name = "noise", .about = "Noise", .keys = noise_keys, .state_bytes = sizeof(struct noise_state)};
static const struct row *const rows[] = {&plain, &noise, NULL};
static const struct family attacks = {
        .name = "attack", .plural = "attacks", .about = "What is sent", .rows = rows};

static const struct key record_keys[] = {
        {.name = "sign_failure",
         .was = "sign-failure",
         .kind = KEY_INT,
         .default_json = "0",
         .help = "often"},
        {0},
};
static const struct key keys[] = {
        {.name = "l1_l2", .was = "l1-l2", .kind = KEY_INT, .default_json = "0", .help = "a density"},
        {.name = "record",
         .was = "notes",
         .kind = KEY_OBJECT,
         .offset = offsetof(struct state, record),
         .default_json = "{}",
         .keys = record_keys,
         .help = "what"},
        {.name = "attack",
         .kind = KEY_FAMILY,
         .offset = offsetof(struct state, attack),
         .default_json = "\"plain\"",
         .family = &attacks,
         .help = "which"},
        {.name = "several",
         .kind = KEY_LIST,
         .offset = offsetof(struct state, several),
         .default_json = "[]",
         .family = &attacks,
         .help = "which"},
        {0},
};

static struct arena arena;

static void clear(void)
{
	arena_clear(&arena);
}

TestSuite(key_rename, .fini = clear);

static struct json *tree(const char *source, const char *text)
{
	struct err e = {0};
	struct json *root = json_read_text(&arena, source, text, strlen(text), &e);
	cr_assert_not_null(root, "%s", e.text);
	return root;
}

static void expect_written(const struct json *root, const char *text)
{
	struct buf b = {0};
	json_write(&b, root);
	cr_expect_str_eq(b.text, text);
	buf_clear(&b);
}

static void expect_note(const struct key_rename *note, const char *source, const char *was, const char *now)
{
	cr_assert_not_null(note, "nothing said of %s", was);
	cr_expect_str_eq(note->source, source);
	cr_expect_str_eq(note->was, was);
	cr_expect_str_eq(note->now, now);
}

Test(key_rename, finds_keys_in_objects_families_and_lists)
{
	struct key_renames r = {.arena = &arena};
	struct err e = {0};
	struct json *root = tree("x.json", "{\"l1-l2\":1,\"notes\":{\"sign-failure\":2},"
	                                   "\"attack\":{\"kind\":\"noise\",\"at-step\":3},"
	                                   "\"several\":[\"plain\",{\"at-step\":5,\"kind\":\"noise\"}]}");
	cr_assert_eq(keys_rename(keys, root, &r, &e), 0, "%s", e.text);
	expect_written(root, "{\"l1_l2\":1,\"record\":{\"sign_failure\":2},"
	                     "\"attack\":{\"kind\":\"noise\",\"at_step\":3},"
	                     "\"several\":[\"plain\",{\"at_step\":5,\"kind\":\"noise\"}]}");
	const struct key_rename *note = r.first;
	expect_note(note, "x.json", "l1-l2", "l1_l2");
	expect_note(note = note->next, "x.json", "notes", "record");
	expect_note(note = note->next, "x.json", "record.sign-failure", "record.sign_failure");
	expect_note(note = note->next, "x.json", "attack.at-step", "attack.at_step");
	expect_note(note = note->next, "x.json", "several[1].at-step", "several[1].at_step");
	cr_expect_null(note->next);
}

Test(key_rename, finds_keys_in_a_list_of_one_without_brackets)
{
	struct key_renames r = {.arena = &arena};
	struct err e = {0};
	struct json *root = tree("x.json", "{\"several\":{\"kind\":\"noise\",\"at-step\":3}}");
	cr_assert_eq(keys_rename(keys, root, &r, &e), 0, "%s", e.text);
	expect_written(root, "{\"several\":{\"kind\":\"noise\",\"at_step\":3}}");
	expect_note(r.first, "x.json", "several.at-step", "several.at_step");
}

Test(key_rename, leaves_everything_else_alone)
{
	static const char *const texts[] = {"{\"l1_l2\":1,\"record\":{\"sign_failure\":2}}",
	                                    "{\"x-y\":1,\"record\":7,\"attack\":3,\"several\":{\"l1-l2\":1}}",
	                                    "{\"attack\":{\"kind\":\"nosie\",\"at-step\":3}}",
	                                    "{\"attack\":{\"kind\":1,\"at-step\":3}}", "[1]"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct key_renames r = {.arena = &arena};
		struct err e = {0};
		struct json *root = tree("x.json", texts[i]);
		cr_assert_eq(keys_rename(keys, root, &r, &e), 0, "%s", e.text);
		expect_written(root, texts[i]);
		cr_expect_null(r.first);
	}
}

Test(key_rename, refuses_both_names_of_a_key)
{
	struct key_renames r = {.arena = &arena};
	struct err e = {0};
	struct json *root = tree("x.json", "{\"record\":{\"sign_failure\":1,\n\"sign-failure\":2}}");
	cr_assert_eq(keys_rename(keys, root, &r, &e), -1);
	cr_expect_str_eq(e.text,
	                 "x.json:2:1: record.sign-failure: found the earlier name of \"sign_failure\", "
	                 "which is there too; give one of them");
	cr_expect_eq(e.code, EXIT_USER);
}

Test(key_rename, dotted_names_are_followed_through_the_tables)
{
	static const char *const names[][2] = {{"l1-l2", "l1_l2"},
	                                       {"notes.sign-failure", "record.sign_failure"},
	                                       {"notes.sign-failure.x-y.", "record.sign_failure.x-y."},
	                                       {"attack.at-step", "attack.at_step"},
	                                       {"l1-l2..", "l1_l2.."}};
	static const char *const same[] = {
	        "l1_l2",  "l1-l", "l1-l2x", "sign-failure", "attack.kind.at-step", "several.at-step",
	        ".l1-l2", "",     "."};
	struct key_renames r = {.arena = &arena};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		cr_expect_str_eq(keys_rename_dotted(keys, names[i][0], "--set", &r), names[i][1]);
	for (size_t i = 0; i < sizeof same / sizeof *same; i++)
		cr_expect_eq(keys_rename_dotted(keys, same[i], "--set", &r), same[i]);
	expect_note(r.first, "--set", "l1-l2", "l1_l2");
	expect_note(r.first->next, "--set", "notes", "record");
	expect_note(r.first->next->next, "--set", "notes.sign-failure", "record.sign_failure");
	expect_note(r.first->next->next->next, "--set", "attack.at-step", "attack.at_step");
	cr_expect_null(r.first->next->next->next->next, "said twice");
}

/* What goes to standard error between the two. */
static int held, file;
static void hear(void)
{
	char name[] = "/tmp/signsgd-warnings-XXXXXX";
	fflush(stderr);
	held = dup(2);
	file = mkstemp(name);
	cr_assert(held >= 0 && file >= 0);
	unlink(name);
	dup2(file, 2);
}

static void heard(char *out, size_t size)
{
	fflush(stderr);
	dup2(held, 2);
	close(held);
	ssize_t n = pread(file, out, size - 1, 0);
	out[n > 0 ? n : 0] = 0;
	close(file);
}

Test(key_rename, is_said_once_a_file)
{
	struct key_renames r = {.arena = &arena};
	struct err e = {0};
	char text[1000];
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(keys_rename(keys, tree("a.json", "{\"l1-l2\":1}"), &r, &e), 0);
		cr_assert_eq(keys_rename(keys, tree("b.json", "{\"l1-l2\":1}"), &r, &e), 0);
		cr_assert_eq(keys_rename(keys, tree("a.json", "{\"notes\":{}}"), &r, &e), 0);
	}
	hear();
	key_renames_warn(&r);
	heard(text, sizeof text);
	cr_expect_str_eq(text,
	                 "signsgd: warning: a.json: \"l1-l2\" is now \"l1_l2\", \"notes\" is now \"record\"; "
	                 "the earlier spelling is still read\n"
	                 "signsgd: warning: b.json: \"l1-l2\" is now \"l1_l2\"; the earlier spelling is "
	                 "still read\n");
	hear();
	key_renames_warn(&(struct key_renames){.arena = &arena});
	heard(text, sizeof text);
	cr_expect_str_eq(text, "");
}

static void expect_text(const struct state *s, enum keys_text which, const char *text)
{
	struct buf b = {0};
	keys_write(&b, keys, s, which);
	cr_expect_str_eq(b.text, text);
	buf_clear(&b);
}

Test(key_rename, identities_keep_the_first_names)
{
	struct state s = {0};
	struct err e = {0};
	cr_assert_eq(keys_parse(keys, &s, tree("x.json", "{\"l1_l2\":1,\"attack\":\"noise\"}"), &arena, &e),
	             0, "%s", e.text);
	expect_text(&s, KEYS_IDENTITY,
	            "{\"l1-l2\":1,\"notes\":{\"sign-failure\":0},\"attack\":{\"kind\":\"noise\",\"first\":0,"
	            "\"at-step\":4},\"several\":[]}");
	static const char now[] =
	        "{\"l1_l2\":1,\"record\":{\"sign_failure\":0},\"attack\":{\"kind\":\"noise\","
	        "\"first\":0,\"at_step\":4},\"several\":[]}";
	expect_text(&s, KEYS_SHARED, now);
	expect_text(&s, KEYS_RESOLVED, now);
}

Test(key_rename, suggestions_know_only_the_present_name)
{
	struct state s = {0};
	struct err e = {0};
	cr_assert_eq(keys_parse(keys, &s, tree("x.json", "{\"l1-l3\":1}"), &arena, &e), -1);
	cr_expect_not_null(strstr(e.text, "did you mean \"l1_l2\"?"), "%s", e.text);
	cr_expect_null(strstr(e.text, "l1-l2"), "%s", e.text);
}

Test(key_rename, the_schema_allows_earlier_names_as_deprecated)
{
	struct buf b = {0};
	keys_schema(&b, record_keys);
	cr_expect_str_eq(
	        b.text,
	        "\"type\":\"object\",\"properties\":{\"sign_failure\":{\"description\":\"often; default "
	        "0\",\"default\":0,\"type\":\"integer\"},\"sign-failure\":{\"description\":\"earlier name "
	        "of sign_failure\",\"deprecated\":true,\"type\":\"integer\"}},\"required\":[],"
	        "\"additionalProperties\":false");
	buf_clear(&b);
}
