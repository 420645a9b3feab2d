/*
 * Heat gathered from events: a table of what is known of each object, which
 * is emptied into a sorter when it is full.  See heat.h.
 *
 * The table's memory is what it is about: an object that is read on one day
 * takes 80 bytes and its name, 8 more for each place of the table.
 */
#include <stdlib.h>
#include <string.h>

#include "libvt/base/hash.h"

#include "libvt/work/heat.h"

#define DAY_US INT64_C(86400000000)
#define BLOCK_BYTES ((size_t)1 << 20)
#define BLOCK_UNITS (BLOCK_BYTES / 8)
#define TABLE_MIN ((size_t)1024)
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
		struct day *list;	/* ascending; malloc'ed */
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

/* Objects, one behind the other; the first unit of all is no object's. */
struct block {
	char *data;		/* BLOCK_BYTES */
	size_t used;		/* units */
};

struct vt_heat {
	size_t memory;		/* for objects and table */
	uint64_t seed;
	struct slot *table;
	size_t table_size, count;
	struct block *blocks;	/* filled one after another */
	size_t block_count, block_cap;
	size_t block;		/* the one being filled */
	size_t list_bytes;
	struct vt_coverage *coverage;
	char *folder;
	size_t sorter_memory;
	struct vt_sorter *sorter;
	struct vt_buf name, payload;
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

	if (h == NULL)
		return NULL;
	if (memory_bytes < VT_HEAT_MEMORY_MIN)
		memory_bytes = VT_HEAT_MEMORY_MIN;
	h->sorter_memory = memory_bytes / 8 * 3;
	h->memory = memory_bytes - h->sorter_memory;
	vt_buf_init(&h->name, NAME_MAX_BYTES);
	vt_buf_init(&h->payload, SIZE_MAX / 2);
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

static struct object *
object_at(const struct vt_heat *h, uint32_t at)
{
	return (struct object *)(void *)(h->blocks[at / BLOCK_UNITS].data +
	    at % BLOCK_UNITS * 8);
}

static size_t
units_of(size_t name_len)
{
	return (offsetof(struct object, name) + name_len + 7) / 8;
}

/* Every object, in the order in which they came. */
static enum vt_code
each(struct vt_heat *h, enum vt_code (*visit)(struct vt_heat *h,
    struct object *o, struct vt_err *err), struct vt_err *err)
{
	enum vt_code rc = VT_OK;
	size_t block, unit;
	struct object *o;

	for (block = 0; block < h->block_count; block++) {
		unit = block == 0;
		while (unit < h->blocks[block].used && rc == VT_OK) {
			o = object_at(h, (uint32_t)(block * BLOCK_UNITS +
			    unit));
			unit += units_of(o->name_len);
			rc = visit(h, o, err);
		}
	}
	return rc;
}

static enum vt_code
free_list(struct vt_heat *h, struct object *o, struct vt_err *err)
{
	(void)h;
	(void)err;
	if (o->day_cap != 0)
		free(o->days.list);
	return VT_OK;
}

/* Forget the objects; blocks and table stay for the next. */
static void
empty(struct vt_heat *h)
{
	size_t i;

	if (h->list_bytes > 0)
		(void)each(h, free_list, NULL);	/* it cannot fail */
	memset(h->table, 0, h->table_size * sizeof(*h->table));
	for (i = 0; i < h->block_count; i++)
		h->blocks[i].used = i == 0;
	h->count = h->block = h->list_bytes = 0;
}

void
vt_heat_free(struct vt_heat *h)
{
	size_t i;

	if (h == NULL)
		return;
	if (h->table != NULL)
		empty(h);
	for (i = 0; i < h->block_count; i++)
		free(h->blocks[i].data);
	free(h->blocks);
	free(h->table);
	free(h->folder);
	vt_coverage_free(h->coverage);
	vt_sorter_free(h->sorter);
	vt_buf_release(&h->name);
	vt_buf_release(&h->payload);
	vt_heat_release(&h->out);
	free(h);
}

enum vt_code
vt_heat_reset(struct vt_heat *h, struct vt_err *err)
{
	empty(h);
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

size_t
vt_heat_held(const struct vt_heat *h)
{
	return h->count;
}

int
vt_heat_is_spilled(const struct vt_heat *h)
{
	return h->sorter != NULL;
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
	struct slot *table = calloc(size, sizeof(*table));
	const struct object *o;

	if (table == NULL)
		return -1;
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

/* Room for an object; 0 when there is no memory. */
static uint32_t
allocate(struct vt_heat *h, size_t units)
{
	struct block *b = h->block_count > 0 ? &h->blocks[h->block] : NULL;
	size_t cap;

	if (b != NULL && b->used + units > BLOCK_UNITS) {
		h->block++;
		b++;
	}
	if (h->block == h->block_count) {
		if (h->block_count == h->block_cap) {
			cap = h->block_cap != 0 ? h->block_cap * 2 : 64;
			b = realloc(h->blocks, cap * sizeof(*b));
			if (b == NULL)
				return 0;
			h->blocks = b;
			h->block_cap = cap;
		}
		b = &h->blocks[h->block_count];
		b->data = malloc(BLOCK_BYTES);
		b->used = h->block_count == 0;
		if (b->data == NULL)
			return 0;
		h->block_count++;
	}
	b->used += units;
	return (uint32_t)(h->block * BLOCK_UNITS + b->used - units);
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
	enum vt_code rc;

	if (h->sorter == NULL)
		h->sorter = vt_sorter_new(h->folder, h->sorter_memory);
	if (h->sorter == NULL)
		return no_memory(err);
	rc = each(h, write_object, err);
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
	return (h->block + 1) * BLOCK_BYTES + units * 8 + h->list_bytes +
	    table <= h->memory;
}

/* The object of that name, made when it is new. */
static enum vt_code
get(struct vt_heat *h, const struct vt_log_name *n, struct object **out,
    struct vt_err *err)
{
	struct slot *s;
	enum vt_code rc;
	uint64_t hash;
	size_t units;

	vt_buf_reset(&h->name);
	if (vt_heat_name(&h->name, n->bucket, n->bucket_len, n->key,
	    n->key_len, n->version, n->version_len) < 0)
		return vt_buf_check(&h->name, "an object's name", err);
	hash = hash_name(h, h->name.data, h->name.len);
	s = slot_of(h, hash, h->name.data, h->name.len);
	if (s->at != 0) {
		*out = object_at(h, s->at);
		return VT_OK;
	}
	units = units_of(h->name.len);
	if (!has_room(h, units) && h->count > 0) {
		rc = flush(h, err);
		if (rc != VT_OK)
			return rc;
		s = slot_of(h, hash, h->name.data, h->name.len);
	}
	if ((h->count + 1) * 4 > h->table_size * 3) {
		if (grow_table(h) < 0)
			return no_memory(err);
		s = slot_of(h, hash, h->name.data, h->name.len);
	}
	s->at = allocate(h, units);
	if (s->at == 0)
		return no_memory(err);
	s->tag = (uint32_t)(hash >> 32);
	h->count++;
	*out = object_at(h, s->at);
	memset(*out, 0, sizeof(**out));
	(*out)->size = UINT64_MAX;
	(*out)->name_len = (uint32_t)h->name.len;
	memcpy((*out)->name, h->name.data, h->name.len);
	return VT_OK;
}

/* --- days ----------------------------------------------------------------- */

/* Room for one more in the list of `o`, which may be none yet. */
static int
grow_list(struct vt_heat *h, struct object *o)
{
	uint32_t cap = o->day_cap != 0 ? o->day_cap * 2 : 4;
	struct day *list = malloc(cap * sizeof(*list));

	if (list == NULL)
		return -1;
	if (o->day_cap != 0) {
		memcpy(list, o->days.list, o->day_count * sizeof(*list));
		free(o->days.list);
	} else {
		list[0] = o->days.one;
	}
	h->list_bytes += (cap - o->day_cap) * sizeof(*list);
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
take_size(struct object *o, const struct vt_log_event *e, int64_t write_us)
{
	if (!e->has_size || e->size_bytes == UINT64_MAX)
		return;
	if (o->size == UINT64_MAX || write_us > o->size_us ||
	    (write_us == o->size_us && e->size_bytes > o->size)) {
		o->size = e->size_bytes;
		o->size_us = write_us;
	}
}

static void
saw(struct vt_heat *h, struct object *o, int64_t us, int is_read)
{
	if (o->first_us == 0 || us < o->first_us)
		o->first_us = us;
	vt_coverage_saw(h->coverage, us, is_read);
}

static enum vt_code
add_read(struct vt_heat *h, const struct vt_log_name *n,
    const struct vt_log_event *e, int64_t us, struct vt_err *err)
{
	struct object *o;
	enum vt_code rc = get(h, n, &o, err);

	if (rc != VT_OK)
		return rc;
	saw(h, o, us, 1);
	if (us > o->last_read_us)
		o->last_read_us = us;
	if (n == &e->object)
		take_size(o, e, 0);
	if (add_day(h, o, (int32_t)(us / DAY_US), e->count, e->bytes) < 0)
		return no_memory(err);
	return VT_OK;
}

static enum vt_code
add_change(struct vt_heat *h, const struct vt_log_event *e, int64_t us,
    struct vt_err *err)
{
	struct object *o;
	enum vt_code rc = get(h, &e->object, &o, err);

	if (rc != VT_OK)
		return rc;
	saw(h, o, us, 0);
	if (e->kind == VT_LOG_DELETE) {
		if (us > o->deleted_us)
			o->deleted_us = us;
		return VT_OK;
	}
	/* Of several writes the last one made what is there now. */
	if (us > o->created_us)
		o->created_us = us;
	take_size(o, e, us);
	return VT_OK;
}

enum vt_code
vt_heat_add(struct vt_heat *h, const struct vt_log_event *e,
    struct vt_err *err)
{
	int64_t us = e->time_us;
	enum vt_code rc;

	/* a day number must fit, and no log is that old */
	if (us < 0)
		return VT_OK;
	if (us == 0)
		us = 1;		/* 0 is "not known" */
	switch (e->kind) {
	case VT_LOG_READ:
		return add_read(h, &e->object, e, us, err);
	case VT_LOG_DELETE:
		return add_change(h, e, us, err);
	case VT_LOG_WRITE:
		rc = add_change(h, e, us, err);
		if (rc == VT_OK && e->has_source)
			rc = add_read(h, &e->source, e, us, err);
		return rc;
	case VT_LOG_COVERAGE:
		break;
	}
	return vt_coverage_add(h->coverage, e->node, e->node_len, e->from_us,
	    e->to_us, e->dropped, err);
}

/* --- out ------------------------------------------------------------------ */

enum vt_code
vt_heat_finish(struct vt_heat *h, struct vt_err *err)
{
	enum vt_code rc = flush(h, err);

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
