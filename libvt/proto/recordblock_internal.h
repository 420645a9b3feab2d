/*
 * How records lie in blocks, for who writes and who reads them: a record is 32
 * bits that say what follows, and what follows; what is as in the record before
 * it in its block is not said again.  Numbers are varints (varint.h), those
 * with a sign folded into them (0, -1, 1, -2...); times and fractions are eight
 * bytes, the low one first; strings have their length before and a NUL behind
 * them.
 */
#ifndef VT_PROTO_RECORDBLOCK_INTERNAL_H
#define VT_PROTO_RECORDBLOCK_INTERNAL_H

/* What follows, or need not. */
enum {
	KIND		= 3,		/* the kind itself */
	SAME_BUCKET	= 1 << 2,
	SAME_TIER	= 1 << 3,
	SAME_CLASS	= 1 << 4,
	SAME_COVERED	= 1 << 5,	/* its end, and the gaps in it */
	SAME_DAYS	= 1 << 6,	/* how much of it is covered */
	HAS_VERSION	= 1 << 7,
	HAS_SEQ		= 1 << 8,	/* with its generations */
	IS_CURRENT	= 1 << 9,
	IS_ADOPTED	= 1 << 10,
	HAS_ALSO	= 1 << 11,
	IS_RULED	= 1 << 12,
	HAS_RULED	= 1 << 13,	/* what rules ask of it */
	IS_ALONE	= 1 << 14,
	HAS_BOUNDS	= 1 << 15,	/* pin, lock, retention */
	HAS_HOLD	= 1 << 16,
	HAS_COPY	= 1 << 17,
	CAME_AT_BIRTH	= 1 << 18,	/* copy_since is mtime */
	STORED_PLAIN	= 1 << 19,	/* stored_bytes is the size */
	HAS_READS	= 1 << 20,
	FROM_BIRTH	= 1 << 21,	/* covered_from is mtime */
	HAS_HEAT	= 1 << 22,
	HAS_PACK	= 1 << 23,
	HAS_MIN_BYTES	= 1 << 24,	/* of a bucket */
	ALL_FLAGS	= (1 << 25) - 1
};

/* What a day is, in 16 bits with how many days it lies before the one that was
 * told before it; MANY_DAYS: that follows. */
enum {
	IS_SPAN		= 1 << 0,	/* of some days, not one */
	IS_PART		= 1 << 1,	/* not all was read each time: bytes */
	IS_MANY		= 1 << 2,	/* reads, not one */
	IS_ALIKE	= 1 << 3,	/* bytes are those told last */
	DAYS_SHIFT	= 4,
	MANY_DAYS	= 0xfff
};

#endif
