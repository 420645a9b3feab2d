/* What players ask for, and what it says to the judge: see history.h. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/hex.h"
#include "libvt/base/num.h"
#include "libvt/base/uri.h"
#include "libvt/proto/xml.h"

#include "tests/history/history.h"

#define BATCH_MAX 1000

static const char *const bucket_names[] = { "plain", "enabled", "suspended" };

const char *const plant_names[PLANTS] = { "none", "stale-get", "stale-list",
    "lost-put", "lost-delete", "blind-cas", "twice" };

/* A request under way. */
struct call {
	int64_t call_us, return_us;
	int status;		/* 0: no answer, or one that says nothing */
};

/* --- what players share --------------------------------------------------- */

static struct body *
body_of(struct history *h, int value)
{
	return &h->body[(value - 1) / 2];
}

static const char *
etag_of(struct history *h, int value)
{
	return body_of(h, value)->etag[(value - 1) % 2];
}

static void
md5_hex(const void *data, size_t len, uint8_t sum[VT_HASH_MAX], char *hex)
{
	if (vt_hash_once(VT_MD5, data, len, sum) < 0)
		give_up("no MD5");
	vt_hex_encode(sum, 16, hex);
}

/* A body that was never written; its bytes are the caller's to free. */
static int
new_value(struct player *p, char **data, size_t *len)
{
	static const uint64_t edges[] = { 8, 9, 4095, 4096, 4097, 65536,
	    65537 };
	struct history *h = &p->game->history;
	uint8_t sum[VT_HASH_MAX];
	struct body b;
	uint64_t size;
	int value;

	if (rng_one_in(&p->rng, 10))
		size = edges[rng_below(&p->rng, 7)];
	else if (rng_below(&p->rng, 100) >= p->game->sizes)
		size = 16 + rng_below(&p->rng, 1000);
	else if (!rng_one_in(&p->rng, 6))
		size = 4097 + rng_below(&p->rng, 20000);
	else
		size = 65537 + rng_below(&p->rng, 150000);
	/* Shorter than 8 bytes two might be the same. */
	memset(&b, 0, sizeof(b));
	content_new(&b.content, rng_next(&p->rng), size);
	*len = (size_t)size;
	*data = malloc(*len);
	if (*data == NULL)
		give_up("out of memory");
	content_read(&b.content, 0, *data, *len);
	md5_hex(*data, *len, sum, b.etag[0]);
	md5_hex(sum, 16, sum, b.etag[1]);
	strcat(b.etag[1], "-1");
	pthread_mutex_lock(&h->lock);
	if (h->body_count == BODIES_MAX)
		give_up("more than %d bodies", BODIES_MAX);
	value = (int)h->body_count * 2 + 1;
	h->body[h->body_count++] = b;
	pthread_mutex_unlock(&h->lock);
	return value;
}

/* The value that has this ETag (with its quotes or without), or 0, which is a
 * fault of the store. */
static int
value_of(struct player *p, const char *what, const char *etag)
{
	struct history *h = &p->game->history;
	size_t len, i;
	int value = 0;

	if (etag == NULL)
		etag = "";
	if (*etag == '"')
		etag++;
	len = strcspn(etag, "\"");
	pthread_mutex_lock(&h->lock);
	for (i = 0; i < h->body_count * 2 && value == 0; i++)
		if (strlen(etag_of(h, (int)i + 1)) == len &&
		    memcmp(etag_of(h, (int)i + 1), etag, len) == 0)
			value = (int)i + 1;
	pthread_mutex_unlock(&h->lock);
	if (value == 0)
		complain("%s%s: the ETag '%s' is of nothing that was written",
		    p->game->prefix, what, etag);
	return value;
}

/* A version's number; `acked`: by the answer to its write, which is on `key`.
 * UNTOLD without a text. */
static int
version_of(struct player *p, const char *text, unsigned key, int acked)
{
	struct history *h = &p->game->history;
	size_t i;

	if (text == NULL)
		return UNTOLD;
	if (text[0] == '\0' || strcmp(text, "null") == 0)
		return 0;
	pthread_mutex_lock(&h->lock);
	for (i = 1; i < h->version_count; i++)
		if (strcmp(h->version[i], text) == 0)
			break;
	if (i == h->version_count) {
		if (i == VERSIONS_MAX || strlen(text) >= sizeof(*h->version))
			give_up("too many versions, or '%s' is too long",
			    text);
		strcpy(h->version[i], text);
		h->version_key[i] = key;
		h->version_acked[i] = 0;
		h->version_count++;
	}
	if (acked && h->version_acked[i])
		complain("%s: the version '%s' was given to two writes",
		    p->game->prefix, text);
	if (acked)
		h->version_acked[i] = 1;
	pthread_mutex_unlock(&h->lock);
	return (int)i;
}

/* A version that a write of the key was told, or 0. */
static int
some_version(struct player *p, unsigned key)
{
	struct history *h = &p->game->history;
	size_t i, n;
	int found = 0;

	pthread_mutex_lock(&h->lock);
	n = h->version_count;
	for (i = n > 1 ? 1 + rng_below(&p->rng, n - 1) : n; i < n; i++)
		if (h->version_key[i] == key && h->version_acked[i]) {
			found = (int)i;
			break;
		}
	pthread_mutex_unlock(&h->lock);
	return found;
}

/* A value that the player may hope to find there. */
static int
likely_value(struct player *p, unsigned key)
{
	return p->seen[key] != 0 ? p->seen[key] : 1;
}

/* --- asking --------------------------------------------------------------- */

static void
ask(struct player *p, const struct raw *q, struct call *t)
{
	struct vt_err err;

	err.text[0] = '\0';
	t->status = 0;
	t->call_us = vt_clock_mono_us();
	if (raw_send(p->client, q, &err) == VT_OK)
		t->status = p->client->resp.status;
	t->return_us = vt_clock_mono_us();
	if (atomic_fetch_add(&p->game->done, 1) + 1 == p->game->kill_after)
		kill(p->game->load->world->server.pid, SIGKILL);
	if (t->status == 0) {
		p->gone = 1;
		if (p->game->kill_after == 0)
			complain("%s: %s: no answer: %s", p->game->prefix,
			    q->method, err.text);
	}
	/* It may have been done or not; a store that is well has none. */
	if (t->status >= 500) {
		complain("%s: %s %s: HTTP %d", p->game->prefix, q->method,
		    q->key != NULL ? q->key : "", t->status);
		t->status = 0;
	}
}

static const char *
answer(const struct player *p, const char *header)
{
	return vt_httpc_header(&p->client->resp, header);
}

static struct raw
request(const struct player *p, const char *method, unsigned key)
{
	return (struct raw){ .method = method, .bucket = p->game->bucket,
	    .key = p->game->key[key] };
}

static struct step *
record(struct player *p, const struct call *t, unsigned key, const char *what)
{
	struct step *s = history_add(&p->own);

	s->call_us = t->call_us;
	s->return_us = t->status == 0 ? NO_ANSWER : t->return_us;
	s->key = key;
	s->player = p->number;
	s->what = what;
	return s;
}

static void
unexpected(struct player *p, const struct call *t, const struct step *s)
{
	char code[64];

	if (t->status == 0)
		return;
	raw_text(p->client, "Code", code, sizeof(code));
	complain("%s: %s of %s: HTTP %d %s", p->game->prefix, s->what,
	    p->game->key[s->key], t->status, code);
}

/* The write was acknowledged: which version is it? */
static void
take_version(struct player *p, struct step *s, const char *text)
{
	s->wrote_version = version_of(p, text, s->key, 1);
	if (s->wrote_version == UNTOLD)
		s->wrote_version = 0;
	if (p->game->history.versioning == ENABLED && s->wrote_version == 0)
		complain("%s: %s of %s tells no version", p->game->prefix,
		    s->what, p->game->key[s->key]);
}

/* What a lie says instead of the server. */
static void
fake(struct player *p, struct step *s)
{
	char text[64];

	if (p->game->history.versioning != ENABLED)
		return;
	snprintf(text, sizeof(text), "planted-%016llx",
	    (unsigned long long)rng_next(&p->rng));
	s->wrote_version = version_of(p, text, s->key, 1);
}

static int64_t
parse_ms(const char *rfc3339)
{
	int64_t us;

	if (rfc3339 == NULL || vt_time_parse_rfc3339(rfc3339,
	    strlen(rfc3339), &us) < 0)
		return 0;
	return us / 1000;
}

/* --- writing -------------------------------------------------------------- */

/* The conditions of a write; what it means that it was refused. */
struct condition {
	enum { ALWAYS, IF_NONE, IF_MATCH } kind;
	int value;
	char etag[64];
};

static void
choose_condition(struct player *p, unsigned key, struct condition *c)
{
	uint64_t dice = rng_below(&p->rng, 10);

	memset(c, 0, sizeof(*c));
	if (dice < 3)
		c->kind = IF_NONE;
	else if (dice < 6 && p->seen[key] != 0) {
		c->kind = IF_MATCH;
		c->value = likely_value(p, key);
		snprintf(c->etag, sizeof(c->etag), "\"%s\"",
		    etag_of(&p->game->history, c->value));
	}
}

static void
send_condition(const struct player *p, const struct condition *c,
    struct raw *q)
{
	if (p->game->plant == BLIND_CAS)
		return;
	if (c->kind == IF_NONE)
		raw_header(q, "If-None-Match", "*");
	else if (c->kind == IF_MATCH)
		raw_header(q, "If-Match", c->etag);
}

/* What the answer to a write says of its condition and effect. */
static void
judge_write(struct player *p, const struct call *t,
    const struct condition *c, struct step *s)
{
	if (t->status == 200 || t->status == 0) {
		s->need = c->kind == IF_NONE ? ABSENT :
		    c->kind == IF_MATCH ? VALUE : NOTHING;
		s->value = c->value;
		s->effect = PUSH;
	} else if (t->status == 412 && c->kind == IF_NONE)
		s->need = PRESENT;
	else if (t->status == 412 && c->kind == IF_MATCH) {
		s->need = OTHER;
		s->value = c->value;
	} else if (t->status == 404 && c->kind == IF_MATCH)
		s->need = ABSENT;
	else if (t->status != 409 || c->kind == ALWAYS)
		unexpected(p, t, s);
}

static void
do_put(struct player *p, unsigned key)
{
	static const char *const names[] = { "PUT", "PUT if nothing is there",
	    "PUT if it matches" };
	static const char *const classes[] = { "STANDARD", "STANDARD_IA",
	    "GLACIER_IR" };
	struct raw q = request(p, "PUT", key);
	struct condition c;
	struct call t;
	struct step *s;
	char *data, mark[16];
	size_t len;
	int value = new_value(p, &data, &len);

	choose_condition(p, key, &c);
	snprintf(mark, sizeof(mark), "%d", (value - 1) / 2);
	raw_header(&q, "x-amz-meta-body", mark);
	if (rng_one_in(&p->rng, 6))
		raw_header(&q, "x-amz-storage-class",
		    classes[rng_below(&p->rng, 3)]);
	send_condition(p, &c, &q);
	q.body = data;
	q.body_len = len;
	if (p->game->plant == LOST_PUT && rng_one_in(&p->rng, 3)) {
		t.call_us = t.return_us = vt_clock_mono_us();
		t.status = 200;
		s = record(p, &t, key, "PUT");
		s->effect = PUSH;
		s->wrote = value;
		fake(p, s);
		free(data);
		return;
	}
	ask(p, &q, &t);
	free(data);
	s = record(p, &t, key, names[c.kind]);
	judge_write(p, &t, &c, s);
	s->wrote = value;
	if (t.status != 200)
		return;
	take_version(p, s, answer(p, "x-amz-version-id"));
	p->seen[key] = value;
	if (value_of(p, "PUT", answer(p, "etag")) != value)
		complain("%s: PUT answers another ETag than the body's",
		    p->game->prefix);
	if (p->game->plant == TWICE && rng_one_in(&p->rng, 2)) {
		p->again = value;
		p->again_key = key;
	}
}

/* As a proxy that does later what it has long done. */
static void
put_again(struct player *p)
{
	struct raw q = request(p, "PUT", p->again_key);
	const struct content *c;
	struct call t;
	char *data;

	c = &body_of(&p->game->history, p->again)->content;
	data = malloc((size_t)c->size);
	if (data == NULL)
		give_up("out of memory");
	content_read(c, 0, data, (size_t)c->size);
	q.body = data;
	q.body_len = c->size;
	ask(p, &q, &t);
	free(data);
	p->again = 0;
}

static const char *
copy_source(const struct player *p, unsigned key, int version,
    struct vt_buf *out)
{
	vt_buf_init(out, 4096);
	vt_buf_printf(out, "/%s/", p->game->bucket);
	vt_uri_encode(out, p->game->key[key], strlen(p->game->key[key]), 1);
	if (version > 0)
		vt_buf_printf(out, "?versionId=%s",
		    p->game->history.version[version]);
	return out->data;
}

/*
 * What a copy says of its source.  The value that it read, or 0.
 */
static int
judge_source(struct player *p, const struct call *t, unsigned from,
    int version, int match)
{
	struct step *s = record(p, t, from, version > 0 ?
	    "source of a copy, version" : "source of a copy");
	char etag[128], code[64];

	if (t->status == 200) {
		raw_etag(p->client, etag);
		s->value = value_of(p, "copy", etag);
		s->need = version > 0 ? HAS_BYTES : BYTES;
		s->version = version_of(p, answer(p,
		    "x-amz-copy-source-version-id"), from, 0);
		if (match != 0 && (s->value - 1) / 2 != (match - 1) / 2)
			complain("%s: a copy is made against its condition",
			    p->game->prefix);
		if (version > 0 && s->version != version)
			complain("%s: a copy is of another version",
			    p->game->prefix);
		return s->value;
	}
	raw_text(p->client, "Code", code, sizeof(code));
	if (t->status == 404 && version > 0) {
		s->need = LACKS;
		s->version = version;
	} else if (t->status == 404)
		s->need = ABSENT;
	else if (t->status == 412 && match != 0) {
		s->need = OTHER;
		s->value = match;
	} else if (t->status == 400 && version > 0 &&
	    strcmp(code, "InvalidRequest") == 0) {
		s->need = HAS_MARKER;
		s->version = version;
	} else if (t->status != 409)
		/* 409: it changed too often while it was copied */
		unexpected(p, t, s);
	return 0;
}

/* CopyObject. */
static void
do_copy(struct player *p, unsigned from, unsigned to)
{
	struct raw q = request(p, "PUT", to);
	struct vt_buf source;
	char etag[64];
	struct call t;
	struct step *s;
	int version = 0, match = 0, value;

	if (from == to)
		return;
	if (p->game->history.versioning == ENABLED &&
	    rng_one_in(&p->rng, 4))
		version = some_version(p, from);
	else if (p->seen[from] != 0 && rng_one_in(&p->rng, 4)) {
		match = likely_value(p, from);
		snprintf(etag, sizeof(etag), "\"%s\"",
		    etag_of(&p->game->history, match));
		raw_header(&q, "x-amz-copy-source-if-match", etag);
	}
	raw_header(&q, "x-amz-copy-source", copy_source(p, from, version,
	    &source));
	if (rng_one_in(&p->rng, 4))
		raw_header(&q, "x-amz-storage-class", "STANDARD_IA");
	ask(p, &q, &t);
	vt_buf_release(&source);
	value = judge_source(p, &t, from, version, match);
	if (t.status != 200 && t.status != 0)
		return;
	s = record(p, &t, to, "copy");
	s->effect = PUSH;
	s->wrote = value;
	if (t.status == 0)
		return;
	take_version(p, s, answer(p, "x-amz-version-id"));
	p->seen[to] = p->seen[from] = value;
}

static void
do_delete(struct player *p, unsigned key)
{
	struct raw q = request(p, "DELETE", key);
	struct call t;
	struct step *s;

	if (p->game->plant == LOST_DELETE) {
		t.call_us = t.return_us = vt_clock_mono_us();
		t.status = 204;
		s = record(p, &t, key, "DELETE");
		s->effect = MARK;
		fake(p, s);
		return;
	}
	ask(p, &q, &t);
	s = record(p, &t, key, "DELETE");
	s->effect = MARK;
	if (t.status != 204)
		unexpected(p, &t, s);
	else if (p->game->history.versioning != PLAIN)
		take_version(p, s, answer(p, "x-amz-version-id"));
}

static void
do_delete_version(struct player *p, unsigned key)
{
	struct raw q = request(p, "DELETE", key);
	int version = some_version(p, key);
	struct call t;
	struct step *s;
	char query[96];

	if (version == 0)
		return;
	snprintf(query, sizeof(query), "versionId=%s",
	    p->game->history.version[version]);
	q.query = query;
	ask(p, &q, &t);
	s = record(p, &t, key, "DELETE of a version");
	s->effect = REMOVE;
	s->wrote_version = version;
	if (t.status != 204)
		unexpected(p, &t, s);
}

/* --- several in one request ----------------------------------------------- */

static void
batch_add(struct vt_buf *body, const char *key, const char *version)
{
	vt_xml_open(body, "Object");
	vt_xml_text(body, "Key", key);
	if (version != NULL)
		vt_xml_text(body, "VersionId", version);
	vt_xml_close(body, "Object");
}

static void
batch_send(struct player *p, struct vt_buf *body, struct call *t)
{
	struct raw q = { .method = "POST", .bucket = p->game->bucket,
	    .query = "delete=" };
	uint8_t sum[VT_HASH_MAX];
	char md5[32];

	vt_xml_close(body, "Delete");
	if (body->failed || vt_hash_once(VT_MD5, body->data, body->len, sum) <
	    0)
		give_up("out of memory");
	vt_b64_encode(sum, 16, md5);
	raw_header(&q, "Content-MD5", md5);
	q.body = body->data;
	q.body_len = body->len;
	ask(p, &q, t);
	vt_buf_release(body);
}

/* The root of an answer; a is the caller's to free. */
static const struct vt_xml *
parse(struct player *p, const char *name, struct vt_arena **a)
{
	const struct vt_buf *body = &p->client->resp.body;
	struct vt_xml *root = NULL;

	*a = vt_arena_new(8 << 20);
	if (*a == NULL)
		give_up("out of memory");
	if (body->len == 0 || vt_xml_parse(*a, body->data, body->len, &root,
	    NULL) != VT_OK || strcmp(root->name, name) != 0) {
		complain("%s: the answer is no %s", p->game->prefix, name);
		return NULL;
	}
	return root;
}

static unsigned
key_number(const struct player *p, const char *name)
{
	unsigned i;

	for (i = 0; i < KEYS; i++)
		if (name != NULL && strcmp(p->game->key[i], name) == 0)
			return i;
	complain("%s: '%s' is no key of this history", p->game->prefix,
	    name != NULL ? name : "");
	return KEYS;
}

static void
do_batch(struct player *p)
{
	const struct vt_xml *root = NULL, *x;
	unsigned first = (unsigned)rng_below(&p->rng, KEYS), key, i;
	unsigned n = 2 + (unsigned)rng_below(&p->rng, 2);
	const char *marker[KEYS] = { NULL };
	struct vt_arena *a = NULL;
	struct vt_buf body;
	struct call t;
	struct step *s;

	vt_buf_init(&body, 1 << 16);
	vt_xml_open_ns(&body, "Delete");
	for (i = 0; i < n; i++)
		batch_add(&body, p->game->key[(first + i) % KEYS], NULL);
	batch_send(p, &body, &t);
	if (t.status == 200)
		root = parse(p, "DeleteResult", &a);
	for (x = root != NULL ? root->child : NULL; x != NULL; x = x->next) {
		key = key_number(p, vt_xml_child_text(x, "Key"));
		if (strcmp(x->name, "Deleted") != 0 || key == KEYS)
			complain("%s: DeleteObjects: %s %s", p->game->prefix,
			    x->name, vt_xml_child_text(x, "Code"));
		else
			marker[key] = vt_xml_child_text(x,
			    "DeleteMarkerVersionId");
	}
	for (i = 0; i < n; i++) {
		s = record(p, &t, (first + i) % KEYS, "DELETE among others");
		s->effect = MARK;
		if (t.status != 200)
			unexpected(p, &t, s);
		else if (p->game->history.versioning != PLAIN)
			take_version(p, s, marker[s->key]);
	}
	vt_arena_free(a);
}

/* --- multipart ------------------------------------------------------------ */

/* The part is another key, or what is there of it: 0 when there is nothing. */
static int
copy_part(struct player *p, unsigned key, const char *query)
{
	struct raw q = request(p, "PUT", key);
	unsigned from = (key + 1) % KEYS;
	struct vt_buf source;
	char etag[128];
	struct call t;
	struct step *s;

	q.query = query;
	raw_header(&q, "x-amz-copy-source", copy_source(p, from, 0, &source));
	ask(p, &q, &t);
	vt_buf_release(&source);
	s = record(p, &t, from, "source of a part");
	if (t.status == 404)
		s->need = ABSENT;
	else if (t.status != 200 && t.status != 409)
		unexpected(p, &t, s);
	if (t.status != 200)
		return 0;
	s->need = BYTES;
	s->version = version_of(p, answer(p, "x-amz-copy-source-version-id"),
	    from, 0);
	raw_etag(p->client, etag);
	s->value = value_of(p, "UploadPartCopy", etag);
	return s->value;
}

/* The value that the part has, or 0. */
static int
send_part(struct player *p, unsigned key, const char *query)
{
	struct raw q = request(p, "PUT", key);
	struct call t;
	char *data;
	size_t len;
	int value;

	value = new_value(p, &data, &len);
	q.query = query;
	q.body = data;
	q.body_len = len;
	ask(p, &q, &t);
	free(data);
	if (t.status != 200 && t.status != 0)
		complain("%s: a part: HTTP %d", p->game->prefix, t.status);
	return t.status == 200 ? value : 0;
}

/* As clients do that lost the answer: it says the same as long as the version
 * is there, and does nothing. */
static void
complete_again(struct player *p, const struct call *t, unsigned key,
    int value, int version)
{
	struct step *s = record(p, t, key, "complete, said again");

	s->value = value;
	s->version = version;
	if (t->status == 200)
		s->need = version > 0 ? HAS : VALUE;
	else if (t->status == 404)
		s->need = version > 0 ? LACKS : NOTHING;
	else
		unexpected(p, t, s);
}

static struct raw
complete_request(struct player *p, const struct open_upload *u, char body[300])
{
	struct raw q = request(p, "POST", u->key);

	snprintf(body, 300, "<CompleteMultipartUpload><Part>"
	    "<PartNumber>1</PartNumber><ETag>%s</ETag></Part>"
	    "</CompleteMultipartUpload>", etag_of(&p->game->history,
	    u->value));
	q.query = u->query;
	q.body = body;
	q.body_len = strlen(body);
	return q;
}

static void
check_complete(struct player *p, const struct step *s)
{
	char etag[128];

	raw_etag(p->client, etag);
	if (value_of(p, "complete", etag) != s->wrote)
		complain("%s: complete answers another ETag than the parts'",
		    p->game->prefix);
	p->seen[s->key] = s->wrote;
}

/* The upload's only player completes it. */
static void
complete_alone(struct player *p, const struct open_upload *u)
{
	struct condition c = { .kind = ALWAYS };
	char body[300];
	struct raw q = complete_request(p, u, body);
	struct call t;
	struct step *s;

	if (rng_one_in(&p->rng, 4))
		choose_condition(p, u->key, &c);
	send_condition(p, &c, &q);
	ask(p, &q, &t);
	s = record(p, &t, u->key, c.kind == ALWAYS ? "complete" :
	    "complete on a condition");
	judge_write(p, &t, &c, s);
	s->wrote = u->value + 1;
	if (t.status != 200)
		return;
	check_complete(p, s);
	take_version(p, s, answer(p, "x-amz-version-id"));
	if (c.kind == ALWAYS && rng_one_in(&p->rng, 2)) {
		ask(p, &q, &t);
		complete_again(p, &t, u->key, s->wrote, s->wrote_version);
	}
}

/* One of several; who did it is found out in the end (join_completes). */
static void
complete_shared(struct player *p, const struct open_upload *u)
{
	char body[300];
	struct raw q = complete_request(p, u, body);
	struct call t;
	struct step *s;

	ask(p, &q, &t);
	s = record(p, &t, u->key, "complete, as others do");
	s->upload = u->number;
	s->wrote = u->value + 1;
	if (t.status == 200 || t.status == 0)
		s->effect = PUSH;
	else if (t.status != 404)
		unexpected(p, &t, s);
	if (t.status != 200)
		return;
	check_complete(p, s);
	s->wrote_version = version_of(p, answer(p, "x-amz-version-id"),
	    u->key, 0);
	if (s->wrote_version == UNTOLD)
		s->wrote_version = 0;
}

static struct open_upload
some_upload(struct player *p)
{
	struct open_upload u;

	pthread_mutex_lock(&p->game->history.lock);
	u = p->game->open;
	pthread_mutex_unlock(&p->game->history.lock);
	return u;
}

/*
 * Several answers tell of one write: it was done after the first question and
 * before the first answer.  The others saw it there.
 */
static void
join_completes(struct game *g, unsigned upload)
{
	struct step *first = NULL, *s;
	int64_t call_us = INT64_MAX;
	size_t i;

	for (i = 0; i < g->history.count; i++) {
		s = &g->history.steps[i];
		if (s->upload != upload)
			continue;
		if (s->call_us < call_us)
			call_us = s->call_us;
		if (s->effect == PUSH && (first == NULL ||
		    s->return_us < first->return_us))
			first = s;
	}
	if (first == NULL)
		return;
	first->call_us = call_us;
	g->history.version_acked[first->wrote_version] = 1;
	for (i = 0; i < g->history.count; i++) {
		s = &g->history.steps[i];
		if (s->upload != upload || s == first)
			continue;
		if (s->return_us == NO_ANSWER) {
			if (first->return_us == NO_ANSWER &&
			    s->until_us > first->until_us)
				first->until_us = s->until_us;
		} else if (s->effect == PUSH) {
			s->need = s->wrote_version > 0 ? HAS : VALUE;
			s->value = s->wrote;
			s->version = s->wrote_version;
			if (s->wrote_version != first->wrote_version)
				complain("%s: an upload was completed as two "
				    "versions", g->prefix);
		}
		s->effect = NO_EFFECT;
	}
}

static void
do_upload(struct player *p, unsigned key)
{
	struct raw q = request(p, "POST", key);
	struct open_upload u = { .key = key };
	char id[128], query[200];
	struct call t;

	q.query = "uploads=";
	ask(p, &q, &t);
	if (t.status != 200) {
		if (t.status != 0)
			complain("%s: cannot begin an upload: HTTP %d",
			    p->game->prefix, t.status);
		return;
	}
	raw_text(p->client, "UploadId", id, sizeof(id));
	snprintf(query, sizeof(query), "partNumber=1&uploadId=%s", id);
	u.value = rng_one_in(&p->rng, 3) ? copy_part(p, key, query) :
	    send_part(p, key, query);
	if (p->gone)
		return;
	snprintf(u.query, sizeof(u.query), "uploadId=%s", id);
	if (u.value != 0 && rng_one_in(&p->rng, 2)) {
		pthread_mutex_lock(&p->game->history.lock);
		u.number = ++p->game->uploads;
		p->game->open = u;
		pthread_mutex_unlock(&p->game->history.lock);
	}
	if (u.value != 0 && !rng_one_in(&p->rng, 6)) {
		if (u.number > 0)
			complete_shared(p, &u);
		else
			complete_alone(p, &u);
		return;
	}
	/* There was no source, or somebody else may be faster. */
	q = request(p, "DELETE", key);
	q.query = u.query;
	ask(p, &q, &t);
	if (t.status != 204 && t.status != 0 &&
	    (t.status != 404 || u.number == 0))
		complain("%s: abort: HTTP %d", p->game->prefix, t.status);
}

/* --- reading -------------------------------------------------------------- */

/* The bytes are those of the value that the ETag names. */
static void
check_bytes(struct player *p, int value, uint64_t first, uint64_t len)
{
	const struct vt_buf *got = &p->client->resp.body;
	const struct body *b = body_of(&p->game->history, value);
	const char *mark = answer(p, "x-amz-meta-body");
	uint64_t n;
	char *want;

	/* An object made of a part that was copied has none. */
	if (mark != NULL && (vt_num_scan_u64(mark, strlen(mark), &n) < 0 ||
	    n != (uint64_t)(value - 1) / 2))
		complain("%s: GET has the metadata of body %s with the ETag "
		    "of body %d", p->game->prefix, mark, (value - 1) / 2);
	want = malloc((size_t)len + 1);
	if (want == NULL)
		give_up("out of memory");
	content_read(&b->content, first, want, (size_t)len);
	if (got->len != len || memcmp(want, got->data, (size_t)len) != 0)
		complain("%s: GET: %zu bytes are not the %llu bytes from "
		    "%llu of body %d, as its ETag says", p->game->prefix,
		    got->len, (unsigned long long)len,
		    (unsigned long long)first, (value - 1) / 2);
	free(want);
}

/* A copy of what was seen before, as a cache nobody tells of writes keeps. */
static int
plant_get(struct player *p, struct step *s)
{
	struct game *g = p->game;
	struct step old;
	int has;

	pthread_mutex_lock(&g->history.lock);
	has = g->has_cached[s->key];
	old = g->cached[s->key];
	pthread_mutex_unlock(&g->history.lock);
	if (!has)
		return 0;
	s->need = old.need;
	s->value = old.value;
	s->version = old.version;
	return 1;
}

static void
plant_keep(struct player *p, const struct step *s)
{
	struct game *g = p->game;

	pthread_mutex_lock(&g->history.lock);
	g->cached[s->key] = *s;
	g->has_cached[s->key] = 1;
	pthread_mutex_unlock(&g->history.lock);
}

/* What a GET or HEAD, whole or in part, says. */
static void
judge_read(struct player *p, const struct call *t, struct step *s,
    int version)
{
	const char *told = answer(p, "x-amz-version-id");
	const char *date = answer(p, "last-modified");
	int64_t us;

	s->version = version_of(p, told != NULL ? told : "", s->key, 0);
	if (t->status == 200 || t->status == 206) {
		s->need = version > 0 ? HAS : VALUE;
		s->value = value_of(p, s->what, answer(p, "etag"));
		if (version == 0 && date != NULL &&
		    vt_time_parse_http(date, &us) == 0) {
			s->modified_ms = us / 1000;
			s->in_seconds = 1;
		}
	} else if (t->status == 404 && version == 0)
		s->need = ABSENT;
	else if (t->status == 404) {
		s->need = LACKS;
		s->version = version;
	} else if (t->status == 405 && version > 0)
		s->need = HAS_MARKER;
	else
		unexpected(p, t, s);
	if (version > 0 && t->status != 0 && s->version != version)
		complain("%s: %s answers version '%s' instead", p->game->prefix,
		    s->what, told != NULL ? told : "");
}

static void
do_get(struct player *p, unsigned key, int version)
{
	int head = rng_one_in(&p->rng, 3), ranged = rng_one_in(&p->rng, 5);
	struct raw q = request(p, head ? "HEAD" : "GET", key);
	char query[96], range[64], etag[64];
	uint64_t first = rng_below(&p->rng, 9), len, size;
	int unless = 0;
	struct call t;
	struct step *s;

	if (version > 0) {
		snprintf(query, sizeof(query), "versionId=%s",
		    p->game->history.version[version]);
		q.query = query;
	} else if (p->game->plant == STALE_GET && rng_one_in(&p->rng, 3)) {
		t.call_us = t.return_us = vt_clock_mono_us();
		t.status = 200;
		s = record(p, &t, key, "GET");
		if (plant_get(p, s))
			return;
		p->own.count--;
	} else if (!ranged && p->seen[key] != 0 && rng_one_in(&p->rng, 5)) {
		unless = likely_value(p, key);
		snprintf(etag, sizeof(etag), "\"%s\"",
		    etag_of(&p->game->history, unless));
		raw_header(&q, "If-None-Match", etag);
	}
	if (ranged && !head) {
		/* No body is shorter than first; one may end before last. */
		snprintf(range, sizeof(range), "bytes=%llu-%llu",
		    (unsigned long long)first % 8,
		    (unsigned long long)(first % 8 +
		    rng_below(&p->rng, 10000)));
		first %= 8;
		raw_header(&q, "Range", range);
	} else
		first = 0;
	ask(p, &q, &t);
	s = record(p, &t, key, version > 0 ? "GET of a version" :
	    head ? "HEAD" : ranged ? "GET of a range" : "GET");
	if (t.status == 304 && unless != 0) {
		s->need = VALUE;
		s->value = unless;
		return;
	}
	judge_read(p, &t, s, version);
	if (version == 0 && (s->need == VALUE || s->need == ABSENT)) {
		p->seen[key] = s->value;
		plant_keep(p, s);
	}
	if (s->value == 0 || (t.status != 200 && t.status != 206))
		return;
	if (unless != 0 && s->value == unless)
		complain("%s: GET If-None-Match returns the very ETag",
		    p->game->prefix);
	size = body_of(&p->game->history, s->value)->content.size;
	len = size;
	if (t.status == 206) {
		len = strtoull(strchr(range, '-') + 1, NULL, 10) + 1 - first;
		if (len > size - first)
			len = size - first;
	}
	if (!head)
		check_bytes(p, s->value, first, len);
	else if (answer(p, "content-length") == NULL || strtoull(answer(p,
	    "content-length"), NULL, 10) != len)
		complain("%s: HEAD: the length is not %llu as of body %d",
		    p->game->prefix, (unsigned long long)len,
		    (s->value - 1) / 2);
}

/* --- listing -------------------------------------------------------------- */

/* A key as the page says it. */
static void
list_entry(struct player *p, const struct vt_xml *x, struct step *s)
{
	const char *size = vt_xml_child_text(x, "Size");
	uint64_t n = UINT64_MAX;

	s->need = VALUE;
	s->value = value_of(p, "LIST", vt_xml_child_text(x, "ETag"));
	s->modified_ms = parse_ms(vt_xml_child_text(x, "LastModified"));
	if (size != NULL)
		(void)!vt_num_scan_u64(size, strlen(size), &n);
	if (s->value != 0 && n != body_of(&p->game->history,
	    s->value)->content.size)
		complain("%s: LIST: the size is not that of its ETag's body",
		    p->game->prefix);
}

/*
 * Take one page: the keys that it tells of, and those that it would have told
 * of were they there.  `next` is where the one after it begins.  1: there is
 * one.
 */
static int
list_page(struct player *p, const struct call *t, unsigned *from,
    char *next, size_t next_size)
{
	const struct vt_xml *x, *entry[KEYS] = { NULL };
	struct vt_arena *a;
	const struct vt_xml *root = parse(p, "ListBucketResult", &a);
	const char *more = vt_xml_child_text(root, "IsTruncated"), *token;
	unsigned key, last = 0;
	struct step *s;
	int cut = more != NULL && strcmp(more, "true") == 0;

	for (x = root != NULL ? root->child : NULL; x != NULL; x = x->next) {
		if (strcmp(x->name, "Contents") != 0)
			continue;
		key = key_number(p, vt_xml_child_text(x, "Key"));
		if (key == KEYS)
			continue;
		if (key < *from || (last > 0 && key < last))
			complain("%s: LIST: %s is out of order",
			    p->game->prefix, p->game->key[key]);
		entry[key] = x;
		last = key + 1;
	}
	if (!cut)
		last = KEYS;
	for (key = *from; key < last; key++) {
		s = record(p, t, key, "LIST");
		s->need = ABSENT;
		if (entry[key] != NULL)
			list_entry(p, entry[key], s);
	}
	*from = last;
	token = vt_xml_child_text(root, "NextContinuationToken");
	snprintf(next, next_size, "%s", token != NULL ? token :
	    last > 0 ? p->game->key[last - 1] : "");
	vt_arena_free(a);
	return cut && next[0] != '\0';
}

/* Answers a LIST as the one before. */
static int
plant_list(struct player *p)
{
	struct game *g = p->game;
	struct call t = { .status = 200 };
	struct step old[KEYS], *s;
	unsigned i;
	int has;

	t.call_us = t.return_us = vt_clock_mono_us();
	pthread_mutex_lock(&g->history.lock);
	has = g->has_cached_list;
	memcpy(old, g->cached_list, sizeof(old));
	pthread_mutex_unlock(&g->history.lock);
	for (i = 0; i < KEYS && has; i++) {
		s = record(p, &t, i, "LIST");
		s->need = old[i].need;
		s->value = old[i].value;
	}
	return has;
}

static void
do_list(struct player *p)
{
	struct raw q = { .method = "GET", .bucket = p->game->bucket };
	int paged = rng_one_in(&p->rng, 3), v2 = rng_one_in(&p->rng, 2);
	struct vt_buf query;
	char next[1200] = "";
	size_t before = p->own.count;
	unsigned from = 0;
	struct call t;
	int more = 1;

	if (p->game->plant == STALE_LIST && rng_one_in(&p->rng, 2) &&
	    plant_list(p))
		return;
	while (more) {
		vt_buf_init(&query, 8192);
		if (next[0] != '\0' && v2) {
			vt_buf_str(&query, "continuation-token=");
			vt_uri_encode(&query, next, strlen(next), 0);
			vt_buf_char(&query, '&');
		}
		if (v2)
			vt_buf_str(&query, "list-type=2&");
		else if (next[0] != '\0') {
			vt_buf_str(&query, "marker=");
			vt_uri_encode(&query, next, strlen(next), 0);
			vt_buf_char(&query, '&');
		}
		if (paged)
			vt_buf_str(&query, "max-keys=2&");
		vt_buf_str(&query, "prefix=");
		vt_uri_encode(&query, p->game->prefix,
		    strlen(p->game->prefix), 0);
		q.query = query.data;
		ask(p, &q, &t);
		vt_buf_release(&query);
		if (t.status != 200) {
			if (t.status != 0)
				complain("%s: LIST: HTTP %d", p->game->prefix,
				    t.status);
			return;
		}
		more = list_page(p, &t, &from, next, sizeof(next));
	}
	if (p->own.count - before != KEYS)
		return;
	pthread_mutex_lock(&p->game->history.lock);
	memcpy(p->game->cached_list, p->own.steps + before,
	    sizeof(p->game->cached_list));
	p->game->has_cached_list = 1;
	pthread_mutex_unlock(&p->game->history.lock);
}

static void
add_listed(struct player *p, const struct vt_xml *x, struct step *s)
{
	const char *latest = vt_xml_child_text(x, "IsLatest");
	struct listed *l;

	s->list = realloc(s->list, (s->list_count + 1) * sizeof(*s->list));
	if (s->list == NULL)
		give_up("out of memory");
	l = &s->list[s->list_count++];
	memset(l, 0, sizeof(*l));
	l->marker = strcmp(x->name, "DeleteMarker") == 0;
	if (!l->marker)
		l->value = value_of(p, "versions",
		    vt_xml_child_text(x, "ETag"));
	l->version = version_of(p, vt_xml_child_text(x, "VersionId"), s->key,
	    0);
	l->modified_ms = parse_ms(vt_xml_child_text(x, "LastModified"));
	if (latest == NULL || (strcmp(latest, "true") == 0) !=
	    (s->list_count == 1))
		complain("%s: version %zu of %s is%s the latest",
		    p->game->prefix, s->list_count, p->game->key[s->key],
		    s->list_count == 1 ? " not" : "");
}

static void
do_list_versions(struct player *p)
{
	struct raw q = { .method = "GET", .bucket = p->game->bucket };
	const struct vt_xml *root, *x;
	struct vt_arena *a;
	struct vt_buf query;
	struct step *first;
	struct call t;
	const char *more;
	unsigned key;

	vt_buf_init(&query, 4096);
	vt_buf_str(&query, "prefix=");
	vt_uri_encode(&query, p->game->prefix, strlen(p->game->prefix), 0);
	vt_buf_str(&query, "&versions=");
	q.query = query.data;
	ask(p, &q, &t);
	vt_buf_release(&query);
	if (t.status != 200) {
		if (t.status != 0)
			complain("%s: versions: HTTP %d", p->game->prefix,
			    t.status);
		return;
	}
	root = parse(p, "ListVersionsResult", &a);
	more = vt_xml_child_text(root, "IsTruncated");
	if (more == NULL || strcmp(more, "false") != 0)
		complain("%s: versions: not all", p->game->prefix);
	for (key = 0; key < KEYS; key++)
		record(p, &t, key, "list versions")->need = EXACTLY;
	first = &p->own.steps[p->own.count - KEYS];
	for (x = root != NULL ? root->child : NULL; x != NULL; x = x->next) {
		if (strcmp(x->name, "Version") != 0 &&
		    strcmp(x->name, "DeleteMarker") != 0)
			continue;
		key = key_number(p, vt_xml_child_text(x, "Key"));
		if (key < KEYS)
			add_listed(p, x, &first[key]);
	}
	vt_arena_free(a);
}

/* --- games ---------------------------------------------------------------- */

static void
one_request(struct player *p)
{
	unsigned key = (unsigned)rng_below(&p->rng, KEYS);
	uint64_t dice = rng_below(&p->rng, 100);
	int versions = p->game->history.versioning == ENABLED;

	struct open_upload u = some_upload(p);

	if (p->again != 0)
		put_again(p);
	if (u.number > 0 && rng_one_in(&p->rng, 6))
		complete_shared(p, &u);
	if (dice < 28)
		do_put(p, key);
	else if (dice < 52)
		do_get(p, key, 0);
	else if (dice < 60)
		do_delete(p, key);
	else if (dice < 62)
		do_batch(p);
	else if (dice < 71)
		do_copy(p, key, (unsigned)rng_below(&p->rng, KEYS));
	else if (dice < 77)
		do_upload(p, key);
	else if (dice < 88)
		do_list(p);
	else if (dice < 91 || !versions)
		do_list_versions(p);
	else if (dice < 96)
		do_get(p, key, some_version(p, key));
	else
		do_delete_version(p, key);
}

static void *
play(void *arg)
{
	struct player *p = arg;
	struct game *g = p->game;

	pthread_barrier_wait(&g->start);
	for (; p->steps_left > 0 && !g->stop && !p->gone; p->steps_left--)
		one_request(p);
	return NULL;
}

void
game_open(struct game *g, struct load *l)
{
	unsigned i;

	memset(g, 0, sizeof(*g));
	g->load = l;
	pthread_mutex_init(&g->history.lock, NULL);
	pthread_barrier_init(&g->start, NULL, PLAYERS);
	for (i = 0; i < PLAYERS; i++) {
		g->player[i].client = &l->client[i];
		g->player[i].game = g;
		g->player[i].number = i;
	}
}

void
game_close(struct game *g)
{
	unsigned i;

	history_reset(&g->history, PLAIN);
	free(g->history.steps);
	for (i = 0; i < PLAYERS; i++)
		free(g->player[i].own.steps);
	pthread_barrier_destroy(&g->start);
	pthread_mutex_destroy(&g->history.lock);
}

void
game_begin(struct game *g, unsigned number, uint64_t seed,
    enum versioning versioning)
{
	struct player *p;
	unsigned i;

	history_reset(&g->history, versioning);
	g->bucket = bucket_names[versioning];
	snprintf(g->prefix, sizeof(g->prefix), "h%04u/", number);
	for (i = 0; i < KEYS; i++)
		snprintf(g->key[i], sizeof(g->key[i]), "%sk%u%s", g->prefix,
		    i, i % 4 == 3 ? " \xc3\xa9+&" : "");
	g->done = 0;
	g->kill_after = 0;
	memset(g->has_cached, 0, sizeof(g->has_cached));
	g->has_cached_list = 0;
	memset(&g->open, 0, sizeof(g->open));
	g->uploads = 0;
	for (i = 0; i < PLAYERS; i++) {
		p = &g->player[i];
		p->rng.s = seed * 1000 + i;
		p->own.count = 0;
		p->again = 0;
		memset(p->seen, 0, sizeof(p->seen));
	}
}

void
game_start(struct game *g, unsigned steps)
{
	unsigned i;

	g->stop = 0;
	for (i = 0; i < PLAYERS; i++) {
		g->player[i].gone = 0;
		g->player[i].steps_left = steps;
		if (pthread_create(&g->player[i].client->thread, NULL, play,
		    &g->player[i]) != 0)
			give_up("cannot start a thread");
	}
}

void
game_join(struct game *g)
{
	unsigned i;

	for (i = 0; i < PLAYERS; i++)
		pthread_join(g->player[i].client->thread, NULL);
}

void
game_settle(struct game *g)
{
	int64_t now = vt_clock_mono_us();
	struct step *s;
	unsigned i;
	size_t j;

	for (i = 0; i < PLAYERS; i++)
		for (j = 0; j < g->player[i].own.count; j++) {
			s = &g->player[i].own.steps[j];
			if (s->return_us == NO_ANSWER &&
			    s->until_us == NO_ANSWER)
				s->until_us = now;
		}
}

void
game_end(struct game *g)
{
	struct player *p = &g->player[0];
	enum plant plant = g->plant;
	unsigned i;
	size_t j;

	g->plant = NO_PLANT;
	for (i = 0; i < KEYS; i++)
		do_get(p, i, 0);
	do_list(p);
	do_list_versions(p);
	g->plant = plant;
	for (i = 0; i < PLAYERS; i++)
		for (j = 0; j < g->player[i].own.count; j++)
			*history_add(&g->history) = g->player[i].own.steps[j];
	for (i = 1; i <= g->uploads; i++)
		join_completes(g, i);
}

void
game_clean(struct game *g)
{
	struct player *p = &g->player[0];
	size_t first = p->own.count, i, j, n = 0;
	const struct step *s;
	struct vt_buf body;
	struct call t;

	do_list_versions(p);
	vt_buf_init(&body, 1 << 20);
	vt_xml_open_ns(&body, "Delete");
	for (i = first; i < p->own.count; i++) {
		s = &p->own.steps[i];
		for (j = 0; j < s->list_count; j++, n++)
			batch_add(&body, g->key[s->key],
			    s->list[j].version > 0 ?
			    g->history.version[s->list[j].version] : "null");
		free(s->list);
	}
	if (n > BATCH_MAX)
		give_up("more than %d versions", BATCH_MAX);
	if (n > 0)
		batch_send(p, &body, &t);
	vt_buf_release(&body);
	p->own.count = first;
	do_list_versions(p);
	for (i = first; i < p->own.count; i++) {
		if (p->own.steps[i].list_count > 0)
			complain("%s: %s has versions after all were deleted",
			    g->prefix, g->key[p->own.steps[i].key]);
		free(p->own.steps[i].list);
	}
	p->own.count = first;
}

void
game_buckets(struct load *l)
{
	struct client *c = &l->client[0];
	struct raw q;
	struct vt_err err;
	char body[200];
	int i;

	for (i = 0; i < 3; i++) {
		q = (struct raw){ .method = "PUT", .bucket = bucket_names[i] };
		if (raw_send(c, &q, &err) != VT_OK ||
		    raw_status(c, &err) != VT_OK)
			give_up("cannot make a bucket: %s", err.text);
		if (i == PLAIN)
			continue;
		snprintf(body, sizeof(body), "<VersioningConfiguration>"
		    "<Status>%s</Status></VersioningConfiguration>",
		    i == ENABLED ? "Enabled" : "Suspended");
		q.query = "versioning=";
		q.body = body;
		q.body_len = strlen(body);
		if (raw_send(c, &q, &err) != VT_OK ||
		    raw_status(c, &err) != VT_OK)
			give_up("cannot set versioning: %s", err.text);
	}
}
