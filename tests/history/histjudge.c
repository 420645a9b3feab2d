/*
 * Is there an order that explains a history?  The model and what is asked for
 * are in history.h.
 *
 * The search is that of J. Wing and C. Gong ("Testing and verifying concurrent
 * objects", JPDC 1993): take a step that no other must come before and that
 * the model allows, and go on with the rest; back when none is left.  Places
 * where it has been, the set of steps taken and the state they led to, are not
 * gone through again (G. Lowe, "Testing for linearizability", CCPE 2017).
 * And what only reads is taken as soon as it can be: nothing that comes later
 * could need it to be later.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/history/history.h"

#define WORDS (STEPS_MAX / 64)
#define NODES_MAX 4000000	/* then nobody would wait for the answer */

struct stack {
	size_t n;
	uint16_t at[STEPS_MAX];		/* steps that pushed, oldest first */
};

struct memo {			/* places, each once */
	uint16_t **slots;	/* length of the rest, and the rest */
	size_t count, cap;
};

struct search {
	const struct history *h;
	const struct step **s;		/* of one key, by call_us */
	size_t n, words;
	uint64_t placed[WORDS];
	size_t left;			/* with an answer, not placed */
	int64_t latest_call_us;		/* of those placed */
	uint16_t trail[STEPS_MAX];	/* in the order that they were placed */
	size_t trail_len;
	struct memo memo;
	/* How far it came. */
	size_t best_left;
	uint64_t best[WORDS];
	struct stack best_stack;
};

/* --- histories ------------------------------------------------------------ */

struct step *
history_add(struct history *h)
{
	struct step *s;

	if (h->count == h->cap) {
		h->cap = h->cap > 0 ? h->cap * 2 : 256;
		h->steps = realloc(h->steps, h->cap * sizeof(*h->steps));
		if (h->steps == NULL)
			give_up("out of memory");
	}
	s = &h->steps[h->count++];
	memset(s, 0, sizeof(*s));
	s->until_us = NO_ANSWER;
	s->version = UNTOLD;
	return s;
}

void
history_reset(struct history *h, enum versioning versioning)
{
	size_t i;

	for (i = 0; i < h->count; i++)
		free(h->steps[i].list);
	h->count = 0;
	h->versioning = versioning;
	h->body_count = 0;
	h->version_count = 1;
}

/* --- the model ------------------------------------------------------------ */

static int
value_fits(const struct step *pushed, int value)
{
	return value == 0 || pushed->wrote == 0 || pushed->wrote == value;
}

/* A copy to another tier is one part, whatever it was before. */
static int
bytes_fit(const struct step *pushed, int value)
{
	return value == 0 || pushed->wrote == 0 ||
	    (pushed->wrote - 1) / 2 == (value - 1) / 2;
}

static int
version_fits(const struct search *q, const struct step *pushed, int version)
{
	if (version == UNTOLD || q->h->versioning != ENABLED)
		return 1;
	/* Of a write without an answer: one that is nobody else's. */
	if (pushed->wrote_version == 0)
		return version > 0 && !q->h->version_acked[version];
	return pushed->wrote_version == version;
}

/* Where a version lies in the stack, or NULL. */
static const struct step *
find_version(const struct search *q, const struct stack *t, int version,
    int marker, const struct step *s)
{
	const struct step *e;
	size_t i;

	for (i = t->n; i-- > 0;) {
		e = q->s[t->at[i]];
		if (version_fits(q, e, version) &&
		    (e->effect == MARK) == marker &&
		    (s->need != HAS || value_fits(e, s->value)) &&
		    (s->need != HAS_BYTES || bytes_fit(e, s->value)))
			return e;
	}
	return NULL;
}

static int
is_exactly(const struct search *q, const struct stack *t,
    const struct step *s)
{
	const struct listed *l;
	const struct step *e;
	size_t i;

	if (t->n != s->list_count)
		return 0;
	for (i = 0; i < t->n; i++) {
		l = &s->list[t->n - 1 - i];
		e = q->s[t->at[i]];
		if (l->marker != (e->effect == MARK) ||
		    !version_fits(q, e, l->version) ||
		    (!l->marker && !value_fits(e, l->value)))
			return 0;
	}
	return 1;
}

static int
allowed(const struct search *q, const struct stack *t, const struct step *s)
{
	const struct step *top = t->n > 0 ? q->s[t->at[t->n - 1]] : NULL;
	int there = top != NULL && top->effect == PUSH;

	switch (s->need) {
	case NOTHING:
		return 1;
	case ABSENT:
		if (there)
			return 0;
		return top != NULL ? version_fits(q, top, s->version) :
		    s->version <= 0;
	case PRESENT:
		return there;
	case VALUE:
		return there && value_fits(top, s->value) &&
		    version_fits(q, top, s->version);
	case OTHER:
		return there && (top->wrote == 0 || top->wrote != s->value);
	case BYTES:
		return there && bytes_fit(top, s->value) &&
		    version_fits(q, top, s->version);
	case HAS:
	case HAS_BYTES:
		return find_version(q, t, s->version, 0, s) != NULL;
	case HAS_MARKER:
		return find_version(q, t, s->version, 1, s) != NULL;
	case LACKS:
		return !q->h->version_acked[s->version] ||
		    (find_version(q, t, s->version, 0, s) == NULL &&
		    find_version(q, t, s->version, 1, s) == NULL);
	case EXACTLY:
		return is_exactly(q, t, s);
	}
	return 0;
}

static void
take_effect(const struct search *q, struct stack *t, size_t i)
{
	const struct step *s = q->s[i];
	size_t j;

	switch (s->effect) {
	case NO_EFFECT:
		break;
	case PUSH:
	case MARK:
		if (q->h->versioning != ENABLED)
			t->n = 0;
		if (s->effect == PUSH || q->h->versioning != PLAIN)
			t->at[t->n++] = (uint16_t)i;
		break;
	case REMOVE:
		for (j = 0; j < t->n; j++)
			if (q->s[t->at[j]]->wrote_version == s->wrote_version)
				break;
		if (j == t->n)
			break;
		t->n--;
		memmove(t->at + j, t->at + j + 1,
		    (t->n - j) * sizeof(*t->at));
		break;
	}
}

/* --- places where the search has been ------------------------------------- */

static uint64_t
hash_of(const uint16_t *p, size_t n)
{
	uint64_t x = 0xcbf29ce484222325u;

	while (n-- > 0)
		x = (x ^ *p++) * 0x100000001b3u;
	return x ^ x >> 29;
}

static void
memo_put(struct memo *m, uint16_t *entry)
{
	size_t at = hash_of(entry, (size_t)entry[0] + 1) & (m->cap - 1);

	while (m->slots[at] != NULL)
		at = (at + 1) & (m->cap - 1);
	m->slots[at] = entry;
}

static void
memo_grow(struct memo *m)
{
	uint16_t **old = m->slots;
	size_t i, n = m->cap;

	m->cap = n > 0 ? n * 2 : 1024;
	m->slots = calloc(m->cap, sizeof(*m->slots));
	if (m->slots == NULL)
		give_up("out of memory");
	for (i = 0; i < n; i++)
		if (old[i] != NULL)
			memo_put(m, old[i]);
	free(old);
}

static void
memo_free(struct memo *m)
{
	size_t i;

	for (i = 0; i < m->cap; i++)
		free(m->slots[i]);
	free(m->slots);
	memset(m, 0, sizeof(*m));
}

/* 1 when it is new. */
static int
memo_add(struct search *q, const struct stack *t)
{
	struct memo *m = &q->memo;
	size_t n = q->words * 4 + t->n, at;
	uint16_t *entry = malloc((n + 1) * sizeof(*entry));

	if (entry == NULL)
		give_up("out of memory");
	entry[0] = (uint16_t)n;
	memcpy(entry + 1, q->placed, q->words * sizeof(*q->placed));
	memcpy(entry + 1 + q->words * 4, t->at, t->n * sizeof(*t->at));
	if (m->count * 2 >= m->cap)
		memo_grow(m);
	at = hash_of(entry, n + 1) & (m->cap - 1);
	for (; m->slots[at] != NULL; at = (at + 1) & (m->cap - 1))
		if (m->slots[at][0] == entry[0] &&
		    memcmp(m->slots[at], entry, (n + 1) * sizeof(*entry)) ==
		    0) {
			free(entry);
			return 0;
		}
	m->slots[at] = entry;
	m->count++;
	return 1;
}

/* --- the search ----------------------------------------------------------- */

static int
is_placed(const uint64_t *set, size_t i)
{
	return (set[i / 64] >> i % 64 & 1) != 0;
}

static void
place(struct search *q, size_t i)
{
	q->placed[i / 64] |= UINT64_C(1) << i % 64;
	q->trail[q->trail_len++] = (uint16_t)i;
	q->left -= q->s[i]->return_us != NO_ANSWER;
	if (q->s[i]->call_us > q->latest_call_us)
		q->latest_call_us = q->s[i]->call_us;
}

static void
take_back(struct search *q, size_t trail_len, int64_t latest_call_us)
{
	size_t i;

	while (q->trail_len > trail_len) {
		i = q->trail[--q->trail_len];
		q->placed[i / 64] &= ~(UINT64_C(1) << i % 64);
		q->left += q->s[i]->return_us != NO_ANSWER;
	}
	q->latest_call_us = latest_call_us;
}

/* Steps asked for after that moment come after another that is not placed
 * yet. */
static int64_t
first_return(const struct search *q)
{
	int64_t first = NO_ANSWER;
	size_t i;

	for (i = 0; i < q->n && q->s[i]->call_us <= first; i++)
		if (!is_placed(q->placed, i) && q->s[i]->return_us < first)
			first = q->s[i]->return_us;
	return first;
}

/* May a step without an answer still take effect? */
static int
is_open(const struct search *q, size_t i)
{
	return q->s[i]->return_us != NO_ANSWER ||
	    q->s[i]->until_us >= q->latest_call_us;
}

/* A read asked for after that moment closes such a step: it may have to wait
 * for it. */
static int64_t
first_closing(const struct search *q)
{
	int64_t first = NO_ANSWER;
	size_t i;

	for (i = 0; i < q->n; i++)
		if (!is_placed(q->placed, i) && is_open(q, i) &&
		    q->s[i]->return_us == NO_ANSWER &&
		    q->s[i]->until_us < first)
			first = q->s[i]->until_us;
	return first;
}

/* Place whatever reads and can be placed. */
static void
place_reads(struct search *q, const struct stack *t)
{
	int64_t until, closing = first_closing(q);
	size_t i, before;

	do {
		before = q->trail_len;
		until = first_return(q);
		for (i = 0; i < q->n && q->s[i]->call_us <= until; i++)
			if (!is_placed(q->placed, i) &&
			    q->s[i]->effect == NO_EFFECT &&
			    q->s[i]->call_us <= closing &&
			    allowed(q, t, q->s[i]))
				place(q, i);
	} while (q->trail_len > before);
}

static void
remember_best(struct search *q, const struct stack *t)
{
	if (q->left >= q->best_left)
		return;
	q->best_left = q->left;
	memcpy(q->best, q->placed, sizeof(q->best));
	q->best_stack = *t;
}

/* 1: the rest can be placed; 0: it cannot, and nothing has changed; -1. */
static int
explore(struct search *q, const struct stack *t)
{
	size_t trail_len = q->trail_len, mine, i;
	int64_t latest = q->latest_call_us, latest_mine, until;
	struct stack next;
	int rc = 0;

	place_reads(q, t);
	remember_best(q, t);
	if (q->left == 0)
		return 1;
	if (q->memo.count > NODES_MAX)
		return -1;
	mine = q->trail_len;
	latest_mine = q->latest_call_us;
	until = first_return(q);
	if (memo_add(q, t))
		for (i = 0; rc == 0 && i < q->n &&
		    q->s[i]->call_us <= until; i++) {
			if (is_placed(q->placed, i) || !is_open(q, i) ||
			    !allowed(q, t, q->s[i]))
				continue;
			next = *t;
			take_effect(q, &next, i);
			place(q, i);
			rc = explore(q, &next);
			if (rc == 0)
				take_back(q, mine, latest_mine);
		}
	if (rc == 0)
		take_back(q, trail_len, latest);
	return rc;
}

/* --- telling -------------------------------------------------------------- */

static void
print_value(FILE *to, int value)
{
	if (value == 0)
		fputs("any", to);
	else
		fprintf(to, "b%d%s", (value - 1) / 2,
		    value % 2 == 0 ? "-part" : "");
}

static void
print_version(const struct search *q, FILE *to, int version)
{
	if (version > 0)
		fprintf(to, " version %s", q->h->version[version]);
	else if (version == 0 && q->h->versioning == ENABLED)
		fputs(" no version", to);
}

static void
print_step(const struct search *q, FILE *to, const struct step *s)
{
	static const char *const needs[] = { "", "absent", "present", "is",
	    "is other than", "is bytes of", "has", "has bytes of",
	    "has marker", "lacks", "exactly" };
	size_t i;

	fprintf(to, "%9lld ", (long long)(s->call_us - q->s[0]->call_us));
	if (s->return_us == NO_ANSWER)
		fprintf(to, "%9s", "no answer");
	else
		fprintf(to, "%9lld",
		    (long long)(s->return_us - q->s[0]->call_us));
	fprintf(to, " client %u  %-22s %s", s->player, s->what,
	    needs[s->need]);
	if (s->need >= VALUE && s->need <= HAS_BYTES) {
		fputc(' ', to);
		print_value(to, s->value);
	}
	if (s->need != NOTHING)
		print_version(q, to, s->version);
	for (i = 0; i < s->list_count; i++) {
		fputs(i > 0 ? ", " : " ", to);
		if (s->list[i].marker)
			fputs("marker", to);
		else
			print_value(to, s->list[i].value);
		print_version(q, to, s->list[i].version);
	}
	if (s->effect == PUSH) {
		fputs(" -> ", to);
		print_value(to, s->wrote);
		print_version(q, to, s->wrote_version);
	} else if (s->effect != NO_EFFECT) {
		fputs(s->effect == MARK ? " -> deleted" : " -> without", to);
		print_version(q, to, s->wrote_version);
	}
	fputc('\n', to);
}

/* The steps; '!' before those that found no place though nothing stood before
 * them any more, '.' before those that come after these. */
static void
print_key(struct search *q, FILE *to, unsigned key)
{
	int64_t until;
	size_t i;
	char mark;

	memcpy(q->placed, q->best, sizeof(q->placed));
	until = first_return(q);
	fprintf(to, "key %u: of %zu steps %zu have no place "
	    "(microseconds asked for and answered)\n", key, q->n,
	    q->best_left);
	for (i = 0; i < q->n; i++) {
		mark = is_placed(q->placed, i) ? ' ' :
		    q->s[i]->return_us == NO_ANSWER ? '?' :
		    q->s[i]->call_us <= until ? '!' : '.';
		fprintf(to, "%c ", mark);
		print_step(q, to, q->s[i]);
	}
	fputs("what the others leave, oldest first:\n", to);
	for (i = 0; i < q->best_stack.n; i++) {
		fputs("  ", to);
		print_step(q, to, q->s[q->best_stack.at[i]]);
	}
}

/* --- Last-Modified -------------------------------------------------------- */

static int64_t
modified(const struct step *s, int in_seconds)
{
	return in_seconds ? s->modified_ms / 1000 : s->modified_ms;
}

/*
 * Of the current object it never goes back, unless a version is taken away
 * and the one before is current again; in a listing of versions it never does.
 */
static int
judge_times(const struct search *q, unsigned key, char why[300])
{
	const struct step *a, *b;
	size_t i, j;
	int removed = 0, coarse;

	for (i = 0; i < q->n; i++) {
		removed |= q->s[i]->effect == REMOVE;
		for (j = 1; j < q->s[i]->list_count; j++)
			if (q->s[i]->list[j].modified_ms >
			    q->s[i]->list[j - 1].modified_ms) {
				snprintf(why, 300, "key %u: an older version "
				    "is modified later", key);
				return 0;
			}
	}
	for (i = 0; i < q->n && !removed; i++)
		for (j = 0; j < q->n; j++) {
			a = q->s[i];
			b = q->s[j];
			if (a->modified_ms == 0 || b->modified_ms == 0 ||
			    a->return_us >= b->call_us)
				continue;
			coarse = a->in_seconds || b->in_seconds;
			if (modified(a, coarse) <= modified(b, coarse))
				continue;
			snprintf(why, 300, "key %u: Last-Modified goes back "
			    "from %lld to %lld ms between %s and %s", key,
			    (long long)a->modified_ms,
			    (long long)b->modified_ms, a->what, b->what);
			return 0;
		}
	return 1;
}

/* --- a history ------------------------------------------------------------ */

static int
by_call(const void *a, const void *b)
{
	const struct step *x = *(const struct step *const *)a;
	const struct step *y = *(const struct step *const *)b;

	return (x->call_us > y->call_us) - (x->call_us < y->call_us);
}

static int
judge_key(struct history *h, unsigned key, FILE *to, char why[300])
{
	static struct search q;		/* large */
	static const struct step *steps[STEPS_MAX];
	struct stack nothing = { .n = 0 };
	size_t i;
	int rc;

	memset(&q, 0, sizeof(q));
	q.h = h;
	q.s = steps;
	q.latest_call_us = INT64_MIN;
	for (i = 0; i < h->count; i++) {
		if (h->steps[i].key != key)
			continue;
		/* A read without an answer says nothing. */
		if (h->steps[i].return_us == NO_ANSWER &&
		    h->steps[i].effect == NO_EFFECT)
			continue;
		if (q.n == STEPS_MAX)
			give_up("more than %d steps of one key", STEPS_MAX);
		steps[q.n++] = &h->steps[i];
		q.left += h->steps[i].return_us != NO_ANSWER;
	}
	qsort(steps, q.n, sizeof(*steps), by_call);
	q.words = (q.n + 63) / 64;
	q.best_left = q.left + 1;
	rc = explore(&q, &nothing);
	if (rc == 1)
		rc = judge_times(&q, key, why);
	else if (rc == 0)
		snprintf(why, 300, "key %u: no order explains its %zu steps; "
		    "%zu have no place", key, q.n, q.best_left);
	else
		snprintf(why, 300, "key %u: %zu steps are too many to judge",
		    key, q.n);
	if (rc == 0 && to != NULL)
		print_key(&q, to, key);
	memo_free(&q.memo);
	return rc;
}

int
history_judge(struct history *h, FILE *to, char why[300])
{
	unsigned key;
	int rc = 1;

	for (key = 0; key < KEYS && rc == 1; key++)
		rc = judge_key(h, key, to, why);
	return rc;
}
