/*
 * Writing blobs to S3: what fits one part goes by one PUT when it is
 * complete, with its metadata; what does not goes by parts, two on their way
 * while the next one fills.  And copies that the server makes by itself.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/hash.h"
#include "libvt/base/uri.h"

#include "libvt/store/backend_s3.h"

#define SLOTS 3			/* parts in memory: filling, and on their way */
#define FIRST_BYTES 65536	/* of a buffer for who knows how much */
#define MIB (UINT64_C(1) << 20)
#define COPY_MAX (UINT64_C(5) << 30)	/* of one CopyObject */
#define COPY_PART (UINT64_C(512) * MIB)

struct s3_put;

struct slot {
	struct s3_put *put;
	char *buf;
	size_t len, cap;
	uint64_t crc64;		/* of what is there */
	unsigned number;	/* of the part */
	int running;		/* the thread has it */
	pthread_t thread;
	enum vt_code rc;
	struct vt_err err;
	struct vt_s3_part part;
};

struct s3_put {
	struct vt_backend_put base;
	struct s3 *s;
	struct vt_backend_put_info info;
	struct slot slot[SLOTS];
	unsigned slots, current;
	size_t part_bytes;
	char *upload;		/* NULL: one PUT will do so far */
	struct vt_s3_part *parts;
	size_t part_count, part_cap;
	struct s3_meta meta;
	char key[S3_KEY_SIZE];
	char name[VT_BLOB_NAME_MAX];
};

/* --- one part ------------------------------------------------------------- */

/* Parts so large that no more than S3 allows are needed: all of one size, as
 * R2 wants them. */
static uint64_t
part_size(const struct s3 *s, uint64_t size_bytes, uint64_t least)
{
	return vt_parts_bytes(least > s->part_bytes ? least :
	    s->part_bytes, VT_S3_PARTS_MAX, size_bytes);
}

/* Fewer of them in memory when they are large. */
static unsigned
slots_of(uint64_t part_bytes)
{
	if (part_bytes <= 32 * MIB)
		return SLOTS;
	return part_bytes <= 128 * MIB ? 2 : 1;
}

static void
send_part(struct slot *t)
{
	struct s3_put *p = t->put;
	struct vt_s3_put put = { .bucket = p->s->bucket, .key = p->key,
	    .body = { .data = t->buf, .len = t->len, .has_crc64 = 1,
	    .crc64 = t->crc64 } };

	t->rc = vt_s3_upload_part(p->s->client, &put, p->upload, t->number,
	    &t->part, &t->err);
}

static void *
part_thread(void *ctx)
{
	send_part(ctx);
	return NULL;
}

static enum vt_code
keep_part(struct s3_put *p, const struct vt_s3_part *part,
    struct vt_err *err)
{
	struct vt_s3_part *more;
	size_t cap;

	if (part->number > p->part_cap) {
		cap = p->part_cap == 0 ? 64 : p->part_cap * 2;
		if (cap < part->number)
			cap = part->number;
		more = realloc(p->parts, cap * sizeof(*more));
		if (more == NULL)
			return vt_fail(err, VT_NOMEM, "no memory for parts");
		p->parts = more;
		p->part_cap = cap;
	}
	p->parts[part->number - 1] = *part;
	return VT_OK;
}

/* What became of the part that a slot had; the slot is free then. */
static enum vt_code
collect(struct s3_put *p, struct slot *t, struct vt_err *err)
{
	if (!t->running)
		return VT_OK;
	pthread_join(t->thread, NULL);
	t->running = 0;
	t->len = 0;
	t->crc64 = 0;
	if (t->rc == VT_OK)
		return keep_part(p, &t->part, err);
	if (err != NULL)
		*err = t->err;
	return t->rc;
}

/* --- an upload ------------------------------------------------------------ */

/* The headers that an object begins with, in h[3]. */
static size_t
object_headers(const struct s3 *s, int beside, struct vt_header *h)
{
	size_t n = 0;

	if (s->object_class != NULL)
		h[n++] = (struct vt_header){ "x-amz-storage-class",
		    s->object_class };
	if (beside)
		h[n++] = (struct vt_header){ S3_BESIDE, "1" };
	return n;
}

/* End an upload, best effort: what stays is found by the catalog's intent. */
static void
give_up(struct s3 *s, const char *key, char **upload)
{
	if (*upload != NULL && vt_s3_abort_upload(s->client, s->bucket, key,
	    *upload, NULL) != VT_OK)
		/* not the failure that is told */
		*upload[0] = '\0';
	free(*upload);
	*upload = NULL;
}

/* Begin an upload and tell whoever must know before its first byte leaves. */
static enum vt_code
begin_upload(struct s3 *s, const char *key,
    const struct vt_backend_put_info *info, char **upload,
    struct vt_err *err)
{
	struct vt_header h[3];
	struct vt_s3_put put = { .bucket = s->bucket, .key = key,
	    .headers = h, .header_count = object_headers(s, 1, h) };
	enum vt_code rc;

	rc = vt_s3_create_upload(s->client, &put, upload, err);
	if (rc == VT_OK && info->begun != NULL)
		rc = info->begun(info->begun_ctx, *upload, err);
	if (rc == VT_OK || *upload == NULL)
		return rc;
	give_up(s, key, upload);
	return rc;
}

/* Send the current slot's part, which is not the last, and turn to the
 * next slot. */
static enum vt_code
part_is_full(struct s3_put *p, struct vt_err *err)
{
	struct slot *t = &p->slot[p->current];
	enum vt_code rc = VT_OK;

	if (p->upload == NULL)
		rc = begin_upload(p->s, p->key, &p->info, &p->upload, err);
	if (rc == VT_OK && p->part_count == VT_S3_PARTS_MAX)
		rc = vt_fail(err, VT_TOO_LARGE, "over %d parts of %zu bytes",
		    VT_S3_PARTS_MAX, p->part_bytes);
	if (rc != VT_OK)
		return rc;
	t->number = (unsigned)++p->part_count;
	t->running = 1;
	/* Without a thread it takes longer, and is as good. */
	if (p->slots == 1 ||
	    pthread_create(&t->thread, NULL, part_thread, t) != 0) {
		t->running = 0;
		send_part(t);
		t->len = 0;
		t->crc64 = 0;
		if (t->rc == VT_OK)
			return keep_part(p, &t->part, err);
		if (err != NULL)
			*err = t->err;
		return t->rc;
	}
	p->current = (p->current + 1) % p->slots;
	return collect(p, &p->slot[p->current], err);
}

/* --- the put -------------------------------------------------------------- */

enum vt_code
s3_put_begin(struct vt_backend *b, const char *name,
    const struct vt_backend_put_info *info, struct vt_backend_put **out,
    struct vt_err *err)
{
	struct s3 *s = (struct s3 *)b;
	struct s3_put *p;
	unsigned i;
	enum vt_code rc;

	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return vt_fail(err, VT_NOMEM, "no memory to put '%s'", name);
	rc = s3_key(s, name, 0, p->key, err);
	/* what lies beside it must have a name too */
	if (rc == VT_OK && strlen(p->key) + strlen(S3_COMPANION) >=
	    S3_KEY_SIZE)
		rc = vt_fail(err, VT_INVALID, "'%s' is too long", name);
	if (rc != VT_OK) {
		free(p);
		return rc;
	}
	strcpy(p->name, name);
	p->s = s;
	p->info = *info;
	p->part_bytes = (size_t)part_size(s, info->size_bytes, 0);
	p->slots = slots_of(p->part_bytes);
	for (i = 0; i < SLOTS; i++)
		p->slot[i].put = p;
	*out = &p->base;
	return VT_OK;
}

/* Room for `len` bytes more, or for some of them. */
static enum vt_code
make_room(struct s3_put *p, struct slot *t, size_t len, struct vt_err *err)
{
	size_t cap = t->cap, most = p->part_bytes;
	char *more;

	if (p->info.size_bytes < most)
		most = (size_t)p->info.size_bytes;
	if (t->len < cap || cap >= most)
		return VT_OK;
	if (p->info.size_bytes != UINT64_MAX || p->upload != NULL)
		cap = most;
	else
		cap = cap == 0 ? FIRST_BYTES : cap * 2;
	if (cap < t->len + len)
		cap = t->len + len;
	if (cap > most)
		cap = most;
	more = realloc(t->buf, cap);
	if (more == NULL)
		return vt_fail(err, VT_NOMEM, "no memory for %zu bytes", cap);
	t->buf = more;
	t->cap = cap;
	return VT_OK;
}

enum vt_code
s3_put_write(struct vt_backend_put *put, const void *data, size_t len,
    struct vt_err *err)
{
	struct s3_put *p = (struct s3_put *)put;
	const char *from = data;
	struct slot *t;
	size_t n;
	enum vt_code rc = VT_OK;

	while (rc == VT_OK && len > 0) {
		/* Only when more comes: it might have been the last. */
		if (p->slot[p->current].len == p->part_bytes) {
			rc = part_is_full(p, err);
			continue;
		}
		t = &p->slot[p->current];
		rc = make_room(p, t, len, err);
		if (rc != VT_OK)
			break;
		n = t->cap - t->len < len ? t->cap - t->len : len;
		t->crc64 = vt_crc64nvme(t->crc64, from, n);
		memcpy(t->buf + t->len, from, n);
		t->len += n;
		from += n;
		len -= n;
	}
	return s3_failed(rc, NULL, p->name, err);
}

enum vt_code
s3_put_meta(struct vt_backend_put *put, const struct vt_header_kv *meta,
    size_t count, struct vt_err *err)
{
	return s3_meta_init(&((struct s3_put *)put)->meta, meta, count, err);
}

static void
put_free(struct s3_put *p)
{
	unsigned i;

	for (i = 0; i < SLOTS; i++)
		free(p->slot[i].buf);
	s3_meta_release(&p->meta);
	free(p->upload);
	free(p->parts);
	free(p);
}

void
s3_put_abort(struct vt_backend_put *put)
{
	struct s3_put *p = (struct s3_put *)put;
	unsigned i;

	for (i = 0; i < SLOTS; i++)
		if (p->slot[i].running)
			pthread_join(p->slot[i].thread, NULL);
	if (!put->forsaken)
		give_up(p->s, p->key, &p->upload);
	put_free(p);
}

/* The blob will not be: nor shall what lies beside it, best effort. */
static void
forget_companion(struct s3_put *p)
{
	struct vt_err ignored;
	int found;

	if (p->base.forsaken || p->meta.count == 0)
		return;
	if (s3_drop_companion(p->s, p->name, 1, &found, &ignored) != VT_OK)
		/* whoever removes the blob's name removes this too */
		return;
}

/* A whole blob by one request. */
static enum vt_code
put_whole(struct s3_put *p, struct vt_s3_put_result *result, int *beside,
    struct vt_err *err)
{
	struct vt_header h[3 + S3_META_COUNT];
	struct slot *t = &p->slot[p->current];
	struct vt_s3_put put = { .bucket = p->s->bucket, .key = p->key,
	    .headers = h, .exclusive = 1,
	    .body = { .data = t->len > 0 ? t->buf : "", .len = t->len,
	    .has_crc64 = 1, .crc64 = t->crc64 } };
	enum vt_code rc = VT_OK;
	size_t n;

	*beside = !s3_meta_fits(&p->meta);
	n = object_headers(p->s, *beside, h);
	if (*beside) {
		rc = s3_meta_put(p->s, p->name, &p->meta, err);
	} else if (p->meta.count > 0) {
		memcpy(h + n, p->meta.headers, p->meta.count * sizeof(*h));
		n += p->meta.count;
	}
	put.header_count = n;
	if (rc == VT_OK)
		rc = vt_s3_put_object(p->s->client, &put, result, err);
	if (rc != VT_OK && rc != VT_PRECONDITION && *beside)
		forget_companion(p);
	return rc;
}

static enum vt_code
put_parts(struct s3_put *p, struct vt_s3_put_result *result,
    struct vt_err *err)
{
	struct vt_s3_put put = { .bucket = p->s->bucket, .key = p->key,
	    .exclusive = 1 };
	struct slot *t = &p->slot[p->current];
	enum vt_code rc = VT_OK, rc2;
	unsigned i;

	if (t->len > 0)
		rc = part_is_full(p, err);
	/* Wait for all of them, and tell the first failure. */
	for (i = 0; i < p->slots; i++) {
		rc2 = collect(p, &p->slot[i], rc == VT_OK ? err : NULL);
		if (rc == VT_OK)
			rc = rc2;
	}
	if (rc == VT_OK && p->meta.count > 0)
		rc = s3_meta_put(p->s, p->name, &p->meta, err);
	if (rc == VT_OK) {
		rc = vt_s3_complete_upload(p->s->client, &put, p->upload,
		    p->parts, p->part_count, result, err);
		if (rc == VT_OK) {
			free(p->upload);
			p->upload = NULL;
		} else if (rc != VT_PRECONDITION) {
			forget_companion(p);
		}
	}
	return rc;
}

enum vt_code
s3_put_commit(struct vt_backend_put *put, struct vt_backend_put_result *out,
    struct vt_err *err)
{
	struct s3_put *p = (struct s3_put *)put;
	struct vt_s3_put_result result;
	int beside = 1;
	enum vt_code rc;

	memset(&result, 0, sizeof(result));
	rc = p->upload == NULL ? put_whole(p, &result, &beside, err) :
	    put_parts(p, &result, err);
	if (rc == VT_PRECONDITION)
		rc = vt_fail(err, VT_EXISTS, "'%s' exists", p->name);
	else
		rc = s3_failed(rc, NULL, p->name, err);
	/* Of what came in, before it lay here; the server was sent it too. */
	out->crc64 = result.crc64;
	if (rc == VT_OK)
		rc = s3_token_make(result.version, result.etag, beside,
		    out->token, err);
	s3_put_abort(put);
	return rc;
}

/* --- uploads that were left ----------------------------------------------- */

struct leftovers {
	struct s3 *s;
	const char *key;
	unsigned ended;
	enum vt_code rc;
	struct vt_err *err;
};

/* Ceph 16 encodes the keys of this listing and does not say so. */
static int
is_key(const char *listed, const char *key)
{
	char text[S3_KEY_SIZE * 3];
	long n;

	if (strcmp(listed, key) == 0)
		return 1;
	if (strlen(listed) >= sizeof(text))
		return 0;
	strcpy(text, listed);
	n = vt_uri_decode(text, strlen(text), 1);
	return n == (long)strlen(key) && memcmp(text, key, (size_t)n) == 0;
}

static int
end_upload(void *ctx, const char *key, const char *upload_id,
    int64_t initiated_us)
{
	struct leftovers *l = ctx;
	enum vt_code rc;

	(void)initiated_us;
	if (!is_key(key, l->key))
		return 0;
	rc = vt_s3_abort_upload(l->s->client, l->s->bucket, l->key, upload_id,
	    l->err);
	l->ended++;
	if (rc != VT_OK && rc != VT_ABSENT)
		l->rc = rc;
	return l->rc != VT_OK;
}

/* All uploads to a name: one may have begun without anybody being told. */
static enum vt_code
end_uploads(struct s3 *s, const char *name, const char *key,
    struct vt_err *err)
{
	struct leftovers l = { s, key, 0, VT_OK, err };
	enum vt_code rc;

	rc = vt_s3_list_uploads(s->client, s->bucket, key, end_upload, &l,
	    err);
	if (l.rc != VT_OK)
		rc = l.rc;
	if (rc == VT_OK && l.ended == 0)
		return vt_fail(err, VT_ABSENT, "no upload to '%s'", name);
	return s3_failed(rc, NULL, name, err);
}

enum vt_code
s3_abort_upload(struct vt_backend *b, const char *name, const char *upload,
    struct vt_err *err)
{
	struct s3 *s = (struct s3 *)b;
	char key[S3_KEY_SIZE];
	enum vt_code rc;

	rc = s3_key(s, name, 0, key, err);
	if (rc != VT_OK)
		return rc;
	if (upload[0] == '\0')
		return end_uploads(s, name, key, err);
	rc = vt_s3_abort_upload(s->client, s->bucket, key, upload, err);
	if (rc != VT_ABSENT)
		return s3_failed(rc, NULL, name, err);
	rc = s3_bucket_is_there(s, err);
	if (rc == VT_OK)
		rc = vt_fail(err, VT_ABSENT, "no such upload to '%s'", name);
	return rc;
}

/* --- copies --------------------------------------------------------------- */

/* Everything of one copy. */
struct copying {
	struct s3 *s, *from;
	const char *name;
	const struct vt_backend_copy *c;
	struct s3_token token;	/* of the source */
	struct s3_meta meta;
	int own_meta, beside;	/* of the target */
	char key[S3_KEY_SIZE], from_key[S3_KEY_SIZE];
	struct vt_s3_source source;
};

/* The companion goes first: the blob is not visible without it. */
static enum vt_code
copy_companion(struct copying *k, struct vt_err *err)
{
	char key[S3_KEY_SIZE], from_key[S3_KEY_SIZE];
	struct vt_s3_source source = { .bucket = k->from->bucket,
	    .key = from_key };
	struct vt_s3_put put = { .bucket = k->s->bucket, .key = key };
	struct vt_s3_copied copied;
	enum vt_code rc;

	if (k->own_meta)
		return s3_failed(s3_meta_put(k->s, k->name, &k->meta, err),
		    NULL, k->name, err);
	rc = s3_key(k->s, k->name, 1, key, err);
	if (rc == VT_OK)
		rc = s3_key(k->from, k->c->from_name, 1, from_key, err);
	if (rc != VT_OK)
		return rc;
	rc = vt_s3_copy_object(k->s->client, &put, &source, 0, &copied, err);
	/* It may lie there, but need not. */
	if (rc == VT_ABSENT)
		rc = s3_bucket_is_there(k->from, err);
	return s3_failed(rc, NULL, k->name, err);
}

static enum vt_code
copy_by_parts(struct copying *k, struct vt_s3_put_result *result,
    struct vt_err *err)
{
	struct vt_s3_put put = { .bucket = k->s->bucket, .key = k->key,
	    .exclusive = 1 };
	uint64_t size = k->c->size_bytes, at = 0, n;
	uint64_t each = part_size(k->s, size, COPY_PART);
	size_t count = (size_t)((size + each - 1) / each), i;
	struct vt_s3_part *parts;
	char *upload = NULL;
	enum vt_code rc;

	parts = calloc(count, sizeof(*parts));
	if (parts == NULL)
		return vt_fail(err, VT_NOMEM, "no memory to copy");
	rc = begin_upload(k->s, k->key, &k->c->info, &upload, err);
	for (i = 0; i < count && rc == VT_OK; i++, at += n) {
		n = size - at < each ? size - at : each;
		rc = vt_s3_copy_part(k->s->client, &put, &k->source, upload,
		    (unsigned)i + 1, at, n, &parts[i], err);
	}
	if (rc == VT_OK)
		rc = vt_s3_complete_upload(k->s->client, &put, upload, parts,
		    count, result, err);
	if (rc != VT_OK)
		give_up(k->s, k->key, &upload);
	free(upload);
	free(parts);
	return rc;
}

static enum vt_code
copy_whole(struct copying *k, struct vt_s3_put_result *result, int *checked,
    struct vt_err *err)
{
	struct vt_header h[3 + S3_META_COUNT];
	struct vt_s3_put put = { .bucket = k->s->bucket, .key = k->key,
	    .headers = h };
	struct vt_s3_copied copied;
	size_t n = object_headers(k->s, k->own_meta && k->beside, h);
	uint8_t md5[16];
	enum vt_code rc;

	if (k->own_meta && !k->beside) {
		memcpy(h + n, k->meta.headers, k->meta.count * sizeof(*h));
		n += k->meta.count;
	}
	put.header_count = n;
	rc = vt_s3_copy_object(k->s->client, &put, &k->source, k->own_meta,
	    &copied, err);
	if (rc != VT_OK)
		return rc;
	memcpy(result->etag, copied.etag, sizeof(result->etag));
	memcpy(result->version, copied.version, sizeof(result->version));
	if (copied.has_crc64 && copied.crc64 != k->c->crc64)
		return vt_fail(err, VT_CORRUPT,
		    "the server copied other bytes");
	*checked = copied.has_crc64 || (vt_s3_etag_md5(copied.etag, md5) &&
	    strcmp(copied.etag, k->token.etag) == 0);
	return VT_OK;
}

/*
 * The server said nothing that tells what it copied, or not as which version:
 * look at it.  At least the size is
 * right, and the source is still what it was (Ceph 16 does not look at
 * x-amz-copy-source-if-match).
 */
static enum vt_code
check_copy(struct copying *k, struct vt_s3_put_result *result,
    struct vt_err *err)
{
	struct vt_s3_head head;
	int beside;
	enum vt_code rc;

	rc = s3_look(k->s, k->name, result->version, &head, &beside, err);
	if (rc != VT_OK)
		return rc;
	memcpy(result->version, head.version, sizeof(result->version));
	memcpy(result->etag, head.etag, sizeof(result->etag));
	if (head.size_bytes != k->c->size_bytes)
		return vt_fail(err, VT_CORRUPT, "the copy '%s' is of %llu "
		    "bytes and not %llu", k->name,
		    (unsigned long long)head.size_bytes,
		    (unsigned long long)k->c->size_bytes);
	if (k->token.etag[0] == '\0')
		return VT_OK;
	rc = s3_look(k->from, k->c->from_name, k->token.version, &head,
	    &beside, err);
	if (rc == VT_OK && strcmp(head.etag, k->token.etag) != 0)
		rc = s3_not_the_one(k->c->from_name, err);
	return rc;
}

static enum vt_code
prepare_copy(struct copying *k, struct vt_err *err)
{
	const struct vt_backend_copy *c = k->c;
	struct vt_s3_head head;
	enum vt_code rc;

	rc = s3_token_parse(c->from_token != NULL ? c->from_token : "",
	    &k->token, err);
	if (rc == VT_OK)
		rc = s3_key(k->s, k->name, 0, k->key, err);
	if (rc == VT_OK)
		rc = s3_key(k->from, c->from_name, 0, k->from_key, err);
	if (rc != VT_OK)
		return rc;
	k->beside = k->token.beside;
	k->own_meta = c->meta != NULL;
	if (k->own_meta) {
		rc = s3_meta_init(&k->meta, c->meta, c->meta_count, err);
		k->beside = rc == VT_OK && !s3_meta_fits(&k->meta);
	} else if (k->token.kind == '\0') {
		rc = s3_look(k->from, c->from_name, NULL, &head, &k->beside,
		    err);
	}
	/* Headers are copied with an object, but not with its parts. */
	if (rc == VT_OK && c->size_bytes > COPY_MAX) {
		if (!k->own_meta && !k->beside)
			return vt_fail(err, VT_INVALID, "'%s' is too large to "
			    "be copied with its metadata", c->from_name);
		k->beside = 1;
	}
	k->source = (struct vt_s3_source){ .bucket = k->from->bucket,
	    .key = k->from_key, .version = k->token.version,
	    .if_match = k->token.etag };
	return rc;
}

/* Why a copy failed: of the source, where it can be told. */
static enum vt_code
copy_failed(struct copying *k, enum vt_code rc, struct vt_err *err)
{
	struct vt_s3_head head;
	int beside;

	if (rc == VT_PRECONDITION)
		return s3_not_the_one(k->c->from_name, err);
	if (rc == VT_ABSENT) {
		rc = s3_look(k->from, k->c->from_name, k->token.version,
		    &head, &beside, err);
		if (rc == VT_OK)
			rc = vt_fail(err, VT_BUSY,
			    "'%s' came while it was copied",
			    k->c->from_name);
		return rc;
	}
	return s3_failed(rc, NULL, k->name, err);
}

/* What was copied and is not what it should be goes again, best effort: its
 * name is an intent of the catalog. */
static void
drop_copy(struct copying *k, const char *version)
{
	struct vt_err ignored;
	int found;

	if (k->beside && s3_drop_companion(k->s, k->name, 1, &found,
	    &ignored) != VT_OK)
		return;
	if (version != NULL && vt_s3_delete_object(k->s->client, k->s->bucket,
	    k->key, version, &ignored) != VT_OK)
		return;
}

enum vt_code
s3_copy(struct vt_backend *b, const char *name,
    const struct vt_backend_copy *c, struct vt_backend_put_result *out,
    struct vt_err *err)
{
	struct copying k = { .s = (struct s3 *)b, .name = name, .c = c };
	struct vt_s3_put_result result;
	int checked = 0, made = 0;
	enum vt_code rc;

	k.from = (struct s3 *)c->from;
	if (!s3_is_s3(c->from) || k.s->identity_len != k.from->identity_len ||
	    memcmp(k.s->identity, k.from->identity, k.s->identity_len) != 0)
		return vt_fail(err, VT_INVALID, "'%s' cannot copy from '%s'",
		    b->url, c->from->url);
	memset(&result, 0, sizeof(result));
	rc = prepare_copy(&k, err);
	if (rc == VT_OK && k.beside)
		rc = copy_companion(&k, err);
	if (rc == VT_OK) {
		rc = c->size_bytes > COPY_MAX ?
		    copy_by_parts(&k, &result, err) :
		    copy_whole(&k, &result, &checked, err);
		made = rc == VT_OK || rc == VT_CORRUPT;
		if (rc == VT_OK && (!checked ||
		    (k.token.kind == 'V' && result.version[0] == '\0')))
			rc = check_copy(&k, &result, err);
		else if (rc != VT_OK && rc != VT_CORRUPT)
			rc = copy_failed(&k, rc, err);
		if (rc != VT_OK)
			drop_copy(&k, made ? result.version : NULL);
	}
	if (rc == VT_OK)
		rc = s3_token_make(result.version, result.etag, k.beside,
		    out->token, err);
	s3_meta_release(&k.meta);
	return rc;
}
