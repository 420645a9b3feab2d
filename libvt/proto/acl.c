/*
 * Access control lists: see acl.h.
 *
 * The kept text is a row of grants, each a letter for the permission and a
 * grantee: "F@79a5..." (a user), "R*" (all), "R+" (authenticated), "Wl" (log
 * delivery); blanks between; "-" for no grants at all.
 */
#include <string.h>
#include <strings.h>

#include "libvt/proto/acl.h"

#define GROUPS "http://acs.amazonaws.com/groups/"
#define XSI "http://www.w3.org/2001/XMLSchema-instance"

static const struct {
	const char *name;
	enum vt_acl_permission permission;
	char letter;
} permissions[] = {
	{ "READ", VT_ACL_READ, 'R' },
	{ "WRITE", VT_ACL_WRITE, 'W' },
	{ "READ_ACP", VT_ACL_READ_ACP, 'r' },
	{ "WRITE_ACP", VT_ACL_WRITE_ACP, 'w' },
	{ "FULL_CONTROL", VT_ACL_FULL_CONTROL, 'F' }
};
#define PERMISSIONS (sizeof(permissions) / sizeof(permissions[0]))

static const struct {
	const char *uri;
	enum vt_acl_grantee grantee;
	char letter;
} groups[] = {
	{ GROUPS "global/AllUsers", VT_ACL_ALL, '*' },
	{ GROUPS "global/AuthenticatedUsers", VT_ACL_AUTHENTICATED, '+' },
	{ GROUPS "s3/LogDelivery", VT_ACL_LOG_DELIVERY, 'l' }
};
#define GROUP_COUNT (sizeof(groups) / sizeof(groups[0]))

enum vt_code
vt_acl_add(struct vt_acl *acl, enum vt_acl_grantee grantee, const char *id,
    enum vt_acl_permission permission, struct vt_err *err)
{
	struct vt_acl_grant *g = acl->grants;
	size_t i;

	/* twice the same is once */
	for (i = 0; i < acl->count; i++)
		if (g[i].grantee == grantee &&
		    g[i].permission == permission &&
		    (grantee != VT_ACL_USER || strcmp(g[i].id, id) == 0))
			return VT_OK;
	if (acl->count == VT_ACL_GRANTS_MAX)
		return vt_fail(err, VT_TOO_LARGE,
		    "an ACL has at most %d grants", VT_ACL_GRANTS_MAX);
	g[acl->count].grantee = grantee;
	g[acl->count].id = grantee == VT_ACL_USER ? id : NULL;
	g[acl->count++].permission = permission;
	return VT_OK;
}

/* --- canned --------------------------------------------------------------- */

enum vt_code
vt_acl_canned(struct vt_acl *acl, const char *name, const char *owner,
    const char *bucket_owner, int is_bucket, struct vt_err *err)
{
	enum { NOBODY = 0, BUCKET_OWNER = 99 };
	static const struct {
		const char *name;
		int for_bucket, for_object;
		int who;
		unsigned what;
	} canned[] = {
		{ "private", 1, 1, NOBODY, 0 },
		{ "public-read", 1, 1, VT_ACL_ALL, VT_ACL_READ },
		{ "public-read-write", 1, 1, VT_ACL_ALL,
		    VT_ACL_READ | VT_ACL_WRITE },
		{ "authenticated-read", 1, 1, VT_ACL_AUTHENTICATED,
		    VT_ACL_READ },
		/* the reader would be Amazon's EC2, which is not here */
		{ "aws-exec-read", 1, 1, NOBODY, 0 },
		{ "log-delivery-write", 1, 0, VT_ACL_LOG_DELIVERY,
		    VT_ACL_WRITE | VT_ACL_READ_ACP },
		{ "bucket-owner-read", 1, 1, BUCKET_OWNER, VT_ACL_READ },
		{ "bucket-owner-full-control", 1, 1, BUCKET_OWNER,
		    VT_ACL_FULL_CONTROL }
	};
	enum vt_code rc = VT_OK;
	size_t i, p;

	for (i = 0; i < sizeof(canned) / sizeof(canned[0]); i++)
		if (strcmp(canned[i].name, name) == 0 && (is_bucket ?
		    canned[i].for_bucket : canned[i].for_object))
			break;
	if (i == sizeof(canned) / sizeof(canned[0]))
		return vt_fail(err, VT_INVALID,
		    "there is no canned ACL \"%.64s\" for %s", name,
		    is_bucket ? "buckets" : "objects");
	for (p = 0; p < PERMISSIONS - 1 && rc == VT_OK &&
	    canned[i].who != BUCKET_OWNER; p++)
		if (canned[i].what & permissions[p].permission)
			rc = vt_acl_add(acl, (enum vt_acl_grantee)
			    canned[i].who, NULL, permissions[p].permission,
			    err);
	if (rc == VT_OK)
		rc = vt_acl_add(acl, VT_ACL_USER, owner, VT_ACL_FULL_CONTROL,
		    err);
	/* of a bucket the owner is the bucket's owner */
	if (rc == VT_OK && canned[i].who == BUCKET_OWNER && !is_bucket &&
	    strcmp(owner, bucket_owner) != 0)
		rc = vt_acl_add(acl, VT_ACL_USER, bucket_owner,
		    (enum vt_acl_permission)canned[i].what, err);
	return rc;
}

/* --- from requests -------------------------------------------------------- */

static enum vt_code
add_user(struct vt_acl *acl, const char *id, const char *email,
    enum vt_acl_permission permission, const struct vt_acl_users *users,
    const char **s3_code, struct vt_err *err)
{
	const char *found, *name;

	if (users->find(users->ctx, id, email, &found, &name) < 0) {
		*s3_code = id != NULL ? "InvalidArgument" :
		    "UnresolvableGrantByEmailAddress";
		return vt_fail(err, VT_INVALID, id != NULL ?
		    "Invalid id: there is no user \"%.80s\"" :
		    "there is no user with the address \"%.80s\"",
		    id != NULL ? id : email);
	}
	*s3_code = "MalformedACLError";
	return vt_acl_add(acl, VT_ACL_USER, found, permission, err);
}

static enum vt_code
add_group(struct vt_acl *acl, const char *uri,
    enum vt_acl_permission permission, const char **s3_code,
    struct vt_err *err)
{
	for (size_t i = 0; i < GROUP_COUNT; i++)
		if (strcmp(groups[i].uri, uri) == 0) {
			*s3_code = "MalformedACLError";
			return vt_acl_add(acl, groups[i].grantee, NULL,
			    permission, err);
		}
	*s3_code = "InvalidArgument";
	return vt_fail(err, VT_INVALID,
	    "Invalid group uri: there is no group \"%.128s\"", uri);
}

static const char *
skip_blanks(const char *s)
{
	return s + strspn(s, " \t");
}

/* One `type="value"`, the quotes optional; the place after it, or NULL. */
static const char *
read_grantee(struct vt_arena *a, const char *s, const char **type,
    const char **value)
{
	size_t len;
	int quoted;

	len = strcspn(s, "= \t,\"");
	*type = vt_arena_dup(a, s, len);
	s = skip_blanks(s + len);
	if (len == 0 || *type == NULL || *s != '=')
		return NULL;
	s = skip_blanks(s + 1);
	quoted = *s == '"';
	s += quoted;
	len = strcspn(s, quoted ? "\"" : ", \t");
	*value = vt_arena_dup(a, s, len);
	s += len;
	if (*value == NULL || (quoted && *s != '"'))
		return NULL;
	return skip_blanks(s + quoted);
}

enum vt_code
vt_acl_header(struct vt_acl *acl, struct vt_arena *a,
    enum vt_acl_permission permission, const char *value,
    const struct vt_acl_users *users, const char **s3_code,
    struct vt_err *err)
{
	const char *s = skip_blanks(value), *type, *text;
	enum vt_code rc;

	for (;;) {
		s = read_grantee(a, s, &type, &text);
		if (s == NULL)
			break;
		if (strcasecmp(type, "id") == 0)
			rc = add_user(acl, text, NULL, permission, users,
			    s3_code, err);
		else if (strcasecmp(type, "emailAddress") == 0)
			rc = add_user(acl, NULL, text, permission, users,
			    s3_code, err);
		else if (strcasecmp(type, "uri") == 0)
			rc = add_group(acl, text, permission, s3_code, err);
		else
			break;
		if (rc != VT_OK)
			return rc;
		if (*s == '\0')
			return VT_OK;
		if (*s != ',')
			break;
		s = skip_blanks(s + 1);
	}
	*s3_code = "InvalidArgument";
	return vt_fail(err, VT_INVALID, "the grant \"%.128s\" is not of the "
	    "form id=\"...\", uri=\"...\" or emailAddress=\"...\"", value);
}

static enum vt_code
malformed(const char **s3_code, struct vt_err *err, const char *text)
{
	*s3_code = "MalformedACLError";
	return vt_fail(err, VT_INVALID, "%s", text);
}

static enum vt_code
grant_from_xml(struct vt_acl *acl, const struct vt_xml *x,
    const struct vt_acl_users *users, const char **s3_code,
    struct vt_err *err)
{
	const struct vt_xml *grantee = vt_xml_child(x, "Grantee");
	const char *name = vt_xml_child_text(x, "Permission");
	const char *id = vt_xml_child_text(grantee, "ID");
	const char *uri = vt_xml_child_text(grantee, "URI");
	const char *email = vt_xml_child_text(grantee, "EmailAddress");
	size_t i;

	for (i = 0; i < PERMISSIONS; i++)
		if (name != NULL && strcmp(permissions[i].name, name) == 0)
			break;
	if (i == PERMISSIONS)
		return malformed(s3_code, err, "a Grant has no Permission "
		    "that there is");
	if (grantee == NULL || (id != NULL) + (uri != NULL) +
	    (email != NULL) != 1)
		return malformed(s3_code, err, "a Grantee has one of ID, URI "
		    "and EmailAddress");
	if (uri != NULL)
		return add_group(acl, uri, permissions[i].permission, s3_code,
		    err);
	return add_user(acl, id, email, permissions[i].permission, users,
	    s3_code, err);
}

enum vt_code
vt_acl_from_xml(struct vt_acl *acl, const struct vt_xml *root,
    const struct vt_acl_users *users, const char **owner,
    const char **s3_code, struct vt_err *err)
{
	const struct vt_xml *list = vt_xml_child(root, "AccessControlList");
	const struct vt_xml *x;
	enum vt_code rc;

	*owner = vt_xml_child_text(vt_xml_child(root, "Owner"), "ID");
	if (list == NULL)
		return malformed(s3_code, err,
		    "there is no AccessControlList");
	for (x = list->child; x != NULL; x = x->next) {
		if (strcmp(x->name, "Grant") != 0)
			return malformed(s3_code, err, "an AccessControlList "
			    "holds Grant elements");
		rc = grant_from_xml(acl, x, users, s3_code, err);
		if (rc != VT_OK)
			return rc;
	}
	return VT_OK;
}

/* --- to XML --------------------------------------------------------------- */

static void
grant_to_xml(struct vt_buf *out, const struct vt_acl_grant *g,
    const struct vt_acl_users *users)
{
	const char *id, *name;
	size_t i;

	vt_xml_open(out, "Grant");
	vt_buf_printf(out, "<Grantee xmlns:xsi=\"%s\" xsi:type=\"%s\">", XSI,
	    g->grantee == VT_ACL_USER ? "CanonicalUser" : "Group");
	if (g->grantee == VT_ACL_USER) {
		vt_xml_text(out, "ID", g->id);
		/* a user that was removed keeps its grants and has no name */
		if (users->find(users->ctx, g->id, NULL, &id, &name) == 0)
			vt_xml_text(out, "DisplayName", name);
	}
	for (i = 0; i < GROUP_COUNT; i++)
		if (groups[i].grantee == g->grantee)
			vt_xml_text(out, "URI", groups[i].uri);
	vt_xml_close(out, "Grantee");
	for (i = 0; i < PERMISSIONS; i++)
		if (permissions[i].permission == g->permission)
			vt_xml_text(out, "Permission", permissions[i].name);
	vt_xml_close(out, "Grant");
}

void
vt_acl_to_xml(struct vt_buf *out, const struct vt_acl *acl,
    const char *owner_id, const char *owner_name,
    const struct vt_acl_users *users)
{
	int people;
	size_t i;

	vt_xml_decl(out);
	vt_xml_open_ns(out, "AccessControlPolicy");
	vt_xml_open(out, "Owner");
	vt_xml_text(out, "ID", owner_id);
	if (owner_name != NULL)
		vt_xml_text(out, "DisplayName", owner_name);
	vt_xml_close(out, "Owner");
	vt_xml_open(out, "AccessControlList");
	for (people = 0; people < 2; people++)
		for (i = 0; i < acl->count; i++)
			if ((acl->grants[i].grantee == VT_ACL_USER) == people)
				grant_to_xml(out, &acl->grants[i], users);
	vt_xml_close(out, "AccessControlList");
	vt_xml_close(out, "AccessControlPolicy");
}

/* --- the text that is kept ------------------------------------------------ */

void
vt_acl_format(struct vt_buf *out, const struct vt_acl *acl)
{
	size_t i, k;

	if (acl->count == 0)
		vt_buf_char(out, '-');
	for (i = 0; i < acl->count; i++) {
		const struct vt_acl_grant *g = &acl->grants[i];

		if (i > 0)
			vt_buf_char(out, ' ');
		for (k = 0; k < PERMISSIONS; k++)
			if (permissions[k].permission == g->permission)
				vt_buf_char(out, permissions[k].letter);
		if (g->grantee == VT_ACL_USER) {
			vt_buf_char(out, '@');
			vt_buf_str(out, g->id);
		}
		for (k = 0; k < GROUP_COUNT; k++)
			if (groups[k].grantee == g->grantee)
				vt_buf_char(out, groups[k].letter);
	}
}

/* The next grant of the text: the place after it, NULL at the end or, with
 * *bad set, where the text is none of ours. */
static const char *
next_grant(const char *s, struct vt_acl_grant *out, size_t *id_len, int *bad)
{
	size_t i;

	*bad = 0;
	*id_len = 0;
	s += *s == ' ';
	if (*s == '\0' || strcmp(s, "-") == 0)
		return NULL;
	*bad = 1;
	for (i = 0; i < PERMISSIONS; i++)
		if (permissions[i].letter == *s)
			break;
	if (i == PERMISSIONS)
		return NULL;
	out->permission = permissions[i].permission;
	s++;
	if (*s == '@') {
		out->grantee = VT_ACL_USER;
		out->id = ++s;
		*id_len = strcspn(s, " ");
		s += *id_len;
	} else {
		for (i = 0; i < GROUP_COUNT; i++)
			if (groups[i].letter == *s)
				break;
		if (i == GROUP_COUNT)
			return NULL;
		out->grantee = groups[i].grantee;
		out->id = NULL;
		s++;
	}
	*bad = *s != ' ' && *s != '\0';
	return *bad ? NULL : s;
}

enum vt_code
vt_acl_parse(struct vt_arena *a, const char *text, struct vt_acl *acl,
    struct vt_err *err)
{
	struct vt_acl_grant g;
	const char *s = text;
	size_t len;
	int bad;

	acl->count = 0;
	while ((s = next_grant(s, &g, &len, &bad)) != NULL) {
		if (acl->count == VT_ACL_GRANTS_MAX)
			bad = 1;
		if (bad)
			break;
		if (g.grantee == VT_ACL_USER) {
			g.id = vt_arena_dup(a, g.id, len);
			if (g.id == NULL)
				return vt_fail(err, VT_NOMEM,
				    "no memory for an ACL");
		}
		acl->grants[acl->count++] = g;
	}
	if (bad)
		return vt_fail(err, VT_CORRUPT, "\"%.64s\" is no ACL", text);
	return VT_OK;
}

unsigned
vt_acl_allows(const char *text, const char *id, int ignore_public)
{
	struct vt_acl_grant g;
	unsigned sum = 0;
	size_t len;
	int bad;

	while ((text = next_grant(text, &g, &len, &bad)) != NULL) {
		switch (g.grantee) {
		case VT_ACL_USER:
			if (id != NULL && strlen(id) == len &&
			    memcmp(id, g.id, len) == 0)
				sum |= g.permission;
			break;
		case VT_ACL_ALL:
			if (!ignore_public)
				sum |= g.permission;
			break;
		case VT_ACL_AUTHENTICATED:
			if (!ignore_public && id != NULL)
				sum |= g.permission;
			break;
		case VT_ACL_LOG_DELIVERY:
			break;
		}
	}
	return sum;
}

int
vt_acl_is_public(const char *text)
{
	struct vt_acl_grant g;
	size_t len;
	int bad;

	while ((text = next_grant(text, &g, &len, &bad)) != NULL)
		if (g.grantee == VT_ACL_ALL ||
		    g.grantee == VT_ACL_AUTHENTICATED)
			return 1;
	return 0;
}
