/* The switch: a heap of frames by the time at which something happens to them. */
#include "tests/netlab/switch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/mem.h"

enum { ADDRESS = 6, FRAME_BYTES = 1 << 17, HEAD_BYTES = 66, READS = 16 };

static const double QUEUE_S = 0.1, REST_S = 1;

struct frame {
	double due;     /* s */
	uint64_t order; /* of equals */
	int to;
	bool on_receivers_link; /* else on its way there */
	double wire_bytes;
	size_t length;
	unsigned char at[]; /* virtio header, frame */
};

struct port {
	int fd;
	double rate, out_free, in_free; /* when its two directions have nothing left to carry */
	unsigned char address[ADDRESS]; /* of the node, once it has spoken */
};

struct middle {
	struct port *ports; /* [count] */
	int count;
	double latency_s;
	struct frame **heap; /* [frames] */
	size_t frames, size;
	uint64_t order;
};

int net_tap(struct err *e)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "eth0");
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) || ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4)) {
		err_world(e, "a delay needs /dev/net/tun: %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

static bool before(const struct frame *a, const struct frame *b)
{
	return a->due < b->due || (a->due <= b->due && a->order < b->order);
}

static void swap(struct middle *m, size_t a, size_t b)
{
	struct frame *f = m->heap[a];

	m->heap[a] = m->heap[b];
	m->heap[b] = f;
}

static void push(struct middle *m, struct frame *f)
{
	if (m->frames == m->size) {
		m->size = m->size ? 2 * m->size : 1024;
		m->heap = mem_resize(m->heap, m->size * sizeof(*m->heap));
	}
	f->order = m->order++;
	size_t at = m->frames++;
	m->heap[at] = f;
	for (; at && before(m->heap[at], m->heap[(at - 1) / 2]); at = (at - 1) / 2)
		swap(m, at, (at - 1) / 2);
}

static struct frame *pop(struct middle *m)
{
	struct frame *first = m->heap[0];
	size_t at = 0;

	m->heap[0] = m->heap[--m->frames];
	for (;;) {
		size_t least = at, left = 2 * at + 1;
		for (size_t child = left; child < left + 2 && child < m->frames; child++)
			if (before(m->heap[child], m->heap[least]))
				least = child;
		if (least == at)
			return first;
		swap(m, at, least);
		at = least;
	}
}

/* When a link is through with so many bytes that reach it at `now`; negative: they find its queue full. */
static double carried(double *link_free, double rate, double bytes, double now)
{
	double begin = *link_free > now ? *link_free : now;

	if (begin - now > QUEUE_S)
		return -1;
	*link_free = begin + 8 * bytes / rate;
	return *link_free;
}

/* A frame that the kernel has joined of several is cut again before it would reach a wire. */
static double wire_bytes(const unsigned char *at, size_t length)
{
	struct virtio_net_hdr head;
	double bytes = (double)(length - sizeof(head));

	memcpy(&head, at, sizeof(head));
	if (head.gso_type == VIRTIO_NET_HDR_GSO_NONE || !head.gso_size || bytes <= HEAD_BYTES)
		return bytes;
	int segments = (int)((bytes - HEAD_BYTES + head.gso_size - 1) / head.gso_size);
	return bytes + (segments - 1) * HEAD_BYTES;
}

static void send_to(struct middle *m, int to, const unsigned char *at, size_t length, double bytes,
                    double left)
{
	struct frame *f = mem_alloc(sizeof(*f) + length);

	f->due = left + m->latency_s;
	f->to = to;
	f->wire_bytes = bytes;
	f->length = length;
	memcpy(f->at, at, length);
	push(m, f);
}

/* A frame from a node: to the one it is for, or to all others. */
static void take(struct middle *m, int from, const unsigned char *at, size_t length, double now)
{
	const unsigned char *frame = at + sizeof(struct virtio_net_hdr);
	struct port *p = &m->ports[from];
	double bytes = wire_bytes(at, length), left = carried(&p->out_free, p->rate, bytes, now);

	memcpy(p->address, frame + ADDRESS, ADDRESS);
	if (left < 0)
		return;
	for (int to = 0; to < m->count; to++)
		if (!memcmp(m->ports[to].address, frame, ADDRESS)) {
			send_to(m, to, at, length, bytes, left);
			return;
		}
	for (int to = 0; to < m->count; to++)
		if (to != from)
			send_to(m, to, at, length, bytes, left);
}

/* Everything that is due: onto the receiver's link, or out of it. */
static void deliver(struct middle *m, double now)
{
	while (m->frames && m->heap[0]->due <= now) {
		struct frame *f = pop(m);
		struct port *p = &m->ports[f->to];
		if (!f->on_receivers_link) {
			double there = carried(&p->in_free, p->rate, f->wire_bytes, f->due);
			f->on_receivers_link = true;
			f->due = there;
			if (there >= 0) {
				push(m, f);
				continue;
			}
		} else if (write(p->fd, f->at, f->length) < 0 && errno == EIO) {
			/* the node's card is not up yet: lost, as on a wire */
		}
		mem_free(f);
	}
}

static void read_port(struct middle *m, int from, unsigned char *size)
{
	for (int i = 0; i < READS; i++) {
		ssize_t got = read(m->ports[from].fd, size, FRAME_BYTES);
		if (got < (ssize_t)sizeof(struct virtio_net_hdr) + 2 * ADDRESS)
			return;
		take(m, from, size, (size_t)got, clock_s());
	}
}

/* Until a frame comes or the next one is due. */
static void wait_for(const struct middle *m, struct pollfd *polled)
{
	double rest = m->frames ? m->heap[0]->due - clock_s() : REST_S;
	struct timespec pause = {0, 0};

	if (rest > 0) {
		pause.tv_sec = (time_t)rest;
		pause.tv_nsec = (long)(1e9 * (rest - (double)pause.tv_sec));
	}
	ppoll(polled, (nfds_t)m->count, &pause, NULL);
}

_Noreturn void net_switch(const struct net_port *ports, int count, double latency_s)
{
	struct middle m = {.count = count, .latency_s = latency_s};
	struct pollfd *polled = mem_array((size_t)count, sizeof(*polled));
	unsigned char *size = mem_alloc(FRAME_BYTES);

	m.ports = mem_array((size_t)count, sizeof(*m.ports));
	for (int i = 0; i < count; i++) {
		m.ports[i] = (struct port){.fd = ports[i].fd, .rate = ports[i].rate};
		polled[i] = (struct pollfd){.fd = ports[i].fd, .events = POLLIN};
	}
	for (;;) {
		wait_for(&m, polled);
		for (int i = 0; i < count; i++)
			if (polled[i].revents)
				read_port(&m, i, size);
		deliver(&m, clock_s());
	}
}
