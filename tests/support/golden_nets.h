/* The golden networks: tests/golden/make_nets.py has the formulas, which both sides compute to the same bits.
 */
#ifndef SIGNSGD_TESTS_SUPPORT_GOLDEN_NETS_H
#define SIGNSGD_TESTS_SUPPORT_GOLDEN_NETS_H

#include <stddef.h>
#include <stdint.h>
#include "models/model.h"

enum { GOLDEN_GRADIENTS = 192, GOLDEN_PARAMETERS = 32, GOLDEN_STEPS = 3 };

enum { GOLDEN_SAMPLED = 1024, GOLDEN_BATCH = 2048, GOLDEN_LABELS = 2049 }; /* streams */

/* Number i of a stream of the network with this salt: 32 bits, and uniform in [-1, 1). */
uint32_t golden_hash(uint32_t salt, uint32_t stream, size_t i);
float golden_uniform(uint32_t salt, uint32_t stream, size_t i);

/* The starting point of tensor `index`, at [t->count]. */
void golden_tensor(uint32_t salt, uint32_t index, const struct tensor *t, float *at);

/* Number k of the sampled coordinates of tensor `index`; all, where there are no more than `most`. */
size_t golden_sample(uint32_t salt, uint32_t index, size_t count, size_t most, size_t k);

#endif
