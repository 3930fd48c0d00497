/*
 * Messages where they meet, before they are combined: with scales (MESSAGE_SCALED) or coded (MESSAGE_CODED).
 *
 * A message that no compressor can have made is refused: a code that encode() does not write, a scale that is
 * not finite or has the wrong sign. Its worker stays counted. Codes are decoded, each once, a message a lane
 * at a time. Scales are clipped, where the aggregator clips them. All of it is the same in every process that
 * has the messages whole.
 */
#ifndef SIGNSGD_AGGREGATOR_JUDGE_H
#define SIGNSGD_AGGREGATOR_JUDGE_H

#include "aggregator/method.h"
#include "base/pool.h"

struct judge {
	const struct method *method;
	size_t n;
	/* Of the last call of judge_messages(): */
	int count;           /* messages that are not refused */
	const void **pushes; /* [count] they; of codes, their floats [n] */
	bool *refused;       /* [all] by their places */
	float *scales;       /* [count][message_scales()] MESSAGE_SCALED: as they count; else NULL */
	const void **rows;   /* [all] MESSAGE_CODED: floats [n], NaN of those that are refused; else NULL */
	float *floats;       /* what they point to */
	double *column;      /* scratch */
};

/* Is there anything to judge? */
bool judge_has(const struct method *m);
/* Bytes of what judge_open() allocates, for at most so many messages. SIZE_MAX stands for more. */
size_t judge_bytes(const struct method *m, size_t workers, size_t n);
/* The method is borrowed. */
void judge_open(struct judge *j, const struct method *m, int workers, size_t n);
void judge_close(struct judge *j);
/* Messages [all], in memory of the job's machine; coded ones, of the host. */
void judge_messages(struct judge *j, const struct step_job *job, struct pool *pool, int all,
                    const void *const *pushes);

#endif
