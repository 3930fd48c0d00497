/* From gradients to vectors: see train/turn.h. */
#include "train/turn.h"
#include "adversary/crowd.h"

static const struct direction *direction_of(const struct settings *s)
{
	return (const struct direction *)s->direction.row;
}

size_t turn_lane_floats(const struct settings *s, size_t n)
{
	const struct direction *d = direction_of(s);
	if (d->in_place)
		return 0;
	return lane_stride(n) + (d->scratch_floats ? d->scratch_floats(s->layers, n) : 0);
}

static bool all_keep(const struct settings *s)
{
	return s->record.kappa > 0 ||
	       (s->adversaries.count > 0 && crowd_attack_of(adversary_of(&s->adversaries.attack).attack));
}

static bool byzantine_keep(const struct settings *s)
{
	return adversary_of(&s->adversaries.attack).attack->acts_on == ATTACK_MESSAGE;
}

bool turn_keeps(const struct settings *s, int id)
{
	return !direction_of(s)->in_place &&
	       (all_keep(s) || (settings_is_byzantine(s, id) && byzantine_keep(s)));
}

size_t turn_kept(const struct settings *s, size_t hosted)
{
	size_t byzantine = byzantine_keep(s) ? (size_t)s->adversaries.count : 0;
	if (direction_of(s)->in_place)
		return 0;
	return all_keep(s) || hosted < byzantine ? hosted : byzantine;
}

float *turn_vector(const struct worker *w, const struct lane *l)
{
	return w->v ? w->v : l->vector;
}

void turn_gradient(const struct worker *w, const struct lane *l, const struct round *r, struct step_job job,
                   const float *g, size_t begin, size_t end)
{
	const struct turning t = {.beta = r->beta,
	                          .g = g,
	                          .m = w->m,
	                          .v = turn_vector(w, l),
	                          .scratch = l->vector ? l->vector + lane_stride(r->job.n) : NULL,
	                          .number = l->numbers};
	job.state = r->method.direction_state;
	r->method.direction->turn(&job, &t, begin, end);
}
