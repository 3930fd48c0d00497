/*
 * Downloads with libcurl: for each file the URLs in turn, each into NAME.PID.part, checked, renamed.
 */
#include "data/fetch/fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "data/fetch/place.h"
#include "data/fetch/tar.h"

enum { CONNECT_S = 15, STALL_S = 30, REDIRECTS = 5 };

/* What all files of a data set share, and the file that is being fetched. */
struct fetch {
	const char *dir, *base_url;
	void (*tell)(void *ctx, const struct fetch_news *news);
	void *ctx;
	CURL *curl;
	char complaint[CURL_ERROR_SIZE]; /* libcurl's own words */

	const struct data_file *file;
	char *path, *part;
	FILE *out;
	size_t done;
	bool too_long;
	int disk_errno; /* why the disk refused, or 0 */
};

static void tell(const struct fetch *f, enum fetch_event event, const char *text)
{
	struct fetch_news news = {event, f->file, f->path, text, f->done};
	if (f->tell)
		f->tell(f->ctx, &news);
}

/* Called by libcurl with bytes; returning a smaller number ends the transfer. */
static size_t take_bytes(char *bytes, size_t size, size_t count, void *ctx)
{
	struct fetch *f = ctx;
	size_t n = size * count;
	if (n > f->file->bytes - f->done) {
		f->too_long = true;
		return 0;
	}
	if (fwrite(bytes, 1, n, f->out) != n) {
		f->disk_errno = errno;
		return 0;
	}
	f->done += n;
	tell(f, FETCH_BYTES, NULL);
	return n;
}

#if LIBCURL_VERSION_NUM >= 0x075500
static void allow_only_http(CURL *c)
{
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
}
#else
static void allow_only_http(CURL *c)
{
	curl_easy_setopt(c, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
	curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
}
#endif

static void set_options(struct fetch *f)
{
	CURL *c = f->curl;
	allow_only_http(c);
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)REDIRECTS);
	curl_easy_setopt(c, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)STALL_S);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "signsgd");
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, f->complaint);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_bytes);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, f);
}

/* Was the transfer that ended with `code` a success? */
static int judge(struct fetch *f, const char *url, CURLcode code, struct err *e)
{
	long status = 0;
	if (f->disk_errno)
		return err_world(e, "%s: cannot be written: %s", f->part, strerror(f->disk_errno));
	if (f->too_long)
		return err_world(e, "%s: sends more than the %zu bytes expected", url, f->file->bytes);
	if (code == CURLE_HTTP_RETURNED_ERROR) {
		curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status);
		return err_world(e, "%s: found HTTP status %ld, expected 200", url, status);
	}
	if (code == CURLE_OK || code == CURLE_PARTIAL_FILE) {
		if (f->done < f->file->bytes)
			return err_world(e, "%s: ended after %zu bytes, expected %zu", url, f->done,
			                 f->file->bytes);
		return 0;
	}
	return err_world(e, "%s: %s", url, *f->complaint ? f->complaint : curl_easy_strerror(code));
}

static int check_sum(const char *path, const char *name, const char *expected, struct err *e)
{
	char found[65];
	if (sha256_file(path, found, e))
		return -1;
	if (strcmp(found, expected))
		return err_world(e, "%s: found SHA-256 %s, expected %s", name, found, expected);
	return 0;
}

/* Close the temporary file, and check that all of it was written. */
static int close_part(struct fetch *f, int rc, struct err *e)
{
	if (fclose(f->out) && rc == 0)
		rc = err_world(e, "%s: cannot be written: %s", f->part, strerror(errno));
	return rc;
}

static int fetch_url(struct fetch *f, const char *url, struct err *e)
{
	f->done = 0;
	f->too_long = false;
	f->disk_errno = 0;
	f->complaint[0] = '\0';
	f->out = place_begin(f->part, e);
	if (!f->out)
		return -1;
	tell(f, FETCH_BEGIN, url);
	curl_easy_setopt(f->curl, CURLOPT_URL, url);
	int rc = close_part(f, judge(f, url, curl_easy_perform(f->curl), e), e);
	if (rc == 0)
		rc = check_sum(f->part, url, f->file->sha256, e);
	if (rc == 0)
		rc = place_end(f->part, f->path, f->file, e);
	if (rc)
		unlink(f->part);
	return rc;
}

/* Try the official URLs in turn. The sentence names all failures. */
static int fetch_official(struct fetch *f, struct err *e)
{
	struct buf said = {0};
	int rc = -1;
	for (const char *const *url = f->file->urls; *url && rc; url++) {
		struct err one = {0};
		rc = fetch_url(f, *url, &one);
		if (rc && url[1])
			tell(f, FETCH_FAILED, one.text);
		if (rc)
			buf_format(&said, "%s%s", said.length ? "; " : "", one.text);
	}
	if (rc)
		err_world(e, "%s", said.text);
	buf_clear(&said);
	return rc;
}

static int fetch_from_base(struct fetch *f, struct err *e)
{
	size_t length = strlen(f->base_url);
	const char *slash = length && f->base_url[length - 1] == '/' ? "" : "/";
	char *url = mem_format("%s%s%s", f->base_url, slash, f->file->name);
	int rc = fetch_url(f, url, e);
	mem_free(url);
	return rc;
}

/* 0: the file is there now; *was_there: it was before. */
static int fetch_file(struct fetch *f, bool *was_there, struct err *e)
{
	f->done = 0;
	f->path = mem_format("%s/%s", f->dir, f->file->name);
	f->part = mem_format("%s.%ld.part", f->path, (long)getpid());
	int there = place_look(f->path, f->file, e), rc = there < 0 ? -1 : 0;
	*was_there = there > 0;
	if (there > 0)
		tell(f, FETCH_KEPT, NULL);
	if (there == 0)
		rc = f->base_url ? fetch_from_base(f, e) : fetch_official(f, e);
	if (there == 0 && rc == 0)
		tell(f, FETCH_DONE, NULL);
	mem_free(f->path);
	mem_free(f->part);
	return rc;
}

/* place_look() of a member of the archive. */
static int look_at_member(struct fetch *f, const struct data_file *member, struct err *e)
{
	const struct data_file *archive = f->file;
	f->file = member;
	f->path = mem_format("%s/%s", f->dir, member->name);
	int there = place_look(f->path, member, e);
	if (there > 0)
		tell(f, FETCH_KEPT, NULL);
	mem_free(f->path);
	f->file = archive;
	return there;
}

/* Fetch the row's archive, unpack all files, and delete it, unless it was there before. */
static int fetch_archive(struct fetch *f, const struct data_source *s, struct err *e)
{
	bool all = true, was_there;
	f->file = s->archive;
	for (const struct data_file *member = s->files; member->name; member++) {
		int there = look_at_member(f, member, e);
		if (there < 0)
			return -1;
		all = there && all;
	}
	if (all)
		return 0;
	if (fetch_file(f, &was_there, e))
		return -1;
	char *path = mem_format("%s/%s", f->dir, s->archive->name);
	int rc = tar_unpack(path, s->files, f->dir, e);
	if (!rc && !was_there)
		unlink(path);
	mem_free(path);
	return rc;
}

/* mkdir -p. */
static int make_folders(const char *dir, struct err *e)
{
	char *path = mem_string(dir);
	int rc = 0;
	for (char *p = path + 1; rc == 0; p++) {
		if (*p != '/' && *p != '\0')
			continue;
		char kept = *p;
		*p = '\0';
		if (mkdir(path, 0777) && errno != EEXIST)
			rc = err_world(e, "%s: cannot be made: %s", path, strerror(errno));
		*p = kept;
		if (kept == '\0')
			break;
	}
	mem_free(path);
	return rc;
}

static int check_base(const char *url, struct err *e)
{
	if (!url || !strncasecmp(url, "http://", 7) || !strncasecmp(url, "https://", 8))
		return 0;
	return err_user(e, "found the address %s, expected one that begins with http:// or https://", url);
}

int data_fetch(const struct data_source *s, const char *dir, const char *base_url,
               void (*tell_news)(void *ctx, const struct fetch_news *news), void *ctx, struct err *e)
{
	struct fetch f = {.dir = dir, .base_url = base_url, .tell = tell_news, .ctx = ctx};
	if (s->by_hand)
		return err_user(e, "data set %s: cannot be fetched: %s", s->row.name, s->by_hand);
	if (!s->files)
		return err_user(e, "data set %s: has no files to fetch, the program needs none for it",
		                s->row.name);
	if (!*dir)
		return err_user(e, "data set %s: the folder to fetch it to has an empty name", s->row.name);
	if (check_base(base_url, e) || make_folders(dir, e))
		return -1;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) || !(f.curl = curl_easy_init()))
		die("libcurl: cannot be started");
	set_options(&f);
	bool was_there;
	int rc = 0;
	if (s->archive)
		rc = fetch_archive(&f, s, e);
	for (f.file = s->files; !s->archive && f.file->name && rc == 0; f.file++)
		rc = fetch_file(&f, &was_there, e);
	curl_easy_cleanup(f.curl);
	curl_global_cleanup();
	return rc ? err_prefix(e, "data set %s", s->row.name) : 0;
}

const char *data_fetch_library(void)
{
	return curl_version();
}
