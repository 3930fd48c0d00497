/* The list of pre-aggregators. It stands here because the rules' key `before` needs it. */
#include "aggregator/pre/pre.h"

extern const struct pre pre_nnm, pre_clipping, pre_arc, pre_bucketing;

static const struct row *const rows[] = {&pre_nnm.row, &pre_clipping.row, &pre_arc.row, &pre_bucketing.row,
                                         NULL};

const struct family family_pre = {.name = "pre-aggregator",
                                  .plural = "pre-aggregators",
                                  .about = "what is done to the messages before a rule",
                                  .rows = rows};
