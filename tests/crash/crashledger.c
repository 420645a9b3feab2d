/* What each key may hold: see crash.h. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/hex.h"

#include "tests/crash/crash.h"

static _Atomic uint64_t last_id;

/* Never NULL: a test that is out of memory has nothing to say. */
static void *
grow(void *list, size_t count, size_t *cap, size_t size)
{
	if (count < *cap)
		return list;
	*cap = *cap > 0 ? *cap * 2 : 8;
	list = realloc(list, *cap * size);
	if (list == NULL)
		give_up("out of memory");
	return list;
}

void
key_init(struct key *k, const char *bucket, const char *name)
{
	struct write nothing;

	memset(k, 0, sizeof(*k));
	k->bucket = bucket;
	snprintf(k->name, sizeof(k->name), "%s", name);
	pthread_mutex_init(&k->lock, NULL);
	memset(&nothing, 0, sizeof(nothing));
	nothing.deleted = 1;
	k->writes = grow(NULL, 0, &k->cap, sizeof(*k->writes));
	k->writes[k->count++] = nothing;
}

void
key_release(struct key *k)
{
	free(k->writes);
	free(k->kept);
	pthread_mutex_destroy(&k->lock);
	memset(k, 0, sizeof(*k));
}

uint64_t
key_begin(struct key *k, struct write *w)
{
	if (w->id == 0)
		w->id = atomic_fetch_add(&last_id, 1) + 1;
	if (!w->deleted && w->type[0] == '\0')
		snprintf(w->type, sizeof(w->type), "x-vt/w%llu",
		    (unsigned long long)w->id);
	w->end_us = NO_ANSWER;
	pthread_mutex_lock(&k->lock);
	k->writes = grow(k->writes, k->count, &k->cap, sizeof(*k->writes));
	w->start_us = vt_clock_mono_us();
	k->writes[k->count++] = *w;
	pthread_mutex_unlock(&k->lock);
	return w->id;
}

/* The write of that id, under the lock. */
static struct write *
find(struct key *k, uint64_t id)
{
	size_t i;

	for (i = k->count; i > 0; i--)
		if (k->writes[i - 1].id == id)
			return &k->writes[i - 1];
	give_up("%s: no write %llu", k->name, (unsigned long long)id);
}

void
key_ack(struct key *k, uint64_t id, const char *etag)
{
	struct write *w;

	pthread_mutex_lock(&k->lock);
	w = find(k, id);
	w->end_us = vt_clock_mono_us();
	if (etag != NULL)
		snprintf(w->etag, sizeof(w->etag), "%s", etag);
	pthread_mutex_unlock(&k->lock);
}

void
key_undo(struct key *k, uint64_t id)
{
	struct write *w;

	pthread_mutex_lock(&k->lock);
	w = find(k, id);
	k->count--;
	memmove(w, w + 1, (size_t)((char *)&k->writes[k->count] - (char *)w));
	pthread_mutex_unlock(&k->lock);
}

void
key_value(struct key *k, struct write *out)
{
	pthread_mutex_lock(&k->lock);
	*out = k->writes[k->count - 1];
	pthread_mutex_unlock(&k->lock);
}

void
key_keep(struct key *k, const struct write *w, const char *version)
{
	struct kept *v;

	pthread_mutex_lock(&k->lock);
	k->kept = grow(k->kept, k->kept_count, &k->kept_cap,
	    sizeof(*k->kept));
	v = &k->kept[k->kept_count++];
	memset(v, 0, sizeof(*v));
	v->w = *w;
	snprintf(v->version, sizeof(v->version), "%s", version);
	pthread_mutex_unlock(&k->lock);
}

int
write_matches(const struct write *w, const struct seen *s, char why[300])
{
	uint8_t sum[VT_HASH_MAX];
	const char *etag = w->etag;
	char md5[33];

	if (w->deleted || s->absent) {
		snprintf(why, 300, "is %s", s->absent ? "absent" : "there");
		return w->deleted && s->absent;
	}
	if (!content_equal(&w->content, s->data, s->len)) {
		snprintf(why, 300, "%zu bytes are not the %llu of write %llu",
		    s->len, (unsigned long long)w->content.size,
		    (unsigned long long)w->id);
		return 0;
	}
	/* Of a write without an answer: what its bytes say. */
	if (etag[0] == '\0' && strlen(s->etag) == 32 &&
	    vt_hash_once(VT_MD5, s->data, s->len, sum) == 0) {
		vt_hex_encode(sum, 16, md5);
		etag = md5;
	}
	if ((etag[0] != '\0' && strcmp(etag, s->etag) != 0) ||
	    strcmp(w->type, s->type) != 0) {
		snprintf(why, 300, "bytes of write %llu (%s, ETag %s) with "
		    "the headers of another (%.60s, ETag %.60s)",
		    (unsigned long long)w->id, w->type, etag, s->type,
		    s->etag);
		return 0;
	}
	return 1;
}

/* The acknowledged write that hides `w` from a read that began then. */
static const struct write *
hidden_by(const struct key *k, const struct write *w, int64_t from_us)
{
	const struct write *o;
	size_t i;

	for (i = 0; i < k->count; i++) {
		o = &k->writes[i];
		if (o->end_us < from_us && o->start_us > w->end_us)
			return o;
	}
	return NULL;
}

int
key_judge(struct key *k, const struct seen *s, int64_t from_us,
    int64_t to_us, int settle, char why[300])
{
	const struct write *w, *o;
	struct write value;
	size_t i;
	char detail[300];
	int good = 0, known = 0;

	why[0] = '\0';
	pthread_mutex_lock(&k->lock);
	for (i = k->count; i > 0 && !good; i--) {
		w = &k->writes[i - 1];
		if (!write_matches(w, s, detail)) {
			/* The newest write's words are the best guess. */
			if (!known && (why[0] == '\0' ||
			    strstr(detail, "headers") != NULL))
				snprintf(why, 300, "%s", detail);
			continue;
		}
		known = 1;
		o = hidden_by(k, w, from_us);
		if (o == NULL && w->start_us <= to_us) {
			good = 1;
			value = *w;
		} else if (o != NULL)
			snprintf(why, 300, "%s of write %llu, though write "
			    "%llu (%s, %llu bytes) was acknowledged after it",
			    w->deleted ? "nothing, as" : "bytes",
			    (unsigned long long)w->id,
			    (unsigned long long)o->id,
			    o->deleted ? "a delete" : "a put",
			    (unsigned long long)o->content.size);
	}
	if (good && settle) {
		value.start_us = value.end_us = 0;
		if (!value.deleted)
			snprintf(value.etag, sizeof(value.etag), "%.63s",
			    s->etag);
		k->writes[0] = value;
		k->count = 1;
	}
	pthread_mutex_unlock(&k->lock);
	return good;
}
