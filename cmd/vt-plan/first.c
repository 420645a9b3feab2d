/*
 * What has to be known of all versions before any of them is decided on: it
 * is called for each line of a version when that is read, in their order.
 */
#include "plan.h"

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
}

void
first_pass_end(struct run *r)
{
	if (r->split_half)
		r->split_us = r->covered_from +
		    (r->covered_to - r->covered_from) / 2;
}
