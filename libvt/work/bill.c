#include <string.h>

#include "libvt/work/bill.h"

const char *
vt_bill_line_name(enum vt_bill_line line)
{
	static const char *const names[VT_BILL_LINES] = {
		"storage", "early deletion", "requests", "retrieval",
		"restores", "monitoring", "transfer", "transfer to clients",
		"fixed"
	};

	return names[line];
}

void
vt_bill_init(struct vt_bill *b, const struct vt_cost_model *m, double days)
{
	memset(b, 0, sizeof(*b));
	b->model = m;
	b->days = days;
}

/* What an object is billed as, and beside it in the hot tier. */
static double
billed(const struct vt_price *p, uint64_t size_bytes)
{
	return (double)(size_bytes > p->min_size_bytes ? size_bytes :
	    p->min_size_bytes) + (double)p->overhead_bytes;
}

void
vt_bill_keep(struct vt_bill *b, size_t k, uint64_t size_bytes, double days)
{
	const struct vt_price *p = &b->model->tier[k].price;

	b->tier[k].byte_days += billed(p, size_bytes) * days;
	b->tier[0].byte_days += (double)p->overhead_hot_bytes * days;
	if (p->level_count > 0 && size_bytes >= p->monitor_min_bytes)
		b->tier[k].monitored_days += days;
}

void
vt_bill_early(struct vt_bill *b, size_t k, uint64_t size_bytes,
    double days_due)
{
	const struct vt_price *p = &b->model->tier[k].price;

	b->tier[k].early_byte_days += billed(p, size_bytes) * days_due;
	b->tier[0].byte_days += (double)p->overhead_hot_bytes * days_due;
}

void
vt_bill_put(struct vt_bill *b, size_t k, uint64_t size_bytes)
{
	b->tier[k].puts += 1;
	b->tier[k].parts += (double)vt_parts_count(
	    &b->model->tier[k].parts, size_bytes) - 1;
	b->tier[k].written_bytes += (double)size_bytes;
}

/* A copy to read from is asked for and kept, hot, for a while. */
static void
restore(struct vt_bill *b, size_t k, uint64_t size_bytes)
{
	const struct vt_price *p = &b->model->tier[k].price;

	if (!p->needs_restore)
		return;
	b->tier[k].restores += 1;
	b->tier[0].byte_days += p->restore_days * (double)size_bytes;
}

static void
get(struct vt_bill *b, size_t k, double gets, double bytes)
{
	b->tier[k].gets += gets;
	b->tier[k].read_bytes += bytes;
}

void
vt_bill_serve(struct vt_bill *b, size_t k, uint64_t size_bytes, double gets,
    double bytes)
{
	if (gets <= 0)
		return;
	if (b->model->tier[k].price.needs_restore) {
		restore(b, k, size_bytes);
		get(b, k, 0, (double)size_bytes);
		k = 0;
	}
	get(b, k, gets, bytes);
}

void
vt_bill_serve_promote(struct vt_bill *b, size_t k, uint64_t size_bytes,
    double gets, double bytes)
{
	if (gets <= 0)
		return;
	restore(b, k, size_bytes);
	get(b, k, 1, (double)size_bytes);
	if (k != 0)
		vt_bill_put(b, 0, size_bytes);
	get(b, 0, gets - 1, bytes * (gets - 1) / gets);
}

void
vt_bill_move(struct vt_bill *b, size_t from, size_t to, uint64_t size_bytes)
{
	if (from == to)
		return;
	if (vt_cost_by_provider(b->model, from, to)) {
		b->tier[to].transitions += 1;
		return;
	}
	restore(b, from, size_bytes);
	get(b, from, 1, (double)size_bytes);
	vt_bill_put(b, to, size_bytes);
}

void
vt_bill_clients(struct vt_bill *b, double bytes)
{
	b->client_bytes += bytes;
}

/* Dollars for keeping so many byte-days, by the band of a month's mean. */
static double
keeping(const struct vt_bill *b, size_t k, double byte_days)
{
	const struct vt_cost_model *m = b->model;
	const struct vt_price *p = &m->tier[k].price;

	if (b->days <= 0)
		return 0;
	return vt_bands_sum(&p->storage_bands, p->storage_gb_month,
	    byte_days / b->days / m->bytes_per_gb) * b->days / m->month_days;
}

/* What clients read in a month, less what comes free with what is stored. */
static double
to_clients(const struct vt_bill *b)
{
	const struct vt_cost_model *m = b->model;
	double months = b->days / m->month_days, gb, stored = 0;
	size_t k;

	if (b->days <= 0)
		return 0;
	for (k = 0; k < m->count; k++)
		stored += b->tier[k].byte_days;
	gb = b->client_bytes / m->bytes_per_gb / months -
	    m->client_bands.free_times_stored * stored / b->days /
	    m->bytes_per_gb;
	return gb <= 0 ? 0 :
	    vt_bands_sum(&m->client_bands, m->client_gb, gb) * months;
}

double
vt_bill_usd(const struct vt_bill *b, size_t k, enum vt_bill_line line)
{
	const struct vt_cost_model *m = b->model;
	const struct vt_cost_tier *t = &m->tier[k];
	const struct vt_price *p = &t->price;
	double read_gb = b->tier[k].read_bytes / m->bytes_per_gb;
	double written_gb = b->tier[k].written_bytes / m->bytes_per_gb;
	double kept = b->tier[k].byte_days;

	switch (line) {
	case VT_BILL_STORAGE:
		return keeping(b, k, kept);
	case VT_BILL_EARLY:
		return keeping(b, k, kept + b->tier[k].early_byte_days) -
		    keeping(b, k, kept);
	case VT_BILL_REQUESTS:
		return b->tier[k].gets * p->get + b->tier[k].puts * p->put +
		    b->tier[k].parts * p->part +
		    b->tier[k].transitions * p->transition;
	case VT_BILL_RETRIEVAL:
		return read_gb * p->retrieval_gb;
	case VT_BILL_RESTORES:
		return b->tier[k].restores * p->restore;
	case VT_BILL_MONITORING:
		return b->tier[k].monitored_days * p->monitor_month /
		    m->month_days;
	case VT_BILL_TRANSFER:
		return read_gb * t->read_gb +
		    written_gb * (t->write_gb + p->write_gb);
	case VT_BILL_CLIENTS:
		return k == 0 ? to_clients(b) : 0;
	case VT_BILL_FIXED:
		return k == 0 ? m->fixed_month * b->days / m->month_days : 0;
	case VT_BILL_LINES:
		break;
	}
	return 0;
}

double
vt_bill_total(const struct vt_bill *b, double lines[VT_BILL_LINES])
{
	double total = 0, sum;
	size_t i, k;

	for (i = 0; i < VT_BILL_LINES; i++) {
		sum = 0;
		for (k = 0; k < b->model->count; k++)
			sum += vt_bill_usd(b, k, (enum vt_bill_line)i);
		if (lines != NULL)
			lines[i] = sum;
		total += sum;
	}
	return total;
}
