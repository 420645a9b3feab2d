/* Fields of records in JSON: names in any case, objects that are texts. */
#include <string.h>
#include <strings.h>

#include "libvt/base/num.h"

#include "libvt/proto/foreignlog_internal.h"

int
vt_log_json(struct vt_log_json *j, const char *text, size_t len)
{
	j->n = vt_json_scan(text, len, j->f, VT_LOG_FIELDS_MAX);
	return j->n < 0 ? -1 : 0;
}

const struct vt_json_field *
vt_log_json_find(const struct vt_log_json *j, const char *name)
{
	size_t len = strlen(name);
	int i;

	for (i = 0; i < j->n; i++)
		if (j->f[i].name_len == len &&
		    strncasecmp(j->f[i].name, name, len) == 0)
			return &j->f[i];
	return NULL;
}

int
vt_log_json_object(struct vt_logparser *p, const struct vt_log_json *j,
    const char *name, struct vt_log_json *out)
{
	const struct vt_json_field *f = vt_log_json_find(j, name);

	out->n = 0;
	if (f == NULL)
		return -1;
	if (f->type == 'o')
		return vt_log_json(out, f->value, f->value_len);
	if (f->type != 's')
		return -1;
	vt_buf_reset(&p->nested);
	if (vt_json_unescape(f, &p->nested) < 0)
		return -1;
	return vt_log_json(out, p->nested.data, p->nested.len);
}

int
vt_log_text(struct vt_logparser *p, int slot, const struct vt_json_field *f,
    const char **out, size_t *len)
{
	*out = "";
	*len = 0;
	if (f == NULL)
		return 0;
	if (f->type != 's')
		return -1;
	if (!f->escaped) {
		*out = f->value;
		*len = f->value_len;
		return 0;
	}
	vt_buf_reset(&p->text[slot]);
	if (vt_json_unescape(f, &p->text[slot]) < 0)
		return -1;
	*out = p->text[slot].data;
	*len = p->text[slot].len;
	return 0;
}

int
vt_log_json_text(struct vt_logparser *p, int slot,
    const struct vt_log_json *j, const char *name, const char **out,
    size_t *len)
{
	const struct vt_json_field *f = vt_log_json_find(j, name);

	return vt_log_text(p, slot, f != NULL && f->type == '0' ? NULL : f,
	    out, len);
}

int
vt_log_json_is(const struct vt_log_json *j, const char *name,
    const char *text)
{
	const struct vt_json_field *f = vt_log_json_find(j, name);

	return f != NULL && f->type == 's' && f->value_len == strlen(text) &&
	    memcmp(f->value, text, f->value_len) == 0;
}

int
vt_log_json_time(struct vt_logparser *p, const struct vt_log_json *j,
    const char *name, int64_t *us)
{
	const struct vt_json_field *f = vt_log_json_find(j, name);

	return f == NULL || f->type != 's' ? -1 :
	    vt_log_time(p, f->value, f->value_len, us);
}

uint64_t
vt_log_json_u64(const struct vt_log_json *j, const char *name,
    uint64_t standard)
{
	const struct vt_json_field *f = vt_log_json_find(j, name);
	uint64_t n;
	double d;

	if (f == NULL || (f->type != 'n' && f->type != 's'))
		return standard;
	if (vt_num_scan_u64(f->value, f->value_len, &n) == 0)
		return n;
	/* some writers have no integers: 1e6, 10.0 */
	if (vt_num_scan_double(f->value, f->value_len, &d) < 0 || d < 0 ||
	    d > 0x1p62)
		return standard;
	return (uint64_t)d;
}

void
vt_log_source(const char *s, size_t len, struct vt_log_name *out)
{
	static const char mark[] = "?versionId=";
	const char *slash, *v;

	memset(out, 0, sizeof(*out));
	out->version = "";
	if (len > 0 && *s == '/') {
		s++;
		len--;
	}
	slash = memchr(s, '/', len);
	if (slash == NULL || slash == s)
		return;
	out->bucket = s;
	out->bucket_len = (size_t)(slash - s);
	out->key = slash + 1;
	out->key_len = len - out->bucket_len - 1;
	v = memmem(out->key, out->key_len, mark, sizeof(mark) - 1);
	if (v != NULL) {
		out->version = v + sizeof(mark) - 1;
		out->version_len = (size_t)(out->key + out->key_len -
		    out->version);
		out->key_len = (size_t)(v - out->key);
	}
}
