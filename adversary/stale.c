/*
 * Attack `stale`: a worker that lags behind. Its memory is a ring of the last `delay` messages: slot
 * t % delay holds message t until message t + delay takes its place.
 */
#include "adversary/attack.h"

struct stale {
	int64_t delay;
};

static size_t stale_memory_floats(const void *state, size_t n)
{
	const struct stale *s = state;
	return (size_t)s->delay * n;
}

static void stale_forge(const void *state, const struct own_view *view, float *out)
{
	const struct stale *s = state;
	uint64_t delay = (uint64_t)s->delay;
	size_t bytes = view->n * sizeof *out;
	float *present = view->memory + view->age % delay * view->n;
	/* Until step `delay` no message is old enough, and the first one is still in slot 0. */
	const float *old = view->age < delay ? view->memory : present;
	const struct memory *m = view->be->memory;
	if (view->age == 0)
		m->copy(view->queue, present, view->v, bytes);
	m->copy(view->queue, out, old, bytes);
	m->copy(view->queue, present, view->v, bytes);
}

static const struct key stale_keys[] = {
        {.name = "delay",
         .kind = KEY_INT,
         .offset = offsetof(struct stale, delay),
         .default_json = "10",
         .lowest = 1,
         .highest = 1000,
         .unit = "steps",
         .help = "k, how old its messages are; each such worker keeps k vectors in memory"},
        {0},
};

const struct attack attack_stale = {
        .row = {.name = "stale",
                .also = "delay, delayed, old",
                .about = "sends its own message of some steps ago",
                .formula = "at step t: v(t) -> v(t - k), and v(0) while t < k. A fault of machine or network "
                           "rather than an attack; outside Definition 1 of Bernstein et al. 2019",
                .keys = stale_keys,
                .state_bytes = sizeof(struct stale)},
        .sees = ATTACK_OWN,
        .acts_on = ATTACK_MESSAGE,
        .memory_floats = stale_memory_floats,
        .forge = stale_forge,
};
