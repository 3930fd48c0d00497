/* Where keys come from, and which addresses are safe without; what trust means is in endpoint.h. */
#include "cmd/credentials.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/text.h"

static const char YES[] = "yes-i-know", TCP[] = "tcp://";

/* Can only this machine reach it? The whole name must match: tcp://127.0.0.1.example.org is elsewhere. */
static bool stays_here(const char *address)
{
	char host[INET_ADDRSTRLEN] = "";
	struct in_addr at;
	if (strncmp(address, TCP, strlen(TCP)))
		return !strncmp(address, "ipc://", 6);
	address += strlen(TCP);
	const char *colon = strrchr(address, ':');
	size_t length = colon ? (size_t)(colon - address) : 0;
	if (length == 0 || length >= sizeof(host))
		return false;
	memcpy(host, address, length);
	return !strcmp(host, "localhost") || !strcmp(host, "[::1]") ||
	       (inet_pton(AF_INET, host, &at) == 1 && ntohl(at.s_addr) >> 24 == IN_LOOPBACKNET);
}

/* What people leave out: the protocol, or the host. */
static int check_form(const char *address, struct err *e)
{
	char shown[256];
	text_shown(address, shown, sizeof(shown));
	if (!strstr(address, "://"))
		return strchr(address, ':') && address[0] != ':'
		               ? err_user(e, "%s: found no protocol, expected tcp://%s", shown, shown)
		               : err_user(e, "%s: found no protocol and host, expected tcp://HOST:PORT",
		                          shown);
	if (strncmp(address, TCP, strlen(TCP)) && strncmp(address, "ipc://", 6))
		return err_user(e, "%s: found the protocol %.*s, expected tcp://HOST:PORT or ipc://PATH",
		                shown, (int)strcspn(shown, ":"), shown);
	if (!strncmp(address, TCP, strlen(TCP)) && address[strlen(TCP)] == ':')
		return err_user(e, "%s: found no host, expected tcp://HOST:PORT", shown);
	return 0;
}

/* ZeroMQ would take the lowest 16 bits of any number as the port. `*`: any port that is free. */
static int check_port(const char *address, struct err *e)
{
	char shown[256], found[64], *end;
	if (strncmp(address, TCP, strlen(TCP)))
		return 0;
	const char *port = strrchr(address, ':') + 1;
	unsigned long number = strtoul(port, &end, 10);
	if (!strcmp(port, "*"))
		return 0;
	if (port[0] >= '0' && port[0] <= '9' && !*end && number <= UINT16_MAX)
		return 0;
	text_shown(address, shown, sizeof(shown));
	if (!port[0] || port[0] == '/' || strchr(port, ']')) /* the colon is the protocol's, or of [::1] */
		return err_user(e, "%s: found no port at its end, expected a number up to %d", shown,
		                UINT16_MAX);
	return err_user(e, "%s: found '%s' for a port, expected a number up to %d", shown,
	                text_shown(port, found, sizeof(found)), UINT16_MAX);
}

int credentials_address(const char *address, struct err *e)
{
	return check_form(address, e) || check_port(address, e) ? -1 : 0;
}

int credentials_trust(const struct args *a, const char *address, enum endpoint_trust *out, struct err *e)
{
	const char *insecure = args_value(a, "insecure"), *keys = args_value(a, "keys");
	char shown[256];
	if (!insecure && !keys)
		return err_user(
		        e, "--keys DIR is missing: who may vote is known by keys, which 'signsgd keys new' "
		           "makes (--insecure does without, on one machine)");
	if (insecure && keys)
		return err_user(e, "--insecure is without keys; give one of --keys and --insecure");
	if (credentials_address(address, e))
		return -1;
	if (insecure && insecure[0] && strcmp(insecure, YES))
		return err_user(e, "--insecure: found '%s', expected nothing or =%s",
		                text_shown(insecure, shown, sizeof(shown)), YES);
	if (insecure && !insecure[0] && !stays_here(address))
		return err_user(e,
		                "--insecure at %s: others can reach that address, and could read, vote, and "
		                "pose as the server; "
		                "use keys, or say --insecure=%s",
		                text_shown(address, shown, sizeof(shown)), YES);
	/* Keys that come through a pipe are tokens: `train` made them for the processes that it starts. */
	*out = insecure ? ENDPOINT_OPEN : strcmp(keys, "-") ? ENDPOINT_KEYS : ENDPOINT_TOKENS;
	return 0;
}

int credentials_open(struct credentials *r, const struct args *a, struct err *e)
{
	const char *dir = args_value(a, "keys");
	bool piped = !strcmp(dir, "-");
	r->place = piped ? "standard input" : dir;
	return piped ? keyring_receive(&r->keys, STDIN_FILENO, e) : keyring_read(&r->keys, dir, e);
}

void credentials_close(struct credentials *r)
{
	keyring_clear(&r->keys);
}
