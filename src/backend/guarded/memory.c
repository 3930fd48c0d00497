/* Memory that only kernels and memory calls can touch: see backend/guarded/guarded.h. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "backend/guarded/guarded.h"
#include "base/err.h"
#include "base/machine.h"
#include "base/mem.h"

/* Addresses cost nothing. */
static const size_t RANGE = (size_t)1 << 38;

enum { PAGE = 1 << 16 /* a multiple of any machine's */, ALIGNED = 64, BLOCKS = 1 << 16 };

struct block {
	char *begin; /* as given out */
	size_t bytes;
	const char *what;
	bool released;
};

struct queue {
	uint64_t mark;
	atomic_bool busy;
};

static const uint64_t QUEUE_MARK = 0x71756575652e6f66;

static char *given, *real; /* the two ranges */
static struct block blocks[BLOCKS];
static atomic_size_t n_blocks; /* the handler reads blocks without a lock */
static size_t used;            /* bytes of the ranges */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static const struct block *block_of(const char *address)
{
	size_t count = atomic_load(&n_blocks);
	for (size_t i = count; i > 0; i--)
		if (address >= blocks[i - 1].begin &&
		    address < blocks[i - 1].begin + PAGE + blocks[i - 1].bytes)
			return &blocks[i - 1];
	return NULL;
}

static void say(const char *who, const char *address)
{
	const struct block *b = block_of(address);
	char text[256];
	if (!b)
		snprintf(text, sizeof text, "guarded: %s memory of the machine that is not allocated\n", who);
	else
		snprintf(text, sizeof text,
		         "guarded: %s \"%s\", %zu bytes of the machine's memory%s, at byte %td\n", who,
		         b->what, b->bytes, b->released ? ", released" : "", address - b->begin);
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		_exit(1);
}

/* The default action is restored, so the same touch ends the process when the handler returns. */
static void on_fault(int number, siginfo_t *info, void *context)
{
	const char *address = info->si_addr;
	(void)number, (void)context;
	if (address >= given && address < given + RANGE)
		say("the host touched", address);
	else if (address >= real && address < real + RANGE)
		say("a kernel left", given + (address - real));
}

static void reserve(void)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = (int)(SA_SIGINFO | SA_RESETHAND)};
	given = mmap(NULL, 2 * RANGE, PROT_NONE, flags, -1, 0);
	if (given == MAP_FAILED)
		die("memory: the backend `guarded` needs %zu GiB of addresses, and the system gives none",
		    2 * (RANGE >> 30));
	real = given + RANGE;
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
}

void guarded_open(void)
{
	pthread_once(&once, reserve);
}

static char *real_of(const char *address)
{
	return real + (address - given);
}

/* The block of `bytes` bytes ends where a page does. */
static void *guarded_alloc(size_t bytes, const char *what)
{
	size_t aligned = (bytes + ALIGNED - 1) / ALIGNED * ALIGNED,
	       pages = (aligned + PAGE - 1) / PAGE * PAGE;
	pthread_mutex_lock(&lock);
	size_t at = used, i = atomic_load(&n_blocks);
	used += pages + PAGE;
	if (used > RANGE || i == BLOCKS || (pages > 0 && mprotect(real + at, pages, PROT_READ | PROT_WRITE)))
		die("memory: the backend `guarded` has no %zu bytes for \"%s\"", bytes, what);
	blocks[i] = (struct block){.begin = given + at + pages - aligned, .bytes = bytes, .what = what};
	atomic_store(&n_blocks, i + 1);
	pthread_mutex_unlock(&lock);
	return blocks[i].begin;
}

static void guarded_release(void *p)
{
	if (!p)
		return;
	struct block *b = (struct block *)(uintptr_t)block_of(p);
	if (!b || b->begin != p || b->released)
		BUG("memory of the machine is released that is not allocated");
	b->released = true;
	char *begin = real_of((char *)p - (size_t)((char *)p - given) % PAGE);
	size_t pages = (b->bytes + PAGE - 1) / PAGE * PAGE;
	if (pages > 0 && (madvise(begin, pages, MADV_DONTNEED) || mprotect(begin, pages, PROT_NONE)))
		BUG("memory of the machine cannot be given back");
}

void *guarded_at(const void *address)
{
	const char *p = address;
	if (!p)
		return NULL;
	if (p < given || p >= given + RANGE)
		BUG("a kernel got memory of the host");
	return real_of(p);
}

static struct queue *guarded_queue_open(void)
{
	struct queue *q = mem_alloc(sizeof *q);
	q->mark = QUEUE_MARK;
	return q;
}

static void guarded_queue_close(struct queue *q)
{
	guarded_begin(q);
	q->mark = 0;
	mem_free(q);
}

void guarded_begin(struct queue *q)
{
	if (!q || q->mark != QUEUE_MARK)
		BUG("work for a queue that is not open");
	if (atomic_exchange(&q->busy, true))
		BUG("two threads work in one queue");
}

void guarded_end(struct queue *q)
{
	atomic_store(&q->busy, false);
}

static void guarded_upload(struct queue *q, void *to, const void *from, size_t bytes)
{
	guarded_begin(q);
	if (to != from && bytes > 0)
		memcpy(guarded_at(to), from, bytes);
	guarded_end(q);
}

static void guarded_download(struct queue *q, void *to, const void *from, size_t bytes)
{
	guarded_begin(q);
	if (to != from && bytes > 0)
		memcpy(to, guarded_at(from), bytes);
	guarded_end(q);
}

static void guarded_copy(struct queue *q, void *to, const void *from, size_t bytes)
{
	guarded_begin(q);
	if (to != from && bytes > 0)
		memcpy(guarded_at(to), guarded_at(from), bytes);
	guarded_end(q);
}

static void guarded_fill(struct queue *q, void *to, unsigned char byte, size_t bytes)
{
	guarded_begin(q);
	if (bytes > 0)
		memset(guarded_at(to), byte, bytes);
	guarded_end(q);
}

/* As many as the host has; fewer, for tests, by SIGNSGD_GUARDED_BYTES. */
static void guarded_free_bytes(size_t *left, size_t *all)
{
	const char *told = getenv("SIGNSGD_GUARDED_BYTES");
	*left = *all = told ? (size_t)strtoull(told, NULL, 10) : (size_t)machine_memory().bytes;
}

static void guarded_finish(struct queue *q)
{
	guarded_begin(q);
	guarded_end(q);
}

const struct memory guarded_memory = {
        .alloc = guarded_alloc,
        .release = guarded_release,
        .queue_open = guarded_queue_open,
        .queue_close = guarded_queue_close,
        .upload = guarded_upload,
        .download = guarded_download,
        .send = guarded_upload,
        .bring = guarded_download,
        MEMORY_WITHOUT_MARKS,
        .copy = guarded_copy,
        .fill = guarded_fill,
        .finish = guarded_finish,
        .free_bytes = guarded_free_bytes,
};
