/*
 * Kept files of heat, written anew as one while the catalog is walked: all of
 * them are read then anyway, and it turns out which versions are gone.  Of
 * those nothing is kept that is older than a month: so the files grow with
 * what there is and not with all there ever was.
 *
 * Whoever reads our output may be slow, and other scans are not to wait for
 * that: until the walk is over the new file has no name and nothing is locked.
 * Then it takes the place of the files that it was made of, when they are
 * still the kept ones.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libvt/base/fs.h"

#include "scan.h"

/*
 * What was heard of a version that is gone, and is to be kept.  A catalog that
 * is rebuilt from a snapshot has some of them again.
 */
#define GONE_US (30 * INT64_C(86400000000))
#define COPY_BYTES ((size_t)256 << 10)

struct rewrite {
	int fd;			/* the new file, nameless */
	struct vt_heatfile_writer *w;
	int64_t *ids;		/* of the old files, as r->files has them */
	size_t count;
	int64_t since_us;	/* what is gone and older is forgotten */
	struct vt_buf bytes;
};

static void
rewrite_free(struct run *r)
{
	struct rewrite *w = r->rewrite;

	r->rewrite = NULL;
	if (w == NULL)
		return;
	vt_heatfile_writer_free(w->w);
	if (w->fd >= 0)
		close(w->fd);
	vt_buf_release(&w->bytes);
	free(w->ids);
	free(w);
}

/* The scan goes on: the files stay as they are. */
static void
give_up(struct run *r, const struct vt_err *err)
{
	cli_warn("%s: files of heat are not merged", err->text);
	rewrite_free(r);
}

void
begin_rewrite(struct run *r, const struct vt_heatdb_run *runs, size_t count)
{
	struct rewrite *w = cli_alloc(sizeof(*w));
	int64_t first_us, last_us;
	struct vt_err err;
	size_t i;

	r->rewrite = w;
	vt_buf_init(&w->bytes, SIZE_MAX / 2);
	w->ids = cli_alloc(count * sizeof(*w->ids));
	for (i = 0; i < count; i++)
		w->ids[w->count++] = runs[i].id;
	/* neither a clock that is wrong nor a line that is makes old */
	vt_coverage_span(r->coverage, &first_us, &last_us);
	w->since_us = (last_us < r->now_us ? last_us : r->now_us) - GONE_US;
	w->fd = -1;
	if (vt_fs_nameless(r->tmp, &w->fd, &err) != VT_OK ||
	    vt_heatfile_begin(w->fd, r->tmp, r->coverage, &w->w, &err) !=
	    VT_OK)
		give_up(r, &err);
}

void
rewrite_object(struct run *r, const char *name, size_t name_len,
    const struct vt_heat_object *o, int is_there)
{
	struct rewrite *w = r->rewrite;
	struct vt_sorter_record out;
	struct vt_err err;

	if (!is_there && vt_heat_last(o) < w->since_us)
		return;
	vt_buf_reset(&w->bytes);
	vt_heat_encode(o, &w->bytes);
	if (w->bytes.failed)
		out_of_memory();
	out.key = name;
	out.key_len = name_len;
	out.payload = w->bytes.data;
	out.payload_len = w->bytes.len;
	if (vt_heatfile_add(w->w, &out, &err) != VT_OK)
		give_up(r, &err);
}

/* --- in the place of the old ones ----------------------------------------- */

/* Is the kept file of that id the one that was read?  Numbers may have begun
 * anew, but no other file is this one while it is open. */
static int
is_still_kept(const struct run *r, struct vt_heatdb *db, size_t i)
{
	struct stat mine, kept;
	struct vt_err err;
	int fd, same;

	if (vt_heatdb_run_open(db, r->rewrite->ids[i], &fd, &err) != VT_OK)
		return 0;
	same = fstat(r->file_fds[i], &mine) == 0 && fstat(fd, &kept) == 0 &&
	    mine.st_ino == kept.st_ino && mine.st_dev == kept.st_dev;
	close(fd);
	return same;
}

/* Does the catalog of the files still have them all? */
static enum vt_code
check_kept(const struct run *r, struct vt_heatdb *db, int *good,
    struct vt_err *err)
{
	struct vt_heatdb_run *runs;
	size_t count, i, k = 0;
	enum vt_code rc = vt_heatdb_runs(db, &runs, &count, err);

	*good = 0;
	if (rc != VT_OK)
		return rc;
	for (i = 0; i < count && k < r->rewrite->count; i++)
		if (runs[i].id == r->rewrite->ids[k] &&
		    is_still_kept(r, db, k))
			k++;
	free(runs);
	*good = k == r->rewrite->count;
	return VT_OK;
}

static enum vt_code
copy_file(int from, int to, uint64_t bytes, struct vt_err *err)
{
	char *data = cli_alloc(COPY_BYTES);
	enum vt_code rc = VT_OK;
	uint64_t at;
	ssize_t n;

	for (at = 0; at < bytes && rc == VT_OK; at += (uint64_t)n) {
		n = vt_fs_pread_all(from, data, bytes - at < COPY_BYTES ?
		    (size_t)(bytes - at) : COPY_BYTES, at);
		if (n <= 0 || vt_fs_write_all(to, data, (size_t)n) < 0)
			rc = vt_fail_errno(err, "cannot copy heat");
	}
	free(data);
	return rc;
}

static enum vt_code
replace_files(struct run *r, struct vt_heatdb *db, uint64_t bytes,
    struct vt_err *err)
{
	struct rewrite *w = r->rewrite;
	enum vt_code rc;
	int64_t id;
	int fd;

	rc = vt_heatdb_run_create(db, &id, &fd, err);
	if (rc != VT_OK)
		return rc;
	rc = copy_file(w->fd, fd, bytes, err);
	if (rc == VT_OK)
		rc = vt_heatdb_commit(db, id, fd, bytes, w->ids, w->count,
		    NULL, 0, err);
	close(fd);
	return rc;
}

void
end_rewrite(struct run *r, int is_whole)
{
	struct vt_heatdb *db = NULL;
	uint64_t bytes;
	struct vt_err err;
	enum vt_code rc;
	int good = 0;

	if (r->rewrite == NULL || !is_whole) {
		rewrite_free(r);
		return;
	}
	rc = vt_heatfile_end(r->rewrite->w, &bytes, &err);
	/* another scan is at work: the next walk will do it */
	if (rc == VT_OK)
		rc = vt_heatdb_open(r->kept_in, OWN_LOG, 0, NULL, &db, &err);
	if (rc == VT_OK)
		rc = check_kept(r, db, &good, &err);
	if (rc == VT_OK && good)
		rc = replace_files(r, db, bytes, &err);
	vt_heatdb_close(db);
	if (rc == VT_OK || rc == VT_BUSY)
		rewrite_free(r);
	else
		give_up(r, &err);
}
