#include <math.h>
#include <string.h>

#include "libvt/work/cost.h"

/* --- the model ------------------------------------------------------------ */

void
vt_cost_model_init(struct vt_cost_model *m, const struct vt_prices *p)
{
	memset(m, 0, sizeof(*m));
	m->bytes_per_gb = vt_prices_bytes_per_gb(p);
	m->month_days = vt_prices_month_days(p);
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
		    vt_prices_title(p), class_name, tier);
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
	rc = vt_prices_transfer(p, location, server, &t->read_gb, NULL,
	    err);
	if (rc != VT_OK)
		return rc;
	rc = vt_prices_transfer(p, server, location, &t->write_gb, NULL,
	    err);
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
		m->tier[i].compresses = t->compress > 0;
		vt_parts_of(t->url, t->part_bytes, &m->tier[i].parts);
	}
	return VT_OK;
}

enum vt_code
vt_cost_model_clients(struct vt_cost_model *m, const struct vt_prices *p,
    const char *server, const char *clients, struct vt_err *err)
{
	return vt_prices_transfer(p, server, clients, &m->client_gb,
	    &m->client_bands, err);
}

double
vt_cost_clients(const struct vt_cost_model *m, double kept_bytes,
    double read_bytes)
{
	double gb = (read_bytes - m->client_bands.free_times_stored *
	    kept_bytes) / m->bytes_per_gb;

	return gb <= 0 ? 0 : vt_bands_sum(&m->client_bands, m->client_gb, gb);
}

enum vt_code
vt_cost_model_speed(struct vt_cost_model *m, size_t k, const char *speed,
    struct vt_err *err)
{
	struct vt_price *p = &m->tier[k].price;
	size_t i;

	if (!p->needs_restore)
		return vt_fail(err, VT_INVALID,
		    "tier '%s' needs no restores", m->tier[k].name);
	if (strcmp(speed, "standard") == 0)
		return VT_OK;
	for (i = 0; i < p->speed_count; i++)
		if (strcmp(p->speed[i].name, speed) == 0) {
			p->restore = p->speed[i].restore;
			p->retrieval_gb = p->speed[i].retrieval_gb;
			return VT_OK;
		}
	return vt_fail(err, VT_INVALID,
	    "tier '%s' is of class '%s', which is not restored at the speed "
	    "'%s'", m->tier[k].name, p->name, speed);
}

int
vt_cost_model_tier(const struct vt_cost_model *m, const char *name)
{
	size_t i;

	/* often it is the model's own */
	for (i = 0; i < m->count; i++)
		if (m->tier[i].name == name ||
		    (m->tier[i].name[0] == name[0] &&
		    strcmp(m->tier[i].name, name) == 0))
			return (int)i;
	return -1;
}

/* --- one object ----------------------------------------------------------- */

/* What the next GB costs there for a month. */
static double
storage_gb(const struct vt_cost_tier *t)
{
	return vt_bands_at(&t->price.storage_bands,
	    t->price.storage_gb_month, t->volume_gb);
}

int
vt_cost_by_provider(const struct vt_cost_model *m, size_t from, size_t to)
{
	return m->how == VT_MOVE_TRANSITION &&
	    storage_gb(&m->tier[to]) < storage_gb(&m->tier[from]);
}

/* What they cost beside the one request that a small object is written with. */
static double
parts_usd(const struct vt_parts *p, double each, uint64_t size_bytes)
{
	return (double)(vt_parts_count(p, size_bytes) - 1) * each;
}

double
vt_cost_put(const struct vt_cost_model *m, size_t k, uint64_t size_bytes)
{
	const struct vt_cost_tier *t = &m->tier[k];

	return t->price.put + parts_usd(&t->parts, t->price.part, size_bytes);
}

double
vt_cost_write_byte(const struct vt_cost_model *m, size_t k)
{
	return (m->tier[k].price.write_gb + m->tier[k].write_gb) /
	    m->bytes_per_gb;
}

static void
rates_of_tier(const struct vt_cost_model *m, size_t i, double per_byte_day,
    double hot_byte_day, struct vt_cost_rates *out)
{
	const struct vt_cost_tier *t = &m->tier[i];
	const struct vt_price *p = &t->price;
	struct vt_cost *z = &out->zero;

	out->parts[i] = t->parts;
	out->part[i] = p->part;
	if (t->parts.part_bytes != 0 && p->part > 0 &&
	    t->parts.part_bytes < out->whole_bytes)
		out->whole_bytes = t->parts.part_bytes;
	out->min_bytes[i] = (double)p->min_size_bytes;
	out->day_byte[i] = storage_gb(t) * per_byte_day;
	z->day[i] = out->day_byte[i] * (double)p->overhead_bytes +
	    hot_byte_day * (double)p->overhead_hot_bytes;
	out->monitor_bytes[i] = (double)p->monitor_min_bytes;
	out->monitor_day[i] = p->level_count > 0 ?
	    p->monitor_month / m->month_days : 0;
	z->min_days[i] = p->min_days;
	z->get[i] = p->get;
	z->byte[i] = (p->retrieval_gb + t->read_gb) / m->bytes_per_gb;
	z->needs_restore[i] = p->needs_restore;
	z->excluded[i] = t->excluded;
	if (p->needs_restore) {
		z->restore[i] = p->restore;
		out->restore_byte[i] = hot_byte_day * p->restore_days;
	}
}

static void
rates_of_move(const struct vt_cost_model *m, size_t i, size_t j,
    struct vt_cost_rates *out)
{
	const struct vt_price *to = &m->tier[j].price;
	struct vt_cost *z = &out->zero;

	if (i == j)
		return;
	if (vt_cost_by_provider(m, i, j)) {
		z->move[i][j] = to->transition;
		return;
	}
	out->copied[i] |= UINT32_C(1) << j;
	z->move[i][j] = z->restore[i] + z->get[i] + to->put;
	out->move_byte[i][j] = out->restore_byte[i] + z->byte[i] +
	    vt_cost_write_byte(m, j);
}

void
vt_cost_rates_of(const struct vt_cost_model *m, struct vt_cost_rates *out)
{
	double per_byte_day = 1 / (m->bytes_per_gb * m->month_days);
	double hot = storage_gb(&m->tier[0]) * per_byte_day;
	size_t i, j;

	memset(out, 0, sizeof(*out));
	out->zero.count = m->count;
	out->whole_bytes = UINT64_MAX;
	for (i = 0; i < m->count; i++)
		rates_of_tier(m, i, per_byte_day, hot, out);
	for (i = 0; i < m->count; i++) {
		out->compresses[i] = m->tier[i].compresses;
		for (j = 0; j < m->count; j++)
			rates_of_move(m, i, j, out);
		if (i == 0)
			continue;
		out->zero.promote[i] = m->tier[0].price.put;
		out->promote_byte[i] = vt_cost_write_byte(m, 0);
	}
}

/* base + slope * size, over all tiers there can be: loops of a known length
 * are what a compiler makes vectors of. */
static void
line(double *restrict out, const double *restrict base,
    const double *restrict slope, double size)
{
	size_t i;

	for (i = 0; i < VT_COST_TIERS; i++)
		out[i] = base[i] + slope[i] * size;
}

static inline double
keep(const struct vt_cost_rates *r, size_t k, double bytes)
{
	/* read in any case, so that a compiler may do several at a time */
	double least = r->min_bytes[k], fee = r->monitor_day[k];
	double kept = bytes > least ? bytes : least;
	double monitor = bytes >= r->monitor_bytes[k] ? fee : 0;

	return r->zero.day[k] + r->day_byte[k] * kept + monitor;
}

double
vt_cost_keep(const struct vt_cost_rates *r, size_t k, double bytes)
{
	return keep(r, k, bytes);
}

static void
add_parts(const struct vt_cost_rates *r, uint64_t size_bytes,
    struct vt_cost *out)
{
	size_t i, j;
	double usd;

	for (j = 0; j < out->count; j++) {
		usd = parts_usd(&r->parts[j], r->part[j], size_bytes);
		for (i = 0; i < out->count; i++)
			if (r->copied[i] >> j & 1)
				out->move[i][j] += usd;
		for (i = 1; j == 0 && i < out->count; i++)
			out->promote[i] += usd;
	}
}

/* What is the same for all sizes. */
static void
fill_fixed(const struct vt_cost_rates *r, struct vt_cost *out)
{
	const struct vt_cost *z = &r->zero;

	out->count = z->count;
	memcpy(out->min_days, z->min_days, sizeof(out->min_days));
	memcpy(out->get, z->get, sizeof(out->get));
	memcpy(out->byte, z->byte, sizeof(out->byte));
	memcpy(out->needs_restore, z->needs_restore,
	    sizeof(out->needs_restore));
	memcpy(out->excluded, z->excluded, sizeof(out->excluded));
}

void
vt_cost_at(const struct vt_cost_rates *r, uint64_t size_bytes,
    struct vt_cost *out)
{
	const struct vt_cost *z = &r->zero;
	double size = (double)size_bytes;
	size_t i;

	fill_fixed(r, out);
	out->size_bytes = size_bytes;
	line(out->restore, z->restore, r->restore_byte, size);
	line(out->promote, z->promote, r->promote_byte, size);
	for (i = 0; i < VT_COST_TIERS; i++)
		out->day[i] = keep(r, i, size);
	for (i = 0; i < z->count; i++)
		line(out->move[i], z->move[i], r->move_byte[i], size);
	if (size_bytes > r->whole_bytes)
		add_parts(r, size_bytes, out);
}

void
vt_cost_leaving(const struct vt_cost_rates *r, uint64_t size_bytes, size_t k,
    struct vt_cost *out)
{
	fill_fixed(r, out);
	vt_cost_leaving_next(r, size_bytes, k, out);
}

void
vt_cost_leaving_next(const struct vt_cost_rates *restrict r,
    uint64_t size_bytes, size_t k, struct vt_cost *restrict out)
{
	/* whole vectors, for which there is room */
	_Static_assert(VT_COST_TIERS % 2 == 0, "tiers in pairs");
	size_t n = (r->zero.count + 1) & ~(size_t)1, i;
	double *restrict move = out->move[k], size = (double)size_bytes;

	out->size_bytes = size_bytes;
	for (i = 0; i < n; i++) {
		out->restore[i] = r->zero.restore[i] +
		    r->restore_byte[i] * size;
		out->day[i] = keep(r, i, size);
		move[i] = r->zero.move[k][i] + r->move_byte[k][i] * size;
	}
	if (size_bytes <= r->whole_bytes)
		return;
	for (i = 0; i < out->count; i++)
		if (r->copied[k] >> i & 1)
			move[i] += parts_usd(&r->parts[i], r->part[i],
			    size_bytes);
}

void
vt_cost_stored(const struct vt_cost_rates *r, size_t k, uint64_t stored,
    struct vt_cost *out)
{
	int shrunk = stored < out->size_bytes;

	for (size_t i = 0; i < out->count; i++)
		if (i == k || (shrunk && r->compresses[i]))
			out->day[i] = vt_cost_keep(r, i, (double)stored);
}

void
vt_cost_packed(const struct vt_cost_model *m, const struct vt_cost_rates *r,
    size_t k, double share, double pack, struct vt_cost *out)
{
	double size = (double)out->size_bytes;
	size_t i;

	out->day[k] = r->day_byte[k] * share;
	if (out->needs_restore[k])
		out->restore[k] = r->zero.restore[k] +
		    r->restore_byte[k] * pack +
		    out->byte[k] * fmax(0, pack - size);
	for (i = 0; i < out->count; i++)
		if (i != k)
			out->move[k][i] = out->restore[k] + out->get[k] +
			    out->byte[k] * size +
			    vt_cost_put(m, i, out->size_bytes) +
			    vt_cost_write_byte(m, i) * size;
}

void
vt_cost_of(const struct vt_cost_model *m, uint64_t size_bytes,
    struct vt_cost *out)
{
	struct vt_cost_rates r;

	vt_cost_rates_of(m, &r);
	vt_cost_at(&r, size_bytes, out);
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
