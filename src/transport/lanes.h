/* Combining on all lanes of a process, for every transport whose votes meet in one. */
#ifndef SIGNSGD_TRANSPORT_LANES_H
#define SIGNSGD_TRANSPORT_LANES_H

#include "transport/transport.h"

/*
 * request->pull's coordinates [begin, end) from pushes [count] (whole messages, in order of worker), cut in
 * ranges that the lanes share, which gives the same bits however it is cut. What is not separable is combined
 * in one call; begin and end must then be 0 and n.
 */
void lanes_combine(struct pool *pool, const struct exchange_request *request, int count,
                   const void *const *pushes, size_t begin, size_t end);

#endif
