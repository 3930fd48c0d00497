/*
 * Several batches at once: which kernels may work on the batches of many workers in one call, because each
 * batch gets the bits that it has alone. What is not named here runs batch by batch.
 *
 * Elementwise kernels (relu, add_bias, tanh, ...) and those that move numbers always may: they work number by
 * number, row by row or image by image. Sums over a batch (sum_rows, gradients of weights, statistics of a
 * normalisation, losses) and random numbers never do, because they belong to one worker.
 *
 * clang-format off
 *             products        convolutions     pools
 *   ref       joined          joined           joined    plain loops over rows and images
 *   guarded   as ref
 *   cpu       joined          our own: joined  joined    our own products and convolutions have one order of
 *                                                        sums for any number of rows and images; oneDNN
 *                                                        chooses kernels, and with them the order, by the
 *                                                        number of images. Where OpenBLAS multiplies (no
 *                                                        AVX2), pools alone: it chooses by the rows, too
 *   cuda      one by one      one by one       joined    the same of cuBLAS and cuDNN
 * clang-format on
 *
 * tests/models/test_joins.c holds the table over the shapes of all layers of the registry's models. Joined
 * convolutions of oneDNN 2.6.3 do not differ with AVX2; but what a table says must be true of every processor
 * and version, so it leaves them alone.
 */
#ifndef SIGNSGD_BACKEND_JOINS_H
#define SIGNSGD_BACKEND_JOINS_H

#include "backend/image.h"

struct joins {
	/* C [m][n] = A [m][k] op(B), of one batch: may the rows of several be those of one A? NULL: never. */
	bool (*product)(bool tb, size_t m, size_t n, size_t k);
	/* The layer for one batch, never a normalisation: may one for the images of several take its place?
	 * Of a convolution, what comes out and the gradient of what goes in. NULL: pools alone. */
	bool (*convolution)(const struct image_spec *one);
};

static inline bool joins_product(const struct joins *j, bool tb, size_t m, size_t n, size_t k)
{
	return j->product && j->product(tb, m, n, k);
}

static inline bool joins_layer(const struct joins *j, const struct image_spec *one)
{
	if (one->kind == IMAGE_CONV)
		return j->convolution && j->convolution(one);
	return one->kind != IMAGE_NORM;
}

#endif
