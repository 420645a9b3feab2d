/* Listings of keys and buckets. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvt/base/clock.h"
#include "libvt/base/jsonl.h"

#include "cmd/cli.h"

#include "get.h"

struct listing {
	const char *bucket;
	uint64_t found;
	struct vt_buf b;
};

/* Names are other people's: no control characters to a terminal. */
static void
add_name(struct vt_buf *b, const char *name)
{
	static int terminal = -1;
	size_t at = b->len;

	if (terminal < 0)
		terminal = isatty(STDOUT_FILENO);
	vt_buf_str(b, name);
	for (; terminal && at < b->len; at++)
		if ((unsigned char)b->data[at] < 0x20 || b->data[at] == 0x7f)
			b->data[at] = '?';
}

static int
visit_listing(void *ctx, const struct vt_s3_entry *e)
{
	struct listing *l = ctx;
	char when[25];

	if (cli_stopping())
		return 1;
	l->found++;
	vt_time_rfc3339_ms(e->modified_us, when);
	if (opt.json) {
		vt_json_begin(&l->b);
		vt_json_u64(&l->b, "v", 1);
		vt_json_str(&l->b, "op", "list");
		vt_json_str(&l->b, "bucket", l->bucket);
		vt_json_bytes(&l->b, e->is_prefix ? "prefix" : "key", e->key,
		    strlen(e->key));
		if (!e->is_prefix) {
			vt_json_u64(&l->b, "bytes", e->size_bytes);
			vt_json_str(&l->b, "modified", when);
			vt_json_str(&l->b, "etag", e->etag);
			vt_json_str(&l->b, "class", e->storage_class[0] !=
			    '\0' ? e->storage_class : "STANDARD");
		}
		vt_json_end(&l->b);
	} else {
		if (e->is_prefix)
			vt_buf_printf(&l->b, "%15s  %-24s  %-20s  ", "-", "-",
			    "-");
		else
			vt_buf_printf(&l->b, "%15llu  %s  %-20s  ",
			    (unsigned long long)e->size_bytes, when,
			    e->storage_class[0] != '\0' ? e->storage_class :
			    "STANDARD");
		add_name(&l->b, e->key);
		vt_buf_char(&l->b, opt.null ? '\0' : '\n');
	}
	return cli_out_buf(&l->b) < 0;
}

static int
visit_bucket(void *ctx, const char *name, int64_t created_us)
{
	struct listing *l = ctx;
	char when[25];

	l->found++;
	vt_time_rfc3339_ms(created_us, when);
	if (opt.json) {
		vt_json_begin(&l->b);
		vt_json_u64(&l->b, "v", 1);
		vt_json_str(&l->b, "op", "list");
		vt_json_str(&l->b, "bucket", name);
		vt_json_str(&l->b, "created", when);
		vt_json_end(&l->b);
	} else {
		vt_buf_printf(&l->b, "%s  ", when);
		add_name(&l->b, name);
		vt_buf_char(&l->b, opt.null ? '\0' : '\n');
	}
	return cli_out_buf(&l->b) < 0;
}

/* `url` NULL: the buckets. */
void
list(const char *url)
{
	struct vt_err err = { VT_OK, "" };
	struct listing l = { .found = 0 };
	char *bucket = NULL, *prefix = NULL;
	enum vt_code rc;

	vt_buf_init(&l.b, 65536);
	if (url == NULL) {
		rc = vt_s3_list_buckets(client, visit_bucket, &l, &err);
	} else {
		cli_s3_url(url, &bucket, &prefix);
		l.bucket = bucket;
		rc = vt_s3_list(client, bucket, prefix, opt.recursive ? NULL :
		    "/", NULL, visit_listing, &l, &err);
		/* An empty bucket is an answer; a name that nothing bears is
		 * the answer no. */
		if (rc == VT_OK && l.found == 0 && prefix[0] != '\0')
			rc = vt_fail(&err, VT_ABSENT,
			    "no key begins like that");
	}
	if (rc != VT_OK && rc != VT_CANCELLED)
		cli_warn("%s: %s", url != NULL ? url : "the buckets",
		    err.text);
	/* Once more for lost output, which cli_finish tells. */
	cli_work_count(&work, rc);
	vt_buf_release(&l.b);
	free(bucket);
	free(prefix);
}
