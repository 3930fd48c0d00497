/* For tests of the stand-in for a GPU: short names of its calls, and children in which they are made. */
#ifndef SIGNSGD_TESTS_CUDA_STAND_IN_HELP_H
#define SIGNSGD_TESTS_CUDA_STAND_IN_HELP_H

#include <criterion/criterion.h>
#include "tests/cuda/emulated.h"
#include "tests/cuda/stand_in_kernels.h"
#include "tests/support/file.h"
#include "tests/support/process.h"

/* Of each test of a suite that names the two. */
extern char stand_in_folder[FOLDER_SIZE];
void stand_in_open(void), stand_in_close(void);

extern cudaError_t stand_in_launched; /* what the last launch that failed said */

/* In a child: dies where it is not so. */
void stand_in_must(bool ok, const char *what);
#define MUST(condition) stand_in_must(condition, #condition)
#define OK(call)        stand_in_must((call) == cudaSuccess, #call)

struct queue stand_in_queue(void);
void *stand_in_device(size_t bytes);
void *stand_in_pinned(size_t bytes);
void stand_in_up(struct queue *q, void *to, const void *from, size_t bytes);
void stand_in_down(struct queue *q, void *to, const void *from, size_t bytes);
void stand_in_finish(struct queue *q);

/*
 * `work` in a child, because a device that a process has used is none for its children: the child's end, with
 * its words in stand_in_said.
 */
int stand_in_run(int (*work)(void));
extern char stand_in_said[4096];

/* It returns 0: once; with every seed; with some seeds and not with others, which is what an order that
 * nobody asked for is like. */
void stand_in_expect_well(int (*work)(void));
void stand_in_expect_always(int (*work)(void));
void stand_in_expect_now_and_then(int (*work)(void));
/* It ends by a signal, with these words. */
void stand_in_expect_bug(int (*work)(void), const char *words);

#endif
