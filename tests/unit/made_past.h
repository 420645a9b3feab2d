/* A cost model and pasts of objects, for what learns of them; for tests. */
#ifndef TESTS_UNIT_MADE_PAST_H
#define TESTS_UNIT_MADE_PAST_H

#include <stdlib.h>
#include <string.h>

#include "libvt/work/cost.h"
#include "libvt/work/sample.h"

#define SIZE UINT64_C(1000000000)

/* A day of a GB costs 1 dollar hot, 0.2 warm, 0.01 cold. */
static void
make_model(struct vt_cost_model *m)
{
	static const double storage[] = { 30, 6, 0.3 };
	static const double retrieval[] = { 0, 10, 40 };
	size_t i;

	memset(m, 0, sizeof(*m));
	m->bytes_per_gb = 1e9;
	m->month_days = 30;
	m->count = 3;
	for (i = 0; i < m->count; i++) {
		m->tier[i].price.storage_gb_month = storage[i];
		m->tier[i].price.retrieval_gb = retrieval[i];
		m->tier[i].price.put = m->tier[i].price.transition = 5;
		m->tier[i].price.get = 0.001;
	}
}

/* `reads` of them, `step` days apart, of 400. */
static void
add(struct vt_sample *sample, const char *key, uint64_t size_bytes,
    size_t reads, double step)
{
	struct vt_event e[400];
	struct vt_past p = { 0, 0, 400, 400, e, reads, 400, 0 };
	struct vt_err err;
	size_t i;

	for (i = 0; i < reads; i++) {
		e[i].at = (double)(i + 1) * step;
		e[i].idle = step;
		e[i].gets = 1;
		e[i].bytes = (double)size_bytes;
		p.tail_idle = 400 - e[i].at;
	}
	if (!vt_sample_wants(sample, size_bytes, "b", key, strlen(key), 0) ||
	    vt_sample_add(sample, &p, size_bytes, "b", key, strlen(key), 0,
	    NULL, &err) != VT_OK)
		exit(1);
}

#endif
