/*
 * Attack `sleeper`: a worker that is honest for `after` steps, and then does any other attack of a menu. What
 * it becomes begins in step `after` as if that were its first: memory is empty then.
 *
 * The row needs the menu that it is itself a part of, so who has the menu makes the row.
 */
#ifndef SIGNSGD_ADVERSARY_SLEEPER_H
#define SIGNSGD_ADVERSARY_SLEEPER_H

#include "adversary/attack.h"

struct sleeper {
	int64_t after;
	struct choice then;
};

const struct choice *sleeper_then(const void *state, uint64_t *after);
/* Refuses a sleeper that becomes a sleeper. */
int sleeper_check(const void *state, const struct attack_env *env, struct err *e);

/* Its keys; menu: the family that it belongs to. */
#define SLEEPER_KEYS(menu)                                                                                   \
	{.name = "after",                                                                                    \
	 .also = "start, begin, from_step, start_step, attack_start, start_round",                           \
	 .kind = KEY_INT,                                                                                    \
	 .offset = offsetof(struct sleeper, after),                                                          \
	 .default_json = "100",                                                                              \
	 .lowest = 0,                                                                                        \
	 .highest = 9007199254740992.0,                                                                      \
	 .unit = "steps",                                                                                    \
	 .help = "for which it is honest; 0: none"},                                                         \
	        {.name = "then",                                                                             \
	         .also = "attack, becomes, wakes_as, attack_kind",                                           \
	         .kind = KEY_FAMILY,                                                                         \
	         .offset = offsetof(struct sleeper, then),                                                   \
	         .default_json = "\"invert\"",                                                               \
	         .family = (menu),                                                                           \
	         .help = "what it does from then on: any attack but another sleeper"},                       \
	{                                                                                                    \
		0                                                                                            \
	}

/* The row, with keys that SLEEPER_KEYS made. */
#define SLEEPER_ROW(its_keys)                                                                                \
	{                                                                                                    \
		.row = {.name = "sleeper",                                                                   \
		        .also = "sleeping, late, delayed_start, attack_start",                               \
		        .about = "honest for some steps, then any other attack",                             \
		        .formula =                                                                           \
		                "at steps t < after: v; from then on what `then` sends, whose first step "   \
		                "that is. It earns trust first: weights that a rule learns from past "       \
		                "steps (signSGD-FD, Park and Lee 2024, arXiv 2402.01340) are its own "       \
		                "when it wakes. What it sees, acts on and is covered by are those of "       \
		                "`then`",                                                                    \
		        .keys = (its_keys),                                                                  \
		        .state_bytes = sizeof(struct sleeper)},                                              \
		.elsewhere = "FLPoison: attack_start_epoch, of some attacks", .sees = ATTACK_SEES_THEN,      \
		.acts_on = ATTACK_ACTS_THEN, .check = sleeper_check, .then = sleeper_then                    \
	}

#endif
