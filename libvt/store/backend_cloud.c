/* What the drivers of Azure and Google share: see backend_cloud.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/hash.h"
#include "libvt/base/uri.h"

#include "libvt/store/backend_cloud.h"

#define COMPANION ".vtm"
/* A token says whether there is one, so that deleting needs no look. */
#define TOKEN_MARK "+m"

struct cloud_put {
	struct vt_backend_put base;
	char key[VT_CLOUD_KEY_MAX];
	enum vt_code (*begun)(void *, const char *, struct vt_err *);
	void *begun_ctx;
	char *buf;		/* VT_CLOUD_HEAD, then the bytes */
	size_t len, cap;
	uint64_t part_bytes;
	int is_begun;
	struct vt_cloud_upload upload;
	struct vt_arena *meta_arena;
	struct vt_header_kv *meta;
	size_t meta_count;
};

struct cloud_get {
	struct vt_backend_get base;
	struct vt_call q;
	uint64_t left_bytes;
};

static struct vt_cloud *
cloud_of(const struct vt_backend *b)
{
	return (struct vt_cloud *)b;
}

/* --- names and tokens ----------------------------------------------------- */

static enum vt_code
make_key(const struct vt_cloud *c, const char *name, const char *suffix,
    char out[VT_CLOUD_KEY_MAX], struct vt_err *err)
{
	int n = snprintf(out, VT_CLOUD_KEY_MAX, "%s%s%s", c->prefix, name,
	    suffix);

	if (n < 0 || n >= VT_CLOUD_KEY_MAX)
		return vt_fail(err, VT_INVALID, "with its prefix the name is "
		    "over %d bytes: '%.100s...'", VT_CLOUD_KEY_MAX - 1, name);
	return VT_OK;
}

int
vt_cloud_is_companion(const char *key, size_t len)
{
	size_t n = strlen(COMPANION);

	return len > n && memcmp(key + len - n, COMPANION, n) == 0;
}

static void
mark_token(char token[VT_BLOB_TOKEN_MAX])
{
	size_t n = strlen(token);

	snprintf(token + n, VT_BLOB_TOKEN_MAX - n, "%s", TOKEN_MARK);
}

/* The store's part of a token; whether a companion may be there. */
static int
read_token(const char *token, char out[VT_BLOB_TOKEN_MAX])
{
	size_t n = strlen(TOKEN_MARK), len;

	snprintf(out, VT_BLOB_TOKEN_MAX, "%s", token);
	len = strlen(out);
	if (len == 0)
		return 1;
	if (len > n && strcmp(out + len - n, TOKEN_MARK) == 0) {
		out[len - n] = '\0';
		return 1;
	}
	return 0;
}

static enum vt_code
cloud_name(const struct vt_backend *b, uint64_t blob_id, uint64_t incarnation,
    const char *bucket, const char *key, size_t key_len,
    char out[VT_BLOB_NAME_MAX], struct vt_err *err)
{
	(void)b, (void)err;
	vt_backend_key_name(blob_id, incarnation, bucket, key, key_len, out);
	return VT_OK;
}

/* --- writing -------------------------------------------------------------- */

static void
put_free(struct cloud_put *p)
{
	free(p->buf);
	vt_hash_release(&p->upload.sum);
	vt_arena_free(p->meta_arena);
	free(p);
}

static enum vt_code
cloud_put_begin(struct vt_backend *b, const char *name,
    const struct vt_backend_put_info *info, struct vt_backend_put **out,
    struct vt_err *err)
{
	struct vt_cloud *c = cloud_of(b);
	struct cloud_put *p;
	enum vt_code rc;

	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	p->begun = info->begun;
	p->begun_ctx = info->begun_ctx;
	p->part_bytes = vt_parts_bytes(c->part_bytes, c->parts_max,
	    info->size_bytes);
	rc = make_key(c, name, "", p->key, err);
	if (rc != VT_OK) {
		put_free(p);
		return rc;
	}
	*out = &p->base;
	return VT_OK;
}

/* Room for `len` more bytes of the part. */
static enum vt_code
make_room(struct cloud_put *p, size_t len, struct vt_err *err)
{
	size_t want = VT_CLOUD_HEAD + p->len + len + VT_CLOUD_TAIL, cap;
	size_t most = VT_CLOUD_HEAD + (size_t)p->part_bytes + VT_CLOUD_TAIL;
	char *buf;

	if (want <= p->cap)
		return VT_OK;
	cap = p->cap == 0 ? want : p->cap * 2;
	if (cap < want)
		cap = want;
	if (cap > most)
		cap = most;
	buf = realloc(p->buf, cap);
	if (buf == NULL)
		return vt_fail(err, VT_NOMEM, "no memory for a part");
	p->buf = buf;
	p->cap = cap;
	return VT_OK;
}

static struct vt_cloud_bytes
part_bytes(const struct cloud_put *p)
{
	return (struct vt_cloud_bytes){ p->buf + VT_CLOUD_HEAD, p->len };
}

/* Send the full part: more bytes are behind it. */
static enum vt_code
send_part(struct cloud_put *p, struct vt_err *err)
{
	struct vt_cloud *c = cloud_of(p->base.backend);
	struct vt_cloud_bytes bytes = part_bytes(p);
	enum vt_code rc;

	if (c->parts_max != 0 && p->upload.parts + 1 >= c->parts_max)
		return vt_fail(err, VT_TOO_LARGE, "'%s' would be of over %u "
		    "parts of %" PRIu64 " bytes", p->key, c->parts_max,
		    p->part_bytes);
	if (!p->is_begun) {
		if (vt_hash_init(&p->upload.sum, VT_CRC32C) < 0)
			return vt_fail(err, VT_NOMEM, "out of memory");
		rc = c->ops->begin(c, p->key, &p->upload, err);
		if (rc != VT_OK)
			return rc;
		p->is_begun = 1;
		if (p->begun != NULL) {
			rc = p->begun(p->begun_ctx, p->upload.id, err);
			if (rc != VT_OK)
				return rc;
		}
	}
	rc = c->ops->part(c, p->key, &p->upload, &bytes, err);
	if (rc != VT_OK)
		return rc;
	vt_hash_update(&p->upload.sum, bytes.data, bytes.len);
	p->upload.sent_bytes += bytes.len;
	p->upload.parts++;
	p->len = 0;
	return VT_OK;
}

static enum vt_code
cloud_put_write(struct vt_backend_put *base, const void *data, size_t len,
    struct vt_err *err)
{
	struct cloud_put *p = (struct cloud_put *)base;
	const char *from = data;
	enum vt_code rc;
	size_t n;

	while (len > 0) {
		/* The last part stays here until commit: it ends an upload. */
		if (p->len == p->part_bytes) {
			rc = send_part(p, err);
			if (rc != VT_OK)
				return rc;
		}
		n = (size_t)p->part_bytes - p->len;
		if (n > len)
			n = len;
		rc = make_room(p, n, err);
		if (rc != VT_OK)
			return rc;
		memcpy(p->buf + VT_CLOUD_HEAD + p->len, from, n);
		p->len += n;
		from += n;
		len -= n;
	}
	return VT_OK;
}

/* Pairs in arena memory; NULL: no memory. */
static struct vt_header_kv *
keep_pairs(struct vt_arena *a, const struct vt_header_kv *meta, size_t count)
{
	struct vt_header_kv *kept = vt_arena_alloc(a, count * sizeof(*kept));
	size_t i;

	for (i = 0; kept != NULL && i < count; i++) {
		kept[i].name = vt_arena_str(a, meta[i].name);
		kept[i].value = vt_arena_str(a, meta[i].value);
		if (kept[i].name == NULL || kept[i].value == NULL)
			return NULL;
	}
	return kept;
}

static enum vt_code
cloud_put_meta(struct vt_backend_put *base, const struct vt_header_kv *meta,
    size_t count, struct vt_err *err)
{
	struct cloud_put *p = (struct cloud_put *)base;

	p->meta_arena = vt_arena_new(1024 * 1024);
	if (p->meta_arena != NULL)
		p->meta = keep_pairs(p->meta_arena, meta, count);
	if (p->meta == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	p->meta_count = count;
	return VT_OK;
}

/* Does the blob itself take them?  Odd values grow threefold, so count them
 * at that: a companion more costs little. */
static int
meta_fits(const struct vt_cloud *c, const struct vt_header_kv *meta,
    size_t count)
{
	size_t total = 0, i;

	for (i = 0; i < count; i++)
		total += c->meta_each + strlen(meta[i].name) +
		    strlen(meta[i].value) * (meta[i].value[0] == '=' ||
		    strstr(meta[i].value, "  ") != NULL ? 3 : 1);
	return total <= c->meta_max;
}

/* "name\0value\0..." beside the blob. */
static enum vt_code
put_companion(struct vt_cloud *c, const char *key,
    const struct vt_header_kv *meta, size_t count, struct vt_err *err)
{
	static const struct vt_cloud_meta none;
	char beside[VT_CLOUD_KEY_MAX + sizeof(COMPANION)];
	char token[VT_BLOB_TOKEN_MAX];
	struct vt_cloud_bytes bytes;
	struct vt_buf b;
	enum vt_code rc;
	size_t i;

	vt_buf_init(&b, VT_CLOUD_HEAD + 4 * VT_BLOB_META_MAX + VT_CLOUD_TAIL);
	if (vt_buf_reserve(&b, VT_CLOUD_HEAD) != NULL)
		b.len = VT_CLOUD_HEAD;
	for (i = 0; i < count; i++) {
		vt_buf_add(&b, meta[i].name, strlen(meta[i].name) + 1);
		vt_buf_add(&b, meta[i].value, strlen(meta[i].value) + 1);
	}
	bytes.len = b.len - VT_CLOUD_HEAD;
	vt_buf_reserve(&b, VT_CLOUD_TAIL);
	rc = vt_buf_check(&b, "metadata", err);
	if (rc == VT_OK) {
		bytes.data = b.data + VT_CLOUD_HEAD;
		snprintf(beside, sizeof(beside), "%s%s", key, COMPANION);
		rc = c->ops->put(c, beside, &bytes, &none, token, err);
	}
	vt_buf_release(&b);
	return rc;
}

static enum vt_code
drop_companion(struct vt_cloud *c, const char *key, struct vt_err *err)
{
	char beside[VT_CLOUD_KEY_MAX + sizeof(COMPANION)];
	enum vt_code rc;

	snprintf(beside, sizeof(beside), "%s%s", key, COMPANION);
	rc = c->ops->del(c, beside, "", err);
	return rc == VT_ABSENT ? VT_OK : rc;
}

/* Best effort: who failed before has said why, and the name is recorded. */
static void
give_up(struct cloud_put *p)
{
	struct vt_cloud *c = cloud_of(p->base.backend);

	if (p->is_begun && c->ops->abort(c, p->key, p->upload.id, NULL) !=
	    VT_OK)
		p->is_begun = 0;
}

static enum vt_code
cloud_put_commit(struct vt_backend_put *base,
    struct vt_backend_put_result *out, struct vt_err *err)
{
	struct cloud_put *p = (struct cloud_put *)base;
	struct vt_cloud *c = cloud_of(base->backend);
	struct vt_cloud_meta m = { p->meta, p->meta_count, 0 };
	struct vt_cloud_bytes bytes;
	enum vt_code rc;

	rc = make_room(p, 0, err);
	/* The companion first: a blob without it would be a torn one. */
	if (rc == VT_OK && !meta_fits(c, p->meta, p->meta_count)) {
		rc = put_companion(c, p->key, p->meta, p->meta_count, err);
		m = (struct vt_cloud_meta){ NULL, 0, 1 };
	}
	if (rc == VT_OK) {
		bytes = part_bytes(p);
		if (p->is_begun)
			rc = c->ops->finish(c, p->key, &p->upload, &bytes, &m,
			    out->token, err);
		else
			rc = c->ops->put(c, p->key, &bytes, &m, out->token,
			    err);
		/* Who was first under this name has put his own beside it. */
		if (rc != VT_OK && rc != VT_EXISTS && m.mark &&
		    drop_companion(c, p->key, NULL) != VT_OK)
			m.mark = 0;
		if (rc == VT_OK && m.mark)
			mark_token(out->token);
	}
	if (rc != VT_OK)
		give_up(p);
	put_free(p);
	return rc;
}

static void
cloud_put_abort(struct vt_backend_put *base)
{
	struct cloud_put *p = (struct cloud_put *)base;

	give_up(p);
	put_free(p);
}

static enum vt_code
cloud_abort_upload(struct vt_backend *b, const char *name, const char *upload,
    struct vt_err *err)
{
	struct vt_cloud *c = cloud_of(b);
	char key[VT_CLOUD_KEY_MAX];
	enum vt_code rc;

	rc = make_key(c, name, "", key, err);
	if (rc == VT_OK)
		rc = c->ops->abort(c, key, upload, err);
	return rc;
}

/* --- copying -------------------------------------------------------------- */

struct collect {
	struct vt_arena *a;
	struct vt_header_kv pair[256];
	size_t count;
};

static int
collect_pair(void *ctx, const char *name, const char *value)
{
	struct collect *k = ctx;

	if (k->count == sizeof(k->pair) / sizeof(k->pair[0]))
		return 1;
	k->pair[k->count].name = vt_arena_str(k->a, name);
	k->pair[k->count].value = vt_arena_str(k->a, value);
	if (k->pair[k->count].name == NULL || k->pair[k->count].value == NULL)
		return 1;
	k->count++;
	return 0;
}

static enum vt_code
copy_with(struct vt_cloud *c, const char *key, struct vt_cloud *from,
    const struct vt_backend_copy *copy, const struct vt_header_kv *meta,
    size_t count, struct vt_backend_put_result *out, struct vt_err *err)
{
	struct vt_cloud_meta m = { meta, count, 0 };
	char from_key[VT_CLOUD_KEY_MAX], token[VT_BLOB_TOKEN_MAX];
	enum vt_code rc;

	rc = make_key(from, copy->from_name, "", from_key, err);
	if (rc != VT_OK)
		return rc;
	read_token(copy->from_token != NULL ? copy->from_token : "", token);
	if (!meta_fits(c, meta, count)) {
		rc = put_companion(c, key, meta, count, err);
		if (rc != VT_OK)
			return rc;
		m = (struct vt_cloud_meta){ NULL, 0, 1 };
	}
	rc = c->ops->copy(c, key, from, from_key, token, copy->size_bytes, &m,
	    out->token, err);
	if (rc == VT_OK && m.mark)
		mark_token(out->token);
	else if (rc != VT_OK && rc != VT_EXISTS && m.mark &&
	    drop_companion(c, key, NULL) != VT_OK)
		return rc;	/* deleting the name removes it */
	return rc;
}

static enum vt_code
cloud_copy(struct vt_backend *b, const char *name,
    const struct vt_backend_copy *copy, struct vt_backend_put_result *out,
    struct vt_err *err)
{
	struct vt_cloud *c = cloud_of(b), *from;
	char key[VT_CLOUD_KEY_MAX];
	struct collect k = { .count = 0 };
	enum vt_code rc;

	if (copy->from->ops != b->ops)
		return vt_fail(err, VT_INVALID, "'%s' cannot copy from '%s'",
		    b->url, copy->from->url);
	from = cloud_of(copy->from);
	rc = make_key(c, name, "", key, err);
	if (rc != VT_OK)
		return rc;
	if (copy->meta != NULL)
		return copy_with(c, key, from, copy, copy->meta,
		    copy->meta_count, out, err);
	k.a = vt_arena_new(1024 * 1024);
	if (k.a == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	rc = vt_backend_meta(copy->from, copy->from_name, collect_pair, &k,
	    err);
	if (rc == VT_OK)
		rc = copy_with(c, key, from, copy, k.pair, k.count, out, err);
	vt_arena_free(k.a);
	return rc;
}

/* --- reading -------------------------------------------------------------- */

static void
facts_to_head(const struct vt_cloud_facts *f, struct vt_backend_head *out)
{
	out->size_bytes = f->size_bytes;
	out->mtime_us = f->mtime_us;
	memcpy(out->token, f->token, sizeof(out->token));
	if (f->mark)
		mark_token(out->token);
	out->archived = f->archived;
	out->restoring = f->restoring;
	out->restored_until_us = f->restored_until_us;
}

/* Nothing to read: is it there, is it the one, is it as long as that? */
static enum vt_code
get_nothing(struct vt_cloud *c, const char *key, const char *token,
    uint64_t offset, struct vt_err *err)
{
	struct vt_cloud_facts f;
	enum vt_code rc;

	memset(&f, 0, sizeof(f));
	rc = c->ops->head(c, key, &f, NULL, NULL, err);
	if (rc != VT_OK)
		return rc;
	if (*token != '\0' && strcmp(token, f.token) != 0)
		return vt_fail(err, VT_CORRUPT, "'%s' is another blob", key);
	if (offset > f.size_bytes)
		return vt_fail(err, VT_CORRUPT, "'%s' has %" PRIu64
		    " bytes, not %" PRIu64, key, f.size_bytes, offset);
	return VT_OK;
}

static enum vt_code
cloud_get_begin(struct vt_backend *b, const char *name, const char *token,
    uint64_t offset, uint64_t length, struct vt_backend_get **out,
    struct vt_err *err)
{
	struct vt_cloud *c = cloud_of(b);
	char key[VT_CLOUD_KEY_MAX], own[VT_BLOB_TOKEN_MAX];
	struct cloud_get *g;
	enum vt_code rc;

	rc = make_key(c, name, "", key, err);
	if (rc != VT_OK)
		return rc;
	read_token(token, own);
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	g->left_bytes = length;
	rc = length == 0 ? get_nothing(c, key, own, offset, err) :
	    c->ops->get(c, key, own, offset, length, &g->q, err);
	if (rc != VT_OK) {
		free(g);
		return rc;
	}
	*out = &g->base;
	return VT_OK;
}

static enum vt_code
cloud_get_read(struct vt_backend_get *base, void *data, size_t len,
    size_t *got, struct vt_err *err)
{
	struct cloud_get *g = (struct cloud_get *)base;
	struct vt_cloud *c = cloud_of(base->backend);
	enum vt_code rc;

	rc = vt_call_read(c->caller, &g->q, data, len, got, err);
	if (rc != VT_OK)
		return rc;
	/* The head was right, so a short body is a broken connection. */
	if (*got == 0)
		return vt_fail(err, VT_BUSY, "the answer ended %" PRIu64
		    " bytes early", g->left_bytes);
	if (*got > g->left_bytes)
		return vt_fail(err, VT_CORRUPT,
		    "the server sent more than was asked for");
	g->left_bytes -= *got;
	return VT_OK;
}

static void
cloud_get_end(struct vt_backend_get *base)
{
	struct cloud_get *g = (struct cloud_get *)base;
	struct vt_cloud *c = cloud_of(base->backend);
	size_t got;
	char byte;

	/* An answer read to its end leaves a connection that can be used
	 * again; what this says of a broken one is of no interest any more. */
	if (g->q.conn != NULL && g->left_bytes == 0 &&
	    vt_call_read(c->caller, &g->q, &byte, 1, &got, NULL) != VT_OK)
		got = 0;
	vt_call_end(c->caller, &g->q);
	free(g);
}

static enum vt_code
cloud_head(struct vt_backend *b, const char *name,
    struct vt_backend_head *out, struct vt_err *err)
{
	struct vt_cloud *c = cloud_of(b);
	char key[VT_CLOUD_KEY_MAX];
	struct vt_cloud_facts f;
	enum vt_code rc;

	memset(&f, 0, sizeof(f));
	rc = make_key(c, name, "", key, err);
	if (rc == VT_OK)
		rc = c->ops->head(c, key, &f, NULL, NULL, err);
	if (rc == VT_OK)
		facts_to_head(&f, out);
	return rc;
}

/* Visit what a companion holds. */
static enum vt_code
visit_companion(struct vt_cloud *c, const char *key,
    vt_backend_visit_meta *visit, void *ctx, struct vt_err *err)
{
	char beside[VT_CLOUD_KEY_MAX + sizeof(COMPANION)];
	struct vt_cloud_facts f;
	struct vt_call q;
	struct vt_buf text;
	const char *p, *end, *value;
	size_t got;
	enum vt_code rc;

	memset(&f, 0, sizeof(f));
	memset(&q, 0, sizeof(q));
	vt_buf_init(&text, 4 * VT_BLOB_META_MAX);
	snprintf(beside, sizeof(beside), "%s%s", key, COMPANION);
	rc = c->ops->head(c, beside, &f, NULL, NULL, err);
	if (rc == VT_OK && vt_buf_reserve(&text, (size_t)f.size_bytes) == NULL)
		rc = vt_buf_check(&text, "metadata beside a blob", err);
	if (rc == VT_OK)
		rc = c->ops->get(c, beside, f.token, 0, f.size_bytes, &q, err);
	while (rc == VT_OK && text.len < f.size_bytes) {
		rc = vt_call_read(c->caller, &q, text.data + text.len,
		    (size_t)f.size_bytes - text.len, &got, err);
		if (rc == VT_OK && got == 0)
			rc = vt_fail(err, VT_BUSY, "the answer ended early");
		text.len += got;
	}
	vt_call_end(c->caller, &q);
	if (rc == VT_OK && (text.len == 0 || text.data[text.len - 1] != '\0'))
		rc = vt_fail(err, VT_CORRUPT, "'%s' is no metadata", beside);
	end = text.data + text.len;
	for (p = text.data; rc == VT_OK && p < end;
	    p = value + strlen(value) + 1) {
		value = p + strlen(p) + 1;
		if (value >= end)
			rc = vt_fail(err, VT_CORRUPT, "'%s' is no metadata",
			    beside);
		else if (visit(ctx, p, value) != 0)
			rc = vt_fail(err, VT_CANCELLED, "stopped");
	}
	vt_buf_release(&text);
	return rc == VT_ABSENT ? VT_CORRUPT : rc;
}

static enum vt_code
cloud_meta(struct vt_backend *b, const char *name,
    vt_backend_visit_meta *visit, void *ctx, struct vt_err *err)
{
	struct vt_cloud *c = cloud_of(b);
	char key[VT_CLOUD_KEY_MAX];
	struct vt_cloud_facts f;
	enum vt_code rc;

	memset(&f, 0, sizeof(f));
	rc = make_key(c, name, "", key, err);
	if (rc == VT_OK)
		rc = c->ops->head(c, key, &f, visit, ctx, err);
	if (rc == VT_OK && f.mark)
		rc = visit_companion(c, key, visit, ctx, err);
	return rc;
}

/*
 * The blob, then what is beside it: a failure between the two is found again
 * by deleting once more, which is what garbage collection does.
 */
static enum vt_code
cloud_del(struct vt_backend *b, const char *name, const char *token,
    struct vt_err *err)
{
	struct vt_cloud *c = cloud_of(b);
	char key[VT_CLOUD_KEY_MAX], own[VT_BLOB_TOKEN_MAX];
	enum vt_code rc, beside = VT_OK;
	int marked;

	rc = make_key(c, name, "", key, err);
	if (rc != VT_OK)
		return rc;
	marked = read_token(token, own);
	rc = c->ops->del(c, key, own, err);
	if (marked && (rc == VT_OK || rc == VT_ABSENT))
		beside = drop_companion(c, key, err);
	return beside != VT_OK ? beside : rc;
}

struct listing {
	const struct vt_cloud *c;
	vt_backend_visit *visit;
	void *ctx;
};

static int
list_one(void *ctx, const char *key, uint64_t size_bytes, int64_t mtime_us)
{
	struct listing *l = ctx;
	const char *name = key + strlen(l->c->prefix);

	if (vt_cloud_is_companion(name, strlen(name)))
		return 0;
	return l->visit(l->ctx, name, size_bytes, mtime_us);
}

static enum vt_code
cloud_list(struct vt_backend *b, const char *prefix, vt_backend_visit *visit,
    void *ctx, struct vt_err *err)
{
	struct vt_cloud *c = cloud_of(b);
	struct listing l = { c, visit, ctx };
	char key[VT_CLOUD_KEY_MAX];
	enum vt_code rc;

	rc = make_key(c, prefix, "", key, err);
	if (rc == VT_OK)
		rc = c->ops->list(c, key, list_one, &l, err);
	return rc;
}

/* --- restoring ------------------------------------------------------------ */

static enum vt_code
cloud_restore(struct vt_backend *b, const char *name, unsigned days,
    enum vt_restore_speed speed, struct vt_err *err)
{
	struct vt_cloud *c = cloud_of(b);
	char key[VT_CLOUD_KEY_MAX];
	enum vt_code rc;

	rc = make_key(c, name, "", key, err);
	if (rc == VT_OK)
		rc = c->ops->restore(c, key, days, speed, err);
	return rc;
}

static enum vt_code
cloud_restore_end(struct vt_backend *b, const char *name, struct vt_err *err)
{
	struct vt_cloud *c = cloud_of(b);
	char key[VT_CLOUD_KEY_MAX];
	enum vt_code rc;

	if (c->ops->restore_end == NULL)
		return VT_OK;
	rc = make_key(c, name, "", key, err);
	if (rc == VT_OK)
		rc = c->ops->restore_end(c, key, err);
	return rc;
}

/* --- opening -------------------------------------------------------------- */

static void
cloud_counts(const struct vt_backend *b, struct vt_backend_counts *out)
{
	struct vt_call_counts n;

	vt_caller_counts(cloud_of(b)->caller, &n);
	out->writes = n.writes;
	out->reads = n.reads;
	out->deletes = n.deletes;
	out->bytes_in = n.bytes_in;
	out->bytes_out = n.bytes_out;
}

static const struct vt_backend_ops cloud_backend_ops = {
	.close = vt_cloud_close,
	.name = cloud_name,
	.put_begin = cloud_put_begin,
	.put_write = cloud_put_write,
	.put_meta = cloud_put_meta,
	.put_commit = cloud_put_commit,
	.put_abort = cloud_put_abort,
	.abort_upload = cloud_abort_upload,
	.copy = cloud_copy,
	.get_begin = cloud_get_begin,
	.get_read = cloud_get_read,
	.get_end = cloud_get_end,
	.head = cloud_head,
	.meta = cloud_meta,
	.del = cloud_del,
	.restore = cloud_restore,
	.restore_end = cloud_restore_end,
	.list = cloud_list,
	.counts = cloud_counts,
};

void
vt_cloud_close(struct vt_backend *b)
{
	struct vt_cloud *c = cloud_of(b);

	c->ops->release(c);
	vt_caller_close(c->caller);
	free(c->endpoint);
	free(c->bucket);
	free(c->prefix);
	free(c->object_class);
	free(c->base.url);
	free(c);
}

/* "BUCKET[/PREFIX]" */
static enum vt_code
split_url(struct vt_cloud *c, const char *url, const char *rest,
    struct vt_err *err)
{
	size_t n = strcspn(rest, "/"), len;
	const char *prefix = rest[n] == '/' ? rest + n + 1 : "";

	len = strlen(prefix);
	while (len > 0 && prefix[len - 1] == '/')
		len--;
	if (n == 0 || n > 222 || rest[strcspn(rest, "?#%")] != '\0' ||
	    (len > 0 && prefix[0] == '/') || len > 512)
		return vt_fail(err, VT_INVALID, "'%s' is not a bucket with or "
		    "without a prefix", url);
	c->bucket = strndup(rest, n);
	c->prefix = calloc(1, len + 2);
	if (c->bucket == NULL || c->prefix == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	memcpy(c->prefix, prefix, len);
	if (len > 0)
		c->prefix[len] = '/';
	return VT_OK;
}

static enum vt_code
set_endpoint(struct vt_cloud *c, const char *endpoint, struct vt_err *err)
{
	struct vt_arena *a = vt_arena_new(65536);
	struct vt_url u;
	enum vt_code rc;
	size_t n;

	if (a == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	rc = vt_uri_split(a, endpoint, &u, err);
	if (rc == VT_OK && ((strcmp(u.scheme, "http") != 0 &&
	    strcmp(u.scheme, "https") != 0) || u.host[0] == '\0' ||
	    strpbrk(u.path, "?#") != NULL))
		rc = vt_fail(err, VT_INVALID, "the endpoint '%s' is not "
		    "http[s]://HOST[:PORT][/PATH]", endpoint);
	vt_arena_free(a);
	if (rc != VT_OK)
		return rc;
	c->endpoint = strdup(endpoint);
	if (c->endpoint == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	for (n = strlen(c->endpoint); n > 0 && c->endpoint[n - 1] == '/';)
		c->endpoint[--n] = '\0';
	return VT_OK;
}

struct vt_caller_options
vt_cloud_caller(const struct vt_clock *clock,
    const struct vt_backend_remote *r)
{
	return (struct vt_caller_options){ .ca_file = r->ca_file,
	    .clock = clock, .tries = r->tries, .connect_ms = r->connect_ms,
	    .stall_ms = r->stall_ms, .cancel = r->cancel };
}

enum vt_code
vt_cloud_init(struct vt_cloud *c, const char *url, const char *scheme,
    const char *standard, const struct vt_clock *clock,
    const struct vt_backend_remote *r, struct vt_err *err)
{
	enum vt_code rc;

	c->base.ops = &cloud_backend_ops;
	c->base.clock = clock;
	c->base.caps.remote = 1;
	c->base.caps.compares = 1;
	c->base.caps.copy = 1;
	c->base.caps.late_exists = 1;
	c->part_bytes = r->part_bytes > 0 ? r->part_bytes : VT_PARTS_BYTES;
	c->base.url = strdup(url);
	if (r->object_class != NULL)
		c->object_class = strdup(r->object_class);
	rc = c->base.url == NULL || (r->object_class != NULL &&
	    c->object_class == NULL) ?
	    vt_fail(err, VT_NOMEM, "out of memory") : VT_OK;
	if (rc == VT_OK)
		rc = split_url(c, url, url + strlen(scheme), err);
	if (rc == VT_OK)
		rc = set_endpoint(c, r->endpoint != NULL ? r->endpoint :
		    standard, err);
	return rc;
}
