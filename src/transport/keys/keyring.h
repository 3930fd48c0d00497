/*
 * Keys: who may speak. Pairs of CURVE (Curve25519) as ZeroMQ makes them, in its text form Z85, 40 characters.
 *
 * In a folder, a pair is two files of two lines, a comment that says what it is and the key: NAME.public for
 * all to read, NAME.secret for its owner alone (mode 0600). Whoever holds a secret is NAME: one key, one
 * vote.
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

/* The name that is no worker's. */
#define KEYRING_SERVER "server"

struct curve_key {
	char name[CURVE_NAME + 1];
	char public_key[CURVE_TEXT + 1], secret_key[CURVE_TEXT + 1]; /* secret_key "": not here */
};

struct keyring {
	size_t count;
	struct curve_key *at; /* [count] in natural order of names, each name and each key once */
};

/* Letters, digits, '.', '_', '-', the first a letter or digit, 1 to CURVE_NAME of them. */
bool keyring_name_holds(const char *name);

/*
 * Make pairs of these names and write them to the folder `dir`, which is made (0700) where it is not, its
 * parent must be there. -1 and a sentence; nothing is ever written over, and when any of the names is there
 * already, none is made.
 */
int keyring_new(const char *dir, size_t count, const char *const *names, struct err *e);

/*
 * All keys of a folder. -1 and a sentence: a file that is no key, a secret that others may read or that
 * belongs to another public key, a secret alone, the same key under two names. Free with keyring_clear().
 */
int keyring_read(struct keyring *r, const char *dir, struct err *e);

/* Throw-away pairs that are on no disk: the server's and those of workers "w0" .. */
void keyring_make(struct keyring *r, int workers);

/* Wipes and frees. */
void keyring_clear(struct keyring *r);

/* The pair of that name, or NULL. */
const struct curve_key *keyring_find(const struct keyring *r, const char *name);
/* How many are workers, and the one of that number. */
int keyring_workers(const struct keyring *r);
const struct curve_key *keyring_worker(const struct keyring *r, int worker);
/* The number of a worker whose key is in the ring; -1: it is the server's. */
int keyring_number(const struct keyring *r, const struct curve_key *k);

/*
 * Hand the server's public key and the pairs of these workers to another process through a pipe, as text: a
 * line with the server's public key, then a line NAME PUBLIC SECRET for each. -1 and a sentence when nobody
 * reads (if SIGPIPE is ignored; else it ends the process).
 */
int keyring_send(const struct keyring *r, size_t count, const int *workers, int fd, struct err *e);

/* The same for a server's own process: all workers' pairs, and the server's secret behind its public key. */
int keyring_send_all(const struct keyring *r, int fd, struct err *e);

/* Read that until its end. -1 and a sentence. The pairs, and `server`, are then in *r. */
int keyring_receive(struct keyring *r, int fd, struct err *e);

#endif
