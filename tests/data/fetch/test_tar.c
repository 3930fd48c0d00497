/* Unpacking a .tar.gz: what is wanted comes out, whatever else the archive says. */
#include "tests/support/data_help.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include "base/sha256.h"
#include "data/fetch/tar.h"

enum { BLOCK = 512, ONE = 700, TWO = 3 };

static uint8_t one[ONE];
static const uint8_t two[TWO] = "two";
static char sums[2][65];
static struct data_file files[3];
static gzFile archive;

static void begin(void)
{
	data_help_enter();
	for (int i = 0; i < ONE; i++)
		one[i] = (uint8_t)(i * 7);
	sha256_hex(one, ONE, sums[0]);
	sha256_hex(two, TWO, sums[1]);
	files[0] = (struct data_file){.name = "one.bin", .sha256 = sums[0], .bytes = ONE};
	files[1] = (struct data_file){.name = "two.bin", .sha256 = sums[1], .bytes = TWO};
	archive = gzopen(data_help_path("a.tar.gz"), "wb");
	data_help_path("out/");
}

TestSuite(tar, .init = begin, .fini = data_help_leave);

static void put_header(const char *name, char type, size_t size)
{
	char header[BLOCK + 1] = "";
	unsigned sum = 0;
	snprintf(header, 100, "%s", name);
	snprintf(header + 124, 12, "%011zo", size);
	header[156] = type;
	memcpy(header + 257, "ustar", 5);
	memset(header + 148, ' ', 8);
	for (int i = 0; i < BLOCK; i++)
		sum += (unsigned char)header[i];
	snprintf(header + 148, 8, "%06o", sum);
	cr_assert_eq(gzwrite(archive, header, BLOCK), BLOCK);
}

static void put_member(const char *name, char type, const void *bytes, size_t size)
{
	static const uint8_t zeros[BLOCK];
	put_header(name, type, size);
	if (size) {
		cr_assert_eq(gzwrite(archive, bytes, (unsigned)size), (int)size);
		gzwrite(archive, zeros, (unsigned)((BLOCK - size % BLOCK) % BLOCK));
	}
}

static void put_end(void)
{
	static const uint8_t zeros[2 * BLOCK];
	gzwrite(archive, zeros, sizeof zeros);
	cr_assert_eq(gzclose(archive), Z_OK);
}

static int unpack(struct err *e)
{
	*e = (struct err){0};
	return tar_unpack(data_help_path("a.tar.gz"), files, data_help_path("out"), e);
}

static int count_files(const char *path)
{
	DIR *d = opendir(path);
	int n = 0;
	for (struct dirent *entry = readdir(d); entry; entry = readdir(d))
		n += entry->d_name[0] != '.';
	closedir(d);
	return n;
}

Test(tar, takes_what_is_wanted_and_nothing_else)
{
	struct err e;
	put_member("set/", '5', NULL, 0);
	put_member("set/readme.html", '0', one, ONE);
	put_member("set/one.bin", '0', one, ONE);
	put_member("../../../etc/two.bin", '0', two, TWO);
	put_member("link/one.bin", '2', NULL, 0);
	put_member("../escaped", '0', two, TWO);
	put_end();
	cr_assert_eq(unpack(&e), 0, "%s", e.text);
	cr_assert_eq(count_files(data_help_path("out")), 2);
	cr_assert_eq(count_files(data_help_folder), 2, "something was unpacked beside the folder");
	char found[65];
	cr_assert_eq(sha256_file(data_help_path("out/one.bin"), found, &e), 0);
	cr_assert_str_eq(found, sums[0]);
}

static void expect_failure(const char *part)
{
	struct err e;
	cr_assert_eq(unpack(&e), -1);
	cr_assert(strstr(e.text, part), "expected '%s' in: %s", part, e.text);
}

/* What has a member's name already: the right file stays, another one is not replaced. */
Test(tar, replaces_nothing)
{
	char kept[64];
	struct err e;
	struct stat st;
	put_member("one.bin", '0', one, ONE);
	put_member("two.bin", '0', two, TWO);
	put_end();
	data_help_put("there", two, TWO);
	cr_assert_eq(symlink("../there", data_help_path("out/two.bin")), 0);
	char *mine = data_help_put("out/one.bin", "mine", 4);
	expect_failure("one.bin: is there and is not the official file");
	cr_expect_str_eq(file_text(mine, kept, sizeof kept), "mine");
	cr_assert_eq(unlink(mine), 0);
	cr_assert_eq(unpack(&e), 0, "%s", e.text);
	cr_expect(lstat(data_help_path("out/two.bin"), &st) == 0 && S_ISLNK(st.st_mode));
	cr_assert_eq(count_files(data_help_path("out")), 2);
}

Test(tar, a_missing_member_is_said)
{
	put_member("one.bin", '0', one, ONE);
	put_end();
	expect_failure("a.tar.gz: holds no two.bin");
}

Test(tar, another_content_is_refused_and_does_not_stay)
{
	put_member("one.bin", '0', one, ONE);
	put_member("two.bin", '0', "TWO", TWO);
	put_end();
	expect_failure("two.bin: found SHA-256 ");
	cr_assert_eq(count_files(data_help_path("out")), 1);
}

Test(tar, another_size_is_refused_before_it_is_written)
{
	put_header("one.bin", '0', (size_t)1 << 32);
	put_end();
	expect_failure("found one.bin of 4294967296 bytes in it, expected 700");
}

Test(tar, a_damaged_header_is_refused)
{
	put_member("one.bin", '0', one, ONE);
	gzwrite(archive, one + 1, BLOCK);
	put_end();
	expect_failure("found a damaged header before byte 2048");
}

Test(tar, an_archive_that_ends_early_is_refused)
{
	put_member("one.bin", '0', one, ONE);
	cr_assert_eq(gzclose(archive), Z_OK);
	expect_failure("ends in the middle, after 1536 bytes");
}

Test(tar, a_damaged_stream_is_refused)
{
	for (int i = 0; i < 40; i++)
		put_member("other", '0', one, ONE);
	put_end();
	FILE *f = fopen(data_help_path("a.tar.gz"), "r+b");
	cr_assert(f && fseek(f, 40, SEEK_SET) == 0 && fwrite("\xff\xff\xff\xff", 1, 4, f) == 4 &&
	          fclose(f) == 0);
	expect_failure("a.tar.gz: found a damaged");
}
