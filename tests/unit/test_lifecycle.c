/* libvt/proto/lifecycle*.c: AWS's validation and its arithmetic of days. */
#include "libvt/base/clock.h"
#include "libvt/base/buf.h"
#include "libvt/proto/lifecycle.h"

#include "tests/unit/test.h"

#define HEAD "<LifecycleConfiguration>"
#define TAIL "</LifecycleConfiguration>"
#define ON "<Status>Enabled</Status>"
#define ALL "<Filter/>"
#define DAYS(n) "<Expiration><Days>" #n "</Days></Expiration>"

static struct vt_arena *arena;
static struct vt_err err;
static const char *code;

static struct vt_lifecycle *
rules(const char *inside)
{
	char text[4096];
	struct vt_lifecycle *lc;

	snprintf(text, sizeof(text), HEAD "%s" TAIL, inside);
	if (vt_lifecycle_parse(arena, text, strlen(text), &lc, &code,
	    &err) == VT_OK)
		return lc;
	printf("# %s: %s\n", code, err.text);
	return NULL;
}

/* One rule of that inside is refused so, or taken (NULL). */
static void
refused(const char *inside, const char *want, const char *name)
{
	char text[4096];
	struct vt_lifecycle *lc;
	enum vt_code rc;

	snprintf(text, sizeof(text), HEAD "<Rule>%s</Rule>" TAIL, inside);
	code = "";
	rc = vt_lifecycle_parse(arena, text, strlen(text), &lc, &code, &err);
	if (want == NULL) {
		is_int(rc, VT_OK, "%s", name);
		return;
	}
	is_int(rc, VT_INVALID, "%s is refused", name);
	is_str(code, want, "as AWS does: %s", err.text);
}

static void
validation(void)
{
	char id[300];

	refused("<ID>a</ID>" ON ALL DAYS(1), NULL, "a plain rule");
	refused(ON "<Prefix>x</Prefix>" DAYS(1), NULL, "a prefix as of old");
	refused(ON ALL DAYS(0), "InvalidArgument", "Days 0");
	refused(ON ALL DAYS(-3), "InvalidArgument", "Days -3");
	refused(ON ALL DAYS(x), "MalformedXML", "Days x");
	refused("<Status>enabled</Status>" ALL DAYS(1), "MalformedXML",
	    "a status in lower case");
	refused(ALL DAYS(1), "MalformedXML", "no status");
	refused(ON DAYS(1), "MalformedXML", "neither Filter nor Prefix");
	refused(ON ALL "<Prefix/>" DAYS(1), "MalformedXML",
	    "both Filter and Prefix");
	refused(ON ON ALL DAYS(1), "MalformedXML", "a status twice");
	refused(ON ALL DAYS(1) "<Else/>", "MalformedXML",
	    "an element that is not known");
	refused(ON ALL, "InvalidRequest", "a rule that does nothing");
	refused(ON ALL "<Expiration><Days>1</Days><Date>2030-01-01T00:00:00Z"
	    "</Date></Expiration>", "MalformedXML", "Days and Date");
	refused(ON ALL "<Expiration/>", "MalformedXML", "an empty Expiration");
	refused(ON ALL "<Expiration><Date>2030-01-01T10:00:00Z</Date>"
	    "</Expiration>", "InvalidArgument", "a date at ten o'clock");
	refused(ON ALL "<Expiration><Date>2030-01-01T00:00:00.000Z</Date>"
	    "</Expiration>", NULL, "a date at midnight");
	refused(ON ALL "<Expiration><Date>soon</Date></Expiration>",
	    "MalformedXML", "no date");
	refused(ON ALL "<Expiration><Days>1</Days><ExpiredObjectDeleteMarker>"
	    "true</ExpiredObjectDeleteMarker></Expiration>", "MalformedXML",
	    "Days and a marker");
	refused(ON "<Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter>"
	    "<Expiration><ExpiredObjectDeleteMarker>true"
	    "</ExpiredObjectDeleteMarker></Expiration>", "InvalidRequest",
	    "markers by tag");
	refused(ON "<Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter>"
	    "<AbortIncompleteMultipartUpload><DaysAfterInitiation>3"
	    "</DaysAfterInitiation></AbortIncompleteMultipartUpload>",
	    "InvalidRequest", "uploads by tag");
	refused(ON ALL "<AbortIncompleteMultipartUpload><DaysAfterInitiation>"
	    "0</DaysAfterInitiation></AbortIncompleteMultipartUpload>",
	    "InvalidArgument", "uploads after 0 days");
	refused(ON "<Filter><And><Tag><Key>k</Key><Value>v</Value></Tag><Tag>"
	    "<Key>k</Key><Value>w</Value></Tag></And></Filter>" DAYS(1),
	    "InvalidRequest", "a tag twice");
	refused(ON "<Filter><And><ObjectSizeGreaterThan>9"
	    "</ObjectSizeGreaterThan><ObjectSizeLessThan>5"
	    "</ObjectSizeLessThan></And></Filter>" DAYS(1), "InvalidRequest",
	    "sizes that exclude each other");
	refused(ON ALL "<Transition><Days>10</Days><StorageClass>STANDARD_IA"
	    "</StorageClass></Transition>", "InvalidArgument",
	    "STANDARD_IA before 30 days");
	refused(ON ALL "<Transition><Days>0</Days><StorageClass>GLACIER"
	    "</StorageClass></Transition>", NULL, "GLACIER at once");
	refused(ON ALL "<Transition><Days>40</Days><StorageClass>STANDARD"
	    "</StorageClass></Transition>", "MalformedXML", "to STANDARD");
	refused(ON ALL "<Transition><Days>40</Days></Transition>",
	    "MalformedXML", "to no class");
	refused(ON ALL DAYS(40) "<Transition><Days>40</Days><StorageClass>"
	    "GLACIER</StorageClass></Transition>", "InvalidArgument",
	    "a transition on the last day");
	refused(ON ALL DAYS(40) "<Transition><Date>2030-01-01T00:00:00Z</Date>"
	    "<StorageClass>GLACIER</StorageClass></Transition>",
	    "InvalidRequest", "days and dates in one rule");
	refused(ON ALL "<Transition><Days>90</Days><StorageClass>STANDARD_IA"
	    "</StorageClass></Transition><Transition><Days>60</Days>"
	    "<StorageClass>GLACIER</StorageClass></Transition>",
	    "InvalidArgument", "the colder class first");
	refused(ON ALL "<NoncurrentVersionExpiration><NewerNoncurrentVersions>"
	    "3</NewerNoncurrentVersions></NoncurrentVersionExpiration>",
	    "MalformedXML", "newer versions without days");
	refused(ON ALL "<NoncurrentVersionExpiration><NoncurrentDays>1"
	    "</NoncurrentDays><NewerNoncurrentVersions>101"
	    "</NewerNoncurrentVersions></NoncurrentVersionExpiration>",
	    "InvalidArgument", "more than 100 newer versions");
	memset(id, 'x', sizeof(id));
	memcpy(id, "<ID>", 4);
	strcpy(id + 4 + 255, "</ID>");
	{
		char text[600];

		snprintf(text, sizeof(text), "%s" ON ALL DAYS(1), id);
		refused(text, NULL, "an ID of 255 bytes");
		strcpy(id + 4 + 255, "y</ID>");
		snprintf(text, sizeof(text), "%s" ON ALL DAYS(1), id);
		refused(text, "InvalidArgument", "an ID of 256 bytes");
	}
	ok(rules("<Rule><ID>a</ID>" ON ALL DAYS(1) "</Rule><Rule><ID>a</ID>"
	    ON ALL DAYS(2) "</Rule>") == NULL, "an ID twice is refused");
	is_str(code, "InvalidArgument", "as AWS does");
	ok(rules("") == NULL, "no rules are refused");
	ok(vt_lifecycle_parse(arena, "<Else/>", 7, &(struct vt_lifecycle *)
	    { NULL }, &code, &err) == VT_INVALID,
	    "another document is refused");
}

static void
many(void)
{
	struct vt_buf b;
	struct vt_lifecycle *lc;
	int i, n;

	for (n = VT_LC_RULES_MAX; n <= VT_LC_RULES_MAX + 1; n++) {
		vt_buf_init(&b, 1 << 20);
		vt_buf_str(&b, HEAD);
		for (i = 0; i < n; i++)
			vt_buf_printf(&b, "<Rule><ID>%d</ID>" ON ALL DAYS(1)
			    "</Rule>", i);
		vt_buf_str(&b, TAIL);
		is_int(vt_lifecycle_parse(arena, b.data, b.len, &lc, NULL,
		    &err), n == VT_LC_RULES_MAX ? VT_OK : VT_INVALID,
		    "%d rules", n);
		vt_buf_release(&b);
	}
}

static void
completing(void)
{
	static const char with[] = "<?xml version=\"1.0\"?>\n"
	    "<LifecycleConfiguration xmlns=\"http://s3.amazonaws.com/doc/"
	    "2006-03-01/\">\n <!-- kept -->\n <Rule><ID>one</ID>" ON ALL
	    DAYS(1) "</Rule>\n" TAIL "\n";
	static const char none[] = HEAD "<Rule>" ON ALL DAYS(1) "</Rule><Rule>"
	    "<ID/>" ON ALL DAYS(2) "</Rule><Rule><ID></ID>" ON ALL DAYS(3)
	    "</Rule><Rule><ID>mine</ID>" ON ALL DAYS(4) "</Rule>" TAIL;
	const char *out, *again, *utf16 = "\xff\xfe";
	struct vt_lifecycle *lc, *second;
	size_t len, again_len, i, j, skip;
	char wide[1024];
	int varies;

	is_int(vt_lifecycle_complete(arena, with, strlen(with), 0, &out, &len,
	    &lc, &code, &err), VT_OK, "a document with IDs");
	ok(len == strlen(with) && memcmp(out, with, len) == 0,
	    "is stored byte for byte");
	is_int(vt_lifecycle_complete(arena, with, strlen(with), 1, &out, &len,
	    &lc, &code, &err), VT_OK, "one that varies by class");
	skip = vt_lifecycle_xml(out, len, &varies);
	ok(varies && lc->varies && len - skip == strlen(with) &&
	    memcmp(out + skip, with, len - skip) == 0,
	    "says so, and goes out byte for byte");
	is_int(vt_lifecycle_complete(arena, none, strlen(none), 0, &out, &len,
	    &lc, &code, &err), VT_OK, "rules without an ID");
	for (i = 0; i < lc->count; i++) {
		ok(*lc->rule[i].id != '\0', "get one: %s", lc->rule[i].id);
		for (j = 0; j < i; j++)
			ok(strcmp(lc->rule[i].id, lc->rule[j].id) != 0,
			    "of its own");
		is_int(lc->rule[i].expire.days, (int)i + 1,
		    "and stay what they were");
	}
	is_str(lc->rule[3].id, "mine", "an ID is left alone");
	is_int(vt_lifecycle_complete(arena, none, strlen(none), 0, &again,
	    &again_len, &second, &code, &err), VT_OK, "the same again");
	ok(len == again_len && memcmp(out, again, len) == 0,
	    "has the same IDs");
	is_int(vt_lifecycle_complete(arena, out, len, 0, &again, &again_len,
	    &second, &code, &err), VT_OK, "what was completed");
	ok(len == again_len && memcmp(out, again, len) == 0,
	    "is complete");
	/* the same document in two bytes a character */
	memcpy(wide, utf16, 2);
	for (i = 0; i < strlen(none); i++) {
		wide[2 + 2 * i] = none[i];
		wide[3 + 2 * i] = '\0';
	}
	is_int(vt_lifecycle_complete(arena, wide, 2 + 2 * strlen(none), 0,
	    &out, &len, &lc, &code, &err), VT_INVALID,
	    "no ID is put into UTF-16");
}

static int64_t
at(const char *text)
{
	int64_t us = 0;

	if (vt_time_parse_rfc3339(text, strlen(text), &us) < 0)
		printf("# %s is no time\n", text);
	return us;
}

static struct vt_lc_subject
object(const char *key, const char *created)
{
	struct vt_lc_subject s;

	memset(&s, 0, sizeof(s));
	s.key = key;
	s.key_len = strlen(key);
	s.is_current = 1;
	s.size_bytes = 1000;
	s.created_us = at(created);
	return s;
}

static void
due(const struct vt_lifecycle *lc, const struct vt_lc_subject *s,
    enum vt_lc_action action, const char *id, const char *when,
    const char *name)
{
	struct vt_lc_removal r;
	char t[25] = "";

	vt_lifecycle_removal(lc, s, &r);
	is_str(vt_lc_action_name(r.action), vt_lc_action_name(action), "%s",
	    name);
	if (r.action == VT_LC_NONE)
		return;
	is_str(r.rule->id, id, "by rule %s", id);
	vt_time_rfc3339_ms(r.due_us, t);
	is_str(t, when, "at %s", when);
}

static void
expiring(void)
{
	struct vt_lifecycle *lc;
	struct vt_lc_subject s;

	lc = rules("<Rule><ID>a</ID>" ON "<Prefix>logs/</Prefix>" DAYS(3)
	    "</Rule><Rule><ID>b</ID>" ON "<Prefix>logs/x</Prefix>" DAYS(2)
	    "</Rule><Rule><ID>off</ID><Status>Disabled</Status>" ALL DAYS(1)
	    "</Rule>");
	/* the example of AWS's manual */
	s = object("logs/a", "2014-01-15T10:30:00Z");
	due(lc, &s, VT_LC_EXPIRE, "a", "2014-01-19T00:00:00.000Z",
	    "three days, and up to the next midnight");
	s.created_us = at("2014-01-15T00:00:00Z");
	due(lc, &s, VT_LC_EXPIRE, "a", "2014-01-18T00:00:00.000Z",
	    "from midnight there is nothing to round");
	s = object("logs/x", "2014-01-15T10:30:00Z");
	due(lc, &s, VT_LC_EXPIRE, "b", "2014-01-18T00:00:00.000Z",
	    "the shortest wins");
	s = object("log", "2014-01-15T10:30:00Z");
	due(lc, &s, VT_LC_NONE, "", "", "another prefix, or a rule that is "
	    "off, removes nothing");
	lc->day_us = 10000000;
	s = object("logs/a", "2014-01-15T10:30:00Z");
	due(lc, &s, VT_LC_EXPIRE, "a", "2014-01-15T10:30:30.000Z",
	    "days of ten seconds are not rounded");

	lc = rules("<Rule><ID>d</ID>" ON ALL "<Expiration><Date>"
	    "2020-05-01T00:00:00Z</Date></Expiration></Rule>");
	s = object("k", "2023-01-01T00:00:00Z");
	due(lc, &s, VT_LC_EXPIRE, "d", "2020-05-01T00:00:00.000Z",
	    "a date goes for what came after it too");

	lc = rules("<Rule><ID>t</ID>" ON "<Filter><And><Prefix>p</Prefix><Tag>"
	    "<Key>a b</Key><Value>1&amp;2</Value></Tag><ObjectSizeGreaterThan>"
	    "10</ObjectSizeGreaterThan><ObjectSizeLessThan>1000"
	    "</ObjectSizeLessThan></And></Filter>" DAYS(1) "</Rule>");
	s = object("pk", "2023-01-01T00:00:00Z");
	s.tags = "x=y&a%20b=1%262";
	s.size_bytes = 999;
	due(lc, &s, VT_LC_EXPIRE, "t", "2023-01-02T00:00:00.000Z",
	    "prefix, tag and size together");
	s.tags = "a+b=1%262";
	due(lc, &s, VT_LC_EXPIRE, "t", "2023-01-02T00:00:00.000Z",
	    "a space as forms write it");
	s.size_bytes = 1000;
	due(lc, &s, VT_LC_NONE, "", "", "less than is less than");
	s.size_bytes = 10;
	due(lc, &s, VT_LC_NONE, "", "", "greater than is greater than");
	s.size_bytes = 11;
	s.tags = "a%20b=1%2622";
	due(lc, &s, VT_LC_NONE, "", "", "another value");
	s.tags = "a%20bc=1%262";
	due(lc, &s, VT_LC_NONE, "", "", "another key");
	s.tags = NULL;
	due(lc, &s, VT_LC_NONE, "", "", "no tags");
	/* as other servers take it: all of them must hold */
	lc = rules("<Rule><ID>m</ID>" ON "<Filter><Prefix>a</Prefix><Tag><Key>"
	    "k</Key><Value>v</Value></Tag></Filter>" DAYS(1) "</Rule>");
	s = object("a", "2023-01-01T00:00:00Z");
	due(lc, &s, VT_LC_NONE, "", "", "a filter of two: one is not enough");
	s.tags = "k=v";
	due(lc, &s, VT_LC_EXPIRE, "m", "2023-01-02T00:00:00.000Z",
	    "both are");
}

static void
versions(void)
{
	struct vt_lifecycle *lc;
	struct vt_lc_subject s;

	lc = rules("<Rule><ID>n</ID>" ON ALL "<NoncurrentVersionExpiration>"
	    "<NoncurrentDays>5</NoncurrentDays><NewerNoncurrentVersions>2"
	    "</NewerNoncurrentVersions></NoncurrentVersionExpiration></Rule>"
	    "<Rule><ID>m</ID>" ON ALL "<Expiration>"
	    "<ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>"
	    "</Expiration></Rule><Rule><ID>u</ID>" ON
	    "<Prefix>up/</Prefix><AbortIncompleteMultipartUpload>"
	    "<DaysAfterInitiation>7</DaysAfterInitiation>"
	    "</AbortIncompleteMultipartUpload></Rule>");
	s = object("k", "2020-01-01T00:00:00Z");
	due(lc, &s, VT_LC_NONE, "", "", "a current version stays");
	s.is_current = 0;
	s.noncurrent_since_us = at("2023-03-01T12:00:00Z");
	s.newer = 1;
	due(lc, &s, VT_LC_NONE, "", "", "the second noncurrent one stays");
	s.newer = 2;
	due(lc, &s, VT_LC_EXPIRE_VERSION, "n", "2023-03-07T00:00:00.000Z",
	    "the third goes, counted from its successor");
	s.is_marker = 1;
	due(lc, &s, VT_LC_EXPIRE_VERSION, "n", "2023-03-07T00:00:00.000Z",
	    "so does a noncurrent marker");
	s = object("k", "2023-01-01T10:00:00Z");
	s.is_marker = 1;
	due(lc, &s, VT_LC_NONE, "", "", "a marker that hides versions stays");
	s.is_alone = 1;
	due(lc, &s, VT_LC_EXPIRE_MARKER, "m", "2023-01-02T00:00:00.000Z",
	    "one that hides nothing goes");
	s = object("up/k", "2023-01-01T10:00:00Z");
	s.is_upload = 1;
	due(lc, &s, VT_LC_ABORT_UPLOAD, "u", "2023-01-09T00:00:00.000Z",
	    "an upload after seven days");
	s = object("k", "2023-01-01T10:00:00Z");
	s.is_upload = 1;
	due(lc, &s, VT_LC_NONE, "", "", "but not of another prefix");

	lc = rules("<Rule><ID>e</ID>" ON ALL DAYS(5) "</Rule>");
	s = object("k", "2023-01-01T10:00:00Z");
	s.is_marker = s.is_alone = 1;
	due(lc, &s, VT_LC_EXPIRE_MARKER, "e", "2023-01-07T00:00:00.000Z",
	    "an expiration takes the marker it left");
	lc = rules("<Rule><ID>e</ID>" ON "<Filter><ObjectSizeLessThan>5"
	    "</ObjectSizeLessThan></Filter>" DAYS(5) "</Rule>");
	due(lc, &s, VT_LC_NONE, "", "", "not by size: it has none");
	lc = rules("<Rule><ID>e</ID>" ON ALL "<Expiration><Days>2147483647"
	    "</Days></Expiration></Rule>");
	lc->day_us = VT_LC_DAY_US;
	s = object("k", "2023-01-01T10:00:00Z");
	due(lc, &s, VT_LC_EXPIRE, "e", "9999-12-31T23:59:59.999Z",
	    "the most days there are do not overflow");
}

struct seen {
	int count;
	struct vt_lc_move m[8];
};

static void
see(void *ctx, const struct vt_lc_move *m)
{
	struct seen *s = ctx;

	if (s->count < 8)
		s->m[s->count] = *m;
	s->count++;
}

static void
transitions(void)
{
	struct vt_lifecycle *lc;
	struct vt_lc_subject s;
	struct seen n = { 0 };
	char t[25];

	lc = rules("<Rule><ID>t</ID>" ON ALL "<Transition><Days>30</Days>"
	    "<StorageClass>STANDARD_IA</StorageClass></Transition><Transition>"
	    "<Days>90</Days><StorageClass>GLACIER</StorageClass></Transition>"
	    "<NoncurrentVersionTransition><NoncurrentDays>3</NoncurrentDays>"
	    "<NewerNoncurrentVersions>1</NewerNoncurrentVersions>"
	    "<StorageClass>GLACIER</StorageClass>"
	    "</NoncurrentVersionTransition></Rule>");
	s = object("k", "2023-01-01T10:00:00Z");
	vt_lifecycle_transitions(lc, &s, see, &n);
	is_int(n.count, 0, "1,000 bytes make no transition");
	s.size_bytes = VT_LC_MIN_BYTES;
	vt_lifecycle_transitions(lc, &s, see, &n);
	is_int(n.count, 2, "128 KiB make both");
	vt_time_rfc3339_ms(n.m[0].due_us, t);
	is_str(t, "2023-02-01T00:00:00.000Z", "the first after 30 days");
	is_str(n.m[1].storage_class, "GLACIER", "the second to GLACIER");
	n.count = 0;
	s.size_bytes = 1000;
	lc->varies = 1;
	vt_lifecycle_transitions(lc, &s, see, &n);
	is_int(n.count, 1, "varying by class, small ones go to GLACIER only");
	is_str(n.m[0].storage_class, "GLACIER", "which it is");
	n.count = 0;
	lc->varies = 0;
	lc->min_bytes = 0;
	s.is_current = 0;
	s.noncurrent_since_us = at("2023-05-01T10:00:00Z");
	vt_lifecycle_transitions(lc, &s, see, &n);
	ok(n.count == 1 && n.m[0].due_us == INT64_MAX,
	    "the newest noncurrent one is to stay where it is");
	n.count = 0;
	s.newer = 1;
	vt_lifecycle_transitions(lc, &s, see, &n);
	vt_time_rfc3339_ms(n.m[0].due_us, t);
	is_str(t, "2023-05-05T00:00:00.000Z", "the next goes in three days");
	n.count = 0;
	lc = rules("<Rule><ID>t</ID>" ON "<Filter><ObjectSizeGreaterThan>5"
	    "</ObjectSizeGreaterThan></Filter><Transition><Days>1</Days>"
	    "<StorageClass>GLACIER_IR</StorageClass></Transition></Rule>");
	s = object("k", "2023-01-01T10:00:00Z");
	vt_lifecycle_transitions(lc, &s, see, &n);
	is_int(n.count, 1, "a rule by size goes before the least size");
}

int
main(void)
{
	arena = vt_arena_new(256 << 20);
	validation();
	many();
	completing();
	expiring();
	versions();
	transitions();
	vt_arena_free(arena);
	return test_done();
}
