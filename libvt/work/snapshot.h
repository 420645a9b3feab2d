/*
 * Snapshots of the catalog on a tier (P11): a consistent copy of the file,
 * compressed, under a name that tells whose it is and of when, so that a
 * rebuild finds the newest with nothing but the configuration.  An old one
 * goes only when a newer was read back and is whole.
 *
 * They lie under VT_SNAPSHOTS, which no blob's name begins with:
 *
 *	vt_snapshots/INCARNATION-TIME-NUMBER.db.zst
 *
 * the catalog's incarnation in 16 digits of hex, when it was begun as
 * 20261122T120000Z, and a number of the catalog that is never used twice.
 *
 * A snapshot holds what the catalog holds: small objects' bytes, and the
 * secrets of users' keys; of master keys only what proves them.  On a tier that
 * encrypts it is encrypted as a blob there would be, in the form of
 * transform.h: then a rebuild needs the master keys.
 */
#ifndef VT_WORK_SNAPSHOT_H
#define VT_WORK_SNAPSHOT_H

#include "libvt/store/catalog.h"
#include "libvt/work/tiers.h"

#define VT_SNAPSHOTS "vt_snapshots/"
#define VT_SNAPSHOT_NAME_MAX 96

struct vt_snapshot {
	char tier[33];
	char name[VT_SNAPSHOT_NAME_MAX];
	uint64_t incarnation, number;
	int64_t time_us;
	uint64_t size_bytes;	/* as stored */
};

/* 1: it is the name of a snapshot, and of which. */
int vt_snapshot_parse(const char *name, struct vt_snapshot *out);

struct vt_snapshot_options {
	struct vt_catalog *catalog;
	struct vt_tiers *tiers;
	const struct vt_config *config;
	const struct vt_clock *clock;
	const char *tier;
	unsigned keep;		/* of this catalog; 0: remove none */
	/* Asked between blocks; not 0 ends it with VT_CANCELLED.  May be
	 * NULL. */
	int (*stop)(void *ctx);
	void *stop_ctx;
};
/*
 * Make one, read it back, and remove those over `keep`.  The copy is made
 * beside the catalog first.  VT_BUSY: another is being made; VT_INVALID: the
 * tier is not there, or needs a restore to be read.  Blocks.
 */
enum vt_code vt_snapshot_take(const struct vt_snapshot_options *o,
    struct vt_snapshot *out, struct vt_err *err) VT_MUST_CHECK;

/* Those of a tier, newest first, in arena memory, at most 1,000 of the
 * newest. */
enum vt_code vt_snapshot_list(struct vt_tiers *t, const char *tier,
    struct vt_arena *a, struct vt_snapshot **out, size_t *count,
    struct vt_err *err) VT_MUST_CHECK;
/* The newest of the catalog's own on a tier; VT_ABSENT. */
enum vt_code vt_snapshot_newest(const struct vt_snapshot_options *o,
    struct vt_snapshot *out, struct vt_err *err) VT_MUST_CHECK;

/* Fetch one into the new file `path`; with NULL only read it.  VT_CORRUPT: it
 * is not whole. */
enum vt_code vt_snapshot_fetch(struct vt_tiers *t,
    const struct vt_snapshot *s, const char *path, struct vt_err *err)
    VT_MUST_CHECK;
/* The same from a file, compressed or as vt_catalog_snapshot makes it. */
enum vt_code vt_snapshot_copy(const char *from, const char *path,
    struct vt_err *err) VT_MUST_CHECK;

#endif
