/* A compiled policy against a request: see policy.h. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "libvt/base/clock.h"
#include "libvt/base/num.h"

#include "libvt/proto/policy_internal.h"

/* --- matching text -------------------------------------------------------- */

static int
same(uint16_t code, char c, int ignore_case)
{
	unsigned char b = (unsigned char)c;

	if (code == b)
		return 1;
	if (!ignore_case)
		return 0;
	if (b >= 'A' && b <= 'Z')
		b = (unsigned char)(b - 'A' + 'a');
	if (code >= 'A' && code <= 'Z')
		code = (uint16_t)(code - 'A' + 'a');
	return code == b;
}

/* Past one character of UTF-8; text is not empty. */
static const char *
next_character(const char *text, const char *end)
{
	text++;
	while (text < end && ((unsigned char)*text & 0xc0) == 0x80)
		text++;
	return text;
}

int
policy_match(const uint16_t *codes, size_t len, const char *text,
    size_t text_len, int ignore_case, size_t *left)
{
	const char *t = text, *end = text + text_len, *retry = NULL;
	size_t i = 0, star = 0;

	/* Only the last '*' is ever tried again: the text before it fits
	 * already, and more of it for an earlier one gains nothing. */
	while (t < end || i < len) {
		if (left != NULL && (*left == 0 || --*left == 0))
			return 0;
		if (i < len && codes[i] == CODE_ANY) {
			star = ++i;
			if (star == len)
				return 1;
			retry = t;
			continue;
		}
		if (i < len && t < end && codes[i] == CODE_ONE) {
			t = next_character(t, end);
			i++;
			continue;
		}
		if (i < len && t < end && same(codes[i], *t, ignore_case)) {
			t++;
			i++;
			continue;
		}
		if (retry == NULL || retry == end)
			return 0;
		t = ++retry;
		i = star;
	}
	return 1;
}

unsigned
policy_address(const char *text, size_t len, uint8_t out[16])
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	    0xff, 0xff };
	char copy[INET6_ADDRSTRLEN];

	if (len >= sizeof(copy))
		return 0;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (inet_pton(AF_INET, copy, out + 12) == 1) {
		memcpy(out, mapped, sizeof(mapped));
		return 32;
	}
	return inet_pton(AF_INET6, copy, out) == 1 ? 128 : 0;
}

/* As IAM takes them: W3C profiles of ISO 8601, or seconds since 1970. */
int
policy_time(const char *text, int64_t *us)
{
	size_t len = strlen(text);
	char longer[32];
	uint64_t seconds;

	if (vt_time_parse_rfc3339(text, len, us) == 0 ||
	    vt_time_parse_amz(text, us) == 0)
		return 0;
	if (vt_num_scan_u64(text, len, &seconds) == 0 &&
	    seconds < INT64_MAX / 1000000) {
		*us = (int64_t)seconds * 1000000;
		return 0;
	}
	if (len == 10) {
		snprintf(longer, sizeof(longer), "%sT00:00:00Z", text);
		return vt_time_parse_rfc3339(longer, strlen(longer), us);
	}
	return -1;
}

int
policy_truth(const char *text, int *out)
{
	*out = strcasecmp(text, "true") == 0;
	return *out || strcasecmp(text, "false") == 0 ? 0 : -1;
}

/* --- one evaluation ------------------------------------------------------- */

struct eval {
	const struct vt_policy *p;
	const struct vt_policy_request *q;
	int failed;		/* no memory */
	size_t left;		/* steps, of VT_POLICY_STEPS_MAX */
	int allow;		/* the statement at hand would allow */
	int unresolved;		/* a variable in it had no value */
};

static const char *const *
values_of(struct eval *e, const char *key, size_t *count)
{
	*count = 0;
	return e->q->values != NULL ?
	    e->q->values(e->q->ctx, key, count) : NULL;
}

/* The one value of a variable, or NULL. */
static const char *
resolve(struct eval *e, const struct variable *v)
{
	const char *const *values;
	size_t count;

	values = values_of(e, v->key, &count);
	if (values != NULL && count == 1)
		return values[0];
	return v->fallback;
}

/* With variables: their values stand for themselves, wildcards in them too. */
static int
fits_expanded(struct eval *e, const struct pattern *p, const char *text,
    size_t len, int ignore_case)
{
	uint16_t *codes;
	size_t i, at = 0, need = p->len;
	const char *value;
	int result;

	for (i = 0; i < p->len; i++) {
		if (p->codes[i] != CODE_VAR)
			continue;
		value = resolve(e, &e->p->variables[p->codes[++i]]);
		if (value == NULL) {
			e->unresolved = 1;
			return 0;
		}
		need += strlen(value);
	}
	/* Long headers make a long pattern of few variables. */
	if (need >= e->left) {
		e->left = 0;
		return 0;
	}
	e->left -= need;
	codes = malloc((need + 1) * sizeof(*codes));
	if (codes == NULL) {
		e->failed = 1;
		return 0;
	}
	for (i = 0; i < p->len; i++) {
		if (p->codes[i] != CODE_VAR) {
			codes[at++] = p->codes[i];
			continue;
		}
		value = resolve(e, &e->p->variables[p->codes[++i]]);
		while (value != NULL && *value != '\0' && at < need)
			codes[at++] = (unsigned char)*value++;
	}
	result = policy_match(codes, at, text, len, ignore_case, &e->left);
	free(codes);
	return result;
}

static int
fits(struct eval *e, const struct pattern *p, const char *text, size_t len,
    int ignore_case)
{
	if (p->has_var)
		return fits_expanded(e, p, text, len, ignore_case);
	return policy_match(p->codes, p->len, text, len, ignore_case,
	    &e->left);
}

/* The part of a pattern up to a colon outside of variables; the sixth part of
 * an ARN takes all that is left. */
static size_t
arn_part(const struct pattern *p, size_t from, int last)
{
	size_t i;

	if (last)
		return p->len;
	for (i = from; i < p->len && p->codes[i] != ':'; i++)
		if (p->codes[i] == CODE_VAR)
			i++;
	return i;
}

/* ARNs are compared part by part: no wildcard reaches over a colon. */
static int
fits_arn(struct eval *e, const struct pattern *p, const char *text)
{
	size_t from = 0, to, len;
	struct pattern part;
	int i;

	for (i = 0; i < 6; i++) {
		to = arn_part(p, from, i == 5);
		len = i == 5 ? strlen(text) : strcspn(text, ":");
		part = *p;
		part.codes += from;
		part.len = to - from;
		if (!fits(e, &part, text, len, 0))
			return 0;
		if (i == 5)
			break;
		if (to >= p->len || text[len] != ':')
			return 0;
		from = to + 1;
		text += len + 1;
	}
	return 1;
}

static int
in_network(const struct cond_value *v, const char *text)
{
	uint8_t address[16];
	unsigned whole = v->bits / 8, rest = v->bits % 8;

	if (policy_address(text, strlen(text), address) == 0 ||
	    memcmp(address, v->address, whole) != 0)
		return 0;
	return rest == 0 || ((address[whole] ^ v->address[whole]) >>
	    (8 - rest)) == 0;
}

static int
compares(enum cond_compare how, int less, int equal)
{
	switch (how) {
	case COMPARE_EQUAL:
		return equal;
	case COMPARE_LESS:
		return less;
	case COMPARE_LESS_EQUAL:
		return less || equal;
	case COMPARE_GREATER:
		return !less && !equal;
	case COMPARE_GREATER_EQUAL:
		return !less;
	}
	return 0;
}

static int
value_fits(struct eval *e, const struct condition *c,
    const struct cond_value *v, const char *text)
{
	double number;
	int64_t us;
	int truth;

	switch (c->type) {
	case COND_STRING:
		return fits(e, &v->pattern, text, strlen(text),
		    c->ignore_case);
	case COND_ARN:
		return fits_arn(e, &v->pattern, text);
	case COND_NUMERIC:
		return vt_num_scan_double(text, strlen(text),
		    &number) == 0 && compares(c->compare,
		    number < v->number, number == v->number);
	case COND_DATE:
		return policy_time(text, &us) == 0 && compares(c->compare,
		    us < v->time_us, us == v->time_us);
	case COND_BOOL:
		return policy_truth(text, &truth) == 0 && truth == v->truth;
	case COND_IP:
		return in_network(v, text);
	case COND_NULL:
		break;
	}
	return 0;
}

/*
 * The opposite of "it fits" is only known when every variable had a value:
 * "unlike ${aws:username}" is true of everything when there is no user name,
 * and must not allow.
 */
static int
does_not(struct eval *e)
{
	return !e->allow || !e->unresolved;
}

/* Does one value of the request satisfy the operator? */
static int
satisfies(struct eval *e, const struct condition *c, const char *text)
{
	e->unresolved = 0;
	for (size_t i = 0; i < c->count; i++)
		if (value_fits(e, c, &c->values[i], text))
			return !c->negated;
	return c->negated && does_not(e);
}

static int
condition_holds(struct eval *e, const struct condition *c)
{
	const char *const *values;
	size_t count, good = 0, i;

	values = values_of(e, c->key, &count);
	if (c->type == COND_NULL) {
		/* "true": the key must be missing */
		for (i = 0; i < c->count; i++)
			if (c->values[i].truth == (values == NULL ||
			    count == 0))
				return 1;
		return 0;
	}
	if (values == NULL || count == 0) {
		if (c->set == SET_ALL || c->if_exists)
			return 1;
		return c->set == SET_NONE && c->negated;
	}
	for (i = 0; i < count; i++)
		good += (size_t)satisfies(e, c, values[i]);
	if (c->set == SET_ALL || (c->set == SET_NONE && c->negated))
		return good == count;
	return good > 0;
}

/* --- statements ----------------------------------------------------------- */

enum whom { WHOM_NOBODY, WHOM_ACCOUNT, WHOM_CALLER };

/* Is the caller this principal? */
static enum whom
principal_is(const struct principal *p, const struct vt_policy_caller *c)
{
	switch (p->kind) {
	case PRINCIPAL_ANY:
		return WHOM_CALLER;
	case PRINCIPAL_ACCOUNT:
		if (c->account == NULL || strcmp(p->text, c->account) != 0)
			return WHOM_NOBODY;
		return c->is_root ? WHOM_CALLER : WHOM_ACCOUNT;
	case PRINCIPAL_ARN:
		return c->arn != NULL && strcmp(p->text, c->arn) == 0 ?
		    WHOM_CALLER : WHOM_NOBODY;
	case PRINCIPAL_CANONICAL:
		return c->canonical_id != NULL &&
		    strcmp(p->text, c->canonical_id) == 0 ? WHOM_CALLER :
		    WHOM_NOBODY;
	case PRINCIPAL_OTHER:
		break;
	}
	return WHOM_NOBODY;
}

static enum whom
whom(struct eval *e, const struct statement *st)
{
	enum whom best = WHOM_NOBODY, w;

	if (e->p->is_user)
		return WHOM_CALLER;
	for (size_t i = 0; i < st->principal_count; i++) {
		w = principal_is(&st->principals[i], &e->q->caller);
		if (w > best)
			best = w;
	}
	if (!st->not_principal)
		return best;
	return best == WHOM_NOBODY ? WHOM_CALLER : WHOM_NOBODY;
}

static int
any_fits(struct eval *e, const struct pattern *p, size_t count,
    const char *text, size_t len, int ignore_case)
{
	for (size_t i = 0; i < count; i++)
		if (fits(e, &p[i], text, len, ignore_case))
			return 1;
	return 0;
}

static int
statement_applies(struct eval *e, const struct statement *st)
{
	const struct vt_policy_request *q = e->q;

	e->allow = st->allow;
	e->unresolved = 0;
	if (any_fits(e, st->actions, st->action_count, q->action,
	    strlen(q->action), 1) == st->not_action)
		return 0;
	if (any_fits(e, st->resources, st->resource_count, q->resource,
	    q->resource_len, 0) == st->not_resource ||
	    (st->not_resource && !does_not(e)))
		return 0;
	for (size_t i = 0; i < st->condition_count; i++)
		if (!condition_holds(e, &st->conditions[i]))
			return 0;
	return 1;
}

enum vt_policy_result
vt_policy_eval(const struct vt_policy *p, const struct vt_policy_request *q)
{
	enum vt_policy_result result = VT_POLICY_NOTHING, r;
	struct eval e = { .p = p, .q = q, .left = VT_POLICY_STEPS_MAX };
	enum whom w;

	for (size_t i = 0; i < p->count; i++) {
		const struct statement *st = &p->statements[i];

		w = whom(&e, st);
		if (w == WHOM_NOBODY)
			continue;
		if (!statement_applies(&e, st))
			continue;
		if (!st->allow)
			return VT_POLICY_DENY;
		r = w == WHOM_CALLER ? VT_POLICY_ALLOW :
		    VT_POLICY_ALLOW_ACCOUNT;
		if (r > result)
			result = r;
	}
	/* what could not be looked at may have been a deny */
	return e.failed || e.left == 0 ? VT_POLICY_DENY : result;
}

/* --- public --------------------------------------------------------------- */

static int
is_fixed(const struct pattern *p)
{
	for (size_t i = 0; i < p->len; i++)
		if (p->codes[i] >= CODE_ANY)
			return 0;
	return 1;
}

/* AWS takes a network for public when it is wider than /8, or /32 of IPv6. */
static int
is_narrow(const struct cond_value *v)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	    0xff, 0xff };

	if (memcmp(v->address, mapped, sizeof(mapped)) == 0 && v->bits >= 96)
		return v->bits >= 96 + 8;
	return v->bits >= 32;
}

/* Does the condition tie the statement to somebody or to some place? */
static int
condition_fixes(const struct condition *c)
{
	static const char *const keys[] = { "aws:PrincipalAccount",
	    "aws:PrincipalArn", "aws:PrincipalOrgID", "aws:SourceAccount",
	    "aws:SourceArn", "aws:SourceOrgID", "aws:SourceOwner",
	    "aws:SourceVpc", "aws:SourceVpce", "aws:VpcSourceIp",
	    "aws:userid", "aws:username", "s3:DataAccessPointAccount",
	    "s3:DataAccessPointArn",
	    "s3:x-amz-server-side-encryption-aws-kms-key-id" };
	size_t i;

	/* true without the key, too: ties to nothing */
	if (c->negated || c->if_exists || c->set == SET_ALL)
		return 0;
	if (c->type == COND_IP && strcasecmp(c->key, "aws:SourceIp") == 0) {
		for (i = 0; i < c->count; i++)
			if (!is_narrow(&c->values[i]))
				return 0;
		return 1;
	}
	if (c->type != COND_STRING && c->type != COND_ARN)
		return 0;
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcasecmp(keys[i], c->key) == 0)
			break;
	if (i == sizeof(keys) / sizeof(keys[0]))
		return 0;
	for (i = 0; i < c->count; i++)
		if (!is_fixed(&c->values[i].pattern))
			return 0;
	return 1;
}

static int
statement_is_public(const struct statement *st)
{
	int anybody = 0;
	size_t i;

	if (!st->allow)
		return 0;
	for (i = 0; i < st->principal_count; i++)
		anybody |= st->principals[i].kind == PRINCIPAL_ANY;
	for (i = 0; anybody && i < st->condition_count; i++)
		if (condition_fixes(&st->conditions[i]))
			anybody = 0;
	return anybody;
}

int
vt_policy_is_public(const struct vt_policy *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (statement_is_public(&p->statements[i]))
			return 1;
	return 0;
}
