/* Cliques in graphs of at most 64 vertices, which are sets of bits. */
#ifndef SIGNSGD_AGGREGATOR_CLIQUE_H
#define SIGNSGD_AGGREGATOR_CLIQUE_H

#include <stdbool.h>
#include <stdint.h>

enum { CLIQUE_MOST = 64 };

/*
 * Is there a way to leave out at most `most` vertices of `in` so that no two of the others are apart?
 * apart[v] is the set of all that v is not joined to, without v itself.
 */
bool clique_without(const uint64_t *apart, uint64_t in, int most);

/* The first set of `size` vertices of `in`, in lexicographic order, of which no two are apart: there is one.
 */
uint64_t clique_first(const uint64_t *apart, uint64_t in, int size);

#endif
