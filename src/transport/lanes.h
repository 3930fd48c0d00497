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

/*
 * The same for a rule that may have to see all messages at once. *m: what the transport knows of the
 * messages, all but step, n and pull. Calls rule.meet, or combines as above if there is none. MEETING_FAILED
 * and a sentence.
 */
enum meeting_end lanes_meet(const struct exchange_request *request, struct meeting *m, struct err *e);

#endif
