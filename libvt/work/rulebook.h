/*
 * The lifecycle rules of buckets, out of the catalog, and its versions as the
 * rules see them.
 */
#ifndef VT_WORK_RULEBOOK_H
#define VT_WORK_RULEBOOK_H

#include "libvt/proto/lifecycle.h"
#include "libvt/store/catalog.h"

#include "libvt/work/config.h"

/* Strings are borrowed from the version. */
void vt_rules_version(const struct vt_version *v,
    const struct vt_standing *st, struct vt_lc_subject *out);

/* The rules of the bucket asked for last, parsed; of one thread. */
struct vt_rules;
/* Catalog and configuration are borrowed.  NULL: no memory. */
struct vt_rules *vt_rules_new(struct vt_catalog *c,
    const struct vt_config *config);
/* NULL is accepted. */
void vt_rules_free(struct vt_rules *r);
/*
 * *out: borrowed until the next call, NULL when the bucket has none.  They may
 * be newer than b->generation, never older: who changes something by them
 * checks the generation in the transaction.
 */
enum vt_code vt_rules_of(struct vt_rules *r, const struct vt_bucket *b,
    const struct vt_lifecycle **out, struct vt_err *err) VT_MUST_CHECK;

#endif
