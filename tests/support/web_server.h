/*
 * A web server for tests: one process on 127.0.0.1, one connection at a time, whose misbehaviour is named by
 * the first part of the path: GET /HOW/NAME. It serves the files it was given and counts what it is asked.
 */
#ifndef SIGNSGD_TESTS_SUPPORT_WEB_SERVER_H
#define SIGNSGD_TESTS_SUPPORT_WEB_SERVER_H

#include <stdatomic.h>
#include <stddef.h>
#include <sys/types.h>

struct web_file {
	const char *name;
	const char *bytes;
	size_t n;
};

struct web_server {
	const struct web_file *files; /* ended by one without a name */
	pid_t pid;
	int port;
	atomic_int *asked; /* shared with the server's process */
};

/*
 * HOW is one of: good, short (says more than it sends), brief (sends less and says nothing), flip (the last
 * byte is another one), endless, redirect (to good), escape (redirects to a file of this machine); else 404.
 *
 * web_start() forks the server, which keeps *s and `files`; web_stop() ends it.
 */
void web_start(struct web_server *s, const struct web_file *files);
void web_stop(struct web_server *s);

/* A socket that listens on a free port of 127.0.0.1. The caller closes it. */
int web_listen(int *port);

#endif
