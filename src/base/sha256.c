/* SHA-256 through libcrypto's EVP interface. */
#include "base/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/mem.h"

enum { SHA256_BYTES = 32, READ_BYTES = 64 * 1024 };

struct sha256 {
	EVP_MD_CTX *digest;
};

struct sha256 *sha256_begin(void)
{
	struct sha256 *s = mem_alloc(sizeof *s);
	s->digest = EVP_MD_CTX_new();
	if (!s->digest || EVP_DigestInit_ex(s->digest, EVP_sha256(), NULL) != 1)
		die("libcrypto: SHA-256 is not to be had");
	return s;
}

void sha256_add(struct sha256 *s, const void *bytes, size_t count)
{
	if (EVP_DigestUpdate(s->digest, bytes, count) != 1)
		die("libcrypto: SHA-256 refused %zu bytes", count);
}

void sha256_end(struct sha256 *s, char out[65])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char sum[SHA256_BYTES];
	if (EVP_DigestFinal_ex(s->digest, sum, NULL) != 1)
		die("libcrypto: SHA-256 gave no sum");
	EVP_MD_CTX_free(s->digest);
	mem_free(s);
	for (int i = 0; i < SHA256_BYTES; i++) {
		out[2 * i] = digits[sum[i] >> 4];
		out[2 * i + 1] = digits[sum[i] & 15];
	}
	out[2 * SHA256_BYTES] = '\0';
}

void sha256_hex(const void *bytes, size_t count, char out[65])
{
	struct sha256 *s = sha256_begin();
	sha256_add(s, bytes, count);
	sha256_end(s, out);
}

/* NULL and a sentence. What a pipe says would be gone when it is read; one without a writer would block. */
static FILE *open_file(const char *path, struct err *e)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	FILE *f = NULL;
	if (fd < 0 || fstat(fd, &st))
		err_user(e, "%s: cannot be opened: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		err_user(e, "%s: is a device or pipe, expected a file", path);
	else if (!(f = fdopen(fd, "rb")))
		err_world(e, "%s: cannot be opened: %s", path, strerror(errno));
	if (!f && fd >= 0)
		close(fd);
	return f;
}

int sha256_file(const char *path, char out[65], struct err *e)
{
	if (!path[0])
		return err_user(e, "found an empty path, expected a file");
	FILE *f = open_file(path, e);
	if (!f)
		return -1;
	struct sha256 *s = sha256_begin();
	unsigned char bytes[READ_BYTES];
	size_t got;
	while ((got = fread(bytes, 1, sizeof(bytes), f)) > 0)
		sha256_add(s, bytes, got);
	int failed = ferror(f) ? errno : 0;
	fclose(f);
	sha256_end(s, out);
	if (failed)
		return err_user(e, "%s: cannot be read: %s", path, strerror(failed));
	return 0;
}
