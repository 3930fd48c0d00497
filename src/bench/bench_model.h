/*
 * `signsgd bench model`: how fast a model trains. Every lane is a worker with its own batch of noise; a round
 * is forward and backward on each, the mean of the gradients, and a step of SGD: the same work as one step of
 * a run under `mean`, without data set and record.
 */
#ifndef SIGNSGD_BENCH_BENCH_MODEL_H
#define SIGNSGD_BENCH_BENCH_MODEL_H

#include <stddef.h>
#include "base/err.h"
#include "models/model.h"

struct bench_model_options {
	const char *model;         /* a row's name */
	const char *backend;       /* a row's name */
	const void *backend_state; /* its parsed keys; NULL: as they are by themselves */
	struct data_shape shape;   /* of samples; all 0: what the model was made for */
	int batch, lanes;          /* samples for each lane and round */
	double seconds;            /* about how long to measure */
};

struct bench_model_result {
	struct data_shape shape; /* the shape that was measured */
	size_t n_params;
	double round_s, round_s_low, round_s_high; /* median and quartiles */
	double samples_per_s;                      /* of all lanes, by the median; text: tokens */
	double gflops;                             /* necessary multiplications and additions per second */
	double sgemm_gflops;                       /* of all lanes, products of 768 x 768 in the same run */
	double share;                              /* gflops / sgemm_gflops, median of the paired ratios */
	size_t lane_bytes, shared_bytes, vector_bytes,
	        peak_bytes; /* activations of each lane; weights in another layout;
	                       x and gradients; peak of the process */
	size_t n_layers;
	struct layer_info *layer; /* [n_layers], times of one batch on lane 0; free with mem_free() */
};

/* -1 and a sentence when there is no such model or it cannot take such samples. */
int bench_model(const struct bench_model_options *o, struct bench_model_result *out, struct err *e);

#endif
