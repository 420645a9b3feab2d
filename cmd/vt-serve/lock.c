#include "lock.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "libvt/base/num.h"
#include "libvt/proto/xml.h"

#include "authz.h"
#include "digest.h"
#include "documents.h"
#include "meta.h"
#include "object.h"
#include "ops.h"

/* As on AWS. */
#define DAYS_MAX 36500
#define YEARS_MAX 100

#define EMPTY_RULE "<ObjectLockConfiguration " \
	"xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" \
	"<ObjectLockEnabled>Enabled</ObjectLockEnabled>" \
	"</ObjectLockConfiguration>"

/* --- modes, dates, holds -------------------------------------------------- */

static const char *
mode_name(enum vt_lock_mode mode)
{
	return mode == VT_LOCK_COMPLIANCE ? "COMPLIANCE" : "GOVERNANCE";
}

/* VT_LOCK_NONE for what is no mode. */
static enum vt_lock_mode
mode_of(const char *name)
{
	if (strcmp(name, "GOVERNANCE") == 0)
		return VT_LOCK_GOVERNANCE;
	if (strcmp(name, "COMPLIANCE") == 0)
		return VT_LOCK_COMPLIANCE;
	return VT_LOCK_NONE;
}

/* VT_HOLD_NONE for what is neither. */
static enum vt_hold
hold_of(const char *name)
{
	if (strcmp(name, "ON") == 0)
		return VT_HOLD_ON;
	if (strcmp(name, "OFF") == 0)
		return VT_HOLD_OFF;
	return VT_HOLD_NONE;
}

int
lock_date(const char *text, int64_t *us)
{
	size_t len = strlen(text);
	char day[24];

	/* a date alone is its first moment */
	if (len == 10) {
		snprintf(day, sizeof(day), "%sT00:00:00Z", text);
		text = day;
		len = strlen(day);
	}
	return vt_time_parse_rfc3339(text, len, us);
}

/* A date in the future, in whole milliseconds and never before what was
 * asked for; -1 after answering. */
static int
parse_until(struct req *r, const char *text, int64_t *us)
{
	if (lock_date(text, us) < 0) {
		req_error(r, "InvalidArgument", "The retain until date must "
		    "be provided in ISO 8601 format");
		return -1;
	}
	*us = (*us + 999) / 1000 * 1000;
	if (*us <= vt_clock_now_us(r->srv->clock)) {
		req_error(r, "InvalidArgument",
		    "The retain until date must be in the future!");
		return -1;
	}
	return 0;
}

static int
bucket_locks(struct req *r)
{
	if (r->bucket.object_lock)
		return 1;
	req_error(r, "InvalidRequest",
	    "Bucket is missing Object Lock Configuration");
	return 0;
}

/* --- a new version -------------------------------------------------------- */

int
lock_parse(struct req *r, const char *mode, const char *until,
    const char *hold, struct lock *out)
{
	memset(out, 0, sizeof(*out));
	if (mode == NULL && until == NULL && hold == NULL)
		return 0;
	if (!bucket_locks(r))
		return -1;
	if ((mode == NULL) != (until == NULL)) {
		req_error(r, "InvalidArgument",
		    "x-amz-object-lock-retain-until-date and "
		    "x-amz-object-lock-mode must both be supplied");
		return -1;
	}
	if (mode != NULL) {
		out->mode = mode_of(mode);
		if (out->mode == VT_LOCK_NONE) {
			req_error(r, "InvalidArgument",
			    "Unknown wormMode directive.");
			return -1;
		}
		if (parse_until(r, until, &out->retain_until_us) < 0)
			return -1;
	}
	if (hold == NULL)
		return 0;
	out->hold = hold_of(hold);
	if (out->hold != VT_HOLD_NONE)
		return 0;
	req_error(r, "InvalidArgument",
	    "Legal Hold must be either of 'ON' or 'OFF'");
	return -1;
}

int
lock_read(struct req *r, struct lock *out)
{
	return lock_parse(r, req_header(r, "x-amz-object-lock-mode"),
	    req_header(r, "x-amz-object-lock-retain-until-date"),
	    req_header(r, "x-amz-object-lock-legal-hold"), out);
}

void
lock_apply(const struct lock *lock, struct vt_version *v)
{
	v->lock_mode = lock->mode;
	v->retain_until_us = lock->retain_until_us;
	v->legal_hold = lock->hold;
}

int
lock_wanted(const struct req *r, const struct lock *lock)
{
	return lock->mode != VT_LOCK_NONE || lock->hold != VT_HOLD_NONE ||
	    r->bucket.lock_mode != VT_LOCK_NONE;
}

void
lock_needs_sum(struct req *r, const char *what)
{
	req_error(r, "InvalidRequest", "Content-MD5 OR x-amz-checksum- HTTP "
	    "header is required for Put %s requests with Object Lock "
	    "parameters", what);
}

/* Who may not ask for a lock is not told of it. */
static int
may_know(struct req *r, const struct vt_version *v, const char *action)
{
	const struct authz_subject s = { .bucket = &r->bucket, .key = v->key,
	    .key_len = v->key_len, .version_id = req_query(r, "versionId"),
	    .v = v };

	return authz_may(r, action, &s) > 0;
}

void
lock_send(struct req *r, const struct vt_version *v)
{
	char date[25];

	if (v->lock_mode != VT_LOCK_NONE &&
	    may_know(r, v, "s3:GetObjectRetention")) {
		req_set_header(r, "x-amz-object-lock-mode",
		    mode_name(v->lock_mode));
		vt_time_rfc3339_ms(v->retain_until_us, date);
		req_set_header(r, "x-amz-object-lock-retain-until-date",
		    date);
	}
	if (v->legal_hold != VT_HOLD_NONE &&
	    may_know(r, v, "s3:GetObjectLegalHold"))
		req_set_header(r, "x-amz-object-lock-legal-hold",
		    v->legal_hold == VT_HOLD_ON ? "ON" : "OFF");
}

int
lock_bypass(struct req *r, const char *key, size_t key_len,
    const char *version_id)
{
	const struct authz_subject s = { .bucket = &r->bucket, .key = key,
	    .key_len = key_len, .version_id = version_id };
	const char *asked = req_header(r,
	    "x-amz-bypass-governance-retention");

	if (asked == NULL || strcasecmp(asked, "true") != 0)
		return 0;
	return authz_may(r, "s3:BypassGovernanceRetention", &s);
}

/* --- the bucket's configuration ------------------------------------------- */

const struct vt_cat_doc *
lock_first_document(void)
{
	static const struct vt_cat_doc doc = { .doc = VT_DOC_OBJECT_LOCK,
	    .body = EMPTY_RULE, .len = sizeof(EMPTY_RULE) - 1 };

	return &doc;
}

/* A whole number of days or years up to `max`; -1 after answering. */
static int
parse_period(struct req *r, const char *name, const char *text, uint64_t max,
    unsigned *out)
{
	int negative = *text == '-';
	const char *digits = text + negative;
	uint64_t n = 0;
	enum vt_code rc = VT_OK;

	if (*digits == '\0' ||
	    strspn(digits, "0123456789") != strlen(digits)) {
		req_error(r, "MalformedXML", "'%.32s' is no number of %s",
		    text, name);
		return -1;
	}
	/* what does not fit is too large all the same */
	if (vt_num_scan_u64(digits, strlen(digits), &n) < 0)
		rc = VT_TOO_LARGE;
	req_error_detail(r, "ArgumentName", name);
	req_error_detail(r, "ArgumentValue", text);
	if (negative || (rc == VT_OK && n == 0)) {
		req_error(r, "InvalidRetentionPeriod", "Default retention "
		    "period must be a positive integer value.");
		return -1;
	}
	if (rc != VT_OK || n > max) {
		req_error(r, "InvalidRetentionPeriod", "Default retention "
		    "period too large: %.32s is over %llu", text,
		    (unsigned long long)max);
		return -1;
	}
	*out = (unsigned)n;
	return 0;
}

/*
 * <DefaultRetention> into mode and days.  Years are counted with as many leap
 * days as they can have, so that no calendar ends later.
 */
static int
parse_default(struct req *r, const struct vt_xml *x, enum vt_lock_mode *mode,
    unsigned *days)
{
	const char *name = vt_xml_child_text(x, "Mode");
	const char *d = vt_xml_child_text(x, "Days");
	const char *y = vt_xml_child_text(x, "Years");
	unsigned n;

	if (name == NULL || mode_of(name) == VT_LOCK_NONE ||
	    (d == NULL) == (y == NULL)) {
		req_error(r, "MalformedXML", "A DefaultRetention has a Mode, "
		    "GOVERNANCE or COMPLIANCE, and either Days or Years");
		return -1;
	}
	*mode = mode_of(name);
	if (d != NULL)
		return parse_period(r, "Days", d, DAYS_MAX, days);
	if (parse_period(r, "Years", y, YEARS_MAX, &n) < 0)
		return -1;
	*days = 365 * n + (n + 3) / 4;
	return 0;
}

/* The document as it is kept: what the body says, and nothing else. */
static int
write_config(struct req *r, const struct vt_xml *keep, struct vt_cat_doc *d)
{
	static const char *const names[] = { "Mode", "Days", "Years" };
	struct vt_buf b;
	size_t i;

	d->doc = VT_DOC_OBJECT_LOCK;
	if (keep == NULL) {
		*d = *lock_first_document();
		return 0;
	}
	vt_buf_init(&b, DOCUMENT_MAX);
	vt_xml_open_ns(&b, "ObjectLockConfiguration");
	vt_xml_text(&b, "ObjectLockEnabled", "Enabled");
	vt_xml_open(&b, "Rule");
	vt_xml_open(&b, "DefaultRetention");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (vt_xml_child(keep, names[i]) != NULL)
			vt_xml_text(&b, names[i],
			    vt_xml_child_text(keep, names[i]));
	vt_xml_close(&b, "DefaultRetention");
	vt_xml_close(&b, "Rule");
	vt_xml_close(&b, "ObjectLockConfiguration");
	d->body = req_dup(r, b.data, b.len);
	d->len = b.len;
	vt_buf_release(&b);
	return req_answered(r) ? -1 : 0;
}

static void
config_done(struct vt_cat_op *op)
{
	struct req *r = op->ctx;

	if (op->code == VT_PRECONDITION)
		req_error(r, "InvalidBucketState", "Versioning must be "
		    "'Enabled' on the bucket to apply a Object Lock "
		    "configuration");
	else if (op->code == VT_ABSENT)
		req_error(r, "NoSuchBucket", NULL);
	else if (op->code != VT_OK)
		req_fail(r, op->code, &op->err);
	else
		req_reply_empty(r, 200);
	req_resume(r);
}

void
op_put_object_lock(struct req *r)
{
	const struct vt_xml *root, *rule, *keep;
	const char *enabled;
	struct vt_cat_op *op;

	if (meta_expected_owner(r, "x-amz-expected-bucket-owner") < 0 ||
	    digest_body(r, 1) < 0)
		return;
	root = meta_xml(r, "ObjectLockConfiguration", "MalformedXML");
	if (root == NULL)
		return;
	enabled = vt_xml_child_text(root, "ObjectLockEnabled");
	rule = vt_xml_child(root, "Rule");
	keep = vt_xml_child(rule, "DefaultRetention");
	if (enabled == NULL || strcmp(enabled, "Enabled") != 0 ||
	    (rule != NULL && keep == NULL)) {
		req_error(r, "MalformedXML", "An ObjectLockConfiguration has "
		    "ObjectLockEnabled, which is Enabled, and perhaps a Rule "
		    "with a DefaultRetention");
		return;
	}
	op = req_alloc(r, sizeof(*op));
	if (op == NULL)
		return;
	op->kind = VT_CAT_LOCK_SET;
	op->u.lock.bucket_id = r->bucket.id;
	if ((keep != NULL && parse_default(r, keep, &op->u.lock.mode,
	    &op->u.lock.days) < 0) ||
	    write_config(r, keep, &op->u.lock.d) < 0)
		return;
	op->done = config_done;
	op->ctx = r;
	req_async(r);
	vt_catalog_submit(r->srv->catalog, op);
}

/* --- retention and legal hold of a version -------------------------------- */

/* The version that the request speaks of; NULL after answering. */
static struct vt_version *
locked_version(struct req *r)
{
	if (meta_expected_owner(r, "x-amz-expected-bucket-owner") < 0 ||
	    !bucket_locks(r))
		return NULL;
	return object_find(r, 0);
}

static void
reply_lock(struct req *r, const struct vt_version *v, struct vt_buf *b)
{
	meta_version_header(r, v);
	req_reply_xml(r, 200, b);
	vt_buf_release(b);
}

void
op_get_object_retention(struct req *r)
{
	const struct vt_version *v = locked_version(r);
	struct vt_buf b;

	if (v == NULL)
		return;
	if (v->lock_mode == VT_LOCK_NONE) {
		req_error_detail(r, "Key", r->key);
		req_error(r, "NoSuchObjectLockConfiguration", NULL);
		return;
	}
	vt_buf_init(&b, 1 << 12);
	vt_xml_decl(&b);
	vt_xml_open_ns(&b, "Retention");
	vt_xml_text(&b, "Mode", mode_name(v->lock_mode));
	meta_time_xml(&b, "RetainUntilDate", v->retain_until_us);
	vt_xml_close(&b, "Retention");
	reply_lock(r, v, &b);
}

void
op_get_object_legal_hold(struct req *r)
{
	const struct vt_version *v = locked_version(r);
	struct vt_buf b;

	if (v == NULL)
		return;
	if (v->legal_hold == VT_HOLD_NONE) {
		req_error_detail(r, "Key", r->key);
		req_error(r, "NoSuchObjectLockConfiguration", NULL);
		return;
	}
	vt_buf_init(&b, 1 << 12);
	vt_xml_decl(&b);
	vt_xml_open_ns(&b, "LegalHold");
	vt_xml_text(&b, "Status",
	    v->legal_hold == VT_HOLD_ON ? "ON" : "OFF");
	vt_xml_close(&b, "LegalHold");
	reply_lock(r, v, &b);
}

void
op_put_object_retention(struct req *r)
{
	const struct vt_version *v;
	const struct vt_xml *root;
	const char *mode, *until;
	struct vt_cat_op *op;
	int64_t us = 0;
	int bypass;

	v = locked_version(r);
	if (v == NULL || digest_body(r, 1) < 0)
		return;
	root = meta_xml(r, "Retention", "MalformedXML");
	if (root == NULL)
		return;
	mode = vt_xml_child_text(root, "Mode");
	until = vt_xml_child_text(root, "RetainUntilDate");
	/* neither takes the retention away */
	if ((mode == NULL) != (until == NULL) ||
	    (mode != NULL && mode_of(mode) == VT_LOCK_NONE)) {
		req_error(r, "MalformedXML", "A Retention has a Mode, "
		    "GOVERNANCE or COMPLIANCE, and a RetainUntilDate");
		return;
	}
	if (until != NULL && parse_until(r, until, &us) < 0)
		return;
	r->brings.lock_mode = mode;
	r->brings.lock_until = until;
	if (authz_body(r) < 0)
		return;
	op = object_change(r, v);
	if (op == NULL)
		return;
	op->u.meta.lock_mode = mode != NULL ? (int)mode_of(mode) :
	    VT_LOCK_NONE;
	op->u.meta.retain_until_us = us;
	bypass = lock_bypass(r, r->key, r->key_len,
	    req_query(r, "versionId"));
	if (bypass < 0)
		return;
	op->u.meta.bypass_governance = bypass;
	object_change_submit(r, 200);
}

void
op_put_object_legal_hold(struct req *r)
{
	const struct vt_version *v;
	const struct vt_xml *root;
	const char *status;
	struct vt_cat_op *op;

	v = locked_version(r);
	if (v == NULL || digest_body(r, 1) < 0)
		return;
	root = meta_xml(r, "LegalHold", "MalformedXML");
	if (root == NULL)
		return;
	status = vt_xml_child_text(root, "Status");
	if (status == NULL || hold_of(status) == VT_HOLD_NONE) {
		req_error(r, "MalformedXML",
		    "A LegalHold has a Status, ON or OFF");
		return;
	}
	r->brings.lock_hold = status;
	if (authz_body(r) < 0)
		return;
	op = object_change(r, v);
	if (op == NULL)
		return;
	op->u.meta.legal_hold = (int)hold_of(status);
	object_change_submit(r, 200);
}
