/* Attack `opt-alie`: a little is enough, with the factor that does the most harm. */
#include "adversary/alie.h"
#include "adversary/crowd_search.h"

struct opt_alie {
	struct crowd_search search;
	int as; /* enum alie_as */
};

static void opt_alie_plan(const void *state, const struct crowd_view *view, int round, const double *sums,
                          double *numbers)
{
	(void)round, (void)sums;
	crowd_search(&((const struct opt_alie *)state)->search, view, numbers);
}

static void opt_alie_forge(const void *state, const struct crowd_view *view, size_t begin, size_t end,
                           float *out)
{
	const struct crowd_mix mix = alie_mix(((const struct opt_alie *)state)->as, view->numbers[0]);
	crowd_mix(view, &mix, begin, end, out);
}

static const struct key opt_alie_keys[] = {
        CROWD_SEARCH_KEYS(offsetof(struct opt_alie, search)),
        {.name = "as",
         .kind = KEY_CHOICE,
         .offset = offsetof(struct opt_alie, as),
         .default_json = "\"baruch\"",
         .choices = ALIE_AS_NAMES,
         .help = ALIE_AS_HELP},
        {0},
};

const struct crowd_attack attack_opt_alie = {
        .attack =
                {.row = {.name = "opt-alie",
                         .also = "auto_alie, optimal_alie, optimal_a_little_is_enough",
                         .about = "`alie` with the factor that drives the run's own answer furthest from the "
                                  "honest mean; needs `simulate`",
                         .formula = "v_j -> mu_j - t sd_j, t sought in every step as in `opt-ipm`. ByzFL's "
                                    "Optimal_ALittleIsEnough is {\"as\": \"byzfl\"}, there by default "
                                    "against clipping and a mean, whatever the run has",
                         .keys = opt_alie_keys,
                         .state_bytes = sizeof(struct opt_alie)},
                 .elsewhere = "ByzFL: Optimal_ALittleIsEnough",
                 .sees = ATTACK_CROWD,
                 .acts_on = ATTACK_MESSAGE,
                 .without_data = true},
        .asks = crowd_search_asks,
        .rounds = 1,
        .plan = opt_alie_plan,
        .forge = opt_alie_forge,
};
