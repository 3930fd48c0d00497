/* What the parts of the emulated runtime are to each other: see tests/cuda/emulated.h. */
#ifndef SIGNSGD_TESTS_CUDA_EMULATED_INTERNAL_H
#define SIGNSGD_TESTS_CUDA_EMULATED_INTERNAL_H

#include "tests/cuda/emulated.h"
#include <cuda_runtime.h>
#include <stdbool.h>
#include <stdint.h>

/* emulated_runtime.c: calls. */
/* What the call says: remembered for cudaGetLastError() unless it is success. */
cudaError_t emulated_say(cudaError_t status);
/* Begin a call that can fail: success, or what it has to say at once. */
cudaError_t emulated_call(void);
/* The same of a call for graphs, whose number SIGNSGD_EMULATED_COUNT tells. */
enum emulated_graph_call { EMULATED_CAPTURE, EMULATED_LAUNCH, EMULATED_OTHER };
cudaError_t emulated_graph_call(enum emulated_graph_call what);
/* This thread's device, and one for it that is there. */
int emulated_device(void);
/* A number of the environment. */
unsigned long long emulated_setting(const char *name, unsigned long long otherwise);

/* emulated_memory.c */
enum emulated_place { EMULATED_HOST, EMULATED_DEVICE, EMULATED_PINNED };
enum emulated_place emulated_place(const void *address);
int emulated_allocations(void);

/* emulated_stream.c: the lock under which all work runs, and is given and waited for. */
void emulated_lock(void);
void emulated_unlock(void);
/* Under the lock: all work of all streams. */
void emulated_run_all(void);
/* Under the lock: a number in [0, n). */
uint64_t emulated_draw(uint64_t n);
/* Is it of this thread's device? */
bool emulated_stream_is_here(cudaStream_t stream);
/* Until all work that the stream has is done. */
void emulated_wait(cudaStream_t stream);
int emulated_streams(void), emulated_events(void);
/* Where the stream has what it captures; NULL there: nothing. */
struct emulated_capture **emulated_capture_at(cudaStream_t stream);

/* emulated_graph.c */
/* Does the stream capture? Then it has taken the work. */
bool emulated_captures(cudaStream_t stream, void (*work)(void *arguments), const void *arguments,
                       size_t bytes);
/* What a call that gives work to the stream has to say if its capture is broken. */
cudaError_t emulated_capture_says(cudaStream_t stream);
/* A call that no stream which captures can have: it breaks the capture, and says so. Else success. */
cudaError_t emulated_breaks_capture(cudaStream_t stream, cudaError_t says);
/* The same of a call that no thread may make while it captures. */
cudaError_t emulated_unsafe_in_capture(void);
int emulated_graphs(void), emulated_launches(void); /* those that are there; launches of all */

/* emulated_block.c */
struct emulated_kernel {
	const char *name;
	struct uint3 blocks, threads;
	void (*call)(const void *parameters);
	void *parameters;
};
/* Under the lock, by the thread that waits: all of its threads. */
void emulated_run_kernel(const struct emulated_kernel *k);

#endif
