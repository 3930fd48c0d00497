/*
 * The backend `cuda`: an NVIDIA GPU. All of src/backend/cuda is the module signsgd-cuda.so, which the row
 * (backend/cuda_row.h) opens. Kernels of our own stand in *.cu files, each a kernel and the function of the
 * table that launches it; products go to cuBLAS, convolutions and normalisation to cuDNN, which are opened
 * while the program runs (library.h).
 *
 * A queue is a CUDA stream with what the libraries and our sums need to work in it; all of it is made when
 * the queue is opened, and nothing is allocated in a step. Numbers that a kernel gets by pointer from the
 * host travel as parameters of the launch. What a lane does for a gradient is captured as CUDA graphs
 * (capture.c; models/graph/walk.h says what goes into one).
 *
 * Bits: sign kernels, random numbers and elementwise kernels give those of `ref` (-fmad=false, IEEE division
 * and square root), but for tanh and sigmoid, which are CUDA's. Sums and products give the same bits for the
 * same card model and library versions, whatever else runs, for any number of queues: no atomics, no choice
 * by timing.
 */
#ifndef SIGNSGD_BACKEND_CUDA_CUDA_H
#define SIGNSGD_BACKEND_CUDA_CUDA_H

#include <cuda_runtime_api.h>

#include "backend/backend.h"
#include "backend/cuda_row.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of a queue's scratch for our own kernels (partial sums, lists of votes), and of cuBLAS's workspace.
 */
enum { CUDA_SCRATCH = 1 << 20, CUDA_WORKSPACE = 32 << 20 };

/*
 * Where bytes of the host wait for their way to the device, which reads this memory by itself: halves of
 * CUDA_STAGING bytes in turn, each free when its event has happened.
 */
enum { CUDA_STAGING = 1 << 20 };
struct cuda_staging {
	char *half[2];
	cudaEvent_t sent[2];
	int next;
};

/* Work that is captured (capture.c). */
struct cuda_capture {
	cudaStream_t stream;
	struct capture_streams streams;
	struct err why; /* it cannot be replayed */
};

struct queue {
	cudaStream_t stream;
	struct cuda_staging staging;
	void *scratch;   /* the device's, CUDA_SCRATCH bytes; contents do not outlive a kernel of the table */
	void *products;  /* handle of cuBLAS; NULL: it is not there */
	void *workspace; /* its workspace on the device */
	void *layers;    /* handle of cuDNN; NULL: it is not there */
	struct cuda_capture capture;
};

struct mark {
	cudaEvent_t event;
};

/* The one device that this process works on. */
struct cuda_machine {
	int device;
	int capability; /* 10 times its compute capability */
};
extern struct cuda_machine cuda_machine;

/* Before work is given to a queue: makes the device this thread's current one. */
void cuda_here(void);

/* check.c */
/*
 * Dies with a sentence that has `what` and the runtime's word for the status, unless it is success. While
 * this thread captures work, what cannot be captured only ends the capture.
 */
void cuda_check(cudaError_t status, const char *what);
/* The same of a library that was asked to do something and did not: returns if it was the capture's fault. */
void cuda_library_failed(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What this thread captures from now on; NULL: nothing any more. */
void cuda_capture_set(struct cuda_capture *c);
/*
 * Called by what depends on numbers that the host has in this step and perhaps not in the next, such as lr,
 * the momentum's beta or coins: a capture that meets it is given up. true: so it was, and as nothing of the
 * capture will be done, the caller need not go on.
 */
bool cuda_once(const char *what);
/* Where a kernel that is captured will read the stream; NULL: the stream is as it is now. */
const struct stream *cuda_stream_there(const struct stream *s);
extern const struct captures cuda_captures; /* capture.c */

extern const struct memory cuda_memory; /* memory.c */
/* Is all work of the queue done? Does not wait. */
bool cuda_finished(struct queue *q);

/* Kernels of backend.h, where they are defined: each as the table says. */
/* sign.cu */
void cuda_sign_pack(struct queue *q, size_t n, const float *v, enum sign_policy zero,
                    const struct stream *coins, size_t first, uint64_t *vote, uint64_t *abstain);
void cuda_noise_pack(struct queue *q, size_t n, const float *v, const struct sign_noise *noise,
                     const struct stream *coins, size_t first, uint64_t *vote);
void cuda_sign_unpack(struct queue *q, size_t n, const uint64_t *vote, const uint64_t *abstain, float *v);
void cuda_sign_apply(struct queue *q, size_t n, const uint64_t *vote, const uint64_t *abstain, float lr,
                     float decay, float *x);
void cuda_momentum_pack(struct queue *q, size_t n, float beta, const float *g, float *v,
                        enum sign_policy zero, const struct stream *coins, size_t first, uint64_t *vote,
                        uint64_t *abstain);
/* majority.cu */
void cuda_majority(struct queue *q, size_t n, const struct votes *b, enum sign_policy tie,
                   const struct stream *coins, size_t first, uint64_t *pull_vote, uint64_t *pull_abstain);
/* elements.cu */
void cuda_momentum(struct queue *q, size_t n, float beta, const float *g, float *v);
void cuda_scale(struct queue *q, size_t n, float a, const float *x, float *out);
void cuda_add(struct queue *q, size_t n, const float *x, float *sum);
void cuda_descend(struct queue *q, size_t n, const float *d, float lr, float decay, float *x);
void cuda_adam(struct queue *q, size_t n, const float *g, float b1, float b2, float eps, float c1, float c2,
               float lr, float decay, float *m, float *s, float *x);
void cuda_constant(struct queue *q, size_t n, float value, float *out);
void cuda_multiply(struct queue *q, size_t n, const float *a, const float *x, float *out);
/* random.cu */
void cuda_normal(struct queue *q, size_t n, float sigma, const struct stream *s, size_t first,
                 const float *mean, float *out);
void cuda_dropout(struct queue *q, size_t n, float rate, const struct stream *s, size_t first, const float *x,
                  float *out);
void cuda_flip(struct queue *q, size_t n, uint64_t limit, const struct stream *s, size_t first,
               const float *x, float *out);
void cuda_random_sign(struct queue *q, size_t n, const struct stream *s, size_t first, const float *x,
                      float *out);
/* sums.cu */
void cuda_sum_abs(struct queue *q, size_t n, const float *x, double *out);
void cuda_sum_square(struct queue *q, size_t n, const float *x, double *out);
void cuda_dot(struct queue *q, size_t n, const float *x, const float *y, double *out);
void cuda_max_abs(struct queue *q, size_t n, const float *x, double *out);
void cuda_sum_rows(struct queue *q, size_t rows, size_t n, const float *y, float *out);
/* hash.cu */
void cuda_hash(struct queue *q, size_t n, uint64_t seed, const float *x, uint64_t *out);
/* layers.cu */
void cuda_add_bias(struct queue *q, size_t rows, size_t n, const float *bias, float *y);
void cuda_relu(struct queue *q, size_t n, float *y);
void cuda_relu_back(struct queue *q, size_t n, const float *y, float *dy);
void cuda_tanh(struct queue *q, size_t n, float *y);
void cuda_tanh_back(struct queue *q, size_t n, const float *y, float *dy);
void cuda_sigmoid(struct queue *q, size_t n, float *y);
void cuda_sigmoid_back(struct queue *q, size_t n, const float *y, float *dy);
void cuda_add_relu(struct queue *q, size_t n, const float *x, float *y);
/* recurrence.cu */
void cuda_embed(struct queue *q, size_t count, size_t width, const int32_t *token, const float *factor,
                const float *table, float *out);
void cuda_embed_back(struct queue *q, size_t count, size_t width, const int32_t *token, const float *factor,
                     const float *d, float *d_table);
void cuda_recur(struct queue *q, size_t steps, size_t n, const float *f, const float *z, const float *start,
                float *cell);
void cuda_recur_back(struct queue *q, size_t steps, size_t n, const float *d, const float *cell,
                     const float *start, float *d_cell, float *z, float *f);
void cuda_pair(struct queue *q, size_t rows, size_t count, size_t n, const float *x, float *last, float *out);
void cuda_pair_back(struct queue *q, size_t rows, size_t count, size_t n, const float *d, float *d_x);
/* loss.cu */
void cuda_softmax_loss(struct queue *q, size_t rows, size_t n, float *z, const int32_t *label, bool back,
                       float weight, struct loss *out);
/* data.cu */
void cuda_pixels(struct queue *q, size_t images, size_t channels, size_t plane, const uint8_t *p,
                 const float *factor, const float *shift, float *out);
void cuda_gather(struct queue *q, const struct gather *from, size_t count, const uint32_t *index,
                 const struct stream *coins, uint8_t *out, int32_t *label);
/* gemm.c: by cuBLAS, in each precision */
enum { CUDA_PRECISIONS = CUDA_BF16 + 1 };
typedef void cuda_gemm_fn(struct queue *q, bool ta, bool tb, size_t m, size_t n, size_t k, float alpha,
                          const float *a, const float *b, float beta, float *c);
extern cuda_gemm_fn *const cuda_gemm[CUDA_PRECISIONS];
/* The same of matrices whose rows begin so many numbers behind each other; no side is 0. */
void cuda_gemm_in(struct queue *q, enum cuda_precision precision, bool ta, bool tb, size_t m, size_t n,
                  size_t k, float alpha, const float *a, size_t lda, const float *b, size_t ldb, float beta,
                  float *c, size_t ldc);

/* The libraries' handles and workspaces, made when a queue is opened, where the libraries are there. */
bool cuda_products_there(void);           /* handle.c */
void cuda_products_open(struct queue *q); /* its workspace is there */
void cuda_products_close(struct queue *q);
void cuda_layers_open(struct queue *q);
void cuda_layers_close(struct queue *q);

/* order.cu: kernels of backend/rules.h; the others of them are in rules.cu */
enum { CUDA_SORTED_AT_ONCE = 32 };
void cuda_order(struct queue *q, struct rules_piece p, int n, const struct rules_row *x, enum rules_form form,
                struct rules_order what, void *values, float *to);
void cuda_median(struct queue *q, struct rules_piece p, int n, const struct rules_row *x,
                 enum rules_form form, void *values, double *to);
extern const struct rules_kernels cuda_rules; /* rules.cu */

extern const struct image_kernels cuda_image[CUDA_PRECISIONS]; /* image.c */

#ifdef __cplusplus
}
#endif

#endif
