/*
 * Captured work. While a stream captures, nothing that is given to it runs: it is kept, with the addresses
 * and numbers that it was given, and every launch of the graph gives the stream all of it again. What would
 * wait for the stream, and what the capturing thread may not do meanwhile (allocate, free, wait for the
 * device), is refused, and the capture is broken then.
 *
 * A stream captures for itself: events in a capture, graphs within graphs and work that other threads give
 * to a stream that captures are more than this stand-in knows, and end the process with a sentence.
 */
#include "tests/cuda/emulated_internal.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t GRAPH_MARK = 0x67726170682e6f66, EXEC_MARK = 0x657865632e6f6621;

struct piece {
	struct piece *next;
	void (*work)(void *arguments);
	size_t bytes;
	_Alignas(16) unsigned char arguments[];
};

struct CUgraph_st {
	uint64_t mark;
	struct piece *first, **last;
};

struct CUgraphExec_st {
	uint64_t mark;
	struct piece *first;
};

struct emulated_capture {
	pthread_t thread;
	bool broken;
	struct CUgraph_st *graph;
};

static _Thread_local struct emulated_capture *own; /* that this thread began */
static atomic_int graphs;                          /* and those that can be launched */
static atomic_int launches;

static void *memory(size_t bytes)
{
	void *p = calloc(1, bytes);
	if (!p)
		emulated_bug("no memory for a graph");
	return p;
}

static struct piece *piece_of(void (*work)(void *arguments), const void *arguments, size_t bytes)
{
	struct piece *p = memory(sizeof *p + bytes);
	p->work = work;
	p->bytes = bytes;
	if (bytes > 0)
		memcpy(p->arguments, arguments, bytes);
	return p;
}

static void free_pieces(struct piece *p)
{
	while (p) {
		struct piece *next = p->next;
		free(p);
		p = next;
	}
}

static struct emulated_capture *capture_of(cudaStream_t stream)
{
	return *emulated_capture_at(stream);
}

bool emulated_captures(cudaStream_t stream, void (*work)(void *arguments), const void *arguments,
                       size_t bytes)
{
	struct emulated_capture *c = capture_of(stream);
	if (!c)
		return false;
	if (c != own)
		emulated_bug("a thread gives work to a stream that another one captures");
	if (c->broken)
		return true;
	struct piece *p = piece_of(work, arguments, bytes);
	*c->graph->last = p;
	c->graph->last = &p->next;
	return true;
}

cudaError_t emulated_capture_says(cudaStream_t stream)
{
	const struct emulated_capture *c = capture_of(stream);
	return c && c->broken ? emulated_say(cudaErrorStreamCaptureInvalidated) : cudaSuccess;
}

static cudaError_t breaks(struct emulated_capture *c, cudaError_t says)
{
	if (!c)
		return cudaSuccess;
	c->broken = true;
	return emulated_say(says);
}

cudaError_t emulated_breaks_capture(cudaStream_t stream, cudaError_t says)
{
	return breaks(capture_of(stream), says);
}

cudaError_t emulated_unsafe_in_capture(void)
{
	return breaks(own, cudaErrorStreamCaptureUnsupported);
}

/* Is it one that a test says to be so? */
static bool named(const char *function)
{
	const char *name = getenv("SIGNSGD_EMULATED_NO_CAPTURE");
	return name && strcmp(name, function) == 0;
}

bool emulated_cannot_capture(cudaStream_t stream, const char *function)
{
	struct emulated_capture *c = capture_of(stream);
	if (c && named(function))
		breaks(c, cudaErrorStreamCaptureUnsupported);
	return c && c->broken;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode mode)
{
	cudaError_t status = emulated_graph_call(EMULATED_CAPTURE);
	if (status)
		return status;
	if (mode != cudaStreamCaptureModeThreadLocal)
		emulated_bug("a capture that other threads can break; expected "
		             "cudaStreamCaptureModeThreadLocal");
	if (named("cudaStreamBeginCapture"))
		return emulated_say(cudaErrorNotSupported);
	if (own || capture_of(stream))
		return emulated_say(cudaErrorStreamCaptureUnsupported);
	own = memory(sizeof *own);
	own->thread = pthread_self();
	own->graph = memory(sizeof *own->graph);
	*own->graph = (struct CUgraph_st){.mark = GRAPH_MARK, .last = &own->graph->first};
	*emulated_capture_at(stream) = own;
	atomic_fetch_add(&graphs, 1);
	return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, enum cudaStreamCaptureStatus *out)
{
	cudaError_t status = emulated_graph_call(EMULATED_OTHER);
	if (status)
		return status;
	const struct emulated_capture *c = capture_of(stream);
	*out = !c          ? cudaStreamCaptureStatusNone
	       : c->broken ? cudaStreamCaptureStatusInvalidated
	                   : cudaStreamCaptureStatusActive;
	return cudaSuccess;
}

static void free_graph(struct CUgraph_st *g)
{
	free_pieces(g->first);
	g->mark = 0;
	free(g);
	atomic_fetch_sub(&graphs, 1);
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *out)
{
	cudaError_t status = emulated_graph_call(EMULATED_OTHER);
	*out = NULL;
	if (status)
		return status;
	struct emulated_capture *c = capture_of(stream);
	if (!c || !pthread_equal(c->thread, pthread_self()))
		return emulated_say(c ? cudaErrorStreamCaptureWrongThread : cudaErrorInvalidValue);
	*emulated_capture_at(stream) = NULL;
	own = NULL;
	bool broken = c->broken;
	if (broken)
		free_graph(c->graph);
	else
		*out = c->graph;
	free(c);
	return broken ? emulated_say(cudaErrorStreamCaptureInvalidated) : cudaSuccess;
}

static void expect_graph(const struct CUgraph_st *g)
{
	if (!g || g->mark != GRAPH_MARK)
		emulated_bug("a call with a graph that does not exist");
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
	cudaError_t status = emulated_graph_call(EMULATED_OTHER);
	if (status)
		return status;
	expect_graph(graph);
	free_graph(graph);
	return cudaSuccess;
}

cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t *out, cudaGraph_t graph, unsigned long long flags)
{
	cudaError_t status = emulated_graph_call(EMULATED_OTHER);
	if (status)
		return status;
	if (named("cudaGraphInstantiateWithFlags"))
		return emulated_say(cudaErrorMemoryAllocation);
	if (flags != 0)
		return emulated_say(cudaErrorInvalidValue);
	expect_graph(graph);
	struct CUgraphExec_st *e = memory(sizeof *e);
	struct piece **last = &e->first;
	for (const struct piece *p = graph->first; p; p = p->next) {
		*last = piece_of(p->work, p->arguments, p->bytes);
		last = &(*last)->next;
	}
	e->mark = EXEC_MARK;
	atomic_fetch_add(&graphs, 1);
	*out = e;
	return cudaSuccess;
}

static void expect_exec(const struct CUgraphExec_st *e)
{
	if (!e || e->mark != EXEC_MARK)
		emulated_bug("a call with a graph that was not made for launches");
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream)
{
	cudaError_t status = emulated_graph_call(EMULATED_LAUNCH);
	if (status)
		return status;
	expect_exec(exec);
	atomic_fetch_add(&launches, 1);
	if (capture_of(stream))
		emulated_bug("a graph is launched in a stream that captures");
	for (const struct piece *p = exec->first; p; p = p->next)
		emulated_enqueue(stream, p->work, p->arguments, p->bytes);
	return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
	cudaError_t status = emulated_graph_call(EMULATED_OTHER);
	if (status)
		return status;
	expect_exec(exec);
	free_pieces(exec->first);
	exec->mark = 0;
	free(exec);
	atomic_fetch_sub(&graphs, 1);
	return cudaSuccess;
}

int emulated_launches(void)
{
	return atomic_load(&launches);
}

int emulated_graphs(void)
{
	return atomic_load(&graphs);
}
