/* The configured tiers, opened: see tiers.h. */
#include <stdlib.h>
#include <string.h>

#include "libvt/base/crew.h"

#include "libvt/work/tiers_internal.h"

#define OPENERS 8	/* at once: one that is silent takes a while to open */

/* One tier that is being opened. */
struct opening {
	const struct vt_tier *tier;
	struct vt_backend_options o;
	const volatile int *cancel;
	struct vt_backend **out;
	enum vt_code rc;
	struct vt_err err;
};

/* Wrap a backend with what is to go wrong; *b is NULL on failure. */
static enum vt_code
add_faults(const char *text, const volatile int *cancel,
    struct vt_backend **b, struct vt_err *err)
{
	struct vt_fault rules[VT_FAULTS_MAX];
	enum vt_code rc;
	size_t n;

	rc = vt_fault_parse(text, rules, &n, err);
	if (rc != VT_OK) {
		vt_backend_close(*b);
		*b = NULL;
		return rc;
	}
	*b = vt_backend_faults(*b, rules, n, cancel);
	return *b != NULL ? VT_OK : vt_fail(err, VT_NOMEM, "out of memory");
}

/* Open a tier, with what it has to know of another machine and the guard of
 * such a one. */
static enum vt_code
open_tier(const struct vt_tier *d, struct vt_backend_options *o,
    const volatile int *cancel, struct vt_backend **out, struct vt_err *err)
{
	struct vt_backend_remote r = { .endpoint = d->endpoint,
	    .region = d->region, .object_class = d->object_class,
	    .ca_file = d->ca_file, .virtual_host = d->virtual_host,
	    .requester_pays = d->requester_pays, .part_bytes = d->part_bytes,
	    .tries = d->tries, .connect_ms = d->connect_ms,
	    .stall_ms = d->stall_ms, .cancel = cancel };
	/* as many that peers send slowly, and as many that do not */
	struct vt_guard_options g = { .calls_max = d->connections,
	    .puts_max = 2 * d->connections,
	    .bytes_per_s = d->bytes_per_s, .cancel = cancel };
	struct vt_backend *b;
	struct vt_cred cred;
	enum vt_code rc = VT_OK;

	memset(&cred, 0, sizeof(cred));
	if (d->credentials != NULL) {
		rc = vt_cred_load(d->credentials, d->profile, 1, &cred, err);
		r.access_key = cred.access_key;
		r.secret_key = cred.secret_key;
		r.session_token = cred.session_token;
	}
	o->remote = &r;
	if (rc == VT_OK)
		rc = vt_backend_open(d->url, o, out, err);
	explicit_bzero(&cred, sizeof(cred));
	if (rc == VT_OK && d->fault != NULL)
		rc = add_faults(d->fault, cancel, out, err);
	if (rc != VT_OK || !vt_backend_caps(*out)->remote)
		return rc;
	b = vt_backend_guard(*out, &g);
	*out = b;
	return b != NULL ? VT_OK : vt_fail(err, VT_NOMEM, "out of memory");
}

static void
open_one(void *ctx, void *item)
{
	struct opening *x = item;

	(void)ctx;
	x->rc = open_tier(x->tier, &x->o, x->cancel, x->out, &x->err);
}

/* Tiers of this machine here, the others at the same time. */
static enum vt_code
open_all(struct vt_tiers *t, int create, struct vt_err *err)
{
	const struct vt_config *c = t->config;
	struct opening *all = calloc(c->tier_count, sizeof(*all)), *x;
	struct vt_crew *crew = NULL;
	enum vt_code rc = VT_OK;
	size_t i, others = 0;

	if (all == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	for (i = 0; i < c->tier_count; i++)
		others += c->tier[i].endpoint != NULL;
	rc = vt_crew_start(others > 1 ? OPENERS : 0, c->tier_count, open_one,
	    NULL, &crew, err);
	for (i = 0; i < c->tier_count && rc == VT_OK; i++) {
		x = &all[i];
		x->tier = &c->tier[i];
		x->o.clock = t->clock;
		x->o.base_dir = c->data_dir;
		x->o.create = create;
		x->o.restore_delay_ms = c->tier[i].restore_delay_ms;
		x->cancel = &t->cancel;
		x->out = &t->backend[i];
		vt_crew_give(crew, x);
	}
	/* the first that failed, by their order */
	while (crew != NULL && (x = vt_crew_take(crew)) != NULL)
		if (x->rc != VT_OK && rc == VT_OK) {
			rc = x->rc;
			if (err != NULL)
				*err = x->err;
			vt_err_prefix(err, "tier '%s'", x->tier->name);
		}
	vt_crew_stop(crew);
	free(all);
	return rc;
}

enum vt_code
vt_tiers_open(const struct vt_config *config, struct vt_catalog *catalog,
    const struct vt_clock *clock, int create, struct vt_tiers **out,
    struct vt_err *err)
{
	struct vt_tiers *t;
	enum vt_code rc;

	*out = NULL;
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	t->config = config;
	t->catalog = catalog;
	t->clock = clock;
	rc = open_all(t, create, err);
	if (rc != VT_OK) {
		vt_tiers_close(t);
		return rc;
	}
	*out = t;
	return VT_OK;
}

void
vt_tiers_close(struct vt_tiers *t)
{
	size_t i;

	if (t == NULL)
		return;
	for (i = 0; i < VT_TIERS_MAX; i++)
		vt_backend_close(t->backend[i]);
	free(t);
}

void
vt_tiers_use_keyring(struct vt_tiers *t, struct vt_keyring *k)
{
	t->keyring = k;
}

const struct vt_tier *
vt_tiers_tier(const struct vt_tiers *t, const char *name)
{
	return vt_config_tier(t->config, name);
}

struct vt_backend *
vt_tiers_backend(const struct vt_tiers *t, const char *name)
{
	size_t i;

	for (i = 0; i < t->config->tier_count; i++)
		if (strcmp(t->config->tier[i].name, name) == 0)
			return t->backend[i];
	return NULL;
}

int
vt_tiers_is_remote(const struct vt_tiers *t, const char *name)
{
	const struct vt_backend *b = vt_tiers_backend(t, name);

	return b != NULL && vt_backend_caps(b)->remote;
}

void
vt_tiers_cancel(struct vt_tiers *t)
{
	if (t != NULL)
		t->cancel = 1;
}

/* The first of the class of `first`, which is its first tier, that policies
 * leave; else that. */
static const struct vt_tier *
allowed_of_class(const struct vt_config *c, const struct vt_place *place,
    const struct vt_tier *first)
{
	const struct vt_tier *d;

	for (d = first; d < c->tier + c->tier_count; d++)
		if (strcmp(d->storage_class, first->storage_class) == 0 &&
		    vt_place_allows(place, (size_t)(d - c->tier)))
			return d;
	return first;
}

enum vt_code
vt_tiers_place(struct vt_tiers *t, const struct vt_place *place,
    const char *storage_class, uint64_t size_bytes,
    const struct vt_tier **tier, int *is_inline, struct vt_err *err)
{
	const struct vt_tier *d = &t->config->tier[vt_place_first(place)];
	char why[VT_PLACE_TEXT];
	size_t k;

	*is_inline = 0;
	*tier = NULL;
	if (storage_class != NULL && storage_class[0] != '\0') {
		d = vt_config_class(t->config, storage_class);
		if (d == NULL)
			return vt_fail(err, VT_INVALID,
			    "no tier answers for storage class '%.40s'",
			    storage_class);
		d = allowed_of_class(t->config, place, d);
		k = (size_t)(d - t->config->tier);
		if (!vt_place_allows(place, k))
			return vt_fail(err, VT_DENIED, "%s", vt_place_why(
			    t->config->places, place, k, why));
	}
	*tier = d;
	*is_inline = d->is_inline && size_bytes <= d->inline_max_bytes &&
	    vt_catalog_inline_bytes(t->catalog) <
	    t->config->inline_max_total_bytes;
	return VT_OK;
}

/* --- reading a copy ------------------------------------------------------- */

/* What sets a tier back: that it is elsewhere, must restore, does not work. */
#define FAR_MS (INT64_C(1) << 44)
#define RESTORE_MS (INT64_C(1) << 48)
#define DOWN_MS (INT64_C(1) << 52)

/* Milliseconds to the first byte, by which copies are compared. */
static int64_t
reach_ms(const struct vt_tiers *t, const struct vt_tier *d)
{
	const struct vt_backend *b = vt_tiers_backend(t, d->name);
	int64_t ms = d->first_byte_ms + d->restore_delay_ms;
	struct vt_backend_health h;

	if (strcmp(d->location, t->config->location) != 0)
		ms += FAR_MS;
	if (d->restore_delay_ms > 0)
		ms += RESTORE_MS;
	if (b == NULL || !vt_backend_caps(b)->remote)
		return ms;
	vt_backend_health(b, &h);
	if (h.is_open)
		ms += DOWN_MS;
	else if (vt_backend_caps(b)->restore && d->restore_delay_ms == 0)
		ms += RESTORE_MS;
	return ms;
}

const struct vt_copy *
vt_tiers_best_copy(const struct vt_tiers *t, const struct vt_version *v)
{
	const struct vt_copy *best = NULL;
	const struct vt_tier *d;
	int64_t best_ms = INT64_MAX, ms;
	size_t i;

	for (i = 0; i < v->copy_count; i++) {
		d = vt_config_tier(t->config, v->copies[i].tier);
		/* A tier taken out of the configuration cannot be read. */
		if (d == NULL)
			continue;
		/* The time of a restored copy is up before it is dropped. */
		if (v->copies[i].until_us != 0 &&
		    v->copies[i].until_us <= vt_clock_now_us(t->clock))
			continue;
		/* there is no choice for most */
		ms = v->copy_count > 1 ? reach_ms(t, d) : 0;
		if (ms < best_ms) {
			best_ms = ms;
			best = &v->copies[i];
		}
	}
	return best;
}
