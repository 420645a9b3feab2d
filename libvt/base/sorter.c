/* A sort that spills to disk: see sorter.h. */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/bigmem.h"
#include "libvt/base/spill.h"

#include "libvt/base/sorter.h"

#define FAN_IN 64		/* runs merged at a time, at most */
#define AHEAD 8			/* entries whose records are fetched early */
#define SMALL 16		/* entries that are sorted by insertion */
#define MANY 512		/* that are worth counting piles */

/* One record: where it is, and eight bytes of its key as a number that
 * compares as they do. */
struct entry {
	uint64_t bytes;
	uint64_t at;		/* in the block; also the order of arrival */
};

/* A sorted stretch of the file, from a page's start on, and while it is merged
 * the window on it. */
struct run {
	uint64_t at, end;	/* what is not in the window yet */
	char *window;		/* begins with room for a record's start */
	size_t start, len;	/* of the window: what is not given out */
	uint64_t bytes;		/* the first of the key in front */
};

struct vt_sorter {
	char *folder;
	size_t memory;
	char *block;		/* records from the front, entries from the
				   back; windows once they are merged */
	size_t used;
	struct entry *entries;	/* descending from the end of the block */
	size_t entry_count;
	size_t largest;
	uint64_t count, spilled;
	uint32_t dice;		/* xorshift */

	struct vt_spill file;	/* the runs */
	struct run *runs;
	size_t run_count, run_cap;

	/* going out */
	size_t next;		/* entry, when nothing was spilled */
	struct run **heap;
	size_t heap_count;
	int is_out;		/* the first of the heap was given out */
	size_t window_bytes, front;	/* whole pages, as is that room */
	char *out;		/* window_bytes to write through */
	size_t out_len;
};

struct vt_sorter *
vt_sorter_new(const char *folder, size_t memory_bytes)
{
	struct vt_sorter *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->dice = 1;
	s->memory = memory_bytes < VT_SORTER_MEMORY_MIN ?
	    VT_SORTER_MEMORY_MIN : memory_bytes & ~(VT_SPILL_PAGE - 1);
	s->folder = strdup(folder);
	if (s->folder == NULL) {
		free(s);
		return NULL;
	}
	vt_spill_init(&s->file, s->folder);
	return s;
}

void
vt_sorter_free(struct vt_sorter *s)
{
	if (s == NULL)
		return;
	vt_spill_release(&s->file);
	free(s->folder);
	free(s->block);
	free(s->runs);
	free(s->heap);
	free(s);
}

uint64_t
vt_sorter_count(const struct vt_sorter *s)
{
	return s->count;
}

uint64_t
vt_sorter_spilled_bytes(const struct vt_sorter *s)
{
	return s->spilled;
}

/* --- in memory ------------------------------------------------------------ */

static struct vt_sorter_head
head_at(const char *p)
{
	struct vt_sorter_head h;

	memcpy(&h, p, sizeof(h));
	return h;
}

static size_t
record_len(struct vt_sorter_head h)
{
	return sizeof(h) + h.key_len + h.payload_len;
}

/* Eight bytes of the key from `depth` on, zeros behind its end. */
static uint64_t
bytes_at(const char *record, size_t depth)
{
	struct vt_sorter_head h = head_at(record);
	uint64_t v = 0;

	if (depth >= h.key_len)
		return 0;
	memcpy(&v, record + sizeof(h) + depth,
	    h.key_len - depth < 8 ? h.key_len - depth : 8);
	return be64toh(v);
}

static int
compare_keys(const char *a, const char *b, size_t depth)
{
	struct vt_sorter_head x = head_at(a), y = head_at(b);
	uint32_t len = x.key_len < y.key_len ? x.key_len : y.key_len;
	int c = 0;

	if (len > depth)
		c = memcmp(a + sizeof(x) + depth, b + sizeof(y) + depth,
		    len - depth);
	if (c == 0 && x.key_len != y.key_len)
		c = x.key_len < y.key_len ? -1 : 1;
	return c;
}

static int
entry_before(const struct vt_sorter *s, const struct entry *a,
    const struct entry *b, size_t depth)
{
	int c;

	if (a->bytes != b->bytes)
		return a->bytes < b->bytes;
	c = compare_keys(s->block + a->at, s->block + b->at, depth);
	return c != 0 ? c < 0 : a->at < b->at;
}

static void
sort_few(const struct vt_sorter *s, struct entry *e, size_t n, size_t depth)
{
	struct entry t;
	size_t i, j;

	for (i = 1; i < n; i++) {
		t = e[i];
		for (j = i; j > 0 && entry_before(s, &t, &e[j - 1], depth);
		    j--)
			e[j] = e[j - 1];
		e[j] = t;
	}
}

static void
swap(struct entry *a, struct entry *b)
{
	struct entry t = *a;

	*a = *b;
	*b = t;
}

/* The middle of three picked by chance: keys are chosen by strangers. */
static uint64_t
pivot(struct vt_sorter *s, const struct entry *e, size_t n)
{
	uint64_t v[3], t;
	int i;

	for (i = 0; i < 3; i++) {
		s->dice ^= s->dice << 13;
		s->dice ^= s->dice >> 17;
		s->dice ^= s->dice << 5;
		v[i] = e[s->dice % n].bytes;
	}
	if (v[0] > v[1]) {
		t = v[0];
		v[0] = v[1];
		v[1] = t;
	}
	return v[2] < v[0] ? v[0] : v[2] > v[1] ? v[1] : v[2];
}

static int
by_length(const void *a, const void *b, void *ctx)
{
	const struct entry *x = a, *y = b;
	const char *block = ctx;
	uint32_t i = head_at(block + x->at).key_len;
	uint32_t j = head_at(block + y->at).key_len;

	if (i != j)
		return i < j ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

/*
 * Of entries whose eight bytes at `depth` are equal those go first whose keys
 * end there: zeros behind an end look like zeros in a key, and the shorter
 * comes first.  Returns how many; the rest gets its next eight bytes.
 */
static size_t
sort_ended(struct vt_sorter *s, struct entry *e, size_t n, size_t depth)
{
	size_t i = 0, rest = n;

	while (i < rest) {
		/* records lie anywhere: those to come are fetched early */
		if (rest - i > AHEAD)
			__builtin_prefetch(s->block + e[i + AHEAD].at);
		if (head_at(s->block + e[i].at).key_len <= depth + 8) {
			i++;
			continue;
		}
		e[i].bytes = bytes_at(s->block + e[i].at, depth + 8);
		swap(&e[i], &e[--rest]);
	}
	if (rest > 1)
		qsort_r(e, rest, sizeof(*e), by_length, s->block);
	return rest;
}

static void sort_entries(struct vt_sorter *s, struct entry *e, size_t n,
    size_t depth);

/* Entries with eight of the bits of their eight bytes in common. */
struct pile {
	size_t start, end;
};

/* Bring each to its pile, whose starts become their ends. */
static void
deal(struct entry *e, struct pile pile[256], unsigned shift)
{
	struct entry t;
	unsigned i, to;

	for (i = 0; i < 256; i++)
		while (pile[i].start < pile[i].end) {
			t = e[pile[i].start];
			while ((to = t.bytes >> shift & 255) != i)
				swap(&t, &e[pile[to].start++]);
			e[pile[i].start++] = t;
		}
}

/*
 * Of many entries one step by the first eight bits in which they differ, which
 * is as good as eight of quicksort and guesses nothing.  All piles are sorted
 * but the largest, which is left to the caller: so calls never nest deeper than
 * the number of entries can be halved.  0: their eight bytes are equal.
 */
static size_t
sort_piles(struct vt_sorter *s, struct entry **e, size_t n, size_t depth)
{
	struct pile pile[256] = { { 0, 0 } };
	uint64_t differ = 0;
	size_t i, at = 0, len, largest = 0;
	unsigned shift;

	for (i = 1; i < n; i++)
		differ |= (*e)[i].bytes ^ (*e)->bytes;
	if (differ == 0)
		return 0;
	shift = 63 - (unsigned)__builtin_clzll(differ);
	shift = shift > 7 ? shift - 7 : 0;
	for (i = 0; i < n; i++)
		pile[(*e)[i].bytes >> shift & 255].end++;
	for (i = 0; i < 256; i++) {
		len = pile[i].end;
		if (len > pile[largest].end - pile[largest].start)
			largest = i;
		pile[i].start = at;
		at += len;
		pile[i].end = at;
	}
	deal(*e, pile, shift);
	for (i = 0, at = 0; i < 256; at = pile[i++].end)
		if (i != largest)
			sort_entries(s, *e + at, pile[i].end - at, depth);
	at = largest > 0 ? pile[largest - 1].end : 0;
	*e += at;
	return pile[largest].end - at;
}

/* A step of quicksort: from *low up to *high they are equal, before them less,
 * behind them more. */
static void
part(struct vt_sorter *s, struct entry *e, size_t n, size_t *low, size_t *high)
{
	uint64_t v = pivot(s, e, n);
	size_t i;

	for (*low = i = 0, *high = n; i < *high;) {
		if (e[i].bytes < v)
			swap(&e[(*low)++], &e[i++]);
		else if (e[i].bytes > v)
			swap(&e[i], &e[--*high]);
		else
			i++;
	}
}

/* By eight bytes of the keys at a time, from `depth` on. */
static void
sort_entries(struct vt_sorter *s, struct entry *e, size_t n, size_t depth)
{
	size_t low, high, left;

	while (n > SMALL) {
		left = n > MANY ? sort_piles(s, &e, n, depth) : 0;
		if (left > 0) {
			n = left;
			continue;
		}
		low = 0;
		high = n;
		if (n <= MANY) {
			part(s, e, n, &low, &high);
			sort_entries(s, e, low, depth);
			sort_entries(s, e + high, n - high, depth);
		}
		low += sort_ended(s, e + low, high - low, depth);
		e += low;
		n = high - low;
		depth += 8;
	}
	sort_few(s, e, n, depth);
}

static void
sort_block(struct vt_sorter *s)
{
	s->entries = (struct entry *)(void *)(s->block + s->memory) -
	    s->entry_count;
	sort_entries(s, s->entries, s->entry_count, 0);
}

/* --- runs on disk --------------------------------------------------------- */

/* One more, or NULL: no memory. */
static struct run *
add_run(struct vt_sorter *s)
{
	struct run *runs;
	size_t cap;

	if (s->run_count == s->run_cap) {
		cap = s->run_cap != 0 ? s->run_cap * 2 : 64;
		runs = realloc(s->runs, cap * sizeof(*runs));
		if (runs == NULL)
			return NULL;
		s->runs = runs;
		s->run_cap = cap;
	}
	memset(&s->runs[s->run_count], 0, sizeof(*s->runs));
	return &s->runs[s->run_count++];
}

static enum vt_code
write_out(struct vt_sorter *s, struct vt_spill *f, size_t len,
    struct vt_err *err)
{
	s->spilled += len;
	s->out_len = 0;
	return vt_spill_write(f, s->out, len, err);
}

/* Append to what is written through `out`. */
static enum vt_code
put_out(struct vt_sorter *s, struct vt_spill *f, const char *record,
    size_t len, struct vt_err *err)
{
	enum vt_code rc = VT_OK;
	size_t n;

	for (; len > 0 && rc == VT_OK; record += n, len -= n) {
		n = s->window_bytes - s->out_len;
		if (n > len)
			n = len;
		memcpy(s->out + s->out_len, record, n);
		s->out_len += n;
		if (s->out_len == s->window_bytes)
			rc = write_out(s, f, s->window_bytes, err);
	}
	return rc;
}

/* The rest of a run that began at `start`, which becomes that. */
static enum vt_code
end_out(struct vt_sorter *s, struct vt_spill *f, struct run *r,
    uint64_t start, struct vt_err *err)
{
	size_t len = vt_spill_whole(s->out_len);

	r->at = start;
	r->end = f->len + s->out_len;
	if (len == 0)
		return VT_OK;
	memset(s->out + s->out_len, 0, len - s->out_len);
	return write_out(s, f, len, err);
}

/* The record of an entry; those of entries to come are fetched early, as far as
 * most of them go. */
static const char *
entry_record(const struct vt_sorter *s, size_t i)
{
	const char *later;

	if (s->entry_count - i > AHEAD) {
		later = s->block + s->entries[i + AHEAD].at;
		__builtin_prefetch(later);
		__builtin_prefetch(later + 64);
		__builtin_prefetch(later + 128);
	}
	return s->block + s->entries[i].at;
}

/* Write the sorted block as a run.  The records are all over the block, so
 * they go through a buffer of their own. */
static enum vt_code
spill(struct vt_sorter *s, struct vt_err *err)
{
	uint64_t start = s->file.len;
	struct run *r = add_run(s);
	enum vt_code rc = VT_OK;
	size_t i;

	sort_block(s);
	s->window_bytes = vt_spill_whole(s->memory / FAN_IN);
	s->out = vt_bigmem_alloc(s->window_bytes);
	s->out_len = 0;
	if (r == NULL || s->out == NULL)
		rc = vt_fail(err, VT_NOMEM, "no memory to sort");
	for (i = 0; rc == VT_OK && i < s->entry_count; i++) {
		const char *record = entry_record(s, i);

		rc = put_out(s, &s->file, record, record_len(head_at(record)),
		    err);
	}
	if (rc == VT_OK)
		rc = end_out(s, &s->file, r, start, err);
	free(s->out);
	s->out = NULL;
	s->used = s->entry_count = 0;
	return rc;
}

/* Have room for a record at the end of what is used. */
static enum vt_code
make_room(struct vt_sorter *s, size_t len, struct vt_err *err)
{
	if (s->block == NULL) {
		s->block = vt_bigmem_alloc(s->memory);
		if (s->block == NULL)
			return vt_fail(err, VT_NOMEM, "no memory to sort");
	}
	return s->used + len + (s->entry_count + 1) * sizeof(struct entry) >
	    s->memory ? spill(s, err) : VT_OK;
}

/* The record that was put there. */
static void
note_record(struct vt_sorter *s, size_t len)
{
	struct entry *e = (struct entry *)(void *)(s->block + s->memory) -
	    ++s->entry_count;

	e->at = s->used;
	e->bytes = bytes_at(s->block + s->used, 0);
	s->used += len;
	if (len > s->largest)
		s->largest = len;
	s->count++;
}

/* Of lengths that may be anything. */
static enum vt_code
check_size(const struct vt_sorter *s, size_t key_len, size_t payload_len,
    struct vt_err *err)
{
	size_t most = s->memory / 4 - sizeof(struct vt_sorter_head);

	if (key_len <= most && payload_len <= most - key_len)
		return VT_OK;
	return vt_fail(err, VT_TOO_LARGE, "a record of %zu bytes is over %zu, "
	    "a quarter of the memory to sort in",
	    key_len + payload_len + sizeof(struct vt_sorter_head),
	    s->memory / 4);
}

enum vt_code
vt_sorter_add(struct vt_sorter *s, const void *key, size_t key_len,
    const void *payload, size_t payload_len, struct vt_err *err)
{
	struct vt_sorter_head h = { (uint32_t)key_len, (uint32_t)payload_len };
	enum vt_code rc = check_size(s, key_len, payload_len, err);
	char *p;

	if (rc == VT_OK)
		rc = make_room(s, record_len(h), err);
	if (rc != VT_OK)
		return rc;
	p = s->block + s->used;
	memcpy(p, &h, sizeof(h));
	if (key_len != 0)
		memcpy(p + sizeof(h), key, key_len);
	if (payload_len != 0)
		memcpy(p + sizeof(h) + key_len, payload, payload_len);
	note_record(s, record_len(h));
	return VT_OK;
}

enum vt_code
vt_sorter_add_packed(struct vt_sorter *s, const char *records, size_t len,
    struct vt_err *err)
{
	const char *end = records + len;
	struct vt_sorter_head h;
	enum vt_code rc;

	for (; records < end; records += record_len(h)) {
		h = head_at(records);
		rc = check_size(s, h.key_len, h.payload_len, err);
		if (rc == VT_OK)
			rc = make_room(s, record_len(h), err);
		if (rc != VT_OK)
			return rc;
		memcpy(s->block + s->used, records, record_len(h));
		note_record(s, record_len(h));
	}
	return VT_OK;
}

/* --- merging -------------------------------------------------------------- */

/* What is left of a record goes before the pages that are read. */
static enum vt_code
read_window(struct vt_sorter *s, struct run *r, struct vt_err *err)
{
	char *pages = r->window + s->front;
	size_t room = s->window_bytes - s->front;
	enum vt_code rc;

	if (r->end - r->at < room)
		room = (size_t)(r->end - r->at);
	memmove(pages - r->len, r->window + r->start, r->len);
	rc = vt_spill_read(&s->file, pages, vt_spill_whole(room), r->at,
	    err);
	r->start = s->front - r->len;
	r->len += room;
	r->at += room;
	return rc;
}

/* Have the run's next record whole in its window; VT_ABSENT at its end. */
static enum vt_code
fill_window(struct vt_sorter *s, struct run *r, struct vt_err *err)
{
	enum vt_code rc;

	while (r->len < sizeof(struct vt_sorter_head) ||
	    r->len < record_len(head_at(r->window + r->start))) {
		if (r->at == r->end && r->len == 0)
			return VT_ABSENT;
		if (r->at == r->end)
			return vt_fail(err, VT_IO, "a file to sort in '%s' "
			    "is not what was written", s->folder);
		rc = read_window(s, r, err);
		if (rc != VT_OK)
			return rc;
	}
	r->bytes = bytes_at(r->window + r->start, 0);
	return VT_OK;
}

static int
run_before(const struct run *a, const struct run *b)
{
	int c;

	if (a->bytes != b->bytes)
		return a->bytes < b->bytes;
	c = compare_keys(a->window + a->start, b->window + b->start, 0);
	/* runs lie in the order in which their records came */
	return c != 0 ? c < 0 : a < b;
}

/* The run at `i` may have to go down. */
static void
sift(struct vt_sorter *s, size_t i)
{
	struct run *r = s->heap[i];
	size_t child;

	while ((child = 2 * i + 1) < s->heap_count) {
		if (child + 1 < s->heap_count &&
		    run_before(s->heap[child + 1], s->heap[child]))
			child++;
		if (!run_before(s->heap[child], r))
			break;
		s->heap[i] = s->heap[child];
		i = child;
	}
	s->heap[i] = r;
}

/* Ready to give out the records of `count` runs from `first` on. */
static enum vt_code
begin_merge(struct vt_sorter *s, size_t first, size_t count,
    struct vt_err *err)
{
	enum vt_code rc;
	size_t i;

	s->heap_count = 0;
	s->is_out = 0;
	for (i = 0; i < count; i++) {
		struct run *r = &s->runs[first + i];

		r->window = s->block + i * s->window_bytes;
		r->start = r->len = 0;
		rc = fill_window(s, r, err);
		if (rc == VT_ABSENT)
			continue;
		if (rc != VT_OK)
			return rc;
		s->heap[s->heap_count++] = r;
	}
	for (i = s->heap_count / 2; i-- > 0;)
		sift(s, i);
	return VT_OK;
}

/* The record in front, or NULL in *out after the last. */
static enum vt_code
merge_next(struct vt_sorter *s, const char **out, struct vt_err *err)
{
	struct run *r;
	enum vt_code rc;
	size_t len;

	*out = NULL;
	if (s->is_out) {
		r = s->heap[0];
		len = record_len(head_at(r->window + r->start));
		r->start += len;
		r->len -= len;
		rc = fill_window(s, r, err);
		if (rc == VT_ABSENT)
			s->heap[0] = s->heap[--s->heap_count];
		else if (rc != VT_OK)
			return rc;
		if (s->heap_count > 0)
			sift(s, 0);
	}
	s->is_out = s->heap_count > 0;
	if (s->is_out)
		*out = s->heap[0]->window + s->heap[0]->start;
	return VT_OK;
}

/* Merge `count` runs from `first` on into one of another file. */
static enum vt_code
merge_runs(struct vt_sorter *s, size_t first, size_t count,
    struct vt_spill *f, struct run *out, struct vt_err *err)
{
	const char *record;
	uint64_t start = f->len;
	enum vt_code rc = begin_merge(s, first, count, err);

	s->out_len = 0;
	while (rc == VT_OK) {
		rc = merge_next(s, &record, err);
		if (rc != VT_OK || record == NULL)
			break;
		rc = put_out(s, f, record, record_len(head_at(record)), err);
	}
	/* those that were merged are done with */
	return rc == VT_OK ? end_out(s, f, out, start, err) : rc;
}

/* A pass: each `fan` runs become one, in a new file. */
static enum vt_code
merge_pass(struct vt_sorter *s, size_t fan, struct vt_err *err)
{
	size_t i, n, made = 0;
	struct vt_spill to;
	enum vt_code rc = VT_OK;

	vt_spill_init(&to, s->folder);
	for (i = 0; rc == VT_OK && i < s->run_count; i += n) {
		n = s->run_count - i < fan ? s->run_count - i : fan;
		rc = merge_runs(s, i, n, &to, &s->runs[made++], err);
	}
	vt_spill_release(&s->file);
	s->file = to;
	s->run_count = made;
	return rc;
}

enum vt_code
vt_sorter_finish(struct vt_sorter *s, struct vt_err *err)
{
	enum vt_code rc;
	size_t fan;

	s->next = 0;
	if (s->run_count == 0) {
		if (s->entry_count > 0)
			sort_block(s);
		return VT_OK;
	}
	if (s->entry_count > 0) {
		rc = spill(s, err);
		if (rc != VT_OK)
			return rc;
	}
	/* the block becomes the windows, one of them to write through */
	s->front = vt_spill_whole(s->largest);
	s->window_bytes = s->memory / (FAN_IN + 1) & ~(VT_SPILL_PAGE - 1);
	if (s->window_bytes < s->front + VT_SPILL_PAGE)
		s->window_bytes = s->front + VT_SPILL_PAGE;
	fan = s->memory / s->window_bytes - 1;
	s->out = s->block + fan * s->window_bytes;
	s->heap = malloc(fan * sizeof(struct run *));
	if (s->heap == NULL)
		return vt_fail(err, VT_NOMEM, "no memory to sort");
	while (s->run_count > fan) {
		rc = merge_pass(s, fan, err);
		if (rc != VT_OK)
			return rc;
	}
	return begin_merge(s, 0, s->run_count, err);
}

enum vt_code
vt_sorter_next(struct vt_sorter *s, struct vt_sorter_record *out,
    struct vt_err *err)
{
	const char *record = NULL;
	enum vt_code rc;
	struct vt_sorter_head h;

	memset(out, 0, sizeof(*out));
	if (s->run_count > 0) {
		rc = merge_next(s, &record, err);
		if (rc != VT_OK)
			return rc;
	} else if (s->next < s->entry_count) {
		record = entry_record(s, s->next++);
	}
	if (record == NULL)
		return VT_ABSENT;
	h = head_at(record);
	out->key = record + sizeof(h);
	out->key_len = h.key_len;
	out->payload = out->key + h.key_len;
	out->payload_len = h.payload_len;
	return VT_OK;
}
