/*
 * --model: what engines were taught by the past, kept for a week of plans.  A
 * run that has it needs no sample, no contest, and no second pass.
 *
 * The age of a model is counted in the time that logs cover: from what the
 * first version had, that had any, when it was learned, to what the first one
 * has now.
 */
#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/fs.h"
#include "libvt/base/hash.h"

#include "plan.h"

#ifndef VT_VERSION
#define VT_VERSION "unknown"
#endif

#define MODEL_MAX_US ((int64_t)(VT_CONTEST_WEEK * 86400e6))

/* All that the contest goes by and that is in no line. */
static void
digest_terms(const struct run *r, uint8_t out[32])
{
	const struct vt_cost_model *m = &r->model;
	struct vt_buf b;
	size_t i;

	vt_buf_init(&b, 1 << 16);
	vt_buf_printf(&b, "%s %s %d %s %.17g %.17g %d %d", VT_VERSION,
	    vt_prices_digest(r->prices), (int)r->how,
	    r->engines != NULL ? r->engines : "-",
	    r->policy.min_history_days, r->policy.payback_max_days,
	    r->self_moving, r->may_self_move);
	vt_buf_printf(&b, " %s", r->places != NULL ?
	    vt_places_digest(r->places) : "-");
	for (i = 0; i < m->count; i++) {
		const struct vt_cost_tier *t = &m->tier[i];

		vt_buf_printf(&b, "\n%s %s %s %d %d %.17g %.17g %.17g %.17g",
		    t->name, t->price.name, r->classes[i], t->excluded,
		    t->compresses, t->volume_gb, t->read_gb, t->write_gb,
		    t->price.restore);
		vt_buf_printf(&b, " %.17g %llu %u %u", t->price.retrieval_gb,
		    (unsigned long long)t->parts.part_bytes,
		    t->parts.parts_max, t->parts.beside);
	}
	if (b.failed || vt_hash_once(VT_SHA256, b.data, b.len, out) < 0)
		plan_no_memory();
	vt_buf_release(&b);
}

/* --- the one that is there ------------------------------------------------ */

/* Why all is learned anew, for the summary; of what should not be, a warning
 * at once. */
static void
not_used(struct run *r, const char *why)
{
	snprintf(r->model_why, sizeof(r->model_why), "%s", why);
}

static void
read_model(struct run *r, const char *data, size_t len)
{
	struct vt_err err;
	enum vt_code rc;

	rc = vt_learned_parse(data, len, &r->model, &r->kept, &err);
	if (rc == VT_NOMEM)
		plan_die(&err);
	if (rc == VT_OK && memcmp(vt_learned_facts(r->kept)->terms,
	    r->terms_digest, sizeof(r->terms_digest)) != 0) {
		vt_learned_free(r->kept);
		r->kept = NULL;
		not_used(r, "the one there is of other prices, tiers, "
		    "policies or options");
		return;
	}
	if (rc == VT_OK)
		return;
	not_used(r, err.text);
	/* it is somebody's: not ours to replace */
	r->model_foreign = r->model_failed = rc == VT_INVALID;
	if (rc != VT_PRECONDITION)
		cli_warn("'%s' is not used: %s", r->model_path, err.text);
}

void
model_open(struct run *r)
{
	struct vt_err err;
	enum vt_code rc;
	struct stat st;
	char *data;
	size_t len;

	digest_terms(r, r->terms_digest);
	if (r->model_path == NULL)
		return;
	not_used(r, "there was none");
	if (stat(r->model_path, &st) == 0 && !S_ISREG(st.st_mode))
		exit(cli_usage_error("--model: '%s' is no file",
		    r->model_path));
	rc = vt_fs_read(r->model_path, VT_LEARNED_MAX, &data, &len, &err);
	if (rc == VT_ABSENT)
		return;
	if (rc == VT_OK) {
		read_model(r, data, len);
		free(data);
		return;
	}
	r->model_foreign = r->model_failed = rc == VT_TOO_LARGE;
	not_used(r, err.text);
	cli_warn("%s", err.text);
}

/* Is it of a log that ends then, or did up to a week before? */
static int
is_fresh(struct run *r, int64_t as_of_us)
{
	const struct vt_learned_facts *f = vt_learned_facts(r->kept);
	char day[11], why[128];

	if (as_of_us == 0) {
		not_used(r, "the first versions tell of no covered time");
		return 0;
	}
	day_text(f->as_of_us, day);
	if (as_of_us < f->as_of_us)
		snprintf(why, sizeof(why), "the one there is of %s, after "
		    "these lines",
		    day);
	else if (as_of_us - f->as_of_us > MODEL_MAX_US)
		snprintf(why, sizeof(why), "the one there is of %s, more than "
		    "%.0f days before these lines", day, VT_CONTEST_WEEK);
	else
		return 1;
	not_used(r, why);
	return 0;
}

void
model_choose(struct run *r, int64_t first_end_us)
{
	const struct vt_learned_facts *f;

	r->model_chosen = 1;
	if (r->kept == NULL)
		return;
	/* a page tells of the contest: one is held */
	if (r->report != NULL || !is_fresh(r, r->now_us != INT64_MAX ?
	    r->now_us : first_end_us)) {
		vt_learned_free(r->kept);
		r->kept = NULL;
		return;
	}
	r->learned = r->kept;
	r->kept = NULL;
	r->is_kept = 1;
	f = vt_learned_facts(r->learned);
	r->policy.log_days = f->log_days;
	r->learned_until_us = (f->covered_to_us > f->as_of_us ?
	    f->covered_to_us : f->as_of_us) + MODEL_MAX_US;
	/* what packs would save is told where all is learned anew */
	if (!r->packs)
		packs_end(r);
	r->one_by_one = r->explain != NULL || r->packer != NULL;
	r->is_direct = !r->one_by_one;
}

int
is_beyond(const struct run *r, const struct vt_scan_record *rec)
{
	return rec->covered_to_us > r->learned_until_us &&
	    r->now_us > r->learned_until_us;
}

/* --- a new one ------------------------------------------------------------ */

/* Nothing is kept of a log that is too short for any move (it would last a week
 * while that log grows), of a part of the input, or for one answer. */
static int
may_keep(const struct run *r)
{
	return r->model_path != NULL && r->explain == NULL &&
	    !r->model_foreign && r->failed == 0 && !cli_stopping() &&
	    r->covered_days >= r->policy.min_history_days;
}

static void
write_model(struct run *r, const struct vt_buf *b)
{
	struct vt_err err;

	if (replace_file(r->model_path, b, &err) == VT_OK)
		return;
	cli_warn("--model: %s", err.text);
	r->model_failed = 1;
}

void
model_learn(struct run *r)
{
	struct vt_learned_facts f;
	struct vt_err err;
	struct vt_buf b;

	memset(&f, 0, sizeof(f));
	memcpy(f.terms, r->terms_digest, sizeof(f.terms));
	f.tiers = r->model.count;
	f.as_of_us = r->now_us != INT64_MAX ? r->now_us : r->first_ends_us;
	f.covered_from_us = r->covered_from;
	f.covered_to_us = r->covered_to < r->now_us ? r->covered_to :
	    r->now_us;
	f.log_days = r->covered_days;
	f.versions = vt_sample_offered(r->sample);
	f.sampled = vt_sample_count(r->sample);
	f.plan_usd = engine_usd(r, VT_ENGINE_PLAN);
	f.hot_usd = engine_usd(r, VT_ENGINE_HOT);
	f.best_usd = -1;
	/* takes as long as an engine's replay */
	if (!r->simulate && (!r->quiet || r->model_path != NULL))
		f.best_usd = vt_contest_optimum(r->contest);
	vt_buf_init(&b, VT_LEARNED_MAX);
	vt_learned_format(r->contest, r->sample, &f, &b);
	if (vt_buf_check(&b, "what engines learned", &err) != VT_OK ||
	    vt_learned_parse(b.data, b.len, &r->model, &r->learned, &err) !=
	    VT_OK)
		plan_die(&err);
	if (may_keep(r))
		write_model(r, &b);
	vt_buf_release(&b);
}

/* --- what is told of it --------------------------------------------------- */

void
model_summarize(const struct run *r)
{
	const struct vt_learned_facts *f;
	char day[11];

	if (r->model_path == NULL || r->learned == NULL)
		return;
	f = vt_learned_facts(r->learned);
	day_text(f->as_of_us, day);
	if (r->is_kept)
		cli_warn("by the model of %s in '%s': %s in charge, learned "
		    "of %llu versions over %.1f days", day,
		    r->model_path, vt_learned_winner(r->learned)->name,
		    (unsigned long long)f->versions, f->log_days);
	else if (r->report != NULL)
		cli_warn("learned anew for the report: %s in charge",
		    vt_learned_winner(r->learned)->name);
	else
		cli_warn("learned anew (%s): %s in charge", r->model_why,
		    vt_learned_winner(r->learned)->name);
}

void
model_end(struct run *r)
{
	if (r->is_kept && r->sum.beyond > 0) {
		cli_warn("%llu versions are of a log that ends more than "
		    "%.0f days after the model in '%s': the work function "
		    "decided on them, and the model is removed",
		    (unsigned long long)r->sum.beyond, VT_CONTEST_WEEK,
		    r->model_path);
		if (unlink(r->model_path) < 0 && errno != ENOENT) {
			cli_warn("cannot remove '%s': %s", r->model_path,
			    strerror(errno));
			r->model_failed = 1;
		}
	}
	vt_learned_free(r->kept);
	vt_learned_free(r->learned);
}
