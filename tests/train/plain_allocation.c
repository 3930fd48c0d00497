/*
 * A step allocates nothing: malloc and its family are counted here, in a program of its own, over a thousand
 * steps of trainings with every aggregator. Of networks only what could be a buffer counts: at each call
 * oneDNN keeps its list of arguments in objects of some dozens of bytes, which its interface leaves no way
 * around.
 * (Under a sanitizer the family is the sanitizer's.)
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include "tests/support/train.h"

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define COUNTS 1
#else
#define COUNTS 0
#endif

enum { BUFFER_BYTES = 512 };

static atomic_long calls, buffers; /* all, and those of BUFFER_BYTES and more */

#if COUNTS
extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t bytes);
extern void *__libc_memalign(size_t alignment, size_t bytes);

static void count(size_t bytes)
{
	calls++;
	buffers += bytes >= BUFFER_BYTES;
}

void *malloc(size_t bytes)
{
	count(bytes);
	return __libc_malloc(bytes);
}

void *calloc(size_t n, size_t size)
{
	count(n * size);
	return __libc_calloc(n, size);
}

void *realloc(void *old, size_t bytes)
{
	count(bytes);
	return __libc_realloc(old, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
	count(bytes);
	return __libc_memalign(alignment, bytes);
}

int posix_memalign(void **out, size_t alignment, size_t bytes)
{
	count(bytes);
	*out = __libc_memalign(alignment, bytes);
	return 0;
}
#endif

static const char *const aggregators[] = {"vote", "mean", "adam", "sign-mean", "median", "geometric-median"};

static const char *const networks[] = {
        "\"cnn\"",
        "\"resnet20\"",
        ("{\"kind\":\"sequential\",\"layers\":[{\"kind\":\"conv\",\"channels\":6,\"kernel\":3},\"relu\","
         "\"flatten\",\"dropout\",{\"kind\":\"linear\",\"width\":20}]}"),
};

/* Those that measure, ask and remember. */
static const char *const attacks[] = {"\"opt-alie\"", "\"min-max\"", "\"fang\"",
                                      "{\"kind\":\"mimic\",\"target\":\"auto\"}"};

static const char *const directions[] = {"lion", "muon"};

/* Messages with scales and codes, one way and two: behind the name of an aggregator. */
static const char *const messages[] = {
        "mean\",\"compressor\":\"one-bit",
        "mean\",\"compressor\":{\"kind\":\"ef-sign\",\"scope\":\"layer\",\"two_way\":true},\"name\":\"e",
        "mean\",\"compressor\":{\"kind\":\"terngrad\",\"two_way\":true},\"name\":\"e",
        "median\",\"compressor\":\"terngrad",
        "mean\",\"compressor\":{\"kind\":\"qsgd\",\"coding\":\"elias\",\"two_way\":true},\"name\":\"e",
        "mean\",\"compressor\":{\"kind\":\"top-k\",\"two_way\":true},\"name\":\"e",
};

static int count_steps(const char *model, int fuse, const char *aggregator, const char *attack,
                       const char *direction, int steps, const atomic_long *counted)
{
	char text[1024];
	struct runs runs;
	snprintf(text, sizeof text,
	         "{\"workers\":5,\"steps\":2000,\"batch\":8,\"model\":%s,\"fuse\":%d,"
	         "\"data\":{\"kind\":\"glyphs\",\"train\":200,\"test\":10},\"aggregator\":\"%s\","
	         "\"direction\":\"%s\",\"adversaries\":{\"count\":2,\"attack\":%s}}",
	         model, fuse, aggregator, direction, attack);
	struct pool *pool = pool_open(2);
	struct trainer *t = train_open(train_settings(&runs, text), pool);
	train_steps(t, 10); /* libraries make their buffers at first use */
	long before = *counted;
	if (before == 0) {
		printf("allocation: set-up was not counted, so nothing is\n");
		return 1;
	}
	train_steps(t, steps);
	long made = *counted - before;
	trainer_close(t);
	pool_close(pool);
	runs_clear(&runs);
	if (made > 0)
		printf("allocation: %ld in %d steps of %s under %s with %s, %s\n", made, steps, model,
		       aggregator, attack, direction);
	return made > 0;
}

int main(void)
{
	int bad = 0;
	if (!COUNTS) {
		printf("allocation: skipped under a sanitizer\n");
		return 0;
	}
	for (size_t i = 0; i < sizeof aggregators / sizeof *aggregators; i++)
		bad += count_steps("{\"kind\":\"mlp\",\"hidden\":[20]}", i % 2 ? 3 : 1, aggregators[i],
		                   "\"flip\"", "momentum", 1000, &calls);
	for (size_t i = 0; i < sizeof messages / sizeof *messages; i++)
		bad += count_steps("{\"kind\":\"mlp\",\"hidden\":[20]}", 1, messages[i], "\"flip\"",
		                   "momentum", 100, &calls);
	for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++)
		bad += count_steps("{\"kind\":\"mlp\",\"hidden\":[20]}", 2, "median", attacks[i], "momentum",
		                   20, &calls);
	bad += count_steps("{\"kind\":\"mlp\",\"hidden\":[20]}", 1, messages[2], attacks[0], "momentum", 20,
	                   &calls);
	for (size_t i = 0; i < sizeof networks / sizeof *networks; i++)
		for (int fuse = 1; fuse <= 3; fuse += 2)
			bad += count_steps(networks[i], fuse, "vote", "\"flip\"", "momentum", 10, &buffers);
	for (size_t i = 0; i < sizeof directions / sizeof *directions; i++)
		bad += count_steps("{\"kind\":\"mlp\",\"hidden\":[20]}", 2, "vote", "\"flip\"", directions[i],
		                   100, &calls);
	if (bad)
		return 1;
	printf("allocation: %zu checks passed\n",
	       1 + sizeof aggregators / sizeof *aggregators + 2 * (sizeof networks / sizeof *networks) +
	               sizeof messages / sizeof *messages + sizeof attacks / sizeof *attacks +
	               sizeof directions / sizeof *directions);
	return 0;
}
