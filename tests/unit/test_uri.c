#include "libvt/base/uri.h"

#include "tests/unit/test.h"

static void
test_encode(void)
{
	struct vt_buf b;

	vt_buf_init(&b, 100);
	vt_uri_encode(&b, "AZaz09-._~", 10, 0);
	is_str(b.data, "AZaz09-._~", "unreserved stay");
	vt_buf_reset(&b);
	vt_uri_encode(&b, "a/b c+\xff", 7, 1);
	is_str(b.data, "a/b%20c%2B%FF", "others are escaped, in upper case");
	vt_buf_reset(&b);
	vt_uri_encode(&b, "a/b\0", 4, 0);
	is_str(b.data, "a%2Fb%00", "the slash when asked, NUL always");
	vt_buf_reset(&b);
	vt_uri_encode(&b, NULL, 0, 0);
	is_str(b.data, "", "nothing");
	vt_buf_release(&b);
	vt_buf_init(&b, 5);
	vt_uri_encode(&b, "a b c", 5, 0);
	ok(b.failed && b.len == 0, "over the maximum nothing is appended");
	vt_buf_release(&b);
}

static void
test_decode(void)
{
	static const char *const bad[] = { "%", "%4", "%4g", "%g4", "a%%41" };
	char text[300], *p;
	struct vt_buf b;
	size_t i;

	strcpy(text, "a%20b%2Fc%00d+e");
	is_int(vt_uri_decode(text, 15, 0), 9, "decoded");
	ok(memcmp(text, "a b/c\0d+e", 9) == 0, "every byte");
	strcpy(text, "a+b");
	vt_uri_decode(text, 3, 1);
	is_str(text, "a b", "plus when asked");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		/* malloc'ed without a NUL: reading beyond shows in ASan. */
		p = malloc(strlen(bad[i]));
		memcpy(p, bad[i], strlen(bad[i]));
		is_int(vt_uri_decode(p, strlen(bad[i]), 0), -1,
		    "'%s' is broken", bad[i]);
		free(p);
	}
	vt_buf_init(&b, 1000);
	for (i = 0; i < 256; i++)
		text[i] = (char)i;
	vt_uri_encode(&b, text, 256, 1);
	is_int(vt_uri_decode(b.data, b.len, 0), 256, "all bytes");
	ok(memcmp(b.data, text, 256) == 0, "come back");
	vt_buf_release(&b);
}

static void
test_query(void)
{
	static const char raw[] =
	    "&list-type=2&prefix=a%2Fb+c&&acl&empty=&x=1=2&prefix=second&%61=";
	struct vt_arena *a = vt_arena_new(100000);
	struct vt_query *q;
	struct vt_err err;
	size_t n;

	is_int(vt_uri_query(a, raw, strlen(raw), 10, &q, &n, &err), VT_OK,
	    "split");
	is_int(n, 7, "empty pieces are none");
	is_str(q[0].name, "list-type", "in the order given");
	is_str(vt_query_get(q, n, "prefix"), "a/b c", "decoded, the first");
	is_str(vt_query_get(q, n, "x"), "1=2", "only the first '=' splits");
	is_str(vt_query_get(q, n, "acl"), "", "without '=' it is empty");
	is_str(q[6].name, "a", "names are decoded too");
	ok(!q[2].has_value && q[3].has_value, "but the difference is kept");
	is_int(q[1].value_len, 5, "lengths");
	ok(vt_query_get(q, n, "list") == NULL, "absent");
	is_int(vt_uri_query(a, raw, strlen(raw), 6, &q, &n, &err),
	    VT_TOO_LARGE, "too many");
	is_int(vt_uri_query(a, "", 0, 0, &q, &n, &err), VT_OK, "none");
	is_int(n, 0, "is 0");
	is_int(vt_uri_query(a, "a=%zz", 5, 9, &q, &n, &err), VT_INVALID,
	    "broken value");
	is_int(vt_uri_query(a, "%a", 2, 9, &q, &n, &err), VT_INVALID,
	    "broken name");
	is_int(vt_uri_query(a, "a=%00", 5, 9, &q, &n, &err), VT_INVALID,
	    "NUL");
	is_int(vt_uri_query(a, "a=1&b=2xxxx", 7, 9, &q, &n, &err), VT_OK,
	    "only the given length");
	is_str(vt_query_get(q, n, "b"), "2", "is read");
	vt_arena_free(a);
	a = vt_arena_new(10);
	is_int(vt_uri_query(a, raw, strlen(raw), 10, &q, &n, &err), VT_NOMEM,
	    "no memory");
	vt_arena_free(a);
}

static void
test_split(void)
{
	static const struct {
		const char *url, *scheme, *host, *path;
		int port;
	} good[] = {
		{ "http://h", "http", "h", "", 0 },
		{ "HTTPS://s3.eu-west-1.amazonaws.com/b/p", "https",
		    "s3.eu-west-1.amazonaws.com", "/b/p", 0 },
		{ "http://127.0.0.1:9000/", "http", "127.0.0.1", "/", 9000 },
		{ "http://[::1]:9000/x", "http", "[::1]", "/x", 9000 },
		{ "http://[::1]", "http", "[::1]", "", 0 },
		{ "file:///var/lib/vt", "file", "", "/var/lib/vt", 0 },
		{ "s3://b/a:b@c?d", "s3", "b", "/a:b@c?d", 0 }
	};
	static const char *const bad[] = {
		"", "h", "mem:", "://h", "1a://h", "http://user:pw@h/",
		"http://h:0/", "http://h:65536/", "http://h:/", "http://h:x/",
		"http://:80/", "http://[::1/", "http://[::1]x/", "http://h?q",
		"http://a b/", "http://a\tb/", "http://a\\b/"
	};
	struct vt_arena *a = vt_arena_new(100000);
	struct vt_url u;
	struct vt_err err;
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		is_int(vt_uri_split(a, good[i].url, &u, &err), VT_OK,
		    "'%s' is a URL", good[i].url);
		ok(strcmp(u.scheme, good[i].scheme) == 0 &&
		    strcmp(u.host, good[i].host) == 0 &&
		    strcmp(u.path, good[i].path) == 0 &&
		    u.port == good[i].port, "with its parts");
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		is_int(vt_uri_split(a, bad[i], &u, &err), VT_INVALID,
		    "'%s' is none", bad[i]);
	is_int(vt_uri_split(a, "http://me:secret@h/", &u, &err), VT_INVALID,
	    "a password is refused");
	ok(strstr(err.text, "secret") == NULL, "and not repeated");
	vt_arena_free(a);
}

int
main(void)
{
	test_encode();
	test_decode();
	test_query();
	test_split();
	return test_done();
}
