#include "tests/support/damage.h"
#include <string.h>

uint64_t damage_number(uint64_t *state)
{
	*state += 0x9E3779B97F4A7C15u;
	uint64_t z = *state;
	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
	z = (z ^ z >> 27) * 0x94D049BB133111EBu;
	return z ^ z >> 31;
}

size_t damage_bytes(unsigned char *bytes, size_t count, uint64_t *state)
{
	size_t at = damage_number(state) % count, length = 1 + damage_number(state) % 512;
	if (length > count - at)
		length = count - at;
	switch (damage_number(state) % 5) {
	case 0:
		return at;
	case 1:
		memset(bytes + at, 0, length);
		return count;
	case 2:
		for (size_t i = 0; i < length; i++)
			bytes[at + i] = (unsigned char)damage_number(state);
		return count;
	default:
		for (uint64_t flips = 1 + damage_number(state) % 8; flips > 0; flips--)
			bytes[damage_number(state) % count] ^=
			        (unsigned char)(1u << damage_number(state) % 8);
		return count;
	}
}
