/* What all attacks share: the names of what they act on. */
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
