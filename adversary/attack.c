/* What all attacks share: what they become, and the names of what they see and act on. */
#include "adversary/attack.h"
#include <stdio.h>

struct adversary adversary_of(const struct choice *c)
{
	struct adversary a = {.attack = (const struct attack *)c->row, .state = c->state};
	while (a.attack->then) {
		uint64_t after;
		const struct choice *next = a.attack->then(a.state, &after);
		a.attack = (const struct attack *)next->row;
		a.state = next->state;
		a.from += after;
	}
	return a;
}

const char *attack_name(const struct choice *c, char out[ATTACK_NAME])
{
	const struct row *then = &adversary_of(c).attack->row;
	bool other = then != c->row;
	snprintf(out, ATTACK_NAME, "%s%s%s", c->row->name, other ? "+" : "", other ? then->name : "");
	return out;
}

const char *attack_acts_name(enum attack_acts a)
{
	switch (a) {
	case ATTACK_GRADIENT:
		return "gradient";
	case ATTACK_MESSAGE:
		return "message";
	case ATTACK_DATA:
		return "data";
	case ATTACK_PACKED:
		return "packed";
	case ATTACK_ACTS_THEN:
		return "then";
	}
	BUG("an attack that acts on nothing");
}

const char *attack_sees_name(enum attack_sees s)
{
	switch (s) {
	case ATTACK_OWN:
		return "own";
	case ATTACK_CROWD:
		return "crowd";
	case ATTACK_SEES_THEN:
		return "then";
	}
	BUG("an attack that sees neither its own vector nor the crowd");
}

const char *attack_covered_name(const struct attack *a)
{
	static const char *const names[] = {
	        [MULTIPLIES_NOT] = "no", [MULTIPLIES] = "yes", [MULTIPLIES_SIGNS] = "signs"};
	return a->then ? "then" : names[a->multiplicative];
}
