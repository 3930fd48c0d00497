/* Reading CIFAR's binary files, record by record. */
#include "data/image/cifar_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { LABEL_BYTES_MAX = 2 };

/* The file's records, by its length. */
static int count_records(FILE *f, const char *path, const struct cifar_layout *x, size_t *records,
                         struct err *e)
{
	struct stat st;
	size_t record = (size_t)x->label_bytes + CIFAR_FEATURES;
	if (fstat(fileno(f), &st))
		return err_world(e, "%s: cannot be read: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_user(e, "%s: is no regular file, expected CIFAR records", path);
	size_t bytes = (size_t)st.st_size;
	if (bytes % record || bytes == 0 || bytes / record > x->records)
		return err_user(e, "%s: found %zu bytes, expected 1 to %zu records of %zu bytes", path, bytes,
		                x->records, record);
	*records = bytes / record;
	return 0;
}

static int read_record(FILE *f, const char *path, const struct cifar_layout *x, size_t i, uint8_t *pixels,
                       uint16_t *label, struct err *e)
{
	uint8_t labels[LABEL_BYTES_MAX];
	size_t n = (size_t)x->label_bytes;
	if (fread(labels, 1, n, f) != n || fread(pixels, 1, CIFAR_FEATURES, f) != CIFAR_FEATURES)
		return err_world(e, "%s: cannot be read: %s", path,
		                 ferror(f) ? strerror(errno) : "it shrank");
	*label = labels[n - 1];
	if (*label >= x->classes)
		return err_user(e, "%s: found label %d in record %zu, expected 0 to %d", path, *label, i,
		                x->classes - 1);
	return 0;
}

int cifar_read(const char *path, const struct cifar_layout *x, size_t keep, uint8_t *pixels, uint16_t *labels,
               size_t *got, struct err *e)
{
	FILE *f = fopen(path, "rbe");
	size_t records = 0;
	if (!f)
		return err_world(e, "%s: cannot be read: %s", path, strerror(errno));
	int rc = count_records(f, path, x, &records, e);
	*got = records < keep ? records : keep;
	for (size_t i = 0; i < *got && !rc; i++)
		rc = read_record(f, path, x, i, pixels + i * CIFAR_FEATURES, labels + i, e);
	fclose(f);
	return rc;
}
