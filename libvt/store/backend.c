/*
 * What every driver shares: opening by URL, checking arguments, counting
 * bytes and their CRC.  Drivers see only calls that make sense.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/hash.h"

#include "libvt/store/backend_internal.h"

static const struct vt_clock real_clock;

enum vt_code
vt_backend_open(const char *url, const struct vt_backend_options *o,
    struct vt_backend **out, struct vt_err *err)
{
	static const struct vt_backend_options defaults;
	struct vt_backend_options with;

	*out = NULL;
	with = o == NULL ? defaults : *o;
	if (with.clock == NULL)
		with.clock = &real_clock;
	if (with.restore_delay_ms < 0 ||
	    with.restore_delay_ms > INT64_MAX / 4000)
		return vt_fail(err, VT_INVALID,
		    "restore delay of '%s' is out of range", url);
	if (strncmp(url, "file:", 5) == 0)
		return vt_backend_file_open(url, &with, out, err);
	if (strncmp(url, "mem:", 4) == 0)
		return vt_backend_mem_open(url, &with, out, err);
	if (strncmp(url, "azure://", 8) == 0)
		return vt_backend_azure_open(url, &with, out, err);
	if (strncmp(url, "s3:", 3) == 0)
		return vt_backend_s3_open(url, &with, out, err);
	if (strncmp(url, "gcs://", 6) == 0)
		return vt_backend_gcs_open(url, &with, out, err);
	return vt_fail(err, VT_INVALID, "no such kind of backend: '%s'", url);
}

void
vt_backend_close(struct vt_backend *b)
{
	if (b != NULL)
		b->ops->close(b);
}

const struct vt_backend_caps *
vt_backend_caps(const struct vt_backend *b)
{
	return &b->caps;
}

const char *
vt_backend_url(const struct vt_backend *b)
{
	return b->url;
}

enum vt_code
vt_backend_name(const struct vt_backend *b, uint64_t blob_id,
    uint64_t incarnation, const char *bucket, const char *key,
    size_t key_len, char out[VT_BLOB_NAME_MAX], struct vt_err *err)
{
	out[0] = '\0';
	return b->ops->name(b, blob_id, incarnation, bucket, key, key_len,
	    out, err);
}

void
vt_backend_plain_name(uint64_t blob_id, uint64_t incarnation,
    char out[VT_BLOB_NAME_MAX])
{
	snprintf(out, VT_BLOB_NAME_MAX,
	    "%02x/%02x/%016" PRIx64 "-%016" PRIx64,
	    (unsigned)(blob_id >> 16 & 0xff), (unsigned)(blob_id >> 8 & 0xff),
	    blob_id, incarnation);
}

/* One byte of a key in a name: itself where every store takes it, else "=XX",
 * which no server takes for an escape of its own. */
static int
put_key_byte(char *out, unsigned char c, int escape)
{
	if (!escape && c != '\0' && strchr("abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/", c) != NULL) {
		out[0] = (char)c;
		return 1;
	}
	return snprintf(out, 4, "=%02X", c);
}

void
vt_backend_key_name(uint64_t blob_id, uint64_t incarnation,
    const char *bucket, const char *key, size_t key_len,
    char out[VT_BLOB_NAME_MAX])
{
	size_t at = 0, i;
	int slash = 1;	/* what an empty or dotted component begins behind */

	if (bucket != NULL && key != NULL) {
		at = (size_t)snprintf(out, 65, "%.63s/", bucket);
		for (i = 0; i < key_len &&
		    at < VT_KEY_IN_NAME + strlen(bucket); i++) {
			at += (size_t)put_key_byte(out + at,
			    (unsigned char)key[i], (slash && (key[i] == '/' ||
			    key[i] == '.')) || (key[i] == '/' &&
			    i + 1 == key_len));
			slash = key[i] == '/';
		}
		if (out[at - 1] != '/')
			out[at++] = '/';
	}
	snprintf(out + at, VT_BLOB_NAME_MAX - at, "%016" PRIx64 "-%016"
	    PRIx64, blob_id, incarnation);
}

/*
 * The rules of backend.h that hold for every driver.  They are stricter than
 * S3's, because MinIO and file systems refuse such names or, worse, rewrite
 * them: a driver that puts keys into names encodes them.
 */
static enum vt_code
check_name(const char *name, struct vt_err *err)
{
	const char *p, *part;
	size_t len, n;

	len = strnlen(name, VT_BLOB_NAME_MAX);
	if (len == 0 || len == VT_BLOB_NAME_MAX)
		return vt_fail(err, VT_INVALID,
		    "blob name is empty or too long");
	for (p = name; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return vt_fail(err, VT_INVALID,
			    "blob name has a control byte");
	for (part = name;; part = p + 1) {
		p = strchrnul(part, '/');
		n = (size_t)(p - part);
		if (n == 0 || (n == 1 && part[0] == '.') ||
		    (n == 2 && part[0] == '.' && part[1] == '.'))
			return vt_fail(err, VT_INVALID,
			    "bad blob name '%s'", name);
		if (*p == '\0')
			return VT_OK;
	}
}

int
vt_blob_name_ok(const char *name)
{
	return check_name(name, NULL) == VT_OK;
}

static const char *
token_or_empty(const char *token)
{
	return token == NULL ? "" : token;
}

/* --- writing ---------------------------------------------------------------*/

enum vt_code
vt_backend_put_begin(struct vt_backend *b, const char *name,
    const struct vt_backend_put_info *info, struct vt_backend_put **out,
    struct vt_err *err)
{
	static const struct vt_backend_put_info unknown = {
		.size_bytes = UINT64_MAX,
	};
	enum vt_code rc;

	*out = NULL;
	if (info == NULL)
		info = &unknown;
	rc = check_name(name, err);
	if (rc != VT_OK)
		return rc;
	if (info->size_bytes != UINT64_MAX &&
	    info->size_bytes > b->caps.max_size_bytes)
		return vt_fail(err, VT_TOO_LARGE,
		    "'%s' would be over %" PRIu64 " bytes", name,
		    b->caps.max_size_bytes);
	rc = b->ops->put_begin(b, name, info, out, err);
	if (rc != VT_OK)
		return rc;
	(*out)->backend = b;
	(*out)->expected_bytes = info->size_bytes;
	(*out)->size_bytes = 0;
	(*out)->crc64 = 0;
	(*out)->failed = 0;
	(*out)->has_meta = 0;
	(*out)->forsaken = 0;
	return VT_OK;
}

enum vt_code
vt_backend_put_write(struct vt_backend_put *p, const void *data, size_t len,
    struct vt_err *err)
{
	uint64_t max = p->backend->caps.max_size_bytes;
	enum vt_code rc;

	if (p->failed)
		return vt_fail(err, VT_INVALID,
		    "an earlier write to this blob failed");
	if (len == 0)
		return VT_OK;
	if (len > p->expected_bytes - p->size_bytes) {
		p->failed = 1;
		return vt_fail(err, VT_INVALID, "more than the %" PRIu64
		    " bytes that were declared", p->expected_bytes);
	}
	if (p->size_bytes > max || len > max - p->size_bytes) {
		p->failed = 1;
		return vt_fail(err, VT_TOO_LARGE,
		    "blob is over %" PRIu64 " bytes", max);
	}
	rc = p->backend->ops->put_write(p, data, len, err);
	if (rc != VT_OK) {
		p->failed = 1;
		return rc;
	}
	p->size_bytes += len;
	if (!p->backend->caps.tells_crc)
		p->crc64 = vt_crc64nvme(p->crc64, data, len);
	return VT_OK;
}

/* The rules of backend.h for metadata. */
static enum vt_code
check_meta(const struct vt_header_kv *meta, size_t count, struct vt_err *err)
{
	const unsigned char *p;
	size_t total = 0, n, i;

	for (i = 0; i < count; i++) {
		n = strlen(meta[i].name);
		if (n == 0 || strspn(meta[i].name,
		    "abcdefghijklmnopqrstuvwxyz0123456789-") != n)
			return vt_fail(err, VT_INVALID,
			    "'%.64s' is no name for metadata", meta[i].name);
		total += n + strlen(meta[i].value);
		for (p = (const unsigned char *)meta[i].value; *p != '\0'; p++)
			if (*p < 0x20 || *p > 0x7e)
				return vt_fail(err, VT_INVALID, "the value of "
				    "'%s' is not of visible ASCII",
				    meta[i].name);
	}
	if (total > VT_BLOB_META_MAX)
		return vt_fail(err, VT_TOO_LARGE, "metadata of a blob would "
		    "be over %d bytes", VT_BLOB_META_MAX);
	return VT_OK;
}

enum vt_code
vt_backend_put_meta(struct vt_backend_put *p, const struct vt_header_kv *meta,
    size_t count, struct vt_err *err)
{
	enum vt_code rc;

	if (p->failed || p->has_meta)
		return vt_fail(err, VT_INVALID, p->failed ?
		    "an earlier write to this blob failed" :
		    "this blob has its metadata already");
	if (count == 0)
		return VT_OK;
	p->has_meta = 1;
	rc = check_meta(meta, count, err);
	if (rc == VT_OK)
		rc = p->backend->ops->put_meta(p, meta, count, err);
	if (rc != VT_OK)
		p->failed = 1;
	return rc;
}

enum vt_code
vt_backend_put_commit(struct vt_backend_put *p,
    struct vt_backend_put_result *out, struct vt_err *err)
{
	const struct vt_backend_ops *ops = p->backend->ops;
	struct vt_backend_put_result result = { 0 };
	enum vt_code rc;

	if (p->failed) {
		ops->put_abort(p);
		return vt_fail(err, VT_INVALID,
		    "a write to this blob failed: it cannot be committed");
	}
	if (p->expected_bytes != UINT64_MAX &&
	    p->size_bytes != p->expected_bytes) {
		rc = vt_fail(err, VT_INVALID, "%" PRIu64 " bytes came where %"
		    PRIu64 " were declared", p->size_bytes, p->expected_bytes);
		ops->put_abort(p);
		return rc;
	}
	/* Taken now: the driver frees the handle. */
	result.size_bytes = p->size_bytes;
	result.crc64 = p->crc64;
	rc = ops->put_commit(p, &result, err);
	if (rc == VT_OK && out != NULL)
		*out = result;
	return rc;
}

void
vt_backend_put_abort(struct vt_backend_put *p)
{
	if (p != NULL)
		p->backend->ops->put_abort(p);
}

enum vt_code
vt_backend_abort_upload(struct vt_backend *b, const char *name,
    const char *upload, struct vt_err *err)
{
	enum vt_code rc;

	rc = check_name(name, err);
	if (rc != VT_OK)
		return rc;
	if (b->ops->abort_upload == NULL ||
	    (upload[0] == '\0' && !b->caps.find_uploads))
		return vt_fail(err, VT_ABSENT, "'%s' has no uploads", b->url);
	return b->ops->abort_upload(b, name, upload, err);
}

enum vt_code
vt_backend_copy(struct vt_backend *b, const char *name,
    const struct vt_backend_copy *c, struct vt_backend_put_result *out,
    struct vt_err *err)
{
	struct vt_backend_copy bare = *c;
	enum vt_code rc;

	/* Drivers know their own kind, and no wrapper. */
	while (bare.from->ops->inner != NULL)
		bare.from = bare.from->ops->inner(bare.from);
	memset(out, 0, sizeof(*out));
	rc = check_name(name, err);
	if (rc == VT_OK)
		rc = check_name(c->from_name, err);
	if (rc == VT_OK && c->meta != NULL)
		rc = check_meta(c->meta, c->meta_count, err);
	if (rc != VT_OK)
		return rc;
	if (!b->caps.copy || !c->from->caps.copy || b->ops->copy == NULL ||
	    c->size_bytes > b->caps.max_size_bytes)
		return vt_fail(err, VT_INVALID,
		    "'%s' cannot copy from '%s'", b->url, c->from->url);
	rc = b->ops->copy(b, name, &bare, out, err);
	if (rc == VT_OK) {
		out->size_bytes = c->size_bytes;
		out->crc64 = c->crc64;
	}
	return rc;
}

/* --- reading ---------------------------------------------------------------*/

enum vt_code
vt_backend_get_begin(struct vt_backend *b, const char *name,
    const char *token, uint64_t offset, uint64_t length,
    struct vt_backend_get **out, struct vt_err *err)
{
	enum vt_code rc;

	*out = NULL;
	rc = check_name(name, err);
	if (rc != VT_OK)
		return rc;
	if (length > UINT64_MAX - offset)
		return vt_fail(err, VT_INVALID, "range of '%s' overflows",
		    name);
	rc = b->ops->get_begin(b, name, token_or_empty(token), offset, length,
	    out, err);
	if (rc != VT_OK)
		return rc;
	(*out)->backend = b;
	(*out)->left_bytes = length;
	return VT_OK;
}

enum vt_code
vt_backend_get_read(struct vt_backend_get *g, void *data, size_t len,
    size_t *got, struct vt_err *err)
{
	enum vt_code rc;

	*got = 0;
	if (len > g->left_bytes)
		len = (size_t)g->left_bytes;
	if (len == 0)
		return VT_OK;
	rc = g->backend->ops->get_read(g, data, len, got, err);
	if (rc != VT_OK) {
		*got = 0;
		return rc;
	}
	if (*got == 0)
		return vt_fail(err, VT_CORRUPT, "blob ended %" PRIu64
		    " bytes early", g->left_bytes);
	g->left_bytes -= *got;
	return VT_OK;
}

void
vt_backend_get_end(struct vt_backend_get *g)
{
	if (g != NULL)
		g->backend->ops->get_end(g);
}

enum vt_code
vt_backend_get_fd(struct vt_backend *b, const char *name, int *fd,
    uint64_t *size_bytes, struct vt_err *err)
{
	enum vt_code rc;

	*fd = -1;
	*size_bytes = 0;
	rc = check_name(name, err);
	if (rc != VT_OK)
		return rc;
	if (!b->caps.fd)
		return vt_fail(err, VT_INVALID,
		    "'%s' has no descriptors to give", b->url);
	return b->ops->get_fd(b, name, fd, size_bytes, err);
}

enum vt_code
vt_backend_head(struct vt_backend *b, const char *name,
    struct vt_backend_head *out, struct vt_err *err)
{
	enum vt_code rc;

	memset(out, 0, sizeof(*out));
	rc = check_name(name, err);
	if (rc != VT_OK)
		return rc;
	return b->ops->head(b, name, out, err);
}

enum vt_code
vt_backend_meta(struct vt_backend *b, const char *name,
    vt_backend_visit_meta *visit, void *ctx, struct vt_err *err)
{
	enum vt_code rc;

	rc = check_name(name, err);
	if (rc != VT_OK)
		return rc;
	return b->ops->meta(b, name, visit, ctx, err);
}

enum vt_code
vt_backend_objects(struct vt_backend *b, const char *prefix,
    const char *after, vt_backend_visit_object *visit, void *ctx,
    struct vt_err *err)
{
	if (!b->caps.objects || b->ops->objects == NULL)
		return vt_fail(err, VT_INVALID,
		    "'%s' cannot list what others keep there", b->url);
	return b->ops->objects(b, prefix, after, visit, ctx, err);
}

enum vt_code
vt_backend_describe(struct vt_backend *b, const char *name,
    struct vt_backend_described *out, vt_backend_visit_meta *visit,
    void *ctx, struct vt_err *err)
{
	enum vt_code rc;

	memset(out, 0, sizeof(*out));
	rc = check_name(name, err);
	if (rc != VT_OK)
		return rc;
	if (!b->caps.objects || b->ops->describe == NULL)
		return vt_fail(err, VT_INVALID,
		    "'%s' cannot describe what others keep there", b->url);
	return b->ops->describe(b, name, out, visit, ctx, err);
}

void
vt_backend_counts(const struct vt_backend *b, struct vt_backend_counts *out)
{
	memset(out, 0, sizeof(*out));
	if (b->ops->counts != NULL)
		b->ops->counts(b, out);
}

void
vt_backend_health(const struct vt_backend *b, struct vt_backend_health *out)
{
	memset(out, 0, sizeof(*out));
	if (b->ops->health != NULL)
		b->ops->health(b, out);
}

enum vt_code
vt_backend_delete(struct vt_backend *b, const char *name, const char *token,
    struct vt_err *err)
{
	enum vt_code rc;

	rc = check_name(name, err);
	if (rc != VT_OK)
		return rc;
	return b->ops->del(b, name, token_or_empty(token), err);
}

enum vt_code
vt_backend_list(struct vt_backend *b, const char *prefix,
    vt_backend_visit *visit, void *ctx, struct vt_err *err)
{
	if (prefix == NULL)
		prefix = "";
	if (strlen(prefix) >= VT_BLOB_NAME_MAX)
		return vt_fail(err, VT_INVALID, "prefix is too long");
	return b->ops->list(b, prefix, visit, ctx, err);
}

/* --- restoring -------------------------------------------------------------*/

enum vt_code
vt_backend_restore(struct vt_backend *b, const char *name, unsigned days,
    enum vt_restore_speed speed, struct vt_err *err)
{
	enum vt_code rc;

	rc = check_name(name, err);
	if (rc != VT_OK)
		return rc;
	if (!b->caps.restore || b->ops->restore == NULL)
		return vt_fail(err, VT_INVALID,
		    "'%s' needs no restore", b->url);
	if (days == 0 || days > VT_RESTORE_DAYS_MAX)
		return vt_fail(err, VT_INVALID,
		    "%u days is out of range (1 to %d)", days,
		    VT_RESTORE_DAYS_MAX);
	return b->ops->restore(b, name, days, speed, err);
}

enum vt_code
vt_backend_restore_end(struct vt_backend *b, const char *name,
    struct vt_err *err)
{
	enum vt_code rc;

	rc = check_name(name, err);
	if (rc != VT_OK || b->ops->restore_end == NULL)
		return rc;
	return b->ops->restore_end(b, name, err);
}

int64_t
vt_restore_delay_ms(int64_t delay_ms, enum vt_restore_speed speed)
{
	switch (speed) {
	case VT_EXPEDITED:
		return delay_ms / 60;
	case VT_BULK:
		return delay_ms * 2;
	case VT_STANDARD:
		break;
	}
	return delay_ms;
}

int
vt_restore_readable(const struct vt_restore_state *s, int64_t now_us)
{
	return s->expires_us != 0 && now_us >= s->ready_us &&
	    now_us < s->expires_us;
}

void
vt_restore_describe(const struct vt_restore_state *s, int64_t now_us,
    struct vt_backend_head *h)
{
	h->archived = 1;
	h->restoring = s->expires_us != 0 && now_us < s->ready_us;
	h->restored_until_us = vt_restore_readable(s, now_us) ?
	    s->expires_us : 0;
}

enum vt_code
vt_restore_ask(struct vt_restore_state *s, int64_t now_us, int64_t delay_ms,
    unsigned days, const char *name, struct vt_err *err)
{
	int64_t stay_us = (int64_t)days * 86400 * 1000000;

	if (vt_restore_readable(s, now_us)) {
		/* As S3 does: counted from now, even if that is sooner. */
		s->expires_us = now_us + stay_us;
		return VT_OK;
	}
	if (s->expires_us == 0 || now_us >= s->expires_us) {
		s->ready_us = now_us + delay_ms * 1000;
		s->expires_us = s->ready_us + stay_us;
	}
	return vt_fail(err, VT_BUSY, "'%s' is being restored", name);
}
