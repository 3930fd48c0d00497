/*
 * Attack `min-margin`: just as many votes against the right answer as turn it, so that the colluders agree
 * with the answer most of the time, and earn the weight of whom a server trusts that weighs votes.
 */
#include "adversary/crowd_target.h"

static const char *const target_names[] = {"vote", "mean", NULL}; /* order of enum crowd_target */

struct min_margin {
	int target; /* enum crowd_target */
};

/*
 * How many of f colluders vote against s, where the honest votes for s are `ahead` of the others. None where
 * all f are too few, and all where the honest majority is against s itself.
 */
static int opponents(int ahead, int f)
{
	return ahead >= f ? 0 : ahead < 0 ? f : (ahead + f) / 2 + 1;
}

/* The place of the colluder in the order that begins with number (step + coordinate) % f. */
static uint64_t place(const struct crowd_view *view, size_t coordinate)
{
	uint64_t f = (uint64_t)view->f, first = (view->step % f + coordinate % f) % f;
	return ((uint64_t)view->colluder + f - first) % f;
}

static void min_margin_forge(const void *state, const struct crowd_view *view, size_t begin, size_t end,
                             float *out)
{
	const struct min_margin *s = state;
	for (size_t at = begin, count; at < end; at += count) {
		int votes[CROWD_CHUNK], right[CROWD_CHUNK];
		double forged[CROWD_CHUNK];
		count = end - at < CROWD_CHUNK ? end - at : CROWD_CHUNK;
		crowd_right(view, (enum crowd_target)s->target, at, count, votes, right);
		for (size_t i = 0; i < count; i++) {
			uint64_t against = (uint64_t)opponents(right[i] * votes[i], view->f);
			forged[i] = place(view, at + i) < against ? -right[i] : right[i];
		}
		crowd_write(view, forged, at, count, out);
	}
}

static const struct key min_margin_keys[] = {
        {.name = "target",
         .kind = KEY_CHOICE,
         .offset = offsetof(struct min_margin, target),
         .default_json = "\"vote\"",
         .choices = target_names,
         .help = "which answer is turned: the honest vote's, or the sign of the honest mean"},
        {0},
};

const struct crowd_attack attack_min_margin = {
        .attack =
                {.row = {.name = "min-margin",
                         .also = "minimal_margin, minimum_margin",
                         .about = "just as many vote against the honest majority of a coordinate as turn "
                                  "it, and none where it cannot be turned; needs `simulate`, and messages "
                                  "that are signs",
                         .formula =
                                 "s_j as in `against` (target mean: the sign of mu_j, and where that is 0 of "
                                 "V_j). k = floor((s_j V_j + f) / 2) + 1 colluders vote -s_j where 0 <= s_j "
                                 "V_j < f, those from number (step + j) mod f on, and the others s_j; "
                                 "elsewhere all vote with the honest majority. Under a plain vote the "
                                 "answers "
                                 "of `against`, but for ties. Mengoli et al. 2025, arXiv 2502.19170, bound "
                                 "colluders who vote against the true gradient (target mean)",
                         .keys = min_margin_keys,
                         .state_bytes = sizeof(struct min_margin)},
                 .sees = ATTACK_CROWD,
                 .acts_on = ATTACK_MESSAGE,
                 .without_data = true},
        .each = true,
        .check = crowd_target_check,
        .forge = min_margin_forge,
};
