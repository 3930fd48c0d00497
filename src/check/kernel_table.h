/*
 * One table of all kernels, for check and bench alike: how each is called, what it needs, how exact it
 * has to be, and which bytes it must move. And a room: the memory that a kernel's jobs work on.
 */
#ifndef SIGNSGD_CHECK_KERNEL_TABLE_H
#define SIGNSGD_CHECK_KERNEL_TABLE_H

#include "backend/backend.h"

/* All that any kernel is given and gives. A kernel on one vector has rows = 1. */
struct kernel_job {
	size_t n, rows, inner; /* coordinates of a row; rows; gemm: columns of op(A) */
	size_t first;          /* index of coordinate 0 in the whole vector, a multiple of 64 */
	enum sign_policy policy;
	bool flag, other; /* flag: there are abstain planes, softmax_loss goes back; gemm: ta and tb */
	struct stream random;
	float rate, decay, beta;
	const float *x, *y;             /* [rows][n]; gemm: A [rows * inner] and B [inner * n] */
	const uint64_t *vote, *abstain; /* [words] */
	struct votes votes;             /* [workers][words] */
	const int32_t *label;           /* [rows], below n */
	const uint8_t *pixel;           /* [n] */
	float *out[3];                  /* [rows][n], read and written */
	uint64_t *plane[2];             /* [words], written: vote, abstain */
	double sum;                     /* what the kernel returned */
	size_t correct;
};

/* Which sizes and settings make sense. */
enum kernel_shape {
	SHAPE_VECTOR,
	SHAPE_SIGN,   /* a vector and its planes */
	SHAPE_VOTE,   /* planes of many workers */
	SHAPE_ROWS,   /* a matrix */
	SHAPE_PRODUCT /* a product of matrices */
};

/* The plain loop that moves the same bytes (struct bandwidth baseline). */
enum kernel_limit { LIMIT_NONE, LIMIT_READ, LIMIT_COPY, LIMIT_UPDATE, LIMIT_TRIAD, LIMIT_FILL, LIMIT_FOLD };

struct kernel {
	const char *name;
	void (*run)(const struct backend *b, struct kernel_job *j);
	enum kernel_shape shape;
	int inputs, outputs; /* how many of x, y are read, and of out written */
	double bytes;        /* that a coordinate moves at least; votes and products: counted from the job */
	enum kernel_limit limit;
	double allowed; /* relative error against ref; 0: bit for bit */
	bool cancels;   /* the error is relative to what the kernel gives for its input's absolute values */
};

extern const struct kernel kernel_table[];
extern const size_t kernel_count;

/* Bytes that a job moves at least, in and out. */
double kernel_bytes(const struct kernel *k, const struct kernel_job *j);

/* Numbers that a job reads from x (input 0) or y (input 1). */
size_t kernel_input_size(const struct kernel *k, const struct kernel_job *j, int input);

/* Memory for jobs of one kernel. */
struct kernel_memory {
	size_t floats, words; /* of each array, and of each plane */
	int workers;
	float *x, *y, *out[3];                        /* [floats] */
	uint64_t *vote, *abstain, *plane[2];          /* [words] */
	uint64_t **votes, **abstains;                 /* [workers] -> [words] */
	const uint64_t **votes_lent, **abstains_lent; /* [workers], of the job that it was lent to last */
	int32_t *label;                               /* [floats] */
	uint8_t *pixel;                               /* [floats] */
};

/* Ordinary numbers; one in four zero, denormal, infinite, NaN or huge (votes: close races); one in 30. */
enum kernel_flavour { FLAVOUR_ORDINARY, FLAVOUR_SPECIAL, FLAVOUR_FEW_SPECIAL };

void kernel_memory_open(struct kernel_memory *r, const struct kernel *k, size_t floats, size_t words,
                        int workers);
void kernel_memory_close(struct kernel_memory *r);

/* Numbers for a job of these sizes and one element more, a function of `seed` alone. */
void kernel_memory_fill(struct kernel_memory *r, const struct kernel *k, const struct kernel_job *sizes,
                        enum kernel_flavour flavour, uint64_t seed);

/* Let the job work on the room, from element `shift` of every array on; its votes.count is set already. */
void kernel_memory_lend(const struct kernel_memory *r, size_t shift, struct kernel_job *j);

#endif
