/* What all attacks share: the names of what they act on, and of what they see. */
#include "adversary/attack.h"

const char *attack_acts_name(enum attack_acts a)
{
	switch (a) {
	case ATTACK_GRADIENT:
		return "gradient";
	case ATTACK_MESSAGE:
		return "message";
	}
	BUG("an attack that acts on neither gradient nor message");
}

const char *attack_sees_name(enum attack_sees s)
{
	switch (s) {
	case ATTACK_OWN:
		return "own";
	case ATTACK_CROWD:
		return "crowd";
	}
	BUG("an attack that sees neither its own vector nor the crowd");
}
