#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/work/sample.h"

/* Bytes that the smallest object counts as: requests cost as well. */
#define LEAST_SHARE 131072.0
#define PREFIX_MAX 256		/* bytes of a prefix that are looked at */

struct prefix {
	uint64_t hash;
	char *name;
};

/* What the heap is of, the lowest first: an object and where it is. */
struct entry {
	double rank;
	uint64_t name;
	size_t at;
};

struct vt_sample {
	size_t max_objects, max_events;
	/* objects, and between them, until it is finished, places of those
	 * that were dropped, whose share is 0 and whose name the next such
	 * place, from 1 */
	struct vt_object *o;
	size_t places, cap;
	uint64_t free_place;
	struct entry *heap;	/* has room for `cap` */
	size_t count, events;
	double left_out;	/* the highest rank that is not in it */
	uint64_t offered;
	int full;		/* something has been left out */
	struct prefix *prefix;
	size_t prefix_count, prefix_cap;
	uint32_t *slot;		/* of prefixes by hash; 0: free */
};

#define SLOTS (VT_SAMPLE_PREFIXES * 2)
#define SHARED (VT_SAMPLE_PREFIXES - 1)	/* by all prefixes beyond it */

struct vt_sample *
vt_sample_new(size_t max_objects, size_t max_events)
{
	struct vt_sample *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->max_objects = max_objects;
	s->max_events = max_events;
	s->slot = calloc(SLOTS, sizeof(*s->slot));
	if (s->slot == NULL) {
		free(s);
		return NULL;
	}
	return s;
}

static void
release(struct vt_object *o)
{
	vt_past_release(&o->past);
	free(o->reach.step);
}

void
vt_sample_free(struct vt_sample *s)
{
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; i < s->places; i++)
		release(&s->o[i]);
	for (i = 0; i < s->prefix_count; i++)
		free(s->prefix[i].name);
	free(s->prefix);
	free(s->slot);
	free(s->o);
	free(s->heap);
	free(s);
}

/* Fewer than eight bytes, as if zeros were behind them. */
static inline uint64_t
few_bytes(const char *p, size_t len)
{
	unsigned shift = 0;
	uint64_t v = 0;
	uint32_t four;
	uint16_t two;

	if (len & 4) {
		memcpy(&four, p, 4);
		v = le32toh(four);
		shift = 32;
		p += 4;
	}
	if (len & 2) {
		memcpy(&two, p, 2);
		v |= (uint64_t)le16toh(two) << shift;
		shift += 16;
		p += 2;
	}
	return len & 1 ? v | (uint64_t)(uint8_t)*p << shift : v;
}

/* Eight bytes at a time; then mixed so that all bits are as good as drawn. */
static uint64_t
hash_bytes(uint64_t h, const char *p, size_t len)
{
	uint64_t v;

	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&v, p, 8);
		h = (h ^ le64toh(v)) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 32;
	}
	h = (h ^ few_bytes(p, len) ^ (uint64_t)len << 56) *
	    UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 32;
}

static uint64_t
mixed(uint64_t h)
{
	h = (h ^ (h >> 33)) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ (h >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ (h >> 33);
}

#define HASH_START UINT64_C(14695981039346656037)

/* --- prefixes ------------------------------------------------------------- */

static size_t
prefix_length(const char *key, size_t len)
{
	size_t n = len < PREFIX_MAX ? len : PREFIX_MAX, i;

	for (i = 1; i < n; i++)
		if (key[i] == '/')
			return i + 1;
	return 0;
}

uint64_t
vt_sample_prefix_hash(const char *bucket, const char *key, size_t key_len)
{
	return mixed(hash_bytes(hash_bytes(HASH_START, bucket,
	    strlen(bucket) + 1), key, prefix_length(key, key_len)));
}

/* Its slot: taken by it, or free. */
static size_t
prefix_slot(const struct vt_sample *s, uint64_t h)
{
	size_t i = h % SLOTS;

	while (s->slot[i] != 0 && s->prefix[s->slot[i] - 1].hash != h)
		i = (i + 1) % SLOTS;
	return i;
}

size_t
vt_sample_prefix_of(const struct vt_sample *s, const char *bucket,
    const char *key, size_t key_len)
{
	size_t i = prefix_slot(s, vt_sample_prefix_hash(bucket, key, key_len));

	if (s->slot[i] != 0)
		return s->slot[i] - 1;
	return s->prefix_count == VT_SAMPLE_PREFIXES ? SHARED : SIZE_MAX;
}

static int
prefix_index(struct vt_sample *s, const char *bucket, const char *key,
    size_t key_len, uint32_t *out)
{
	size_t bucket_len, len = prefix_length(key, key_len);
	uint64_t h = vt_sample_prefix_hash(bucket, key, key_len);
	size_t i = prefix_slot(s, h);
	struct prefix *p;

	*out = s->slot[i] != 0 ? s->slot[i] - 1 : SHARED;
	if (s->slot[i] != 0 || s->prefix_count == VT_SAMPLE_PREFIXES)
		return 0;
	if (s->prefix_count == SHARED) {
		bucket = "other prefixes";
		len = 0;
	}
	if (s->prefix_count == s->prefix_cap) {
		size_t cap = s->prefix_cap != 0 ? s->prefix_cap * 2 : 64;

		p = realloc(s->prefix, cap * sizeof(*p));
		if (p == NULL)
			return -1;
		s->prefix = p;
		s->prefix_cap = cap;
	}
	bucket_len = strlen(bucket);
	p = &s->prefix[s->prefix_count];
	p->hash = h;
	p->name = malloc(bucket_len + len + 2);
	if (p->name == NULL)
		return -1;
	memcpy(p->name, bucket, bucket_len);
	p->name[bucket_len] = '/';
	memcpy(p->name + bucket_len + 1, key, len);
	p->name[bucket_len + 1 + len] = '\0';
	*out = (uint32_t)s->prefix_count++;
	/* what shares the last finds no slot, and so it */
	if (*out != SHARED)
		s->slot[i] = *out + 1;
	return 0;
}

/* --- the heap ------------------------------------------------------------- */

static int
lower(const struct entry *a, const struct entry *b)
{
	return a->rank != b->rank ? a->rank < b->rank : a->name < b->name;
}

static void
heap_add(struct vt_sample *s, struct entry e)
{
	size_t i = s->count++;

	for (; i > 0 && lower(&e, &s->heap[(i - 1) / 2]); i = (i - 1) / 2)
		s->heap[i] = s->heap[(i - 1) / 2];
	s->heap[i] = e;
}

/* The lowest, which leaves it. */
static struct entry
heap_take(struct vt_sample *s)
{
	struct entry lowest = s->heap[0], last = s->heap[--s->count];
	size_t i = 0, least;

	for (;;) {
		least = 2 * i + 1;
		if (least >= s->count)
			break;
		if (least + 1 < s->count &&
		    lower(&s->heap[least + 1], &s->heap[least]))
			least++;
		if (!lower(&s->heap[least], &last))
			break;
		s->heap[i] = s->heap[least];
		i = least;
	}
	s->heap[i] = last;
	return lowest;
}

/* Where it was there is room for another. */
static void
drop_lowest(struct vt_sample *s)
{
	struct entry e = heap_take(s);
	struct vt_object *o = &s->o[e.at];

	if (e.rank > s->left_out)
		s->left_out = e.rank;
	s->events -= o->past.count;
	release(o);
	memset(o, 0, sizeof(*o));
	o->name = s->free_place;
	s->free_place = e.at + 1;
}

/* There is one. */
static size_t
take_place(struct vt_sample *s)
{
	size_t at = s->free_place;

	if (at == 0)
		return s->places++;
	s->free_place = s->o[at - 1].name;
	return at - 1;
}

static int
grow(struct vt_sample *s)
{
	size_t cap = s->cap != 0 ? s->cap * 2 : 256;
	struct vt_object *o;
	struct entry *heap;

	if (s->places < s->cap)
		return 0;
	o = realloc(s->o, cap * sizeof(*o));
	if (o == NULL)
		return -1;
	s->o = o;
	heap = realloc(s->heap, cap * sizeof(*heap));
	if (heap == NULL)
		return -1;
	s->heap = heap;
	s->cap = cap;
	return 0;
}

static int
copy_past(struct vt_past *to, const struct vt_past *from)
{
	*to = *from;
	to->cap = from->count;
	to->e = NULL;
	if (from->count == 0)
		return 0;
	to->e = malloc(from->count * sizeof(*to->e));
	if (to->e == NULL)
		return -1;
	memcpy(to->e, from->e, from->count * sizeof(*to->e));
	return 0;
}

static int
copy_reach(struct vt_reach *to, const struct vt_reach *from)
{
	*to = *from;
	to->step = NULL;
	if (from->steps == 0)
		return 0;
	to->step = malloc(from->steps * sizeof(*to->step));
	if (to->step == NULL)
		return -1;
	memcpy(to->step, from->step, from->steps * sizeof(*to->step));
	return 0;
}

static double
share_of(uint64_t size_bytes)
{
	return (double)size_bytes > LEAST_SHARE ? (double)size_bytes :
	    LEAST_SHARE;
}

/* Its rank among all, drawn by its name. */
static inline double
rank(uint64_t size_bytes, const char *bucket, const char *key, size_t key_len,
    int64_t version, uint64_t *name)
{
	double drawn;

	*name = mixed(hash_bytes(hash_bytes(HASH_START, bucket,
	    strlen(bucket) + 1), key, key_len) ^ mixed((uint64_t)version));
	drawn = ((double)(*name >> 11) + 1) / 9007199254740993.0;
	return share_of(size_bytes) / drawn;
}

double
vt_sample_rank(uint64_t size_bytes, const char *bucket, const char *key,
    size_t key_len, int64_t version)
{
	uint64_t name;

	return rank(size_bytes, bucket, key, key_len, version, &name);
}

double
vt_sample_floor(const struct vt_sample *s)
{
	return s->full ? s->left_out : 0;
}

void
vt_sample_passed(struct vt_sample *s, uint64_t count)
{
	/* their ranks are below what was left out before */
	s->offered += count;
}

int
vt_sample_wants(struct vt_sample *s, uint64_t size_bytes, const char *bucket,
    const char *key, size_t key_len, int64_t version)
{
	s->offered++;
	/* what is over all that was left out may still fit, even below the
	 * lowest that is in */
	return !s->full || vt_sample_rank(size_bytes, bucket, key, key_len,
	    version) >= s->left_out;
}

enum vt_code
vt_sample_add(struct vt_sample *s, const struct vt_past *p,
    uint64_t size_bytes, const char *bucket, const char *key, size_t key_len,
    int64_t version, const struct vt_reach *reach, struct vt_err *err)
{
	struct vt_object o = { .size_bytes = size_bytes,
	    .share = share_of(size_bytes) };
	struct entry e;

	if (!(p->to > p->from))
		return VT_OK;
	e.rank = rank(size_bytes, bucket, key, key_len, version, &o.name);
	e.name = o.name;
	if (grow(s) < 0 ||
	    prefix_index(s, bucket, key, key_len, &o.prefix) < 0 ||
	    copy_past(&o.past, p) < 0)
		return vt_fail(err, VT_NOMEM, "no memory for a sample");
	if (reach != NULL && copy_reach(&o.reach, reach) < 0) {
		vt_past_release(&o.past);
		return vt_fail(err, VT_NOMEM, "no memory for a sample");
	}
	e.at = take_place(s);
	s->events += p->count;
	s->o[e.at] = o;
	heap_add(s, e);
	while (s->count > s->max_objects ||
	    (s->events > s->max_events && s->count > 1)) {
		s->full = 1;
		drop_lowest(s);
	}
	return VT_OK;
}

static int
by_time(const void *a, const void *b)
{
	const struct vt_object *x = a, *y = b;

	if (x->past.from != y->past.from)
		return x->past.from < y->past.from ? -1 : 1;
	return x->name < y->name ? -1 : x->name > y->name;
}

void
vt_sample_finish(struct vt_sample *s)
{
	size_t i, n = 0;

	for (i = 0; i < s->places; i++)
		if (s->o[i].share > 0)
			s->o[n++] = s->o[i];
	s->places = n;
	s->free_place = 0;
	for (i = 0; i < s->count; i++)
		s->o[i].stands_for = s->left_out > s->o[i].share ?
		    s->left_out / s->o[i].share : 1;
	if (s->count > 0)
		qsort(s->o, s->count, sizeof(*s->o), by_time);
}

size_t
vt_sample_count(const struct vt_sample *s)
{
	return s->count;
}

uint64_t
vt_sample_offered(const struct vt_sample *s)
{
	return s->offered;
}

struct vt_object *
vt_sample_at(struct vt_sample *s, size_t i)
{
	return &s->o[i];
}

size_t
vt_sample_prefix_count(const struct vt_sample *s)
{
	return s->prefix_count;
}

const char *
vt_sample_prefix(const struct vt_sample *s, size_t prefix)
{
	return prefix < s->prefix_count ? s->prefix[prefix].name : "";
}

uint64_t
vt_sample_prefix_hash_at(const struct vt_sample *s, size_t prefix)
{
	return prefix < s->prefix_count ? s->prefix[prefix].hash : 0;
}

int
vt_sample_prefix_is_shared(const struct vt_sample *s, size_t prefix)
{
	return prefix == SHARED && s->prefix_count == VT_SAMPLE_PREFIXES;
}

void
vt_sample_span(const struct vt_sample *s, double *from, double *to)
{
	size_t i;

	*from = *to = 0;
	for (i = 0; i < s->count; i++) {
		if (i == 0 || s->o[i].past.from < *from)
			*from = s->o[i].past.from;
		if (i == 0 || s->o[i].past.to > *to)
			*to = s->o[i].past.to;
	}
}
