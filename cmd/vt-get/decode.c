/*
 * Undoing what a tier did to a blob, from its stored bytes and the key file
 * alone: no catalog and no configuration is asked.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libvt/base/fs.h"
#include "libvt/store/transform.h"
#include "libvt/work/keyring.h"

#include "cmd/cli.h"

#include "get.h"

#define BLOCK (256 * 1024)
#define RESUMES 5		/* of a transfer that breaks */
#define CUSTOMER "customer"	/* goes by this name in the key file */

/* Stored bytes, in order. */
struct stored {
	const char *name;	/* for messages */
	uint64_t size_bytes, at;
	uint8_t tail[VT_STORED_TAIL];
	int fd;			/* a file, or -1: an object */
	struct vt_s3 *s3;
	char *bucket, *key;
	const char *version;
	char etag[128];
	struct vt_s3_stream *stream;
	unsigned resumes;
};

static enum vt_code
open_file(struct stored *s, struct vt_err *err)
{
	struct stat st;
	uint64_t from;

	s->fd = open(s->name, O_RDONLY | O_CLOEXEC);
	if (s->fd < 0)
		return vt_fail_errno(err, "cannot open '%s'", s->name);
	if (fstat(s->fd, &st) < 0)
		return vt_fail_errno(err, "cannot stat '%s'", s->name);
	if (!S_ISREG(st.st_mode))
		return vt_fail(err, VT_INVALID, "'%s' is no file", s->name);
	s->size_bytes = (uint64_t)st.st_size;
	if (s->size_bytes < VT_STORED_HEAD)
		return VT_OK;
	from = s->size_bytes - VT_STORED_TAIL;
	if (vt_fs_pread_all(s->fd, s->tail, VT_STORED_TAIL, from) !=
	    VT_STORED_TAIL)
		return vt_fail_errno(err, "cannot read '%s'", s->name);
	return VT_OK;
}

struct tail {
	uint8_t *out;
	size_t len;
};

static enum vt_code
take_tail(void *ctx, const char *data, size_t len, struct vt_err *err)
{
	struct tail *t = ctx;

	if (len > VT_STORED_TAIL - t->len)
		return vt_fail(err, VT_CORRUPT, "more came than was asked "
		    "for");
	memcpy(t->out + t->len, data, len);
	t->len += len;
	return VT_OK;
}

/* Its end, which tells how long it is too. */
static enum vt_code
open_object(struct stored *s, struct vt_err *err)
{
	struct tail t = { s->tail, 0 };
	struct vt_s3_head head;
	struct vt_s3_get g;
	enum vt_code rc;

	cli_s3_url(s->name, &s->bucket, &s->key);
	rc = vt_s3_head(s->s3, s->bucket, s->key, s->version, &head, err);
	if (rc != VT_OK)
		return rc;
	s->size_bytes = head.size_bytes;
	snprintf(s->etag, sizeof(s->etag), "%s", head.etag);
	if (s->size_bytes < VT_STORED_HEAD)
		return VT_OK;
	memset(&g, 0, sizeof(g));
	g.bucket = s->bucket;
	g.key = s->key;
	g.version = s->version;
	g.if_match = s->etag;
	g.offset = s->size_bytes - VT_STORED_TAIL;
	g.len = VT_STORED_TAIL;
	g.sink = take_tail;
	g.ctx = &t;
	rc = vt_s3_get_object(s->s3, &g, NULL, err);
	if (rc == VT_OK && t.len != VT_STORED_TAIL)
		rc = vt_fail(err, VT_BUSY, "'%s' came incomplete", s->name);
	return rc;
}

/* The rest of the object, from where the last stream broke. */
static enum vt_code
open_stream(struct stored *s, struct vt_err *err)
{
	struct vt_s3_get g;

	memset(&g, 0, sizeof(g));
	g.bucket = s->bucket;
	g.key = s->key;
	g.version = s->version;
	g.if_match = s->etag;
	g.offset = s->at;
	g.len = UINT64_MAX;
	return vt_s3_stream_open(s->s3, &g, NULL, &s->stream, err);
}

static enum vt_code
get_object(struct stored *s, void *data, size_t len, size_t *got,
    struct vt_err *err)
{
	enum vt_code rc;

	for (;;) {
		rc = s->stream == NULL ? open_stream(s, err) : VT_OK;
		if (rc != VT_OK)
			return rc;
		rc = vt_s3_stream_read(s->stream, data, len, got, err);
		if (rc == VT_OK && *got == 0 && s->at < s->size_bytes)
			rc = vt_fail(err, VT_BUSY, "'%s' came incomplete",
			    s->name);
		if ((rc != VT_BUSY && rc != VT_IO) ||
		    s->resumes++ >= RESUMES || cli_stopping())
			return rc;
		vt_s3_stream_close(s->stream);
		s->stream = NULL;
	}
}

static enum vt_code
get_stored(void *ctx, void *data, size_t len, size_t *got,
    struct vt_err *err)
{
	struct stored *s = ctx;
	enum vt_code rc = VT_OK;
	ssize_t n;

	*got = 0;
	if (cli_stopping())
		return vt_fail(err, VT_CANCELLED, "interrupted");
	if (s->fd < 0) {
		rc = get_object(s, data, len, got, err);
	} else {
		n = vt_fs_pread_all(s->fd, data, len, s->at);
		if (n < 0)
			return vt_fail_errno(err, "cannot read '%s'",
			    s->name);
		*got = (size_t)n;
	}
	s->at += *got;
	return rc;
}

static void
stored_close(struct stored *s)
{
	if (s->fd >= 0)
		close(s->fd);
	vt_s3_stream_close(s->stream);
	free(s->bucket);
	free(s->key);
}

/* The head of the blob, from its first bytes; the next are read again. */
static enum vt_code
read_head(struct stored *s, struct vt_stored_head *h, struct vt_err *err)
{
	uint8_t bytes[VT_STORED_HEAD];
	size_t at = 0, got;
	enum vt_code rc;

	if (s->size_bytes < VT_STORED_HEAD)
		return vt_fail(err, VT_ABSENT, "is stored as it came: there "
		    "is nothing to decode");
	while (at < sizeof(bytes)) {
		rc = get_stored(s, bytes + at, sizeof(bytes) - at, &got, err);
		if (rc != VT_OK)
			return rc;
		if (got == 0)
			return vt_fail(err, VT_CORRUPT, "ended too early");
		at += got;
	}
	s->at = 0;
	vt_s3_stream_close(s->stream);
	s->stream = NULL;
	if (!vt_stored_is_head(bytes))
		return vt_fail(err, VT_ABSENT, "is stored as it came: there "
		    "is nothing to decode");
	return vt_stored_parse(bytes, sizeof(bytes), h, err);
}

/* The key that opens it, from the file. */
static enum vt_code
find_key(const struct vt_stored_head *h, const char *path,
    struct vt_wrap_key *out, struct vt_err *err)
{
	const char *name = h->by_customer ? CUSTOMER : h->key_name;
	enum vt_code rc;

	if (path == NULL && h->by_customer)
		return vt_fail(err, VT_DENIED, "is encrypted by a customer's "
		    "key: --key-file names a file with the line \"" CUSTOMER
		    " KEY\"");
	if (path == NULL)
		return vt_fail(err, VT_DENIED, "is encrypted by the master "
		    "key '%s': --key-file names the file it is in", name);
	rc = vt_master_key_read(path, name, out, err);
	if (rc == VT_OK && h->by_customer)
		memset(out->name, 0, sizeof(out->name));
	return rc;
}

static enum vt_code
write_out(int fd, const char *path, const void *data, size_t len,
    struct vt_err *err)
{
	if (fd < 0)
		return cli_out(data, len) == 0 ? VT_OK :
		    vt_fail(err, VT_IO, "cannot write to standard output");
	return vt_fs_write_all(fd, data, len) == 0 ? VT_OK :
	    vt_fail_errno(err, "cannot write '%s'", path);
}

/* All of it to a descriptor, or with -1 to standard output. */
static enum vt_code
decode_to(struct stored *s, const char *key_file, int fd, const char *path,
    struct vt_err *err)
{
	struct vt_stored_head h;
	struct vt_wrap_key key = { .name = "" };
	struct vt_decoder *d = NULL;
	uint64_t plain = 0, at, n;
	char *block = malloc(BLOCK);
	size_t got = 1;
	enum vt_code rc;

	rc = block != NULL ? read_head(s, &h, err) :
	    vt_fail(err, VT_NOMEM, "out of memory");
	if (rc == VT_OK && h.is_encrypted)
		rc = find_key(&h, key_file, &key, err);
	if (rc == VT_OK)
		rc = vt_stored_plain_size(&h, s->size_bytes, s->tail, &plain,
		    err);
	if (rc == VT_OK)
		rc = vt_decoder_open(&h, h.is_encrypted ? &key : NULL,
		    s->size_bytes, plain, &d, err);
	explicit_bzero(&key, sizeof(key));
	if (rc == VT_OK)
		rc = vt_decoder_range(d, 0, plain, &at, &n, err);
	while (rc == VT_OK && got > 0) {
		rc = vt_decoder_read(d, get_stored, s, block, BLOCK, &got,
		    err);
		if (rc == VT_OK)
			rc = write_out(fd, path, block, got, err);
	}
	vt_decoder_close(d);
	free(block);
	return rc;
}

/* The same into a file, which is there when it is whole. */
static enum vt_code
decode_into(struct stored *s, const char *key_file, const char *path,
    struct vt_err *err)
{
	char *temp = temp_name(path, 1);
	enum vt_code rc;
	int fd;

	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0) {
		rc = vt_fail_errno(err, "cannot create '%s'", path);
		free(temp);
		return rc;
	}
	rc = decode_to(s, key_file, fd, path, err);
	if (close(fd) < 0 && rc == VT_OK)
		rc = vt_fail_errno(err, "cannot write '%s'", path);
	if (rc == VT_OK)
		rc = publish(temp, path, err);
	if (rc != VT_OK)
		unlink(temp);
	free(temp);
	return rc;
}

enum vt_code
decode(struct vt_s3 *s3, const char *stored, const char *version,
    const char *key_file, const char *dest)
{
	struct stored s = { .name = stored, .fd = -1, .s3 = s3,
	    .version = version };
	struct vt_err err = { VT_OK, "" };
	enum vt_code rc;

	rc = s3 != NULL ? open_object(&s, &err) : open_file(&s, &err);
	if (rc == VT_OK)
		rc = strcmp(dest, "-") == 0 ?
		    decode_to(&s, key_file, -1, dest, &err) :
		    decode_into(&s, key_file, dest, &err);
	stored_close(&s);
	if (rc != VT_OK && rc != VT_CANCELLED)
		cli_warn_err(&err, "'%s'", stored);
	return rc;
}
