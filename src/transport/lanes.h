/* Combining on all lanes of a process, for transports whose votes meet in one process. */
#ifndef SIGNSGD_TRANSPORT_LANES_H
#define SIGNSGD_TRANSPORT_LANES_H

#include "transport/transport.h"

/*
 * Combine pushes [count] (whole messages, in order of worker) to request->pull's coordinates [begin, end), in
 * ranges that the lanes share. How the ranges are cut does not change the bits. A rule that is not separable
 * runs in one call; begin and end must then be 0 and n.
 */
void lanes_combine(struct pool *pool, const struct exchange_request *request, int count,
                   const void *const *pushes, size_t begin, size_t end);

#endif
