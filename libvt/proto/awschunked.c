/*
 * See awschunked.h.  A state machine over lines and data; a line is gathered
 * whole before it is looked at, data passes straight through.
 *
 *	10000;chunk-signature=<64 hex>\r\n	HEAD
 *	<65536 bytes>				DATA
 *	\r\n					DATA_END
 *	0;chunk-signature=<64 hex>\r\n		HEAD
 *	x-amz-checksum-crc32c:sOO8/Q==\r\n	TRAILER
 *	x-amz-trailer-signature:<64 hex>\r\n	TRAILER
 *	\r\n					TRAILER, or END without trailers
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/hex.h"

#include "libvt/proto/awschunked.h"

#define CHUNK_LINE_MAX 1024	/* a chunk's head or one trailer */
#define CHUNK_SIZE_MAX (UINT64_C(1) << 62)
#define TRAILER_BLANKS 2	/* blank lines before the trailer signature */

enum state { HEAD, DATA, DATA_END, END, TRAILER, DONE, FAILED };

struct trailer {
	char *name;		/* lower case; one allocation with value */
	char *value;
};

struct vt_chunked {
	const struct vt_sig_auth *auth;
	const uint8_t *key;
	enum state state;
	int has_signatures, has_trailers, trailer_verified;
	int blanks;
	char prev[65];		/* the signature before */
	char claimed[65];	/* of the chunk at hand */
	struct vt_hash hash;
	uint64_t left;		/* of the chunk at hand */
	uint64_t total;		/* sizes of all chunks so far */
	uint64_t declared;
	size_t line_len, ends;	/* ends: bytes of DATA_END's CRLF seen */
	char line[CHUNK_LINE_MAX];
	struct trailer trailer[VT_CHUNK_TRAILERS];
	size_t trailers;
	struct vt_err err;	/* in FAILED: told again */
};

struct vt_chunked *
vt_chunked_new(const struct vt_sig_auth *auth, const uint8_t key[32],
    const char seed[65], uint64_t decoded_length)
{
	struct vt_chunked *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->auth = auth;
	c->key = key;
	c->declared = decoded_length;
	c->has_signatures = auth->payload == VT_PAYLOAD_CHUNKED ||
	    auth->payload == VT_PAYLOAD_CHUNKED_TRAILER;
	c->has_trailers = auth->payload != VT_PAYLOAD_CHUNKED;
	if (c->has_signatures) {
		assert(key != NULL && seed != NULL);
		memcpy(c->prev, seed, sizeof(c->prev));
	}
	return c;
}

void
vt_chunked_free(struct vt_chunked *c)
{
	size_t i;

	if (c == NULL)
		return;
	for (i = 0; i < c->trailers; i++)
		free(c->trailer[i].name);
	vt_hash_release(&c->hash);
	free(c);
}

static int
is_blank(char ch)
{
	return ch == ' ' || ch == '\t';
}

static enum vt_code
no_memory(struct vt_err *err)
{
	return vt_fail(err, VT_NOMEM, "no memory to decode a chunked body");
}

/* --- a chunk's head ------------------------------------------------------ */

/* "<hex>" at the start of `s`; its length, or 0. */
static size_t
parse_size(const char *s, size_t len, uint64_t *size)
{
	size_t i;

	*size = 0;
	for (i = 0; i < len && vt_hex_digit(s[i]) >= 0; i++) {
		if (*size > CHUNK_SIZE_MAX >> 4)
			return 0;
		*size = *size << 4 | (uint64_t)vt_hex_digit(s[i]);
	}
	return *size > CHUNK_SIZE_MAX ? 0 : i;
}

static const char *
skip_blanks(const char *s, const char *end)
{
	while (s < end && is_blank(*s))
		s++;
	return s;
}

/*
 * ";name=value" after the size, as often as there are; all but the signature
 * are passed over (RFC 9112 section 7.1.1).  0, or -1.
 */
static int
parse_extensions(struct vt_chunked *c, const char *s, const char *end)
{
	static const char name[] = "chunk-signature";
	size_t name_len = sizeof(name) - 1;

	c->claimed[0] = '\0';
	for (s = skip_blanks(s, end); s < end; s = skip_blanks(s, end)) {
		const char *start, *stop;

		if (*s != ';')
			return -1;
		start = skip_blanks(s + 1, end);
		for (s = start; s < end && *s != ';'; s++)
			;
		stop = s;
		while (stop > start && is_blank(stop[-1]))
			stop--;
		if ((size_t)(stop - start) < name_len ||
		    memcmp(start, name, name_len) != 0)
			continue;
		start = skip_blanks(start + name_len, stop);
		if (start == stop || *start != '=')
			continue;
		start = skip_blanks(start + 1, stop);
		if (stop - start != 64 || c->claimed[0] != '\0')
			return -1;
		memcpy(c->claimed, start, 64);
		c->claimed[64] = '\0';
	}
	return 0;
}

static enum vt_code
check_chunk(struct vt_chunked *c, struct vt_err *err)
{
	uint8_t digest[VT_HASH_MAX];
	enum vt_code rc;

	vt_hash_final(&c->hash, digest);
	rc = vt_sig_chunk(c->auth, c->key, c->prev, digest, c->claimed);
	if (rc == VT_DENIED)
		return vt_fail(err, rc,
		    "the signature of a chunk does not match");
	if (rc != VT_OK)
		return no_memory(err);
	return VT_OK;
}

static enum vt_code
take_head(struct vt_chunked *c, const char *line, size_t len, int crlf,
    struct vt_err *err)
{
	size_t digits;

	digits = parse_size(line, len, &c->left);
	if (digits == 0 || !crlf ||
	    parse_extensions(c, line + digits, line + len) < 0)
		return vt_fail(err, VT_INVALID,
		    "the head of a chunk is malformed");
	if (c->has_signatures && c->claimed[0] == '\0')
		return vt_fail(err, VT_INVALID, "a chunk has no signature");
	/* Told before the bytes arrive; the sum cannot wrap, for `total` is
	 * within `declared`, or counts bytes that did arrive. */
	if (c->left > UINT64_MAX - c->total ||
	    c->left + c->total > c->declared)
		return vt_fail(err, VT_INVALID, "the body is longer than "
		    "x-amz-decoded-content-length says");
	c->total += c->left;
	if (c->has_signatures && vt_hash_init(&c->hash, VT_SHA256) < 0)
		return no_memory(err);
	if (c->left > 0) {
		c->state = DATA;
		return VT_OK;
	}
	c->state = c->has_trailers ? TRAILER : END;
	return c->has_signatures ? check_chunk(c, err) : VT_OK;
}

/* --- trailers ------------------------------------------------------------ */

static int
compare_trailers(const void *va, const void *vb)
{
	const struct trailer *a = va, *b = vb;

	return strcmp(a->name, b->name);
}

/* What is signed are the trailers as canonical headers: sorted, trimmed, a
 * newline after each, whatever the line ends on the wire. */
static enum vt_code
check_trailers(struct vt_chunked *c, const char *claimed, struct vt_err *err)
{
	uint8_t digest[VT_HASH_MAX];
	enum vt_code rc;
	size_t i;

	qsort(c->trailer, c->trailers, sizeof(c->trailer[0]),
	    compare_trailers);
	if (vt_hash_init(&c->hash, VT_SHA256) < 0)
		return no_memory(err);
	for (i = 0; i < c->trailers; i++) {
		const struct trailer *t = &c->trailer[i];

		vt_hash_update(&c->hash, t->name, strlen(t->name));
		vt_hash_update(&c->hash, ":", 1);
		vt_hash_update(&c->hash, t->value, strlen(t->value));
		vt_hash_update(&c->hash, "\n", 1);
	}
	vt_hash_final(&c->hash, digest);
	rc = vt_sig_trailer(c->auth, c->key, c->prev, digest, claimed);
	if (rc == VT_DENIED)
		return vt_fail(err, rc,
		    "the signature of the trailers does not match");
	if (rc != VT_OK)
		return no_memory(err);
	c->trailer_verified = 1;
	return VT_OK;
}

/* Split a line in place of memory of our own; NULL name on failure. */
static enum vt_code
split_trailer(const char *line, size_t len, struct trailer *out,
    struct vt_err *err)
{
	const char *colon = memchr(line, ':', len);
	size_t name_len, i;
	char *end;

	out->name = NULL;
	if (colon == NULL || colon == line)
		return vt_fail(err, VT_INVALID, "a trailer is malformed");
	for (i = 0; i < len; i++) {
		unsigned char ch = (unsigned char)line[i];

		if ((ch < ' ' && ch != '\t') || ch == 0x7f ||
		    (line + i < colon && is_blank(line[i])))
			return vt_fail(err, VT_INVALID,
			    "a trailer is malformed");
	}
	out->name = malloc(len + 1);
	if (out->name == NULL)
		return no_memory(err);
	memcpy(out->name, line, len);
	out->name[len] = '\0';
	name_len = (size_t)(colon - line);
	out->name[name_len] = '\0';
	for (i = 0; i < name_len; i++)
		if (out->name[i] >= 'A' && out->name[i] <= 'Z')
			out->name[i] += 'a' - 'A';
	out->value = out->name + name_len + 1;
	while (is_blank(*out->value))
		out->value++;
	end = out->value + strlen(out->value);
	while (end > out->value && is_blank(end[-1]))
		*--end = '\0';
	return VT_OK;
}

/*
 * The blank line ends the trailers; but minio-go sets one before the
 * signature, and others one after the last chunk.
 */
static enum vt_code
take_blank(struct vt_chunked *c, struct vt_err *err)
{
	if (!c->has_signatures || c->trailer_verified) {
		c->state = DONE;
		return VT_OK;
	}
	if (++c->blanks > TRAILER_BLANKS)
		return vt_fail(err, VT_INVALID,
		    "the trailers have no signature");
	return VT_OK;
}

static enum vt_code
take_trailer(struct vt_chunked *c, const char *line, size_t len,
    struct vt_err *err)
{
	struct trailer t;
	enum vt_code rc;

	if (len == 0)
		return take_blank(c, err);
	rc = split_trailer(line, len, &t, err);
	if (rc != VT_OK)
		return rc;
	if (c->trailer_verified) {
		rc = vt_fail(err, VT_INVALID,
		    "a trailer comes after the trailers' signature");
	} else if (c->has_signatures &&
	    strcmp(t.name, "x-amz-trailer-signature") == 0) {
		rc = check_trailers(c, t.value, err);
	} else if (vt_chunked_trailer(c, t.name) != NULL) {
		rc = vt_fail(err, VT_INVALID, "a trailer is given twice");
	} else if (c->trailers == VT_CHUNK_TRAILERS) {
		rc = vt_fail(err, VT_INVALID, "more than %d trailers",
		    VT_CHUNK_TRAILERS);
	} else {
		c->trailer[c->trailers++] = t;
		return VT_OK;
	}
	free(t.name);
	return rc;
}

/* --- the machine --------------------------------------------------------- */

/* c->line is whole, its LF taken off. */
static enum vt_code
take_line(struct vt_chunked *c, struct vt_err *err)
{
	size_t len = c->line_len;
	int crlf = len > 0 && c->line[len - 1] == '\r';

	c->line_len = 0;
	if (crlf)
		len--;
	if (c->state == HEAD)
		return take_head(c, c->line, len, crlf, err);
	/* SDKs end trailers by CRLF or by LF alone; S3 takes both. */
	if (c->state == TRAILER)
		return take_trailer(c, c->line, len, err);
	if (len > 0 || !crlf)
		return vt_fail(err, VT_INVALID,
		    "the last chunk is not followed by CRLF");
	c->state = DONE;
	return VT_OK;
}

static enum vt_code
push_line(struct vt_chunked *c, const char *in, size_t len, size_t *used,
    struct vt_err *err)
{
	const char *lf = memchr(in, '\n', len);
	size_t n = lf != NULL ? (size_t)(lf - in) : len;

	if (n > sizeof(c->line) - c->line_len)
		return vt_fail(err, VT_INVALID,
		    "a line of the chunked body is longer than %d bytes",
		    CHUNK_LINE_MAX);
	memcpy(c->line + c->line_len, in, n);
	c->line_len += n;
	*used = n;
	if (lf == NULL)
		return VT_OK;
	*used = n + 1;
	return take_line(c, err);
}

static size_t
push_data(struct vt_chunked *c, const char *in, size_t len, char *out,
    size_t room)
{
	size_t n = len < room ? len : room;

	if (n > c->left)
		n = (size_t)c->left;
	if (c->has_signatures)
		vt_hash_update(&c->hash, in, n);
	memmove(out, in, n);	/* `out` may be `in` */
	c->left -= n;
	if (c->left == 0) {
		c->state = DATA_END;
		c->ends = 0;
	}
	return n;
}

static enum vt_code
push_data_end(struct vt_chunked *c, char ch, struct vt_err *err)
{
	if (ch != "\r\n"[c->ends++])
		return vt_fail(err, VT_INVALID,
		    "a chunk is not followed by CRLF");
	if (c->ends < 2)
		return VT_OK;
	c->state = HEAD;
	return c->has_signatures ? check_chunk(c, err) : VT_OK;
}

static enum vt_code
fail_for_good(struct vt_chunked *c, struct vt_err *err)
{
	c->state = FAILED;
	if (err != NULL)
		*err = c->err;
	return c->err.code;
}

enum vt_code
vt_chunked_push(struct vt_chunked *c, const char *in, size_t *in_len,
    char *out, size_t *out_len, struct vt_err *err)
{
	size_t len = *in_len, room = *out_len, i = 0, o = 0, n;
	enum vt_code rc = VT_OK;

	while (i < len && rc == VT_OK && c->state != FAILED) {
		n = 1;
		switch (c->state) {
		case DATA:
			if (o == room)
				goto out;
			n = push_data(c, in + i, len - i, out + o, room - o);
			o += n;
			break;
		case DATA_END:
			rc = push_data_end(c, in[i], &c->err);
			break;
		case DONE:
			rc = vt_fail(&c->err, VT_INVALID,
			    "bytes follow the end of the chunked body");
			break;
		default:
			rc = push_line(c, in + i, len - i, &n, &c->err);
			break;
		}
		if (rc == VT_OK)
			i += n;
	}
out:
	*in_len = i;
	*out_len = o;
	if (rc != VT_OK || c->state == FAILED)
		return fail_for_good(c, err);
	return VT_OK;
}

enum vt_code
vt_chunked_finish(struct vt_chunked *c, struct vt_err *err)
{
	if (c->state == FAILED)
		return fail_for_good(c, err);
	if (c->state != DONE) {
		(void)vt_fail(&c->err, VT_INVALID,
		    "the chunked body ends too early");
		return fail_for_good(c, err);
	}
	if (c->declared != UINT64_MAX && c->total != c->declared) {
		(void)vt_fail(&c->err, VT_INVALID, "the body is shorter than "
		    "x-amz-decoded-content-length says");
		return fail_for_good(c, err);
	}
	return VT_OK;
}

const char *
vt_chunked_trailer(const struct vt_chunked *c, const char *name)
{
	size_t i;

	for (i = 0; i < c->trailers; i++)
		if (strcmp(c->trailer[i].name, name) == 0)
			return c->trailer[i].value;
	return NULL;
}

int
vt_chunked_done(const struct vt_chunked *c)
{
	return c->state == DONE;
}
