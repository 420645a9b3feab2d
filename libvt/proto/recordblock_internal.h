/*
 * How records lie in blocks, for who writes and who reads them.
 *
 * A record begins with 64 bits, so that most of it needs no second look: 16
 * flags, how many bytes its key begins with that the key before it does, how
 * many follow, and for each of eight numbers, four bits each, how many bytes it
 * takes.  Behind them are more flags, if there are any; the eight numbers; the
 * version, as bytes, and the rest of the key; what is told of few; the days.
 *
 * What is as in the record before it in its block is not said again, and times
 * and numbers that are near another are the difference.  Of few are varints
 * (varint.h), those with a sign folded into them (0, -1, 1, -2...); times and
 * fractions of eight bytes, the low one first; strings with their length before
 * and a NUL behind them.
 */
#ifndef VT_PROTO_RECORDBLOCK_INTERNAL_H
#define VT_PROTO_RECORDBLOCK_INTERNAL_H

#include <stdint.h>

#include "libvt/proto/recordblock.h"

/* What there is, or need not be said. */
enum {
	KIND		= 3,		/* the kind itself */
	HAS_MORE	= 1 << 2,	/* of the flags below */
	HAS_VERSION	= 1 << 3,	/* VERSION_BYTES, in hex */
	IS_CURRENT	= 1 << 4,
	IS_RULED	= 1 << 5,
	CAME_AT_BIRTH	= 1 << 6,	/* copy_since is mtime */
	STORED_PLAIN	= 1 << 7,	/* stored_bytes is the size */
	FROM_SHIFT	= 8,		/* 2 bits: how covered_from is told */
	DAYS_SHIFT	= 10,		/* 2 bits: how covered_days is */
	READ_WHOLE	= 1 << 12,	/* bytes_read is reads times the size */
	HAS_RECENT	= 1 << 13,	/* r30, r90 */
	HAS_HEAT	= 1 << 14,
	ALL_FLAGS	= (1 << 15) - 1
};

/* covered_from: */
enum {
	FROM_BIRTH,		/* is mtime */
	FROM_SAME,		/* is the one told last */
	FROM_TOLD,
	FROM_NOTHING		/* nothing is covered: all is 0 */
};

/* covered_days: */
enum {
	DAYS_SAME,		/* is the one told last */
	DAYS_NEAR,		/* is what the covered time comes to, and so
				   many billionths */
	DAYS_TOLD
};

/* The same, of few. */
enum {
	NEW_BUCKET	= 1 << 0,	/* not that of the record before */
	NEW_TIER	= 1 << 1,
	NEW_CLASS	= 1 << 2,
	NEW_GENERATION	= 1 << 3,	/* one of the two */
	NEW_COVERED	= 1 << 4,	/* covered_to, and the gaps */
	TEXT_VERSION	= 1 << 5,	/* one that is none of ours */
	WHOLE_KEY	= 1 << 6,	/* a long one, as a string */
	IS_ADOPTED	= 1 << 7,
	HAS_ALSO	= 1 << 8,
	HAS_RULED	= 1 << 9,	/* what rules ask of it */
	IS_ALONE	= 1 << 10,
	HAS_BOUNDS	= 1 << 11,	/* pin, lock, retention */
	HAS_HOLD	= 1 << 12,
	HAS_PACK	= 1 << 13,
	HAS_MIN_BYTES	= 1 << 14,	/* of a bucket */
	ALL_MORE	= (1 << 15) - 1
};

/* Where in the 64 bits something is. */
enum {
	SHARED_SHIFT	= 16,	/* bytes of the key before */
	REST_SHIFT	= 24,	/* bytes of the key that follow */
	/* bytes of numbers, 4 bits each, in their order */
	SIZE_SHIFT	= 32,
	MTIME_SHIFT	= 36,	/* ms, against the record before; signed */
	SEQ_SHIFT	= 40,	/* against the record before; signed */
	COPY_SHIFT	= 44,	/* against seq; signed */
	LAST_SHIFT	= 48,	/* last_read: 0, or 1 and ms until covered_to,
				   signed */
	READS_SHIFT	= 52,
	BYTES_SHIFT	= 56,	/* bytes_read */
	BEYOND_SHIFT	= 60	/* of covered_days: DAYS_NEAR; signed */
};

#define VERSION_BYTES 16

/* The most that follows of a key that is no string: what it has in common with
 * another is VT_BLOCK_SHARED bytes at most. */
#define REST_MAX 255

/* What the keys and versions of a block may come to, which are more than their
 * bytes in it. */
#define TEXT_MAX VT_BLOCK_MAX
/* A key of so many bytes, and a version, with their NULs. */
#define TEXT_OF(key_len) ((size_t)(key_len) + 2 * VERSION_BYTES + 2)

/* What a day is, in 16 bits with how many days it lies before the one that was
 * told before it; MANY_DAYS: that follows. */
enum {
	IS_SPAN		= 1 << 0,	/* of some days, not one */
	IS_PART		= 1 << 1,	/* not all was read each time: bytes are
					   those told last */
	IS_MANY		= 1 << 2,	/* reads, not one */
	IS_OTHER	= 1 << 3,	/* of a part: other bytes are told */
	BACK_SHIFT	= 4,
	MANY_DAYS	= 0xfff
};

#define DAY_US INT64_C(86400000000)

/* The day that the newest one with reads should be of; 0 where none is told. */
static inline int64_t
last_day(int64_t last_read_us)
{
	return last_read_us / DAY_US;
}

/* Billionths of a day that a covered time comes to, to the millisecond.  Sums
 * that overflow do so alike on both sides. */
static inline int64_t
billionths(int64_t from_ms, int64_t to_ms, int64_t gaps_us)
{
	uint64_t known = ((uint64_t)to_ms - (uint64_t)from_ms) * 1000 -
	    (uint64_t)gaps_us;

	return (int64_t)(known * 10 + 432) / 864;
}

#endif
