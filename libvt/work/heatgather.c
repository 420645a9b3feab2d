/*
 * Heat gathered from events: a table of what is known of each object, which
 * is emptied into a sorter when it is full.  See heat.h.
 *
 * The table's memory is what it is about: an object that is read on one day
 * takes 80 bytes and its name, 8 more for each place of the table.
 */
#include <stdlib.h>
#include <string.h>

#include "libvt/base/bigmem.h"
#include "libvt/base/hash.h"

#include "libvt/work/heat.h"

#define DAY_US INT64_C(86400000000)
#define BLOCK_BYTES VT_BIGMEM_PAGE
#define BLOCK_UNITS (BLOCK_BYTES / 8)
#define TABLE_MIN ((size_t)1024)
/*
 * A large table is in no cache.  So a touch waits until others have come: its
 * place in the table is fetched as it comes, the object when it is so many
 * touches old, then the object's list of days.
 */
#define WAITING 32
#define OBJECT_AGE 12
#define DAYS_AGE 24
/* Lists of days have room for LIST_MIN of them, twice that, four times... */
#define LIST_MIN 4
#define LIST_CLASSES 15
#define LIST_MAX (LIST_MIN << (LIST_CLASSES - 1))
#define SPLIT_MAX 1024		/* places that one touch may take */
#define NAME_MAX_BYTES ((size_t)64 << 10)

struct day {
	int32_t day;
	uint32_t gets;		/* more of them: the day once again */
	uint64_t bytes;
};

struct object {
	int64_t first_us, last_read_us, created_us, deleted_us, size_us;
	uint64_t size;		/* UINT64_MAX: not told */
	union {
		struct day one;		/* day_cap 0 */
		struct day *list;	/* ascending */
	} days;
	uint32_t day_count, day_cap;
	uint32_t name_len;
	char name[];
};

/* A place of the table: where its object is, 0 when it is free. */
struct slot {
	uint32_t tag;		/* of the hash what is no index */
	uint32_t at;		/* in units of eight bytes */
};

/* What a line says of one object, on its way to the table. */
struct touch {
	struct vt_buf name;
	uint64_t hash;
	enum vt_log_kind kind;
	int64_t us;
	int has_size, size_is_least;
	uint64_t size, count, bytes;
	uint32_t at;		/* of the object, perhaps; 0: not known */
};

/* Memory given out one behind the other; the first unit of all is nobody's,
 * so that 0 is no place. */
struct block {
	char *data;		/* BLOCK_BYTES */
	size_t used;		/* units */
};
struct store {
	struct block *blocks;	/* filled one after another */
	size_t count, cap;
	size_t filling;		/* the one being filled */
};

/* A list of days that is in use no more. */
struct spare {
	struct spare *next;
};

struct vt_heat {
	size_t memory;		/* for objects and table */
	uint64_t seed;
	struct slot *table;
	size_t table_size, count;
	struct store objects, lists;
	struct spare *spares[LIST_CLASSES];
	struct vt_coverage *coverage;
	char *folder;
	size_t sorter_memory;
	struct vt_sorter *sorter;
	struct touch touches[WAITING];	/* a ring */
	size_t touch_in, touch_out;
	struct vt_buf payload, news;
	struct vt_heat_object out;	/* scratch */
};

static enum vt_code
no_memory(struct vt_err *err)
{
	return vt_fail(err, VT_NOMEM, "no memory for heat");
}

struct vt_heat *
vt_heat_new(const char *folder, size_t memory_bytes)
{
	struct vt_heat *h = calloc(1, sizeof(*h));
	size_t i;

	if (h == NULL)
		return NULL;
	if (memory_bytes < VT_HEAT_MEMORY_MIN)
		memory_bytes = VT_HEAT_MEMORY_MIN;
	h->sorter_memory = memory_bytes / 8 * 3;
	h->memory = memory_bytes - h->sorter_memory;
	for (i = 0; i < WAITING; i++)
		vt_buf_init(&h->touches[i].name, NAME_MAX_BYTES);
	vt_buf_init(&h->payload, SIZE_MAX / 2);
	vt_buf_init(&h->news, NAME_MAX_BYTES);
	h->table_size = TABLE_MIN;
	h->table = calloc(h->table_size, sizeof(*h->table));
	h->folder = strdup(folder);
	h->coverage = vt_coverage_new();
	/* Keys are chosen by strangers: the hash must not be foreseeable. */
	if (h->table == NULL || h->folder == NULL || h->coverage == NULL ||
	    vt_random(&h->seed, sizeof(h->seed)) < 0) {
		vt_heat_free(h);
		return NULL;
	}
	return h;
}

/* --- memory --------------------------------------------------------------- */

static void *
memory_at(const struct store *m, size_t at)
{
	return m->blocks[at / BLOCK_UNITS].data + at % BLOCK_UNITS * 8;
}

/* A place of so many units; 0 when there is no memory. */
static size_t
allocate(struct store *m, size_t units)
{
	struct block *b = m->count > 0 ? &m->blocks[m->filling] : NULL;
	size_t cap;

	if (b != NULL && b->used + units > BLOCK_UNITS) {
		m->filling++;
		b++;
	}
	if (m->filling == m->count) {
		if (m->count == m->cap) {
			cap = m->cap != 0 ? m->cap * 2 : 64;
			b = realloc(m->blocks, cap * sizeof(*b));
			if (b == NULL)
				return 0;
			m->blocks = b;
			m->cap = cap;
		}
		b = &m->blocks[m->count];
		b->data = vt_bigmem_alloc(BLOCK_BYTES);
		b->used = m->count == 0;
		if (b->data == NULL)
			return 0;
		m->count++;
	}
	b->used += units;
	return m->filling * BLOCK_UNITS + b->used - units;
}

/* All of it may be given out again. */
static void
store_reset(struct store *m)
{
	size_t i;

	for (i = 0; i < m->count; i++)
		m->blocks[i].used = i == 0;
	m->filling = 0;
}

static void
store_release(struct store *m)
{
	size_t i;

	for (i = 0; i < m->count; i++)
		free(m->blocks[i].data);
	free(m->blocks);
}

static size_t
store_bytes(const struct store *m)
{
	return m->count == 0 ? 0 : m->filling * BLOCK_BYTES +
	    m->blocks[m->filling].used * 8;
}

static struct object *
object_at(const struct vt_heat *h, uint32_t at)
{
	return memory_at(&h->objects, at);
}

static size_t
units_of(size_t name_len)
{
	return (offsetof(struct object, name) + name_len + 7) / 8;
}

/* Forget the objects; blocks and table stay for the next. */
static void
empty(struct vt_heat *h)
{
	memset(h->table, 0, h->table_size * sizeof(*h->table));
	memset(h->spares, 0, sizeof(h->spares));
	store_reset(&h->objects);
	store_reset(&h->lists);
	h->count = 0;
}

void
vt_heat_free(struct vt_heat *h)
{
	size_t i;

	if (h == NULL)
		return;
	store_release(&h->objects);
	store_release(&h->lists);
	free(h->table);
	free(h->folder);
	vt_coverage_free(h->coverage);
	vt_sorter_free(h->sorter);
	for (i = 0; i < WAITING; i++)
		vt_buf_release(&h->touches[i].name);
	vt_buf_release(&h->payload);
	vt_buf_release(&h->news);
	vt_heat_release(&h->out);
	free(h);
}

enum vt_code
vt_heat_reset(struct vt_heat *h, struct vt_err *err)
{
	empty(h);
	h->touch_in = h->touch_out = 0;
	vt_sorter_free(h->sorter);
	h->sorter = NULL;
	vt_coverage_free(h->coverage);
	h->coverage = vt_coverage_new();
	return h->coverage == NULL ? no_memory(err) : VT_OK;
}

struct vt_coverage *
vt_heat_coverage(struct vt_heat *h)
{
	return h->coverage;
}

int
vt_heat_is_spilled(const struct vt_heat *h)
{
	return h->sorter != NULL && vt_sorter_spilled_bytes(h->sorter) > 0;
}

/* --- the table ------------------------------------------------------------ */

static uint64_t
hash_name(const struct vt_heat *h, const char *s, size_t len)
{
	uint64_t v, hash = h->seed;

	for (; len >= 8; s += 8, len -= 8) {
		memcpy(&v, s, 8);
		hash = (hash ^ v) * UINT64_C(0x9fb21c651e98df25);
		hash ^= hash >> 29;
	}
	v = len;
	while (len > 0)
		v = v << 8 | (uint8_t)s[--len];
	hash = (hash ^ v) * UINT64_C(0x9fb21c651e98df25);
	return hash ^ hash >> 32;
}

/* The place of a name, free or not. */
static struct slot *
slot_of(const struct vt_heat *h, uint64_t hash, const char *name, size_t len)
{
	size_t i = hash & (h->table_size - 1);
	uint32_t tag = (uint32_t)(hash >> 32);
	const struct object *o;
	struct slot *s;

	for (;; i = (i + 1) & (h->table_size - 1)) {
		s = &h->table[i];
		if (s->at == 0)
			return s;
		if (s->tag != tag)
			continue;
		o = object_at(h, s->at);
		if (o->name_len == len && memcmp(o->name, name, len) == 0)
			return s;
	}
}

static int
grow_table(struct vt_heat *h)
{
	size_t size = h->table_size * 2, i, j;
	struct slot *table = vt_bigmem_alloc(size * sizeof(*table));
	const struct object *o;

	if (table == NULL)
		return -1;
	memset(table, 0, size * sizeof(*table));
	for (i = 0; i < h->table_size; i++) {
		if (h->table[i].at == 0)
			continue;
		o = object_at(h, h->table[i].at);
		j = hash_name(h, o->name, o->name_len) & (size - 1);
		while (table[j].at != 0)
			j = (j + 1) & (size - 1);
		table[j] = h->table[i];
	}
	free(h->table);
	h->table = table;
	h->table_size = size;
	return 0;
}

static enum vt_code
write_object(struct vt_heat *h, struct object *o, struct vt_err *err)
{
	struct vt_heat_object *out = &h->out;
	const struct day *d = o->day_cap != 0 ? o->days.list : &o->days.one;
	struct vt_heat_day *days;
	size_t i;

	if (o->day_count > out->day_cap) {
		days = realloc(out->days, o->day_count * 2 * sizeof(*days));
		if (days == NULL)
			return no_memory(err);
		out->days = days;
		out->day_cap = o->day_count * 2;
	}
	out->day_count = o->day_count;
	for (i = 0; i < o->day_count; i++) {
		out->days[i].day = out->days[i].last = d[i].day;
		out->days[i].gets = d[i].gets;
		out->days[i].bytes = d[i].bytes;
	}
	vt_heat_settle(out);
	out->first_us = o->first_us;
	out->last_read_us = o->last_read_us;
	out->created_us = o->created_us;
	out->deleted_us = o->deleted_us;
	out->has_size = o->size != UINT64_MAX;
	out->size_bytes = o->size;
	out->size_us = o->size_us;
	vt_buf_reset(&h->payload);
	vt_heat_encode(out, &h->payload);
	if (h->payload.failed)
		return no_memory(err);
	return vt_sorter_add(h->sorter, o->name, o->name_len,
	    h->payload.data, h->payload.len, err);
}

/* Hand all objects to the sorter. */
static enum vt_code
flush(struct vt_heat *h, struct vt_err *err)
{
	enum vt_code rc = VT_OK;
	size_t block, unit;
	struct object *o;

	if (h->sorter == NULL)
		h->sorter = vt_sorter_new(h->folder, h->sorter_memory);
	if (h->sorter == NULL)
		return no_memory(err);
	for (block = 0; block < h->objects.count; block++) {
		unit = block == 0;
		while (rc == VT_OK && unit < h->objects.blocks[block].used) {
			o = object_at(h, (uint32_t)(block * BLOCK_UNITS +
			    unit));
			unit += units_of(o->name_len);
			rc = write_object(h, o, err);
		}
	}
	empty(h);
	return rc;
}

/* Is there room for one more object with a name of this length? */
static int
has_room(const struct vt_heat *h, size_t units)
{
	size_t table = h->table_size * sizeof(*h->table);

	if ((h->count + 1) * 4 > h->table_size * 3)
		table *= 3;	/* both, while it grows */
	return store_bytes(&h->objects) + units * 8 +
	    store_bytes(&h->lists) + table <= h->memory;
}

/* The object of that name, made when it is new. */
static enum vt_code
get(struct vt_heat *h, const struct touch *t, struct object **out,
    struct vt_err *err)
{
	const char *name = t->name.data;
	size_t len = t->name.len, units = units_of(len);
	struct slot *s = slot_of(h, t->hash, name, len);
	enum vt_code rc;

	if (s->at != 0) {
		*out = object_at(h, s->at);
		return VT_OK;
	}
	if (!has_room(h, units) && h->count > 0) {
		rc = flush(h, err);
		if (rc != VT_OK)
			return rc;
		s = slot_of(h, t->hash, name, len);
	}
	if ((h->count + 1) * 4 > h->table_size * 3) {
		if (grow_table(h) < 0)
			return no_memory(err);
		s = slot_of(h, t->hash, name, len);
	}
	s->at = (uint32_t)allocate(&h->objects, units);
	if (s->at == 0)
		return no_memory(err);
	s->tag = (uint32_t)(t->hash >> 32);
	h->count++;
	*out = object_at(h, s->at);
	memset(*out, 0, sizeof(**out));
	(*out)->size = UINT64_MAX;
	(*out)->name_len = (uint32_t)len;
	memcpy((*out)->name, name, len);
	return VT_OK;
}

/* --- days ----------------------------------------------------------------- */

static int
class_of(uint32_t cap)
{
	return __builtin_ctz(cap / LIST_MIN);
}

static struct day *
new_list(struct vt_heat *h, uint32_t cap)
{
	struct spare *s = h->spares[class_of(cap)];
	size_t at;

	if (s != NULL) {
		h->spares[class_of(cap)] = s->next;
		return (struct day *)(void *)s;
	}
	at = allocate(&h->lists, cap * sizeof(struct day) / 8);
	return at != 0 ? memory_at(&h->lists, at) : NULL;
}

/* Room for one more in the list of `o`, which may be none yet. */
static int
grow_list(struct vt_heat *h, struct object *o)
{
	uint32_t cap = o->day_cap != 0 ? o->day_cap * 2 : LIST_MIN;
	struct day *list = new_list(h, cap);
	struct spare *old;

	if (list == NULL)
		return -1;
	if (o->day_cap != 0) {
		memcpy(list, o->days.list, o->day_count * sizeof(*list));
		old = (struct spare *)(void *)o->days.list;
		old->next = h->spares[class_of(o->day_cap)];
		h->spares[class_of(o->day_cap)] = old;
	} else {
		list[0] = o->days.one;
	}
	o->days.list = list;
	o->day_cap = cap;
	return 0;
}

static int
insert_day(struct vt_heat *h, struct object *o, uint32_t i, int32_t day,
    uint32_t gets, uint64_t bytes)
{
	struct day *d;

	if (o->day_count >= (o->day_cap != 0 ? o->day_cap : 1) &&
	    grow_list(h, o) < 0)
		return -1;
	d = (o->day_cap != 0 ? o->days.list : &o->days.one) + i;
	memmove(d + 1, d, (o->day_count - i) * sizeof(*d));
	d->day = day;
	d->gets = gets;
	d->bytes = bytes;
	o->day_count++;
	return 0;
}

static int
add_day(struct vt_heat *h, struct object *o, int32_t day, uint64_t gets,
    uint64_t bytes)
{
	struct day *d = o->day_cap != 0 ? o->days.list : &o->days.one;
	uint32_t low = 0, i = o->day_count, middle, part;

	/* most lines are of the last day that is known */
	if (i > 0 && d[i - 1].day > day) {
		while (low < i) {
			middle = low + (i - low) / 2;
			if (d[middle].day > day)
				i = middle;
			else
				low = middle + 1;
		}
	}
	/* the first `i` are of that day or before */
	if (i > 0 && d[i - 1].day == day &&
	    gets <= UINT32_MAX - d[i - 1].gets) {
		d[i - 1].gets += (uint32_t)gets;
		d[i - 1].bytes += bytes;
		return 0;
	}
	do {
		part = gets < UINT32_MAX ? (uint32_t)gets : UINT32_MAX;
		if (insert_day(h, o, i++, day, part, bytes) < 0)
			return -1;
		gets -= part;
		bytes = 0;
	} while (gets > 0);
	return 0;
}

/* --- events --------------------------------------------------------------- */

/* The size is what the last write made it, and where none is known the most
 * that a read told: of a web server's answers the longest was the whole. */
static void
take_size(struct object *o, const struct touch *t, int64_t write_us)
{
	if (!t->has_size || t->size == UINT64_MAX)
		return;
	if (o->size == UINT64_MAX || write_us > o->size_us ||
	    (write_us == o->size_us && t->size > o->size)) {
		o->size = t->size;
		o->size_us = write_us;
	}
}

static enum vt_code
apply(struct vt_heat *h, const struct touch *t, struct vt_err *err)
{
	struct object *o = NULL;
	enum vt_code rc = get(h, t, &o, err);

	/* a list that can grow no more goes to the sorter */
	if (rc == VT_OK && o->day_count + SPLIT_MAX > LIST_MAX) {
		rc = flush(h, err);
		if (rc == VT_OK)
			rc = get(h, t, &o, err);
	}
	if (rc != VT_OK)
		return rc;
	if (o->first_us == 0 || t->us < o->first_us)
		o->first_us = t->us;
	switch (t->kind) {
	case VT_LOG_READ:
		if (t->us > o->last_read_us)
			o->last_read_us = t->us;
		take_size(o, t, 0);
		if (add_day(h, o, (int32_t)(t->us / DAY_US), t->count,
		    t->bytes) < 0)
			return no_memory(err);
		break;
	case VT_LOG_DELETE:
		if (t->us > o->deleted_us)
			o->deleted_us = t->us;
		break;
	default:
		/* Of several writes the last one made what is there now. */
		if (t->us > o->created_us)
			o->created_us = t->us;
		take_size(o, t, t->size_is_least ? 0 : t->us);
	}
	return VT_OK;
}

/*
 * What few events tell, classes and rows of inventories, has no place in the
 * table: it goes to the sorter at once, to be joined with the rest.
 */
static enum vt_code
add_news(struct vt_heat *h, const struct vt_log_event *e, int64_t us,
    struct vt_err *err)
{
	const struct vt_log_name *n = &e->object;
	struct vt_heat_object o;

	memset(&o, 0, sizeof(o));
	o.first_us = us;
	o.storage_class = e->storage_class;
	o.class_us = us;
	if (e->kind == VT_LOG_LISTED) {
		/* of one that does not tell its date each object is as old */
		o.listed_us = o.class_us = e->at_us != 0 ? e->at_us : us;
		o.listed_created_us = us;
		o.noncurrent = e->is_noncurrent;
		o.has_size = e->has_size && e->size_bytes != UINT64_MAX;
		o.size_bytes = e->size_bytes;
		o.size_us = o.listed_us;
		if (o.listed_us < us)
			o.first_us = o.listed_us;
	}
	if (h->sorter == NULL)
		h->sorter = vt_sorter_new(h->folder, h->sorter_memory);
	vt_buf_reset(&h->news);
	vt_buf_reset(&h->payload);
	vt_heat_encode(&o, &h->payload);
	if (h->sorter == NULL || h->payload.failed)
		return no_memory(err);
	if (vt_heat_name(&h->news, n->bucket, n->bucket_len, n->key,
	    n->key_len, n->version, n->version_len) < 0)
		return vt_buf_check(&h->news, "an object's name", err);
	return vt_sorter_add(h->sorter, h->news.data, h->news.len,
	    h->payload.data, h->payload.len, err);
}

/* A row of an inventory is no line of a log: it covers no time. */
static enum vt_code
add_listed(struct vt_heat *h, const struct vt_log_event *e, int64_t us,
    struct vt_err *err)
{
	enum vt_code rc = vt_coverage_listed(h->coverage, e->object.bucket,
	    e->object.bucket_len, e->at_us != 0 ? e->at_us : us, err);

	return rc == VT_OK ? add_news(h, e, us, err) : rc;
}

/* What is likely the object, without looking at it. */
static void
fetch_object(const struct vt_heat *h, struct touch *t)
{
	size_t i = t->hash & (h->table_size - 1);
	const struct slot *s = &h->table[i];
	const char *o;

	while (s->at != 0 && s->tag != (uint32_t)(t->hash >> 32)) {
		i = (i + 1) & (h->table_size - 1);
		s = &h->table[i];
	}
	t->at = s->at;
	if (s->at == 0)
		return;
	o = (const char *)object_at(h, s->at);
	__builtin_prefetch(o);
	__builtin_prefetch(o + 64);
	__builtin_prefetch(o + 128);
}

static void
fetch_days(const struct vt_heat *h, const struct touch *t)
{
	const struct object *o;

	/* the table may have been emptied since */
	if (t->at == 0 || h->count == 0 ||
	    t->at / BLOCK_UNITS > h->objects.filling)
		return;
	o = object_at(h, t->at);
	if (o->day_cap != 0)
		__builtin_prefetch(&o->days.list[o->day_count - 1]);
}

/* Let a touch of the object `n` wait, and the oldest that waits be done. */
static enum vt_code
touch(struct vt_heat *h, const struct vt_log_name *n, enum vt_log_kind kind,
    const struct vt_log_event *e, int64_t us, struct vt_err *err)
{
	struct touch *t = &h->touches[h->touch_in % WAITING];
	enum vt_code rc = VT_OK;

	if (h->touch_in - h->touch_out == WAITING)
		rc = apply(h, &h->touches[h->touch_out++ % WAITING], err);
	if (rc != VT_OK)
		return rc;
	vt_buf_reset(&t->name);
	if (vt_heat_name(&t->name, n->bucket, n->bucket_len, n->key,
	    n->key_len, n->version, n->version_len) < 0)
		return vt_buf_check(&t->name, "an object's name", err);
	t->hash = hash_name(h, t->name.data, t->name.len);
	__builtin_prefetch(&h->table[t->hash & (h->table_size - 1)]);
	t->kind = kind;
	t->us = us;
	t->has_size = e->has_size && n == &e->object;
	t->size_is_least = e->size_is_least;
	t->size = e->size_bytes;
	t->count = e->count;
	t->bytes = e->bytes;
	h->touch_in++;
	if (h->touch_in - h->touch_out > OBJECT_AGE)
		fetch_object(h, &h->touches[(h->touch_in - OBJECT_AGE) %
		    WAITING]);
	if (h->touch_in - h->touch_out > DAYS_AGE)
		fetch_days(h, &h->touches[(h->touch_in - DAYS_AGE) %
		    WAITING]);
	return VT_OK;
}

enum vt_code
vt_heat_add(struct vt_heat *h, const struct vt_log_event *e,
    struct vt_err *err)
{
	int64_t us = e->time_us;
	enum vt_code rc;

	if (e->kind == VT_LOG_COVERAGE)
		return vt_coverage_add(h->coverage, e->node, e->node_len,
		    e->from_us, e->to_us, e->dropped, err);
	/* a day number must fit, and no log is that old */
	if (us < 0)
		return VT_OK;
	if (us == 0)
		us = 1;		/* 0 is "not known" */
	if (e->count > (uint64_t)UINT32_MAX * (SPLIT_MAX - 1))
		return vt_fail(err, VT_INVALID, "a line of %llu accesses",
		    (unsigned long long)e->count);
	if (e->kind == VT_LOG_LISTED)
		return add_listed(h, e, us, err);
	vt_coverage_saw(h->coverage, us, e->kind == VT_LOG_READ ||
	    e->has_source);
	if (e->storage_class != 0) {
		rc = add_news(h, e, us, err);
		if (rc != VT_OK)
			return rc;
	}
	if (e->kind == VT_LOG_MOVED)
		return VT_OK;
	rc = touch(h, &e->object, e->kind, e, us, err);
	if (rc == VT_OK && e->kind == VT_LOG_WRITE && e->has_source)
		rc = touch(h, &e->source, VT_LOG_READ, e, us, err);
	return rc;
}

/* --- out ------------------------------------------------------------------ */

enum vt_code
vt_heat_finish(struct vt_heat *h, struct vt_err *err)
{
	enum vt_code rc = VT_OK;

	while (rc == VT_OK && h->touch_out < h->touch_in)
		rc = apply(h, &h->touches[h->touch_out++ % WAITING], err);
	if (rc == VT_OK)
		rc = flush(h, err);
	return rc == VT_OK ? vt_sorter_finish(h->sorter, err) : rc;
}

static enum vt_code
next(void *ctx, struct vt_sorter_record *out, struct vt_err *err)
{
	struct vt_heat *h = ctx;

	return vt_sorter_next(h->sorter, out, err);
}

struct vt_heat_source
vt_heat_as_source(struct vt_heat *h)
{
	struct vt_heat_source source = { next, h };

	return source;
}
