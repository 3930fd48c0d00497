/* What every transport does in a round: see transport.h. */
#include "transport/transport.h"

void exchange_begin(const struct exchange_request *request, struct exchange_reply *reply)
{
	*reply = (struct exchange_reply){
	        .step = request->step, .flags = request->flags, .bn_owner = request->bn_owner};
}

enum { LENGTH_BYTES = 4 };

static size_t said_length(const void *message)
{
	const unsigned char *at = message;
	size_t length = 0;
	for (int i = 0; i < LENGTH_BYTES; i++)
		length |= (size_t)at[i] << 8 * i;
	return length;
}

size_t message_length(bool varies, size_t most, const void *message)
{
	size_t length = varies ? said_length(message) : most;
	if (length > most || (varies && length < LENGTH_BYTES))
		BUG("a message of a length that it cannot have");
	return length;
}

bool message_length_holds(bool varies, size_t most, const void *message, size_t bytes)
{
	if (!varies)
		return bytes == most;
	return bytes >= LENGTH_BYTES && bytes <= most && said_length(message) == bytes;
}

bool exchange_cuts(const struct exchange_request *request)
{
	const struct exchange_rule *rule = &request->rule;
	return (rule->separable || rule->meet) && request->shape.push_planes.count > 0;
}

int exchange_voters(const int64_t *born, int workers, int *ids)
{
	int count = 0;
	for (int m = 0; m < workers; m++)
		if (born[m] >= 0)
			ids[count++] = m;
	return count;
}

int bn_owner_next(int bn_owner, int workers, const int64_t *born, const bool *honest)
{
	if (born[bn_owner] >= 0)
		return bn_owner;
	for (int m = 0; m < workers; m++)
		if (honest[m] && born[m] >= 0)
			return m;
	return bn_owner;
}

struct state_part train_state_part(const struct train_state *st, int i)
{
	return i == 0 ? st->x : i == 1 ? st->optimizer : st->running;
}
