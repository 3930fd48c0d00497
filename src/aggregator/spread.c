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

double spread_greatest(const struct rule_view *v, const double *q, double *squares, double *offset,
                       double *along)
{
	size_t n = (size_t)v->n;
	set_offsets(v, q, offset);
	for (int i = 0; i < v->n; i++)
		for (int k = 0; k < v->n; k++)
			squares[(size_t)i * n + (size_t)k] = sqrt(q[i] * q[k]) * product(v, offset, i, k);
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
