/*
 * Memory of a machine, and the queues of work on it.
 *
 * The momenta, gradients, activations, messages, answers, parameters, the optimizer's memory and the running
 * statistics are memory of the machine: it is asked from alloc(), kernels work on it, and nobody else touches
 * it but by the calls below. On the host's own memory these calls are memcpy() and memset(); `guarded` is a
 * machine on which any other touch faults.
 *
 * A queue is a sequence of work: kernels and the calls below do their work in the order in which they were
 * given to it, perhaps later. Each lane has one, and so has the trainer's own thread. Nothing orders the work
 * of two queues, so a thread that hands memory to another one calls finish() first, or sets a mark that the
 * other one waits for or has its queue follow. What a kernel gets by
 * pointer from the host (a stream, the list of votes) is read before it returns. Where work is done before a
 * kernel returns, as on the host, a queue is nothing: queue_open() returns NULL.
 */
#ifndef SIGNSGD_BACKEND_MEMORY_H
#define SIGNSGD_BACKEND_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

struct queue; /* each backend defines its own */
struct mark;  /* likewise: a place in the work of a queue; NULL where work is done before a call returns */

/* The queue of kernels that do their work before they return. */
#define HOST_QUEUE __attribute__((unused)) struct queue *queue

struct memory {
	/* It is the host's own: other code may read and write it too, and upload() and download() copy within
	 * it. Only mirrors (below) may rest on that. */
	bool host;

	/* Zeroed, aligned to 64 bytes. what: a name for messages, not copied. Dies if there is none. */
	void *(*alloc)(size_t bytes, const char *what);
	void (*release)(void *p); /* NULL: nothing */

	struct queue *(*queue_open)(void);
	void (*queue_close)(struct queue *q);

	/*
	 * Between the host's memory and the machine's; `from` and `to` are the same, or do not overlap. If
	 * they are the same, nothing is done. After upload(), `from` may be changed; download() finishes the
	 * queue.
	 */
	void (*upload)(struct queue *q, void *to, const void *from, size_t bytes);
	void (*download)(struct queue *q, void *to, const void *from, size_t bytes);
	/* Within the machine's memory. Ranges do not overlap. */
	void (*copy)(struct queue *q, void *to, const void *from, size_t bytes);
	void (*fill)(struct queue *q, void *to, unsigned char byte, size_t bytes);

	/* Wait until all work that was given to the queue is done. */
	void (*finish)(struct queue *q);

	/*
	 * upload() and download() that nobody waits for: the host's end lies in memory of host_alloc(), which
	 * send() reads and bring() writes until a mark that was set behind it is reached.
	 */
	void (*send)(struct queue *q, void *to, const void *from, size_t bytes);
	void (*bring)(struct queue *q, void *to, const void *from, size_t bytes);
	/* Zeroed memory of the host, aligned to 64 bytes. Dies if there is none. */
	void *(*host_alloc)(size_t bytes);
	void (*host_release)(void *p); /* NULL: nothing */

	struct mark *(*mark_open)(void);
	void (*mark_close)(struct mark *m);
	/* Behind the work that the queue has now; where it stood before does not matter any more. */
	void (*mark_set)(struct queue *q, struct mark *m);
	/* Is all that stands before it done? By any thread, as mark_wait(). One never set is reached. */
	bool (*mark_reached)(struct mark *m);
	void (*mark_wait)(struct mark *m);
	/* What is given to the queue from now on waits for the mark; the caller does not. */
	void (*mark_follow)(struct queue *q, struct mark *m);

	/* The machine's bytes: free now, and all. Another process may take them. NULL: the host's own. */
	void (*free_bytes)(size_t *left, size_t *all);
	size_t queue_bytes; /* that a queue, and the libraries that work in it, take of them */
};

/* The memory of backends that run on the host's processor. */
extern const struct memory memory_host;

/* For backends that do all work before a call returns: send and bring are their upload and download. */
#define MEMORY_WITHOUT_MARKS                                                                                 \
	.host_alloc = memory_host_alloc, .host_release = mem_free, .mark_open = memory_no_mark,              \
	.mark_close = memory_mark_nothing, .mark_set = memory_mark_queue_nothing,                            \
	.mark_reached = memory_mark_reached, .mark_wait = memory_mark_nothing,                               \
	.mark_follow = memory_mark_queue_nothing
void *memory_host_alloc(size_t bytes);
struct mark *memory_no_mark(void);
void memory_mark_nothing(struct mark *m);
void memory_mark_queue_nothing(struct queue *q, struct mark *m);
bool memory_mark_reached(struct mark *m);

/*
 * A mirror: the host's view of a range of the machine's memory. On the host it is that memory itself, and
 * costs nothing; elsewhere it is memory of the host, zeroed. download() brings the present content to it,
 * upload() takes it back; both do nothing where a mirror is the memory itself.
 */
void *memory_mirror(const struct memory *m, void *at, size_t bytes);
void memory_mirror_free(const struct memory *m, void *mirror);

/* A mirror for send() and bring(). */
void *memory_mirror_moving(const struct memory *m, void *at, size_t bytes);
void memory_mirror_moving_free(const struct memory *m, void *mirror);

/*
 * Where this thread can read `bytes` bytes of the machine's memory, as they are when the queue is finished:
 * on the host, where they are; elsewhere at `scratch`, memory of the host, to which they are downloaded.
 */
const void *memory_see(const struct memory *m, struct queue *q, const void *at, size_t bytes, void *scratch);
/* Memory of the host for memory_see(): NULL where it needs none. Free it with mem_free(). */
void *memory_scratch(const struct memory *m, size_t bytes);

/* The other way: where kernels can read bytes of the host; on the host, where they are, elsewhere at `at`. */
const void *memory_give(const struct memory *m, struct queue *q, void *at, const void *from, size_t bytes);

/* A number that a kernel has written. */
double memory_number(const struct memory *m, struct queue *q, const double *at);

#endif
