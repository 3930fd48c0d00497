/* The keys of `adversaries`: who is Byzantine, and what they do. */
#include "experiment/keys_internal.h"
#include "registry.h"

static const char *const data_names[] = {"own", "none", NULL}; /* order of enum adversaries_data */

const struct key experiment_adversaries_keys[] = {
        {.name = "count",
         .also = "nb_byz, f, num_byz, n_byz, nb_byzantine, num_byzantine, n_byzantine, num_adversaries, "
                 "nb_adversaries, num_byzantine_workers, num_attackers",
         .kind = KEY_INT,
         .offset = IN(adversaries, count),
         .default_json = "0",
         .highest = 4096,
         .unit = "workers",
         .help = "how many workers are Byzantine"},
        {.name = "attack",
         .also = "attack_name, attack_type, byzantine_attack",
         .kind = KEY_FAMILY,
         .offset = IN(adversaries, attack),
         .default_json = "\"invert\"",
         .family = &family_attacks,
         .help = "what they send"},
        {.name = "ids",
         .also = "byzantine_ids, byzantine_workers_ids",
         .kind = KEY_INTS,
         .offset = IN(adversaries, ids),
         .default_json = "[]",
         .highest = 4095,
         .help = "which workers are Byzantine, from 0; empty: the first `count`"},
        {.name = "data",
         .kind = KEY_CHOICE,
         .offset = IN(adversaries, data),
         .default_json = "null",
         .default_says = "\"own\"",
         .choices = data_names,
         .help = "own: shards of theirs, as everybody; none: the honest workers share everything, for "
                 "attacks "
                 "that need no vector of their own"},
        {.name = NULL},
};
