/*
 * A backend: a table of kernels for one kind of machine. `ref` is plain C loops, the definition of every
 * kernel; `cpu` uses vectors (chosen at run time), products of our own and oneDNN. `signsgd check` compares
 * every entry of every table with ref, `signsgd bench` times it.
 *
 * A kernel runs on one thread; callers cut work into ranges. A range of coordinates begins at a multiple of
 * 64, so that it begins with a word of the sign planes. Kernels get pointers to the range's first value;
 * where random numbers depend on its index in the whole vector, they also get that index, `first`. Matrices
 * are row-major. Float kernels are IEEE single precision without fused operations unless said otherwise. The
 * vector kernels (not gemm, the sums, tanh and sigmoid) give the same bits on every backend; their input and
 * output may be the same array, but must not overlap otherwise. Kernels never fail and allocate nothing.
 */
#ifndef SIGNSGD_BACKEND_BACKEND_H
#define SIGNSGD_BACKEND_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "backend/capture.h"
#include "backend/gather.h"
#include "backend/image.h"
#include "backend/joins.h"
#include "backend/memory.h"
#include "backend/rows.h"
#include "backend/rules.h"
#include "backend/sign.h"
#include "base/err.h"
#include "config/key.h"
#include "base/rng.h"

/* Lists of votes live on stacks, because a step allocates nothing: so many workers a run may have. */
enum { VOTES_MOST = 4096 };

/* The votes of M workers, as packed planes. */
struct votes {
	int count;                      /* M >= 1, at most VOTES_MOST */
	const uint64_t *const *vote;    /* [M] -> [words] of the range */
	const uint64_t *const *abstain; /* [M] -> [words], or NULL if no vote can abstain */
};

/* What is done to a vector before its signs are taken: v becomes scale v + size z. */
struct sign_noise {
	enum noise_kind kind;
	float scale, size;
	struct stream stream; /* of z: number i belongs to coordinate i of the whole vector */
};

/* Losses of samples: their sum, and how many of them were classified right. */
struct loss {
	double sum;
	uint64_t correct;
};

struct backend {
	const char *name;   /* "ref", "cpu" */
	const char *detail; /* "plain C", "AVX-512, OpenBLAS 0.3.21 (...)" */
	const char *slow;   /* a sentence if something slow had to be taken where faster is possible; NULL */

	/*
	 * Have its libraries take, before work begins, the memory that they need to work in so many lanes at
	 * once. Dies with a sentence where the system has none. NULL: they need none.
	 */
	void (*reserve)(int lanes);

	const struct memory *memory; /* of this machine, and its queues */
	/* Images that are all in memory are brought to the machine when a run begins, and gather() makes
	 * batches of them there. false: batches are gathered on the host and brought one by one. */
	bool keeps_data;

	/*
	 * v[n] -> vote plane, and the abstain plane when policy is SIGN_ABSTAIN (abstain is NULL otherwise).
	 * coins: the stream for SIGN_RANDOM; word index = first / 64 + w.
	 */
	void (*sign_pack)(struct queue *q, size_t n, const float *v, enum sign_policy zero,
	                  const struct stream *coins, size_t first, uint64_t *vote, uint64_t *abstain);

	/*
	 * sign_pack() under SIGN_RANDOM of scale v + size z, which is kept nowhere; number i of z is that of
	 * stream_normal4(), stream_symmetric() or stream_laplace(). What noise and coins point to is read
	 * before it returns.
	 */
	void (*noise_pack)(struct queue *q, size_t n, const float *v, const struct sign_noise *noise,
	                   const struct stream *coins, size_t first, uint64_t *vote);

	/* Planes -> +1, -1 (and 0 where abstain) as floats. abstain may be NULL. */
	void (*sign_unpack)(struct queue *q, size_t n, const uint64_t *vote, const uint64_t *abstain,
	                    float *v);

	/*
	 * Majority of M votes: the answer's vote plane and, when tie is SIGN_ABSTAIN, its abstain plane
	 * (pull_abstain is NULL otherwise). n coordinates.
	 */
	void (*majority)(struct queue *q, size_t n, const struct votes *b, enum sign_policy tie,
	                 const struct stream *coins, size_t first, uint64_t *pull_vote,
	                 uint64_t *pull_abstain);

	/*
	 * x = x - lr (s + decay x), s = the signs of the planes, 0 where abstain: lr * s, then (lr * decay) *
	 * x are taken from x, each rounded. Without decay the second is left out, so that an infinite x
	 * stays.
	 */
	void (*sign_apply)(struct queue *q, size_t n, const uint64_t *vote, const uint64_t *abstain, float lr,
	                   float decay, float *x);

	/* v = (1 - beta) g + beta v. beta = 0 copies g even where v is NaN. */
	void (*momentum)(struct queue *q, size_t n, float beta, const float *g, float *v);

	/*
	 * momentum(), and sign_pack() of the v that it leaves, in one pass over memory: what an honest worker
	 * whose message is a sign does with its gradient.
	 */
	void (*momentum_pack)(struct queue *q, size_t n, float beta, const float *g, float *v,
	                      enum sign_policy zero, const struct stream *coins, size_t first, uint64_t *vote,
	                      uint64_t *abstain);

	/* out = a x. */
	void (*scale)(struct queue *q, size_t n, float a, const float *x, float *out);

	/* sum += x. */
	void (*add)(struct queue *q, size_t n, const float *x, float *sum);

	/*
	 * out = a (x[0] + x[1] + ... + x[count - 1]), added in this order, each [n]; count >= 1, and out is
	 * none of them. The list x is the host's and is read before it returns.
	 */
	void (*sum_scaled)(struct queue *q, size_t n, int count, const float *const *x, float a, float *out);

	/* x = x - lr (d + decay x). */
	void (*descend)(struct queue *q, size_t n, const float *d, float lr, float decay, float *x);

	/*
	 * Adam (Kingma and Ba 2015, Algorithm 1) with decoupled decay:
	 * m = b1 m + (1-b1) g, s = b2 s + (1-b2) g^2,
	 * x = x - lr (c1 m / (sqrt(c2 s) + eps) + decay x), c1 = 1/(1-b1^t), c2 = 1/(1-b2^t).
	 */
	void (*adam)(struct queue *q, size_t n, const float *g, float b1, float b2, float eps, float c1,
	             float c2, float lr, float decay, float *m, float *s, float *x);

	/*
	 * out[i] = mean[i] + sigma * N(0,1), numbers first .. first + n - 1 of the stream (stream_normal4);
	 * first is a multiple of 4.
	 */
	void (*normal)(struct queue *q, size_t n, float sigma, const struct stream *s, size_t first,
	               const float *mean, float *out);

	/*
	 * Inverted dropout: out[i] = x[i] / (1 - rate) where uniform number first + i of the stream
	 * (stream_uniform) is at least rate, 0 elsewhere; 0 <= rate <= 1, first is a multiple of 4. The same
	 * call on the gradient is its backward pass.
	 */
	void (*dropout)(struct queue *q, size_t n, float rate, const struct stream *s, size_t first,
	                const float *x, float *out);

	/*
	 * out[i] = -x[i] where 32-bit word first + i of the stream (stream_block: four a block) is below
	 * limit, x[i] elsewhere: with the probability limit / 2^32. limit is at most 2^32, first is a
	 * multiple of 4.
	 */
	void (*flip)(struct queue *q, size_t n, uint64_t limit, const struct stream *s, size_t first,
	             const float *x, float *out);

	/* out[i] = -x[i] where fair bit first + i of the stream (stream_bits) is 1, x[i] elsewhere. */
	void (*random_sign)(struct queue *q, size_t n, const struct stream *s, size_t first, const float *x,
	                    float *out);

	/* out = value, in every coordinate. */
	void (*constant)(struct queue *q, size_t n, float value, float *out);

	/* out = a[i] * x[i]. */
	void (*multiply)(struct queue *q, size_t n, const float *a, const float *x, float *out);

	/* Sums in double, in an order that may differ between backends (relative error 1e-12), to *out. */
	void (*sum_abs)(struct queue *q, size_t n, const float *x, double *out);
	void (*sum_square)(struct queue *q, size_t n, const float *x, double *out);
	void (*dot)(struct queue *q, size_t n, const float *x, const float *y, double *out);

	/* The largest |x|, to *out; NaN are passed over, and without any number it is 0. */
	void (*max_abs)(struct queue *q, size_t n, const float *x, double *out);

	/* The sum of hash_blocks() (base/hash.h) over the bytes of x from block 0 on, to *out. */
	void (*hash)(struct queue *q, size_t n, uint64_t seed, const float *x, uint64_t *out);

	/*
	 * C [m][n] = alpha op(A) op(B) + beta C, op transposes when ta / tb; op(A) is [m][k], op(B) is
	 * [k][n]; dense rows. Matrices with a factor of 0 are not read. The error is below 1e-5 of the
	 * result for absolute values.
	 */
	void (*gemm)(struct queue *q, bool ta, bool tb, size_t m, size_t n, size_t k, float alpha,
	             const float *a, const float *b, float beta, float *c);
	/* The same by the machine's library, to compare with. NULL: gemm is the library's. */
	void (*library_gemm)(struct queue *q, bool ta, bool tb, size_t m, size_t n, size_t k, float alpha,
	                     const float *a, const float *b, float beta, float *c);

	/* y [rows][n]: every row += bias[n]. */
	void (*add_bias)(struct queue *q, size_t rows, size_t n, const float *bias, float *y);
	/* out[n] = sum over rows of y [rows][n], rows in order. */
	void (*sum_rows)(struct queue *q, size_t rows, size_t n, const float *y, float *out);
	/* In place: max(y, 0); NaN stays. */
	void (*relu)(struct queue *q, size_t n, float *y);
	/* dy = y > 0 ? dy : 0, y = the layer's output. */
	void (*relu_back)(struct queue *q, size_t n, const float *y, float *dy);
	/* In place, relative error 1e-6. */
	void (*tanh)(struct queue *q, size_t n, float *y);
	/* dy = dy (1 - y^2). */
	void (*tanh_back)(struct queue *q, size_t n, const float *y, float *dy);
	/* In place: 1 / (1 + e^-y), relative error 1e-6. */
	void (*sigmoid)(struct queue *q, size_t n, float *y);
	/* dy = dy (y (1 - y)). */
	void (*sigmoid_back)(struct queue *q, size_t n, const float *y, float *dy);
	/* y = max(x + y, 0); NaN stays. */
	void (*add_relu)(struct queue *q, size_t n, const float *x, float *y);

	/*
	 * Rows of a table [words][width]: row r of out [count][width] is row t = token[r] of the table, times
	 * factor[t]; factor [words], NULL: 1. 0 <= t < words.
	 */
	void (*embed)(struct queue *q, size_t count, size_t width, const int32_t *token, const float *factor,
	              const float *table, float *out);
	/*
	 * Its gradient is added to that of the table: row token[r] of d_table [words][width] += factor[t]
	 * d[r], the product rounded, for r = 0, 1, ... in this order. Where the factor is 0, nothing is
	 * added.
	 */
	void (*embed_back)(struct queue *q, size_t count, size_t width, const int32_t *token,
	                   const float *factor, const float *d, float *d_table);

	/*
	 * The cells of a recurrent layer (models/graph/net_qrnn.c), `steps` positions of n numbers:
	 * cell_t = f_t z_t + (1 - f_t) cell_(t-1), cell_(-1) = start [n]. f, z, cell: [steps][n].
	 */
	void (*recur)(struct queue *q, size_t steps, size_t n, const float *f, const float *z,
	              const float *start, float *cell);
	/*
	 * Backward, t = steps - 1 ... 0. d [steps][n] are the cells' gradients, each from its own position;
	 * d_cell [n] begins as the gradient that the last cell has from behind and ends as that of `start`.
	 * c = d_cell + d_t; z_t becomes c f (1 - z^2) and f_t becomes (c (z - cell_(t-1))) (f (1 - f)), the
	 * gradients before tanh and sigmoid; d_cell becomes c (1 - f).
	 */
	void (*recur_back)(struct queue *q, size_t steps, size_t n, const float *d, const float *cell,
	                   const float *start, float *d_cell, float *z, float *f);

	/*
	 * Each row beside the one `count` rows before it: out [rows][2][n] = x_r, x_(r - count); before the
	 * first are those of last [count][n], which becomes the last `count` rows of x [rows][n].
	 * count <= rows.
	 */
	void (*pair)(struct queue *q, size_t rows, size_t count, size_t n, const float *x, float *last,
	             float *out);
	/* d [rows][2][n] -> d_x [rows][n]: each row's gradient as the first of a pair, plus that as the
	 * second. */
	void (*pair_back)(struct queue *q, size_t rows, size_t count, size_t n, const float *d, float *d_x);

	/*
	 * Softmax and cross-entropy of logits z [rows][n] (overwritten) and labels [rows]. Adds to *out the
	 * sum over rows of -ln softmax(z)[label] in double, and the number of rows whose largest logit (the
	 * first of equals) is the label. back = true: z becomes (softmax(z) - onehot) * weight; else z's
	 * content is lost. Relative error 1e-5, also where the label's softmax rounds to 1. A row with a NaN
	 * or an infinite largest logit makes the loss NaN and is not correct.
	 */
	void (*softmax_loss)(struct queue *q, size_t rows, size_t n, float *z, const int32_t *label,
	                     bool back, float weight, struct loss *out);

	/*
	 * Bytes of pixels [images][channels][plane] to floats: out = (p / 255 - mean) / std = p * factor +
	 * shift, with a factor and a shift for each channel, which are read before it returns.
	 */
	void (*pixels)(struct queue *q, size_t images, size_t channels, size_t plane, const uint8_t *p,
	               const float *factor, const float *shift, float *out);

	/*
	 * out [count][channels][height][width] and label [count]: a batch of samples index [count] of a data
	 * set that stands in the machine's memory, as `index` does; changed as gather.h says by numbers of
	 * *coins (NULL where nothing is changed). What `from` and coins point to at the host is read before
	 * it returns.
	 */
	void (*gather)(struct queue *q, const struct gather *from, size_t count, const uint32_t *index,
	               const struct stream *coins, uint8_t *out, int32_t *label);

	const struct image_kernels *image; /* layers on images */
	const struct row_loops *rows;      /* the host's loops over rows of doubles (backend/rows.h) */
	const struct joins *joins;         /* what may work on several workers' batches at once */
	const struct captures *captures;   /* work that is captured and replayed. NULL: none is */
	/* Rules where messages are (backend/rules.h). NULL: on the host, by `rows`. */
	const struct rules_kernels *rules;
};

/* A row of the family of backends. */
struct backend_row {
	struct row row;
	/*
	 * Fill the table for this machine, as the row's keys say (NULL: their defaults). -1 and a sentence
	 * when it cannot run this backend.
	 */
	int (*open)(struct backend *b, const void *state, struct err *e);
	/*
	 * For `version`: calls tell() for each line, of what it was built with, or, load: of what it opens
	 * when it is needed, and what is there. NULL: open() is quick, and tells what there is to tell.
	 */
	void (*describe)(bool load, void (*tell)(void *ctx, const char *name, const char *text), void *ctx);
	bool device; /* it is one of few devices, which processes had better not share */
};

/* The vector level that the cpu backend would use here: "AVX-512", "AVX2", "plain C". */
const char *backend_cpu_level(void);

/* The processor's features for `signsgd version`: "avx2 fma avx512f ..." */
const char *backend_cpu_features(void);

#endif
