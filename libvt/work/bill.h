/*
 * The bill of an installation for some days: what was kept, read and moved,
 * added up tier by tier and priced by the exact sum over volume bands, line
 * by line as a provider prints it.  One object's share is cost.h's business;
 * where there are no bands, the total is the sum of those shares.
 *
 * Knows no object, no log and no decision.
 */
#ifndef VT_WORK_BILL_H
#define VT_WORK_BILL_H

#include "libvt/work/cost.h"

enum vt_bill_line {
	VT_BILL_STORAGE,	/* with minimum sizes and overheads; restored
				   copies are kept in the hot tier */
	VT_BILL_EARLY,		/* what minimum durations add */
	VT_BILL_REQUESTS,	/* GET, PUT, the parts of large ones, and
				   moves by the provider */
	VT_BILL_RETRIEVAL,	/* by the GB */
	VT_BILL_RESTORES,	/* requests */
	VT_BILL_MONITORING,
	VT_BILL_TRANSFER,	/* between tiers and server, and to where a
				   tier keeps further copies */
	VT_BILL_CLIENTS,	/* from the server to who reads */
	VT_BILL_FIXED,
	VT_BILL_LINES
};
/* "storage", "early deletion"...: a static string. */
const char *vt_bill_line_name(enum vt_bill_line line);

/* Sums; to be read through the functions below. */
struct vt_bill {
	const struct vt_cost_model *model;	/* borrowed */
	double days;
	struct {
		double byte_days, early_byte_days, monitored_days;
		double gets, puts, parts, transitions, restores;
		double read_bytes, written_bytes;
	} tier[VT_COST_TIERS];
	double client_bytes;
};

/* Nothing yet, over `days` days. */
void vt_bill_init(struct vt_bill *b, const struct vt_cost_model *m,
    double days);

/* An object of `size_bytes` lay on tier `k` for so many days. */
void vt_bill_keep(struct vt_bill *b, size_t k, uint64_t size_bytes,
    double days);
/* It left `days_due` days before its minimum duration was over. */
void vt_bill_early(struct vt_bill *b, size_t k, uint64_t size_bytes,
    double days_due);
/* It was written to tier `k` by who owns it. */
void vt_bill_put(struct vt_bill *b, size_t k, uint64_t size_bytes);
/* A day's reads, as vt_cost_serve; then as vt_cost_serve_promote. */
void vt_bill_serve(struct vt_bill *b, size_t k, uint64_t size_bytes,
    double gets, double bytes);
void vt_bill_serve_promote(struct vt_bill *b, size_t k, uint64_t size_bytes,
    double gets, double bytes);
/* It was moved, as the model says who moves. */
void vt_bill_move(struct vt_bill *b, size_t from, size_t to,
    uint64_t size_bytes);
/* So many bytes went to clients. */
void vt_bill_clients(struct vt_bill *b, double bytes);

/* Dollars of one line for tier `k`; clients and fixed charges are of none and
 * counted with tier 0. */
double vt_bill_usd(const struct vt_bill *b, size_t k, enum vt_bill_line line);
/* All of it; `lines` (may be NULL) gets the sum of each. */
double vt_bill_total(const struct vt_bill *b, double lines[VT_BILL_LINES]);

#endif
