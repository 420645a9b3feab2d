/*
 * A policy document to its compiled form: see policy.h.  Everything that AWS
 * refuses is refused here, so that nobody believes a rule is in force that
 * never applies.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "libvt/base/num.h"

#include "libvt/proto/policy_internal.h"

#define ARENA_MAX (4 << 20)	/* a document of 20 KiB needs far less */
#define VARIABLES_MAX 1024
#define VARIABLE_KEY_MAX 256

struct parser {
	struct vt_policy *p;
	const char *bucket;
	int variables;		/* the Version knows them */
	struct variable *vars;
	size_t var_count;
	size_t statement;	/* from 1; 0: outside of them */
	const char *sid;
	struct vt_err *err;
};

/* "statement 2 "name": ..." */
static enum vt_code invalid(struct parser *s, const char *fmt, ...)
    VT_PRINTF(2, 3);

static enum vt_code
invalid(struct parser *s, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (s->statement == 0)
		return vt_fail(s->err, VT_INVALID, "%s", text);
	if (s->sid != NULL)
		return vt_fail(s->err, VT_INVALID,
		    "statement %zu (\"%.64s\"): %s", s->statement, s->sid,
		    text);
	return vt_fail(s->err, VT_INVALID, "statement %zu: %s", s->statement,
	    text);
}

static enum vt_code
nomem(struct parser *s)
{
	return vt_fail(s->err, VT_NOMEM, "no memory for the policy");
}

static void *
room(struct parser *s, size_t count, size_t size)
{
	return vt_arena_alloc(s->p->arena, count * size);
}

/* --- patterns ------------------------------------------------------------- */

/*
 * What stands between "${" and "}": '*', '?' or '$' for themselves, or a key
 * and perhaps a default: "aws:username" or "aws:username, 'nobody'".
 */
static enum vt_code
compile_variable(struct parser *s, const char *text, size_t len,
    uint16_t *codes, size_t *at, int *has_var)
{
	const char *comma, *end = text + len, *value;
	struct variable *v;
	size_t key_len;

	if (len == 1 && (*text == '*' || *text == '?' || *text == '$')) {
		codes[(*at)++] = (unsigned char)*text;
		return VT_OK;
	}
	comma = memchr(text, ',', len);
	key_len = comma != NULL ? (size_t)(comma - text) : len;
	while (key_len > 0 && text[key_len - 1] == ' ')
		key_len--;
	if (key_len == 0 || key_len > VARIABLE_KEY_MAX ||
	    memchr(text, ':', key_len) == NULL)
		return invalid(s, "\"${%.*s}\" is no policy variable",
		    (int)(len < 64 ? len : 64), text);
	if (s->var_count == VARIABLES_MAX)
		return invalid(s, "more than %d policy variables",
		    VARIABLES_MAX);
	v = &s->vars[s->var_count];
	v->key = vt_arena_dup(s->p->arena, text, key_len);
	if (v->key == NULL)
		return nomem(s);
	if (comma != NULL) {
		value = comma + 1;
		while (value < end && *value == ' ')
			value++;
		if (end - value < 2 || *value != '\'' || end[-1] != '\'')
			return invalid(s, "the default of a policy variable "
			    "stands in single quotes");
		v->fallback = vt_arena_dup(s->p->arena, value + 1,
		    (size_t)(end - value) - 2);
		if (v->fallback == NULL)
			return nomem(s);
	}
	codes[(*at)++] = CODE_VAR;
	codes[(*at)++] = (uint16_t)s->var_count++;
	*has_var = 1;
	return VT_OK;
}

enum { WILD = 1, VARS = 2, LOWER = 4 };

static enum vt_code
compile(struct parser *s, const char *text, size_t len, int flags,
    struct pattern *out)
{
	uint16_t *codes = room(s, len + 1, sizeof(*codes));
	size_t at = 0, i;
	const char *close;
	enum vt_code rc;

	if (codes == NULL)
		return nomem(s);
	out->has_var = 0;
	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((flags & VARS) && s->variables && c == '$' &&
		    i + 1 < len && text[i + 1] == '{') {
			close = memchr(text + i, '}', len - i);
			if (close == NULL)
				return invalid(s, "\"${\" without \"}\"");
			rc = compile_variable(s, text + i + 2,
			    (size_t)(close - text) - i - 2, codes, &at,
			    &out->has_var);
			if (rc != VT_OK)
				return rc;
			i = (size_t)(close - text);
		} else if ((flags & WILD) && c == '*') {
			/* "**" is "*" */
			if (at == 0 || codes[at - 1] != CODE_ANY ||
			    (at > 1 && codes[at - 2] == CODE_VAR))
				codes[at++] = CODE_ANY;
		} else if ((flags & WILD) && c == '?') {
			codes[at++] = CODE_ONE;
		} else {
			codes[at++] = (uint16_t)((flags & LOWER) ?
			    tolower(c) : c);
		}
	}
	out->codes = codes;
	out->len = at;
	return VT_OK;
}

/* --- lists ---------------------------------------------------------------- */

/* The i-th of a string or a list of strings; *count of them. */
static const json_t *
item(const json_t *v, size_t i, size_t *count)
{
	if (!json_is_array(v)) {
		*count = 1;
		return i == 0 ? v : NULL;
	}
	*count = json_array_size(v);
	return json_array_get(v, i);
}

/* 0 with the count of strings, or -1: it is neither string nor list. */
static int
strings(const json_t *v, size_t *count)
{
	size_t i;

	item(v, 0, count);
	if (*count == 0)
		return -1;
	for (i = 0; i < *count; i++)
		if (!json_is_string(item(v, i, count)))
			return -1;
	return 0;
}

/* --- principals ----------------------------------------------------------- */

static int
all_digits(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isdigit((unsigned char)text[i]))
			return 0;
	return len > 0;
}

/* "*", an account, or the ARN of an account or of somebody in it. */
static enum vt_code
compile_aws(struct parser *s, const char *text, struct principal *out)
{
	const char *p, *account, *name;

	out->text = vt_arena_str(s->p->arena, text);
	if (out->text == NULL)
		return nomem(s);
	if (strcmp(text, "*") == 0) {
		out->kind = PRINCIPAL_ANY;
		return VT_OK;
	}
	if (strlen(text) == 12 && all_digits(text, 12)) {
		out->kind = PRINCIPAL_ACCOUNT;
		return VT_OK;
	}
	if (strpbrk(text, "*?") != NULL)
		goto bad;
	out->kind = PRINCIPAL_ARN;
	/* arn:partition:iam::account:name, or sts */
	if (strncmp(text, "arn:", 4) != 0)
		goto bad;
	p = strchr(text + 4, ':');
	if (p == NULL || (strncmp(p, ":iam::", 6) != 0 &&
	    strncmp(p, ":sts::", 6) != 0))
		goto bad;
	account = p + 6;
	name = strchr(account, ':');
	if (name == NULL || name[1] == '\0')
		goto bad;
	if (strcmp(name, ":root") == 0) {
		if (name == account)
			goto bad;
		out->kind = PRINCIPAL_ACCOUNT;
		out->text = vt_arena_dup(s->p->arena, account,
		    (size_t)(name - account));
		return out->text != NULL ? VT_OK : nomem(s);
	}
	if (strncmp(name, ":user/", 6) == 0 ||
	    strncmp(name, ":role/", 6) == 0 ||
	    strncmp(name, ":assumed-role/", 14) == 0 ||
	    strncmp(name, ":federated-user/", 16) == 0)
		return VT_OK;
bad:
	return invalid(s, "invalid principal in policy: \"%.128s\"", text);
}

static enum vt_code
compile_principal(struct parser *s, const json_t *v, const char *element,
    struct statement *st)
{
	struct principal *out;
	size_t total = 0, count, at = 0, i;
	const char *type;
	json_t *list;
	enum vt_code rc;

	if (json_is_string(v)) {
		if (strcmp(json_string_value(v), "*") != 0)
			return invalid(s, "invalid principal in policy: "
			    "\"%.128s\"", json_string_value(v));
		out = room(s, 1, sizeof(*out));
		if (out == NULL)
			return nomem(s);
		out->kind = PRINCIPAL_ANY;
		st->principals = out;
		st->principal_count = 1;
		return VT_OK;
	}
	if (!json_is_object(v) || json_object_size(v) == 0)
		return invalid(s, "%s must be \"*\" or an object", element);
	json_object_foreach((json_t *)v, type, list) {
		if (strcmp(type, "AWS") != 0 &&
		    strcmp(type, "CanonicalUser") != 0 &&
		    strcmp(type, "Service") != 0 &&
		    strcmp(type, "Federated") != 0)
			return invalid(s, "%s has no type \"%.64s\"", element,
			    type);
		if (strings(list, &count) < 0)
			return invalid(s, "%s \"%s\" must be a string or a "
			    "list of strings", element, type);
		total += count;
	}
	out = room(s, total, sizeof(*out));
	if (out == NULL)
		return nomem(s);
	json_object_foreach((json_t *)v, type, list) {
		for (i = 0; item(list, i, &count) != NULL; i++) {
			const char *text = json_string_value(item(list, i,
			    &count));

			if (strcmp(type, "AWS") == 0) {
				rc = compile_aws(s, text, &out[at++]);
				if (rc != VT_OK)
					return rc;
				continue;
			}
			out[at].kind = strcmp(type, "CanonicalUser") == 0 ?
			    PRINCIPAL_CANONICAL : PRINCIPAL_OTHER;
			if (*text == '\0' || (strcmp(text, "*") == 0 &&
			    out[at].kind == PRINCIPAL_CANONICAL))
				return invalid(s, "invalid principal in "
				    "policy: \"%s\": \"%s\"", type, text);
			out[at].text = vt_arena_str(s->p->arena, text);
			if (out[at++].text == NULL)
				return nomem(s);
		}
	}
	st->principals = out;
	st->principal_count = total;
	return VT_OK;
}

/* --- actions and resources ------------------------------------------------ */

static enum vt_code
compile_actions(struct parser *s, const json_t *v, const char *element,
    struct statement *st)
{
	struct pattern *out;
	size_t count, i;
	const char *text;
	enum vt_code rc;

	if (strings(v, &count) < 0)
		return invalid(s, "%s must be a string or a list of strings",
		    element);
	out = room(s, count, sizeof(*out));
	if (out == NULL)
		return nomem(s);
	for (i = 0; i < count; i++) {
		text = json_string_value(item(v, i, &count));
		if (strcmp(text, "*") != 0 && (strchr(text, ':') == NULL ||
		    *text == ':'))
			return invalid(s, "%s \"%.128s\" is not of the form "
			    "service:action", element, text);
		rc = compile(s, text, strlen(text), WILD | LOWER, &out[i]);
		if (rc != VT_OK)
			return rc;
		if (s->bucket != NULL && !policy_known_action(&out[i]))
			return invalid(s, "policy has invalid action: "
			    "\"%.128s\" is no action of S3", text);
	}
	st->actions = out;
	st->action_count = count;
	return VT_OK;
}

/* The bucket's part of a pattern of resources must fit this bucket. */
static int
fits_bucket(struct parser *s, const struct pattern *p, size_t skip)
{
	size_t end = skip;

	if (*s->bucket == '\0')
		return 1;
	while (end < p->len && p->codes[end] != '/') {
		if (p->codes[end] == CODE_VAR)
			return 1;
		end++;
	}
	return policy_match(p->codes + skip, end - skip, s->bucket,
	    strlen(s->bucket), 0, NULL);
}

static enum vt_code
compile_resources(struct parser *s, const json_t *v, const char *element,
    struct statement *st)
{
	static const char arn[] = "arn:aws:s3:::";
	struct pattern *out;
	size_t count, i;
	const char *text;
	enum vt_code rc;

	if (strings(v, &count) < 0)
		return invalid(s, "%s must be a string or a list of strings",
		    element);
	out = room(s, count, sizeof(*out));
	if (out == NULL)
		return nomem(s);
	for (i = 0; i < count; i++) {
		text = json_string_value(item(v, i, &count));
		if (s->bucket != NULL && strncmp(text, arn,
		    sizeof(arn) - 1) != 0)
			return invalid(s, "policy has invalid resource: "
			    "\"%.200s\" does not begin with %s", text, arn);
		if (s->bucket == NULL && strcmp(text, "*") != 0 &&
		    strncmp(text, "arn:", 4) != 0)
			return invalid(s, "%s \"%.200s\" is neither * nor an "
			    "ARN", element, text);
		rc = compile(s, text, strlen(text), WILD | VARS, &out[i]);
		if (rc != VT_OK)
			return rc;
		if (s->bucket != NULL &&
		    !fits_bucket(s, &out[i], sizeof(arn) - 1))
			return invalid(s, "policy has invalid resource: "
			    "\"%.200s\" is not in bucket \"%s\"", text,
			    s->bucket);
	}
	st->resources = out;
	st->resource_count = count;
	return VT_OK;
}

/* --- conditions ----------------------------------------------------------- */

/* "10.0.0.0/8", or an address alone. */
static int
parse_cidr(const char *text, struct cond_value *out)
{
	const char *slash = strchr(text, '/');
	size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	unsigned width = policy_address(text, len, out->address);
	uint64_t bits = width;

	if (width == 0 || (slash != NULL && (vt_num_scan_u64(slash + 1,
	    strlen(slash + 1), &bits) < 0 || bits > width)))
		return -1;
	out->bits = (unsigned)bits + (width == 32 ? 96 : 0);
	return 0;
}

/* A string, a number or a boolean as text. */
static const char *
value_text(const json_t *v, char number[32])
{
	if (json_is_string(v))
		return json_string_value(v);
	if (json_is_boolean(v))
		return json_is_true(v) ? "true" : "false";
	if (json_is_integer(v))
		snprintf(number, 32, "%" JSON_INTEGER_FORMAT,
		    json_integer_value(v));
	else if (json_is_real(v))
		snprintf(number, 32, "%.17g", json_real_value(v));
	else
		return NULL;
	return number;
}

static enum vt_code
compile_value(struct parser *s, const struct cond_operator *op,
    const char *name, const char *text, struct cond_value *out)
{
	int good = 0;

	switch (op->type) {
	case COND_STRING:
	case COND_ARN:
		return compile(s, text, strlen(text),
		    VARS | (op->like ? WILD : 0), &out->pattern);
	case COND_NUMERIC:
		good = vt_num_scan_double(text, strlen(text),
		    &out->number) == 0;
		break;
	case COND_DATE:
		good = policy_time(text, &out->time_us) == 0;
		break;
	case COND_BOOL:
	case COND_NULL:
		good = policy_truth(text, &out->truth) == 0;
		break;
	case COND_IP:
		good = parse_cidr(text, out) == 0;
		break;
	}
	if (good)
		return VT_OK;
	return invalid(s, "\"%.128s\" is no value for the condition %s", text,
	    name);
}

/* The name of an operator, with its set in front and IfExists behind. */
static const struct cond_operator *
read_operator(const char *name, struct condition *out)
{
	static const char any[] = "ForAnyValue:", all[] = "ForAllValues:";
	static const char exists[] = "IfExists";
	const struct cond_operator *op;
	size_t len;

	if (strncmp(name, any, sizeof(any) - 1) == 0) {
		out->set = SET_ANY;
		name += sizeof(any) - 1;
	} else if (strncmp(name, all, sizeof(all) - 1) == 0) {
		out->set = SET_ALL;
		name += sizeof(all) - 1;
	}
	len = strlen(name);
	if (len > sizeof(exists) - 1 &&
	    strcmp(name + len - (sizeof(exists) - 1), exists) == 0) {
		out->if_exists = 1;
		len -= sizeof(exists) - 1;
	}
	op = policy_operator(name, len);
	if (op == NULL || (op->type == COND_NULL && out->if_exists))
		return NULL;
	out->type = op->type;
	out->compare = op->compare;
	out->negated = op->negated;
	out->ignore_case = op->ignore_case;
	return op;
}

static enum vt_code
compile_condition(struct parser *s, const char *name, const char *key,
    const json_t *v, struct condition *out)
{
	const struct cond_operator *op;
	struct cond_value *values;
	size_t count, i;
	const char *text;
	char number[32];
	enum vt_code rc;

	op = read_operator(name, out);
	if (op == NULL)
		return invalid(s, "there is no condition operator \"%.64s\"",
		    name);
	if (strchr(key, ':') == NULL ||
	    (s->bucket != NULL && !policy_known_key(key)))
		return invalid(s, "policy has an invalid condition key: "
		    "\"%.128s\"", key);
	item(v, 0, &count);
	values = room(s, count, sizeof(*values));
	out->key = vt_arena_str(s->p->arena, key);
	if (values == NULL || out->key == NULL)
		return nomem(s);
	if (count == 0)
		return invalid(s, "the condition %s on \"%.128s\" has no "
		    "values", name, key);
	for (i = 0; i < count; i++) {
		text = value_text(item(v, i, &count), number);
		if (text == NULL)
			return invalid(s, "the values of the condition %s on "
			    "\"%.128s\" must be strings", name, key);
		rc = compile_value(s, op, name, text, &values[i]);
		if (rc != VT_OK)
			return rc;
	}
	out->values = values;
	out->count = count;
	return VT_OK;
}

static enum vt_code
compile_conditions(struct parser *s, const json_t *v, struct statement *st)
{
	struct condition *out;
	const char *name, *key;
	json_t *by_key, *value;
	size_t total = 0, at = 0;
	enum vt_code rc;

	if (!json_is_object(v))
		return invalid(s, "Condition must be an object");
	json_object_foreach((json_t *)v, name, by_key) {
		if (!json_is_object(by_key))
			return invalid(s, "the condition \"%.64s\" must be "
			    "an object", name);
		total += json_object_size(by_key);
	}
	out = room(s, total, sizeof(*out));
	if (out == NULL)
		return nomem(s);
	json_object_foreach((json_t *)v, name, by_key)
		json_object_foreach(by_key, key, value) {
			rc = compile_condition(s, name, key, value,
			    &out[at++]);
			if (rc != VT_OK)
				return rc;
		}
	st->conditions = out;
	st->condition_count = total;
	return VT_OK;
}

/* --- statements ----------------------------------------------------------- */

/* Either of an element and its opposite; NULL after a failure. */
static const json_t *
either(struct parser *s, const json_t *v, const char *name,
    const char *opposite, int *is_opposite)
{
	const json_t *a = json_object_get(v, name);
	const json_t *b = json_object_get(v, opposite);

	*is_opposite = a == NULL;
	if (a != NULL && b != NULL)
		invalid(s, "%s and %s exclude each other", name, opposite);
	else if (a != NULL || b != NULL)
		return a != NULL ? a : b;
	else
		invalid(s, "missing required field %s", name);
	return NULL;
}

static enum vt_code
check_elements(struct parser *s, const json_t *v)
{
	static const char *const names[] = { "Sid", "Effect", "Principal",
	    "NotPrincipal", "Action", "NotAction", "Resource", "NotResource",
	    "Condition" };
	const char *key;
	json_t *value;
	size_t i;

	json_object_foreach((json_t *)v, key, value) {
		for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (strcmp(key, names[i]) == 0)
				break;
		if (i == sizeof(names) / sizeof(names[0]))
			return invalid(s, "unknown field %.64s", key);
	}
	return VT_OK;
}

static enum vt_code
compile_who(struct parser *s, const json_t *v, struct statement *st)
{
	const json_t *e;

	if (s->bucket == NULL) {
		if (json_object_get(v, "Principal") != NULL ||
		    json_object_get(v, "NotPrincipal") != NULL)
			return invalid(s, "the policy of a user names no "
			    "Principal");
		return VT_OK;
	}
	e = either(s, v, "Principal", "NotPrincipal", &st->not_principal);
	if (e == NULL)
		return VT_INVALID;
	if (st->not_principal && st->allow)
		return invalid(s, "Allow with NotPrincipal is not supported");
	return compile_principal(s, e, st->not_principal ? "NotPrincipal" :
	    "Principal", st);
}

static enum vt_code
compile_statement(struct parser *s, const json_t *v, struct statement *st)
{
	const json_t *e;
	const char *effect;
	enum vt_code rc;

	if (!json_is_object(v))
		return invalid(s, "it must be an object");
	e = json_object_get(v, "Sid");
	if (e != NULL && !json_is_string(e))
		return invalid(s, "Sid must be a string");
	s->sid = json_string_value(e);
	rc = check_elements(s, v);
	if (rc != VT_OK)
		return rc;
	e = json_object_get(v, "Effect");
	if (e == NULL)
		return invalid(s, "missing required field Effect");
	effect = json_string_value(e);
	if (effect == NULL || (strcmp(effect, "Allow") != 0 &&
	    strcmp(effect, "Deny") != 0))
		return invalid(s, "Effect must be \"Allow\" or \"Deny\"");
	st->allow = *effect == 'A';
	rc = compile_who(s, v, st);
	if (rc != VT_OK)
		return rc;
	e = either(s, v, "Action", "NotAction", &st->not_action);
	if (e == NULL)
		return VT_INVALID;
	rc = compile_actions(s, e, st->not_action ? "NotAction" : "Action",
	    st);
	if (rc != VT_OK)
		return rc;
	e = either(s, v, "Resource", "NotResource", &st->not_resource);
	if (e == NULL)
		return VT_INVALID;
	rc = compile_resources(s, e, st->not_resource ? "NotResource" :
	    "Resource", st);
	if (rc != VT_OK)
		return rc;
	e = json_object_get(v, "Condition");
	return e != NULL ? compile_conditions(s, e, st) : VT_OK;
}

static int
sid_used(const json_t *list, size_t before, const char *sid)
{
	const char *other;

	for (size_t i = 0; i < before; i++) {
		other = json_string_value(json_object_get(
		    json_array_get(list, i), "Sid"));
		if (other != NULL && strcmp(other, sid) == 0)
			return 1;
	}
	return 0;
}

static enum vt_code
compile_statements(struct parser *s, const json_t *v)
{
	struct statement *out;
	size_t count, i;
	enum vt_code rc;

	item(v, 0, &count);
	if (count == 0)
		return invalid(s, "Statement is empty");
	out = room(s, count, sizeof(*out));
	if (out == NULL)
		return nomem(s);
	for (i = 0; i < count; i++) {
		s->statement = i + 1;
		s->sid = NULL;
		rc = compile_statement(s, item(v, i, &count), &out[i]);
		if (rc != VT_OK)
			return rc;
		if (s->sid != NULL && *s->sid != '\0' &&
		    sid_used(v, i, s->sid))
			return invalid(s, "its Sid was used before");
	}
	s->p->statements = out;
	s->p->count = count;
	return VT_OK;
}

static enum vt_code
compile_document(struct parser *s, const json_t *root)
{
	const json_t *statements;
	const char *key, *version;
	json_t *value;

	if (!json_is_object(root))
		return invalid(s, "the policy is not a JSON object");
	json_object_foreach((json_t *)root, key, value) {
		if (strcmp(key, "Version") == 0) {
			version = json_string_value(value);
			if (version == NULL ||
			    (strcmp(version, "2012-10-17") != 0 &&
			    strcmp(version, "2008-10-17") != 0))
				return invalid(s, "Version must be "
				    "\"2012-10-17\" or \"2008-10-17\"");
			s->variables = strcmp(version, "2012-10-17") == 0;
		} else if (strcmp(key, "Id") == 0) {
			if (!json_is_string(value))
				return invalid(s, "Id must be a string");
		} else if (strcmp(key, "Statement") != 0) {
			return invalid(s, "unknown field %.64s", key);
		}
	}
	statements = json_object_get(root, "Statement");
	if (statements == NULL)
		return invalid(s, "missing required field Statement");
	return compile_statements(s, statements);
}

enum vt_code
vt_policy_parse(const char *text, size_t len, const char *bucket,
    struct vt_policy **out, struct vt_err *err)
{
	struct parser s = { .bucket = bucket, .err = err };
	struct vt_arena *arena;
	json_error_t where;
	json_t *root;
	enum vt_code rc;

	*out = NULL;
	if (len > VT_POLICY_BYTES_MAX)
		return vt_fail(err, VT_TOO_LARGE,
		    "the policy has %zu bytes, over %d", len,
		    VT_POLICY_BYTES_MAX);
	root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);
	if (root == NULL)
		return vt_fail(err, VT_INVALID,
		    "the policy is not valid JSON: line %d column %d: %s",
		    where.line, where.column, where.text);
	arena = vt_arena_new(ARENA_MAX);
	if (arena == NULL) {
		rc = nomem(&s);
		goto out;
	}
	s.p = vt_arena_alloc(arena, sizeof(*s.p));
	s.vars = calloc(VARIABLES_MAX, sizeof(*s.vars));
	if (s.p == NULL || s.vars == NULL) {
		rc = nomem(&s);
		goto out;
	}
	s.p->arena = arena;
	s.p->is_user = bucket == NULL;
	rc = compile_document(&s, root);
	if (rc != VT_OK)
		goto out;
	s.p->variables = (const struct variable *)vt_arena_dup(arena,
	    s.vars, s.var_count * sizeof(*s.vars));
	if (s.p->variables == NULL) {
		rc = nomem(&s);
		goto out;
	}
	*out = s.p;
	arena = NULL;
out:
	free(s.vars);
	vt_arena_free(arena);
	json_decref(root);
	return rc;
}

void
vt_policy_free(struct vt_policy *p)
{
	if (p != NULL)
		vt_arena_free(p->arena);
}
