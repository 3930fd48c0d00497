/* What every transport does in a round: see transport.h. */
#include "transport/transport.h"

void exchange_begin(const struct exchange_request *request, struct exchange_reply *reply)
{
	*reply = (struct exchange_reply){
	        .step = request->step, .flags = request->flags, .bn_owner = request->bn_owner};
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
