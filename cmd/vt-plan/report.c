#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libvt/base/fs.h"
#include "libvt/base/num.h"

#include "plan.h"

#define COMMAND_MAX 2000	/* bytes of the command line that are told */
#define NOTES 16

void
report_start(struct run *r)
{
	if (r->report_path == NULL)
		return;
	r->report = vt_report_new(&r->model);
	if (r->report == NULL)
		plan_no_memory();
}

void
report_end(struct run *r)
{
	vt_report_free(r->report);
	vt_buf_release(&r->command);
}

/* --- what was typed ------------------------------------------------------- */

/* An argument as a shell takes it. */
static void
put_argument(struct vt_buf *b, const char *s)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=,@%+-";

	vt_buf_char(b, ' ');
	if (*s != '\0' && s[strspn(s, plain)] == '\0') {
		vt_buf_str(b, s);
		return;
	}
	vt_buf_char(b, '\'');
	for (; *s != '\0'; s++)
		if (*s == '\'')
			vt_buf_str(b, "'\\''");
		else
			vt_buf_char(b, *s);
	vt_buf_char(b, '\'');
}

/* Where the page goes is left out: its reader has it, and the same plan makes
 * the same page wherever. */
void
report_note_command(struct run *r, int argc, char **argv)
{
	int i;

	vt_buf_init(&r->command, COMMAND_MAX);
	vt_buf_str(&r->command, "vt-plan");
	for (i = 1; i < argc; i++)
		if (i < r->report_first || i > r->report_last)
			put_argument(&r->command, argv[i]);
}

/* --- versions and moves --------------------------------------------------- */

static const struct vt_report_place nowhere;

/* Its bill where it would be cheapest of all places it may be. */
static double
least_bill(const struct run *r, const struct decided *p)
{
	const struct vt_cost *c = &p->cost;
	double least = INFINITY, usd;
	size_t k;

	for (k = 0; k < c->count; k++) {
		if (c->excluded[k] && (int)k != p->d.from)
			continue;
		usd = month_bill(r, p, k);
		if (usd < least)
			least = usd;
	}
	return isfinite(least) ? least : 0;
}

/* Negative: nobody says which time it is. */
static double
age_days(const struct run *r, const struct vt_scan_record *rec)
{
	int64_t now = r->now_us != INT64_MAX ? r->now_us :
	    rec->covered_to_us;

	if (now == 0)
		return -1;
	return now > rec->mtime_us ?
	    (double)(now - rec->mtime_us) / (double)DAY_US : 0;
}

struct vt_report_place
report_version(struct run *r, const struct decided *p, const struct outcome *o)
{
	static const enum vt_report_held held[VT_PLAN_VERDICTS] = {
		VT_REPORT_MOVE, VT_REPORT_BEST, VT_REPORT_WAIT,
		VT_REPORT_HISTORY, VT_REPORT_PINNED, VT_REPORT_LOCKED,
		VT_REPORT_ADOPTED, VT_REPORT_COPIED, VT_REPORT_COPIED,
		VT_REPORT_UNKNOWN_TIER
	};
	const struct vt_scan_record *rec = &p->rec;
	const struct vt_decision *d = &p->d;
	struct vt_report_version v;

	if (r->report == NULL)
		return nowhere;
	v.bucket = rec->bucket;
	v.key = rec->key;
	v.key_len = rec->key_len;
	v.size_bytes = rec->size_bytes;
	v.tier = d->from;
	v.age_days = age_days(r, rec);
	v.idle_days = rec->covered_days > 0 ? d->idle_days : -1;
	v.month_usd = o->now_month;
	v.least_usd = least_bill(r, p);
	v.held = o->state == REMOVAL_DUE ? VT_REPORT_MOVE : held[d->verdict];
	return vt_report_version(r->report, &v);
}

/* What only rules speak of: an upload, a delete marker. */
struct vt_report_place
report_other(struct run *r, const struct vt_scan_record *rec, int tier,
    double now)
{
	struct vt_report_version v;

	if (r->report == NULL)
		return nowhere;
	memset(&v, 0, sizeof(v));
	v.bucket = rec->bucket;
	v.key = rec->key;
	v.key_len = rec->key_len;
	v.size_bytes = rec->size_bytes;
	v.tier = tier;
	v.age_days = age_days(r, rec);
	v.idle_days = -1;
	v.month_usd = v.least_usd = now;
	v.held = VT_REPORT_MOVE;
	return vt_report_version(r->report, &v);
}

void
report_proposal(struct run *r, const struct proposal *p, int capped)
{
	struct vt_report_move m;
	struct vt_err err;

	if (r->report == NULL)
		return;
	m.bucket = p->m.bucket;
	m.key = p->m.key;
	m.key_len = p->m.key_len;
	m.reason = p->m.reason;
	m.place = p->place;
	m.to = p->removal != VT_LC_NONE ? -1 :
	    vt_cost_model_tier(&r->model, p->m.to);
	m.size_bytes = p->m.size_bytes;
	m.now_usd = p->now_month;
	m.after_usd = p->after_month;
	m.saving_usd_month = p->m.saving_usd_month;
	m.cost_usd = p->m.cost_usd;
	m.payback_days = p->m.payback_days;
	m.evidence_days = p->evidence_days;
	m.by_rule = p->removal == VT_LC_NONE && *p->m.rule != '\0';
	if (capped)
		vt_report_capped(r->report, &m);
	else if (vt_report_move(r->report, &m, &err) != VT_OK)
		plan_die(&err);
}

/* --- engines -------------------------------------------------------------- */

static enum vt_report_role
role_of(enum vt_engine_kind kind)
{
	switch (kind) {
	case VT_ENGINE_HOT:
		return VT_REPORT_HOT;
	case VT_ENGINE_AGE:
		return VT_REPORT_AGE;
	case VT_ENGINE_AUTO:
		return VT_REPORT_AUTO;
	case VT_ENGINE_PLAN:
		return VT_REPORT_PLAN;
	default:
		return VT_REPORT_OTHER;
	}
}

/* What it does, or why it was chosen. */
static void
engine_note(const struct run *r, const struct vt_score *s,
    struct vt_report_engine *e)
{
	static const char *const notes[] = {
		[VT_ENGINE_HOT] = "Nothing moves.",
		[VT_ENGINE_AGE] = "Lifecycle rules of the provider, whatever "
		    "is read.",
		[VT_ENGINE_IDLE] = "Down once idleness has cost as much as "
		    "going down and back.",
		[VT_ENGINE_AUTO] = "The provider moves objects by itself: no "
		    "charge for retrieval, one for watching each.",
		[VT_ENGINE_WORK] = "Needs no forecast; what it pays has a "
		    "bound.",
		[VT_ENGINE_HAZARD] = "By how soon objects like these have "
		    "been read again."
	};

	if (s->kind == VT_ENGINE_PLAN) {
		snprintf(e->note, sizeof(e->note), "Each week whichever did "
		    "best so far, on what was known then; now: %s.",
		    vt_contest_winner(r->contest)->name);
		return;
	}
	snprintf(e->note, sizeof(e->note), "%s%s", notes[s->kind],
	    strcmp(s->name, vt_contest_winner(r->contest)->name) == 0 ?
	    " The plan goes by this one now." : "");
}

struct line {
	struct vt_report *report;
	size_t engine;
};

static void
spend(void *ctx, double from, double to, double usd)
{
	struct line *l = ctx;
	struct vt_err err;

	if (vt_report_spend(l->report, l->engine, from, to, usd, &err) !=
	    VT_OK)
		plan_die(&err);
}

/* Week by week; what is scored of the week in which scoring begins is what
 * the later ones leave of the sum. */
static void
tell_weeks(const struct run *r, size_t i, const struct vt_score *s)
{
	double from = (double)r->split_us / (double)DAY_US, rest = s->usd;
	double end = (double)r->covered_to / (double)DAY_US, at, next;
	struct line l = { r->report, i };
	size_t w = vt_contest_weeks(r->contest);

	for (; w > 0; w--) {
		at = vt_contest_week_at(r->contest, w - 1);
		next = vt_contest_week_at(r->contest, w);
		if (next > end)
			next = end;
		if (at < from)
			break;
		rest -= s->week[w - 1];
		spend(&l, at, next > at ? next : at, s->week[w - 1]);
	}
	if (w > 0 && next > from && rest > s->usd * 1e-9)
		spend(&l, from, vt_contest_week_at(r->contest, w), rest);
}

static void
tell_engines(struct run *r)
{
	struct line best = { r->report, 0 };
	const struct vt_spending told = { spend, &best };
	struct vt_report_engine e;
	struct vt_score s;
	struct vt_err err;
	char name[80];
	size_t i, n = r->contest != NULL ? vt_contest_count(r->contest) : 0;

	for (i = 0; i < n && i + 1 < VT_REPORT_ENGINES; i++) {
		vt_contest_score(r->contest, i, &s);
		memset(&e, 0, sizeof(e));
		e.role = role_of(s.kind);
		snprintf(e.label, sizeof(e.label), "%s",
		    engine_label(r, &s, name));
		e.label[0] = (char)toupper((unsigned char)e.label[0]);
		engine_note(r, &s, &e);
		e.chosen = s.kind == VT_ENGINE_PLAN;
		e.usd = s.usd;
		e.storage_usd = s.storage;
		e.reads_usd = s.reads;
		e.moving_usd = s.moving;
		e.moves = (uint64_t)(s.moves + 0.5);
		vt_report_engine(r->report, i, &e);
		if (e.role != VT_REPORT_OTHER)
			tell_weeks(r, i, &s);
	}
	if (n == 0)
		return;
	best.engine = i;
	if (vt_contest_optimum_told(r->contest, &told, &err) != VT_OK)
		plan_die(&err);
	memset(&e, 0, sizeof(e));
	e.role = VT_REPORT_LEAST;
	snprintf(e.label, sizeof(e.label), "The best possible, in hindsight");
	snprintf(e.note, sizeof(e.note), "Knowing all reads beforehand. "
	    "Nobody can do better.");
	e.usd = vt_contest_optimum(r->contest);
	vt_report_engine(r->report, i, &e);
}

/* --- the page ------------------------------------------------------------- */

struct notes {
	char text[NOTES][BESIDE_TEXT];
	const char *list[NOTES];
	size_t count;
};

static void note(struct notes *n, const char *fmt, ...) VT_PRINTF(2, 3);

static void
note(struct notes *n, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(n->text[n->count], sizeof(n->text[0]), fmt, ap);
	va_end(ap);
	n->list[n->count] = n->text[n->count];
	n->count++;
}

/* What else makes the figures other than they look. */
static void
take_notes(const struct run *r, struct notes *n)
{
	uint64_t unknown = r->sum.verdicts[VT_PLAN_UNKNOWN_TIER];
	uint64_t expired = r->removals[VT_LC_EXPIRE] +
	    r->removals[VT_LC_EXPIRE_VERSION];
	char text[BESIDE_TEXT];
	size_t i;

	n->count = 0;
	for (i = 0; i < NOTES - 6 && beside_text(r, i, text) == 0; i++) {
		*text = (char)toupper((unsigned char)*text);
		note(n, "%s: paid wherever the objects lie.", text);
	}
	if (r->contest != NULL &&
	    vt_sample_count(r->sample) < vt_sample_offered(r->sample))
		note(n, "The past was replayed for a sample of %zu of %llu "
		    "objects, the largest in it for sure.",
		    vt_sample_count(r->sample),
		    (unsigned long long)vt_sample_offered(r->sample));
	if (r->failed != 0)
		note(n, "A part of the input could not be read: these figures "
		    "are of the rest.");
	if (r->bad_lines > 0)
		note(n, "Malformed lines of the input were left out: %llu of "
		    "%llu.", (unsigned long long)r->bad_lines,
		    (unsigned long long)r->lines);
	if (unknown > 0)
		note(n, "Objects on tiers that are not configured: %llu. "
		    "Their bill is not known and not in these figures.",
		    (unsigned long long)unknown);
	if (expired > 0)
		note(n, "The past was replayed with the objects that "
		    "lifecycle rules remove now: %llu.",
		    (unsigned long long)expired);
	if (r->sum.locked > 0)
		note(n, "Objects that lifecycle rules would remove but that "
		    "are locked: %llu.", (unsigned long long)r->sum.locked);
}

enum vt_code
replace_file(const char *path, const struct vt_buf *b, struct vt_err *err)
{
	mode_t mask = umask(0);
	char real[PATH_MAX];

	umask(mask);
	/* not the link, but what it points at */
	return vt_fs_replace(realpath(path, real) != NULL ? real : path,
	    0666 & ~mask, b->data, b->len, err);
}

/* A file is replaced, as a whole; anything else is written to. */
static enum vt_code
write_page(const char *path, const struct vt_buf *b, struct vt_err *err)
{
	enum vt_code rc = VT_OK;
	struct stat st;
	int fd;

	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0)
			return vt_fail_errno(err, "cannot open '%s'", path);
		if (vt_fs_write_all(fd, b->data, b->len) < 0)
			rc = vt_fail_errno(err, "cannot write '%s'", path);
		close(fd);
		return rc;
	}
	return replace_file(path, b, err);
}

void
report_write(struct run *r)
{
	struct vt_report_facts f;
	struct notes notes;
	struct vt_buf page;
	struct vt_err err;

	/* a part of a plan is none */
	if (r->report == NULL || cli_stopping())
		return;
	tell_engines(r);
	take_notes(r, &notes);
	memset(&f, 0, sizeof(f));
	f.covered_from_us = r->covered_from;
	f.covered_to_us = r->covered_to;
	f.scored_from_us = r->split_us;
	f.covered_days = r->covered_days;
	f.min_history_days = r->policy.min_history_days;
	f.is_estimate = r->config == NULL;
	f.prices_title = vt_prices_title(r->prices);
	f.prices_digest = vt_prices_digest(r->prices);
	f.plan_id = r->plan_id;
	f.version = "vt-plan " VT_VERSION;
	f.command = r->command.data;
	f.notes = notes.list;
	f.note_count = notes.count;
	/* with --packs those of the plan, else what it would bring */
	f.pack_objects = r->found_packs.objects;
	f.pack_bytes = r->found_packs.bytes;
	f.pack_count = r->found_packs.packs;
	f.pack_saving_usd_month = r->found_packs.more;
	if (r->found_packs.saving > 0)
		f.pack_payback_days = r->found_packs.payback /
		    r->found_packs.saving;
	f.pack_cost_usd = r->found_packs.payback / r->model.month_days;
	vt_buf_init(&page, VT_REPORT_BYTES_MAX);
	vt_report_html(r->report, &f, &page);
	if (vt_buf_check(&page, "the report", &err) != VT_OK)
		plan_die(&err);
	if (r->report_only)
		(void)cli_out_buf(&page);	/* sticks; cli_finish tells */
	else if (write_page(r->report_path, &page, &err) != VT_OK) {
		/* no folder is no item that failed */
		cli_warn("%s", err.text);
		r->failed = cli_status_of(err.code) == CLI_LATER ?
		    CLI_LATER : CLI_FAILED;
	}
	vt_buf_release(&page);
}
