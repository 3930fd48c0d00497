/*
 * The method of a run: the direction, the compressor, the aggregator and the optimizer that it puts together,
 * each with the values of its keys. The functions below call those of the last three, each with a job of its
 * own state; train/turn.h calls the direction.
 */
#ifndef SIGNSGD_AGGREGATOR_METHOD_H
#define SIGNSGD_AGGREGATOR_METHOD_H

#include "aggregator/aggregator.h"
#include "compressor/compressor.h"
#include "direction/direction.h"
#include "optimizer/optimizer.h"
#include "transport/transport.h"

struct method {
	const struct compressor *compressor;
	const struct aggregator *aggregator;
	const struct optimizer *optimizer; /* NULL: nothing is applied here */
	const struct direction *direction; /* NULL: nothing is made of gradients here */
	const void *compressor_state, *aggregator_state, *optimizer_state, *direction_state;
	struct message push;         /* what a worker sends */
	struct message pull;         /* what the aggregator answers, and the optimizer steps by */
	bool two_way;                /* what travels down is a message like those of the workers */
	bool separable;              /* the aggregator works on any range of whole messages */
	const struct layers *layers; /* of the model's parameters; NULL: none are known */
};

/* Of choices of three families, and the layers of the model; all are borrowed. optimizer and layers may be
 * NULL. The direction is left to the caller. */
struct method method_of(const struct choice *compressor, const struct choice *aggregator,
                        const struct choice *optimizer, const struct layers *layers);

/* Does the aggregator take what the compressor says? -1 and a sentence if not. */
int method_check_messages(const struct method *m, struct err *e);
/* Does the optimizer step by what the aggregator answers? -1 and a sentence if not. */
int method_check_step(const struct method *m, struct err *e);

/* Can messages of n coordinates say their length (compressor/code.h)? -1 and a sentence if not. */
int method_check_size(const struct method *m, size_t n, struct err *e);

/* How many times the median of their scales those of messages are clipped to; 0: they are not. */
double method_clip_scale(const struct method *m);

/* May a message be made range by range, in any order, and more than once? */
bool method_in_ranges(const struct method *m);
/* What each worker's messages of so many steps spend; zeros where the compressor says nothing of it. */
struct privacy method_privacy(const struct method *m, int64_t steps);
/* Must messages be seen whole, all at once, because a rule, scales or codes have to be judged, or because the
 * answer is compressed? */
bool method_meets(const struct method *m);
/* Are messages or answers made on the host, whatever machine computes, because they are codes or compressed
 * where they meet? */
bool method_on_host(const struct method *m);
/* The most bytes of a worker's message, of what the aggregator answers, and of what travels down. */
size_t method_push_bytes(const struct method *m, size_t n);
size_t method_pull_bytes(const struct method *m, size_t n);
size_t method_answer_bytes(const struct method *m, size_t n);
/* The optimizer's memory; the compressor's, of each worker, and that of who compresses the answer. */
size_t method_memory_floats(const struct method *m, size_t n);
size_t method_worker_floats(const struct method *m, size_t n);
size_t method_answer_floats(const struct method *m, size_t n);
/* Floats of step_job.seen that encoding needs: where the machine's memory is the host's own, or not. */
size_t method_seen_floats(const struct method *m, size_t n, bool host);

/* How messages of n coordinates travel, what combines them, and whether that is what an all-reduce of floats
 * makes. */
struct message_shape method_shape(const struct method *m, size_t n);
bool method_is_float_mean(const struct method *m);
/* meet is of methods that meet (method_meets()). */
struct exchange_rule method_rule(const struct method *m, combine_fn *combine, meeting_fn *meet, void *ctx);

/* The job of a step; queue and step are the caller's. */
struct step_job method_job(const struct method *m, const struct backend *be, uint64_t seed, size_t n);

/* The rows' functions of the same names. memory [method_worker_floats()] or NULL, of that worker. */
void method_encode(const struct method *m, const struct step_job *job, uint32_t worker, const float *v,
                   size_t begin, size_t end, float *memory, void *push);
/* The momentum v = (1 - beta) g + beta v, and the message of v. */
void method_encode_momentum(const struct method *m, const struct step_job *job, uint32_t worker, float beta,
                            const float *g, float *v, size_t begin, size_t end, float *memory, void *push);
/* What travels down, of an answer [n] where it is compressed; both, and memory [method_answer_floats()] or
 * NULL, of the job's machine. */
void method_encode_answer(const struct method *m, const struct step_job *job, const float *answer,
                          float *memory, void *push);
/* Can the answer [n], with what its sender remembers, be said as a message? Memory of the host. Codes say no
 * number that is not finite: workers refuse one that does, as servers do, and would wait for another for
 * ever. A few messages as large as floats can be are enough for that. */
bool method_can_say(const struct method *m, size_t n, const float *answer, const float *memory);
/* What a compressed answer says: answer [n], memory of the host, as the job's machine is. */
void method_read_answer(const struct method *m, const struct step_job *job, const void *push, float *answer);
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
