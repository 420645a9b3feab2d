/* Rows of one table read ahead: see catalog_window.h. */
#include <string.h>

#include "libvt/store/catalog_window.h"

/* So far ahead it costs less to read what is between than to seek; a version
 * takes two numbers. */
#define STEP_IDS 12
#define TEXT_MAX (1u << 30)

/* --- rows ----------------------------------------------------------------- */

/* A failure sticks, and is told when the window is filled. */
static uint32_t
keep_text(struct vt_window *w, sqlite3_value *v)
{
	size_t at = w->text.len, len = (size_t)sqlite3_value_bytes(v);
	const void *text = len != 0 ? sqlite3_value_text(v) : NULL;

	if (len == 0)
		return 0;
	if (text == NULL)
		w->text.failed = VT_NOMEM;
	(void)vt_buf_add(&w->text, text, len + 1);
	return (uint32_t)at;
}

static void
take_version(struct vt_window *w, sqlite3_value **v)
{
	struct vt_version_row *row = &w->row.version[w->count];
	const void *key = sqlite3_value_blob(v[1]);
	const void *id = sqlite3_value_blob(v[2]);

	row->key_len = (uint32_t)sqlite3_value_bytes(v[1]);
	row->key = (uint32_t)w->text.len;
	(void)vt_buf_add(&w->text, key, row->key_len);	/* sticks */
	row->has_id = id != NULL &&
	    sqlite3_value_bytes(v[2]) == (int)sizeof(row->id);
	if (row->has_id)
		memcpy(row->id, id, sizeof(row->id));
	row->generation = sqlite3_value_int64(v[3]);
	row->size_bytes = sqlite3_value_int64(v[4]);
	row->mtime_us = sqlite3_value_int64(v[5]);
	row->tier = sqlite3_value_int64(v[6]);
	row->rare = (int)sqlite3_value_int64(v[7]);
}

static void
take_rare(struct vt_window *w, sqlite3_value **v)
{
	struct vt_rare_row *row = &w->row.rare[w->count];

	row->is_null = sqlite3_value_int64(v[1]) != 0;
	row->is_marker = sqlite3_value_int64(v[2]) != 0;
	row->tags = keep_text(w, v[3]);
	row->pin = keep_text(w, v[4]);
	row->lock_mode = (uint8_t)sqlite3_value_int64(v[5]);
	row->retain_until_us = sqlite3_value_int64(v[6]);
	row->legal_hold = (uint8_t)sqlite3_value_int64(v[7]);
}

static void
take_copy(struct vt_window *w, sqlite3_value **v)
{
	struct vt_copy_row *row = &w->row.copy[w->count];

	row->tier = sqlite3_value_int64(v[1]);
	row->id = sqlite3_value_int64(v[2]);
	row->created_us = sqlite3_value_int64(v[3]);
	row->until_us = sqlite3_value_int64(v[4]);
	row->is_plain = sqlite3_value_int64(v[5]) != 0;
}

static void
take_extent(struct vt_window *w, sqlite3_value **v)
{
	struct vt_extent_row *row = &w->row.extent[w->count];

	row->length = sqlite3_value_int64(v[1]);
	row->blob = sqlite3_value_int64(v[2]);
}

static void
take_blob(struct vt_window *w, sqlite3_value **v)
{
	struct vt_blob_row *row = &w->row.blob[w->count];

	/* owned, or inline */
	row->is_ours = sqlite3_value_int64(v[1]) != 0 ||
	    sqlite3_value_int64(v[2]) != 0;
	row->transform = keep_text(w, v[3]);
	row->size_bytes = sqlite3_value_int64(v[4]);
	row->live_bytes = sqlite3_value_int64(v[5]);
}

/* The SQL function: false, until as many rows are at hand as are wanted. */
static void
take_row(sqlite3_context *ctx, int count, sqlite3_value **v)
{
	struct vt_conn *k = sqlite3_user_data(ctx);
	struct vt_window *w = k->window;

	(void)count;
	w->number[w->count] = sqlite3_value_int64(v[0]);
	w->take(w, v);
	if (++w->count == w->wanted)
		sqlite3_result_int(ctx, 1);
}

int
vt_conn_add_take_row(struct vt_conn *k)
{
	return sqlite3_create_function(k->db, "take_row", -1, SQLITE_UTF8 |
	    SQLITE_DIRECTONLY, k, take_row, NULL, NULL);
}

/* --- windows -------------------------------------------------------------- */

enum vt_code
vt_window_init(struct vt_window *w, struct vt_conn *k, enum vt_st which,
    struct vt_err *err)
{
	w->k = k;
	w->low = 0;
	w->high = -1;
	w->at = w->count = 0;
	w->take = which == ST_LEAN_VERSIONS || which == ST_LEAN_OLDER ?
	    take_version : which == ST_LEAN_RARE ? take_rare :
	    which == ST_LEAN_COPIES ? take_copy :
	    which == ST_LEAN_EXTENTS ? take_extent : take_blob;
	/* at first the row that is asked for; where more may have its number
	 * that behind it, which tells */
	w->wanted_first = which == ST_LEAN_COPIES ||
	    which == ST_LEAN_EXTENTS ? 2 : 1;
	w->wanted = w->wanted_first;
	vt_buf_init(&w->text, TEXT_MAX);
	w->s = vt_conn_st(k, which);
	return w->s != NULL ? VT_OK : vt_conn_fail(k, "scan", err);
}

void
vt_window_release(struct vt_window *w)
{
	if (w->k == NULL)
		return;
	sqlite3_reset(w->s);
	vt_buf_release(&w->text);
}

static enum vt_code
fill(struct vt_window *w, struct vt_err *err)
{
	int r;

	w->at = w->count = 0;
	vt_buf_reset(&w->text);
	if (vt_buf_char(&w->text, '\0') == 0) {
		w->k->window = w;
		r = sqlite3_step(w->s);
		w->k->window = NULL;
		if (r != SQLITE_ROW && r != SQLITE_DONE)
			return vt_conn_fail(w->k, "scan", err);
		w->high = r == SQLITE_DONE ? INT64_MAX :
		    w->number[w->count - 1];
	}
	return w->text.failed ? vt_fail(err, VT_NOMEM,
	    "out of memory reading the catalog") : VT_OK;
}

enum vt_code
vt_window_more(struct vt_window *w, struct vt_err *err)
{
	w->at = w->count;
	/* stepping behind the end would begin anew */
	if (w->high == INT64_MAX)
		return VT_OK;
	/* a number's rows may go on here that began before */
	w->low = w->high + 1;
	if (w->wanted < VT_WINDOW_ROWS)
		w->wanted *= 2;
	return fill(w, err);
}

static enum vt_code
begin_at(struct vt_window *w, int64_t id, struct vt_err *err)
{
	sqlite3_reset(w->s);
	sqlite3_bind_int64(w->s, 1, id);
	w->low = id;
	w->wanted = w->wanted_first;
	return fill(w, err);
}

enum vt_code
vt_window_seek(struct vt_window *w, int64_t id, int *found,
    struct vt_err *err)
{
	enum vt_code rc = VT_OK;
	size_t low, high, middle;

	if (id < w->low || (id > w->high && (w->high < 0 ||
	    id - w->high > STEP_IDS)))
		rc = begin_at(w, id, err);
	while (rc == VT_OK && id > w->high)
		rc = vt_window_more(w, err);
	*found = 0;
	if (rc != VT_OK)
		return rc;
	/* mostly it is this row or the next */
	low = w->at < w->count && w->number[w->at] <= id ? w->at : 0;
	if (low + 1 < w->count && w->number[low] < id)
		low++;
	high = w->count;
	while (low < high && w->number[low] < id) {
		middle = low + (high - low) / 2;
		if (w->number[middle] < id)
			low = middle + 1;
		else
			high = middle;
	}
	w->at = low;
	*found = low < w->count && w->number[low] == id;
	return VT_OK;
}

enum vt_code
vt_window_next(struct vt_window *w, int *found, struct vt_err *err)
{
	int64_t id = w->number[w->at];
	enum vt_code rc = VT_OK;

	if (++w->at == w->count)
		rc = vt_window_more(w, err);
	*found = rc == VT_OK && w->at < w->count && w->number[w->at] == id;
	return rc;
}
