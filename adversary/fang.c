/* Attack `fang`: local model poisoning, against a trimmed mean or against Krum. */
#include <math.h>
#include <string.h>
#include "adversary/crowd.h"

static const double LAMBDA_LEAST = 1e-5;

enum fang_rule { FANG_TRIMMED_MEAN, FANG_KRUM }; /* order of rule_names */

static const char *const rule_names[] = {"trimmed-mean", "krum", NULL};

struct fang {
	int rule;
	double b;
};

static bool fang_asks(const void *state)
{
	return ((const struct fang *)state)->rule == FANG_KRUM;
}

static int fang_check(const void *state, const struct crowd_terms *terms, struct err *e)
{
	bool krum = strcmp(terms->aggregator, "krum") == 0 || strcmp(terms->aggregator, "multi-krum") == 0;
	if (!fang_asks(state) || (krum && terms->chooses))
		return 0;
	if (krum)
		return err_user(e, "with \"rule\": \"krum\" the attack tries what Krum would choose, and "
		                   "behind buckets that "
		                   "is no message; expected no \"bucketing\" in `before`, or \"rule\": "
		                   "\"trimmed-mean\"");
	return err_user(
	        e,
	        "with \"rule\": \"krum\" the attack tries what Krum would choose, and aggregator \"%s\" is "
	        "not Krum; expected aggregator \"krum\" or \"multi-krum\", or \"rule\": \"trimmed-mean\"",
	        terms->aggregator);
}

/* Halve lambda until Krum takes a colluder's vector. */
static void fang_plan(const void *state, const struct crowd_view *view, int round, const double *sums,
                      double *numbers)
{
	(void)round, (void)sums;
	if (!fang_asks(state))
		return;
	for (numbers[0] = 1;; numbers[0] /= 2) {
		struct crowd_answer answer;
		view->ask(view->asked, numbers, &answer);
		if (answer.chosen || numbers[0] / 2 < LAMBDA_LEAST)
			return;
	}
}

/* The least and the greatest honest value of each coordinate, of those that are numbers; 0 without any. */
static void extremes(const struct crowd_view *view, size_t at, size_t count, double *least, double *greatest)
{
	double x[CROWD_CHUNK];
	for (size_t i = 0; i < count; i++)
		least[i] = greatest[i] = view->h > 0 ? NAN : 0;
	for (int k = 0; k < view->h; k++) {
		crowd_read(view, k, at, count, x);
		for (size_t i = 0; i < count; i++) {
			least[i] = fmin(least[i], x[i]);
			greatest[i] = fmax(greatest[i], x[i]);
		}
	}
}

/* Between m and b m or m / b, whichever is further in the direction `up`; u in [0, 1). */
static double beyond(double m, double b, bool up, double u)
{
	double end = (m > 0) == up ? b * m : m / b;
	return m + u * (end - m);
}

static void outbid(const struct fang *s, const struct crowd_view *view, size_t begin, size_t end, float *out)
{
	for (size_t at = begin, count; at < end; at += count) {
		double mean[CROWD_CHUNK], least[CROWD_CHUNK], greatest[CROWD_CHUNK];
		uint32_t words[4];
		count = end - at < CROWD_CHUNK ? end - at : CROWD_CHUNK;
		crowd_mean(view, at, count, mean);
		extremes(view, at, count, least, greatest);
		for (size_t i = 0; i < count; i++) {
			bool up = mean[i] < 0;
			if (i % 4 == 0)
				stream_block(&view->stream, (at + i) / 4, words);
			double u = (words[i % 4] >> 8) * 0x1p-24;
			mean[i] = beyond(up ? greatest[i] : least[i], s->b, up, u);
		}
		crowd_write(view, mean, at, count, out);
	}
}

static void fang_forge(const void *state, const struct crowd_view *view, size_t begin, size_t end, float *out)
{
	if (fang_asks(state))
		crowd_mix(view, &(struct crowd_mix){.sign = -view->numbers[0]}, begin, end, out);
	else
		outbid(state, view, begin, end, out);
}

static const struct key fang_keys[] = {
        {.name = "rule",
         .also = "aggregator, defense",
         .kind = KEY_CHOICE,
         .offset = offsetof(struct fang, rule),
         .default_json = "\"trimmed-mean\"",
         .choices = rule_names,
         .help = "which of the paper's attacks: the one on a trimmed mean or median, or the one on Krum, "
                 "which needs that aggregator"},
        {.name = "b",
         .kind = KEY_REAL,
         .offset = offsetof(struct fang, b),
         .default_json = "2",
         .lowest = 1,
         .highest = 1e30,
         .above = true,
         .help = "trimmed-mean: how far beyond the honest values, as a factor"},
        {0},
};

const struct crowd_attack attack_fang = {
        .attack =
                {.row = {.name = "fang",
                         .also = "fang_attack, fangattack, full_trim, full_krum, local_model_poisoning",
                         .about = "just beyond the honest values, each coordinate on the wrong side (local "
                                  "model poisoning); needs `simulate`",
                         .formula =
                                 "rule trimmed-mean: s = sign(mu_j); s = +1: uniform in [m / b, m] if m > 0, "
                                 "else [b m, m], m the least honest value; s = -1: in [m, b m] if m > 0, "
                                 "else [m, m / b], m the greatest; drawn by each colluder for itself (its "
                                 "section 4.3; s = +1 where mu_j = 0). rule krum: -lambda sign(mu), lambda = "
                                 "1 halved until the run's Krum chooses it, while it is at least 1e-5 "
                                 "(section 4.2). Fang et al. 2020, arXiv 1911.11815. FLPoison's FangAttack "
                                 "is the one on Krum, of the colluders' own vectors",
                         .keys = fang_keys,
                         .state_bytes = sizeof(struct fang)},
                 .elsewhere = "Blades: AdaptiveAdversary; FLPoison: FangAttack, for krum",
                 .sees = ATTACK_CROWD,
                 .acts_on = ATTACK_MESSAGE,
                 .without_data = true},
        .each = true,
        .check = fang_check,
        .asks = fang_asks,
        .rounds = 1,
        .plan = fang_plan,
        .forge = fang_forge,
};
