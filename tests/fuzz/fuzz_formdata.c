/*
 * Any bytes as a form, after a byte that says in what pieces it comes and a
 * line that is its Content-Type: no crash, and the pieces do not matter.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libvt/base/buf.h"
#include "libvt/proto/formdata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
on_file(void *ctx, const char *name)
{
	vt_buf_str(ctx, name);
	vt_buf_char(ctx, '\0');
	return 0;
}

static int
on_data(void *ctx, const void *data, size_t len)
{
	vt_buf_add(ctx, data, len);
	return 0;
}

/* What is read of it, fields and file, goes to `out`. */
static enum vt_code
parse(const char *boundary, const uint8_t *p, size_t len, size_t step,
    struct vt_buf *out)
{
	struct vt_arena *a = vt_arena_new(1 << 20);
	struct vt_form_sink sink = { on_file, on_data, out };
	const struct vt_form_field *fields;
	struct vt_formdata *f;
	enum vt_code rc = VT_OK;
	size_t n, count, i;
	uint8_t *piece;

	if (a == NULL)
		return VT_NOMEM;
	f = vt_formdata_new(a, boundary, &sink);
	while (f != NULL && rc == VT_OK && len > 0) {
		n = len < step ? len : step;
		/* a copy, so that reading past it is seen */
		piece = malloc(n);
		if (piece == NULL)
			abort();
		memcpy(piece, p, n);
		rc = vt_formdata_push(f, piece, n, NULL);
		free(piece);
		p += n;
		len -= n;
	}
	if (f != NULL && rc == VT_OK) {
		rc = vt_formdata_finish(f, NULL);
		fields = vt_formdata_fields(f, &count);
		for (i = 0; i < count; i++) {
			if (fields[i].value[fields[i].value_len] != '\0')
				abort();
			vt_buf_str(out, fields[i].name);
			vt_buf_add(out, fields[i].value, fields[i].value_len);
		}
	}
	vt_arena_free(a);
	return rc;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char type[2048], boundary[VT_FORM_BOUNDARY_MAX + 1];
	struct vt_buf whole, pieces;
	const uint8_t *eol;
	enum vt_code a, b;
	size_t len, step;

	if (size < 2)
		return 0;
	step = data[0] % 64 + 1;
	data++;
	size--;
	eol = memchr(data, '\n', size);
	len = eol != NULL ? (size_t)(eol - data) : size;
	if (len >= sizeof(type))
		return 0;
	memcpy(type, data, len);
	type[len] = '\0';
	if (vt_formdata_boundary(type, boundary, NULL) != VT_OK)
		return 0;
	if (eol != NULL)
		len++;
	vt_buf_init(&whole, 1 << 20);
	vt_buf_init(&pieces, 1 << 20);
	a = parse(boundary, data + len, size - len, size + 1, &whole);
	b = parse(boundary, data + len, size - len, step, &pieces);
	if (a != b || (a == VT_OK && (whole.len != pieces.len ||
	    memcmp(whole.data, pieces.data, whole.len) != 0)))
		abort();
	vt_buf_release(&whole);
	vt_buf_release(&pieces);
	return 0;
}
