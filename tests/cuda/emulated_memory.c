/* Memory of the device that the host cannot touch, and page-locked memory of the host: see emulated.h. */
#include "tests/cuda/emulated_internal.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * Three ranges of addresses, which cost nothing: those of the device as they are given out, what is behind
 * them (at the same places), and page-locked memory.
 */
static const size_t RANGE = (size_t)1 << 38;

enum { PAGE = 1 << 16 /* a multiple of any machine's */, ALIGNED = 64, BLOCKS = 1 << 16 };
/* New memory has no numbers in it; of large blocks only both ends are filled. */
enum { GARBAGE = 0xFF, FILLED = 1 << 20 };

struct block {
	char *begin; /* as given out */
	size_t bytes;
	bool released;
};

static char *given, *real, *pinned;
static struct block blocks[BLOCKS];
static atomic_size_t n_blocks; /* the handler reads blocks without a lock */
static atomic_int live;
static size_t used_device, used_pinned; /* bytes of the ranges */
static size_t in_use;                   /* bytes of the device's memory */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static struct block *block_of(const char *address)
{
	for (size_t i = atomic_load(&n_blocks); i > 0; i--)
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
		snprintf(text, sizeof text, "emulated: %s memory that is not allocated\n", who);
	else
		snprintf(text, sizeof text, "emulated: %s an allocation of %zu bytes%s, at byte %td\n", who,
		         b->bytes, b->released ? " that was given back" : "", address - b->begin);
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		_exit(1);
}

/* The default action is restored, so the same touch ends the process when the handler returns. */
static void on_fault(int number, siginfo_t *info, void *context)
{
	const char *address = info->si_addr;
	(void)number, (void)context;
	if (address >= given && address < given + RANGE)
		say("the host touched the device's memory,", address);
	else if (address >= real && address < real + RANGE)
		say("work on the device left", given + (address - real));
	else if (address >= pinned && address < pinned + RANGE)
		say("somebody left page-locked memory,", address);
}

static void reserve(void)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = (int)(SA_SIGINFO | SA_RESETHAND)};
	given = mmap(NULL, 3 * RANGE, PROT_NONE, flags, -1, 0);
	if (given == MAP_FAILED)
		emulated_bug("the system gives no addresses");
	real = given + RANGE;
	pinned = real + RANGE;
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
}

enum emulated_place emulated_place(const void *address)
{
	const char *p = address;
	pthread_once(&once, reserve);
	if (p >= given && p < given + RANGE)
		return EMULATED_DEVICE;
	return p >= pinned && p < pinned + RANGE ? EMULATED_PINNED : EMULATED_HOST;
}

void *emulated_at(const void *address, const char *who)
{
	if (!address)
		return NULL;
	enum emulated_place place = emulated_place(address);
	if (place == EMULATED_HOST)
		emulated_bug("%s got memory of the host, which a device cannot reach", who);
	return place == EMULATED_PINNED ? (void *)(uintptr_t)address : real + ((const char *)address - given);
}

static size_t pages_of(size_t bytes)
{
	return (bytes + PAGE - 1) / PAGE * PAGE;
}

static void spoil(char *at, size_t bytes)
{
	size_t end = bytes < FILLED ? bytes : FILLED;
	memset(at, GARBAGE, end);
	memset(at + bytes - end, GARBAGE, end);
}

/* A block of `bytes` bytes that ends where a page does, at `*used` of the range; `behind` are its pages. */
static void *take(char *range, char *behind, size_t *used, size_t bytes)
{
	size_t aligned = (bytes + ALIGNED - 1) / ALIGNED * ALIGNED, pages = pages_of(aligned), at = *used,
	       i = atomic_load(&n_blocks);
	if (i == BLOCKS || at + pages + PAGE > RANGE)
		emulated_bug("more allocations than the stand-in for a GPU has room for");
	if (pages > 0 && mprotect(behind + at, pages, PROT_READ | PROT_WRITE))
		return NULL;
	*used += pages + PAGE;
	spoil(behind + at + pages - aligned, aligned);
	blocks[i] = (struct block){.begin = range + at + pages - aligned, .bytes = bytes};
	atomic_store(&n_blocks, i + 1);
	atomic_fetch_add(&live, 1);
	return blocks[i].begin;
}

/* Bytes of the block, as alloc() counted them. */
static size_t give_back(char *range, char *behind, char *p)
{
	struct block *b = block_of(p);
	if (!b || b->begin != p || b->released)
		emulated_bug("memory is freed that is not allocated");
	b->released = true;
	size_t pages = pages_of(b->bytes);
	char *begin = behind + (p - range) / PAGE * PAGE;
	if (pages > 0 && (madvise(begin, pages, MADV_DONTNEED) || mprotect(begin, pages, PROT_NONE)))
		emulated_bug("memory cannot be given back to the system");
	atomic_fetch_sub(&live, 1);
	return pages;
}

static size_t total(void)
{
	return (size_t)emulated_setting("SIGNSGD_EMULATED_MEMORY", 16ULL << 30);
}

cudaError_t cudaMemGetInfo(size_t *free, size_t *all)
{
	cudaError_t status = emulated_call();
	if (status)
		return status;
	emulated_lock();
	*all = total();
	*free = *all - in_use;
	emulated_unlock();
	return cudaSuccess;
}

cudaError_t cudaMalloc(void **at, size_t bytes)
{
	cudaError_t status = emulated_call();
	if (!status)
		status = emulated_unsafe_in_capture();
	if (status)
		return status;
	pthread_once(&once, reserve);
	emulated_lock();
	size_t pages = pages_of(bytes);
	*at = bytes == 0 || pages > total() - in_use ? NULL : take(given, real, &used_device, bytes);
	if (*at)
		in_use += pages;
	emulated_unlock();
	return *at || bytes == 0 ? cudaSuccess : emulated_say(cudaErrorMemoryAllocation);
}

/* As the runtime has it, it waits for all work of the device. */
cudaError_t cudaFree(void *at)
{
	cudaError_t status = emulated_call();
	if (!status)
		status = emulated_unsafe_in_capture();
	if (status || !at)
		return status;
	if (emulated_place(at) != EMULATED_DEVICE)
		return emulated_say(cudaErrorInvalidValue);
	emulated_lock();
	emulated_run_all();
	in_use -= give_back(given, real, at);
	emulated_unlock();
	return cudaSuccess;
}

cudaError_t cudaMallocHost(void **at, size_t bytes)
{
	cudaError_t status = emulated_call();
	if (!status)
		status = emulated_unsafe_in_capture();
	if (status)
		return status;
	pthread_once(&once, reserve);
	emulated_lock();
	*at = bytes == 0 ? NULL : take(pinned, pinned, &used_pinned, bytes);
	emulated_unlock();
	return *at || bytes == 0 ? cudaSuccess : emulated_say(cudaErrorMemoryAllocation);
}

cudaError_t cudaFreeHost(void *at)
{
	cudaError_t status = emulated_call();
	if (!status)
		status = emulated_unsafe_in_capture();
	if (status || !at)
		return status;
	if (emulated_place(at) != EMULATED_PINNED)
		return emulated_say(cudaErrorInvalidValue);
	emulated_lock();
	emulated_run_all();
	give_back(pinned, pinned, at);
	emulated_unlock();
	return cudaSuccess;
}

int emulated_allocations(void)
{
	return atomic_load(&live);
}
