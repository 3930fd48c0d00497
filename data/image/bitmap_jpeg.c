/* JPEG by libjpeg-turbo. libjpeg leaves by longjmp() when it cannot go on. */
#include "data/image/bitmap_internal.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

/* clang-format off */
#include <jpeglib.h> /* after stdio.h, whose FILE it takes for granted */
#include <jerror.h>
/* clang-format on */

enum { CMYK = 4, EXIF_BYTES = 0xffff, ORIENTATION_TAG = 0x0112, SHORT = 3, SHRINK_MAX = 8 };

struct decoder {
	struct jpeg_decompress_struct jpeg;
	struct jpeg_error_mgr error;
	struct jpeg_progress_mgr progress;
	jmp_buf stop;
	char *why;          /* [WHY_BYTES] */
	int lost, harmless; /* warnings of either kind */
	int first_code;
	char first[JMSG_LENGTH_MAX]; /* the first that means lost data; while there is none, the first */
};

static void give_up(j_common_ptr jpeg)
{
	struct decoder *d = jpeg->client_data;
	char text[JMSG_LENGTH_MAX];
	jpeg->err->format_message(jpeg, text);
	snprintf(d->why, WHY_BYTES, "is a damaged JPEG file: %.150s", text);
	longjmp(d->stop, 1);
}

/* Do pixels come out as they were put in, in spite of this warning? What is not known here costs some. */
static int is_harmless(int code)
{
	return code == JWRN_ADOBE_XFORM || code == JWRN_JFIF_MAJOR || code == JWRN_NOT_SEQUENTIAL ||
	       code == JWRN_BOGUS_ICC || code == JWRN_TOO_MUCH_DATA;
}

/* libjpeg warns of damage and goes on: what is lost it fills in. */
static void note_warning(j_common_ptr jpeg, int level)
{
	struct decoder *d = jpeg->client_data;
	if (level >= 0)
		return;
	int harmless = is_harmless(jpeg->err->msg_code);
	if (!d->lost && !(harmless && d->harmless)) {
		d->first_code = jpeg->err->msg_code;
		jpeg->err->format_message(jpeg, d->first);
	}
	d->lost += !harmless;
	d->harmless += harmless;
}

/* After the last row: is the image whole? */
static int judge(const struct decoder *d, struct bitmap *p)
{
	if (d->first_code == JWRN_JPEG_EOF) {
		snprintf(d->why, WHY_BYTES, "is a JPEG file that ends early");
		return -1;
	}
	if (d->lost) {
		snprintf(d->why, WHY_BYTES, "is a damaged JPEG file: %.100s (%d warning%s of libjpeg)",
		         d->first, d->lost, d->lost == 1 ? "" : "s");
		return -1;
	}
	if (d->harmless)
		snprintf(p->note, sizeof p->note,
		         "libjpeg warns: %.100s (%d warning%s that cost%s no pixels)", d->first, d->harmless,
		         d->harmless == 1 ? "" : "s", d->harmless == 1 ? "s" : "");
	return 0;
}

static void count_scans(j_common_ptr jpeg)
{
	struct decoder *d = jpeg->client_data;
	if (d->jpeg.input_scan_number <= BITMAP_SCANS_MAX)
		return;
	snprintf(d->why, WHY_BYTES, "has more than %d scans", BITMAP_SCANS_MAX);
	longjmp(d->stop, 1);
}

static unsigned word(const uint8_t *p, int little)
{
	return little ? p[0] | (unsigned)p[1] << 8 : (unsigned)p[0] << 8 | p[1];
}

static size_t long_word(const uint8_t *p, int little)
{
	return little ? word(p, 1) | (size_t)word(p + 2, 1) << 16 : (size_t)word(p, 0) << 16 | word(p + 2, 0);
}

/* The orientation in an APP1 segment: "Exif", then a TIFF file, whose first directory has it. 1 if absent. */
static int exif_orientation(const uint8_t *p, size_t n)
{
	static const uint8_t mark[6] = {'E', 'x', 'i', 'f', 0, 0};
	if (n < sizeof mark + 8 || memcmp(p, mark, sizeof mark))
		return 1;
	p += sizeof mark;
	n -= sizeof mark;
	int little = p[0] == 'I';
	if ((!little && p[0] != 'M') || word(p + 2, little) != 42)
		return 1;
	size_t at = long_word(p + 4, little);
	if (at > n - 2)
		return 1;
	unsigned entries = word(p + at, little);
	for (at += 2; entries > 0 && n >= 12 && at <= n - 12; entries--, at += 12)
		if (word(p + at, little) == ORIENTATION_TAG && word(p + at + 2, little) == SHORT) {
			unsigned found = word(p + at + 8, little);
			return found >= 1 && found <= 8 ? (int)found : 1;
		}
	return 1;
}

static int find_orientation(const struct jpeg_decompress_struct *jpeg)
{
	for (jpeg_saved_marker_ptr m = jpeg->marker_list; m; m = m->next) {
		int found = m->marker == JPEG_APP0 + 1 ? exif_orientation(m->data, m->data_length) : 1;
		if (found != 1)
			return found;
	}
	return 1;
}

/* The largest of 1, 2, 4, 8 that is at most what `need` allows. */
static unsigned shrink_by(const struct bitmap_need *need, int width, int height, int swapped)
{
	double most = 1;
	unsigned by = 1;
	if (need)
		need->ask(need->ctx, swapped ? height : width, swapped ? width : height, &most);
	while (by < SHRINK_MAX && 2 * by <= most)
		by *= 2;
	return by;
}

/* Inks [width] to light. Adobe's files hold 255 - ink. */
static void mix(const uint8_t *inks, int width, int inverted, uint8_t *rgb)
{
	for (int x = 0; x < width; x++, inks += CMYK, rgb += RGB)
		for (int c = 0; c < RGB; c++) {
			unsigned colour = inverted ? inks[c] : 255u - inks[c],
			         black = inverted ? inks[3] : 255u - inks[3];
			rgb[c] = (uint8_t)((colour * black + 127) / 255);
		}
}

static void read_rows(struct decoder *d, struct bitmap *p)
{
	struct jpeg_decompress_struct *jpeg = &d->jpeg;
	int inks = jpeg->out_color_space == JCS_CMYK;
	size_t stride = (size_t)p->width * RGB;
	JSAMPARRAY line = NULL;
	if (inks)
		line = jpeg->mem->alloc_sarray((j_common_ptr)jpeg, JPOOL_IMAGE, jpeg->output_width * CMYK, 1);
	while (jpeg->output_scanline < jpeg->output_height) {
		uint8_t *row = p->rgb + jpeg->output_scanline * stride;
		jpeg_read_scanlines(jpeg, inks ? line : &row, 1);
		if (inks)
			mix(line[0], p->width, jpeg->saw_Adobe_marker, row);
	}
}

/* After the header: choose colours and scale of the decoding. */
static int choose(struct decoder *d, const struct bitmap_need *need, struct bitmap *p, int orientation)
{
	struct jpeg_decompress_struct *jpeg = &d->jpeg;
	int swapped = orientation >= 5, width = (int)jpeg->image_width, height = (int)jpeg->image_height;
	if (bitmap_check_size(jpeg->image_width, jpeg->image_height, d->why))
		return -1;
	p->full_width = swapped ? height : width;
	p->full_height = swapped ? width : height;
	int inks = jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK;
	jpeg->out_color_space = inks ? JCS_CMYK : JCS_RGB;
	jpeg->scale_num = 1;
	jpeg->scale_denom = shrink_by(need, width, height, swapped);
	return 0;
}

static int decode(struct decoder *d, const uint8_t *bytes, size_t n, const struct bitmap_need *need,
                  struct bitmap *p, int *orientation)
{
	struct jpeg_decompress_struct *jpeg = &d->jpeg;
	if (setjmp(d->stop))
		return -1;
	jpeg_create_decompress(jpeg);
	jpeg->client_data = d;
	jpeg->progress = &d->progress;
	jpeg_mem_src(jpeg, bytes, n);
	jpeg_save_markers(jpeg, JPEG_APP0 + 1, EXIF_BYTES);
	jpeg_read_header(jpeg, TRUE);
	*orientation = find_orientation(jpeg);
	if (choose(d, need, p, *orientation))
		return -1;
	jpeg_start_decompress(jpeg);
	p->width = (int)jpeg->output_width;
	p->height = (int)jpeg->output_height;
	bitmap_reserve(&p->rgb, &p->size, (size_t)p->width * (size_t)p->height);
	read_rows(d, p);
	jpeg_finish_decompress(jpeg);
	return judge(d, p);
}

int bitmap_jpeg(const uint8_t *bytes, size_t n, const struct bitmap_need *need, struct bitmap *p,
                int *orientation, char why[WHY_BYTES])
{
	struct decoder d = {.why = why, .progress.progress_monitor = count_scans};
	d.jpeg.err = jpeg_std_error(&d.error);
	d.jpeg.client_data = &d;
	d.error.error_exit = give_up;
	d.error.emit_message = note_warning;
	int rc = decode(&d, bytes, n, need, p, orientation);
	jpeg_destroy_decompress(&d.jpeg);
	return rc;
}
