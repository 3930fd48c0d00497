/* Puts workers into groups, and computes one. */
#include "train/group.h"
#include "base/mem.h"

/* The workers behind `first` that join it. */
static void fill(struct group *g, struct worker *workers, int count, int first, bool *taken,
                 const struct feed *f, int64_t fuse)
{
	int64_t size = f->batch_of[workers[first].id];
	for (int i = first + 1; i < count && g->count < fuse; i++) {
		if (workers[i].idle || taken[i])
			continue;
		if (f->batch_of[workers[i].id] == size) {
			g->workers[g->count++] = &workers[i];
			taken[i] = true;
		} else if (f->reader) {
			return;
		}
	}
}

void groups_open(struct groups *g, struct worker *workers, int count, const struct feed *f, int64_t fuse)
{
	bool *taken = mem_array((size_t)count, sizeof *taken);
	int used = 0;
	g->order = mem_array((size_t)count, sizeof(struct worker *));
	g->group = mem_array((size_t)count, sizeof *g->group);
	for (int i = 0; i < count; i++) {
		struct group *own = &g->group[g->count];
		if (taken[i])
			continue;
		*own = (struct group){.workers = g->order + used, .count = 1};
		own->workers[0] = &workers[i];
		if (!workers[i].idle)
			fill(own, workers, count, i, taken, f, fuse);
		used += own->count;
		g->count++;
	}
	mem_free(taken);
}

void groups_close(struct groups *g)
{
	mem_free(g->order);
	mem_free(g->group);
}

void group_compute(const struct group *g, struct lane *l, const struct round *r)
{
	if (g->count == 1) {
		worker_compute(g->workers[0], l, r);
		return;
	}
	for (int i = 0; i < g->count; i++) {
		l->slot = (size_t)i;
		l->gradients[i] = lane_gradient(l);
		worker_begin(g->workers[i], l, r, &l->batches[i]);
	}
	l->slot = 0;
	r->model->grad_many(lane_instance(l, l->batches[0].count), r->x, g->count, l->batches,
	                    (float *const *)l->gradients, l->losses);
	for (int i = 0; i < g->count; i++)
		worker_end(g->workers[i], l->losses[i]);
}
