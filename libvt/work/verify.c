/* Scrubbing tiers against the catalog: see verify.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/fs.h"
#include "libvt/base/hash.h"

#include "libvt/work/snapshot.h"
#include "libvt/work/verify.h"

#define ARENA_MAX ((size_t)64 << 20)
#define BLOCK ((size_t)1 << 20)
#define BAD_MAX 256		/* blobs whose users are looked for together */
#define PLACE_BLOBS 1000	/* between two times that the place is kept */
#define FAILURES_MAX 20		/* in a row: the tier is away */

/* A blob that is not as it should be. */
struct bad {
	uint64_t id;
	int is_missing;
	char why[160];
};

struct verify {
	const struct vt_verify_options *o;
	struct vt_verify_result *n;
	const char *tier;
	uint64_t last;		/* blob that was looked at */
	struct bad bad[BAD_MAX];
	uint64_t bad_ids[BAD_MAX];
	size_t bad_count;
	unsigned failures;	/* in a row */
	/* users of the bad ones */
	struct vt_blob_user *users;
	size_t user_count, user_cap;
	struct vt_scratch *scratch;
	struct vt_err err;
	enum vt_code rc;	/* of a visit */
};

static void
tell(struct verify *v, const struct vt_finding *f)
{
	if (v->o->tell != NULL)
		v->o->tell(v->o->ctx, f);
}

static int
stopped(const struct verify *v)
{
	return v->o->stop != NULL && v->o->stop(v->o->ctx) != 0;
}

/* --- the place ------------------------------------------------------------ */

/* "1 TIER BLOB": all blobs of the tiers before and, of this one, up to that
 * blob were looked at and what was wrong with them told. */
static enum vt_code
keep_place(struct verify *v, const char *tier, uint64_t blob,
    struct vt_err *err)
{
	char text[80];
	int n;

	if (v->o->place == NULL)
		return VT_OK;
	n = snprintf(text, sizeof(text), "1 %s %" PRIu64 "\n", tier, blob);
	return vt_fs_replace(v->o->place, 0600, text, (size_t)n, err);
}

static enum vt_code
read_place(struct verify *v, char tier[33], uint64_t *blob,
    struct vt_err *err)
{
	char *text;
	size_t len;
	int version;
	enum vt_code rc;

	*tier = '\0';
	*blob = 0;
	if (!v->o->resume || v->o->place == NULL)
		return VT_OK;
	rc = vt_fs_read(v->o->place, 4096, &text, &len, err);
	if (rc == VT_ABSENT)
		return VT_OK;
	if (rc != VT_OK)
		return rc;
	if (sscanf(text, "%d %32s %" SCNu64, &version, tier, blob) != 3 ||
	    version != 1)
		rc = vt_fail(err, VT_INVALID, "'%s' is no place of a "
		    "verification", v->o->place);
	free(text);
	return rc;
}

/* --- one blob ------------------------------------------------------------- */

/* Read it all, and compare. */
static enum vt_code
read_blob(struct verify *v, struct vt_backend *be, const struct vt_blob *b,
    struct vt_err *err)
{
	const struct vt_migrate_options *m = &v->o->m;
	struct vt_backend_get *g = NULL;
	char *block = malloc(BLOCK);
	uint64_t crc64 = 0;
	size_t got = 1;
	enum vt_code rc;

	rc = block == NULL ? vt_fail(err, VT_NOMEM, "out of memory") :
	    vt_backend_get_begin(be, b->name, b->token, 0, b->size_bytes, &g,
	    err);
	while (rc == VT_OK && got > 0) {
		if (m->pace != NULL && m->pace(m->pace_ctx, BLOCK <
		    b->size_bytes ? BLOCK : (size_t)b->size_bytes) != 0)
			rc = vt_fail(err, VT_CANCELLED, "interrupted");
		else
			rc = vt_backend_get_read(g, block, BLOCK, &got, err);
		if (rc == VT_OK) {
			crc64 = vt_crc64nvme(crc64, block, got);
			v->n->bytes += got;
		}
	}
	vt_backend_get_end(g);
	free(block);
	if (rc == VT_OK && crc64 != b->crc64)
		rc = vt_fail(err, VT_CORRUPT, "its bytes are not those that "
		    "were written");
	return rc;
}

static enum vt_code
check_blob(struct verify *v, const struct vt_blob *b, struct vt_err *err)
{
	struct vt_backend *be = vt_tiers_backend(v->o->m.tiers, v->tier);
	struct vt_backend_head head;
	enum vt_code rc;

	rc = vt_backend_head(be, b->name, &head, err);
	if (rc != VT_OK)
		return rc;
	if (head.size_bytes != b->size_bytes)
		return vt_fail(err, VT_CORRUPT, "it has %llu bytes instead "
		    "of %llu", (unsigned long long)head.size_bytes,
		    (unsigned long long)b->size_bytes);
	if (!b->owned && *b->token != '\0' &&
	    strcmp(head.token, b->token) != 0)
		return vt_fail(err, VT_CORRUPT, "it was adopted and has been "
		    "changed since");
	/* of what was adopted no checksum was ever read */
	if (head.archived || !b->owned) {
		v->n->unread++;
		return VT_OK;
	}
	rc = read_blob(v, be, b, err);
	if (rc != VT_NEEDS_RESTORE)
		return rc;
	v->n->unread++;
	return VT_OK;
}

/* --- repair --------------------------------------------------------------- */

static int
by_id(const void *a, const void *b)
{
	const struct bad *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static const struct bad *
find_bad(const struct verify *v, uint64_t id)
{
	struct bad key = { .id = id };

	return bsearch(&key, v->bad, v->bad_count, sizeof(v->bad[0]), by_id);
}

static const struct bad *
bad_of(const struct verify *v, const struct vt_copy *c)
{
	const struct bad *b = NULL;

	for (size_t i = 0; i < c->extent_count && b == NULL; i++)
		b = find_bad(v, c->extents[i].blob.id);
	return b;
}

static int
is_owned(const struct vt_copy *c)
{
	for (size_t i = 0; i < c->extent_count; i++)
		if (!c->extents[i].blob.owned)
			return 0;
	return 1;
}

/* Write the copy anew from another one, any that can be read. */
static enum vt_code
repair(struct verify *v, const char *bucket, const struct vt_version *ver,
    const struct vt_copy *broken, struct vt_arena *a, struct vt_err *err)
{
	struct vt_move_result moved;
	struct vt_new_copy n;
	struct vt_cat_op op;
	enum vt_code rc;
	size_t i;

	rc = vt_fail(err, VT_ABSENT, "there is no other copy");
	memset(&n, 0, sizeof(n));
	memset(&moved, 0, sizeof(moved));
	for (i = 0; i < ver->copy_count && rc != VT_OK; i++) {
		if (&ver->copies[i] == broken ||
		    bad_of(v, &ver->copies[i]) != NULL)
			continue;
		rc = vt_migrate_copy(&v->o->m, bucket, ver, &ver->copies[i],
		    broken->tier, a, &n, &moved, err);
		if (rc == VT_CANCELLED)
			return rc;
	}
	if (rc != VT_OK)
		return rc;
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_REPAIR;
	op.u.repair.seq = ver->seq;
	op.u.repair.copy_id = broken->id;
	op.u.repair.tier = broken->tier;
	op.u.repair.extents = n.x;
	op.u.repair.extent_count = n.count;
	op.u.repair.grace_ms = v->o->m.grace_ms;
	rc = vt_catalog_run(v->o->m.catalog, &op, err);
	if (rc != VT_OK)
		vt_new_copy_discard(v->o->m.tiers, &n);
	vt_new_copy_release(&n);
	return rc;
}

/* Tell of one copy with a bad blob, and repair it. */
static enum vt_code
settle_copy(struct verify *v, const struct vt_blob_user *u,
    struct vt_arena *a, struct vt_err *err)
{
	const struct vt_copy *broken = NULL;
	const struct bad *bad = NULL;
	struct vt_finding f;
	struct vt_version *ver;
	struct vt_bucket bucket;
	struct vt_err why;
	enum vt_code rc;
	size_t i;

	memset(&f, 0, sizeof(f));
	rc = vt_catalog_lookup_seq(v->o->m.catalog, a, u->seq, 1, &ver, err);
	if (rc == VT_OK)
		rc = vt_catalog_bucket_by_id(v->o->m.catalog, a,
		    ver->bucket_id, &bucket, err);
	/* it was deleted meanwhile */
	if (rc == VT_ABSENT)
		return VT_OK;
	if (rc != VT_OK)
		return rc;
	for (i = 0; i < ver->copy_count && broken == NULL; i++)
		if (ver->copies[i].id == u->copy_id) {
			broken = &ver->copies[i];
			bad = bad_of(v, broken);
		}
	/* it has moved, or was repaired, for another of its blobs */
	if (broken == NULL || bad == NULL)
		return VT_OK;
	f.what = bad->is_missing ? "missing" : "corrupt";
	f.bucket = bucket.name;
	f.key = ver->key;
	f.key_len = ver->key_len;
	f.version = ver->version_id;
	f.tier = broken->tier;
	f.size_bytes = ver->size_bytes;
	f.why = bad->why;
	for (i = 0; i < broken->extent_count; i++)
		if (broken->extents[i].blob.id == bad->id)
			f.name = broken->extents[i].blob.name;
	if (bad->is_missing)
		v->n->missing++;
	else
		v->n->corrupt++;
	tell(v, &f);
	if (v->o->no_repair || v->o->dry_run || !is_owned(broken) ||
	    broken->until_us != 0)
		return VT_OK;
	rc = repair(v, bucket.name, ver, broken, a, &why);
	f.what = rc == VT_OK ? "repaired" : "not repaired";
	f.why = rc == VT_OK ? NULL : why.text;
	if (rc == VT_OK)
		v->n->repaired++;
	if (rc == VT_CANCELLED) {
		*err = why;
		return rc;
	}
	tell(v, &f);
	return VT_OK;
}

static enum vt_code
settle_user(struct verify *v, const struct vt_blob_user *u,
    struct vt_err *err)
{
	const struct bad *bad = find_bad(v, u->blob_id);
	struct vt_finding f;
	struct vt_arena *a;
	enum vt_code rc;

	if (u->seq != 0) {
		a = vt_arena_new(ARENA_MAX);
		if (a == NULL)
			return vt_fail(err, VT_NOMEM, "out of memory");
		rc = settle_copy(v, u, a, err);
		vt_arena_free(a);
		return rc;
	}
	if (u->upload_id[0] == '\0')
		return VT_OK;
	/* nobody has another copy of a part: its client may send it again */
	memset(&f, 0, sizeof(f));
	f.what = bad->is_missing ? "missing" : "corrupt";
	f.upload = u->upload_id;
	f.tier = v->tier;
	f.why = bad->why;
	if (bad->is_missing)
		v->n->missing++;
	else
		v->n->corrupt++;
	tell(v, &f);
	return VT_OK;
}

static int
keep_user(void *ctx, const struct vt_blob_user *u)
{
	struct verify *v = ctx;
	void *grown;

	if (v->user_count == v->user_cap) {
		v->user_cap = v->user_cap != 0 ? 2 * v->user_cap : 64;
		grown = realloc(v->users, v->user_cap * sizeof(*v->users));
		if (grown == NULL) {
			v->rc = vt_fail(&v->err, VT_NOMEM, "out of memory");
			return 1;
		}
		v->users = grown;
	}
	v->users[v->user_count++] = *u;
	return 0;
}

/* All that have bytes of the bad blobs found so far. */
static enum vt_code
settle(struct verify *v, struct vt_err *err)
{
	enum vt_code rc;
	size_t i;

	if (v->bad_count == 0)
		return VT_OK;
	for (i = 0; i < v->bad_count; i++)
		v->bad_ids[i] = v->bad[i].id;
	v->user_count = 0;
	rc = vt_catalog_blob_users(v->o->m.catalog, v->bad_ids, v->bad_count,
	    keep_user, v, err);
	if (v->rc != VT_OK) {
		*err = v->err;
		rc = v->rc;
	}
	for (i = 0; i < v->user_count && rc == VT_OK; i++)
		rc = settle_user(v, &v->users[i], err);
	v->bad_count = 0;
	return rc;
}

/* --- blobs of a tier ------------------------------------------------------ */

static enum vt_code
look_at(struct verify *v, const struct vt_blob *b, struct vt_err *err)
{
	struct vt_finding f = { .what = "not read", .tier = v->tier,
	    .name = b->name };
	struct vt_err why;
	struct bad *bad;
	enum vt_code rc;

	rc = check_blob(v, b, &why);
	v->n->blobs++;
	if (rc == VT_OK || rc == VT_ABSENT || rc == VT_CORRUPT)
		v->failures = 0;
	if (rc == VT_ABSENT || rc == VT_CORRUPT) {
		bad = &v->bad[v->bad_count++];
		bad->id = b->id;
		bad->is_missing = rc == VT_ABSENT;
		snprintf(bad->why, sizeof(bad->why), "%.150s", why.text);
	} else if (rc == VT_CANCELLED || rc == VT_NOMEM) {
		*err = why;
		return rc;
	} else if (rc != VT_OK) {
		v->n->failed++;
		v->failures++;
		f.why = why.text;
		tell(v, &f);
	}
	v->last = b->id;
	return VT_OK;
}

/* What is wrong is told, and the place kept. */
static enum vt_code
settle_and_keep(struct verify *v, struct vt_err *err)
{
	enum vt_code rc = settle(v, err);

	return rc == VT_OK ? keep_place(v, v->tier, v->last, err) : rc;
}

static enum vt_code
look_at_page(struct verify *v, const struct vt_blob *b, size_t count,
    struct vt_err *err)
{
	enum vt_code rc = VT_OK;
	size_t i;

	for (i = 0; i < count && rc == VT_OK; i++) {
		if (stopped(v))
			rc = vt_fail(err, VT_CANCELLED, "interrupted");
		else if (!b[i].is_inline)
			rc = look_at(v, &b[i], err);
		if (v->failures >= FAILURES_MAX)
			break;
		if (rc == VT_OK && (v->bad_count == BAD_MAX ||
		    v->n->blobs % PLACE_BLOBS == 0))
			rc = settle_and_keep(v, err);
	}
	return rc;
}

static enum vt_code
check_blobs(struct verify *v, uint64_t after, struct vt_err *err)
{
	struct vt_finding f = { .what = "tier given up", .tier = v->tier,
	    .why = "it failed too often in a row" };
	struct vt_err first;
	struct vt_blob *b;
	struct vt_arena *a;
	size_t n = 1;
	enum vt_code rc = VT_OK, kept;

	v->last = after;
	v->failures = 0;
	while (rc == VT_OK && n > 0 && v->failures < FAILURES_MAX) {
		a = vt_arena_new(ARENA_MAX);
		if (a == NULL)
			return vt_fail(err, VT_NOMEM, "out of memory");
		rc = vt_catalog_blob_page(v->o->m.catalog, v->tier, after, a,
		    &b, &n, err);
		if (rc == VT_OK && n > 0) {
			after = b[n - 1].id;
			rc = look_at_page(v, b, n, err);
		}
		vt_arena_free(a);
	}
	if (v->failures >= FAILURES_MAX)
		tell(v, &f);
	/* also what was found before it was interrupted */
	kept = settle_and_keep(v, rc == VT_OK ? err : &first);
	return rc != VT_OK ? rc : kept;
}

/* --- names that nothing refers to ----------------------------------------- */

static int
see_name(void *ctx, const char *name, uint64_t size_bytes, int64_t mtime_us)
{
	struct verify *v = ctx;

	if (strncmp(name, VT_SNAPSHOTS, strlen(VT_SNAPSHOTS)) == 0)
		return 0;
	v->rc = vt_scratch_seen(v->scratch, v->tier, name, size_bytes,
	    mtime_us, &v->err);
	return v->rc != VT_OK || stopped(v);
}

static int
claim_garbage(void *ctx, const char *name)
{
	struct verify *v = ctx;
	uint64_t size;
	enum vt_code rc;

	rc = vt_scratch_claim(v->scratch, v->tier, name, &size, &v->err);
	if (rc == VT_OK || rc == VT_ABSENT)
		return 0;
	v->rc = rc;
	return 1;
}

static int
claim_blob(void *ctx, const struct vt_blob *b)
{
	return b->is_inline ? 0 : claim_garbage(ctx, b->name);
}

/* Did this catalog, or one that it was rebuilt from, make the name? */
static int
is_ours(const struct verify *v, const char *name)
{
	uint64_t incarnation;

	return vt_name_incarnation(name, &incarnation) &&
	    vt_catalog_descends(v->o->m.catalog, incarnation);
}

static int
see_orphan(void *ctx, const struct vt_scratch_row *row)
{
	struct verify *v = ctx;
	const struct vt_verify_options *o = v->o;
	struct vt_finding f = { .what = "orphan", .tier = row->tier,
	    .name = row->name, .size_bytes = row->size_bytes,
	    .time_us = row->mtime_us };
	struct vt_err why;
	enum vt_code rc;

	if (!is_ours(v, row->name)) {
		v->n->foreign++;
		return stopped(v);
	}
	if (vt_clock_now_us(o->m.clock) - row->mtime_us <
	    o->m.grace_ms * 1000) {
		v->n->young++;
		return stopped(v);
	}
	v->n->orphans++;
	v->n->orphan_bytes += row->size_bytes;
	if (o->delete_orphans && !o->dry_run) {
		rc = vt_backend_delete(vt_tiers_backend(o->m.tiers,
		    row->tier), row->name, NULL, &why);
		if (rc == VT_OK || rc == VT_ABSENT) {
			f.what = "orphan deleted";
			v->n->deleted++;
		} else
			f.why = why.text;
	}
	tell(v, &f);
	return stopped(v);
}

/*
 * Listed first, claimed by the catalog then: what is written meanwhile has its
 * row when it is looked for, and what is deleted meanwhile is garbage, or gone
 * from the tier.
 */
static enum vt_code
check_names(struct verify *v, struct vt_err *err)
{
	struct vt_catalog *c = v->o->m.catalog;
	struct vt_finding f = { .what = "tier given up", .tier = v->tier };
	enum vt_code rc;

	rc = vt_scratch_open(v->o->scratch, &v->scratch, err);
	if (rc != VT_OK)
		return rc;
	rc = vt_backend_list(vt_tiers_backend(v->o->m.tiers, v->tier), "",
	    see_name, v, err);
	if (rc != VT_OK && v->rc == VT_OK && !stopped(v)) {
		/* others can be looked at all the same */
		v->n->failed++;
		f.why = err->text;
		tell(v, &f);
		goto out;
	}
	if (rc == VT_OK)
		rc = vt_catalog_blobs(c, v->tier, claim_blob, v, err);
	if (rc == VT_OK)
		rc = vt_catalog_garbage_names(c, v->tier, claim_garbage, v,
		    err);
	if (rc == VT_OK)
		rc = vt_scratch_unclaimed(v->scratch, see_orphan, v, err);
	if (v->rc != VT_OK)
		*err = v->err;
	vt_scratch_close(v->scratch);
	v->scratch = NULL;
	return v->rc != VT_OK ? v->rc : rc;
out:
	vt_scratch_close(v->scratch);
	v->scratch = NULL;
	return VT_OK;
}

/* --- the whole ------------------------------------------------------------ */

enum vt_code
vt_verify_run(const struct vt_verify_options *o,
    struct vt_verify_result *out, struct vt_err *err)
{
	const struct vt_config *c = o->m.config;
	struct verify *v = calloc(1, sizeof(*v));
	char from[33];
	uint64_t after;
	enum vt_code rc;
	size_t i, first = 0;

	memset(out, 0, sizeof(*out));
	if (v == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	v->o = o;
	v->n = out;
	rc = read_place(v, from, &after, err);
	if (rc == VT_OK && o->tier != NULL &&
	    vt_tiers_tier(o->m.tiers, o->tier) == NULL)
		rc = vt_fail(err, VT_INVALID, "no tier '%s' is configured",
		    o->tier);
	for (i = 0; i < c->tier_count; i++)
		if (strcmp(c->tier[i].name, from) == 0)
			first = i;
	for (i = first; i < c->tier_count && rc == VT_OK; i++) {
		v->tier = c->tier[i].name;
		if (o->tier != NULL && strcmp(o->tier, v->tier) != 0)
			continue;
		rc = check_blobs(v, strcmp(from, v->tier) == 0 ? after : 0,
		    err);
		if (rc == VT_OK)
			rc = check_names(v, err);
	}
	/* the next one begins at the beginning */
	if (rc == VT_OK && o->place != NULL && unlink(o->place) < 0 &&
	    errno != ENOENT)
		rc = vt_fail_errno(err, "cannot remove '%s'", o->place);
	free(v->users);
	free(v);
	return rc;
}
