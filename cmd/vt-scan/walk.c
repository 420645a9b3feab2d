/*
 * The catalog's versions joined with heat: both come in the order of bucket
 * and key, so one walk over each is enough.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/arena.h"
#include "libvt/base/clear.h"
#include "libvt/base/clock.h"
#include "libvt/store/catalog.h"
#include "libvt/store/pack.h"

#include "scan.h"

#define PAGE_ROWS 4096

/* --- heat of one key ------------------------------------------------------ */

/* All that is known of the versions of one key, by the name of the version. */
struct entry {
	struct vt_heat_object o;
	size_t at, len;		/* of the version in `text` */
	int is_there;		/* the catalog has it */
};

struct group {
	struct run *r;
	struct entry *entries;
	size_t count, cap;
	struct vt_buf text;
	struct vt_buf key;	/* how the names of its objects begin */
	char bucket[64], plain[VT_KEY_MAX];	/* what that is made of */
	size_t plain_len;
	const char *ahead;	/* name of the next in the merge; NULL: none */
	size_t ahead_len;
	int is_started;
	struct vt_buf next, name;	/* for passing by */
};

static void
group_release(struct group *g)
{
	size_t i;

	for (i = 0; i < g->cap; i++)
		vt_heat_release(&g->entries[i].o);
	free(g->entries);
	vt_buf_release(&g->text);
	vt_buf_release(&g->key);
	vt_buf_release(&g->next);
	vt_buf_release(&g->name);
}

static void
look_ahead(struct group *g)
{
	struct vt_err err;
	enum vt_code rc = vt_heat_merge_name(g->r->merge, &g->ahead,
	    &g->ahead_len, &err);

	if (rc != VT_OK && rc != VT_ABSENT)
		die(&err);
}

/* The object ahead is one of the group's. */
static void
take_ahead(struct group *g)
{
	const char *version = g->ahead + g->key.len;
	struct vt_err err;
	struct entry *e;
	size_t cap;

	if (g->count == g->cap) {
		cap = g->cap != 0 ? g->cap * 2 : 8;
		g->entries = realloc(g->entries, cap * sizeof(*e));
		if (g->entries == NULL)
			out_of_memory();
		memset(&g->entries[g->cap], 0, (cap - g->cap) * sizeof(*e));
		g->cap = cap;
	}
	e = &g->entries[g->count++];
	e->at = g->text.len;
	e->len = g->ahead_len - g->key.len;
	/* what speaks of no version in particular is about the key */
	e->is_there = e->len == 0 || (e->len == 4 &&
	    memcmp(version, "null", 4) == 0);
	if (vt_buf_add(&g->text, version, e->len) < 0)
		out_of_memory();
	if (vt_heat_merge_take(g->r->merge, &e->o, &err) != VT_OK)
		die(&err);
	look_ahead(g);
}

/* Where the object ahead stands to those of a key: before, among or behind
 * them. */
static inline int
place_to(const struct group *g, const struct vt_buf *key)
{
	size_t len = g->ahead_len < key->len ? g->ahead_len : key->len;
	int c = memcmp(g->ahead, key->data, len);

	return c != 0 ? c : g->ahead_len < key->len ? -1 : 0;
}

/* Go on to the heat of this key, which is behind those asked for before. */
static void
group_seek(struct group *g, const char *bucket, const char *key,
    size_t key_len)
{
	int is_bucket = g->is_started && strcmp(bucket, g->bucket) == 0;
	int place;

	if (is_bucket && key_len == g->plain_len &&
	    memcmp(key, g->plain, key_len) == 0)
		return;
	if (!is_bucket)
		snprintf(g->bucket, sizeof(g->bucket), "%s", bucket);
	memcpy(g->plain, key, key_len);
	g->plain_len = key_len;
	if (!g->is_started) {
		g->is_started = 1;
		look_ahead(g);
	}
	/* the name without a version is the beginning of all with one */
	vt_buf_reset(&g->key);
	if (vt_heat_name(&g->key, bucket, strlen(bucket), key, key_len, "",
	    0) < 0)
		out_of_memory();
	g->count = 0;
	vt_buf_reset(&g->text);
	while (g->ahead != NULL) {
		place = place_to(g, &g->key);
		if (place > 0)
			break;
		if (place == 0) {
			take_ahead(g);
			continue;
		}
		(void)next_object(g->r);
		look_ahead(g);
	}
}

static const struct vt_heat_object *
group_find(const struct group *g, const char *version, size_t len)
{
	size_t low = 0, high = g->count, middle, n;
	const struct entry *e;
	int c;

	while (low < high) {
		middle = low + (high - low) / 2;
		e = &g->entries[middle];
		n = e->len < len ? e->len : len;
		c = memcmp(g->text.data + e->at, version, n);
		if (c == 0 && e->len == len) {
			g->entries[middle].is_there = 1;
			return &e->o;
		}
		if (c < 0 || (c == 0 && e->len < len))
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* --- passing by ----------------------------------------------------------- *
 * When kept files are written anew, each object of theirs is handed on, and
 * whether the catalog has it.
 */

/* Is an object of the bucket that a key is in?  The bucket ends with a 0. */
static int
is_beside(const struct vt_heat_object *o, const struct vt_buf *key)
{
	size_t n = key->len > 0 ? strlen(key->data) + 1 : 0;

	return n > 0 && o->name_len >= n && memcmp(o->name, key->data, n) == 0;
}

/* An object that lies between two keys is gone.  Of a bucket without any
 * version that is not certain: this may not be its catalog. */
static void
pass_ahead(struct group *g)
{
	const struct vt_heat_object *o = next_object(g->r);

	rewrite_object(g->r, o->name, o->name_len, o,
	    !is_beside(o, &g->key) && !is_beside(o, &g->next));
	look_ahead(g);
}

/* The objects of the group's key, all versions of which were asked for. */
static void
pass_group(struct group *g)
{
	const struct entry *e;
	size_t i;

	for (i = 0; i < g->count && g->r->rewrite != NULL; i++) {
		e = &g->entries[i];
		vt_buf_reset(&g->name);
		vt_buf_add(&g->name, g->key.data, g->key.len);
		if (vt_buf_add(&g->name, g->text.data + e->at, e->len) < 0)
			out_of_memory();
		rewrite_object(g->r, g->name.data, g->name.len, &e->o,
		    e->is_there);
	}
	if (!g->is_started)
		look_ahead(g);
	g->is_started = 1;
}

/* What is before this key, which group_seek goes on to. */
static void
pass_before(struct group *g, const char *bucket, const char *key,
    size_t key_len)
{
	vt_buf_reset(&g->next);
	if (vt_heat_name(&g->next, bucket, strlen(bucket), key, key_len, "",
	    0) < 0)
		out_of_memory();
	if (g->next.len == g->key.len &&
	    memcmp(g->next.data, g->key.data, g->key.len) == 0)
		return;
	pass_group(g);
	while (g->ahead != NULL && g->r->rewrite != NULL &&
	    place_to(g, &g->next) < 0)
		pass_ahead(g);
}

/* What is behind the last key. */
static void
pass_rest(struct group *g)
{
	vt_buf_reset(&g->next);
	pass_group(g);
	while (g->ahead != NULL && g->r->rewrite != NULL)
		pass_ahead(g);
}

/* --- the catalog ---------------------------------------------------------- */

static const char *
lock_name(const struct vt_version *v)
{
	switch (v->lock_mode) {
	case VT_LOCK_GOVERNANCE:
		return "governance";
	case VT_LOCK_COMPLIANCE:
		return "compliance";
	default:
		return "";
	}
}

/* A member of a pack takes its part of it, headers included. */
static void
describe_pack(const struct vt_copy *c, struct vt_scan_record *rec)
{
	uint64_t frames;
	double live;

	if (*c->form == '\0' || !vt_pack_parse_frames(c->form, &frames) ||
	    frames == 0)
		return;
	rec->pack = (int64_t)c->blob_id;
	rec->pack_bytes = c->blob_bytes;
	live = (double)c->blob_live / (double)frames;
	/* versions that share a member count it more than once */
	rec->pack_dead = live < 1 ? 1 - live : 0;
	rec->stored_bytes = (uint64_t)((double)c->stored_bytes /
	    (double)frames * (double)c->blob_bytes);
}

/* Describe the copy that listings speak of; name the tiers of the others.
 * What a restore left for some days is nobody's to plan with. */
static void
describe_copies(const struct vt_version *v, struct vt_scan_record *rec,
    const char **also, size_t max)
{
	const struct vt_copy *c = NULL;
	size_t i;

	for (i = 0; i < v->copy_count; i++)
		if (v->copies[i].until_us == 0 && (c == NULL ||
		    strcmp(v->copies[i].tier, v->tier) == 0))
			c = &v->copies[i];
	rec->tier = v->tier != NULL ? v->tier : "";
	rec->also = also;
	if (c == NULL)
		return;
	rec->tier = c->tier;
	rec->copy = c->id;
	rec->copy_since_us = c->created_us;
	rec->stored_bytes = c->stored_bytes;
	rec->adopted = c->is_adopted;
	describe_pack(c, rec);
	for (i = 0; i < v->copy_count && rec->also_count < max; i++)
		if (&v->copies[i] != c && v->copies[i].until_us == 0)
			also[rec->also_count++] = v->copies[i].tier;
}

/* --- lifecycle rules ------------------------------------------------------ *
 * Of a bucket that has some, also what they ask: the rules themselves, delete
 * markers and uploads in progress.  What they mean is vt-plan's business.
 */

struct visit {
	struct run *r;
	struct group heat;
	const struct vt_config *config;
	struct vt_catalog *catalog;
	/* buckets with rules, in order; those from `next` on are to come */
	struct vt_arena *arena;
	const struct vt_bucket **ruled;
	size_t ruled_count, next;
	/* the version before this one */
	int64_t bucket_id;
	char key[VT_KEY_MAX];
	size_t key_len;
	int64_t mtime_us;
	uint32_t newer;		/* noncurrent ones of this key so far */
	/* a current delete marker waits for the next line: does it hide
	 * anything? */
	int has_marker;
	struct vt_scan_record marker;
	char marker_version[VT_ID_LEN + 1], marker_bucket[64];
};

static int
has_rules(const struct vt_bucket *b)
{
	return (b->docs >> VT_DOC_LIFECYCLE) & 1;
}

static int
note_ruled(void *ctx, const struct vt_bucket *b)
{
	struct visit *n = ctx;
	struct vt_bucket *copy;

	if (!has_rules(b))
		return 0;
	if (n->ruled_count % 64 == 0)
		n->ruled = realloc(n->ruled,
		    (n->ruled_count + 64) * sizeof(*n->ruled));
	copy = vt_arena_alloc(n->arena, sizeof(*copy));
	if (n->ruled == NULL || copy == NULL)
		cli_die(CLI_FAILED, "out of memory");
	*copy = *b;
	n->ruled[n->ruled_count++] = copy;
	return 0;
}

struct uploads {
	struct visit *n;
	const struct vt_bucket *b;
	char key[VT_KEY_MAX];
	size_t key_len;
	char id[VT_ID_LEN + 1];
};

/* What an upload's parts take. */
static uint64_t
upload_bytes(struct visit *n, const char *id)
{
	struct vt_arena *a = vt_arena_new(16 << 20);
	struct vt_upload_part *parts;
	uint64_t sum = 0;
	size_t count = 0, i;
	int truncated;

	if (a == NULL)
		cli_die(CLI_FAILED, "out of memory");
	/* over by now is as good as empty */
	if (vt_catalog_upload_parts(n->catalog, a, id, 0, 10000, &parts,
	    &count, &truncated, NULL) == VT_OK)
		for (i = 0; i < count; i++)
			sum += parts[i].size_bytes;
	vt_arena_free(a);
	return sum;
}

static int
visit_upload(void *ctx, int is_prefix, const struct vt_upload *u)
{
	struct uploads *s = ctx;
	struct vt_scan_record rec;

	(void)is_prefix;
	memcpy(s->key, u->key, u->key_len);
	s->key_len = u->key_len;
	memcpy(s->id, u->id, sizeof(s->id));
	memset(&rec, 0, sizeof(rec));
	rec.kind = VT_SCAN_UPLOAD;
	rec.is_ruled = 1;
	rec.bucket = s->b->name;
	rec.bucket_generation = s->b->generation;
	rec.key = u->key;
	rec.key_len = u->key_len;
	rec.upload = u->id;
	rec.mtime_us = u->created_us;
	rec.tier = u->tier;
	rec.size_bytes = upload_bytes(s->n, u->id);
	put(s->n->r, &rec);
	return s->n->r->stop || cli_stopping();
}

static void
put_uploads(struct visit *n, const struct vt_bucket *b)
{
	struct uploads s = { .n = n, .b = b };
	struct vt_list l = { .bucket_id = b->id, .prefix = "",
	    .delimiter = "", .max = 1000 };
	struct vt_err err;
	int more = 1;

	while (more && !n->r->stop && !cli_stopping()) {
		l.after = s.key;
		l.after_len = s.key_len;
		l.has_after = s.id[0] != '\0';
		if (vt_catalog_uploads(n->catalog, &l, s.id, visit_upload, &s,
		    &more, &err) != VT_OK)
			die(&err);
	}
}

/* The bucket's rules, and its uploads; nothing when they are gone by now. */
static void
put_rules(struct visit *n, const struct vt_bucket *b)
{
	struct vt_arena *a = vt_arena_new(8 << 20);
	struct vt_scan_record rec;
	struct vt_err err;
	enum vt_code rc;

	if (a == NULL)
		cli_die(CLI_FAILED, "out of memory");
	memset(&rec, 0, sizeof(rec));
	rec.kind = VT_SCAN_BUCKET;
	rec.bucket = b->name;
	rec.bucket_generation = b->generation;
	rec.versioning = b->versioning == 1 ? "enabled" :
	    b->versioning == 2 ? "suspended" : "";
	rec.at_us = n->r->now_us;
	rec.day_ms = n->config->lifecycle_day_ms;
	rec.has_min_bytes = 1;
	rec.min_bytes = n->config->lifecycle_min_bytes;
	rc = vt_catalog_doc(n->catalog, a, b->id, VT_DOC_LIFECYCLE,
	    &rec.lifecycle, &rec.lifecycle_len, &err);
	if (rc == VT_OK) {
		put(n->r, &rec);
		put_uploads(n, b);
	} else if (rc != VT_ABSENT) {
		die(&err);
	}
	vt_arena_free(a);
}

static void
flush_marker(struct visit *n, int is_alone)
{
	if (!n->has_marker)
		return;
	n->has_marker = 0;
	n->marker.is_alone = is_alone;
	n->marker.bucket = n->marker_bucket;
	n->marker.key = n->key;
	n->marker.version = n->marker_version;
	put(n->r, &n->marker);
}

/* Rules of buckets up to and with `name` (NULL: all) come before its
 * versions. */
static void
put_rules_before(struct visit *n, const char *name)
{
	for (; n->next < n->ruled_count && (name == NULL ||
	    strcmp(n->ruled[n->next]->name, name) <= 0); n->next++)
		put_rules(n, n->ruled[n->next]);
}

/* Where a version stands among those of its key, newest first. */
static void
follow_key(struct visit *n, const struct vt_version *v,
    struct vt_scan_record *rec)
{
	int same = n->bucket_id == v->bucket_id &&
	    n->key_len == v->key_len &&
	    memcmp(n->key, v->key, v->key_len) == 0;

	flush_marker(n, !same);
	if (!same)
		n->newer = 0;
	rec->is_ruled = 1;
	rec->tags = v->tags;
	if (!v->is_current) {
		rec->newer = n->newer;
		rec->noncurrent_since_us = same ? n->mtime_us : 0;
		n->newer += !v->is_marker;
	}
	n->bucket_id = v->bucket_id;
	memcpy(n->key, v->key, v->key_len);
	n->key_len = v->key_len;
	n->mtime_us = v->mtime_us;
}

static void
put_marker(struct visit *n, const struct vt_bucket *b,
    const struct vt_version *v, const struct vt_scan_record *standing)
{
	struct vt_scan_record rec = *standing;

	rec.kind = VT_SCAN_MARKER;
	rec.bucket = b->name;
	rec.key = v->key;
	rec.key_len = v->key_len;
	rec.version = v->version_id;
	rec.seq = v->seq;
	rec.generation = v->generation;
	rec.bucket_generation = b->generation;
	rec.is_current = v->is_current;
	rec.mtime_us = v->mtime_us;
	if (!v->is_current) {
		put(n->r, &rec);
		return;
	}
	n->has_marker = 1;
	n->marker = rec;
	n->marker.tags = "";
	memcpy(n->marker_version, v->version_id, sizeof(n->marker_version));
	snprintf(n->marker_bucket, sizeof(n->marker_bucket), "%s", b->name);
}

/* --- versions ------------------------------------------------------------- */

static int
visit_version(void *ctx, const struct vt_bucket *b, const struct vt_version *v)
{
	struct visit *visit = ctx;
	struct run *r = visit->r;
	const struct vt_heat_object *parts[3] = { NULL, NULL, NULL };
	struct group *g = &visit->heat;
	const char *also[VT_TIERS_MAX];
	const struct vt_tier *tier;
	struct vt_scan_record rec;
	struct vt_err err;

	vt_clear(&rec);
	if (v->bucket_id != visit->bucket_id)
		flush_marker(visit, 1);
	if (visit->next < visit->ruled_count)
		put_rules_before(visit, b->name);
	if (has_rules(b))
		follow_key(visit, v, &rec);
	if (v->is_marker) {
		if (has_rules(b))
			put_marker(visit, b, v, &rec);
		return r->stop || cli_stopping();
	}
	rec.bucket = b->name;
	rec.key = v->key;
	rec.key_len = v->key_len;
	rec.version = v->version_id;
	rec.seq = v->seq;
	rec.generation = v->generation;
	rec.bucket_generation = b->generation;
	rec.is_current = v->is_current;
	rec.size_bytes = v->size_bytes;
	rec.mtime_us = v->mtime_us;
	rec.pin = v->pin;
	rec.lock = lock_name(v);
	rec.retain_until_us = v->retain_until_us;
	rec.legal_hold = v->legal_hold == VT_HOLD_ON;
	describe_copies(v, &rec, also, VT_TIERS_MAX);
	tier = vt_config_tier(visit->config, rec.tier);
	rec.storage_class = tier != NULL ? tier->storage_class : "";

	/* A line may name the version, call it null, or mean the current. */
	if (r->rewrite != NULL)
		pass_before(g, b->name, v->key, v->key_len);
	group_seek(g, b->name, v->key, v->key_len);
	if (g->count > 0)
		parts[0] = group_find(g, v->version_id, VT_ID_LEN);
	/* mostly that was all */
	if (g->count > (parts[0] != NULL)) {
		if (v->is_null)
			parts[1] = group_find(g, "null", 4);
		if (v->is_current)
			parts[2] = group_find(g, "", 0);
	}
	if (vt_heat_tell(r->teller, parts, 3, r->now_us, &rec, &err) != VT_OK)
		die(&err);
	put(r, &rec);
	cli_progress_add(0, 1);
	return r->stop || cli_stopping();
}

static struct vt_catalog *
open_catalog(const struct vt_config *config)
{
	static struct vt_clock clock = VT_CLOCK_REAL;	/* borrowed by it */
	struct vt_catalog_options co;
	struct vt_catalog *catalog;
	struct vt_err err;

	memset(&co, 0, sizeof(co));
	co.clock = &clock;
	co.read_only = 1;
	if (vt_catalog_open(config->catalog_path, &co, &catalog, &err) !=
	    VT_OK)
		die(&err);
	return catalog;
}

void
check_catalog(const struct vt_config *config)
{
	vt_catalog_close(open_catalog(config));
}

void
walk_catalog(struct run *r, const struct vt_config *config)
{
	struct vt_scan_pos *pos = cli_alloc(sizeof(*pos));
	struct visit *visit = cli_alloc(sizeof(*visit));
	struct vt_catalog *catalog = open_catalog(config);
	struct vt_err err;
	enum vt_code rc;
	int more = 1;

	pos->is_lean = 1;
	visit->r = visit->heat.r = r;
	vt_buf_init(&visit->heat.text, SIZE_MAX / 2);
	vt_buf_init(&visit->heat.key, SIZE_MAX / 2);
	vt_buf_init(&visit->heat.next, SIZE_MAX / 2);
	vt_buf_init(&visit->heat.name, SIZE_MAX / 2);
	visit->config = config;
	visit->catalog = catalog;
	visit->arena = vt_arena_new(SIZE_MAX / 2);
	if (visit->arena == NULL)
		cli_die(CLI_FAILED, "out of memory");
	if (vt_catalog_buckets(catalog, visit->arena, note_ruled, visit,
	    &err) != VT_OK)
		die(&err);
	cli_progress_start(r->quiet, "reading the catalog");
	while (more && !r->stop && !cli_stopping()) {
		rc = vt_catalog_scan(catalog, pos, PAGE_ROWS, visit_version,
		    visit, &more, &err);
		if (rc == VT_CANCELLED)
			break;
		if (rc != VT_OK)
			die(&err);
	}
	if (!more && !r->stop && !cli_stopping()) {
		flush_marker(visit, 1);
		put_rules_before(visit, NULL);
		if (r->rewrite != NULL)
			pass_rest(&visit->heat);
		end_rewrite(r, 1);
	}
	cli_progress_stop();
	vt_catalog_close(catalog);
	vt_arena_free(visit->arena);
	group_release(&visit->heat);
	free(visit->ruled);
	free(visit);
	free(pos);
}
