/* libvt/proto/acl.c */
#include "test.h"

#include "libvt/proto/acl.h"

static struct vt_arena *arena;

static int
find(void *ctx, const char *id, const char *email, const char **out_id,
    const char **out_name)
{
	static const char *const people[][3] = {
		{ "aa", "ann", "ann@x" }, { "bb", "bob", "bob@x" }
	};

	(void)ctx;
	for (size_t i = 0; i < 2; i++)
		if (id != NULL ? strcmp(people[i][0], id) == 0 :
		    strcmp(people[i][2], email) == 0) {
			*out_id = people[i][0];
			*out_name = people[i][1];
			return 0;
		}
	return -1;
}
static const struct vt_acl_users users = { find, NULL };

/* The kept text, in the arena. */
static const char *
text_of(const struct vt_acl *acl)
{
	struct vt_buf b;
	const char *text;

	vt_buf_init(&b, 1 << 16);
	vt_acl_format(&b, acl);
	text = vt_arena_str(arena, b.data);
	vt_buf_release(&b);
	return text;
}

static const char *
canned(const char *name, const char *owner, int is_bucket)
{
	struct vt_acl acl = { .count = 0 };
	struct vt_err err;

	if (vt_acl_canned(&acl, name, owner, "bb", is_bucket, &err) != VT_OK)
		return err.text[0] != '\0' ? "refused" : "no words";
	return text_of(&acl);
}

static void
canned_acls(void)
{
	is_str(canned("private", "aa", 0), "F@aa", "private");
	is_str(canned("public-read", "aa", 0), "R* F@aa", "public-read");
	is_str(canned("public-read-write", "aa", 1), "R* W* F@aa",
	    "public-read-write");
	is_str(canned("authenticated-read", "aa", 1), "R+ F@aa",
	    "authenticated-read");
	is_str(canned("aws-exec-read", "aa", 0), "F@aa", "aws-exec-read");
	is_str(canned("log-delivery-write", "aa", 1), "Wl rl F@aa",
	    "log-delivery-write");
	is_str(canned("log-delivery-write", "aa", 0), "refused",
	    "not for objects");
	is_str(canned("bucket-owner-read", "aa", 0), "F@aa R@bb",
	    "bucket-owner-read");
	is_str(canned("bucket-owner-full-control", "aa", 0), "F@aa F@bb",
	    "bucket-owner-full-control");
	is_str(canned("bucket-owner-full-control", "bb", 0), "F@bb",
	    "of its own owner");
	is_str(canned("bucket-owner-read", "aa", 1), "F@aa",
	    "says nothing of a bucket");
	is_str(canned("public", "aa", 0), "refused", "no such name");
	is_str(canned("", "aa", 0), "refused", "nor the empty one");
}

/* The kept text, or the S3 code of the refusal. */
static const char *
header(const char *value)
{
	struct vt_acl acl = { .count = 0 };
	const char *code = "none";
	struct vt_err err;

	if (vt_acl_header(&acl, arena, VT_ACL_READ, value, &users, &code,
	    &err) != VT_OK)
		return code;
	return text_of(&acl);
}

#define ALL "http://acs.amazonaws.com/groups/global/AllUsers"

static void
headers(void)
{
	is_str(header("id=\"aa\""), "R@aa", "an id");
	is_str(header("id=aa"), "R@aa", "without quotes");
	is_str(header(" id = \"aa\" , emailAddress=\"bob@x\",uri=\"" ALL
	    "\" "), "R@aa R@bb R*", "three, with blanks");
	is_str(header("ID=aa,id=aa"), "R@aa", "twice is once");
	is_str(header("id=\"cc\""), "InvalidArgument", "no such user");
	is_str(header("emailAddress=c@x"), "UnresolvableGrantByEmailAddress",
	    "no such address");
	is_str(header("uri=\"http://x\""), "InvalidArgument",
	    "no such group");
	is_str(header(""), "InvalidArgument", "nothing");
	is_str(header("aa"), "InvalidArgument", "no type");
	is_str(header("name=ann"), "InvalidArgument", "no such type");
	is_str(header("id=\"aa"), "InvalidArgument", "an open quote");
	is_str(header("id=aa id=bb"), "InvalidArgument", "no comma");
	is_str(header("id=aa,"), "InvalidArgument", "nothing after one");
}

static const char *
from_xml(const char *body, const char **owner)
{
	struct vt_acl acl = { .count = 0 };
	const char *code = "none";
	struct vt_xml *root;
	struct vt_err err;

	*owner = "?";
	if (vt_xml_parse(arena, body, strlen(body), &root, &err) != VT_OK)
		return "no XML";
	if (vt_acl_from_xml(&acl, root, &users, owner, &code, &err) != VT_OK)
		return code;
	return text_of(&acl);
}

#define POLICY(list) "<AccessControlPolicy><Owner><ID>aa</ID></Owner>" \
	list "</AccessControlPolicy>"
#define LIST(grants) POLICY("<AccessControlList>" grants \
	"</AccessControlList>")
#define GRANT(who, what) "<Grant><Grantee>" who "</Grantee><Permission>" \
	what "</Permission></Grant>"

static void
xml(void)
{
	struct vt_acl acl;
	const char *owner, *again;
	struct vt_err err;
	struct vt_buf b;
	char *many;

	is_str(from_xml(LIST(GRANT("<ID>aa</ID><DisplayName>x</DisplayName>",
	    "FULL_CONTROL") GRANT("<URI>" ALL "</URI>", "READ")
	    GRANT("<EmailAddress>bob@x</EmailAddress>", "WRITE_ACP")),
	    &owner), "F@aa R* w@bb", "grants");
	is_str(owner, "aa", "and the owner");
	is_str(from_xml(LIST(""), &owner), "-", "none at all");
	is_str(from_xml(POLICY(""), &owner), "MalformedACLError", "no list");
	is_str(from_xml(LIST("<Grant/>"), &owner), "MalformedACLError",
	    "an empty grant");
	is_str(from_xml(LIST("<Gift/>"), &owner), "MalformedACLError",
	    "something else");
	is_str(from_xml(LIST(GRANT("<ID>aa</ID>", "ALL")), &owner),
	    "MalformedACLError", "no such permission");
	is_str(from_xml(LIST(GRANT("", "READ")), &owner),
	    "MalformedACLError", "nobody");
	is_str(from_xml(LIST(GRANT("<ID>aa</ID><URI>" ALL "</URI>", "READ")),
	    &owner), "MalformedACLError", "two at once");
	is_str(from_xml(LIST(GRANT("<ID>cc</ID>", "READ")), &owner),
	    "InvalidArgument", "no such user");
	ok(from_xml("<AccessControlPolicy/>", &owner) != NULL &&
	    owner == NULL, "no owner");

	acl.count = 0;
	is_int(vt_acl_parse(arena, "F@aa R* w@cc", &acl, &err), VT_OK,
	    "kept text is read");
	vt_buf_init(&b, 1 << 16);
	vt_acl_to_xml(&b, &acl, "aa", "ann", &users);
	ok(strstr(b.data, "xsi:type=\"Group\"") <
	    strstr(b.data, "xsi:type=\"CanonicalUser\""), "groups first");
	again = from_xml(b.data, &owner);
	is_str(again, "InvalidArgument", "a user that was removed is shown");
	acl.count = 2;
	vt_buf_reset(&b);
	vt_acl_to_xml(&b, &acl, "aa", "ann", &users);
	is_str(from_xml(b.data, &owner), "R* F@aa",
	    "what is written is read");
	vt_buf_release(&b);

	acl.count = 0;
	many = calloc(1, 40000);
	for (int i = 0; many != NULL && i <= VT_ACL_GRANTS_MAX; i++) {
		snprintf(many, 32, "%d", i);
		if (vt_acl_add(&acl, VT_ACL_USER, vt_arena_str(arena, many),
		    VT_ACL_READ, &err) == VT_TOO_LARGE)
			is_int(i, VT_ACL_GRANTS_MAX, "so many and no more");
	}
	free(many);
}

static void
kept(void)
{
	static const char *const bad[] = { "F", "X@aa", "F!aa",
	    "R*R*", "  ", "--" };
	struct vt_acl acl;
	struct vt_err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		is_int(vt_acl_parse(arena, bad[i], &acl, &err), VT_CORRUPT,
		    "\"%s\" is none of ours", bad[i]);
	is_int(vt_acl_allows("R* W* F@aa", NULL, 0),
	    VT_ACL_READ | VT_ACL_WRITE, "anybody");
	is_int(vt_acl_allows("R* W* F@aa", NULL, 1), 0,
	    "public grants ignored");
	is_int(vt_acl_allows("R+ F@aa", NULL, 0), 0,
	    "anybody has no key");
	is_int(vt_acl_allows("R+ F@aa", "bb", 0), VT_ACL_READ,
	    "somebody has");
	is_int(vt_acl_allows("R+ F@aa", "aa", 1), VT_ACL_FULL_CONTROL,
	    "a user's own grant stays");
	is_int(vt_acl_allows("R@aa r@aa", "aa", 0),
	    VT_ACL_READ | VT_ACL_READ_ACP, "grants add up");
	is_int(vt_acl_allows("F@aab", "aa", 0), 0, "the whole id");
	is_int(vt_acl_allows("F@a", "aa", 0), 0, "all of it");
	is_int(vt_acl_allows("Wl", "aa", 0), 0, "log delivery is nobody");
	is_int(vt_acl_allows("-", "aa", 0), 0, "no grants");
	is_int(vt_acl_allows("", "aa", 0), 0, "no text");
	ok(vt_acl_is_public("F@aa R*"), "all are the public");
	ok(vt_acl_is_public("W+"), "so is everybody with a key");
	ok(!vt_acl_is_public("F@aa Wl"), "log delivery is not");
}

int
main(void)
{
	arena = vt_arena_new(1 << 20);
	canned_acls();
	headers();
	xml();
	kept();
	vt_arena_free(arena);
	return test_done();
}
