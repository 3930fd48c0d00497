/* Rings of keys: made, looked up, sent through pipes. keyring_file.c has their files. */
#include "transport/keys/keyring.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "base/mem.h"
#include "transport/keys/keyring_internal.h"

enum {
	KEY_BYTES = 32,
	LINE_BYTES = CURVE_NAME + 2 * CURVE_TEXT + 3, /* NAME PUBLIC SECRET and the line's end */
	SENT_AT_MOST = 4096,                          /* pairs through a pipe */
};

bool keyring_name_holds(const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
	size_t length = strlen(name);
	return length >= 1 && length <= CURVE_NAME && strspn(name, allowed) == length &&
	       !strchr("-_.", name[0]);
}

/* --- keys -------------------------------------------------------------------------------------------- */

void curve_pair(struct curve_key *k)
{
	if (zmq_curve_keypair(k->public_key, k->secret_key))
		die("this ZeroMQ library cannot make keys: %s", zmq_strerror(errno));
}

bool curve_text_holds(const char *text)
{
	static const char z85[] =
	        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
	unsigned char key[KEY_BYTES];
	if (strlen(text) != CURVE_TEXT || strspn(text, z85) != CURVE_TEXT)
		return false;
	bool holds = zmq_z85_decode(key, text) != NULL;
	explicit_bzero(key, sizeof key);
	return holds;
}

bool curve_pair_holds(const struct curve_key *k)
{
	char derived[CURVE_TEXT + 1];
	return !k->secret_key[0] ||
	       (zmq_curve_public(derived, k->secret_key) == 0 && strcmp(derived, k->public_key) == 0);
}

int curve_order(const struct curve_key *a, const struct curve_key *b)
{
	return strverscmp(a->name, b->name);
}

/* --- rings ------------------------------------------------------------------------------------------- */

void keyring_make(struct keyring *r, int workers)
{
	*r = (struct keyring){(size_t)workers + 1, mem_array((size_t)workers + 1, sizeof *r->at)};
	for (size_t i = 0; i < r->count; i++) {
		if (i == 0)
			strcpy(r->at[i].name, KEYRING_SERVER);
		else
			snprintf(r->at[i].name, sizeof r->at[i].name, "w%zu", i - 1);
		curve_pair(&r->at[i]);
	}
}

void keyring_clear(struct keyring *r)
{
	if (r->at)
		explicit_bzero(r->at, r->count * sizeof *r->at);
	mem_free(r->at);
	*r = (struct keyring){0};
}

const struct curve_key *keyring_find(const struct keyring *r, const char *name)
{
	size_t low = 0, high = r->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strverscmp(name, r->at[middle].name);
		if (order == 0)
			return &r->at[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

int keyring_workers(const struct keyring *r)
{
	return (int)r->count - (keyring_find(r, KEYRING_SERVER) != NULL);
}

const struct curve_key *keyring_worker(const struct keyring *r, int worker)
{
	const struct curve_key *server = keyring_find(r, KEYRING_SERVER), *k = &r->at[worker];
	return server && k >= server ? k + 1 : k;
}

int keyring_number(const struct keyring *r, const struct curve_key *k)
{
	const struct curve_key *server = keyring_find(r, KEYRING_SERVER);
	return k == server ? -1 : (int)(k - r->at) - (server && k > server);
}

/* --- pipes ------------------------------------------------------------------------------------------- */

static int write_all(int fd, const char *text, struct err *e)
{
	for (size_t left = strlen(text); left > 0;) {
		ssize_t put = write(fd, text, left);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return err_world(e, "keys cannot be handed to another process: %s", strerror(errno));
		text += put;
		left -= (size_t)put;
	}
	return 0;
}

/* workers NULL: the first `count`. */
static int send_keys(const struct keyring *r, size_t count, const int *workers, bool secret, int fd,
                     struct err *e)
{
	char line[LINE_BYTES + 1];
	const struct curve_key *server = keyring_find(r, KEYRING_SERVER);
	snprintf(line, sizeof line, "%s%s%s\n", server->public_key, secret ? " " : "",
	         secret ? server->secret_key : "");
	int rc = write_all(fd, line, e);
	for (size_t i = 0; i < count && !rc; i++) {
		const struct curve_key *k = keyring_worker(r, workers ? workers[i] : (int)i);
		snprintf(line, sizeof line, "%s %s %s\n", k->name, k->public_key, k->secret_key);
		rc = write_all(fd, line, e);
	}
	explicit_bzero(line, sizeof line);
	return rc;
}

int keyring_send(const struct keyring *r, size_t count, const int *workers, int fd, struct err *e)
{
	return send_keys(r, count, workers, false, fd, e);
}

int keyring_send_all(const struct keyring *r, int fd, struct err *e)
{
	return send_keys(r, (size_t)keyring_workers(r), NULL, true, fd, e);
}

/* Read at most size - 1 bytes and end the text with a 0. */
static int read_all(int fd, char *text, size_t size, size_t *length, struct err *e)
{
	*length = 0;
	while (*length + 1 < size) {
		ssize_t got = read(fd, text + *length, size - 1 - *length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_world(e, "keys cannot be read: %s", strerror(errno));
		if (got == 0)
			break;
		*length += (size_t)got;
	}
	text[*length] = '\0';
	return 0;
}

/* Copy the word at *text, which ends with `end`, to out[size], and move *text behind it. False: it is too
 * long, empty, or has no end. */
static bool take_word(char **text, char end, char *out, size_t size)
{
	size_t length = strcspn(*text, " \n");
	if (length == 0 || length >= size || (*text)[length] != end)
		return false;
	memcpy(out, *text, length);
	out[length] = '\0';
	*text += length + 1;
	return true;
}

/* Read a line NAME PUBLIC SECRET. */
static bool take_pair(char **text, struct curve_key *k)
{
	return take_word(text, ' ', k->name, sizeof k->name) &&
	       take_word(text, ' ', k->public_key, sizeof k->public_key) &&
	       take_word(text, '\n', k->secret_key, sizeof k->secret_key) && keyring_name_holds(k->name) &&
	       strcmp(k->name, KEYRING_SERVER) != 0 && curve_text_holds(k->public_key) &&
	       curve_text_holds(k->secret_key) && curve_pair_holds(k);
}

/* Read the first line, PUBLIC or PUBLIC SECRET. */
static bool take_server(char **text, struct curve_key *k)
{
	if (take_word(text, '\n', k->public_key, sizeof k->public_key))
		return curve_text_holds(k->public_key);
	return take_word(text, ' ', k->public_key, sizeof k->public_key) &&
	       take_word(text, '\n', k->secret_key, sizeof k->secret_key) &&
	       curve_text_holds(k->public_key) && curve_text_holds(k->secret_key) && curve_pair_holds(k);
}

/* Read all lines. A worker whose name comes before `server` in the order moves down a place. */
static int take_lines(struct keyring *r, char *text, struct err *e)
{
	struct curve_key server = {.name = KEYRING_SERVER};
	size_t workers = 0, at = 0;
	if (!take_server(&text, &server))
		return err_user(e, "keys, line 1: expected the server's public key, %d characters of Z85",
		                CURVE_TEXT);
	for (; *text; workers++)
		if (!take_pair(&text, &r->at[workers]) ||
		    (workers > 0 && curve_order(&r->at[workers - 1], &r->at[workers]) >= 0))
			return err_user(
			        e,
			        "keys, line %zu: expected NAME PUBLIC SECRET of a worker, in the order "
			        "of their names",
			        workers + 2);
	if (workers == 0)
		return err_user(e, "keys: found the server's only, expected a worker's pair behind it");
	while (at < workers && curve_order(&r->at[at], &server) < 0)
		at++;
	memmove(&r->at[at + 1], &r->at[at], (workers - at) * sizeof *r->at);
	r->at[at] = server;
	return 0;
}

int keyring_receive(struct keyring *r, int fd, struct err *e)
{
	size_t size = (SENT_AT_MOST + 1) * LINE_BYTES, length = 0, lines = 0;
	char *text = mem_alloc(size);
	int rc = read_all(fd, text, size, &length, e);
	*r = (struct keyring){0};
	if (!rc && strlen(text) != length)
		rc = err_user(e, "keys: found a zero byte, expected text");
	else if (!rc && length + 1 == size)
		rc = err_user(e, "keys: more than %zu bytes came, expected at most %d workers", length,
		              SENT_AT_MOST);
	for (size_t i = 0; i < length; i++)
		lines += text[i] == '\n';
	if (!rc) {
		*r = (struct keyring){lines + 1, mem_array(lines + 1, sizeof *r->at)};
		rc = take_lines(r, text, e);
		r->count = lines;
	}
	explicit_bzero(text, length);
	mem_free(text);
	if (rc)
		keyring_clear(r);
	return rc;
}
