/*
 * Keys, which say who may take part. They are pairs of CURVE (Curve25519) as ZeroMQ makes them, in its text
 * form Z85, 40 characters each.
 *
 * In a folder, a pair is two files: NAME.public, which all may read, and NAME.secret, which only its owner
 * may read (mode 0600). Each has two lines: a comment, and the key. Whoever holds the secret counts as NAME:
 * one key, one vote.
 *
 * The server's own pair is called `server`. Every other public key in the server's folder is an enrolled
 * worker, numbered in the natural order of names (w2 before w10). The folder of a machine with workers holds
 * their own pairs and server.public.
 *
 * Secrets are wiped from memory when they are no longer needed.
 */
#ifndef SIGNSGD_TRANSPORT_KEYS_KEYRING_H
#define SIGNSGD_TRANSPORT_KEYS_KEYRING_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

enum { CURVE_TEXT = 40, CURVE_NAME = 64 };

/* The name of the server's pair. No worker can have it. */
#define KEYRING_SERVER "server"

struct curve_key {
	char name[CURVE_NAME + 1];
	char public_key[CURVE_TEXT + 1], secret_key[CURVE_TEXT + 1]; /* secret_key "": it is not known */
};

struct keyring {
	size_t count;
	struct curve_key *at; /* [count] in natural order of names, each name and each key once */
};

/* Letters, digits, '.', '_', '-', the first a letter or digit, 1 to CURVE_NAME of them. */
bool keyring_name_holds(const char *name);

/*
 * Make pairs with these names and write them to the folder `dir`. The folder is made (0700) if it does not
 * exist; its parent must exist. No file is ever overwritten: if there is a pair of any of the names already,
 * no pair is made. -1 and a sentence.
 */
int keyring_new(const char *dir, size_t count, const char *const *names, struct err *e);

/*
 * Read all keys of a folder. -1 and a sentence if a file is no key, if others may read a secret, if a secret
 * does not belong to the public key beside it or has none beside it, or if two names have the same key. Free
 * with keyring_clear().
 */
int keyring_read(struct keyring *r, const char *dir, struct err *e);

/* Make pairs for one run, in memory only: the server's, and those of workers "w0", "w1", ... */
void keyring_make(struct keyring *r, int workers);

/* Wipes and frees. */
void keyring_clear(struct keyring *r);

/* The pair of that name, or NULL. */
const struct curve_key *keyring_find(const struct keyring *r, const char *name);
/* How many workers' pairs there are, and the one with that number. */
int keyring_workers(const struct keyring *r);
const struct curve_key *keyring_worker(const struct keyring *r, int worker);
/* The number of a worker whose key is in the ring; -1: it is the server's. */
int keyring_number(const struct keyring *r, const struct curve_key *k);

/*
 * Send the server's public key and the pairs of these workers to another process through a pipe, as text: a
 * line with the server's public key, then a line NAME PUBLIC SECRET for each. -1 and a sentence when no
 * process reads the pipe (if SIGPIPE is ignored; otherwise it ends this process).
 */
int keyring_send(const struct keyring *r, size_t count, const int *workers, int fd, struct err *e);

/* The same for a process that is a server: all workers' pairs, and the server's secret behind its public key.
 */
int keyring_send_all(const struct keyring *r, int fd, struct err *e);

/* Read what was sent, until the pipe's end, into *r. -1 and a sentence. */
int keyring_receive(struct keyring *r, int fd, struct err *e);

#endif
