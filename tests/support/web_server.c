#include "tests/support/web_server.h"
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void web_send(int to, const char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(to, bytes, n, MSG_NOSIGNAL);
		if (sent <= 0)
			return; /* the other side has had enough */
		bytes += sent;
		n -= (size_t)sent;
	}
}

static void web_head(int to, const char *status, const char *name, const char *value)
{
	char head[512];
	int n = snprintf(head, sizeof(head), "HTTP/1.1 %s\r\nConnection: close\r\n%s%s%s%s\r\n", status,
	                 name ? name : "", name ? ": " : "", name ? value : "", name ? "\r\n" : "");
	web_send(to, head, (size_t)n);
}

static void web_head_length(int to, size_t length)
{
	char text[32];
	snprintf(text, sizeof(text), "%zu", length);
	web_head(to, "200 OK", "Content-Length", text);
}

/* The ways to answer are in web_server.h. */
static void web_answer(int to, const char *how, const struct web_file *f)
{
	char target[256];
	if (!strcmp(how, "good")) {
		web_head_length(to, f->n);
		web_send(to, f->bytes, f->n);
	} else if (!strcmp(how, "short")) {
		web_head_length(to, f->n);
		web_send(to, f->bytes, f->n / 2);
	} else if (!strcmp(how, "brief")) {
		web_head(to, "200 OK", NULL, NULL);
		web_send(to, f->bytes, f->n / 2);
	} else if (!strcmp(how, "flip")) {
		web_head_length(to, f->n);
		web_send(to, f->bytes, f->n - 1);
		web_send(to, "\n", 1);
	} else if (!strcmp(how, "endless")) {
		web_head(to, "200 OK", NULL, NULL);
		for (int i = 0; i < 100000; i++)
			web_send(to, "more and ", 9);
	} else if (!strcmp(how, "redirect")) {
		snprintf(target, sizeof(target), "/good/%s", f->name);
		web_head(to, "302 Found", "Location", target);
	} else if (!strcmp(how, "escape")) {
		web_head(to, "302 Found", "Location", "file:///etc/hostname");
	} else {
		web_head(to, "404 Not Found", "Content-Length", "0");
	}
}

static void web_serve_one(const struct web_server *s, int to)
{
	char request[4096] = "", how[64], name[256];
	size_t n = 0;
	while (n < sizeof(request) - 1 && !strstr(request, "\r\n\r\n")) {
		ssize_t got = recv(to, request + n, sizeof(request) - 1 - n, 0);
		if (got <= 0)
			return;
		n += (size_t)got;
		request[n] = '\0';
	}
	atomic_fetch_add(s->asked, 1);
	if (sscanf(request, "GET /%63[^/ ]/%255[^ ]", how, name) != 2)
		return;
	for (const struct web_file *f = s->files; f->name; f++)
		if (!strcmp(f->name, name)) {
			web_answer(to, how, f);
			return;
		}
	web_answer(to, "missing", NULL);
}

/* Close so that all that was sent arrives, even when the other side still has something to say. */
static void web_close(int to)
{
	char rest[256];
	shutdown(to, SHUT_WR);
	while (recv(to, rest, sizeof(rest), 0) > 0)
		;
	close(to);
}

int web_listen(int *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(at);
	int door = socket(AF_INET, SOCK_STREAM, 0);
	if (door < 0 || bind(door, (struct sockaddr *)&at, sizeof(at)) || listen(door, 8) ||
	    getsockname(door, (struct sockaddr *)&at, &length)) {
		perror("web server");
		exit(1);
	}
	*port = ntohs(at.sin_port);
	return door;
}

void web_start(struct web_server *s, const struct web_file *files)
{
	int door = web_listen(&s->port);
	s->files = files;
	s->asked = mmap(NULL, sizeof(*s->asked), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	s->pid = fork();
	if (s->pid == 0) {
		for (;;) {
			int to = accept(door, NULL, NULL);
			if (to < 0)
				_exit(1);
			web_serve_one(s, to);
			web_close(to);
		}
	}
	close(door);
}

void web_stop(struct web_server *s)
{
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	munmap(s->asked, sizeof(*s->asked));
}
