/*
 * The subset of least spread: see least_spread.h.
 *
 * Subsets are built message by message, in lexicographic order. For messages s_0 .. s_k, seen from s_0, with
 * P = <x_i - s_0, x_k - s_0> of the others, the scatter sum (x - mu)(x - mu)' has eigenvalues below B alone
 * if and only if B (I + 11') - P is positive definite: put u = (-1'y, y) into u'Gu < B u'u, G the Gram
 * matrix, as only u that sum to 0 count. Its Cholesky factor grows by a row a message, and ends where a pivot
 * is not positive. A scatter does not become smaller by a message more, so what ends there ends with
 * everything that begins alike.
 */
#include "aggregator/least_spread.h"
#include "aggregator/spread.h"

struct search {
	const struct rule_view *v;
	struct rule_plan *p;
	int size;
	uint32_t *set;   /* [size] the messages so far */
	double *factor;  /* [n][n] row k is of set[k]; that of set[0] is not used */
	double bound;    /* what the greatest eigenvalue must be less than */
	double factored; /* the bound that `factor` is of */
};

/* Of elements 1 to count - 1; chains of additions run beside each other. */
static double dot(int count, const double *a, const double *b)
{
	double sums[4] = {0};
	int i = 1;
	for (; i + 4 <= count; i += 4)
		for (int k = 0; k < 4; k++)
			sums[k] += a[i + k] * b[i + k];
	for (; i < count; i++)
		sums[0] += a[i] * b[i];
	return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/* The next row of the factor. False: the messages up to this one spread too much. */
static bool factor_row(const struct search *s, int k)
{
	size_t n = (size_t)s->v->n;
	int first = (int)s->set[0], own = (int)s->set[k];
	double limit = s->size * s->bound, square = rule_distance(s->v, own, first),
	       *row = s->factor + (size_t)k * n, pivot = 2 * limit - square;
	for (int j = 1; j < k; j++) {
		int other = (int)s->set[j];
		const double *above = s->factor + (size_t)j * n;
		double sum = limit - 0.5 * (square + rule_distance(s->v, other, first) -
		                            rule_distance(s->v, own, other));
		row[j] = (sum - dot(j, row, above)) / above[j];
		pivot -= row[j] * row[j];
	}
	row[k] = sqrt(fmax(0, pivot));
	return pivot > 0;
}

/*
 * Can the set go on with its message number k? The bound may have fallen since the others were factored: rows
 * of a larger bound would let sets pass that judge() then refuses, at the cost of an eigenvalue each.
 */
static bool extends(struct search *s, int k)
{
	for (int j = 1; j < k && s->factored != s->bound; j++)
		if (!factor_row(s, j))
			return false;
	s->factored = s->bound;
	return k == 0 || factor_row(s, k);
}

/* Keep the set if it is better than the best so far. */
static void judge(struct search *s)
{
	int n = s->v->n;
	double *q = s->p->scratch, *offset = q + s->v->rows, *along = offset + s->v->rows;
	for (int i = 0; i < n; i++)
		q[i] = 0;
	for (int k = 0; k < s->size; k++)
		q[s->set[k]] = 1.0 / s->size;
	double spread = spread_value(s->v, q, s->p->squares + (size_t)n * (size_t)n, offset, along);
	if (!(spread < s->bound))
		return;
	s->bound = spread * (1 - LEAST_SPREAD_SAME);
	for (int i = 0; i < n; i++)
		s->p->chosen[i] = q[i] > 0;
}

static void search(struct search *s, int k, int from)
{
	if (k == s->size)
		judge(s);
	for (int i = from; k < s->size && s->v->n - i >= s->size - k; i++) {
		s->set[k] = (uint32_t)i;
		if (extends(s, k))
			search(s, k + 1, i + 1);
	}
}

void least_spread(const struct rule_view *v, struct rule_plan *p)
{
	struct search s = {.v = v,
	                   .p = p,
	                   .size = v->n - v->f,
	                   .set = p->order,
	                   .factor = p->squares,
	                   .bound = INFINITY,
	                   .factored = INFINITY};
	judge(&s); /* `order` begins with the first set */
	search(&s, 0, 0);
}
