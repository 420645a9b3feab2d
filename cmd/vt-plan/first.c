/*
 * What has to be known of all versions before any of them is decided on: it
 * is called for each line of a version when that is read, in their order.
 */
#include "plan.h"

/* Engines are tried on it. */
static void
sample(struct run *r, const struct vt_scan_record *rec)
{
	struct vt_err err;

	if (!vt_sample_wants(r->sample, rec->size_bytes, rec->bucket, rec->key,
	    rec->key_len, rec->mtime_us))
		return;
	if (vt_past_fill(&r->past, rec, r->now_us, &err) != VT_OK ||
	    vt_sample_add(r->sample, &r->past, rec->size_bytes, rec->bucket,
	    rec->key, rec->key_len, rec->mtime_us, &err) != VT_OK)
		plan_die(&err);
}

void
first_pass(struct run *r, const struct vt_scan_record *rec)
{
	/* before much is read, and nothing is decided */
	check_prices(r, r->now_us != INT64_MAX ? r->now_us :
	    rec->covered_to_us);
	if (rec->covered_days <= 0)
		return;
	if (r->covered_from == 0 || rec->covered_from_us < r->covered_from)
		r->covered_from = rec->covered_from_us;
	if (rec->covered_to_us > r->covered_to)
		r->covered_to = rec->covered_to_us;
	if (rec->covered_days > r->covered_days)
		r->covered_days = rec->covered_days;
	sample(r, rec);
}

void
first_pass_end(struct run *r)
{
	/* from here on it is borrowed */
	vt_past_release(&r->past);
	/* the first half is what engines learn from */
	if (r->split_half || !r->simulate)
		r->split_us = r->covered_from +
		    (r->covered_to - r->covered_from) / 2;
	r->policy.log_days = r->covered_days;
	hold_contest(r);
}
