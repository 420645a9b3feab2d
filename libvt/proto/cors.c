#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "libvt/base/num.h"

#include "libvt/proto/cors.h"
#include "libvt/proto/xml.h"

/* A document of VT_CORS_BYTES_MAX as a tree of nodes, and the rules. */
#define ARENA_MAX (8 << 20)

struct vt_cors {
	struct vt_arena *arena;
	struct vt_cors_rule *rules;
	size_t count;
};

struct reading {
	struct vt_arena *arena;
	const char *s3_code;
	struct vt_err *err;
};

static const char *const methods[] = { "GET", "PUT", "POST", "DELETE",
    "HEAD" };
#define METHODS (sizeof(methods) / sizeof(methods[0]))

/* --- reading -------------------------------------------------------------- */

static enum vt_code
no_memory(struct reading *rd)
{
	return vt_fail(rd->err, VT_NOMEM, "no memory for CORS rules");
}

static enum vt_code
malformed(struct reading *rd, const char *what)
{
	rd->s3_code = "MalformedXML";
	return vt_fail(rd->err, VT_INVALID, "The XML you provided was not "
	    "well-formed or did not validate against our published schema: "
	    "%s", what);
}

static int
one_wildcard(const char *s)
{
	const char *star = strchr(s, '*');

	return star == NULL || strchr(star + 1, '*') == NULL;
}

/* What would break a line of a response. */
static int
is_line(const struct vt_xml *x)
{
	const char *s;

	if (strlen(x->text) != x->text_len)
		return 0;
	for (s = x->text; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return 0;
	return 1;
}

static enum vt_code
add(struct reading *rd, struct vt_cors_list *list, const struct vt_xml *x)
{
	if (!is_line(x))
		return malformed(rd, "control characters");
	list->text[list->count] = vt_arena_str(rd->arena, x->text);
	if (list->text[list->count] == NULL)
		return no_memory(rd);
	list->count++;
	return VT_OK;
}

static enum vt_code
check_method(struct reading *rd, const char *s)
{
	size_t i;

	for (i = 0; i < METHODS; i++)
		if (strcmp(s, methods[i]) == 0)
			return VT_OK;
	rd->s3_code = "InvalidRequest";
	return vt_fail(rd->err, VT_INVALID, "Found unsupported HTTP method "
	    "in CORS config. Unsupported method is %.64s", s);
}

static enum vt_code
check_wildcard(struct reading *rd, const char *element, const char *s)
{
	if (one_wildcard(s))
		return VT_OK;
	rd->s3_code = "InvalidRequest";
	return vt_fail(rd->err, VT_INVALID, "%s \"%.256s\" can not have more "
	    "than one wildcard.", element, s);
}

static enum vt_code
check_expose(struct reading *rd, const char *s)
{
	if (strchr(s, '*') == NULL)
		return VT_OK;
	rd->s3_code = "InvalidRequest";
	return vt_fail(rd->err, VT_INVALID, "ExposeHeader \"%.256s\" contains "
	    "wildcard. We currently do not support wildcard for "
	    "ExposeHeader.", s);
}

static enum vt_code
read_age(struct reading *rd, struct vt_cors_rule *rule,
    const struct vt_xml *x)
{
	uint64_t n;

	if (vt_num_scan_u64(x->text, x->text_len, &n) < 0 || n > INT32_MAX)
		return malformed(rd, "MaxAgeSeconds is not a number from 0 "
		    "to 2147483647");
	rule->max_age_s = (long)n;
	return VT_OK;
}

static enum vt_code
read_element(struct reading *rd, struct vt_cors_rule *rule,
    const struct vt_xml *x)
{
	enum vt_code rc;

	if (strcmp(x->name, "AllowedOrigin") == 0) {
		rc = check_wildcard(rd, x->name, x->text);
		return rc != VT_OK ? rc : add(rd, &rule->origins, x);
	}
	if (strcmp(x->name, "AllowedMethod") == 0) {
		rc = check_method(rd, x->text);
		return rc != VT_OK ? rc : add(rd, &rule->methods, x);
	}
	if (strcmp(x->name, "AllowedHeader") == 0) {
		rc = check_wildcard(rd, x->name, x->text);
		return rc != VT_OK ? rc : add(rd, &rule->headers, x);
	}
	if (strcmp(x->name, "ExposeHeader") == 0) {
		rc = check_expose(rd, x->text);
		return rc != VT_OK ? rc : add(rd, &rule->expose, x);
	}
	if (strcmp(x->name, "MaxAgeSeconds") == 0)
		return read_age(rd, rule, x);
	if (strcmp(x->name, "ID") != 0)
		return malformed(rd, "an unknown element in a CORSRule");
	if (x->text_len > VT_CORS_ID_MAX)
		return malformed(rd, "an ID of more than 255 characters");
	return VT_OK;
}

static enum vt_code
read_rule(struct reading *rd, struct vt_cors_rule *rule,
    const struct vt_xml *x)
{
	struct vt_cors_list *lists[] = { &rule->origins, &rule->methods,
	    &rule->headers, &rule->expose };
	const struct vt_xml *c;
	size_t count = 0, i;
	enum vt_code rc;

	rule->max_age_s = -1;
	for (c = x->child; c != NULL; c = c->next)
		count++;
	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		lists[i]->text = vt_arena_alloc(rd->arena,
		    (count + 1) * sizeof(*lists[i]->text));
		if (lists[i]->text == NULL)
			return no_memory(rd);
	}
	for (c = x->child; c != NULL; c = c->next) {
		rc = read_element(rd, rule, c);
		if (rc != VT_OK)
			return rc;
	}
	if (rule->origins.count == 0)
		return malformed(rd, "a CORSRule without AllowedOrigin");
	if (rule->methods.count == 0)
		return malformed(rd, "a CORSRule without AllowedMethod");
	return VT_OK;
}

static enum vt_code
read_rules(struct reading *rd, struct vt_cors *c, const struct vt_xml *root)
{
	const struct vt_xml *x;
	enum vt_code rc;
	size_t n = 0;

	if (strcmp(root->name, "CORSConfiguration") != 0)
		return malformed(rd, "the root is no CORSConfiguration");
	for (x = root->child; x != NULL; x = x->next, n++)
		if (strcmp(x->name, "CORSRule") != 0)
			return malformed(rd, "an unknown element");
	if (n == 0)
		return malformed(rd, "there is no CORSRule");
	if (n > VT_CORS_RULES_MAX) {
		rd->s3_code = "InvalidRequest";
		return vt_fail(rd->err, VT_INVALID, "The number of CORS rules "
		    "should not exceed allowed limit of %d rules.",
		    VT_CORS_RULES_MAX);
	}
	c->rules = vt_arena_alloc(rd->arena, n * sizeof(*c->rules));
	if (c->rules == NULL)
		return no_memory(rd);
	for (x = root->child; x != NULL; x = x->next) {
		rc = read_rule(rd, &c->rules[c->count], x);
		if (rc != VT_OK)
			return rc;
		c->count++;
	}
	return VT_OK;
}

enum vt_code
vt_cors_parse(const char *xml, size_t len, struct vt_cors **out,
    const char **s3_code, struct vt_err *err)
{
	struct reading rd = { .s3_code = "MalformedXML", .err = err };
	struct vt_arena *tree = NULL;
	struct vt_cors *c = NULL;
	struct vt_xml *root;
	enum vt_code rc;

	*out = NULL;
	if (len > VT_CORS_BYTES_MAX) {
		rc = vt_fail(err, VT_TOO_LARGE, "the CORS configuration has "
		    "%zu bytes, over %d", len, VT_CORS_BYTES_MAX);
		goto out;
	}
	rd.arena = vt_arena_new(ARENA_MAX);
	tree = vt_arena_new(ARENA_MAX);
	if (rd.arena == NULL || tree == NULL) {
		rc = no_memory(&rd);
		goto out;
	}
	rc = vt_xml_parse(tree, xml, len, &root, err);
	if (rc != VT_OK)
		goto out;
	c = vt_arena_alloc(rd.arena, sizeof(*c));
	if (c == NULL) {
		rc = no_memory(&rd);
		goto out;
	}
	c->arena = rd.arena;
	rc = read_rules(&rd, c, root);
out:
	vt_arena_free(tree);
	if (rc == VT_OK) {
		*out = c;
	} else {
		vt_arena_free(rd.arena);
		if (s3_code != NULL)
			*s3_code = rd.s3_code;
	}
	return rc;
}

void
vt_cors_free(struct vt_cors *c)
{
	if (c != NULL)
		vt_arena_free(c->arena);
}

/* --- asking --------------------------------------------------------------- */

/* A text against a pattern that may hold one '*'. */
static int
fits(const char *pattern, const char *s, size_t len,
    int (*same)(const char *a, const char *b, size_t n))
{
	size_t before = strcspn(pattern, "*"), after;

	if (pattern[before] == '\0')
		return before == len && same(pattern, s, len) == 0;
	after = strlen(pattern + before + 1);
	return before + after <= len && same(pattern, s, before) == 0 &&
	    same(pattern + before + 1, s + len - after, after) == 0;
}

static int
list_fits(const struct vt_cors_list *list, const char *s, size_t len,
    int (*same)(const char *a, const char *b, size_t n))
{
	size_t i;

	for (i = 0; i < list->count; i++)
		if (fits(list->text[i], s, len, same))
			return 1;
	return 0;
}

/* Each name of a list "a, b" is allowed; of more than a browser ever asks for
 * none is, since anybody may ask. */
static int
headers_fit(const struct vt_cors_rule *rule, const char *names)
{
	size_t len, count = 0;

	while (names != NULL && *names != '\0') {
		names += strspn(names, " \t,");
		len = strcspn(names, " \t,");
		if (len > 0 && (++count > VT_CORS_NAMES_MAX ||
		    !list_fits(&rule->headers, names, len, strncasecmp)))
			return 0;
		names += len;
	}
	return 1;
}

const struct vt_cors_rule *
vt_cors_match(const struct vt_cors *c, const char *origin,
    const char *method, const char *headers, int *any)
{
	const struct vt_cors_rule *rule;
	size_t i, j;

	for (i = 0; i < c->count; i++) {
		rule = &c->rules[i];
		for (j = 0; j < rule->methods.count; j++)
			if (strcmp(rule->methods.text[j], method) == 0)
				break;
		if (j == rule->methods.count || !list_fits(&rule->origins,
		    origin, strlen(origin), strncmp) ||
		    !headers_fit(rule, headers))
			continue;
		*any = 0;
		for (j = 0; j < rule->origins.count; j++)
			if (strcmp(rule->origins.text[j], "*") == 0)
				*any = 1;
		return rule;
	}
	return NULL;
}
