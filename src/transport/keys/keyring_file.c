/* Keys in a folder: never overwritten, and checked when they are read. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "transport/keys/keyring.h"
#include "transport/keys/keyring_internal.h"

enum { FILE_BYTES = 256, SHOWN = 160 };

/* The difference between the two files of a pair. */
struct kind {
	const char *ending, *title, *rest; /* the first line is "# " title rest */
	mode_t mode;
};

static const struct kind public_kind = {".public", "signsgd public key", ": for all to read", 0644};
static const struct kind secret_kind = {".secret", "signsgd secret key",
                                        ": whoever reads it can speak for its owner", 0600};

/* --- writing ----------------------------------------------------------------------------------------- */

/* DIR/NAME.ending; free with mem_free(). */
static char *key_path(const char *dir, const char *name, const struct kind *kind)
{
	return mem_format("%s/%s%s", dir, name, kind->ending);
}

static int there_already(const char *path, struct err *e)
{
	return err_user(e, "%s: is there already, and keys are never written over", path);
}

/* The file has its mode from the beginning, so that no other user can read a secret at any moment. */
static int write_file(const char *path, const struct kind *kind, const char *key, struct err *e)
{
	char text[FILE_BYTES];
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kind->mode);
	if (fd < 0 && errno == EEXIST)
		return there_already(path, e);
	if (fd < 0)
		return err_world(e, "%s: cannot be made: %s", path, strerror(errno));
	int length = snprintf(text, sizeof text, "# %s%s\n%s\n", kind->title, kind->rest, key);
	errno = 0;
	bool whole = write(fd, text, (size_t)length) == length && fsync(fd) == 0;
	int why = errno;
	explicit_bzero(text, sizeof text);
	if ((close(fd) && !why) || !whole) {
		why = why ? why : errno;
		unlink(path);
		return err_world(e, "%s: cannot be written: %s", path, why ? strerror(why) : "cut short");
	}
	return 0;
}

static int write_pair(const char *dir, const struct curve_key *k, struct err *e)
{
	char *secret = key_path(dir, k->name, &secret_kind), *public = key_path(dir, k->name, &public_kind);
	int rc = write_file(secret, &secret_kind, k->secret_key, e);
	if (!rc) {
		rc = write_file(public, &public_kind, k->public_key, e);
		if (rc)
			unlink(secret);
	}
	mem_free(secret);
	mem_free(public);
	return rc;
}

/* Is either of its files there? */
static int check_free(const char *dir, const char *name, struct err *e)
{
	const struct kind *kinds[] = {&secret_kind, &public_kind};
	int rc = 0;
	for (int i = 0; i < 2 && !rc; i++) {
		char *path = key_path(dir, name, kinds[i]);
		struct stat s;
		if (lstat(path, &s) == 0)
			rc = there_already(path, e);
		mem_free(path);
	}
	return rc;
}

static int check_names(const char *dir, size_t count, const char *const *names, struct err *e)
{
	char shown[SHOWN];
	for (size_t i = 0; i < count; i++) {
		text_shown(names[i], shown, sizeof shown);
		if (!keyring_name_holds(names[i]))
			return err_user(e,
			                "'%s' is no name of a key, expected at most %d letters, digits, '.', "
			                "'_' and '-', the first a letter or digit",
			                shown, CURVE_NAME);
		for (size_t j = 0; j < i; j++)
			if (strcmp(names[i], names[j]) == 0)
				return err_user(e, "'%s' is named twice", shown);
		if (check_free(dir, names[i], e))
			return -1;
	}
	return 0;
}

int keyring_new(const char *dir, size_t count, const char *const *names, struct err *e)
{
	if (check_names(dir, count, names, e))
		return -1;
	struct stat st;
	if (stat(dir, &st) == 0 && !S_ISDIR(st.st_mode))
		return err_user(e, "%s: found a file, expected a folder for the keys, or nothing there", dir);
	if (mkdir(dir, 0700) && errno != EEXIST)
		return err_world(e, "%s: the folder cannot be made: %s", dir, strerror(errno));
	int rc = 0;
	for (size_t i = 0; i < count && !rc; i++) {
		struct curve_key k = {0};
		strcpy(k.name, names[i]);
		curve_pair(&k);
		rc = write_pair(dir, &k, e);
		explicit_bzero(&k, sizeof k);
	}
	return rc;
}

/* --- reading ----------------------------------------------------------------------------------------- */

/* Read the two lines of a file. False: they are something else. */
static bool parse(const struct kind *kind, char *text, char key[CURVE_TEXT + 1])
{
	size_t title = strlen(kind->title);
	char *line = strchr(text, '\n');
	if (strncmp(text, "# ", 2) != 0 || strncmp(text + 2, kind->title, title) != 0 || !line)
		return false;
	line++;
	char *end = line + strcspn(line, "\n");
	if (end - line != CURVE_TEXT || (*end && end[1]))
		return false;
	memcpy(key, line, CURVE_TEXT);
	key[CURVE_TEXT] = '\0';
	return curve_text_holds(key);
}

/* May we take a key from this open file? */
static int check_file(const char *path, int fd, const struct kind *kind, struct err *e)
{
	struct stat s;
	if (fstat(fd, &s))
		return err_user(e, "%s: cannot be read: %s", path, strerror(errno));
	if (!S_ISREG(s.st_mode))
		return err_user(e, "%s: is no file, expected a key", path);
	if (kind == &secret_kind && (s.st_mode & 077))
		return err_user(
		        e,
		        "%s: others than its owner may read this secret key: found mode %04o, expected "
		        "0600; if anybody may have seen it, make a new one",
		        path, (unsigned)(s.st_mode & 07777));
	return 0;
}

/* Read a file's key. 1: there is no such file. */
static int read_file(const char *path, const struct kind *kind, char key[CURVE_TEXT + 1], struct err *e)
{
	char text[FILE_BYTES];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* never waits for the writer of a pipe */
	if (fd < 0 && errno == ENOENT)
		return 1;
	if (fd < 0)
		return err_user(e, "%s: cannot be opened: %s", path, strerror(errno));
	int rc = check_file(path, fd, kind, e);
	ssize_t got = rc ? 0 : read(fd, text, sizeof text - 1);
	if (got < 0)
		rc = err_user(e, "%s: cannot be read: %s", path, strerror(errno));
	text[got > 0 ? got : 0] = '\0';
	if (!rc && !parse(kind, text, key))
		rc = err_user(
		        e,
		        "%s: expected two lines: a comment that begins with '# %s', and %d characters of "
		        "Z85",
		        path, kind->title, CURVE_TEXT);
	explicit_bzero(text, sizeof text);
	close(fd);
	return rc;
}

static int read_pair(const char *dir, struct curve_key *k, struct err *e)
{
	char *public = key_path(dir, k->name, &public_kind), *secret = key_path(dir, k->name, &secret_kind);
	int rc = read_file(public, &public_kind, k->public_key, e);
	if (rc == 1)
		rc = err_user(e, "%s: was not found, expected it beside %s%s", public, k->name,
		              secret_kind.ending);
	if (!rc)
		rc = read_file(secret, &secret_kind, k->secret_key, e) < 0 ? -1 : 0;
	if (!rc && !curve_pair_holds(k))
		rc = err_user(e, "%s: is not the secret of the public key beside it", secret);
	mem_free(public);
	mem_free(secret);
	return rc;
}

/* The length of the name before either ending; 0: the file is no key. */
static size_t name_length(const char *file)
{
	const char *dot = strrchr(file, '.');
	bool key = dot && (!strcmp(dot, public_kind.ending) || !strcmp(dot, secret_kind.ending));
	return key && file[0] != '.' ? (size_t)(dot - file) : 0;
}

/* List the names, a name once for each of its files. */
static int read_names(struct keyring *r, const char *dir, DIR *d, struct err *e)
{
	size_t size = 0;
	for (struct dirent *file; (file = readdir(d));) {
		size_t length = name_length(file->d_name);
		struct curve_key k = {0};
		if (length == 0)
			continue;
		memcpy(k.name, file->d_name, length <= CURVE_NAME ? length : 0);
		if (!keyring_name_holds(k.name))
			return err_user(e,
			                "%s/%s: is no name of a key, expected letters, digits, '.', '_', '-'",
			                dir, file->d_name);
		if (r->count == size) {
			size = 2 * size + 16;
			r->at = mem_resize(r->at, size * sizeof *r->at);
		}
		r->at[r->count++] = k;
	}
	return 0;
}

static int by_order(const void *a, const void *b)
{
	return curve_order(a, b);
}

static void drop_repeated(struct keyring *r)
{
	size_t kept = 0;
	for (size_t i = 0; i < r->count; i++)
		if (kept == 0 || curve_order(&r->at[kept - 1], &r->at[i]) != 0)
			r->at[kept++] = r->at[i];
	r->count = kept;
}

static int by_public_key(const void *a, const void *b)
{
	const struct curve_key *const *x = a, *const *y = b;
	int order = strcmp((*x)->public_key, (*y)->public_key);
	return order ? order : curve_order(*x, *y);
}

/* One key, one vote. */
static int check_different(const struct keyring *r, const char *dir, struct err *e)
{
	const struct curve_key **sorted = mem_alloc((r->count + 1) * sizeof *sorted); /* [count] */
	int rc = 0;
	for (size_t i = 0; i < r->count; i++)
		sorted[i] = &r->at[i];
	qsort(sorted, r->count, sizeof *sorted, by_public_key);
	for (size_t i = 1; i < r->count && !rc; i++)
		if (strcmp(sorted[i - 1]->public_key, sorted[i]->public_key) == 0)
			rc = err_user(e, "%s/%s%s: is the same key as %s%s, expected one key a name", dir,
			              sorted[i]->name, public_kind.ending, sorted[i - 1]->name,
			              public_kind.ending);
	mem_free(sorted);
	return rc;
}

/* Names are sorted before secrets are there, so that no copy of one is left in memory. */
int keyring_read(struct keyring *r, const char *dir, struct err *e)
{
	*r = (struct keyring){0};
	DIR *d = opendir(dir);
	if (!d)
		return err_user(e, "%s: the folder of keys cannot be opened: %s", dir, strerror(errno));
	int rc = read_names(r, dir, d, e);
	closedir(d);
	if (r->count > 0) {
		qsort(r->at, r->count, sizeof *r->at, by_order);
		drop_repeated(r);
	}
	for (size_t i = 0; i < r->count && !rc; i++)
		rc = read_pair(dir, &r->at[i], e);
	if (!rc)
		rc = check_different(r, dir, e);
	if (rc)
		keyring_clear(r);
	return rc;
}
