/* The JSON door, files: those that are read, and a sentence for each that is not. */
#include <criterion/criterion.h>

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/json.h"
#include "tests/support/json_help.h"
#include "tests/support/file.h"

static char folder[FOLDER_SIZE];

static const char *in_folder(const char *name)
{
	return arena_format(&json_help_arena, "%s/%s", folder, name);
}

static void make_folder(void)
{
	folder_make(folder);
}

static void remove_folder(void)
{
	folder_remove(folder);
	json_help_clear();
}

TestSuite(json_file, .init = make_folder, .fini = remove_folder);

static void write_file(const char *name, const char *text, size_t length)
{
	file_put(in_folder(name), text, length);
}

static void check_file_refusal(const char *path, const char *sentence)
{
	struct err e = {0};

	cr_assert_null(json_read_file(&json_help_arena, path, &e));
	cr_assert_str_eq(e.text, arena_format(&json_help_arena, "%s%s", path, sentence));
	cr_assert_eq(e.code, EXIT_USER);
}

Test(json_file, is_read_and_named)
{
	struct err e = {0};
	struct json *root;

	write_file("a.json", "{\n\"a\": 1}", 9);
	root = json_read_file(&json_help_arena, in_folder("a.json"), &e);
	cr_assert_not_null(root, "%s", e.text);
	cr_assert_eq(json_member(root, "a")->number, 1);
	cr_assert_str_eq(json_member(root, "a")->source, in_folder("a.json"));
	write_file("a.json", "{\n\"a\": 1,}", 10);
	check_file_refusal(in_folder("a.json"),
	                   ":2:8: found '}', expected a key in double quotes, or no comma before it");
}

Test(json_file, what_cannot_be_read_is_told_in_a_sentence_each)
{
	char *big = malloc(JSON_BYTES_MAX + 1);

	check_file_refusal(in_folder("none.json"), ": found no such file, expected a JSON file");
	check_file_refusal(folder, ": found a directory, expected a JSON file");
	write_file("empty.json", "", 0);
	check_file_refusal(in_folder("empty.json"), ": found an empty file, expected a JSON file");
	check_file_refusal(in_folder("empty.json/a"),
	                   ": cannot be opened (Not a directory), expected a JSON file that can be read");
	memset(big, ' ', JSON_BYTES_MAX + 1);
	write_file("big.json", big, JSON_BYTES_MAX + 1);
	check_file_refusal(in_folder("big.json"),
	                   ": found more than 1 MiB of text, expected at most 1048576 bytes");
	free(big);
}

Test(json_file, a_file_without_permission_is_told)
{
	const struct passwd *nobody = getpwnam("nobody");

	write_file("secret.json", "{}", 2);
	cr_assert_eq(chmod(in_folder("secret.json"), 0), 0);
	cr_assert_eq(chmod(folder, 0755), 0);
	if (geteuid() == 0) {
		if (nobody == NULL)
			cr_skip("skipped: root reads every file, and there is no other user\n");
		cr_assert_eq(seteuid(nobody->pw_uid), 0);
	}
	check_file_refusal(in_folder("secret.json"),
	                   ": cannot be opened (Permission denied), expected a JSON file that can be read");
	if (getuid() == 0)
		cr_assert_eq(seteuid(0), 0);
}
