/*
 * Scan records in blocks of bytes, where nobody reads along: what vt-scan
 * --binary writes in the place of lines, and what vt-plan keeps of lines until
 * they are decided on.  A sixth of a line's bytes, and a tenth of the work of
 * reading it.  A block knows of no other, so that threads can each have one.
 *
 * They say what lines say (records.h), no more exactly: times to the
 * millisecond, gaps to the second.  So it makes no difference by which of the
 * two a record came.
 *
 * A block is a header of VT_BLOCK_HEADER bytes and its records.  Numbers have
 * the low byte first:
 *
 *	8 bytes	VT_BLOCK_MAGIC, of which the last is the format's number
 *	4	bytes of records, 0 to VT_BLOCK_MAX
 *	4	how many records
 *	8	records in the blocks of the stream before it
 *	8	CRC-64/NVME of all of the block but these eight bytes
 *
 * A stream is blocks, and behind them one without records, by which it is
 * known to be whole.  Nothing here knows files: recordstream.h does.
 */
#ifndef VT_PROTO_RECORDBLOCK_H
#define VT_PROTO_RECORDBLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/arena.h"
#include "libvt/base/buf.h"
#include "libvt/base/err.h"
#include "libvt/base/exact.h"
#include "libvt/proto/records.h"

/* No JSON begins with its first byte. */
#define VT_BLOCK_MAGIC "\x89vtscan\x02"
#define VT_BLOCK_HEADER 32
/* The most bytes of records in a block. */
#define VT_BLOCK_MAX ((size_t)64 << 20)

/* So many bytes behind the records of a block, where it is read, can be read,
 * whatever they are. */
#define VT_BLOCK_BEHIND 128

/* So many bytes of a key are not told again at most. */
#define VT_BLOCK_SHARED 255

/* --- writing -------------------------------------------------------------- */

/* A block being filled.  `bytes` begins with room for the header. */
struct vt_block {
	struct vt_buf bytes;
	uint32_t count;		/* records in it */
	size_t text;		/* what keys and versions come to */
	/* where in it what was told last is, and what that was */
	size_t bucket, tier, class_name, gaps, gap_count;
	int64_t generation, bucket_generation, seq;
	int64_t mtime_ms, from_ms, to_ms, gaps_us;
	double covered_days;
	size_t key_len;		/* as much of it as others may share */
	char key[VT_BLOCK_SHARED + 1];
};

/* An empty one.  Cannot fail. */
void vt_block_init(struct vt_block *k);
/* Free what is inside; may be repeated. */
void vt_block_release(struct vt_block *k);
/* Forget the records, keep the memory. */
void vt_block_reset(struct vt_block *k);
/* Bytes of records in it. */
size_t vt_block_len(const struct vt_block *k);
/* Add a record of any kind: 0; -1: no memory, or it would be more than
 * VT_BLOCK_MAX, or its keys and versions would, as they are read: then the
 * block is as it was before. */
int vt_block_add(struct vt_block *k, const struct vt_scan_record *r);
/* Write the header: `before` records are in the blocks of its stream that come
 * before it.  The block is k->bytes then.  0; -1: no memory. */
int vt_block_seal(struct vt_block *k, uint64_t before);

/* --- reading -------------------------------------------------------------- */

/* What a header says. */
struct vt_block_head {
	size_t len;		/* of the records behind it */
	uint32_t count;
	uint64_t before;
};

/* Read one of VT_BLOCK_HEADER bytes.  VT_INVALID: it is none, or of another
 * format; VT_TOO_LARGE. */
enum vt_code vt_block_parse_head(const char *header, struct vt_block_head *out,
    struct vt_err *err) VT_MUST_CHECK;
/* Is it what was sealed?  0; -1: it is not. */
int vt_block_verify(const struct vt_block *k);

/* Memory for keys and versions, kept from block to block. */
struct vt_block_text;

/* One at a block. */
struct vt_block_reader {
	struct vt_exact in;	/* what is left of it */
	struct vt_arena *lists;
	struct vt_block_text *first, *text;	/* of all, and the one in use */
	char *at;				/* what is free of that */
	size_t text_len;	/* how much there is in all */
	/* what was told last */
	const char *bucket, *tier, *class_name, *key;
	size_t key_len;
	int64_t generation, bucket_generation, seq;
	int64_t mtime_ms, from_ms, to_ms, gaps_us;
	const struct vt_heat_gap *gaps;
	size_t gap_count;
	double covered_days;
};

/* 0; -1: no memory, then nothing need be released. */
int vt_block_reader_init(struct vt_block_reader *r);
void vt_block_reader_release(struct vt_block_reader *r);
/* Go to the first of `len` bytes of records, borrowed while it is there, and
 * VT_BLOCK_BEHIND more. */
void vt_block_open(struct vt_block_reader *r, const char *records,
    size_t len);
/* The same, but what records of blocks before point to in the reader stays. */
void vt_block_follow(struct vt_block_reader *r, const char *records,
    size_t len);
/*
 * The next record, in the order of adding; of a version all but its days, which
 * are left packed (vt_record_days).  What it points to is borrowed until the
 * next vt_block_open, and lies in the block or in the reader.  VT_ABSENT at the
 * end; VT_NOMEM; VT_CORRUPT: what follows is no record, for bytes that somebody
 * else made are read safely.  There is no message: the caller knows where the
 * block is from.
 */
enum vt_code vt_block_next(struct vt_block_reader *r,
    struct vt_scan_record *out) VT_MUST_CHECK;

/* Room for days, kept from record to record. */
struct vt_days_room {
	struct vt_heat_day *h;
	size_t cap;
};

/*
 * The days of a record that vt_block_next gave: those that end at most `within`
 * days before the newest does (INFINITY: all).  Few objects are asked for more
 * than their last days.  They lie in the room until its next use, which is the
 * caller's to free.  VT_NOMEM; VT_CORRUPT, without a message.
 */
enum vt_code vt_record_days(struct vt_scan_record *r, double within,
    struct vt_days_room *room) VT_MUST_CHECK;

#endif
