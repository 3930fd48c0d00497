/*
 * Kernels on the processor. The threads of a block are run one after the other, on one stack, as long as none
 * waits. One that waits for others keeps the stack it is on, and the next ones get another: so kernels whose
 * threads do not meet cost no switch a thread.
 *
 * Every thread of a block comes to every barrier, and every lane of a warp to every ballot and shuffle, at
 * the same line. Anything else is what a GPU leaves undefined, and ends the process with a sentence.
 */
#undef _FORTIFY_SOURCE /* its longjmp() takes another stack for a damaged one */
#include "tests/cuda/emulated_internal.h"
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

enum { THREADS = 1024, WARP = 32, STACK = 128 << 10, GUARD = 64 << 10 };

enum state { NEW, RUNS, AT_BARRIER, AT_MEETING, DONE };

struct fiber {
	jmp_buf at;
	bool begun;
	ucontext_t start;
	struct fiber *next; /* of those that nobody is on */
};

static struct thread {
	enum state state;
	struct fiber *on;
	const char *file; /* where it waits */
	int line;
	enum emulated_meeting kind;
	int from;
	uint64_t value, result;
} threads[THREADS];

struct uint3 emulated_thread, emulated_block, emulated_threads, emulated_blocks;

static const struct emulated_kernel *kernel;
static int now;   /* the thread that runs */
static int count; /* threads of a block */
static struct fiber *idle, *current;
static jmp_buf scheduler;
/* Threads that a fiber begins one after the other: so many from `next` on, in the order `step`. */
static struct {
	int next, left, step;
} to_begin;

static void be(int t)
{
	unsigned x = emulated_threads.x, y = emulated_threads.y, u = (unsigned)t;
	now = t;
	emulated_thread = (struct uint3){u % x, u / x % y, u / x / y};
}

/* From the scheduler, until somebody waits or is through. */
static void enter(struct fiber *f)
{
	current = f;
	if (_setjmp(scheduler))
		return;
	if (f->begun)
		_longjmp(f->at, 1);
	f->begun = true;
	setcontext(&f->start);
}

static void leave(void)
{
	if (!_setjmp(current->at))
		_longjmp(scheduler, 1);
}

static void fiber_main(void)
{
	for (;;) {
		while (to_begin.left > 0) {
			int t = to_begin.next;
			to_begin.next += to_begin.step;
			to_begin.left--;
			be(t);
			threads[t].state = RUNS;
			kernel->call(kernel->parameters);
			threads[now].state = DONE; /* not t's: a fiber is gone on with as it was left */
		}
		current->next = idle;
		idle = current;
		leave();
	}
}

/* A function of its own: what getcontext() returns to twice has no variables that change. */
static void prepare(struct fiber *f, char *stack, size_t bytes)
{
	if (getcontext(&f->start))
		emulated_bug("no context for the threads of a block");
	f->start.uc_stack.ss_sp = stack;
	f->start.uc_stack.ss_size = bytes;
	f->start.uc_link = NULL;
	makecontext(&f->start, fiber_main, 0);
}

static struct fiber *fiber(void)
{
	if (idle) {
		struct fiber *f = idle;
		idle = f->next;
		return f;
	}
	/* The page below a stack cannot be touched. */
	char *at = mmap(NULL, GUARD + STACK, PROT_READ | PROT_WRITE,
	                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED || mprotect(at, GUARD, PROT_NONE))
		emulated_bug("no memory for the threads of a block");
	size_t bytes = STACK - (sizeof(struct fiber) + 63) / 64 * 64;
	struct fiber *f = (struct fiber *)(void *)(at + GUARD + bytes);
	prepare(f, at + GUARD, bytes);
	return f;
}

static const char *place(int t, char *out, size_t size)
{
	const struct thread *at = &threads[t];
	static const char *const names[] = {"a __syncwarp", "a ballot", "a shuffle"};
	const char *slash = at->file ? strrchr(at->file, '/') : NULL;
	if (at->state == DONE)
		snprintf(out, size, "thread %d has ended", t);
	else
		snprintf(out, size, "thread %d waits at %s:%d for %s", t, slash ? slash + 1 : at->file,
		         at->line, at->state == AT_BARRIER ? "a __syncthreads" : names[at->kind]);
	return out;
}

static void apart(const char *what, int t, int other)
{
	char one[160], two[160];
	emulated_bug("kernel %s, block %u %u %u of %u threads: not all of a %s meet: %s, %s", kernel->name,
	             emulated_block.x, emulated_block.y, emulated_block.z, (unsigned)count, what,
	             place(t, one, sizeof one), place(other, two, sizeof two));
}

static bool together(const struct thread *a, const struct thread *b)
{
	return a->state == b->state && a->line == b->line && strcmp(a->file, b->file) == 0 &&
	       (a->state != AT_MEETING || a->kind == b->kind);
}

static void stop(enum state state, const char *file, int line)
{
	int t = now;
	threads[t].state = state;
	threads[t].file = file;
	threads[t].line = line;
	threads[t].on = current;
	leave();
	be(t);
}

void emulated_barrier(const char *file, int line)
{
	stop(AT_BARRIER, file, line);
}

int emulated_lane(void)
{
	return now % WARP;
}

uint64_t emulated_meet(enum emulated_meeting kind, unsigned mask, uint64_t value, int from, const char *file,
                       int line)
{
	if (mask != ~0u)
		emulated_bug("kernel %s: a mask of lanes is %08x at %s:%d; expected ffffffff", kernel->name,
		             mask, file, line);
	if (from < 0 || from >= WARP)
		emulated_bug("kernel %s: a shuffle from lane %d at %s:%d", kernel->name, from, file, line);
	threads[now].kind = kind;
	threads[now].value = value;
	threads[now].from = from;
	stop(AT_MEETING, file, line);
	return threads[now].result;
}

/* All lanes have come: what each takes along. */
static void meet(struct thread *lane)
{
	uint64_t votes = 0;
	for (int l = 0; l < WARP; l++)
		votes |= (uint64_t)(lane[l].value != 0) << l;
	for (int l = 0; l < WARP; l++) {
		lane[l].result = lane[l].kind == EMULATED_BALLOT ? votes : lane[lane[l].from].value;
		lane[l].state = RUNS;
	}
}

/* Those of threads begin .. end - 1 that can go on, until none can. */
static void pass(int begin, int end, bool back)
{
	to_begin.next = back ? end - 1 : begin;
	to_begin.step = back ? -1 : 1;
	to_begin.left = threads[begin].state == NEW ? end - begin : 0;
	while (to_begin.left > 0)
		enter(fiber());
	for (int i = 0; i < end - begin; i++) {
		int t = back ? end - 1 - i : begin + i;
		if (threads[t].state == RUNS)
			enter(threads[t].on);
	}
}

/* Until every lane is at a barrier of the block or through. */
static void run_warp(int begin, int end, bool back)
{
	for (;;) {
		pass(begin, end, back);
		int first = -1;
		for (int t = begin; t < end && first < 0; t++)
			if (threads[t].state == AT_MEETING)
				first = t;
		if (first < 0)
			return;
		if (end - begin < WARP)
			emulated_bug("kernel %s: a warp of %d threads meets; expected 32", kernel->name,
			             end - begin);
		for (int t = begin; t < end; t++)
			if (!together(&threads[first], &threads[t]))
				apart("warp", first, t);
		meet(threads + begin);
	}
}

static void run_block(void)
{
	const int warps = (count + WARP - 1) / WARP;
	const bool back = emulated_draw(2);
	for (int t = 0; t < count; t++)
		threads[t].state = NEW;
	for (;;) {
		for (int i = 0; i < warps; i++) {
			int begin = (back ? warps - 1 - i : i) * WARP;
			run_warp(begin, begin + WARP < count ? begin + WARP : count, back);
		}
		int waits = -1;
		for (int t = 0; t < count && waits < 0; t++)
			if (threads[t].state == AT_BARRIER)
				waits = t;
		if (waits < 0)
			return;
		for (int t = 0; t < count; t++)
			if (!together(&threads[waits], &threads[t]))
				apart("block", waits, t);
		for (int t = 0; t < count; t++)
			threads[t].state = RUNS;
	}
}

void emulated_run_kernel(const struct emulated_kernel *k)
{
	const uint64_t blocks = (uint64_t)k->blocks.x * k->blocks.y * k->blocks.z;
	const bool back = emulated_draw(2);
	kernel = k;
	emulated_blocks = k->blocks;
	emulated_threads = k->threads;
	count = (int)(k->threads.x * k->threads.y * k->threads.z);
	for (uint64_t i = 0; i < blocks; i++) {
		uint64_t b = back ? blocks - 1 - i : i;
		emulated_block =
		        (struct uint3){(unsigned)(b % k->blocks.x), (unsigned)(b / k->blocks.x % k->blocks.y),
		                       (unsigned)(b / k->blocks.x / k->blocks.y)};
		run_block();
	}
}
