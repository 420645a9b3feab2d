#include <string.h>
#include <strings.h>

#include "libvt/base/hex.h"
#include "libvt/proto/xml.h"

#include "digest.h"

static const struct {
	enum vt_hash_alg alg;
	const char *name, *header, *element;
} sums[] = {
	{ VT_CRC32, "CRC32", "x-amz-checksum-crc32", "ChecksumCRC32" },
	{ VT_CRC32C, "CRC32C", "x-amz-checksum-crc32c", "ChecksumCRC32C" },
	{ VT_CRC64NVME, "CRC64NVME", "x-amz-checksum-crc64nvme",
	    "ChecksumCRC64NVME" },
	{ VT_SHA1, "SHA1", "x-amz-checksum-sha1", "ChecksumSHA1" },
	{ VT_SHA256, "SHA256", "x-amz-checksum-sha256", "ChecksumSHA256" }
};
#define SUMS (sizeof(sums) / sizeof(sums[0]))

/* --- the names of the algorithms ------------------------------------------ */

static size_t
find(enum vt_hash_alg alg)
{
	size_t i;

	for (i = 0; i < SUMS; i++)
		if (sums[i].alg == alg)
			break;
	return i;
}

const char *
sum_name(enum vt_hash_alg alg)
{
	size_t i = find(alg);

	return i < SUMS ? sums[i].name : NULL;
}

const char *
sum_header(enum vt_hash_alg alg)
{
	return sums[find(alg)].header;
}

const char *
sum_element(enum vt_hash_alg alg)
{
	return sums[find(alg)].element;
}

int
sum_by_name(const char *name)
{
	for (size_t i = 0; i < SUMS; i++)
		if (strcasecmp(name, sums[i].name) == 0)
			return (int)sums[i].alg;
	return -1;
}

int
sum_valid(enum vt_hash_alg alg, const char *value)
{
	uint8_t bytes[VT_HASH_MAX];

	return vt_b64_decode(value, strlen(value), bytes, sizeof(bytes)) ==
	    (int)vt_hash_len(alg);
}

int
sum_combines(enum vt_hash_alg alg)
{
	return alg == VT_CRC32 || alg == VT_CRC32C || alg == VT_CRC64NVME;
}

void
sum_text(enum vt_hash_alg alg, const uint8_t *digest,
    char out[DIGEST_TEXT_MAX])
{
	vt_b64_encode(digest, vt_hash_len(alg), out);
}

void
sum_text_u64(enum vt_hash_alg alg, uint64_t crc, char out[DIGEST_TEXT_MAX])
{
	uint8_t bytes[8];
	size_t len = vt_hash_len(alg);

	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(crc >> (8 * (len - 1 - i)));
	vt_b64_encode(bytes, len, out);
}

uint64_t
sum_value(enum vt_hash_alg alg, const char *text)
{
	uint8_t bytes[VT_HASH_MAX];
	uint64_t crc = 0;
	int len = vt_b64_decode(text, strlen(text), bytes, sizeof(bytes));

	if (len != (int)vt_hash_len(alg) || len > 8)
		return 0;
	for (int i = 0; i < len; i++)
		crc = crc << 8 | bytes[i];
	return crc;
}

int
sum_parse(const char *stored, struct sum_stored *out)
{
	size_t len = strcspn(stored, " ");

	for (size_t i = 0; i < SUMS && stored[len] == ' '; i++) {
		const char *value = stored + len + 1;

		if (strlen(sums[i].name) != len ||
		    strncmp(sums[i].name, stored, len) != 0)
			continue;
		out->alg = sums[i].alg;
		out->type = "";
		out->value = value;
		if (strncmp(value, "FULL_OBJECT ", 12) == 0) {
			out->type = "FULL_OBJECT";
			out->value = value + 12;
		} else if (strncmp(value, "COMPOSITE ", 10) == 0) {
			out->type = "COMPOSITE";
			out->value = value + 10;
		}
		return 0;
	}
	return -1;
}

int
sum_of_version(const struct vt_version *v, struct sum_stored *out,
    char text[DIGEST_TEXT_MAX])
{
	if (sum_parse(v->checksum, out) == 0)
		return 0;
	if (!vt_crc_known(v) && v->size_bytes > 0)
		return -1;
	sum_text_u64(VT_CRC64NVME, v->crc64, text);
	out->alg = VT_CRC64NVME;
	out->type = "FULL_OBJECT";
	out->value = text;
	return 0;
}

void
sum_send(struct req *r, const struct sum_stored *s)
{
	req_set_header(r, sum_header(s->alg), s->value);
	if (*s->type != '\0')
		req_set_header(r, "x-amz-checksum-type", s->type);
}

void
sum_xml(struct vt_buf *b, const struct sum_stored *s)
{
	vt_xml_text(b, sum_element(s->alg), s->value);
	if (*s->type != '\0')
		vt_xml_text(b, "ChecksumType", s->type);
}

int
sum_from_headers(struct req *r, enum vt_hash_alg *alg, const char **value)
{
	int found = 0;

	*value = NULL;
	for (size_t i = 0; i < SUMS; i++) {
		const char *v = req_header(r, sums[i].header);

		if (v == NULL)
			continue;
		if (found++) {
			req_error(r, "InvalidRequest", "Expecting a single "
			    "x-amz-checksum- header. Multiple checksum Types "
			    "are not allowed.");
			return -1;
		}
		*alg = sums[i].alg;
		*value = v;
	}
	return found;
}

int
sum_alg_header(struct req *r, const char *header, enum vt_hash_alg *alg)
{
	const char *name = req_header(r, header);
	int found;

	if (name == NULL || *name == '\0')
		return 0;
	found = sum_by_name(name);
	if (found < 0) {
		req_error(r, "InvalidRequest",
		    "Value for %s header is invalid.", header);
		return -1;
	}
	*alg = (enum vt_hash_alg)found;
	return 1;
}

/* --- over a body ---------------------------------------------------------- */

/* The checksum that x-amz-trailer announces. */
static int
promised_trailer(struct req *r, struct digest *d)
{
	const char *list = req_header(r, "x-amz-trailer");

	if (list == NULL)
		return 0;
	for (size_t i = 0; i < SUMS; i++) {
		const char *at = strcasestr(list, sums[i].header);
		size_t len = strlen(sums[i].header);

		/* "crc32" is the start of "crc32c" */
		if (at == NULL || (at[len] != '\0' && at[len] != ',' &&
		    at[len] != ' '))
			continue;
		if (d->has_sum) {
			req_error(r, "InvalidRequest", "Expecting a single "
			    "x-amz-checksum- header");
			return -1;
		}
		d->has_sum = 1;
		d->alg = sums[i].alg;
		d->trailer = sums[i].header;
	}
	if (!d->has_sum && strcasestr(list, "x-amz-checksum-") != NULL) {
		req_error(r, "InvalidRequest", "The value specified in the "
		    "x-amz-trailer header is not supported");
		return -1;
	}
	return 0;
}

int
digest_promises(struct req *r, struct digest *d)
{
	const char *md5 = req_header(r, "Content-MD5");
	enum vt_hash_alg named;
	int rc;

	if (md5 != NULL) {
		if (vt_b64_decode(md5, strlen(md5), d->expected_md5,
		    sizeof(d->expected_md5)) != 16) {
			req_error(r, "InvalidDigest", NULL);
			return -1;
		}
		d->has_md5 = 1;
	}
	rc = sum_from_headers(r, &d->alg, &d->expected);
	if (rc < 0)
		return -1;
	d->has_sum = rc;
	if (rc > 0 && !sum_valid(d->alg, d->expected)) {
		req_error(r, "BadDigest",
		    "Value for %s header is invalid.", sum_header(d->alg));
		return -1;
	}
	if (promised_trailer(r, d) < 0)
		return -1;
	rc = sum_alg_header(r, "x-amz-sdk-checksum-algorithm", &named);
	if (rc < 0)
		return -1;
	if (rc > 0 && !d->has_sum) {
		req_error(r, "InvalidRequest", "x-amz-sdk-checksum-algorithm "
		    "specified, but no corresponding x-amz-checksum-* or "
		    "x-amz-trailer headers were found.");
		return -1;
	}
	if (rc > 0 && named != d->alg) {
		req_error(r, "InvalidRequest", "Value for "
		    "x-amz-sdk-checksum-algorithm header is invalid.");
		return -1;
	}
	return 0;
}

void
digest_want(struct digest *d, enum vt_hash_alg alg)
{
	if (d->has_sum)
		return;
	d->has_sum = 1;
	d->alg = alg;
}

/* CRC64NVME is computed in any case. */
static int
separate_sum(const struct digest *d)
{
	return d->has_sum && d->alg != VT_CRC64NVME;
}

int
digest_begin(struct digest *d)
{
	/* A copy whose source changed meanwhile begins anew. */
	d->size_bytes = d->crc64 = 0;
	if (vt_hash_init(&d->md5, VT_MD5) < 0)
		return -1;
	if (separate_sum(d) && vt_hash_init(&d->sum, d->alg) < 0)
		return -1;
	return 0;
}

void
digest_update_md5(struct digest *d, const void *data, size_t len)
{
	vt_hash_update(&d->md5, data, len);
}

void
digest_update_sums(struct digest *d, const void *data, size_t len)
{
	d->crc64 = vt_crc64nvme(d->crc64, data, len);
	if (separate_sum(d))
		vt_hash_update(&d->sum, data, len);
	d->size_bytes += len;
}

void
digest_update(struct digest *d, const void *data, size_t len)
{
	digest_update_md5(d, data, len);
	digest_update_sums(d, data, len);
}

void
digest_end(struct digest *d)
{
	uint8_t bytes[VT_HASH_MAX];

	vt_hash_final(&d->md5, bytes);
	memcpy(d->md5_bytes, bytes, 16);
	vt_hex_encode(bytes, 16, d->etag);
	if (separate_sum(d)) {
		vt_hash_final(&d->sum, bytes);
		sum_text(d->alg, bytes, d->text);
	} else if (d->has_sum)
		sum_text_u64(VT_CRC64NVME, d->crc64, d->text);
}

int
digest_check(struct req *r, struct digest *d)
{
	if (d->has_md5 && memcmp(d->expected_md5, d->md5_bytes, 16) != 0) {
		char got[DIGEST_TEXT_MAX], want[DIGEST_TEXT_MAX];

		vt_b64_encode(d->expected_md5, 16, want);
		vt_b64_encode(d->md5_bytes, 16, got);
		req_error_detail(r, "ExpectedDigest", want);
		req_error_detail(r, "CalculatedDigest", got);
		req_error(r, "BadDigest", "The Content-MD5 you specified did "
		    "not match what we received.");
		return -1;
	}
	if (d->trailer != NULL) {
		d->expected = req_trailer(r, d->trailer);
		if (d->expected == NULL) {
			req_error(r, "MalformedTrailerError", "The request "
			    "announced the trailer %s and did not send it.",
			    d->trailer);
			return -1;
		}
	}
	if (d->expected != NULL && strcmp(d->expected, d->text) != 0) {
		req_error(r, "BadDigest", "The %s you specified did not "
		    "match the calculated checksum.", sum_name(d->alg));
		return -1;
	}
	return 0;
}

void
digest_release(struct digest *d)
{
	vt_hash_release(&d->md5);
	vt_hash_release(&d->sum);
}

int
digest_body(struct req *r, int required)
{
	struct digest d = { .has_sum = 0 };
	int rc = -1;

	if (digest_promises(r, &d) < 0)
		return -1;
	if (required && !digest_promised(&d)) {
		req_error(r, "InvalidRequest", "Missing required header for "
		    "this request: Content-MD5 OR x-amz-checksum-*");
		return -1;
	}
	if (digest_begin(&d) < 0)
		req_fail(r, VT_NOMEM, NULL);
	else {
		digest_update(&d, r->body, r->body_len);
		digest_end(&d);
		rc = digest_check(r, &d);
	}
	digest_release(&d);
	return rc;
}
