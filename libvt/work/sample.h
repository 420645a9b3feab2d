/*
 * The objects that engines are tried on: all of them while they are few, else
 * a sample of bounded size, in which an object's chance grows with what it can
 * cost and each stands for as many as its chance was small (priority
 * sampling).  Which objects are in it depends on their names and sizes alone,
 * not on the order they come in.
 *
 *	N. Duffield, C. Lund, M. Thorup, "Priority sampling for estimation of
 *	arbitrary subset sums", J. ACM 54(6), 2007
 *
 * Pure.  Not for threads to share.
 */
#ifndef VT_WORK_SAMPLE_H
#define VT_WORK_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/err.h"
#include "libvt/work/past.h"
#include "libvt/work/reach.h"

#define VT_SAMPLE_PREFIXES 65536	/* told apart; others share the last */

struct vt_object {
	struct vt_past past;	/* its events are the sample's */
	uint64_t size_bytes;
	double stands_for;	/* objects, at least 1 */
	double share;		/* of what it can cost, see sampling */
	uint64_t name;		/* a digest, to tell equal ranks apart */
	uint32_t prefix;	/* index for vt_sample_prefix */
	struct vt_reach reach;	/* its steps are the sample's */
};

struct vt_sample;
/* At most so many objects, and days with reads of them in all.  NULL: no
 * memory. */
struct vt_sample *vt_sample_new(size_t max_objects, size_t max_events);
/* NULL is accepted. */
void vt_sample_free(struct vt_sample *s);
/* Offer an object: 1 when it would be taken as things stand, and
 * vt_sample_add is to follow.  `version` is any number that tells versions of
 * a key apart. */
int vt_sample_wants(struct vt_sample *s, uint64_t size_bytes,
    const char *bucket, const char *key, size_t key_len, int64_t version);
/* Add it; its past is copied, and `reach` (NULL: nothing binds it) with its
 * steps.  A past
 * without any time is left out.  VT_NOMEM. */
enum vt_code vt_sample_add(struct vt_sample *s, const struct vt_past *p,
    uint64_t size_bytes, const char *bucket, const char *key, size_t key_len,
    int64_t version, const struct vt_reach *reach, struct vt_err *err)
    VT_MUST_CHECK;
/*
 * For threads that look at objects before they are offered: what is ranked
 * below a floor that once was (it only rises) will not be taken.  Of those
 * that are not offered for it the sample is told how many they are.
 */
double vt_sample_rank(uint64_t size_bytes, const char *bucket,
    const char *key, size_t key_len, int64_t version);
double vt_sample_floor(const struct vt_sample *s);
void vt_sample_passed(struct vt_sample *s, uint64_t count);
/* After the last: what each stands for, in an order that does not depend on
 * that of adding. */
void vt_sample_finish(struct vt_sample *s);

size_t vt_sample_count(const struct vt_sample *s);
/* Offered in all. */
uint64_t vt_sample_offered(const struct vt_sample *s);
struct vt_object *vt_sample_at(struct vt_sample *s, size_t i);
size_t vt_sample_prefix_count(const struct vt_sample *s);
/* The index of a key's prefix, or one that is no prefix's. */
size_t vt_sample_prefix_of(const struct vt_sample *s, const char *bucket,
    const char *key, size_t key_len);
/* What tells prefixes apart, whatever sample they are in: a digest; of a key
 * and of a prefix of the sample. */
uint64_t vt_sample_prefix_hash(const char *bucket, const char *key,
    size_t key_len);
uint64_t vt_sample_prefix_hash_at(const struct vt_sample *s, size_t prefix);
/* Is it the one that all prefixes share which are too many? */
int vt_sample_prefix_is_shared(const struct vt_sample *s, size_t prefix);
/* "bucket/first folder/", or "bucket/" for keys in none; borrowed. */
const char *vt_sample_prefix(const struct vt_sample *s, size_t prefix);
/* The first and the last time that any past speaks of; 0, 0 when empty. */
void vt_sample_span(const struct vt_sample *s, double *from, double *to);

#endif
