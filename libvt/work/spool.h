/*
 * Versions that have been read and wait to be decided on, as what is decided
 * of one may hang on what was read of all.  They are in blocks; the spool keeps
 * the blocks in the order in which they are put, in memory up to a limit and
 * then in an unlinked file, in extents of several blocks that are written and
 * read at once.
 *
 * The file is written past the page cache, where its file system can: it is
 * read once, and would only push out what others have there.
 *
 * Knows nothing of what is decided.  Putting belongs to one thread; once it is
 * finished, each thread has its own reader.
 */
#ifndef VT_WORK_SPOOL_H
#define VT_WORK_SPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/err.h"
#include "libvt/proto/recordblock.h"

struct vt_spool;

/* Blocks stay in memory until they are `memory_bytes` in all; the file is
 * made in `folder`, copied, once it is needed.  An extent ends with the block
 * that makes it `extent_bytes` or more.  NULL: no memory. */
struct vt_spool *vt_spool_new(const char *folder, size_t memory_bytes,
    size_t extent_bytes);
/* NULL is accepted. */
void vt_spool_free(struct vt_spool *s);

/*
 * Put the records of the block behind those that are there, and empty it; what
 * is found with a record is `tag` and the number of VT_SCAN_BUCKET records that
 * are before it in its block.  An empty one is left out.  VT_NOMEM; VT_NOSPACE,
 * VT_IO or another code of errno, naming the folder: then the spool is good for
 * vt_spool_free alone.
 */
enum vt_code vt_spool_put(struct vt_spool *s, struct vt_block *k,
    uint64_t tag, struct vt_err *err) VT_MUST_CHECK;

/* Records, extents, records of an extent, and bytes of the file. */
uint64_t vt_spool_count(const struct vt_spool *s);
size_t vt_spool_extents(const struct vt_spool *s);
size_t vt_spool_extent_count(const struct vt_spool *s, size_t extent);
uint64_t vt_spool_file_bytes(const struct vt_spool *s);

struct vt_spool_reader;
/* NULL: no memory.  `s` is borrowed for the reader's life. */
struct vt_spool_reader *vt_spool_reader_new(const struct vt_spool *s);
/* NULL is accepted. */
void vt_spool_reader_free(struct vt_spool_reader *r);
/* Go to the start of an extent.  VT_NOMEM, VT_IO, VT_CORRUPT. */
enum vt_code vt_spool_open(struct vt_spool_reader *r, size_t extent,
    struct vt_err *err) VT_MUST_CHECK;
/* The next record of the extent that is not of a bucket, as vt_block_next gives
 * it.  What it points to is borrowed until the reader comes to another block.
 */
enum vt_code vt_spool_next(struct vt_spool_reader *r,
    struct vt_scan_record *out, uint64_t *tag) VT_MUST_CHECK;

#endif
