/*
 * Heat in files: what is known of objects, sorted by name, and which time the
 * logs cover.  Written and read from front to back, also through pipes; the
 * same heat is the same bytes.  vt-heat(5) describes the format.
 *
 * A handle belongs to one thread at a time.
 */
#ifndef VT_WORK_HEATFILE_H
#define VT_WORK_HEATFILE_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/err.h"
#include "libvt/work/coverage.h"
#include "libvt/work/heat.h"

/* The first bytes of such a file. */
#define VT_HEATFILE_MAGIC "vt-heat 1\n"
#define VT_HEATFILE_MAGIC_LEN (sizeof(VT_HEATFILE_MAGIC) - 1)

struct vt_heatfile_writer;

/*
 * Begin a file in `fd`, the caller's, which `path` names in errors (copied).
 * VT_NOMEM, VT_NOSPACE, VT_IO; *out NULL on failure.
 */
enum vt_code vt_heatfile_begin(int fd, const char *path,
    struct vt_coverage *c, struct vt_heatfile_writer **out,
    struct vt_err *err) VT_MUST_CHECK;
/* Add an object, as vt_heat_merge_bytes gives it, each behind the one before.
 * Codes as above. */
enum vt_code vt_heatfile_add(struct vt_heatfile_writer *w,
    const struct vt_sorter_record *o, struct vt_err *err) VT_MUST_CHECK;
/* Write the end; a file without it is refused by readers.  Nothing is
 * synced.  Codes as above. */
enum vt_code vt_heatfile_end(struct vt_heatfile_writer *w,
    uint64_t *written_bytes, struct vt_err *err) VT_MUST_CHECK;
/* NULL is accepted. */
void vt_heatfile_writer_free(struct vt_heatfile_writer *w);

struct vt_heatfile;

/* Read from `fd`, the caller's; what the file says of covered time is joined
 * to `c`.  VT_INVALID: not a file of heat, or one of a later version;
 * VT_CORRUPT, VT_NOMEM, VT_IO; *out NULL on failure. */
enum vt_code vt_heatfile_open(int fd, const char *path,
    struct vt_coverage *c, struct vt_heatfile **out, struct vt_err *err)
    VT_MUST_CHECK;
/* NULL is accepted. */
void vt_heatfile_close(struct vt_heatfile *f);
/* Its objects.  VT_CORRUPT when the file is damaged or lacks its end. */
struct vt_heat_source vt_heatfile_as_source(struct vt_heatfile *f);

#endif
