/*
 * What the two ways of reading and writing the pipe's lines share: the plain
 * one of records.c, which takes any JSON, and the quick one of
 * records_quick.c and records_write.c, which knows the very line that vt-scan
 * writes and leaves all else to the plain one.  For these files and their
 * tests.
 */
#ifndef VT_PROTO_RECORDS_INTERNAL_H
#define VT_PROTO_RECORDS_INTERNAL_H

#include "libvt/proto/records.h"

/* Any line. */
enum vt_code vt_scan_record_parse_plain(const char *line, size_t len,
    struct vt_arena *a, struct vt_scan_record *out, struct vt_err *err)
    VT_MUST_CHECK;
void vt_scan_record_format_plain(const struct vt_scan_record *r,
    struct vt_buf *out);

/* The first of many lines, as vt_scan_record_parse_first has them: where its
 * newline is, and all is as the plain one would have it; NULL: not this way,
 * nothing is said of the line, and it is as it was. */
char *vt_scan_record_parse_quick(char *lines, size_t len, struct vt_arena *a,
    struct vt_scan_record *out);
/* One that was read up to `stop` is to be read the plain way all the same: the
 * quotes that were cut off are put back. */
void vt_scan_record_mend(char *line, const char *stop);
/* 1; 0: not this way, and nothing is written. */
int vt_scan_record_format_quick(const struct vt_scan_record *r,
    struct vt_buf *out);
/* The same of a move. */
void vt_move_format_plain(const struct vt_move *m, struct vt_buf *out);
int vt_move_format_quick(const struct vt_move_frame *f,
    const struct vt_move *m, const struct vt_move_known *known,
    struct vt_buf *out);

/* --- what a line leaves to its other fields ------------------------------- *
 * Of versions: when the copy came, what it takes and since when it is covered
 * are mostly what is said already, and then not said again.
 */

/* When the copy came, unless it is said: when the version did.  Of those in a
 * catalog that have no copy never. */
static inline int64_t
vt_scan_usual_since(const struct vt_scan_record *r)
{
	return r->copy != 0 || r->seq == 0 ? r->mtime_us : 0;
}

/* The bytes it takes: those of the version. */
static inline uint64_t
vt_scan_usual_stored(const struct vt_scan_record *r)
{
	return r->copy != 0 || r->seq == 0 ? r->size_bytes : 0;
}

/* From when on it is covered, when it is at all: all its life. */
static inline int64_t
vt_scan_usual_from(const struct vt_scan_record *r)
{
	return r->mtime_us < r->covered_to_us ? r->mtime_us :
	    r->covered_to_us;
}

/* Are two times the same in a line, which tells milliseconds? */
static inline int
vt_scan_same_time(int64_t a, int64_t b)
{
	return a == b || a / 1000 - (a % 1000 < 0) ==
	    b / 1000 - (b % 1000 < 0);
}

/* A row of "h" that is its day alone: read once, all of it. */
static inline int
vt_heat_day_is_plain(const struct vt_heat_day *h, uint64_t size_bytes)
{
	return h->gets == 1 && h->bytes == size_bytes && h->last <= h->day;
}

/* A row of "h" of `count` numbers, 1 of them being the day alone, behind the
 * row before it (NULL: none).  0, or -1 when it cannot be. */
static inline int
vt_heat_day_row(const int64_t n[5], int count, uint64_t size_bytes,
    const struct vt_heat_day *before, struct vt_heat_day *h)
{
	/* days beyond these are no dates, and would overflow sums */
	if (n[0] < -1000000 || n[0] > 10000000)
		return -1;
	h->day = h->last = (int32_t)n[0];
	h->days = 1;
	h->gets = 1;
	h->bytes = size_bytes;
	if (count != 1) {
		if ((count != 3 && count != 5) || n[1] < 0 || n[2] < 0)
			return -1;
		h->gets = (uint64_t)n[1];
		h->bytes = (uint64_t)n[2];
	}
	if (count == 5) {
		if (n[3] < 1 || n[4] < n[0] || n[4] > 10000000 ||
		    n[3] > n[4] - n[0] + 1)
			return -1;
		h->days = (uint32_t)n[3];
		h->last = (int32_t)n[4];
	}
	return before != NULL && before->last >= h->day ? -1 : 0;
}

/* The same of "gaps". */
static inline int
vt_heat_gap_row(const int64_t n[5], int count,
    const struct vt_heat_gap *before, struct vt_heat_gap *g)
{
	if (count != 2 || n[1] < 0 || n[0] < 0 || n[0] > 1000000000000 ||
	    n[1] > 1000000000000)
		return -1;
	g->from_us = n[0] * 1000000;
	g->length_us = n[1] * 1000000;
	return before != NULL &&
	    before->from_us + before->length_us > g->from_us ? -1 : 0;
}

#endif
