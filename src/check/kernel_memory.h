/*
 * The memory that jobs of one kernel work on, for check and bench, and the random numbers in it. It is that
 * of a machine: filled and looked at on the host, and brought to and fetched from machines with memory of
 * their own.
 */
#ifndef SIGNSGD_CHECK_KERNEL_MEMORY_H
#define SIGNSGD_CHECK_KERNEL_MEMORY_H

#include "check/kernel_table.h"

/* Memory for jobs of one kernel. */
struct kernel_memory {
	const struct memory *machine;
	size_t floats, words; /* of each array, and of each plane */
	int workers;
	float *x, *y, *out[3];                        /* [floats] */
	uint64_t *vote, *abstain, *plane[2];          /* [words] */
	uint64_t **votes, **abstains;                 /* [workers] -> [words] */
	const uint64_t **votes_lent, **abstains_lent; /* [workers], as lent to the last job */
	int32_t *label;                               /* [floats] */
	uint8_t *pixel;                               /* [floats] */
	uint16_t *sample_label;                       /* [floats] */
	uint32_t *index;                              /* [floats] */
	struct loss *loss;
};

/* Special numbers are zero, denormal, infinite, NaN or huge: none, one in four (votes: close races), one
 * in 30. */
enum kernel_flavour { FLAVOUR_ORDINARY, FLAVOUR_SPECIAL, FLAVOUR_FEW_SPECIAL };

void kernel_memory_open(struct kernel_memory *r, const struct kernel *k, size_t floats, size_t words,
                        int workers, const struct memory *machine);
void kernel_memory_close(struct kernel_memory *r);

/* Fill memory of the host with numbers for a job of these sizes and one element more; a function of `seed`
 * alone. */
void kernel_memory_fill(struct kernel_memory *r, const struct kernel *k, const struct kernel_job *sizes,
                        enum kernel_flavour flavour, uint64_t seed);

/*
 * From memory of the host to that of a machine, by way of the queue: what kernel_memory_fill() writes for a
 * job of these sizes, from `inputs`; and outputs, `more` elements behind each of them included, from
 * `outputs`. And outputs back.
 */
void kernel_memory_bring(const struct kernel_memory *to, struct queue *q, const struct kernel *k,
                         const struct kernel_job *sizes, size_t more, const struct kernel_memory *inputs,
                         const struct kernel_memory *outputs);
void kernel_memory_fetch(const struct kernel_memory *from, struct queue *q, const struct kernel *k,
                         const struct kernel_job *sizes, size_t more, const struct kernel_memory *outputs);

/* Point the job at this memory, from element `shift` of every array on. Its votes.count must be set. */
void kernel_memory_lend(const struct kernel_memory *r, size_t shift, struct kernel_job *j);

#endif
