/* What a file with a weighted vote includes: the interface, and what all such rows have in common. */
#ifndef SIGNSGD_AGGREGATOR_WEIGHTED_ROW_H
#define SIGNSGD_AGGREGATOR_WEIGHTED_ROW_H

#include "aggregator/weighted.h"
#include "backend/sign.h"

#define WEIGHTED_REAL(its_name, its_also, at, the_default, low, high, open, text)                            \
	{                                                                                                    \
		.name = (its_name), .also = (its_also), .kind = KEY_REAL,                                    \
		.offset = offsetof(struct weighted_keys, at), .default_json = (the_default),                 \
		.lowest = (low), .highest = (high), .above = (open), .help = (text)                          \
	}

/* The keys of struct weighted_keys: all that such a row has. `initially` says how it votes in the first
 * rounds. */
#define WEIGHTED_KEYS(initially)                                                                             \
	{.name = "weights",                                                                                  \
	 .kind = KEY_CHOICE,                                                                                 \
	 .offset = offsetof(struct weighted_keys, weights),                                                  \
	 .default_json = "\"worker\"",                                                                       \
	 .choices = WEIGHTED_LEVEL_NAMES,                                                                    \
	 .help = "what has a weight: a worker, each of its layers, or each of its coordinates, which is as " \
	         "published and takes 4 bytes of the server's memory for every coordinate of every worker, " \
	         "8 where "                                                                                  \
	         "rho is below 1"},                                                                          \
	        WEIGHTED_REAL("rho", "forgetting, decay", rho, "1", 0, 1, false,                             \
	                      "what earlier agreement counts after each round: 1 forgets nothing"),          \
	        WEIGHTED_REAL("e", "epsilon, eps", e, "1e-5", 0, 1, true,                                    \
	                      "keeps the weight of a worker that has always agreed, or never, finite"),      \
	        WEIGHTED_REAL("w_max", "weight_max, max_weight", w_max, "10", 0, INFINITY, true,             \
	                      "the largest size of a weight"),                                               \
	        {.name = "initial_rounds",                                                                   \
	         .also = "T_in, initial_phase, warmup, warm_up",                                             \
	         .kind = KEY_INT,                                                                            \
	         .offset = offsetof(struct weighted_keys, initial_rounds),                                   \
	         .default_json = "100",                                                                      \
	         .lowest = 0,                                                                                \
	         .highest = 9007199254740992,                                                                \
	         .unit = "steps",                                                                            \
	         .help = (initially)},                                                                       \
	{                                                                                                    \
		.name = "tie", .kind = KEY_CHOICE, .offset = offsetof(struct weighted_keys, tie),            \
		.default_json = "\"random\"", .choices = SIGN_POLICY_NAMES,                                  \
		.help = "the answer where the weighted sum is 0: a fair coin, +1 or nothing, which costs a"  \
		        " second bit a coordinate down"                                                      \
	}

/* Members of struct aggregator. It sees all messages at once, so it has no combine(). */
#define WEIGHTED_ROW(its_weighing)                                                                           \
	.weighing = &(its_weighing), .compressor = "sign", .takes = TAKES_SIGNS, .answers = MESSAGE_SIGNS,   \
	.abstains = weighted_abstains

/* What both rows say of their limits. */
#define WEIGHTED_LIMITS                                                                                      \
	"p is agreement with the answer, not with the truth: more than M/2 Byzantine workers turn the "      \
	"weights round, and one that was honest for a long time (attack \"sleeper\") has earned the weight " \
	"w_max by then. An abstention is half an agreement. One bit a coordinate up and one down"

#endif
