/*
 * What has to be known of all versions before any of them is decided on: which
 * time the log covers, and a sample for engines to be tried on.  Threads
 * gather it of a batch each; batches are taken in order.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"

/* An object that the sample may want. */
struct candidate {
	struct vt_past past;		/* events, and what follows: in */
	const char *bucket, *key;	/* first_pass.kept */
	size_t key_len;
	uint64_t size_bytes;
	int64_t mtime_us;
	struct vt_reach reach;
	/* of a version in a bucket with rules, which are read by then: all but
	 * its heat; else NULL */
	struct vt_scan_record *ruled;
	uint64_t buckets;		/* whose lines came before it */
};

#define KEPT_MAX ((size_t)1 << 30)

int
first_init(struct first_pass *f)
{
	memset(f, 0, sizeof(*f));
	vt_buf_init(&f->candidates, SIZE_MAX / 2);
	f->kept = vt_arena_new(KEPT_MAX);
	return f->kept != NULL ? 0 : -1;
}

static struct candidate *
candidate_at(const struct first_pass *f, size_t i)
{
	return (struct candidate *)(void *)f->candidates.data + i;
}

static size_t
candidate_count(const struct first_pass *f)
{
	return f->candidates.len / sizeof(struct candidate);
}

void
first_reset(struct first_pass *f)
{
	vt_buf_reset(&f->candidates);
	vt_arena_reset(f->kept);
	f->seen = f->passed = 0;
	f->ends_us = f->covered_from = f->covered_to = 0;
	f->covered_days = 0;
	f->explained = 0;
}

void
first_release(struct first_pass *f)
{
	first_reset(f);
	vt_buf_release(&f->candidates);
	vt_past_release(&f->past);
	free(f->room.h);
	vt_arena_free(f->kept);
}

/* Where it may be, from where it is decided to be. */
static void
reach_of(const struct run *r, const struct vt_scan_record *rec,
    struct vt_reach *out)
{
	struct vt_scan_record at;

	if (rec->seq == 0) {
		at = *rec;
		place_foreign(r, &at);
		rec = &at;
	}
	(void)vt_reach_of(&r->model, &r->policy, r->places, rec, out);
}

/* What of its record tells what rules say of it. */
static int
keep_ruled(struct vt_arena *a, struct candidate *c,
    const struct vt_scan_record *rec)
{
	struct vt_scan_record *k;

	k = (struct vt_scan_record *)(void *)vt_arena_dup(a, rec,
	    sizeof(*rec));
	c->ruled = k;
	if (k == NULL)
		return -1;
	k->bucket = c->bucket;
	k->key = c->key;
	k->tags = vt_arena_str(a, rec->tags != NULL ? rec->tags : "");
	k->lock = vt_arena_str(a, rec->lock != NULL ? rec->lock : "");
	k->h_count = k->gap_count = k->also_count = 0;
	k->packed_days = NULL;
	return k->tags != NULL && k->lock != NULL ? 0 : -1;
}

static enum vt_code
put_aside(const struct run *r, struct first_pass *f,
    struct vt_scan_record *rec, uint64_t buckets)
{
	struct candidate c = { .key_len = rec->key_len,
	    .size_bytes = rec->size_bytes, .mtime_us = rec->mtime_us,
	    .buckets = buckets };
	enum vt_code rc = VT_OK;

	if (rec->packed_days != NULL)
		rc = vt_record_days(rec, INFINITY, &f->room);
	if (rc == VT_OK)
		rc = vt_past_fill(&f->past, rec, r->now_us, NULL);
	if (rc != VT_OK)
		return rc;
	reach_of(r, rec, &c.reach);
	c.past = f->past;
	c.past.e = (struct vt_event *)(void *)vt_arena_dup(f->kept,
	    f->past.e, f->past.count * sizeof(*f->past.e));
	c.bucket = vt_arena_str(f->kept, rec->bucket);
	c.key = vt_arena_dup(f->kept, rec->key, rec->key_len);
	return c.past.e == NULL || c.bucket == NULL || c.key == NULL ||
	    (rec->is_ruled && keep_ruled(f->kept, &c, rec) < 0) ||
	    vt_buf_add(&f->candidates, &c, sizeof(c)) < 0 ? VT_NOMEM : VT_OK;
}

enum vt_code
first_see(const struct run *r, struct first_pass *f,
    struct vt_scan_record *rec, double floor, uint64_t buckets)
{
	f->seen++;
	if (f->ends_us == 0)
		f->ends_us = rec->covered_to_us;
	f->explained |= r->explain != NULL && is_explained(r, rec);
	if (rec->covered_days <= 0)
		return VT_OK;
	if (f->covered_from == 0 || rec->covered_from_us < f->covered_from)
		f->covered_from = rec->covered_from_us;
	if (rec->covered_to_us > f->covered_to)
		f->covered_to = rec->covered_to_us;
	if (rec->covered_days > f->covered_days)
		f->covered_days = rec->covered_days;
	if (r->is_kept)
		return VT_OK;
	if (floor > 0 && vt_sample_rank(rec->size_bytes, rec->bucket, rec->key,
	    rec->key_len, rec->mtime_us) < floor) {
		f->passed++;
		return VT_OK;
	}
	return put_aside(r, f, rec, buckets);
}

/* 0: rules have removed it before its past begins. */
static int
bind_candidate(const struct run *r, struct candidate *c, uint64_t buckets,
    struct vt_reach_step step[VT_REACH_STEPS])
{
	const struct bucket_rules *b;

	buckets += c->buckets;
	b = rules_for(buckets > 0 ? r->rules[buckets - 1] : NULL, c->ruled);
	return b == NULL || !(rules_reach(r, b, c->ruled, &c->past, &c->reach,
	    step) & RULES_END) || c->past.to > c->past.from;
}

void
first_take(struct run *r, struct first_pass *f, uint64_t buckets)
{
	struct vt_reach_step step[VT_REACH_STEPS];
	struct vt_err err;
	size_t i;

	if (r->first_ends_us == 0)
		r->first_ends_us = f->ends_us;
	/* before much is read, and nothing is printed */
	if (f->seen > 0)
		check_prices(r, r->now_us != INT64_MAX ? r->now_us :
		    f->ends_us);
	r->explains |= f->explained;
	if (f->covered_from != 0 && (r->covered_from == 0 ||
	    f->covered_from < r->covered_from))
		r->covered_from = f->covered_from;
	if (f->covered_to > r->covered_to)
		r->covered_to = f->covered_to;
	if (f->covered_days > r->covered_days)
		r->covered_days = f->covered_days;
	vt_sample_passed(r->sample, f->passed);
	for (i = 0; i < candidate_count(f); i++) {
		struct candidate *c = candidate_at(f, i);

		if (c->ruled != NULL && !bind_candidate(r, c, buckets, step))
			continue;
		if (vt_sample_wants(r->sample, c->size_bytes, c->bucket,
		    c->key, c->key_len, c->mtime_us) &&
		    vt_sample_add(r->sample, &c->past, c->size_bytes,
		    c->bucket, c->key, c->key_len, c->mtime_us, &c->reach,
		    &err) != VT_OK)
			plan_die(&err);
	}
}

void
first_end(struct run *r)
{
	if (r->is_kept)
		return;
	/* the first half is what engines learn from */
	if (r->split_half || !r->simulate)
		r->split_us = r->covered_from +
		    (r->covered_to - r->covered_from) / 2;
	r->policy.log_days = r->covered_days;
	/* which engine is in charge hangs on all versions, but matters only to
	 * one that is there */
	if (r->explain == NULL || r->explains)
		hold_contest(r);
}
