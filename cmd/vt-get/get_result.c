/* What became of an object: told, counted. */
#include <stdlib.h>
#include <string.h>

#include "libvt/base/jsonl.h"

#include "cmd/cli.h"

#include "get.h"

void
free_item(struct item *it)
{
	if (it == NULL)
		return;
	free(it->bucket);
	free(it->key);
	free(it->path);
	free(it);
}

const char *
alg_name(enum vt_hash_alg alg)
{
	static const char *const names[] = { "md5", "sha1", "sha256", "crc32",
	    "crc32c", "crc64nvme" };

	return alg < VT_HASH_ALGS ? names[alg] : "none";
}

static void
report_json(const struct item *it, const struct outcome *o, enum vt_code rc,
    const struct vt_err *err)
{
	struct vt_buf b;

	vt_buf_init(&b, 1024 * 1024);
	vt_json_begin(&b);
	vt_json_u64(&b, "v", 1);
	vt_json_str(&b, "op", "get");
	vt_json_str(&b, "result", rc == VT_OK ? o->result : "failed");
	vt_json_str(&b, "bucket", it->bucket);
	vt_json_bytes(&b, "key", it->key, strlen(it->key));
	vt_json_bytes(&b, "target", it->path, strlen(it->path));
	vt_json_u64(&b, "bytes", o->bytes);
	if (rc == VT_OK && o->head != NULL) {
		vt_json_str(&b, "etag", o->head->etag);
		if (o->head->version[0] != '\0')
			vt_json_str(&b, "version", o->head->version);
		vt_json_str(&b, "checked", alg_name(o->checked));
	}
	if (o->parts > 1) {
		vt_json_u64(&b, "parts", o->parts);
		vt_json_u64(&b, "resumed_parts", o->resumed);
	}
	cli_work_line(&b, it->start_us, rc, err);
	vt_buf_release(&b);
}

/* An item is done with, well or not: tell, count, free. */
void
finish_item(struct item *it, const struct outcome *o, enum vt_code rc,
    const struct vt_err *err)
{
	const char *hint = rc == VT_NEEDS_RESTORE ?
	    " (archived: ask for a restore first)" : "";

	if (opt.json)
		report_json(it, o, rc, err);
	else if (rc == VT_OK && opt.dry_run)
		cli_printf("s3://%s/%s -> %s\n", it->bucket, it->key,
		    it->path);
	/* After a signal one line at the end says it all. */
	if (rc != VT_OK && rc != VT_CANCELLED)
		cli_warn("s3://%s/%s: '%s': %s%s", it->bucket, it->key,
		    it->path, err->text, hint);
	else if (rc == VT_OK && opt.verbose)
		cli_warn("s3://%s/%s: '%s': %s, checked: %s", it->bucket,
		    it->key, it->path, o->result, alg_name(o->checked));
	cli_progress_add(0, 1);
	cli_work_count(&work, rc);
	free_item(it);
}

void
fail_item(struct item *it, enum vt_code rc, const struct vt_err *err)
{
	struct outcome o = { "failed", it->size, NULL, VT_HASH_ALGS, 0, 0 };

	finish_item(it, &o, rc, err);
}
