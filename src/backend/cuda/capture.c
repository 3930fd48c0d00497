/*
 * CUDA graphs: see backend/capture.h. Work is captured from the stream of one queue by the thread that gives
 * it. Other threads may call what they like meanwhile; this one may neither wait nor allocate.
 */
#include <stdatomic.h>

#include "backend/cuda/cuda.h"
#include "base/log.h"
#include "base/mem.h"

struct captured {
	cudaGraphExec_t graph;
};

static atomic_bool given_up;

static bool wanted(void)
{
	return !atomic_load(&given_up);
}

/* The end of a capture that came to nothing. Several lanes may come here at once. */
static void give_up(struct queue *q)
{
	cuda_capture_set(NULL);
	if (!atomic_exchange(&given_up, true))
		log_warn("cuda: gradients are computed without CUDA graphs, because work cannot be captured: "
		         "%s; results are the same",
		         q->capture.why.text);
}

static bool begin(struct queue *q, const struct capture_streams *s)
{
	q->capture = (struct cuda_capture){.stream = q->stream, .streams = *s};
	cuda_here();
	cuda_capture_set(&q->capture);
	cuda_check(cudaStreamBeginCapture(q->stream, cudaStreamCaptureModeThreadLocal), "capturing work");
	if (q->capture.why.code == 0)
		return true;
	give_up(q);
	return false;
}

static struct captured *instantiate(cudaGraph_t graph)
{
	struct captured *c = mem_alloc(sizeof(*c));
	cuda_check(cudaGraphInstantiateWithFlags(&c->graph, graph, 0), "making a graph of captured work");
	if (c->graph)
		return c;
	mem_free(c);
	return NULL;
}

static struct captured *end(struct queue *q)
{
	struct captured *c = NULL;
	cudaGraph_t graph = NULL;
	cuda_check(cudaStreamEndCapture(q->stream, &graph), "capturing work");
	if (q->capture.why.code == 0)
		c = instantiate(graph);
	if (graph)
		cuda_check(cudaGraphDestroy(graph), "letting go of captured work");
	if (c)
		cuda_capture_set(NULL);
	else
		give_up(q);
	return c;
}

static void replay(struct queue *q, const struct captured *c)
{
	cuda_here();
	cuda_check(cudaGraphLaunch(c->graph, q->stream), "replaying captured work");
}

static void close_captured(struct captured *c)
{
	cuda_here();
	cuda_check(cudaGraphExecDestroy(c->graph), "letting go of a graph");
	mem_free(c);
}

const struct captures cuda_captures = {
        .wanted = wanted, .begin = begin, .end = end, .replay = replay, .close = close_captured};
