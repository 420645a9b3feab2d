/*
 * Packs: many small versions in one stored object, which plain tools open.
 * Knows no backend, no catalog and no configuration: bytes come and go through
 * callbacks.
 *
 * A pack is a tar archive (pax interchange format, POSIX.1-2017) cut into zstd
 * frames (RFC 8878), so `zstd -d` makes the archive of it and
 * `tar --zstd -x` its files:
 *
 *	for each member, in the order of keys
 *	  a frame	what fills up the block of the member before, a pax
 *			extended header, the header of the file
 *	  a frame	the member's bytes and nothing else; none when it is
 *			empty
 *	a frame, a frame	the same of ".vt/index.jsonl", the index
 *	a frame		what fills up its block, two blocks of zeros
 *	a skippable frame of 40 bytes, numbers big-endian but for the first two:
 *		 0  4  0x184d2a5e, little-endian
 *		 4  4  32, little-endian
 *		 8  8  "VTPACK1\n"
 *		16  8  where the frame of the index begins
 *		24  8  its length
 *		32  8  how many members there are
 *
 * So a member is read by one ranged GET of its second frame, and the index by
 * two: of the last 40 bytes, and of what they name.  Frames have a checksum and
 * a window of 1 MiB at most.
 *
 * A file is called as its key where any tar can unpack that, else
 * ".vt/<version id>"; its time is the version's.  The pax header has a
 * `comment` record, which every tar passes over in silence: an object of JSON
 * that says whose bytes these are (vt-pack(5)).  The index has the same
 * objects, one a line, with the place of the member's frame.
 *
 * The same members in the same order make the same bytes, as long as libzstd
 * is the same.  Handles belong to one thread at a time.
 */
#ifndef VT_STORE_PACK_H
#define VT_STORE_PACK_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/err.h"

#define VT_PACK_TRAILER 40	/* bytes of the skippable frame */
#define VT_PACK_ENTRIES 65536	/* members of a pack, at most */

/* --- what the catalog keeps of a pack ------------------------------------- *
 * A blob's transform is "pack FRAMES", the bytes of all its members' frames
 * when it was written: what of them is no longer live is dead.  When the pack
 * as a whole was encrypted it is "pack FRAMES BYTES FORM", with the length that
 * it has decrypted and the text of transform.h; extents count in that.
 */
#define VT_PACK_TEXT 256	/* bytes of such a text, NUL included */
struct vt_pack_form {
	uint64_t frame_bytes;
	uint64_t pack_bytes;
	const char *form;	/* into the text; "": stored as it is */
};
/* 1: the text is that of a pack, which is stored in `stored` bytes. */
int vt_pack_parse_text(const char *transform, uint64_t stored,
    struct vt_pack_form *out);
/* Of a text of which the first 31 bytes are known: is it that of a pack? */
int vt_pack_parse_frames(const char *transform, uint64_t *frame_bytes);
/* -1: its form is too long. */
int vt_pack_text(const struct vt_pack_form *p, char out[VT_PACK_TEXT]);

/* --- names ---------------------------------------------------------------- */

struct vt_pack_key {
	const char *key;
	size_t len;
};
/*
 * Which of `count` keys, sorted as bytes, cannot be files beside each other:
 * is_odd[i] is 1 when a name leads out of the folder or has an empty part, a
 * control character, bytes that are not UTF-8, a part of over 255 bytes, is in
 * ".vt", is the same as one before it, or is what another has for a folder.
 */
void vt_pack_odd_keys(const struct vt_pack_key *keys, size_t count,
    unsigned char *is_odd);

/* --- writing -------------------------------------------------------------- */

/* What a pack says of a member; borrowed during the call. */
struct vt_pack_entry {
	const char *bucket, *key;
	size_t key_len;
	int is_odd;		/* to be called by its version id */
	const char *version_id;
	int is_null;		/* goes by "null" */
	uint64_t size_bytes;
	uint64_t crc64;		/* CRC64NVME of its bytes */
	int64_t mtime_us;
	const char *etag, *checksum, *tags, *owner;
	const char *meta;	/* "name\0value\0"..., the headers */
	size_t meta_len;
};
/* What came of a pack. */
struct vt_pack_sum {
	uint64_t bytes, crc64;	/* of all of it, as it left */
	uint64_t frame_bytes;	/* of the members' own frames */
	uint64_t members;
};

struct vt_pack_writer;
typedef enum vt_code vt_pack_put(void *ctx, const void *data, size_t len,
    struct vt_err *err);
/* `put` takes the bytes; its failures come back as they are.  VT_NOMEM. */
enum vt_code vt_pack_writer_open(vt_pack_put *put, void *ctx,
    struct vt_pack_writer **out, struct vt_err *err) VT_MUST_CHECK;
/* Begin the next member.  VT_TOO_LARGE: there are VT_PACK_ENTRIES, or what is
 * said of them grows too large. */
enum vt_code vt_pack_writer_begin(struct vt_pack_writer *w,
    const struct vt_pack_entry *e, struct vt_err *err) VT_MUST_CHECK;
/* Its bytes, in pieces of any size... */
enum vt_code vt_pack_writer_data(struct vt_pack_writer *w, const void *data,
    size_t len, struct vt_err *err) VT_MUST_CHECK;
/* ...or the frame that another pack has of them. */
enum vt_code vt_pack_writer_frame(struct vt_pack_writer *w, const void *data,
    size_t len, struct vt_err *err) VT_MUST_CHECK;
/* End it: where its frame lies.  VT_CORRUPT: its bytes were not as many as the
 * entry said. */
enum vt_code vt_pack_writer_end(struct vt_pack_writer *w, uint64_t *offset,
    uint64_t *length, struct vt_err *err) VT_MUST_CHECK;
/* The index and the end of the archive. */
enum vt_code vt_pack_writer_finish(struct vt_pack_writer *w,
    struct vt_pack_sum *out, struct vt_err *err) VT_MUST_CHECK;
/* NULL is accepted. */
void vt_pack_writer_close(struct vt_pack_writer *w);

/* --- reading -------------------------------------------------------------- */

/* One member's frame. */
struct vt_pack_frame;
/* Up to `len` stored bytes; *got 0 only at the end of the frame. */
typedef enum vt_code vt_pack_get(void *ctx, void *data, size_t len,
    size_t *got, struct vt_err *err);
/* Of `plain_bytes` bytes when decompressed, at least 1.  VT_NOMEM. */
enum vt_code vt_pack_frame_open(uint64_t plain_bytes,
    struct vt_pack_frame **out, struct vt_err *err) VT_MUST_CHECK;
/*
 * Up to `len` plain bytes; *got 0 only at the end.  The last ones are given
 * out when the frame was found to end with them.  VT_CORRUPT: it does not, or
 * is none.
 */
enum vt_code vt_pack_frame_read(struct vt_pack_frame *f, vt_pack_get *get,
    void *ctx, void *data, size_t len, size_t *got, struct vt_err *err)
    VT_MUST_CHECK;
/* NULL is accepted. */
void vt_pack_frame_close(struct vt_pack_frame *f);

/* Where the index is, by the last bytes of a pack of `bytes`.  VT_INVALID: it
 * is no pack, or one of a newer version. */
enum vt_code vt_pack_trailer(const uint8_t trailer[VT_PACK_TRAILER],
    uint64_t bytes, uint64_t *offset, uint64_t *length, uint64_t *members,
    struct vt_err *err) VT_MUST_CHECK;

#endif
