/* Aggregator `mean`: distributed SGD, with momentum if the workers have one. */
#include "compressor/float32.h"

const struct aggregator aggregator_mean = {
        .row = {.name = "mean",
                .about = "mean of the workers' vectors: distributed SGD, with momentum at the workers",
                .formula =
                        "x <- x - lr ((1/M) sum over workers m of v_m + decay x): the mean, not the sum. The "
                        "momentum v = (1 - beta) g + beta v carries the factor (1 - beta), so that a "
                        "published rate r of heavy-ball momentum (u = g + beta u, x <- x - r u) is lr = r / "
                        "(1 - beta) here. Not robust: a NaN or an infinity of one worker reaches x. The "
                        "baseline of Bernstein et al. 2019, Figure 5. 32 bits a coordinate up and 32 down"},
        .separable = true,
        .float_mean = true,
        .push_bits = 32,
        .pull_bits = 32,
        .push_bytes = float32_bytes,
        .pull_bytes = float32_bytes,
        .encode = float32_encode,
        .combine = float32_mean,
        .apply = float32_descend,
        .push_signs = float32_signs,
        .pull_signs = float32_signs,
};
