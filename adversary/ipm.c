/* Attack `ipm`: inner product manipulation, also known as fall of empires. */
#include "adversary/crowd.h"

struct ipm {
	double tau;
};

static void ipm_forge(const void *state, const struct crowd_view *view, size_t begin, size_t end, float *out)
{
	const struct ipm *s = state;
	crowd_mix(view, &(struct crowd_mix){.mean = -s->tau}, begin, end, out);
}

static const struct key ipm_keys[] = {
        {.name = "tau",
         .also = "epsilon, eps, attack_factor",
         .kind = KEY_REAL,
         .offset = offsetof(struct ipm, tau),
         .default_json = "0.1",
         .lowest = 0,
         .highest = 1e30,
         .above = true,
         .help = "how much of the honest mean is sent back; below 1 it deceives rules that choose by "
                 "distance, "
                 "well above 1 those that work by coordinate: no one value stands for the attack"},
        {0},
};

const struct crowd_attack attack_ipm = {
        .attack =
                {.row = {.name = "ipm",
                         .also = "inner_product_manipulation, inner_product, foe, fall_of_empires, empire, "
                                 "empires",
                         .about = "all send the honest mean reversed and scaled (inner product manipulation; "
                                  "fall of empires, FOE); needs `simulate`",
                         .formula = "v -> -tau mu, mu = mean of the honest workers' vectors of this step. "
                                    "Xie, Koyejo and Gupta 2020, arXiv 1903.03936. With tau = 1 it is "
                                    "what ByzFL calls SignFlipping; \"invert\" reverses a worker's own "
                                    "vector instead",
                         .keys = ipm_keys,
                         .state_bytes = sizeof(struct ipm)},
                 .elsewhere = "ByzFL: InnerProductManipulation, and SignFlipping with tau 1; Blades: "
                              "IPMAdversary; FLPoison: IPM",
                 .sees = ATTACK_CROWD,
                 .acts_on = ATTACK_MESSAGE,
                 .without_data = true},
        .forge = ipm_forge,
};
