/* Health and figures: see admin.h. */
#include <stddef.h>
#include <string.h>

#include "admin.h"
#include "notify.h"
#include "route.h"
#include "users.h"

/* One line of the Prometheus text format, with its type before it. */
static void
metric(struct vt_buf *out, const char *name, const char *type,
    const char *help, uint64_t value)
{
	vt_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %ju\n", name, help,
	    name, type, name, (uintmax_t)value);
}

static void
requests(struct vt_buf *out, const struct http_stats *st)
{
	static const char *const classes[] = { "cut", "1xx", "2xx", "3xx",
	    "4xx", "5xx" };
	const struct op *ops;
	size_t count, i, class;

	ops = route_ops(&count);
	vt_buf_str(out, "# HELP vt_requests_total Requests answered, by "
	    "operation and class of status; cut: without an answer.\n"
	    "# TYPE vt_requests_total counter\n");
	for (i = 0; i <= count && i < OPS_MAX; i++)
		for (class = 0; class < 6; class++)
			if (st->requests[i][class] > 0)
				vt_buf_printf(out, "vt_requests_total"
				    "{op=\"%s\",status=\"%s\"} %ju\n",
				    i == 0 ? "none" : ops[i - 1].name,
				    classes[class],
				    (uintmax_t)st->requests[i][class]);
}

static void
serving(struct vt_buf *out, const struct server *s)
{
	struct http_stats st;

	http_stats(s->http, &st);
	requests(out, &st);
	metric(out, "vt_connections", "gauge", "Open connections.",
	    st.connections);
	metric(out, "vt_requests_in_hand", "gauge",
	    "Requests not answered in full yet.", st.in_hand);
	metric(out, "vt_requests_suspended", "gauge",
	    "Requests that wait for a worker, a commit or a buffer.",
	    st.suspended);
	metric(out, "vt_jobs_queued", "gauge",
	    "Jobs that wait for a worker.", st.queued);
	metric(out, "vt_buffer_bytes", "gauge",
	    "Bytes of the buffer budget in use.", st.buffer_bytes);
	metric(out, "vt_buffer_budget_bytes", "gauge",
	    "The buffer budget.", s->config->buffer_budget_bytes);
	metric(out, "vt_buffer_waiting", "gauge",
	    "Requests that wait for a buffer.", st.buffer_waiting);
	metric(out, "vt_received_bytes_total", "counter",
	    "Bytes of request bodies, decoded.", st.bytes_in);
	metric(out, "vt_sent_bytes_total", "counter",
	    "Bytes of response bodies.", st.bytes_out);
}

static void
catalog(struct vt_buf *out, const struct server *s)
{
	struct vt_catalog_stats c;
	struct vt_err err;

	/* Without them the page still has the rest. */
	if (vt_catalog_stats(s->catalog, &c, &err) != VT_OK)
		return;
	metric(out, "vt_buckets", "gauge", "Buckets.", c.buckets);
	metric(out, "vt_versions", "gauge", "Versions of objects.",
	    c.versions);
	metric(out, "vt_delete_markers", "gauge", "Delete markers.",
	    c.markers);
	metric(out, "vt_blobs", "gauge", "Stored objects on tiers.",
	    c.blobs);
	metric(out, "vt_uploads", "gauge", "Multipart uploads in progress.",
	    c.uploads);
	metric(out, "vt_leases", "gauge", "Blocks of blob ids in use.",
	    c.leases);
	metric(out, "vt_garbage", "gauge", "Blobs that wait for deletion.",
	    c.garbage);
	metric(out, "vt_garbage_bytes", "gauge",
	    "Bytes that wait for deletion.", c.garbage_bytes);
	metric(out, "vt_inline_bytes", "gauge",
	    "Bytes of objects kept in the catalog.", c.inline_bytes);
	metric(out, "vt_catalog_wal_bytes", "gauge",
	    "Size of the catalog's write-ahead log.", c.wal_bytes);
	metric(out, "vt_catalog_commits_total", "counter",
	    "Transactions committed.", c.commits);
	metric(out, "vt_catalog_operations_total", "counter",
	    "Operations in these transactions.", c.operations);
	metric(out, "vt_catalog_checkpoints_total", "counter",
	    "Checkpoints of the write-ahead log.", c.checkpoints);
}

static void
users(struct vt_buf *out, const struct server *s)
{
	metric(out, "vt_access_keys_held", "gauge",
	    "Access keys of users held in memory.", users_held(s->users));
}

static void
notifications(struct vt_buf *out, const struct server *s)
{
	static const struct {
		const char *name, *type, *help;
	} figures[] = {
		{ "vt_events_waiting", "gauge",
		    "Events that are still to be delivered." },
		{ "vt_events_delivered_total", "counter",
		    "Events delivered." },
		{ "vt_events_failed_total", "counter",
		    "Deliveries that failed and are tried again." },
		{ "vt_events_dropped_total", "counter",
		    "Events given up: too old, or too many." }
	};
	struct notify_figures f[VT_WEBHOOKS_MAX];
	size_t count = 0, i, j;

	while (count < VT_WEBHOOKS_MAX &&
	    notifier_figures(s->notifier, count, &f[count]))
		count++;
	for (i = 0; count > 0 && i < 4; i++) {
		vt_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n",
		    figures[i].name, figures[i].help, figures[i].name,
		    figures[i].type);
		for (j = 0; j < count; j++) {
			const uint64_t values[] = { f[j].waiting,
			    f[j].delivered, f[j].failed, f[j].dropped };

			vt_buf_printf(out, "%s{webhook=\"%s\"} %ju\n",
			    figures[i].name, f[j].webhook,
			    (uintmax_t)values[i]);
		}
	}
}

/* --- tiers on other machines ---------------------------------------------- */

struct tier_figures {
	const char *tier;
	struct tierqueue_stats q;
	struct vt_backend_health h;
	struct vt_backend_counts c;
};

/* One figure of each of them; `label` is more of its labels, or "". */
static void
each_tier(struct vt_buf *out, const struct tier_figures *f, size_t count,
    const char *name, const char *label, size_t offset, size_t size)
{
	for (size_t i = 0; i < count; i++) {
		const char *at = (const char *)&f[i] + offset;
		uintmax_t value = size == sizeof(unsigned) ?
		    *(const unsigned *)(const void *)at :
		    *(const uint64_t *)(const void *)at;

		vt_buf_printf(out, "%s{tier=\"%s\"%s} %ju\n", name,
		    f[i].tier, label, value);
	}
}

static void
remote_tiers(struct vt_buf *out, const struct server *s)
{
#define AT(m) offsetof(struct tier_figures, m), \
	    sizeof(((struct tier_figures *)0)->m)
	static const struct {
		const char *name, *label, *type, *help;
		size_t offset, size;
	} figures[] = {
		{ "vt_tier_queued", "", "gauge",
		    "Jobs that wait for a worker of the tier.",
		    AT(q.queued) },
		{ "vt_tier_requests_in_hand", "", "gauge",
		    "Requests in hand that read of the tier or write to it.",
		    AT(q.in_hand) },
		{ "vt_tier_upload_bytes", "", "gauge",
		    "Bytes of memory that uploads to the tier may take.",
		    AT(q.upload_bytes) },
		{ "vt_tier_uploads_waiting", "", "gauge",
		    "Uploads to the tier that wait for such memory.",
		    AT(q.uploads_waiting) },
		{ "vt_tier_turned_away_total", "", "counter",
		    "Requests answered 503 because the tier does not work or "
		    "is busy.", AT(q.refused) },
		{ "vt_tier_calls", "", "gauge", "Calls of the tier at work.",
		    AT(h.calls) },
		{ "vt_tier_waiting", "", "gauge",
		    "Calls of the tier that wait for their turn.",
		    AT(h.waiting) },
		{ "vt_tier_failures_total", "", "counter",
		    "Calls that failed for the tier's sake.",
		    AT(h.failures) },
		{ "vt_tier_refused_total", "", "counter",
		    "Calls not made because the tier does not work or is "
		    "busy.", AT(h.refused) },
		{ "vt_tier_requests_total", ",kind=\"write\"", "counter",
		    "Requests sent to the tier, as they are billed.",
		    AT(c.writes) },
		{ "vt_tier_requests_total", ",kind=\"read\"", NULL, NULL,
		    AT(c.reads) },
		{ "vt_tier_requests_total", ",kind=\"delete\"", NULL, NULL,
		    AT(c.deletes) },
		{ "vt_tier_bytes_total", ",direction=\"in\"", "counter",
		    "Bytes read from the tier (in) and written to it (out).",
		    AT(c.bytes_in) },
		{ "vt_tier_bytes_total", ",direction=\"out\"", NULL, NULL,
		    AT(c.bytes_out) }
	};
#undef AT
	struct tier_figures f[VT_TIERS_MAX];
	const struct vt_backend *b;
	size_t count = 0, i;

	while (count < VT_TIERS_MAX &&
	    http_tier_stats(s->http, count, &f[count].q)) {
		f[count].tier = f[count].q.tier;
		b = vt_tiers_backend(s->tiers, f[count].tier);
		vt_backend_health(b, &f[count].h);
		vt_backend_counts(b, &f[count].c);
		count++;
	}
	if (count == 0)
		return;
	vt_buf_str(out, "# HELP vt_tier_up Whether the tier works, as far as "
	    "is known.\n# TYPE vt_tier_up gauge\n");
	for (i = 0; i < count; i++)
		vt_buf_printf(out, "vt_tier_up{tier=\"%s\"} %d\n", f[i].tier,
		    !f[i].h.is_open);
	for (i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
		if (figures[i].help != NULL)
			vt_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n",
			    figures[i].name, figures[i].help,
			    figures[i].name, figures[i].type);
		each_tier(out, f, count, figures[i].name, figures[i].label,
		    figures[i].offset, figures[i].size);
	}
}

static void
access_log(struct vt_buf *out, const struct server *s)
{
	uint64_t dropped, written;

	vt_accesslog_stats(s->log, &dropped, &written);
	metric(out, "vt_access_log_dropped_total", "counter",
	    "Lines of the access log lost for want of room.", dropped);
	metric(out, "vt_access_log_bytes_total", "counter",
	    "Bytes of the access log written.", written);
}

int
admin_page(const struct server *s, const char *path, struct vt_buf *out,
    const char **type)
{
	struct http_stats st;

	*type = "text/plain; charset=utf-8";
	if (strcmp(path, "/healthz") == 0) {
		vt_buf_str(out, "ok\n");
		return 200;
	}
	if (strcmp(path, "/readyz") == 0) {
		http_stats(s->http, &st);
		vt_buf_str(out, st.stopping ? "stopping\n" : "ok\n");
		return st.stopping ? 503 : 200;
	}
	if (strcmp(path, "/metrics") == 0) {
		*type = "text/plain; version=0.0.4; charset=utf-8";
		serving(out, s);
		catalog(out, s);
		users(out, s);
		notifications(out, s);
		remote_tiers(out, s);
		access_log(out, s);
		return 200;
	}
	vt_buf_str(out, "not found: /healthz /readyz /metrics\n");
	return 404;
}
