#include <string.h>
#include <strings.h>

#include "libvt/base/clock.h"
#include "libvt/base/hex.h"
#include "libvt/base/jsonl.h"
#include "libvt/base/num.h"

#include "libvt/proto/postpolicy.h"

enum kind { EQUALS, STARTS_WITH };

struct vt_post_condition {
	enum kind kind;
	const char *name;	/* without '$' */
	const char *value;
};

/* --- reading -------------------------------------------------------------- */

struct reading {
	struct vt_arena *arena;
	struct vt_post_policy *policy;
	struct vt_err *err;
};

static enum vt_code
invalid(struct reading *rd, const char *what)
{
	return vt_fail(rd->err, VT_INVALID, "Invalid Policy: %s", what);
}

static enum vt_code
no_memory(struct reading *rd)
{
	return vt_fail(rd->err, VT_NOMEM, "no memory for a policy");
}

/*
 * S3 takes more than JSON: a comma before a closing bracket, as in its own
 * examples, and in strings the escapes \$ and \v.  Make JSON of it, in place:
 * `text` has room for three times `len` bytes.  The new length.
 */
static size_t
make_json(char *text, size_t len)
{
	const char *in = text + 2 * len, *end = in + len;
	char *out = text, *comma = NULL;
	int quoted = 0;

	memmove(text + 2 * len, text, len);
	for (; in < end; in++) {
		if (quoted && *in == '\\' && in + 1 < end) {
			in++;
			if (*in == '$') {
				*out++ = '$';
			} else if (*in == 'v') {
				memcpy(out, "\\u000b", 6);
				out += 6;
			} else {
				*out++ = '\\';
				*out++ = *in;
			}
			continue;
		}
		if (*in == '"')
			quoted = !quoted;
		if (!quoted && (*in == ']' || *in == '}') && comma != NULL)
			*comma = ' ';
		if (!quoted && *in == ',')
			comma = out;
		else if (quoted || strchr(" \t\r\n", *in) == NULL)
			comma = NULL;
		*out++ = *in;
	}
	return (size_t)(out - text);
}

static enum vt_code
add(struct reading *rd, enum kind kind, const char *name, const json_t *v)
{
	struct vt_post_condition *c;

	if (!json_is_string(v))
		return invalid(rd, "Invalid Condition: a value must be a "
		    "string.");
	c = &rd->policy->conditions[rd->policy->count++];
	c->kind = kind;
	c->name = vt_arena_str(rd->arena, name);
	c->value = vt_arena_str(rd->arena, json_string_value(v));
	if (c->name == NULL || c->value == NULL)
		return no_memory(rd);
	return VT_OK;
}

/* Forms say numbers as strings, too. */
static int
read_size(const json_t *v, uint64_t *out)
{
	if (json_is_string(v))
		return vt_num_scan_u64(json_string_value(v),
		    json_string_length(v), out);
	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return -1;
	*out = (uint64_t)json_integer_value(v);
	return 0;
}

static enum vt_code
read_range(struct reading *rd, const json_t *list)
{
	struct vt_post_policy *p = rd->policy;
	uint64_t min, max;

	if (json_array_size(list) != 3)
		return invalid(rd, "Invalid content-length-range: wrong "
		    "number of arguments.");
	if (read_size(json_array_get(list, 1), &min) < 0 ||
	    read_size(json_array_get(list, 2), &max) < 0 || min > max)
		return invalid(rd, "Invalid content-length-range: the "
		    "arguments must be two sizes in bytes, the smaller "
		    "first.");
	if (min > p->min_bytes)
		p->min_bytes = min;
	if (max < p->max_bytes)
		p->max_bytes = max;
	return VT_OK;
}

/* ["eq", "$name", "value"] and its like. */
static enum vt_code
read_array(struct reading *rd, const json_t *list)
{
	const char *op = json_string_value(json_array_get(list, 0));
	const char *name = json_string_value(json_array_get(list, 1));
	enum kind kind;

	if (op == NULL)
		return invalid(rd, "Invalid Condition: it names no "
		    "operation.");
	if (strcasecmp(op, "content-length-range") == 0)
		return read_range(rd, list);
	if (strcasecmp(op, "eq") == 0)
		kind = EQUALS;
	else if (strcasecmp(op, "starts-with") == 0)
		kind = STARTS_WITH;
	else
		return invalid(rd, "Invalid Condition: unknown operation.");
	if (json_array_size(list) != 3)
		return invalid(rd, "Invalid Condition: wrong number of "
		    "arguments.");
	if (name == NULL || name[0] != '$' || name[1] == '\0')
		return invalid(rd, "Invalid Condition: the field must begin "
		    "with '$'.");
	return add(rd, kind, name + 1, json_array_get(list, 2));
}

static enum vt_code
read_condition(struct reading *rd, json_t *c)
{
	void *iter;

	if (json_is_array(c))
		return read_array(rd, c);
	if (!json_is_object(c))
		return invalid(rd, "Invalid Condition: it is neither an "
		    "object nor a list.");
	if (json_object_size(c) != 1)
		return invalid(rd, "Invalid Simple-Condition: "
		    "Simple-Conditions must have exactly one property "
		    "specified.");
	iter = json_object_iter(c);
	return add(rd, EQUALS, json_object_iter_key(iter),
	    json_object_iter_value(iter));
}

static enum vt_code
read_policy(struct reading *rd, const json_t *root)
{
	const json_t *expires = json_object_get(root, "expiration");
	const json_t *list = json_object_get(root, "conditions");
	struct vt_post_policy *p = rd->policy;
	const char *text = json_string_value(expires);
	enum vt_code rc;
	size_t i, n;

	if (expires == NULL)
		return invalid(rd, "Policy missing expiration.");
	/* RFC 3339 lets a blank stand for the T, ISO 8601 does not. */
	if (text == NULL || strlen(text) < 11 || text[10] != 'T' ||
	    vt_time_parse_rfc3339(text, strlen(text), &p->expires_us) < 0)
		return vt_fail(rd->err, VT_INVALID, "Invalid Policy: Invalid "
		    "'expiration' value: '%.64s'", text != NULL ? text : "");
	if (list == NULL)
		return invalid(rd, "Policy missing conditions.");
	if (!json_is_array(list))
		return invalid(rd, "Invalid 'conditions' value: must be a "
		    "List.");
	n = json_array_size(list);
	if (n > VT_POST_CONDITIONS_MAX)
		return vt_fail(rd->err, VT_INVALID, "Invalid Policy: more "
		    "than %d conditions", VT_POST_CONDITIONS_MAX);
	p->conditions = vt_arena_alloc(rd->arena,
	    (n + 1) * sizeof(*p->conditions));
	if (p->conditions == NULL)
		return no_memory(rd);
	for (i = 0; i < n; i++) {
		rc = read_condition(rd, json_array_get(list, i));
		if (rc != VT_OK)
			return rc;
	}
	return VT_OK;
}

enum vt_code
vt_post_policy_parse(struct vt_arena *a, const char *base64, size_t len,
    struct vt_post_policy **out, struct vt_err *err)
{
	struct reading rd = { a, NULL, err };
	json_error_t why;
	json_t *root;
	enum vt_code rc;
	char *text;
	int n;

	*out = NULL;
	rd.policy = vt_arena_alloc(a, sizeof(*rd.policy));
	/* as much as the longest escape of make_json takes */
	text = vt_arena_alloc(a, 3 * len + 1);
	if (rd.policy == NULL || text == NULL)
		return no_memory(&rd);
	rd.policy->max_bytes = UINT64_MAX;
	n = vt_b64_decode(base64, len, text, len);
	if (n < 0)
		return invalid(&rd, "it is not base64.");
	root = json_loadb(text, make_json(text, (size_t)n),
	    JSON_REJECT_DUPLICATES, &why);
	if (root == NULL)
		return vt_fail(err, VT_INVALID, "Invalid Policy: Invalid "
		    "JSON: line %d, column %d: %.200s", why.line, why.column,
		    why.text);
	rc = json_is_object(root) ? read_policy(&rd, root) :
	    invalid(&rd, "Invalid JSON: it is not an object.");
	json_decref(root);
	if (rc == VT_OK)
		*out = rd.policy;
	return rc;
}

/* --- asking --------------------------------------------------------------- */

/* Fields that a policy need not name. */
static int
is_exempt(const char *name)
{
	static const char *const names[] = { "AWSAccessKeyId", "signature",
	    "x-amz-signature", "policy", "file" };
	/* x-ignore- is what forms have for their own; a checksum can only
	 * refuse bytes that are not those meant. */
	static const char *const prefixes[] = { "x-ignore-",
	    "x-amz-checksum-" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcasecmp(name, names[i]) == 0)
			return 1;
	for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strncasecmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return 1;
	return 0;
}

/* Every item of a list "a, b" begins so. */
static int
all_start_with(const char *list, const char *prefix)
{
	size_t n = strlen(prefix), len;

	for (;;) {
		list += strspn(list, " ");
		len = strcspn(list, ",");
		if (len < n || strncmp(list, prefix, n) != 0)
			return 0;
		if (list[len] == '\0')
			return 1;
		list += len + 1;
	}
}

static int
holds(const struct vt_post_condition *c, const char *value, size_t len)
{
	size_t n = strlen(c->value);

	if (c->kind == EQUALS)
		return len == n && memcmp(value, c->value, n) == 0;
	/* Only there does S3 see a list. */
	if (strcasecmp(c->name, "Content-Type") == 0 && strlen(value) == len)
		return all_start_with(value, c->value);
	return len >= n && memcmp(value, c->value, n) == 0;
}

static const struct vt_form_field *
find(const struct vt_form_field *fields, size_t count, const char *name)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strcasecmp(fields[i].name, name) == 0)
			return &fields[i];
	return NULL;
}

static int
is_named(const struct vt_post_policy *p, const char *name)
{
	size_t i;

	for (i = 0; i < p->count; i++)
		if (strcasecmp(p->conditions[i].name, name) == 0)
			return 1;
	return 0;
}

enum vt_code
vt_post_policy_check(const struct vt_post_policy *p, int64_t now_us,
    const char *bucket, const struct vt_form_field *fields, size_t count,
    struct vt_err *err)
{
	const struct vt_form_field *f;
	size_t i;

	if (now_us >= p->expires_us)
		return vt_fail(err, VT_DENIED,
		    "Invalid according to Policy: Policy expired.");
	for (i = 0; i < p->count; i++) {
		const struct vt_post_condition *c = &p->conditions[i];
		int ok;

		f = find(fields, count, c->name);
		if (strcasecmp(c->name, "bucket") == 0)
			ok = holds(c, bucket, strlen(bucket));
		else if (f != NULL)
			ok = holds(c, f->value, f->value_len);
		else
			ok = holds(c, "", 0);
		if (!ok)
			return vt_fail(err, VT_DENIED, "Invalid according to "
			    "Policy: Policy Condition failed: [\"%s\", "
			    "\"$%.100s\", \"%.200s\"]", c->kind == EQUALS ?
			    "eq" : "starts-with", c->name, c->value);
	}
	for (i = 0; i < count; i++)
		if (!is_exempt(fields[i].name) &&
		    !is_named(p, fields[i].name))
			return vt_fail(err, VT_DENIED, "Invalid according to "
			    "Policy: Extra input fields: %.100s",
			    fields[i].name);
	return VT_OK;
}
