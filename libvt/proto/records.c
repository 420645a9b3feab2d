#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/clock.h"
#include "libvt/base/jsonl.h"
#include "libvt/base/num.h"
#include "libvt/proto/lifecycle.h"

#include "libvt/proto/records_internal.h"

#define FIELDS_MAX 64

/* A line split into fields; a failure sticks, so that each field is one line
 * of code and the first wrong one is told. */
struct fields {
	struct vt_json_field f[FIELDS_MAX];
	int count;
	struct vt_arena *a;
	enum vt_code rc;
	struct vt_err *err;
};

static const struct vt_json_field *
find(const struct fields *s, const char *name)
{
	const struct vt_json_field *f = vt_json_find(s->f, s->count, name);

	return f != NULL && f->type == '0' ? NULL : f;
}

static void
wrong(struct fields *s, const char *name, const char *why)
{
	if (s->rc == VT_OK)
		s->rc = vt_fail(s->err, VT_INVALID, "'%s' %s", name, why);
}

static void
no_memory(struct fields *s)
{
	if (s->rc == VT_OK)
		s->rc = vt_fail(s->err, VT_NOMEM, "the record is too large");
}

/* Text of a field in the arena, "" when it is absent.  `len` NULL: no NUL may
 * be inside. */
static const char *
text(struct fields *s, const char *name, int required, size_t *len)
{
	const struct vt_json_field *f = find(s, name);
	const char *out = "";
	struct vt_buf b;
	size_t n = 0;

	if (len != NULL)
		*len = 0;
	if (f == NULL) {
		if (required)
			wrong(s, name, "is missing");
		return "";
	}
	if (f->type != 's') {
		wrong(s, name, "is not text");
		return "";
	}
	if (!f->escaped) {
		out = vt_arena_dup(s->a, f->value, f->value_len);
		n = f->value_len;
	} else {
		/* unescaping never grows */
		vt_buf_init(&b, f->value_len + 1);
		if (vt_json_unescape(f, &b) < 0)
			wrong(s, name, "has a broken escape");
		out = vt_arena_dup(s->a, b.data, b.len);
		n = b.len;
		vt_buf_release(&b);
	}
	if (out == NULL) {
		no_memory(s);
		return "";
	}
	if (len != NULL)
		*len = n;
	else if (strlen(out) != n)
		wrong(s, name, "has a NUL inside");
	return out;
}

static int64_t
integer(struct fields *s, const char *name, int required)
{
	const struct vt_json_field *f = find(s, name);
	int64_t n = 0;

	if (f == NULL) {
		if (required)
			wrong(s, name, "is missing");
		return 0;
	}
	if (vt_json_get_i64(f, &n) < 0)
		wrong(s, name, "is not a whole number");
	return n;
}

static uint64_t
natural(struct fields *s, const char *name, int required)
{
	const struct vt_json_field *f = find(s, name);
	uint64_t n = 0;

	if (f == NULL) {
		if (required)
			wrong(s, name, "is missing");
		return 0;
	}
	if (vt_json_get_u64(f, &n) < 0)
		wrong(s, name, "is not a whole number from 0");
	return n;
}

static double
number(struct fields *s, const char *name)
{
	const struct vt_json_field *f = find(s, name);
	double d = 0;

	if (f == NULL)
		return 0;
	if (vt_json_get_double(f, &d) < 0 || !isfinite(d))
		wrong(s, name, "is not a number");
	return d;
}

static int
truth(struct fields *s, const char *name)
{
	const struct vt_json_field *f = find(s, name);

	if (f == NULL)
		return 0;
	if (f->type != 't' && f->type != 'f')
		wrong(s, name, "is neither true nor false");
	return f->type == 't';
}

static int64_t
when(struct fields *s, const char *name)
{
	const struct vt_json_field *f = find(s, name);
	int64_t us = 0;

	if (f == NULL)
		return 0;
	if (f->type != 's' ||
	    vt_time_parse_rfc3339(f->value, f->value_len, &us) < 0)
		wrong(s, name, "is not a time as in RFC 3339");
	return us;
}

static void
put_time(struct vt_buf *out, const char *name, int64_t us)
{
	char t[25];

	vt_time_rfc3339_ms(us, t);
	vt_json_str(out, name, t);
}

static void
put_when(struct vt_buf *out, const char *name, int64_t us)
{
	if (us != 0)
		put_time(out, name, us);
}

/* Unless it is the one that is taken when none is there. */
static void
put_when_unusual(struct vt_buf *out, const char *name, int64_t us,
    int64_t usual)
{
	if (!vt_scan_same_time(us, usual))
		put_time(out, name, us);
}

static void
put_text(struct vt_buf *out, const char *name, const char *s)
{
	if (s != NULL && *s != '\0')
		vt_json_bytes(out, name, s, strlen(s));
}

static enum vt_code
begin(struct fields *s, const char *line, size_t len, struct vt_arena *a,
    struct vt_err *err)
{
	s->a = a;
	s->rc = VT_OK;
	s->err = err;
	s->count = vt_json_scan(line, len, s->f, FIELDS_MAX);
	if (s->count < 0)
		return vt_fail(err, VT_INVALID, "not a JSON object");
	if (find(s, "v") == NULL)
		wrong(s, "v", "is missing");
	else if (integer(s, "v", 1) != 1)
		wrong(s, "v", "is not 1");
	return s->rc;
}

/* --- moves ---------------------------------------------------------------- */

static int
is_pack(const struct vt_move *m)
{
	return m->action != NULL && strcmp(m->action, "pack") == 0;
}

static int
is_member(const struct vt_move *m)
{
	return m->action != NULL && strcmp(m->action, "pack-member") == 0;
}

int
vt_move_is_packing(const struct vt_move *m)
{
	return is_pack(m) || is_member(m);
}

static int
is_repack(const struct vt_move *m)
{
	return m->action != NULL && strcmp(m->action, "repack") == 0;
}

/* Of versions, and so with a key, or of none. */
static int
is_keyless(const struct vt_move *m)
{
	return is_pack(m) || is_repack(m);
}

/* Moves and members name a copy and its tiers, removals must not need to. */
static int
is_placed(const struct vt_move *m)
{
	return m->action == NULL || *m->action == '\0' || is_member(m);
}

enum vt_code
vt_move_parse(const char *line, size_t len, struct vt_arena *a,
    struct vt_move *out, struct vt_err *err)
{
	enum vt_lc_action action;
	struct fields s;

	memset(out, 0, sizeof(*out));
	if (begin(&s, line, len, a, err) != VT_OK)
		return VT_INVALID;
	out->action = text(&s, "action", 0, NULL);
	action = vt_lc_action_find(out->action);
	if (action == VT_LC_NONE && *out->action != '\0' &&
	    !vt_move_is_packing(out) && !is_repack(out))
		wrong(&s, "action", "is none that is known");
	out->pack = text(&s, "pack", vt_move_is_packing(out), NULL);
	/* edited or not: never taken for a move of its own */
	if (*out->pack != '\0' && !vt_move_is_packing(out))
		wrong(&s, "pack", "goes with the actions of packs alone");
	out->blob = natural(&s, "blob", is_repack(out));
	if ((out->blob != 0) != is_repack(out))
		wrong(&s, "blob", "goes with the action repack alone");
	out->objects = natural(&s, "objects", 0);
	out->pack_bytes = natural(&s, "bytes", 0);
	out->rule = text(&s, "rule", action != VT_LC_NONE, NULL);
	out->upload = text(&s, "upload", action == VT_LC_ABORT_UPLOAD, NULL);
	out->plan = text(&s, "plan", 0, NULL);
	out->prices = text(&s, "prices", 0, NULL);
	out->policies = text(&s, "policies", 0, NULL);
	out->policy = text(&s, "policy", 0, NULL);
	out->bucket = text(&s, "bucket", 1, NULL);
	out->key = text(&s, is_pack(out) ? "prefix" : "key",
	    !is_keyless(out), &out->key_len);
	out->version = text(&s, "version", 0, NULL);
	out->seq = integer(&s, "seq", action != VT_LC_ABORT_UPLOAD &&
	    !is_keyless(out));
	out->generation = integer(&s, "generation", 0);
	out->bucket_generation = integer(&s, "bucket_generation", 0);
	out->copy = integer(&s, "copy", is_placed(out));
	out->from = text(&s, "from", is_placed(out), NULL);
	out->to = text(&s, "to", is_placed(out) || is_keyless(out),
	    NULL);
	out->size_bytes = natural(&s, "size", 0);
	out->saving_usd_month = number(&s, "saving_usd_month");
	out->cost_usd = number(&s, "cost_usd");
	out->payback_days = number(&s, "payback_days");
	out->reason = text(&s, "reason", 0, NULL);
	out->not_after_us = when(&s, "not_after");
	return s.rc;
}

static void
format_pack(const struct vt_move *m, struct vt_buf *out)
{
	if (is_repack(m))
		vt_json_u64(out, "blob", m->blob);
	else
		vt_json_bytes(out, "prefix", m->key, m->key_len);
	vt_json_str(out, "to", m->to);
	vt_json_u64(out, "objects", m->objects);
	vt_json_u64(out, "bytes", m->pack_bytes);
}

static void
format_subject(const struct vt_move *m, struct vt_buf *out)
{
	vt_json_bytes(out, "key", m->key, m->key_len);
	put_text(out, "version", m->version);
	put_text(out, "upload", m->upload);
	if (is_placed(m) || m->seq != 0) {
		vt_json_i64(out, "seq", m->seq);
		vt_json_i64(out, "generation", m->generation);
	}
	vt_json_i64(out, "bucket_generation", m->bucket_generation);
	/* a removal has no copy: what does not know of actions refuses it */
	if (is_placed(m)) {
		vt_json_i64(out, "copy", m->copy);
		vt_json_str(out, "from", m->from);
		vt_json_str(out, "to", m->to);
	} else {
		put_text(out, "from", m->from);
	}
}

void
vt_move_format_plain(const struct vt_move *m, struct vt_buf *out)
{
	vt_json_begin(out);
	vt_json_i64(out, "v", 1);
	put_text(out, "action", m->action);
	put_text(out, "rule", m->rule);
	put_text(out, "plan", m->plan);
	put_text(out, "prices", m->prices);
	put_text(out, "policies", m->policies);
	put_text(out, "policy", m->policy);
	put_text(out, "pack", m->pack);
	vt_json_bytes(out, "bucket", m->bucket, strlen(m->bucket));
	if (is_keyless(m))
		format_pack(m, out);
	else
		format_subject(m, out);
	vt_json_u64(out, "size", m->size_bytes);
	vt_json_double(out, "saving_usd_month", m->saving_usd_month);
	vt_json_double(out, "cost_usd", m->cost_usd);
	vt_json_double(out, "payback_days", m->payback_days);
	put_text(out, "reason", m->reason);
	put_when(out, "not_after", m->not_after_us);
	vt_json_end(out);
}

/* --- versions with their heat --------------------------------------------- */

/* A whole number, and behind it ',' or ']': where that is, or NULL. */
static const char *
row_number(const char *p, int64_t *n)
{
	int digits = 0, minus = *p == '-';
	uint64_t u = 0;

	for (p += minus; *p >= '0' && *p <= '9'; p++, digits++)
		u = u * 10 + (uint64_t)(*p - '0');
	if (digits == 0 || digits > 18 || (*p != ',' && *p != ']'))
		return NULL;
	*n = minus ? -(int64_t)u : (int64_t)u;
	return p;
}

/* Those behind '[', up to ']': where that is, or NULL. */
static const char *
row_numbers(const char *p, int64_t n[5], int *count)
{
	for (*count = 0; *p != ']' && *count < 5;) {
		p++;
		while (*p == ' ')
			p++;
		p = row_number(p, &n[(*count)++]);
		if (p == NULL)
			return NULL;
	}
	/* a number alone stands without brackets */
	return *p == ']' && *count > 1 ? p : NULL;
}

/*
 * Numbers of "[[1,2,3],7,[4,5,6]]", row by row.  Returns rows, or -1; `visit`
 * gets each row and how many numbers it has (at most 5).
 */
static long
rows(const char *p, size_t len, int (*visit)(void *ctx, const int64_t n[5],
    int count), void *ctx)
{
	const char *end = p + len;
	int64_t n[5];
	long total = 0;
	int count;

	if (p == end || *p != '[' || end[-1] != ']')
		return -1;
	for (p++; p < end; p++) {
		if (*p == ']' && p + 1 == end)
			return total;
		if (*p == ',' || *p == ' ')
			continue;
		count = 1;
		p = *p == '[' ? row_numbers(p, n, &count) : row_number(p, n);
		if (p == NULL || visit(ctx, n, count) < 0)
			return -1;
		/* what ended a number alone may end the list */
		if (count == 1)
			p--;
		total++;
	}
	return -1;
}

static int
count_row(void *ctx, const int64_t n[5], int count)
{
	(void)ctx;
	(void)n;
	(void)count;
	return 0;
}

struct day_rows {
	struct vt_heat_day *h;
	size_t count;
	uint64_t size_bytes;	/* of the version */
};

static int
day_row(void *ctx, const int64_t n[5], int count)
{
	struct day_rows *d = ctx;
	const struct vt_heat_day *before =
	    d->count > 0 ? &d->h[d->count - 1] : NULL;

	if (vt_heat_day_row(n, count, d->size_bytes, before,
	    &d->h[d->count]) < 0)
		return -1;
	d->count++;
	return 0;
}

static void
read_days(struct fields *s, struct vt_scan_record *out)
{
	const struct vt_json_field *f = find(s, "h");
	struct day_rows d = { NULL, 0, out->size_bytes };
	long n;

	if (f == NULL || s->rc != VT_OK)
		return;
	n = f->type == 'a' ? rows(f->value, f->value_len, count_row, NULL) :
	    -1;
	if (n < 0) {
		wrong(s, "h", "is not a list of numbers and lists of "
		    "them");
		return;
	}
	d.h = vt_arena_alloc(s->a, ((size_t)n + 1) * sizeof(*d.h));
	if (d.h == NULL) {
		no_memory(s);
		return;
	}
	if (rows(f->value, f->value_len, day_row, &d) < 0)
		wrong(s, "h", "is not day, [day,gets,bytes] or "
		    "[day,gets,bytes,days,last], ascending");
	out->h = d.h;
	out->h_count = d.count;
}

struct gap_rows {
	struct vt_heat_gap *g;
	size_t count;
};

static int
gap_row(void *ctx, const int64_t n[5], int count)
{
	struct gap_rows *d = ctx;
	const struct vt_heat_gap *before =
	    d->count > 0 ? &d->g[d->count - 1] : NULL;

	if (vt_heat_gap_row(n, count, before, &d->g[d->count]) < 0)
		return -1;
	d->count++;
	return 0;
}

static void
read_gaps(struct fields *s, struct vt_scan_record *out)
{
	const struct vt_json_field *f = find(s, "gaps");
	struct gap_rows d = { NULL, 0 };
	long n;

	if (f == NULL || s->rc != VT_OK)
		return;
	n = f->type == 'a' ? rows(f->value, f->value_len, count_row, NULL) :
	    -1;
	if (n < 0) {
		wrong(s, "gaps", "is not a list of lists of numbers");
		return;
	}
	d.g = vt_arena_alloc(s->a, ((size_t)n + 1) * sizeof(*d.g));
	if (d.g == NULL) {
		no_memory(s);
		return;
	}
	if (rows(f->value, f->value_len, gap_row, &d) < 0)
		wrong(s, "gaps", "is not [from,seconds], ascending");
	out->gaps = d.g;
	out->gap_count = d.count;
}

/* "also":["warm","cold"] */
static void
read_also(struct fields *s, struct vt_scan_record *out)
{
	const struct vt_json_field *f = find(s, "also");
	const char *p, *end, *q;
	const char **list;
	size_t max = 1;

	if (f == NULL || s->rc != VT_OK)
		return;
	if (f->type != 'a' || memchr(f->value, '\\', f->value_len) != NULL) {
		wrong(s, "also", "is not a list of tiers");
		return;
	}
	p = f->value;
	end = p + f->value_len;
	for (q = p; q < end; q++)
		max += *q == '"';
	list = vt_arena_alloc(s->a, max * sizeof(*list));
	if (list == NULL) {
		no_memory(s);
		return;
	}
	while ((p = memchr(p, '"', (size_t)(end - p))) != NULL) {
		p++;
		q = memchr(p, '"', (size_t)(end - p));
		if (q == NULL)
			break;
		list[out->also_count] = vt_arena_dup(s->a, p, (size_t)(q - p));
		if (list[out->also_count] == NULL) {
			no_memory(s);
			return;
		}
		out->also_count++;
		p = q + 1;
	}
	out->also = list;
}

static const char *const kinds[] = { "", "bucket", "marker", "upload" };

static enum vt_scan_kind
read_kind(struct fields *s)
{
	const char *kind = text(s, "kind", 0, NULL);
	int i;

	for (i = VT_SCAN_UPLOAD; i > 0 && strcmp(kind, kinds[i]) != 0; i--)
		;
	if (i == 0 && *kind != '\0')
		wrong(s, "kind", "is none that is known");
	return (enum vt_scan_kind)i;
}

/* A bucket's rules. */
static void
read_bucket(struct fields *s, struct vt_scan_record *out)
{
	out->lifecycle = text(s, "lifecycle", 1, &out->lifecycle_len);
	out->versioning = text(s, "versioning", 0, NULL);
	out->at_us = when(s, "at");
	out->day_ms = integer(s, "lifecycle_day_ms", 0);
	if (out->day_ms < 0 || out->day_ms > 86400000)
		wrong(s, "lifecycle_day_ms", "is not from 1 to 86400000");
	out->has_min_bytes = find(s, "lifecycle_min_size") != NULL;
	out->min_bytes = natural(s, "lifecycle_min_size", 0);
}

/* What rules ask of the rest. */
static void
read_lifecycle(struct fields *s, struct vt_scan_record *out)
{
	uint64_t newer;

	out->tags = out->upload = "";
	/* most lines are of versions in buckets without rules */
	out->is_ruled = truth(s, "ruled");
	if (out->kind == VT_SCAN_VERSION && !out->is_ruled)
		return;
	newer = natural(s, "newer", 0);
	out->newer = newer < UINT32_MAX ? (uint32_t)newer : UINT32_MAX;
	out->tags = text(s, "tags", 0, NULL);
	out->noncurrent_since_us = when(s, "noncurrent_since");
	out->is_alone = truth(s, "alone");
	if (out->kind == VT_SCAN_UPLOAD)
		out->upload = text(s, "upload", 1, NULL);
}

/* What a line of a version leaves to its other fields. */
static void
read_usual(struct fields *s, struct vt_scan_record *out)
{
	if (out->kind != VT_SCAN_VERSION)
		return;
	if (find(s, "copy_since") == NULL)
		out->copy_since_us = vt_scan_usual_since(out);
	if (find(s, "stored_bytes") == NULL)
		out->stored_bytes = vt_scan_usual_stored(out);
	if (find(s, "covered_from") == NULL)
		out->covered_from_us = vt_scan_usual_from(out);
}

enum vt_code
vt_scan_record_parse_plain(const char *line, size_t len, struct vt_arena *a,
    struct vt_scan_record *out, struct vt_err *err)
{
	struct fields s;
	int is_version;

	memset(out, 0, sizeof(*out));
	if (begin(&s, line, len, a, err) != VT_OK)
		return VT_INVALID;
	/* which has all that a record must have as well */
	if (find(&s, "op") != NULL)
		return vt_fail(err, VT_INVALID, "a line of an access log, not "
		    "a record of vt-scan");
	out->kind = read_kind(&s);
	if (out->kind == VT_SCAN_BUCKET)
		read_bucket(&s, out);
	else
		read_lifecycle(&s, out);
	is_version = out->kind == VT_SCAN_VERSION;
	out->bucket = text(&s, "bucket", 1, NULL);
	out->key = text(&s, "key", out->kind != VT_SCAN_BUCKET,
	    &out->key_len);
	out->version = text(&s, "version", 0, NULL);
	out->seq = integer(&s, "seq", 0);
	out->generation = integer(&s, "generation", 0);
	out->bucket_generation = integer(&s, "bucket_generation", 0);
	out->is_current = truth(&s, "current");
	out->size_bytes = natural(&s, "size", is_version);
	out->mtime_us = when(&s, "mtime");
	out->tier = text(&s, "tier", is_version, NULL);
	out->storage_class = text(&s, "class", 0, NULL);
	out->copy = integer(&s, "copy", 0);
	out->copy_since_us = when(&s, "copy_since");
	out->stored_bytes = natural(&s, "stored_bytes", 0);
	out->adopted = truth(&s, "adopted");
	out->pack = integer(&s, "pack", 0);
	out->pack_bytes = natural(&s, "pack_bytes", 0);
	out->pack_dead = number(&s, "pack_dead");
	if (out->pack_dead < 0 || out->pack_dead > 1)
		wrong(&s, "pack_dead", "is not from 0 to 1");
	read_also(&s, out);
	out->pin = text(&s, "pin", 0, NULL);
	out->lock = text(&s, "lock", 0, NULL);
	out->retain_until_us = when(&s, "retain_until");
	out->legal_hold = truth(&s, "legal_hold");
	out->reads = natural(&s, "reads", 0);
	out->bytes_read = natural(&s, "bytes_read", 0);
	out->r30 = natural(&s, "r30", 0);
	out->r90 = natural(&s, "r90", 0);
	out->last_read_us = when(&s, "last_read");
	out->covered_from_us = when(&s, "covered_from");
	out->covered_to_us = when(&s, "covered_to");
	out->covered_days = number(&s, "covered_days");
	read_usual(&s, out);
	if (out->covered_days < 0)
		wrong(&s, "covered_days", "is negative");
	if (out->covered_to_us < out->covered_from_us)
		wrong(&s, "covered_to", "lies before covered_from");
	read_gaps(&s, out);
	read_days(&s, out);
	return s.rc;
}

static void
put_days(const struct vt_scan_record *r, struct vt_buf *out)
{
	size_t i;

	if (r->h_count == 0)
		return;
	vt_buf_str(out, ",\"h\":[");
	for (i = 0; i < r->h_count; i++) {
		const struct vt_heat_day *h = &r->h[i];

		if (i > 0)
			vt_buf_char(out, ',');
		if (vt_heat_day_is_plain(h, r->size_bytes)) {
			vt_buf_i64(out, h->day);
			continue;
		}
		vt_buf_char(out, '[');
		vt_buf_i64(out, h->day);
		vt_buf_char(out, ',');
		vt_buf_u64(out, h->gets);
		vt_buf_char(out, ',');
		vt_buf_u64(out, h->bytes);
		if (h->last > h->day) {
			vt_buf_char(out, ',');
			vt_buf_u64(out, h->days);
			vt_buf_char(out, ',');
			vt_buf_i64(out, h->last);
		}
		vt_buf_char(out, ']');
	}
	vt_buf_char(out, ']');
}

static void
put_gaps(const struct vt_scan_record *r, struct vt_buf *out)
{
	size_t i;

	if (r->gap_count == 0)
		return;
	vt_buf_str(out, ",\"gaps\":[");
	for (i = 0; i < r->gap_count; i++) {
		const struct vt_heat_gap *g = &r->gaps[i];

		vt_buf_str(out, i == 0 ? "[" : ",[");
		vt_buf_i64(out, g->from_us / 1000000);
		vt_buf_char(out, ',');
		vt_buf_i64(out, g->length_us / 1000000);
		vt_buf_char(out, ']');
	}
	vt_buf_char(out, ']');
}

static void
format_bucket(const struct vt_scan_record *r, struct vt_buf *out)
{
	vt_json_i64(out, "bucket_generation", r->bucket_generation);
	put_text(out, "versioning", r->versioning);
	put_when(out, "at", r->at_us);
	if (r->day_ms != 0)
		vt_json_i64(out, "lifecycle_day_ms", r->day_ms);
	if (r->has_min_bytes)
		vt_json_u64(out, "lifecycle_min_size", r->min_bytes);
	vt_json_bytes(out, "lifecycle", r->lifecycle, r->lifecycle_len);
}

/* What rules ask of a version, a marker or an upload. */
static void
put_lifecycle(const struct vt_scan_record *r, struct vt_buf *out)
{
	if (!r->is_ruled)
		return;
	vt_json_bool(out, "ruled", 1);
	put_text(out, "tags", r->tags);
	put_when(out, "noncurrent_since", r->noncurrent_since_us);
	if (r->newer > 0)
		vt_json_u64(out, "newer", r->newer);
	if (r->is_alone)
		vt_json_bool(out, "alone", 1);
}

static void
format_other(const struct vt_scan_record *r, struct vt_buf *out)
{
	vt_json_bytes(out, "key", r->key, r->key_len);
	put_text(out, "version", r->version);
	put_text(out, "upload", r->upload);
	if (r->seq != 0) {
		vt_json_i64(out, "seq", r->seq);
		vt_json_i64(out, "generation", r->generation);
	}
	vt_json_i64(out, "bucket_generation", r->bucket_generation);
	if (r->is_current)
		vt_json_bool(out, "current", 1);
	if (r->kind == VT_SCAN_UPLOAD)
		vt_json_u64(out, "size", r->size_bytes);
	put_when(out, "mtime", r->mtime_us);
	put_text(out, "tier", r->tier);
	put_lifecycle(r, out);
}

void
vt_scan_record_format_plain(const struct vt_scan_record *r,
    struct vt_buf *out)
{
	size_t i;

	vt_json_begin(out);
	vt_json_i64(out, "v", 1);
	put_text(out, "kind", kinds[r->kind]);
	vt_json_bytes(out, "bucket", r->bucket, strlen(r->bucket));
	if (r->kind != VT_SCAN_VERSION) {
		if (r->kind == VT_SCAN_BUCKET)
			format_bucket(r, out);
		else
			format_other(r, out);
		vt_json_end(out);
		return;
	}
	vt_json_bytes(out, "key", r->key, r->key_len);
	put_text(out, "version", r->version);
	if (r->seq != 0) {
		vt_json_i64(out, "seq", r->seq);
		vt_json_i64(out, "generation", r->generation);
		vt_json_i64(out, "bucket_generation", r->bucket_generation);
	}
	vt_json_bool(out, "current", r->is_current);
	vt_json_u64(out, "size", r->size_bytes);
	put_when(out, "mtime", r->mtime_us);
	vt_json_str(out, "tier", r->tier);
	put_text(out, "class", r->storage_class);
	if (r->copy != 0)
		vt_json_i64(out, "copy", r->copy);
	put_when_unusual(out, "copy_since", r->copy_since_us,
	    vt_scan_usual_since(r));
	if (r->stored_bytes != vt_scan_usual_stored(r))
		vt_json_u64(out, "stored_bytes", r->stored_bytes);
	if (r->adopted)
		vt_json_bool(out, "adopted", 1);
	if (r->pack != 0) {
		vt_json_i64(out, "pack", r->pack);
		vt_json_u64(out, "pack_bytes", r->pack_bytes);
		vt_json_double(out, "pack_dead", r->pack_dead);
	}
	if (r->also_count > 0) {
		vt_buf_str(out, ",\"also\":[");
		for (i = 0; i < r->also_count; i++) {
			if (i > 0)
				vt_buf_char(out, ',');
			vt_json_quote(out, r->also[i], strlen(r->also[i]));
		}
		vt_buf_char(out, ']');
	}
	put_lifecycle(r, out);
	put_text(out, "pin", r->pin);
	put_text(out, "lock", r->lock);
	put_when(out, "retain_until", r->retain_until_us);
	if (r->legal_hold)
		vt_json_bool(out, "legal_hold", 1);
	vt_json_u64(out, "reads", r->reads);
	vt_json_u64(out, "bytes_read", r->bytes_read);
	put_when(out, "last_read", r->last_read_us);
	if (r->r30 != 0)
		vt_json_u64(out, "r30", r->r30);
	if (r->r90 != 0)
		vt_json_u64(out, "r90", r->r90);
	put_when_unusual(out, "covered_from", r->covered_from_us,
	    vt_scan_usual_from(r));
	put_when(out, "covered_to", r->covered_to_us);
	vt_json_double(out, "covered_days", r->covered_days);
	put_gaps(r, out);
	put_days(r, out);
	vt_json_end(out);
}

enum vt_code
vt_scan_record_parse_first(char *lines, size_t len, size_t *line_len,
    struct vt_arena *a, struct vt_scan_record *out, struct vt_err *err)
{
	const char *stop = vt_scan_record_parse_quick(lines, len, a, out);

	if (stop != NULL) {
		*line_len = (size_t)(stop - lines);
		return VT_OK;
	}
	stop = memchr(lines, '\n', len);
	*line_len = stop != NULL ? (size_t)(stop - lines) : len;
	return vt_scan_record_parse_plain(lines, *line_len, a, out, err);
}

enum vt_code
vt_scan_record_parse(const char *line, size_t len, struct vt_arena *a,
    struct vt_scan_record *out, struct vt_err *err)
{
	char *copy = vt_arena_alloc(a, len + 1 + VT_RECORD_BEHIND);
	const char *stop;

	if (copy == NULL)
		return vt_fail(err, VT_NOMEM, "no memory for a line of %zu "
		    "bytes", len);
	if (len > 0)
		memcpy(copy, line, len);
	copy[len] = '\n';
	stop = vt_scan_record_parse_quick(copy, len + 1, a, out);
	if (stop == copy + len)
		return VT_OK;
	/* it has a newline of its own */
	if (stop != NULL)
		vt_scan_record_mend(copy, stop);
	return vt_scan_record_parse_plain(copy, len, a, out, err);
}

void
vt_scan_record_format(const struct vt_scan_record *r, struct vt_buf *out)
{
	if (!vt_scan_record_format_quick(r, out))
		vt_scan_record_format_plain(r, out);
}

void
vt_move_format_in(const struct vt_move_frame *f, const struct vt_move *m,
    const struct vt_move_known *known, struct vt_buf *out)
{
	if (!vt_move_format_quick(f, m, known, out))
		vt_move_format_plain(m, out);
}

void
vt_move_format(const struct vt_move *m, struct vt_buf *out)
{
	static const struct vt_move_known nothing;
	struct vt_move_frame none;

	none.head_len = 0;
	vt_move_format_in(&none, m, &nothing, out);
}
