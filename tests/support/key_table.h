/* A small experiment: two families in each other, every kind of key, every kind of bound. */
#ifndef SIGNSGD_TESTS_SUPPORT_KEY_TABLE_H
#define SIGNSGD_TESTS_SUPPORT_KEY_TABLE_H

#include <stdint.h>
#include "config/key.h"

struct scale_state {
	double factor;
	int64_t from;
};

struct net_state {
	struct ints hidden;
	int act;
	struct choice inner;
	struct choices several;
};

struct state {
	int64_t workers, steps;
	uint64_t seed;
	double momentum, rate, free;
	bool quiet;
	const char *name, *out;
	int partition;
	struct ints ids;
	struct reals weights;
	struct {
		int64_t count;
		struct choice attack;
	} adversaries;
	struct choice model;
};

/* The keys of struct state, and what its families offer. */
enum { KEY_TABLE_KEYS = 14 };
extern const struct key key_table_keys[KEY_TABLE_KEYS + 1], key_table_scale_keys[];
extern const struct family key_table_attacks, key_table_models;
extern const struct row key_table_invert, key_table_scale, key_table_net, key_table_flat;

/* The state of a text, or -1 and a sentence; json_help_arena owns what it points to. */
int key_table_parse(const char *text, struct state *s, struct err *e);

/* The same; ends the test where it is refused. */
struct state key_table_good(const char *text);

/* What has been written to *b, which is cleared; json_help_arena owns the text. */
const char *key_table_kept(struct buf *b);

/* The state as text, whole or as much as identifies it; json_help_arena owns the text. */
const char *key_table_resolved(const struct state *s, bool identity);

#endif
