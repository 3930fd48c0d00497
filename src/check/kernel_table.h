/*
 * One table of all kernels, for check and bench: how each is called, what it needs, how exact it must be, and
 * how many bytes it must move.
 */
#ifndef SIGNSGD_CHECK_KERNEL_TABLE_H
#define SIGNSGD_CHECK_KERNEL_TABLE_H

#include "backend/backend.h"

/*
 * Arguments and results of any kernel. A kernel on one vector has rows = 1. What is read and written is the
 * machine's memory (kernel_memory.h), lists of it are the host's.
 */
struct kernel_job {
	struct queue *queue;
	size_t n, rows, inner; /* coordinates of a row; rows; gemm: columns of op(A) */
	size_t first;          /* index of coordinate 0 in the whole vector, a multiple of 64 */
	enum sign_policy policy;
	bool flag, other; /* flag: there are abstain planes, softmax_loss goes back; gemm: ta and tb */
	struct stream random;
	float rate, decay, beta;
	const float *x, *y;             /* [rows][n]; gemm: A [rows * inner] and B [inner * n] */
	const uint64_t *vote, *abstain; /* [words] */
	struct votes votes;             /* [workers][words] */
	const int32_t *label;           /* [rows], below n; tables: below rows */
	const uint8_t *pixel;           /* [n]; images: [rows + 1][n] */
	struct gather gather;           /* images: their sizes and changes */
	const uint16_t *sample_label;   /* [rows + 1] */
	const uint32_t *index;          /* [rows], at most rows */
	float *out[3];                  /* [rows][n], read and written */
	uint64_t *plane[2];             /* [words], written: vote, abstain */
	struct loss *loss;              /* what the kernel adds to; sums: its sum is written */
};

/* Decides which sizes and settings a kernel is checked with. */
enum kernel_shape {
	SHAPE_VECTOR,
	SHAPE_SIGN,   /* a vector and its planes */
	SHAPE_VOTE,   /* planes of many workers */
	SHAPE_ROWS,   /* a matrix */
	SHAPE_TABLE,  /* a matrix, and as many numbers of rows of another one */
	SHAPE_IMAGES, /* a batch of a data set */
	SHAPE_PRODUCT /* a product of matrices */
};

/* The plain loop that moves the same bytes (struct bandwidth_baseline). */
enum kernel_limit { LIMIT_NONE, LIMIT_READ, LIMIT_COPY, LIMIT_UPDATE, LIMIT_TRIAD, LIMIT_FILL, LIMIT_FOLD };

struct kernel {
	const char *name;
	void (*run)(const struct backend *b, struct kernel_job *j);
	enum kernel_shape shape;
	int inputs, outputs; /* how many of x, y are read; how many of out are written */
	double bytes;        /* that a coordinate must move; votes and products: computed from the job */
	enum kernel_limit limit;
	double allowed; /* relative error against ref; 0: bit for bit */
	bool cancels;   /* the error is relative to the kernel's result for absolute values of its input */
};

extern const struct kernel kernel_table[];
extern const size_t kernel_count;

/* Bytes that a job must move, in and out. */
double kernel_bytes(const struct kernel *k, const struct kernel_job *j);

/* Numbers that a job reads from x (input 0) or y (input 1). */
size_t kernel_input_size(const struct kernel *k, const struct kernel_job *j, int input);

#endif
