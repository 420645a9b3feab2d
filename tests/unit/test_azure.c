/*
 * What azure: alone has, over a server of its API: access tiers, restores of
 * archived blobs, metadata beside them.  Where it is, is in the environment as
 * scripts/standins/azurite prints it; without, all is skipped.  With a URL as
 * argument it prints how many blobs are there instead.
 */
#include "libvt/base/buf.h"
#include "libvt/base/clock.h"
#include "libvt/base/hash.h"
#include "libvt/base/hex.h"
#include "libvt/base/uri.h"
#include "libvt/store/backend.h"

#include "tests/unit/test.h"

#define DAY_US (86400 * INT64_C(1000000))
#define URL "azure://vt-azure/a/prefix"

static struct vt_err err;
static struct vt_clock clock_now;

static struct vt_backend *
open_tier(const char *url, const char *tier)
{
	struct vt_backend_remote r = {
		.endpoint = getenv("VT_TEST_ENDPOINT"),
		.access_key = getenv("VT_TEST_KEY"),
		.secret_key = getenv("VT_TEST_SECRET"),
		.session_token = getenv("VT_TEST_TOKEN"),
		.object_class = tier,
		.part_bytes = 5 << 20,
	};
	struct vt_backend_options o = { .clock = &clock_now, .create = 1,
	    .remote = &r };
	struct vt_backend *b;

	if (vt_backend_open(url, &o, &b, &err) != VT_OK) {
		printf("# %s\n", err.text);
		exit(1);
	}
	return b;
}

static enum vt_code
put(struct vt_backend *b, const char *name, size_t size,
    const struct vt_header_kv *meta, size_t count, char *token)
{
	struct vt_backend_put_result r = { 0 };
	struct vt_backend_put *p;
	char *data = calloc(1, size + 1);
	enum vt_code rc;

	memset(data, 'x', size);
	rc = vt_backend_put_begin(b, name, NULL, &p, &err);
	if (rc == VT_OK) {
		rc = vt_backend_put_write(p, data, size, &err);
		if (rc == VT_OK)
			rc = vt_backend_put_meta(p, meta, count, &err);
		if (rc == VT_OK)
			rc = vt_backend_put_commit(p, &r, &err);
		else
			vt_backend_put_abort(p);
	}
	strcpy(token, r.token);
	free(data);
	return rc;
}

/* Read all of it; VT_PRECONDITION: not what was put. */
static enum vt_code
get(struct vt_backend *b, const char *name, const char *token, size_t size)
{
	struct vt_backend_get *g;
	char buf[4096];
	enum vt_code rc;
	size_t got, sum = 0;

	rc = vt_backend_get_begin(b, name, token, 0, size, &g, &err);
	if (rc != VT_OK)
		return rc;
	do {
		rc = vt_backend_get_read(g, buf, sizeof(buf), &got, &err);
		if (rc == VT_OK && memcmp(buf, buf + 1, got > 0 ? got - 1 :
		    0) != 0)
			rc = VT_PRECONDITION;
		sum += got;
	} while (rc == VT_OK && got > 0);
	vt_backend_get_end(g);
	return rc == VT_OK && sum != size ? VT_PRECONDITION : rc;
}

static int
count_one(void *ctx, const char *name, uint64_t size_bytes, int64_t mtime_us)
{
	(void)name, (void)size_bytes, (void)mtime_us;
	++*(int *)ctx;
	return 0;
}

static int
count(struct vt_backend *b)
{
	int n = 0;

	return vt_backend_list(b, "", count_one, &n, &err) == VT_OK ? n : -1;
}

static int
count_pair(void *ctx, const char *name, const char *value)
{
	*(size_t *)ctx += strlen(name) + strlen(value);
	return 0;
}

/* An archived blob is read after a restore, from a copy beside it. */
static void
test_archive(void)
{
	static char big[9001];
	struct vt_header_kv meta[2] = { { "key", "a" }, { "much", big } };
	struct vt_backend *b = open_tier(URL, "archive"), *all;
	char token[VT_BLOB_TOKEN_MAX];
	struct vt_backend_head h;
	size_t bytes = 0;
	int64_t now;

	memset(big, 'v', sizeof(big) - 1);
	ok(vt_backend_caps(b)->restore, "reads may need a restore");
	is_int(put(b, "x/1", 100000, meta, 2, token), VT_OK, "put");
	is_int(get(b, "x/1", token, 100000), VT_NEEDS_RESTORE,
	    "it cannot be read");
	ok(strstr(err.text, "archive") != NULL, "and says so");
	ok(vt_backend_head(b, "x/1", &h, &err) == VT_OK && h.archived &&
	    !h.restoring && h.restored_until_us == 0 &&
	    h.size_bytes == 100000 && strcmp(h.token, token) == 0,
	    "head knows it");
	ok(vt_backend_meta(b, "x/1", count_pair, &bytes, &err) == VT_OK &&
	    bytes == 3 + 1 + 4 + 9000,
	    "metadata beside it needs no restore");
	is_int(vt_backend_restore_end(b, "x/1", &err), VT_OK,
	    "nothing has to be ended");
	is_int(vt_backend_restore(b, "none", 1, VT_STANDARD, &err), VT_ABSENT,
	    "restore what is absent");
	is_int(vt_backend_restore(b, "x/1", 2, VT_EXPEDITED, &err), VT_BUSY,
	    "a restore is started");
	/* Azurite is ready at once; Azure takes hours. */
	is_int(vt_backend_restore(b, "x/1", 2, VT_STANDARD, &err), VT_OK,
	    "it is readable");
	now = vt_clock_now_us(&clock_now);
	ok(vt_backend_head(b, "x/1", &h, &err) == VT_OK && h.archived &&
	    !h.restoring && h.restored_until_us > now + 2 * DAY_US - 60000000
	    && h.restored_until_us < now + 2 * DAY_US + 60000000,
	    "head tells until when");
	is_int(get(b, "x/1", token, 100000), VT_OK, "and so it is");
	is_int(get(b, "x/1", "0x123", 100000), VT_CORRUPT,
	    "but not as another");
	is_int(count(b), 1, "list shows the blob alone");
	clock_now.offset_us = 3 * DAY_US;
	is_int(get(b, "x/1", token, 100000), VT_NEEDS_RESTORE,
	    "its time is up");
	ok(vt_backend_head(b, "x/1", &h, &err) == VT_OK &&
	    h.restored_until_us == 0, "as head says");
	is_int(vt_backend_restore(b, "x/1", 1, VT_STANDARD, &err), VT_OK,
	    "what is still there is taken again, at no cost");
	is_int(get(b, "x/1", token, 100000), VT_OK, "and read");
	clock_now.offset_us = 0;
	is_int(vt_backend_restore_end(b, "x/1", &err), VT_OK, "end it");
	is_int(get(b, "x/1", token, 100000), VT_NEEDS_RESTORE,
	    "then it is in the archive alone");
	is_int(vt_backend_restore(b, "x/1", 1, VT_BULK, &err), VT_BUSY,
	    "restore it once more");
	is_int(vt_backend_delete(b, "x/1", token, &err), VT_OK, "delete");
	all = open_tier("azure://vt-azure", NULL);
	is_int(count(all), 0, "nothing of it is left, nor beside it");
	vt_backend_close(all);
	vt_backend_close(b);
}

/* Blobs of each tier; a copy between two of them. */
static void
test_tiers(void)
{
	static const char *const tiers[] = { "Hot", "COOL", "cold" };
	struct vt_header_kv meta = { "key", "a" };
	struct vt_backend_options o = { .clock = &clock_now };
	struct vt_backend_remote r = { .object_class = "GLACIER",
	    .access_key = "a" };
	struct vt_backend_put_result copied;
	char token[VT_BLOB_TOKEN_MAX];
	struct vt_backend *b, *to;
	struct vt_backend_copy c;
	size_t i;

	for (i = 0; i < 3; i++) {
		b = open_tier(URL, tiers[i]);
		ok(put(b, tiers[i], 10, &meta, 1, token) == VT_OK &&
		    get(b, tiers[i], token, 10) == VT_OK, "%s", tiers[i]);
		is_int(vt_backend_restore(b, tiers[i], 1, VT_STANDARD, &err),
		    VT_OK, "can be read as it is");
		to = open_tier(URL, "Archive");
		memset(&c, 0, sizeof(c));
		c.from = b;
		c.from_name = tiers[i];
		c.from_token = token;
		c.size_bytes = 10;
		is_int(vt_backend_copy(to, "copy", &c, &copied, &err), VT_OK,
		    "the other machine copies it to the archive");
		is_int(get(to, "copy", copied.token, 10), VT_NEEDS_RESTORE,
		    "where it is archived");
		c.from = to;
		c.from_name = "copy";
		c.from_token = NULL;
		is_int(vt_backend_copy(b, "back", &c, &copied, &err),
		    VT_INVALID, "from there no copy goes back");
		ok(vt_backend_delete(to, "copy", NULL, &err) == VT_OK &&
		    vt_backend_delete(b, tiers[i], token, &err) == VT_OK,
		    "delete both");
		vt_backend_close(to);
		vt_backend_close(b);
	}
	o.remote = &r;
	is_int(vt_backend_open(URL, &o, &b, &err), VT_INVALID,
	    "a tier that Azure has not");
}

static void
test_refusals(void)
{
	struct vt_backend_remote r = {
		.endpoint = getenv("VT_TEST_ENDPOINT"),
		.access_key = getenv("VT_TEST_KEY"),
		.secret_key = "bm90IHRoZSBrZXk=", .tries = 1,
	};
	struct vt_backend_options o = { .clock = &clock_now, .remote = &r };
	struct vt_backend *b;

	is_int(vt_backend_open(URL, &o, &b, &err), VT_DENIED,
	    "a key that is not the account's");
	ok(strstr(err.text, "AuthorizationFailure") != NULL ||
	    strstr(err.text, "AuthenticationFailed") != NULL,
	    "in the service's words");
	r.secret_key = getenv("VT_TEST_SECRET");
	is_int(vt_backend_open("azure://vt-none/x", &o, &b, &err), VT_ABSENT,
	    "no such container");
	r.access_key = NULL;
	is_int(vt_backend_open(URL, &o, &b, &err), VT_INVALID,
	    "no account");
	r.access_key = "Not_An_Account";
	is_int(vt_backend_open(URL, &o, &b, &err), VT_INVALID,
	    "a name that no account has");
	r.access_key = getenv("VT_TEST_KEY");
	r.secret_key = "%%%";
	is_int(vt_backend_open(URL, &o, &b, &err), VT_INVALID,
	    "a key that is none");
	ok(strstr(err.text, "%%%") == NULL, "is not shown");
	r.secret_key = getenv("VT_TEST_SECRET");
	r.endpoint = "http://127.0.0.1:9/x";
	is_int(vt_backend_open(URL, &o, &b, &err), VT_OK,
	    "P8 one that is away is opened");
	if (b != NULL) {
		struct vt_backend_head h;

		is_int(vt_backend_head(b, "a", &h, &err), VT_BUSY,
		    "and busy when it is needed");
	}
	vt_backend_close(b);
}

/* A SAS for all blobs of the account ("Create an account SAS"), which stands
 * for the key. */
static void
make_sas(const char *permissions, char *out, size_t size)
{
	const char *key = getenv("VT_TEST_SECRET");
	char text[512], sig[64];
	uint8_t secret[128], sum[32];
	struct vt_buf encoded;
	int n, len;

	len = snprintf(text, sizeof(text), "%s\n%s\nb\nco\n\n"
	    "2099-01-01T00:00:00Z\n\n\n2021-12-02\n\n",
	    getenv("VT_TEST_KEY"), permissions);
	n = vt_b64_decode(key, strlen(key), secret, sizeof(secret));
	if (n < 0 || vt_hmac_sha256(secret, (size_t)n, text, (size_t)len,
	    sum) < 0)
		abort();
	vt_b64_encode(sum, sizeof(sum), sig);
	vt_buf_init(&encoded, 256);
	vt_uri_encode(&encoded, sig, strlen(sig), 0);
	snprintf(out, size, "?sv=2021-12-02&ss=b&srt=co&sp=%s"
	    "&se=2099-01-01T00%%3A00%%3A00Z&sig=%s", permissions,
	    encoded.data);
	vt_buf_release(&encoded);
}

static void
test_sas(void)
{
	struct vt_header_kv meta = { "key", "a" };
	struct vt_backend_remote r = {
		.endpoint = getenv("VT_TEST_ENDPOINT"), .tries = 1,
		.part_bytes = 5 << 20,
	};
	struct vt_backend_options o = { .clock = &clock_now, .remote = &r };
	char token[VT_BLOB_TOKEN_MAX], sas[512];
	struct vt_backend_put_result copied;
	struct vt_backend_copy c;
	struct vt_backend *b;

	make_sas("rwdlac", sas, sizeof(sas));
	r.session_token = sas;
	is_int(vt_backend_open(URL, &o, &b, &err), VT_OK,
	    "a SAS alone is enough");
	if (b == NULL)
		return;
	ok(put(b, "small", 10, &meta, 1, token) == VT_OK &&
	    get(b, "small", token, 10) == VT_OK, "put and get");
	ok(put(b, "large", 11 << 20, &meta, 1, token) == VT_OK &&
	    get(b, "large", token, 11 << 20) == VT_OK, "in parts too");
	memset(&c, 0, sizeof(c));
	c.from = b;
	c.from_name = "large";
	c.from_token = token;
	c.size_bytes = 11 << 20;
	ok(vt_backend_copy(b, "copy", &c, &copied, &err) == VT_OK &&
	    get(b, "copy", copied.token, 11 << 20) == VT_OK, "and copy");
	is_int(count(b), 3, "list");
	ok(vt_backend_delete(b, "small", NULL, &err) == VT_OK &&
	    vt_backend_delete(b, "large", token, &err) == VT_OK &&
	    vt_backend_delete(b, "copy", NULL, &err) == VT_OK, "delete");
	vt_backend_close(b);
	make_sas("rl", sas, sizeof(sas));
	is_int(vt_backend_open(URL, &o, &b, &err), VT_OK,
	    "one for reading alone");
	is_int(put(b, "small", 10, &meta, 1, token), VT_DENIED,
	    "lets nobody write");
	ok(strstr(err.text, "sig=") == NULL, "and is not shown");
	vt_backend_close(b);
}

int
main(int argc, char **argv)
{
	const char *endpoint = getenv("VT_TEST_ENDPOINT");
	const char *urls = getenv("VT_TEST_URLS");

	if (endpoint == NULL || urls == NULL ||
	    strncmp(urls, "azure:", 6) != 0) {
		printf("1..0 # SKIP no server of Azure's API is here\n");
		return 0;
	}
	if (argc > 1) {
		struct vt_backend *b = open_tier(argv[1], NULL);

		printf("%d\n", count(b));
		vt_backend_close(b);
		return 0;
	}
	test_archive();
	test_tiers();
	test_sas();
	test_refusals();
	return test_done();
}
