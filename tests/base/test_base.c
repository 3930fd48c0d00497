/* The small pieces of the ground floor: voices, memory, clock, SHA-256. */
#include <criterion/criterion.h>

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "tests/support/file.h"

/* --- voices ------------------------------------------------------------------------------------------ */

Test(err, user_and_world_carry_their_exit_codes)
{
	struct err e = {0};
	cr_assert_eq(err_user(&e, "x.json:%d: found %s", 3, "a comma"), -1);
	cr_assert_eq(e.code, EXIT_USER);
	cr_assert_str_eq(e.text, "x.json:3: found a comma");
	err_clear(&e);
	cr_assert_eq(e.code, EXIT_DONE);
	cr_assert_str_eq(e.text, "");
	cr_assert_eq(err_world(&e, "disk full"), -1);
	cr_assert_eq(e.code, EXIT_WORLD);
	cr_assert_str_eq(e.text, "disk full");
}

Test(err, the_first_sentence_stays)
{
	struct err e = {0};
	err_user(&e, "cause");
	cr_assert_eq(err_world(&e, "consequence"), -1);
	cr_assert_eq(e.code, EXIT_USER);
	cr_assert_str_eq(e.text, "cause");
}

Test(err, prefixes_come_in_front)
{
	struct err e = {0};
	err_world(&e, "short read");
	cr_assert_eq(err_prefix(&e, "file %d", 2), -1);
	err_prefix(&e, "data");
	cr_assert_str_eq(e.text, "data: file 2: short read");
	cr_assert_eq(e.code, EXIT_WORLD);
}

/* n times the two bytes of U+00E4, so that a cut at an odd place would halve a character. */
static char *umlauts(size_t n, const char *start)
{
	struct buf b = {0};
	buf_add(&b, start);
	for (size_t i = 0; i < n; i++)
		buf_add(&b, "\xc3\xa4");
	return b.text;
}

static void assert_whole_umlauts_then_dots(const char *text, size_t start)
{
	size_t length = strlen(text);
	cr_assert_str_eq(text + length - 3, "...");
	cr_assert_eq((length - 3 - start) % 2, 0, "a character was cut in two");
	cr_assert_gt(length, 1000);
}

Test(err, long_sentences_are_cut_between_characters)
{
	for (size_t start = 0; start < 2; start++) {
		char *text = umlauts(2000, start ? "x" : "");
		struct err e = {0};
		err_user(&e, "%s", text);
		assert_whole_umlauts_then_dots(e.text, start);
		err_prefix(&e, "y");
		assert_whole_umlauts_then_dots(e.text, start + 3);
		mem_free(text);
	}
}

Test(err, a_prefix_without_a_sentence_is_a_bug, .signal = SIGABRT)
{
	struct err e = {0};
	err_prefix(&e, "x");
}

Test(err, die_exits_with_one, .exit_code = 1)
{
	die("no memory for %d things", 3);
}

Test(err, bug_aborts, .signal = SIGABRT)
{
	BUG("something that cannot be");
}

/* --- memory ------------------------------------------------------------------------------------------ */

static bool all_zero(const void *p, size_t bytes)
{
	const unsigned char *b = p;
	for (size_t i = 0; i < bytes; i++)
		if (b[i])
			return false;
	return true;
}

Test(mem, memory_is_zero_also_where_it_was_used_before)
{
	static const size_t sizes[] = {0, 1, 15, 63, 64, 65, 1000, 100000};
	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			void *p = mem_alloc(sizes[i]), *q = mem_array(sizes[i], 3);
			cr_assert(p && q);
			cr_assert(all_zero(p, sizes[i]) && all_zero(q, 3 * sizes[i]));
			memset(p, 0xff, sizes[i]);
			memset(q, 0xff, 3 * sizes[i]);
			mem_free(q);
			mem_free(p);
		}
	mem_free(NULL);
}

Test(mem, arrays_are_aligned_to_the_widest_register)
{
	for (size_t n = 0; n < 200; n++) {
		float *p = mem_array(n, sizeof(*p));
		cr_assert_eq((uintptr_t)p % 64, 0);
		mem_free(p);
	}
}

Test(mem, resize_keeps_what_was_there)
{
	unsigned char *p = mem_resize(NULL, 10);
	for (int i = 0; i < 10; i++)
		p[i] = (unsigned char)i;
	p = mem_resize(p, 100000);
	for (int i = 0; i < 10; i++)
		cr_assert_eq(p[i], i);
	mem_free(mem_resize(p, 0));
}

Test(mem, an_array_beyond_all_addresses_dies, .exit_code = 1)
{
	mem_array(SIZE_MAX / 2, 3);
}

Test(mem, an_array_that_overflows_when_rounded_dies, .exit_code = 1)
{
	mem_array(SIZE_MAX, 1);
}

Test(mem, texts)
{
	char *copy = mem_string("vote"), *text = mem_format("%s %05d", "agg", 42);
	cr_assert_str_eq(copy, "vote");
	cr_assert_str_eq(text, "agg 00042");
	mem_free(copy);
	mem_free(text);
}

Test(mem, an_arena_gives_pieces_of_their_own)
{
	enum { PIECES = 3000 };
	static unsigned char *piece[PIECES];
	static size_t size[PIECES];
	struct arena a = {0};
	for (size_t i = 0; i < PIECES; i++) {
		size[i] = i % 100 == 99 ? 10000 : i % 37;
		piece[i] = arena_alloc(&a, size[i]);
		cr_assert_eq((uintptr_t)piece[i] % 16, 0);
		cr_assert(all_zero(piece[i], size[i]));
		memset(piece[i], (int)(i % 251) + 1, size[i]);
	}
	for (size_t i = 0; i < PIECES; i++)
		for (size_t k = 0; k < size[i]; k++)
			cr_assert_eq(piece[i][k], i % 251 + 1, "piece %zu was overwritten", i);
	arena_clear(&a);
	cr_assert_null(a.last);
	arena_clear(&a);
	cr_assert_str_eq(arena_string(&a, "again"), "again");
	cr_assert_str_eq(arena_format(&a, "%d/%d", 3, 7), "3/7");
	arena_clear(&a);
}

Test(mem, a_piece_beyond_all_addresses_dies, .exit_code = 1)
{
	struct arena a = {0};
	arena_alloc(&a, SIZE_MAX - 3);
}

Test(mem, a_text_grows)
{
	struct buf b = {0};
	char expected[6000] = "";
	for (int i = 0; i < 1000; i++) {
		char number[16];
		snprintf(number, sizeof(number), "%d,", i);
		strcat(expected, number);
		if (i % 2)
			buf_add(&b, number);
		else
			buf_format(&b, "%d,", i);
		cr_assert_eq(b.text[b.length], '\0');
	}
	cr_assert_str_eq(b.text, expected);
	cr_assert_eq(b.length, strlen(expected));
	buf_clear(&b);
	cr_assert(!b.text && b.length == 0 && b.size == 0);
}

Test(mem, a_text_takes_any_bytes)
{
	struct buf b = {0};
	buf_bytes(&b, NULL, 0);
	cr_assert_str_eq(b.text, "");
	buf_bytes(&b, "a\0b", 3);
	buf_add(&b, "c");
	cr_assert_eq(b.length, 4);
	cr_assert_arr_eq(b.text, "a\0bc", 5);
	buf_clear(&b);
}

/* --- clock ------------------------------------------------------------------------------------------- */

Test(clock, seconds_never_go_back_and_go_on)
{
	double start = clock_s(), last = start;
	while (last < start + 1e-3) {
		double now = clock_s();
		cr_assert(now >= last);
		last = now;
	}
}

Test(clock, the_date_is_now_in_utc)
{
	char date[32];
	setenv("TZ", "Asia/Kolkata", 1);
	tzset();
	time_t before = time(NULL);
	clock_date(date);
	time_t after = time(NULL);
	struct tm parts = {0};
	const char *end = strptime(date, "%Y-%m-%dT%H:%M:%SZ", &parts);
	cr_assert(end && *end == '\0', "%s", date);
	time_t said = timegm(&parts);
	cr_assert(said >= before && said <= after, "%s", date);
}

/* --- SHA-256 ----------------------------------------------------------------------------------------- */

Test(sha256, the_published_examples)
{
	char sum[65], *million = mem_alloc(1000000);
	memset(million, 'a', 1000000);
	sha256_hex("", 0, sum);
	cr_assert_str_eq(sum, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha256_hex("abc", 3, sum);
	cr_assert_str_eq(sum, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256_hex(million, 1000000, sum);
	cr_assert_str_eq(sum, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	mem_free(million);
}

Test(sha256, a_file_sums_like_its_content)
{
	enum { BYTES = 200001 }; /* several reads and a rest */
	char folder[FOLDER_SIZE];
	folder_make(folder);
	char *path = mem_format("%s/data", folder), *bytes = mem_alloc(BYTES);
	for (size_t i = 0; i < BYTES; i++)
		bytes[i] = (char)(i * i >> 3);
	file_put(path, bytes, BYTES);

	struct err e = {0};
	char of_file[65], of_memory[65];
	int rc = sha256_file(path, of_file, &e);
	sha256_hex(bytes, BYTES, of_memory);
	folder_remove(folder);
	cr_assert_eq(rc, 0, "%s", e.text);
	cr_assert_str_eq(of_file, of_memory);
	mem_free(bytes);
	mem_free(path);
}

Test(sha256, what_is_no_file_is_named)
{
	struct err e = {0};
	char sum[65];
	cr_assert_eq(sha256_file("/nowhere/data.gz", sum, &e), -1);
	cr_assert_eq(e.code, EXIT_USER);
	cr_assert_str_eq(e.text, "/nowhere/data.gz: cannot be opened: No such file or directory");
	err_clear(&e);
	cr_assert_eq(sha256_file("/dev/null", sum, &e), -1);
	cr_expect_str_eq(e.text, "/dev/null: is a device or pipe, expected a file");
	err_clear(&e);
	cr_assert_eq(sha256_file("/", sum, &e), -1);
	cr_assert_str_eq(e.text, "/: cannot be read: Is a directory");
}
