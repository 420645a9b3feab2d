/*
 * Bills over time: who computes one may tell somebody what is paid when.
 * Times are in days since 1970-01-01 UTC, money in dollars.
 */
#ifndef VT_WORK_SPENDING_H
#define VT_WORK_SPENDING_H

struct vt_spending {
	/* `usd`, evenly over from..to, or at once when they are equal; in no
	 * order */
	void (*spend)(void *ctx, double from, double to, double usd);
	void *ctx;
};

#endif
