/*
 * The note that lies beside a blob's bytes and tells, without a catalog, whose
 * they are (P11): a rebuild and a salvage read it, nothing else does.  How it
 * is written down, and read; where it is kept is the backend's.
 *
 * A note is a list of names and values, each value visible ASCII with all else
 * (blanks, '%', bytes over 126) written "%XX":
 *
 *	vt		1 incarnation blob written_us plain_bytes crc64
 *	vt-bucket	the bucket's name
 *	vt-key		the key
 *	vt-etag		without quotes
 *	vt-owner	canonical id
 *	vt-sum		as vt_version.checksum
 *	vt-meta		"name\0value\0"... as vt_version.meta
 *	vt-tags vt-acl vt-sse	as in vt_version
 *	vt-form		the blob's transform
 *	vt-lock		mode retain_until_us hold
 *	vt-part		upload number, of a part of an upload
 *	vt-version	seq id null mtime_us size_bytes crc64 parts offset, of
 *			bytes of a version that the catalog has
 *	vt-id		version id, of bytes that are to become a version
 *	vt-pack		1: a pack, whose members say whose bytes they are; with
 *			it only vt, vt-form
 *	vt-cut		1: tags, ACL and headers did not fit
 *
 * Numbers are decimal, incarnation and sums 16 digits of hex.  What is empty
 * or zero is left out.  A reader takes unknown names for none.
 */
#ifndef VT_WORK_NOTE_H
#define VT_WORK_NOTE_H

#include "libvt/base/arena.h"
#include "libvt/store/backend.h"
#include "libvt/store/catalog.h"

struct vt_note {
	uint64_t incarnation, blob_id;	/* as it was born */
	int64_t written_us;
	uint64_t plain_bytes;	/* of the blob */
	uint64_t crc64;		/* of these; 0 of what was copied encrypted */
	const char *bucket, *key, *etag, *owner, *checksum, *meta, *tags,
	    *acl, *sse, *form;	/* never NULL after a read */
	size_t key_len, meta_len;
	enum vt_lock_mode lock_mode;
	int64_t retain_until_us;
	enum vt_hold legal_hold;
	const char *upload;	/* of a part, else "" */
	uint32_t part_number;
	/* of bytes of a version in the catalog; seq 0: not known yet */
	int64_t seq, mtime_us;
	char version_id[VT_ID_LEN + 1];
	int is_null;
	uint64_t size_bytes, version_crc64, offset;
	uint32_t part_count;
	int is_cut;
	int is_pack;		/* plain_bytes, crc64: of the pack */
};

/* A note as a backend takes it; large: not for a small stack. */
#define VT_NOTE_PAIRS 17
struct vt_note_text {
	struct vt_header_kv kv[VT_NOTE_PAIRS];
	size_t count;
	size_t len;
	char text[VT_BLOB_META_MAX];
};
/* Never fails: what does not fit is cut, tags first, then the ACL, then the
 * headers.  NULL strings are taken for empty ones. */
void vt_note_format(const struct vt_note *n, struct vt_note_text *out);

/* What a version says of itself, for bytes at `offset` of it. */
void vt_note_of_version(const char *bucket, const struct vt_version *v,
    uint64_t offset, uint64_t plain_bytes, uint64_t crc64,
    struct vt_note *out);

/*
 * Read the note of a blob; strings live in `a`.  VT_ABSENT: it has none, or
 * there is no such blob; VT_INVALID: a newer program's, or broken.
 */
enum vt_code vt_note_read(struct vt_backend *b, const char *name,
    struct vt_arena *a, struct vt_note *out, struct vt_err *err)
    VT_MUST_CHECK;
/* One pair at a time, as vt_backend_meta and a pack's headers give them;
 * `out` zeroed before the first.  -1: no memory.  After the last,
 * vt_note_check, with codes as above. */
int vt_note_take(struct vt_note *out, struct vt_arena *a, const char *name,
    const char *value);
enum vt_code vt_note_check(const struct vt_note *n, const char *name,
    struct vt_err *err) VT_MUST_CHECK;

#endif
