/* Rules on the device: the bits of the host, and no message comes there. */
#include <criterion/criterion.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include "tests/support/process.h"
#include "tests/support/rule_bits.h"

static void find_module(void)
{
	char program[PATH_MAX];
	cr_assert(realpath(process_program(), program));
	setenv("SIGNSGD_MODULES", dirname(program), 1);
}

TestSuite(cuda_rules, .init = find_module, .timeout = 600);

static void compare(const char *json, int workers, size_t n)
{
	struct rule_left host = rule_left_by(json, "ref", workers, 1, n);
	struct rule_left device = rule_left_by(json, "cuda", workers, 2, n);
	rule_left_same(&host, &device, n, json, "workers on the device", workers);
	rule_left_free(&host);
	rule_left_free(&device);
}

Test(cuda_rules, every_rule_in_small)
{
	static const size_t sizes[] = {1, 7, 255, 257, 3001};
	for (size_t k = 0; k < RULE_BITS_RULES; k++)
		for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
			compare(rule_bits_rules[k], RULE_BITS_WORKERS, sizes[s]);
}

/* Several blocks of coordinates, and a message that is not finite. */
Test(cuda_rules, several_blocks)
{
	static const char *const json[] = {
	        "{\"kind\":\"median\",\"f\":2}", "{\"kind\":\"geometric-median\",\"f\":2}",
	        "{\"kind\":\"centered-clipping\",\"f\":2,\"tau\":20,\"before\":[\"nnm\"]}"};
	for (size_t k = 0; k < sizeof json / sizeof *json; k++)
		compare(json[k], RULE_BITS_WORKERS, MEETING_BLOCK + 777);
}

/* Every network of registers, and more rows than registers hold. */
Test(cuda_rules, any_number_of_messages)
{
	static const char *const json[] = {"{\"kind\":\"median\",\"f\":0}", "{\"kind\":\"meamed\",\"f\":0}",
	                                   "{\"kind\":\"geometric-median\",\"f\":0}",
	                                   "{\"kind\":\"trimmed-mean\",\"f\":0,\"before\":[\"nnm\"]}"};
	static const int workers[] = {1, 2, 3, 4, 5, 8, 9, 16, 17, 31, 32, 33};
	for (size_t k = 0; k < sizeof json / sizeof *json; k++)
		for (size_t w = 0; w < sizeof workers / sizeof *workers; w++)
			compare(json[k], workers[w], 300);
}

/* Several tiles of pairs, and pieces that are smaller than a block. */
Test(cuda_rules, many_messages_in_blocks)
{
	static const char *const json[] = {
	        "{\"kind\":\"bulyan\",\"f\":7}",
	        "{\"kind\":\"trimmed-mean\",\"f\":7,\"before\":[\"nnm\"]}",
	};
	for (size_t k = 0; k < sizeof json / sizeof *json; k++)
		compare(json[k], RULE_WORKERS_MOST, MEETING_BLOCK + 777);
}

static size_t downloaded, uploaded;
static const struct memory *real;

static void count_download(struct queue *q, void *to, const void *from, size_t bytes)
{
	downloaded += bytes;
	real->download(q, to, from, bytes);
}

static void count_upload(struct queue *q, void *to, const void *from, size_t bytes)
{
	uploaded += bytes;
	real->upload(q, to, from, bytes);
}

Test(cuda_rules, lists_and_sums_alone_travel)
{
	enum { WORKERS = 5, BLOCKS = 2, PAIRS = WORKERS * (WORKERS - 1) / 2 };
	struct rule_rig r;
	struct err e = {0};
	rule_rig_init(&r, "cuda", "{\"kind\":\"krum\",\"f\":1}", WORKERS, BLOCKS * MEETING_BLOCK, 1);
	rule_bits_say(&r, 0);
	real = r.be.memory;
	struct memory counted = *real;
	counted.download = count_download;
	counted.upload = count_upload;
	r.be.memory = &counted;
	cr_assert_eq(rule_meet(&r.run, &r.meeting, &e), MEETING_ANSWERED);
	r.be.memory = real;
	cr_assert_eq(downloaded, BLOCKS * (WORKERS + PAIRS) * sizeof(double));
	cr_assert_lt(uploaded, 1024);
	rule_rig_clear(&r);
}
