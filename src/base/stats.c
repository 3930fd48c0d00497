/* Sorting and selecting: see base/stats.h. */
#include "base/stats.h"
#include <math.h>

static void swap(double *a, double *b)
{
	double held = *a;
	*a = *b;
	*b = held;
}

/* Let x[at] sink to its place in the heap x[0..n-1], the largest at the root. */
static void sink(double *x, size_t at, size_t n)
{
	for (size_t child = 2 * at + 1; child < n; child = 2 * at + 1) {
		if (child + 1 < n && x[child] < x[child + 1])
			child++;
		if (!(x[at] < x[child]))
			return;
		swap(&x[at], &x[child]);
		at = child;
	}
}

void stats_sort(double *x, size_t n)
{
	for (size_t i = n / 2; i-- > 0;)
		sink(x, i, n);
	for (size_t end = n; end-- > 1;) {
		swap(&x[0], &x[end]);
		sink(x, 0, end);
	}
}

static double middle_of_three(double a, double b, double c)
{
	double low = a < b ? a : b, high = a < b ? b : a;
	return c < low ? low : c > high ? high : c;
}

double stats_select(double *x, size_t n, size_t k)
{
	ptrdiff_t low = 0, high = (ptrdiff_t)n - 1, wanted = (ptrdiff_t)k;
	while (low < high) {
		double pivot = middle_of_three(x[low], x[low + (high - low) / 2], x[high]);
		ptrdiff_t i = low, j = high;
		while (i <= j) {
			while (x[i] < pivot)
				i++;
			while (pivot < x[j])
				j--;
			if (i <= j)
				swap(&x[i++], &x[j--]);
		}
		if (wanted <= j)
			high = j;
		else if (wanted >= i)
			low = i;
		else
			break;
	}
	return x[wanted];
}

double stats_quantile(double *x, size_t n, double q)
{
	size_t rank = (size_t)ceil(q * (double)n);
	return stats_select(x, n, rank > 0 ? rank - 1 : 0);
}

double stats_median(const double *sorted, size_t n)
{
	return n % 2 ? sorted[n / 2] : 0.5 * (sorted[n / 2 - 1] + sorted[n / 2]);
}

void stats_mark_least(const double *x, size_t n, size_t k, bool *marked)
{
	for (size_t i = 0; i < n; i++) {
		size_t before = 0;
		for (size_t j = 0; j < n; j++)
			before += x[j] < x[i] || (x[j] == x[i] && j < i);
		marked[i] = before < k;
	}
}
