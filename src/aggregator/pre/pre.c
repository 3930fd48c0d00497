/* The list of pre-aggregators. It stands here because the rules' key `before` needs it. */
#include "aggregator/pre/pre.h"

extern const struct pre pre_nnm;

static const struct row *const rows[] = {&pre_nnm.row, NULL};

static const struct word words[] = {
        {"clipping, static_clipping, norm_clipping, arc, adaptive_robust_clipping, bucketing, s_resampling",
         NULL, "\"nnm\" is the one there is"},
        {0},
};

const struct family family_pre = {.name = "pre-aggregator",
                                  .plural = "pre-aggregators",
                                  .about = "what is done to the messages before a rule",
                                  .rows = rows,
                                  .words = words};
