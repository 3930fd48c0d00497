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
	/* Of the lane that calls, for messages with scales: [MESSAGE_SCRATCH], memory of the machine. */
	float *scratch;
	/* Of the lane that calls: vectors [n] of the host, where the machine's memory is elsewhere; as many
	 * as the compressor sees there (compressor/compressor.h). */
	float *seen;
	/* Where messages meet: the scales that count, message after message, instead of those that they have.
	 * NULL: those that they have. */
	const float *scales;
};

/* Coordinates of scaled messages that are read at a time, and the floats that this needs. */
enum { MESSAGE_BLOCK = 2048, MESSAGE_SCRATCH = 2 * MESSAGE_BLOCK };

/* The signs of a message: vote and abstain [words], planes of backend/sign.h, both always written. */
void message_signs(const struct step_job *job, const struct message *m, const void *message, uint64_t *vote,
                   uint64_t *abstain);
/* What it says of coordinates [begin, end), begin a multiple of 64, as floats: out [end - begin], memory of
 * the host. The queue is finished then. */
void message_floats(const struct step_job *job, const struct message *m, const void *message, size_t begin,
                    size_t end, float *out);
/*
 * Of MESSAGE_SCALED: scales [message_scales()], those of a range together. A peer may have written any floats
 * there; the queue is finished when they have been read.
 */
void message_get_scales(const struct step_job *job, const struct message *m, const void *message,
                        float *scales);
/* Write the one with this number. */
void message_set_scale(const struct step_job *job, const struct message *m, void *message, size_t i,
                       float scale);
/* Can a compressor have written them? They are finite, and none has the wrong sign. What is read as floats is
 * NaN where one is not so. */
bool message_scales_hold(const struct message *m, const float *scales);
/* As message_floats(). */
void message_scaled_floats(const struct step_job *job, const struct message *m, const void *message,
                           size_t begin, size_t end, float *out);
/* sum [end - begin] += factor times what a message says of [begin, end), begin a multiple of 64; factor is 1
 * or -1. scales NULL: its own. */
void message_add_scaled(const struct step_job *job, const struct message *m, const void *message,
                        const float *scales, float factor, size_t begin, size_t end, float *sum);

/* What points to the planes of sign messages. */
struct vote_list {
	const uint64_t *vote[VOTES_MOST], *abstain[VOTES_MOST];
};

/* The votes that sign messages [count] are, from coordinate `begin` on, a multiple of 64; in *list. */
struct votes message_votes(const struct step_job *job, int count, const void *const *pushes, size_t begin,
                           struct vote_list *list);
/* sum [n] = what messages [count] say of coordinates [at, at + n), added in their order. Of codes, there must
 * be floats by now. */
void message_sum(const struct step_job *job, int count, const void *const *pushes, size_t at, size_t n,
                 float *sum);

#endif
