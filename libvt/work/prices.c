#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/clock.h"
#include "libvt/base/fs.h"
#include "libvt/base/hash.h"
#include "libvt/base/hex.h"
#include "libvt/base/jsonl.h"

#include "libvt/work/prices.h"

#define CLASSES_MAX 64
#define PAIRS_MAX 1024
#define FIXED_MAX 16
#define FILE_MAX (4u << 20)
#define DAYS_MAX 36600.0		/* a minimum duration is no longer */
#define BYTES_MAX 9007199254740992.0	/* 2^53: exact in JSON */

struct pair {
	char from[VT_PRICE_NAME], to[VT_PRICE_NAME];
	double usd_gb;
	struct vt_bands bands;
};

struct offer {
	char tier[VT_PRICE_NAME], class_name[VT_PRICE_NAME];
};

struct fixed {
	char name[VT_PRICE_NAME];
	double usd_month;
};

struct vt_prices {
	char *path;
	char digest[17];
	char title[3 * VT_PRICE_NAME + 4];
	char provider[VT_PRICE_NAME], region[VT_PRICE_NAME];
	char date[VT_PRICE_NAME], location[VT_PRICE_NAME];
	int64_t date_us;
	double bytes_per_gb, month_days;
	struct vt_price *classes;
	size_t class_count;
	const struct vt_price *automatic;
	struct pair *pairs;
	size_t pair_count;
	struct offer offers[VT_PRICE_TIERS];
	size_t offer_count;
	struct fixed fixed[FIXED_MAX];
	size_t fixed_count;
};

/* --- bands ---------------------------------------------------------------- */

double
vt_bands_sum(const struct vt_bands *b, double first_usd, double gb)
{
	double usd = 0, price = first_usd, from = 0;
	size_t i;

	for (i = 0; i < b->count && b->band[i].from_gb < gb; i++) {
		usd += price * (b->band[i].from_gb - from);
		from = b->band[i].from_gb;
		price = b->band[i].usd;
	}
	return usd + price * (gb - from);
}

double
vt_bands_at(const struct vt_bands *b, double first_usd, double gb)
{
	size_t i;

	for (i = b->count; i > 0; i--)
		if (b->band[i - 1].from_gb <= gb)
			return b->band[i - 1].usd;
	return first_usd;
}

/* --- the file ------------------------------------------------------------- */

/* Reading goes on with one sticky failure, so that each figure is one line. */
struct reader {
	const char *path;
	const char *where;	/* the entry being read */
	json_t *sources;
	enum vt_code rc;
	struct vt_err *err;
};

static void
refuse(struct reader *r, const char *fmt, ...) VT_PRINTF(2, 3);

static void
refuse(struct reader *r, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	if (r->rc != VT_OK)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->rc = vt_fail(r->err, VT_INVALID, "price file '%s': %s: %s", r->path,
	    r->where, text);
}

/*
 * An object with no other fields than these, the list ending in NULL.  One
 * that nobody reads is a misspelt one, and its figure would be missed.
 */
static void
expect(struct reader *r, json_t *o, const char *what,
    const char *const *fields)
{
	const char *name;
	size_t i;
	json_t *v;

	if (!json_is_object(o)) {
		refuse(r, "'%s' is missing or no object", what);
		return;
	}
	json_object_foreach(o, name, v) {
		for (i = 0; fields[i] != NULL; i++)
			if (strcmp(fields[i], name) == 0)
				break;
		if (fields[i] == NULL)
			refuse(r, "unknown field '%.64s' in '%s'", name, what);
	}
}

static void
name_into(struct reader *r, char out[VT_PRICE_NAME], json_t *o,
    const char *field)
{
	const char *text = json_string_value(json_object_get(o, field));

	out[0] = '\0';
	if (text == NULL || *text == '\0')
		refuse(r, "'%s' is missing or no text", field);
	else if (strlen(text) >= VT_PRICE_NAME)
		refuse(r, "'%s' is longer than %d bytes", field,
		    VT_PRICE_NAME - 1);
	else
		strcpy(out, text);
}

/* The number in `o` and the source beside it, which the file describes. */
static double
sourced(struct reader *r, json_t *o, json_t *number, const char *field,
    double max)
{
	const char *source = json_string_value(json_object_get(o, "source"));
	double d = json_number_value(number);

	if (!json_is_number(number))
		refuse(r, "'%s' has neither \"usd\" nor \"value\"", field);
	else if (d < 0)
		refuse(r, "'%s' is negative", field);
	else if (!isfinite(d) || d > max)
		refuse(r, "'%s' is over %.15g", field, max);
	if (source == NULL)
		refuse(r, "'%s' names no source", field);
	else if (!json_is_string(json_object_get(r->sources, source)))
		refuse(r, "'%s' has the unknown source '%.64s'", field,
		    source);
	return r->rc == VT_OK ? d : 0;
}

/* A figure is {"usd": 0.023, "source": "x"}, or "value" where it is no
 * price.  0 when it is not there and need not be. */
static double
figure(struct reader *r, json_t *o, const char *field, double max)
{
	static const char *const fields[] = {
		"usd", "value", "source", "note", NULL
	};
	json_t *f = json_object_get(o, field), *n;

	if (f == NULL)
		return 0;
	expect(r, f, field, fields);
	n = json_object_get(f, "usd");
	if (n == NULL)
		n = json_object_get(f, "value");
	return sourced(r, f, n, field, max);
}

static double
needed(struct reader *r, json_t *o, const char *field, double max)
{
	if (json_object_get(o, field) == NULL)
		refuse(r, "'%s' is missing", field);
	return figure(r, o, field, max);
}

#define USD_MAX 1e6	/* of no figure here is more sensible */

static double
dollars(struct reader *r, json_t *o, const char *field)
{
	return needed(r, o, field, USD_MAX);
}

static uint64_t
bytes(struct reader *r, json_t *o, const char *field)
{
	double d = figure(r, o, field, BYTES_MAX);

	if (d > floor(d))
		refuse(r, "'%s' is no whole number of bytes", field);
	return (uint64_t)d;
}

static void
read_bands(struct reader *r, json_t *o, const char *field, struct vt_bands *b)
{
	static const char *const fields[] = {
		"from_gb", "usd", "source", "note", NULL
	};
	json_t *list = json_object_get(o, field), *band;
	double from = 0;
	size_t i;

	if (list == NULL)
		return;
	if (json_array_size(list) < 1 ||
	    json_array_size(list) > VT_PRICE_BANDS) {
		refuse(r, "'%s' must be a list of 1 to %d", field,
		    VT_PRICE_BANDS);
		return;
	}
	json_array_foreach(list, i, band) {
		expect(r, band, field, fields);
		b->band[i].from_gb = json_number_value(
		    json_object_get(band, "from_gb"));
		if (!(b->band[i].from_gb > from))
			refuse(r, "'from_gb' of '%s' must grow from above 0",
			    field);
		from = b->band[i].from_gb;
		b->band[i].usd = sourced(r, band, json_object_get(band, "usd"),
		    field, USD_MAX);
	}
	b->count = json_array_size(list);
}

static void
read_levels(struct reader *r, json_t *o, struct vt_price *p)
{
	static const char *const fields[] = {
		"monitor_1000_objects_month", "min_size_bytes", "levels",
		"note", NULL
	};
	static const char *const level_fields[] = {
		"idle_days", "storage_gb_month", "return_1000", "note", NULL
	};
	json_t *levels = json_object_get(o, "levels"), *l, *idle;
	size_t i;

	expect(r, o, "auto", fields);
	p->monitor_month =
	    dollars(r, o, "monitor_1000_objects_month") / 1000;
	p->monitor_min_bytes = bytes(r, o, "min_size_bytes");
	if (json_array_size(levels) < 1 ||
	    json_array_size(levels) > VT_PRICE_LEVELS) {
		refuse(r, "'levels' must be a list of 1 to %d",
		    VT_PRICE_LEVELS);
		return;
	}
	json_array_foreach(levels, i, l) {
		expect(r, l, "levels", level_fields);
		idle = json_object_get(l, "idle_days");
		p->level[i].idle_days = json_number_value(idle);
		p->level[i].storage_gb_month =
		    dollars(r, l, "storage_gb_month");
		p->level[i].back =
		    figure(r, l, "return_1000", USD_MAX) / 1000;
		if (!json_is_number(idle) ||
		    (i == 0 ? p->level[0].idle_days != 0 :
		    p->level[i].idle_days <= p->level[i - 1].idle_days))
			refuse(r, "'idle_days' must start at 0 and grow");
	}
	p->level_count = json_array_size(levels);
}

/* "restores": {"bulk": {"restore_1000": ..., "retrieval_gb": ...}} */
static void
read_speeds(struct reader *r, json_t *o, struct vt_price *p)
{
	static const char *const fields[] = {
		"restore_1000", "retrieval_gb", "note", NULL
	};
	const char *name;
	json_t *s;

	if (o == NULL)
		return;
	if (json_object_size(o) < 1 || json_object_size(o) > VT_PRICE_SPEEDS) {
		refuse(r, "'restores' must be an object of 1 to %d",
		    VT_PRICE_SPEEDS);
		return;
	}
	json_object_foreach(o, name, s) {
		size_t i = p->speed_count++;

		if (strlen(name) >= sizeof(p->speed[i].name))
			refuse(r, "'%.64s' is too long for a speed", name);
		snprintf(p->speed[i].name, sizeof(p->speed[i].name), "%s",
		    name);
		expect(r, s, name, fields);
		p->speed[i].restore = dollars(r, s, "restore_1000") / 1000;
		p->speed[i].retrieval_gb = dollars(r, s, "retrieval_gb");
	}
}

static void
read_restore(struct reader *r, json_t *o, struct vt_price *p)
{
	p->needs_restore = json_object_get(o, "restore_1000") != NULL;
	if (p->needs_restore) {
		p->restore = dollars(r, o, "restore_1000") / 1000;
		p->restore_days = needed(r, o, "restore_days", DAYS_MAX);
		read_speeds(r, json_object_get(o, "restores"), p);
	} else if (json_object_get(o, "restore_days") != NULL ||
	    json_object_get(o, "restores") != NULL) {
		refuse(r, "'restore_1000' is missing");
	}
}

static void
read_class(struct reader *r, json_t *o, struct vt_price *p)
{
	static const char *const fields[] = {
		"storage_gb_month", "storage_bands", "put_1000", "get_1000",
		"transition_1000", "retrieval_gb", "write_gb", "min_days",
		"min_size_bytes", "overhead_bytes", "overhead_hot_bytes",
		"restore_1000", "restore_days", "restores", "auto", "note",
		"part_1000", NULL
	};

	expect(r, o, "class", fields);
	if (strlen(r->where) >= sizeof(p->name))
		refuse(r, "the name is longer than %d bytes",
		    VT_PRICE_NAME - 1);
	snprintf(p->name, sizeof(p->name), "%s", r->where);
	p->storage_gb_month = dollars(r, o, "storage_gb_month");
	read_bands(r, o, "storage_bands", &p->storage_bands);
	p->put = dollars(r, o, "put_1000") / 1000;
	p->part = json_object_get(o, "part_1000") == NULL ? p->put :
	    dollars(r, o, "part_1000") / 1000;
	p->get = dollars(r, o, "get_1000") / 1000;
	p->transition = dollars(r, o, "transition_1000") / 1000;
	p->retrieval_gb = dollars(r, o, "retrieval_gb");
	p->write_gb = figure(r, o, "write_gb", USD_MAX);
	p->min_days = figure(r, o, "min_days", DAYS_MAX);
	p->min_size_bytes = bytes(r, o, "min_size_bytes");
	p->overhead_bytes = bytes(r, o, "overhead_bytes");
	p->overhead_hot_bytes = bytes(r, o, "overhead_hot_bytes");
	read_restore(r, o, p);
	if (json_object_get(o, "auto") != NULL)
		read_levels(r, json_object_get(o, "auto"), p);
}

static void
read_classes(struct reader *r, json_t *o, struct vt_prices *p)
{
	const char *name;
	json_t *c;

	if (json_object_size(o) < 1 || json_object_size(o) > CLASSES_MAX) {
		refuse(r, "1 to %d are needed", CLASSES_MAX);
		return;
	}
	p->classes = calloc(json_object_size(o), sizeof(*p->classes));
	if (p->classes == NULL) {
		r->rc = vt_fail(r->err, VT_NOMEM, "no memory for prices");
		return;
	}
	json_object_foreach(o, name, c) {
		r->where = name;
		read_class(r, c, &p->classes[p->class_count++]);
	}
}

static const struct pair *
pair_of(const struct vt_prices *p, const char *from, const char *to)
{
	size_t i;

	for (i = 0; i < p->pair_count; i++)
		if (strcmp(p->pairs[i].from, from) == 0 &&
		    strcmp(p->pairs[i].to, to) == 0)
			return &p->pairs[i];
	return NULL;
}

/* Bytes that go one way can come back: a price for one way alone is a pair
 * forgotten.  So is that of the file's own location to itself. */
static void
check_pairs(struct reader *r, const struct vt_prices *p)
{
	const struct pair *q;
	size_t i;

	for (i = 0; i < p->pair_count && r->rc == VT_OK; i++) {
		q = &p->pairs[i];
		if (pair_of(p, q->from, q->to) != q)
			refuse(r, "'%s' to '%s' is stated twice", q->from,
			    q->to);
		if (pair_of(p, q->to, q->from) == NULL)
			refuse(r, "'%s' to '%s' is stated but not the way "
			    "back", q->from, q->to);
	}
	if (pair_of(p, p->location, p->location) == NULL)
		refuse(r, "'%s' to itself is missing", p->location);
}

static void
read_transfer(struct reader *r, json_t *a, struct vt_prices *p)
{
	static const char *const fields[] = {
		"from", "to", "gb", "bands", "free_times_stored", "note", NULL
	};
	json_t *t;
	size_t i;

	if (json_array_size(a) < 1 || json_array_size(a) > PAIRS_MAX) {
		refuse(r, "1 to %d pairs of locations are needed", PAIRS_MAX);
		return;
	}
	p->pairs = calloc(json_array_size(a), sizeof(*p->pairs));
	if (p->pairs == NULL) {
		r->rc = vt_fail(r->err, VT_NOMEM, "no memory for prices");
		return;
	}
	json_array_foreach(a, i, t) {
		struct pair *q = &p->pairs[p->pair_count++];

		expect(r, t, "transfer", fields);
		name_into(r, q->from, t, "from");
		name_into(r, q->to, t, "to");
		q->usd_gb = dollars(r, t, "gb");
		read_bands(r, t, "bands", &q->bands);
		q->bands.free_times_stored =
		    figure(r, t, "free_times_stored", 1000);
	}
	if (r->rc == VT_OK)
		check_pairs(r, p);
}

static void
read_offer(struct reader *r, json_t *t, struct vt_prices *p)
{
	static const char *const fields[] = { "tier", "class", "note", NULL };
	struct offer *o = &p->offers[p->offer_count];
	const struct vt_price *c;
	size_t i;

	expect(r, t, "tiers", fields);
	name_into(r, o->tier, t, "tier");
	name_into(r, o->class_name, t, "class");
	if (r->rc != VT_OK)
		return;
	c = vt_prices_find(p, o->class_name);
	if (c == NULL)
		refuse(r, "unknown class '%s'", o->class_name);
	else if (p->offer_count == 0 && c->needs_restore)
		refuse(r, "the first tier, '%s', needs restores", o->tier);
	for (i = 0; i < p->offer_count; i++)
		if (strcmp(p->offers[i].tier, o->tier) == 0)
			refuse(r, "'%s' is named twice", o->tier);
	p->offer_count++;
}

static void
read_offers(struct reader *r, json_t *a, struct vt_prices *p)
{
	json_t *t;
	size_t i;

	if (a == NULL)
		return;
	if (json_array_size(a) < 1 || json_array_size(a) > VT_PRICE_TIERS) {
		refuse(r, "must be a list of 1 to %d", VT_PRICE_TIERS);
		return;
	}
	json_array_foreach(a, i, t)
		read_offer(r, t, p);
}

static void
read_fixed(struct reader *r, json_t *a, struct vt_prices *p)
{
	static const char *const fields[] = {
		"name", "usd_month", "note", NULL
	};
	json_t *t;
	size_t i;

	if (a == NULL)
		return;
	if (json_array_size(a) < 1 || json_array_size(a) > FIXED_MAX) {
		refuse(r, "must be a list of 1 to %d", FIXED_MAX);
		return;
	}
	json_array_foreach(a, i, t) {
		struct fixed *f = &p->fixed[p->fixed_count++];

		expect(r, t, "fixed", fields);
		name_into(r, f->name, t, "name");
		f->usd_month = dollars(r, t, "usd_month");
	}
}

/* Which class plans are compared with, of those that move objects. */
static void
read_auto_class(struct reader *r, json_t *doc, struct vt_prices *p)
{
	json_t *o = json_object_get(doc, "auto_class");
	const char *name = json_string_value(o);
	size_t i;

	if (r->rc != VT_OK)
		return;
	for (i = 0; i < p->class_count && p->automatic == NULL; i++)
		if (p->classes[i].level_count > 0 && (o == NULL ||
		    (name != NULL && strcmp(p->classes[i].name, name) == 0)))
			p->automatic = &p->classes[i];
	if (o != NULL && p->automatic == NULL)
		refuse(r, "'auto_class' is no class with 'auto'");
}

/* A source says where to look; of each, not only of those in use. */
static void
read_sources(struct reader *r, json_t *doc)
{
	const char *name;
	json_t *s;

	r->sources = json_object_get(doc, "sources");
	if (json_object_size(r->sources) < 1) {
		refuse(r, "'sources' is missing or empty");
		return;
	}
	json_object_foreach(r->sources, name, s)
		if (!json_is_string(s) || *json_string_value(s) == '\0')
			refuse(r, "the source '%.64s' says not where to look",
			    name);
}

static void
read_date(struct reader *r, json_t *doc, struct vt_prices *p)
{
	char moment[VT_PRICE_NAME + 16];
	int n;

	name_into(r, p->date, doc, "date");
	n = snprintf(moment, sizeof(moment), "%sT00:00:00Z", p->date);
	if (r->rc == VT_OK && (strlen(p->date) != 10 ||
	    vt_time_parse_rfc3339(moment, (size_t)n, &p->date_us) < 0))
		refuse(r, "'date' must be written 2026-11-25");
}

static void
read_top(struct reader *r, json_t *doc, struct vt_prices *p)
{
	static const char *const fields[] = {
		"v", "provider", "region", "date", "currency", "location",
		"note", "bytes_per_gb", "month_days", "sources", "classes",
		"transfer", "tiers", "auto_class", "fixed", NULL
	};
	const char *currency;

	if (json_integer_value(json_object_get(doc, "v")) != 1)
		refuse(r, "\"v\" is not 1");
	expect(r, doc, "top", fields);
	name_into(r, p->provider, doc, "provider");
	name_into(r, p->region, doc, "region");
	read_date(r, doc, p);
	snprintf(p->title, sizeof(p->title), "%s %s, %s", p->provider,
	    p->region, p->date);
	name_into(r, p->location, doc, "location");
	currency = json_string_value(json_object_get(doc, "currency"));
	if (currency == NULL || strcmp(currency, "USD") != 0)
		refuse(r, "'currency' must be \"USD\"");
	read_sources(r, doc);
	p->bytes_per_gb = needed(r, doc, "bytes_per_gb", 1 << 30);
	p->month_days = needed(r, doc, "month_days", 31);
	if (p->bytes_per_gb < 1e9 || p->month_days < 28)
		refuse(r, "a GB has 10^9 to 2^30 bytes, a month 28 to 31 "
		    "days");
}

static void
read_document(struct reader *r, json_t *doc, struct vt_prices *p)
{
	r->where = "top";
	read_top(r, doc, p);
	r->where = "classes";
	read_classes(r, json_object_get(doc, "classes"), p);
	r->where = "transfer";
	read_transfer(r, json_object_get(doc, "transfer"), p);
	r->where = "tiers";
	read_offers(r, json_object_get(doc, "tiers"), p);
	r->where = "fixed";
	read_fixed(r, json_object_get(doc, "fixed"), p);
	r->where = "top";
	read_auto_class(r, doc, p);
}

enum vt_code
vt_prices_load(const char *path, struct vt_prices **out, struct vt_err *err)
{
	struct reader r = { path, "top", NULL, VT_OK, err };
	struct vt_prices *p = NULL;
	uint8_t sum[VT_HASH_MAX];
	json_t *doc = NULL;
	char *text = NULL;
	enum vt_code rc;
	size_t len;

	*out = NULL;
	rc = vt_fs_read(path, FILE_MAX, &text, &len, err);
	if (rc != VT_OK)
		return rc;
	rc = vt_json_load(path, &doc, err);
	if (rc != VT_OK)
		goto out;
	p = calloc(1, sizeof(*p));
	if (p != NULL)
		p->path = strdup(path);
	if (p == NULL || p->path == NULL ||
	    vt_hash_once(VT_SHA256, text, len, sum) < 0) {
		rc = vt_fail(err, VT_NOMEM, "no memory for prices");
		goto out;
	}
	vt_hex_encode(sum, 8, p->digest);
	read_document(&r, doc, p);
	rc = r.rc;
out:
	if (rc == VT_OK)
		*out = p;
	else
		vt_prices_free(p);
	json_decref(doc);
	free(text);
	return rc;
}

void
vt_prices_free(struct vt_prices *p)
{
	if (p == NULL)
		return;
	free(p->path);
	free(p->classes);
	free(p->pairs);
	free(p);
}

/* --- what it says --------------------------------------------------------- */

double
vt_prices_age_days(const struct vt_prices *p, int64_t now_us)
{
	return (double)(now_us - p->date_us) / 86400e6;
}

enum vt_code
vt_prices_fresh(const struct vt_prices *p, int64_t as_of_us,
    double max_age_days, struct vt_err *err)
{
	double age = vt_prices_age_days(p, as_of_us);

	if (age > max_age_days)
		return vt_fail(err, VT_INVALID,
		    "price file '%s': its figures are of %s, %.0f days old, "
		    "more than %.15g", p->path, p->date, floor(age),
		    max_age_days);
	return VT_OK;
}

enum vt_code
vt_prices_arrived(const struct vt_prices *p, int64_t today_us,
    struct vt_err *err)
{
	if (vt_prices_age_days(p, today_us) < -1)
		return vt_fail(err, VT_INVALID,
		    "price file '%s': it is dated %s, which is to come",
		    p->path, p->date);
	return VT_OK;
}

const char *
vt_prices_digest(const struct vt_prices *p)
{
	return p->digest;
}

const char *
vt_prices_title(const struct vt_prices *p)
{
	return p->title;
}

const char *
vt_prices_provider(const struct vt_prices *p)
{
	return p->provider;
}

const char *
vt_prices_region(const struct vt_prices *p)
{
	return p->region;
}

const char *
vt_prices_date(const struct vt_prices *p)
{
	return p->date;
}

double
vt_prices_bytes_per_gb(const struct vt_prices *p)
{
	return p->bytes_per_gb;
}

double
vt_prices_month_days(const struct vt_prices *p)
{
	return p->month_days;
}

const char *
vt_prices_location(const struct vt_prices *p)
{
	return p->location;
}

const struct vt_price *
vt_prices_class(const struct vt_prices *p, size_t i)
{
	return i < p->class_count ? &p->classes[i] : NULL;
}

const struct vt_price *
vt_prices_find(const struct vt_prices *p, const char *name)
{
	size_t i;

	for (i = 0; i < p->class_count; i++)
		if (strcmp(p->classes[i].name, name) == 0)
			return &p->classes[i];
	return NULL;
}

const struct vt_price *
vt_prices_auto(const struct vt_prices *p)
{
	return p->automatic;
}

int
vt_prices_default_tier(const struct vt_prices *p, size_t i, const char **tier,
    const char **class_name)
{
	if (i >= p->offer_count)
		return -1;
	*tier = p->offers[i].tier;
	*class_name = p->offers[i].class_name;
	return 0;
}

int
vt_prices_fixed(const struct vt_prices *p, size_t i, const char **name,
    double *usd_month)
{
	if (i >= p->fixed_count)
		return -1;
	*name = p->fixed[i].name;
	*usd_month = p->fixed[i].usd_month;
	return 0;
}

enum vt_code
vt_prices_transfer(const struct vt_prices *p, const char *from, const char *to,
    double *usd_gb, struct vt_bands *bands, struct vt_err *err)
{
	const struct pair *q = pair_of(p, from, to);

	if (q == NULL)
		return vt_fail(err, VT_INVALID,
		    "the price file (%s) has no transfer price from '%s' to "
		    "'%s'", p->title, from, to);
	*usd_gb = q->usd_gb;
	if (bands != NULL)
		*bands = q->bands;
	return VT_OK;
}
