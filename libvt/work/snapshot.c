/* Snapshots of the catalog on a tier: see snapshot.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "libvt/base/fs.h"
#include "libvt/base/hex.h"
#include "libvt/base/num.h"
#include "libvt/proto/zfile.h"
#include "libvt/store/catalog_rebuild.h"

#include "libvt/work/snapshot.h"
#include "libvt/work/tiers_internal.h"

#define LIST_MAX 1000
#define SUFFIX ".db.zst"

/* --- names ---------------------------------------------------------------- */

static void
make_name(struct vt_snapshot *s)
{
	char time[17];

	vt_time_amz(s->time_us, time);
	snprintf(s->name, sizeof(s->name), VT_SNAPSHOTS "%016" PRIx64
	    "-%s-%" PRIu64 SUFFIX, s->incarnation, time, s->number);
}

int
vt_snapshot_parse(const char *name, struct vt_snapshot *out)
{
	const char *p = name + strlen(VT_SNAPSHOTS), *end;
	uint8_t inc[8];
	char time[17];
	int i;

	memset(out, 0, sizeof(*out));
	if (strncmp(name, VT_SNAPSHOTS, strlen(VT_SNAPSHOTS)) != 0 ||
	    strlen(name) >= sizeof(out->name) || strlen(p) < 36 ||
	    p[16] != '-' || p[33] != '-' || vt_hex_decode(p, inc, 8) < 0)
		return 0;
	for (i = 0; i < 8; i++)
		out->incarnation = out->incarnation << 8 | inc[i];
	memcpy(time, p + 17, 16);
	time[16] = '\0';
	end = strstr(p + 34, SUFFIX);
	if (vt_time_parse_amz(time, &out->time_us) < 0 || end == NULL ||
	    end[strlen(SUFFIX)] != '\0' ||
	    vt_num_scan_u64(p + 34, (size_t)(end - p - 34),
	    &out->number) < 0)
		return 0;
	memcpy(out->name, name, strlen(name) + 1);
	return 1;
}

/* Newest first. */
static int
by_age(const void *a, const void *b)
{
	const struct vt_snapshot *x = a, *y = b;

	if (x->time_us != y->time_us)
		return x->time_us < y->time_us ? 1 : -1;
	return x->number < y->number ? 1 : x->number > y->number ? -1 : 0;
}

struct listing {
	const char *tier;
	struct vt_snapshot *s;
	size_t count, max;
};

static int
list_one(void *ctx, const char *name, uint64_t size_bytes, int64_t mtime_us)
{
	struct listing *l = ctx;
	struct vt_snapshot s;

	(void)mtime_us;
	if (!vt_snapshot_parse(name, &s))
		return 0;
	s.size_bytes = size_bytes;
	snprintf(s.tier, sizeof(s.tier), "%s", l->tier);
	if (l->count == l->max) {
		/* the oldest half is not looked for */
		qsort(l->s, l->count, sizeof(*l->s), by_age);
		l->count /= 2;
	}
	l->s[l->count++] = s;
	return 0;
}

enum vt_code
vt_snapshot_list(struct vt_tiers *t, const char *tier, struct vt_arena *a,
    struct vt_snapshot **out, size_t *count, struct vt_err *err)
{
	struct vt_backend *b = vt_tiers_backend(t, tier);
	struct listing l = { tier, NULL, 0, 2 * LIST_MAX };
	enum vt_code rc;

	*out = NULL;
	*count = 0;
	if (b == NULL)
		return vt_fail(err, VT_INVALID, "no tier '%s' is configured",
		    tier);
	l.s = vt_arena_alloc(a, l.max * sizeof(*l.s));
	if (l.s == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	rc = vt_backend_list(b, VT_SNAPSHOTS, list_one, &l, err);
	if (rc != VT_OK)
		return rc;
	qsort(l.s, l.count, sizeof(*l.s), by_age);
	*out = l.s;
	*count = l.count < LIST_MAX ? l.count : LIST_MAX;
	return VT_OK;
}

/* --- reading one ---------------------------------------------------------- */

struct source {
	struct vt_backend_get *get;
	struct vt_decoder *decoder;	/* or NULL */
	int fd;
};

static enum vt_code
get_blob(void *ctx, void *data, size_t len, size_t *got, struct vt_err *err)
{
	struct source *s = ctx;

	return vt_backend_get_read(s->get, data, len, got, err);
}

static enum vt_code
get_decoded(void *ctx, void *data, size_t len, size_t *got,
    struct vt_err *err)
{
	struct source *s = ctx;

	return vt_decoder_read(s->decoder, get_blob, s, data, len, got, err);
}

static enum vt_code
get_file(void *ctx, void *data, size_t len, size_t *got, struct vt_err *err)
{
	struct source *s = ctx;
	ssize_t n;

	do
		n = read(s->fd, data, len);
	while (n < 0 && errno == EINTR);
	*got = n > 0 ? (size_t)n : 0;
	return n < 0 ? vt_fail_errno(err, "cannot read") : VT_OK;
}

/* Unpack into a new file, synced; it is not there after a failure. */
static enum vt_code
unpack_to(vt_zfile_get *get, void *ctx, const char *path, struct vt_err *err)
{
	uint64_t bytes;
	enum vt_code rc;
	int fd = -1;

	if (path != NULL) {
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd < 0)
			return vt_fail_errno(err, "cannot create '%s'", path);
	}
	rc = vt_zfile_unpack(get, ctx, fd, &bytes, err);
	if (rc == VT_OK && fd >= 0 && fsync(fd) < 0)
		rc = vt_fail_errno(err, "cannot sync '%s'", path);
	if (fd >= 0)
		close(fd);
	if (rc != VT_OK && path != NULL)
		unlink(path);
	return rc;
}

/* The first bytes of a blob: 1 when they are a head, else 0; -1: failure. */
static int
read_head(struct vt_backend *b, const char *name, uint64_t size,
    uint8_t head[VT_STORED_HEAD], struct vt_err *err)
{
	struct vt_backend_get *get;
	size_t at = 0, got = 0;
	enum vt_code rc;

	if (size < VT_STORED_HEAD)
		return 0;
	rc = vt_backend_get_begin(b, name, NULL, 0, VT_STORED_HEAD, &get, err);
	while (rc == VT_OK && at < VT_STORED_HEAD) {
		rc = vt_backend_get_read(get, head + at, VT_STORED_HEAD - at,
		    &got, err);
		at += got;
	}
	vt_backend_get_end(get);
	return rc != VT_OK ? -1 : vt_stored_is_head(head);
}

/* The master key of that name: a rebuild has no catalog, so no keyring. */
static enum vt_code
find_key(const struct vt_tiers *t, const char *name, struct vt_wrap_key *out,
    struct vt_err *err)
{
	if (t->keyring != NULL)
		return vt_keyring_find(t->keyring, name, out, err);
	if (t->config->master_key_file == NULL)
		return vt_fail(err, VT_INVALID, "it is encrypted by master key "
		    "'%s': name a file of it as master_key_file", name);
	return vt_master_key_read(t->config->master_key_file, name, out, err);
}

/* Open the decoder of a blob with this head; *at and *count: what to read. */
static enum vt_code
open_decoder(const struct vt_tiers *t, const uint8_t *bytes, uint64_t size,
    struct vt_decoder **out, uint64_t *at, uint64_t *count,
    struct vt_err *err)
{
	struct vt_stored_head h;
	struct vt_wrap_key key;
	uint64_t plain = 0;
	enum vt_code rc;

	memset(&key, 0, sizeof(key));
	rc = vt_stored_parse(bytes, VT_STORED_HEAD, &h, err);
	if (rc == VT_OK && (h.is_compressed || !h.is_encrypted))
		rc = vt_fail(err, VT_CORRUPT, "not the form of a snapshot");
	if (rc == VT_OK)
		rc = vt_stored_plain_size(&h, size, NULL, &plain, err);
	if (rc == VT_OK)
		rc = find_key(t, h.key_name, &key, err);
	if (rc == VT_OK)
		rc = vt_decoder_open(&h, &key, size, plain, out, err);
	explicit_bzero(&key, sizeof(key));
	if (rc == VT_OK)
		rc = vt_decoder_range(*out, 0, plain, at, count, err);
	return rc;
}

enum vt_code
vt_snapshot_fetch(struct vt_tiers *t, const struct vt_snapshot *s,
    const char *path, struct vt_err *err)
{
	struct vt_backend *b = vt_tiers_backend(t, s->tier);
	struct vt_backend_head head;
	struct source from = { NULL, NULL, -1 };
	uint8_t bytes[VT_STORED_HEAD];
	uint64_t at = 0, count;
	enum vt_code rc;
	int encoded = 0;

	if (b == NULL)
		return vt_fail(err, VT_INVALID, "no tier '%s' is configured",
		    s->tier);
	rc = vt_backend_head(b, s->name, &head, err);
	count = head.size_bytes;
	if (rc == VT_OK) {
		encoded = read_head(b, s->name, count, bytes, err);
		if (encoded < 0)
			rc = err != NULL ? err->code : VT_IO;
	}
	if (rc == VT_OK && encoded)
		rc = open_decoder(t, bytes, head.size_bytes, &from.decoder,
		    &at, &count, err);
	if (rc == VT_OK)
		rc = vt_backend_get_begin(b, s->name, NULL, at, count,
		    &from.get, err);
	if (rc == VT_OK)
		rc = unpack_to(encoded ? get_decoded : get_blob, &from, path,
		    err);
	vt_backend_get_end(from.get);
	vt_decoder_close(from.decoder);
	if (rc != VT_OK)
		vt_err_prefix(err, "snapshot '%s' on '%s'", s->name, s->tier);
	return rc;
}

static enum vt_code
copy_plain(int from, const char *path, struct vt_err *err)
{
	char block[65536];
	enum vt_code rc = VT_OK;
	struct source s = { NULL, NULL, from };
	size_t got;
	int fd;

	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return vt_fail_errno(err, "cannot create '%s'", path);
	do {
		rc = get_file(&s, block, sizeof(block), &got, err);
		if (rc == VT_OK && vt_fs_write_all(fd, block, got) < 0)
			rc = vt_fail_errno(err, "cannot write '%s'", path);
	} while (rc == VT_OK && got > 0);
	if (rc == VT_OK && fsync(fd) < 0)
		rc = vt_fail_errno(err, "cannot sync '%s'", path);
	close(fd);
	if (rc != VT_OK)
		unlink(path);
	return rc;
}

enum vt_code
vt_snapshot_copy(const char *from, const char *path, struct vt_err *err)
{
	static const unsigned char magic[4] = { 0x28, 0xb5, 0x2f, 0xfd };
	unsigned char start[4];
	struct source s = { NULL, NULL, -1 };
	enum vt_code rc;

	s.fd = open(from, O_RDONLY | O_CLOEXEC);
	if (s.fd < 0)
		return vt_fail_errno(err, "cannot open '%s'", from);
	if (vt_fs_pread_all(s.fd, start, sizeof(start), 0) ==
	    sizeof(start) && memcmp(start, magic, sizeof(magic)) == 0)
		rc = unpack_to(get_file, &s, path, err);
	else
		rc = copy_plain(s.fd, path, err);
	close(s.fd);
	if (rc != VT_OK)
		vt_err_prefix(err, "'%s'", from);
	return rc;
}

/* --- making one ----------------------------------------------------------- */

static enum vt_code
note_intent(const struct vt_snapshot_options *o, const struct vt_snapshot *s,
    enum vt_cat_kind kind, const char *upload, struct vt_err *err)
{
	struct vt_cat_op op;

	memset(&op, 0, sizeof(op));
	op.kind = kind;
	op.u.intent.blob_id = s->number;
	op.u.intent.tier = s->tier;
	op.u.intent.name = s->name;
	op.u.intent.upload = upload;
	return vt_catalog_run(o->catalog, &op, err);
}

struct making {
	const struct vt_snapshot_options *o;
	const struct vt_snapshot *s;
	struct vt_backend_put *put;
	struct vt_encoder *encoder;	/* or NULL */
};

static enum vt_code
put_block(void *ctx, const void *data, size_t len, struct vt_err *err)
{
	struct making *m = ctx;

	if (m->o->stop != NULL && m->o->stop(m->o->stop_ctx) != 0)
		return vt_fail(err, VT_CANCELLED, "stopped");
	return m->encoder != NULL ?
	    vt_encoder_write(m->encoder, data, len, err) :
	    vt_backend_put_write(m->put, data, len, err);
}

static enum vt_code
put_encoded(void *ctx, const void *data, size_t len, struct vt_err *err)
{
	struct making *m = ctx;

	return vt_backend_put_write(m->put, data, len, err);
}

/* On a tier that encrypts: as a blob there. */
static enum vt_code
begin_encoding(struct making *m, struct vt_err *err)
{
	const struct vt_tier *t = vt_tiers_tier(m->o->tiers, m->o->tier);
	struct vt_keyring *k = m->o->tiers->keyring;
	struct vt_encoder_options o = { .size_bytes = UINT64_MAX };
	uint64_t part[2] = { m->s->incarnation, m->s->number };
	struct vt_stored_head head;
	struct vt_wrap_key key;
	uint8_t id[VT_STORED_ID];
	enum vt_code rc;
	int i;

	if (t->encrypt == NULL)
		return VT_OK;
	memset(&key, 0, sizeof(key));
	rc = k == NULL ? vt_fail(err, VT_IO, "there are no master keys") :
	    vt_keyring_wrap(k, t->encrypt, &key, err);
	for (i = 0; i < VT_STORED_ID; i++)
		id[i] = (uint8_t)(part[i / 8] >> (56 - i % 8 * 8));
	o.key = &key;
	if (rc == VT_OK)
		rc = vt_encoder_open(&o, id, put_encoded, m, &m->encoder,
		    &head, err);
	explicit_bzero(&key, sizeof(key));
	if (rc != VT_OK)
		vt_err_prefix(err, "tier '%s' encrypts", t->name);
	return rc;
}

static enum vt_code
upload_begun(void *ctx, const char *upload, struct vt_err *err)
{
	struct making *m = ctx;

	return note_intent(m->o, m->s, VT_CAT_INTENT, upload, err);
}

/* Send the file at `path`. */
static enum vt_code
send(const struct vt_snapshot_options *o, struct vt_backend *b,
    const char *path, struct vt_snapshot *s, struct vt_err *err)
{
	struct making m = { o, s, NULL, NULL };
	struct vt_backend_put_info info = { .size_bytes = UINT64_MAX,
	    .begun = upload_begun, .begun_ctx = &m };
	struct vt_backend_put_result r;
	struct vt_header_kv kv = { "vt-snapshot", "1" };
	enum vt_code rc;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return vt_fail_errno(err, "cannot open '%s'", path);
	rc = vt_backend_put_begin(b, s->name, &info, &m.put, err);
	if (rc == VT_OK) {
		rc = begin_encoding(&m, err);
		if (rc == VT_OK)
			rc = vt_zfile_pack(fd, put_block, &m, err);
		if (rc == VT_OK && m.encoder != NULL)
			rc = vt_encoder_finish(m.encoder, err);
		if (rc == VT_OK)
			rc = vt_backend_put_meta(m.put, &kv, 1, err);
		if (rc == VT_OK)
			rc = vt_backend_put_commit(m.put, &r, err);
		else
			vt_backend_put_abort(m.put);
	}
	vt_encoder_close(m.encoder);
	close(fd);
	if (rc == VT_OK)
		s->size_bytes = r.size_bytes;
	return rc;
}

/* Remove those of this catalog, or of what it was rebuilt from, over the
 * newest `keep`. */
static enum vt_code
prune(const struct vt_snapshot_options *o, struct vt_backend *b,
    struct vt_err *err)
{
	struct vt_arena *a;
	struct vt_snapshot *s;
	size_t n, i, kept = 0;
	enum vt_code rc;

	if (o->keep == 0)
		return VT_OK;
	a = vt_arena_new(1 << 20);
	if (a == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	rc = vt_snapshot_list(o->tiers, o->tier, a, &s, &n, err);
	for (i = 0; i < n && rc == VT_OK; i++) {
		if (!vt_catalog_descends(o->catalog, s[i].incarnation) ||
		    ++kept <= o->keep)
			continue;
		rc = vt_backend_delete(b, s[i].name, NULL, err);
		if (rc == VT_ABSENT)
			rc = VT_OK;
	}
	vt_arena_free(a);
	return rc;
}

/* The catalog's copy beside it, under the lock of who makes one. */
static enum vt_code
copy_catalog(const struct vt_snapshot_options *o, char path[4096],
    int *lock, struct vt_err *err)
{
	if ((size_t)snprintf(path, 4096, "%s-snapshot.lock",
	    o->config->catalog_path) >= 4096)
		return vt_fail(err, VT_INVALID, "path too long: '%s'",
		    o->config->catalog_path);
	*lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*lock < 0)
		return vt_fail_errno(err, "cannot open '%s'", path);
	if (flock(*lock, LOCK_EX | LOCK_NB) < 0)
		return vt_fail(err, VT_BUSY, "another snapshot is being made");
	snprintf(path, 4096, "%s-snapshot", o->config->catalog_path);
	/* what a crash left */
	if (unlink(path) < 0 && errno != ENOENT)
		return vt_fail_errno(err, "cannot remove '%s'", path);
	return vt_catalog_snapshot(o->catalog, path, err);
}

enum vt_code
vt_snapshot_take(const struct vt_snapshot_options *o,
    struct vt_snapshot *out, struct vt_err *err)
{
	struct vt_backend *b = vt_tiers_backend(o->tiers, o->tier);
	char path[4096];
	int lock = -1;
	enum vt_code rc;

	memset(out, 0, sizeof(*out));
	if (b == NULL)
		return vt_fail(err, VT_INVALID, "no tier '%s' is configured",
		    o->tier);
	if (vt_backend_caps(b)->restore)
		return vt_fail(err, VT_INVALID, "tier '%s' needs a restore "
		    "to be read: no place for snapshots", o->tier);
	snprintf(out->tier, sizeof(out->tier), "%s", o->tier);
	out->incarnation = vt_catalog_incarnation(o->catalog);
	out->time_us = vt_clock_now_us(o->clock) / 1000000 * 1000000;
	rc = copy_catalog(o, path, &lock, err);
	if (rc == VT_OK)
		rc = vt_catalog_blob_id(o->catalog, &out->number, err);
	if (rc == VT_OK) {
		make_name(out);
		/* names before bytes (P4) */
		rc = note_intent(o, out, VT_CAT_INTENT, "", err);
		if (rc == VT_OK)
			rc = send(o, b, path, out, err);
		if (rc == VT_OK)
			rc = vt_snapshot_fetch(o->tiers, out, NULL, err);
		if (rc == VT_OK)
			rc = note_intent(o, out, VT_CAT_INTENT_END, "", err);
		if (rc == VT_OK)
			vt_catalog_blob_done(o->catalog, out->number);
		else
			vt_catalog_give_up(o->catalog, out->number, out->tier,
			    out->name, NULL);
		unlink(path);
	}
	if (rc == VT_OK)
		rc = prune(o, b, err);
	if (lock >= 0)
		close(lock);
	return rc;
}

/* Is it, or will it be, garbage: was nobody there to say that it is whole? */
static int
is_doomed(const struct vt_snapshot_options *o, const struct vt_snapshot *s,
    struct vt_arena *a)
{
	struct vt_cat_intent *in;
	size_t n = 0;

	if (s->incarnation != vt_catalog_incarnation(o->catalog))
		return 0;
	return vt_catalog_blob_known(o->catalog, s->number, NULL) != 0 ||
	    vt_catalog_intents(o->catalog, a, s->number, 1, &in, &n,
	    NULL) != VT_OK || n > 0;
}

enum vt_code
vt_snapshot_newest(const struct vt_snapshot_options *o,
    struct vt_snapshot *out, struct vt_err *err)
{
	struct vt_arena *a = vt_arena_new(1 << 20);
	struct vt_snapshot *s;
	size_t n, i;
	enum vt_code rc;

	if (a == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	rc = vt_snapshot_list(o->tiers, o->tier, a, &s, &n, err);
	for (i = 0; i < n && rc == VT_OK; i++)
		if (vt_catalog_descends(o->catalog, s[i].incarnation) &&
		    !is_doomed(o, &s[i], a)) {
			*out = s[i];
			break;
		}
	if (rc == VT_OK && i == n)
		rc = vt_fail(err, VT_ABSENT, "no snapshot on '%s'", o->tier);
	vt_arena_free(a);
	return rc;
}
