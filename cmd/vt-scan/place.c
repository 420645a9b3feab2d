/*
 * Where the last scan stopped in each log.
 *
 * A log is known by what is in it, not by what it is called: by a digest of
 * its first bytes, and of those before the place.  So it is the same when it
 * was renamed, copied and truncated, or compressed by a rotation, and a new
 * one of the same name is another.  A file that is unchanged since all of it
 * was read is not even opened for that.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libvt/base/fs.h"
#include "libvt/base/hash.h"

#include "scan.h"

#define CANDIDATES 16

struct candidates {
	struct vt_heatdb_log list[CANDIDATES];
	size_t count;
};

static void
digest(const void *data, size_t len, uint8_t out[VT_HEATDB_DIGEST])
{
	uint8_t full[VT_HASH_MAX];

	if (vt_hash_once(VT_SHA256, data, len, full) < 0)
		out_of_memory();
	memcpy(out, full, VT_HEATDB_DIGEST);
}

static int
note_candidate(void *ctx, const struct vt_heatdb_log *l)
{
	struct candidates *c = ctx;

	c->list[c->count++] = *l;
	return c->count == CANDIDATES;
}

/* The log begins as another does that is being read. */
static int
has_twin(const struct run *r, const struct place *p)
{
	const struct place *other;
	uint32_t k;
	size_t i;

	for (i = 0; i < r->open_count; i++) {
		other = &r->open[i]->place;
		k = p->head_count < other->head_count ? p->head_count :
		    other->head_count;
		if (k > 0 && memcmp(p->heads[k - 1], other->heads[k - 1],
		    VT_HEATDB_DIGEST) == 0)
			return 1;
	}
	return 0;
}

static void
read_heads(struct log *l)
{
	struct place *p = &l->place;
	int is_compressed;
	struct vt_err err;
	const char *data;
	uint32_t i;
	size_t len;

	if (vt_zlines_peek(l->z, &data, &len, &is_compressed, &err) != VT_OK)
		die(&err);
	for (i = 0; i < HEADS && (size_t)1 << i <= len; i++)
		digest(data, (size_t)1 << i, p->heads[i]);
	p->head_count = i;
}

/* --- what is before a place ----------------------------------------------- */

static int
is_tail(const struct vt_heatdb_log *known, const void *data, size_t len)
{
	uint8_t found[VT_HEATDB_DIGEST];

	if (len < known->tail_len)
		return 0;
	digest((const char *)data + len - known->tail_len, known->tail_len,
	    found);
	return memcmp(found, known->tail, sizeof(found)) == 0;
}

/* In an uncompressed file: 1, 0, or -1 when it is shorter. */
static int
file_agrees(struct log *l, const struct vt_heatdb_log *known)
{
	char data[VT_ZLINES_SEEN];
	ssize_t n;

	if (known->pos > l->size)
		return -1;
	if (known->tail_len > sizeof(data) || known->tail_len > known->pos)
		return 0;
	n = vt_fs_pread_all(l->fd, data, known->tail_len,
	    known->pos - known->tail_len);
	return n == (ssize_t)known->tail_len && is_tail(known, data,
	    known->tail_len);
}

/* In a stream, from its beginning on. */
static int
stream_agrees(struct log *l, const struct vt_heatdb_log *known)
{
	struct vt_err err;
	enum vt_code rc;
	const char *tail;
	size_t len;

	vt_zlines_close(l->z);
	l->z = NULL;
	if (lseek(l->fd, 0, SEEK_SET) >= 0)
		l->z = open_lines(l);
	if (l->z == NULL)
		cli_die(CLI_FAILED, "cannot read '%s' again", l->path);
	rc = vt_zlines_skip(l->z, known->pos, &err);
	if (rc == VT_ABSENT)
		return -1;
	if (rc != VT_OK)
		return 0;	/* reading it will tell */
	tail = vt_zlines_tail(l->z, &len);
	return is_tail(known, tail, len);
}

static int
agrees(struct log *l, const struct vt_heatdb_log *known)
{
	return l->is_stream ? stream_agrees(l, known) : file_agrees(l, known);
}

/*
 * The log with this beginning whose place is in the file: the furthest read
 * first.  A file that ends before is what is left of a log that was longer:
 * all of it is known.
 */
static enum found
find_known(struct run *r, struct log *l)
{
	struct candidates c;
	enum found found = FOUND_NEW;
	struct vt_err err;
	uint32_t k;
	size_t i;
	int good;

	for (k = l->place.head_count; k > 0; k--) {
		c.count = 0;
		if (vt_heatdb_find_head(r->db, (uint32_t)1 << (k - 1),
		    l->place.heads[k - 1], note_candidate, &c, &err) != VT_OK)
			die(&err);
		for (i = 0; i < c.count; i++) {
			good = agrees(l, &c.list[i]);
			if (good == 0)
				continue;
			if (good < 0) {
				found = FOUND_DONE;
				continue;
			}
			l->place.known = c.list[i];
			return FOUND_PLACE;
		}
	}
	return found;
}

enum found
find_place(struct run *r, struct log *l)
{
	struct vt_heatdb_log *known = &l->place.known;
	enum found found;
	struct vt_err err;
	enum vt_code rc;
	struct stat st;

	if (fstat(l->fd, &st) < 0)
		return FOUND_NEW;
	rc = vt_heatdb_find_file(r->db, (uint64_t)st.st_dev,
	    (uint64_t)st.st_ino, (uint64_t)st.st_size,
	    (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
	    known, &err);
	if (rc != VT_OK && rc != VT_ABSENT)
		die(&err);
	if (rc == VT_OK && known->is_done)
		return FOUND_DONE;
	memset(known, 0, sizeof(*known));
	read_heads(l);
	if (has_twin(r, &l->place))
		return FOUND_TWIN;
	found = find_known(r, l);
	if (found == FOUND_NEW && l->is_stream)
		(void)!stream_agrees(l, known);	/* to the beginning */
	known->dev = (uint64_t)st.st_dev;
	known->ino = (uint64_t)st.st_ino;
	known->size_bytes = (uint64_t)st.st_size;
	known->mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 +
	    st.st_mtim.tv_nsec;
	return found;
}

void
update_place(struct log *l)
{
	struct vt_heatdb_log *known = &l->place.known;
	char data[VT_ZLINES_SEEN];
	const void *tail = data;
	uint32_t k = l->place.head_count;
	size_t i;
	ssize_t n;

	/* of a stream nobody has begun to read nothing new is known */
	l->place.is_seen = 0;
	if (l->next == 0 || (l->is_stream && l->parts == 0))
		return;
	l->place.is_seen = 1;
	known->pos = l->next;
	known->lines = l->lines_before;
	for (i = 0; i < l->parts; i++)
		known->lines += l->part_lines[i];
	known->is_done = l->is_stream ? l->at_end : l->next == l->size;
	while ((uint64_t)1 << (k - 1) > known->pos)
		k--;
	known->head_len = (uint32_t)1 << (k - 1);
	memcpy(known->head, l->place.heads[k - 1], VT_HEATDB_DIGEST);
	if (l->is_stream) {
		tail = l->tail;
		known->tail_len = (uint32_t)l->tail_len;
	} else {
		known->tail_len = known->pos < sizeof(data) ?
		    (uint32_t)known->pos : (uint32_t)sizeof(data);
		n = vt_fs_pread_all(l->fd, data, known->tail_len,
		    known->pos - known->tail_len);
		if (n != (ssize_t)known->tail_len)
			cli_die(CLI_FAILED, "'%s' was cut while it was read",
			    l->path);
	}
	digest(tail, known->tail_len, known->tail);
}
