/* What every transport does in a round: see transport.h. */
#include "transport/transport.h"

void exchange_begin(const struct exchange_request *request, struct exchange_reply *reply)
{
	*reply = (struct exchange_reply){
	        .step = request->step, .flags = request->flags, .bn_owner = request->bn_owner};
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
