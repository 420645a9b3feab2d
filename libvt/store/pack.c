/* Packs, written: see pack.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "libvt/base/buf.h"
#include "libvt/base/hash.h"
#include "libvt/base/jsonl.h"

#include "libvt/store/pack.h"

#define BLOCK 512		/* of a tar archive */
#define NAME_MAX_BYTES 100	/* of a name in a header, */
#define PREFIX_MAX_BYTES 155	/* and of what may stand before it */
#define PART_MAX_BYTES 255	/* of a file's name, for file systems */
#define LEVEL 3
#define WINDOW_LOG 20		/* decoders need 1 MiB */
#define OUT_BYTES ((size_t)128 << 10)
#define ENTRY_MAX ((size_t)1 << 20)	/* of a member's JSON, as libarchive */
#define INDEX_MAX ((size_t)64 << 20)	/* of the index, compressed */
#define SIZE_MAX_BYTES UINT64_C(077777777777)	/* in a header */
#define TRAILER_MAGIC UINT32_C(0x184d2a5e)
#define TRAILER_NAME "VTPACK1\n"
#define FOLDER ".vt/"
#define INDEX_PATH FOLDER "index.jsonl"

/* --- what the catalog keeps ----------------------------------------------- */

/* A decimal number at *p, which is moved behind it; -1: none. */
static int
number(const char **p, uint64_t *out)
{
	uint64_t n = 0, digit;
	const char *start = *p;

	for (; **p >= '0' && **p <= '9'; (*p)++) {
		digit = (uint64_t)(**p - '0');
		if (n > (UINT64_MAX - digit) / 10)
			return -1;
		n = n * 10 + digit;
	}
	*out = n;
	return *p > start ? 0 : -1;
}

/* What follows the number of a pack, or NULL: it is none. */
static const char *
parse_frames(const char *transform, uint64_t *frame_bytes)
{
	const char *p = transform + 5;

	if (strncmp(transform, "pack ", 5) != 0 ||
	    number(&p, frame_bytes) < 0 || (*p != '\0' && *p != ' '))
		return NULL;
	return p;
}

int
vt_pack_parse_frames(const char *transform, uint64_t *frame_bytes)
{
	return parse_frames(transform, frame_bytes) != NULL;
}

int
vt_pack_parse_text(const char *transform, uint64_t stored,
    struct vt_pack_form *out)
{
	const char *p = parse_frames(transform, &out->frame_bytes);

	if (p == NULL)
		return 0;
	out->pack_bytes = stored;
	out->form = p;
	if (*p == '\0')
		return 1;
	if (*p++ != ' ' || number(&p, &out->pack_bytes) < 0 || *p++ != ' ')
		return 0;
	out->form = p;
	return *p != '\0';
}

int
vt_pack_text(const struct vt_pack_form *p, char out[VT_PACK_TEXT])
{
	int n = *p->form == '\0' ? snprintf(out, VT_PACK_TEXT, "pack %llu",
	    (unsigned long long)p->frame_bytes) : snprintf(out, VT_PACK_TEXT,
	    "pack %llu %llu %s", (unsigned long long)p->frame_bytes,
	    (unsigned long long)p->pack_bytes, p->form);

	return n > 0 && n < VT_PACK_TEXT ? 0 : -1;
}

/* --- names ---------------------------------------------------------------- */

/* The length of the UTF-8 sequence at `p`, or 0: it is none. */
static size_t
utf8_length(const unsigned char *p, size_t len)
{
	uint32_t c = p[0];
	size_t n = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 :
	    c < 0xf5 ? 4 : 0, i;

	if (n == 0 || n > len)
		return 0;
	c &= 0x7fu >> (n - 1);
	for (i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fu);
	}
	if ((n == 3 && (c < 0x800 || (c >= 0xd800 && c < 0xe000))) ||
	    (n == 4 && (c < 0x10000 || c > 0x10ffff)))
		return 0;
	return n;
}

static int
is_odd_part(const char *part, size_t len)
{
	return len == 0 || len > PART_MAX_BYTES ||
	    (len == 1 && part[0] == '.') ||
	    (len == 2 && part[0] == '.' && part[1] == '.');
}

static int
is_odd_name(const char *key, size_t len)
{
	const unsigned char *p = (const unsigned char *)key;
	size_t i, n, start = 0;

	for (i = 0; i < len; i += n) {
		n = utf8_length(p + i, len - i);
		if (n == 0 || p[i] < 0x20 || p[i] == 0x7f)
			return 1;
		if (p[i] == '/') {
			if (is_odd_part(key + start, i - start))
				return 1;
			start = i + 1;
		}
	}
	return is_odd_part(key + start, len - start) ||
	    (len >= 3 && memcmp(key, FOLDER, 3) == 0 &&
	    (len == 3 || key[3] == '/'));
}

static int
compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t n = a_len < b_len ? a_len : b_len;
	int c = n > 0 ? memcmp(a, b, n) : 0;

	return c != 0 ? c : a_len < b_len ? -1 : a_len > b_len;
}

/* Is there one behind keys[i] that begins with it and a slash? */
static int
is_folder(const struct vt_pack_key *keys, size_t count, size_t i)
{
	const struct vt_pack_key *k = &keys[i];
	size_t low = i + 1, high = count, middle;

	while (low < high) {
		const struct vt_pack_key *m;
		int c;

		middle = low + (high - low) / 2;
		m = &keys[middle];
		c = m->len > k->len ? compare(m->key, k->len, k->key, k->len) :
		    compare(m->key, m->len, k->key, k->len);
		if (c < 0 || (c == 0 && (m->len <= k->len ||
		    (unsigned char)m->key[k->len] < '/')))
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && keys[low].len > k->len &&
	    memcmp(keys[low].key, k->key, k->len) == 0 &&
	    keys[low].key[k->len] == '/';
}

void
vt_pack_odd_keys(const struct vt_pack_key *keys, size_t count,
    unsigned char *is_odd)
{
	size_t i;

	for (i = 0; i < count; i++)
		is_odd[i] = is_odd_name(keys[i].key, keys[i].len) ||
		    (i > 0 && compare(keys[i].key, keys[i].len,
		    keys[i - 1].key, keys[i - 1].len) == 0) ||
		    is_folder(keys, count, i);
}

/* --- writing -------------------------------------------------------------- */

struct vt_pack_writer {
	vt_pack_put *put;
	void *ctx;
	ZSTD_CCtx *z;
	ZSTD_CCtx *index_z;	/* of the index, which is made on the way */
	struct vt_buf index;	/* compressed so far */
	uint64_t index_bytes;	/* that are in it when plain */
	struct vt_buf header;	/* the plain bytes of a frame of headers */
	struct vt_buf entry;	/* the JSON of the member */
	struct vt_pack_sum sum;
	uint64_t padding;	/* that the last file still needs */
	/* of the member that is open */
	uint64_t offset, size_bytes, data_bytes;
	int is_frame;		/* its bytes come as a frame */
	uint8_t out[OUT_BYTES];
};

static enum vt_code
nomem(struct vt_err *err)
{
	return vt_fail(err, VT_NOMEM, "out of memory");
}

static ZSTD_CCtx *
new_compressor(void)
{
	ZSTD_CCtx *z = ZSTD_createCCtx();

	if (z == NULL)
		return NULL;
	if (ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel,
	    LEVEL)) || ZSTD_isError(ZSTD_CCtx_setParameter(z,
	    ZSTD_c_windowLog, WINDOW_LOG)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1))) {
		ZSTD_freeCCtx(z);
		return NULL;
	}
	return z;
}

enum vt_code
vt_pack_writer_open(vt_pack_put *put, void *ctx, struct vt_pack_writer **out,
    struct vt_err *err)
{
	struct vt_pack_writer *w = calloc(1, sizeof(*w));

	*out = NULL;
	if (w == NULL)
		return nomem(err);
	w->put = put;
	w->ctx = ctx;
	vt_buf_init(&w->index, INDEX_MAX);
	vt_buf_init(&w->header, 2 * ENTRY_MAX);
	vt_buf_init(&w->entry, ENTRY_MAX);
	w->z = new_compressor();
	w->index_z = new_compressor();
	if (w->z == NULL || w->index_z == NULL) {
		vt_pack_writer_close(w);
		return nomem(err);
	}
	*out = w;
	return VT_OK;
}

void
vt_pack_writer_close(struct vt_pack_writer *w)
{
	if (w == NULL)
		return;
	ZSTD_freeCCtx(w->z);
	ZSTD_freeCCtx(w->index_z);
	vt_buf_release(&w->index);
	vt_buf_release(&w->header);
	vt_buf_release(&w->entry);
	free(w);
}

static enum vt_code
put(struct vt_pack_writer *w, const void *data, size_t len,
    struct vt_err *err)
{
	w->sum.bytes += len;
	w->sum.crc64 = vt_crc64nvme(w->sum.crc64, data, len);
	return w->put(w->ctx, data, len, err);
}

static enum vt_code
keep_index(struct vt_pack_writer *w, const void *data, size_t len,
    struct vt_err *err)
{
	if (vt_buf_add(&w->index, data, len) < 0)
		return vt_fail(err, VT_NOMEM, "no memory for the index of a "
		    "pack");
	return VT_OK;
}

/* Compress `len` more bytes, and end the frame when `how` says so. */
static enum vt_code
compress(struct vt_pack_writer *w, ZSTD_CCtx *z, const void *data, size_t len,
    ZSTD_EndDirective how, enum vt_code (*take)(struct vt_pack_writer *w,
    const void *data, size_t len, struct vt_err *err), struct vt_err *err)
{
	ZSTD_inBuffer in = { data, len, 0 };
	enum vt_code rc = VT_OK;
	size_t left;

	do {
		ZSTD_outBuffer o = { w->out, OUT_BYTES, 0 };

		left = ZSTD_compressStream2(z, &o, &in, how);
		if (ZSTD_isError(left))
			return vt_fail(err, VT_NOMEM, "cannot compress: %s",
			    ZSTD_getErrorName(left));
		if (o.pos > 0)
			rc = take(w, w->out, o.pos, err);
	} while (rc == VT_OK && (in.pos < in.size ||
	    (how == ZSTD_e_end && left > 0)));
	return rc;
}

/* All of `b` as one frame. */
static enum vt_code
put_frame(struct vt_pack_writer *w, const struct vt_buf *b,
    struct vt_err *err)
{
	if (b->failed)
		return nomem(err);
	if (ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(w->z, b->len)))
		return nomem(err);
	return compress(w, w->z, b->data, b->len, ZSTD_e_end, put, err);
}

/* --- headers -------------------------------------------------------------- */

static void
add_zeros(struct vt_buf *b, size_t n)
{
	char *p = vt_buf_reserve(b, n);

	if (p == NULL)
		return;
	memset(p, 0, n);
	b->len += n;
	b->data[b->len] = '\0';
}

static size_t
padding_of(uint64_t bytes)
{
	return (size_t)((BLOCK - bytes % BLOCK) % BLOCK);
}

/* A number and its NUL in a field; larger ones are not put there. */
static void
octal(char *field, size_t width, uint64_t n)
{
	field[--width] = '\0';
	while (width > 0) {
		field[--width] = (char)('0' + n % 8);
		n /= 8;
	}
}

/*
 * The header of a file (ustar).  A path that is too long for it is cut here: a
 * record before has it whole.
 */
static void
add_header(struct vt_buf *b, char type, const char *path, size_t len,
    uint64_t size_bytes, int64_t mtime_s)
{
	char h[BLOCK];
	unsigned sum = 0;
	size_t cut = 0, i;

	memset(h, 0, sizeof(h));
	if (len > NAME_MAX_BYTES)
		for (i = 0; i < len && i <= PREFIX_MAX_BYTES; i++)
			if (path[i] == '/' && len - i - 1 <= NAME_MAX_BYTES &&
			    i > 0) {
				cut = i + 1;
				break;
			}
	if (cut > 0)
		memcpy(h + 345, path, cut - 1);
	memcpy(h, path + cut, len - cut < NAME_MAX_BYTES ? len - cut :
	    NAME_MAX_BYTES);
	octal(h + 100, 8, 0644);
	octal(h + 108, 8, 0);
	octal(h + 116, 8, 0);
	octal(h + 124, 12, size_bytes);
	octal(h + 136, 12, mtime_s > 0 && (uint64_t)mtime_s <=
	    SIZE_MAX_BYTES ? (uint64_t)mtime_s : 0);
	memset(h + 148, ' ', 8);
	h[156] = type;
	memcpy(h + 257, "ustar", 6);
	memcpy(h + 263, "00", 2);
	for (i = 0; i < BLOCK; i++)
		sum += (unsigned char)h[i];
	octal(h + 148, 7, sum);
	vt_buf_add(b, h, BLOCK);
}

/* Does the header of a file hold this path whole? */
static int
fits_header(const char *path, size_t len)
{
	if (len <= NAME_MAX_BYTES)
		return 1;
	for (size_t i = 1; i < len && i <= PREFIX_MAX_BYTES; i++)
		if (path[i] == '/' && len - i - 1 <= NAME_MAX_BYTES)
			return 1;
	return 0;
}

/* "LENGTH NAME=VALUE\n", where LENGTH is of all of it. */
static void
add_record(struct vt_buf *b, const char *name, const char *value, size_t len)
{
	size_t rest = strlen(name) + len + 3, n = rest + 1, digits, total;

	do {
		total = n;
		for (digits = 1, n = total; n >= 10; n /= 10)
			digits++;
		n = rest + digits;
	} while (n != total);
	vt_buf_printf(b, "%zu %s=", total, name);
	vt_buf_add(b, value, len);
	vt_buf_char(b, '\n');
}

/* Seconds before the point are rounded down, so that what follows it adds. */
static int64_t
seconds_of(int64_t us)
{
	return us / 1000000 - (us % 1000000 < 0);
}

/* Before 1970 in whole seconds: what readers make of fractions differs. */
static void
add_time_record(struct vt_buf *b, int64_t us)
{
	char text[32];
	int n;

	if (us < 0)
		n = snprintf(text, sizeof(text), "%lld",
		    (long long)seconds_of(us));
	else
		n = snprintf(text, sizeof(text), "%lld.%06lld",
		    (long long)(us / 1000000), (long long)(us % 1000000));
	add_record(b, "mtime", text, (size_t)n);
}

static void
add_headers_json(struct vt_buf *b, const struct vt_pack_entry *e)
{
	const char *p = e->meta, *end = p + e->meta_len, *value;
	struct vt_buf o;

	if (e->meta_len == 0)
		return;
	vt_buf_init(&o, ENTRY_MAX);
	vt_buf_char(&o, '{');
	for (; p < end; p = value + strlen(value) + 1) {
		value = p + strlen(p) + 1;
		if (o.len > 1)
			vt_buf_char(&o, ',');
		vt_json_quote(&o, p, strlen(p));
		vt_buf_char(&o, ':');
		vt_json_quote(&o, value, strlen(value));
	}
	vt_buf_char(&o, '}');
	vt_json_raw(b, "headers", o.failed ? "{}" : o.data,
	    o.failed ? 2 : o.len);
	b->failed |= o.failed;
	vt_buf_release(&o);
}

static void
add_text(struct vt_buf *b, const char *name, const char *text)
{
	if (text != NULL && *text != '\0')
		vt_json_bytes(b, name, text, strlen(text));
}

/* All that is said of a member but for the place of its frame: a line. */
static void
tell(struct vt_buf *b, const struct vt_pack_entry *e)
{
	char crc[17];

	vt_buf_reset(b);
	vt_json_begin(b);
	vt_json_u64(b, "v", 1);
	add_text(b, "bucket", e->bucket);
	vt_json_bytes(b, "key", e->key, e->key_len);
	vt_json_str(b, "version", e->version_id);
	if (e->is_null)
		vt_json_bool(b, "null", 1);
	vt_json_u64(b, "size", e->size_bytes);
	snprintf(crc, sizeof(crc), "%016llx", (unsigned long long)e->crc64);
	vt_json_str(b, "crc64", crc);
	vt_json_i64(b, "mtime_us", e->mtime_us);
	add_text(b, "etag", e->etag);
	add_text(b, "checksum", e->checksum);
	add_text(b, "tags", e->tags);
	add_text(b, "owner", e->owner);
	add_headers_json(b, e);
	vt_json_end(b);
}

/* The frame before a file's bytes.  `comment`: a line, without its end. */
static void
make_header(struct vt_pack_writer *w, const char *path, size_t len,
    const char *comment, size_t comment_len, uint64_t size_bytes,
    int64_t mtime_us)
{
	int64_t s = seconds_of(mtime_us);
	struct vt_buf r;

	vt_buf_reset(&w->header);
	add_zeros(&w->header, (size_t)w->padding);
	vt_buf_init(&r, 2 * ENTRY_MAX);
	if (!fits_header(path, len))
		add_record(&r, "path", path, len);
	if (comment_len > 0) {
		add_time_record(&r, mtime_us);
		add_record(&r, "comment", comment, comment_len);
		add_header(&w->header, 'x', FOLDER "pax", 7, r.len, s);
		vt_buf_add(&w->header, r.data, r.len);
		add_zeros(&w->header, padding_of(r.len));
	}
	if (w->header.failed == VT_OK)
		w->header.failed = r.failed;
	vt_buf_release(&r);
	add_header(&w->header, '0', path, len, size_bytes, s);
	w->padding = padding_of(size_bytes);
}

/* --- members -------------------------------------------------------------- */

enum vt_code
vt_pack_writer_begin(struct vt_pack_writer *w, const struct vt_pack_entry *e,
    struct vt_err *err)
{
	char path[sizeof(FOLDER) + 64];
	enum vt_code rc;
	size_t len;

	if (w->sum.members == VT_PACK_ENTRIES)
		return vt_fail(err, VT_TOO_LARGE, "a pack has %d members at "
		    "most", VT_PACK_ENTRIES);
	/* what the compressor holds back is less */
	if (w->index.len > INDEX_MAX - 4 * ENTRY_MAX)
		return vt_fail(err, VT_TOO_LARGE, "the index of the pack is "
		    "full");
	if (e->size_bytes > SIZE_MAX_BYTES)
		return vt_fail(err, VT_TOO_LARGE, "a member of a pack has %llu "
		    "bytes at most", (unsigned long long)SIZE_MAX_BYTES);
	tell(&w->entry, e);
	rc = vt_buf_check(&w->entry, "what a pack says of a member", err);
	if (rc != VT_OK)
		return rc;
	len = (size_t)snprintf(path, sizeof(path), FOLDER "%.*s", 63,
	    e->version_id);
	make_header(w, e->is_odd ? path : e->key, e->is_odd ? len :
	    e->key_len, w->entry.data, w->entry.len - 1, e->size_bytes,
	    e->mtime_us);
	rc = put_frame(w, &w->header, err);
	w->offset = w->sum.bytes;
	w->size_bytes = e->size_bytes;
	w->data_bytes = 0;
	w->is_frame = 0;
	if (rc == VT_OK && ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(w->z,
	    e->size_bytes)))
		rc = nomem(err);
	return rc;
}

enum vt_code
vt_pack_writer_data(struct vt_pack_writer *w, const void *data, size_t len,
    struct vt_err *err)
{
	if (len > w->size_bytes - w->data_bytes)
		return vt_fail(err, VT_CORRUPT, "a member of a pack has more "
		    "bytes than was said");
	w->data_bytes += len;
	return compress(w, w->z, data, len, w->data_bytes == w->size_bytes ?
	    ZSTD_e_end : ZSTD_e_continue, put, err);
}

enum vt_code
vt_pack_writer_frame(struct vt_pack_writer *w, const void *data, size_t len,
    struct vt_err *err)
{
	w->is_frame = 1;
	return put(w, data, len, err);
}

enum vt_code
vt_pack_writer_end(struct vt_pack_writer *w, uint64_t *offset,
    uint64_t *length, struct vt_err *err)
{
	struct vt_buf *e = &w->entry;

	*offset = w->offset;
	*length = w->sum.bytes - w->offset;
	if (!w->is_frame && w->data_bytes != w->size_bytes)
		return vt_fail(err, VT_CORRUPT, "a member of a pack has fewer "
		    "bytes than was said");
	e->len -= 2;		/* brace and newline */
	vt_json_u64(e, "offset", *offset);
	vt_json_u64(e, "length", *length);
	vt_json_end(e);
	if (e->failed)
		return vt_buf_check(e, "what a pack says of a member", err);
	w->sum.frame_bytes += *length;
	w->sum.members++;
	w->index_bytes += e->len;
	return compress(w, w->index_z, e->data, e->len, ZSTD_e_continue,
	    keep_index, err);
}

static void
big_endian(uint8_t *p, uint64_t n)
{
	for (int i = 7; i >= 0; i--, n >>= 8)
		p[i] = (uint8_t)n;
}

static void
little_endian(uint8_t *p, uint32_t n)
{
	for (int i = 0; i < 4; i++, n >>= 8)
		p[i] = (uint8_t)n;
}

enum vt_code
vt_pack_writer_finish(struct vt_pack_writer *w, struct vt_pack_sum *out,
    struct vt_err *err)
{
	uint8_t t[VT_PACK_TRAILER];
	uint64_t offset;
	enum vt_code rc;

	memset(out, 0, sizeof(*out));
	rc = compress(w, w->index_z, NULL, 0, ZSTD_e_end, keep_index, err);
	if (rc != VT_OK)
		return rc;
	make_header(w, INDEX_PATH, strlen(INDEX_PATH), NULL, 0,
	    w->index_bytes, 0);
	rc = put_frame(w, &w->header, err);
	offset = w->sum.bytes;
	if (rc == VT_OK)
		rc = put(w, w->index.data, w->index.len, err);
	if (rc != VT_OK)
		return rc;
	vt_buf_reset(&w->header);
	add_zeros(&w->header, (size_t)w->padding + 2 * BLOCK);
	rc = put_frame(w, &w->header, err);
	if (rc != VT_OK)
		return rc;
	little_endian(t, TRAILER_MAGIC);
	little_endian(t + 4, VT_PACK_TRAILER - 8);
	memcpy(t + 8, TRAILER_NAME, 8);
	big_endian(t + 16, offset);
	big_endian(t + 24, w->index.len);
	big_endian(t + 32, w->sum.members);
	rc = put(w, t, sizeof(t), err);
	*out = w->sum;
	return rc;
}
