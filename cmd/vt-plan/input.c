/*
 * Two passes over the versions: when all are read, and what is told of the
 * whole is known, they are decided on one by one, in their order.  With a model
 * that knows of the whole already, one (read.c).
 */
#include <stdlib.h>
#include <string.h>

#include "libvt/base/crew.h"

#include "plan.h"

size_t
crew_depth(const struct run *r)
{
	return r->threads > 1 ? 3 * (size_t)r->threads : 1;
}

/* The one that takes works as well, but with others there is enough to do. */
struct vt_crew *
start_crew(const struct run *r, void (*work)(void *ctx, void *item),
    void *ctx)
{
	struct vt_crew *c;
	struct vt_err err;

	if (vt_crew_start(r->threads > 1 ? r->threads : 0, crew_depth(r), work,
	    ctx, &c, &err) != VT_OK)
		plan_die(&err);
	return c;
}

/* Bytes of the spool that a thread has at a time; where all that is decided of
 * them is kept until it is taken, it is many times more, of fewer. */
#define EXTENT_BYTES ((size_t)1 << 20)
#define EXTENT_BYTES_KEPT ((size_t)256 << 10)

/*
 * An extent of the spool, and what comes of it.  Where more than sums and
 * proposals is asked for, what was decided of each version is kept for the one
 * who takes the extent; else it is told and forgotten, while it is at hand.
 */
struct extent {
	const struct run *r;
	struct vt_spool_reader *reader;
	size_t number, count, cap;
	struct decided *version;	/* `count`, or one to work with */
	struct vt_days_room room;
	struct settled settled;
	struct vt_err err;		/* err.code: it could not be read */
};

/* Room for so many versions, where they stay: what is decided points into
 * them.  Their pasts keep the memory they have. */
static int
make_room(struct extent *b, size_t count)
{
	struct decided *more;
	size_t i;

	if (count <= b->cap)
		return 0;
	more = realloc(b->version, count * sizeof(*more));
	if (more == NULL)
		return -1;
	for (i = b->cap; i < count; i++) {
		vt_past_init(&more[i].past);
		more[i].is_priced = 0;
	}
	b->version = more;
	b->cap = count;
	return 0;
}

static void
decide_extent(void *ctx, void *item)
{
	struct extent *b = item;
	const struct run *r = b->r;
	size_t count = vt_spool_extent_count(r->spool, b->number);
	struct decided *p;
	uint64_t rules;
	enum vt_code rc = VT_OK;

	(void)ctx;
	b->count = 0;
	b->err.code = VT_OK;
	settled_reset(&b->settled);
	if (make_room(b, r->one_by_one ? count : 1) < 0)
		rc = VT_NOMEM;
	else if (vt_spool_open(b->reader, b->number, &b->err) != VT_OK)
		return;
	while (rc == VT_OK && b->err.code == VT_OK && b->count < count) {
		p = &b->version[r->one_by_one ? b->count : 0];
		rc = vt_spool_next(b->reader, &p->rec, &rules);
		if (rc != VT_OK)
			break;
		p->rules = rules > 0 ? r->rules[rules - 1] : NULL;
		decide(r, &b->room, p);
		b->count++;
		if (p->err.code != VT_OK)
			b->err = p->err;
		else if (!r->one_by_one)
			settle(r, &b->settled, p);
	}
	if (rc != VT_OK && rc != VT_ABSENT)
		(void)vt_fail(&b->err, rc, rc == VT_NOMEM ?
		    "no memory for an extent of versions" :
		    "an extent of versions is not what was kept");
}

/* What binds it while the past is replayed. */
static void
count_bound(struct run *r, const struct decided *p)
{
	const struct bucket_rules *b = rules_of(p);
	struct vt_reach_step step[VT_REACH_STEPS];
	struct vt_past past = p->past;
	struct vt_reach reach;
	unsigned what;

	r->bound += (uint64_t)vt_reach_of(&r->model, &r->policy, r->places,
	    &p->rec, &reach);
	if (b == NULL)
		return;
	what = rules_reach(r, b, &p->rec, &past, &reach, step);
	r->ruled += what & RULES_BIND;
	if (what & RULES_END) {
		r->ended++;
		r->ended_bytes += p->rec.size_bytes;
	}
}

static void
simulate_one(struct run *r, const struct decided *p)
{
	struct outcome o;

	if (p->rec.kind != VT_SCAN_VERSION)
		return;
	count_bound(r, p);
	memset(&o, 0, sizeof(o));
	o.state = REMOVAL_DUE;		/* nothing is decided of it */
	count_one(&r->sum, p, &o);
	if (p->rec.size_bytes <= r->pack.max_bytes)
		packs_take(r, p, NULL);
}

static void
plan_other(struct run *r, const struct decided *p)
{
	struct outcome o;
	int k;

	work_out_other(r, p, &o, &k);
	count_one(&r->sum, p, &o);
	if (!o.is_proposed)
		return;
	o.p.is_placed = r->report != NULL;
	o.p.place = report_other(r, &p->rec, k, o.now_month);
	keep_proposal(r, &o.p);
}

static void
plan_one(struct run *r, const struct decided *p)
{
	struct outcome o;

	work_out(r, p, &o);
	count_one(&r->sum, p, &o);
	o.p.is_placed = r->report != NULL;
	o.p.place = report_version(r, p, &o);
	r->sum.beyond += (uint64_t)p->is_beyond;
	if (p->rec.pack != 0 && p->d.from >= 0) {
		repacks_note(&r->packed, p);
		repacks_saw(r, &r->packed);
	}
	if (o.state != REMOVAL_DUE && p->d.from >= 0 &&
	    packs_take(r, p, &o.p))
		return;
	if (o.is_proposed)
		keep_proposal(r, &o.p);
}

static void
take_one(struct run *r, const struct decided *p)
{
	if (r->simulate)
		simulate_one(r, p);
	else if (r->explain != NULL)
		explain(r, p);
	else if (p->rec.kind == VT_SCAN_VERSION)
		plan_one(r, p);
	else
		plan_other(r, p);
}

static void
take_extent(struct run *r, struct extent *b)
{
	size_t i;

	if (b->err.code != VT_OK)
		plan_die(&b->err);
	for (i = 0; r->one_by_one && i < b->count && !cli_stopping(); i++)
		take_one(r, &b->version[i]);
	take_settled(r, &b->settled);
}

static void
free_extents(struct extent *b, size_t count)
{
	size_t i, k;

	for (i = 0; i < count; i++) {
		vt_spool_reader_free(b[i].reader);
		free(b[i].room.h);
		settled_release(&b[i].settled);
		for (k = 0; k < b[i].cap; k++)
			vt_past_release(&b[i].version[k].past);
		free(b[i].version);
	}
	free(b);
}

static void
decide_all(struct run *r)
{
	struct vt_crew *crew = start_crew(r, decide_extent, NULL);
	size_t depth = crew_depth(r), given = 0, i;
	size_t extents = vt_spool_extents(r->spool);
	struct extent *all = cli_alloc(depth * sizeof(*all)), *b;

	for (i = 0; i < depth; i++) {
		all[i].r = r;
		settled_init(&all[i].settled);
		all[i].reader = vt_spool_reader_new(r->spool);
		if (all[i].reader == NULL)
			plan_no_memory();
	}
	do {
		while (given < extents && vt_crew_pending(crew) < depth) {
			b = &all[given % depth];
			b->number = given++;
			vt_crew_give(crew, b);
		}
		b = vt_crew_take(crew);
		if (b != NULL)
			take_extent(r, b);
	} while (b != NULL && !cli_stopping());
	vt_crew_stop(crew);
	free_extents(all, depth);
}

void
read_input(struct run *r)
{
	cli_progress_start(r->quiet, "planning");
	r->one_by_one = r->simulate || r->explain != NULL ||
	    r->packer != NULL || r->report != NULL;
	/* proposals come while the spool is still read */
	r->spool = vt_spool_new(r->temp_folder,
	    (size_t)(r->memory_bytes / 8),
	    r->one_by_one ? EXTENT_BYTES_KEPT : EXTENT_BYTES);
	if (r->spool == NULL)
		plan_no_memory();
	read_files(r);
	first_end(r);
	packs_look(r);
	if (!r->is_direct && !cli_stopping())
		decide_all(r);
	cli_progress_stop();
}
