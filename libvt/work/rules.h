/*
 * Lifecycle rules where the pipe meets them: what they say of the place of a
 * version among the tiers, and in which words.  What is due by itself is
 * proto/lifecycle's.  Pure; rulebook.h has the rules out of the catalog.
 *
 * Colder is what the configuration lists later: its tiers stand from hot to
 * cold.  Prices are not asked, so that who carries a plan out decides as who
 * made it.
 */
#ifndef VT_WORK_RULES_H
#define VT_WORK_RULES_H

#include "libvt/proto/lifecycle.h"
#include "libvt/proto/records.h"

#include "libvt/work/config.h"

/* The longest sentence: an ID takes up to VT_LC_ID_MAX bytes. */
#define VT_RULES_TEXT 512

/* --- where a version may be ----------------------------------------------- */

struct vt_bounds {
	size_t count;			/* of tiers */
	int must;			/* the tier it is to be on by now, or
					   a colder one; -1: any */
	struct vt_lc_move why;		/* of `must` */
	int has_next;
	struct vt_lc_move next;		/* the first that is not due yet */
	unsigned char barred[VT_TIERS_MAX];	/* not to be moved there now */
};

/*
 * `classes`: the storage class of each tier, hot to cold.  A transition to a
 * class that no tier has asks nothing.
 */
void vt_rules_bounds(const struct vt_lifecycle *lc,
    const struct vt_lc_subject *s, const char *const *classes, size_t count,
    int64_t now_us, struct vt_bounds *out);
/* The tiers of a configuration as `classes` (of VT_TIERS_MAX); how many. */
size_t vt_rules_classes(const struct vt_config *config, const char **classes);

/* --- words ---------------------------------------------------------------- */

/* "rule 'x': expired 30 days after its creation".  A full stop is not there. */
void vt_rules_removal_text(const struct vt_lc_removal *r,
    char out[VT_RULES_TEXT]);
/* "rule 'x': to GLACIER_IR 30 days after its creation". */
void vt_rules_move_text(const struct vt_lc_move *m, char out[VT_RULES_TEXT]);
/* "rule 'x' keeps it from GLACIER_IR until 2026-12-01T00:00:00Z". */
void vt_rules_barred_text(const struct vt_bounds *b, const char *class_name,
    char out[VT_RULES_TEXT]);

/* --- from records --------------------------------------------------------- */

/* Strings are borrowed from the record. */
void vt_rules_record(const struct vt_scan_record *r,
    struct vt_lc_subject *out);
#endif
