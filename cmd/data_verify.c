/* One image after the other, at full size. */
#include "cmd/data_verify.h"

#include "base/log.h"
#include "base/progress.h"
#include "data/image/bitmap.h"
#include "data/image/image_set.h"

struct tally {
	size_t done, bad, odd;
	struct file_bytes bytes;
	struct bitmap bitmap;
};

static void verify_file(const struct image_set *p, const struct image_file *f, struct tally *t)
{
	struct err e = {0};
	char why[200];

	t->done++;
	if (image_set_read(p, f, &t->bytes, &e)) {
		t->bad++;
		log_warn("%s", e.text);
	} else if (bitmap_decode(t->bytes.at, t->bytes.n, NULL, &t->bitmap, why)) {
		t->bad++;
		log_warn("%s/%s: %s", p->path, f->name, why);
	} else if (t->bitmap.note[0]) {
		t->odd++;
		log_warn("%s/%s: %s", p->path, f->name, t->bitmap.note);
	}
}

int data_verify(const char *path, struct err *e)
{
	struct tally t = {0};
	struct image_set *p = image_set_open(path, e);

	if (!p)
		return -1;
	image_set_warn(p);
	const size_t all = p->n[TRAIN] + p->n[VAL];
	for (int split = 0; split < 2; split++)
		for (size_t i = 0; i < p->n[split]; i++) {
			verify_file(p, &p->at[split][i], &t);
			if (progress_due())
				progress_show(false, "read %zu of %zu images", t.done, all);
		}
	progress_end();
	if (t.bad)
		err_user(e, "%s: %zu of %zu images are bad", path, t.bad, all);
	else
		log_say("%s: all %zu images are whole, %zu of them odd", path, all, t.odd);
	mem_free(t.bytes.at);
	bitmap_clear(&t.bitmap);
	image_set_close(p);
	return t.bad ? -1 : 0;
}
