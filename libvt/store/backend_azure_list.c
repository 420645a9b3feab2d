/* Listing a container of Azure, page by page: see backend_azure.h. */
#include <string.h>

#include "libvt/base/num.h"
#include "libvt/base/uri.h"
#include "libvt/proto/xml.h"

#include "libvt/store/backend_azure.h"

#define LIST_ARENA (64u << 20)

/* One page of a listing, in `a`. */
struct page {
	struct vt_arena *a;
	const struct vt_xml *blobs;
	const char *next;
};

static enum vt_code
get_page(struct vt_azure *z, const char *query, struct page *out,
    struct vt_err *err)
{
	struct vt_azure_call k;
	struct vt_xml *root;
	enum vt_code rc;

	out->a = vt_arena_new(LIST_ARENA);
	if (out->a == NULL)
		return vt_fail(err, VT_NOMEM, "out of memory");
	rc = vt_azure_begin(z, &k, "GET", NULL, query, VT_CALL_WRITE, err);
	k.q.max_body = VT_AZURE_LIST_MAX;
	if (rc == VT_OK)
		rc = vt_azure_run(z, &k, err);
	if (rc == VT_OK) {
		rc = vt_xml_parse(out->a, k.q.resp->body.data,
		    k.q.resp->body.len, &root, err);
		if (rc != VT_OK)
			vt_err_prefix(err, "the listing is not XML");
	}
	if (rc == VT_OK) {
		out->blobs = vt_xml_child(root, "Blobs");
		out->next = vt_xml_child_text(root, "NextMarker");
	}
	vt_azure_end(z, &k);
	return rc;
}

static enum vt_code
visit_page(struct vt_cloud *c, const struct page *page,
    vt_backend_visit *visit, void *ctx, struct vt_err *err)
{
	const struct vt_xml *x, *p;
	const char *name, *v;
	int64_t mtime_us;
	uint64_t size;

	for (x = page->blobs != NULL ? page->blobs->child : NULL; x != NULL;
	    x = x->next) {
		name = vt_xml_child_text(x, "Name");
		p = vt_xml_child(x, "Properties");
		if (name == NULL || strlen(name) < strlen(c->prefix) ||
		    vt_azure_is_restored(name + strlen(c->prefix)))
			continue;
		v = vt_xml_child_text(p, "Content-Length");
		if (v == NULL || vt_num_scan_u64(v, strlen(v), &size) < 0)
			return vt_fail(err, VT_INVALID, "the listing tells no "
			    "length of '%s'", name);
		v = vt_xml_child_text(p, "Last-Modified");
		if (v == NULL || vt_time_parse_http(v, &mtime_us) < 0)
			mtime_us = 0;
		if (visit(ctx, name, size, mtime_us) != 0)
			return vt_fail(err, VT_CANCELLED, "stopped");
	}
	return VT_OK;
}

enum vt_code
vt_azure_list(struct vt_cloud *c, const char *prefix, vt_backend_visit *visit,
    void *ctx, struct vt_err *err)
{
	struct vt_azure *z = vt_azure_of(c);
	struct vt_buf query, marker;
	struct page page;
	enum vt_code rc;

	vt_buf_init(&query, 65536);
	vt_buf_init(&marker, 16384);
	do {
		memset(&page, 0, sizeof(page));
		vt_buf_reset(&query);
		vt_buf_str(&query, "restype=container&comp=list"
		    "&maxresults=1000");
		if (*prefix != '\0') {
			vt_buf_str(&query, "&prefix=");
			vt_uri_encode(&query, prefix, strlen(prefix), 0);
		}
		if (marker.len > 0) {
			vt_buf_str(&query, "&marker=");
			vt_uri_encode(&query, marker.data, marker.len, 0);
		}
		vt_buf_reset(&marker);
		rc = vt_buf_check(&query, "the request", err);
		if (rc == VT_OK)
			rc = get_page(z, query.data, &page, err);
		if (rc == VT_OK && page.next != NULL)
			vt_buf_str(&marker, page.next);
		if (rc == VT_OK)
			rc = visit_page(c, &page, visit, ctx, err);
		if (rc == VT_OK)
			rc = vt_buf_check(&marker, "the listing's marker",
			    err);
		vt_arena_free(page.a);
	} while (rc == VT_OK && marker.len > 0);
	vt_buf_release(&query);
	vt_buf_release(&marker);
	return rc;
}
