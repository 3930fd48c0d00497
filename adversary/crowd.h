/*
 * Attacks that see the crowd: colluders who know what all honest workers send in the present step, before it
 * is sent. They are outside Definition 1 of Bernstein et al. 2019, which holds for struct attack alone, and
 * have a type of their own: forge() of a blind attack cannot be given this view.
 *
 * All honest workers compute first. Then vectors are forged, which the colluders hand to the compressor:
 * under `sign` the signs of the forged vector are sent. The colluders' momenta stay honest, as under all
 * attacks on messages. So all workers must be in one process.
 *
 * Like a blind attack's, vectors are memory of the machine: they are read and written through kernels and the
 * calls of backend/memory.h alone.
 *
 * A step has these parts, of which an attack has those that it needs:
 *   measure   sums over the coordinates, block by block
 *   plan      from the sums to numbers
 *   forge     from the view and the numbers to vectors, any range of coordinates
 *   remember  what stays for the next step, any range of coordinates
 * measure() and plan() alternate `rounds` times, so that a measure may use the numbers of the round before.
 * Sums are one double a block of CROWD_BLOCK coordinates, and blocks are added in order: so neither lanes nor
 * ranges show in the bits.
 */
#ifndef SIGNSGD_ADVERSARY_CROWD_H
#define SIGNSGD_ADVERSARY_CROWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "adversary/attack.h"
#include "base/err.h"

enum {
	CROWD_CHUNK = 2048,  /* coordinates at a time that stay in the nearest cache */
	CROWD_BLOCK = 65536, /* coordinates of a block, a multiple of CROWD_CHUNK */
	CROWD_NUMBERS = 8    /* numbers of a plan, beside one for each honest worker */
};

/* How many blocks n coordinates have. */
static inline size_t crowd_blocks(size_t n)
{
	return (n + CROWD_BLOCK - 1) / CROWD_BLOCK;
}

/* What the server would make of the honest messages and a message of every colluder. */
struct crowd_answer {
	/* Of the answer from mu; of one with the learning rate inside, over that rate. NAN: the step would be
	 * withheld. */
	double distance;
	bool chosen; /* a rule that chooses messages has chosen a colluder's */
};

/*
 * What would come of the vector that forge() makes of these numbers. It runs on all lanes, and changes
 * nothing that a step leaves behind. The colluders know the rule, its keys and what the server remembers, but
 * not what it draws by lot: ties and orders are drawn anew, from a stream of theirs.
 */
typedef void crowd_ask_fn(void *asked, const double *numbers, struct crowd_answer *answer);

/* What the colluders of a step know. Only workers that are counted in the step are in it. */
struct crowd_view {
	const struct backend *be;
	struct queue *queue;    /* of the lane that calls */
	size_t n;               /* coordinates of a vector */
	uint64_t step;          /* of the run, from 0 */
	int workers, byzantine; /* of the run, counted in this step or not: all, and colluders among them */
	int h, f; /* honest workers, colluders; h is 0 only in a repeated run that counts none */
	const float *const *honest; /* [h] -> [n] what they hand to the compressor, in order of worker */
	/* [h] -> the honest messages where these are signs (backend/sign.h: the vote plane, and the abstain
	 * plane if they abstain); NULL: messages are no signs. */
	const uint64_t *const *signs;
	bool abstains;
	/* [f] -> [n] what the colluders would send if they were honest; zeros where they have no data */
	const float *const *own;
	const float
	        *memory; /* [memory_floats] of the machine, zero at first, saved in checkpoints; NULL if 0 */
	const double *numbers; /* [h + CROWD_NUMBERS] of the plan; zero before the first */
	crowd_ask_fn *ask;     /* for attacks that ask(); NULL elsewhere */
	void *asked;
	/* Where each sends a vector of its own: whose it is, in [0, f), and its own stream (seed, RNG_ATTACK,
	 * worker, step). Else -1 and the stream of all (seed, RNG_COLLUDERS, 0, step). */
	int colluder;
	struct stream stream;
};

/* The run that an attack is to be part of. */
struct crowd_terms {
	int workers, byzantine; /* all, and colluders among them */
	const char *aggregator, *compressor;
	bool signs;   /* messages are the signs of what colluders hand over */
	bool chooses; /* an answer says which messages it has chosen */
};

struct crowd_attack {
	struct attack attack; /* sees ATTACK_CROWD, acts_on ATTACK_MESSAGE, no forge() and no memory */
	bool each; /* each colluder sends a vector of its own, unless the attack asks; else all one */
	/* What it needs of a run. -1 and a sentence, before which the caller says the place. NULL: nothing.
	 */
	int (*check)(const void *state, const struct crowd_terms *terms, struct err *e);
	/* Of a memory that all colluders share. NULL: none. */
	size_t (*memory_floats)(const void *state, size_t n);
	/* Does its plan ask()? NULL: no. */
	bool (*asks)(const void *state);
	int rounds; /* of measure() and plan() */
	/* How many sums the round has, with h honest workers; 0: nothing is measured. NULL: in none. */
	size_t (*sums)(const void *state, int round, int h);
	/* Add to sums [sums()] what coordinates [begin, end) of a block contribute; begin is a multiple of
	 * CROWD_CHUNK. */
	void (*measure)(const void *state, const struct crowd_view *view, int round, size_t begin, size_t end,
	                double *sums);
	/* sums, added up -> the view's numbers, in place. In the thread of the caller of all. */
	void (*plan)(const void *state, const struct crowd_view *view, int round, const double *sums,
	             double *numbers);
	/*
	 * Write coordinates [begin, end) of out [n]; begin is a multiple of 64. Lanes share the coordinates:
	 * what is written to one must not depend on the range.
	 */
	void (*forge)(const void *state, const struct crowd_view *view, size_t begin, size_t end, float *out);
	/* After forge() of all: the same of the memory. Not const here: it is the view's memory. NULL: none.
	 */
	void (*remember)(const void *state, const struct crowd_view *view, size_t begin, size_t end,
	                 float *memory);
};

/* An attack that sees the crowd, by its row; NULL: the attack is blind. */
const struct crowd_attack *crowd_attack_of(const struct attack *a);

/* Coordinates of honest worker k's vector, to memory of the host; count is at most CROWD_CHUNK. */
void crowd_read(const struct crowd_view *view, int k, size_t begin, size_t count, double *x);

/*
 * mu of the papers: the mean of the honest vectors' coordinates [begin, begin + count), to memory of the
 * host. The sum runs over workers in their order, in double. 0 where h is 0. count is at most CROWD_CHUNK.
 */
void crowd_mean(const struct crowd_view *view, size_t begin, size_t count, double *mean);

/* The standard deviation of each coordinate, in the same way; squares are divided by h, or by h - 1
 * (`sample`). 0 where that is 0. */
void crowd_deviation(const struct crowd_view *view, size_t begin, size_t count, bool sample,
                     const double *mean, double *deviation);

/* V: the sum of the honest signs of coordinates [begin, begin + count), begin a multiple of 64. The view has
 * signs. count is at most CROWD_CHUNK. */
void crowd_votes(const struct crowd_view *view, size_t begin, size_t count, int *votes);

/* <a, b>, in an order of its own that does not depend on the machine. */
double crowd_dot(size_t count, const double *a, const double *b);

/* What most attacks send: mean mu + deviation sd + sign sign(mu), sign(0) = 0. A part with the factor 0 is
 * not computed. */
struct crowd_mix {
	double mean, deviation, sign;
	bool sample; /* of the standard deviation */
};

/* forge() of that. */
void crowd_mix(const struct crowd_view *view, const struct crowd_mix *mix, size_t begin, size_t end,
               float *out);

/* Coordinates [begin, begin + count) of out from numbers of the host; count is at most CROWD_CHUNK. */
void crowd_write(const struct crowd_view *view, const double *from, size_t begin, size_t count, float *out);

#endif
