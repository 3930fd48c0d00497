/* SHA-256 through libcrypto's EVP interface. */
#include "base/sha256.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

enum { SHA256_BYTES = 32, READ_BYTES = 64 * 1024 };

static EVP_MD_CTX *digest_begin(void)
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	if (!digest || EVP_DigestInit_ex(digest, EVP_sha256(), NULL) != 1)
		die("libcrypto: SHA-256 is not to be had");
	return digest;
}

static void digest_add(EVP_MD_CTX *digest, const void *bytes, size_t count)
{
	if (EVP_DigestUpdate(digest, bytes, count) != 1)
		die("libcrypto: SHA-256 refused %zu bytes", count);
}

static void digest_end(EVP_MD_CTX *digest, char out[65])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char sum[SHA256_BYTES];
	if (EVP_DigestFinal_ex(digest, sum, NULL) != 1)
		die("libcrypto: SHA-256 gave no sum");
	EVP_MD_CTX_free(digest);
	for (int i = 0; i < SHA256_BYTES; i++) {
		out[2 * i] = digits[sum[i] >> 4];
		out[2 * i + 1] = digits[sum[i] & 15];
	}
	out[2 * SHA256_BYTES] = '\0';
}

void sha256_hex(const void *bytes, size_t count, char out[65])
{
	EVP_MD_CTX *digest = digest_begin();
	digest_add(digest, bytes, count);
	digest_end(digest, out);
}

int sha256_file(const char *path, char out[65], struct err *e)
{
	FILE *f = fopen(path, "rb");
	if (!f)
		return err_user(e, "%s: cannot be opened: %s", path, strerror(errno));
	EVP_MD_CTX *digest = digest_begin();
	unsigned char bytes[READ_BYTES];
	size_t got;
	while ((got = fread(bytes, 1, sizeof(bytes), f)) > 0)
		digest_add(digest, bytes, got);
	int failed = ferror(f) ? errno : 0;
	fclose(f);
	digest_end(digest, out);
	if (failed)
		return err_user(e, "%s: cannot be read: %s", path, strerror(failed));
	return 0;
}
