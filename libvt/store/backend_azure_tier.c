/* Copies within a storage account and restores from the archive: see
 * backend_azure.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "libvt/base/num.h"

#include "libvt/store/backend_azure.h"

#define RESTORED ".vtr/"	/* behind the prefix, before the name */
#define DAY_US (86400 * INT64_C(1000000))
#define COPY_STALL_US (600 * INT64_C(1000000))	/* no progress for so long */
/* Metadata of a restored copy: the ETag of its source, how many days it shall
 * stay, or until when. */
#define META_SOURCE "x-ms-meta-vtsource"
#define META_DAYS "x-ms-meta-vtdays"
#define META_UNTIL "x-ms-meta-vtuntil"

/* --- copying -------------------------------------------------------------- */

/* "100/200": what of it is done. */
static uint64_t
progress(const struct vt_azure_call *k)
{
	const char *v = vt_httpc_header(k->q.resp, "x-ms-copy-progress");
	uint64_t n = 0;

	if (v != NULL && vt_num_scan_u64(v, strcspn(v, "/"), &n) < 0)
		n = 0;
	return n;
}

/* Best effort: stop a copy that does not go on, so that its name is free. */
static void
stop_copy(struct vt_azure *z, const char *key, const char *copy_id)
{
	struct vt_azure_call k;
	struct vt_buf query;
	enum vt_code rc;

	vt_buf_init(&query, 1024);
	vt_buf_printf(&query, "comp=copy&copyid=%.200s", copy_id);
	rc = vt_azure_begin(z, &k, "PUT", key, query.data, VT_CALL_WRITE,
	    NULL);
	if (rc == VT_OK) {
		vt_azure_header(&k, "x-ms-copy-action", "abort");
		rc = vt_azure_run(z, &k, NULL);
	}
	vt_azure_end(z, &k);
	vt_buf_release(&query);
	if (rc == VT_OK && vt_azure_delete(z, key, "", NULL) != VT_OK)
		return;
}

/*
 * Azure copies on its own time, mostly before it has answered.  Look until it
 * is done; what the copy is then, in *f.
 */
static enum vt_code
await_copy(struct vt_azure *z, const char *key, struct vt_cloud_facts *f,
    struct vt_err *err)
{
	int64_t moved_us = vt_clock_mono_us();
	uint64_t done = 0, now;
	struct vt_azure_call k;
	char status[32], id[256];
	unsigned attempt;
	const char *v;
	enum vt_code rc;

	for (attempt = 1;; attempt++) {
		status[0] = id[0] = '\0';
		now = done;
		rc = vt_azure_begin(z, &k, "HEAD", key, "", VT_CALL_READ,
		    err);
		if (rc == VT_OK)
			rc = vt_azure_run(z, &k, err);
		if (rc == VT_OK) {
			vt_azure_facts(k.q.resp, f);
			v = vt_httpc_header(k.q.resp, "x-ms-copy-status");
			snprintf(status, sizeof(status), "%s", v ? v : "");
			v = vt_httpc_header(k.q.resp, "x-ms-copy-id");
			snprintf(id, sizeof(id), "%s", v ? v : "");
			now = progress(&k);
		}
		vt_azure_end(z, &k);
		if (rc != VT_OK)
			return rc;
		if (strcmp(status, "success") == 0)
			return VT_OK;
		if (strcmp(status, "pending") != 0)
			return vt_fail(err, VT_IO,
			    "the copy of '%s' ended as '%s'", key, status);
		if (now != done) {
			done = now;
			moved_us = vt_clock_mono_us();
			attempt = 1;
		}
		if (vt_clock_mono_us() - moved_us > COPY_STALL_US) {
			stop_copy(z, key, id);
			return vt_fail(err, VT_BUSY, "the copy of '%s' does "
			    "not go on", key);
		}
		rc = vt_call_pause(z->c.caller, attempt, err);
		if (rc != VT_OK) {
			stop_copy(z, key, id);
			return rc;
		}
	}
}

static int
same_account(const struct vt_azure *a, const struct vt_azure *b)
{
	return strcmp(a->c.endpoint, b->c.endpoint) == 0 &&
	    (a->account == NULL || b->account == NULL ?
	    a->account == b->account : strcmp(a->account, b->account) == 0);
}

enum vt_code
vt_azure_copy(struct vt_cloud *c, const char *key, struct vt_cloud *from,
    const char *from_key, const char *from_token, uint64_t size_bytes,
    const struct vt_cloud_meta *m, char token[VT_BLOB_TOKEN_MAX],
    struct vt_err *err)
{
	struct vt_azure *z = vt_azure_of(c), *source = vt_azure_of(from);
	struct vt_cloud_facts f;
	struct vt_azure_call k;
	unsigned attempts;
	char id[19];
	enum vt_code rc;

	/* What is archived can only be copied by restoring it. */
	if (!same_account(z, source) || (from->object_class != NULL &&
	    strcmp(from->object_class, "Archive") == 0))
		return vt_fail(err, VT_INVALID, "'%s' cannot copy from '%s'",
		    c->base.url, from->base.url);
	rc = vt_azure_put_id(id, err);
	if (rc != VT_OK)
		return rc;
	rc = vt_azure_begin(z, &k, "PUT", key, "", VT_CALL_WRITE, err);
	if (rc == VT_OK) {
		vt_azure_header(&k, "x-ms-copy-source",
		    vt_azure_url(source, &k, from_key, ""));
		vt_azure_if_match(&k, "x-ms-source-if-match", from_token);
		vt_azure_header(&k, "If-None-Match", "*");
		if (c->object_class != NULL)
			vt_azure_header(&k, "x-ms-access-tier",
			    c->object_class);
		rc = vt_azure_meta_headers(&k, m, id, err);
	}
	if (rc == VT_OK)
		rc = vt_azure_run(z, &k, err);
	attempts = k.q.attempts;
	vt_azure_end(z, &k);
	if (rc == VT_PRECONDITION || rc == VT_EXISTS) {
		/* One condition was on the source, one on the copy. */
		rc = vt_azure_is_ours(z, key, attempts, id, token, err);
		if (rc == VT_ABSENT)
			rc = vt_fail(err, VT_CORRUPT, "'%s' is another blob",
			    from_key);
	}
	if (rc != VT_OK)
		return rc;
	rc = await_copy(z, key, &f, err);
	if (rc == VT_OK && f.size_bytes != size_bytes)
		rc = vt_fail(err, VT_CORRUPT, "the copy of '%s' has %" PRIu64
		    " bytes, not %" PRIu64, from_key, f.size_bytes,
		    size_bytes);
	if (rc == VT_OK)
		memcpy(token, f.token, sizeof(f.token));
	else if (rc == VT_CORRUPT || rc == VT_IO)
		if (vt_azure_delete(z, key, "", NULL) != VT_OK)
			return rc;	/* the name is recorded: garbage */
	return rc;
}

/* --- restoring ------------------------------------------------------------ */

int
vt_azure_is_restored(const char *name)
{
	return strncmp(name, RESTORED, strlen(RESTORED)) == 0;
}

/* Where the restored copy of a key is. */
static enum vt_code
restored_key(const struct vt_azure *z, const char *key,
    char out[VT_CLOUD_KEY_MAX], struct vt_err *err)
{
	int n = snprintf(out, VT_CLOUD_KEY_MAX, "%s" RESTORED "%s",
	    z->c.prefix, key + strlen(z->c.prefix));

	if (n < 0 || n >= VT_CLOUD_KEY_MAX)
		return vt_fail(err, VT_INVALID, "the name is too long to be "
		    "restored: '%.100s...'", key);
	return VT_OK;
}

static int64_t
header_time(const struct vt_httpc_response *r, const char *name)
{
	const char *v = vt_httpc_header(r, name);
	int64_t us;

	return v != NULL && vt_time_parse_http(v, &us) == 0 ? us : 0;
}

/* How long a restored copy may be read: so many days from when it was ready,
 * or until a time that was set later. */
static int64_t
until_us(const struct vt_httpc_response *r)
{
	const char *v = vt_httpc_header(r, META_UNTIL);
	int64_t ready, us;
	uint64_t n;

	if (v != NULL && vt_num_scan_u64(v, strlen(v), &n) == 0 &&
	    n < INT64_MAX)
		return (int64_t)n;
	v = vt_httpc_header(r, META_DAYS);
	if (v == NULL || vt_num_scan_u64(v, strlen(v), &n) < 0 ||
	    n > VT_RESTORE_DAYS_MAX)
		n = 1;
	ready = header_time(r, "last-modified");
	us = header_time(r, "x-ms-copy-completion-time");
	if (us > ready)
		ready = us;
	us = header_time(r, "x-ms-access-tier-change-time");
	if (us > ready)
		ready = us;
	return ready + (int64_t)n * DAY_US;
}

struct restored {
	int there, pending, failed;
	int64_t until_us;
};

static enum vt_code
look_at_restored(struct vt_azure *z, const char *copy, struct restored *out,
    struct vt_err *err)
{
	struct vt_cloud_facts f;
	struct vt_azure_call k;
	const char *status;
	enum vt_code rc;

	memset(out, 0, sizeof(*out));
	rc = vt_azure_begin(z, &k, "HEAD", copy, "", VT_CALL_READ, err);
	if (rc == VT_OK)
		rc = vt_azure_run(z, &k, err);
	if (rc == VT_OK) {
		vt_azure_facts(k.q.resp, &f);
		status = vt_httpc_header(k.q.resp, "x-ms-copy-status");
		if (status == NULL)
			status = "success";
		out->there = 1;
		/* First it is copied, as an archived blob, then rehydrated. */
		out->pending = f.archived || f.restoring ||
		    strcmp(status, "pending") == 0;
		out->failed = strcmp(status, "failed") == 0 ||
		    strcmp(status, "aborted") == 0;
		out->until_us = until_us(k.q.resp);
	}
	vt_azure_end(z, &k);
	return rc == VT_ABSENT ? VT_OK : rc;
}

enum vt_code
vt_azure_restored(struct vt_azure *z, const char *key,
    struct vt_cloud_facts *f, struct vt_err *err)
{
	char copy[VT_CLOUD_KEY_MAX];
	struct restored s;
	enum vt_code rc;

	rc = restored_key(z, key, copy, err);
	if (rc == VT_OK)
		rc = look_at_restored(z, copy, &s, err);
	if (rc != VT_OK || !s.there || s.failed)
		return rc;
	f->restoring = s.pending;
	if (!s.pending && s.until_us > vt_clock_now_us(z->c.base.clock))
		f->restored_until_us = s.until_us;
	return VT_OK;
}

/* Set until when a restored copy may be read. */
static enum vt_code
prolong(struct vt_azure *z, const char *copy, const char *source,
    int64_t until, struct vt_err *err)
{
	struct vt_azure_call k;
	enum vt_code rc;

	rc = vt_azure_begin(z, &k, "PUT", copy, "comp=metadata",
	    VT_CALL_WRITE, err);
	if (rc == VT_OK) {
		vt_azure_header(&k, META_SOURCE, source);
		vt_azure_header(&k, META_UNTIL, vt_arena_printf(k.a, "%"
		    PRId64, until));
		rc = vt_azure_run(z, &k, err);
	}
	vt_azure_end(z, &k);
	return rc;
}

/* Have the archived blob copied to a hot one. */
static enum vt_code
start_restore(struct vt_azure *z, const char *key, const char *copy,
    const char *token, unsigned days, enum vt_restore_speed speed,
    struct vt_err *err)
{
	struct vt_azure_call k;
	enum vt_code rc;

	rc = vt_azure_begin(z, &k, "PUT", copy, "", VT_CALL_WRITE, err);
	if (rc == VT_OK) {
		vt_azure_header(&k, "x-ms-copy-source", vt_azure_url(z, &k,
		    key, ""));
		vt_azure_if_match(&k, "x-ms-source-if-match", token);
		vt_azure_header(&k, "If-None-Match", "*");
		vt_azure_header(&k, "x-ms-access-tier", "Hot");
		vt_azure_header(&k, "x-ms-rehydrate-priority",
		    speed == VT_EXPEDITED ? "High" : "Standard");
		vt_azure_header(&k, META_SOURCE, token);
		vt_azure_header(&k, META_DAYS, vt_arena_printf(k.a, "%u",
		    days));
		rc = vt_azure_run(z, &k, err);
	}
	vt_azure_end(z, &k);
	/* Somebody else has begun meanwhile: it is under way all the same. */
	if (rc == VT_OK || rc == VT_EXISTS || rc == VT_PRECONDITION)
		return vt_fail(err, VT_BUSY, "'%s' is being restored", key);
	return rc;
}

enum vt_code
vt_azure_restore(struct vt_cloud *c, const char *key, unsigned days,
    enum vt_restore_speed speed, struct vt_err *err)
{
	struct vt_azure *z = vt_azure_of(c);
	char copy[VT_CLOUD_KEY_MAX];
	struct vt_cloud_facts f;
	struct vt_azure_call k;
	struct restored s;
	enum vt_code rc;

	rc = restored_key(z, key, copy, err);
	if (rc == VT_OK)
		rc = vt_azure_begin(z, &k, "HEAD", key, "", VT_CALL_READ, err);
	if (rc != VT_OK)
		return rc;
	rc = vt_azure_run(z, &k, err);
	if (rc == VT_OK)
		vt_azure_facts(k.q.resp, &f);
	vt_azure_end(z, &k);
	if (rc != VT_OK || !f.archived)
		return rc;
	if (f.restoring)	/* moved up by somebody else */
		return vt_fail(err, VT_BUSY, "'%s' is being restored", key);
	rc = look_at_restored(z, copy, &s, err);
	if (rc != VT_OK)
		return rc;
	if (s.there && s.failed) {
		rc = vt_azure_delete(z, copy, "", err);
		if (rc != VT_OK && rc != VT_ABSENT)
			return rc;
		s.there = 0;
	}
	if (s.there && s.pending)
		return vt_fail(err, VT_BUSY, "'%s' is being restored", key);
	if (s.there)
		return prolong(z, copy, f.token,
		    vt_clock_now_us(c->base.clock) + (int64_t)days * DAY_US,
		    err);
	return start_restore(z, key, copy, f.token, days, speed, err);
}

enum vt_code
vt_azure_restore_end(struct vt_cloud *c, const char *key, struct vt_err *err)
{
	struct vt_azure *z = vt_azure_of(c);
	char copy[VT_CLOUD_KEY_MAX];
	enum vt_code rc;

	/* Nothing can be there under a name that is too long. */
	if (restored_key(z, key, copy, NULL) != VT_OK)
		return VT_OK;
	rc = vt_azure_delete(z, copy, "", err);
	return rc == VT_ABSENT ? VT_OK : rc;
}

enum vt_code
vt_azure_get_restored(struct vt_azure *z, const char *key, const char *token,
    uint64_t offset, uint64_t length, struct vt_call *q, struct vt_err *err)
{
	char copy[VT_CLOUD_KEY_MAX];
	const char *source;
	enum vt_code rc;

	rc = restored_key(z, key, copy, err);
	if (rc == VT_OK)
		rc = vt_azure_get_range(z, copy, "", offset, length, q, err);
	if (rc == VT_ABSENT || rc == VT_NEEDS_RESTORE)
		return vt_fail(err, VT_NEEDS_RESTORE, "'%s' is in the archive",
		    key);
	if (rc != VT_OK)
		return rc;
	source = vt_httpc_header(q->resp, META_SOURCE);
	if (*token != '\0' && (source == NULL || strcmp(source, token) != 0))
		rc = vt_fail(err, VT_CORRUPT, "'%s' is another blob", key);
	else if (until_us(q->resp) <= vt_clock_now_us(z->c.base.clock))
		rc = vt_fail(err, VT_NEEDS_RESTORE,
		    "'%s' is in the archive again", key);
	if (rc != VT_OK)
		vt_call_end(z->c.caller, q);
	return rc;
}
