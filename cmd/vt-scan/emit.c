/* Output: records of objects that only logs tell of, and lines to stdout. */
#include <stdlib.h>
#include <string.h>

#include "libvt/work/foreign.h"

#include "scan.h"

#define OUT_BLOCK ((size_t)256 << 10)

/* The block as it is, behind those that were written. */
static void
write_block(struct run *r)
{
	if (vt_block_seal(&r->block, r->records_out) < 0)
		out_of_memory();
	r->records_out += r->block.count;
	if (cli_out_buf(&r->block.bytes) < 0)
		r->stop = 1;
	vt_block_reset(&r->block);
}

void
put(struct run *r, const struct vt_scan_record *rec)
{
	struct vt_err err;

	if (r->binary) {
		if (vt_block_add(&r->block, rec) < 0)
			out_of_memory();
		if (vt_block_len(&r->block) >= OUT_BLOCK)
			write_block(r);
		return;
	}
	vt_scan_record_format(rec, &r->out);
	if (vt_buf_check(&r->out, "the output", &err) != VT_OK)
		die(&err);
	if (r->out.len >= OUT_BLOCK && cli_out_buf(&r->out) < 0)
		r->stop = 1;
}

void
end_output(struct run *r)
{
	/* the last block, which says that it is, is for who got that far */
	if (r->binary && !r->stop && !cli_stopping()) {
		if (r->block.count > 0)
			write_block(r);
		write_block(r);
	}
	if (r->out.len > 0)
		(void)cli_out_buf(&r->out);	/* sticks; cli_finish tells */
	vt_block_release(&r->block);
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

/* --- objects of foreign logs ---------------------------------------------- */

/* Entries of one key, copied, as an object lives until the next. */
struct group {
	struct vt_heat_object *objects;
	struct vt_buf *texts;	/* of names */
	struct vt_foreign_entry *entries;
	struct vt_foreign *versions;
	size_t count, cap;
	struct vt_buf bytes;
};

struct left_out {
	uint64_t unsized, gone;
};

static void
grow(struct group *g)
{
	size_t cap = g->cap != 0 ? g->cap * 2 : 4, i;

	g->objects = realloc(g->objects, cap * sizeof(*g->objects));
	g->texts = realloc(g->texts, cap * sizeof(*g->texts));
	g->entries = realloc(g->entries, cap * sizeof(*g->entries));
	g->versions = realloc(g->versions, cap * sizeof(*g->versions));
	if (g->objects == NULL || g->texts == NULL || g->entries == NULL ||
	    g->versions == NULL)
		out_of_memory();
	memset(&g->objects[g->cap], 0, (cap - g->cap) * sizeof(*g->objects));
	for (i = g->cap; i < cap; i++)
		vt_buf_init(&g->texts[i], OUT_MAX);
	g->cap = cap;
	for (i = 0; i < g->count; i++)
		g->entries[i].object = &g->objects[i];
}

static void
add_entry(struct group *g, const struct vt_heat_object *o)
{
	struct vt_foreign_entry *e;
	struct vt_err err;

	if (g->count == g->cap)
		grow(g);
	e = &g->entries[g->count];
	e->object = &g->objects[g->count];
	vt_heat_clear(&g->objects[g->count]);
	vt_buf_reset(&g->bytes);
	vt_heat_encode(o, &g->bytes);
	if (g->bytes.failed)
		out_of_memory();
	if (vt_heat_decode(&g->objects[g->count], g->bytes.data, g->bytes.len,
	    &err) != VT_OK || vt_heat_name_split(o->name, o->name_len,
	    &g->texts[g->count], &e->name, &err) != VT_OK)
		die(&err);
	g->count++;
}

static int
is_same_key(const struct vt_log_name *a, const struct vt_log_name *b)
{
	return a->bucket_len == b->bucket_len && a->key_len == b->key_len &&
	    memcmp(a->bucket, b->bucket, a->bucket_len) == 0 &&
	    memcmp(a->key, b->key, a->key_len) == 0;
}

static void
put_version(struct run *r, const struct vt_foreign *v, struct left_out *left)
{
	struct vt_scan_record rec;
	struct vt_err err;

	if (!v->entry->object->has_size) {
		left->unsized++;
		return;
	}
	vt_foreign_fill(v, &rec);
	if (rec.mtime_us > r->now_us)
		return;
	if (vt_heat_tell(r->teller, v->parts, 3, r->now_us, &rec, &err) !=
	    VT_OK)
		die(&err);
	put(r, &rec);
}

static void
put_group(struct run *r, struct group *g, struct left_out *left)
{
	size_t n, i, gone;

	if (g->count == 0)
		return;
	n = vt_foreign_group(r->coverage, g->entries, g->count, g->versions,
	    &gone);
	left->gone += gone;
	for (i = 0; i < n && !r->stop; i++)
		put_version(r, &g->versions[i], left);
	g->count = 0;
}

static void
release_group(struct group *g)
{
	size_t i;

	for (i = 0; i < g->cap; i++) {
		vt_heat_release(&g->objects[i]);
		vt_buf_release(&g->texts[i]);
	}
	free(g->objects);
	free(g->texts);
	free(g->entries);
	free(g->versions);
	vt_buf_release(&g->bytes);
}

/* With an inventory the entries of a key must be seen together. */
static void
put_listed(struct run *r, struct left_out *left)
{
	const struct vt_heat_object *o;
	struct vt_log_name name;
	struct group g;
	struct vt_buf text;
	struct vt_err err;

	memset(&g, 0, sizeof(g));
	vt_buf_init(&g.bytes, OUT_MAX);
	vt_buf_init(&text, OUT_MAX);
	while (!r->stop && !cli_stopping()) {
		o = next_object(r);
		if (o == NULL)
			break;
		if (vt_heat_name_split(o->name, o->name_len, &text, &name,
		    &err) != VT_OK)
			die(&err);
		if (g.count > 0 && !is_same_key(&g.entries[0].name, &name))
			put_group(r, &g, left);
		add_entry(&g, o);
	}
	put_group(r, &g, left);
	release_group(&g);
	vt_buf_release(&text);
}

static void
put_unlisted(struct run *r, struct left_out *left)
{
	struct vt_foreign_entry entry;
	struct vt_foreign v;
	struct vt_buf text;
	struct vt_err err;

	vt_buf_init(&text, OUT_MAX);
	while (!r->stop && !cli_stopping()) {
		entry.object = next_object(r);
		if (entry.object == NULL)
			break;
		if (vt_heat_is_deleted(entry.object))
			continue;
		if (vt_heat_name_split(entry.object->name,
		    entry.object->name_len, &text, &entry.name, &err) != VT_OK)
			die(&err);
		memset(&v, 0, sizeof(v));
		v.entry = &entry;
		v.parts[0] = entry.object;
		v.is_current = 1;
		put_version(r, &v, left);
	}
	vt_buf_release(&text);
}

void
put_foreign(struct run *r)
{
	struct left_out left = { 0, 0 };

	if (vt_coverage_listed_us(r->coverage, NULL, 0) != 0)
		put_listed(r, &left);
	else
		put_unlisted(r, &left);
	if (left.unsized > 0)
		cli_warn("%llu objects whose size no line tells were left "
		    "out", (unsigned long long)left.unsized);
	if (left.gone > 0)
		cli_warn("%llu objects that are in no inventory of their "
		    "bucket were left out", (unsigned long long)left.gone);
}
