/* Leases: blocks of blob ids that a process holds; those of dead processes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "libvt/store/catalog_row.h"

/* A process is gone when nobody holds the lock of its owner file. */
static int
owner_alive(struct vt_catalog *c, const char *owner)
{
	char path[4096];
	int fd, alive;

	if (c->owner != NULL && strcmp(owner, c->owner) == 0)
		return 1;
	snprintf(path, sizeof(path), "%s-owners/%s", c->path, owner);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return errno != ENOENT;
	alive = flock(fd, LOCK_EX | LOCK_NB) < 0;
	close(fd);
	return alive;
}

enum vt_code
vt_catalog_dead_leases(struct vt_catalog *c, struct vt_arena *a,
    struct vt_dead_lease **out, size_t *count, struct vt_err *err)
{
	struct vt_dead_lease *l, *grown;
	struct vt_conn *k;
	sqlite3_stmt *s;
	size_t cap = 0;
	const char *owner;
	enum vt_code rc;
	int r = SQLITE_DONE;

	*out = NULL;
	*count = 0;
	rc = vt_conn_take(c, &k, err);
	if (rc != VT_OK)
		return rc;
	s = vt_conn_st(k, ST_LEASES);
	if (s == NULL) {
		rc = vt_conn_fail(k, "read leases", err);
		goto out;
	}
	while (rc == VT_OK && (r = sqlite3_step(s)) == SQLITE_ROW) {
		owner = (const char *)sqlite3_column_text(s, 2);
		if (owner_alive(c, owner))
			continue;
		if (*count == cap) {
			cap = cap != 0 ? cap * 2 : 8;
			grown = vt_arena_alloc(a, cap * sizeof(*grown));
			if (grown == NULL) {
				rc = nomem(err);
				break;
			}
			if (*count > 0)
				memcpy(grown, *out, *count * sizeof(*grown));
			*out = grown;
		}
		l = &(*out)[(*count)++];
		l->first_id = (uint64_t)sqlite3_column_int64(s, 0);
		l->count = (unsigned)sqlite3_column_int64(s, 1);
		l->owner = vt_arena_str(a, owner);
		if (l->owner == NULL)
			rc = nomem(err);
	}
	if (rc == VT_OK && r != SQLITE_DONE)
		rc = vt_conn_fail(k, "read leases", err);
	sqlite3_reset(s);
out:
	vt_conn_give(c, k);
	return rc;
}

enum vt_code
vt_cat_op_lease(struct vt_catalog *c, struct vt_cat_lease *l, int64_t now_us,
    struct vt_err *err)
{
	sqlite3_stmt *s = vt_conn_st(c->w, ST_LEASE_ADD);

	if (l->count == 0)
		l->count = 4096;
	if (l->count > 1000000)
		return vt_fail(err, VT_INVALID, "a lease of %u ids is over "
		    "1000000", l->count);
	if (s == NULL)
		return vt_conn_fail(c->w, "take a lease", err);
	l->first_id = (uint64_t)c->next_blob;
	c->next_blob += l->count;
	c->ids_dirty = 1;
	sqlite3_bind_int64(s, 1, (int64_t)l->first_id);
	sqlite3_bind_int64(s, 2, l->count);
	bind_str(s, 3, c->owner);
	sqlite3_bind_int64(s, 4, now_us);
	return vt_conn_run(c->w, s, "take a lease", err);
}
