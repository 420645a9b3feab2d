/* Whether two records are the same in all their fields; for tests and fuzz
 * targets. */
#ifndef TESTS_UNIT_SAME_RECORD_H
#define TESTS_UNIT_SAME_RECORD_H

#include <string.h>

#include "libvt/proto/records.h"

static int
same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static int
same_lists(const struct vt_scan_record *a, const struct vt_scan_record *b)
{
	size_t i;

	if (a->also_count != b->also_count || a->gap_count != b->gap_count ||
	    a->h_count != b->h_count)
		return 0;
	for (i = 0; i < a->also_count; i++)
		if (!same_text(a->also[i], b->also[i]))
			return 0;
	for (i = 0; i < a->gap_count; i++)
		if (a->gaps[i].from_us != b->gaps[i].from_us ||
		    a->gaps[i].length_us != b->gaps[i].length_us)
			return 0;
	for (i = 0; i < a->h_count; i++)
		if (a->h[i].day != b->h[i].day ||
		    a->h[i].last != b->h[i].last ||
		    a->h[i].days != b->h[i].days ||
		    a->h[i].gets != b->h[i].gets ||
		    a->h[i].bytes != b->h[i].bytes)
			return 0;
	return 1;
}

static int
same_record(const struct vt_scan_record *a, const struct vt_scan_record *b)
{
	return a->kind == b->kind &&
	    a->lifecycle_len == b->lifecycle_len &&
	    same_text(a->lifecycle, b->lifecycle) &&
	    same_text(a->versioning, b->versioning) && a->at_us == b->at_us &&
	    a->day_ms == b->day_ms && a->has_min_bytes == b->has_min_bytes &&
	    a->min_bytes == b->min_bytes && a->is_ruled == b->is_ruled &&
	    same_text(a->tags, b->tags) &&
	    a->noncurrent_since_us == b->noncurrent_since_us &&
	    a->newer == b->newer && a->is_alone == b->is_alone &&
	    same_text(a->upload, b->upload) &&
	    same_text(a->bucket, b->bucket) && a->key_len == b->key_len &&
	    memcmp(a->key, b->key, a->key_len + 1) == 0 &&
	    same_text(a->version, b->version) && a->seq == b->seq &&
	    a->generation == b->generation &&
	    a->bucket_generation == b->bucket_generation &&
	    a->is_current == b->is_current &&
	    a->size_bytes == b->size_bytes && a->mtime_us == b->mtime_us &&
	    same_text(a->tier, b->tier) &&
	    same_text(a->storage_class, b->storage_class) &&
	    a->copy == b->copy && a->copy_since_us == b->copy_since_us &&
	    a->stored_bytes == b->stored_bytes && a->adopted == b->adopted &&
	    a->pack == b->pack && a->pack_bytes == b->pack_bytes &&
	    a->pack_dead == b->pack_dead &&
	    same_text(a->pin, b->pin) && same_text(a->lock, b->lock) &&
	    a->retain_until_us == b->retain_until_us &&
	    a->legal_hold == b->legal_hold && a->reads == b->reads &&
	    a->bytes_read == b->bytes_read && a->r30 == b->r30 &&
	    a->r90 == b->r90 && a->last_read_us == b->last_read_us &&
	    a->covered_from_us == b->covered_from_us &&
	    a->covered_to_us == b->covered_to_us &&
	    a->covered_days == b->covered_days && same_lists(a, b);
}

#endif
