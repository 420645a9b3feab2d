/* Percent encoding, query strings, URLs: see uri.h. */
#include <stdint.h>
#include <string.h>

#include "libvt/base/hex.h"
#include "libvt/base/num.h"

#include "libvt/base/uri.h"

/* 1: RFC 3986 unreserved, never escaped.  2: the slash. */
static const uint8_t plain[256] = {
	['-'] = 1, ['.'] = 1, ['/'] = 2, ['_'] = 1, ['~'] = 1,
	['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1,
	['5'] = 1, ['6'] = 1, ['7'] = 1, ['8'] = 1, ['9'] = 1,
	['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1, ['F'] = 1,
	['G'] = 1, ['H'] = 1, ['I'] = 1, ['J'] = 1, ['K'] = 1, ['L'] = 1,
	['M'] = 1, ['N'] = 1, ['O'] = 1, ['P'] = 1, ['Q'] = 1, ['R'] = 1,
	['S'] = 1, ['T'] = 1, ['U'] = 1, ['V'] = 1, ['W'] = 1, ['X'] = 1,
	['Y'] = 1, ['Z'] = 1,
	['a'] = 1, ['b'] = 1, ['c'] = 1, ['d'] = 1, ['e'] = 1, ['f'] = 1,
	['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1, ['k'] = 1, ['l'] = 1,
	['m'] = 1, ['n'] = 1, ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1,
	['s'] = 1, ['t'] = 1, ['u'] = 1, ['v'] = 1, ['w'] = 1, ['x'] = 1,
	['y'] = 1, ['z'] = 1,
};

void
vt_uri_encode(struct vt_buf *out, const void *data, size_t len,
    int keep_slash)
{
	static const char digits[] = "0123456789ABCDEF";
	const uint8_t *s = data;
	int limit = keep_slash ? 2 : 1;
	size_t i, extra = 0;
	char *p;

	for (i = 0; i < len; i++)
		if (plain[s[i]] == 0 || plain[s[i]] > limit)
			extra += 2;
	if (extra == 0) {
		vt_buf_add(out, data, len);
		return;
	}
	p = vt_buf_reserve(out, len + extra);
	if (p == NULL)
		return;
	for (i = 0; i < len; i++) {
		if (plain[s[i]] != 0 && plain[s[i]] <= limit) {
			*p++ = (char)s[i];
		} else {
			*p++ = '%';
			*p++ = digits[s[i] >> 4];
			*p++ = digits[s[i] & 15];
		}
	}
	*p = '\0';
	out->len += len + extra;
}

long
vt_uri_decode(char *text, size_t len, int plus)
{
	size_t i, n = 0;
	int high, low;

	for (i = 0; i < len; i++) {
		if (text[i] == '%') {
			if (len - i < 3)
				return -1;
			high = vt_hex_digit(text[i + 1]);
			low = vt_hex_digit(text[i + 2]);
			if (high < 0 || low < 0)
				return -1;
			text[n++] = (char)(high << 4 | low);
			i += 2;
		} else if (text[i] == '+' && plus) {
			text[n++] = ' ';
		} else {
			text[n++] = text[i];
		}
	}
	return (long)n;
}

/* Decode text[0..len) and end it with a NUL (a byte follows it).  -1 for a
 * broken escape or a NUL inside, which would cut the C string. */
static int
decode_part(char *text, size_t len, size_t *out_len)
{
	long n;

	n = vt_uri_decode(text, len, 1);
	if (n < 0 || memchr(text, '\0', (size_t)n) != NULL)
		return -1;
	text[n] = '\0';
	*out_len = (size_t)n;
	return 0;
}

enum vt_code
vt_uri_query(struct vt_arena *a, const char *raw, size_t len, size_t max,
    struct vt_query **out, size_t *count, struct vt_err *err)
{
	size_t i, n = 0, used = 0, name_len;
	char *text, *end, *stop, *eq;
	struct vt_query *q;

	*out = NULL;
	*count = 0;
	for (i = 0; i < len; i++)
		if (raw[i] != '&' && (i == 0 || raw[i - 1] == '&'))
			n++;
	if (n > max)
		return vt_fail(err, VT_TOO_LARGE,
		    "the query has %zu parameters, over %zu", n, max);
	/* One more, so that no parameter at all is not NULL. */
	q = vt_arena_alloc(a, (n + 1) * sizeof(*q));
	text = vt_arena_dup(a, raw, len);
	if (q == NULL || text == NULL)
		return vt_fail(err, VT_NOMEM, "no memory for the query");
	end = text + len;
	for (; text < end; text = stop + 1) {
		stop = memchr(text, '&', (size_t)(end - text));
		if (stop == NULL)
			stop = end;
		if (stop == text)
			continue;
		/* '&' and '=' become the NULs that end value and name. */
		eq = memchr(text, '=', (size_t)(stop - text));
		q[used].name = text;
		q[used].value = "";
		q[used].has_value = eq != NULL;
		if (eq != NULL) {
			q[used].value = eq + 1;
			if (decode_part(eq + 1, (size_t)(stop - eq - 1),
			    &q[used].value_len) < 0)
				goto broken;
		} else {
			eq = stop;
		}
		if (decode_part(text, (size_t)(eq - text), &name_len) < 0)
			goto broken;
		used++;
	}
	*out = q;
	*count = used;
	return VT_OK;
broken:
	return vt_fail(err, VT_INVALID,
	    "the query holds a broken escape or a NUL");
}

const char *
vt_query_get(const struct vt_query *q, size_t count, const char *name)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strcmp(q[i].name, name) == 0)
			return q[i].value;
	return NULL;
}

static int
is_scheme(const char *s, size_t len)
{
	size_t i;

	if (len == 0 || !((s[0] | 32) >= 'a' && (s[0] | 32) <= 'z'))
		return 0;
	for (i = 1; i < len; i++)
		if (!((s[i] | 32) >= 'a' && (s[i] | 32) <= 'z') &&
		    !(s[i] >= '0' && s[i] <= '9') && s[i] != '+' &&
		    s[i] != '-' && s[i] != '.')
			return 0;
	return 1;
}

enum vt_code
vt_uri_split(struct vt_arena *a, const char *url, struct vt_url *out,
    struct vt_err *err)
{
	const char *colon, *host, *host_end, *end, *port, *s;
	char *scheme;
	uint64_t number = 0;
	size_t i;

	memset(out, 0, sizeof(*out));
	colon = strstr(url, "://");
	if (colon == NULL || !is_scheme(url, (size_t)(colon - url)))
		return vt_fail(err, VT_INVALID,
		    "'%s' is not scheme://host[:port]/path", url);
	host = colon + 3;
	end = host + strcspn(host, "/?#");
	/* A name or password before the host would end in logs. */
	s = memchr(host, '@', (size_t)(end - host));
	if (s != NULL)
		return vt_fail(err, VT_INVALID,
		    "the URL for '%s' must not hold a user or password",
		    s + 1);
	if (*end != '/' && *end != '\0')
		return vt_fail(err, VT_INVALID,
		    "'%s' has a query or fragment but no path", url);
	/* The colons of an IPv6 address stand in brackets. */
	host_end = host;
	if (*host == '[') {
		host_end = memchr(host, ']', (size_t)(end - host));
		if (host_end == NULL)
			return vt_fail(err, VT_INVALID,
			    "'%s' lacks a ']' after the address", url);
	}
	port = memchr(host_end, ':', (size_t)(end - host_end));
	if (*host == '[' && host_end + 1 != (port != NULL ? port : end))
		return vt_fail(err, VT_INVALID,
		    "'%s' has text between address and port", url);
	host_end = port != NULL ? port : end;
	if (port != NULL &&
	    (vt_num_scan_u64(port + 1, (size_t)(end - port - 1),
	    &number) < 0 || number == 0 || number > 65535))
		return vt_fail(err, VT_INVALID,
		    "the port of '%s' is not a number from 1 to 65535", url);
	if (port != NULL && host_end == host)
		return vt_fail(err, VT_INVALID,
		    "'%s' has a port but no host", url);
	for (s = host; s < host_end; s++)
		if ((unsigned char)*s <= 0x20 || *s == 0x7f || *s == 0x5c)
			return vt_fail(err, VT_INVALID,
			    "the host of '%s' holds a space or control "
			    "character", url);
	scheme = vt_arena_dup(a, url, (size_t)(colon - url));
	out->host = vt_arena_dup(a, host, (size_t)(host_end - host));
	out->path = vt_arena_str(a, end);
	if (scheme == NULL || out->host == NULL || out->path == NULL)
		return vt_fail(err, VT_NOMEM, "no memory for a URL");
	for (i = 0; scheme[i] != '\0'; i++)
		if (scheme[i] >= 'A' && scheme[i] <= 'Z')
			scheme[i] = (char)(scheme[i] | 32);
	out->scheme = scheme;
	out->port = (int)number;
	return VT_OK;
}

int
vt_utf8_valid(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text, *end = s + len;
	unsigned more, low, high;

	while (s < end) {
		if (*s < 0x80) {
			s++;
			continue;
		}
		if (*s < 0xc2 || *s > 0xf4)
			return 0;
		more = 1 + (*s >= 0xe0) + (*s >= 0xf0);
		low = *s == 0xe0 ? 0xa0 : *s == 0xf0 ? 0x90 : 0x80;
		high = *s == 0xed ? 0x9f : *s == 0xf4 ? 0x8f : 0xbf;
		for (s++; more > 0; more--, s++, low = 0x80, high = 0xbf)
			if (s == end || *s < low || *s > high)
				return 0;
	}
	return 1;
}
