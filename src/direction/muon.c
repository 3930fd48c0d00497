/*
 * Direction `muon`: momentum, of which each matrix is brought near its polar factor: U W' of m = U S W'. So
 * all directions that the matrix acts along weigh alike.
 *
 * Five steps of an iteration named after Newton and Schulz: X <- a X + (b A + c A^2) X, A = X X', from X = m
 * / |m|_F, whose singular values are at most 1. Jordan et al. 2024 chose a, b and c so that small singular
 * values grow fast: after five steps they are near 1, most of them between 0.7 and 1.2, not at it. With more
 * rows than columns X (b A + c A^2), A = X' X, is the same and multiplies smaller matrices.
 */
#include <float.h>
#include <math.h>
#include "direction/direction.h"

enum { STEPS = 5 };
_Static_assert(STEPS % 2 == 1, "the last step writes to where the vector is");

static const float A = 3.4445F, B = -4.7750F, C = 2.0315F;

/* A matrix on its way, and what its steps need. */
struct polar {
	size_t rows, columns, side; /* side: the smaller of the two */
	float *gram, *powers;       /* [side][side] A; b A + c A^2 */
};

/* Parts of the scratch begin at multiples of 64 bytes. */
static size_t padded(size_t floats)
{
	return (floats + 15) / 16 * 16;
}

static struct polar polar_of(struct layer_range at)
{
	size_t columns = (at.end - at.begin) / at.rows;
	return (struct polar){
	        .rows = at.rows, .columns = columns, .side = at.rows < columns ? at.rows : columns};
}

/* The largest of the matrices and two squares of its side; a smaller one may have the larger squares. */
static size_t muon_scratch_floats(const struct layers *layers, size_t n)
{
	size_t most = 0;
	for (size_t i = 0; i < layers_count(layers); i++) {
		struct layer_range at = layers_at(layers, n, i);
		if (at.rows == 0)
			continue;
		struct polar p = polar_of(at);
		size_t floats = padded(at.end - at.begin) + 2 * padded(p.side * p.side);
		most = floats > most ? floats : most;
	}
	return most;
}

/* x [rows][columns] to `next`. */
static void step(const struct step_job *job, const struct polar *p, const float *x, float *next)
{
	const struct backend *be = job->be;
	bool wide = p->rows <= p->columns;
	size_t k = p->side, count = p->rows * p->columns;
	be->gemm(job->queue, !wide, wide, k, k, wide ? p->columns : p->rows, 1, x, x, 0, p->gram);
	be->memory->copy(job->queue, p->powers, p->gram, k * k * sizeof *x);
	be->gemm(job->queue, false, false, k, k, k, C, p->gram, p->gram, B, p->powers);
	be->memory->copy(job->queue, next, x, count * sizeof *x);
	be->gemm(job->queue, false, false, p->rows, p->columns, k, 1, wide ? p->powers : x,
	         wide ? x : p->powers, A, next);
}

/* v of the matrix that m has there. What is too small to be divided by its norm stays 0, as 0 does. */
static void turn_matrix(const struct step_job *job, const struct turning *t, struct layer_range at)
{
	struct polar p = polar_of(at);
	size_t count = at.end - at.begin;
	float *x = t->scratch, *next = t->v + at.begin;
	p.gram = x + padded(count);
	p.powers = p.gram + padded(p.side * p.side);
	job->be->sum_square(job->queue, count, t->m + at.begin, t->number);
	double norm = sqrt(memory_number(job->be->memory, job->queue, t->number));
	job->be->scale(job->queue, count, norm < FLT_MIN ? 0 : (float)(1 / norm), t->m + at.begin, x);
	for (int i = 0; i < STEPS; i++) {
		step(job, &p, x, next);
		float *made = next;
		next = x;
		x = made;
	}
}

static void muon_turn(const struct step_job *job, const struct turning *t, size_t begin, size_t end)
{
	(void)begin, (void)end; /* whole: 0..n */
	job->be->momentum(job->queue, job->n, t->beta, t->g, t->m);
	for (size_t i = 0; i < layers_count(job->layers); i++) {
		struct layer_range at = layers_at(job->layers, job->n, i);
		if (at.rows > 0)
			turn_matrix(job, t, at);
		else
			job->be->memory->copy(job->queue, t->v + at.begin, t->m + at.begin,
			                      (at.end - at.begin) * sizeof *t->v);
	}
}

const struct direction direction_muon = {
        .row = {.name = "muon",
                .also = "signmuon, sign_muon, newton_schulz, polar, orthogonal, shampoo",
                .about = "momentum, each matrix of it near its polar factor: SignMuon where signs are sent",
                .formula = "m_m <- (1 - beta) g_m + beta m_m, beta the experiment's `momentum`. Of each "
                           "matrix (a convolution's weight has a row an output channel): X = m / |m|_F, five "
                           "times X <- 3.4445 X + (-4.775 A + 2.0315 A^2) X, A = X X' (Jordan et al. 2024); "
                           "all other numbers are sent as they are in m. With aggregator \"vote\" it is "
                           "SignMuon (arXiv 2605.16311). The two have sizes of their own, which signs forget "
                           "and compressor \"none\" does not. About 20 r^2 c + 10 r^3 multiplications and "
                           "additions a matrix of r rows and c >= r columns, a worker and step"},
        .whole = true,
        .scratch_floats = muon_scratch_floats,
        .turn = muon_turn,
};
