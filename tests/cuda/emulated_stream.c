/*
 * Streams and events: queues of work that is run when somebody waits, one piece at a time, in an order that
 * only streams and events bind.
 */
#include "tests/cuda/emulated_internal.h"
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t STREAM_MARK = 0x73747265616d2e6f, EVENT_MARK = 0x6576656e742e6f66;

/* So much work may wait in all streams together. */
enum { MOST_WAITING = 4096 };

enum kind { WORK, ATTEMPT, RECORD, WAIT };

struct item {
	struct item *next;
	enum kind kind;
	void (*work)(void *arguments);
	bool (*attempt)(void *arguments);
	struct CUevent_st *event;
	uint64_t version; /* of the event, that is recorded here or waited for */
	_Alignas(16) unsigned char arguments[];
};

struct CUstream_st {
	uint64_t mark;
	int device;
	struct item *first, **last;
	struct CUstream_st *next;
	struct emulated_capture *capture;
};

/* Recorded `asked` times, `done` of which have come about. */
struct CUevent_st {
	uint64_t mark, asked, done;
	int held; /* items that name it; it lasts as long as they do */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local bool works; /* this thread is in a piece of work */
static struct CUstream_st *streams;
static struct CUstream_st default_stream = {.last = &default_stream.first};
static int n_streams, n_events, waiting;
static uint64_t random_state;

void emulated_lock(void)
{
	if (works)
		emulated_bug("work that was given to a stream calls the runtime");
	pthread_mutex_lock(&lock);
}

void emulated_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

/* splitmix64 (Steele, Lea and Flood 2014). */
uint64_t emulated_draw(uint64_t n)
{
	if (random_state == 0)
		random_state = emulated_setting("SIGNSGD_EMULATED_SEED", 1) * 0x5851F42D4C957F2Du + 1;
	uint64_t z = random_state += 0x9E3779B97F4A7C15u;
	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
	z = (z ^ z >> 27) * 0x94D049BB133111EBu;
	return (z ^ z >> 31) % n;
}

/* NULL is the default stream, which streams of ours neither wait for nor are waited for by. */
static struct CUstream_st *opened(cudaStream_t s)
{
	if (s && s->mark != STREAM_MARK)
		emulated_bug("work for a stream that is not open");
	return s ? s : &default_stream;
}

static void expect_event(const struct CUevent_st *e)
{
	if (!e || e->mark != EVENT_MARK)
		emulated_bug("a call with an event that does not exist");
}

bool emulated_stream_is_here(cudaStream_t s)
{
	return opened(s) == &default_stream || s->device == emulated_device();
}

struct emulated_capture **emulated_capture_at(cudaStream_t s)
{
	return &opened(s)->capture;
}

static void release(struct CUevent_st *e)
{
	if (e->held == 0 && e->mark != EVENT_MARK)
		free(e);
}

static bool can_run(const struct CUstream_st *s)
{
	const struct item *i = s->first;
	return i && (i->kind != WAIT || i->event->done >= i->version);
}

/* Others get their turn when it was not the last one. */
static bool attempt(const struct item *i)
{
	works = true;
	bool done = i->attempt((void *)(uintptr_t)i->arguments);
	works = false;
	if (!done)
		sched_yield();
	return done;
}

static void run_first(struct CUstream_st *s)
{
	struct item *i = s->first;
	if (i->kind == ATTEMPT && !attempt(i))
		return;
	s->first = i->next;
	if (!s->first)
		s->last = &s->first;
	waiting--;
	if (i->kind == WORK) {
		works = true;
		i->work(i->arguments);
		works = false;
	} else if (i->kind != ATTEMPT) {
		if (i->kind == RECORD)
			i->event->done = i->version;
		i->event->held--;
		release(i->event);
	}
	free(i);
}

/* Any stream whose next piece can run, each with the same chance; NULL: none. */
static struct CUstream_st *any(void)
{
	struct CUstream_st *chosen = can_run(&default_stream) ? &default_stream : NULL;
	uint64_t count = chosen != NULL;
	for (struct CUstream_st *s = streams; s; s = s->next)
		if (can_run(s) && emulated_draw(++count) == 0)
			chosen = s;
	return chosen;
}

static void run_any(void)
{
	struct CUstream_st *s = any();
	if (!s)
		emulated_bug("streams wait for each other");
	run_first(s);
}

void emulated_run_all(void)
{
	while (waiting > 0)
		run_any();
}

/*
 * Until the stream has nothing left, or the event (not NULL) has come about. How much of other streams is run
 * in between is another matter each time: nothing, some, or nearly all.
 */
static void run_until(struct CUstream_st *s, const struct CUevent_st *e)
{
	const uint64_t others = emulated_draw(4);
	while (e ? e->done < e->asked : s->first != NULL) {
		if (s && can_run(s) && emulated_draw(4) >= others)
			run_first(s);
		else
			run_any();
	}
}

static struct item *add(struct CUstream_st *s, enum kind kind, size_t bytes)
{
	struct item *i = malloc(sizeof *i + bytes);
	if (!i)
		emulated_bug("no memory for work");
	*i = (struct item){.kind = kind};
	*s->last = i;
	s->last = &i->next;
	waiting++;
	return i;
}

static void add_event(struct CUstream_st *s, enum kind kind, struct CUevent_st *e)
{
	struct item *i = add(s, kind, 0);
	i->event = e;
	i->version = e->asked;
	e->held++;
}

void emulated_enqueue(cudaStream_t s, void (*work)(void *arguments), const void *arguments, size_t bytes)
{
	if (emulated_captures(s, work, arguments, bytes))
		return;
	emulated_lock();
	struct item *i = add(opened(s), WORK, bytes);
	i->work = work;
	if (bytes > 0)
		memcpy(i->arguments, arguments, bytes);
	while (waiting > MOST_WAITING)
		run_any();
	emulated_unlock();
}

void emulated_enqueue_until(cudaStream_t s, bool (*attempt_it)(void *arguments), const void *arguments,
                            size_t bytes)
{
	if (opened(s)->capture)
		emulated_bug("work that ends when others do their part is captured");
	emulated_lock();
	struct item *i = add(opened(s), ATTEMPT, bytes);
	i->attempt = attempt_it;
	if (bytes > 0)
		memcpy(i->arguments, arguments, bytes);
	emulated_unlock();
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags)
{
	cudaError_t status = emulated_call();
	if (status)
		return status;
	if (flags != cudaStreamNonBlocking)
		emulated_bug("a stream that the default stream waits for; expected cudaStreamNonBlocking");
	struct CUstream_st *s = calloc(1, sizeof *s);
	if (!s)
		return emulated_say(cudaErrorMemoryAllocation);
	emulated_lock();
	*s = (struct CUstream_st){.mark = STREAM_MARK, .device = emulated_device(), .next = streams};
	s->last = &s->first;
	streams = s;
	n_streams++;
	emulated_unlock();
	*stream = s;
	return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
	cudaError_t status = emulated_call();
	if (status)
		return status;
	if (!stream)
		return emulated_say(cudaErrorInvalidResourceHandle);
	if (opened(stream)->capture)
		emulated_bug("a stream is closed that captures");
	emulated_lock();
	run_until(opened(stream), NULL);
	struct CUstream_st **at = &streams;
	while (*at != stream)
		at = &(*at)->next;
	*at = stream->next;
	stream->mark = 0;
	n_streams--;
	emulated_unlock();
	free(stream);
	return cudaSuccess;
}

void emulated_wait(cudaStream_t stream)
{
	emulated_lock();
	run_until(opened(stream), NULL);
	emulated_unlock();
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
	cudaError_t status = emulated_call();
	if (!status)
		status = emulated_breaks_capture(stream, cudaErrorStreamCaptureUnsupported);
	if (!status)
		emulated_wait(stream);
	return status;
}

/* A device works while nobody waits: who asks lets it do a piece. */
cudaError_t cudaStreamQuery(cudaStream_t stream)
{
	cudaError_t status = emulated_call();
	if (!status)
		status = emulated_breaks_capture(stream, cudaErrorStreamCaptureUnsupported);
	if (status)
		return status;
	emulated_lock();
	struct CUstream_st *s = opened(stream);
	if (s->first && any())
		run_first(can_run(s) && emulated_draw(2) == 0 ? s : any());
	bool done = !s->first;
	emulated_unlock();
	return done ? cudaSuccess : emulated_say(cudaErrorNotReady);
}

cudaError_t cudaDeviceSynchronize(void)
{
	cudaError_t status = emulated_call();
	if (!status)
		status = emulated_unsafe_in_capture();
	if (status)
		return status;
	emulated_lock();
	emulated_run_all();
	emulated_unlock();
	return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags)
{
	cudaError_t status = emulated_call();
	if (status)
		return status;
	if (flags != 0)
		return emulated_say(cudaErrorInvalidValue);
	status = emulated_breaks_capture(stream, cudaErrorStreamCaptureIsolation);
	if (status)
		return status;
	emulated_lock();
	expect_event(event);
	add_event(opened(stream), WAIT, event);
	emulated_unlock();
	return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags)
{
	cudaError_t status = emulated_call();
	if (status)
		return status;
	if (flags > (cudaEventBlockingSync | cudaEventDisableTiming))
		return emulated_say(cudaErrorInvalidValue);
	struct CUevent_st *e = calloc(1, sizeof *e);
	if (!e)
		return emulated_say(cudaErrorMemoryAllocation);
	e->mark = EVENT_MARK;
	emulated_lock();
	n_events++;
	emulated_unlock();
	*event = e;
	return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
	cudaError_t status = emulated_call();
	if (status)
		return status;
	if (opened(stream)->capture)
		emulated_bug("an event is recorded in a stream that captures");
	emulated_lock();
	expect_event(event);
	event->asked++;
	add_event(opened(stream), RECORD, event);
	emulated_unlock();
	return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
	cudaError_t status = emulated_call();
	if (status)
		return status;
	emulated_lock();
	expect_event(event);
	run_until(NULL, event);
	emulated_unlock();
	return cudaSuccess;
}

/* Sometimes the device has done a little more meanwhile. */
cudaError_t cudaEventQuery(cudaEvent_t event)
{
	cudaError_t status = emulated_call();
	if (status)
		return status;
	emulated_lock();
	expect_event(event);
	if (waiting > 0 && emulated_draw(2) == 0)
		run_any();
	bool done = event->done >= event->asked;
	emulated_unlock();
	return done ? cudaSuccess : emulated_say(cudaErrorNotReady);
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
	cudaError_t status = emulated_call();
	if (status)
		return status;
	emulated_lock();
	expect_event(event);
	event->mark = 0;
	n_events--;
	release(event);
	emulated_unlock();
	return cudaSuccess;
}

int emulated_streams(void)
{
	return n_streams;
}

int emulated_events(void)
{
	return n_events;
}
