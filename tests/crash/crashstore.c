/* Catalog against tiers, plans, damage: see crash.h. */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/fs.h"
#include "libvt/base/hash.h"
#include "libvt/base/jsonl.h"
#include "libvt/proto/records.h"
#include "libvt/work/tiers.h"

#include "tests/crash/crash.h"

static const struct vt_clock real_clock = { 0, 0 };

/* --- opening, for reading only -------------------------------------------- */

struct store {
	struct vt_config *config;
	struct vt_catalog *catalog;
	struct vt_tiers *tiers;
};

static void
store_open(const struct world *w, int read_only, struct store *s)
{
	struct vt_catalog_options o;
	char path[512];
	struct vt_err err;
	int n;

	memset(s, 0, sizeof(*s));
	memset(&o, 0, sizeof(o));
	o.clock = &real_clock;
	o.read_only = read_only;
	n = snprintf(path, sizeof(path), "%s/vaultaire.json", w->data);
	if (n < 0 || vt_config_load(access(path, F_OK) == 0 ? path : NULL,
	    w->data, &s->config, &err) != VT_OK ||
	    vt_catalog_open(s->config->catalog_path, &o, &s->catalog,
	    &err) != VT_OK ||
	    vt_tiers_open(s->config, s->catalog, &real_clock, 0, &s->tiers,
	    &err) != VT_OK) {
		complain("cannot open the store: %s", err.text);
		give_up("no store");
	}
}

static void
store_close(struct store *s)
{
	vt_tiers_close(s->tiers);
	vt_catalog_close(s->catalog);
	vt_config_free(s->config);
}

/* --- sorted names --------------------------------------------------------- */

struct name {
	char *text;
	uint64_t size, crc64;
};
struct names {
	struct name *list;
	size_t count, cap;
};

static void
names_add(struct names *n, const char *text, uint64_t size, uint64_t crc64)
{
	if (n->count == n->cap) {
		n->cap = n->cap > 0 ? n->cap * 2 : 256;
		n->list = realloc(n->list, n->cap * sizeof(*n->list));
		if (n->list == NULL)
			give_up("out of memory");
	}
	n->list[n->count].text = strdup(text);
	if (n->list[n->count].text == NULL)
		give_up("out of memory");
	n->list[n->count].size = size;
	n->list[n->count++].crc64 = crc64;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->text,
	    ((const struct name *)b)->text);
}

/* An empty list has no memory, which qsort would not like. */
static void
names_sort(struct names *n)
{
	if (n->count > 0)
		qsort(n->list, n->count, sizeof(*n->list), by_text);
}

static const struct name *
names_find(const struct names *n, const char *text)
{
	struct name want = { .text = (char *)(uintptr_t)text };

	return n->count == 0 ? NULL :
	    bsearch(&want, n->list, n->count, sizeof(want), by_text);
}

static void
names_free(struct names *n)
{
	size_t i;

	for (i = 0; i < n->count; i++)
		free(n->list[i].text);
	free(n->list);
	memset(n, 0, sizeof(*n));
}

static int
add_blob(void *ctx, const struct vt_blob *b)
{
	if (!b->is_inline)
		names_add(ctx, b->name, b->size_bytes, b->crc64);
	return 0;
}

static int
add_listed(void *ctx, const char *name, uint64_t size_bytes, int64_t mtime_us)
{
	(void)mtime_us;
	names_add(ctx, name, size_bytes, 0);
	return 0;
}

/* nftw has no context. */
static struct names *walked;
static size_t walk_skip;

static int
add_walked(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)f;
	if (type != FTW_D && type != FTW_DP)
		names_add(walked, path + walk_skip, (uint64_t)st->st_size,
		    st->st_mode);
	return 0;
}

/* --- a tier --------------------------------------------------------------- */

static void
tier_root(const struct world *w, const struct vt_tier *t, char out[512])
{
	const char *path = t->url + strlen("file:");

	if (strncmp(t->url, "file:", 5) != 0)
		give_up("tier '%s' is not of files", t->name);
	if (path[0] == '/')
		snprintf(out, 512, "%s", path);
	else
		snprintf(out, 512, "%s/%.100s", w->data, path);
}

/* The bytes of a blob as they lie there. */
static void
check_bytes(const char *root, const char *tier, const struct name *b,
    struct figures *f)
{
	char path[2048], *data;
	struct vt_err err;
	size_t len;

	snprintf(path, sizeof(path), "%s/%s", root, b->text);
	if (vt_fs_read(path, 1 << 30, &data, &len, &err) != VT_OK) {
		complain("blob of tier '%s': %s", tier, err.text);
		return;
	}
	f->bytes += len;
	if (len != b->size)
		complain("blob '%s' of tier '%s' has %zu bytes, its row says "
		    "%llu", b->text, tier, len, (unsigned long long)b->size);
	else if (vt_crc64nvme(0, data, len) != b->crc64)
		complain("blob '%s' of tier '%s' has other bytes than were "
		    "stored", b->text, tier);
	free(data);
}

/* --- a tier on another machine -------------------------------------------- */

static void
check_far_bytes(struct vt_backend *b, const char *tier,
    const struct name *blob, struct figures *f)
{
	static char block[1 << 18];
	struct vt_backend_get *g;
	struct vt_err err;
	enum vt_code rc;
	uint64_t crc64 = 0;
	size_t n = 0;

	rc = vt_backend_get_begin(b, blob->text, NULL, 0, blob->size, &g,
	    &err);
	while (rc == VT_OK) {
		rc = vt_backend_get_read(g, block, sizeof(block), &n, &err);
		if (rc != VT_OK || n == 0)
			break;
		crc64 = vt_crc64nvme(crc64, block, n);
		f->bytes += n;
	}
	vt_backend_get_end(g);
	if (rc != VT_OK)
		complain("blob '%s' of tier '%s': %s", blob->text, tier,
		    err.text);
	else if (crc64 != blob->crc64)
		complain("blob '%s' of tier '%s' has other bytes than were "
		    "stored", blob->text, tier);
}

/* What lies there that is of no blob, nor beside one. */
struct far {
	const struct names *blobs;
	struct names seen;
	const char *tier;
};

static void
see_far(void *ctx, const char *name, uint64_t size_bytes)
{
	struct far *far = ctx;
	char blob[VT_BLOB_NAME_MAX];
	const struct name *n;
	size_t len;
	int beside;

	snprintf(blob, sizeof(blob), "%s", name);
	len = strlen(blob);
	beside = len > 4 && strcmp(blob + len - 4, ".vtm") == 0;
	if (beside)
		blob[len - 4] = '\0';
	n = names_find(far->blobs, blob);
	if (n == NULL)
		complain("'%s' on tier '%s' is of no blob", name, far->tier);
	else if (!beside && n->size != size_bytes)
		complain("blob '%s' of tier '%s' has %llu bytes, its row says "
		    "%llu", name, far->tier, (unsigned long long)size_bytes,
		    (unsigned long long)n->size);
	names_add(&far->seen, name, size_bytes, 0);
}

static void
check_far_tier(const struct world *w, struct store *s,
    const struct vt_tier *t, struct figures *f)
{
	struct names blobs = { 0 };
	struct far far = { .blobs = &blobs, .tier = t->name };
	struct vt_err err;
	size_t i;

	if (vt_catalog_blobs(s->catalog, t->name, add_blob, &blobs,
	    &err) != VT_OK)
		give_up("tier '%s': %s", t->name, err.text);
	names_sort(&blobs);
	far_look(w, t->url, see_far, &far);
	names_sort(&far.seen);
	for (i = 0; i < blobs.count; i++)
		if (names_find(&far.seen, blobs.list[i].text) == NULL)
			complain("blob '%s' of tier '%s' is lost",
			    blobs.list[i].text, t->name);
		else
			check_far_bytes(vt_tiers_backend(s->tiers, t->name),
			    t->name, &blobs.list[i], f);
	f->blobs += blobs.count;
	names_free(&blobs);
	names_free(&far.seen);
}

static void
check_tier(const struct world *w, struct store *s, const struct vt_tier *t,
    struct figures *f)
{
	struct names blobs = { 0 }, files = { 0 }, listed = { 0 };
	const struct name *n;
	char root[512];
	struct vt_err err;
	size_t i;

	if (vt_backend_caps(vt_tiers_backend(s->tiers, t->name))->remote) {
		check_far_tier(w, s, t, f);
		return;
	}
	tier_root(w, t, root);
	if (vt_catalog_blobs(s->catalog, t->name, add_blob, &blobs,
	    &err) != VT_OK ||
	    vt_backend_list(vt_tiers_backend(s->tiers, t->name), "",
	    add_listed, &listed, &err) != VT_OK)
		give_up("tier '%s': %s", t->name, err.text);
	walked = &files;
	walk_skip = strlen(root) + 1;
	if (nftw(root, add_walked, 32, FTW_PHYS) != 0)
		give_up("cannot walk '%s'", root);
	names_sort(&blobs);
	names_sort(&files);
	names_sort(&listed);
	for (i = 0; i < blobs.count; i++) {
		n = names_find(&files, blobs.list[i].text);
		if (n == NULL)
			complain("blob '%s' of tier '%s' is lost",
			    blobs.list[i].text, t->name);
		else if (names_find(&listed, blobs.list[i].text) == NULL)
			complain("blob '%s' of tier '%s' is unfinished",
			    blobs.list[i].text, t->name);
		else
			check_bytes(root, t->name, &blobs.list[i], f);
		if (i > 0 && strcmp(blobs.list[i].text,
		    blobs.list[i - 1].text) == 0)
			complain("two blobs of tier '%s' are '%s'", t->name,
			    blobs.list[i].text);
	}
	for (i = 0; i < files.count; i++)
		if (names_find(&blobs, files.list[i].text) == NULL)
			complain("'%s' on tier '%s' (mode %o) is of no blob",
			    files.list[i].text, t->name,
			    (unsigned)files.list[i].crc64 & 07777);
	for (i = 0; i < listed.count; i++)
		if (names_find(&blobs, listed.list[i].text) == NULL)
			complain("tier '%s' lists '%s', which is of no blob",
			    t->name, listed.list[i].text);
	f->blobs += blobs.count;
	names_free(&blobs);
	names_free(&files);
	names_free(&listed);
}

/* Files by which processes tell that they live. */
static void
check_owners(const struct world *w)
{
	struct names files = { 0 };
	char path[512];

	snprintf(path, sizeof(path), "%s/catalog.db-owners", w->data);
	walked = &files;
	walk_skip = strlen(path) + 1;
	if (nftw(path, add_walked, 32, FTW_PHYS) != 0)
		give_up("cannot walk '%s'", path);
	if (files.count > 0)
		complain("%zu owner files are left of nobody, as '%s'",
		    files.count, files.list[0].text);
	names_free(&files);
}

void
store_check(const struct world *w, int idle, struct figures *out)
{
	struct vt_catalog_stats stats;
	struct store s;
	struct vt_err err;
	size_t i;

	memset(out, 0, sizeof(*out));
	store_open(w, 1, &s);
	if (vt_catalog_check(s.catalog, &err) != VT_OK)
		complain("%s", err.text);
	if (vt_catalog_stats(s.catalog, &stats, &err) != VT_OK)
		give_up("%s", err.text);
	out->versions = stats.versions;
	if (stats.garbage > 0)
		complain("%llu blobs are garbage still",
		    (unsigned long long)stats.garbage);
	if (idle && stats.leases > 0)
		complain("%llu leases are left of nobody",
		    (unsigned long long)stats.leases);
	if (idle)
		check_owners(w);
	for (i = 0; i < s.config->tier_count; i++)
		check_tier(w, &s, &s.config->tier[i], out);
	store_close(&s);
}

void
store_config(const struct world *w, const char *name, int on)
{
	char path[512], *text = vt_config_default_text();
	json_t *config = text != NULL ? json_loads(text, 0, NULL) : NULL;

	snprintf(path, sizeof(path), "%s/vaultaire.json", w->data);
	if (config == NULL ||
	    json_object_set_new(config, name, json_boolean(on)) < 0 ||
	    json_dump_file(config, path, JSON_INDENT(1)) < 0)
		give_up("cannot write '%s'", path);
	json_decref(config);
	free(text);
}

void
store_versions(const struct world *w, const char *bucket)
{
	struct vt_arena *a = vt_arena_new(1 << 16);
	struct vt_bucket b;
	struct vt_cat_op op;
	struct store s;
	struct vt_err err;

	store_open(w, 0, &s);
	memset(&op, 0, sizeof(op));
	op.kind = VT_CAT_VERSIONING_SET;
	op.u.versioning.state = 1;
	if (a == NULL || vt_catalog_bucket(s.catalog, a, bucket, &b,
	    &err) != VT_OK)
		give_up("no bucket '%s'", bucket);
	op.u.versioning.bucket_id = b.id;
	if (vt_catalog_run(s.catalog, &op, &err) != VT_OK)
		give_up("%s", err.text);
	store_close(&s);
	vt_arena_free(a);
}

/* --- plans ---------------------------------------------------------------- */

struct scan {
	struct store store;
	struct rng *rng;
	unsigned percent;
	FILE *to;
	struct plan *plan;
	size_t cap;
	/* plan_check: */
	const struct plan *done;
	int all;
};

static void
scan_all(struct scan *s, int (*visit)(void *ctx, const struct vt_bucket *b,
    const struct vt_version *v))
{
	struct vt_scan_pos pos;
	struct vt_err err;
	int more = 1;

	memset(&pos, 0, sizeof(pos));
	while (more)
		if (vt_catalog_scan(s->store.catalog, &pos, 1000, visit, s,
		    &more, &err) != VT_OK)
			give_up("cannot scan: %s", err.text);
}

static int
plan_version(void *ctx, const struct vt_bucket *b, const struct vt_version *v)
{
	struct scan *s = ctx;
	const struct vt_config *c = s->store.config;
	const struct vt_copy *from;
	struct planned *p;
	struct vt_move m;
	struct vt_buf line;

	if (v->is_marker || v->copy_count == 0 ||
	    rng_below(s->rng, 100) >= s->percent)
		return 0;
	from = &v->copies[rng_below(s->rng, v->copy_count)];
	memset(&m, 0, sizeof(m));
	m.plan = m.prices = "0123456789abcdef";
	m.bucket = b->name;
	m.key = v->key;
	m.key_len = v->key_len;
	m.version = v->version_id;
	m.seq = v->seq;
	m.generation = v->generation;
	m.bucket_generation = b->generation;
	m.copy = from->id;
	m.from = from->tier;
	do
		m.to = c->tier[rng_below(s->rng, c->tier_count)].name;
	while (strcmp(m.to, m.from) == 0);
	m.size_bytes = v->size_bytes;
	m.reason = "";
	vt_buf_init(&line, VT_RECORD_LINE_MAX);
	vt_move_format(&m, &line);
	if (line.failed || fwrite(line.data, 1, line.len, s->to) != line.len)
		give_up("cannot write the plan");
	vt_buf_release(&line);
	if (s->plan->count == s->cap) {
		s->cap = s->cap > 0 ? s->cap * 2 : 256;
		s->plan->moves = realloc(s->plan->moves,
		    s->cap * sizeof(*s->plan->moves));
		if (s->plan->moves == NULL)
			give_up("out of memory");
	}
	p = &s->plan->moves[s->plan->count++];
	memset(p, 0, sizeof(*p));
	p->seq = m.seq;
	p->copy = m.copy;
	snprintf(p->from, sizeof(p->from), "%s", m.from);
	snprintf(p->to, sizeof(p->to), "%s", m.to);
	return 0;
}

static int
by_seq(const void *a, const void *b)
{
	const struct planned *x = a, *y = b;

	return (x->seq > y->seq) - (x->seq < y->seq);
}

void
plan_make(const struct world *w, struct rng *r, unsigned percent,
    const char *path, struct plan *out)
{
	struct scan s = { .rng = r, .percent = percent, .plan = out };

	memset(out, 0, sizeof(*out));
	snprintf(out->path, sizeof(out->path), "%s", path);
	snprintf(out->out, sizeof(out->out), "%.507s.out", path);
	store_open(w, 1, &s.store);
	s.to = fopen(path, "w");
	if (s.to == NULL)
		give_up("cannot write '%s'", path);
	scan_all(&s, plan_version);
	if (fclose(s.to) != 0)
		give_up("cannot write '%s'", path);
	store_close(&s.store);
	if (out->count > 0)
		qsort(out->moves, out->count, sizeof(*out->moves), by_seq);
}

void
plan_release(struct plan *p)
{
	free(p->moves);
	memset(p, 0, sizeof(*p));
}

static struct planned *
plan_find(const struct plan *p, int64_t seq)
{
	struct planned want = { .seq = seq };

	return p->count == 0 ? NULL :
	    bsearch(&want, p->moves, p->count, sizeof(want), by_seq);
}

void
plan_result(struct plan *p, const char *line, size_t len)
{
	struct vt_json_field f[32];
	const struct vt_json_field *status;
	struct planned *m = NULL;
	int64_t seq;
	int n = vt_json_scan(line, len, f, 32);

	if (n > 0 && vt_json_get_i64(vt_json_find(f, n, "seq"), &seq) == 0)
		m = plan_find(p, seq);
	status = n > 0 ? vt_json_find(f, n, "status") : NULL;
	if (m == NULL || status == NULL || status->value_len == 0) {
		complain("vt-migrate printed '%.*s'",
		    (int)(len < 200 ? len : 200), line);
		return;
	}
	m->status = (unsigned char)status->value[0];
}

static int
check_version(void *ctx, const struct vt_bucket *b, const struct vt_version *v)
{
	struct scan *s = ctx;
	const struct planned *m = plan_find(s->done, v->seq);

	if (v->is_marker)
		return 0;
	if (v->copy_count != 1) {
		complain("%s/%s has %zu copies", b->name, v->key,
		    v->copy_count);
		return 0;
	}
	if (m == NULL)
		return 0;
	/* Acknowledged is done; the others are done or not. */
	if (strcmp(v->copies[0].tier, m->to) != 0 && (s->all ||
	    m->status == 'm' || m->status == 'a'))
		complain("%s/%s is on '%s', though its move to '%s' was %s",
		    b->name, v->key, v->copies[0].tier, m->to,
		    s->all ? "to be done" : "acknowledged");
	else if (strcmp(v->copies[0].tier, m->to) != 0 &&
	    (strcmp(v->copies[0].tier, m->from) != 0 ||
	    v->copies[0].id != m->copy))
		complain("%s/%s is on '%s', neither '%s' nor '%s'", b->name,
		    v->key, v->copies[0].tier, m->from, m->to);
	return 0;
}

void
plan_check(const struct world *w, const struct plan *p, int all)
{
	struct scan s = { .done = p, .all = all };

	store_open(w, 1, &s.store);
	scan_all(&s, check_version);
	store_close(&s.store);
}

/* --- damage --------------------------------------------------------------- */

/* The file that holds the first bytes of a key, and where in it: what shares
 * a blob may begin anywhere.  0 when they are inline. */
static int
find_file(const struct world *w, const struct key *k, char path[2048],
    off_t *at)
{
	struct vt_arena *a = vt_arena_new(1 << 20);
	const struct vt_extent *x;
	struct vt_version *v;
	struct vt_bucket b;
	struct store s;
	struct vt_err err;
	char root[512];
	int found = 0;

	store_open(w, 1, &s);
	if (a == NULL || vt_catalog_bucket(s.catalog, a, k->bucket, &b,
	    &err) != VT_OK || vt_catalog_lookup(s.catalog, a, b.id, k->name,
	    strlen(k->name), NULL, 0, &v, &err) != VT_OK)
		give_up("%s: %s", k->name, err.text);
	if (v->copy_count > 0 && v->copies[0].extent_count > 0) {
		x = &v->copies[0].extents[0];
		tier_root(w, vt_config_tier(s.config, x->blob.tier), root);
		snprintf(path, 2048, "%s/%s", root, x->blob.name);
		*at = (off_t)x->offset;
		found = !x->blob.is_inline;
	}
	vt_arena_free(a);
	store_close(&s);
	return found;
}

int
store_damage(const struct world *w, const struct key *k, enum damage d,
    char what[300])
{
	static const char *const names[] = { "one byte flipped",
	    "blob removed", "file added", "unfinished file added",
	    "blob cut short" };
	char path[2048], byte;
	struct stat st;
	off_t at = 0;
	int fd, bad = 0;

	if (!find_file(w, k, path, &at))
		return 0;
	if (d == ADD_FILE || d == ADD_UNFINISHED)
		memcpy(path + strlen(path) - 1, "zz", 3);
	snprintf(what, 300, "%s: %.250s", names[d], path);
	switch (d) {
	case DROP_BLOB:
		return unlink(path) < 0 ? -1 : 1;
	case ADD_FILE:
	case ADD_UNFINISHED:
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL,
		    d == ADD_FILE ? 0600 : 0200);
		if (fd < 0)
			return -1;
		return close(fd) < 0 ? -1 : 1;
	case SHORTEN:
		if (stat(path, &st) < 0)
			return -1;
		return truncate(path, st.st_size - 1) < 0 ? -1 : 1;
	default:
		fd = open(path, O_RDWR);
		if (fd < 0)
			return -1;
		bad = pread(fd, &byte, 1, at) != 1;
		byte ^= 1;
		bad |= pwrite(fd, &byte, 1, at) != 1;
		return close(fd) < 0 || bad ? -1 : 1;
	}
}
