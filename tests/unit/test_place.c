/* Placement policies: what holds for a key, and what is refused. */
#include "libvt/work/place.h"

#include "tests/unit/test.h"

static const struct vt_place_tier tiers[] = {
	{ "hot", "eu-west", 11, 20, 0, 0 },
	{ "warm", "eu-north", 9, 50, 0, 0 },
	{ "cold", "us-east", 11, 400, 0, 0 },
	{ "archive", "eu-west", 11, 20, 1, 0 },
};
#define HOT 1u
#define WARM 2u
#define COLD 4u
#define ARCHIVE 8u
#define ALL 15u

static struct vt_place_policy *list;
static size_t count;
static struct vt_places *places;

static void
begin(void)
{
	vt_places_free(places);
	places = NULL;
	list = calloc(16, sizeof(*list));
	count = 0;
}

static struct vt_place_policy *
policy(const char *bucket, const char *prefix)
{
	struct vt_place_policy *q = &list[count++];

	q->bucket = strdup(bucket);
	q->prefix = strdup(prefix);
	return q;
}

/* One or two strings; NULL: none. */
static char **
strings(const char *a, const char *b)
{
	char **s = calloc(3, sizeof(*s));

	s[0] = strdup(a);
	s[1] = b != NULL ? strdup(b) : NULL;
	return s;
}

static void
set_tiers(struct vt_place_policy *q, const char *a, const char *b)
{
	q->given |= 1U << VT_PLACE_TIER_LIST;
	q->tiers = a != NULL ? strings(a, b) : NULL;
}

static void
set_locations(struct vt_place_policy *q, const char *a, const char *b)
{
	q->given |= 1U << VT_PLACE_LOCATIONS;
	q->locations = a != NULL ? strings(a, b) : NULL;
}

static void
set_pin(struct vt_place_policy *q, const char *tier)
{
	q->given |= 1U << VT_PLACE_PIN;
	q->pin = tier != NULL ? strdup(tier) : NULL;
}

static void
set_first_byte(struct vt_place_policy *q, unsigned ms)
{
	q->given |= 1U << VT_PLACE_FIRST_BYTE;
	q->max_first_byte_ms = ms;
}

static void
made(void)
{
	struct vt_place_fault fault;
	struct vt_err err = { 0 };

	if (!ok(vt_places_make(list, count, tiers, 4, &places, &fault,
	    &err) == VT_OK, "%zu policies", count)) {
		printf("# %s\n", err.text);
		exit(1);
	}
}

static void
refused(size_t index, const char *field, const char *why)
{
	struct vt_place_fault fault = { 99, NULL };
	struct vt_err err = { 0 };
	enum vt_code rc;

	rc = vt_places_make(list, count, tiers, 4, &places, &fault, &err);
	if (!ok(rc == VT_INVALID && places == NULL && fault.index == index &&
	    (field == NULL) == (fault.field == NULL) &&
	    (field == NULL || strcmp(field, fault.field) == 0) &&
	    strstr(err.text, why) != NULL, "refused: %s", why))
		printf("# %d, %zu.%s: %s\n", (int)rc, fault.index,
		    fault.field != NULL ? fault.field : "-", err.text);
	vt_place_policies_free(list, count);
}

static const struct vt_place *
find(const char *bucket, const char *key)
{
	return vt_places_find(places, bucket, key, strlen(key));
}

static unsigned
allowed(const char *bucket, const char *key)
{
	const struct vt_place *w = find(bucket, key);

	return w != NULL ? w->allowed : ALL;
}

static void
test_fields(void)
{
	struct vt_place_policy *q;
	char why[VT_PLACE_TEXT];

	begin();
	set_tiers(policy("tiers", ""), "hot", "warm");
	set_locations(policy("places", ""), "eu-*", NULL);
	set_locations(policy("place", ""), "eu-west", "us-east");
	set_locations(policy("far", ""), "us-*", NULL);
	set_first_byte(policy("quick", ""), 50);
	set_pin(policy("pinned", ""), "archive");
	q = policy("safe", "");
	q->given |= 1U << VT_PLACE_DURABILITY;
	q->min_durability_nines = 10;
	made();
	is_int(allowed("tiers", "k"), HOT | WARM, "P6 allowed tiers");
	is_int(allowed("places", "k"), HOT | WARM | ARCHIVE, "P6 region");
	is_int(allowed("place", "k"), HOT | COLD | ARCHIVE,
	    "a location without a star is the whole name");
	is_int(allowed("quick", "k"), HOT | WARM,
	    "P6 latency: what needs a restore is never quick");
	is_int(allowed("pinned", "k"), ARCHIVE, "P6 pin");
	is_int(find("pinned", "k")->pin, 3, "to that tier");
	is_int(allowed("safe", "k"), HOT | COLD | ARCHIVE, "P6 durability");
	ok(find("other", "k") == NULL, "of another bucket nothing is asked");
	ok(vt_place_allows(NULL, 3) && vt_place_first(NULL) == 0,
	    "and then all is allowed");
	is_int(vt_place_first(find("pinned", "k")), 3, "the first tier");
	is_int(vt_place_restored(places, find("pinned", "k")), 0,
	    "what is restored from it lies on one that can be read");
	is_int(vt_place_restored(places, find("far", "k")), 2,
	    "P6 and never at a location that is not asked for");
	is_str(vt_place_why(places, find("tiers", "k"), 2, why),
	    "policy 'tiers/' does not list 'cold'", "why: tiers");
	is_str(vt_place_why(places, find("places", "k"), 2, why),
	    "policy 'places/' asks for another location than 'us-east' of "
	    "'cold'", "why: location");
	is_str(vt_place_why(places, find("quick", "k"), 2, why),
	    "policy 'quick/' asks for a first byte within 50 ms, 'cold' takes "
	    "400", "why: latency");
	is_str(vt_place_why(places, find("quick", "k"), 3, why),
	    "policy 'quick/' asks for a first byte within 50 ms, 'archive' "
	    "needs a restore", "why: a restore");
	is_str(vt_place_why(places, find("safe", "k"), 1, why),
	    "policy 'safe/' asks for 10 nines of durability, 'warm' has 9",
	    "why: durability");
	is_str(vt_place_why(places, find("pinned", "k"), 0, why),
	    "policy 'pinned/' pins it to 'archive'", "why: pin");
	is_str(vt_place_why(places, find("tiers", "k"), 4, why),
	    "policy 'tiers/' is of configured tiers alone",
	    "why: what policies do not know");
	is_str(vt_place_why(places, find("tiers", "k"), 0, why), "",
	    "no why for what is allowed");
}

static void
test_prefixes(void)
{
	begin();
	set_pin(policy("b", "a/"), "hot");
	set_pin(policy("b", "a/b/c/"), "warm");
	set_pin(policy("b", "a/b"), "cold");
	set_pin(policy("b", "a/bb"), "hot");
	set_pin(policy("b", "z"), "archive");
	made();
	ok(find("b", "") == NULL && find("b", "a") == NULL,
	    "a key before every prefix");
	is_int(allowed("b", "a/"), HOT, "a key that is the prefix");
	is_int(allowed("b", "a/a"), HOT, "one behind it");
	is_int(allowed("b", "a/b"), COLD, "the longest wins");
	is_int(allowed("b", "a/b/c"), COLD, "not one longer than the key");
	is_int(allowed("b", "a/b/c/x"), WARM, "the longest of three");
	is_int(allowed("b", "a/b/d"), COLD,
	    "behind a longer one that does not match");
	is_int(allowed("b", "a/ba"), COLD, "a prefix needs no slash");
	is_int(allowed("b", "a/bb~"), HOT, "the fourth");
	is_int(allowed("b", "a/c"), HOT, "two levels up");
	ok(find("b", "b") == NULL, "between them");
	is_int(allowed("b", "z"), ARCHIVE, "the last");
	is_int(allowed("b", "\xff"), ALL, "bytes above all");
	is_int(allowed("b", "zz"), ARCHIVE, "and behind it");
}

static void
test_inheritance(void)
{
	struct vt_place_policy *q;

	begin();
	q = policy("*", "");
	set_locations(q, "eu-*", NULL);
	q->given |= 1U << VT_PLACE_HISTORY;
	q->min_history_days = 60;
	set_first_byte(policy("*", "live/"), 20);
	q = policy("photos", "");
	set_first_byte(q, 50);
	q->given |= 1U << VT_PLACE_PAYBACK;
	q->payback_max_days = 90;
	set_tiers(policy("photos", "raw/"), "warm", "archive");
	q = policy("photos", "old/");
	set_first_byte(q, 0);
	set_pin(q, "archive");
	set_locations(policy("free", ""), NULL, NULL);
	made();
	is_int(allowed("any", "k"), HOT | WARM | ARCHIVE, "all buckets");
	is_int(find("any", "k")->min_history_days, 60, "and their history");
	is_int(allowed("any", "live/k"), HOT, "all buckets, a prefix");
	is_int(allowed("photos", "k"), HOT | WARM,
	    "P6 a bucket's policy keeps what all are asked");
	is_int(allowed("photos", "live/k"), HOT | WARM,
	    "the bucket's field goes before a prefix of all buckets");
	is_int(find("photos", "live/k")->min_history_days, 60,
	    "the others stay");
	is_int(allowed("photos", "raw/k"), WARM,
	    "P6 a prefix keeps what its bucket asks");
	is_int(find("photos", "raw/k")->payback_max_days, 90, "all of it");
	is_str(find("photos", "raw/k")->name, "photos/raw/", "its name");
	is_int(allowed("photos", "old/k"), ARCHIVE, "null lifts a field");
	is_int(allowed("free", "k"), ALL, "also for a whole bucket");
	is_int(allowed("free", "live/k"), HOT,
	    "and leaves the other fields alone");
}

static void
test_refused(void)
{
	struct vt_place_policy *q;

	begin();
	policy("a", "");
	set_tiers(policy("b", ""), "hot", "cool");
	refused(1, "tiers", "no tier 'cool'");
	begin();
	set_pin(policy("b", ""), "cool");
	refused(0, "pin", "no tier 'cool'");
	begin();
	set_pin(policy("b", "x"), "hot");
	policy("b", "");
	set_pin(policy("b", "x"), "warm");
	refused(2, NULL, "have a policy already");
	begin();
	set_locations(policy("b", ""), "mars-*", NULL);
	refused(0, NULL, "leaves no tier for 'b/': policy 'b/' asks for "
	    "another location");
	begin();
	set_locations(policy("*", ""), "eu-*", NULL);
	set_pin(policy("b", ""), "cold");
	refused(1, NULL, "leaves no tier for 'b/': policy '*/' asks for "
	    "another location than 'us-east' of 'cold'");
	begin();
	set_pin(policy("b", ""), "cold");
	q = policy("*", "live/");
	set_first_byte(q, 20);
	refused(0, NULL, "leaves no tier for 'b/live/': policy '*/live/'");
}

static struct vt_place_policy *
set_copies(struct vt_place_policy *q, unsigned copies, unsigned ack,
    const char *spread)
{
	q->given |= 1U << VT_PLACE_COPIES;
	q->copies = copies;
	if (ack > 0)
		q->given |= 1U << VT_PLACE_ACK;
	q->ack = ack;
	if (spread != NULL)
		q->given |= 1U << VT_PLACE_SPREAD;
	q->spread = spread != NULL ? strdup(spread) : NULL;
	return q;
}

static void
test_copies(void)
{
	const struct vt_place *w;

	is_int(vt_places_copies(NULL), 1, "one copy, when nobody asks");
	is_int(vt_place_spread(NULL, NULL, HOT | COLD), 2,
	    "without a policy each counts");
	begin();
	set_copies(policy("*", ""), 2, 0, NULL);
	set_copies(policy("b", "lax/"), 3, 1, NULL);
	set_copies(policy("b", "t/"), 4, 9, "tier");
	set_copies(policy("b", "none/"), 0, 0, NULL);
	set_tiers(set_copies(policy("c", ""), 2, 0, NULL), "hot", "cold");
	made();
	is_int(vt_places_copies(places), 4, "the most that are asked for");
	w = find("a", "k");
	ok(w->copies == 2 && w->ack == 2 && !w->by_tier,
	    "all acknowledge, unless it is said");
	is_int(vt_place_spread(places, w, HOT | ARCHIVE), 1,
	    "P2 two at one location count once");
	is_int(vt_place_spread(places, w, HOT | ARCHIVE | COLD), 2,
	    "and elsewhere one more");
	w = find("b", "lax/k");
	ok(w->copies == 3 && w->ack == 1, "one acknowledges");
	w = find("b", "t/k");
	ok(w->copies == 4 && w->ack == 4 && w->by_tier,
	    "no more acknowledge than there are");
	is_int(vt_place_spread(places, w, HOT | ARCHIVE), 2,
	    "tiers count, if that is enough");
	w = find("b", "none/k");
	ok(w->copies == 1 && w->ack == 1, "lifted below a prefix");
	w = find("c", "k");
	is_int(vt_place_spread(places, w, HOT | WARM), 1,
	    "P6 where it must not lie counts nothing");
	begin();
	set_copies(policy("a", ""), 4, 0, NULL);
	refused(0, "copies", "at 3 locations");
	begin();
	set_pin(policy("a", ""), "hot");
	set_copies(policy("*", ""), 2, 0, NULL);
	refused(1, "copies", "at 1 locations");
}

static void
test_digest(void)
{
	char first[17];

	begin();
	set_pin(policy("a", ""), "hot");
	set_pin(policy("b", ""), "warm");
	made();
	snprintf(first, sizeof(first), "%s", vt_places_digest(places));
	is_int(strlen(first), 16, "a digest");
	begin();
	set_pin(policy("b", ""), "warm");
	set_pin(policy("a", ""), "hot");
	made();
	is_str(vt_places_digest(places), first, "whatever the order");
	begin();
	set_pin(policy("b", ""), "warm");
	set_pin(policy("a", ""), "cold");
	made();
	ok(strcmp(vt_places_digest(places), first) != 0, "but not the list");
	is_str(vt_places_digest(NULL), "", "none of none");
	ok(vt_places_find(NULL, "a", "k", 1) == NULL, "and nothing is asked");
}

static void
test_long_name(void)
{
	char key[301];
	size_t i;

	for (i = 0; i + 1 < sizeof(key); i += 2)
		memcpy(key + i, "\xc3\xa4", 2);
	key[300] = '\0';
	begin();
	set_pin(policy("bu", key), "hot");
	set_pin(policy("buc", key), "hot");
	made();
	for (i = 0; i < 2; i++) {
		const char *name = find(i == 0 ? "bu" : "buc", key)->name;
		size_t n = strlen(name);

		ok(n < VT_PLACE_NAME && strcmp(name + n - 3, "...") == 0 &&
		    (unsigned char)name[n - 4] == 0xa4,
		    "a long name ends with a whole character");
	}
}

int
main(void)
{
	test_fields();
	test_prefixes();
	test_inheritance();
	test_refused();
	test_copies();
	test_digest();
	test_long_name();
	vt_places_free(places);
	return test_done();
}
