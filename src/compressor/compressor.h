/*
 * A compressor: what a worker says of its vector. Its message goes to the aggregator, which must take such
 * messages (aggregator/aggregator.h).
 *
 * encode() and encode_momentum() work on a range of coordinates [begin, end), begin a multiple of 64 and end
 * a multiple of 64 or n, so that lanes, and shards on several machines, can share the work. A row whose
 * message cannot be divided has bits = 0, and one that must see the whole vector first says so (`whole`);
 * their encode() always gets 0..n. A message is always whole; a call touches only the coordinates of its
 * range. What a message says follows from its kind (compressor/job.h).
 *
 * A row may keep a memory for each worker, which begins as zero. It is part of the worker's state: saved,
 * sent and reset with the momentum (train/state.h). encode() is called once a step.
 */
#ifndef SIGNSGD_COMPRESSOR_COMPRESSOR_H
#define SIGNSGD_COMPRESSOR_COMPRESSOR_H

#include "compressor/code.h"
#include "compressor/job.h"
#include "compressor/privacy.h"
#include "config/key.h"

/* The number, in random streams, of who compresses the answer. */
enum { COMPRESSOR_SERVER = 0xffffff };

struct compressor {
	struct row row;
	const char *aggregator; /* the name of the one that is chosen with it where none is; NULL: "vote" */
	enum message_kind says;
	/* Bits of a coordinate in each plane of a message, which may then be cut at any multiple of 64
	 * coordinates; the size of the message gives the number of planes. 0: it is one piece. */
	int bits;
	/* The learning rate is a factor of what messages say, so that the optimizer steps by the answer as it
	 * is; weight decay still has the rate. */
	bool lr_inside;
	/* Of messages with bits: does each coordinate's depend on the whole vector, by a norm? NULL: no. */
	bool (*whole)(const void *state);
	/* Signs are drawn: a vector alone does not decide them. */
	bool random;
	/* Of signs: has a message an abstain plane? NULL: no. */
	bool (*abstains)(const void *state);
	/* Of MESSAGE_SCALED: how many scales a range has (compressor/message.h); and is each layer a range?
	 * NULL: the whole vector is one. */
	int scales;
	bool (*by_layer)(const void *state);
	/* Of MESSAGE_CODED: how its bytes are read. The row's encode() gets memory of the host alone: v, what
	 * it remembers, and push. NULL: the layout is fixed. */
	const struct message_code *code;
	/* Vectors [n] of the host that encode() uses in job->seen, where the machine's memory is elsewhere:
	 * of a row without a code, which has its own. */
	int seen;
	/* Is the answer compressed by this row too? Its encode() then gets what the aggregator answers, as
	 * the vector of worker COMPRESSOR_SERVER, at the rate 1. NULL: never. */
	bool (*two_way)(const void *state);
	/* What a worker's messages of so many steps give away of its data; NULL: nobody knows. */
	struct privacy (*privacy)(const void *state, int64_t steps);
	/* Of each worker's memory. NULL: none. */
	size_t (*memory_floats)(const void *state, size_t n);

	/* v [n] -> push [bytes], by `worker`, coordinates [begin, end). memory [memory_floats] or NULL. */
	void (*encode)(const struct step_job *job, uint32_t worker, const float *v, size_t begin, size_t end,
	               float *memory, void *push);
	/*
	 * The momentum v = (1 - beta) g + beta v, then encode() of v, on the same coordinates: the same bits
	 * with less memory traffic. NULL: there is nothing to win, callers do one after the other. Rows with
	 * a memory have none.
	 */
	void (*encode_momentum)(const struct step_job *job, uint32_t worker, float beta, const float *g,
	                        float *v, size_t begin, size_t end, void *push);
};

#endif
