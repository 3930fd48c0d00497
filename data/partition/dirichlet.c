/* Partition `dirichlet`: classes or workers get shares that are drawn from a Dirichlet distribution. */
#include <math.h>
#include <string.h>
#include "base/mem.h"
#include "data/partition/dirichlet_draw.h"
#include "data/partition/partition_row.h"

enum { ATTEMPTS = 100 };

enum dirichlet_as { AS_BYZFL, AS_HSU }; /* order of as_names */

struct dirichlet {
	double alpha;
	int as;
};

/* What an attempt works with. */
struct sharing {
	const struct partition_ask *ask;
	double alpha;
	struct draw draw;
	size_t *count; /* [classes] samples of each class */
	size_t *take;  /* [sharers][classes] what each gets */
	double *shape; /* [sharers or classes] */
	double *q;     /* [sharers], or [sharers][classes] */
};

/* Every class over the workers: q ~ Dir(alpha 1), its samples cut at floor(cumsum(q) N_c). */
static void share_classes(struct sharing *s)
{
	int sharers = s->ask->sharers, classes = s->ask->classes;
	for (int m = 0; m < sharers; m++)
		s->shape[m] = s->alpha;
	for (int c = 0; c < classes; c++) {
		size_t begin = 0, all = s->count[c];
		double sum = 0;
		draw_dirichlet(&s->draw, sharers, s->shape, s->q);
		for (int m = 0; m < sharers; m++) {
			sum += s->q[m];
			size_t end = (size_t)(sum * (double)all);
			if (end > all || m == sharers - 1)
				end = all;
			s->take[(size_t)m * (size_t)classes + (size_t)c] = end - begin;
			begin = end;
		}
	}
}

/* A class by the shares q [classes] of those that have samples left; where it has none of them, by what is
 * left.
 */
static int draw_class(struct draw *d, int classes, const double *q, const size_t *left)
{
	double sum = 0, rest = 0;
	int last = 0;
	for (int c = 0; c < classes; c++) {
		sum += left[c] > 0 ? q[c] : 0;
		rest += (double)left[c];
	}
	double at = draw_uniform(d) * (sum > 0 ? sum : rest);
	for (int c = 0; c < classes; c++) {
		double weight = sum <= 0 ? (double)left[c] : left[c] > 0 ? q[c] : 0;
		if (weight <= 0)
			continue;
		last = c;
		at -= weight;
		if (at < 0)
			break;
	}
	return last;
}

/*
 * Every worker over the classes: q ~ Dir(alpha p), p the shares of the classes in the training set. The
 * workers take a sample each in turn, of a class drawn by q, so that none is left with what others did not
 * want.
 */
static void share_workers(struct sharing *s)
{
	const struct partition_ask *ask = s->ask;
	int sharers = ask->sharers, classes = ask->classes;
	size_t width = (size_t)classes;
	size_t rounds = (ask->samples + (size_t)sharers - 1) / (size_t)sharers;
	for (int c = 0; c < classes; c++)
		s->shape[c] = s->alpha * ((double)s->count[c] / (double)ask->samples);
	for (int m = 0; m < sharers; m++)
		draw_dirichlet(&s->draw, classes, s->shape, s->q + (size_t)m * width);
	memset(s->take, 0, (size_t)sharers * width * sizeof *s->take);
	for (size_t i = 0; i < rounds; i++)
		for (int m = 0; m < sharers; m++) {
			if (i >= partition_cut(ask->samples, m + 1, sharers) -
			                 partition_cut(ask->samples, m, sharers))
				continue;
			int c = draw_class(&s->draw, classes, s->q + (size_t)m * width, s->count);
			s->take[(size_t)m * width + (size_t)c]++;
			s->count[c]--;
		}
}

/* The sharer that has least of what it needs, if that is less than a batch; or -1. */
static int in_need(const struct sharing *s, size_t *got)
{
	const struct partition_ask *ask = s->ask;
	int found = -1;
	for (int m = 0; m < ask->sharers; m++) {
		size_t sum = 0;
		for (int c = 0; c < ask->classes; c++)
			sum += s->take[(size_t)m * (size_t)ask->classes + (size_t)c];
		if (sum >= (size_t)ask->batch[m] || (found >= 0 && sum >= *got))
			continue;
		found = m;
		*got = sum;
	}
	return found;
}

static int attempts(struct sharing *s, int as, struct err *e)
{
	const struct partition_ask *ask = s->ask;
	size_t got = 0;
	int poor = 0;
	for (uint32_t attempt = 0; attempt < ATTEMPTS; attempt++) {
		s->draw = (struct draw){.stream = stream_of(ask->seed, RNG_SHARES, attempt, 0)};
		partition_classes(ask, s->count);
		if (as == AS_BYZFL)
			share_classes(s);
		else
			share_workers(s);
		poor = in_need(s, &got);
		if (poor < 0)
			return 0;
	}
	return err_user(
	        e,
	        "partition \"dirichlet\" with alpha %g left some worker with less than its batch in each of "
	        "%d draws (%zu samples over %d workers); in the last one worker %d got %zu samples, and its "
	        "batch is %lld; expected a larger alpha, smaller batches or fewer workers",
	        s->alpha, ATTEMPTS, ask->samples, ask->sharers, ask->worker[poor], got,
	        (long long)ask->batch[poor]);
}

static int dirichlet_sizes(const void *state, const struct partition_ask *ask, size_t *size, struct err *e)
{
	const struct dirichlet *s = state;
	(void)e;
	if (s->as == AS_BYZFL)
		return 1;
	for (int m = 0; m < ask->sharers; m++)
		size[m] = partition_cut(ask->samples, m + 1, ask->sharers) -
		          partition_cut(ask->samples, m, ask->sharers);
	return 0;
}

static int dirichlet_deal(const void *state, const struct partition_ask *ask, uint32_t *order, size_t *size,
                          struct err *e)
{
	const struct dirichlet *d = state;
	size_t sharers = (size_t)ask->sharers, classes = (size_t)ask->classes;
	struct sharing s = {.ask = ask, .alpha = d->alpha};
	s.count = mem_array(classes, sizeof *s.count);
	s.take = mem_array(sharers, classes * sizeof *s.take);
	s.shape = mem_array(sharers > classes ? sharers : classes, sizeof *s.shape);
	s.q = mem_array(sharers, (d->as == AS_HSU ? classes : 1) * sizeof *s.q);
	int rc = attempts(&s, d->as, e);
	if (!rc)
		partition_by_class(ask, s.take, order, size);
	mem_free(s.q);
	mem_free(s.shape);
	mem_free(s.take);
	mem_free(s.count);
	return rc;
}

static const char *const as_names[] = {"byzfl", "hsu", NULL};

static const struct key dirichlet_keys[] = {
        {.name = "alpha",
         .also = "concentration, dirichlet_alpha, dir_alpha",
         .kind = KEY_REAL,
         .offset = offsetof(struct dirichlet, alpha),
         .lowest = 1e-6,
         .highest = 1e6,
         .help = "concentration: the smaller, the more unequal"},
        {.name = "as",
         .kind = KEY_CHOICE,
         .offset = offsetof(struct dirichlet, as),
         .default_json = "\"byzfl\"",
         .choices = as_names,
         .help = "byzfl: each class over the workers, so that sizes differ too; hsu: each worker over the "
                 "classes, as Hsu et al. 2019 have it, with equal sizes"},
        {0},
};

const struct partition_row partition_dirichlet = {
        .row = {.name = "dirichlet",
                .also = "dirichlet_niid, dir, lda, noniid_labeldir",
                .about = "shares of the classes are drawn from a Dirichlet distribution; all samples are in "
                         "use",
                .formula =
                        "byzfl: for every class q ~ Dir(alpha 1_M), and its N_c samples in random order are "
                        "cut at floor(cumsum(q) N_c) (as ByzFL, Blades and FLPoison). hsu: for every worker "
                        "q ~ Dir(alpha p), p_c = N_c / N (Hsu, Qi and Brown 2019, arXiv 1909.06335); in turn "
                        "each takes a sample of a class drawn by q among those that have some left. Drawn "
                        "anew, up to 100 times, while some worker has less than its batch",
                .keys = dirichlet_keys,
                .state_bytes = sizeof(struct dirichlet)},
        .drawn = true,
        .sizes = dirichlet_sizes,
        .deal = dirichlet_deal,
};
