/* Listening at an address whose host may be a name. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <zmq.h>
#include "transport/zmq/server.h"

enum { ADDRESS_BYTES = 300, HOST_BYTES = 256 };

static const char tcp[] = "tcp://";

/* Split "tcp://HOST:PORT"; NULL: it is no such address. Returns the port. */
static const char *split(const char *address, char host[HOST_BYTES])
{
	const char *colon = strrchr(address, ':');
	if (strncmp(address, tcp, strlen(tcp)) != 0 || colon < address + strlen(tcp))
		return NULL;
	snprintf(host, HOST_BYTES, "%.*s", (int)(colon - address - (int)strlen(tcp)), address + strlen(tcp));
	return colon + 1;
}

/* Bind to the first number that the name stands for. -1 and errno as zmq_bind(); ENODEV: it stands for none.
 */
static int bind_name(void *router, const char *host, const char *port)
{
	struct addrinfo wanted = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found = NULL;
	char number[HOST_BYTES], address[ADDRESS_BYTES];
	int rc = -1;
	if (getaddrinfo(host, NULL, &wanted, &found) != 0) {
		errno = ENODEV;
		return -1;
	}
	if (getnameinfo(found->ai_addr, found->ai_addrlen, number, sizeof number, NULL, 0, NI_NUMERICHOST) ==
	    0) {
		snprintf(address, sizeof address, "%s%.200s:%.20s", tcp, number, port);
		rc = zmq_bind(router, address);
	}
	int code = errno;
	freeaddrinfo(found);
	errno = code;
	return rc;
}

static int refuse(const char *address, const char *host, struct err *e)
{
	if (errno == EADDRINUSE)
		return err_world(e, "cannot listen on %s: %s", address, zmq_strerror(errno));
	if (errno == EADDRNOTAVAIL)
		return err_user(e,
		                "cannot listen on %s: no interface of this machine has that address; "
		                "tcp://0.0.0.0:PORT listens on all of them",
		                address);
	if (errno == ENODEV)
		return err_user(
		        e,
		        "cannot listen on %s: \"%s\" is neither an address, nor a name that can be resolved, "
		        "nor an interface of this machine",
		        address, host);
	return err_user(e, "cannot listen on %s: %s", address, zmq_strerror(errno));
}

/* ZeroMQ takes the host of a place to listen at for an interface unless it is a number. */
int server_bind_address(void *router, const char *address, struct err *e)
{
	char host[HOST_BYTES] = "";
	const char *port = split(address, host);
	if (zmq_bind(router, address) == 0)
		return 0;
	if (errno == ENODEV && port && bind_name(router, host, port) == 0)
		return 0;
	return refuse(address, host, e);
}
