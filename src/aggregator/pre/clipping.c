/* Pre-aggregator `clipping`: no message is longer than a given length. */
#include "aggregator/pre/clip.h"
#include "aggregator/pre/pre.h"

struct clipping {
	double limit;
};

static const struct key clipping_keys[] = {
        {.name = "limit",
         .also = "c, clip_factor, clip_threshold, max_norm, threshold, radius, tau",
         .kind = KEY_REAL,
         .offset = offsetof(struct clipping, limit),
         .lowest = 0,
         .highest = INFINITY,
         .above = true,
         .help = "the length to which longer messages are shortened"},
        {.name = NULL},
};

static void clipping_plan(const struct rule_view *v, struct rule_plan *p)
{
	double limit = ((const struct clipping *)v->state)->limit;
	p->idle = true;
	for (int i = 0; i < v->n; i++)
		p->idle = p->idle && clip_norm(v, i) <= limit;
	clip_plan(v, limit, p);
}

const struct pre pre_clipping = {
        .row = {.name = "clipping",
                .also = "static_clipping, norm_clipping, clip, norm_bounding",
                .about = "messages that are longer than `limit` are shortened to it",
                .formula = "y_i = x_i min(1, limit / |x_i|), |x| the L2 norm; x_i = 0 stays. n' = n, f' = f. "
                           "ByzFL's Clipping has limit 2 where none is given; here it must be",
                .keys = clipping_keys,
                .state_bytes = sizeof(struct clipping)},
        .rule = {.distances = RULE_FROM_OTHERS, .norms = true, .plan = clipping_plan},
};
