/*
 * Aggregator `monna`: the mean of the n - f vectors nearest to one that is trusted, itself among them. In the
 * paper each node trusts its own; a server has none, so a worker is named. 2 f < n is ours: behind half, what
 * surrounds even an honest vector may be Byzantine alone.
 */
#include "aggregator/rule_row.h"

struct monna {
	struct rule_keys told;
	int64_t pivot;
};

static int monna_trusted(const void *state)
{
	return (int)((const struct monna *)state)->pivot;
}

static void monna_plan(const struct rule_view *v, struct rule_plan *p)
{
	rule_mark_nearest(v, v->trusted, v->n - v->f, p->scratch, p->chosen);
	rule_mean_of_chosen(v, v->n - v->f, p);
}

static const struct rule rule_monna = {
        .trusted = monna_trusted, .check = rule_minority, .plan = monna_plan, .chooses = true};

static const struct key monna_keys[] = {
        RULE_KEYS,
        {.name = "pivot",
         .also = "idx, trusted",
         .kind = KEY_INT,
         .offset = offsetof(struct monna, pivot),
         .lowest = 0,
         .highest = 1000000,
         .help = "the worker that is trusted; a step without its message is withheld"},
        {0},
};

const struct aggregator aggregator_monna = {
        RULE_ROW(rule_monna),
        .row = {.name = "monna",
                .also = "mo_nna, nearest_neighbor_averaging, nearest_neighbour_averaging",
                .about = "mean of the n - f vectors nearest to the vector of a trusted worker",
                .formula =
                        "answer = mean of the n - f vectors v_m of least ||v_m - v_p||, p = `pivot` the "
                        "trusted worker, v_p among them; equally near: the lower worker. Needs 2 f < n, "
                        "and a worker that is not Byzantine. Farhadkhani et al. 2023. 32 bits a coordinate "
                        "up and 32 down",
                .keys = monna_keys,
                .state_bytes = sizeof(struct monna)},
};
