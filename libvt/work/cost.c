#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/fs.h"
#include "libvt/base/hash.h"
#include "libvt/base/hex.h"
#include "libvt/base/jsonl.h"

#include "libvt/work/cost.h"

#define CLASSES_MAX 64
#define PAIRS_MAX 1024
#define FILE_MAX (4u << 20)

struct pair {
	char from[VT_PRICE_NAME], to[VT_PRICE_NAME];
	double usd_gb;
};

struct offer {
	char tier[VT_PRICE_NAME], class_name[VT_PRICE_NAME];
};

struct vt_prices {
	char digest[17];
	char title[128];
	char location[VT_PRICE_NAME];
	double bytes_per_gb, month_days;
	struct vt_price *classes;
	size_t class_count;
	struct pair *pairs;
	size_t pair_count;
	struct offer offers[VT_COST_TIERS];
	size_t offer_count;
	const struct vt_price *automatic;
};

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
refuse(struct reader *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

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

static void
name_into(struct reader *r, char out[VT_PRICE_NAME], const char *text,
    const char *field)
{
	out[0] = '\0';
	if (text == NULL || *text == '\0')
		refuse(r, "'%s' is missing or no text", field);
	else if (strlen(text) >= VT_PRICE_NAME)
		refuse(r, "'%s' is longer than %d bytes", field,
		    VT_PRICE_NAME - 1);
	else
		strcpy(out, text);
}

/*
 * A figure is {"usd": 0.023, "source": "x"}, or "value" where it is no price.
 * Without a described source it is refused: a number nobody can check is
 * worse than a missing one.
 */
static double
figure(struct reader *r, const json_t *o, const char *field, int required)
{
	const json_t *f = json_object_get(o, field), *n;
	const char *source;
	double d;

	if (f == NULL) {
		if (required)
			refuse(r, "'%s' is missing", field);
		return 0;
	}
	n = json_object_get(f, "usd");
	if (n == NULL)
		n = json_object_get(f, "value");
	if (!json_is_number(n)) {
		refuse(r, "'%s' has neither \"usd\" nor \"value\"", field);
		return 0;
	}
	d = json_number_value(n);
	if (!isfinite(d) || d < 0)
		refuse(r, "'%s' is negative", field);
	source = json_string_value(json_object_get(f, "source"));
	if (source == NULL)
		refuse(r, "'%s' names no source", field);
	else if (!json_is_string(json_object_get(r->sources, source)))
		refuse(r, "'%s' has the unknown source '%s'", field, source);
	return d;
}

static void
read_levels(struct reader *r, const json_t *o, struct vt_price *p)
{
	const json_t *levels = json_object_get(o, "levels"), *l;
	size_t i;

	p->monitor_month =
	    figure(r, o, "monitor_1000_objects_month", 1) / 1000;
	p->monitor_min_bytes = (uint64_t)figure(r, o, "min_size_bytes", 0);
	if (json_array_size(levels) < 1 ||
	    json_array_size(levels) > VT_PRICE_LEVELS) {
		refuse(r, "'levels' must be a list of 1 to %d",
		    VT_PRICE_LEVELS);
		return;
	}
	json_array_foreach(levels, i, l) {
		p->level[i].idle_days =
		    json_number_value(json_object_get(l, "idle_days"));
		p->level[i].storage_gb_month =
		    figure(r, l, "storage_gb_month", 1);
		if (i == 0 ? p->level[0].idle_days != 0 :
		    p->level[i].idle_days <= p->level[i - 1].idle_days)
			refuse(r, "'idle_days' must start at 0 and grow");
	}
	p->level_count = json_array_size(levels);
}

static void
read_class(struct reader *r, const json_t *o, struct vt_price *p)
{
	name_into(r, p->name, r->where, "name");
	p->storage_gb_month = figure(r, o, "storage_gb_month", 1);
	p->put = figure(r, o, "put_1000", 1) / 1000;
	p->get = figure(r, o, "get_1000", 1) / 1000;
	p->transition = figure(r, o, "transition_1000", 1) / 1000;
	p->retrieval_gb = figure(r, o, "retrieval_gb", 1);
	p->min_days = figure(r, o, "min_days", 0);
	p->min_size_bytes = (uint64_t)figure(r, o, "min_size_bytes", 0);
	p->overhead_bytes = (uint64_t)figure(r, o, "overhead_bytes", 0);
	p->overhead_hot_bytes =
	    (uint64_t)figure(r, o, "overhead_hot_bytes", 0);
	if (json_object_get(o, "restore_1000") != NULL) {
		p->needs_restore = 1;
		p->restore = figure(r, o, "restore_1000", 1) / 1000;
		p->restore_days = figure(r, o, "restore_days", 1);
	}
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

static void
read_transfer(struct reader *r, const json_t *a, struct vt_prices *p)
{
	const json_t *t;
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

		name_into(r, q->from,
		    json_string_value(json_object_get(t, "from")), "from");
		name_into(r, q->to,
		    json_string_value(json_object_get(t, "to")), "to");
		q->usd_gb = figure(r, t, "gb", 1);
	}
}

static void
read_offers(struct reader *r, const json_t *a, struct vt_prices *p)
{
	const json_t *t;
	size_t i;

	if (json_array_size(a) > VT_COST_TIERS) {
		refuse(r, "at most %d", VT_COST_TIERS);
		return;
	}
	json_array_foreach(a, i, t) {
		struct offer *o = &p->offers[p->offer_count++];

		name_into(r, o->tier,
		    json_string_value(json_object_get(t, "tier")), "tier");
		name_into(r, o->class_name,
		    json_string_value(json_object_get(t, "class")), "class");
		if (r->rc == VT_OK &&
		    vt_prices_find(p, o->class_name) == NULL)
			refuse(r, "unknown class '%s'", o->class_name);
	}
}

/* Which class plans are compared with, of those that move objects. */
static void
read_auto_class(struct reader *r, const json_t *doc, struct vt_prices *p)
{
	const json_t *o = json_object_get(doc, "auto_class");
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

static void
read_document(struct reader *r, json_t *doc, struct vt_prices *p)
{
	const char *provider, *region, *date;

	r->where = "top";
	if (json_integer_value(json_object_get(doc, "v")) != 1)
		refuse(r, "\"v\" is not 1");
	provider = json_string_value(json_object_get(doc, "provider"));
	region = json_string_value(json_object_get(doc, "region"));
	date = json_string_value(json_object_get(doc, "date"));
	if (provider == NULL || region == NULL || date == NULL)
		refuse(r, "'provider', 'region' or 'date' is missing");
	else
		snprintf(p->title, sizeof(p->title), "%s %s, %s", provider,
		    region, date);
	r->sources = json_object_get(doc, "sources");
	name_into(r, p->location,
	    json_string_value(json_object_get(doc, "location")), "location");
	p->bytes_per_gb = figure(r, doc, "bytes_per_gb", 1);
	p->month_days = figure(r, doc, "month_days", 1);
	if (p->bytes_per_gb < 1 || p->month_days < 1)
		refuse(r, "a GB and a month must be at least 1");
	r->where = "classes";
	read_classes(r, json_object_get(doc, "classes"), p);
	r->where = "transfer";
	read_transfer(r, json_object_get(doc, "transfer"), p);
	r->where = "tiers";
	read_offers(r, json_object_get(doc, "tiers"), p);
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
	if (p == NULL || vt_hash_once(VT_SHA256, text, len, sum) < 0) {
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
	free(p->classes);
	free(p->pairs);
	free(p);
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
vt_prices_location(const struct vt_prices *p)
{
	return p->location;
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

enum vt_code
vt_prices_transfer(const struct vt_prices *p, const char *from, const char *to,
    double *usd_gb, struct vt_err *err)
{
	size_t i;

	for (i = 0; i < p->pair_count; i++)
		if (strcmp(p->pairs[i].from, from) == 0 &&
		    strcmp(p->pairs[i].to, to) == 0) {
			*usd_gb = p->pairs[i].usd_gb;
			return VT_OK;
		}
	return vt_fail(err, VT_INVALID,
	    "the price file (%s) has no transfer price from '%s' to '%s'",
	    p->title, from, to);
}

/* --- the model ------------------------------------------------------------ */

void
vt_cost_model_init(struct vt_cost_model *m, const struct vt_prices *p)
{
	memset(m, 0, sizeof(*m));
	m->bytes_per_gb = p->bytes_per_gb;
	m->month_days = p->month_days;
}

enum vt_code
vt_cost_model_add(struct vt_cost_model *m, const struct vt_prices *p,
    const char *tier, const char *class_name, const char *location,
    const char *server, struct vt_err *err)
{
	const struct vt_price *price = vt_prices_find(p, class_name);
	struct vt_cost_tier *t;
	enum vt_code rc;

	if (price == NULL)
		return vt_fail(err, VT_INVALID,
		    "the price file (%s) has no class '%s' for tier '%s'",
		    p->title, class_name, tier);
	if (vt_cost_model_tier(m, tier) >= 0)
		return vt_fail(err, VT_INVALID, "tier '%s' is named twice",
		    tier);
	if (m->count == VT_COST_TIERS)
		return vt_fail(err, VT_TOO_LARGE,
		    "more than %d tiers to weigh", VT_COST_TIERS);
	if (strlen(tier) >= sizeof(t->name))
		return vt_fail(err, VT_INVALID, "the name '%s' is too long",
		    tier);
	t = &m->tier[m->count];
	memset(t, 0, sizeof(*t));
	strcpy(t->name, tier);
	t->price = *price;
	rc = vt_prices_transfer(p, location, server, &t->read_gb, err);
	if (rc != VT_OK)
		return rc;
	rc = vt_prices_transfer(p, server, location, &t->write_gb, err);
	if (rc != VT_OK)
		return rc;
	m->count++;
	return VT_OK;
}

enum vt_code
vt_cost_model_config(struct vt_cost_model *m, const struct vt_prices *p,
    const struct vt_config *config, struct vt_err *err)
{
	const struct vt_tier *t;
	enum vt_code rc;
	size_t i;

	vt_cost_model_init(m, p);
	for (i = 0; i < config->tier_count; i++) {
		t = &config->tier[i];
		rc = vt_cost_model_add(m, p, t->name, t->price, t->location,
		    config->location, err);
		if (rc != VT_OK)
			return rc;
		if (t->restore_delay_ms > 0)
			m->tier[i].price.needs_restore = 1;
	}
	return VT_OK;
}

int
vt_cost_model_tier(const struct vt_cost_model *m, const char *name)
{
	size_t i;

	for (i = 0; i < m->count; i++)
		if (strcmp(m->tier[i].name, name) == 0)
			return (int)i;
	return -1;
}

/* --- one object ----------------------------------------------------------- */

static double
moving(const struct vt_cost_model *m, const struct vt_cost *c, size_t i,
    size_t j)
{
	const struct vt_price *to = &m->tier[j].price;
	double size = (double)c->size_bytes;

	if (m->how == VT_MOVE_TRANSITION &&
	    to->storage_gb_month < m->tier[i].price.storage_gb_month)
		return to->transition;
	return c->restore[i] + c->get[i] + c->byte[i] * size + to->put +
	    m->tier[j].write_gb / m->bytes_per_gb * size;
}

void
vt_cost_of(const struct vt_cost_model *m, uint64_t size_bytes,
    struct vt_cost *out)
{
	double per_day = 1 / (m->bytes_per_gb * m->month_days);
	double hot = m->tier[0].price.storage_gb_month * per_day;
	size_t i, j;

	out->count = m->count;
	out->size_bytes = size_bytes;
	for (i = 0; i < m->count; i++) {
		const struct vt_price *p = &m->tier[i].price;
		double billed = (double)(size_bytes > p->min_size_bytes ?
		    size_bytes : p->min_size_bytes);

		billed += (double)p->overhead_bytes;
		out->day[i] = p->storage_gb_month * per_day * billed +
		    hot * (double)p->overhead_hot_bytes;
		out->min_days[i] = p->min_days;
		out->get[i] = p->get;
		out->byte[i] = (p->retrieval_gb + m->tier[i].read_gb) /
		    m->bytes_per_gb;
		out->needs_restore[i] = p->needs_restore;
		out->excluded[i] = m->tier[i].excluded;
		out->restore[i] = p->needs_restore ? p->restore +
		    hot * p->restore_days * (double)size_bytes : 0;
	}
	for (i = 0; i < m->count; i++) {
		for (j = 0; j < m->count; j++)
			out->move[i][j] = i == j ? 0 : moving(m, out, i, j);
		out->promote[i] = i == 0 ? 0 : m->tier[0].price.put +
		    m->tier[0].write_gb / m->bytes_per_gb * (double)size_bytes;
	}
}

double
vt_cost_serve(const struct vt_cost *c, size_t k, double gets, double bytes)
{
	if (gets <= 0)
		return 0;
	if (c->needs_restore[k])
		return c->restore[k] + c->byte[k] * (double)c->size_bytes +
		    gets * c->get[0] + bytes * c->byte[0];
	return gets * c->get[k] + bytes * c->byte[k];
}

double
vt_cost_serve_promote(const struct vt_cost *c, size_t k, double gets,
    double bytes)
{
	if (gets <= 0)
		return 0;
	return c->restore[k] + c->get[k] + c->byte[k] * (double)c->size_bytes +
	    c->promote[k] + (gets - 1) * c->get[0] +
	    bytes * (gets - 1) / gets * c->byte[0];
}

double
vt_cost_early(const struct vt_cost *c, size_t k, double stayed)
{
	return stayed < c->min_days[k] ?
	    c->day[k] * (c->min_days[k] - stayed) : 0;
}
