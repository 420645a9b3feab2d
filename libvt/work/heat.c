/*
 * Heat: objects as bytes and the merge of many sources.  See heat.h; the
 * gatherer is in heatgather.c, the teller in heattell.c.
 */
#include <stdlib.h>
#include <string.h>

#include "libvt/base/varint.h"

#include "libvt/work/heat.h"

/* What of an object is known, in the first byte of its form as bytes. */
enum {
	HAS_SIZE = 1, HAS_SIZE_US = 2, HAS_CREATED = 4, HAS_DELETED = 8,
	HAS_READ = 16, HAS_CLASS = 32, HAS_LISTED = 64, FLAGS = 127
};

static enum vt_code
no_memory(struct vt_err *err)
{
	return vt_fail(err, VT_NOMEM, "no memory for heat");
}

/* --- names ---------------------------------------------------------------- *
 * Bucket and key are each ended by the bytes 0 1, and a 0 in them becomes
 * 0 255: so the whole compares as bucket, key and version do one after the
 * other.
 */

static int
add_part(struct vt_buf *out, const char *s, size_t len)
{
	const char *zero;
	size_t n;

	while (len > 0 && (zero = memchr(s, 0, len)) != NULL) {
		n = (size_t)(zero - s) + 1;
		vt_buf_add(out, s, n);
		vt_buf_char(out, '\377');
		s += n;
		len -= n;
	}
	return vt_buf_add(out, s, len);
}

static int
has_zero(const char *s, size_t len)
{
	return len > 0 && memchr(s, 0, len) != NULL;
}

static inline char *
put_plain(char *p, const char *s, size_t len)
{
	if (len != 0)
		memcpy(p, s, len);
	return p + len;
}

int
vt_heat_name(struct vt_buf *out, const char *bucket, size_t bucket_len,
    const char *key, size_t key_len, const char *version, size_t version_len)
{
	char *p;

	/* the name is mostly what is asked for, as it is */
	p = vt_buf_reserve(out, bucket_len + key_len + version_len + 4);
	if (p != NULL && !has_zero(bucket, bucket_len) &&
	    !has_zero(key, key_len) && !has_zero(version, version_len)) {
		p = put_plain(put_plain(p, bucket, bucket_len), "\0\1", 2);
		p = put_plain(put_plain(p, key, key_len), "\0\1", 2);
		p = put_plain(p, version, version_len);
		*p = '\0';
		out->len = (size_t)(p - out->data);
		return 0;
	}
	add_part(out, bucket, bucket_len);
	vt_buf_add(out, "\0\1", 2);
	add_part(out, key, key_len);
	vt_buf_add(out, "\0\1", 2);
	return add_part(out, version, version_len);
}

enum vt_code
vt_heat_name_split(const char *name, size_t len, struct vt_buf *text,
    struct vt_log_name *out, struct vt_err *err)
{
	size_t at[4] = { 0, 0, 0, 0 }, i;
	const char *end = name + len, *zero;
	int part = 0;

	vt_buf_reset(text);
	while (name < end) {
		zero = memchr(name, 0, (size_t)(end - name));
		if (zero == NULL)
			zero = end;
		vt_buf_add(text, name, (size_t)(zero - name));
		name = zero;
		if (name == end)
			break;
		if (end - name < 2 || (name[1] != '\377' &&
		    (name[1] != '\1' || part == 2)))
			goto broken;
		vt_buf_char(text, '\0');
		if (name[1] == '\1')
			at[++part] = text->len;
		name += 2;
	}
	vt_buf_char(text, '\0');
	at[3] = text->len;
	if (part != 2)
		goto broken;
	if (text->failed)
		return no_memory(err);
	for (i = 3; i > 0; i--)
		at[i] -= at[i - 1];
	out->bucket = text->data;
	out->bucket_len = at[1] - 1;
	out->key = text->data + at[1];
	out->key_len = at[2] - 1;
	out->version = out->key + at[2];
	out->version_len = at[3] - 1;
	return VT_OK;
broken:
	return vt_fail(err, VT_CORRUPT, "the name of an object is broken");
}

/* --- objects -------------------------------------------------------------- */

int
vt_heat_is_deleted(const struct vt_heat_object *o)
{
	return o->deleted_us != 0 && o->deleted_us >= o->created_us &&
	    o->deleted_us > o->listed_us;
}

int64_t
vt_heat_created(const struct vt_heat_object *o)
{
	return o->created_us <= o->listed_us && o->listed_us != 0 ?
	    o->listed_created_us : o->created_us;
}

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

int64_t
vt_heat_last(const struct vt_heat_object *o)
{
	int64_t us = later(later(o->first_us, o->last_read_us),
	    later(o->created_us, o->deleted_us));

	return later(later(us, o->size_us), later(o->class_us, o->listed_us));
}

void
vt_heat_clear(struct vt_heat_object *o)
{
	struct vt_heat_day *days = o->days;
	size_t cap = o->day_cap;

	memset(o, 0, sizeof(*o));
	o->days = days;
	o->day_cap = cap;
}

void
vt_heat_release(struct vt_heat_object *o)
{
	free(o->days);
	memset(o, 0, sizeof(*o));
}

void
vt_heat_encode(const struct vt_heat_object *o, struct vt_buf *out)
{
	size_t i, need = 1 + (12 + o->day_count * 3) * VT_VARINT_MAX;
	char *start = vt_buf_reserve(out, need), *p = start;
	int32_t day = 0;

	if (p == NULL)
		return;
	*p++ = (char)((o->has_size ? HAS_SIZE : 0) |
	    (o->has_size && o->size_us != 0 ? HAS_SIZE_US : 0) |
	    (o->created_us != 0 ? HAS_CREATED : 0) |
	    (o->deleted_us != 0 ? HAS_DELETED : 0) |
	    (o->last_read_us != 0 ? HAS_READ : 0) |
	    (o->storage_class != 0 ? HAS_CLASS : 0) |
	    (o->listed_us != 0 ? HAS_LISTED : 0));
	/* no time is before the first */
	p += vt_varint_put(p, (uint64_t)o->first_us);
	if (o->has_size)
		p += vt_varint_put(p, o->size_bytes);
	if (o->has_size && o->size_us != 0)
		p += vt_varint_put(p, (uint64_t)(o->size_us - o->first_us));
	if (o->created_us != 0)
		p += vt_varint_put(p, (uint64_t)(o->created_us - o->first_us));
	if (o->deleted_us != 0)
		p += vt_varint_put(p, (uint64_t)(o->deleted_us - o->first_us));
	if (o->last_read_us != 0)
		p += vt_varint_put(p,
		    (uint64_t)(o->last_read_us - o->first_us));
	if (o->storage_class != 0) {
		p += vt_varint_put(p, o->storage_class);
		p += vt_varint_put(p, (uint64_t)(o->class_us - o->first_us));
	}
	if (o->listed_us != 0) {
		p += vt_varint_put(p, (uint64_t)(o->listed_us - o->first_us));
		p += vt_varint_put(p,
		    (uint64_t)(o->listed_created_us - o->first_us) * 2 +
		    (o->noncurrent != 0));
	}
	p += vt_varint_put(p, o->day_count);
	for (i = 0; i < o->day_count; i++) {
		p += vt_varint_put(p, (uint64_t)(o->days[i].day - day));
		p += vt_varint_put(p, o->days[i].gets);
		p += vt_varint_put(p, o->days[i].bytes);
		day = o->days[i].day;
	}
	*p = '\0';
	out->len += (size_t)(p - start);
}

static int
get_time(const char **p, const char *end, int64_t first, int64_t *out)
{
	uint64_t n;

	if (vt_varint_get(p, end, &n) < 0 || n > (uint64_t)(INT64_MAX - first))
		return -1;
	*out = first + (int64_t)n;
	return 0;
}

static int
grow_days(struct vt_heat_object *o, size_t count)
{
	struct vt_heat_day *days;
	size_t cap = o->day_cap != 0 ? o->day_cap : 16;

	while (cap < count)
		cap *= 2;
	days = realloc(o->days, cap * sizeof(*days));
	if (days == NULL)
		return -1;
	o->days = days;
	o->day_cap = cap;
	return 0;
}

static enum vt_code
corrupt(struct vt_err *err)
{
	return vt_fail(err, VT_CORRUPT, "what is told of an object is broken");
}

static enum vt_code
get_days(struct vt_heat_object *o, const char *p, const char *end,
    struct vt_err *err)
{
	uint64_t count, n, day = 0;
	struct vt_heat_day *d;

	/* a day takes three bytes at least */
	if (vt_varint_get(&p, end, &count) < 0 ||
	    count > (size_t)(end - p) / 3)
		return corrupt(err);
	if (o->day_count + count > o->day_cap &&
	    grow_days(o, o->day_count + count) < 0)
		return no_memory(err);
	d = &o->days[o->day_count];
	for (o->day_count += count; count > 0; count--, d++) {
		if (vt_varint_get(&p, end, &n) < 0 || n > INT32_MAX - day ||
		    vt_varint_get(&p, end, &d->gets) < 0 ||
		    vt_varint_get(&p, end, &d->bytes) < 0)
			return corrupt(err);
		day += n;
		d->day = d->last = (int32_t)day;
		d->days = 1;
	}
	return p == end ? VT_OK : corrupt(err);
}

/* The class told last; of two told at once the one with the larger code, so
 * that the order does not matter. */
static int
join_class(struct vt_heat_object *o, const char **p, const char *end,
    int64_t first)
{
	uint64_t code;
	int64_t us;

	if (vt_varint_get(p, end, &code) < 0 || code == 0 || code > UINT8_MAX ||
	    get_time(p, end, first, &us) < 0)
		return -1;
	if (us > o->class_us ||
	    (us == o->class_us && code > o->storage_class)) {
		o->storage_class = (uint8_t)code;
		o->class_us = us;
	}
	return 0;
}

/* The last inventory; of two of one time the later creation. */
static int
join_listed(struct vt_heat_object *o, const char **p, const char *end,
    int64_t first)
{
	int64_t us, created;
	uint64_t n;

	if (get_time(p, end, first, &us) < 0 || us == 0 ||
	    vt_varint_get(p, end, &n) < 0 ||
	    n / 2 > (uint64_t)(INT64_MAX - first))
		return -1;
	created = first + (int64_t)(n / 2);
	if (us < o->listed_us || (us == o->listed_us &&
	    created < o->listed_created_us))
		return 0;
	if (us == o->listed_us && created == o->listed_created_us)
		o->noncurrent = o->noncurrent && n % 2 != 0;
	else
		o->noncurrent = n % 2 != 0;
	o->listed_us = us;
	o->listed_created_us = created;
	return 0;
}

enum vt_code
vt_heat_decode(struct vt_heat_object *o, const char *data, size_t len,
    struct vt_err *err)
{
	const char *p = data, *end = data + len;
	int64_t first, at = 0, size_us = 0;
	uint64_t size = 0;
	int flags;

	if (len == 0 || (*p & ~FLAGS) != 0)
		return corrupt(err);
	flags = *p++;
	if (get_time(&p, end, 0, &first) < 0)
		return corrupt(err);
	if (o->first_us == 0 || first < o->first_us)
		o->first_us = first;
	if ((flags & HAS_SIZE) && vt_varint_get(&p, end, &size) < 0)
		return corrupt(err);
	if ((flags & HAS_SIZE_US) && get_time(&p, end, first, &size_us) < 0)
		return corrupt(err);
	if ((flags & HAS_SIZE) && (!o->has_size || size_us > o->size_us ||
	    (size_us == o->size_us && size > o->size_bytes))) {
		o->has_size = 1;
		o->size_bytes = size;
		o->size_us = size_us;
	}
	if (flags & HAS_CREATED) {
		if (get_time(&p, end, first, &at) < 0)
			return corrupt(err);
		o->created_us = later(o->created_us, at);
	}
	if (flags & HAS_DELETED) {
		if (get_time(&p, end, first, &at) < 0)
			return corrupt(err);
		o->deleted_us = later(o->deleted_us, at);
	}
	if (flags & HAS_READ) {
		if (get_time(&p, end, first, &at) < 0)
			return corrupt(err);
		o->last_read_us = later(o->last_read_us, at);
	}
	if ((flags & HAS_CLASS) && join_class(o, &p, end, first) < 0)
		return corrupt(err);
	if ((flags & HAS_LISTED) && join_listed(o, &p, end, first) < 0)
		return corrupt(err);
	return get_days(o, p, end, err);
}

static int
by_day(const void *a, const void *b)
{
	const struct vt_heat_day *x = a, *y = b;

	return x->day < y->day ? -1 : x->day > y->day;
}

void
vt_heat_settle(struct vt_heat_object *o)
{
	struct vt_heat_day *d = o->days;
	size_t i, keep = 0;

	/* mostly they are as they should be */
	for (i = 1; i < o->day_count && d[i].day > d[i - 1].day; i++)
		;
	if (i >= o->day_count)
		return;
	for (; i < o->day_count; i++)
		if (d[i].day < d[i - 1].day) {
			qsort(d, o->day_count, sizeof(*d), by_day);
			break;
		}
	for (i = 1; i < o->day_count && d[i].day != d[i - 1].day; i++)
		;
	if (i >= o->day_count)
		return;
	for (keep = i - 1; i < o->day_count; i++) {
		if (d[i].day == d[keep].day) {
			d[keep].gets += d[i].gets;
			d[keep].bytes += d[i].bytes;
		} else {
			d[++keep] = d[i];
		}
	}
	o->day_count = keep + 1;
}

/* --- merging -------------------------------------------------------------- */

/* One source and what it has in front. */
struct head {
	struct vt_heat_source source;
	struct vt_sorter_record record;
};

struct vt_heat_merge {
	struct head *heads;
	size_t count;
	struct head **heap;
	size_t heap_count;
	int started;
	struct vt_heat_object object;
	struct vt_buf name, payload;
};

struct vt_heat_merge *
vt_heat_merge_new(const struct vt_heat_source *sources, size_t count)
{
	struct vt_heat_merge *m = calloc(1, sizeof(*m));
	size_t i;

	if (m == NULL)
		return NULL;
	vt_buf_init(&m->name, SIZE_MAX / 2);
	vt_buf_init(&m->payload, SIZE_MAX / 2);
	m->heads = calloc(count + 1, sizeof(*m->heads));
	m->heap = calloc(count + 1, sizeof(struct head *));
	if (m->heads == NULL || m->heap == NULL) {
		vt_heat_merge_free(m);
		return NULL;
	}
	m->count = count;
	for (i = 0; i < count; i++)
		m->heads[i].source = sources[i];
	return m;
}

void
vt_heat_merge_free(struct vt_heat_merge *m)
{
	if (m == NULL)
		return;
	vt_heat_release(&m->object);
	vt_buf_release(&m->name);
	vt_buf_release(&m->payload);
	free(m->heads);
	free(m->heap);
	free(m);
}

/* Of one object the source that was named first comes first: then its days
 * come in order when sources do. */
static int
head_before(const struct head *a, const struct head *b)
{
	const struct vt_sorter_record *x = &a->record, *y = &b->record;
	size_t len = x->key_len < y->key_len ? x->key_len : y->key_len;
	int c = memcmp(x->key, y->key, len);

	if (c != 0)
		return c < 0;
	return x->key_len != y->key_len ? x->key_len < y->key_len : a < b;
}

static void
sift(struct vt_heat_merge *m, size_t i)
{
	struct head *h = m->heap[i];
	size_t child;

	for (; (child = 2 * i + 1) < m->heap_count; i = child) {
		if (child + 1 < m->heap_count &&
		    head_before(m->heap[child + 1], m->heap[child]))
			child++;
		if (!head_before(m->heap[child], h))
			break;
		m->heap[i] = m->heap[child];
	}
	m->heap[i] = h;
}

static enum vt_code
start(struct vt_heat_merge *m, struct vt_err *err)
{
	enum vt_code rc;
	size_t i;

	m->started = 1;
	for (i = 0; i < m->count; i++) {
		struct head *h = &m->heads[i];

		rc = h->source.next(h->source.ctx, &h->record, err);
		if (rc == VT_OK)
			m->heap[m->heap_count++] = h;
		else if (rc != VT_ABSENT)
			return rc;
	}
	for (i = m->heap_count / 2; i-- > 0;)
		sift(m, i);
	return VT_OK;
}

/* The source in front goes on. */
static enum vt_code
advance(struct vt_heat_merge *m, struct vt_err *err)
{
	struct head *h = m->heap[0];
	enum vt_code rc = h->source.next(h->source.ctx, &h->record, err);

	if (rc == VT_ABSENT)
		m->heap[0] = m->heap[--m->heap_count];
	else if (rc != VT_OK)
		return rc;
	if (m->heap_count > 0)
		sift(m, 0);
	return VT_OK;
}

/* Does the source in front speak of the object as well? */
static int
has_more(const struct vt_heat_merge *m)
{
	const struct vt_sorter_record *r;

	if (m->heap_count == 0)
		return 0;
	r = &m->heap[0]->record;
	return r->key_len == m->name.len &&
	    memcmp(r->key, m->name.data, m->name.len) == 0;
}

enum vt_code
vt_heat_merge_name(struct vt_heat_merge *m, const char **name, size_t *len,
    struct vt_err *err)
{
	enum vt_code rc = m->started ? VT_OK : start(m, err);

	*name = NULL;
	*len = 0;
	if (rc != VT_OK)
		return rc;
	if (m->heap_count == 0)
		return VT_ABSENT;
	*name = m->heap[0]->record.key;
	*len = m->heap[0]->record.key_len;
	return VT_OK;
}

/* Keep the name of the next object; VT_ABSENT when there is none. */
static enum vt_code
begin_object(struct vt_heat_merge *m, struct vt_err *err)
{
	const char *name;
	size_t len;
	enum vt_code rc = vt_heat_merge_name(m, &name, &len, err);

	if (rc != VT_OK)
		return rc;
	vt_buf_reset(&m->name);
	return vt_buf_add(&m->name, name, len) < 0 ? no_memory(err) : VT_OK;
}

/* Join all that sources say of it to what is in `o`. */
static enum vt_code
join_object(struct vt_heat_merge *m, struct vt_heat_object *o,
    struct vt_err *err)
{
	const struct vt_sorter_record *r;
	enum vt_code rc;

	do {
		r = &m->heap[0]->record;
		rc = vt_heat_decode(o, r->payload, r->payload_len, err);
		if (rc == VT_OK)
			rc = advance(m, err);
		if (rc != VT_OK)
			return rc;
	} while (has_more(m));
	vt_heat_settle(o);
	return VT_OK;
}

enum vt_code
vt_heat_merge_take(struct vt_heat_merge *m, struct vt_heat_object *o,
    struct vt_err *err)
{
	enum vt_code rc = begin_object(m, err);

	vt_heat_clear(o);
	return rc == VT_OK ? join_object(m, o, err) : rc;
}

enum vt_code
vt_heat_merge_next(struct vt_heat_merge *m,
    const struct vt_heat_object **out, struct vt_err *err)
{
	enum vt_code rc = vt_heat_merge_take(m, &m->object, err);

	*out = NULL;
	if (rc != VT_OK)
		return rc;
	m->object.name = m->name.data;
	m->object.name_len = m->name.len;
	*out = &m->object;
	return VT_OK;
}

enum vt_code
vt_heat_merge_bytes(struct vt_heat_merge *m, struct vt_sorter_record *out,
    struct vt_err *err)
{
	enum vt_code rc = begin_object(m, err);
	const struct vt_sorter_record *r;

	if (rc != VT_OK)
		return rc;
	r = &m->heap[0]->record;
	vt_buf_reset(&m->payload);
	if (vt_buf_add(&m->payload, r->payload, r->payload_len) < 0)
		return no_memory(err);
	rc = advance(m, err);
	if (rc == VT_OK && has_more(m)) {
		vt_heat_clear(&m->object);
		rc = vt_heat_decode(&m->object, m->payload.data,
		    m->payload.len, err);
		if (rc == VT_OK)
			rc = join_object(m, &m->object, err);
		vt_buf_reset(&m->payload);
		vt_heat_encode(&m->object, &m->payload);
		if (m->payload.failed)
			return no_memory(err);
	}
	out->key = m->name.data;
	out->key_len = m->name.len;
	out->payload = m->payload.data;
	out->payload_len = m->payload.len;
	return rc;
}
