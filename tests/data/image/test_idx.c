/* The IDX reader on good files and on all kinds of bad ones, packed with gzip and not. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/mem.h"
#include "data/image/idx.h"
#include "tests/support/file.h"

enum {
	SAMPLES = 5,
	HIGH = 3,
	WIDE = 4,
	SAMPLE = HIGH * WIDE,
	HEADER = 16,
	WHOLE = HEADER + SAMPLES * SAMPLE
};

static const struct idx_shape images = {3, {SAMPLES, HIGH, WIDE}};
static const struct idx_shape labels = {1, {SAMPLES}};

/* A folder of its own for every test (each is a process of its own). */
static char folder[FOLDER_SIZE], path[128];

static void setup(void)
{
	folder_make(folder);
	snprintf(path, sizeof(path), "%s/file", folder);
}

static void teardown(void)
{
	folder_remove(folder);
}

TestSuite(idx, .init = setup, .fini = teardown);

static void put_word(uint8_t *to, uint32_t word)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(word >> (24 - 8 * i));
}

/* The file that `images` describes: value i is 7 i + 1. */
static void fill(uint8_t bytes[WHOLE])
{
	put_word(bytes, 0x803);
	put_word(bytes + 4, SAMPLES);
	put_word(bytes + 8, HIGH);
	put_word(bytes + 12, WIDE);
	for (int i = 0; i < WHOLE - HEADER; i++)
		bytes[HEADER + i] = (uint8_t)(7 * i + 1);
}

static void write_file(const void *bytes, size_t n)
{
	file_put(path, bytes, n);
}

/* Pack with gzip; returns the packed size. */
static size_t pack(const uint8_t *bytes, size_t n, uint8_t *out, size_t size)
{
	z_stream z = {0};
	cr_assert_eq(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)bytes;
	z.avail_in = (uInt)n;
	z.next_out = out;
	z.avail_out = (uInt)size;
	cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	size_t packed = size - z.avail_out;
	deflateEnd(&z);
	return packed;
}

/* Read the file as `images`, all of it, and say what came of it. */
static int read_images(uint8_t out[SAMPLES * SAMPLE], struct err *e)
{
	uint32_t crc;
	*e = (struct err){0};
	return idx_read(path, &images, SAMPLES, out, &crc, e);
}

static void expect_refusal(const char *part)
{
	uint8_t out[SAMPLES * SAMPLE];
	struct err e;
	cr_assert_eq(read_images(out, &e), -1, "expected a refusal with '%s'", part);
	cr_assert(strstr(e.text, part), "expected '%s' in: %s", part, e.text);
	cr_assert_eq(strncmp(e.text, path, strlen(path)), 0, "expected the file's name first: %s", e.text);
	cr_assert_eq(e.code, EXIT_USER);
}

static void write_packed(const uint8_t *bytes, size_t n)
{
	uint8_t packed[512];
	write_file(packed, pack(bytes, n, packed, sizeof(packed)));
}

Test(idx, gives_what_was_written_packed_and_not)
{
	uint8_t bytes[WHOLE], out[SAMPLES * SAMPLE];
	fill(bytes);
	for (int packed = 0; packed < 2; packed++) {
		if (packed)
			write_packed(bytes, WHOLE);
		else
			write_file(bytes, WHOLE);
		for (size_t keep = 0; keep <= SAMPLES; keep++) {
			struct err e = {0};
			uint32_t crc = 0;
			memset(out, 0xaa, sizeof(out));
			cr_assert_eq(idx_read(path, &images, keep, out, &crc, &e), 0, "%s", e.text);
			cr_assert_arr_eq(out, bytes + HEADER, keep * SAMPLE);
			for (size_t i = keep * SAMPLE; i < sizeof(out); i++)
				cr_assert_eq(out[i], 0xaa, "wrote behind what was to be kept");
			cr_assert_eq(crc, crc32(0, bytes, WHOLE));
		}
	}
}

Test(idx, reads_labels_and_finds_the_first_bad_one)
{
	uint8_t bytes[8 + SAMPLES] = {0, 0, 8, 1, 0, 0, 0, SAMPLES, 9, 0, 3, 10, 255}, out[SAMPLES];
	uint32_t crc;
	struct err e = {0};
	write_file(bytes, sizeof(bytes));
	cr_assert_eq(idx_read(path, &labels, SAMPLES, out, &crc, &e), 0, "%s", e.text);
	cr_assert_eq(idx_check_labels(path, out, 3, 10, &e), 0);
	cr_assert_eq(idx_check_labels(path, out, SAMPLES, 10, &e), -1);
	cr_assert(strstr(e.text, "found label 10 at sample 3, expected 0 to 9"), "%s", e.text);
}

/* A sample file of more than one piece of the reader's buffer. */
Test(idx, reads_files_larger_than_its_buffer)
{
	const struct idx_shape large = {2, {3, 70000}};
	size_t n = 12 + 3 * 70000;
	uint8_t *bytes = mem_alloc(n), *packed = mem_alloc(n), *out = mem_alloc(n);
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(i * i >> 3);
	put_word(bytes, 0x802);
	put_word(bytes + 4, 3);
	put_word(bytes + 8, 70000);
	for (int gzip = 0; gzip < 2; gzip++) {
		struct err e = {0};
		uint32_t crc;
		write_file(gzip ? packed : bytes, gzip ? pack(bytes, n, packed, n) : n);
		cr_assert_eq(idx_read(path, &large, 2, out, &crc, &e), 0, "%s", e.text);
		cr_assert_eq(memcmp(out, bytes + 12, 2 * 70000), 0);
		cr_assert_eq(crc, crc32(0, bytes, (uInt)n));
	}
	mem_free(bytes);
	mem_free(packed);
	mem_free(out);
}

Test(idx, refuses_headers_that_are_not_the_expected)
{
	static const struct {
		int at;
		uint32_t word;
		const char *part;
	} cases[] = {
	        {0, 0x801, "found magic word 0x00000801, expected 0x00000803"},
	        {0, 0x903, "found magic word 0x00000903"},
	        {0, 0x03080000, "found magic word 0x03080000"},
	        {4, 4, "found 4 samples, expected 5"},
	        {4, 0xffffffff, "found 4294967295 samples, expected 5"},
	        {8, 4, "found 4 in dimension 1 of the samples, expected 3"},
	        {12, 0, "found 0 in dimension 2 of the samples, expected 4"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t bytes[WHOLE];
		fill(bytes);
		put_word(bytes + cases[i].at, cases[i].word);
		write_file(bytes, WHOLE);
		expect_refusal(cases[i].part);
		write_packed(bytes, WHOLE);
		expect_refusal(cases[i].part);
	}
}

Test(idx, refuses_every_shorter_file)
{
	uint8_t bytes[WHOLE];
	char part[64];
	fill(bytes);
	for (size_t n = 0; n < WHOLE; n++) {
		snprintf(part, sizeof(part), "ends after %zu bytes, expected %d", n, WHOLE);
		write_file(bytes, n);
		expect_refusal(part);
		snprintf(part, sizeof(part), "ends after %zu bytes unpacked, expected %d", n, WHOLE);
		write_packed(bytes, n);
		expect_refusal(part);
	}
}

/* Whatever the place where a packed file was cut: 0 and 1 bytes are no gzip, then header, data, sums. */
Test(idx, refuses_every_cut_of_a_packed_file)
{
	uint8_t bytes[WHOLE], packed[512];
	fill(bytes);
	size_t whole = pack(bytes, WHOLE, packed, sizeof(packed));
	for (size_t n = 0; n < whole; n++) {
		write_file(packed, n);
		expect_refusal(n < 2 ? "ends after" : "the gzip stream is cut off");
	}
}

Test(idx, refuses_whatever_follows)
{
	uint8_t bytes[WHOLE + 1], packed[512] = {0};
	fill(bytes);
	bytes[WHOLE] = 0;
	write_file(bytes, WHOLE + 1);
	expect_refusal("goes on after the last sample, expected its end at byte 76");
	write_packed(bytes, WHOLE + 1);
	expect_refusal("goes on after the last sample, expected its end at byte 76 unpacked");
	size_t n = pack(bytes, WHOLE, packed, sizeof(packed) - 1);
	packed[n] = 0;
	write_file(packed, n + 1);
	expect_refusal("found bytes behind the gzip stream");
}

/* gzip carries a sum of its content: no flipped bit may change a value unnoticed. */
Test(idx, no_flipped_bit_of_a_packed_file_changes_a_value)
{
	uint8_t bytes[WHOLE], packed[512], out[SAMPLES * SAMPLE];
	int refused = 0;
	fill(bytes);
	size_t n = pack(bytes, WHOLE, packed, sizeof(packed));
	for (size_t bit = 0; bit < 8 * n; bit++) {
		struct err e;
		packed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		write_file(packed, n);
		int rc = read_images(out, &e);
		refused += rc != 0;
		cr_assert(rc == 0 || e.text[0]);
		cr_assert(rc != 0 || !memcmp(out, bytes + HEADER, sizeof(out)), "bit %zu", bit);
		packed[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	cr_assert_gt(refused, (int)(8 * n) / 2, "only %d of %zu flips were noticed", refused, 8 * n);
}

/* 64 MiB in 64 KiB of gzip, behind a good start: refused after the first byte too many. */
Test(idx, does_not_unpack_a_bomb)
{
	uint8_t bytes[WHOLE], zeros[1 << 16] = {0};
	fill(bytes);
	gzFile f = gzopen(path, "wb9");
	cr_assert(f && gzwrite(f, bytes, WHOLE) == WHOLE);
	for (int i = 0; i < 1 << 10; i++)
		cr_assert_eq(gzwrite(f, zeros, sizeof(zeros)), (int)sizeof(zeros));
	cr_assert_eq(gzclose(f), Z_OK);
	expect_refusal("goes on after the last sample");
}

Test(idx, says_what_cannot_be_read)
{
	uint8_t out[SAMPLES * SAMPLE];
	struct err e;
	cr_assert_eq(read_images(out, &e), -1);
	cr_assert(strstr(e.text, "No such file"), "%s", e.text);
	cr_assert_eq(e.code, EXIT_WORLD);
	cr_assert_eq(mkdir(path, 0700), 0);
	expect_refusal("is no regular file");
	cr_assert_eq(rmdir(path), 0);
}
