/*
 * A server's threads as a plain program, so that it also runs under the thread sanitizer: the thread that
 * checks keys and the one that watches connections beside rounds over TCP, while clients knock without a key.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/hash.h"
#include "tests/support/zmq_peer.h"

enum { KNOCKS = 40 };

/* Connections that say nothing sensible, from a process of their own. */
static pid_t knock(const char *address)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	struct sockaddr_in at = {.sin_family = AF_INET,
	                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	                         .sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1))};
	for (int i = 0; i < KNOCKS; i++) {
		int s = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(s, (struct sockaddr *)&at, sizeof at) == 0)
			(void)!write(s, "nothing that anybody would say first", 36);
		close(s);
	}
	_exit(0);
}

static int fail(const char *what, const struct err *e)
{
	printf("zmq: %s: %s\n", what, e->text);
	return 1;
}

static int rounds(struct toy_server *s, const struct toy *t)
{
	struct err e = {0};
	if (s->link.row->sync(s->link.self, &s->state.st, &e))
		return fail("sync", &e);
	for (int k = 0; k < t->steps; k++)
		if (toy_server_step(s, 0, &e) != EXCHANGE_DONE || s->n_voters[k] != t->workers)
			return fail("a round", &e);
	s->link.row->leave(s->link.self, true, "done");
	return 0;
}

int main(void)
{
	static struct toy_server s;
	struct toy t;
	struct toy_client clients[] = {{.count = 2, .first = 0, .fail_at = -1},
	                               {.count = 1, .first = 2, .fail_at = -1}};
	uint64_t hash;
	toy_open(&t, 3, 60, 5000, "vote");
	for (int i = 0; i < 2; i++)
		toy_client_start(&t, clients, i, ENDPOINT_KEYS);
	toy_server_open(&s, &t, ENDPOINT_KEYS, "tcp://127.0.0.1:*", NULL);
	pid_t knocker = knock(zmq_server_address(s.link.self));
	for (int i = 0; i < 2; i++)
		toy_client_tell(&clients[i], zmq_server_address(s.link.self), &s.ring);
	int bad = rounds(&s, &t);
	for (int i = 0; i < 2; i++)
		bad |= toy_client_end(&clients[i], &hash) != 0 ||
		       hash != hash_words(0, s.state.x, t.n * sizeof(float));
	waitpid(knocker, NULL, 0);
	toy_server_close(&s);
	arena_clear(&t.arena);
	if (!bad)
		printf("zmq: %d rounds beside %d knocks\n", t.steps, KNOCKS);
	return bad;
}
