/* What the rows of texts share: the keys of the windows, and how tokens become a data set. */
#ifndef SIGNSGD_DATA_TEXT_TEXT_H
#define SIGNSGD_DATA_TEXT_TEXT_H

#include "data/dataset.h"
#include "data/text/text_read.h"

/* The state of every text row begins with this, and its table of keys with TEXT_KEYS. */
struct text_windows {
	struct data_keys all;
	int64_t bptt;
	bool random_length;
};

/* clang-format off */
#define TEXT_KEYS(default_bptt) \
	{.name = "bptt", .kind = KEY_INT, .offset = offsetof(struct text_windows, bptt), .default_json = default_bptt, \
	 .lowest = 1, .highest = 1 << 16, .unit = "positions", \
	 .help = "positions of a sequence in a step; the learning rate is multiplied by a step's positions / bptt"}, \
	{.name = "random_length", .kind = KEY_BOOL, .offset = offsetof(struct text_windows, random_length), \
	 .default_json = "false", \
	 .help = "the number of positions of a step is random, around bptt, in 5 % of the steps around bptt / 2 (Merity et al. 2018)"}
/* clang-format on */

/* A text that was read: training tokens, test tokens, and the vocabulary of both. Starts as zeros. */
struct text_parts {
	struct vocabulary vocabulary;
	struct text train, test;
};

void text_parts_clear(struct text_parts *p);

/* The shape of a text with these numbers of tokens and of different tokens. */
struct data_shape text_shape(const struct text_windows *w, size_t n_train, size_t n_test, int32_t vocabulary);

/* Move the training tokens from number `kept` on to the test text. */
void text_split(struct text_parts *p, size_t kept);

/* The fingerprint of a text that was read: of its vocabulary and its tokens. */
void text_fingerprint(const struct text_parts *p, char out[DATA_ID_SIZE]);

/*
 * Make *out the data set of these tokens, which it takes over. The vocabulary is that of the training text,
 * in the order of first appearance. Test tokens that are not in it become "<unk>", which is added at the end
 * if the training text does not have it.
 */
void text_finish(struct text_parts *p, const struct text_windows *w, struct dataset *out);

#endif
