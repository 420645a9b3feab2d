/* Output: records of objects that only logs tell of, and lines to stdout. */
#include <string.h>

#include "scan.h"

#define OUT_BLOCK ((size_t)256 << 10)

void
put(struct run *r, const struct vt_scan_record *rec)
{
	struct vt_err err;

	vt_scan_record_format(rec, &r->out);
	if (vt_buf_check(&r->out, "the output", &err) != VT_OK)
		die(&err);
	if (r->out.len >= OUT_BLOCK && cli_out_buf(&r->out) < 0)
		r->stop = 1;
}

void
end_output(struct run *r)
{
	if (r->out.len > 0)
		(void)cli_out_buf(&r->out);	/* sticks; cli_finish tells */
	vt_buf_release(&r->out);
}

const struct vt_heat_object *
next_object(struct run *r)
{
	const struct vt_heat_object *o;
	struct vt_err err;
	enum vt_code rc = vt_heat_merge_next(r->merge, &o, &err);

	if (rc != VT_OK && rc != VT_ABSENT)
		die(&err);
	return o;
}

/* Make up a version of what logs say; 0 when there is none. */
static int
describe(struct run *r, const struct vt_heat_object *o,
    const struct vt_log_name *name, struct vt_scan_record *rec)
{
	memset(rec, 0, sizeof(*rec));
	rec->bucket = name->bucket;
	rec->key = name->key;
	rec->key_len = name->key_len;
	rec->version = name->version;
	rec->is_current = 1;
	rec->size_bytes = rec->stored_bytes = o->size_bytes;
	rec->mtime_us = o->created_us != 0 ? o->created_us : o->first_us;
	rec->copy_since_us = rec->mtime_us;
	rec->tier = "hot";
	return rec->mtime_us <= r->now_us;
}

void
put_foreign(struct run *r)
{
	const struct vt_heat_object *o;
	struct vt_scan_record rec;
	struct vt_log_name name;
	struct vt_buf text;
	struct vt_err err;
	uint64_t unsized = 0;

	vt_buf_init(&text, OUT_MAX);
	while (!r->stop && !cli_stopping()) {
		o = next_object(r);
		if (o == NULL)
			break;
		if (vt_heat_is_deleted(o))
			continue;
		if (!o->has_size) {
			unsized++;
			continue;
		}
		if (vt_heat_name_split(o->name, o->name_len, &text, &name,
		    &err) != VT_OK)
			die(&err);
		if (!describe(r, o, &name, &rec))
			continue;
		if (vt_heat_tell(r->teller, &o, 1, r->now_us, &rec, &err) !=
		    VT_OK)
			die(&err);
		put(r, &rec);
	}
	vt_buf_release(&text);
	if (unsized > 0)
		cli_warn("%llu objects whose size no line tells were left "
		    "out", (unsigned long long)unsized);
}
