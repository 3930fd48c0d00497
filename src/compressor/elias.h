/*
 * Bits one after the other, and Elias' omega code of positive integers in them (Elias 1975, his recursive
 * representation; Alistarh et al. 2017, section 3.2). The first bit is the highest of the first byte.
 *
 * The code of N: begin with the bit 0; while N > 1, put the binary digits of N before what is there, and N
 * becomes the number of these digits less one. So 1 is "0", 2 "10 0", 3 "11 0", 4 "10 100 0", 16 "10 100
 * 10000 0". Every number has one code, and no code begins another.
 */
#ifndef SIGNSGD_COMPRESSOR_ELIAS_H
#define SIGNSGD_COMPRESSOR_ELIAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bit_writer {
	unsigned char *at; /* the next byte */
	uint32_t held;     /* bits that fill no byte yet, the lowest is the last */
	int count;         /* of these, below 8 */
};

/* The lowest `count` bits of value, 0 <= count <= 64, the highest of them first. */
void bits_put(struct bit_writer *w, uint64_t value, int count);
/* Fill up the last byte with zeros. */
void bits_end(struct bit_writer *w);

struct bit_reader {
	const unsigned char *at;
	size_t next, bits; /* the next bit, and how many there are */
};

/* The next bit; 0 behind the last one, and then `next` is beyond `bits`. */
unsigned bits_take(struct bit_reader *r);
/* Are what is left zeros that fill up the last byte? */
bool bits_ended(const struct bit_reader *r);

/* n >= 1. */
void elias_put(struct bit_writer *w, uint64_t n);
/* Bits of its code. */
int elias_bits(uint64_t n);
/* The next number; 0 if there is none that is at most `most`, which is below 2^63. */
uint64_t elias_take(struct bit_reader *r, uint64_t most);

#endif
