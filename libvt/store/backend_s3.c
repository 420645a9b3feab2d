/*
 * s3://BUCKET[/PREFIX], blobs as objects of any server of the S3 API.  What
 * servers differ in is the client's to learn (libvt/proto/s3client.h); what
 * is left is here: an answer may say nothing of versions, a HEAD never says
 * why, and removing what is absent is no failure to S3.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/store/backend_s3.h"

#define PREFIX_MAX 200		/* so that every name fits a key behind it */
#define PART_MAX (UINT64_C(1) << 30)
#define SIZE_MAX_BYTES (UINT64_C(5) << 40)
/* Opening must not hang on a machine that is away. */
#define PROBE_MS 5000

static struct s3 *
s3_of(struct vt_backend *b)
{
	return (struct s3 *)b;
}

static void
s3_close(struct vt_backend *b)
{
	struct s3 *s = s3_of(b);

	if (s == NULL)
		return;
	vt_s3_close(s->client);
	if (s->identity != NULL)
		explicit_bzero(s->identity, s->identity_len);
	free(s->identity);
	free(s->bucket);
	free(s->prefix);
	free(s->object_class);
	free(b->url);
	free(s);
}

static enum vt_code
s3_name(const struct vt_backend *b, uint64_t blob_id, uint64_t incarnation,
    const char *bucket, const char *key, size_t key_len,
    char out[VT_BLOB_NAME_MAX], struct vt_err *err)
{
	(void)b, (void)err;
	vt_backend_key_name(blob_id, incarnation, bucket, key, key_len, out);
	return VT_OK;
}

enum vt_code
s3_key(const struct s3 *s, const char *name, int companion,
    char out[S3_KEY_SIZE], struct vt_err *err)
{
	int n;

	n = snprintf(out, S3_KEY_SIZE, "%s%s%s", s->prefix, name,
	    companion ? S3_COMPANION : "");
	if (n < 0 || n >= S3_KEY_SIZE)
		return vt_fail(err, VT_INVALID,
		    "'%s' is over %d bytes with its prefix", name,
		    VT_S3_KEY_MAX);
	return VT_OK;
}

/* --- tokens --------------------------------------------------------------- */

enum vt_code
s3_token_parse(const char *text, struct s3_token *out, struct vt_err *err)
{
	const char *rest = text + 2;

	memset(out, 0, sizeof(*out));
	if (text[0] == '\0')
		return VT_OK;
	if (strchr("EVN", text[0]) == NULL ||
	    (text[1] != '-' && text[1] != '+') || rest[0] == '\0' ||
	    (text[0] != 'V' && strlen(rest) >= sizeof(out->etag)))
		return vt_fail(err, VT_CORRUPT,
		    "'%s' is no token of this tier", text);
	out->kind = text[0];
	out->beside = text[1] == '+';
	if (text[0] == 'V')
		snprintf(out->version, sizeof(out->version), "%s", rest);
	else
		snprintf(out->etag, sizeof(out->etag), "%s", rest);
	if (text[0] == 'N')
		strcpy(out->version, "null");
	return VT_OK;
}

enum vt_code
s3_token_make(const char *version, const char *etag, int beside,
    char out[VT_BLOB_TOKEN_MAX], struct vt_err *err)
{
	char kind = 'V';
	int n;

	if (version[0] == '\0')
		kind = 'E';
	else if (strcmp(version, "null") == 0)
		kind = 'N';
	/* Nothing to know it by: whatever is there. */
	if (kind != 'V' && etag[0] == '\0') {
		out[0] = '\0';
		return VT_OK;
	}
	n = snprintf(out, VT_BLOB_TOKEN_MAX, "%c%c%s", kind,
	    beside ? '+' : '-', kind == 'V' ? version : etag);
	if (n < 0 || n >= VT_BLOB_TOKEN_MAX)
		return vt_fail(err, VT_INVALID,
		    "the server's version id is over %d bytes",
		    VT_BLOB_TOKEN_MAX - 3);
	return VT_OK;
}

/* --- what refusals mean --------------------------------------------------- */

/* No object, told in a way that no missing bucket or other server shares. */
static int
is_absence(const struct vt_s3_head *head)
{
	return strcmp(head->code, "NoSuchKey") == 0 ||
	    strcmp(head->code, "NoSuchVersion") == 0 ||
	    strcmp(head->code, "NoSuchUpload") == 0;
}

enum vt_code
s3_failed(enum vt_code rc, const struct vt_s3_head *head, const char *name,
    struct vt_err *err)
{
	if (rc == VT_OK || rc == VT_CANCELLED || rc == VT_NOMEM)
		return rc;
	/* A bucket that has gone holds back what it held: to say that the
	 * blob is absent would let the catalog forget it. */
	if (rc == VT_ABSENT && (head == NULL || !is_absence(head)))
		rc = VT_IO;
	/* S3 answers so to a delete marker. */
	if (rc == VT_INVALID && head != NULL && head->status == 405)
		rc = VT_ABSENT;
	if (err != NULL) {
		vt_err_prefix(err, "'%s'", name);
		err->code = rc;
	}
	return rc;
}

enum vt_code
s3_bucket_is_there(struct s3 *s, struct vt_err *err)
{
	struct vt_s3_head head;
	enum vt_code rc;

	rc = vt_s3_probe_bucket(s->client, s->bucket, &head, err);
	return s3_failed(rc, NULL, s->base.url, err);
}

static enum vt_code
drop(void *ctx, const char *data, size_t len, struct vt_err *err)
{
	(void)ctx, (void)data, (void)len, (void)err;
	return VT_OK;
}

/* A HEAD was answered with 404, which says not of what: ask for a byte, whose
 * refusal has a body. */
enum vt_code
s3_confirm_absent(struct s3 *s, const char *key, const char *version,
    const char *name, struct vt_err *err)
{
	struct vt_s3_get g = { .bucket = s->bucket, .key = key,
	    .version = version, .len = 1, .sink = drop };
	struct vt_s3_head head;
	enum vt_code rc;

	rc = s3_failed(vt_s3_get_object(s->client, &g, &head, err), &head,
	    name, err);
	if (rc == VT_OK)
		return vt_fail(err, VT_BUSY, "'%s' came while it was looked "
		    "for", name);
	return rc;
}

struct facts {
	int beside;
};

static int
note_beside(void *ctx, const char *name, const char *value)
{
	struct facts *f = ctx;

	(void)value;
	if (strcmp(name, S3_BESIDE) == 0)
		f->beside = 1;
	return 0;
}

enum vt_code
s3_look(struct s3 *s, const char *name, const char *version,
    struct vt_s3_head *head, int *beside, struct vt_err *err)
{
	struct facts f = { 0 };
	char key[S3_KEY_SIZE];
	enum vt_code rc;

	*beside = 0;
	rc = s3_key(s, name, 0, key, err);
	if (rc != VT_OK)
		return rc;
	rc = vt_s3_head_each(s->client, s->bucket, key, version, note_beside,
	    &f, head, err);
	*beside = f.beside;
	if (rc == VT_ABSENT)
		return s3_confirm_absent(s, key, version, name, err);
	return s3_failed(rc, head, name, err);
}

/* --- reading -------------------------------------------------------------- */

struct s3_get {
	struct vt_backend_get base;
	struct vt_s3_stream *stream;	/* NULL: nothing was asked for */
	uint64_t want_bytes;
};

static enum vt_code
check_length(void *ctx, const struct vt_s3_head *head, uint64_t offset,
    uint64_t len, struct vt_err *err)
{
	struct s3_get *g = ctx;

	(void)head, (void)offset;
	if (len < g->want_bytes)
		return vt_fail(err, VT_CORRUPT, "%llu bytes are there where "
		    "%llu were asked for", (unsigned long long)len,
		    (unsigned long long)g->want_bytes);
	return VT_OK;
}

enum vt_code
s3_not_the_one(const char *name, struct vt_err *err)
{
	return vt_fail(err, VT_CORRUPT, "'%s' is another than was put there",
	    name);
}

/* Nothing is to be read: only whether it is there, and long enough. */
static enum vt_code
get_nothing(struct s3 *s, const char *name, const struct s3_token *t,
    uint64_t offset, struct vt_err *err)
{
	struct vt_s3_head head;
	int beside;
	enum vt_code rc;

	rc = s3_look(s, name, t->version, &head, &beside, err);
	if (rc == VT_OK && t->etag[0] != '\0' &&
	    strcmp(t->etag, head.etag) != 0)
		return s3_not_the_one(name, err);
	if (rc == VT_OK && offset > head.size_bytes)
		return vt_fail(err, VT_CORRUPT, "'%s' is of %llu bytes", name,
		    (unsigned long long)head.size_bytes);
	return rc;
}

static enum vt_code
s3_get_begin(struct vt_backend *b, const char *name, const char *token,
    uint64_t offset, uint64_t length, struct vt_backend_get **out,
    struct vt_err *err)
{
	struct s3 *s = s3_of(b);
	struct vt_s3_head head = { .status = 0 };
	struct vt_s3_get want = { .bucket = s->bucket, .offset = offset,
	    .len = length, .start = check_length };
	struct s3_get *g;
	struct s3_token t;
	char key[S3_KEY_SIZE];
	enum vt_code rc;

	rc = s3_token_parse(token, &t, err);
	if (rc == VT_OK)
		rc = s3_key(s, name, 0, key, err);
	if (rc != VT_OK)
		return rc;
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return vt_fail(err, VT_NOMEM, "no memory to get '%s'", name);
	g->want_bytes = length;
	if (length == 0) {
		rc = get_nothing(s, name, &t, offset, err);
	} else {
		want.key = key;
		want.version = t.version;
		want.if_match = t.etag[0] != '\0' ? t.etag : NULL;
		want.ctx = g;
		rc = vt_s3_stream_open(s->client, &want, &head, &g->stream,
		    err);
		if (rc == VT_PRECONDITION)
			rc = s3_not_the_one(name, err);
		else if (rc == VT_INVALID && head.status == 416)
			rc = vt_fail(err, VT_CORRUPT, "'%s' ends before %llu",
			    name, (unsigned long long)offset);
		else
			rc = s3_failed(rc, &head, name, err);
	}
	if (rc != VT_OK) {
		free(g);
		return rc;
	}
	*out = &g->base;
	return VT_OK;
}

static enum vt_code
s3_get_read(struct vt_backend_get *get, void *data, size_t len, size_t *got,
    struct vt_err *err)
{
	struct s3_get *g = (struct s3_get *)get;

	return vt_s3_stream_read(g->stream, data, len, got, err);
}

static void
s3_get_end(struct vt_backend_get *get)
{
	struct s3_get *g = (struct s3_get *)get;

	vt_s3_stream_close(g->stream);
	free(g);
}

/* --- what a blob is ------------------------------------------------------- */

static int
is_archive_class(const char *name)
{
	return strcmp(name, "GLACIER") == 0 ||
	    strcmp(name, "DEEP_ARCHIVE") == 0;
}

/* x-amz-restore: ongoing-request="false", expiry-date="Fri, 21 Dec..." */
static void
read_restore(const char *value, struct vt_backend_head *out)
{
	const char *p, *end;
	char date[64];

	out->restoring = strstr(value, "ongoing-request=\"true\"") != NULL;
	p = strstr(value, "expiry-date=\"");
	if (p == NULL)
		return;
	p += strlen("expiry-date=\"");
	end = strchr(p, '"');
	if (end == NULL || (size_t)(end - p) >= sizeof(date))
		return;
	memcpy(date, p, (size_t)(end - p));
	date[end - p] = '\0';
	if (vt_time_parse_http(date, &out->restored_until_us) < 0)
		out->restored_until_us = 0;
}

enum vt_code
s3_tell_head(const struct vt_s3_head *head, int beside,
    struct vt_backend_head *out, struct vt_err *err)
{
	out->size_bytes = head->size_bytes;
	out->mtime_us = head->modified_us;
	out->archived = is_archive_class(head->storage_class) ||
	    head->archive_status[0] != '\0';
	read_restore(head->restore, out);
	return s3_token_make(head->version, head->etag, beside, out->token,
	    err);
}

static enum vt_code
s3_head(struct vt_backend *b, const char *name, struct vt_backend_head *out,
    struct vt_err *err)
{
	struct vt_s3_head head;
	int beside;
	enum vt_code rc;

	rc = s3_look(s3_of(b), name, NULL, &head, &beside, err);
	if (rc == VT_OK)
		rc = s3_tell_head(&head, beside, out, err);
	return rc;
}

static enum vt_code
s3_restore(struct vt_backend *b, const char *name, unsigned days,
    enum vt_restore_speed speed, struct vt_err *err)
{
	static const char *const tiers[] = {
		[VT_STANDARD] = "Standard", [VT_EXPEDITED] = "Expedited",
		[VT_BULK] = "Bulk",
	};
	struct s3 *s = s3_of(b);
	struct vt_s3_head head;
	char key[S3_KEY_SIZE];
	int started, beside;
	enum vt_code rc;

	rc = s3_key(s, name, 0, key, err);
	if (rc != VT_OK)
		return rc;
	rc = vt_s3_restore_object(s->client, s->bucket, key, NULL, days,
	    tiers[speed], &started, err);
	if (started) {
		vt_err_prefix(err, "'%s'", name);
		return VT_BUSY;
	}
	/* VT_BUSY means started to who asked: this was too much at once. */
	if (rc == VT_BUSY)
		rc = VT_IO;
	if (rc == VT_ABSENT)
		return s3_look(s, name, NULL, &head, &beside, err);
	return s3_failed(rc, NULL, name, err);
}

/* --- removing ------------------------------------------------------------- */

static enum vt_code
remove_key(struct s3 *s, const char *key, const char *version,
    const char *name, struct vt_err *err)
{
	enum vt_code rc;

	rc = vt_s3_delete_object(s->client, s->bucket, key, version, err);
	/* Google says so of what has gone since, and all of a bucket that
	 * is not there. */
	if (rc == VT_ABSENT)
		return s3_bucket_is_there(s, err);
	return s3_failed(rc, NULL, name, err);
}

enum vt_code
s3_drop_companion(struct s3 *s, const char *name, int versioned, int *found,
    struct vt_err *err)
{
	struct vt_s3_head head;
	char key[S3_KEY_SIZE];
	enum vt_code rc;

	*found = 0;
	rc = s3_key(s, name, 1, key, err);
	if (rc != VT_OK)
		return rc;
	/* Without its version a marker would be put over it. */
	head.version[0] = '\0';
	if (versioned) {
		rc = vt_s3_head(s->client, s->bucket, key, NULL, &head, err);
		if (rc == VT_ABSENT)
			return VT_OK;
		if (rc != VT_OK)
			return s3_failed(rc, &head, name, err);
	}
	*found = 1;
	return remove_key(s, key, head.version, name, err);
}

/* There is no blob; a crash may have left what lies beside one. */
static enum vt_code
remove_leftover(struct s3 *s, const char *name, struct vt_err *err)
{
	int found;
	enum vt_code rc;

	rc = s3_drop_companion(s, name, 1, &found, err);
	if (rc == VT_OK && !found)
		return vt_fail(err, VT_ABSENT, "no blob '%s'", name);
	return rc;
}

static enum vt_code
s3_del(struct vt_backend *b, const char *name, const char *token,
    struct vt_err *err)
{
	struct s3 *s = s3_of(b);
	struct vt_s3_head head;
	struct s3_token t;
	char key[S3_KEY_SIZE];
	int beside, found;
	enum vt_code rc;

	rc = s3_key(s, name, 0, key, err);
	if (rc == VT_OK)
		rc = s3_token_parse(token, &t, err);
	if (rc != VT_OK)
		return rc;
	/* A version is what was put and nothing else; of all others it has to
	 * be seen whether they are. */
	beside = t.beside;
	if (t.kind != 'V') {
		rc = s3_look(s, name, t.version, &head, &beside, err);
		if (rc == VT_ABSENT)
			return remove_leftover(s, name, err);
		if (rc == VT_OK && t.etag[0] != '\0' &&
		    strcmp(t.etag, head.etag) != 0)
			rc = s3_not_the_one(name, err);
		if (rc != VT_OK)
			return rc;
		snprintf(t.version, sizeof(t.version), "%s", head.version);
	}
	/* First what nobody would find without the blob. */
	if (beside)
		rc = s3_drop_companion(s, name, t.version[0] != '\0', &found,
		    err);
	if (rc == VT_OK)
		rc = remove_key(s, key, t.version, name, err);
	return rc;
}

/* --- listing -------------------------------------------------------------- */

struct listing {
	const struct s3 *s;
	vt_backend_visit *visit;
	void *ctx;
};

static int
list_one(void *ctx, const struct vt_s3_entry *e)
{
	struct listing *l = ctx;
	size_t n = strlen(e->key), tail = strlen(S3_COMPANION);
	size_t prefix = strlen(l->s->prefix);

	if (n >= tail && strcmp(e->key + n - tail, S3_COMPANION) == 0)
		return 0;
	/* What others put there, as a folder's own entry, is no blob. */
	if (strncmp(e->key, l->s->prefix, prefix) != 0 || n == prefix ||
	    e->key[n - 1] == '/' || n - prefix >= VT_BLOB_NAME_MAX)
		return 0;
	return l->visit(l->ctx, e->key + prefix, e->size_bytes,
	    e->modified_us);
}

static enum vt_code
s3_list(struct vt_backend *b, const char *prefix, vt_backend_visit *visit,
    void *ctx, struct vt_err *err)
{
	struct s3 *s = s3_of(b);
	struct listing l = { s, visit, ctx };
	char key[S3_KEY_SIZE];
	enum vt_code rc;

	rc = s3_key(s, prefix, 0, key, err);
	if (rc == VT_OK)
		rc = vt_s3_list(s->client, s->bucket, key, NULL, NULL,
		    list_one, &l, err);
	return s3_failed(rc, NULL, b->url, err);
}

struct object_listing {
	size_t prefix_len;
	vt_backend_visit_object *visit;
	void *ctx;
};

static int
list_object(void *ctx, const struct vt_s3_entry *e)
{
	struct object_listing *l = ctx;
	struct vt_backend_object o = { .name = e->key + l->prefix_len,
	    .size_bytes = e->size_bytes, .mtime_us = e->modified_us,
	    .etag = e->etag, .object_class = e->storage_class };

	if (strlen(e->key) <= l->prefix_len)
		return 0;
	return l->visit(l->ctx, &o);
}

static enum vt_code
s3_objects(struct vt_backend *b, const char *prefix, const char *after,
    vt_backend_visit_object *visit, void *ctx, struct vt_err *err)
{
	struct s3 *s = s3_of(b);
	struct object_listing l = { strlen(s->prefix), visit, ctx };
	char key[S3_KEY_SIZE], start[S3_KEY_SIZE];
	enum vt_code rc;

	rc = s3_key(s, prefix != NULL ? prefix : "", 0, key, err);
	if (rc == VT_OK && after != NULL)
		rc = s3_key(s, after, 0, start, err);
	if (rc == VT_OK)
		rc = vt_s3_list(s->client, s->bucket, key, NULL,
		    after != NULL ? start : NULL, list_object, &l, err);
	return s3_failed(rc, NULL, b->url, err);
}

static void
s3_counts(const struct vt_backend *b, struct vt_backend_counts *out)
{
	struct vt_s3_counts c;

	vt_s3_counts(((const struct s3 *)b)->client, &c);
	*out = (struct vt_backend_counts){ c.writes, c.reads, c.deletes,
	    c.bytes_in, c.bytes_out };
}

/* --- opening -------------------------------------------------------------- */

static const struct vt_backend_ops s3_ops = {
	.close = s3_close,
	.name = s3_name,
	.put_begin = s3_put_begin,
	.put_write = s3_put_write,
	.put_meta = s3_put_meta,
	.put_commit = s3_put_commit,
	.put_abort = s3_put_abort,
	.abort_upload = s3_abort_upload,
	.copy = s3_copy,
	.get_begin = s3_get_begin,
	.get_read = s3_get_read,
	.get_end = s3_get_end,
	.head = s3_head,
	.meta = s3_meta_visit,
	.del = s3_del,
	.restore = s3_restore,
	.list = s3_list,
	.objects = s3_objects,
	.describe = s3_describe,
	.counts = s3_counts,
};

int
s3_is_s3(const struct vt_backend *b)
{
	return b->ops == &s3_ops;
}

/* Bucket and prefix of "s3://BUCKET[/PREFIX]". */
static enum vt_code
split_url(struct s3 *s, const char *url, struct vt_err *err)
{
	const char *rest, *p;
	size_t n, len;

	if (strncmp(url, "s3://", 5) != 0)
		return vt_fail(err, VT_INVALID,
		    "'%s' is not s3://BUCKET[/PREFIX]", url);
	rest = url + 5;
	n = strcspn(rest, "/");
	if (n < 3 || n > 63 || strspn(rest, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") < n)
		return vt_fail(err, VT_INVALID,
		    "'%s' has no name of a bucket", url);
	for (p = rest + n; *p == '/'; p++)
		;
	for (len = strlen(p); len > 0 && p[len - 1] == '/'; len--)
		;
	if (len > PREFIX_MAX)
		return vt_fail(err, VT_INVALID, "the prefix of '%s' is over "
		    "%d bytes", url, PREFIX_MAX);
	s->bucket = strndup(rest, n);
	s->prefix = malloc(len + 2);
	s->base.url = strdup(url);
	if (s->bucket == NULL || s->prefix == NULL || s->base.url == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	memcpy(s->prefix, p, len);
	strcpy(s->prefix + len, len > 0 ? "/" : "");
	return VT_OK;
}

/* Who this handle is to the server. */
static enum vt_code
keep_identity(struct s3 *s, const struct vt_backend_remote *r,
    struct vt_err *err)
{
	const char *part[] = { r->endpoint, r->region, r->access_key,
	    r->secret_key, r->session_token };
	size_t i, n = 0;
	char *p;

	for (i = 0; i < sizeof(part) / sizeof(part[0]); i++)
		n += 1 + (part[i] != NULL ? strlen(part[i]) : 0);
	s->identity = p = calloc(1, n);
	if (p == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	s->identity_len = n;
	for (i = 0; i < sizeof(part) / sizeof(part[0]); i++)
		p = stpcpy(p, part[i] != NULL ? part[i] : "") + 1;
	return VT_OK;
}

static enum vt_code
open_client(struct s3 *s, const struct vt_backend_remote *r, int probe,
    struct vt_s3 **out, struct vt_err *err)
{
	const char *region = r->region != NULL ? r->region : "us-east-1";
	struct vt_s3_options o = { .endpoint = r->endpoint,
	    .region = region, .access_key = r->access_key,
	    .secret_key = r->secret_key, .session_token = r->session_token,
	    .virtual_host = r->virtual_host,
	    .requester_pays = r->requester_pays, .ca_file = r->ca_file,
	    .clock = s->base.clock, .tries = r->tries,
	    .connect_timeout_ms = r->connect_ms, .stall_ms = r->stall_ms,
	    .cancel = r->cancel };

	if (probe) {
		o.tries = 1;
		if (o.connect_timeout_ms == 0 ||
		    o.connect_timeout_ms > PROBE_MS)
			o.connect_timeout_ms = PROBE_MS;
		if (o.stall_ms == 0 || o.stall_ms > PROBE_MS)
			o.stall_ms = PROBE_MS;
	}
	return vt_s3_open(&o, out, err);
}

/*
 * See whether the bucket is there, or make it.  A server that is away now may
 * be back when it is needed, and keys may be for objects alone: only what is
 * sure to fail is a failure here (P8).
 */
static enum vt_code
check_bucket(struct s3 *s, const struct vt_backend_remote *r, int create,
    struct vt_err *err)
{
	struct vt_s3_head head;
	struct vt_s3 *client;
	enum vt_code rc;

	rc = open_client(s, r, 1, &client, err);
	if (rc != VT_OK)
		return rc;
	rc = vt_s3_probe_bucket(client, s->bucket, &head, err);
	if (rc == VT_ABSENT && create &&
	    strcmp(head.code, "NoSuchBucket") == 0) {
		rc = vt_s3_create_bucket(client, s->bucket, err);
		/* Somebody else was faster. */
		if (rc == VT_EXISTS)
			rc = vt_s3_probe_bucket(client, s->bucket, &head,
			    err);
	} else if (rc == VT_DENIED &&
	    strcmp(head.code, "AccessDenied") == 0) {
		rc = VT_OK;
	}
	if (rc == VT_BUSY)
		rc = VT_OK;
	vt_s3_close(client);
	if (rc != VT_OK)
		vt_err_prefix(err, "'%s'", s->base.url);
	return rc;
}

enum vt_code
vt_backend_s3_open(const char *url, const struct vt_backend_options *o,
    struct vt_backend **out, struct vt_err *err)
{
	static const struct vt_backend_remote none;
	const struct vt_backend_remote *r = o->remote != NULL ? o->remote :
	    &none;
	struct s3 *s;
	enum vt_code rc;

	if (r->access_key == NULL || r->secret_key == NULL)
		return vt_fail(err, VT_INVALID, "'%s' wants credentials: an "
		    "access key and its secret", url);
	if (r->part_bytes != 0 && (r->part_bytes < VT_S3_PART_MIN ||
	    r->part_bytes > PART_MAX))
		return vt_fail(err, VT_INVALID, "parts of '%s' must be of "
		    "5 MiB to 1 GiB", url);
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	s->base.ops = &s3_ops;
	s->base.clock = o->clock;
	s->base.caps = (struct vt_backend_caps){
		.max_size_bytes = SIZE_MAX_BYTES,
		.min_part_bytes = VT_S3_PART_MIN, .remote = 1, .copy = 1,
		.late_exists = 1, .objects = 1, .find_uploads = 1,
		.tells_crc = 1, .compares = 1,
		.restore = r->object_class != NULL &&
		    is_archive_class(r->object_class),
	};
	s->part_bytes = r->part_bytes != 0 ? r->part_bytes : VT_PARTS_BYTES;
	rc = split_url(s, url, err);
	if (rc == VT_OK && r->object_class != NULL) {
		s->object_class = strdup(r->object_class);
		if (s->object_class == NULL)
			rc = vt_fail(err, VT_NOMEM, "out of memory");
	}
	if (rc == VT_OK)
		rc = keep_identity(s, r, err);
	if (rc == VT_OK)
		rc = open_client(s, r, 0, &s->client, err);
	if (rc == VT_OK)
		rc = check_bucket(s, r, o->create, err);
	if (rc != VT_OK) {
		s3_close(&s->base);
		return rc;
	}
	*out = &s->base;
	return VT_OK;
}
