#include <stdio.h>
#include <string.h>

#include "libvt/base/clock.h"

#include "libvt/work/rules.h"

/* --- where a version may be ----------------------------------------------- */

struct bounding {
	struct vt_bounds *b;
	const char *const *classes;
	int64_t now_us;
};

static void
bound(void *ctx, const struct vt_lc_move *m)
{
	struct bounding *g = ctx;
	struct vt_bounds *b = g->b;
	size_t i;

	for (i = 0; i < b->count && strcmp(g->classes[i],
	    m->storage_class) != 0; i++)
		;
	if (i == b->count)
		return;
	if (m->due_us <= g->now_us) {
		/* of several the coldest, as it is the cheapest */
		if ((int)i > b->must) {
			b->must = (int)i;
			b->why = *m;
		}
		return;
	}
	if (!b->has_next || m->due_us < b->next.due_us) {
		b->has_next = 1;
		b->next = *m;
	}
	for (; i < b->count; i++)
		b->barred[i] = 1;
}

void
vt_rules_bounds(const struct vt_lifecycle *lc, const struct vt_lc_subject *s,
    const char *const *classes, size_t count, int64_t now_us,
    struct vt_bounds *out)
{
	struct bounding g = { .b = out, .classes = classes,
	    .now_us = now_us };
	int i;

	memset(out, 0, sizeof(*out));
	out->count = count < VT_TIERS_MAX ? count : VT_TIERS_MAX;
	out->must = -1;
	vt_lifecycle_transitions(lc, s, bound, &g);
	/* What is due goes before what another rule holds back, and there is
	 * no way up again. */
	for (i = 0; i < out->must; i++)
		out->barred[i] = 1;
	if (out->must >= 0)
		out->barred[out->must] = 0;
}

size_t
vt_rules_classes(const struct vt_config *config, const char **classes)
{
	size_t i;

	for (i = 0; i < config->tier_count; i++)
		classes[i] = config->tier[i].storage_class;
	return config->tier_count;
}

/* --- words ---------------------------------------------------------------- */

/* The day alone where it is midnight. */
static const char *
time_text(int64_t us, char out[25])
{
	vt_time_rfc3339_ms(us, out);
	if (us % VT_LC_DAY_US == 0)
		out[10] = '\0';
	return out;
}

static void
days_text(int64_t days, int64_t due_us, const char *since, char out[64])
{
	char date[25];

	if (days < 0)
		snprintf(out, 64, "on %s", time_text(due_us, date));
	else
		snprintf(out, 64, "%lld day%s after %s", (long long)days,
		    days == 1 ? "" : "s", since);
}

void
vt_rules_removal_text(const struct vt_lc_removal *r, char out[VT_RULES_TEXT])
{
	const char *id = r->rule->id;
	char when[64];

	switch (r->action) {
	case VT_LC_EXPIRE:
		days_text(r->days, r->due_us, "its creation", when);
		snprintf(out, VT_RULES_TEXT, "rule '%s': expired %s", id,
		    when);
		break;
	case VT_LC_EXPIRE_VERSION:
		days_text(r->days, r->due_us, "a newer version came", when);
		if (r->keep_newer > 0)
			snprintf(out, VT_RULES_TEXT, "rule '%s': expired %s, "
			    "with %u newer noncurrent ones", id, when,
			    r->keep_newer);
		else
			snprintf(out, VT_RULES_TEXT, "rule '%s': expired %s",
			    id, when);
		break;
	case VT_LC_EXPIRE_MARKER:
		snprintf(out, VT_RULES_TEXT, "rule '%s': a delete marker "
		    "with no version left to hide", id);
		break;
	case VT_LC_ABORT_UPLOAD:
		days_text(r->days, r->due_us, "it was begun", when);
		snprintf(out, VT_RULES_TEXT, "rule '%s': not complete %s", id,
		    when);
		break;
	default:
		*out = '\0';
	}
}

void
vt_rules_move_text(const struct vt_lc_move *m, char out[VT_RULES_TEXT])
{
	char when[64];

	days_text(m->days, m->due_us, "its creation", when);
	snprintf(out, VT_RULES_TEXT, "rule '%s': to %s %s", m->rule->id,
	    m->storage_class, when);
}

void
vt_rules_barred_text(const struct vt_bounds *b, const char *class_name,
    char out[VT_RULES_TEXT])
{
	char date[25];

	if (b->has_next && b->next.due_us != INT64_MAX)
		snprintf(out, VT_RULES_TEXT, "rule '%s' keeps it from %.64s "
		    "until %s", b->next.rule->id, class_name,
		    time_text(b->next.due_us, date));
	else
		snprintf(out, VT_RULES_TEXT, "rule '%s' keeps it from %.64s",
		    b->has_next ? b->next.rule->id : b->must >= 0 ?
		    b->why.rule->id : "", class_name);
}

/* --- from records --------------------------------------------------------- */

void
vt_rules_record(const struct vt_scan_record *r, struct vt_lc_subject *out)
{
	memset(out, 0, sizeof(*out));
	out->key = r->key;
	out->key_len = r->key_len;
	out->tags = r->tags;
	out->size_bytes = r->size_bytes;
	out->created_us = r->mtime_us;
	out->is_upload = r->kind == VT_SCAN_UPLOAD;
	out->is_marker = r->kind == VT_SCAN_MARKER;
	out->is_current = r->is_current;
	out->is_alone = r->is_alone;
	out->newer = r->newer;
	/* without it nothing is known to be due */
	out->noncurrent_since_us = r->noncurrent_since_us != 0 ?
	    r->noncurrent_since_us : INT64_MAX / 4;
}
