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

struct vt_sample {
	size_t max_objects, max_events;
	struct vt_object *o;	/* a heap, the lowest rank first */
	size_t count, cap, events;
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
	for (i = 0; i < s->count; i++)
		release(&s->o[i]);
	for (i = 0; i < s->prefix_count; i++)
		free(s->prefix[i].name);
	free(s->prefix);
	free(s->slot);
	free(s->o);
	free(s);
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
	v = 0;
	memcpy(&v, p, len);
	h = (h ^ le64toh(v) ^ (uint64_t)len << 56) *
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
lower(const struct vt_object *a, const struct vt_object *b)
{
	return a->rank != b->rank ? a->rank < b->rank : a->name < b->name;
}

static void
swap(struct vt_object *a, struct vt_object *b)
{
	struct vt_object t = *a;

	*a = *b;
	*b = t;
}

static void
sift_up(struct vt_sample *s, size_t i)
{
	for (; i > 0 && lower(&s->o[i], &s->o[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&s->o[i], &s->o[(i - 1) / 2]);
}

static void
drop_lowest(struct vt_sample *s)
{
	size_t i = 0, least;

	if (s->o[0].rank > s->left_out)
		s->left_out = s->o[0].rank;
	s->events -= s->o[0].past.count;
	release(&s->o[0]);
	s->o[0] = s->o[--s->count];
	for (;;) {
		least = i;
		if (2 * i + 1 < s->count &&
		    lower(&s->o[2 * i + 1], &s->o[least]))
			least = 2 * i + 1;
		if (2 * i + 2 < s->count &&
		    lower(&s->o[2 * i + 2], &s->o[least]))
			least = 2 * i + 2;
		if (least == i)
			return;
		swap(&s->o[i], &s->o[least]);
		i = least;
	}
}

static int
grow(struct vt_sample *s)
{
	size_t cap = s->cap != 0 ? s->cap * 2 : 256;
	struct vt_object *o;

	if (s->count < s->cap)
		return 0;
	o = realloc(s->o, cap * sizeof(*o));
	if (o == NULL)
		return -1;
	s->o = o;
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

/* Its rank among all, drawn by its name. */
static void
rank(struct vt_object *o, uint64_t size_bytes, const char *bucket,
    const char *key, size_t key_len, int64_t version)
{
	double drawn;

	memset(o, 0, sizeof(*o));
	o->size_bytes = size_bytes;
	o->name = mixed(hash_bytes(hash_bytes(HASH_START, bucket,
	    strlen(bucket) + 1), key, key_len) ^ mixed((uint64_t)version));
	drawn = ((double)(o->name >> 11) + 1) / 9007199254740993.0;
	o->share = (double)size_bytes > LEAST_SHARE ? (double)size_bytes :
	    LEAST_SHARE;
	o->rank = o->share / drawn;
}

double
vt_sample_rank(uint64_t size_bytes, const char *bucket, const char *key,
    size_t key_len, int64_t version)
{
	struct vt_object o;

	rank(&o, size_bytes, bucket, key, key_len, version);
	return o.rank;
}

double
vt_sample_floor(const struct vt_sample *s)
{
	return s->full ? s->left_out : 0;
}

void
vt_sample_passed(struct vt_sample *s, uint64_t count, double highest_rank)
{
	s->offered += count;
	if (highest_rank > s->left_out)
		s->left_out = highest_rank;
}

int
vt_sample_wants(struct vt_sample *s, uint64_t size_bytes, const char *bucket,
    const char *key, size_t key_len, int64_t version)
{
	struct vt_object o;

	s->offered++;
	if (!s->full)
		return 1;
	rank(&o, size_bytes, bucket, key, key_len, version);
	/* what is over all that was left out may still fit, even below the
	 * lowest that is in */
	return o.rank >= s->left_out;
}

enum vt_code
vt_sample_add(struct vt_sample *s, const struct vt_past *p,
    uint64_t size_bytes, const char *bucket, const char *key, size_t key_len,
    int64_t version, const struct vt_reach *reach, struct vt_err *err)
{
	struct vt_object o;

	if (!(p->to > p->from))
		return VT_OK;
	rank(&o, size_bytes, bucket, key, key_len, version);
	if (grow(s) < 0 ||
	    prefix_index(s, bucket, key, key_len, &o.prefix) < 0 ||
	    copy_past(&o.past, p) < 0)
		return vt_fail(err, VT_NOMEM, "no memory for a sample");
	if (reach != NULL && copy_reach(&o.reach, reach) < 0) {
		vt_past_release(&o.past);
		return vt_fail(err, VT_NOMEM, "no memory for a sample");
	}
	s->events += p->count;
	s->o[s->count++] = o;
	sift_up(s, s->count - 1);
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
	size_t i;

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
