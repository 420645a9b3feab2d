/*
 * Placement policies: see place.h.
 *
 * For each bucket that is named, and for all others together, the prefixes at
 * which what holds changes are worked out once, sorted: those of its own
 * policies and those of all buckets.  Of the prefixes that a key begins with
 * the longest is the last one not behind the key, or one that this begins
 * with.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/buf.h"
#include "libvt/base/hash.h"
#include "libvt/base/hex.h"

#include "libvt/work/place.h"

/* Stands for a policy's name where none is. */
#define CLOSED_NAME "closed tiers"

const char *const vt_place_field_name[VT_PLACE_FIELDS] = {
	"tiers", "locations", "min_durability_nines", "max_first_byte_ms",
	"pin", "min_history_days", "payback_max_days", "copies", "ack",
	"spread"
};

/* A prefix, and what holds for the keys that have no longer one. */
struct node {
	const char *prefix;
	size_t len;
	size_t parent;		/* the longest one that this begins with, or
				   SIZE_MAX */
	struct vt_place place;
};

/* The nodes of one bucket; the policies of its own. */
struct group {
	const char *bucket;
	struct node *node;
	size_t count;
	size_t first, end;	/* of policy[] */
};

struct vt_places {
	struct vt_place_policy *policy;	/* of all buckets first; by bucket,
					   then prefix */
	size_t policy_count;
	size_t any_count;		/* so many are of all buckets */
	struct vt_place_tier tier[VT_PLACE_TIERS];
	size_t tier_count;
	int has_closed;			/* of the tiers */
	struct group *group;		/* by name; the first of all others */
	size_t group_count;
	char digest[17];
};

static void
free_list(char **list)
{
	size_t i;

	for (i = 0; list != NULL && list[i] != NULL; i++)
		free(list[i]);
	free(list);
}

void
vt_place_policies_free(struct vt_place_policy *policies, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		free(policies[i].bucket);
		free(policies[i].prefix);
		free(policies[i].pin);
		free(policies[i].spread);
		free_list(policies[i].tiers);
		free_list(policies[i].locations);
	}
	free(policies);
}

static void
free_groups(struct vt_places *p)
{
	size_t i;

	for (i = 0; i < p->group_count; i++)
		free(p->group[i].node);
	free(p->group);
}

void
vt_places_free(struct vt_places *p)
{
	if (p == NULL)
		return;
	free_groups(p);
	vt_place_policies_free(p->policy, p->policy_count);
	free(p);
}

/* --- order ---------------------------------------------------------------- */

static int
is_any(const struct vt_place_policy *q)
{
	return strcmp(q->bucket, "*") == 0;
}

static int
compare_policies(const void *x, const void *y)
{
	const struct vt_place_policy *a = x, *b = y;
	int c = is_any(b) - is_any(a);

	if (c == 0)
		c = strcmp(a->bucket, b->bucket);
	return c != 0 ? c : strcmp(a->prefix, b->prefix);
}

static int
compare_nodes(const void *x, const void *y)
{
	const struct node *a = x, *b = y;

	return strcmp(a->prefix, b->prefix);
}

static int
begins_with(const char *key, size_t len, const char *prefix, size_t n)
{
	return n <= len && memcmp(key, prefix, n) == 0;
}

/* A long name is cut between two characters. */
static void
name_policy(struct vt_place_policy *q)
{
	size_t n = (size_t)snprintf(q->name, sizeof(q->name), "%s/%s",
	    q->bucket, q->prefix);

	if (n < sizeof(q->name))
		return;
	n = sizeof(q->name) - sizeof("...");
	while (n > 0 && ((unsigned char)q->name[n] & 0xc0) == 0x80)
		n--;
	memcpy(q->name + n, "...", sizeof("..."));
}

/* --- what holds ----------------------------------------------------------- */

static int
find_tier(const struct vt_places *p, const char *name)
{
	size_t i;

	for (i = 0; i < p->tier_count; i++)
		if (strcmp(p->tier[i].name, name) == 0)
			return (int)i;
	return -1;
}

static int
is_listed(char *const *list, const char *s)
{
	size_t n;

	for (; *list != NULL; list++) {
		n = strlen(*list);
		if (strcmp(*list, s) == 0 || (n > 0 && (*list)[n - 1] == '*' &&
		    strncmp(*list, s, n - 1) == 0))
			return 1;
	}
	return 0;
}

/* Does this field, as the policy has it, rule the tier out? */
static int
rules_out(const struct vt_place_policy *q, enum vt_place_field f,
    const struct vt_place_tier *t)
{
	switch (f) {
	case VT_PLACE_TIER_LIST:
		return !is_listed(q->tiers, t->name);
	case VT_PLACE_LOCATIONS:
		return !is_listed(q->locations, t->location);
	case VT_PLACE_DURABILITY:
		return t->durability_nines < q->min_durability_nines;
	case VT_PLACE_FIRST_BYTE:
		return t->needs_restore ||
		    t->first_byte_ms > (int64_t)q->max_first_byte_ms;
	case VT_PLACE_PIN:
		return strcmp(q->pin, t->name) != 0;
	default:
		return 0;
	}
}

/* Named, but only to lift what others ask. */
static int
is_lifted(const struct vt_place_policy *q, enum vt_place_field f)
{
	switch (f) {
	case VT_PLACE_TIER_LIST:
		return q->tiers == NULL;
	case VT_PLACE_LOCATIONS:
		return q->locations == NULL;
	case VT_PLACE_DURABILITY:
		return q->min_durability_nines == 0;
	case VT_PLACE_FIRST_BYTE:
		return q->max_first_byte_ms == 0;
	case VT_PLACE_PIN:
		return q->pin == NULL;
	case VT_PLACE_HISTORY:
		return q->min_history_days == 0;
	case VT_PLACE_COPIES:
		return q->copies == 0;
	case VT_PLACE_ACK:
		return q->ack == 0;
	case VT_PLACE_SPREAD:
		return q->spread == NULL;
	default:
		return q->payback_max_days == 0;
	}
}

/* The policies of a range that the prefix begins with, shorter ones first. */
static const struct vt_place_policy *
take_range(const struct vt_places *p, size_t first, size_t end,
    const struct node *n, struct vt_place *w)
{
	const struct vt_place_policy *last = NULL, *q;
	size_t i;
	int f;

	for (i = first; i < end; i++) {
		q = &p->policy[i];
		if (!begins_with(n->prefix, n->len, q->prefix,
		    strlen(q->prefix)))
			continue;
		last = q;
		for (f = 0; f < VT_PLACE_FIELDS; f++)
			if ((q->given >> f) & 1)
				w->by[f] = is_lifted(q, f) ? NULL : q;
	}
	return last;
}

/* How many copies, how many before a write is acknowledged (all, when nobody
 * says), and that there are as many places for them. */
static enum vt_code
resolve_copies(const struct vt_places *p, const struct group *g,
    const struct node *n, struct vt_place *w, struct vt_place_fault *fault,
    struct vt_err *err)
{
	const struct vt_place_policy *q = w->by[VT_PLACE_COPIES];
	unsigned places;

	w->copies = w->ack = 1;
	if (q == NULL)
		return VT_OK;
	w->copies = w->ack = q->copies;
	if (w->by[VT_PLACE_ACK] != NULL &&
	    w->by[VT_PLACE_ACK]->ack < w->ack)
		w->ack = w->by[VT_PLACE_ACK]->ack;
	w->by_tier = w->by[VT_PLACE_SPREAD] != NULL &&
	    strcmp(w->by[VT_PLACE_SPREAD]->spread, "tier") == 0;
	places = vt_place_spread(p, w, UINT32_MAX);
	if (places >= w->copies)
		return VT_OK;
	fault->index = q->index;
	fault->field = vt_place_field_name[VT_PLACE_COPIES];
	return vt_fail(err, VT_INVALID, "'%.40s/%.40s' is to have %u copies "
	    "and may lie %s %u %s", g->bucket, n->prefix, w->copies,
	    w->by_tier ? "on" : "at", places, w->by_tier ? "tiers" :
	    "locations");
}

static enum vt_code
resolve(const struct vt_places *p, const struct group *g, struct node *n,
    struct vt_place_fault *fault, struct vt_err *err)
{
	const struct vt_place_policy *any, *own, *q;
	struct vt_place *w = &n->place;
	char why[VT_PLACE_TEXT];
	size_t k;
	int f;

	memset(w, 0, sizeof(*w));
	any = take_range(p, 0, p->any_count, n, w);
	own = g == p->group ? NULL : take_range(p, g->first, g->end, n, w);
	q = own != NULL ? own : any;
	w->name = q != NULL ? q->name : CLOSED_NAME;
	w->pin = -1;
	for (k = 0; k < p->tier_count; k++) {
		w->allowed |= UINT32_C(1) << k;
		for (f = 0; f < VT_PLACE_FIELDS; f++)
			if (w->by[f] != NULL &&
			    rules_out(w->by[f], f, &p->tier[k]))
				w->allowed &= ~(UINT32_C(1) << k);
		if (p->tier[k].is_closed)
			w->allowed &= ~(UINT32_C(1) << k);
	}
	if (w->by[VT_PLACE_PIN] != NULL)
		w->pin = find_tier(p, w->by[VT_PLACE_PIN]->pin);
	if (w->by[VT_PLACE_HISTORY] != NULL)
		w->min_history_days =
		    w->by[VT_PLACE_HISTORY]->min_history_days;
	if (w->by[VT_PLACE_PAYBACK] != NULL)
		w->payback_max_days =
		    w->by[VT_PLACE_PAYBACK]->payback_max_days;
	if (w->allowed != 0)
		return resolve_copies(p, g, n, w, fault, err);
	/* that of which others leave nothing tells the most */
	k = w->pin >= 0 ? (size_t)w->pin : 0;
	fault->index = q != NULL ? q->index : 0;
	fault->field = NULL;
	if (q == NULL)
		return vt_fail(err, VT_INVALID, "all tiers are closed");
	return vt_fail(err, VT_INVALID, "leaves no tier for '%.40s/%.40s': %s",
	    g->bucket, n->prefix, vt_place_why(p, w, k, why));
}

/* --- making --------------------------------------------------------------- */

static enum vt_code
no_memory(struct vt_err *err)
{
	return vt_fail(err, VT_NOMEM, "no memory for placement policies");
}

static enum vt_code
unknown_tier(const struct vt_place_policy *q, enum vt_place_field f,
    const char *name, struct vt_place_fault *fault, struct vt_err *err)
{
	fault->index = q->index;
	fault->field = vt_place_field_name[f];
	return vt_fail(err, VT_INVALID, "there is no tier '%.40s'", name);
}

static enum vt_code
check_names(const struct vt_places *p, struct vt_place_fault *fault,
    struct vt_err *err)
{
	const struct vt_place_policy *q;
	size_t i, k;

	for (i = 0; i < p->policy_count; i++) {
		q = &p->policy[i];
		for (k = 0; q->tiers != NULL && q->tiers[k] != NULL; k++)
			if (find_tier(p, q->tiers[k]) < 0)
				return unknown_tier(q, VT_PLACE_TIER_LIST,
				    q->tiers[k], fault, err);
		if (q->pin != NULL && find_tier(p, q->pin) < 0)
			return unknown_tier(q, VT_PLACE_PIN, q->pin, fault,
			    err);
		if (i > 0 && compare_policies(q - 1, q) == 0) {
			fault->index = q->index > q[-1].index ? q->index :
			    q[-1].index;
			fault->field = NULL;
			return vt_fail(err, VT_INVALID, "bucket and prefix "
			    "have a policy already");
		}
	}
	return VT_OK;
}

static void
add_nodes(const struct vt_places *p, struct group *g, size_t first,
    size_t end)
{
	struct node *n;
	size_t i;

	for (i = first; i < end; i++) {
		n = &g->node[g->count++];
		n->prefix = p->policy[i].prefix;
		n->len = strlen(n->prefix);
	}
}

/* The prefixes of a group, each once, sorted, with their parents. */
static enum vt_code
make_group(const struct vt_places *p, struct group *g,
    struct vt_place_fault *fault, struct vt_err *err)
{
	size_t own = g == p->group ? 0 : g->end - g->first, i, k, up;
	struct node *n;
	enum vt_code rc = VT_OK;

	g->node = calloc(p->any_count + own + 2, sizeof(*g->node));
	if (g->node == NULL)
		return no_memory(err);
	/* what is closed is so for every key */
	if (p->has_closed)
		g->node[g->count++].prefix = "";
	add_nodes(p, g, 0, p->any_count);
	add_nodes(p, g, g->first, g->first + own);
	qsort(g->node, g->count, sizeof(*g->node), compare_nodes);
	for (i = k = 0; i < g->count; i++)
		if (k == 0 || compare_nodes(&g->node[k - 1], &g->node[i]) != 0)
			g->node[k++] = g->node[i];
	g->count = k;
	for (i = 0; i < g->count && rc == VT_OK; i++) {
		n = &g->node[i];
		up = i == 0 ? SIZE_MAX : i - 1;
		while (up != SIZE_MAX && !begins_with(n->prefix, n->len,
		    g->node[up].prefix, g->node[up].len))
			up = g->node[up].parent;
		n->parent = up;
		rc = resolve(p, g, n, fault, err);
	}
	return rc;
}

static enum vt_code
make_groups(struct vt_places *p, struct vt_place_fault *fault,
    struct vt_err *err)
{
	struct group *g;
	enum vt_code rc;
	size_t i;

	p->group = calloc(p->policy_count + 1, sizeof(*p->group));
	if (p->group == NULL)
		return no_memory(err);
	p->group[0].bucket = "*";
	p->group_count = 1;
	for (i = p->any_count; i < p->policy_count; i++) {
		g = &p->group[p->group_count - 1];
		if (p->group_count == 1 ||
		    strcmp(g->bucket, p->policy[i].bucket) != 0) {
			g = &p->group[p->group_count++];
			g->bucket = p->policy[i].bucket;
			g->first = i;
		}
		g->end = i + 1;
	}
	for (i = 0; i < p->group_count; i++) {
		rc = make_group(p, &p->group[i], fault, err);
		if (rc != VT_OK)
			return rc;
	}
	return VT_OK;
}

static void
digest_text(struct vt_buf *b, const char *s)
{
	vt_buf_printf(b, "%zu:", strlen(s));
	vt_buf_add(b, s, strlen(s));
}

static void
digest_list(struct vt_buf *b, char *const *list)
{
	for (; list != NULL && *list != NULL; list++)
		digest_text(b, *list);
	vt_buf_char(b, ';');
}

static enum vt_code
make_digest(struct vt_places *p, struct vt_err *err)
{
	const struct vt_place_policy *q;
	uint8_t sum[VT_HASH_MAX];
	enum vt_code rc = VT_OK;
	struct vt_buf b;
	size_t i;

	vt_buf_init(&b, SIZE_MAX / 2);
	for (i = 0; i < p->policy_count; i++) {
		q = &p->policy[i];
		digest_text(&b, q->bucket);
		digest_text(&b, q->prefix);
		digest_list(&b, q->tiers);
		digest_list(&b, q->locations);
		digest_text(&b, q->pin != NULL ? q->pin : "");
		vt_buf_printf(&b, "%x %u %u %u %u\n", q->given,
		    q->max_first_byte_ms, q->min_durability_nines,
		    q->min_history_days, q->payback_max_days);
		if (q->copies != 0 || q->ack != 0 || q->spread != NULL)
			vt_buf_printf(&b, "%u %u %s\n", q->copies, q->ack,
			    q->spread != NULL ? q->spread : "");
	}
	if (vt_buf_check(&b, "placement policies", err) != VT_OK ||
	    vt_hash_once(VT_SHA256, b.data, b.len, sum) < 0)
		rc = no_memory(err);
	else
		vt_hex_encode(sum, 8, p->digest);
	vt_buf_release(&b);
	return rc;
}

enum vt_code
vt_places_make(struct vt_place_policy *policies, size_t count,
    const struct vt_place_tier *tiers, size_t tier_count,
    struct vt_places **out, struct vt_place_fault *fault, struct vt_err *err)
{
	struct vt_places *p = calloc(1, sizeof(*p));
	enum vt_code rc;
	size_t i;

	*out = NULL;
	memset(fault, 0, sizeof(*fault));
	if (p == NULL)
		return no_memory(err);
	p->policy = policies;
	p->policy_count = count;
	p->tier_count = tier_count < VT_PLACE_TIERS ? tier_count :
	    VT_PLACE_TIERS;
	memcpy(p->tier, tiers, p->tier_count * sizeof(*tiers));
	for (i = 0; i < p->tier_count; i++)
		p->has_closed |= tiers[i].is_closed;
	for (i = 0; i < count; i++) {
		policies[i].index = i;
		name_policy(&policies[i]);
		p->any_count += (size_t)is_any(&policies[i]);
	}
	qsort(policies, count, sizeof(*policies), compare_policies);
	rc = check_names(p, fault, err);
	if (rc == VT_OK)
		rc = make_groups(p, fault, err);
	if (rc == VT_OK && count > 0)
		rc = make_digest(p, err);
	if (rc == VT_OK) {
		*out = p;
		return VT_OK;
	}
	free_groups(p);
	free(p);
	return rc;
}

/* --- asking --------------------------------------------------------------- */

static const struct group *
find_group(const struct vt_places *p, const char *bucket)
{
	size_t low = 1, high = p->group_count, mid;
	int c;

	while (low < high) {
		mid = low + (high - low) / 2;
		c = strcmp(bucket, p->group[mid].bucket);
		if (c == 0)
			return &p->group[mid];
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return &p->group[0];
}

/* Is the prefix not behind the key? */
static int
is_before(const struct node *n, const char *key, size_t len)
{
	size_t both = n->len < len ? n->len : len;
	int c = memcmp(n->prefix, key, both);

	return c != 0 ? c < 0 : n->len <= len;
}

const struct vt_place *
vt_places_find(const struct vt_places *p, const char *bucket,
    const char *key, size_t key_len)
{
	const struct group *g;
	size_t low = 0, high, mid;

	if (p == NULL)
		return NULL;
	g = find_group(p, bucket);
	high = g->count;
	while (low < high) {
		mid = low + (high - low) / 2;
		if (is_before(&g->node[mid], key, key_len))
			low = mid + 1;
		else
			high = mid;
	}
	if (low == 0)
		return NULL;
	for (low--; low != SIZE_MAX; low = g->node[low].parent)
		if (begins_with(key, key_len, g->node[low].prefix,
		    g->node[low].len))
			return &g->node[low].place;
	return NULL;
}

const char *
vt_places_digest(const struct vt_places *p)
{
	return p != NULL ? p->digest : "";
}

unsigned
vt_places_copies(const struct vt_places *p)
{
	unsigned most = 1;
	size_t i;

	for (i = 0; p != NULL && i < p->policy_count; i++)
		if (p->policy[i].copies > most)
			most = p->policy[i].copies;
	return most;
}

unsigned
vt_place_spread(const struct vt_places *p, const struct vt_place *w,
    uint32_t tiers)
{
	unsigned count = 0;
	size_t i, k;

	if (w == NULL)
		return (unsigned)__builtin_popcount(tiers);
	tiers &= w->allowed;
	for (k = 0; k < p->tier_count; k++) {
		if (!((tiers >> k) & 1))
			continue;
		for (i = 0; i < k; i++)
			if (!w->by_tier && ((tiers >> i) & 1) &&
			    strcmp(p->tier[i].location,
			    p->tier[k].location) == 0)
				break;
		count += i == k;
	}
	return count;
}

int
vt_place_allows(const struct vt_place *w, size_t k)
{
	return w == NULL || (k < VT_PLACE_TIERS && ((w->allowed >> k) & 1));
}

size_t
vt_place_first(const struct vt_place *w)
{
	size_t k;

	for (k = 0; k < VT_PLACE_TIERS && !vt_place_allows(w, k); k++)
		;
	return k;
}

size_t
vt_place_restored(const struct vt_places *p, const struct vt_place *w)
{
	const struct vt_place_policy *where;
	size_t near = SIZE_MAX, k;

	if (w == NULL)
		return 0;
	where = w->by[VT_PLACE_LOCATIONS];
	for (k = 0; k < p->tier_count; k++) {
		if (p->tier[k].needs_restore || p->tier[k].is_closed)
			continue;
		if (vt_place_allows(w, k))
			return k;
		if (near == SIZE_MAX && (where == NULL ||
		    !rules_out(where, VT_PLACE_LOCATIONS, &p->tier[k])))
			near = k;
	}
	return near;
}

void
vt_place_classes(const struct vt_place *w, const char *const *classes,
    size_t count, const char **out)
{
	size_t k;

	for (k = 0; k < count; k++)
		out[k] = vt_place_allows(w, k) ? classes[k] : "";
}

const char *
vt_place_why(const struct vt_places *p, const struct vt_place *w, size_t k,
    char out[VT_PLACE_TEXT])
{
	const struct vt_place_policy *q;
	const struct vt_place_tier *t;
	int f, n;

	*out = '\0';
	if (k >= p->tier_count) {
		snprintf(out, VT_PLACE_TEXT, "policy '%s' is of configured "
		    "tiers alone", w->name);
		return out;
	}
	t = &p->tier[k];
	if (t->is_closed) {
		snprintf(out, VT_PLACE_TEXT, "tier '%.40s' is closed: it is "
		    "being emptied", t->name);
		return out;
	}
	for (f = 0; f < VT_PLACE_FIELDS; f++)
		if (w->by[f] != NULL && rules_out(w->by[f], f, t))
			break;
	if (f == VT_PLACE_FIELDS)
		return out;
	q = w->by[f];
	n = snprintf(out, VT_PLACE_TEXT, "policy '%s' ", q->name);
	out += n;
	if (f == VT_PLACE_TIER_LIST)
		snprintf(out, VT_PLACE_TEXT - (size_t)n,
		    "does not list '%.40s'", t->name);
	else if (f == VT_PLACE_LOCATIONS)
		snprintf(out, VT_PLACE_TEXT - (size_t)n, "asks for another "
		    "location than '%.40s' of '%.40s'", t->location, t->name);
	else if (f == VT_PLACE_DURABILITY)
		snprintf(out, VT_PLACE_TEXT - (size_t)n, "asks for %u nines "
		    "of durability, '%.40s' has %u", q->min_durability_nines,
		    t->name, t->durability_nines);
	else if (f == VT_PLACE_PIN)
		snprintf(out, VT_PLACE_TEXT - (size_t)n,
		    "pins it to '%.40s'", q->pin);
	else if (t->needs_restore)
		snprintf(out, VT_PLACE_TEXT - (size_t)n, "asks for a first "
		    "byte within %u ms, '%.40s' needs a restore",
		    q->max_first_byte_ms, t->name);
	else
		snprintf(out, VT_PLACE_TEXT - (size_t)n, "asks for a first "
		    "byte within %u ms, '%.40s' takes %lld",
		    q->max_first_byte_ms, t->name,
		    (long long)t->first_byte_ms);
	return out - n;
}
