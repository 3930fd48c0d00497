/* The three rows of a run together: see aggregator/method.h. */
#include "aggregator/method.h"
#include <inttypes.h>
#include <math.h>

static bool takes(int kinds, enum message_kind kind)
{
	return (kinds >> kind & 1) != 0;
}

static bool asked(bool (*ask)(const void *state), const void *state)
{
	return ask && ask(state);
}

static struct message push_of(const struct compressor *c, const void *state, const struct layers *layers)
{
	return (struct message){.kind = c->says,
	                        .abstains = asked(c->abstains, state),
	                        .scales = c->scales,
	                        .scope = asked(c->by_layer, state) ? layers : NULL,
	                        .code = c->code,
	                        .state = state,
	                        .layers = layers};
}

struct method method_of(const struct choice *compressor, const struct choice *aggregator,
                        const struct choice *optimizer, const struct layers *layers)
{
	const struct compressor *c = (const struct compressor *)compressor->row;
	const struct aggregator *a = (const struct aggregator *)aggregator->row;
	return (struct method){
	        .compressor = c,
	        .aggregator = a,
	        .optimizer = optimizer ? (const struct optimizer *)optimizer->row : NULL,
	        .compressor_state = compressor->state,
	        .aggregator_state = aggregator->state,
	        .optimizer_state = optimizer ? optimizer->state : NULL,
	        .push = push_of(c, compressor->state, layers),
	        .pull = {.kind = a->answers, .abstains = asked(a->abstains, aggregator->state)},
	        .two_way = asked(c->two_way, compressor->state),
	        .separable = a->separable,
	        .layers = layers};
}

/* What messages are, in words. */
static const char *said(const struct method *m)
{
	static const char *const words[] = {[MESSAGE_FLOATS] = "floats",
	                                    [MESSAGE_SIGNS] = "signs",
	                                    [MESSAGE_SCALED] = "signs with a scale",
	                                    [MESSAGE_CODED] = "a code of floats"};
	return words[m->push.kind];
}

double method_clip_scale(const struct method *m)
{
	return m->aggregator->clip_scale ? m->aggregator->clip_scale(m->aggregator_state) : 0;
}

int method_check_messages(const struct method *m, struct err *e)
{
	const char *rule = m->aggregator->row.name, *name = m->compressor->row.name;
	if (method_clip_scale(m) > 0 && m->push.kind != MESSAGE_SCALED)
		return err_user(e,
		                "aggregator \"%s\": found clip_scale, which clips the scales of messages, "
		                "and compressor \"%s\" sends %s; expected a compressor that sends signs and "
		                "scales, such as \"ef-sign\"",
		                rule, name, said(m));
	if (takes(m->aggregator->takes, m->push.kind))
		return 0;
	if (m->push.kind != MESSAGE_SIGNS)
		return err_user(e,
		                "aggregator \"%s\" counts signs, and compressor \"%s\" sends %s; expected "
		                "compressor \"%s\", or aggregator \"mean\"",
		                rule, name, said(m), m->aggregator->compressor);
	return err_user(
	        e,
	        "aggregator \"%s\" takes floats, and compressor \"%s\" sends signs: once messages are "
	        "signs, the sign of their mean, median or trimmed mean and the majority are the same "
	        "bit; expected aggregator \"vote\" or \"mean\", or compressor \"%s\"",
	        rule, name, m->aggregator->compressor);
}

int method_check_step(const struct method *m, struct err *e)
{
	if (m->compressor->lr_inside && m->optimizer->scale_free)
		return err_user(
		        e,
		        "optimizer \"%s\" divides the answer by its own size, and compressor \"%s\" "
		        "has the learning rate inside its messages, where that would undo it; expected "
		        "optimizer \"sgd\", or compressor \"none\"",
		        m->optimizer->row.name, m->compressor->row.name);
	if (takes(m->optimizer->takes, m->pull.kind))
		return 0;
	return err_user(e,
	                "optimizer \"%s\" steps by floats, and the answer of aggregator \"%s\" is signs; "
	                "expected optimizer \"sgd\", or aggregator \"mean\"",
	                m->optimizer->row.name, m->aggregator->row.name);
}

int method_check_size(const struct method *m, size_t n, struct err *e)
{
	size_t bytes = method_push_bytes(m, n);
	if (m->push.kind != MESSAGE_CODED || (bytes <= UINT32_MAX && n <= UINT32_MAX))
		return 0;
	return err_user(
	        e,
	        "compressor \"%s\": a message of %zu coordinates has %s%zu bytes, and a code says its "
	        "length and coordinates in 32 bits; expected at most %" PRIu32
	        " of both, or a compressor without a code, such as \"ef-sign\"",
	        m->compressor->row.name, n, message_varies(&m->push) ? "up to " : "", bytes, UINT32_MAX);
}

bool method_in_ranges(const struct method *m)
{
	const struct compressor *c = m->compressor;
	return c->bits > 0 && !(c->whole && c->whole(m->compressor_state)) && !c->memory_floats;
}

struct privacy method_privacy(const struct method *m, int64_t steps)
{
	const struct compressor *c = m->compressor;
	return c->privacy ? c->privacy(m->compressor_state, steps) : (struct privacy){0};
}

bool method_meets(const struct method *m)
{
	return aggregator_meets(m->aggregator) || m->push.kind == MESSAGE_SCALED ||
	       m->push.kind == MESSAGE_CODED || m->two_way;
}

bool method_on_host(const struct method *m)
{
	return m->push.kind == MESSAGE_CODED || m->two_way;
}

size_t method_push_bytes(const struct method *m, size_t n)
{
	return message_bytes(&m->push, n);
}

size_t method_answer_bytes(const struct method *m, size_t n)
{
	return message_bytes(m->two_way ? &m->push : &m->pull, n);
}

size_t method_pull_bytes(const struct method *m, size_t n)
{
	return message_bytes(&m->pull, n);
}

size_t method_memory_floats(const struct method *m, size_t n)
{
	return m->optimizer->memory_floats ? m->optimizer->memory_floats(m->optimizer_state, n) : 0;
}

size_t method_worker_floats(const struct method *m, size_t n)
{
	return m->compressor->memory_floats ? m->compressor->memory_floats(m->compressor_state, n) : 0;
}

size_t method_answer_floats(const struct method *m, size_t n)
{
	return m->two_way ? method_worker_floats(m, n) : 0;
}

/* A code is seen as floats, for probes, also where memory is the host's. */
size_t method_seen_floats(const struct method *m, size_t n, bool host)
{
	size_t code = m->push.kind == MESSAGE_CODED, memory = method_worker_floats(m, n);
	if (host)
		return code * n;
	return code * (n + memory) + (size_t)m->compressor->seen * n;
}

struct message_shape method_shape(const struct method *m, size_t n)
{
	const struct message *answer = m->two_way ? &m->push : &m->pull;
	size_t push = method_push_bytes(m, n), pull = method_answer_bytes(m, n);
	return (struct message_shape){.n = n,
	                              .push_bytes = push,
	                              .pull_bytes = pull,
	                              .push_varies = m->push.kind == MESSAGE_CODED,
	                              .pull_varies = answer->kind == MESSAGE_CODED,
	                              .push_planes = planes_of(m->compressor->bits, push, n),
	                              .pull_planes = planes_of(message_bits(answer), pull, n)};
}

struct exchange_rule method_rule(const struct method *m, combine_fn *combine, meeting_fn *meet, void *ctx)
{
	const char *compressor = m->compressor->row.name;
	return (struct exchange_rule){.name = m->aggregator->row.name,
	                              .separable = m->separable,
	                              .one_piece = m->compressor->bits > 0 ? NULL : compressor,
	                              .two_way = m->two_way ? compressor : NULL,
	                              .on_host = method_on_host(m) ? compressor : NULL,
	                              .judged =
	                                      m->push.kind == MESSAGE_SCALED || m->push.kind == MESSAGE_CODED,
	                              .float_mean = method_is_float_mean(m),
	                              .combine = combine,
	                              .meet = method_meets(m) ? meet : NULL,
	                              .ctx = ctx};
}

bool method_is_float_mean(const struct method *m)
{
	return m->aggregator->float_mean && m->push.kind == MESSAGE_FLOATS;
}

struct step_job method_job(const struct method *m, const struct backend *be, uint64_t seed, size_t n)
{
	return (struct step_job){
	        .be = be, .seed = seed, .n = n, .layers = m->layers, .push = m->push, .pull = m->pull};
}

static struct step_job job_of(const struct step_job *job, const void *state)
{
	struct step_job own = *job;
	own.state = state;
	return own;
}

/* A code is made on the host: the vector is seen there, and what the row remembers comes and goes. */
static void encode_on_host(const struct method *m, const struct step_job *job, uint32_t worker,
                           const float *v, float *memory, void *push)
{
	const struct memory *at = job->be->memory;
	size_t n = job->n, remembered = method_worker_floats(m, n) * sizeof(float);
	const float *seen = memory_see(at, job->queue, v, n * sizeof *v, job->seen);
	float *own = at->host ? memory : job->seen + n;
	if (memory)
		at->download(job->queue, own, memory, remembered);
	m->compressor->encode(job, worker, seen, 0, n, memory ? own : NULL, push);
	if (memory)
		at->upload(job->queue, memory, own, remembered);
}

void method_encode(const struct method *m, const struct step_job *job, uint32_t worker, const float *v,
                   size_t begin, size_t end, float *memory, void *push)
{
	const struct step_job own = job_of(job, m->compressor_state);
	if (m->compressor->code)
		encode_on_host(m, &own, worker, v, memory, push);
	else
		m->compressor->encode(&own, worker, v, begin, end, memory, push);
}

void method_encode_momentum(const struct method *m, const struct step_job *job, uint32_t worker, float beta,
                            const float *g, float *v, size_t begin, size_t end, float *memory, void *push)
{
	const struct step_job own = job_of(job, m->compressor_state);
	if (m->compressor->encode_momentum) {
		m->compressor->encode_momentum(&own, worker, beta, g, v, begin, end, push);
		return;
	}
	job->be->momentum(job->queue, end - begin, beta, g + begin, v + begin);
	method_encode(m, job, worker, v, begin, end, memory, push);
}

void method_encode_answer(const struct method *m, const struct step_job *job, const float *answer,
                          float *memory, void *push)
{
	struct step_job own = *job;
	own.lr = 1; /* what workers say has the rate inside already, if messages have it at all */
	method_encode(m, &own, COMPRESSOR_SERVER, answer, 0, job->n, memory, push);
}

bool method_can_say(const struct method *m, size_t n, const float *answer, const float *memory)
{
	for (size_t i = 0; i < n && m->push.kind == MESSAGE_CODED; i++)
		if (!isfinite(answer[i] + (memory ? memory[i] : 0)))
			return false;
	return true;
}

void method_read_answer(const struct method *m, const struct step_job *job, const void *push, float *answer)
{
	if (m->push.kind == MESSAGE_CODED)
		m->push.code->floats(m->push.state, m->push.layers, job->n, push, answer);
	else
		message_floats(job, &m->push, push, 0, job->n, answer);
}

void method_combine(const struct method *m, const struct step_job *job, int count, const void *const *pushes,
                    size_t begin, size_t end, void *pull)
{
	const struct step_job own = job_of(job, m->aggregator_state);
	m->aggregator->combine(&own, count, pushes, begin, end, pull);
}

void method_apply(const struct method *m, const struct step_job *job, const void *pull, size_t begin,
                  size_t end, double lr, double decay, float *memory, float *x)
{
	const struct step_job own = job_of(job, m->optimizer_state);
	if (m->compressor->lr_inside)
		m->optimizer->apply(&own, pull, begin, end, 1, lr * decay, memory, x);
	else
		m->optimizer->apply(&own, pull, begin, end, lr, decay, memory, x);
}

void method_push_signs(const struct method *m, const struct step_job *job, const void *push, uint64_t *vote,
                       uint64_t *abstain)
{
	message_signs(job, &m->push, push, vote, abstain);
}

void method_pull_signs(const struct method *m, const struct step_job *job, const void *pull, uint64_t *vote,
                       uint64_t *abstain)
{
	message_signs(job, &m->pull, pull, vote, abstain);
}
