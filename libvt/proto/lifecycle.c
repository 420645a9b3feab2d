/* Lifecycle configurations, read and written; lifecycle_decide.c obeys them. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "libvt/base/buf.h"
#include "libvt/base/clock.h"
#include "libvt/base/hash.h"
#include "libvt/base/hex.h"
#include "libvt/base/num.h"
#include "libvt/proto/xml.h"

#include "libvt/proto/lifecycle.h"

#define KEY_MAX_BYTES 1024	/* of a prefix */
#define TAGS_MAX 10		/* of an object, so of a filter */
#define TAG_KEY_MAX 128
#define TAG_VALUE_MAX 256
#define TRANSITIONS_MAX 32	/* of a rule: so many tiers there may be */
#define DAYS_MAX INT64_C(2147483647)
#define KEEP_MAX 100		/* noncurrent versions a rule may keep */
#define IA_DAYS_MIN 30		/* before the classes of infrequent access */
#define GENERATED_ID 32		/* digits of an ID made here */
#define BLANK " \t\r\n"

/* What is read; the first failure sticks, so that each element is one line. */
struct reading {
	struct vt_arena *a;
	enum vt_code rc;
	const char *code;
	struct vt_err *err;
};

static void VT_PRINTF(3, 4)
wrong(struct reading *r, const char *code, const char *fmt, ...)
{
	char words[256];
	va_list ap;

	if (r->rc != VT_OK)
		return;
	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	r->code = code;
	r->rc = vt_fail(r->err, VT_INVALID, "%s", words);
}

static void *
alloc(struct reading *r, size_t count, size_t size)
{
	void *p = vt_arena_alloc(r->a, (count > 0 ? count : 1) * size);

	if (p == NULL && r->rc == VT_OK)
		r->rc = vt_fail(r->err, VT_NOMEM, "the rules are too large");
	return p;
}

static size_t
count_named(const struct vt_xml *x, const char *name)
{
	size_t n = 0;

	for (x = x->child; x != NULL; x = x->next)
		n += strcmp(x->name, name) == 0;
	return n;
}

/* Every child is one of `names` (NULL at the end), and there is one of each at
 * most but of those with a '*' before.  The first that is not ends it: what is
 * looked through for each child has hardly more of them than names. */
static void
only(struct reading *r, const struct vt_xml *x, const char *const *names)
{
	const struct vt_xml *c;
	size_t i;

	for (c = x->child; c != NULL && r->rc == VT_OK; c = c->next) {
		for (i = 0; names[i] != NULL; i++)
			if (strcmp(c->name, names[i] +
			    (*names[i] == '*')) == 0)
				break;
		if (names[i] == NULL)
			wrong(r, "MalformedXML", "%s may not hold %.64s",
			    x->name, c->name);
		else if (*names[i] != '*' && count_named(x, c->name) > 1)
			wrong(r, "MalformedXML", "%s holds %s twice",
			    x->name, c->name);
	}
}

/* A number as XML Schema has it: blanks round it are nothing. */
static int64_t
number(struct reading *r, const struct vt_xml *x)
{
	const char *s = x->text;
	size_t n;
	uint64_t out = 0;
	int minus;

	s += strspn(s, BLANK);
	n = strcspn(s, BLANK);
	minus = *s == '-';
	if (s[n + strspn(s + n, BLANK)] != '\0' ||
	    vt_num_scan_u64(s + minus, n - (size_t)minus, &out) < 0 ||
	    out > INT64_MAX)
		wrong(r, "MalformedXML", "%s is not a whole number", x->name);
	return minus ? -(int64_t)out : (int64_t)out;
}

static int64_t
days(struct reading *r, const struct vt_xml *x, const char *action,
    int64_t min)
{
	int64_t n = number(r, x);

	if (n < min || n > DAYS_MAX)
		wrong(r, "InvalidArgument", "'%s' for %s action must be a %s "
		    "integer", x->name, action,
		    min > 0 ? "positive" : "nonnegative");
	return n;
}

static int64_t
date(struct reading *r, const struct vt_xml *x)
{
	const char *s = x->text + strspn(x->text, BLANK);
	size_t n = strcspn(s, BLANK);
	char day[32];
	int64_t us = 0;

	/* a date alone is midnight UTC */
	if (n == 10) {
		memcpy(day, s, 10);
		memcpy(day + 10, "T00:00:00Z", 11);
		s = day;
		n = 20;
	}
	if (vt_time_parse_rfc3339(s, n, &us) < 0)
		wrong(r, "MalformedXML", "%s is not a date of ISO 8601",
		    x->name);
	else if (us % VT_LC_DAY_US != 0)
		wrong(r, "InvalidArgument", "'Date' must be at midnight GMT");
	return us;
}

static int
truth(struct reading *r, const struct vt_xml *x)
{
	const char *s = x->text + strspn(x->text, BLANK);
	size_t n = strcspn(s, BLANK);

	if ((n == 4 && memcmp(s, "true", 4) == 0) || (n == 1 && *s == '1'))
		return 1;
	if (!((n == 5 && memcmp(s, "false", 5) == 0) ||
	    (n == 1 && *s == '0')))
		wrong(r, "MalformedXML", "%s is neither true nor false",
		    x->name);
	return 0;
}

/* Days or a date, exactly one; `min` days at least. */
static void
read_when(struct reading *r, const struct vt_xml *x, const char *action,
    int64_t min, struct vt_lc_when *out)
{
	const struct vt_xml *d = vt_xml_child(x, "Days");
	const struct vt_xml *at = vt_xml_child(x, "Date");

	if ((d == NULL) == (at == NULL)) {
		wrong(r, "MalformedXML", "%s holds either Days or Date",
		    x->name);
		return;
	}
	if (d != NULL) {
		out->has_days = 1;
		out->days = days(r, d, action, min);
	} else {
		out->has_date = 1;
		out->date_us = date(r, at);
	}
}

static void
read_tag(struct reading *r, const struct vt_xml *x, struct vt_lc_tag *out)
{
	static const char *const names[] = { "Key", "Value", NULL };
	const struct vt_xml *key = vt_xml_child(x, "Key");
	const struct vt_xml *value = vt_xml_child(x, "Value");

	only(r, x, names);
	if (key == NULL || value == NULL) {
		wrong(r, "MalformedXML", "a Tag holds Key and Value");
		return;
	}
	if (key->text_len == 0 || key->text_len > TAG_KEY_MAX * 4)
		wrong(r, "InvalidTag", "a tag's key has 1 to %d characters",
		    TAG_KEY_MAX);
	if (value->text_len > TAG_VALUE_MAX * 4)
		wrong(r, "InvalidTag", "a tag's value has at most %d "
		    "characters", TAG_VALUE_MAX);
	out->key = key->text;
	out->key_len = key->text_len;
	out->value = value->text;
	out->value_len = value->text_len;
}

static void
read_prefix(struct reading *r, const struct vt_xml *x, struct vt_lc_rule *out)
{
	if (x->text_len > KEY_MAX_BYTES) {
		wrong(r, "InvalidRequest", "The maximum size of a prefix is "
		    "%d.", KEY_MAX_BYTES);
		return;
	}
	/* of several the longest must match, and so must the others */
	if (x->text_len < out->prefix_len ? memcmp(x->text, out->prefix,
	    x->text_len) != 0 : memcmp(x->text, out->prefix,
	    out->prefix_len) != 0)
		wrong(r, "InvalidRequest", "no key begins with both prefixes "
		    "of the filter");
	if (x->text_len >= out->prefix_len) {
		out->prefix = x->text;
		out->prefix_len = x->text_len;
	}
}

static uint64_t
size_bytes(struct reading *r, const struct vt_xml *x)
{
	int64_t n = number(r, x);

	if (n < 0)
		wrong(r, "InvalidRequest", "%s must not be negative",
		    x->name);
	return (uint64_t)n;
}

/*
 * Filter or And: predicates that must all hold.  AWS wants one in a Filter
 * and several in an And only; here a Filter may hold several too, since other
 * servers take them and taking them all never removes more than taking one.
 */
static void
read_filter(struct reading *r, const struct vt_xml *x, struct vt_lc_rule *out,
    struct vt_lc_tag *tag, int is_and)
{
	static const char *const in_filter[] = { "Prefix", "Tag",
	    "ObjectSizeGreaterThan", "ObjectSizeLessThan", "And", NULL };
	static const char *const in_and[] = { "Prefix", "*Tag",
	    "ObjectSizeGreaterThan", "ObjectSizeLessThan", NULL };
	const struct vt_xml *c;
	uint64_t n;

	only(r, x, is_and ? in_and : in_filter);
	if (is_and && x->child == NULL)
		wrong(r, "MalformedXML", "And is empty");
	for (c = x->child; c != NULL && r->rc == VT_OK; c = c->next) {
		if (strcmp(c->name, "Prefix") == 0) {
			read_prefix(r, c, out);
		} else if (strcmp(c->name, "Tag") == 0) {
			read_tag(r, c, &tag[out->tag_count++]);
		} else if (strcmp(c->name, "And") == 0) {
			read_filter(r, c, out, tag, 1);
		} else if (strcmp(c->name, "ObjectSizeGreaterThan") == 0) {
			n = size_bytes(r, c);
			if (!out->has_larger || n > out->larger_than)
				out->larger_than = n;
			out->has_larger = 1;
		} else {
			n = size_bytes(r, c);
			if (!out->has_smaller || n < out->smaller_than)
				out->smaller_than = n;
			out->has_smaller = 1;
		}
	}
}

static void
check_filter(struct reading *r, const struct vt_lc_rule *out)
{
	size_t i, j;

	for (i = 0; i < out->tag_count; i++)
		for (j = 0; j < i; j++)
			if (out->tag[i].key_len == out->tag[j].key_len &&
			    memcmp(out->tag[i].key, out->tag[j].key,
			    out->tag[i].key_len) == 0)
				wrong(r, "InvalidRequest", "Duplicate Tag "
				    "Keys are not allowed.");
	if (out->has_larger && out->has_smaller &&
	    out->larger_than >= out->smaller_than)
		wrong(r, "InvalidRequest", "'ObjectSizeLessThan' has to be "
		    "a value greater than 'ObjectSizeGreaterThan'.");
}

static void
read_scope(struct reading *r, const struct vt_xml *x, struct vt_lc_rule *out)
{
	const struct vt_xml *prefix = vt_xml_child(x, "Prefix");
	const struct vt_xml *filter = vt_xml_child(x, "Filter");
	const struct vt_xml *both = vt_xml_child(filter, "And");
	struct vt_lc_tag *tag;
	size_t n = 0;

	out->prefix = "";
	if ((prefix == NULL) == (filter == NULL)) {
		wrong(r, "MalformedXML", "a Rule holds either a Filter or, as "
		    "of old, a Prefix");
		return;
	}
	if (prefix != NULL) {
		read_prefix(r, prefix, out);
		return;
	}
	n = count_named(filter, "Tag");
	if (both != NULL)
		n += count_named(both, "Tag");
	if (n > TAGS_MAX) {
		wrong(r, "InvalidRequest", "a filter with %zu tags fits no "
		    "object, which has %d at most", n, TAGS_MAX);
		return;
	}
	tag = alloc(r, n, sizeof(*tag));
	if (tag == NULL)
		return;
	out->tag = tag;
	read_filter(r, filter, out, tag, 0);
	check_filter(r, out);
}

/* How cold AWS's classes are, in which order objects may go through them; 0
 * for one that is not AWS's. */
static int
coldness(const char *storage_class)
{
	static const char *const order[] = { "STANDARD_IA",
	    "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR", "GLACIER",
	    "DEEP_ARCHIVE" };
	size_t i;

	for (i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (strcmp(storage_class, order[i]) == 0)
			return (int)i + 1;
	return 0;
}

static const char *
read_class(struct reading *r, const struct vt_xml *x)
{
	const struct vt_xml *c = vt_xml_child(x, "StorageClass");
	size_t n;
	char *name;

	if (c == NULL) {
		wrong(r, "MalformedXML", "%s names no StorageClass", x->name);
		return "";
	}
	n = strspn(c->text, BLANK);
	name = vt_arena_dup(r->a, c->text + n, strcspn(c->text + n, BLANK));
	if (name == NULL) {
		if (r->rc == VT_OK)
			r->rc = vt_fail(r->err, VT_NOMEM,
			    "the rules are too large");
		return "";
	}
	if (*name == '\0' || strlen(name) > 64 || strspn(name,
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != strlen(name) ||
	    strcmp(name, "STANDARD") == 0)
		wrong(r, "MalformedXML", "'%.64s' is no StorageClass to move "
		    "to", name);
	return name;
}

static uint32_t
read_keep(struct reading *r, const struct vt_xml *x,
    const struct vt_xml *whole)
{
	const struct vt_xml *c = vt_xml_child(x, "NewerNoncurrentVersions");
	int64_t n;

	if (c == NULL)
		return 0;
	n = number(r, c);
	if (n < 1 || n > KEEP_MAX)
		wrong(r, "InvalidArgument", "'NewerNoncurrentVersions' must "
		    "be a positive integer of at most %d", KEEP_MAX);
	if (vt_xml_child(whole, "Filter") == NULL)
		wrong(r, "InvalidRequest", "NewerNoncurrentVersions needs a "
		    "Filter");
	return n > 0 && n <= KEEP_MAX ? (uint32_t)n : 0;
}

static void
read_transition(struct reading *r, const struct vt_xml *x, int noncurrent,
    const struct vt_xml *whole, struct vt_lc_transition *out)
{
	static const char *const names[] = { "Days", "Date", "StorageClass",
	    NULL };
	static const char *const nc_names[] = { "NoncurrentDays",
	    "StorageClass", "NewerNoncurrentVersions", NULL };
	const struct vt_xml *d;

	only(r, x, noncurrent ? nc_names : names);
	out->storage_class = read_class(r, x);
	if (!noncurrent) {
		read_when(r, x, "Transition", 0, &out->when);
	} else {
		d = vt_xml_child(x, "NoncurrentDays");
		if (d == NULL) {
			wrong(r, "MalformedXML", "%s holds no NoncurrentDays",
			    x->name);
			return;
		}
		out->when.has_days = 1;
		out->when.days = days(r, d, x->name, 0);
		out->keep_newer = read_keep(r, x, whole);
	}
	if (out->when.has_days && out->when.days < IA_DAYS_MIN &&
	    (strcmp(out->storage_class, "STANDARD_IA") == 0 ||
	    strcmp(out->storage_class, "ONEZONE_IA") == 0))
		wrong(r, "InvalidArgument", "'%s' in %s action must be "
		    "greater than or equal to %d for storageClass '%s'",
		    noncurrent ? "NoncurrentDays" : "Days", x->name,
		    IA_DAYS_MIN, out->storage_class);
}

/* Is `a` over before `b`?  Of one kind both; -1 when they are not. */
static int
earlier(const struct vt_lc_when *a, const struct vt_lc_when *b)
{
	if (a->has_days && b->has_days)
		return a->days < b->days;
	if (a->has_date && b->has_date)
		return a->date_us < b->date_us;
	return -1;
}

static void
check_order(struct reading *r, const struct vt_lc_rule *rule,
    const struct vt_lc_transition *t, size_t n,
    const struct vt_lc_when *end, const char *action)
{
	const char *what = end->has_date ? "Date" : "Days";
	int has_end = end->has_days || end->has_date;
	size_t i, j;

	for (i = 0; i < n && r->rc == VT_OK; i++) {
		if (has_end && earlier(&t[i].when, end) < 0)
			wrong(r, "InvalidRequest", "Found mixed 'Date' and "
			    "'Days' based Expiration and Transition actions "
			    "in lifecycle rule for prefix '%.128s'",
			    rule->prefix);
		else if (has_end && !earlier(&t[i].when, end))
			wrong(r, "InvalidArgument", "'%s' in the %s action "
			    "for prefix '%.128s' must be greater than '%s' "
			    "in the Transition action", what, action,
			    rule->prefix, what);
		for (j = 0; j < n; j++) {
			int a = coldness(t[i].storage_class);
			int b = coldness(t[j].storage_class);

			if (i != j && strcmp(t[i].storage_class,
			    t[j].storage_class) == 0)
				wrong(r, "InvalidRequest", "'StorageClass' "
				    "must be different for 'Transition' "
				    "actions in same 'Rule' with prefix "
				    "'%.128s'", rule->prefix);
			else if (i != j && earlier(&t[i].when,
			    &t[j].when) < 0)
				wrong(r, "InvalidRequest", "Found mixed "
				    "'Date' and 'Days' based Transition "
				    "actions in lifecycle rule for prefix "
				    "'%.128s'", rule->prefix);
			else if (a > 0 && a < b && !earlier(&t[i].when,
			    &t[j].when))
				wrong(r, "InvalidArgument", "the Transition "
				    "to '%s' must come after the one to '%s'",
				    t[j].storage_class, t[i].storage_class);
		}
	}
}

static void
read_transitions(struct reading *r, const struct vt_xml *x,
    struct vt_lc_rule *out)
{
	size_t n = count_named(x, "Transition"), i = 0;
	size_t m = count_named(x, "NoncurrentVersionTransition"), j = 0;
	struct vt_lc_transition *t = alloc(r, n, sizeof(*t));
	struct vt_lc_transition *nt = alloc(r, m, sizeof(*nt));
	const struct vt_xml *c;

	if (t == NULL || nt == NULL)
		return;
	if (n > TRANSITIONS_MAX || m > TRANSITIONS_MAX) {
		wrong(r, "InvalidRequest", "a Rule has at most %d transitions",
		    TRANSITIONS_MAX);
		return;
	}
	for (c = x->child; c != NULL && r->rc == VT_OK; c = c->next) {
		if (strcmp(c->name, "Transition") == 0)
			read_transition(r, c, 0, x, &t[i++]);
		else if (strcmp(c->name, "NoncurrentVersionTransition") == 0)
			read_transition(r, c, 1, x, &nt[j++]);
	}
	out->transition = t;
	out->transition_count = i;
	out->noncurrent_transition = nt;
	out->noncurrent_transition_count = j;
	check_order(r, out, t, i, &out->expire, "Expiration");
	check_order(r, out, nt, j, &out->noncurrent,
	    "NoncurrentVersionExpiration");
}

static void
read_expiration(struct reading *r, const struct vt_xml *x,
    struct vt_lc_rule *out)
{
	static const char *const names[] = { "Days", "Date",
	    "ExpiredObjectDeleteMarker", NULL };
	const struct vt_xml *marker;

	if (x == NULL)
		return;
	only(r, x, names);
	marker = vt_xml_child(x, "ExpiredObjectDeleteMarker");
	if (marker == NULL) {
		read_when(r, x, "Expiration", 1, &out->expire);
		return;
	}
	if (vt_xml_child(x, "Days") != NULL || vt_xml_child(x, "Date") != NULL)
		wrong(r, "MalformedXML", "Expiration holds one of Days, Date "
		    "and ExpiredObjectDeleteMarker");
	out->expire_marker = truth(r, marker);
	if (out->tag_count > 0)
		wrong(r, "InvalidRequest", "ExpiredObjectDeleteMarker cannot "
		    "be specified with Tags.");
	if (out->has_larger || out->has_smaller)
		wrong(r, "InvalidRequest", "ExpiredObjectDeleteMarker cannot "
		    "be specified with object sizes.");
}

static void
read_noncurrent(struct reading *r, const struct vt_xml *whole,
    struct vt_lc_rule *out)
{
	static const char *const names[] = { "NoncurrentDays",
	    "NewerNoncurrentVersions", NULL };
	const struct vt_xml *x = vt_xml_child(whole,
	    "NoncurrentVersionExpiration"), *d;

	if (x == NULL)
		return;
	only(r, x, names);
	d = vt_xml_child(x, "NoncurrentDays");
	if (d == NULL) {
		wrong(r, "MalformedXML", "NoncurrentVersionExpiration holds "
		    "no NoncurrentDays");
		return;
	}
	out->noncurrent.has_days = 1;
	out->noncurrent.days = days(r, d, "NoncurrentVersionExpiration", 1);
	out->keep_newer = read_keep(r, x, whole);
}

static void
read_abort(struct reading *r, const struct vt_xml *x, struct vt_lc_rule *out)
{
	static const char *const names[] = { "DaysAfterInitiation", NULL };
	const struct vt_xml *d;

	if (x == NULL)
		return;
	only(r, x, names);
	d = vt_xml_child(x, "DaysAfterInitiation");
	if (d == NULL) {
		wrong(r, "MalformedXML", "AbortIncompleteMultipartUpload "
		    "holds no DaysAfterInitiation");
		return;
	}
	out->abort.has_days = 1;
	out->abort.days = days(r, d, "AbortIncompleteMultipartUpload", 1);
	if (out->tag_count > 0)
		wrong(r, "InvalidRequest", "AbortIncompleteMultipartUpload "
		    "cannot be specified with Tags.");
	if (out->has_larger || out->has_smaller)
		wrong(r, "InvalidRequest", "AbortIncompleteMultipartUpload "
		    "cannot be specified with object sizes.");
}

static void
read_rule(struct reading *r, const struct vt_xml *x, struct vt_lc_rule *out)
{
	static const char *const names[] = { "ID", "Status", "Prefix",
	    "Filter", "Expiration", "NoncurrentVersionExpiration",
	    "AbortIncompleteMultipartUpload", "*Transition",
	    "*NoncurrentVersionTransition", NULL };
	const struct vt_xml *id = vt_xml_child(x, "ID");
	const struct vt_xml *expiration = vt_xml_child(x, "Expiration");
	const char *status = vt_xml_child_text(x, "Status");

	only(r, x, names);
	out->id = id != NULL ? id->text : "";
	if (id != NULL && id->text_len > VT_LC_ID_MAX)
		wrong(r, "InvalidArgument", "ID length should not exceed "
		    "allowed limit of %d", VT_LC_ID_MAX);
	if (status != NULL && strcmp(status, "Enabled") == 0)
		out->enabled = 1;
	else if (status == NULL || strcmp(status, "Disabled") != 0)
		wrong(r, "MalformedXML", "a Rule's Status is Enabled or "
		    "Disabled");
	read_scope(r, x, out);
	read_expiration(r, expiration, out);
	read_noncurrent(r, x, out);
	read_abort(r, vt_xml_child(x, "AbortIncompleteMultipartUpload"), out);
	if (r->rc == VT_OK)
		read_transitions(r, x, out);
	if (expiration == NULL && !out->noncurrent.has_days &&
	    !out->abort.has_days && out->transition_count == 0 &&
	    out->noncurrent_transition_count == 0)
		wrong(r, "InvalidRequest", "At least one action needs to be "
		    "specified in a rule");
}

static void
check_ids(struct reading *r, const struct vt_lifecycle *lc)
{
	size_t i, j;

	for (i = 0; i < lc->count; i++)
		for (j = 0; j < i; j++)
			if (*lc->rule[i].id != '\0' &&
			    strcmp(lc->rule[i].id, lc->rule[j].id) == 0) {
				wrong(r, "InvalidArgument", "Rule ID must be "
				    "unique. Found same ID '%.128s' for more "
				    "than one rule", lc->rule[i].id);
				return;
			}
}

static void
read_rules(struct reading *r, const struct vt_xml *root,
    struct vt_lifecycle *lc)
{
	static const char *const names[] = { "*Rule", NULL };
	struct vt_lc_rule *rule;
	const struct vt_xml *x;
	size_t n;

	if (strcmp(root->name, "LifecycleConfiguration") != 0) {
		wrong(r, "MalformedXML", "the document is a %.64s and not a "
		    "LifecycleConfiguration", root->name);
		return;
	}
	only(r, root, names);
	n = count_named(root, "Rule");
	if (n == 0 || n > VT_LC_RULES_MAX) {
		wrong(r, "MalformedXML", "there are %zu rules, not 1 to %d",
		    n, VT_LC_RULES_MAX);
		return;
	}
	rule = alloc(r, n, sizeof(*rule));
	if (rule == NULL)
		return;
	for (x = root->child; x != NULL && r->rc == VT_OK; x = x->next)
		if (strcmp(x->name, "Rule") == 0)
			read_rule(r, x, &rule[lc->count++]);
	lc->rule = rule;
	if (r->rc == VT_OK)
		check_ids(r, lc);
}

size_t
vt_lifecycle_xml(const char *text, size_t len, int *varies)
{
	static const char line[] = VT_LC_VARIES "\n";
	int has = len >= sizeof(line) - 1 &&
	    memcmp(text, line, sizeof(line) - 1) == 0;

	if (varies != NULL)
		*varies = has;
	return has ? sizeof(line) - 1 : 0;
}

static enum vt_code
parse(struct vt_arena *a, const char *xml, size_t len, struct vt_xml **root,
    struct vt_lifecycle **out, const char **s3_code, struct vt_err *err)
{
	struct reading r = { a, VT_OK, "MalformedXML", err };
	struct vt_lifecycle *lc;

	*out = NULL;
	lc = alloc(&r, 1, sizeof(*lc));
	if (lc == NULL)
		return r.rc;
	lc->day_us = VT_LC_DAY_US;
	lc->min_bytes = VT_LC_MIN_BYTES;
	r.rc = vt_xml_parse(a, xml, len, root, err);
	if (r.rc == VT_OK)
		read_rules(&r, *root, lc);
	if (s3_code != NULL)
		*s3_code = r.code;
	if (r.rc == VT_OK)
		*out = lc;
	return r.rc;
}

enum vt_code
vt_lifecycle_parse(struct vt_arena *a, const char *text, size_t len,
    struct vt_lifecycle **out, const char **s3_code, struct vt_err *err)
{
	struct vt_xml *root;
	int varies;
	size_t skip = vt_lifecycle_xml(text, len, &varies);
	enum vt_code rc;

	rc = parse(a, text + skip, len - skip, &root, out, s3_code, err);
	if (rc == VT_OK)
		(*out)->varies = varies;
	return rc;
}

/* An ID for the rule number `i`: of what the document says. */
static int
make_id(const char *xml, size_t len, size_t i, char out[GENERATED_ID + 1])
{
	uint8_t sum[VT_HASH_MAX];
	struct vt_hash h;
	char text[24];

	memset(&h, 0, sizeof(h));
	if (vt_hash_init(&h, VT_SHA256) < 0)
		return -1;
	snprintf(text, sizeof(text), "%zu ", i);
	vt_hash_update(&h, text, strlen(text));
	vt_hash_update(&h, xml, len);
	vt_hash_final(&h, sum);
	vt_hash_release(&h);
	vt_hex_encode(sum, GENERATED_ID / 2, out);
	return 0;
}

/* The document with an <ID> at the head of each rule that has none. */
static enum vt_code
add_ids(const char *xml, size_t len, const struct vt_xml *root,
    struct vt_buf *b, struct vt_err *err)
{
	const struct vt_xml *x, *id;
	char text[GENERATED_ID + 1];
	size_t at = 0, i = 0;

	for (x = root->child; x != NULL; x = x->next, i++) {
		id = vt_xml_child(x, "ID");
		if (id != NULL && id->text_len > 0)
			continue;
		if (make_id(xml, len, i, text) < 0)
			return vt_fail(err, VT_NOMEM, "no memory for a hash");
		if (id == NULL || id->inside < 2 ||
		    xml[id->inside - 2] == '/') {
			/* none, or <ID/>, which the new one stands for */
			const struct vt_xml *where = id != NULL ? id : x;
			size_t end = id != NULL ? id->tag : x->inside;

			vt_buf_add(b, xml + at, end - at);
			vt_buf_printf(b, "<ID>%s</ID>", text);
			at = where->inside;
		} else {
			vt_buf_add(b, xml + at, id->inside - at);
			vt_buf_str(b, text);
			at = id->inside;
		}
	}
	vt_buf_add(b, xml + at, len - at);
	return vt_buf_check(b, "the lifecycle configuration", err);
}

enum vt_code
vt_lifecycle_complete(struct vt_arena *a, const char *xml, size_t len,
    int varies, const char **out, size_t *out_len,
    struct vt_lifecycle **rules, const char **s3_code, struct vt_err *err)
{
	struct vt_lifecycle *lc;
	struct vt_xml *root;
	struct vt_buf b;
	size_t i;
	enum vt_code rc;

	*out = NULL;
	*rules = NULL;
	rc = parse(a, xml, len, &root, &lc, s3_code, err);
	if (rc != VT_OK)
		return rc;
	vt_buf_init(&b, len + sizeof(VT_LC_VARIES) +
	    lc->count * (GENERATED_ID + 16));
	if (varies)
		vt_buf_str(&b, VT_LC_VARIES "\n");
	rc = add_ids(xml, len, root, &b, err);
	if (rc == VT_OK) {
		*out_len = b.len;
		*out = vt_arena_dup(a, b.data, b.len);
		if (*out == NULL)
			rc = vt_fail(err, VT_NOMEM,
			    "the rules are too large");
	}
	vt_buf_release(&b);
	if (rc == VT_OK)
		rc = vt_lifecycle_parse(a, *out, *out_len, rules, s3_code,
		    err);
	/* An ID put into what is no UTF-8 would be no ID. */
	for (i = 0; rc == VT_OK && i < (*rules)->count; i++)
		if (*(*rules)->rule[i].id == '\0')
			rc = vt_fail(err, VT_INVALID,
			    "the document is not in UTF-8");
	if (rc != VT_OK)
		*out = NULL;
	return rc;
}
