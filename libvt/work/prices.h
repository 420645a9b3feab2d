/*
 * Price files: what one provider charges in one region, each figure with the
 * source it can be checked against.  Read whole, and refused whole when a
 * figure is missing, misspelt, of no source or beyond sense: dollars that
 * nobody can check are worse than none.  vt-prices(5) has the format.
 *
 * Knows no tier, no object and no decision; nothing is priced in code.
 *
 * Units: dollars, bytes, days of 86,400 s.  A GB is what the file says (AWS
 * bills 2^30 bytes), a month too (AWS bills byte-hours over the hours of the
 * calendar month: 30.4375 days in the mean of four years).  Taxes and free
 * allowances are left out.
 */
#ifndef VT_WORK_PRICES_H
#define VT_WORK_PRICES_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/err.h"

#define VT_PRICE_NAME 48	/* bytes of a name, with its NUL */
#define VT_PRICE_LEVELS 4
#define VT_PRICE_BANDS 6
#define VT_PRICE_SPEEDS 4
#define VT_PRICE_TIERS 8	/* tiers that a file offers */
#define VT_PRICE_MAX_AGE 400	/* days, unless the user says otherwise */

/* What the bytes beyond the first of a month cost: from so many GB on, until
 * the next.  Ascending; what lies before the first band has the plain price
 * beside it. */
struct vt_bands {
	size_t count;
	struct {
		double from_gb, usd;
	} band[VT_PRICE_BANDS];
	double free_times_stored;	/* of transfer: as many GB as these
					   times what is stored are free */
};

/* Dollars for `gb` in a month, each part at the price of its band. */
double vt_bands_sum(const struct vt_bands *b, double first_usd, double gb);
/* Dollars for the next GB after `gb`. */
double vt_bands_at(const struct vt_bands *b, double first_usd, double gb);

/* A storage class.  Requests are priced each, not by the thousand. */
struct vt_price {
	char name[VT_PRICE_NAME];
	double storage_gb_month;	/* of the first band */
	struct vt_bands storage_bands;
	double put, get, transition;	/* a request; transition: a move into
					   it that the provider itself makes */
	double part;			/* one of a write in parts, but for
					   its end, which is a put */
	double retrieval_gb;
	double write_gb;		/* of what is put, as for copies in
					   other regions */
	int needs_restore;		/* reads need a restore first */
	double restore;			/* a restore request */
	double restore_days;		/* the restored copy is kept, hot */
	struct {			/* other speeds of restoring */
		char name[16];
		double restore, retrieval_gb;
	} speed[VT_PRICE_SPEEDS];
	size_t speed_count;
	double min_days;		/* billed even if left earlier */
	uint64_t min_size_bytes;	/* billed even if smaller */
	uint64_t overhead_bytes;	/* billed beside, in this class */
	uint64_t overhead_hot_bytes;	/* billed beside, at the hot price */
	/* A class that moves objects between levels by itself, the idle days
	 * of each level ascending; none when level_count is 0. */
	double monitor_month;		/* for each object, each month */
	uint64_t monitor_min_bytes;	/* smaller ones stay on level 0, free */
	struct {
		double idle_days, storage_gb_month;
		double back;		/* a read here brings the object back
					   to level 0: what that costs */
	} level[VT_PRICE_LEVELS];
	size_t level_count;
};

/* A price file, read. */
struct vt_prices;

/* VT_INVALID names file, entry and figure.  Free with vt_prices_free. */
enum vt_code vt_prices_load(const char *path, struct vt_prices **out,
    struct vt_err *err) VT_MUST_CHECK;
void vt_prices_free(struct vt_prices *p);

/* How old the figures are; negative: dated after `now_us`. */
double vt_prices_age_days(const struct vt_prices *p, int64_t now_us);
/* VT_INVALID when they were older than `max_age_days` at that time, naming
 * the file, its date and the limit. */
enum vt_code vt_prices_fresh(const struct vt_prices *p, int64_t as_of_us,
    double max_age_days, struct vt_err *err) VT_MUST_CHECK;
/* VT_INVALID when they are dated more than a day after `today_us`: a slip of
 * the pen, which would keep them fresh for ever. */
enum vt_code vt_prices_arrived(const struct vt_prices *p, int64_t today_us,
    struct vt_err *err) VT_MUST_CHECK;

/* 16 hex digits of the file's SHA-256. */
const char *vt_prices_digest(const struct vt_prices *p);
/* "AWS S3 us-east-1, 2026-08-22": for people.  Then its parts. */
const char *vt_prices_title(const struct vt_prices *p);
const char *vt_prices_provider(const struct vt_prices *p);
const char *vt_prices_region(const struct vt_prices *p);
const char *vt_prices_date(const struct vt_prices *p);
double vt_prices_bytes_per_gb(const struct vt_prices *p);
double vt_prices_month_days(const struct vt_prices *p);
/* Where its tiers are, when nothing else says. */
const char *vt_prices_location(const struct vt_prices *p);

/* The i-th class in the order of the file, NULL beyond the last; and the one
 * of a name, NULL when there is none. */
const struct vt_price *vt_prices_class(const struct vt_prices *p, size_t i);
const struct vt_price *vt_prices_find(const struct vt_prices *p,
    const char *name);
/* The class that moves objects between levels by itself which plans are
 * compared with: the one that the file names, or its first; NULL: none. */
const struct vt_price *vt_prices_auto(const struct vt_prices *p);
/* The tiers the file offers when there is no configuration: tier name and
 * class of the i-th; 0, or -1 beyond the last. */
int vt_prices_default_tier(const struct vt_prices *p, size_t i,
    const char **tier, const char **class_name);
/* What is paid whatever is stored, such as the machine that vt-serve runs
 * on: name and dollars a month of the i-th; 0, or -1 beyond the last. */
int vt_prices_fixed(const struct vt_prices *p, size_t i, const char **name,
    double *usd_month);
/*
 * Dollars to carry a GB from one location to another, which the file must
 * state, also for one location to itself: a missing pair is VT_INVALID,
 * never 0.  `bands` (may be NULL) gets what more than the first band costs.
 */
enum vt_code vt_prices_transfer(const struct vt_prices *p, const char *from,
    const char *to, double *usd_gb, struct vt_bands *bands,
    struct vt_err *err) VT_MUST_CHECK;

#endif
