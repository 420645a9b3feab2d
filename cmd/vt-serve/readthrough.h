/*
 * Read-through: the bytes of a whole object that go out to a client from a
 * cold copy are written to the first tier as well, when the model says that a
 * copy there pays with this read (promote.h).  The object comes back without
 * being read, and paid for, twice.  What is written becomes a copy only when
 * the read has come to its end, by the swap of an ordinary move (P3, P5); when
 * it has not, or anything fails, it is given up and the client sees nothing
 * of it.
 *
 * A tee belongs to one thread at a time.
 */
#ifndef VT_SERVE_READTHROUGH_H
#define VT_SERVE_READTHROUGH_H

#include "libvt/work/migrate.h"

#include "http.h"

#define TEES_MAX 16		/* at once */
#define TEE_SIZE_MAX (5ULL << 30)	/* larger ones are left to a move */

struct tee;

/* A read of the whole of `v` from `copy` begins.  NULL: nothing is to be
 * written, or it cannot be. */
struct tee *tee_begin(struct server *s, const struct vt_bucket *b,
    const struct vt_version *v, const struct vt_copy *copy);
/* The next bytes.  NULL: it was given up. */
struct tee *tee_write(struct tee *t, const void *data, size_t len);
/* All came, and had the version's checksum: the promoter's thread makes it a
 * copy.  Does not block. */
void tee_done(struct tee *t, const struct vt_version *v);
/* NULL is accepted. */
void tee_abort(struct tee *t);

/* --- for the promoter ----------------------------------------------------- */
/* Make it a copy, as `o` has it; blocks.  Codes of vt_migrate_move. */
enum vt_code tee_adopt(struct tee *t, const struct vt_migrate_options *o,
    struct vt_move_result *out, struct vt_err *err);
/* What it is: borrowed until it is freed. */
const struct vt_move *tee_move(const struct tee *t);
/* Gives it up, when it was not adopted. */
void tee_free(struct tee *t);
/* A list's link. */
struct tee **tee_next(struct tee *t);

#endif
