/* What `estimate` and the network laboratory (tests/netlab) share. */
#ifndef SIGNSGD_CMD_ESTIMATE_H
#define SIGNSGD_CMD_ESTIMATE_H

#include "base/mem.h"
#include "bench/cost.h"

/* Members of one topology's line of JSON. */
void estimate_json(const struct cost_setting *s, enum cost_topology t, struct buf *b);

#endif
