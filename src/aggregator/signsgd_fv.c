/* Aggregator `signsgd-fv`: a plain vote at first, then one with weights that were learnt meanwhile. */
#include "aggregator/weighted_row.h"

static const struct weighing fv_weighing = {.at_once = false};

static const struct key fv_keys[] = {
        WEIGHTED_KEYS("rounds of plain votes, before weights are used"),
        {0},
};

const struct aggregator aggregator_signsgd_fv = {
        WEIGHTED_ROW(fv_weighing),
        .row = {.name = "signsgd-fv",
                .also = "federated_voting, signsgd_federated_voting",
                .about = "vote that is plain at first, and then has weights learnt from agreement",
                .formula = "as signsgd-fd, but every w_m is 1 in the first `initial_rounds`. Park, Poor, Lee "
                           "2024 (arXiv 2403.16372). " WEIGHTED_LIMITS,
                .keys = fv_keys,
                .state_bytes = sizeof(struct weighted_keys)},
};
