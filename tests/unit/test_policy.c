/* libvt/proto/policy*.c */
#include <stdint.h>
#include <strings.h>

#include "test.h"

#include "libvt/proto/policy.h"

#define MAIN "111122223333"

/* --- the facts of a request ----------------------------------------------- */

#define FACTS 8
static struct fact {
	const char *key;
	const char *values[4];
	size_t count;
} facts[FACTS];

static void
forget(void)
{
	memset(facts, 0, sizeof(facts));
}

static void
fact(const char *key, const char *value)
{
	for (int i = 0; i < FACTS; i++) {
		if (facts[i].key != NULL && strcmp(facts[i].key, key) != 0)
			continue;
		facts[i].key = key;
		if (value != NULL)
			facts[i].values[facts[i].count++] = value;
		return;
	}
}

static const char *const *
values(void *ctx, const char *key, size_t *count)
{
	(void)ctx;
	for (int i = 0; i < FACTS; i++)
		if (facts[i].key != NULL &&
		    strcasecmp(facts[i].key, key) == 0) {
			*count = facts[i].count;
			return facts[i].values;
		}
	return NULL;
}

static const struct vt_policy_caller anybody;
static const struct vt_policy_caller root = { MAIN,
    "arn:aws:iam::" MAIN ":root", "aaaa", 1 };
static const struct vt_policy_caller ann = { MAIN,
    "arn:aws:iam::" MAIN ":user/ann", "bbbb", 0 };
static const struct vt_policy_caller stranger = { "444455556666",
    "arn:aws:iam::444455556666:user/ann", "cccc", 0 };

static int
ask_len(const char *text, const char *bucket,
    const struct vt_policy_caller *who, const char *action,
    const char *resource, size_t len)
{
	struct vt_policy_request q = { .caller = *who, .action = action,
	    .resource = resource, .resource_len = len, .values = values };
	struct vt_policy *p;
	struct vt_err err;
	int result;

	if (vt_policy_parse(text, strlen(text), bucket, &p, &err) != VT_OK) {
		printf("# %s\n# %s\n", err.text, text);
		return -1;
	}
	result = (int)vt_policy_eval(p, &q);
	vt_policy_free(p);
	return result;
}

static int
ask(const char *text, const struct vt_policy_caller *who, const char *action,
    const char *resource)
{
	return ask_len(text, "b", who, action, resource, strlen(resource));
}

#define DOC(body) "{\"Version\":\"2012-10-17\",\"Statement\":[" body "]}"
#define ALL "\"Resource\":[\"arn:aws:s3:::b\",\"arn:aws:s3:::b/*\"]"
#define ALLOW(who, rest) "{\"Effect\":\"Allow\",\"Principal\":" who "," rest "}"
#define DENY(who, rest) "{\"Effect\":\"Deny\",\"Principal\":" who "," rest "}"
#define GET "\"Action\":\"s3:GetObject\""
#define K "arn:aws:s3:::b/k"

/* --- who, what, where ----------------------------------------------------- */

static void
who(void)
{
	static const struct {
		const char *who;
		int anybody, root, ann, stranger;
	} c[] = {
		{ "\"*\"", 2, 2, 2, 2 },
		{ "{\"AWS\":\"*\"}", 2, 2, 2, 2 },
		{ "{\"AWS\":[\"*\"]}", 2, 2, 2, 2 },
		{ "{\"AWS\":\"" MAIN "\"}", 0, 2, 1, 0 },
		{ "{\"AWS\":\"arn:aws:iam::" MAIN ":root\"}", 0, 2, 1, 0 },
		{ "{\"AWS\":\"arn:aws:iam::" MAIN ":user/ann\"}", 0, 0, 2,
		    0 },
		{ "{\"AWS\":\"arn:aws:iam::" MAIN ":user/an\"}", 0, 0, 0, 0 },
		{ "{\"AWS\":[\"arn:aws:iam::" MAIN ":user/ann\",\"" MAIN
		    "\"]}", 0, 2, 2, 0 },
		{ "{\"AWS\":\"444455556666\"}", 0, 0, 0, 1 },
		{ "{\"CanonicalUser\":\"bbbb\"}", 0, 0, 2, 0 },
		{ "{\"CanonicalUser\":[\"x\",\"cccc\"]}", 0, 0, 0, 2 },
		{ "{\"Service\":\"logging.s3.amazonaws.com\"}", 0, 0, 0, 0 },
		{ "{\"Service\":\"*\",\"AWS\":\"" MAIN "\"}", 0, 2, 1, 0 },
		{ "{\"Federated\":\"accounts.google.com\"}", 0, 0, 0, 0 }
	};
	char text[512];

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		snprintf(text, sizeof(text), DOC("{\"Effect\":\"Allow\","
		    "\"Principal\":%s," GET "," ALL "}"), c[i].who);
		is_int(ask(text, &anybody, "s3:GetObject", K), c[i].anybody,
		    "%s: anybody", c[i].who);
		is_int(ask(text, &root, "s3:GetObject", K), c[i].root,
		    "%s: root", c[i].who);
		is_int(ask(text, &ann, "s3:GetObject", K), c[i].ann,
		    "%s: a user", c[i].who);
		is_int(ask(text, &stranger, "s3:GetObject", K),
		    c[i].stranger, "%s: another account's", c[i].who);
	}
#define BUT_ANN DOC("{\"Effect\":\"Deny\",\"NotPrincipal\":{\"AWS\":" \
	"\"arn:aws:iam::" MAIN ":user/ann\"}," GET "," ALL "}")
	is_int(ask(BUT_ANN, &ann, "s3:GetObject", K), VT_POLICY_NOTHING,
	    "NotPrincipal leaves out whom it names");
	is_int(ask(BUT_ANN, &stranger, "s3:GetObject", K), VT_POLICY_DENY,
	    "and denies others");
	is_int(ask(BUT_ANN, &anybody, "s3:GetObject", K), VT_POLICY_DENY,
	    "and anybody");
	is_int(ask(DOC(DENY("{\"AWS\":\"" MAIN "\"}", GET "," ALL)), &ann,
	    "s3:GetObject", K), VT_POLICY_DENY,
	    "an account denied is its users denied");
}

static void
what(void)
{
	static const struct {
		const char *actions, *action;
		int fits;
	} c[] = {
		{ "\"s3:GetObject\"", "s3:GetObject", 1 },
		{ "\"s3:GetObject\"", "s3:GetObjectVersion", 0 },
		{ "\"S3:getobject\"", "s3:GetObject", 1 },
		{ "\"s3:Get*\"", "s3:GetBucketPolicy", 1 },
		{ "\"s3:Get*\"", "s3:PutObject", 0 },
		{ "\"s3:*Object\"", "s3:DeleteObject", 1 },
		{ "\"s3:*Object\"", "s3:DeleteObjectTagging", 0 },
		{ "\"s3:?etObject\"", "s3:GetObject", 1 },
		{ "\"s3:*\"", "s3:DeleteBucket", 1 },
		{ "\"*\"", "s3:DeleteBucket", 1 },
		{ "[\"s3:PutObject\",\"s3:GetObject\"]", "s3:GetObject", 1 },
		{ "[\"s3:PutObject\",\"s3:ListBucket\"]", "s3:GetObject", 0 }
	};
	char text[512];

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		snprintf(text, sizeof(text), DOC("{\"Effect\":\"Allow\","
		    "\"Principal\":\"*\",\"Action\":%s," ALL "}"),
		    c[i].actions);
		is_int(ask(text, &anybody, c[i].action, K),
		    c[i].fits ? VT_POLICY_ALLOW : VT_POLICY_NOTHING,
		    "%s: %s", c[i].actions, c[i].action);
		snprintf(text, sizeof(text), DOC("{\"Effect\":\"Allow\","
		    "\"Principal\":\"*\",\"NotAction\":%s," ALL "}"),
		    c[i].actions);
		is_int(ask(text, &anybody, c[i].action, K),
		    c[i].fits ? VT_POLICY_NOTHING : VT_POLICY_ALLOW,
		    "but %s: %s", c[i].actions, c[i].action);
	}
}

static void
where(void)
{
	static const struct {
		const char *resources, *resource;
		int fits;
	} c[] = {
		{ "\"arn:aws:s3:::b/k\"", "arn:aws:s3:::b/k", 1 },
		{ "\"arn:aws:s3:::b/k\"", "arn:aws:s3:::b/K", 0 },
		{ "\"arn:aws:s3:::b/k\"", "arn:aws:s3:::b/kk", 0 },
		{ "\"arn:aws:s3:::b\"", "arn:aws:s3:::b", 1 },
		{ "\"arn:aws:s3:::b\"", "arn:aws:s3:::b/k", 0 },
		{ "\"arn:aws:s3:::b/*\"", "arn:aws:s3:::b", 0 },
		{ "\"arn:aws:s3:::b/*\"", "arn:aws:s3:::b/x/y/z", 1 },
		{ "\"arn:aws:s3:::b*\"", "arn:aws:s3:::b", 1 },
		{ "\"arn:aws:s3:::b*\"", "arn:aws:s3:::b/k", 1 },
		{ "\"arn:aws:s3:::*\"", "arn:aws:s3:::b/k", 1 },
		{ "\"arn:aws:s3:::b/a*b*c\"", "arn:aws:s3:::b/a1b2c", 1 },
		{ "\"arn:aws:s3:::b/a*b*c\"", "arn:aws:s3:::b/abbbcbc", 1 },
		{ "\"arn:aws:s3:::b/a*b*c\"", "arn:aws:s3:::b/acb", 0 },
		{ "\"arn:aws:s3:::b/a**c\"", "arn:aws:s3:::b/ac", 1 },
		{ "\"arn:aws:s3:::b/?\"", "arn:aws:s3:::b/k", 1 },
		{ "\"arn:aws:s3:::b/?\"", "arn:aws:s3:::b/kk", 0 },
		{ "\"arn:aws:s3:::b/?\"", "arn:aws:s3:::b/", 0 },
		{ "\"arn:aws:s3:::b/?x\"", "arn:aws:s3:::b/\xe2\x82\xacx",
		    1 },
		{ "\"arn:aws:s3:::b/${*}\"", "arn:aws:s3:::b/*", 1 },
		{ "\"arn:aws:s3:::b/${*}\"", "arn:aws:s3:::b/k", 0 },
		{ "\"arn:aws:s3:::b/${$}${?}\"", "arn:aws:s3:::b/$?", 1 },
		{ "[\"arn:aws:s3:::b/x\",\"arn:aws:s3:::b/k\"]",
		    "arn:aws:s3:::b/k", 1 },
		{ "\"arn:aws:s3:::b/home/${aws:username}/*\"",
		    "arn:aws:s3:::b/home/ann/f", 1 },
		{ "\"arn:aws:s3:::b/home/${aws:username}/*\"",
		    "arn:aws:s3:::b/home/bob/f", 0 },
		{ "\"arn:aws:s3:::b/home/${AWS:UserName}/*\"",
		    "arn:aws:s3:::b/home/ann/f", 1 },
		{ "\"arn:aws:s3:::b/${aws:PrincipalTag/t, 'none'}\"",
		    "arn:aws:s3:::b/none", 1 }
	};
	char text[512];

	forget();
	fact("aws:username", "ann");
	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		snprintf(text, sizeof(text), DOC("{\"Effect\":\"Allow\","
		    "\"Principal\":\"*\"," GET ",\"Resource\":%s}"),
		    c[i].resources);
		is_int(ask(text, &ann, "s3:GetObject", c[i].resource),
		    c[i].fits ? VT_POLICY_ALLOW : VT_POLICY_NOTHING,
		    "%s: %s", c[i].resources, c[i].resource);
		snprintf(text, sizeof(text), DOC("{\"Effect\":\"Allow\","
		    "\"Principal\":\"*\"," GET ",\"NotResource\":%s}"),
		    c[i].resources);
		is_int(ask(text, &ann, "s3:GetObject", c[i].resource),
		    c[i].fits ? VT_POLICY_NOTHING : VT_POLICY_ALLOW,
		    "but %s: %s", c[i].resources, c[i].resource);
	}
	is_int(ask_len(DOC(ALLOW("\"*\"", GET ",\"Resource\":"
	    "\"arn:aws:s3:::b/a*z\"")), "b", &ann, "s3:GetObject",
	    "arn:aws:s3:::b/a\xff\0z", 19), VT_POLICY_ALLOW,
	    "a key is any bytes");
}

#define HOME(effect, r) DOC("{\"Effect\":\"" effect "\",\"Principal\":\"*\"," \
	GET ",\"" r "\":\"arn:aws:s3:::b/${aws:username}\"}")
#define UNLIKE(effect) DOC("{\"Effect\":\"" effect "\",\"Principal\":\"*\"," \
	GET "," ALL ",\"Condition\":{\"StringNotEquals\":{\"aws:Referer\":" \
	"\"${aws:username}\"}}}")

static void
variables(void)
{
	forget();
	fact("aws:Referer", "x");
	is_int(ask(HOME("Allow", "Resource"), &root, "s3:GetObject",
	    "arn:aws:s3:::b/"), VT_POLICY_NOTHING,
	    "without a value nothing fits");
	is_int(ask(HOME("Allow", "NotResource"), &root, "s3:GetObject", K),
	    VT_POLICY_NOTHING, "nor is it known what does not");
	is_int(ask(HOME("Deny", "NotResource"), &root, "s3:GetObject", K),
	    VT_POLICY_DENY, "but it denies");
	is_int(ask(UNLIKE("Allow"), &root, "s3:GetObject", K),
	    VT_POLICY_NOTHING, "unlike the unknown does not allow");
	is_int(ask(UNLIKE("Deny"), &root, "s3:GetObject", K),
	    VT_POLICY_DENY, "and does deny");
	fact("aws:username", "*");
	is_int(ask(HOME("Allow", "Resource"), &ann, "s3:GetObject", K),
	    VT_POLICY_NOTHING, "a wildcard in a value is none");
	is_int(ask(HOME("Allow", "Resource"), &ann, "s3:GetObject",
	    "arn:aws:s3:::b/*"), VT_POLICY_ALLOW, "it is the character");
	is_int(ask("{\"Version\":\"2008-10-17\",\"Statement\":{\"Effect\":"
	    "\"Allow\",\"Principal\":\"*\"," GET ",\"Resource\":"
	    "\"arn:aws:s3:::b/${aws:username}\"}}", &ann, "s3:GetObject",
	    "arn:aws:s3:::b/${aws:username}"), VT_POLICY_ALLOW,
	    "the old version knows no variables");
}

/* --- conditions ----------------------------------------------------------- */

/* The condition, the value of its key (NULL: none; "a|b": a set). */
static void
condition(const char *operator, const char *key, const char *list,
    const char *value, int holds)
{
	static char parts[4][64];
	char text[1024];
	int n = 0;

	forget();
	while (value != NULL) {
		size_t len = strcspn(value, "|");

		snprintf(parts[n], sizeof(parts[n]), "%.*s", (int)len, value);
		fact(key, parts[n++]);
		value = value[len] == '|' ? value + len + 1 : NULL;
	}
	snprintf(text, sizeof(text), DOC("{\"Effect\":\"Allow\","
	    "\"Principal\":\"*\"," GET "," ALL ",\"Condition\":{\"%s\":"
	    "{\"%s\":%s}}}"), operator, key, list);
	is_int(ask(text, &anybody, "s3:GetObject", K),
	    holds ? VT_POLICY_ALLOW : VT_POLICY_NOTHING, "%s %s %s: %s",
	    operator, key, list, n > 0 ? parts[0] : "(none)");
}

static void
conditions(void)
{
#define KEY "aws:Referer"
	condition("StringEquals", KEY, "\"a\"", "a", 1);
	condition("StringEquals", KEY, "\"a\"", "A", 0);
	condition("StringEquals", KEY, "\"a*\"", "ab", 0);
	condition("StringEquals", KEY, "[\"x\",\"a\"]", "a", 1);
	condition("StringEquals", KEY, "\"a\"", NULL, 0);
	condition("StringEquals", "AWS:REFERER", "\"a\"", "a", 1);
	condition("StringNotEquals", KEY, "\"a\"", "b", 1);
	condition("StringNotEquals", KEY, "[\"a\",\"b\"]", "b", 0);
	condition("StringNotEquals", KEY, "\"a\"", NULL, 1);
	condition("StringEqualsIgnoreCase", KEY, "\"aB\"", "Ab", 1);
	condition("StringNotEqualsIgnoreCase", KEY, "\"aB\"", "Ab", 0);
	condition("StringLike", KEY, "\"http://x/*\"", "http://x/y", 1);
	condition("StringLike", KEY, "\"http://x/*\"", "http://y/", 0);
	condition("StringLike", KEY, "\"http://x/*\"", NULL, 0);
	condition("StringLikeIfExists", KEY, "\"http://x/*\"", NULL, 1);
	condition("StringLikeIfExists", KEY, "\"http://x/*\"", "y", 0);
	condition("StringNotLike", KEY, "\"a*\"", "b", 1);
	condition("StringNotLike", KEY, "\"a*\"", "ab", 0);
	condition("BinaryEquals", KEY, "\"QUI=\"", "QUI=", 1);

	condition("NumericEquals", "s3:max-keys", "\"10\"", "10", 1);
	condition("NumericEquals", "s3:max-keys", "10", "10.0", 1);
	condition("NumericEquals", "s3:max-keys", "10", "ten", 0);
	condition("NumericNotEquals", "s3:max-keys", "10", "11", 1);
	condition("NumericNotEquals", "s3:max-keys", "10", NULL, 1);
	condition("NumericLessThan", "s3:max-keys", "10", "9", 1);
	condition("NumericLessThan", "s3:max-keys", "10", "10", 0);
	condition("NumericLessThanEquals", "s3:max-keys", "10", "10", 1);
	condition("NumericGreaterThan", "s3:max-keys", "10", "10", 0);
	condition("NumericGreaterThan", "s3:max-keys", "10", "11", 1);
	condition("NumericGreaterThanEquals", "s3:max-keys", "10", "10", 1);
	condition("NumericGreaterThan", "s3:max-keys", "10", NULL, 0);

#define NOW "aws:CurrentTime"
	condition("DateGreaterThan", NOW, "\"2026-01-01T00:00:00Z\"",
	    "2026-11-25T12:00:00.000Z", 1);
	condition("DateLessThan", NOW, "\"2026-01-01T00:00:00Z\"",
	    "2026-11-25T12:00:00.000Z", 0);
	condition("DateLessThan", NOW, "\"2027-01-01\"",
	    "2026-11-25T12:00:00.000Z", 1);
	condition("DateLessThan", "aws:EpochTime", "1800000000",
	    "1700000000", 1);
	condition("DateEquals", NOW, "\"2026-01-01T01:00:00+01:00\"",
	    "2026-01-01T00:00:00Z", 1);
	condition("DateNotEquals", NOW, "\"2026-01-01T00:00:00Z\"",
	    "2026-01-01T00:00:00Z", 0);
	condition("DateLessThanEquals", NOW, "\"2026-01-01T00:00:00Z\"",
	    "2026-01-01T00:00:00Z", 1);
	condition("DateGreaterThanEquals", NOW, "\"2026-01-01T00:00:00Z\"",
	    "2025-12-31T23:59:59Z", 0);

#define TLS "aws:SecureTransport"
	condition("Bool", TLS, "\"true\"", "true", 1);
	condition("Bool", TLS, "true", "true", 1);
	condition("Bool", TLS, "\"False\"", "false", 1);
	condition("Bool", TLS, "\"true\"", "false", 0);
	condition("Bool", TLS, "\"false\"", NULL, 0);
	condition("BoolIfExists", TLS, "\"false\"", NULL, 1);

#define IP "aws:SourceIp"
	condition("IpAddress", IP, "\"10.0.0.0/8\"", "10.1.2.3", 1);
	condition("IpAddress", IP, "\"10.0.0.0/8\"", "11.1.2.3", 0);
	condition("IpAddress", IP, "\"10.1.2.3\"", "10.1.2.3", 1);
	condition("IpAddress", IP, "\"10.1.2.3\"", "10.1.2.4", 0);
	condition("IpAddress", IP, "\"10.1.2.0/31\"", "10.1.2.1", 1);
	condition("IpAddress", IP, "\"10.1.2.0/31\"", "10.1.2.2", 0);
	condition("IpAddress", IP, "\"0.0.0.0/0\"", "10.1.2.2", 1);
	condition("IpAddress", IP, "\"0.0.0.0/0\"", "2001:db8::1", 0);
	condition("IpAddress", IP, "\"2001:db8::/33\"", "2001:db8::1", 1);
	condition("IpAddress", IP, "\"2001:db8::/33\"", "2001:db8:8000::1",
	    0);
	condition("IpAddress", IP, "\"10.0.0.0/8\"", "::ffff:10.0.0.1", 1);
	condition("IpAddress", IP, "\"10.0.0.0/8\"", "no address", 0);
	condition("NotIpAddress", IP, "\"10.0.0.0/8\"", "10.1.2.3", 0);
	condition("NotIpAddress", IP, "[\"10.0.0.0/8\",\"::1\"]",
	    "192.0.2.1", 1);

#define ARN "aws:PrincipalArn"
	condition("ArnEquals", ARN, "\"arn:aws:iam::1:user/ann\"",
	    "arn:aws:iam::1:user/ann", 1);
	condition("ArnLike", ARN, "\"arn:aws:iam::*:user/a*\"",
	    "arn:aws:iam::1:user/ann", 1);
	condition("ArnLike", ARN, "\"arn:aws:iam::*:user/ann\"",
	    "arn:aws:iam::1:x:user/ann", 0);
	condition("ArnLike", ARN, "\"arn:*\"", "arn:aws:iam::1:user/ann", 0);
	condition("ArnLike", ARN, "\"arn:aws:s3:::b:*\"", "arn:aws:s3:::b:c:d",
	    1);
	condition("ArnNotLike", ARN, "\"arn:aws:iam::1:*\"",
	    "arn:aws:iam::2:root", 1);
	condition("ArnNotEquals", ARN, "\"arn:aws:iam::1:root\"",
	    "arn:aws:iam::1:root", 0);

	condition("Null", KEY, "\"true\"", NULL, 1);
	condition("Null", KEY, "\"true\"", "x", 0);
	condition("Null", KEY, "\"false\"", "x", 1);
	condition("Null", KEY, "\"false\"", NULL, 0);

#define TAGS "s3:RequestObjectTagKeys"
	condition("ForAllValues:StringEquals", TAGS, "[\"a\",\"b\"]", "a|b",
	    1);
	condition("ForAllValues:StringEquals", TAGS, "[\"a\",\"b\"]", "a|c",
	    0);
	condition("ForAllValues:StringEquals", TAGS, "[\"a\",\"b\"]", NULL,
	    1);
	condition("ForAnyValue:StringEquals", TAGS, "[\"a\",\"b\"]", "x|b",
	    1);
	condition("ForAnyValue:StringEquals", TAGS, "[\"a\",\"b\"]", "x|y",
	    0);
	condition("ForAnyValue:StringEquals", TAGS, "[\"a\"]", NULL, 0);
	condition("ForAnyValue:StringNotEquals", TAGS, "[\"a\"]", "a|b", 1);
	condition("ForAllValues:StringNotEquals", TAGS, "[\"a\"]", "a|b", 0);
	condition("ForAllValues:StringLike", TAGS, "\"p-*\"", "p-1|p-2", 1);
	condition("ForAnyValue:StringEqualsIfExists", TAGS, "\"a\"", NULL,
	    1);
	condition("StringNotEquals", TAGS, "\"a\"", "a|b", 0);

	forget();
	fact("aws:Referer", "r");
	fact("aws:SourceIp", "10.0.0.1");
#define TWO(ip) DOC(ALLOW("\"*\"", GET "," ALL ",\"Condition\":{" \
	"\"StringEquals\":{\"aws:Referer\":\"r\"},\"IpAddress\":" \
	"{\"aws:SourceIp\":\"" ip "\"}}"))
	is_int(ask(TWO("10.0.0.0/8"), &anybody, "s3:GetObject", K),
	    VT_POLICY_ALLOW, "two conditions hold");
	is_int(ask(TWO("11.0.0.0/8"), &anybody, "s3:GetObject", K),
	    VT_POLICY_NOTHING, "both must");
	fact("aws:username", "r");
	is_int(ask(DOC(ALLOW("\"*\"", GET "," ALL ",\"Condition\":{"
	    "\"StringEquals\":{\"aws:Referer\":\"${aws:username}\"}}")),
	    &ann, "s3:GetObject", K), VT_POLICY_ALLOW,
	    "a variable in a condition");
	forget();
}

static void
order(void)
{
	const char *both = DOC(ALLOW("\"*\"", "\"Action\":\"s3:*\"," ALL) ","
	    DENY("\"*\"", GET ",\"Resource\":\"arn:aws:s3:::b/secret/*\""));

	is_int(ask(both, &root, "s3:GetObject", K), VT_POLICY_ALLOW,
	    "allowed");
	is_int(ask(both, &root, "s3:GetObject", "arn:aws:s3:::b/secret/x"),
	    VT_POLICY_DENY, "a deny wins");
	is_int(ask(both, &root, "s3:PutObject", "arn:aws:s3:::b/secret/x"),
	    VT_POLICY_ALLOW, "where it applies");
	is_int(ask(both, &root, "s3:GetObject", "arn:aws:s3:::c/k"),
	    VT_POLICY_NOTHING, "no statement is no answer");
}

static void
users(void)
{
	const char *text = DOC("{\"Effect\":\"Allow\",\"Action\":"
	    "[\"s3:Get*\",\"iam:*\",\"s3:NotYet\"],\"Resource\":\"*\"},"
	    "{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":"
	    "\"arn:aws:s3:::c/*\",\"Condition\":{\"StringEquals\":"
	    "{\"my:key\":\"1\"}}}");

	fact("my:key", "1");
	is_int(ask_len(text, NULL, &ann, "s3:GetObject", K, strlen(K)),
	    VT_POLICY_ALLOW, "a user's policy");
	is_int(ask_len(text, NULL, &ann, "s3:PutObject", K, strlen(K)),
	    VT_POLICY_NOTHING, "what it does not say");
	is_int(ask_len(text, NULL, &ann, "s3:GetObject", "arn:aws:s3:::c/k",
	    16), VT_POLICY_DENY, "what it denies");
	forget();
}

/* --- refusals ------------------------------------------------------------- */

static void
refused(const char *bucket, const char *text, const char *words)
{
	struct vt_policy *p;
	struct vt_err err = { .text = "" };
	enum vt_code rc;

	rc = vt_policy_parse(text, strlen(text), bucket, &p, &err);
	if (!ok(rc == VT_INVALID && p == NULL &&
	    strstr(err.text, words) != NULL, "refused: %s", words))
		printf("# got %d: %s\n", rc, err.text);
	vt_policy_free(p);
}

static void
refusals(void)
{
	char *big;
	struct vt_policy *p;
	struct vt_err err;

	refused("b", "", "not valid JSON");
	refused("b", "{\"Statement\":[}", "line 1 column 15");
	refused("b", "[]", "not a JSON object");
	refused("b", "{}", "missing required field Statement");
	refused("b", DOC(""), "Statement is empty");
	refused("b", "{\"Statement\":7}", "it must be an object");
	refused("b", "{\"Version\":\"2012-10-18\",\"Statement\":[]}",
	    "Version must be");
	refused("b", "{\"Id\":1,\"Statement\":[]}", "Id must be a string");
	refused("b", "{\"Statements\":[]}", "unknown field Statements");
	refused("b", "{\"Version\":\"2012-10-17\",\"Version\":"
	    "\"2012-10-17\"}", "duplicate");
	refused("b", DOC("{\"Sid\":\"x\",\"Effect\":\"Allow\",\"Principal\":"
	    "\"*\",\"Aktion\":\"s3:*\"}"),
	    "statement 1 (\"x\"): unknown field Aktion");
	refused("b", DOC("{\"Principal\":\"*\"," GET "," ALL "}"),
	    "statement 1: missing required field Effect");
	refused("b", DOC("{\"Effect\":\"allow\",\"Principal\":\"*\"," GET ","
	    ALL "}"), "Effect must be");
	refused("b", DOC("{\"Effect\":\"Allow\"," GET "," ALL "}"),
	    "missing required field Principal");
	refused("b", DOC("{\"Effect\":\"Allow\",\"NotPrincipal\":\"*\"," GET
	    "," ALL "}"), "Allow with NotPrincipal");
	refused("b", DOC("{\"Effect\":\"Deny\",\"Principal\":\"*\","
	    "\"NotPrincipal\":\"*\"," GET "," ALL "}"), "exclude each other");
	refused("b", DOC(ALLOW("\"ann\"", GET "," ALL)),
	    "invalid principal");
	refused("b", DOC(ALLOW("{\"AWS\":\"ann\"}", GET "," ALL)),
	    "invalid principal in policy: \"ann\"");
	refused("b", DOC(ALLOW("{\"AWS\":\"arn:aws:iam::1:user/*\"}", GET ","
	    ALL)), "invalid principal");
	refused("b", DOC(ALLOW("{\"AWS\":\"arn:aws:iam::1:thing\"}", GET ","
	    ALL)), "invalid principal");
	refused("b", DOC(ALLOW("{\"AWS\":\"arn:aws:iam:::root\"}", GET ","
	    ALL)), "invalid principal");
	refused("b", DOC(ALLOW("{\"AWS\":[]}", GET "," ALL)), "must be a");
	refused("b", DOC(ALLOW("{\"Aws\":\"*\"}", GET "," ALL)),
	    "no type \"Aws\"");
	refused("b", DOC(ALLOW("{\"CanonicalUser\":\"*\"}", GET "," ALL)),
	    "invalid principal");
	refused("b", DOC(ALLOW("{}", GET "," ALL)), "or an object");
	refused("b", DOC(ALLOW("\"*\"", ALL)),
	    "missing required field Action");
	refused("b", DOC(ALLOW("\"*\"", "\"Action\":[]," ALL)),
	    "Action must be");
	refused("b", DOC(ALLOW("\"*\"", "\"Action\":\"GetObject\"," ALL)),
	    "not of the form");
	refused("b", DOC(ALLOW("\"*\"", "\"Action\":\"s3:GetObjects\","
	    ALL)), "\"s3:GetObjects\" is no action of S3");
	refused("b", DOC(ALLOW("\"*\"", "\"Action\":\"s3:Foo*\"," ALL)),
	    "no action of S3");
	refused("b", DOC(ALLOW("\"*\"", "\"Action\":\"iam:*\"," ALL)),
	    "no action of S3");
	refused("b", DOC(ALLOW("\"*\"", GET)),
	    "missing required field Resource");
	refused("b", DOC(ALLOW("\"*\"", GET ",\"Resource\":\"*\"")),
	    "invalid resource");
	refused("b", DOC(ALLOW("\"*\"", GET ",\"Resource\":"
	    "\"arn:aws:s3:::c/*\"")), "is not in bucket \"b\"");
	refused("b", DOC(ALLOW("\"*\"", GET ",\"Resource\":"
	    "\"arn:aws:s3:::bb/*\"")), "is not in bucket");
	refused("b", DOC(ALLOW("\"*\"", GET ",\"Resource\":"
	    "\"arn:aws:s3:::b/${aws:username\"")), "without");
	refused("b", DOC(ALLOW("\"*\"", GET ",\"Resource\":"
	    "\"arn:aws:s3:::b/${username}\"")), "is no policy variable");
	refused("b", DOC(ALLOW("\"*\"", GET ",\"Resource\":"
	    "\"arn:aws:s3:::b/${aws:username, x}\"")), "single quotes");
#define COND(c) DOC(ALLOW("\"*\"", GET "," ALL ",\"Condition\":" c))
	refused("b", COND("[]"), "Condition must be an object");
	refused("b", COND("{\"StringEquals\":\"x\"}"), "must be an object");
	refused("b", COND("{\"StringIs\":{\"aws:Referer\":\"x\"}}"),
	    "no condition operator \"StringIs\"");
	refused("b", COND("{\"NullIfExists\":{\"aws:Referer\":\"true\"}}"),
	    "no condition operator");
	refused("b", COND("{\"ForSomeValues:StringEquals\":{\"aws:Referer\":"
	    "\"x\"}}"), "no condition operator");
	refused("b", COND("{\"StringEquals\":{\"aws:Refer\":\"x\"}}"),
	    "invalid condition key: \"aws:Refer\"");
	refused("b", COND("{\"StringEquals\":{\"s3:ExistingObjectTag/\":"
	    "\"x\"}}"), "invalid condition key");
	refused("b", COND("{\"StringEquals\":{\"aws:Referer\":[]}}"),
	    "has no values");
	refused("b", COND("{\"StringEquals\":{\"aws:Referer\":{}}}"),
	    "must be strings");
	refused("b", COND("{\"NumericEquals\":{\"s3:max-keys\":\"ten\"}}"),
	    "\"ten\" is no value");
	refused("b", COND("{\"DateLessThan\":{\"aws:CurrentTime\":"
	    "\"soon\"}}"), "\"soon\" is no value");
	refused("b", COND("{\"Bool\":{\"aws:SecureTransport\":\"yes\"}}"),
	    "\"yes\" is no value");
	refused("b", COND("{\"IpAddress\":{\"aws:SourceIp\":\"10.0.0/8\"}}"),
	    "is no value");
	refused("b", COND("{\"IpAddress\":{\"aws:SourceIp\":"
	    "\"10.0.0.0/33\"}}"), "is no value");
	refused("b", DOC(ALLOW("\"*\"", "\"Sid\":\"s\"," GET "," ALL) ","
	    ALLOW("\"*\"", "\"Sid\":\"s\"," GET "," ALL)),
	    "statement 2 (\"s\"): its Sid was used before");
	refused(NULL, DOC(ALLOW("\"*\"", GET "," ALL)),
	    "names no Principal");
	refused(NULL, DOC("{\"Effect\":\"Allow\"," GET ",\"Resource\":"
	    "\"b/k\"}"), "neither * nor an ARN");

	big = calloc(1, VT_POLICY_BYTES_MAX + 2);
	if (big == NULL)
		return;
	memset(big, ' ', VT_POLICY_BYTES_MAX + 1);
	is_int(vt_policy_parse(big, VT_POLICY_BYTES_MAX + 1, "b", &p, &err),
	    VT_TOO_LARGE, "too large");
	memset(big, '[', VT_POLICY_BYTES_MAX);
	is_int(vt_policy_parse(big, VT_POLICY_BYTES_MAX, "b", &p, &err),
	    VT_INVALID, "too deep");
	free(big);
}

/* --- public --------------------------------------------------------------- */

static void
is_public(const char *text, int want, const char *name)
{
	struct vt_policy *p;
	struct vt_err err;

	if (vt_policy_parse(text, strlen(text), "b", &p, &err) != VT_OK) {
		ok(0, "%s: %s", name, err.text);
		return;
	}
	is_int(vt_policy_is_public(p), want, "%s", name);
	vt_policy_free(p);
}

static void
public(void)
{
	is_public(DOC(ALLOW("\"*\"", GET "," ALL)), 1, "everybody");
	is_public(DOC(ALLOW("{\"AWS\":[\"" MAIN "\",\"*\"]}", GET "," ALL)),
	    1, "everybody among others");
	is_public(DOC(ALLOW("{\"AWS\":\"" MAIN "\"}", GET "," ALL)), 0,
	    "an account");
	is_public(DOC(DENY("\"*\"", GET "," ALL)), 0, "a deny");
	is_public(DOC(DENY("\"*\"", GET "," ALL) "," ALLOW("\"*\"", GET ","
	    ALL)), 1, "one statement is enough");
	is_public(COND("{\"IpAddress\":{\"aws:SourceIp\":\"10.0.0.0/32\"}}"),
	    0, "an address");
	is_public(COND("{\"IpAddress\":{\"aws:SourceIp\":\"10.0.0.0/8\"}}"),
	    0, "a network");
	is_public(COND("{\"IpAddress\":{\"aws:SourceIp\":\"0.0.0.0/1\"}}"),
	    1, "half the world");
	is_public(COND("{\"IpAddress\":{\"aws:SourceIp\":[\"10.0.0.0/8\","
	    "\"0.0.0.0/0\"]}}"), 1, "a network and the world");
	is_public(COND("{\"IpAddress\":{\"aws:SourceIp\":\"::/0\"}}"), 1,
	    "the other world");
	is_public(COND("{\"IpAddress\":{\"aws:SourceIp\":\"2001:db8::/32\"}}"),
	    0, "a network of it");
	is_public(COND("{\"NotIpAddress\":{\"aws:SourceIp\":\"10.0.0.0/8\"}}"),
	    1, "all but a network");
	is_public(COND("{\"StringEquals\":{\"aws:SourceVpc\":\"vpc-1\"}}"),
	    0, "a private network");
	is_public(COND("{\"StringLike\":{\"aws:SourceVpc\":\"vpc-*\"}}"), 1,
	    "any private network");
	is_public(COND("{\"StringEqualsIfExists\":{\"aws:SourceVpc\":"
	    "\"vpc-1\"}}"), 1, "if it has one");
	is_public(COND("{\"StringEquals\":{\"aws:PrincipalArn\":"
	    "\"${aws:PrincipalArn}\"}}"), 1, "whoever it is");
	is_public(COND("{\"StringEquals\":{\"aws:Referer\":\"x\"}}"), 1,
	    "what anybody can send");
	is_public(COND("{\"Bool\":{\"aws:SecureTransport\":\"true\"}}"), 1,
	    "over TLS");
}

/* --- bounds --------------------------------------------------------------- */

#define LONG 6000
#define PATTERNS 20

/* Who writes a policy must not keep the server busy by a request. */
static void
bounded(void)
{
	static char text[LONG + 1];
	char doc[VT_POLICY_BYTES_MAX], *at = doc;

	memset(text, 'a', LONG);
	fact("aws:UserAgent", text);
	fact("aws:Referer", text);
	is_int(ask(COND("{\"StringLike\":{\"aws:UserAgent\":\"*a*a*\"}}"),
	    &ann, "s3:GetObject", K), VT_POLICY_ALLOW, "a long text");
	is_int(ask(COND("{\"StringEquals\":{\"aws:UserAgent\":"
	    "\"${aws:Referer}\"}}"), &ann, "s3:GetObject", K),
	    VT_POLICY_ALLOW, "a long variable");
	at += sprintf(at, "{\"Version\":\"2012-10-17\",\"Statement\":[{"
	    "\"Effect\":\"Allow\",\"Principal\":\"*\"," GET "," ALL
	    ",\"Condition\":{\"StringLike\":{\"aws:UserAgent\":[");
	for (int i = 0; i < PATTERNS; i++)
		at += sprintf(at, "\"*${aws:Referer}%d\",", i);
	sprintf(at, "\"a*\"]}}}]}");
	is_int(ask(doc, &ann, "s3:GetObject", K), VT_POLICY_DENY,
	    "P10 what takes too long to compare allows nothing");
	forget();
	/* the same of short ones */
	fact("aws:UserAgent", "abc");
	fact("aws:Referer", "b");
	is_int(ask(doc, &ann, "s3:GetObject", K), VT_POLICY_ALLOW,
	    "and what does not is compared");
	forget();
}

int
main(void)
{
	who();
	what();
	where();
	variables();
	conditions();
	order();
	users();
	refusals();
	public();
	bounded();
	return test_done();
}
