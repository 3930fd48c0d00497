/* Eigenvalues of weighted covariances: see spread.h. */
#include "aggregator/spread.h"
#include <float.h>
#include <string.h>

enum { SWEEPS_MOST = 60 /* ten suffice */ };

/* --- a symmetric matrix a [n][n] ---------------------------------------------------------------------- */

static void turn(double *x, double *y, double c, double s)
{
	double held = *x;
	*x = c * held - s * *y;
	*y = s * held + c * *y;
}

/* Rotate rows and columns p and q so that a_pq becomes 0; the rows of `vectors` turn along. */
static void rotate(double *a, double *vectors, size_t n, size_t p, size_t q)
{
	double theta = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q]);
	double t = copysign(1 / (fabs(theta) + hypot(theta, 1)), theta), c = 1 / hypot(t, 1), s = t * c;
	for (size_t k = 0; k < n; k++)
		turn(&a[k * n + p], &a[k * n + q], c, s);
	for (size_t k = 0; k < n; k++)
		turn(&a[p * n + k], &a[q * n + k], c, s);
	for (size_t k = 0; k < n; k++)
		turn(&vectors[p * n + k], &vectors[q * n + k], c, s);
	a[p * n + q] = a[q * n + p] = 0;
}

/* Rotate what is larger than `small`; was there any? */
static bool sweep(double *a, double *vectors, size_t n, double small)
{
	bool any = false;
	for (size_t p = 0; p < n; p++)
		for (size_t q = p + 1; q < n; q++)
			if (fabs(a[p * n + q]) > small) {
				rotate(a, vectors, n, p, q);
				any = true;
			}
	return any;
}

/* a becomes the diagonal of eigenvalues, `vectors` the eigenvectors in rows. The row of the greatest one. */
static size_t diagonalize(double *a, double *vectors, size_t n)
{
	size_t greatest = 0;
	double trace = 0;
	memset(vectors, 0, n * n * sizeof *vectors);
	for (size_t i = 0; i < n; i++)
		vectors[i * n + i] = 1;
	for (size_t i = 0; i < n; i++)
		trace += a[i * n + i];
	for (int i = 0; i < SWEEPS_MOST && sweep(a, vectors, n, DBL_EPSILON * trace / (double)n); i++)
		;
	for (size_t i = 1; i < n; i++)
		if (a[i * n + i] > a[greatest * n + greatest])
			greatest = i;
	return greatest;
}

/* --- the covariance ------------------------------------------------------------------------------------- */

/* <x_i - mu, x_k - mu> = (o_i + o_k - D_ik) / 2, with the offsets o_i = ||x_i - mu||^2. */
static double product(const struct rule_view *v, const double *offset, int i, int k)
{
	return 0.5 * (offset[i] + offset[k] - rule_distance(v, i, k));
}

/* ||x_i - mu||^2 = sum_k q_k D_ik - q'Dq / 2. */
static void set_offsets(const struct rule_view *v, const double *q, double *offset)
{
	double all = 0;
	for (int i = 0; i < v->n; i++) {
		offset[i] = 0;
		for (int k = 0; k < v->n; k++)
			offset[i] += q[k] * rule_distance(v, i, k);
		all += q[i] * offset[i];
	}
	for (int i = 0; i < v->n; i++)
		offset[i] -= 0.5 * all;
}

static void set_matrix(const struct rule_view *v, const double *q, double *squares, double *offset)
{
	size_t n = (size_t)v->n;
	set_offsets(v, q, offset);
	for (int i = 0; i < v->n; i++)
		for (int k = 0; k < v->n; k++)
			squares[(size_t)i * n + (size_t)k] = sqrt(q[i] * q[k]) * product(v, offset, i, k);
}

double spread_greatest(const struct rule_view *v, const double *q, double *squares, double *offset,
                       double *along)
{
	size_t n = (size_t)v->n;
	set_matrix(v, q, squares, offset);
	size_t top = diagonalize(squares, squares + n * n, n);
	double value = fmax(0, squares[top * n + top]);
	const double *u = squares + (n + top) * n;
	for (int i = 0; i < v->n; i++) {
		double sum = 0;
		for (int k = 0; k < v->n; k++)
			sum += sqrt(q[k]) * u[k] * product(v, offset, i, k);
		along[i] = q[i] > 0 && value > 0 ? sum * sum / value : 0;
	}
	return value;
}

/* --- the greatest eigenvalue alone ---------------------------------------------------------------------- */

/* x [n] -> the vector v with (I - beta v v') x = (alpha, 0, ...), in place; alpha comes back. */
static double reflect(double *x, size_t n, double *beta)
{
	double square = 0, alpha;
	for (size_t i = 1; i < n; i++)
		square += x[i] * x[i];
	*beta = 0;
	if (!(square > 0))
		return x[0];
	alpha = -copysign(sqrt(x[0] * x[0] + square), x[0]);
	x[0] -= alpha;
	*beta = 2 / (x[0] * x[0] + square);
	return alpha;
}

/* a [m][m] in rows of n -> (I - beta v v') a (I - beta v v') = a - v w' - w v'; w [m] is scratch. */
static void reflect_both(double *a, size_t n, size_t m, const double *v, double beta, double *w)
{
	double along = 0;
	for (size_t i = 0; i < m; i++) {
		double sums[4] = {0};
		size_t k = 0;
		for (; k + 4 <= m; k += 4)
			for (size_t j = 0; j < 4; j++)
				sums[j] += a[i * n + k + j] * v[k + j];
		for (; k < m; k++)
			sums[0] += a[i * n + k] * v[k];
		w[i] = beta * ((sums[0] + sums[1]) + (sums[2] + sums[3]));
		along += v[i] * w[i];
	}
	for (size_t i = 0; i < m; i++)
		w[i] -= 0.5 * beta * along * v[i];
	for (size_t i = 0; i < m; i++)
		for (size_t k = 0; k < m; k++)
			a[i * n + k] -= v[i] * w[k] + w[i] * v[k];
}

/* a [n][n] becomes tridiagonal in its diagonal and beside[k] = a_(k, k + 1); rows of a are used up. */
static void make_tridiagonal(double *a, size_t n, double *beside, double *w)
{
	for (size_t k = 0; k + 1 < n; k++) {
		double beta, *v = a + k * n + k + 1;
		size_t m = n - k - 1;
		beside[k] = reflect(v, m, &beta);
		if (beta > 0)
			reflect_both(a + (k + 1) * (n + 1), n, m, v, beta, w);
	}
}

/* Are all eigenvalues below x? */
static bool all_below(const double *a, size_t n, const double *beside, double x)
{
	double pivot = 1;
	for (size_t i = 0; i < n; i++) {
		double side = i > 0 ? beside[i - 1] : 0;
		pivot = a[i * (n + 1)] - x - (i > 0 ? side * side / pivot : 0);
		if (!(pivot < 0))
			return false;
	}
	return true;
}

double spread_value(const struct rule_view *v, const double *q, double *squares, double *offset, double *line)
{
	size_t n = (size_t)v->n;
	double low = 0, high = 0;
	set_matrix(v, q, squares, offset);
	for (size_t i = 0; i < n; i++)
		high += squares[i * (n + 1)]; /* the trace: none is negative but for rounding */
	make_tridiagonal(squares, n, line, offset);
	for (double middle = 0.5 * high; low < middle && middle < high; middle = low + 0.5 * (high - low)) {
		if (all_below(squares, n, line, middle))
			high = middle;
		else
			low = middle;
	}
	return fmax(0, high);
}
