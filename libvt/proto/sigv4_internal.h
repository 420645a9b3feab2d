/*
 * What the files of sigv4.h share.  Only sigv4*.c may include this.
 */
#ifndef VT_PROTO_SIGV4_INTERNAL_H
#define VT_PROTO_SIGV4_INTERNAL_H

#include <assert.h>
#include <string.h>

#include "libvt/proto/sigv4.h"

#define ALGORITHM "AWS4-HMAC-SHA256"
#define TERMINATOR "aws4_request"
#define UNSIGNED "UNSIGNED-PAYLOAD"
#define EMPTY_SHA256 \
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

#define ACCESS_KEY_MAX 128
#define REGION_MAX 64
#define SERVICE_MAX 32
#define SECRET_MAX 512
#define EXPIRES_MAX_S 604800		/* a week */

/* --- text of a size worked out beforehand -------------------------------- */

struct text {
	char *p;
	size_t len, cap;
};

static inline int
text_init(struct text *t, struct vt_arena *a, size_t cap)
{
	t->p = vt_arena_alloc(a, cap);
	t->len = 0;
	t->cap = cap;
	return t->p == NULL ? -1 : 0;
}

static inline void
put(struct text *t, const char *s, size_t len)
{
	assert(len <= t->cap - t->len);
	memcpy(t->p + t->len, s, len);
	t->len += len;
}

static inline void
put_str(struct text *t, const char *s)
{
	put(t, s, strlen(s));
}

static inline void
put_char(struct text *t, char c)
{
	assert(t->len < t->cap);
	t->p[t->len++] = c;
}

static inline int
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static inline char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Without blanks round it; NULL: no memory. */
static inline const char *
trimmed(struct vt_arena *a, const char *s)
{
	size_t len;

	while (is_space(*s))
		s++;
	len = strlen(s);
	if (len == 0 || !is_space(s[len - 1]))
		return s;
	while (len > 0 && is_space(s[len - 1]))
		len--;
	return vt_arena_dup(a, s, len);
}

/* A byte that may stand in a header's name, or close to it: what would end
 * the name or a list of names may not. */
static inline int
in_name(char c)
{
	return c > ' ' && c < 0x7f && c != ':' && c != ',' && c != ';';
}

/* A header's value as it is signed: trimmed, inner runs of blanks one space.
 * Folded lines fall under the same rule. */
static inline void
put_value(struct text *t, const char *s)
{
	size_t start = t->len;
	int gap = 0;

	for (; *s != '\0'; s++) {
		if (is_space(*s)) {
			gap = t->len > start;
			continue;
		}
		if (gap)
			put_char(t, ' ');
		gap = 0;
		put_char(t, *s);
	}
}

static inline enum vt_code
no_memory(struct vt_err *err)
{
	return vt_fail(err, VT_NOMEM, "no memory to work out a signature");
}

/* --- the query, still encoded --------------------------------------------- */

struct param {
	const char *name, *value;
	size_t name_len, value_len;
	int has_value;
};

/* The next parameter at *p, which moves on; 0 at the end.  Empty ones, as in
 * "a&&b", are passed over. */
static inline int
next_param(const char **p, struct param *out)
{
	const char *s = *p, *eq;
	size_t len;

	s += strspn(s, "&");
	if (*s == '\0')
		return 0;
	len = strcspn(s, "&");
	eq = memchr(s, '=', len);
	out->name = s;
	out->has_value = eq != NULL;
	out->name_len = eq != NULL ? (size_t)(eq - s) : len;
	out->value = eq != NULL ? eq + 1 : s + len;
	out->value_len = eq != NULL ? len - out->name_len - 1 : 0;
	*p = s + len;
	return 1;
}

static inline size_t
count_params(const char *query)
{
	struct param q;
	size_t n = 0;

	while (next_param(&query, &q))
		n++;
	return n;
}

/* Is the encoded name `s` the plain name `want`? */
int vt_sig_name_is(const char *s, size_t len, const char *want);
/* By name, then value: for qsort of struct param. */
int vt_sig_compare_params(const void *va, const void *vb);

/* --- headers by name ------------------------------------------------------ */

struct field {
	const char *name;	/* lower case */
	const char *value;
	size_t order;		/* as sent: repeated headers keep their order */
	int covered;		/* named in SignedHeaders */
};

struct fields {
	struct field *list;
	size_t count;
	size_t value_bytes;
};

/* Headers by name, in lower case. */
enum vt_code vt_sig_sort_fields(struct vt_arena *a, const struct vt_header *h,
    size_t count, struct fields *out, struct vt_err *err) VT_MUST_CHECK;
/* The first field called `name`, or NULL; others of the name follow it. */
struct field *vt_sig_find_field(const struct fields *f, const char *name,
    size_t len);
/* The value of the first header called `name`, or ""; sigv4_v2.c. */
const char *vt_sig_first_header(const struct vt_sig_request *r,
    const char *name);

/* --- the canonical request ------------------------------------------------ */

struct canon {
	const struct vt_sig_request *r;
	const char *signed_headers;
	const char *payload;		/* the last line */
	int s3_path;
	int presigned;
	int must_cover;		/* refuse unless all that S3 asks is signed */
};

enum vt_code vt_sig_canonical_text(struct vt_arena *a, const struct canon *c,
    struct text *t, struct vt_err *err) VT_MUST_CHECK;

/* --- signatures: sigv4.c -------------------------------------------------- */

/* In constant time; how a wrong one is told. */
int vt_sig_same(const char *claimed, const char *right, size_t len);
enum vt_code vt_sig_mismatch(struct vt_err *err);

#endif
