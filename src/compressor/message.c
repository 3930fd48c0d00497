/* The layouts of messages: see compressor/message.h. */
#include "compressor/message.h"
#include "compressor/job.h"

enum { WORDS_SEEN = 16 /* of a plane, at a time */ };

size_t message_bytes(const struct message *m, size_t n)
{
	if (m->kind == MESSAGE_FLOATS)
		return n * sizeof(float);
	if (m->kind == MESSAGE_CODED)
		return m->code->most(m->state, m->layers, n);
	return sign_message_bytes(n, m->abstains) + message_scales(m) * sizeof(float);
}

bool message_varies(const struct message *m)
{
	return m->kind == MESSAGE_CODED && m->code->varies && m->code->varies(m->state);
}

int message_planes(const struct message *m)
{
	return m->kind == MESSAGE_FLOATS || m->kind == MESSAGE_CODED ? 0 : m->abstains ? 2 : 1;
}

int message_bits(const struct message *m)
{
	static const int bits[] = {
	        [MESSAGE_FLOATS] = 32, [MESSAGE_SIGNS] = 1, [MESSAGE_SCALED] = 0, [MESSAGE_CODED] = 0};
	return bits[m->kind];
}

/* --- as signs ----------------------------------------------------------------------------------------- */

/* A message in one piece comes as it was sent, bits behind the last coordinate too. */
static void clear_padding(const struct step_job *job, uint64_t *plane)
{
	size_t last = sign_words(job->n) - 1;
	uint64_t word;
	job->be->memory->download(job->queue, &word, plane + last, sizeof word);
	word &= sign_mask(job->n, last);
	job->be->memory->upload(job->queue, plane + last, &word, sizeof word);
}

static void copy_planes(const struct step_job *job, const struct message *m, const void *message,
                        uint64_t *vote, uint64_t *abstain)
{
	const struct memory *memory = job->be->memory;
	const uint64_t *silent = sign_message_abstain(message, job->n, m->abstains, 0);
	size_t bytes = sign_plane_bytes(job->n);
	memory->copy(job->queue, vote, sign_message_vote(message, 0), bytes);
	if (silent)
		memory->copy(job->queue, abstain, silent, bytes);
	else
		memory->fill(job->queue, abstain, 0, bytes);
}

/* The signs of floats of the host, as sign_pack() under SIGN_ABSTAIN has them. */
static void code_signs(const struct step_job *job, const struct message *m, const void *message,
                       uint64_t *vote, uint64_t *abstain)
{
	const struct memory *memory = job->be->memory;
	m->code->floats(m->state, m->layers, job->n, message, job->seen);
	for (size_t w = 0; w < sign_words(job->n); w++) {
		uint64_t minus = 0, silent = 0;
		for (size_t i = 64 * w; i < job->n && i < 64 * w + 64; i++) {
			float v = job->seen[i];
			minus |= (uint64_t)(v < 0) << i % 64;
			silent |= (uint64_t)(!(v < 0) && !(v > 0)) << i % 64;
		}
		memory->upload(job->queue, vote + w, &minus, sizeof minus);
		memory->upload(job->queue, abstain + w, &silent, sizeof silent);
	}
}

void message_signs(const struct step_job *job, const struct message *m, const void *message, uint64_t *vote,
                   uint64_t *abstain)
{
	if (m->kind == MESSAGE_CODED)
		code_signs(job, m, message, vote, abstain);
	else if (m->kind == MESSAGE_FLOATS)
		job->be->sign_pack(job->queue, job->n, message, SIGN_ABSTAIN, NULL, 0, vote, abstain);
	else
		copy_planes(job, m, message, vote, abstain);
	if (m->kind == MESSAGE_SCALED)
		clear_padding(job, vote);
}

/* --- as floats ---------------------------------------------------------------------------------------- */

static void unpack(const uint64_t *vote, const uint64_t *abstain, size_t n, float *out)
{
	for (size_t i = 0; i < n; i++) {
		bool minus = vote[i / 64] >> i % 64 & 1, silent = abstain[i / 64] >> i % 64 & 1;
		out[i] = silent ? 0 : minus ? -1 : 1;
	}
}

static void signs_as_floats(const struct step_job *job, const struct message *m, const void *message,
                            size_t begin, size_t end, float *out)
{
	const struct memory *memory = job->be->memory;
	for (size_t at = begin; at < end; at += (size_t)WORDS_SEEN * 64) {
		uint64_t vote[WORDS_SEEN], abstain[WORDS_SEEN] = {0};
		const uint64_t *silent = sign_message_abstain(message, job->n, m->abstains, at);
		size_t n = end - at < (size_t)WORDS_SEEN * 64 ? end - at : (size_t)WORDS_SEEN * 64;
		memory->download(job->queue, vote, sign_message_vote(message, at), sign_plane_bytes(n));
		if (silent)
			memory->download(job->queue, abstain, silent, sign_plane_bytes(n));
		unpack(vote, abstain, n, out + (at - begin));
	}
}

void message_floats(const struct step_job *job, const struct message *m, const void *message, size_t begin,
                    size_t end, float *out)
{
	if (m->kind == MESSAGE_FLOATS)
		job->be->memory->download(job->queue, out, (const float *)message + begin,
		                          (end - begin) * sizeof *out);
	else if (m->kind == MESSAGE_SCALED)
		message_scaled_floats(job, m, message, begin, end, out);
	else if (m->kind == MESSAGE_SIGNS)
		signs_as_floats(job, m, message, begin, end, out);
	else
		BUG("a code is read whole");
}

/* --- all messages ------------------------------------------------------------------------------------- */

struct votes message_votes(const struct step_job *job, int count, const void *const *pushes, size_t begin,
                           struct vote_list *list)
{
	bool abstains = job->push.abstains;
	if (count > VOTES_MOST)
		BUG("more votes than a run has workers");
	for (int m = 0; m < count; m++) {
		list->vote[m] = sign_message_vote(pushes[m], begin);
		list->abstain[m] = sign_message_abstain(pushes[m], job->n, abstains, begin);
	}
	return (struct votes){.count = count, .vote = list->vote, .abstain = abstains ? list->abstain : NULL};
}

static void add_floats(const struct step_job *job, int count, const void *const *pushes, size_t at, size_t n,
                       float *sum)
{
	const struct backend *be = job->be;
	be->memory->copy(job->queue, sum, (const float *)pushes[0] + at, n * sizeof *sum);
	for (int m = 1; m < count; m++)
		be->add(job->queue, n, (const float *)pushes[m] + at, sum);
}

static void add_signs(const struct step_job *job, int count, const void *const *pushes, size_t at, size_t n,
                      float *sum)
{
	const struct backend *be = job->be;
	bool abstains = job->push.abstains;
	be->sign_unpack(job->queue, n, sign_message_vote(pushes[0], at),
	                sign_message_abstain(pushes[0], job->n, abstains, at), sum);
	for (int m = 1; m < count; m++) /* a step of rate -1 adds the signs */
		be->sign_apply(job->queue, n, sign_message_vote(pushes[m], at),
		               sign_message_abstain(pushes[m], job->n, abstains, at), -1, 0, sum);
}

static void add_scaled(const struct step_job *job, int count, const void *const *pushes, size_t at, size_t n,
                       float *sum)
{
	size_t each = message_scales(&job->push);
	job->be->memory->fill(job->queue, sum, 0, n * sizeof *sum);
	for (int m = 0; m < count; m++)
		message_add_scaled(job, &job->push, pushes[m],
		                   job->scales ? job->scales + (size_t)m * each : NULL, 1, at, at + n, sum);
}

typedef void add_fn(const struct step_job *job, int count, const void *const *pushes, size_t at, size_t n,
                    float *sum);

static add_fn *const adds[] = {
        [MESSAGE_FLOATS] = add_floats, [MESSAGE_SIGNS] = add_signs, [MESSAGE_SCALED] = add_scaled};

void message_sum(const struct step_job *job, int count, const void *const *pushes, size_t at, size_t n,
                 float *sum)
{
	adds[job->push.kind](job, count, pushes, at, n, sum);
}
