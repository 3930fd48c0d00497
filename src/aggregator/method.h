/*
 * The method of a run: the compressor, the aggregator and the optimizer that it puts together, each with the
 * values of its keys. The functions below call theirs, each with a job of its own state.
 */
#ifndef SIGNSGD_AGGREGATOR_METHOD_H
#define SIGNSGD_AGGREGATOR_METHOD_H

#include "aggregator/aggregator.h"
#include "compressor/compressor.h"
#include "optimizer/optimizer.h"
#include "transport/transport.h"

struct method {
	const struct compressor *compressor;
	const struct aggregator *aggregator;
	const struct optimizer *optimizer; /* NULL: nothing is applied here */
	const void *compressor_state, *aggregator_state, *optimizer_state;
	struct message push, pull;
	bool separable;              /* the aggregator works on any range of whole messages */
	const struct layers *layers; /* of the model's parameters, borrowed; NULL: none are known */
};

/* Of choices of the three families; the states are borrowed. optimizer may be NULL. */
struct method method_of(const struct choice *compressor, const struct choice *aggregator,
                        const struct choice *optimizer);

/* Does the aggregator take what the compressor says? -1 and a sentence if not. */
int method_check_messages(const struct method *m, struct err *e);
/* Does the optimizer step by what the aggregator answers? -1 and a sentence if not. */
int method_check_step(const struct method *m, struct err *e);

/* May a message be made range by range, in any order, and more than once? */
bool method_in_ranges(const struct method *m);
/* What each worker's messages of so many steps spend; zeros where the compressor says nothing of it. */
struct privacy method_privacy(const struct method *m, int64_t steps);
/* Bytes of a worker's message and of the answer, of n coordinates. */
size_t method_push_bytes(const struct method *m, size_t n);
size_t method_pull_bytes(const struct method *m, size_t n);
/* The optimizer's memory; and the compressor's, of each worker. */
size_t method_memory_floats(const struct method *m, size_t n);
size_t method_worker_floats(const struct method *m, size_t n);

/* How messages of n coordinates travel, what combines them, and whether that is what an all-reduce of floats
 * makes. */
struct message_shape method_shape(const struct method *m, size_t n);
bool method_is_float_mean(const struct method *m);
/* meet is for an aggregator that must see all messages at once (aggregator_meets()). */
struct exchange_rule method_rule(const struct method *m, combine_fn *combine, meeting_fn *meet, void *ctx);

/* The job of a step; queue and step are the caller's. */
struct step_job method_job(const struct method *m, const struct backend *be, uint64_t seed, size_t n);

/* The rows' functions of the same names. memory [method_worker_floats()] or NULL, of that worker. */
void method_encode(const struct method *m, const struct step_job *job, uint32_t worker, const float *v,
                   size_t begin, size_t end, float *memory, void *push);
/* The momentum v = (1 - beta) g + beta v, and the message of v. */
void method_encode_momentum(const struct method *m, const struct step_job *job, uint32_t worker, float beta,
                            const float *g, float *v, size_t begin, size_t end, float *memory, void *push);
void method_combine(const struct method *m, const struct step_job *job, int count, const void *const *pushes,
                    size_t begin, size_t end, void *pull);
void method_apply(const struct method *m, const struct step_job *job, const void *pull, size_t begin,
                  size_t end, double lr, double decay, float *memory, float *x);
/* For probes: the signs of a message and of the answer, as planes of backend/sign.h, both always written. */
void method_push_signs(const struct method *m, const struct step_job *job, const void *push, uint64_t *vote,
                       uint64_t *abstain);
void method_pull_signs(const struct method *m, const struct step_job *job, const void *pull, uint64_t *vote,
                       uint64_t *abstain);

#endif
