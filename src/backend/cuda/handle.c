/* Handles of cuDNN: one a queue, and one to open layers with. */
#include <pthread.h>

#include "backend/cuda/image.h"
#include "backend/cuda/library.h"

static cudnn_handle handle_open(void)
{
	cudnn_handle handle = NULL;
	cuda_here();
	cudnn_check(cudnn_must_be_there()->create(&handle), "use this device");
	return handle;
}

void cuda_layers_close(struct queue *q)
{
	if (!q->layers)
		return;
	cudnn_check(cudnn_must_be_there()->destroy(q->layers), "let go of this device");
	q->layers = NULL;
}

void cuda_layers_open(struct queue *q)
{
	struct err none = {0};
	const struct cudnn *library = library_cudnn(&none);
	if (!library)
		return;
	q->layers = handle_open();
	cudnn_check(library->set_stream(q->layers, q->stream), "work in a stream");
}

/* Layers are opened before, so cuDNN is there. */
void *cuda_layers_handle(struct queue *q)
{
	cuda_here();
	return q->layers;
}

/* Layers are opened without a queue, perhaps by several threads. */
static pthread_mutex_t planning = PTHREAD_MUTEX_INITIALIZER;

void *cuda_planning_begin(void)
{
	static cudnn_handle handle; /* lives as long as the process */
	pthread_mutex_lock(&planning);
	cuda_here();
	if (!handle)
		handle = handle_open();
	return handle;
}

void cuda_planning_end(void)
{
	pthread_mutex_unlock(&planning);
}
