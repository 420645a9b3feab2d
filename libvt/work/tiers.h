/*
 * The configured tiers, opened: where the catalog's copies and the backends'
 * blobs meet.  The one placement function, writing a new blob under a leased
 * name, reading a copy whatever its extents and tier.  Threads may share the
 * handle; a writer or reader belongs to one thread at a time.
 */
#ifndef VT_WORK_TIERS_H
#define VT_WORK_TIERS_H

#include "libvt/store/backend.h"
#include "libvt/store/catalog.h"
#include "libvt/work/config.h"
#include "libvt/work/keyring.h"

struct vt_tiers;

/* `config`, `catalog` and `clock` are borrowed for the handle's life. */
enum vt_code vt_tiers_open(const struct vt_config *config,
    struct vt_catalog *catalog, const struct vt_clock *clock, int create,
    struct vt_tiers **out, struct vt_err *err) VT_MUST_CHECK;
void vt_tiers_close(struct vt_tiers *t);
/* Read what master keys encrypt with these, borrowed; before any thread reads.
 * Without them such a copy cannot be read, but moved. */
void vt_tiers_use_keyring(struct vt_tiers *t, struct vt_keyring *k);

/* The tier's description or its backend; NULL when not configured. */
const struct vt_tier *vt_tiers_tier(const struct vt_tiers *t,
    const char *name);
struct vt_backend *vt_tiers_backend(const struct vt_tiers *t,
    const char *name);

/* Is it on another machine?  Never blocks. */
int vt_tiers_is_remote(const struct vt_tiers *t, const char *name);
/*
 * Every call to a tier on another machine ends soon with VT_CANCELLED, and all
 * that are made after this.  Any thread.
 */
void vt_tiers_cancel(struct vt_tiers *t);

/*
 * The placement function of every write path (lesson 1).  `place`: what
 * policies ask, or NULL.  `storage_class`: what the client asked for; with
 * NULL or "" it is the first tier that policies leave.  *is_inline: the body
 * goes into the catalog (its size is known and small, the tier is inline and
 * the total allows it).  VT_INVALID: no tier answers for that class;
 * VT_DENIED: policies do not let it lie there (P6: there is no other instead).
 * Never blocks.
 */
enum vt_code vt_tiers_place(struct vt_tiers *t, const struct vt_place *place,
    const char *storage_class, uint64_t size_bytes,
    const struct vt_tier **tier, int *is_inline, struct vt_err *err)
    VT_MUST_CHECK;

/* --- a new blob ----------------------------------------------------------- */
/* How the bytes of a blob come and are kept; all NULL: as they come, but for
 * what the tier does to them, which compresses or encrypts. */
struct vt_blob_form {
	/* encrypt them; this key, borrowed during the call, wraps the data
	 * key, and not one of the tier */
	const struct vt_wrap_key *wrap;
	/* or: they are those of a blob stored in this form, and stay so;
	 * borrowed until the writer ends */
	const char *transform;
	uint64_t plain_bytes;	/* then: what they are when plain */
	int is_packed;		/* they are compressed: not to be again */
};
struct vt_blob_writer;
/*
 * Begin a blob on `tier`: takes a leased id, makes the name, opens the put.
 * On a remote tier the name is in the catalog before its first byte leaves
 * (P4).  `size_bytes`, of what comes: UINT64_MAX if unknown.  `form` NULL: as
 * the tier has it.  On a tier that compresses the backend is asked when the
 * first bytes have shown whether they shrink.
 */
enum vt_code vt_blob_writer_open(struct vt_tiers *t, const char *tier,
    const char *bucket, const char *key, size_t key_len,
    uint64_t size_bytes, const struct vt_blob_form *form,
    struct vt_blob_writer **out, struct vt_err *err) VT_MUST_CHECK;
enum vt_code vt_blob_writer_write(struct vt_blob_writer *w, const void *data,
    size_t len, struct vt_err *err) VT_MUST_CHECK;
/* What tells of the bytes without the catalog (P11): as vt_backend_put_meta.
 * Once at most, after the last write. */
enum vt_code vt_blob_writer_meta(struct vt_blob_writer *w,
    const struct vt_header_kv *meta, size_t count, struct vt_err *err)
    VT_MUST_CHECK;
/* The same from a note, whose fields about the blob itself are filled in. */
struct vt_note;
enum vt_code vt_blob_writer_note(struct vt_blob_writer *w,
    const struct vt_note *note, struct vt_err *err) VT_MUST_CHECK;
/* Commit to stable storage and describe it as one extent covering the blob;
 * strings in `a`.  Frees the writer whatever it returns. */
enum vt_code vt_blob_writer_commit(struct vt_blob_writer *w,
    struct vt_arena *a, struct vt_cat_extent *out, struct vt_err *err)
    VT_MUST_CHECK;
/* Gives up; NULL accepted. */
void vt_blob_writer_abort(struct vt_blob_writer *w);
/* The blob of this extent was committed but no catalog row will ever refer to
 * it (the transaction refused): remove its bytes now, best effort; a crash
 * leaves them to recovery. */
void vt_blob_discard(struct vt_tiers *t, const struct vt_cat_extent *e);
/* An extent whose bytes go into the catalog itself; `data` is borrowed until
 * the operation completes, what the form and the tier make of the bytes is in
 * `a`. */
enum vt_code vt_blob_inline_as(struct vt_tiers *t, const char *tier,
    const void *data, size_t len, const struct vt_blob_form *form,
    struct vt_arena *a, struct vt_cat_extent *out, struct vt_err *err)
    VT_MUST_CHECK;

/* --- reading a copy ------------------------------------------------------- */
/*
 * The best readable copy of a version: one at the server's location first, then
 * the lowest first-byte time, but what has to be restored after what has not,
 * and a tier whose breaker is open last;
 * NULL if it has none (an empty object has a copy with no extents).
 */
const struct vt_copy *vt_tiers_best_copy(const struct vt_tiers *t,
    const struct vt_version *v);

struct vt_copy_reader;
/*
 * Read `length` bytes of the object at `offset`, across extents.  `v` and
 * `copy` (looked up with inline data) are borrowed until close.
 * VT_NEEDS_RESTORE, VT_ABSENT (bytes gone: look the version up again).
 */
enum vt_code vt_copy_reader_open(struct vt_tiers *t,
    const struct vt_version *v, const struct vt_copy *copy, uint64_t offset,
    uint64_t length, struct vt_copy_reader **out, struct vt_err *err)
    VT_MUST_CHECK;
/* Read the bytes of one extent as they are stored; of a whole blob, against
 * its checksum.  `e` is borrowed until close. */
enum vt_code vt_stored_reader_open(struct vt_tiers *t,
    const struct vt_extent *e, struct vt_copy_reader **out,
    struct vt_err *err) VT_MUST_CHECK;
/* The key of what a customer's key encrypts (copied, and wiped at close). */
void vt_copy_reader_key(struct vt_copy_reader *r,
    const struct vt_wrap_key *key);
/* Open the first extent now and not with the first read, so that what cannot
 * be read or decrypted is known before. */
enum vt_code vt_copy_reader_begin(struct vt_copy_reader *r,
    struct vt_err *err) VT_MUST_CHECK;
/* Up to `len` bytes; *got 0 only at the end.  Reads of a whole object check
 * the CRC64 of the version with the last byte: VT_CORRUPT (P5). */
enum vt_code vt_copy_reader_read(struct vt_copy_reader *r, void *data,
    size_t len, size_t *got, struct vt_err *err) VT_MUST_CHECK;
void vt_copy_reader_close(struct vt_copy_reader *r);
/*
 * A read that went wrong goes on where it was, from another copy: the CRC64 of
 * what came before, of a read that began with the first byte; and, before the
 * first byte of the next one is read, how that goes on.
 */
uint64_t vt_copy_reader_crc64(const struct vt_copy_reader *r);
void vt_copy_reader_continue(struct vt_copy_reader *r, uint64_t crc64);
/* Extents that were opened at a backend so far. */
uint64_t vt_copy_reader_requests(const struct vt_copy_reader *r);
/* One extent on a backend with descriptors: *fd (caller closes), offset in
 * it; VT_INVALID when the copy is not of that shape. */
enum vt_code vt_copy_fd(struct vt_tiers *t, const struct vt_copy *copy,
    uint64_t offset, uint64_t length, int *fd, uint64_t *fd_offset,
    struct vt_err *err) VT_MUST_CHECK;

#endif
