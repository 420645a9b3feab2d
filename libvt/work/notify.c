/* Rules and records of notifications: see notify.h. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "libvt/base/jsonl.h"
#include "libvt/base/uri.h"
#include "libvt/proto/xml.h"

#include "libvt/work/notify.h"

#define ID_MAX 255
#define ARENA_BYTES (4 << 20)

/* Every event there is a sender for; "x:*" stands for those of its family. */
static const char *const event_names[] = {
	"ObjectCreated:*", "ObjectCreated:Put", "ObjectCreated:Post",
	"ObjectCreated:Copy", "ObjectCreated:CompleteMultipartUpload",
	"ObjectRemoved:*", "ObjectRemoved:Delete",
	"ObjectRemoved:DeleteMarkerCreated",
	"ObjectRestore:*", "ObjectRestore:Post", "ObjectRestore:Completed",
	"ObjectRestore:Delete",
	"LifecycleTransition",
	"LifecycleExpiration:*", "LifecycleExpiration:Delete",
	"LifecycleExpiration:DeleteMarkerCreated",
	"ObjectTagging:*", "ObjectTagging:Put", "ObjectTagging:Delete",
	"ObjectAcl:Put"
};
#define EVENT_NAMES (sizeof(event_names) / sizeof(event_names[0]))

/* What a rule may be called: the wrapper and where its ARN is. */
static const struct kind {
	const char *wrapper, *arn;
} kinds[] = {
	{ "QueueConfiguration", "Queue" },
	{ "TopicConfiguration", "Topic" },
	{ "CloudFunctionConfiguration", "CloudFunction" },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct rule {
	const struct kind *kind;
	const char *id;		/* "": none was given */
	const char *arn, *dest;
	const char *event[VT_NOTIFY_EVENTS_MAX];	/* of event_names */
	size_t event_count;
	const char *prefix, *suffix;	/* NULL: not in the document */
};

struct vt_notify {
	struct vt_arena *arena;
	struct rule *rules;
	size_t count;
};

/* --- reading -------------------------------------------------------------- */

static enum vt_code
read_filter(const struct vt_xml *x, struct rule *r, struct vt_err *err)
{
	x = vt_xml_child(vt_xml_child(x, "Filter"), "S3Key");
	for (x = x != NULL ? x->child : NULL; x != NULL; x = x->next) {
		const char *name = vt_xml_child_text(x, "Name");
		const char *value = vt_xml_child_text(x, "Value");
		const char **to;

		if (strcmp(x->name, "FilterRule") != 0 || name == NULL ||
		    value == NULL)
			return vt_fail(err, VT_INVALID, "an S3Key holds "
			    "FilterRules, each with Name and Value");
		if (strcasecmp(name, "prefix") == 0)
			to = &r->prefix;
		else if (strcasecmp(name, "suffix") == 0)
			to = &r->suffix;
		else
			return vt_fail(err, VT_PRECONDITION, "filter rule "
			    "name '%.32s' must be either prefix or suffix",
			    name);
		if (*to != NULL)
			return vt_fail(err, VT_PRECONDITION, "Cannot specify "
			    "more than one %s rule in a filter.", name);
		if (strlen(value) > VT_KEY_MAX)
			return vt_fail(err, VT_PRECONDITION,
			    "a %s is longer than %d bytes", name, VT_KEY_MAX);
		*to = value;
	}
	return VT_OK;
}

static enum vt_code
read_event(const char *text, struct rule *r, struct vt_err *err)
{
	size_t i;

	if (r->event_count == VT_NOTIFY_EVENTS_MAX)
		return vt_fail(err, VT_PRECONDITION,
		    "a rule has more than %d events", VT_NOTIFY_EVENTS_MAX);
	if (strncmp(text, "s3:", 3) == 0)
		for (i = 0; i < EVENT_NAMES; i++)
			if (strcmp(event_names[i], text + 3) == 0) {
				r->event[r->event_count++] = event_names[i];
				return VT_OK;
			}
	return vt_fail(err, VT_PRECONDITION, "The event '%.64s' is not "
	    "supported for notifications", text);
}

static enum vt_code
read_rule(const struct vt_xml *x, const struct vt_config *config,
    struct rule *r, struct vt_err *err)
{
	const struct vt_xml *e;
	enum vt_code rc = VT_OK;

	r->id = vt_xml_child_text(x, "Id");
	if (r->id == NULL)
		r->id = "";
	if (strlen(r->id) > ID_MAX)
		return vt_fail(err, VT_PRECONDITION,
		    "an Id is longer than %d bytes", ID_MAX);
	r->arn = vt_xml_child_text(x, r->kind->arn);
	if (r->arn == NULL)
		return vt_fail(err, VT_INVALID, "a %s needs a %s",
		    r->kind->wrapper, r->kind->arn);
	r->dest = strrchr(r->arn, ':');
	if (strncmp(r->arn, "arn:", 4) != 0 || r->dest[1] == '\0')
		return vt_fail(err, VT_PRECONDITION,
		    "The ARN '%.128s' is not well formed", r->arn);
	r->dest++;
	if (config != NULL && vt_config_webhook(config, r->dest) == NULL)
		return vt_fail(err, VT_PRECONDITION, "Unable to validate the "
		    "following destination configurations: no webhook is "
		    "named '%.64s'", r->dest);
	for (e = x->child; e != NULL && rc == VT_OK; e = e->next)
		if (strcmp(e->name, "Event") == 0)
			rc = read_event(e->text, r, err);
	if (rc == VT_OK && r->event_count == 0)
		rc = vt_fail(err, VT_INVALID, "a %s needs an Event",
		    r->kind->wrapper);
	if (rc == VT_OK)
		rc = read_filter(x, r, err);
	return rc;
}

/* Does a rule's event (perhaps a family) stand for this one (perhaps too)? */
static int
covers(const char *event, const char *name)
{
	size_t len = strlen(event);

	if (len > 1 && event[len - 1] == '*')
		return strncmp(event, name, len - 1) == 0;
	return strcmp(event, name) == 0;
}

static int
is_prefix(const char *a, const char *b)
{
	return a == NULL || b == NULL ||
	    strncmp(a, b, strlen(a) < strlen(b) ? strlen(a) : strlen(b)) == 0;
}

static int
is_suffix(const char *a, const char *b)
{
	size_t la = a != NULL ? strlen(a) : 0, lb = b != NULL ? strlen(b) : 0;
	size_t n = la < lb ? la : lb;

	return n == 0 || memcmp(a + la - n, b + lb - n, n) == 0;
}

/* AWS: one event of one key goes to one rule at the most. */
static enum vt_code
check_overlap(const struct vt_notify *n, struct vt_err *err)
{
	for (size_t i = 0; i < n->count; i++)
		for (size_t j = 0; j < i; j++) {
			const struct rule *a = &n->rules[i], *b = &n->rules[j];

			if (*a->id != '\0' && strcmp(a->id, b->id) == 0)
				return vt_fail(err, VT_PRECONDITION,
				    "two rules have the Id '%.64s'", a->id);
			if (!is_prefix(a->prefix, b->prefix) ||
			    !is_suffix(a->suffix, b->suffix))
				continue;
			for (size_t k = 0; k < a->event_count; k++)
				for (size_t l = 0; l < b->event_count; l++)
					if (covers(a->event[k], b->event[l]) ||
					    covers(b->event[l], a->event[k]))
						return vt_fail(err,
						    VT_PRECONDITION,
						    "Configurations overlap. "
						    "Configurations on the "
						    "same bucket cannot share "
						    "a common event type.");
		}
	return VT_OK;
}

static const struct kind *
kind_of(const struct vt_xml *x)
{
	for (size_t i = 0; i < KINDS; i++)
		if (strcmp(kinds[i].wrapper, x->name) == 0)
			return &kinds[i];
	return NULL;
}

static enum vt_code
read_rules(struct vt_notify *n, const struct vt_xml *root,
    const struct vt_config *config, struct vt_err *err)
{
	const struct vt_xml *x;
	enum vt_code rc = VT_OK;
	size_t max = 0;

	if (strcmp(root->name, "NotificationConfiguration") != 0)
		return vt_fail(err, VT_INVALID, "the XML is a '%.64s', not a "
		    "'NotificationConfiguration'", root->name);
	for (x = root->child; x != NULL; x = x->next)
		max++;
	if (max > VT_NOTIFY_RULES_MAX)
		return vt_fail(err, VT_PRECONDITION, "there are %zu rules, "
		    "over %d", max, VT_NOTIFY_RULES_MAX);
	n->rules = vt_arena_alloc(n->arena, (max + 1) * sizeof(*n->rules));
	if (n->rules == NULL)
		return vt_fail(err, VT_NOMEM, "no memory for the rules");
	for (x = root->child; x != NULL && rc == VT_OK; x = x->next) {
		struct rule *r = &n->rules[n->count];

		r->kind = kind_of(x);
		if (r->kind == NULL)
			return vt_fail(err, VT_INVALID, "'%.64s' is no "
			    "destination here: give a QueueConfiguration, "
			    "TopicConfiguration or "
			    "CloudFunctionConfiguration", x->name);
		rc = read_rule(x, config, r, err);
		n->count++;
	}
	return rc == VT_OK ? check_overlap(n, err) : rc;
}

enum vt_code
vt_notify_parse(const char *xml, size_t len, const struct vt_config *config,
    struct vt_notify **out, struct vt_err *err)
{
	struct vt_notify *n = calloc(1, sizeof(*n));
	struct vt_xml *root;
	enum vt_code rc;

	*out = NULL;
	if (n != NULL)
		n->arena = vt_arena_new(ARENA_BYTES);
	if (n == NULL || n->arena == NULL) {
		vt_notify_free(n);
		return vt_fail(err, VT_NOMEM, "no memory for the rules");
	}
	rc = vt_xml_parse(n->arena, xml, len, &root, err);
	if (rc == VT_OK)
		rc = read_rules(n, root, config, err);
	if (rc != VT_OK) {
		vt_notify_free(n);
		return rc;
	}
	*out = n;
	return VT_OK;
}

void
vt_notify_free(struct vt_notify *n)
{
	if (n == NULL)
		return;
	vt_arena_free(n->arena);
	free(n);
}

void
vt_notify_xml(const struct vt_notify *n, const char *seed,
    struct vt_buf *out)
{
	vt_xml_decl(out);
	vt_xml_open_ns(out, "NotificationConfiguration");
	for (size_t i = 0; i < n->count; i++) {
		const struct rule *r = &n->rules[i];

		vt_xml_open(out, r->kind->wrapper);
		if (*r->id != '\0')
			vt_xml_text(out, "Id", r->id);
		else
			vt_buf_printf(out, "<Id>%s-%zu</Id>", seed, i + 1);
		vt_xml_text(out, r->kind->arn, r->arn);
		for (size_t j = 0; j < r->event_count; j++)
			vt_buf_printf(out, "<Event>s3:%s</Event>",
			    r->event[j]);
		if (r->prefix != NULL || r->suffix != NULL) {
			vt_buf_str(out, "<Filter><S3Key>");
			if (r->prefix != NULL) {
				vt_buf_str(out,
				    "<FilterRule><Name>prefix</Name>");
				vt_xml_text(out, "Value", r->prefix);
				vt_buf_str(out, "</FilterRule>");
			}
			if (r->suffix != NULL) {
				vt_buf_str(out,
				    "<FilterRule><Name>suffix</Name>");
				vt_xml_text(out, "Value", r->suffix);
				vt_buf_str(out, "</FilterRule>");
			}
			vt_buf_str(out, "</S3Key></Filter>");
		}
		vt_xml_close(out, r->kind->wrapper);
	}
	vt_xml_close(out, "NotificationConfiguration");
}

const char *
vt_notify_dest(const struct vt_notify *n, size_t i)
{
	for (size_t j = 0; j < n->count; j++) {
		size_t k = 0;

		while (k < j && strcmp(n->rules[k].dest,
		    n->rules[j].dest) != 0)
			k++;
		if (k == j && i-- == 0)
			return n->rules[j].dest;
	}
	return NULL;
}

/* --- matching ------------------------------------------------------------- */

static int
matches(const struct rule *r, const char *name, const char *key,
    size_t key_len)
{
	size_t len;

	if (r->prefix != NULL) {
		len = strlen(r->prefix);
		if (len > key_len || memcmp(key, r->prefix, len) != 0)
			return 0;
	}
	if (r->suffix != NULL) {
		len = strlen(r->suffix);
		if (len > key_len ||
		    memcmp(key + key_len - len, r->suffix, len) != 0)
			return 0;
	}
	for (size_t i = 0; i < r->event_count; i++)
		if (covers(r->event[i], name))
			return 1;
	return 0;
}

enum vt_code
vt_notify_events(const struct vt_notify *n, struct vt_arena *a,
    const struct vt_notify_context *x, const char *name, int when,
    struct vt_cat_event **events, size_t *count, struct vt_err *err)
{
	struct vt_cat_event *more;
	size_t hits = 0;

	for (size_t i = 0; i < n->count; i++)
		hits += matches(&n->rules[i], name, x->key, x->key_len);
	if (hits == 0)
		return VT_OK;
	more = vt_arena_alloc(a, (*count + hits) * sizeof(*more));
	if (more == NULL)
		return vt_fail(err, VT_NOMEM, "no memory for events");
	if (*count > 0)
		memcpy(more, *events, *count * sizeof(*more));
	for (size_t i = 0; i < n->count; i++) {
		const struct rule *r = &n->rules[i];
		struct vt_cat_event *e = &more[*count];

		if (!matches(r, name, x->key, x->key_len))
			continue;
		memset(e, 0, sizeof(*e));
		/* the rules may be gone before the operation is done */
		e->e.dest = vt_arena_str(a, r->dest);
		e->e.rule = vt_arena_str(a, r->id);
		if (e->e.dest == NULL || e->e.rule == NULL)
			return vt_fail(err, VT_NOMEM, "no memory for events");
		e->e.name = name;
		e->e.bucket = x->bucket;
		e->e.owner = x->owner;
		e->e.key = x->key;
		e->e.key_len = x->key_len;
		e->e.requester = x->requester;
		e->e.remote = x->remote;
		e->e.request_id = x->request_id;
		e->e.etag = e->e.version_id = e->e.detail = "";
		e->versioned = x->versioned;
		e->when = when;
		(*count)++;
	}
	*events = more;
	return VT_OK;
}

enum vt_code
vt_notify_version(struct vt_catalog *c, struct vt_arena *a,
    const struct vt_bucket *b, const struct vt_version *version,
    const char *name, const char *detail, struct vt_cat_event **events,
    size_t *count, struct vt_err *err)
{
	struct vt_notify_context x = { .bucket = b->name, .owner = b->owner,
	    .key = version->key, .key_len = version->key_len,
	    .requester = "", .remote = "", .request_id = "",
	    .versioned = b->versioning != 0 };
	struct vt_notify *n;
	const char *body;
	size_t len, i, before = *count;
	enum vt_code rc;

	if (((b->docs >> VT_DOC_NOTIFICATION) & 1) == 0)
		return VT_OK;
	rc = vt_catalog_doc(c, a, b->id, VT_DOC_NOTIFICATION, &body, &len,
	    err);
	if (rc == VT_ABSENT)
		return VT_OK;
	if (rc == VT_OK)
		rc = vt_notify_parse(body, len, NULL, &n, err);
	if (rc != VT_OK)
		return rc;
	rc = vt_notify_events(n, a, &x, name, VT_EVENT_ALWAYS, events, count,
	    err);
	for (i = before; rc == VT_OK && i < *count; i++) {
		(*events)[i].e.version_id = !x.versioned ? "" :
		    version->is_null ? "null" : version->version_id;
		(*events)[i].e.size_bytes = version->size_bytes;
		(*events)[i].e.etag = version->etag;
		(*events)[i].e.detail = detail;
	}
	vt_notify_free(n);
	return rc;
}

/* --- telling -------------------------------------------------------------- */

static void
member(struct vt_buf *b, const char *name, const char *value)
{
	vt_json_quote(b, name, strlen(name));
	vt_buf_char(b, ':');
	vt_json_quote(b, value, strlen(value));
}

/* As in a form: AWS writes keys so. */
static void
key_member(struct vt_buf *b, const struct vt_event *e)
{
	struct vt_buf text;

	vt_buf_init(&text, 3 * VT_KEY_MAX + 1);
	for (size_t i = 0; i < e->key_len; i++)
		if (e->key[i] == ' ')
			vt_buf_char(&text, '+');
		else
			vt_uri_encode(&text, e->key + i, 1, 1);
	if (text.failed)
		b->failed = text.failed;
	else
		member(b, "key", text.data);
	vt_buf_release(&text);
}

void
vt_notify_message(const struct vt_event *e, const char *region,
    struct vt_buf *out)
{
	char text[25];

	vt_buf_str(out, "{\"EventName\":\"s3:");
	vt_buf_str(out, e->name);
	vt_buf_str(out, "\",\"Records\":[{\"eventVersion\":\"2.3\","
	    "\"eventSource\":\"aws:s3\",");
	member(out, "awsRegion", region);
	vt_time_rfc3339_ms(e->time_us, text);
	vt_buf_char(out, ',');
	member(out, "eventTime", text);
	vt_buf_char(out, ',');
	member(out, "eventName", e->name);
	vt_buf_str(out, ",\"userIdentity\":{");
	member(out, "principalId", e->requester);
	vt_buf_str(out, "},\"requestParameters\":{");
	member(out, "sourceIPAddress", e->remote);
	vt_buf_str(out, "},\"responseElements\":{");
	member(out, "x-amz-request-id", e->request_id);
	vt_buf_str(out, "},\"s3\":{\"s3SchemaVersion\":\"1.0\",");
	member(out, "configurationId", e->rule);
	vt_buf_str(out, ",\"bucket\":{");
	member(out, "name", e->bucket);
	vt_buf_str(out, ",\"ownerIdentity\":{");
	member(out, "principalId", e->owner);
	vt_buf_str(out, "},\"arn\":\"arn:aws:s3:::");
	vt_buf_str(out, e->bucket);
	vt_buf_str(out, "\"},\"object\":{");
	key_member(out, e);
	vt_buf_printf(out, ",\"size\":%llu,",
	    (unsigned long long)e->size_bytes);
	member(out, "eTag", e->etag);
	if (*e->version_id != '\0') {
		vt_buf_char(out, ',');
		member(out, "versionId", e->version_id);
	}
	vt_buf_printf(out, ",\"sequencer\":\"%016llX\"}}",
	    (unsigned long long)e->seq);
	vt_buf_str(out, e->detail);
	vt_buf_str(out, "}]}");
}
