/*
 * Layers on images, for `signsgd check` and the tests: run one layer on one backend, with plain rows as input
 * and output, and compare two such runs.
 */
#ifndef SIGNSGD_CHECK_CHECK_IMAGE_H
#define SIGNSGD_CHECK_CHECK_IMAGE_H

#include "check/check.h"

/* Input and output of a layer, as rows and canonical parameters. Owned. */
struct image_run {
	struct image_spec spec;
	size_t in_floats, out_floats, w_floats, b_floats; /* of one array each; 0: there is none */
	float *in, *w, *b, *running, *d_out;              /* given; running: norm, [2][channels] */
	float *added, *more;                              /* given; of a norm with `add` */
	float *out, *inferred;                            /* training forward; inference forward */
	float *d_in, *dw, *db, *statistics;               /* norm: statistics [2][channels] */
	float *d_added;                                   /* norm with `add` */
	bool padding_kept;                                /* all filling channels were zero */
	bool halves_same; /* conv: backward() without weights, then weights_back(), gave the same bits */
};

/* Random input, a function of the seed; coarse numbers, whose sums are exact, if the layer ends in a ReLU. */
void image_run_open(struct image_run *r, const struct image_spec *spec, uint64_t seed);
void image_run_close(struct image_run *r);

/* Open the layer on this backend, run it forward (and backward if the spec says so), and close it. */
void image_run_on(const struct backend *be, struct image_run *r);

/*
 * The largest difference between outputs of `got` and `want`, each relative to the sum of the absolute values
 * of its summands, because rounding errors grow with that. Infinite when padding is not zero, or a pass back
 * in halves had other bits.
 */
double image_run_error(const struct backend *ref, const struct image_run *want, const struct image_run *got);

/* A spec with the size of its output filled in. */
struct image_spec image_window_spec(enum image_kind kind, struct image in, int out_channels,
                                    const int kernel[2], const int stride[2], const int pad[2]);

/* Calls `tell` for each kind of layer and table, as for kernels. Returns the number that failed. */
int check_images(const struct backend *ref, const struct check_table *tables, size_t count,
                 void (*tell)(void *ctx, const struct check_result *r), void *ctx);

/* The same for what moves numbers of images without being a layer: shortcut A and the adaptive mean. */
int check_image_moves(const struct backend *ref, const struct check_table *tables, size_t count,
                      void (*tell)(void *ctx, const struct check_result *r), void *ctx);

#endif
