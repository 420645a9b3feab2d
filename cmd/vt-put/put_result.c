/* What became of a file: told, counted. */
#include <stdlib.h>
#include <string.h>

#include "libvt/base/hex.h"
#include "libvt/base/jsonl.h"

#include "cmd/cli.h"

#include "put.h"

void
free_item(struct item *it)
{
	if (it == NULL)
		return;
	free(it->path);
	free(it->key);
	free(it);
}

static void
report_json(const struct item *it, const struct outcome *o, enum vt_code rc,
    const struct vt_err *err)
{
	struct vt_buf b;
	uint8_t crc[8];
	char text[16];
	int i;

	vt_buf_init(&b, 1024 * 1024);
	vt_json_begin(&b);
	vt_json_u64(&b, "v", 1);
	vt_json_str(&b, "op", "put");
	vt_json_str(&b, "result", rc == VT_OK ? o->result : "failed");
	vt_json_bytes(&b, "source", it->path, strlen(it->path));
	vt_json_str(&b, "bucket", opt.bucket);
	vt_json_bytes(&b, "key", it->key, strlen(it->key));
	vt_json_u64(&b, "bytes", o->bytes);
	if (rc == VT_OK && o->put != NULL) {
		vt_json_str(&b, "etag", o->put->etag);
		if (o->put->version[0] != '\0')
			vt_json_str(&b, "version", o->put->version);
		for (i = 0; i < 8; i++)
			crc[i] = (uint8_t)(o->put->crc64 >> (56 - 8 * i));
		vt_b64_encode(crc, 8, text);
		vt_json_str(&b, "crc64nvme", text);
	}
	if (o->parts > 0) {
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
	if (opt.json)
		report_json(it, o, rc, err);
	else if (rc == VT_OK && opt.dry_run)
		cli_printf("%s -> s3://%s/%s\n", it->path, opt.bucket,
		    it->key);
	/* After a signal one line at the end says it all. */
	if (rc != VT_OK && rc != VT_CANCELLED)
		cli_warn("'%s': s3://%s/%s: %s", it->path, opt.bucket,
		    it->key, err->text);
	else if (rc == VT_OK && opt.verbose)
		cli_warn("'%s': s3://%s/%s: %s", it->path, opt.bucket,
		    it->key, o->result);
	cli_progress_add(0, 1);
	cli_work_count(&work, rc);
	free_item(it);
}

void
fail_item(struct item *it, enum vt_code rc, const struct vt_err *err)
{
	struct outcome o = { "failed", it->size, NULL, 0, 0 };

	finish_item(it, &o, rc, err);
}
