/* Attack `sleeper`: see adversary/sleeper.h. */
#include "adversary/sleeper.h"

const struct choice *sleeper_then(const void *state, uint64_t *after)
{
	const struct sleeper *s = state;
	*after = (uint64_t)s->after;
	return &s->then;
}

int sleeper_check(const void *state, const struct attack_env *env, struct err *e)
{
	const struct sleeper *s = state;
	(void)env;
	if (!((const struct attack *)s->then.row)->then)
		return 0;
	return err_user(e,
	                "then: a sleeper wakes once, and this one would become a sleeper; expected another "
	                "attack, and the sum of the steps in one `after`");
}
