/* What the rules of a lifecycle configuration say of an object. */
#include <string.h>

#include "libvt/proto/lifecycle.h"

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Is the query-encoded `s` the bytes `want`? */
static int
encoded_is(const char *s, size_t len, const char *want, size_t want_len)
{
	size_t i = 0, n = 0;
	char c;

	for (; i < len; i++, n++) {
		c = s[i];
		if (c == '+') {
			c = ' ';
		} else if (c == '%' && i + 2 < len &&
		    hex_digit(s[i + 1]) >= 0 && hex_digit(s[i + 2]) >= 0) {
			c = (char)(hex_digit(s[i + 1]) * 16 +
			    hex_digit(s[i + 2]));
			i += 2;
		}
		if (n >= want_len || want[n] != c)
			return 0;
	}
	return n == want_len;
}

static int
has_tag(const char *tags, const struct vt_lc_tag *tag)
{
	const char *end, *eq;
	size_t key_len, len;

	for (; tags != NULL && *tags != '\0'; tags = *end ? end + 1 : end) {
		len = strcspn(tags, "&");
		end = tags + len;
		eq = memchr(tags, '=', len);
		key_len = eq != NULL ? (size_t)(eq - tags) : len;
		if (!encoded_is(tags, key_len, tag->key, tag->key_len))
			continue;
		return eq == NULL ? tag->value_len == 0 :
		    encoded_is(eq + 1, len - key_len - 1, tag->value,
		    tag->value_len);
	}
	return 0;
}

static int
matches(const struct vt_lc_rule *rule, const struct vt_lc_subject *s)
{
	size_t i;

	if (!rule->enabled || s->key_len < rule->prefix_len ||
	    memcmp(s->key, rule->prefix, rule->prefix_len) != 0)
		return 0;
	/* neither has a size or tags of its own */
	if ((s->is_upload || s->is_marker) && (rule->has_larger ||
	    rule->has_smaller || rule->tag_count > 0))
		return 0;
	if (rule->has_larger && s->size_bytes <= rule->larger_than)
		return 0;
	if (rule->has_smaller && s->size_bytes >= rule->smaller_than)
		return 0;
	for (i = 0; i < rule->tag_count; i++)
		if (!has_tag(s->tags, &rule->tag[i]))
			return 0;
	return 1;
}

static int64_t
due(const struct vt_lifecycle *lc, const struct vt_lc_when *w,
    int64_t since_us)
{
	int64_t us;

	if (w->has_date)
		return w->date_us;
	if (since_us < 0)
		since_us = 0;
	/* farther than any clock: never, and no overflow */
	if (w->days > (INT64_MAX / 4) / lc->day_us)
		return INT64_MAX;
	us = since_us + w->days * lc->day_us;
	if (lc->day_us == VT_LC_DAY_US && us % VT_LC_DAY_US != 0)
		us += VT_LC_DAY_US - us % VT_LC_DAY_US;
	return us;
}

static void
offer(const struct vt_lifecycle *lc, const struct vt_lc_rule *rule,
    enum vt_lc_action action, const struct vt_lc_when *w, int64_t since_us,
    struct vt_lc_removal *out)
{
	int64_t us;

	if (!w->has_days && !w->has_date)
		return;
	us = due(lc, w, since_us);
	/* the shortest wins, whichever rule it is of */
	if (out->action != VT_LC_NONE && out->due_us <= us)
		return;
	out->action = action;
	out->rule = rule;
	out->due_us = us;
	out->days = w->has_days ? w->days : -1;
	out->since_us = since_us;
	out->keep_newer = action == VT_LC_EXPIRE_VERSION ?
	    rule->keep_newer : 0;
}

void
vt_lifecycle_removal(const struct vt_lifecycle *lc,
    const struct vt_lc_subject *s, struct vt_lc_removal *out)
{
	static const struct vt_lc_when now = { 1, 0, 0, 0 };
	const struct vt_lc_rule *rule;
	size_t i;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < lc->count; i++) {
		rule = &lc->rule[i];
		if (!matches(rule, s))
			continue;
		if (s->is_upload) {
			offer(lc, rule, VT_LC_ABORT_UPLOAD, &rule->abort,
			    s->created_us, out);
		} else if (!s->is_current) {
			if (s->newer >= rule->keep_newer)
				offer(lc, rule, VT_LC_EXPIRE_VERSION,
				    &rule->noncurrent,
				    s->noncurrent_since_us, out);
		} else if (!s->is_marker) {
			offer(lc, rule, VT_LC_EXPIRE, &rule->expire,
			    s->created_us, out);
		} else if (s->is_alone) {
			if (rule->expire_marker)
				offer(lc, rule, VT_LC_EXPIRE_MARKER, &now,
				    s->created_us, out);
			offer(lc, rule, VT_LC_EXPIRE_MARKER, &rule->expire,
			    s->created_us, out);
		}
	}
}

/* Does the default for small objects let it go there? */
static int
large_enough(const struct vt_lifecycle *lc, const struct vt_lc_rule *rule,
    const char *storage_class, uint64_t size)
{
	if (rule->has_larger || rule->has_smaller || size >= lc->min_bytes)
		return 1;
	return lc->varies && (strcmp(storage_class, "GLACIER") == 0 ||
	    strcmp(storage_class, "DEEP_ARCHIVE") == 0);
}

void
vt_lifecycle_transitions(const struct vt_lifecycle *lc,
    const struct vt_lc_subject *s,
    void (*visit)(void *ctx, const struct vt_lc_move *m), void *ctx)
{
	const struct vt_lc_rule *rule;
	const struct vt_lc_transition *t;
	struct vt_lc_move m;
	size_t i, j, n;

	if (s->is_upload || s->is_marker)
		return;
	for (i = 0; i < lc->count; i++) {
		rule = &lc->rule[i];
		if (!matches(rule, s))
			continue;
		t = s->is_current ? rule->transition :
		    rule->noncurrent_transition;
		n = s->is_current ? rule->transition_count :
		    rule->noncurrent_transition_count;
		for (j = 0; j < n; j++) {
			if (!large_enough(lc, rule, t[j].storage_class,
			    s->size_bytes))
				continue;
			m.rule = rule;
			m.storage_class = t[j].storage_class;
			m.since_us = s->is_current ? s->created_us :
			    s->noncurrent_since_us;
			m.days = t[j].when.has_days ? t[j].when.days : -1;
			m.due_us = !s->is_current &&
			    s->newer < t[j].keep_newer ? INT64_MAX :
			    due(lc, &t[j].when, m.since_us);
			visit(ctx, &m);
		}
	}
}

static const char *const action_names[VT_LC_ACTIONS] = {
	"", "expire", "expire-version", "expire-marker", "abort-upload"
};

const char *
vt_lc_action_name(enum vt_lc_action action)
{
	return action_names[action];
}

enum vt_lc_action
vt_lc_action_find(const char *name)
{
	int i;

	for (i = 1; i < VT_LC_ACTIONS; i++)
		if (strcmp(name, action_names[i]) == 0)
			return (enum vt_lc_action)i;
	return VT_LC_NONE;
}
