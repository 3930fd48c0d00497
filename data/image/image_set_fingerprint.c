/* What an image set holds: see image_set_fingerprint.h. */
#include "data/image/image_set_fingerprint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct image_file *const *)a)->name,
	              (*(const struct image_file *const *)b)->name);
}

static int bytes_of(const struct image_set *p, const struct image_file *f, uint64_t *bytes, struct err *e)
{
	struct stat st;
	*bytes = f->bytes;
	if (p->pack >= 0)
		return 0;
	char *path = mem_format("%s/%s", p->path, f->name);
	int rc = stat(path, &st) ? err_user(e, "%s: cannot be read: %s", path, strerror(errno)) : 0;
	*bytes = rc ? 0 : (uint64_t)st.st_size;
	mem_free(path);
	return rc;
}

static int add_file(struct sha256 *digest, const struct image_set *p, const struct image_file *f,
                    struct err *e)
{
	char numbers[64];
	uint64_t bytes;
	if (bytes_of(p, f, &bytes, e))
		return -1;
	snprintf(numbers, sizeof numbers, "%" PRIu64 " %u", bytes, (unsigned)f->label);
	sha256_add(digest, f->name, strlen(f->name) + 1);
	sha256_add(digest, numbers, strlen(numbers) + 1);
	return 0;
}

/* The files of both splits, sorted by their paths, which begin with the split. Free with mem_free(). */
static const struct image_file **sorted(const struct image_set *p)
{
	const size_t n = p->n[TRAIN] + p->n[VAL];
	const struct image_file **files = mem_array(n, sizeof *files);
	for (size_t i = 0; i < n; i++)
		files[i] = i < p->n[TRAIN] ? &p->at[TRAIN][i] : &p->at[VAL][i - p->n[TRAIN]];
	qsort(files, n, sizeof *files, by_name);
	return files;
}

int image_set_fingerprint(const struct image_set *p, char out[DATA_ID_SIZE], struct err *e)
{
	struct sha256 *digest = sha256_begin();
	const struct image_file **files = sorted(p);
	int rc = 0;
	for (int c = 0; c < p->n_classes; c++)
		sha256_add(digest, p->classes[c], strlen(p->classes[c]) + 1);
	for (size_t i = 0; i < p->n[TRAIN] + p->n[VAL] && !rc; i++)
		rc = add_file(digest, p, files[i], e);
	mem_free(files);
	data_fingerprint_end(digest, out);
	return rc;
}
