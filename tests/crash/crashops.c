/* What clients do: see crash.h. */
#include <sys/mman.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/hex.h"
#include "libvt/base/uri.h"
#include "libvt/proto/xml.h"

#include "tests/crash/crash.h"

#define PART_BYTES (5u << 20)

static const struct vt_clock real_clock = { 0, 0 };

/* --- setting up ----------------------------------------------------------- */

int
load_init(struct load *l, struct world *w, uint64_t seed, unsigned clients)
{
	char name[48];
	struct vt_httpc_options o;
	struct vt_err err;
	struct client *c;
	unsigned i, n;

	memset(l, 0, sizeof(*l));
	memset(&o, 0, sizeof(o));
	l->world = w;
	l->seed = seed;
	l->clients = clients;
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->cond, NULL);
	for (i = 0; i < SHARED_KEYS; i++) {
		snprintf(name, sizeof(name), "shared/%u", i);
		key_init(&l->shared[i], BUCKET, name);
		l->shared[i].shared = 1;
	}
	for (n = 0; n < clients; n++) {
		c = &l->client[n];
		c->load = l;
		c->number = n;
		c->rng.s = seed * 1000 + n;
		if (vt_httpc_open(&o, &c->http, &err) != VT_OK)
			give_up("%s", err.text);
		for (i = 0; i < OWN_KEYS; i++) {
			/* Keys that need encoding, too. */
			snprintf(name, sizeof(name), "c%02u/k%02u%s", n, i,
			    i % 4 == 3 ? " \xc3\xa9+&" : "");
			key_init(&c->own[i], BUCKET, name);
		}
		for (i = 0; i < HISTORY_KEYS; i++) {
			snprintf(name, sizeof(name), "c%02u/h%u", n, i);
			key_init(&c->history[i], HISTORY_BUCKET, name);
		}
	}
	return 0;
}

void
load_release(struct load *l)
{
	struct client *c;
	unsigned i, n;

	for (n = 0; n < l->clients; n++) {
		c = &l->client[n];
		for (i = 0; i < OWN_KEYS; i++)
			key_release(&c->own[i]);
		for (i = 0; i < HISTORY_KEYS; i++)
			key_release(&c->history[i]);
		for (i = 0; i < UPLOADS_MAX; i++)
			free(c->uploads[i].id);
		vt_httpc_close(c->http);
		vt_httpc_response_release(&c->resp);
	}
	for (i = 0; i < SHARED_KEYS; i++)
		key_release(&l->shared[i]);
	vt_s3_close(l->s3);
	explicit_bzero(&l->cred, sizeof(l->cred));
}

/* --- outcomes ------------------------------------------------------------- */

static void
acked(struct client *c, uint64_t *counter)
{
	struct load *l = c->load;

	pthread_mutex_lock(&l->lock);
	(*counter)++;
	if (++l->acks == l->acks_wanted)
		pthread_cond_broadcast(&l->cond);
	pthread_mutex_unlock(&l->lock);
}

void
client_count(struct client *c, uint64_t *counter, uint64_t n)
{
	pthread_mutex_lock(&c->load->lock);
	*counter += n;
	pthread_mutex_unlock(&c->load->lock);
}

int
client_failed(struct client *c, const char *what, const struct key *k,
    const struct vt_err *err)
{
	if (err->code != VT_BUSY)
		complain("%s %s: %s", what, k != NULL ? k->name : "",
		    err->text);
	if (c->gone_us == 0) {
		c->gone_us = vt_clock_mono_us();
		snprintf(c->gone, sizeof(c->gone), "%s %s: %.200s", what,
		    k != NULL ? k->name : "", err->text);
	}
	return -1;
}

static char *
body_of(const struct content *content)
{
	char *data = malloc((size_t)content->size + 1);

	if (data == NULL)
		give_up("out of memory");
	content_read(content, 0, data, (size_t)content->size);
	return data;
}

static uint64_t
new_seed(struct client *c)
{
	return rng_next(&c->rng);
}

/* Sizes around all that changes the way of a body through the server. */
static uint64_t
random_size(struct client *c)
{
	static const uint64_t edges[] = { 0, 1, 8, 4095, 4096, 4097, 65535,
	    65536, 65537, 262144, 1048577 };
	uint64_t dice = rng_below(&c->rng, 100);

	if (dice < 8)
		return edges[rng_below(&c->rng,
		    sizeof(edges) / sizeof(*edges))];
	if (dice < 45)
		return 8 + rng_below(&c->rng, 4089);
	if (dice < 75)
		return 4097 + rng_below(&c->rng, 60000);
	if (dice < 94 || c->load->gentle)
		return 65537 + rng_below(&c->rng, 250000);
	if (dice < 99)
		return 300000 + rng_below(&c->rng, 1500000);
	return 2000000 + rng_below(&c->rng, 7000000);
}

/* --- reading -------------------------------------------------------------- */

static enum vt_code
take_head(void *ctx, const struct vt_s3_head *head, uint64_t offset,
    uint64_t len, struct vt_err *err)
{
	struct seen *s = ctx;

	(void)offset, (void)err;
	snprintf(s->etag, sizeof(s->etag), "%s", head->etag);
	snprintf(s->type, sizeof(s->type), "%s", head->content_type);
	snprintf(s->version, sizeof(s->version), "%s", head->version);
	s->cap = (size_t)len;
	s->data = malloc(s->cap + 1);
	if (s->data == NULL)
		give_up("out of memory");
	return VT_OK;
}

static enum vt_code
take_body(void *ctx, const char *data, size_t len, struct vt_err *err)
{
	struct seen *s = ctx;

	if (len > s->cap - s->len)
		return vt_fail(err, VT_CORRUPT, "more bytes than announced");
	memcpy(s->data + s->len, data, len);
	s->len += len;
	return VT_OK;
}

int
client_get(struct client *c, struct key *k, const char *version, struct seen *s)
{
	struct vt_s3_get g = { .bucket = k->bucket, .key = k->name,
	    .version = version, .len = UINT64_MAX, .start = take_head,
	    .sink = take_body, .ctx = s };
	struct vt_err err;
	enum vt_code rc;

	memset(s, 0, sizeof(*s));
	rc = vt_s3_get_object(c->load->s3, &g, NULL, &err);
	if (rc == VT_ABSENT)
		s->absent = 1;
	else if (rc != VT_OK) {
		free(s->data);
		s->data = NULL;
		return client_failed(c, "GET", k, &err);
	}
	client_count(c, &c->load->gets, 1);
	client_count(c, &c->load->bytes_got, s->len);
	return 0;
}

static int
check_get(struct client *c, struct key *k)
{
	int64_t from = vt_clock_mono_us();
	struct seen s;
	char why[300];

	if (client_get(c, k, NULL, &s) < 0)
		return -1;
	if (!key_judge(k, &s, from, vt_clock_mono_us(), 0, why))
		complain("GET %s: %s", k->name, why);
	free(s.data);
	return 0;
}

static int
check_head(struct client *c, struct key *k)
{
	struct vt_s3_head h;
	struct vt_err err;
	struct write w;
	enum vt_code rc;

	key_value(k, &w);
	rc = vt_s3_head(c->load->s3, k->bucket, k->name, NULL, &h, &err);
	if (rc != VT_OK && rc != VT_ABSENT)
		return client_failed(c, "HEAD", k, &err);
	client_count(c, &c->load->gets, 1);
	if ((rc == VT_ABSENT) != w.deleted)
		complain("HEAD %s: %s", k->name, rc == VT_ABSENT ?
		    "is absent" : "is there, though deleted");
	else if (rc == VT_OK && (h.size_bytes != w.content.size ||
	    strcmp(h.content_type, w.type) != 0 ||
	    (w.etag[0] != '\0' && strcmp(h.etag, w.etag) != 0)))
		complain("HEAD %s: size %llu, type %s, ETag %s are not of "
		    "write %llu", k->name, (unsigned long long)h.size_bytes,
		    h.content_type, h.etag, (unsigned long long)w.id);
	return 0;
}

static int
check_own_list(struct client *c)
{
	struct key *keys[OWN_KEYS];
	char prefix[16];
	unsigned i;

	for (i = 0; i < OWN_KEYS; i++)
		keys[i] = &c->own[i];
	snprintf(prefix, sizeof(prefix), "c%02u/", c->number);
	return check_list(c, BUCKET, prefix, keys, OWN_KEYS);
}

/* --- writing -------------------------------------------------------------- */

static int
do_put(struct client *c, struct key *k, uint64_t size)
{
	static const char *const classes[] = { "STANDARD_IA", "GLACIER_IR",
	    "STANDARD" };
	struct vt_header h[3];
	struct vt_s3_put p = { .bucket = k->bucket, .key = k->name,
	    .headers = h, .header_count = 1 };
	struct vt_s3_put_result res;
	struct write w, old;
	struct vt_err err;
	enum vt_code rc;
	char *data;
	int refused = 0;

	memset(&w, 0, sizeof(w));
	content_new(&w.content, new_seed(c), size);
	data = body_of(&w.content);
	key_value(k, &old);
	p.body.data = data;
	p.body.len = size;
	key_begin(k, &w);
	h[0] = (struct vt_header){ "Content-Type", w.type };
	/* Conditions whose outcome is known to the only writer. */
	if (!k->shared && strcmp(k->bucket, BUCKET) == 0) {
		if (rng_one_in(&c->rng, 8)) {
			h[p.header_count++] = (struct vt_header){
			    "If-None-Match", "*" };
			refused = !old.deleted;
		} else if (rng_one_in(&c->rng, 8) && !old.deleted) {
			h[p.header_count++] = (struct vt_header){
			    "If-Match", rng_one_in(&c->rng, 2) ? old.etag :
			    "00000000000000000000000000000000" };
			refused = h[1].value != old.etag;
		}
	}
	if (rng_one_in(&c->rng, 6))
		h[p.header_count++] = (struct vt_header){
		    "x-amz-storage-class", classes[rng_below(&c->rng, 3)] };
	rc = vt_s3_put_object(c->load->s3, &p, &res, &err);
	free(data);
	if (refused && rc != VT_OK)
		key_undo(k, w.id);
	if (refused && rc == VT_PRECONDITION) {
		acked(c, &c->load->refused);
		return 0;
	}
	if (rc != VT_OK)
		return client_failed(c, "PUT", k, &err);
	if (refused)
		complain("PUT %s: succeeds against its condition", k->name);
	key_ack(k, w.id, res.etag);
	if (res.version[0] != '\0') {
		snprintf(w.etag, sizeof(w.etag), "%.63s", res.etag);
		key_keep(k, &w, res.version);
	}
	client_count(c, &c->load->bytes_put, size);
	acked(c, &c->load->puts);
	return 0;
}

static int
do_delete(struct client *c, struct key *k)
{
	struct write w;
	struct vt_err err;
	enum vt_code rc;

	memset(&w, 0, sizeof(w));
	w.deleted = 1;
	key_begin(k, &w);
	rc = vt_s3_delete_object(c->load->s3, k->bucket, k->name, NULL, &err);
	if (rc != VT_OK)
		return client_failed(c, "DELETE", k, &err);
	key_ack(k, w.id, NULL);
	acked(c, &c->load->deletes);
	return 0;
}

/* Several keys in one request. */
static int
do_batch(struct client *c)
{
	struct raw q = { .method = "POST", .bucket = BUCKET,
	    .query = "delete=" };
	struct key *k;
	struct write w[5];
	struct key *keys[5];
	uint8_t sum[VT_HASH_MAX];
	struct vt_buf body;
	struct vt_err err;
	enum vt_code rc;
	char md5[32];
	unsigned i, n = 2 + (unsigned)rng_below(&c->rng, 4);
	unsigned first = (unsigned)rng_below(&c->rng, OWN_KEYS);

	vt_buf_init(&body, 1 << 16);
	vt_xml_open_ns(&body, "Delete");
	for (i = 0; i < n; i++) {
		k = &c->own[(first + i) % OWN_KEYS];
		keys[i] = k;
		memset(&w[i], 0, sizeof(w[i]));
		w[i].deleted = 1;
		key_begin(k, &w[i]);
		vt_xml_open(&body, "Object");
		vt_xml_text(&body, "Key", k->name);
		vt_xml_close(&body, "Object");
	}
	vt_xml_close(&body, "Delete");
	if (vt_hash_once(VT_MD5, body.data, body.len, sum) < 0)
		give_up("no MD5");
	vt_b64_encode(sum, 16, md5);
	raw_header(&q, "Content-MD5", md5);
	q.body = body.data;
	q.body_len = body.len;
	rc = raw_send(c, &q, &err);
	if (rc == VT_OK)
		rc = raw_status(c, &err);
	vt_buf_release(&body);
	if (rc != VT_OK)
		return client_failed(c, "DeleteObjects", keys[0], &err);
	for (i = 0; i < n; i++)
		key_ack(keys[i], w[i].id, NULL);
	acked(c, &c->load->deletes);
	return 0;
}

static void
copy_source(const struct key *k, struct vt_buf *out)
{
	vt_buf_init(out, 4096);
	vt_buf_printf(out, "/%s/", k->bucket);
	vt_uri_encode(out, k->name, strlen(k->name), 1);
}

static int
do_copy(struct client *c, struct key *from, struct key *to)
{
	struct raw q = { .method = "PUT", .bucket = to->bucket,
	    .key = to->name };
	struct vt_buf source;
	struct write w, old;
	struct vt_err err;
	enum vt_code rc;
	char etag[128];

	key_value(from, &old);
	if (old.deleted || from == to)
		return 0;
	memset(&w, 0, sizeof(w));
	w.content = old.content;
	memcpy(w.type, old.type, sizeof(w.type));
	copy_source(from, &source);
	raw_header(&q, "x-amz-copy-source", source.data);
	key_begin(to, &w);
	rc = raw_send(c, &q, &err);
	if (rc == VT_OK)
		rc = raw_status(c, &err);
	vt_buf_release(&source);
	if (rc != VT_OK)
		return client_failed(c, "COPY", to, &err);
	raw_etag(c, etag);
	key_ack(to, w.id, etag);
	acked(c, &c->load->copies);
	return 0;
}

/*
 * Bodies that must come to nothing: one that is not what its hash says, one
 * that breaks off.
 */
static int
do_broken_put(struct client *c, struct key *k)
{
	struct raw q = { .method = "PUT", .bucket = k->bucket,
	    .key = k->name };
	struct content content;
	struct vt_err err;
	enum vt_code rc;
	uint64_t size = random_size(c) % 400000;
	char *data;
	int cut = rng_one_in(&c->rng, 2);

	content_new(&content, new_seed(c), size + 1);
	data = body_of(&content);
	q.body_len = size + 1;
	if (cut) {
		q.body_fd = memfd_create("cut", MFD_CLOEXEC);
		if (q.body_fd < 0 || write(q.body_fd, data, size) !=
		    (ssize_t)size)
			give_up("no memfd");
		q.sha256 = "UNSIGNED-PAYLOAD";
	} else {
		q.body = data;
		q.sha256 = NOTHING_SHA256;
	}
	rc = raw_send(c, &q, &err);
	if (cut)
		close(q.body_fd);
	free(data);
	if (rc == VT_BUSY)
		return client_failed(c, "broken PUT", k, &err);
	if (rc == VT_OK && c->resp.status / 100 == 2)
		complain("PUT %s: succeeds with a broken body", k->name);
	client_count(c, &c->load->refused, 1);
	return 0;
}

/* --- versions ------------------------------------------------------------- */

/* Remove one old version for good. */
static int
do_delete_version(struct client *c, struct key *k)
{
	struct kept *v;
	struct vt_err err;
	size_t n = k->kept_count;

	if (n < 2)
		return 0;
	/* Only this client adds versions: nobody moves the list. */
	v = &k->kept[rng_below(&c->rng, n - 1)];
	if (v->deleted)
		return 0;
	v->deleted = -1;
	if (vt_s3_delete_object(c->load->s3, k->bucket, k->name, v->version,
	    &err) != VT_OK)
		return client_failed(c, "DELETE version", k, &err);
	v->deleted = 1;
	acked(c, &c->load->deletes);
	return 0;
}

/* --- multipart ------------------------------------------------------------ */

static struct upload *
find_slot(struct client *c)
{
	unsigned i = (unsigned)rng_below(&c->rng, UPLOADS_MAX);

	return &c->uploads[i];
}

void
upload_drop(struct upload *u)
{
	free(u->id);
	memset(u, 0, sizeof(*u));
}

/* A part that is a range of another object. */
static int
copy_part(struct client *c, struct upload *u, unsigned i, struct key *from)
{
	struct raw q = { .method = "PUT", .bucket = u->key->bucket,
	    .key = u->key->name };
	char query[128], range[64], etag[128];
	struct vt_buf source;
	struct write old;
	struct vt_err err;
	uint64_t first, last;
	enum vt_code rc;

	key_value(from, &old);
	if (old.deleted || old.content.size < 2 || old.content.segs > 2)
		return 0;
	first = rng_below(&c->rng, old.content.size - 1);
	last = first + rng_below(&c->rng, old.content.size - first);
	snprintf(query, sizeof(query), "partNumber=%u&uploadId=%s", i + 1,
	    u->id);
	snprintf(range, sizeof(range), "bytes=%llu-%llu",
	    (unsigned long long)first, (unsigned long long)last);
	q.query = query;
	copy_source(from, &source);
	raw_header(&q, "x-amz-copy-source", source.data);
	raw_header(&q, "x-amz-copy-source-range", range);
	u->unsure[i] = 1;
	rc = raw_send(c, &q, &err);
	if (rc == VT_OK)
		rc = raw_status(c, &err);
	vt_buf_release(&source);
	if (rc != VT_OK)
		return client_failed(c, "UploadPartCopy", u->key, &err);
	raw_etag(c, etag);
	memset(&u->parts[i], 0, sizeof(u->parts[i]));
	u->parts[i].number = i + 1;
	u->parts[i].size_bytes = last - first + 1;
	memcpy(u->parts[i].etag, etag, sizeof(etag));
	memset(&u->contents[i], 0, sizeof(u->contents[i]));
	if (content_add(&u->contents[i], &old.content, first,
	    last - first + 1) < 0)
		give_up("too many pieces");
	u->unsure[i] = 0;
	acked(c, &c->load->puts);
	return 0;
}

static int
put_part(struct client *c, struct upload *u, unsigned i, uint64_t size)
{
	struct vt_s3_put p = { .bucket = u->key->bucket,
	    .key = u->key->name };
	struct vt_s3_part part;
	struct content content;
	struct vt_err err;
	enum vt_code rc;
	char *data;

	content_new(&content, new_seed(c), size);
	data = body_of(&content);
	p.body.data = data;
	p.body.len = size;
	u->unsure[i] = 1;
	rc = vt_s3_upload_part(c->load->s3, &p, u->id, i + 1, &part, &err);
	free(data);
	if (rc != VT_OK)
		return client_failed(c, "UploadPart", u->key, &err);
	u->parts[i] = part;
	u->contents[i] = content;
	u->unsure[i] = 0;
	client_count(c, &c->load->bytes_put, size);
	acked(c, &c->load->puts);
	return 0;
}

/* The ETag that S3 gives to these parts. */
static void
etag_of_parts(const struct vt_s3_part *parts, size_t n, char out[64])
{
	uint8_t sums[PARTS_MAX * 16], md5[VT_HASH_MAX];
	char hex[33];
	size_t i;

	out[0] = '\0';
	for (i = 0; i < n; i++)
		if (!vt_s3_etag_md5(parts[i].etag, sums + 16 * i))
			return;
	if (vt_hash_once(VT_MD5, sums, 16 * n, md5) < 0)
		return;
	vt_hex_encode(md5, 16, hex);
	snprintf(out, 64, "%s-%zu", hex, n);
}

static int
complete(struct client *c, struct upload *u)
{
	struct vt_s3_put p = { .bucket = u->key->bucket,
	    .key = u->key->name };
	struct vt_s3_put_result res;
	struct vt_s3_part parts[PARTS_MAX];
	struct write w;
	struct vt_err err;
	unsigned i, n = 0;

	memset(&w, 0, sizeof(w));
	for (i = 0; i < PARTS_MAX; i++) {
		if (u->parts[i].size_bytes == 0)
			continue;
		/* All but the last must have 5 MiB: what is too small after
		 * such a one is left out, and so goes away. */
		if (n > 0 && parts[n - 1].size_bytes < PART_BYTES)
			break;
		if (content_add(&w.content, &u->contents[i], 0,
		    u->contents[i].size) < 0)
			break;
		parts[n++] = u->parts[i];
	}
	if (n == 0)
		return 0;
	etag_of_parts(parts, n, w.etag);
	memcpy(w.type, u->type, sizeof(w.type));
	u->state = UP_COMPLETING;
	u->write_id = key_begin(u->key, &w);
	if (vt_s3_complete_upload(c->load->s3, &p, u->id, parts, n, &res,
	    &err) != VT_OK)
		return client_failed(c, "Complete", u->key, &err);
	if (w.etag[0] != '\0' && strcmp(res.etag, w.etag) != 0)
		complain("Complete %s: ETag %s instead of %s", u->key->name,
		    res.etag, w.etag);
	key_ack(u->key, w.id, res.etag);
	upload_drop(u);
	acked(c, &c->load->completes);
	return 0;
}

static int
abort_upload(struct client *c, struct upload *u)
{
	struct vt_err err;

	u->state = UP_ABORTING;
	if (vt_s3_abort_upload(c->load->s3, u->key->bucket, u->key->name,
	    u->id, &err) != VT_OK)
		return client_failed(c, "Abort", u->key, &err);
	upload_drop(u);
	acked(c, &c->load->deletes);
	return 0;
}

static int
create_upload(struct client *c, struct upload *u, struct key *k)
{
	struct vt_header type = { "Content-Type", u->type };
	struct vt_s3_put p = { .bucket = k->bucket, .key = k->name,
	    .headers = &type, .header_count = 1 };
	struct vt_err err;

	u->key = k;
	snprintf(u->type, sizeof(u->type), "x-vt/u%016llx",
	    (unsigned long long)new_seed(c));
	u->state = UP_CREATING;
	if (vt_s3_create_upload(c->load->s3, &p, &u->id, &err) != VT_OK)
		return client_failed(c, "CreateMultipartUpload", k, &err);
	u->state = UP_OPEN;
	acked(c, &c->load->puts);
	return 0;
}

/* Some steps of an upload: a new one, or one that was left. */
static int
do_multipart(struct client *c, struct key *k)
{
	struct upload *u = find_slot(c);
	unsigned parts = 1, i, number;
	uint64_t size;

	if (u->state == UP_NONE && create_upload(c, u, k) < 0)
		return -1;
	if (rng_one_in(&c->rng, 8) && !c->load->gentle)
		parts = 2;
	for (i = 0; i < parts; i++) {
		number = parts == 1 ? (unsigned)rng_below(&c->rng,
		    PARTS_MAX) : i;
		size = i + 1 < parts ? PART_BYTES +
		    rng_below(&c->rng, 1000) : 1 + random_size(c) % 1000000;
		if (rng_one_in(&c->rng, 4) && parts == 1) {
			if (copy_part(c, u, number, &c->own[rng_below(
			    &c->rng, OWN_KEYS)]) < 0)
				return -1;
		} else if (put_part(c, u, number, size) < 0)
			return -1;
	}
	switch (rng_below(&c->rng, 8)) {
	case 0:
		return abort_upload(c, u);
	case 1:
		return 0;		/* left for later */
	default:
		return complete(c, u);
	}
}

/* --- the mix -------------------------------------------------------------- */

static struct key *
own_key(struct client *c)
{
	return &c->own[rng_below(&c->rng, OWN_KEYS)];
}

static int
one_history(struct client *c)
{
	struct key *k = &c->history[rng_below(&c->rng, HISTORY_KEYS)];

	switch (rng_below(&c->rng, 8)) {
	case 0:
		return do_delete(c, k);
	case 1:
		return do_delete_version(c, k);
	case 2:
		return check_get(c, k);
	default:
		return do_put(c, k, random_size(c) % 20000);
	}
}

static int
one_shared(struct client *c)
{
	struct key *k = &c->load->shared[rng_below(&c->rng, SHARED_KEYS)];

	switch (rng_below(&c->rng, 8)) {
	case 0:
		return do_delete(c, k);
	case 1:
	case 2:
	case 3:
		return check_get(c, k);
	default:
		return do_put(c, k, random_size(c) % 200000);
	}
}

static int
one_operation(struct client *c)
{
	uint64_t dice = rng_below(&c->rng, 100);

	if (dice < 30)
		return do_put(c, own_key(c), random_size(c));
	if (dice < 45)
		return check_get(c, own_key(c));
	if (dice < 48)
		return check_head(c, own_key(c));
	if (dice < 51)
		return check_own_list(c);
	if (dice < 58)
		return do_delete(c, own_key(c));
	if (dice < 60)
		return do_batch(c);
	if (dice < 66)
		return do_copy(c, own_key(c), own_key(c));
	if (dice < 73)
		return do_multipart(c, own_key(c));
	if (dice < 76)
		return do_broken_put(c, own_key(c));
	if (dice < 82)
		return one_history(c);
	return one_shared(c);
}

void
client_ends(struct client *c)
{
	struct load *l = c->load;

	pthread_mutex_lock(&l->lock);
	if (--l->alive == 0)
		pthread_cond_broadcast(&l->cond);
	pthread_mutex_unlock(&l->lock);
}

void *
client_work(void *arg)
{
	struct client *c = arg;

	while (!c->load->stop && one_operation(c) == 0)
		continue;
	client_ends(c);
	return NULL;
}

void *
client_read(void *arg)
{
	struct client *c = arg;
	struct load *l = c->load;
	struct client *o;
	struct key *k;
	uint64_t i;

	while (!l->stop) {
		o = &l->client[rng_below(&c->rng, l->clients)];
		i = rng_below(&c->rng, OWN_KEYS + HISTORY_KEYS + 1);
		k = i < OWN_KEYS ? &o->own[i] :
		    i < OWN_KEYS + HISTORY_KEYS ? &o->history[i - OWN_KEYS] :
		    &l->shared[rng_below(&c->rng, SHARED_KEYS)];
		if (check_get(c, k) < 0)
			break;
	}
	client_ends(c);
	return NULL;
}

void *
client_break(void *arg)
{
	struct client *c = arg;
	int i, rc = 0;

	for (i = 0; i < 3 && rc == 0; i++)
		rc = do_broken_put(c, own_key(c));
	client_ends(c);
	return NULL;
}

/* All sizes and shapes, so that a plan has something to move. */
void *
client_fill(void *arg)
{
	struct client *c = arg;
	unsigned i, n;
	int rc = 0;

	for (i = 0; i < OWN_KEYS && rc == 0; i++)
		if (i % 6 < 4)
			rc = do_put(c, &c->own[i], random_size(c));
		else if (i % 6 == 4)
			rc = do_copy(c, &c->own[i - 2], &c->own[i]);
		else
			rc = do_multipart(c, &c->own[i]);
	for (i = 0; i < HISTORY_KEYS && rc == 0; i++)
		for (n = 0; n < 4 && rc == 0; n++)
			rc = do_put(c, &c->history[i], random_size(c) %
			    20000);
	for (i = c->number; i < SHARED_KEYS && rc == 0; i += c->load->clients)
		rc = do_put(c, &c->load->shared[i], random_size(c) % 200000);
	client_ends(c);
	return NULL;
}

void *
client_part(void *arg)
{
	struct client *c = arg;

	if (do_put(c, &c->own[0], 200000) == 0)
		(void)do_delete(c, &c->own[1]);
	client_ends(c);
	return NULL;
}

/* --- threads -------------------------------------------------------------- */

static int
enable_versions(struct load *l)
{
	static const char body[] = "<VersioningConfiguration "
	    "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
	    "<Status>Enabled</Status></VersioningConfiguration>";
	struct raw q = { .method = "PUT", .bucket = HISTORY_BUCKET,
	    .query = "versioning=", .body = body,
	    .body_len = sizeof(body) - 1 };
	struct vt_err err;
	enum vt_code rc;

	rc = raw_send(&l->client[0], &q, &err);
	if (rc == VT_OK && l->client[0].resp.status == 501)
		store_versions(l->world, HISTORY_BUCKET);
	else if (rc == VT_OK)
		rc = raw_status(&l->client[0], &err);
	if (rc != VT_OK)
		give_up("versioning: %s", err.text);
	return 0;
}

int
load_connect(struct load *l, int make_buckets)
{
	struct vt_s3_options o;
	char path[512];
	struct vt_err err;

	memset(&o, 0, sizeof(o));
	snprintf(path, sizeof(path), "%s/credentials", l->world->data);
	if (vt_cred_load(path, "default", 1, &l->cred, &err) != VT_OK)
		give_up("%s", err.text);
	o.endpoint = l->world->endpoint;
	o.region = "us-east-1";
	o.access_key = l->cred.access_key;
	o.secret_key = l->cred.secret_key;
	o.clock = &real_clock;
	/* What has no answer must not be done twice. */
	o.tries = 1;
	vt_s3_close(l->s3);
	if (vt_s3_open(&o, &l->s3, &err) != VT_OK)
		give_up("%s", err.text);
	if (!make_buckets)
		return 0;
	if (vt_s3_create_bucket(l->s3, BUCKET, &err) != VT_OK ||
	    vt_s3_create_bucket(l->s3, HISTORY_BUCKET, &err) != VT_OK)
		give_up("cannot make a bucket: %s", err.text);
	return enable_versions(l);
}

void
clients_start(struct load *l, void *(*fn)(void *client))
{
	unsigned i;

	l->stop = 0;
	l->alive = l->clients;
	for (i = 0; i < l->clients; i++) {
		l->client[i].gone_us = 0;
		if (pthread_create(&l->client[i].thread, NULL, fn,
		    &l->client[i]) != 0)
			give_up("cannot start a thread");
	}
}

void
clients_join(struct load *l)
{
	unsigned i;

	for (i = 0; i < l->clients; i++)
		pthread_join(l->client[i].thread, NULL);
}
