/*
 * Work that a queue gets again and again, captured once and replayed: what a machine offers for it.
 *
 * A replay does what was captured with the addresses and numbers of then: a kernel finds in memory what is
 * new, and sees nothing else that is. So what is captured must follow from the memory alone, but for random
 * numbers: kernels that draw read their stream from the machine's memory when they are replayed.
 */
#ifndef SIGNSGD_BACKEND_CAPTURE_H
#define SIGNSGD_BACKEND_CAPTURE_H

#include <stdbool.h>
#include "backend/memory.h"
#include "base/rng.h"

struct captured; /* each backend defines its own */

/* Streams [count] of the host, by whose addresses kernels are given them, and the machine's memory that is
 * read in their place when the work is replayed. */
struct capture_streams {
	const struct stream *here, *there;
	int count;
};

struct captures {
	/* Can work be captured? Not any more, once some could not, which was said then. */
	bool (*wanted)(void);
	/*
	 * From now on what this thread gives to the queue is captured, and nothing of it is done, until
	 * end(). false: it cannot be, which was said; what is given is done at once, and end() is not to be
	 * called.
	 */
	bool (*begin)(struct queue *q, const struct capture_streams *s);
	/* What was captured. NULL: it could not be, which was said: nothing of it was done, and the work has
	 * to be given again. */
	struct captured *(*end)(struct queue *q);
	void (*replay)(struct queue *q, const struct captured *c);
	/* Replays that were given before are done. */
	void (*close)(struct captured *c);
};

#endif
