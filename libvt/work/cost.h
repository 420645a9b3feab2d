/*
 * The bill of an object: what a tier charges for keeping, serving and taking
 * it in.  The one place that knows (DESIGN 9): planner, simulator, report and
 * optimum all ask here.  Prices come from a price file; nothing is priced in
 * code.
 *
 * Knows no log, no catalog and no decision; of the configuration its tiers.
 *
 * Units: dollars, bytes, days of 86,400 s; a GB and a month are those of the
 * price file.  What an object's GB costs is the price of the volume band that
 * its tier is in.
 */
#ifndef VT_WORK_COST_H
#define VT_WORK_COST_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/err.h"

#include "libvt/proto/parts.h"

#include "libvt/work/config.h"
#include "libvt/work/prices.h"

#define VT_COST_TIERS VT_PRICE_TIERS	/* that one decision weighs */

/* --- the tiers of one installation ---------------------------------------- */

/* Who carries an object from tier to tier. */
enum vt_move_how {
	VT_MOVE_COPY,		/* vt-migrate reads and writes it */
	VT_MOVE_TRANSITION	/* the provider's lifecycle, when it goes to
				   cheaper storage; else as COPY */
};

struct vt_cost_tier {
	char name[VT_PRICE_NAME];
	struct vt_price price;
	double volume_gb;	/* kept there in a month: 0, or what decides
				   which band the next GB is in */
	double read_gb;		/* transfer from the tier to the server */
	double write_gb;	/* and back */
	int excluded;		/* never a target: constraints (P6) */
	int compresses;		/* what comes to it */
	/* how what is large is written; of tiers that are
	 * not configured that is not known, and it is by one request */
	struct vt_parts parts;
};

/*
 * Tier 0 is the hot one: where new and restored objects go.  Plain data:
 * copy it, change a price, compare.
 */
struct vt_cost_model {
	double bytes_per_gb, month_days;
	enum vt_move_how how;
	size_t count;
	struct vt_cost_tier tier[VT_COST_TIERS];
	/* In no decision: it is the same wherever the bytes lie. */
	double client_gb;		/* from the server to who reads */
	struct vt_bands client_bands;
};

/* An empty model with the units of `p`; transfer to clients is free. */
void vt_cost_model_init(struct vt_cost_model *m, const struct vt_prices *p);
/*
 * Add a tier priced as `class_name` at `location`, with the server (and
 * vt-migrate) at `server`.  VT_INVALID: unknown class, unknown pair of
 * locations, name twice; VT_TOO_LARGE: more than VT_COST_TIERS.
 */
enum vt_code vt_cost_model_add(struct vt_cost_model *m,
    const struct vt_prices *p, const char *tier, const char *class_name,
    const char *location, const char *server, struct vt_err *err)
    VT_MUST_CHECK;
/* An empty model gets the tiers of a configuration, in its order.  Codes as
 * vt_cost_model_add. */
enum vt_code vt_cost_model_config(struct vt_cost_model *m,
    const struct vt_prices *p, const struct vt_config *config,
    struct vt_err *err) VT_MUST_CHECK;
/* Who reads is at `clients`, the server at `server`.  VT_INVALID: unknown
 * pair of locations. */
enum vt_code vt_cost_model_clients(struct vt_cost_model *m,
    const struct vt_prices *p, const char *server, const char *clients,
    struct vt_err *err) VT_MUST_CHECK;
/* Dollars for `read_bytes` that clients read in a month, by the exact sum over
 * bands, less what is carried free as `kept_bytes` are stored. */
double vt_cost_clients(const struct vt_cost_model *m, double kept_bytes,
    double read_bytes);
/* Restore from tier `k` at this speed, "standard" being the price file's own.
 * VT_INVALID: the tier needs no restores or has no such speed. */
enum vt_code vt_cost_model_speed(struct vt_cost_model *m, size_t k,
    const char *speed, struct vt_err *err) VT_MUST_CHECK;
/* The index of a tier, or -1. */
int vt_cost_model_tier(const struct vt_cost_model *m, const char *name);

/* Whether a move is a request to the provider; else it is a copy. */
int vt_cost_by_provider(const struct vt_cost_model *m, size_t from,
    size_t to);

/* --- the bill of one object ----------------------------------------------- */

/* All that an object of one size is ever charged, worked out once. */
struct vt_cost {
	size_t count;
	uint64_t size_bytes;
	double day[VT_COST_TIERS];	/* keeping it a day */
	double min_days[VT_COST_TIERS];
	double get[VT_COST_TIERS];	/* a read request */
	double byte[VT_COST_TIERS];	/* a byte read */
	double restore[VT_COST_TIERS];	/* a day with reads: 0 unless the
					   tier needs restores */
	double move[VT_COST_TIERS][VT_COST_TIERS];	/* from, to; without
					   what early leaving costs */
	double promote[VT_COST_TIERS];	/* rewriting it hot with the bytes of
					   a whole read that is paid: the
					   request and transfer */
	int needs_restore[VT_COST_TIERS];
	int excluded[VT_COST_TIERS];	/* never a target; with VT_COST_BARRED
					   in it: of what others do as well
					   (P6) */
};
#define VT_COST_BARRED 2

void vt_cost_of(const struct vt_cost_model *m, uint64_t size_bytes,
    struct vt_cost *out);

/*
 * For many objects: a model's prices, worked out once, of which an object of
 * any size takes a part that does not depend on it and one for each byte.
 * Stale as soon as the model changes: make it anew then.
 */
struct vt_cost_rates {
	struct vt_cost zero;		/* of an object without a byte */
	double min_bytes[VT_COST_TIERS];	/* kept as if so large */
	double day_byte[VT_COST_TIERS];
	double monitor_bytes[VT_COST_TIERS];	/* monitored from here on */
	double monitor_day[VT_COST_TIERS];
	double restore_byte[VT_COST_TIERS];
	double move_byte[VT_COST_TIERS][VT_COST_TIERS];
	double promote_byte[VT_COST_TIERS];
	int compresses[VT_COST_TIERS];
	/* What is larger goes to some tier in parts that are billed; who copies
	 * it writes them, no provider (1 << to, of each from) */
	uint64_t whole_bytes;
	struct vt_parts parts[VT_COST_TIERS];
	double part[VT_COST_TIERS];
	uint32_t copied[VT_COST_TIERS];
};

void vt_cost_rates_of(const struct vt_cost_model *m,
    struct vt_cost_rates *out);
/* The same as vt_cost_of. */
void vt_cost_at(const struct vt_cost_rates *r, uint64_t size_bytes,
    struct vt_cost *out);
/* The same of an object on tier `k`, for who asks for moves from there alone:
 * what others cost is not set, nor `promote`. */
void vt_cost_leaving(const struct vt_cost_rates *r, uint64_t size_bytes,
    size_t k, struct vt_cost *out);
/* That again, into a bill that any of these have filled by the same rates, and
 * in which nothing was changed that is the same for all sizes. */
void vt_cost_leaving_next(const struct vt_cost_rates *r, uint64_t size_bytes,
    size_t k, struct vt_cost *out);

/* Then, of one that tier `k` keeps as `stored` bytes: what keeping them costs
 * there, and, if that is less, wherever they would be compressed as well.  How
 * far what was never compressed would shrink is not known: it is priced as it
 * is. */
void vt_cost_stored(const struct vt_cost_rates *r, size_t k, uint64_t stored,
    struct vt_cost *out);
/*
 * The same of what is a member of a pack on tier `k`: it takes `share` bytes
 * of it there, is billed no least size of its own, and comes back from an
 * archive with all the `pack` bytes.  No provider can move it out of there.
 */
void vt_cost_packed(const struct vt_cost_model *m,
    const struct vt_cost_rates *r, size_t k, double share, double pack,
    struct vt_cost *out);

/* The requests that writing so many bytes to tier `k` takes. */
double vt_cost_put(const struct vt_cost_model *m, size_t k,
    uint64_t size_bytes);
/* Of that, keeping alone, where sizes need not be whole; and what putting a
 * byte on tier `k` costs beside the requests. */
double vt_cost_keep(const struct vt_cost_rates *r, size_t k, double bytes);
double vt_cost_write_byte(const struct vt_cost_model *m, size_t k);

/* Serving a day's reads from tier `k`: `gets` requests, `bytes` in all.  From
 * a tier that needs restores, the whole object is restored once for the day
 * and read from its hot copy. */
double vt_cost_serve(const struct vt_cost *c, size_t k, double gets,
    double bytes);
/* The same reads when the first one also rewrites the object to tier 0, which
 * serves the others.  The object is on tier 0 after. */
double vt_cost_serve_promote(const struct vt_cost *c, size_t k, double gets,
    double bytes);
/* What is still due for the minimum duration after `stayed` days. */
double vt_cost_early(const struct vt_cost *c, size_t k, double stayed);

#endif
