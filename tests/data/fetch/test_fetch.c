/* Downloads from a local server that does everything a server can do wrong, and `signsgd data`. */
#include <criterion/criterion.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "cmd/commands.h"
#include "data/fetch/fetch.h"
#include "tests/support/process.h"
#include "tests/support/web_server.h"
#include "tests/support/file.h"

extern const struct data_source data_mnist;

enum { FILES = 2, SMALL = 1000, LARGE = 300000, EVENTS = FETCH_DONE + 1 };

static char small[SMALL], large[LARGE], sums[FILES][65];
static const struct web_file served[FILES + 1] = {
        {"small.bin", small, SMALL}, {"large.bin", large, LARGE}, {0}};
static struct data_file files[FILES + 1];
static const struct data_source source = {.row = {.name = "toy"}, .folder = "toy", .files = files};

static struct web_server server;
static struct arena arena; /* texts of a test */
static char folder[FOLDER_SIZE], dir[128];
static char *data_folder; /* where real data sets may be */

static void setup(void)
{
	folder_make(folder);
	snprintf(dir, sizeof(dir), "%s/a/b", folder);
	const char *data = getenv("SIGNSGD_DATA");
	data_folder = arena_string(&arena, data && *data ? data : "../shared/data");
	setenv("no_proxy", "*", 1);
	setenv("HOME", folder, 1);
	unsetenv("XDG_CACHE_HOME");
	unsetenv("SIGNSGD_DATA");
	for (int i = 0; i < LARGE; i++)
		large[i] = (char)((long)i * i >> 7);
	memset(small, 's', SMALL);
	for (int i = 0; i < FILES; i++) {
		sha256_hex(served[i].bytes, served[i].n, sums[i]);
		files[i] =
		        (struct data_file){.name = served[i].name, .sha256 = sums[i], .bytes = served[i].n};
	}
	web_start(&server, served);
}

static void teardown(void)
{
	web_stop(&server);
	folder_remove(folder);
	arena_clear(&arena);
}

TestSuite(fetch, .init = setup, .fini = teardown);

/* http://127.0.0.1:PORT/HOW */
static char *url(const char *how)
{
	return arena_format(&arena, "http://127.0.0.1:%d/%s", server.port, how);
}

static void count(void *ctx, const struct fetch_news *news)
{
	int *times = ctx;
	times[news->event]++;
	if (news->event == FETCH_BYTES)
		cr_assert_leq(news->done, news->file->bytes);
}

static int entries(const char *path)
{
	DIR *d = opendir(path);
	int n = 0;
	for (struct dirent *entry = d ? readdir(d) : NULL; entry; entry = readdir(d))
		n += entry->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

static void expect_content(int file)
{
	char found[65], *path = arena_format(&arena, "%s/%s", dir, files[file].name);
	struct err e = {0};
	cr_assert_eq(sha256_file(path, found, &e), 0, "%s", e.text);
	cr_assert_str_eq(found, files[file].sha256);
}

Test(fetch, puts_files_with_the_right_content_into_a_new_folder)
{
	int times[EVENTS] = {0};
	struct err e = {0};
	cr_assert_eq(data_fetch(&source, dir, url("good/"), count, times, &e), 0, "%s", e.text);
	expect_content(0);
	expect_content(1);
	cr_assert_eq(entries(dir), FILES, "something else is left in the folder");
	cr_assert(times[FETCH_BEGIN] == 2 && times[FETCH_DONE] == 2 && times[FETCH_BYTES] >= 2);
	cr_assert(times[FETCH_KEPT] == 0 && times[FETCH_FAILED] == 0);
}

/* 2, a sentence with `part`, nothing asked for, and nothing new in the folder. */
static void expect_stays(const struct data_source *s, const char *part)
{
	struct err e = {0};
	int before = entries(dir), asked = *server.asked;
	cr_assert_eq(data_fetch(s, dir, url("good"), NULL, NULL, &e), -1);
	cr_expect(e.code == EXIT_USER && strstr(e.text, part), "expected '%s' in: %s", part, e.text);
	cr_expect_eq(*server.asked, asked);
	cr_expect_eq(entries(dir), before);
}

Test(fetch, keeps_what_is_right_and_replaces_nothing)
{
	int times[EVENTS] = {0};
	struct err e = {0};
	cr_assert_eq(data_fetch(&source, dir, url("good"), NULL, NULL, &e), 0, "%s", e.text);
	cr_assert_eq(*server.asked, 2);
	char *path = arena_format(&arena, "%s/%s", dir, files[1].name);
	file_put_text(path, "my own samples");
	expect_stays(&source, "large.bin: is there and is not the official file: found SHA-256 ");
	char kept[64];
	cr_expect_str_eq(file_text(path, kept, sizeof kept), "my own samples");
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(symlink("nowhere", path), 0);
	expect_stays(&source, "large.bin: is a link that leads nowhere");
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(mkdir(path, 0700), 0);
	expect_stays(&source, "large.bin: is no regular file");
	cr_assert_eq(rmdir(path), 0);
	cr_assert_eq(data_fetch(&source, dir, url("good"), count, times, &e), 0, "%s", e.text);
	cr_assert(times[FETCH_KEPT] == 1 && times[FETCH_DONE] == 1);
	cr_assert_eq(*server.asked, 3, "a file that was right was asked for again");
	expect_content(1);
}

/* A right file elsewhere that is linked to is right, and the link stays. */
Test(fetch, a_link_to_the_right_file_stays)
{
	struct err e = {0};
	struct stat st;
	char *path = arena_format(&arena, "%s/%s", dir, files[0].name),
	     *there = arena_format(&arena, "%s/there", folder);
	cr_assert_eq(data_fetch(&source, dir, url("good"), NULL, NULL, &e), 0, "%s", e.text);
	cr_assert(rename(path, there) == 0 && symlink(there, path) == 0);
	cr_assert_eq(data_fetch(&source, dir, url("good"), NULL, NULL, &e), 0, "%s", e.text);
	cr_expect(lstat(path, &st) == 0 && S_ISLNK(st.st_mode));
	cr_expect_eq(*server.asked, 2);
}

/* An archive that was downloaded is deleted when it is unpacked; one that was there is its owner's. */
Test(fetch, an_archive_that_was_there_stays)
{
	static char bytes[2 * LARGE];
	struct err e = {0};
	char sum[65], *made = arena_format(&arena, "%s/toy.tar.gz", folder),
	              *path = arena_format(&arena, "%s/toy.tar.gz", dir);
	cr_assert_eq(data_fetch(&source, dir, url("good"), NULL, NULL, &e), 0, "%s", e.text);
	cr_assert(process_shell("tar -C %s -czf %s small.bin large.bin && rm %s/*.bin", dir, made, dir));
	FILE *f = fopen(made, "rb");
	cr_assert(f);
	size_t n = fread(bytes, 1, sizeof bytes, f);
	fclose(f);
	sha256_hex(bytes, n, sum);
	const struct data_file archive = {.name = "toy.tar.gz", .sha256 = sum, .bytes = n};
	const struct web_file packed[] = {{"toy.tar.gz", bytes, n}, {0}};
	struct data_source archived = source;
	struct web_server other;
	archived.archive = &archive;
	web_start(&other, packed);
	char *from = arena_format(&arena, "http://127.0.0.1:%d/good", other.port);
	cr_assert_eq(data_fetch(&archived, dir, from, NULL, NULL, &e), 0, "%s", e.text);
	cr_expect(access(path, F_OK) && entries(dir) == FILES);
	cr_assert(process_shell("rm %s/small.bin && cp %s %s", dir, made, path));
	cr_assert_eq(data_fetch(&archived, dir, from, NULL, NULL, &e), 0, "%s", e.text);
	cr_expect(access(path, F_OK) == 0 && entries(dir) == FILES + 1);
	cr_expect_eq(*other.asked, 1);
	web_stop(&other);
	expect_content(0);
	file_put_text(arena_format(&arena, "%s/large.bin", dir), "mine");
	expect_stays(&archived, "large.bin: is there and is not the official file");
}

Test(fetch, follows_redirections)
{
	struct err e = {0};
	cr_assert_eq(data_fetch(&source, dir, url("redirect"), NULL, NULL, &e), 0, "%s", e.text);
	expect_content(1);
}

/* -1 with a sentence that names the URL and contains `part`, and nothing left in the folder. */
static void expect_failure(const char *base, const char *part)
{
	struct err e = {0};
	cr_assert_eq(data_fetch(&source, dir, base, NULL, NULL, &e), -1, "%s", base);
	cr_assert_eq(e.code, EXIT_WORLD);
	cr_assert(strstr(e.text, "data set toy: "), "%s", e.text);
	cr_assert(strstr(e.text, base) && strstr(e.text, "/small.bin: "), "no URL in: %s", e.text);
	cr_assert(strstr(e.text, part), "expected '%s' in: %s", part, e.text);
	cr_assert_eq(entries(dir), 0, "something is left in the folder after: %s", e.text);
}

Test(fetch, refuses_what_is_not_the_file)
{
	char *wrong_sum = arena_format(&arena, ", expected %s", sums[0]);
	expect_failure(url("missing"), "found HTTP status 404, expected 200");
	expect_failure(url("short"), "ended after 500 bytes, expected 1000");
	expect_failure(url("brief"), "ended after 500 bytes, expected 1000");
	expect_failure(url("endless"), "sends more than the 1000 bytes expected");
	expect_failure(url("flip"), "found SHA-256 ");
	expect_failure(url("flip"), wrong_sum);
	expect_failure(url("escape"), "rotocol");
}

/* A port that was free a moment ago: nobody listens. */
Test(fetch, says_when_nobody_is_there)
{
	int port;
	close(web_listen(&port));
	char *base = arena_format(&arena, "http://127.0.0.1:%d", port);
	expect_failure(base, "127.0.0.1");
}

Test(fetch, speaks_only_http)
{
	static const char *const others[] = {"file:///tmp", "ftp://127.0.0.1/x", "/tmp", ""};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct err e = {0};
		cr_assert_eq(data_fetch(&source, dir, others[i], NULL, NULL, &e), -1);
		cr_assert_eq(e.code, EXIT_USER);
		cr_assert(strstr(e.text, "expected one that begins with http:// or https://"), "%s", e.text);
	}
	cr_assert_eq(*server.asked, 0);
}

Test(fetch, tries_the_official_addresses_in_turn)
{
	int times[EVENTS] = {0};
	struct err e = {0};
	for (int i = 0; i < FILES; i++) {
		files[i].urls[0] = arena_format(&arena, "%s/%s", url("flip"), files[i].name);
		files[i].urls[1] = arena_format(&arena, "%s/%s", url("good"), files[i].name);
	}
	cr_assert_eq(data_fetch(&source, dir, NULL, count, times, &e), 0, "%s", e.text);
	expect_content(0);
	expect_content(1);
	cr_assert(times[FETCH_FAILED] == 2 && times[FETCH_BEGIN] == 4 && times[FETCH_DONE] == 2);
}

Test(fetch, names_every_address_that_failed)
{
	struct err e = {0};
	files[0].urls[0] = url("missing/small.bin");
	files[0].urls[1] = url("short/small.bin");
	cr_assert_eq(data_fetch(&source, dir, NULL, NULL, NULL, &e), -1);
	cr_assert(strstr(e.text, "/missing/small.bin: found HTTP status 404"), "%s", e.text);
	cr_assert(strstr(e.text, "/short/small.bin: ended after 500 bytes"), "%s", e.text);
}

Test(fetch, a_folder_that_cannot_be_made_is_said)
{
	struct err e = {0};
	char *file = arena_format(&arena, "%s/file", folder),
	     *below = arena_format(&arena, "%s/deeper", file);
	file_put_text(file, "");
	cr_assert_eq(data_fetch(&source, below, url("good"), NULL, NULL, &e), -1);
	cr_assert(strstr(e.text, below) && strstr(e.text, "Not a directory"), "%s", e.text);
}

/* --- the command ------------------------------------------------------------------------------------------
 */

/* The exit code of `signsgd data WORDS`. */
static int command(const char *const *words)
{
	char *argv[8] = {NULL};
	int argc = 0;
	struct args a;
	struct err e = {0};
	for (; words[argc]; argc++)
		argv[argc] = arena_string(&arena, words[argc]);
	cr_assert_eq(args_parse(&a, &cmd_data, argc, argv, &e), 0, "%s", e.text);
	int code = cmd_data.run(&a);
	args_clear(&a);
	return code;
}

#define COMMAND(...) command((const char *const[]){__VA_ARGS__, NULL})

Test(fetch, the_command_refuses_what_it_cannot_do)
{
	cr_assert_eq(COMMAND("fetch"), EXIT_USER);
	cr_assert_eq(COMMAND("fetch", "mnist", "fashion-mnist"), EXIT_USER);
	cr_assert_eq(COMMAND("fetch", "mnits"), EXIT_USER);
	cr_assert_eq(COMMAND("fetch", "glyphs"), EXIT_USER);
	cr_assert_eq(COMMAND("get", "mnist"), EXIT_USER);
	cr_assert_eq(COMMAND("list", "mnist"), EXIT_USER);
	cr_assert_eq(COMMAND("fetch", "mnist", "--from", "file:///tmp"), EXIT_USER);
	cr_assert_eq(COMMAND("fetch", "mnist", "--from", url("missing")), EXIT_WORLD);
	cr_assert_eq(*server.asked, 1);
	unsetenv("HOME");
	cr_assert_eq(COMMAND("fetch", "mnist", "--from", url("good")), EXIT_USER);
}

/* The whole of a file, or bytes = NULL. */
static struct web_file real_file(const char *data, const char *name)
{
	struct web_file file = {.name = name};
	struct stat st;
	char *path = arena_format(&arena, "%s/mnist/%s", data, name);
	FILE *f = fopen(path, "rb");
	if (!f)
		return file;
	cr_assert_eq(fstat(fileno(f), &st), 0);
	char *bytes = mem_alloc((size_t)st.st_size);
	file.n = fread(bytes, 1, (size_t)st.st_size, f);
	file.bytes = bytes;
	fclose(f);
	return file;
}

/* The check sums that the program carries are those of the official files. */
Test(fetch, the_command_gets_the_real_files_to_where_they_are_found)
{
	struct web_file real[5] = {{0}};
	struct web_server official;
	struct err e = {0};
	for (int i = 0; i < 4; i++) {
		real[i] = real_file(data_folder, data_mnist.files[i].name);
		if (!real[i].bytes) {
			printf("skipped: no files of mnist in SIGNSGD_DATA or ../shared/data\n");
			cr_skip_test("no files");
		}
	}
	web_start(&official, real);
	char *from = arena_format(&arena, "http://127.0.0.1:%d/good", official.port);
	cr_assert_eq(COMMAND("fetch", "mnist", "--from", from, "--to", dir), EXIT_DONE);
	cr_assert_eq(COMMAND("fetch", "mnist", "--from", from), EXIT_DONE);
	cr_assert_eq(*official.asked, 8);
	for (int i = 0; i < 4; i++) {
		const char *const with[2] = {dir, NULL}, *const without[2] = {NULL, NULL};
		char *given = dataset_find(&data_mnist, with, &data_mnist.files[i], &e);
		char *cached = dataset_find(&data_mnist, without, &data_mnist.files[i], &e);
		cr_assert(given && !strncmp(given, dir, strlen(dir)), "%s", e.text);
		cr_assert(cached && strstr(cached, "/.cache/signsgd/mnist/"), "%s", e.text);
		mem_free(given);
		mem_free(cached);
		mem_free((char *)real[i].bytes);
	}
	web_stop(&official);
}
