/* What a server kept: see crash.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/crash/crash.h"

/* --- lists ---------------------------------------------------------------- */

/* Entries of a LIST against the values of these keys. */
struct listing {
	struct key **keys;
	size_t count, seen;
	char last[64];
};

static int
visit_entry(void *ctx, const struct vt_s3_entry *e)
{
	struct listing *l = ctx;
	struct write w;
	size_t i;

	if (strcmp(e->key, l->last) <= 0)
		complain("LIST: %s after %s", e->key, l->last);
	snprintf(l->last, sizeof(l->last), "%s", e->key);
	for (i = 0; i < l->count; i++)
		if (strcmp(l->keys[i]->name, e->key) == 0)
			break;
	if (i == l->count) {
		complain("LIST: %s was never put", e->key);
		return 0;
	}
	l->seen++;
	key_value(l->keys[i], &w);
	if (w.deleted)
		complain("LIST: %s is there, though deleted", e->key);
	else if (e->size_bytes != w.content.size ||
	    strcmp(e->etag, w.etag) != 0)
		complain("LIST: %s has %llu bytes, ETag %s; write %llu has "
		    "%llu, %s", e->key, (unsigned long long)e->size_bytes,
		    e->etag, (unsigned long long)w.id,
		    (unsigned long long)w.content.size, w.etag);
	return 0;
}

int
check_list(struct client *c, const char *bucket, const char *prefix,
    struct key **keys, size_t n)
{
	struct listing l = { .keys = keys, .count = n };
	struct vt_err err;
	struct write w;
	size_t i, live = 0;

	if (vt_s3_list(c->load->s3, bucket, prefix, NULL, NULL, visit_entry,
	    &l, &err) != VT_OK)
		return client_failed(c, "LIST", NULL, &err);
	client_count(c, &c->load->lists, 1);
	for (i = 0; i < n; i++) {
		key_value(keys[i], &w);
		live += !w.deleted;
	}
	if (l.seen < live)
		complain("LIST %s%s: %zu keys of %zu", bucket, prefix, l.seen,
		    live);
	return 0;
}

/* --- after a restart ------------------------------------------------------ */

static int
check_version(struct client *c, struct key *k, struct kept *v)
{
	struct seen s;
	char why[300];
	int rc = 0;

	if (client_get(c, k, v->version, &s) < 0)
		return -1;
	if (v->deleted == 1) {
		if (!s.absent)
			complain("%s: version %s is there, though deleted",
			    k->name, v->version);
	} else if (v->deleted == -1 && s.absent)
		v->deleted = 1;
	else if (!write_matches(&v->w, &s, why))
		complain("%s: version %s: %s", k->name, v->version, why);
	else
		v->deleted = 0;
	free(s.data);
	return rc;
}

static int
settle(struct client *c, struct key *k)
{
	int64_t now = vt_clock_mono_us();
	struct seen s;
	char why[300];
	size_t i, n = k->kept_count;

	if (client_get(c, k, NULL, &s) < 0)
		return -1;
	if (!key_judge(k, &s, now, now, 1, why))
		complain("after the restart %s/%s: %s", k->bucket, k->name,
		    why);
	free(s.data);
	for (i = 0; i < n; i++)
		/* All new ones, and some of those that stood before. */
		if ((i + 16 > n || rng_one_in(&c->rng, 8)) &&
		    check_version(c, k, &k->kept[i]) < 0)
			return -1;
	return 0;
}

void *
client_verify(void *arg)
{
	struct client *c = arg;
	unsigned i;
	int rc = 0;

	for (i = 0; i < OWN_KEYS && rc == 0; i++)
		rc = settle(c, &c->own[i]);
	for (i = 0; i < HISTORY_KEYS && rc == 0; i++)
		rc = settle(c, &c->history[i]);
	for (i = c->number; i < SHARED_KEYS && rc == 0; i += c->load->clients)
		rc = settle(c, &c->load->shared[i]);
	client_ends(c);
	return NULL;
}

void
verify_lists(struct load *l)
{
	struct key *keys[CLIENTS_MAX * OWN_KEYS + SHARED_KEYS];
	unsigned n, i, count_keys = 0;

	for (n = 0; n < l->clients; n++)
		for (i = 0; i < OWN_KEYS; i++)
			keys[count_keys++] = &l->client[n].own[i];
	for (i = 0; i < SHARED_KEYS; i++)
		keys[count_keys++] = &l->shared[i];
	if (check_list(&l->client[0], BUCKET, "", keys, count_keys) < 0)
		give_up("%s", l->client[0].gone);
	count_keys = 0;
	for (n = 0; n < l->clients; n++)
		for (i = 0; i < HISTORY_KEYS; i++)
			keys[count_keys++] = &l->client[n].history[i];
	if (check_list(&l->client[0], HISTORY_BUCKET, "", keys,
	    count_keys) < 0)
		give_up("%s", l->client[0].gone);
}

/* --- uploads after a restart ---------------------------------------------- */

struct found_upload {
	char key[64], id[128];
	int known;
};
struct found {
	struct found_upload *list;
	size_t count, cap;
};

static int
visit_upload(void *ctx, const char *key, const char *id, int64_t initiated_us)
{
	struct found *f = ctx;

	(void)initiated_us;
	if (f->count == f->cap) {
		f->cap = f->cap > 0 ? f->cap * 2 : 64;
		f->list = realloc(f->list, f->cap * sizeof(*f->list));
		if (f->list == NULL)
			give_up("out of memory");
	}
	memset(&f->list[f->count], 0, sizeof(*f->list));
	snprintf(f->list[f->count].key, 64, "%s", key);
	snprintf(f->list[f->count++].id, 128, "%s", id);
	return 0;
}

struct found_parts {
	struct upload *u;
	unsigned seen;		/* bit per part */
};

static int
visit_part(void *ctx, const struct vt_s3_part *p)
{
	struct found_parts *f = ctx;
	struct upload *u = f->u;
	unsigned i = p->number - 1;

	if (i >= PARTS_MAX || (u->parts[i].size_bytes == 0 &&
	    !u->unsure[i])) {
		complain("upload to %s has part %u that was never sent",
		    u->key->name, p->number);
		return 0;
	}
	f->seen |= 1u << i;
	if (!u->unsure[i] && (p->size_bytes != u->parts[i].size_bytes ||
	    strcmp(p->etag, u->parts[i].etag) != 0))
		complain("upload to %s: part %u is another one: %llu bytes, "
		    "ETag %s", u->key->name, p->number,
		    (unsigned long long)p->size_bytes, p->etag);
	/* The one before, or the one without an answer, which is not known
	 * well enough to build on and stays unsure. */
	if (u->unsure[i] && strcmp(p->etag, u->parts[i].etag) != 0)
		u->parts[i].size_bytes = 0;
	else
		u->unsure[i] = 0;
	return 0;
}

static void
verify_parts(struct load *l, struct upload *u)
{
	struct found_parts f = { u, 0 };
	struct vt_err err;
	unsigned i;

	if (vt_s3_list_parts(l->s3, u->key->bucket, u->key->name, u->id,
	    visit_part, &f, &err) != VT_OK) {
		complain("parts of an upload to %s: %s", u->key->name,
		    err.text);
		return;
	}
	for (i = 0; i < PARTS_MAX; i++) {
		if (f.seen & 1u << i)
			continue;
		if (u->parts[i].size_bytes > 0)
			complain("upload to %s: part %u is lost",
			    u->key->name, i + 1);
		u->parts[i].size_bytes = 0;
		u->unsure[i] = 0;
	}
}

static void
verify_upload(struct load *l, struct upload *u, struct found *f)
{
	struct write w;
	size_t i;
	int open = 0, completed;

	if (u->state == UP_NONE)
		return;
	for (i = 0; i < f->count && u->id != NULL; i++)
		if (strcmp(f->list[i].id, u->id) == 0) {
			f->list[i].known = open = 1;
			if (strcmp(f->list[i].key, u->key->name) != 0)
				complain("upload to %s is of %s now",
				    u->key->name, f->list[i].key);
		}
	key_value(u->key, &w);
	completed = u->state == UP_COMPLETING && w.id == u->write_id;
	switch (u->state) {
	case UP_CREATING:
		/* Made or not; nobody knows its name. */
		for (i = 0; i < f->count; i++)
			if (strcmp(f->list[i].key, u->key->name) == 0 &&
			    f->list[i].known == 0)
				f->list[i].known = 2;
		upload_drop(u);
		return;
	case UP_COMPLETING:
		if (open && completed)
			complain("%s: its upload is complete and open",
			    u->key->name);
		if (!open && !completed)
			complain("%s: its upload is gone, but it is not the "
			    "object (write %llu instead of %llu)",
			    u->key->name, (unsigned long long)w.id,
			    (unsigned long long)u->write_id);
		break;
	case UP_OPEN:
		if (!open)
			complain("an upload to %s is lost", u->key->name);
		break;
	default:
		break;
	}
	if (!open) {
		upload_drop(u);
		return;
	}
	u->state = UP_OPEN;
	verify_parts(l, u);
}

void
verify_uploads(struct load *l)
{
	struct found f = { 0 };
	struct vt_err err;
	unsigned n, i, pass;
	size_t j;

	if (vt_s3_list_uploads(l->s3, BUCKET, NULL, visit_upload, &f,
	    &err) != VT_OK)
		give_up("uploads: %s", err.text);
	/* Those with a name first: what is left may be of those without. */
	for (pass = 0; pass < 2; pass++)
		for (n = 0; n < l->clients; n++)
			for (i = 0; i < UPLOADS_MAX; i++)
				if ((l->client[n].uploads[i].state ==
				    UP_CREATING) == (pass == 1))
					verify_upload(l,
					    &l->client[n].uploads[i], &f);
	for (j = 0; j < f.count; j++) {
		if (f.list[j].known == 1)
			continue;
		if (f.list[j].known == 0)
			complain("an upload to %s is back, or nobody began it",
			    f.list[j].key);
		if (vt_s3_abort_upload(l->s3, BUCKET, f.list[j].key,
		    f.list[j].id, &err) != VT_OK)
			complain("abort of an upload to %s: %s",
			    f.list[j].key, err.text);
	}
	free(f.list);
}
