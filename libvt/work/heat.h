/*
 * Heat: what access logs say of each object.  Events come in any order, from
 * many logs; objects go out sorted by bucket, key and version as bytes.
 *
 * Three parts.  A gatherer takes in events in bounded memory: a table, which
 * when it is full goes through a sorter to disk.  A merge joins what several
 * gatherers and files tell of the same objects.  A teller puts heat into the
 * records of the pipe.  The result depends neither on the order of the lines
 * nor on how they were split: counts are sums, times the first or the last,
 * a size that of the last write, else the most that reads told.  Days with
 * reads are kept exactly; only the teller folds old ones.
 *
 * No clock, and no file but the sorter's.  A handle belongs to one thread at
 * a time.
 */
#ifndef VT_WORK_HEAT_H
#define VT_WORK_HEAT_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/buf.h"
#include "libvt/base/err.h"
#include "libvt/base/sorter.h"
#include "libvt/proto/foreignlog.h"
#include "libvt/proto/records.h"
#include "libvt/work/coverage.h"

/* --- an object ------------------------------------------------------------ */

/* Times are 0 when there is none. */
struct vt_heat_object {
	/* bucket, key and version in one, so that names compare as bytes */
	const char *name;
	size_t name_len;
	int64_t first_us;	/* the first of all times below */
	int64_t last_read_us;
	int64_t created_us;	/* by the last write seen */
	int64_t deleted_us;
	int has_size;
	uint64_t size_bytes;
	int64_t size_us;	/* of the write or inventory that told it; 0:
				   by reads */
	uint8_t storage_class;	/* see vt_log_class; 0: not known */
	int64_t class_us;
	/* the last inventory that has it, and its creation by that */
	int64_t listed_us, listed_created_us;
	int noncurrent;		/* by the inventory */
	struct vt_heat_day *days;	/* ascending, each a day alone */
	size_t day_count, day_cap;
};

/* Append the name of an object to `out`.  0 or -1, as vt_buf_add. */
int vt_heat_name(struct vt_buf *out, const char *bucket, size_t bucket_len,
    const char *key, size_t key_len, const char *version, size_t version_len);
/* Undo it; what `out` names lives in `text`, each followed by a NUL.
 * VT_CORRUPT, VT_NOMEM. */
enum vt_code vt_heat_name_split(const char *name, size_t len,
    struct vt_buf *text, struct vt_log_name *out, struct vt_err *err)
    VT_MUST_CHECK;
/* Is what was said last of it a deletion? */
int vt_heat_is_deleted(const struct vt_heat_object *o);
/* The last of all its times. */
int64_t vt_heat_last(const struct vt_heat_object *o);
/* When it was created, by a write or by an inventory; 0: not known. */
int64_t vt_heat_created(const struct vt_heat_object *o);

/* What is known of an object but its name, as bytes; vt-heat(5) describes
 * them.  As vt_buf_add: sticky failure. */
void vt_heat_encode(const struct vt_heat_object *o, struct vt_buf *out);
/* Join what those bytes tell to `o`, which owns its days: days of one are
 * then not in order until vt_heat_settle.  VT_CORRUPT, VT_NOMEM. */
enum vt_code vt_heat_decode(struct vt_heat_object *o, const char *data,
    size_t len, struct vt_err *err) VT_MUST_CHECK;
void vt_heat_settle(struct vt_heat_object *o);
/* Nothing known, days kept for the next. */
void vt_heat_clear(struct vt_heat_object *o);
/* Free the days. */
void vt_heat_release(struct vt_heat_object *o);

/* --- gathering ------------------------------------------------------------ */

#define VT_HEAT_MEMORY_MIN ((size_t)2 << 20)

struct vt_heat;

/* About `memory_bytes` are used, never less than VT_HEAT_MEMORY_MIN; what is
 * over goes to unlinked files in `folder`.  NULL: no memory. */
struct vt_heat *vt_heat_new(const char *folder, size_t memory_bytes);
/* NULL is accepted. */
void vt_heat_free(struct vt_heat *h);

/* Take in one event of a log.  VT_NOMEM, and the codes of vt_sorter_add. */
enum vt_code vt_heat_add(struct vt_heat *h, const struct vt_log_event *e,
    struct vt_err *err) VT_MUST_CHECK;
/* What its logs cover; it lives as long as the gatherer, or until reset. */
struct vt_coverage *vt_heat_coverage(struct vt_heat *h);
/* Did some of it go to disk? */
int vt_heat_is_spilled(const struct vt_heat *h);
/* After the last event: objects may be taken by vt_heat_next.  Codes as of
 * vt_heat_add. */
enum vt_code vt_heat_finish(struct vt_heat *h, struct vt_err *err)
    VT_MUST_CHECK;
/* Forget everything and begin anew, also after finish.  VT_NOMEM. */
enum vt_code vt_heat_reset(struct vt_heat *h, struct vt_err *err)
    VT_MUST_CHECK;

/* --- merging -------------------------------------------------------------- */

/* A source of objects sorted by name: keys are names, payloads as by
 * vt_heat_encode; a name may come several times.  VT_ABSENT at the end. */
struct vt_heat_source {
	enum vt_code (*next)(void *ctx, struct vt_sorter_record *out,
	    struct vt_err *err);
	void *ctx;
};
/* A gatherer is one, after vt_heat_finish. */
struct vt_heat_source vt_heat_as_source(struct vt_heat *h);

struct vt_heat_merge;

/* The sources are copied, what they stand for is borrowed.  NULL: no
 * memory. */
struct vt_heat_merge *vt_heat_merge_new(const struct vt_heat_source *sources,
    size_t count);
void vt_heat_merge_free(struct vt_heat_merge *m);
/* The next object, borrowed until the next call.  VT_ABSENT after the last;
 * VT_CORRUPT, VT_NOMEM and what sources fail with. */
enum vt_code vt_heat_merge_next(struct vt_heat_merge *m,
    const struct vt_heat_object **out, struct vt_err *err) VT_MUST_CHECK;
/* Its name alone, borrowed likewise: it stays the next one. */
enum vt_code vt_heat_merge_name(struct vt_heat_merge *m, const char **name,
    size_t *len, struct vt_err *err) VT_MUST_CHECK;
/* The next object but its name into `o`, which owns its days. */
enum vt_code vt_heat_merge_take(struct vt_heat_merge *m,
    struct vt_heat_object *o, struct vt_err *err) VT_MUST_CHECK;
/* The same, as sources give it: what one source alone knows is not taken
 * apart.  Of all these calls any may be the next. */
enum vt_code vt_heat_merge_bytes(struct vt_heat_merge *m,
    struct vt_sorter_record *out, struct vt_err *err) VT_MUST_CHECK;

/* --- telling -------------------------------------------------------------- */

struct vt_heat_teller;

/* `exact_days`: days with reads told exactly for an object, the older ones
 * folded into spans of 30, then 360 days; UINT32_MAX: all exactly.  `c`,
 * borrowed, was finished.  NULL: no memory. */
struct vt_heat_teller *vt_heat_teller_new(uint32_t exact_days,
    struct vt_coverage *c);
/* NULL is accepted. */
void vt_heat_teller_free(struct vt_heat_teller *t);
/*
 * Put heat into a record: reads since r->mtime_us, windows that end at
 * `now_us`, coverage within the version's life.  `parts`: what is known of the
 * object, as a version may go by several names ("null", its id, none), each
 * settled; NULLs are skipped.  The record's lists are borrowed from the parts
 * or from the teller until its next call.  VT_NOMEM.
 */
enum vt_code vt_heat_tell(struct vt_heat_teller *t,
    const struct vt_heat_object *const *parts, size_t count, int64_t now_us,
    struct vt_scan_record *r, struct vt_err *err) VT_MUST_CHECK;

#endif
