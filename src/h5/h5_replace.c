/* Which file may be replaced: see h5_replace.h. */
#include "h5/h5_replace.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "h5/h5.h"
#include "h5/h5_seal.h"
#include "h5/h5_stream.h"

enum { LINKS_MAX = 40, HEAD_BYTES = 4096 };

/* What the metadata of a figure say of the program that drew it (METADATA of plots/common.py). */
#define FIGURE_MARK "signsgd plot"
static const char png_mark[] = "Software\0" FIGURE_MARK;

/* How a page of `report` begins (HEAD of reports/report.py). */
static const char page_head[] = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                                "<meta name=\"generator\" content=\"signsgd report\">\n";

/* How the forms of a table begin, and how the first line of a CSV ends (MARK, CSV_ENDS of
 * reports/table_forms.py). */
static const char *const table_heads[] = {"signsgd table: ", "<!-- signsgd table -->\n",
                                          "% signsgd table: ", "{\"made_by\": \"signsgd table\","};
static const char csv_ends[] = ",mean,half_width,low,high,n,diverged,unfinished,worst_attack\n";

/* How a file of ours is told from others: by an attribute that no other program writes there. */
static const struct {
	const char *about, *group, *attribute, *beside; /* beside: an object that is there as well */
	const char *text;                               /* how the attribute begins; NULL: it is a number */
} kinds[H5_KINDS] = {
        [H5_RESULT] = {"a result of a run", "/format", "version", "/config/resolved", NULL},
        [H5_CHECKPOINT] = {"a checkpoint of a run", "/", "checkpoint_version", "/state", NULL},
        [H5_PACK] = {"a pack of images", "/", "kind", "/bytes", "signsgd "},
        [H5_ANSWER] = {"an answer of signsgd combine", "/", "kind", "/answer", "signsgd answer"},
        [H5_FIGURE] = {"a figure of signsgd plot", NULL, NULL, NULL, NULL}, /* no HDF5 file: FIGURE_MARK */
        [H5_PAGE] = {"a page of signsgd report", NULL, NULL, NULL, NULL},   /* no HDF5 file: page_head */
        [H5_TABLE] = {"a table of signsgd table", NULL, NULL, NULL, NULL},  /* no HDF5 file: table_heads */
};

/* --- links -------------------------------------------------------------------------------------------- */

/* Where the link at `path` leads to, relative to where `path` is relative to. NULL and errno. */
static char *link_target(const char *path)
{
	char to[PATH_MAX];
	ssize_t length = readlink(path, to, sizeof to - 1);
	if (length < 0)
		return NULL;
	to[length] = '\0';
	const char *slash = strrchr(path, '/');
	return to[0] == '/' || !slash ? mem_string(to) : mem_format("%.*s/%s", (int)(slash - path), path, to);
}

/* The path behind all links, also where it names nothing yet. NULL and a sentence. */
static char *follow(const char *path, struct err *e)
{
	struct stat st;
	char *at = mem_string(path);
	for (int i = 0; lstat(at, &st) == 0 && S_ISLNK(st.st_mode); i++) {
		char *next = i < LINKS_MAX ? link_target(at) : NULL;
		if (!next)
			err_user(e, "%s: the link cannot be followed: %s", path,
			         strerror(i < LINKS_MAX ? errno : ELOOP));
		mem_free(at);
		if (!next)
			return NULL;
		at = next;
	}
	return at;
}

/* --- what a file is ----------------------------------------------------------------------------------- */

static const char *what_mode(mode_t mode)
{
	return S_ISDIR(mode)    ? "a folder"
	       : S_ISFIFO(mode) ? "a pipe"
	       : S_ISSOCK(mode) ? "a socket"
	                        : "a device";
}

static bool begins(const char *head, size_t n, const char *with)
{
	return n >= strlen(with) && memcmp(head, with, strlen(with)) == 0;
}

/* In words, of a file that is no HDF5 file. head [n]: how it begins. */
static const char *what_head(const char *head, size_t n)
{
	size_t text = 0, blank = 0;
	while (text < n && (isprint((unsigned char)head[text]) || isspace((unsigned char)head[text]) ||
	                    (unsigned char)head[text] >= 0x80))
		text++;
	while (blank < n && isspace((unsigned char)head[blank]))
		blank++;
	if (n == 0)
		return "an empty file";
	if (begins(head, n, "\x89PNG") || begins(head, n, "\xff\xd8\xff"))
		return "an image that signsgd did not draw";
	if (text < n)
		return "a file that signsgd did not make";
	return blank < n && (head[blank] == '{' || head[blank] == '[') ? "a JSON file" : "a text file";
}

static bool is_of_kind(struct h5 *f, enum h5_kind kind)
{
	struct err ignored = {0};
	int64_t number;
	if (!kinds[kind].group || !h5_has(f, kinds[kind].group) || !h5_has(f, kinds[kind].beside))
		return false;
	if (!kinds[kind].text)
		return !h5_get_int(f, kinds[kind].group, kinds[kind].attribute, &number, &ignored);
	char *text = h5_get_text(f, kinds[kind].group, kinds[kind].attribute, &ignored);
	bool is = text && strncmp(text, kinds[kind].text, strlen(kinds[kind].text)) == 0;
	mem_free(text);
	return is;
}

static int refuse(const char *path, const char *what, enum h5_kind kind, struct err *e)
{
	return err_user(e, "%s: is %s, expected %s or nothing; it stays as it is", path, what,
	                kinds[kind].about);
}

/* Whose the file was cannot be told, so nobody but the user can say that it is not needed. */
static int refuse_damaged(const char *path, const struct err *why, struct err *e)
{
	if (why->code != EXIT_USER)
		return err_world(e, "%s", why->text);
	return err_user(e,
	                "%s; it stays as it is, as nothing tells whose it was; if nobody needs it, `rm %s` "
	                "lets this command go on",
	                why->text, path);
}

/* 1: the HDF5 file is of this kind. A seal is checked before HDF5 reads. What is no pack is read in memory.
 */
static int judge_h5(const char *path, enum h5_kind kind, struct err *e)
{
	struct err ignored = {0}, why = {0};
	const char *what = "an HDF5 file that signsgd did not make";
	bool spans, in_memory = h5_seal_is_there(path, &spans) && !spans;
	struct h5 *f = in_memory ? h5_open(path, &why) : h5_stream_open(path, &why);
	if (!f)
		return refuse_damaged(path, &why, e);
	bool is = is_of_kind(f, kind);
	for (int k = 0; k < H5_KINDS && !is; k++)
		if (is_of_kind(f, (enum h5_kind)k))
			what = kinds[k].about;
	if (in_memory)
		h5_close(f);
	else
		h5_stream_close(f, &ignored);
	return is ? 1 : refuse(path, what, kind, e);
}

/* How a file begins and how it ends; the two may overlap. */
struct ends {
	char head[HEAD_BYTES], tail[HEAD_BYTES];
	ssize_t n_head, n_tail; /* -1: it cannot be read */
};

/* 0, or the error's number. O_NONBLOCK: a pipe may have taken the file's place. */
static int read_ends(const char *path, off_t size, struct ends *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return errno;
	out->n_head = pread(fd, out->head, HEAD_BYTES, 0);
	out->n_tail = pread(fd, out->tail, HEAD_BYTES, size > HEAD_BYTES ? size - HEAD_BYTES : 0);
	int why = out->n_head < 0 || out->n_tail < 0 ? errno : 0;
	close(fd);
	return why;
}

static bool is_png_figure(const struct ends *f)
{
	enum { FIRST = 8 + 25, HEADER = 8, NAME = 4 }; /* behind the signature and IHDR */
	const unsigned char *head = (const unsigned char *)f->head;
	size_t at = FIRST, n = (size_t)f->n_head;
	if (!begins(f->head, n, "\x89PNG\r\n\x1A\n"))
		return false;
	while (at + HEADER <= n) {
		size_t length = (size_t)head[at] << 24 | (size_t)head[at + 1] << 16 |
		                (size_t)head[at + 2] << 8 | head[at + 3];
		if (length == sizeof png_mark - 1 && at + HEADER + length <= n &&
		    memcmp(head + at + NAME, "tEXt", 4) == 0 &&
		    memcmp(head + at + HEADER, png_mark, length) == 0)
			return true;
		at += HEADER + length + 4;
	}
	return false;
}

/* Behind `what` and blanks, from `at` on; NULL: it does not stand there. */
static const char *past(const char *at, const char *end, const char *what)
{
	while (at && at < end && isspace((unsigned char)*at))
		at++;
	return at && begins(at, (size_t)(end - at), what) ? at + strlen(what) : NULL;
}

/* Behind the first `what` from `at` on; NULL: there is none. */
static const char *find(const char *at, const char *end, const char *what)
{
	const char *found = at ? memmem(at, (size_t)(end - at), what, strlen(what)) : NULL;
	return found ? found + strlen(what) : NULL;
}

/* The image's own <metadata> comes first in it. */
static bool is_svg_figure(const struct ends *f)
{
	const char *end = f->head + f->n_head, *at = past(f->head, end, "<?xml");
	at = find(find(at, end, "?>"), end, ">"); /* the document type */
	at = find(past(at, end, "<svg "), end, ">");
	at = past(past(at, end, "<metadata>"), end, "<rdf:RDF ");
	at = past(find(at, end, "<dc:creator>"), end, "<cc:Agent>");
	return past(at, end, "<dc:title>" FIGURE_MARK "</dc:title>") != NULL;
}

/* The dictionary about the document is the last object. */
static bool is_pdf_figure(const struct ends *f)
{
	return begins(f->head, (size_t)f->n_head, "%PDF-") &&
	       find(f->tail, f->tail + f->n_tail, "obj\n<< /Creator (" FIGURE_MARK ") >>\nendobj\nxref\n");
}

/* Has it our mark where matplotlib writes what program drew it? The words alone may stand in any file. */
static bool is_figure(const struct ends *f)
{
	return is_png_figure(f) || is_svg_figure(f) || is_pdf_figure(f);
}

static bool is_table(const struct ends *f)
{
	size_t n = (size_t)f->n_head;
	const char *line_ends = memchr(f->head, '\n', n);
	for (size_t i = 0; i < sizeof table_heads / sizeof *table_heads; i++)
		if (begins(f->head, n, table_heads[i]))
			return true;
	return line_ends && find(f->head, line_ends + 1, csv_ends) == line_ends + 1;
}

static int judge_file(const char *path, off_t size, enum h5_kind kind, struct err *e)
{
	struct ends f;
	int why = read_ends(path, size, &f);
	if (why)
		return err_user(e, "%s: is there, and may not be read: %s", path, strerror(why));
	if (begins(f.head, (size_t)f.n_head, "\x89HDF\r\n\x1A\n"))
		return judge_h5(path, kind, e);
	enum h5_kind found = is_figure(&f)                                 ? H5_FIGURE
	                     : begins(f.head, (size_t)f.n_head, page_head) ? H5_PAGE
	                     : is_table(&f)                                ? H5_TABLE
	                                                                   : H5_KINDS;
	if (found == kind)
		return 1;
	return refuse(path, found < H5_KINDS ? kinds[found].about : what_head(f.head, (size_t)f.n_head), kind,
	              e);
}

int h5_may_replace(const char *path, enum h5_kind kind, char **target, struct err *e)
{
	struct stat st;
	int rc;
	*target = follow(path, e);
	if (!*target)
		return -1;
	if (stat(*target, &st))
		rc = errno == ENOENT || errno == ENOTDIR
		             ? 0 /* what is wrong with its folders is said when it is written */
		             : err_user(e, "%s: cannot be looked at: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		rc = refuse(path, what_mode(st.st_mode), kind, e);
	else
		rc = judge_file(*target, st.st_size, kind, e);
	if (rc < 0) {
		mem_free(*target);
		*target = NULL;
	}
	return rc;
}
