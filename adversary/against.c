/* Attack `against`: every colluder votes against the honest majority. */
#include "adversary/crowd_target.h"

static void against_forge(const void *state, const struct crowd_view *view, size_t begin, size_t end,
                          float *out)
{
	(void)state;
	for (size_t at = begin, count; at < end; at += count) {
		int votes[CROWD_CHUNK], right[CROWD_CHUNK];
		double forged[CROWD_CHUNK];
		count = end - at < CROWD_CHUNK ? end - at : CROWD_CHUNK;
		crowd_right(view, TARGET_VOTE, at, count, votes, right);
		for (size_t i = 0; i < count; i++)
			forged[i] = -right[i];
		crowd_write(view, forged, at, count, out);
	}
}

const struct crowd_attack attack_against = {
        .attack = {.row = {.name = "against",
                           .also = "omniscient, worst_case, optimal_flip, adaptive_flip",
                           .about = "all vote against the honest majority of each coordinate; needs "
                                    "`simulate`, and messages that are signs",
                           .formula = "v_j -> -s_j, s_j the sign of V_j, the sum of the honest signs; where "
                                      "V_j = 0 that of mu_j. The most harm that f colluders can do to a "
                                      "plain vote: its sum becomes s_j (|V_j| - f), so that the answer is "
                                      "reversed where |V_j| < f, and a tie where |V_j| = f"},
                   .sees = ATTACK_CROWD,
                   .acts_on = ATTACK_MESSAGE,
                   .without_data = true},
        .check = crowd_target_check,
        .forge = against_forge,
};
