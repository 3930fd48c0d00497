/* Attack `alie`: a little is enough. */
#include "adversary/alie.h"
#include <math.h>

enum { Z_AUTO = 0 };

struct alie {
	double z; /* Z_AUTO: of the number of workers */
	int as;   /* enum alie_as */
};

/*
 * Workers whom the colluders need beside themselves for a majority of n: s of the paper. Not positive: they
 * are one.
 */
static int supporters(int n, int f)
{
	return n / 2 + 1 - f;
}

/* The z of the standard normal distribution below which a share p of (0, 1) lies, by bisection. */
static double normal_quantile(double p)
{
	double low = -40, high = 40, middle = 0;
	while (low < middle || middle < high) {
		middle = low + (high - low) / 2;
		if (middle <= low || middle >= high)
			break;
		if (0.5 * erfc(-middle / sqrt(2)) < p)
			low = middle;
		else
			high = middle;
	}
	return middle;
}

/* The largest z at which s honest workers still stand further out, as Algorithm 3 has it. */
static double auto_z(int n, int f)
{
	int s = supporters(n, f);
	return 2 * s == n - f ? 0 : normal_quantile((double)(n - f - s) / (n - f));
}

/* 2 s < n - f is z > 0. The least f for that, or 0 where no minority is enough. */
static int least_colluders(int n)
{
	for (int f = 1; supporters(n, f) > 0; f++)
		if (2 * supporters(n, f) < n - f)
			return f;
	return 0;
}

static int alie_check(const void *state, const struct crowd_terms *terms, struct err *e)
{
	const struct alie *a = state;
	int n = terms->workers, f = terms->byzantine, least = least_colluders(n);
	if (a->z > Z_AUTO)
		return 0;
	if (supporters(n, f) <= 0)
		return err_user(
		        e,
		        "%d of %d workers need nobody's support for a majority, so that "
		        "\"z\": \"auto\" has no bound; expected at most %d of them, or a number for `z`",
		        f, n, n / 2);
	if (2 * supporters(n, f) < n - f)
		return 0;
	if (least == 0)
		return err_user(
		        e,
		        "\"z\": \"auto\" is positive for no minority of %d workers; expected a number "
		        "for `z`",
		        n);
	return err_user(
	        e,
	        "\"z\": \"auto\" is %.7g with %d of %d workers Byzantine, and one that is not positive "
	        "harms nobody; expected adversaries.count of at least %d, or a number for `z`",
	        auto_z(n, f), f, n, least);
}

static void alie_plan(const void *state, const struct crowd_view *view, int round, const double *sums,
                      double *numbers)
{
	const struct alie *a = state;
	(void)round, (void)sums;
	numbers[0] = a->z > Z_AUTO ? a->z : auto_z(view->workers, view->byzantine);
}

static void alie_forge(const void *state, const struct crowd_view *view, size_t begin, size_t end, float *out)
{
	const struct crowd_mix mix = alie_mix(((const struct alie *)state)->as, view->numbers[0]);
	crowd_mix(view, &mix, begin, end, out);
}

static const struct key alie_keys[] = {
        {.name = "z",
         .also = "z_max, num_std, tau, attack_factor",
         .kind = KEY_REAL,
         .offset = offsetof(struct alie, z),
         .default_json = "\"auto\"",
         .word = "auto",
         .word_value = Z_AUTO,
         .lowest = 0,
         .highest = 1e30,
         .above = true,
         .help = "how many standard deviations from the honest mean; auto: the paper's, of the numbers of "
                 "workers and colluders, which must make it positive"},
        {.name = "as",
         .kind = KEY_CHOICE,
         .offset = offsetof(struct alie, as),
         .default_json = "\"baruch\"",
         .choices = ALIE_AS_NAMES,
         .help = ALIE_AS_HELP},
        {0},
};

const struct crowd_attack attack_alie = {
        .attack =
                {.row = {.name = "alie",
                         .also = "a_little_is_enough, little_is_enough, alittle, lie",
                         .about = "all send the honest mean, shifted by z standard deviations (a little is "
                                  "enough, ALIE); needs `simulate`",
                         .formula =
                                 "v_j -> mu_j - z sd_j, mu and sd the mean and standard deviation of the "
                                 "honest workers' vectors of this step. z auto = Phi^-1((n - f - s) / (n - "
                                 "f)), s = floor(n/2 + 1) - f, n all workers: refused where it is not "
                                 "positive. Baruch, Baruch and Goldberg 2019, arXiv 1902.06156, Algorithm "
                                 "3. ByzFL's ALittleIsEnough is {\"as\": \"byzfl\", \"z\": 1.5}; FLPoison's "
                                 "ALIE adds too",
                         .keys = alie_keys,
                         .state_bytes = sizeof(struct alie)},
                 .elsewhere = "ByzFL: ALittleIsEnough, with plus; Blades: ALIEAdversary; FLPoison: ALIE",
                 .sees = ATTACK_CROWD,
                 .acts_on = ATTACK_MESSAGE,
                 .without_data = true},
        .check = alie_check,
        .rounds = 1,
        .plan = alie_plan,
        .forge = alie_forge,
};
