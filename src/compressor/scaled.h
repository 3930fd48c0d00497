/* What rows have in common that send signs and scales: the key `scope`, and messages made of a vector. */
#ifndef SIGNSGD_COMPRESSOR_SCALED_H
#define SIGNSGD_COMPRESSOR_SCALED_H

#include "compressor/compressor.h"

enum scaled_scope { SCOPE_WHOLE, SCOPE_LAYER };

/* Their state begins with it. */
struct scaled_keys {
	int scope; /* enum scaled_scope */
	bool two_way;
};

#define SCALED_SCOPES ((const char *const[]){"whole", "layer", NULL})

#define SCALED_SCOPE_HELP                                                                                    \
	"what has a scale of its own: the whole vector, or each layer, which is a tensor of parameters"

/* The rest of `scope`, and `two_way`. */
#define SCALED_SCOPE .name = "scope", .kind = KEY_CHOICE, .choices = SCALED_SCOPES, .help = SCALED_SCOPE_HELP

#define SCALED_TWO_WAY                                                                                       \
	{                                                                                                    \
		.name = "two_way", .also = "bidirectional, double_pass, server_compression, two_sided",      \
		.kind = KEY_BOOL, .offset = offsetof(struct scaled_keys, two_way), .default_json = "null",   \
		.default_says = "false",                                                                     \
		.help = "the answer is such a message too, made by the server, and all step by what it says" \
	}

bool scaled_by_layer(const void *state);
bool scaled_two_way(const void *state);

/* Write the scales of v [n]: of each range |v|_1 over its length. push is scratch until it has its planes. */
void scaled_write_means(const struct step_job *job, const float *v, void *push);
/* The vector [n] less what the message says. */
void scaled_subtract(const struct step_job *job, const void *push, float *v);

/* The memory of rows with error feedback: n. */
size_t scaled_memory_floats(const void *state, size_t n);

#endif
