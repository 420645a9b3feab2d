/* The headers of an object, and the condition that it is put on. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cmd/cli.h"

#include "put.h"

/* What browsers and tools tell apart; everything else is bytes. */
static const char *
guess_type(const char *name)
{
	static const struct {
		const char *ext, *type;
	} types[] = {
		{ "7z", "application/x-7z-compressed" },
		{ "avif", "image/avif" },
		{ "bz2", "application/x-bzip2" },
		{ "css", "text/css" },
		{ "csv", "text/csv" },
		{ "gif", "image/gif" },
		{ "gz", "application/gzip" },
		{ "htm", "text/html" },
		{ "html", "text/html" },
		{ "ico", "image/vnd.microsoft.icon" },
		{ "ics", "text/calendar" },
		{ "jpeg", "image/jpeg" },
		{ "jpg", "image/jpeg" },
		{ "js", "text/javascript" },
		{ "json", "application/json" },
		{ "jsonl", "application/jsonl" },
		{ "log", "text/plain" },
		{ "m4a", "audio/mp4" },
		{ "md", "text/markdown" },
		{ "mjs", "text/javascript" },
		{ "mov", "video/quicktime" },
		{ "mp3", "audio/mpeg" },
		{ "mp4", "video/mp4" },
		{ "ogg", "audio/ogg" },
		{ "otf", "font/otf" },
		{ "parquet", "application/vnd.apache.parquet" },
		{ "pdf", "application/pdf" },
		{ "png", "image/png" },
		{ "svg", "image/svg+xml" },
		{ "tar", "application/x-tar" },
		{ "tif", "image/tiff" },
		{ "tiff", "image/tiff" },
		{ "ttf", "font/ttf" },
		{ "txt", "text/plain" },
		{ "wasm", "application/wasm" },
		{ "wav", "audio/wav" },
		{ "webm", "video/webm" },
		{ "webp", "image/webp" },
		{ "woff", "font/woff" },
		{ "woff2", "font/woff2" },
		{ "xml", "application/xml" },
		{ "xz", "application/x-xz" },
		{ "yaml", "application/yaml" },
		{ "yml", "application/yaml" },
		{ "zip", "application/zip" },
		{ "zst", "application/zstd" },
	};
	const char *slash = strrchr(name, '/'), *dot = strrchr(name, '.');
	size_t i;

	if (dot != NULL && (slash == NULL || dot > slash))
		for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
			if (strcasecmp(dot + 1, types[i].ext) == 0)
				return types[i].type;
	return "application/octet-stream";
}

/* Did the user give this header, so that ours would be a second one? */
static int
is_given(const char *name)
{
	size_t i;

	for (i = 0; i < opt.header_count; i++)
		if (strcasecmp(opt.header[i].name, name) == 0)
			return 1;
	return 0;
}

void
make_headers(struct item *it)
{
	struct vt_header *h = it->header;
	size_t n = 0;

	if (!is_given("content-type"))
		h[n++] = (struct vt_header){ "content-type",
		    opt.content_type != NULL ? opt.content_type :
		    guess_type(it->key) };
	if (opt.storage_class != NULL)
		h[n++] = (struct vt_header){ "x-amz-storage-class",
		    opt.storage_class };
	if (it->has_mtime && !is_given("x-amz-meta-mtime")) {
		/* As rclone writes and reads it. */
		snprintf(it->mtime_text, sizeof(it->mtime_text), "%lld.%09ld",
		    (long long)it->mtime.tv_sec, it->mtime.tv_nsec);
		h[n++] = (struct vt_header){ "x-amz-meta-mtime",
		    it->mtime_text };
	}
	if (opt.header_count > 0)
		memcpy(h + n, opt.header, opt.header_count * sizeof(*h));
	it->header_count = n + opt.header_count;
}

static void
moved(void *ctx, int64_t bytes)
{
	(void)ctx;
	cli_progress_add(bytes, 0);
}

struct vt_s3_put
put_of(struct item *it)
{
	struct vt_s3_put p;

	memset(&p, 0, sizeof(p));
	p.bucket = opt.bucket;
	p.key = it->key;
	p.headers = it->header;
	p.header_count = it->header_count;
	p.body.fd = -1;
	p.moved = moved;
	return p;
}

/* The condition belongs to the request that makes the object visible. */
const struct vt_header only_new = { "If-None-Match", "*" };

void
add_condition(struct vt_s3_put *p, struct item *it)
{
	if (opt.if_none_match) {
		it->header[it->header_count] = only_new;
		p->header_count = it->header_count + 1;
	}
}

enum vt_code
explain(enum vt_code rc, struct vt_err *err)
{
	if (rc == VT_PRECONDITION && opt.if_none_match)
		return vt_fail(err, VT_EXISTS, "exists already");
	return rc;
}
