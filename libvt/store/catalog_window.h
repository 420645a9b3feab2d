/*
 * Inside the catalog: rows of one table read ahead, for scans.
 *
 * A statement hands its rows to the function `take_row` in its WHERE clause,
 * which keeps them here and lets none through until enough are at hand.  So
 * SQLite goes through its loop without leaving it for each row, and values are
 * taken where they are: half of what stepping and asking for columns costs.
 * How many rows are read ahead is doubled as long as those asked for follow
 * each other, and goes back to a few where they do not.
 */
#ifndef VT_STORE_CATALOG_WINDOW_H
#define VT_STORE_CATALOG_WINDOW_H

#include "libvt/base/buf.h"

#include "libvt/store/catalog_sqlite.h"

#define VT_WINDOW_ROWS 128	/* at hand at most */

/* Texts are places in the window's `text`. */
struct vt_version_row {		/* of ST_LEAN_VERSIONS; its number is the seq */
	uint32_t key, key_len;
	uint8_t id[VT_ID_LEN / 2];
	uint8_t has_id;
	int rare;		/* VT_CAT_IS_NULL ... */
	int64_t generation, size_bytes, mtime_us, tier;
};

struct vt_rare_row {		/* of ST_LEAN_RARE, by seq */
	uint8_t is_null, is_marker, lock_mode, legal_hold;
	uint32_t tags, pin;
	int64_t retain_until_us;
};

struct vt_copy_row {		/* of ST_LEAN_COPIES, by seq */
	int64_t tier, id, created_us, until_us;
	int is_plain;		/* see vt_cat_is_plain() */
};

struct vt_extent_row {		/* of ST_LEAN_EXTENTS, by copy */
	int64_t length, blob;
};

struct vt_blob_row {		/* of ST_LEAN_BLOBS, by id */
	int64_t size_bytes, live_bytes;
	uint32_t transform;
	int is_ours;
};

struct vt_window {
	struct vt_conn *k;
	sqlite3_stmt *s;
	/* the first row with a number from `low` to `high`, when there is one,
	 * is at hand */
	int64_t low, high;
	size_t at, count, wanted, wanted_first;
	int64_t number[VT_WINDOW_ROWS];
	struct vt_buf text;	/* begins with a NUL: place 0 is "" */
	union {
		struct vt_version_row version[VT_WINDOW_ROWS];
		struct vt_rare_row rare[VT_WINDOW_ROWS];
		struct vt_copy_row copy[VT_WINDOW_ROWS];
		struct vt_extent_row extent[VT_WINDOW_ROWS];
		struct vt_blob_row blob[VT_WINDOW_ROWS];
	} row;
	void (*take)(struct vt_window *w, sqlite3_value **v);
};

/* Let statements of this connection use take_row; an SQLite code. */
int vt_conn_add_take_row(struct vt_conn *k);

/* `which` is one of ST_LEAN_*.  Nothing is read yet. */
enum vt_code vt_window_init(struct vt_window *w, struct vt_conn *k,
    enum vt_st which, struct vt_err *err) VT_MUST_CHECK;
/* No statement may outlive the transaction of the call. */
void vt_window_release(struct vt_window *w);

/* The next rows in order, in the place of those at hand; behind the last none,
 * and w->at is w->count. */
enum vt_code vt_window_more(struct vt_window *w, struct vt_err *err)
    VT_MUST_CHECK;
/* To the first row with number `id`; *found 0: there is none. */
enum vt_code vt_window_seek(struct vt_window *w, int64_t id, int *found,
    struct vt_err *err) VT_MUST_CHECK;
/* To the row behind this one; *found 0: its number is another. */
enum vt_code vt_window_next(struct vt_window *w, int *found,
    struct vt_err *err) VT_MUST_CHECK;

#endif
