/* Bits to lanes and bitwise sums for processors without mask registers and three-way logic. */

INLINE vword word_xor3(vword a, vword b, vword c)
{
	return a ^ b ^ c;
}

INLINE vword word_majority(vword a, vword b, vword c)
{
	return (a & b) | (c & (a ^ b));
}

/* a and b, or a or b. A branch that always goes the same way is cheaper here than to compute both. */
INLINE vword word_and_or(vword a, vword b, bool both)
{
	return both ? a & b : a | b;
}

/* Lane i all ones where bit i of group q (LANES_32 bits each) of the word is 1. */
INLINE vhalf lane_mask(uint64_t word, size_t q)
{
	vhalf select = {0};
	for (unsigned i = 0; i < LANES_32; i++)
		select[i] = UINT32_C(1) << i;
	unsigned group = (unsigned)q * LANES_32;
	select <<= group % 32;
	vhalf spread = (vhalf){0} + (uint32_t)(word >> group / 32 * 32);
	return (vhalf)((spread & select) == select);
}

/* -step where the bit is 1, step where it is 0. */
INLINE vfloat float_signed(uint64_t word, size_t q, float step)
{
	vfloat plain = (vfloat){0} + step;
	return (vfloat)((vhalf)plain ^ (lane_mask(word, q) & UINT32_C(0x80000000)));
}

/* 0 where the bit is 1, v elsewhere. */
INLINE vfloat float_without(uint64_t word, size_t q, vfloat v)
{
	return (vfloat)((vhalf)v & ~lane_mask(word, q));
}
