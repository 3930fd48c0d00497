/* Plain messages, floats or signs: see compressor/message.h. */
#include "compressor/message.h"
#include "compressor/job.h"

size_t message_bytes(const struct message *m, size_t n)
{
	return m->kind == MESSAGE_SIGNS ? sign_message_bytes(n, m->abstains) : n * sizeof(float);
}

int message_bits(const struct message *m)
{
	return m->kind == MESSAGE_SIGNS ? 1 : 32;
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

void message_signs(const struct step_job *job, const struct message *m, const void *message, uint64_t *vote,
                   uint64_t *abstain)
{
	if (m->kind == MESSAGE_SIGNS)
		copy_planes(job, m, message, vote, abstain);
	else
		job->be->sign_pack(job->queue, job->n, message, SIGN_ABSTAIN, NULL, 0, vote, abstain);
}
