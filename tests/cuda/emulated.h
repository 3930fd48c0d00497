/*
 * A stand-in for a GPU: CUDA's runtime as the program calls it, on the processor, for tests. It is a shared
 * object of its own; the module that tests build against it, and the stand-ins of cuBLAS and cuDNN, call it.
 *
 * Memory of the device is at addresses that the host can neither read nor write: whoever touches them outside
 * of work that was given to a stream ends the process with a sentence. An allocation ends at a page,
 * addresses are not used twice, and what is in new memory is no number.
 *
 * Work that is given to a stream is run later, by the thread that waits for it: in the order of its stream,
 * after the events that its stream waits for, and mixed at random with work of other streams. One piece of
 * work runs at a time. So what rests on an order that nobody asked for gives wrong bits.
 *
 * Environment: SIGNSGD_EMULATED_SEED=N, another order (default 1); SIGNSGD_EMULATED_DEVICES=N, how many
 * devices there are (default 1); SIGNSGD_EMULATED_MEMORY=BYTES, what each has (default 16 GiB);
 * SIGNSGD_EMULATED_CAPABILITY=N, ten times its compute capability (default 80);
 * SIGNSGD_EMULATED_FAIL=N, the N-th call that can fail does so; SIGNSGD_EMULATED_COUNT=FILE, to which the
 * number of such calls is added when a process ends, and what was not given back, a line each: "calls 123",
 * "allocations 0", "streams 0", "events 0", "handles 0", "graphs 0", "launches 12" of graphs, and
 * the numbers of calls, 0 without one: "first capture 45", where one began, "last launch 60", of a graph, and
 * "last graph 70", any that is about graphs; SIGNSGD_EMULATED_NO_CAPTURE=NAME, the
 * call that cannot be made for a capture: of a library, any that computes; cudaStreamBeginCapture (as with a
 * driver that has none), cudaGraphInstantiateWithFlags (as without memory); SIGNSGD_EMULATED_CHOSEN=FILE, to
 * which every thread of every process adds the number of a device that it chooses, a line each.
 */
#ifndef SIGNSGD_TESTS_CUDA_EMULATED_H
#define SIGNSGD_TESTS_CUDA_EMULATED_H

#include <cuda_runtime_api.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Give the stream a piece of work: work(arguments) runs later, with a copy of the `bytes` bytes at
 * `arguments` that is freed behind it. It runs on a thread of the host that waits for some stream, alone; it
 * must not call the runtime. A stream that is not open ends the process with a sentence.
 */
void emulated_enqueue(cudaStream_t stream, void (*work)(void *arguments), const void *arguments,
                      size_t bytes);

/*
 * The same for work that ends when others do their part: attempt(arguments) is called again and again, alone,
 * while somebody waits for a stream or asks for one, until it returns true. It must not wait itself.
 */
void emulated_enqueue_until(cudaStream_t stream, bool (*attempt)(void *arguments), const void *arguments,
                            size_t bytes);

/* Of a library's function: can it not work in this stream, because that captures? The capture is broken then.
 */
bool emulated_cannot_capture(cudaStream_t stream, const char *function);

/*
 * Where the processor finds what is behind an address of the device, or of page-locked memory, which devices
 * can read; NULL stays NULL. To be called for pointers that a function was given, when it is called or in its
 * work. Other memory of the host ends the process with a sentence, whose subject is `who` ("cublasGemmEx").
 */
void *emulated_at(const void *address, const char *who);

/*
 * Called once by every function that can fail, before it does anything: not 0 if this is the call that has to
 * fail (SIGNSGD_EMULATED_FAIL), and then it does nothing but say so.
 */
int emulated_fails(void);

/* A library's handle was made (1) or destroyed (-1): for the list of what was left behind. */
void emulated_handles(int change);

/* A sentence to stderr, then abort(): for what no correct program does. */
void emulated_bug(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#ifdef __cplusplus
}
#endif

#endif
