#include <string.h>

#include "libvt/work/foreign.h"

/*
 * An inventory of its bucket does not list it and no line speaks of it since:
 * it is gone, whatever older lines say.
 */
static int
is_gone(const struct vt_coverage *c, const struct vt_foreign_entry *e)
{
	const struct vt_heat_object *o = e->object;
	int64_t at_us;

	if (o->listed_us != 0)
		return 0;
	at_us = vt_coverage_listed_us(c, e->name.bucket, e->name.bucket_len);
	return at_us != 0 && o->created_us <= at_us &&
	    o->last_read_us <= at_us;
}

/* The last inventory that knows this key; 0: none does. */
static int64_t
listed_at(const struct vt_foreign_entry *group, size_t count)
{
	int64_t at_us = 0;
	size_t i;

	for (i = 0; i < count; i++)
		if (group[i].object->listed_us > at_us)
			at_us = group[i].object->listed_us;
	return at_us;
}

/* What was created since, or was listed as current and not hidden since. */
static const struct vt_foreign_entry *
find_current(const struct vt_foreign_entry *group, size_t count,
    int64_t at_us)
{
	const struct vt_foreign_entry *current = NULL;
	const struct vt_heat_object *o;
	size_t i;

	for (i = 0; i < count; i++) {
		o = group[i].object;
		if (o->created_us > at_us && !vt_heat_is_deleted(o) &&
		    (current == NULL ||
		    o->created_us > current->object->created_us))
			current = &group[i];
	}
	if (current != NULL || (group[0].name.version_len == 0 &&
	    group[0].object->deleted_us > at_us))
		return current;
	for (i = 0; i < count; i++) {
		o = group[i].object;
		if (o->listed_us != 0 && !o->noncurrent &&
		    !vt_heat_is_deleted(o))
			return &group[i];
	}
	return NULL;
}

/* An entry that is another name of what is listed: "" is the current version,
 * "null" the one that has no other name. */
static int
is_alias(const struct vt_foreign_entry *e, int64_t at_us)
{
	const struct vt_heat_object *o = e->object;

	if (o->listed_us != 0)
		return 0;
	if (e->name.version_len == 0)
		return o->created_us <= at_us || vt_heat_is_deleted(o);
	return e->name.version_len == 4 &&
	    memcmp(e->name.version, "null", 4) == 0;
}

static int
is_called(const struct vt_foreign_entry *listed,
    const struct vt_foreign_entry *alias)
{
	return listed->object->listed_us != 0 &&
	    (alias->name.version_len == 0 ? !listed->object->noncurrent :
	    listed->name.version_len == 0);
}

static void
add_reads(struct vt_foreign *versions, size_t count,
    const struct vt_foreign_entry *alias)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (is_called(versions[i].entry, alias)) {
			versions[i].parts[versions[i].parts[1] != NULL ? 2 :
			    1] = alias->object;
			return;
		}
}

size_t
vt_foreign_group(const struct vt_coverage *c,
    const struct vt_foreign_entry *group, size_t count,
    struct vt_foreign *out, size_t *gone)
{
	const struct vt_foreign_entry *current;
	int64_t at_us = listed_at(group, count);
	size_t n = 0, i;

	current = at_us != 0 ? find_current(group, count, at_us) : NULL;
	*gone = 0;
	for (i = 0; i < count; i++) {
		if (vt_heat_is_deleted(group[i].object) ||
		    (at_us != 0 && is_alias(&group[i], at_us)))
			continue;
		if (is_gone(c, &group[i])) {
			(*gone)++;
			continue;
		}
		memset(&out[n], 0, sizeof(out[n]));
		out[n].entry = &group[i];
		out[n].parts[0] = group[i].object;
		out[n++].is_current = at_us == 0 || &group[i] == current;
	}
	for (i = 0; at_us != 0 && i < count; i++)
		if (is_alias(&group[i], at_us))
			add_reads(out, n, &group[i]);
	return n;
}

void
vt_foreign_fill(const struct vt_foreign *f, struct vt_scan_record *r)
{
	const struct vt_log_name *name = &f->entry->name;
	const struct vt_heat_object *o = f->entry->object;

	memset(r, 0, sizeof(*r));
	r->bucket = name->bucket;
	r->key = name->key;
	r->key_len = name->key_len;
	r->version = name->version;
	r->is_current = f->is_current;
	r->size_bytes = r->stored_bytes = o->size_bytes;
	r->mtime_us = vt_heat_created(o);
	if (r->mtime_us == 0)
		r->mtime_us = o->first_us;
	r->copy_since_us = r->mtime_us;
	r->tier = vt_log_class_tier(o->storage_class);
	r->storage_class = vt_log_class_name(o->storage_class);
}
