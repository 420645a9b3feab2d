#include <string.h>

#include "libvt/base/jsonl.h"

#include "libvt/proto/accessline.h"

/* The end of the number at p, or NULL: a natural one as JSON writes it, that
 * surely fits. */
static const char *
read_number(const char *p, const char *end, uint64_t *out)
{
	const char *start = p;
	uint64_t n = 0;

	for (; p < end && (uint8_t)(*p - '0') <= 9; p++)
		n = n * 10 + (uint8_t)(*p - '0');
	*out = n;
	if (p == start || p - start > 19 || (*start == '0' && p - start > 1))
		return NULL;
	return p;
}

static const char *
read_text(const char *p, const char *end, struct vt_accessline_text *out)
{
	const char *stop;

	if (p == end || *p != '"')
		return NULL;
	stop = vt_json_plain_end(p + 1, end);
	if (stop == end || *stop != '"')
		return NULL;
	out->s = p + 1;
	out->len = (size_t)(stop - p) - 1;
	return stop + 1;
}

static const char *
read_truth(const char *p, const char *end)
{
	if (end - p >= 5 && memcmp(p, "false", 5) == 0)
		return p + 5;
	if (end - p >= 4 && memcmp(p, "true", 4) == 0)
		return p + 4;
	return NULL;
}

/* Step over `mark`, when it is what comes. */
static inline int
step(const char **p, const char *end, const char *mark, size_t len)
{
	if ((size_t)(end - *p) < len || memcmp(*p, mark, len) != 0)
		return 0;
	*p += len;
	return 1;
}

/* A constant mark and its length: compared without a call. */
#define MARK(name) ",\"" name "\":", sizeof(name) + 3
#define FIRST "{\"v\":1,\"time\":"

static inline const char *
may_be_text(const char *p, const char *end, const char *mark, size_t len,
    struct vt_accessline_text *out)
{
	if (p == NULL || !step(&p, end, mark, len))
		return p;
	return read_text(p, end, out);
}

static inline const char *
may_be_number(const char *p, const char *end, const char *mark, size_t len,
    uint64_t *out, int *is_there)
{
	*is_there = p != NULL && step(&p, end, mark, len);
	return *is_there ? read_number(p, end, out) : p;
}

static inline const char *
must_be_number(const char *p, const char *end, const char *mark, size_t len,
    uint64_t *out)
{
	int is_there;

	p = may_be_number(p, end, mark, len, out, &is_there);
	return is_there ? p : NULL;
}

/* As vt_accesslog_format writes them, but for `source`: copies are rare. */
int
vt_accessline_read(const char *line, size_t len, struct vt_accessline *a)
{
	const char *p = line, *end = line + len;
	struct vt_accessline_text other;
	uint64_t number;
	int is_there;

	memset(a, 0, sizeof(*a));
	if (!step(&p, end, FIRST, sizeof(FIRST) - 1))
		return 0;
	p = read_text(p, end, &a->time);
	p = may_be_text(p, end, MARK("id"), &other);
	p = may_be_text(p, end, MARK("node"), &other);
	p = may_be_text(p, end, MARK("actor"), &a->actor);
	p = may_be_text(p, end, MARK("remote"), &other);
	p = may_be_text(p, end, MARK("key_id"), &other);
	p = may_be_text(p, end, MARK("op"), &a->op);
	p = may_be_text(p, end, MARK("bucket"), &a->bucket);
	p = may_be_text(p, end, MARK("key"), &a->key);
	p = may_be_text(p, end, MARK("version"), &a->version);
	p = must_be_number(p, end, MARK("status"), &a->status);
	p = may_be_text(p, end, MARK("error"), &other);
	p = may_be_number(p, end, MARK("first"), &number, &is_there);
	p = may_be_number(p, end, MARK("length"), &number, &is_there);
	p = must_be_number(p, end, MARK("in"), &number);
	p = must_be_number(p, end, MARK("out"), &a->out);
	p = may_be_number(p, end, MARK("size"), &a->size, &a->has_size);
	p = may_be_number(p, end, MARK("copy"), &number, &is_there);
	p = may_be_text(p, end, MARK("tier"), &other);
	p = must_be_number(p, end, MARK("backend_bytes"), &number);
	p = must_be_number(p, end, MARK("backend_requests"), &number);
	p = must_be_number(p, end, MARK("ttfb_us"), &number);
	p = must_be_number(p, end, MARK("total_us"), &number);
	if (p == NULL || !step(&p, end, MARK("aborted")))
		return 0;
	p = read_truth(p, end);
	p = may_be_text(p, end, MARK("agent"), &other);
	return p != NULL && end - p == 1 && *p == '}' && a->op.s != NULL;
}
