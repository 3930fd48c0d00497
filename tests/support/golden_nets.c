#include "tests/support/golden_nets.h"
#include <math.h>
#include <string.h>

static uint32_t golden_mix(uint32_t x)
{
	x = (x ^ (x >> 16)) * UINT32_C(0x85EBCA6B);
	x = (x ^ (x >> 13)) * UINT32_C(0xC2B2AE35);
	return x ^ (x >> 16);
}

uint32_t golden_hash(uint32_t salt, uint32_t stream, size_t i)
{
	uint32_t key = golden_mix((4096 * salt + stream + 1) * UINT32_C(0x9E3779B9));
	return golden_mix(key + (uint32_t)i * UINT32_C(0x9E3779B9));
}

float golden_uniform(uint32_t salt, uint32_t stream, size_t i)
{
	return ((float)(golden_hash(salt, stream, i) >> 8) - 0x1p23f) * 0x1p-23f;
}

void golden_tensor(uint32_t salt, uint32_t index, const struct tensor *t, float *at)
{
	bool norm = t->rank == 1 && strstr(t->name, ".weight");
	float size = t->rank > 1 ? (float)sqrt(6.0 / (double)(t->count / t->dims[0])) : norm ? 0.25f : 0.125f;
	float whole = strstr(t->name, "bn3.weight") ? 0.125f : 1;
	for (size_t i = 0; i < t->count; i++)
		at[i] = whole * ((norm ? 1.0f : 0.0f) + size * golden_uniform(salt, index, i));
}

size_t golden_sample(uint32_t salt, uint32_t index, size_t count, size_t most, size_t k)
{
	return count <= most ? k : golden_hash(salt, GOLDEN_SAMPLED + index, k) % (uint32_t)count;
}
