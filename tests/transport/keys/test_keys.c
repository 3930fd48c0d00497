/* Keys: made once, read with suspicion, numbered by name, handed through pipes; and the command. */
#include <criterion/criterion.h>

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <signal.h>

#include "base/rng.h"
#include "tests/support/cli.h"
#include "transport/keys/keyring.h"

static char dir[80]; /* a folder within the test's own */

static void open_folder(void)
{
	cli_open();
	snprintf(dir, sizeof dir, "%s/keys", cli_folder);
}

TestSuite(keys, .init = open_folder, .fini = cli_close);

/* A path in the folder of keys; four at a time. */
static const char *at(const char *file)
{
	static char paths[4][192];
	static int next;
	char *path = paths[next++ % 4];
	snprintf(path, sizeof paths[0], "%s/%s", dir, file);
	return path;
}

static void make(size_t count, const char *const *names)
{
	struct err e = {0};
	cr_assert_eq(keyring_new(dir, count, names, &e), 0, "%s", e.text);
}

#define MAKE(...)                                                                                            \
	make(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), (const char *const[]){__VA_ARGS__})

static void put(const char *file, const char *text, mode_t mode)
{
	unlink(at(file));
	FILE *f = fopen(at(file), "w");
	cr_assert_not_null(f);
	fputs(text, f);
	fclose(f);
	cr_assert_eq(chmod(at(file), mode), 0);
}

/* Reading the folder must fail and say both parts. */
static void refused(const char *part, const char *other)
{
	struct keyring r;
	struct err e = {0};
	cr_assert_eq(keyring_read(&r, dir, &e), -1, "accepted; expected '%s'", part);
	cr_expect_eq(e.code, EXIT_USER);
	cr_expect_not_null(strstr(e.text, part), "'%s' does not say '%s'", e.text, part);
	cr_expect_not_null(strstr(e.text, other), "'%s' does not say '%s'", e.text, other);
	cr_expect_null(r.at);
}

static void read_ring(struct keyring *r)
{
	struct err e = {0};
	cr_assert_eq(keyring_read(r, dir, &e), 0, "%s", e.text);
}

/* --- files ------------------------------------------------------------------------------------------- */

Test(keys, a_pair_is_two_files_and_the_secret_is_the_owners_alone)
{
	umask(0);
	MAKE("w1");
	struct stat s;
	cr_assert_eq(stat(at("w1.secret"), &s), 0);
	cr_expect_eq(s.st_mode & 07777, 0600, "%o", s.st_mode);
	cr_assert_eq(stat(at("w1.public"), &s), 0);
	cr_expect_eq(s.st_mode & 07777, 0644, "%o", s.st_mode);
	cr_assert_eq(stat(dir, &s), 0);
	cr_expect_eq(s.st_mode & 07777, 0700, "%o", s.st_mode);
	char text[512];
	file_text(at("w1.public"), text, sizeof text);
	cr_expect_eq(strncmp(text, "# signsgd public key", 20), 0, "%s", text);
	struct keyring r;
	read_ring(&r);
	cr_assert_eq(r.count, 1);
	cr_expect_str_eq(r.at[0].name, "w1");
	cr_expect_not_null(strstr(text, r.at[0].public_key));
	cr_expect_null(strstr(text, r.at[0].secret_key), "a secret in the public file");
	cr_expect_eq(strlen(r.at[0].secret_key), CURVE_TEXT);
	keyring_clear(&r);
	cr_expect_null(r.at);
}

Test(keys, nothing_is_ever_written_over)
{
	struct err e = {0};
	char before[512], after[512];
	MAKE("w1", "w2");
	file_text(at("w1.secret"), before, sizeof before);
	cr_expect_eq(keyring_new(dir, 1, (const char *const[]){"w1"}, &e), -1);
	cr_expect_not_null(strstr(e.text, "w1.secret: is there already"), "%s", e.text);
	unlink(at("w2.secret"));
	e = (struct err){0};
	cr_expect_eq(keyring_new(dir, 2, (const char *const[]){"w0", "w2"}, &e), -1);
	cr_expect_not_null(strstr(e.text, "w2.public: is there already"), "%s", e.text);
	cr_expect_eq(access(at("w0.secret"), F_OK), -1, "one of two was made all the same");
	file_text(at("w1.secret"), after, sizeof after);
	cr_expect_str_eq(after, before);
	/* Not through a link that leads nowhere either. */
	cr_assert_eq(symlink("/tmp/signsgd-nowhere", at("w3.secret")), 0);
	e = (struct err){0};
	cr_expect_eq(keyring_new(dir, 1, (const char *const[]){"w3"}, &e), -1);
	cr_expect_not_null(strstr(e.text, "w3.secret: is there already"), "%s", e.text);
}

Test(keys, names_are_checked)
{
	char long_name[CURVE_NAME + 2];
	memset(long_name, 'a', sizeof long_name);
	long_name[CURVE_NAME + 1] = '\0';
	const char *const wrong[] = {"",    ".",   "..",  ".w",       "-w",     "_w",
	                             "a/b", "a b", "a\n", "\xc3\xa4", long_name};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct err e = {0};
		cr_expect(!keyring_name_holds(wrong[i]), "%s", wrong[i]);
		cr_expect_eq(keyring_new(dir, 1, &wrong[i], &e), -1, "%s", wrong[i]);
		cr_expect_not_null(strstr(e.text, "is no name of a key"), "%s", e.text);
	}
	const char *const right[] = {"w", "0", "alice.example-2_b", long_name + 1};
	for (size_t i = 0; i < sizeof right / sizeof *right; i++)
		cr_expect(keyring_name_holds(right[i]), "%s", right[i]);
	make(4, right);
	struct err e = {0};
	cr_expect_eq(keyring_new(dir, 2, (const char *const[]){"x", "x"}, &e), -1);
	cr_expect_not_null(strstr(e.text, "named twice"), "%s", e.text);
	cr_expect_eq(access(at("x.secret"), F_OK), -1);
}

Test(keys, a_folder_is_read_in_the_order_of_names)
{
	MAKE("w10", "w2", "server", "alice", "w0", "zoe");
	unlink(at("w2.secret"));
	put("README", "not a key", 0644);
	put(".w9.public", "an editor's own", 0644);
	struct keyring r;
	read_ring(&r);
	const char *const order[] = {"alice", "server", "w0", "w2", "w10", "zoe"};
	const int numbers[] = {0, -1, 1, 2, 3, 4};
	cr_assert_eq(r.count, 6);
	cr_expect_eq(keyring_workers(&r), 5);
	for (size_t i = 0; i < 6; i++) {
		cr_expect_str_eq(r.at[i].name, order[i]);
		cr_expect_eq(keyring_find(&r, order[i]), &r.at[i]);
		cr_expect_eq(keyring_number(&r, &r.at[i]), numbers[i], "%s", order[i]);
		if (numbers[i] >= 0)
			cr_expect_eq(keyring_worker(&r, numbers[i]), &r.at[i]);
		cr_expect_eq(r.at[i].secret_key[0] == '\0', strcmp(order[i], "w2") == 0);
	}
	cr_expect_null(keyring_find(&r, "w1"));
	cr_expect_null(keyring_find(&r, "zz"));
	keyring_clear(&r);
}

Test(keys, a_folder_without_the_server_numbers_all)
{
	MAKE("b", "a");
	struct keyring r;
	read_ring(&r);
	cr_expect_eq(keyring_workers(&r), 2);
	cr_expect_str_eq(keyring_worker(&r, 0)->name, "a");
	cr_expect_eq(keyring_number(&r, &r.at[1]), 1);
	keyring_clear(&r);
	struct err e = {0};
	cr_expect_eq(keyring_read(&r, at("nowhere"), &e), -1);
	cr_expect_not_null(strstr(e.text, "nowhere: the folder of keys cannot be opened"), "%s", e.text);
}

Test(keys, a_secret_that_others_may_read_is_refused)
{
	static const mode_t open_modes[] = {0644, 0640, 0604, 0660, 0602, 0610, 0601, 0777};
	MAKE("w1");
	for (size_t i = 0; i < sizeof open_modes / sizeof *open_modes; i++) {
		char found[32];
		snprintf(found, sizeof found, "found mode %04o, expected 0600", (unsigned)open_modes[i]);
		chmod(at("w1.secret"), open_modes[i]);
		refused("w1.secret: others", found);
	}
	static const mode_t closed[] = {0600, 0400, 0700};
	for (size_t i = 0; i < 3; i++) {
		struct keyring r;
		chmod(at("w1.secret"), closed[i]);
		read_ring(&r);
		keyring_clear(&r);
	}
}

Test(keys, what_is_no_key_is_refused)
{
	char secret[512], other[512], bad[1024];
	MAKE("w1", "w2");
	file_text(at("w1.secret"), secret, sizeof secret);
	file_text(at("w2.secret"), other, sizeof other);
	put("w1.secret", other, 0600);
	refused("w1.secret", "is not the secret of the public key beside it");
	put("w1.secret", "", 0600);
	refused("w1.secret: expected two lines", "40 characters of Z85");
	snprintf(bad, sizeof bad, "%sx\n", secret);
	put("w1.secret", bad, 0600);
	refused("w1.secret: expected two lines", "");
	snprintf(bad, sizeof bad, "%s", secret);
	bad[strlen(bad) - 2] = '~';
	put("w1.secret", bad, 0600);
	refused("w1.secret: expected two lines", "");
	put("w1.secret", strchr(secret, '\n') + 1, 0600);
	refused("w1.secret: expected two lines", "'# signsgd secret key'");
	/* Z85 of more than 32 bits in five characters. */
	put("w1.secret", "# signsgd secret key\n########################################\n", 0600);
	refused("w1.secret: expected two lines", "");
	put("w1.secret", secret, 0600);
	put("w1.public", secret, 0644);
	refused("w1.public: expected two lines", "'# signsgd public key'");
}

Test(keys, a_key_without_its_final_line_end_is_one)
{
	char text[512];
	MAKE("w1");
	file_text(at("w1.public"), text, sizeof text);
	text[strlen(text) - 1] = '\0';
	put("w1.public", text, 0644);
	struct keyring r;
	read_ring(&r);
	keyring_clear(&r);
}

Test(keys, files_that_do_not_fit_together_are_refused)
{
	char text[512];
	MAKE("w1", "w2");
	file_text(at("w2.public"), text, sizeof text);
	put("w3.public", text, 0644);
	refused("w3.public: is the same key as w2.public", "");
	unlink(at("w3.public"));
	unlink(at("w2.public"));
	refused("w2.public: was not found", "beside w2.secret");
	unlink(at("w2.secret"));
	put("a b.public", text, 0644);
	refused("a b.public: is no name of a key", "");
	unlink(at("a b.public"));
	cr_assert_eq(mkdir(at("w4.public"), 0700), 0);
	refused("w4.public: is no file", "");
	rmdir(at("w4.public"));
	cr_assert_eq(mkfifo(at("w4.public"), 0600), 0);
	refused("w4.public: is no file", "");
}

/* Whatever a file says, reading it ends with a ring or a sentence. */
Test(keys, random_files_never_do_harm)
{
	char text[512], bad[1024];
	MAKE("w1");
	file_text(at("w1.secret"), text, sizeof text);
	struct stream s = stream_of(3, RNG_TEST, 0, 0);
	int refusals = 0;
	for (uint64_t round = 0, index = 0; round < 500; round++) {
		size_t length = strlen(text);
		memcpy(bad, text, length + 1);
		for (uint32_t i = 0; i <= stream_below(&s, index, 3); i++, index += 3)
			bad[stream_below(&s, index + 1, (uint32_t)length)] =
			        (char)stream_below(&s, index + 2, 256);
		put("w1.secret", bad, 0600);
		struct keyring r;
		struct err e = {0};
		if (keyring_read(&r, dir, &e)) {
			cr_expect_neq(e.text[0], '\0');
			cr_expect_null(strstr(e.text, strchr(text, '\n') + 1), "a secret in a sentence");
			refusals++;
		} else {
			cr_expect_eq(r.count, 1);
			keyring_clear(&r);
		}
	}
	cr_expect_gt(refusals, 100);
}

/* --- rings in memory and pipes ----------------------------------------------------------------------- */

Test(keys, throw_away_rings_have_all_pairs)
{
	struct keyring r;
	keyring_make(&r, 12);
	cr_assert_eq(r.count, 13);
	cr_assert_eq(keyring_workers(&r), 12);
	for (int w = 0; w < 12; w++) {
		char name[8];
		snprintf(name, sizeof name, "w%d", w);
		cr_expect_str_eq(keyring_worker(&r, w)->name, name);
		cr_expect_eq(keyring_number(&r, keyring_worker(&r, w)), w);
		for (int v = 0; v < w; v++)
			cr_expect_str_neq(keyring_worker(&r, v)->public_key,
			                  keyring_worker(&r, w)->public_key);
	}
	keyring_clear(&r);
	keyring_clear(&r);
}

static int receive_text(const char *text, size_t length, struct keyring *r, struct err *e)
{
	int ends[2];
	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(write(ends[1], text, length), (ssize_t)length);
	close(ends[1]);
	*e = (struct err){0};
	int rc = keyring_receive(r, ends[0], e);
	close(ends[0]);
	return rc;
}

/* What keyring_send() says of these workers. */
static size_t send_text(const struct keyring *r, size_t count, const int *workers, char *text, size_t size)
{
	struct err e = {0};
	int ends[2];
	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(keyring_send(r, count, workers, ends[1], &e), 0, "%s", e.text);
	close(ends[1]);
	ssize_t got = read(ends[0], text, size);
	close(ends[0]);
	cr_assert_gt(got, 0);
	return (size_t)got;
}

Test(keys, a_server_of_ours_gets_all_keys_through_a_pipe)
{
	struct keyring r, child;
	struct err e = {0};
	int ends[2];
	keyring_make(&r, 12);
	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(keyring_send_all(&r, ends[1], &e), 0, "%s", e.text);
	close(ends[1]);
	cr_assert_eq(keyring_receive(&child, ends[0], &e), 0, "%s", e.text);
	close(ends[0]);
	cr_assert_eq(child.count, 13);
	cr_expect_eq(memcmp(child.at, r.at, 13 * sizeof *r.at), 0);
	keyring_clear(&child);
	keyring_clear(&r);
}

Test(keys, a_child_gets_its_own_keys_through_a_pipe)
{
	struct keyring r, child;
	struct err e;
	char text[4096];
	keyring_make(&r, 12);
	size_t length = send_text(&r, 3, (const int[]){2, 3, 11}, text, sizeof text);
	cr_assert_eq(receive_text(text, length, &child, &e), 0, "%s", e.text);
	cr_assert_eq(child.count, 4);
	cr_expect_eq(keyring_workers(&child), 3);
	const struct curve_key *server = keyring_find(&child, KEYRING_SERVER);
	cr_assert_not_null(server);
	cr_expect_str_eq(server->public_key, keyring_find(&r, KEYRING_SERVER)->public_key);
	cr_expect_str_eq(server->secret_key, "", "the server's secret left its process");
	for (int i = 0; i < 3; i++) {
		const struct curve_key *k = keyring_worker(&child, i),
		                       *from = keyring_worker(&r, (const int[]){2, 3, 11}[i]);
		cr_expect(memcmp(k, from, sizeof *k) == 0, "worker %d is another", i);
	}
	keyring_clear(&child);
	keyring_clear(&r);
}

Test(keys, names_on_both_sides_of_the_server_keep_their_order)
{
	struct keyring r, child;
	struct err e;
	char text[4096];
	MAKE("alice", "server", "zoe");
	read_ring(&r);
	size_t length = send_text(&r, 2, (const int[]){0, 1}, text, sizeof text);
	cr_assert_eq(receive_text(text, length, &child, &e), 0, "%s", e.text);
	cr_assert_eq(child.count, 3);
	cr_expect_str_eq(child.at[0].name, "alice");
	cr_expect_str_eq(child.at[1].name, "server");
	cr_expect_str_eq(child.at[2].name, "zoe");
	keyring_clear(&child);
	keyring_clear(&r);
}

Test(keys, a_pipe_that_says_something_else_is_refused)
{
	struct keyring r, child;
	struct err e;
	char text[4096], bad[8192];
	keyring_make(&r, 3);
	size_t length = send_text(&r, 3, (const int[]){0, 1, 2}, text, sizeof text);
	/* Every beginning but that which ends with a worker's line, and every single wrong byte. */
	size_t whole = 0;
	for (size_t cut = 0; cut < length; cut++) {
		int rc = receive_text(text, cut, &child, &e);
		bool line = cut > CURVE_TEXT + 1 && text[cut - 1] == '\n';
		cr_expect_eq(rc, line ? 0 : -1, "%zu bytes", cut);
		whole += line;
		if (!rc)
			keyring_clear(&child);
		else
			cr_expect_not_null(strstr(e.text, "keys"), "%s", e.text);
	}
	cr_expect_eq(whole, 2);
	for (size_t i = 0; i < length; i++) {
		memcpy(bad, text, length);
		bad[i] = '\0';
		cr_expect_eq(receive_text(bad, length, &child, &e), -1, "byte %zu", i);
		bad[i] = ' ' ^ (text[i] == ' ');
		cr_expect_eq(receive_text(bad, length, &child, &e), -1, "byte %zu", i);
	}
	/* The same worker twice; the order turned round. */
	memcpy(bad, text, length);
	memcpy(bad + length, strchr(text, '\n') + 1, 100);
	cr_expect_eq(
	        receive_text(bad,
	                     length + (size_t)(strchr(strchr(text, '\n') + 1, '\n') - strchr(text, '\n')),
	                     &child, &e),
	        -1);
	cr_expect_not_null(strstr(e.text, "line 5"), "%s", e.text);
	keyring_clear(&r);
}

Test(keys, a_reader_that_is_gone_is_an_error)
{
	struct keyring r;
	struct err e = {0};
	int ends[2];
	signal(SIGPIPE, SIG_IGN);
	keyring_make(&r, 1);
	cr_assert_eq(pipe(ends), 0);
	close(ends[0]);
	cr_expect_eq(keyring_send(&r, 1, (const int[]){0}, ends[1], &e), -1);
	cr_expect_eq(e.code, EXIT_WORLD);
	close(ends[1]);
	keyring_clear(&r);
}

/* --- the command ------------------------------------------------------------------------------------- */

Test(keys, the_command_makes_and_lists)
{
	struct arena a = {0};
	struct json *lines[CLI_LINES];
	cr_assert_eq(cli("keys new server w10 w2 -o %s", dir), 0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_err, "w2.secret"));
	cr_assert_eq(cli("keys list -o %s --json", dir), 0, "%s", cli_err);
	cr_assert_eq(cli_json_lines(&a, lines), 3);
	static const char *const names[] = {"server", "w2", "w10"};
	for (size_t i = 0; i < 3; i++) {
		const struct json *worker = json_member(lines[i], "worker");
		cr_expect_str_eq(json_member(lines[i], "name")->string, names[i]);
		cr_expect_eq(strlen(json_member(lines[i], "public_key")->string), CURVE_TEXT);
		if (i == 0)
			cr_expect_eq(worker->type, JSON_NULL);
		else
			cr_expect_eq(worker->number, (double)i - 1);
	}
	arena_clear(&a);
	unlink(at("w2.secret"));
	cr_assert_eq(cli("keys list --out %s", dir), 0, "%s", cli_err);
	struct keyring r;
	read_ring(&r);
	for (size_t i = 0; i < r.count; i++) {
		cr_expect_not_null(strstr(cli_out, r.at[i].public_key));
		cr_expect(!r.at[i].secret_key[0] || !strstr(cli_out, r.at[i].secret_key), "shows a secret");
	}
	keyring_clear(&r);
}

Test(keys, the_command_refuses)
{
	cli_expect(EXIT_USER, "takes the names", "keys new -o %s", dir);
	cli_expect(EXIT_USER, "'new NAME...' or 'list', found 'nwe'", "keys nwe w1 -o %s", dir);
	cli_expect(EXIT_USER, "takes no name", "keys list w1 -o %s", dir);
	cli_expect(EXIT_USER, "cannot be opened", "keys list -o %s", dir);
	cli_expect(EXIT_USER, "is no name of a key", "keys new '../w' -o %s", dir);
	cli_expect(EXIT_WORLD, "cannot be made", "keys new w -o %s/no/such", dir);
	cr_assert_eq(cli("keys new w1 -o %s", dir), 0, "%s", cli_err);
	cli_expect(EXIT_USER, "is there already", "keys new w1 -o %s", dir);
	chmod(at("w1.secret"), 0644);
	cli_expect(EXIT_USER, "expected 0600", "keys list -o %s", dir);
}
