/*
 * A step allocates nothing: malloc and its family are counted here, in a program of its own, over a thousand
 * steps of trainings with every aggregator. (Under a sanitizer the family is the sanitizer's.)
 */
#include <stdatomic.h>
#include "tests/train.h"

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define COUNTS 1
#else
#define COUNTS 0
#endif

static atomic_long calls;

#if COUNTS
extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t bytes);
extern void *__libc_memalign(size_t alignment, size_t bytes);

void *malloc(size_t bytes)
{
	calls++;
	return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t size)
{
	calls++;
	return __libc_calloc(count, size);
}

void *realloc(void *old, size_t bytes)
{
	calls++;
	return __libc_realloc(old, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
	calls++;
	return __libc_memalign(alignment, bytes);
}

int posix_memalign(void **out, size_t alignment, size_t bytes)
{
	calls++;
	*out = __libc_memalign(alignment, bytes);
	return 0;
}
#endif

static const char *const aggregators[] = {"vote", "mean", "adam", "sign-mean"};

static int count_steps(const char *aggregator)
{
	char text[512];
	struct runs runs;
	snprintf(text, sizeof text,
	         "{\"workers\":5,\"steps\":2000,\"batch\":8,\"model\":{\"kind\":\"mlp\",\"hidden\":[20]},"
	         "\"data\":{\"kind\":\"glyphs\",\"train\":200,\"test\":10},\"aggregator\":\"%s\","
	         "\"adversaries\":{\"count\":2,\"attack\":\"flip\"}}",
	         aggregator);
	struct pool *pool = pool_open(2);
	struct trainer *t = train_open(train_settings(&runs, text), pool);
	train_steps(t, 10); /* libraries make their buffers at first use */
	long before = calls;
	if (before == 0) {
		printf("allocation: set-up was not counted, so nothing is\n");
		return 1;
	}
	train_steps(t, 1000);
	long made = calls - before;
	trainer_close(t);
	pool_close(pool);
	runs_clear(&runs);
	if (made > 0)
		printf("allocation: %ld in a thousand steps of %s\n", made, aggregator);
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
		bad += count_steps(aggregators[i]);
	if (bad)
		return 1;
	printf("allocation: %zu checks passed\n", sizeof aggregators / sizeof *aggregators);
	return 0;
}
