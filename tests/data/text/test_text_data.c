/* Texts: the reader on good and hostile files, the vocabulary, the rows of the family, columns and windows.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include "base/mem.h"
#include "data/dataset.h"
#include "data/text/text_read.h"
#include "data/text/text_walk.h"
#include "registry.h"
#include "tests/support/file.h"

static char folder[FOLDER_SIZE], path[128], other[128];

static void setup(void)
{
	folder_make(folder);
	snprintf(path, sizeof path, "%s/one", folder);
	snprintf(other, sizeof other, "%s/two", folder);
}

static void teardown(void)
{
	folder_remove(folder);
}

TestSuite(text_data, .init = setup, .fini = teardown);

static void write_bytes(const char *to, const void *bytes, size_t n, bool packed)
{
	if (packed) {
		gzFile f = gzopen(to, "wb");
		cr_assert(f && gzwrite(f, bytes, (unsigned)n) == (int)n && gzclose(f) == Z_OK);
		return;
	}
	file_put(to, bytes, n);
}

static void write_text(const char *to, const char *text)
{
	write_bytes(to, text, strlen(text), false);
}

/* What was read, as "0 1 2 : a|b|c": numbers, then the vocabulary. */
static void expect_read(const void *bytes, size_t n, enum text_level level, const char *expected)
{
	for (int packed = 0; packed < 2; packed++) {
		struct vocabulary v = {0};
		struct text t = {0};
		struct err e = {0};
		struct buf found = {0};
		write_bytes(path, bytes, n, packed);
		cr_assert_eq(text_read(path, level, &v, &t, &e), 0, "%s", e.text);
		for (size_t i = 0; i < t.count; i++)
			buf_format(&found, "%d ", t.token[i]);
		buf_add(&found, ":");
		for (int32_t i = 0; i < v.count; i++)
			buf_format(&found, "%s%.*s", i ? "|" : " ", (int)(v.begin[i + 1] - v.begin[i]),
			           v.bytes + v.begin[i]);
		cr_expect_str_eq(found.text, expected);
		buf_clear(&found);
		vocabulary_clear(&v);
		mem_free(t.token);
	}
}

static void expect_words(const char *text, const char *expected)
{
	expect_read(text, strlen(text), TEXT_WORD, expected);
}

static void expect_characters(const char *text, const char *expected)
{
	expect_read(text, strlen(text), TEXT_CHAR, expected);
}

Test(text_data, words_stand_between_white_space_and_lines_end)
{
	expect_words("the cat\nthe dog\n", "0 1 2 0 3 2 : the|cat|<eos>|dog");
	expect_words(" \n = Title = \n \n", "0 1 2 1 0 0 : <eos>|=|Title");
	expect_words("a  b\t\v\f\rc", "0 1 2 3 : a|b|c|<eos>");
	expect_words("\n\n", "0 0 : <eos>");
	expect_words(" ", "0 : <eos>");
	expect_words("a <unk> <eos> @,@", "0 1 2 3 2 : a|<unk>|<eos>|@,@");
	/* Unicode's spaces part words; the zero-width space and a lone continuation byte do not */
	expect_words("a\xc2\xa0"
	             "b\xe3\x80\x80"
	             "c\xe2\x80\x8b"
	             "d \x80",
	             "0 1 2 3 4 : a|b|c\xe2\x80\x8b"
	             "d|\x80|<eos>");
}

Test(text_data, characters_are_utf_8_or_single_bytes)
{
	expect_characters("abab\n", "0 1 0 1 2 : a|b|\n");
	expect_characters("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xc3\xa4",
	                  "0 1 2 0 : \xc3\xa4|\xe2\x82\xac|\xf0\x9f\x98\x80");
	expect_characters("\xc3(\xff\xe2\x82", "0 1 2 3 4 : \xc3|(|\xff|\xe2|\x82");
}

/* Characters of every length across the borders of the chunks in which a file is read. */
Test(text_data, borders_within_a_file_do_not_show)
{
	const char *const character[] = {"a", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
	for (size_t shift = 0; shift < 5; shift++) {
		struct buf b = {0};
		struct vocabulary v = {0};
		struct text t = {0};
		struct err e = {0};
		size_t count = 0;
		buf_bytes(&b, "xxxxx", shift);
		for (; b.length < 200000; count++)
			buf_add(&b, character[count * count % 4]);
		write_bytes(path, b.text, b.length, shift % 2);
		cr_assert_eq(text_read(path, TEXT_CHAR, &v, &t, &e), 0, "%s", e.text);
		cr_assert_eq(t.count, count + shift);
		for (size_t i = 0; i < count; i++) {
			const char *c = character[i * i % 4];
			cr_assert_eq(t.token[shift + i], vocabulary_find(&v, c, strlen(c)), "character %zu",
			             i);
		}
		buf_clear(&b);
		vocabulary_clear(&v);
		mem_free(t.token);
	}
}

static void expect_refused(enum text_level level, const char *expected)
{
	struct vocabulary v = {0};
	struct text t = {0};
	struct err e = {0};
	cr_expect_eq(text_read(path, level, &v, &t, &e), -1);
	cr_expect_eq(strncmp(e.text, path, strlen(path)), 0, "%s", e.text);
	cr_expect(strstr(e.text, expected), "found \"%s\", expected \"%s\" in it", e.text, expected);
	vocabulary_clear(&v);
	mem_free(t.token);
}

Test(text_data, what_is_no_text_is_refused_by_its_name)
{
	struct err e = {0};
	expect_refused(TEXT_CHAR, "cannot be read: No such file");
	write_text(path, "");
	expect_refused(TEXT_CHAR, "is empty");
	expect_refused(TEXT_WORD, "is empty");
	char *line = mem_alloc(70001);
	memset(line, 'x', 70000);
	write_text(path, line);
	expect_refused(TEXT_WORD, "more than 65536 bytes without white space");
	mem_free(line);
	unlink(path);
	cr_assert_eq(mkdir(path, 0700), 0);
	expect_refused(TEXT_WORD, "is no regular file");
	rmdir(path);
	(void)e;
}

/* Programs, archives and UTF-16 have zero bytes; the place is that in the unpacked text. */
Test(text_data, zero_bytes_are_refused_with_their_place)
{
	char *bytes = mem_alloc(150000), expected[64];
	const size_t places[] = {0, 3, 65535, 65536, 65537, 149999};
	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		for (int packed = 0; packed < 2; packed++) {
			for (size_t k = 0; k < 150000; k++)
				bytes[k] = "ab\xc3\xa4 \n"[k % 6];
			bytes[places[i]] = 0;
			write_bytes(path, bytes, 150000, packed);
			snprintf(expected, sizeof expected, "a zero byte at offset %zu, expected", places[i]);
			expect_refused(TEXT_CHAR, expected);
			expect_refused(TEXT_WORD, expected);
		}
	mem_free(bytes);
}

Test(text_data, damaged_gzip_streams_are_refused)
{
	unsigned char bytes[4096];
	struct buf b = {0};
	for (int i = 0; i < 20000; i++)
		buf_format(&b, "%d ", i * i % 7919);
	write_bytes(path, b.text, b.length, true);
	FILE *f = fopen(path, "rb");
	size_t n = fread(bytes, 1, sizeof bytes, f);
	fclose(f);
	cr_assert_eq(n, sizeof bytes);
	for (size_t cut = 20; cut < n; cut += 997) {
		write_bytes(path, bytes, cut, false);
		expect_refused(TEXT_WORD, "cut off");
	}
	memset(bytes + 1000, 0xff, 200);
	write_bytes(path, bytes, n, false);
	expect_refused(TEXT_WORD, "gzip stream");
	buf_clear(&b);
}

Test(text_data, a_vocabulary_numbers_in_order_of_appearance)
{
	struct vocabulary v = {0};
	char word[16];
	cr_expect_eq(vocabulary_find(&v, "a", 1), -1);
	for (int round = 0; round < 2; round++)
		for (int32_t i = 0; i < 50000; i++) {
			int length = snprintf(word, sizeof word, "%d", i * 7);
			cr_assert_eq(vocabulary_number(&v, word, (size_t)length), i);
		}
	cr_expect_eq(v.count, 50000);
	cr_expect_eq(vocabulary_find(&v, "7", 1), 1);
	cr_expect_eq(vocabulary_find(&v, "8", 1), -1);
	vocabulary_clear(&v);
}

/* --- rows ----------------------------------------------------------------------------------------------- */

/* Shape and content of a row's settings; -1 and *e when either refuses. */
static int load(const char *json, const char *dir, struct dataset *d, struct err *e)
{
	struct arena a = {0};
	struct choice c;
	struct data_shape shape;
	const struct data_env env = {.dir = dir, .seed = 1};
	const struct json *value = json_read_text(&a, "test", json, strlen(json), e);
	cr_assert(value, "%s", e->text);
	cr_assert_eq(choice_parse(&family_data, &c, value, NULL, &a, e), 0, "%s", e->text);
	const struct data_source *s = (const struct data_source *)c.row;
	int rc = s->shape(c.state, &env, &shape, e) || s->load(c.state, &env, d, e) ? -1 : 0;
	if (rc == 0) {
		cr_expect(shape.n_train == d->shape.n_train && shape.n_test == d->shape.n_test &&
		          shape.n_classes == d->shape.n_classes && shape.window == d->shape.window);
		cr_expect_eq(shape_features(&d->shape), 0);
	}
	arena_clear(&a);
	return rc;
}

static void expect_set(const char *json, size_t n_train, size_t n_test, int vocabulary, const char *tokens)
{
	struct dataset d;
	struct err e = {0};
	struct buf found = {0};
	cr_assert_eq(load(json, folder, &d, &e), 0, "%s", e.text);
	cr_expect(d.shape.n_train == n_train && d.shape.n_test == n_test && d.shape.n_classes == vocabulary,
	          "%s: found %zu, %zu, %d", json, d.shape.n_train, d.shape.n_test, d.shape.n_classes);
	for (size_t i = 0; i < d.shape.n_train; i++)
		buf_format(&found, "%d ", d.train_tokens[i]);
	buf_add(&found, ":");
	for (size_t i = 0; i < d.shape.n_test; i++)
		buf_format(&found, " %d", d.test_tokens[i]);
	cr_expect_str_eq(found.text, tokens, "%s", json);
	buf_clear(&found);
	dataset_clear(&d);
}

Test(text_data, the_vocabulary_is_the_training_text_s)
{
	write_text(path, "abcabcabXY");
	expect_set("{\"kind\":\"text\",\"train\":\"one\",\"share\":0.8}", 8, 2, 4, "0 1 2 0 1 2 0 1 : 3 3");
	expect_set("{\"kind\":\"text\",\"train\":\"one\",\"share\":0.5}", 5, 5, 4, "0 1 2 0 1 : 2 0 1 3 3");
	write_text(other, "ccq");
	expect_set("{\"kind\":\"text\",\"train\":\"one\",\"test\":\"two\"}", 10, 3, 6,
	           "0 1 2 0 1 2 0 1 3 4 : 2 2 5");
	write_text(path, "a <unk> b\n");
	write_text(other, "b c a\n");
	expect_set("{\"kind\":\"text\",\"train\":\"one\",\"test\":\"two\",\"level\":\"word\"}", 4, 4, 4,
	           "0 1 2 3 : 2 1 0 3");
	expect_set("{\"kind\":\"text\",\"train\":\"two\",\"test\":\"two\",\"level\":\"word\"}", 4, 4, 4,
	           "0 1 2 3 : 0 1 2 3");
}

static void expect_set_refused(const char *json, const char *expected)
{
	struct dataset d;
	struct err e = {0};
	cr_expect_eq(load(json, folder, &d, &e), -1, "%s was accepted", json);
	cr_expect(strstr(e.text, expected), "%s: found \"%s\", expected \"%s\" in it", json, e.text,
	          expected);
}

Test(text_data, sets_that_cannot_be_are_refused)
{
	expect_set_refused("{\"kind\":\"text\",\"train\":\"one\"}", "found no file one");
	expect_set_refused("{\"kind\":\"text\",\"train\":\"\"}", "no file has a name of 0 bytes");
	write_text(path, "a");
	expect_set_refused("{\"kind\":\"text\",\"train\":\"one\"}", "too few to be cut in two");
	write_text(other, "");
	expect_set_refused("{\"kind\":\"text\",\"train\":\"one\",\"test\":\"two\"}", "is empty");
}

/* A folder with three short files under the official names. */
Test(text_data, wikitext_must_be_the_official_one)
{
	char file[600];
	snprintf(file, sizeof file, "%s/wiki.train.tokens", folder);
	expect_set_refused("\"wikitext-2\"",
	                   "found no file wiki.train.tokens, packed or not (unpack wikitext-2");
	write_text(file, " = Title = \n");
	expect_set_refused("\"wikitext-2\"", "found 4 tokens, expected 2088628, the official");
	expect_set_refused("\"wikitext-103\"", "found 4 tokens, expected 103227021, the official");
	unlink(file);
	snprintf(file, sizeof file, "%s/input.txt", folder);
	write_text(file, "First Citizen:\n");
	expect_set_refused("\"tinyshakespeare\"",
	                   "is not the official input.txt of data set tinyshakespeare");
	unlink(file);
}

static const char *data_folder(void)
{
	const char *dir = getenv("SIGNSGD_DATA");
	return dir && *dir ? dir : NULL;
}

Test(text_data, the_official_files_have_the_published_counts)
{
	const size_t counts[] = {217646, 245569};
	const char *const names[] = {"valid", "test"};
	struct dataset d;
	struct err e = {0};
	if (!data_folder())
		cr_skip_test("SIGNSGD_DATA is not set");
	for (int i = 0; i < 2; i++) {
		char file[1024];
		struct vocabulary v = {0};
		struct text t = {0};
		snprintf(file, sizeof file, "%s/wikitext-2/%s.txt.gz", data_folder(), names[i]);
		if (access(file, F_OK))
			cr_skip_test("%s is not there", file);
		cr_assert_eq(text_read(file, TEXT_WORD, &v, &t, &e), 0, "%s", e.text);
		cr_expect_eq(t.count, counts[i]);
		vocabulary_clear(&v);
		mem_free(t.token);
	}
	cr_assert_eq(load("\"tinyshakespeare\"", data_folder(), &d, &e), 0, "%s", e.text);
	cr_expect_eq(d.shape.n_train, 1003854);
	cr_expect_eq(d.shape.n_classes, 65);
	dataset_clear(&d);
}

/* --- columns and windows -------------------------------------------------------------------------------- */

static struct data_shape shape_of(size_t n_train, int bptt, bool random_length)
{
	return (struct data_shape){.n_train = n_train,
	                           .n_classes = 9,
	                           .bptt = bptt,
	                           .random_length = random_length,
	                           .window = text_window(bptt, random_length)};
}

/* Every token but the rest is read once in a pass, in its column's order, and its label is the next. */
Test(text_data, a_pass_reads_every_column_once)
{
	enum { TOKENS = 1234, WORKERS = 3, BATCH = 4, BPTT = 7 };
	int32_t text[TOKENS], token[BPTT * BATCH], label[BPTT * BATCH];
	int seen[TOKENS] = {0};
	struct data_shape s = shape_of(TOKENS, BPTT, false);
	struct text_walk w;
	for (int i = 0; i < TOKENS; i++)
		text[i] = i;
	text_walk_init(&w, &s, WORKERS * BATCH, 1);
	cr_assert_eq(w.positions, 102);
	for (uint64_t step = 0; step < 15; step++) {
		text_walk_to(&w, step);
		cr_assert_eq(w.position, step * BPTT);
		cr_assert_eq(w.length, step < 14 ? BPTT : 4);
		for (size_t worker = 0; worker < WORKERS; worker++) {
			text_gather(text, w.positions, worker * BATCH, BATCH, w.position, w.length, token,
			            label);
			for (size_t i = 0; i < (size_t)w.length * BATCH; i++) {
				size_t column = worker * BATCH + i % BATCH, at = w.position + i / BATCH;
				cr_assert_eq(token[i], (int32_t)(column * w.positions + at));
				cr_assert_eq(label[i], token[i] + 1);
				seen[token[i]]++;
			}
		}
	}
	for (int i = 0; i < TOKENS; i++)
		cr_assert_eq(seen[i], i < WORKERS * BATCH * 102, "token %d", i);
	text_walk_to(&w, 15);
	cr_expect(w.position == 0 && w.epoch == 1 && w.length == BPTT);
	cr_expect_eq(text_walk_steps(&s, WORKERS * BATCH, 1), 15);
}

/* From any step to any other, a walk is where one that goes step by step is. */
Test(text_data, a_step_s_place_depends_on_the_step_alone)
{
	struct data_shape s = shape_of(5000, 20, true);
	struct text_walk slow, fast;
	size_t expected = 0;
	text_walk_init(&slow, &s, 3, 42);
	text_walk_init(&fast, &s, 3, 42);
	for (uint64_t step = 0; step < 400; step++) {
		text_walk_to(&slow, step);
		cr_assert_eq(slow.position, expected);
		cr_assert(slow.length >= 1 && slow.length <= s.window);
		expected = slow.position + (size_t)slow.length == slow.positions
		                   ? 0
		                   : expected + (size_t)slow.length;
		text_walk_to(&fast, step * 7919 % 400);
		text_walk_to(&fast, step);
		cr_assert_eq(memcmp(&slow, &fast, sizeof slow), 0, "step %d", (int)step);
	}
	cr_expect_gt(slow.epoch, 2);
}

/*
 * Lengths against the law: a share of 0.95 around bptt, 0.05 around bptt / 2, deviation 5, rounded down, in
 * [5, bptt + 20]. bptt 140: the two humps are apart, and both clamps (4 deviations at the top) are out of
 * sight.
 */
Test(text_data, random_lengths_follow_their_law)
{
	enum { STEPS = 20000, BPTT = 140 };
	struct data_shape s = shape_of((size_t)1 << 40, BPTT, true);
	struct text_walk w;
	double sum[2] = {0}, square[2] = {0};
	int count[2] = {0};
	text_walk_init(&w, &s, 1, 7);
	for (uint64_t step = 0; step < STEPS; step++) {
		text_walk_to(&w, step);
		int hump = w.length < 105;
		double off = w.length + 0.5 - (hump ? BPTT / 2.0 : BPTT);
		cr_assert(w.length >= 5 && w.length <= BPTT + 20);
		count[hump]++;
		sum[hump] += off;
		square[hump] += off * off;
	}
	double share = (double)count[1] / STEPS, share_error = sqrt(0.05 * 0.95 / STEPS);
	cr_expect_lt(fabs(share - 0.05), 4 * share_error, "short ones: %g", share);
	for (int h = 0; h < 2; h++) {
		double mean = sum[h] / count[h], deviation = sqrt(square[h] / count[h] - mean * mean);
		cr_expect_lt(fabs(mean), 4 * 5 / sqrt(count[h]), "hump %d: mean off by %g", h, mean);
		cr_expect_lt(fabs(deviation - 5), 4 * 5 / sqrt(2.0 * count[h]), "hump %d: deviation %g", h,
		             deviation);
	}
	s = shape_of((size_t)1 << 40, 8, true);
	text_walk_init(&w, &s, 1, 7);
	int least = 100;
	for (uint64_t step = 0; step < 1000; step++) {
		text_walk_to(&w, step);
		least = w.length < least ? w.length : least;
	}
	cr_expect_eq(least, TEXT_LENGTH_LEAST);
}
