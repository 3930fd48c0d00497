/* Aggregator `signsgd-fd`: a vote with weights that are learnt from the second round on. */
#include "aggregator/weighted_row.h"

static const struct weighing fd_weighing = {.at_once = true};

static const struct key fd_keys[] = {
        WEIGHTED_KEYS("rounds in which each worker has one weight, before those of its layers or coordinates "
                      "are used; without effect where `weights` is worker"),
        {0},
};

const struct aggregator aggregator_signsgd_fd = {
        WEIGHTED_ROW(fd_weighing),
        .row = {.name = "signsgd-fd",
                .also = "federated_defense, signsgd_federated_defense",
                .about = "vote with weights learnt from agreement: workers that always vote against the "
                         "answer count turned round",
                .formula = "the answer is sign(sum over m of w_m sign(v_m)), w_m = ln((p + e) / (1 - p + e)) "
                           "within +-w_max, p the share of its signs that agreed with the answers so far; 1 "
                           "in its first round. Park, Lee 2024 (arXiv 2402.01340). " WEIGHTED_LIMITS,
                .keys = fd_keys,
                .state_bytes = sizeof(struct weighted_keys)},
};
