/*
 * Convolution without cuDNN: rows of what kernels see, times filters, by cuBLAS. Images are channels-last,
 * filters [out][kernel h][kernel w][in / groups]; all are float32, multiplied in the precision.
 */
#ifndef SIGNSGD_BACKEND_CUDA_COLUMNS_H
#define SIGNSGD_BACKEND_CUDA_COLUMNS_H

#include "backend/cuda/image.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes at `columns`, on the device, that each of the functions below works in. */
size_t cuda_columns_bytes(const struct image_spec *s);

void cuda_columns_forward(struct queue *q, enum cuda_precision precision, const struct image_spec *s,
                          const float *in, const float *filters, void *columns, float *out);
/* The gradient of the filters, */
void cuda_columns_weights(struct queue *q, enum cuda_precision precision, const struct image_spec *s,
                          const float *in, const float *d_out, void *columns, float *d_filters);
/* and of the input. */
void cuda_columns_input(struct queue *q, enum cuda_precision precision, const struct image_spec *s,
                        const float *filters, const float *d_out, void *columns, float *d_in);

#ifdef __cplusplus
}
#endif

#endif
