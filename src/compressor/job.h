/* What all messages of one step have in common: workers encode with it, the server combines with it. */
#ifndef SIGNSGD_COMPRESSOR_JOB_H
#define SIGNSGD_COMPRESSOR_JOB_H

#include <stddef.h>
#include <stdint.h>
#include "backend/backend.h"
#include "compressor/layers.h"
#include "compressor/message.h"

struct step_job {
	const void *state; /* of the row whose functions get this job: its parsed keys */
	const struct backend *be;
	struct queue *queue; /* of the lane that calls */
	uint64_t seed;
	uint64_t step;               /* from 0 */
	double lr;                   /* the learning rate of the step; 0 where nobody encodes */
	size_t n;                    /* coordinates of a vector */
	const struct layers *layers; /* of the model; NULL: none are known */
	struct message push, pull;   /* a worker's message, and the answer */
};

/* The signs of a message: vote and abstain [words], planes of backend/sign.h, both always written. */
void message_signs(const struct step_job *job, const struct message *m, const void *message, uint64_t *vote,
                   uint64_t *abstain);
/* What it says of coordinates [begin, end), begin a multiple of 64, as floats: out [end - begin], memory of
 * the host. The queue is finished then. */
void message_floats(const struct step_job *job, const struct message *m, const void *message, size_t begin,
                    size_t end, float *out);
/* The scale of scaled signs. A peer may have written any float there. The queue is finished when it has been
 * read. */
float message_scale(const struct step_job *job, const void *message);
void message_set_scale(const struct step_job *job, void *message, float scale);

/* What points to the planes of sign messages. */
struct vote_list {
	const uint64_t *vote[VOTES_MOST], *abstain[VOTES_MOST];
};

/* The votes that sign messages [count] are, from coordinate `begin` on, a multiple of 64; in *list. */
struct votes message_votes(const struct step_job *job, int count, const void *const *pushes, size_t begin,
                           struct vote_list *list);
/* sum [n] = what messages [count] say of coordinates [at, at + n), added in their order. */
void message_sum(const struct step_job *job, int count, const void *const *pushes, size_t at, size_t n,
                 float *sum);

#endif
