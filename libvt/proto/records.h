/*
 * Records of the pipe: the line vt-scan writes for a version and the line
 * vt-plan writes for a move, parsed and formatted.  vt-plan(5) documents every
 * field with its unit; fields are only ever added, unknown ones are skipped.
 * Nothing here knows a catalog, a price or a decision.
 */
#ifndef VT_PROTO_RECORDS_H
#define VT_PROTO_RECORDS_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/arena.h"
#include "libvt/base/buf.h"
#include "libvt/base/err.h"

/* The longest line of the pipe that is read. */
#define VT_RECORD_LINE_MAX (16u << 20)

/* --- a move, a removal, or a pack ----------------------------------------- *
 * A proposal, never an authority: who carries it out checks it again (P3).
 */
struct vt_move {
	/* "": a move; or a removal that a lifecycle rule asks for: "expire",
	 * "expire-version", "expire-marker", "abort-upload"; or "pack": many
	 * small objects are to go into one, and "pack-member": one of them; or
	 * "repack": one that is there is to be written anew */
	const char *action;
	const char *pack;	/* 16 hex digits: which pack; "" for the rest */
	uint64_t blob;		/* of "repack": which; 0 for the rest */
	uint64_t objects;	/* of "pack": how many; size_bytes is of all */
	uint64_t pack_bytes;	/* of "pack": what it will take on its tier */
	const char *rule;	/* its ID; also of moves that a rule asks for */
	const char *upload;	/* of "abort-upload": no version, no seq */
	const char *plan;	/* 16 hex digits, one per plan */
	const char *prices;	/* 16 hex digits of the price file's SHA-256 */
	const char *policies;	/* the same of placement policies; "": none */
	const char *policy;	/* the one that asks for the move, or "" */
	const char *bucket;
	const char *key;	/* bytes, also NUL-terminated; of "pack" what
				   the keys of all begin with */
	size_t key_len;
	const char *version;	/* 32 hex digits, or "" when foreign */
	int64_t seq;		/* of the version in the catalog; 0: foreign */
	int64_t generation;	/* of the version, as it was read */
	int64_t bucket_generation;
	int64_t copy;		/* id of the copy to drop once moved */
	const char *from, *to;	/* tier names */
	uint64_t size_bytes;
	double saving_usd_month;
	double cost_usd;
	double payback_days;
	const char *reason;	/* a sentence; may be "" */
	int64_t not_after_us;	/* the move is stale then; 0: never */
};

/*
 * Parse one line (without its newline) into `out`, whose strings live in `a`.
 * VT_INVALID says which field is missing or wrong: bucket, key, seq and "v":1
 * are required, of moves also copy, from and to, of "abort-upload" upload in
 * the place of seq, of "pack" to and pack alone, of "pack-member" all of a move
 * and pack, of "repack" to and blob; for the rest absence means 0 or "".  An
 * action that is not known is
 * an error, and so is a pack without one of its actions: never a move.
 * VT_NOMEM when the arena is full.
 */
enum vt_code vt_move_parse(const char *line, size_t len, struct vt_arena *a,
    struct vt_move *out, struct vt_err *err) VT_MUST_CHECK;
/* "pack" or "pack-member"?  Neither a move nor a removal. */
int vt_move_is_packing(const struct vt_move *m);
/* Append the line with its newline.  As vt_buf_add: sticky failure. */
void vt_move_format(const struct vt_move *m, struct vt_buf *out);

/*
 * For who writes many: what the lines of a plan have in common, looked at once.
 * Strings that a move has at these addresses are taken to be what they were.
 */
struct vt_move_frame {
	const char *plan, *prices, *policies;
	char head[256];		/* a line of theirs up to its bucket */
	size_t head_len;	/* 0: it is written anew each time */
};
/* Its strings are borrowed. */
void vt_move_frame_init(struct vt_move_frame *f, const char *plan,
    const char *prices, const char *policies);
/* Lengths of those strings of a move that are known to be printable ASCII
 * without quotes and backslashes; 0: nothing is known of it. */
struct vt_move_known {
	size_t version, from, to, reason;
};
/* As vt_move_format, and the same line. */
void vt_move_format_in(const struct vt_move_frame *f, const struct vt_move *m,
    const struct vt_move_known *known, struct vt_buf *out);

/* --- a version with its heat ---------------------------------------------- */

/*
 * Accesses of one or more days.  days == 1: of the day `day` alone.  Else a
 * fold of `days` days with accesses, the first `day` and the last `last`,
 * taken as evenly spread.  Days are counted from 1970-01-01 UTC.
 */
struct vt_heat_day {
	int32_t day, last;
	uint32_t days;
	uint64_t gets;
	uint64_t bytes;
};

/* Time the log did not cover, within covered_from..covered_to. */
struct vt_heat_gap {
	int64_t from_us, length_us;
};

/* What a line speaks of. */
enum vt_scan_kind {
	VT_SCAN_VERSION,
	VT_SCAN_BUCKET,		/* its rules, before its versions */
	VT_SCAN_MARKER,		/* a delete marker */
	VT_SCAN_UPLOAD		/* in progress */
};

struct vt_scan_record {
	enum vt_scan_kind kind;
	/* of a bucket with lifecycle rules */
	const char *lifecycle;	/* the document as it is stored */
	size_t lifecycle_len;
	const char *versioning;	/* "enabled", "suspended" or "" */
	int64_t at_us;		/* when the scan was */
	int64_t day_ms;		/* the length of its days; 0: 24 h */
	int has_min_bytes;
	uint64_t min_bytes;	/* the least size of a transition */
	/* of versions, markers and uploads in such buckets */
	int is_ruled;		/* it is in one: else the rest is not told */
	const char *tags;	/* query-encoded, or "" */
	int64_t noncurrent_since_us;
	uint32_t newer;		/* noncurrent versions newer than it */
	int is_alone;		/* a marker that is all of its key */
	const char *upload;	/* the id of an upload */

	const char *bucket;
	const char *key;
	size_t key_len;
	const char *version;	/* 32 hex digits, or "" when foreign */
	int64_t seq;		/* 0: foreign */
	int64_t generation, bucket_generation;
	int is_current;
	uint64_t size_bytes;
	int64_t mtime_us;	/* creation of the version */

	const char *tier;	/* of the copy described; "hot" when foreign */
	const char *storage_class;
	int64_t copy;		/* its id; 0 when foreign */
	int64_t copy_since_us;	/* when it came to the tier */
	uint64_t stored_bytes;
	int adopted;		/* some bytes are not ours to delete */
	int64_t pack;		/* the pack its bytes lie in; 0: none */
	uint64_t pack_bytes;	/* what that takes on the tier */
	double pack_dead;	/* the share of it that no version uses, 0..1 */
	const char *const *also;	/* other tiers with a copy */
	size_t also_count;

	const char *pin;	/* tier it must stay on, or "" */
	const char *lock;	/* "governance", "compliance" or "" */
	int64_t retain_until_us;
	int legal_hold;

	uint64_t reads, bytes_read;	/* client accesses seen */
	uint64_t r30, r90;	/* reads in the last 30 / 90 days */
	int64_t last_read_us;	/* 0: never seen */
	int64_t covered_from_us, covered_to_us;	/* within the version's life */
	double covered_days;	/* of those, without the gaps */
	const struct vt_heat_gap *gaps;
	size_t gap_count;
	const struct vt_heat_day *h;	/* ascending */
	size_t h_count;
	/* of a record in a block: what h is made of, with last_read_us, by
	 * vt_record_days */
	const char *packed_days;	/* NULL: none, or h has them */
	size_t packed_len;
};

/*
 * Parse one line as above.  Required: "v":1, bucket, and as the kind has them
 * key, size, tier, lifecycle, upload.  Of a version with a copy, or a foreign
 * one, copy_since and stored_bytes are mtime and size where there is none, and
 * covered_from is mtime with a covered_to.  `h` and `gaps` must be ascending.
 * VT_INVALID, VT_NOMEM.
 */
enum vt_code vt_scan_record_parse(const char *line, size_t len,
    struct vt_arena *a, struct vt_scan_record *out, struct vt_err *err)
    VT_MUST_CHECK;
/* The same of the first of many lines that may be cut into their strings:
 * those of `out` lie in it or in `a`.  They are `len` bytes, each line with its
 * newline; behind them are VT_RECORD_BEHIND bytes that can be read.
 * `line_len` gets the length of the one that was read, without its newline. */
#define VT_RECORD_BEHIND 128
enum vt_code vt_scan_record_parse_first(char *lines, size_t len,
    size_t *line_len, struct vt_arena *a, struct vt_scan_record *out,
    struct vt_err *err) VT_MUST_CHECK;
/* Append the line with its newline.  As vt_buf_add: sticky failure. */
void vt_scan_record_format(const struct vt_scan_record *r,
    struct vt_buf *out);

#endif
