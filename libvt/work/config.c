/*
 * The configuration: see config.h.
 *
 * One table says for each field its name, kind, place in the struct, default
 * and range; reading, defaults and errors all follow it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "libvt/base/fs.h"
#include "libvt/base/jsonl.h"
#include "libvt/base/num.h"

#include "libvt/work/config.h"
#include "libvt/work/config_where.h"

#ifndef VT_SHAREDIR
#define VT_SHAREDIR "/usr/local/share/vaultaire"
#endif

#define CONFIG_MAX (1 << 20)
#define STRINGS_MAX 64		/* of one list, as the words of a command */
#define YEAR_MS INT64_C(31536000000)

enum kind {
	STR,			/* char *: a non-empty string */
	OPT,			/* char *, NULL when null or not given */
	NAME,			/* char *: [a-z0-9_-]{1,32} */
	HOSTPORT,		/* char *: "127.0.0.1:9000", "[::1]:0" */
	OPT_HOSTPORT,
	OPT_MASTER,		/* char *: [A-Za-z0-9._-]{1,32} */
	PATH, OPT_PATH,		/* char *: relative ones made absolute */
	KEY,			/* char *: may be empty */
	OWNERSHIP,		/* char *: one of AWS's three */
	PRICES,			/* a path, or a name in the share folder */
	BOOL,			/* int */
	UINT,			/* unsigned */
	OPT_UINT,		/* unsigned, 0 when null or not given */
	LEVEL,			/* unsigned: 0 for false, 3 for true */
	SIZE,			/* uint64_t bytes: 4096 or "4K" */
	DURATION,		/* int64_t ms: seconds, or "24h" */
	TIERS, POLICIES, WEBHOOKS,	/* the lists */
	COMMAND,		/* char **: a program and its arguments */
	STRINGS,		/* char **, NULL when null or not given */
	ENCRYPTION,		/* an object of encryption_fields */
	SNAPSHOTS		/* an object of snapshot_fields, or null */
};

struct field {
	const char *name;
	enum kind kind;
	size_t offset;
	const char *standard;	/* the default as JSON; NULL: must be given */
	uint64_t min, max;
};

#define IN(m) offsetof(struct vt_config, m)
static const struct field fields[] = {
	{ "listen", HOSTPORT, IN(listen), "\"127.0.0.1:9000\"", 0, 0 },
	{ "admin", OPT_HOSTPORT, IN(admin), "\"127.0.0.1:9001\"", 0, 0 },
	{ "region", STR, IN(region), "\"us-east-1\"", 0, 0 },
	{ "domain", OPT, IN(domain), "null", 0, 0 },
	{ "node", STR, IN(node), "\"local\"", 0, 0 },
	{ "location", STR, IN(location), "\"aws-us-east-1\"", 0, 0 },
	{ "price_file", PRICES, IN(price_file), "\"aws-us-east-1.json\"",
	    0, 0 },
	{ "catalog", PATH, IN(catalog_path), "\"catalog.db\"", 0, 0 },
	{ "access_log", PATH, IN(access_log), "\"access.jsonl\"", 0, 0 },
	{ "credentials", PATH, IN(credentials), "\"credentials\"", 0, 0 },
	{ "tls_cert", OPT_PATH, IN(tls_cert), "null", 0, 0 },
	{ "tls_key", OPT_PATH, IN(tls_key), "null", 0, 0 },
	{ "tiers", TIERS, 0, NULL, 0, 0 },
	/* behind the tiers they speak of */
	{ "policies", POLICIES, 0, "[]", 0, 0 },
	{ "webhooks", WEBHOOKS, 0, "[]", 0, 0 },
	{ "encryption", ENCRYPTION, 0, "{}", 0, 0 },
	{ "snapshots", SNAPSHOTS, 0, "null", 0, 0 },
	{ "grace", DURATION, IN(grace_ms), "\"24h\"", 0, YEAR_MS },
	{ "inline_max_total", SIZE, IN(inline_max_total_bytes), "\"4G\"",
	    0, UINT64_C(1) << 50 },
	{ "promote", BOOL, IN(promote), "true", 0, 0 },
	{ "object_ownership", OWNERSHIP, IN(object_ownership),
	    "\"BucketOwnerEnforced\"", 0, 0 },
	{ "block_public_access", BOOL, IN(block_public_access), "true",
	    0, 0 },
	{ "sigv2", BOOL, IN(sigv2), "false", 0, 0 },
	{ "clock_skew", DURATION, IN(clock_skew_ms), "\"15m\"",
	    1000, 7 * 86400000 },
	{ "max_connections", UINT, IN(max_connections), "10000",
	    16, 1000000 },
	{ "idle_timeout", DURATION, IN(idle_timeout_ms), "\"60s\"",
	    1000, 86400000 },
	/* Below 8 MiB one large DeleteObjects would starve the rest. */
	{ "buffer_budget", SIZE, IN(buffer_budget_bytes), "\"96M\"",
	    8 << 20, UINT64_C(1) << 40 },
	{ "gc_interval", DURATION, IN(gc_interval_ms), "\"60s\"",
	    10, 86400000 },
	{ "lifecycle_day", DURATION, IN(lifecycle_day_ms), "\"24h\"",
	    1, 86400000 },
	{ "lifecycle_min_size", SIZE, IN(lifecycle_min_bytes), "\"128K\"",
	    0, UINT64_C(1) << 40 },
};

/* The defaults of both together: see read_encryption. */
static const struct field encryption_fields[] = {
	{ "master_key_file", OPT_PATH, IN(master_key_file), "null", 0, 0 },
	{ "master_key_command", COMMAND, IN(master_key_command), "null",
	    0, 0 },
};

static const struct field snapshot_fields[] = {
	{ "tier", NAME, IN(snapshots.tier), NULL, 0, 0 },
	{ "every", DURATION, IN(snapshots.every_ms), "\"6h\"", 1000,
	    YEAR_MS },
	{ "keep", UINT, IN(snapshots.keep), "8", 1, 1000 },
};
#undef IN

#define IN(m) offsetof(struct vt_tier, m)
static const struct field tier_fields[] = {
	{ "name", NAME, IN(name), NULL, 0, 0 },
	{ "url", STR, IN(url), NULL, 0, 0 },
	{ "storage_class", STR, IN(storage_class), NULL, 0, 0 },
	/* "": the storage class; the configuration's location */
	{ "price", OPT, IN(price), "null", 0, 0 },
	{ "location", OPT, IN(location), "null", 0, 0 },
	{ "scope", STR, IN(scope), "\"shared\"", 0, 0 },
	{ "durability_nines", UINT, IN(durability_nines), "11", 0, 20 },
	{ "first_byte", DURATION, IN(first_byte_ms), "\"20ms\"", 0, YEAR_MS },
	{ "inline", BOOL, IN(is_inline), "false", 0, 0 },
	{ "inline_max", SIZE, IN(inline_max_bytes), "\"4K\"", 0, 65536 },
	{ "restore_delay", DURATION, IN(restore_delay_ms), "0", 0, YEAR_MS },
	{ "closed", BOOL, IN(is_closed), "false", 0, 0 },
	{ "compress", LEVEL, IN(compress), "false", 1, 19 },
	{ "encrypt", OPT_MASTER, IN(encrypt), "null", 0, 0 },
	{ "endpoint", OPT, IN(endpoint), "null", 0, 0 },
	{ "region", OPT, IN(region), "null", 0, 0 },
	{ "credentials", OPT_PATH, IN(credentials), "null", 0, 0 },
	{ "profile", STR, IN(profile), "\"default\"", 0, 0 },
	{ "object_class", OPT, IN(object_class), "null", 0, 0 },
	{ "ca_file", OPT_PATH, IN(ca_file), "null", 0, 0 },
	{ "virtual_host", BOOL, IN(virtual_host), "false", 0, 0 },
	{ "requester_pays", BOOL, IN(requester_pays), "false", 0, 0 },
	{ "connections", UINT, IN(connections), "32", 1, 1000 },
	{ "bandwidth", SIZE, IN(bytes_per_s), "0", 0, UINT64_C(1) << 40 },
	/* S3's least part, and what 10,000 of make its largest object */
	{ "part_size", SIZE, IN(part_bytes), "\"16M\"", 5 << 20,
	    UINT64_C(1) << 30 },
	{ "tries", UINT, IN(tries), "4", 1, 20 },
	{ "connect_timeout", DURATION, IN(connect_ms), "\"5s\"", 100,
	    600000 },
	{ "stall_timeout", DURATION, IN(stall_ms), "\"30s\"", 1000,
	    3600000 },
	{ "fault", OPT, IN(fault), "null", 0, 0 },
};
#undef IN

#define IN(m) offsetof(struct vt_place_policy, m)
/* The first two, then vt_place_field_name. */
static const struct field policy_fields[] = {
	{ "bucket", STR, IN(bucket), NULL, 0, 0 },
	{ "prefix", KEY, IN(prefix), "\"\"", 0, 0 },
	{ "tiers", STRINGS, IN(tiers), "null", 0, 0 },
	{ "locations", STRINGS, IN(locations), "null", 0, 0 },
	{ "min_durability_nines", OPT_UINT, IN(min_durability_nines), "null",
	    1, 20 },
	{ "max_first_byte_ms", OPT_UINT, IN(max_first_byte_ms), "null",
	    1, 86400000 },
	{ "pin", OPT, IN(pin), "null", 0, 0 },
	{ "min_history_days", OPT_UINT, IN(min_history_days), "null",
	    1, 36500 },
	{ "payback_max_days", OPT_UINT, IN(payback_max_days), "null",
	    1, 36500 },
	{ "copies", OPT_UINT, IN(copies), "null", 1, VT_PLACE_COPIES_MAX },
	{ "ack", OPT_UINT, IN(ack), "null", 1, VT_PLACE_COPIES_MAX },
	{ "spread", OPT, IN(spread), "null", 0, 0 },
};
#undef IN

#define IN(m) offsetof(struct vt_webhook, m)
static const struct field webhook_fields[] = {
	{ "name", NAME, IN(name), NULL, 0, 0 },
	{ "url", STR, IN(url), NULL, 0, 0 },
	{ "token_file", OPT_PATH, IN(token_file), "null", 0, 0 },
};
#undef IN

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char default_text[] =
"{\n"
"	\"listen\": \"127.0.0.1:9000\",\n"
"	\"admin\": \"127.0.0.1:9001\",\n"
"	\"region\": \"us-east-1\",\n"
"	\"tiers\": [\n"
"		{\n"
"			\"name\": \"hot\",\n"
"			\"url\": \"file:tiers/hot\",\n"
"			\"storage_class\": \"STANDARD\",\n"
"			\"inline\": true\n"
"		},\n"
"		{\n"
"			\"name\": \"warm\",\n"
"			\"url\": \"file:tiers/warm\",\n"
"			\"storage_class\": \"STANDARD_IA\"\n"
"		},\n"
"		{\n"
"			\"name\": \"cold\",\n"
"			\"url\": \"file:tiers/cold\",\n"
"			\"storage_class\": \"GLACIER_IR\"\n"
"		},\n"
"		{\n"
"			\"name\": \"archive\",\n"
"			\"url\": \"file:tiers/archive\",\n"
"			\"storage_class\": \"DEEP_ARCHIVE\"\n"
"		}\n"
"	]\n"
"}\n";

/* --- reading -------------------------------------------------------------- */

struct reading {
	const char *path;	/* for errors */
	const char *text;
	const char *data_dir;
	int is_list;		/* the text is one list and no object */
	const char *list;	/* "tiers", while `item` of it is read */
	size_t item;		/* or SIZE_MAX */
	const char *inside;	/* the object being read, or NULL */
	const char *field;
	struct vt_err *err;
};

/* "vaultaire.json:7: tiers[1].url: " and the words. */
static enum vt_code VT_PRINTF(2, 3)
complain(const struct reading *r, const char *fmt, ...)
{
	struct vt_where w = { r->text, 1 };
	char words[256], place[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	if (r->item != SIZE_MAX) {
		snprintf(place, sizeof(place), "%s[%zu]%s%.64s", r->list,
		    r->item, r->field != NULL ? "." : "",
		    r->field != NULL ? r->field : "");
		/* a file of its own is the list itself */
		if (vt_where_member(&w, r->list) || r->is_list)
			vt_where_element(&w, r->item);
	} else if (r->inside != NULL) {
		snprintf(place, sizeof(place), "%.32s%s%.64s", r->inside,
		    r->field != NULL ? "." : "",
		    r->field != NULL ? r->field : "");
		vt_where_member(&w, r->inside);
	} else {
		snprintf(place, sizeof(place), "%.64s",
		    r->field != NULL ? r->field : "configuration");
	}
	if (r->field != NULL)
		vt_where_member(&w, r->field);
	return vt_fail(r->err, VT_INVALID, "%s:%u: %s: %s", r->path, w.line,
	    place, words);
}

static enum vt_code
no_memory(const struct reading *r)
{
	return vt_fail(r->err, VT_NOMEM, "no memory for the configuration");
}

static enum vt_code
set_string(const struct reading *r, char **out, const char *s)
{
	*out = strdup(s);
	return *out != NULL ? VT_OK : no_memory(r);
}

static enum vt_code
set_path(const struct reading *r, char **out, const char *dir,
    const char *s)
{
	if (*s == '/')
		return set_string(r, out, s);
	if (asprintf(out, "%s/%s", dir, s) < 0) {
		*out = NULL;
		return no_memory(r);
	}
	return VT_OK;
}

static int
is_name(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-");

	return n >= 1 && n <= 32 && s[n] == '\0';
}

static int
is_hostport(const char *s)
{
	const char *colon = strrchr(s, ':');
	uint64_t port;

	return colon != NULL &&
	    vt_num_scan_u64(colon + 1, strlen(colon + 1), &port) == 0 &&
	    port <= 65535 &&
	    (*s == '[' ? colon > s && colon[-1] == ']' :
	    memchr(s, ':', (size_t)(colon - s)) == NULL);
}

static enum vt_code
read_string(const struct reading *r, const struct field *f,
    const json_t *value, char **out)
{
	int optional = f->kind == OPT || f->kind == OPT_PATH ||
	    f->kind == OPT_HOSTPORT || f->kind == OPT_MASTER;
	const char *s;

	if (optional && json_is_null(value))
		return VT_OK;
	s = json_string_value(value);
	if (s == NULL)
		return complain(r, "must be a string%s",
		    optional ? " or null" : "");
	if ((*s == '\0' && f->kind != KEY) ||
	    strlen(s) != json_string_length(value))
		return complain(r, "must not be empty or hold a NUL");
	if (f->kind == NAME && !is_name(s))
		return complain(r, "'%.64s' is not 1 to 32 of a-z, 0-9, '_' "
		    "and '-'", s);
	if (f->kind == OPT_MASTER && (strlen(s) > 32 || strspn(s,
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
	    ) != strlen(s)))
		return complain(r, "'%.64s' is no name of a master key: 1 to "
		    "32 of A-Z a-z 0-9 . _ -", s);
	if (f->kind == OWNERSHIP && strcmp(s, "BucketOwnerEnforced") != 0 &&
	    strcmp(s, "BucketOwnerPreferred") != 0 &&
	    strcmp(s, "ObjectWriter") != 0)
		return complain(r, "'%.64s' is not BucketOwnerEnforced, "
		    "BucketOwnerPreferred or ObjectWriter", s);
	if ((f->kind == HOSTPORT || f->kind == OPT_HOSTPORT) &&
	    !is_hostport(s))
		return complain(r, "'%.64s' is not HOST:PORT, as in "
		    "127.0.0.1:9000 or [::1]:9000", s);
	if (f->kind == PATH || f->kind == OPT_PATH)
		return set_path(r, out, r->data_dir, s);
	if (f->kind == PRICES && strchr(s, '/') == NULL)
		return set_path(r, out, VT_SHAREDIR "/prices", s);
	if (f->kind == PRICES)
		return set_path(r, out, r->data_dir, s);
	return set_string(r, out, s);
}

/* What shrinks is worth the wait, if no level is told: zstd's own default. */
#define LEVEL_TRUE 3

static enum vt_code
read_number(const struct reading *r, const struct field *f,
    const json_t *value, void *out)
{
	const char *s = json_string_value(value);
	uint64_t n = 0;
	int64_t ms;
	enum vt_code rc = VT_OK;
	struct vt_err why;

	if (f->kind == OPT_UINT && json_is_null(value))
		return VT_OK;
	if (f->kind == LEVEL && json_is_boolean(value)) {
		*(unsigned *)out = json_is_true(value) ? LEVEL_TRUE : 0;
		return VT_OK;
	}
	if (json_is_integer(value) && json_integer_value(value) >= 0) {
		n = (uint64_t)json_integer_value(value);
		if (f->kind == DURATION)
			n = n > UINT64_MAX / 1000 ? UINT64_MAX : n * 1000;
	} else if (s != NULL && f->kind == SIZE) {
		rc = vt_num_size(s, UINT64_MAX, "size", &n, &why);
	} else if (s != NULL && f->kind == DURATION) {
		rc = vt_num_duration(s, INT64_MAX, "duration", &ms, &why);
		n = (uint64_t)ms;
	} else {
		return complain(r, "must be %s", f->kind == SIZE ?
		    "a number of bytes or a string as \"4K\"" :
		    f->kind == DURATION ?
		    "a number of seconds or a string as \"24h\"" :
		    f->kind == OPT_UINT ? "a whole number or null" :
		    f->kind == LEVEL ? "true, false or a level" :
		    "a whole number, not below 0");
	}
	if (rc != VT_OK)
		return complain(r, "%s", why.text);
	if (n < f->min || n > f->max)
		return complain(r, "must be from %ju to %ju%s",
		    (uintmax_t)f->min, (uintmax_t)f->max,
		    f->kind == SIZE ? " bytes" :
		    f->kind == DURATION ? " milliseconds" : "");
	if (f->kind == UINT || f->kind == OPT_UINT || f->kind == LEVEL)
		*(unsigned *)out = (unsigned)n;
	else if (f->kind == SIZE)
		*(uint64_t *)out = n;
	else
		*(int64_t *)out = (int64_t)n;
	return VT_OK;
}

/* A list of strings, of a command the first an absolute path; or null. */
static enum vt_code
read_strings(const struct reading *r, const struct field *f,
    const json_t *value, char ***out)
{
	int is_command = f->kind == COMMAND;
	size_t count = json_array_size(value), i;
	const char *s;
	enum vt_code rc = VT_OK;

	if (json_is_null(value))
		return VT_OK;
	if (!json_is_array(value) || count < 1 || count > STRINGS_MAX)
		return complain(r, "must be a list of 1 to %d strings",
		    STRINGS_MAX);
	*out = calloc(count + 1, sizeof(**out));
	if (*out == NULL)
		return no_memory(r);
	for (i = 0; i < count && rc == VT_OK; i++) {
		s = json_string_value(json_array_get(value, i));
		if (is_command && i == 0 && (s == NULL || *s != '/'))
			return complain(r, "must begin with the absolute path "
			    "of a program");
		if (s == NULL || (!is_command && *s == '\0'))
			return complain(r, "must be a list of strings%s",
			    is_command ? "" : " that are not empty");
		rc = set_string(r, &(*out)[i], s);
	}
	return rc;
}

static enum vt_code read_tiers(struct reading *r, const json_t *value,
    struct vt_config *c);
static enum vt_code read_policies(struct reading *r, const json_t *value,
    struct vt_config *c);
static enum vt_code read_webhooks(struct reading *r, const json_t *value,
    struct vt_config *c);
static enum vt_code read_encryption(struct reading *r, const json_t *value,
    struct vt_config *c);
static enum vt_code read_snapshots(struct reading *r, const json_t *value,
    struct vt_config *c);

static enum vt_code
read_field(struct reading *r, const struct field *f, const json_t *value,
    char *base)
{
	switch (f->kind) {
	case BOOL:
		if (!json_is_boolean(value))
			return complain(r, "must be true or false");
		*(int *)(void *)(base + f->offset) = json_is_true(value);
		return VT_OK;
	case UINT:
	case OPT_UINT:
	case LEVEL:
	case SIZE:
	case DURATION:
		return read_number(r, f, value, base + f->offset);
	case TIERS:
		return read_tiers(r, value, (struct vt_config *)(void *)base);
	case POLICIES:
		return read_policies(r, value,
		    (struct vt_config *)(void *)base);
	case WEBHOOKS:
		return read_webhooks(r, value,
		    (struct vt_config *)(void *)base);
	case COMMAND:
	case STRINGS:
		return read_strings(r, f, value,
		    (char ***)(void *)(base + f->offset));
	case ENCRYPTION:
		return read_encryption(r, value,
		    (struct vt_config *)(void *)base);
	case SNAPSHOTS:
		return read_snapshots(r, value,
		    (struct vt_config *)(void *)base);
	default:
		return read_string(r, f, value,
		    (char **)(void *)(base + f->offset));
	}
}

/* All fields of an object into the struct at `base`, defaults included. */
static enum vt_code
read_object(struct reading *r, const struct field *f, size_t count,
    const json_t *object, void *base)
{
	const char *name;
	json_t *value;
	enum vt_code rc;
	size_t i;

	if (!json_is_object(object))
		return complain(r, "must be an object");
	/* The API wants it writable, and does not write. */
	json_object_foreach((json_t *)object, name, value) {
		for (i = 0; i < count && strcmp(f[i].name, name) != 0; i++)
			continue;
		r->field = name;
		if (i == count)
			return complain(r, "there is no such field");
	}
	for (i = 0; i < count; i++) {
		value = json_object_get(object, f[i].name);
		r->field = f[i].name;
		if (value != NULL) {
			rc = read_field(r, &f[i], value, base);
		} else if (f[i].standard == NULL) {
			/* It has no line: tell the object's. */
			r->field = NULL;
			rc = complain(r, "the field \"%s\" is missing",
			    f[i].name);
		} else {
			value = json_loads(f[i].standard, JSON_DECODE_ANY,
			    NULL);
			if (value == NULL)
				return no_memory(r);
			rc = read_field(r, &f[i], value, base);
			json_decref(value);
		}
		if (rc != VT_OK)
			return rc;
	}
	r->field = NULL;
	return VT_OK;
}

static enum vt_code
read_tier(struct reading *r, const json_t *value, struct vt_config *c)
{
	struct vt_tier *t = &c->tier[r->item], *other;
	enum vt_code rc;

	c->tier_count = r->item + 1;
	rc = read_object(r, tier_fields, COUNT(tier_fields), value, t);
	if (rc != VT_OK)
		return rc;
	for (other = c->tier; other < t; other++) {
		r->field = "name";
		if (strcmp(other->name, t->name) == 0)
			return complain(r, "two tiers are named '%s'",
			    t->name);
	}
	if (strcmp(t->scope, "shared") != 0 &&
	    (strncmp(t->scope, "node:", 5) != 0 || t->scope[5] == '\0')) {
		r->field = "scope";
		return complain(r, "'%.64s' is neither \"shared\" nor "
		    "\"node:NAME\"", t->scope);
	}
	if (t->price == NULL) {
		rc = set_string(r, &t->price, t->storage_class);
		if (rc != VT_OK)
			return rc;
	}
	if (t->location == NULL)
		return set_string(r, &t->location, c->location);
	return VT_OK;
}

static enum vt_code
read_list(struct reading *r, const char *name, const json_t *value,
    enum vt_code (*read)(struct reading *, const json_t *,
    struct vt_config *), struct vt_config *c)
{
	enum vt_code rc = VT_OK;
	size_t i;

	r->list = name;
	for (i = 0; rc == VT_OK && i < json_array_size(value); i++) {
		r->item = i;
		r->field = NULL;
		rc = read(r, json_array_get(value, i), c);
	}
	r->item = SIZE_MAX;
	return rc;
}

static enum vt_code
read_tiers(struct reading *r, const json_t *value, struct vt_config *c)
{
	if (!json_is_array(value) || json_array_size(value) < 1 ||
	    json_array_size(value) > VT_TIERS_MAX)
		return complain(r, "must be a list of 1 to %d tiers",
		    VT_TIERS_MAX);
	return read_list(r, "tiers", value, read_tier, c);
}

static enum vt_code
read_policy(struct reading *r, const json_t *value,
    struct vt_place_policy *q)
{
	enum vt_code rc;
	int f;

	r->field = NULL;
	rc = read_object(r, policy_fields, COUNT(policy_fields), value, q);
	if (rc != VT_OK)
		return rc;
	for (f = 0; f < VT_PLACE_FIELDS; f++)
		if (json_object_get(value, vt_place_field_name[f]) != NULL)
			q->given |= 1U << f;
	if (q->spread != NULL && strcmp(q->spread, "location") != 0 &&
	    strcmp(q->spread, "tier") != 0) {
		r->field = "spread";
		return complain(r, "'%.64s' is neither \"location\" nor "
		    "\"tier\"", q->spread);
	}
	if (strcmp(q->bucket, "*") != 0 &&
	    strpbrk(q->bucket, "*/") != NULL) {
		r->field = "bucket";
		return complain(r, "'%.64s' is neither the name of a bucket "
		    "nor \"*\" for all of them", q->bucket);
	}
	return VT_OK;
}

static enum vt_code
make_places(struct reading *r, const json_t *list,
    const struct vt_place_tier *tiers, size_t tier_count,
    struct vt_places **out)
{
	size_t count = json_array_size(list), i;
	struct vt_place_policy *q;
	struct vt_place_fault fault;
	struct vt_err why;
	enum vt_code rc = VT_OK;

	if (!json_is_array(list) || count > VT_PLACE_POLICIES)
		return complain(r, "must be a list of at most %d policies",
		    VT_PLACE_POLICIES);
	q = calloc(count + 1, sizeof(*q));
	if (q == NULL)
		return no_memory(r);
	r->list = "policies";
	for (i = 0; i < count && rc == VT_OK; i++) {
		r->item = i;
		rc = read_policy(r, json_array_get(list, i), &q[i]);
	}
	if (rc == VT_OK) {
		rc = vt_places_make(q, count, tiers, tier_count, out, &fault,
		    &why);
		if (rc == VT_OK)
			q = NULL;
		r->item = fault.index;
		r->field = fault.field;
		if (rc == VT_INVALID)
			rc = complain(r, "%s", why.text);
		else if (rc != VT_OK)
			rc = no_memory(r);
	}
	r->item = SIZE_MAX;
	if (q != NULL)
		vt_place_policies_free(q, count);
	return rc;
}

size_t
vt_config_place_tiers(const struct vt_config *c, struct vt_place_tier *out)
{
	const struct vt_tier *t;
	size_t i;

	for (i = 0; i < c->tier_count; i++) {
		t = &c->tier[i];
		out[i] = (struct vt_place_tier){ t->name, t->location,
		    t->durability_nines, t->first_byte_ms,
		    t->restore_delay_ms > 0, t->is_closed };
	}
	return c->tier_count;
}

static enum vt_code
read_policies(struct reading *r, const json_t *value, struct vt_config *c)
{
	struct vt_place_tier tiers[VT_TIERS_MAX];
	size_t n = vt_config_place_tiers(c, tiers), i;
	int closed = 0;

	for (i = 0; i < n; i++)
		closed |= tiers[i].is_closed;
	/* without any there is nothing to be asked */
	if (json_is_array(value) && json_array_size(value) == 0 && !closed)
		return VT_OK;
	return make_places(r, value, tiers, n, &c->places);
}

static enum vt_code
read_webhook(struct reading *r, const json_t *value, struct vt_config *c)
{
	struct vt_webhook *h = &c->webhook[r->item], *other;
	enum vt_code rc;

	c->webhook_count = r->item + 1;
	rc = read_object(r, webhook_fields, COUNT(webhook_fields), value, h);
	if (rc != VT_OK)
		return rc;
	r->field = "name";
	for (other = c->webhook; other < h; other++)
		if (strcmp(other->name, h->name) == 0)
			return complain(r, "two webhooks are named '%s'",
			    h->name);
	r->field = "url";
	if (strncmp(h->url, "http://", 7) != 0 &&
	    strncmp(h->url, "https://", 8) != 0)
		return complain(r, "'%.64s' is no http:// or https:// URL",
		    h->url);
	return VT_OK;
}

static enum vt_code
read_webhooks(struct reading *r, const json_t *value, struct vt_config *c)
{
	if (!json_is_array(value) ||
	    json_array_size(value) > VT_WEBHOOKS_MAX)
		return complain(r, "must be a list of at most %d webhooks",
		    VT_WEBHOOKS_MAX);
	return read_list(r, "webhooks", value, read_webhook, c);
}

/* Where master keys come from; told nothing, a file that is made when it is
 * needed. */
static enum vt_code
read_encryption(struct reading *r, const json_t *value, struct vt_config *c)
{
	enum vt_code rc;

	r->inside = "encryption";
	r->field = NULL;
	rc = read_object(r, encryption_fields, COUNT(encryption_fields),
	    value, c);
	if (rc == VT_OK && c->master_key_file != NULL &&
	    c->master_key_command != NULL)
		rc = complain(r, "master_key_file and master_key_command "
		    "exclude each other");
	r->inside = NULL;
	if (rc != VT_OK || c->master_key_file != NULL ||
	    c->master_key_command != NULL)
		return rc;
	c->make_master_keys = 1;
	return set_path(r, &c->master_key_file, r->data_dir, "master.keys");
}

/* Behind the tiers, one of which it names. */
static enum vt_code
read_snapshots(struct reading *r, const json_t *value, struct vt_config *c)
{
	const struct vt_tier *t;
	enum vt_code rc;

	if (json_is_null(value))
		return VT_OK;
	r->inside = "snapshots";
	r->field = NULL;
	rc = read_object(r, snapshot_fields, COUNT(snapshot_fields), value,
	    c);
	if (rc == VT_OK) {
		r->field = "tier";
		t = vt_config_tier(c, c->snapshots.tier);
		if (t == NULL)
			rc = complain(r, "there is no tier '%s'",
			    c->snapshots.tier);
		else if (t->restore_delay_ms > 0)
			rc = complain(r, "tier '%s' needs a restore to be "
			    "read", c->snapshots.tier);
	}
	r->inside = NULL;
	return rc;
}

/* The file, whole, and what it says: free both, whatever is returned. */
static enum vt_code
read_text(struct reading *r, char **text, json_t **root)
{
	size_t len;
	json_error_t why;
	enum vt_code rc;

	*root = NULL;
	rc = vt_fs_read(r->path, CONFIG_MAX, text, &len, r->err);
	if (rc != VT_OK) {
		*text = NULL;
		return rc;
	}
	r->text = *text;
	*root = json_loadb(r->text, len, JSON_REJECT_DUPLICATES, &why);
	if (*root == NULL)
		return vt_fail(r->err, VT_INVALID, "%s:%d:%d: %s", r->path,
		    why.line, why.column, why.text);
	return VT_OK;
}

enum vt_code
vt_config_load(const char *path, const char *data_dir,
    struct vt_config **out, struct vt_err *err)
{
	struct reading r = { path != NULL ? path : "(default)", default_text,
	    data_dir, 0, NULL, SIZE_MAX, NULL, NULL, err };
	char *text = NULL;
	json_t *root = NULL;
	struct vt_config *c;
	enum vt_code rc = VT_OK;

	*out = NULL;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return no_memory(&r);
	if (path != NULL)
		rc = read_text(&r, &text, &root);
	else
		root = json_loads(default_text, 0, NULL);
	if (rc == VT_OK && root == NULL)
		rc = no_memory(&r);
	if (rc != VT_OK)
		goto out;
	c->data_dir = strdup(data_dir);
	if (c->data_dir == NULL) {
		rc = no_memory(&r);
		goto out;
	}
	rc = read_object(&r, fields, COUNT(fields), root, c);
	if (rc != VT_OK)
		goto out;
	if ((c->tls_cert == NULL) != (c->tls_key == NULL)) {
		r.field = c->tls_cert != NULL ? "tls_cert" : "tls_key";
		rc = complain(&r, "tls_cert and tls_key go together");
	}
out:
	json_decref(root);
	free(text);
	if (rc == VT_OK)
		*out = c;
	else
		vt_config_free(c);
	return rc;
}

enum vt_code
vt_config_policies(const char *path, const struct vt_place_tier *tiers,
    size_t tier_count, struct vt_places **out, struct vt_err *err)
{
	struct reading r = { path, NULL, NULL, 1, NULL, SIZE_MAX, NULL, NULL,
	    err };
	char *text;
	json_t *list;
	enum vt_code rc;

	*out = NULL;
	rc = read_text(&r, &text, &list);
	r.field = "policies";
	if (rc == VT_OK)
		rc = make_places(&r, list, tiers, tier_count, out);
	json_decref(list);
	free(text);
	return rc;
}

static void
free_fields(const struct field *f, size_t count, char *base)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (f[i].kind <= PRICES)
			free(*(char **)(void *)(base + f[i].offset));
}

void
vt_config_free(struct vt_config *c)
{
	size_t i;

	if (c == NULL)
		return;
	for (i = 0; i < c->tier_count; i++)
		free_fields(tier_fields, COUNT(tier_fields),
		    (char *)&c->tier[i]);
	for (i = 0; i < c->webhook_count; i++)
		free_fields(webhook_fields, COUNT(webhook_fields),
		    (char *)&c->webhook[i]);
	free_fields(fields, COUNT(fields), (char *)c);
	vt_places_free(c->places);
	free(c->snapshots.tier);
	free(c->master_key_file);
	for (i = 0; c->master_key_command != NULL &&
	    c->master_key_command[i] != NULL; i++)
		free(c->master_key_command[i]);
	free(c->master_key_command);
	free(c->data_dir);
	free(c);
}

enum vt_code
vt_config_set_share(struct vt_config *c, const char *share_dir,
    struct vt_err *err)
{
	static const char standard[] = VT_SHAREDIR "/prices/";
	char *path;

	if (strncmp(c->price_file, standard, sizeof(standard) - 1) != 0)
		return VT_OK;
	if (asprintf(&path, "%s/prices/%s", share_dir,
	    c->price_file + sizeof(standard) - 1) < 0)
		return vt_fail(err, VT_NOMEM,
		    "no memory for the configuration");
	free(c->price_file);
	c->price_file = path;
	return VT_OK;
}

char *
vt_config_default_text(void)
{
	return strdup(default_text);
}

const struct vt_webhook *
vt_config_webhook(const struct vt_config *c, const char *name)
{
	size_t i;

	for (i = 0; i < c->webhook_count; i++)
		if (strcmp(c->webhook[i].name, name) == 0)
			return &c->webhook[i];
	return NULL;
}

const struct vt_tier *
vt_config_tier(const struct vt_config *c, const char *name)
{
	size_t i;

	for (i = 0; i < c->tier_count; i++)
		if (strcmp(c->tier[i].name, name) == 0)
			return &c->tier[i];
	return NULL;
}

const struct vt_tier *
vt_config_class(const struct vt_config *c, const char *storage_class)
{
	size_t i;

	for (i = 0; i < c->tier_count; i++)
		if (strcmp(c->tier[i].storage_class, storage_class) == 0)
			return &c->tier[i];
	return NULL;
}
