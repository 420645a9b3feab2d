/* Files as zstd frames: see zfile.h. */
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "libvt/base/fs.h"

#include "libvt/proto/zfile.h"

#define LEVEL 3

/* Give the compressor a block, and `put` what comes out. */
static enum vt_code
pack_block(ZSTD_CCtx *z, const char *data, size_t len, int last, char *out,
    size_t out_max, vt_zfile_put *put, void *ctx, struct vt_err *err)
{
	ZSTD_inBuffer in = { data, len, 0 };
	ZSTD_outBuffer o;
	enum vt_code rc;
	size_t left;

	do {
		o = (ZSTD_outBuffer){ out, out_max, 0 };
		left = ZSTD_compressStream2(z, &o, &in,
		    last ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left))
			return vt_fail(err, VT_NOMEM, "cannot compress: %s",
			    ZSTD_getErrorName(left));
		rc = o.pos > 0 ? put(ctx, out, o.pos, err) : VT_OK;
		if (rc != VT_OK)
			return rc;
	} while (last ? left > 0 : in.pos < in.size);
	return VT_OK;
}

enum vt_code
vt_zfile_pack(int fd, vt_zfile_put *put, void *ctx, struct vt_err *err)
{
	size_t in_max = ZSTD_CStreamInSize(), out_max = ZSTD_CStreamOutSize();
	ZSTD_CCtx *z = ZSTD_createCCtx();
	char *in = malloc(in_max), *out = malloc(out_max);
	enum vt_code rc = VT_OK;
	ssize_t got;

	if (z == NULL || in == NULL || out == NULL ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel,
	    LEVEL)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1)))
		rc = vt_fail(err, VT_NOMEM, "no memory to compress");
	while (rc == VT_OK) {
		got = vt_fs_read_all(fd, in, in_max);
		if (got < 0) {
			rc = vt_fail_errno(err, "cannot read what is to be "
			    "compressed");
			break;
		}
		rc = pack_block(z, in, (size_t)got, (size_t)got < in_max,
		    out, out_max, put, ctx, err);
		if ((size_t)got < in_max)
			break;
	}
	free(in);
	free(out);
	ZSTD_freeCCtx(z);
	return rc;
}

enum vt_code
vt_zfile_unpack(vt_zfile_get *get, void *ctx, int fd, uint64_t *bytes,
    struct vt_err *err)
{
	size_t in_max = ZSTD_DStreamInSize(), out_max = ZSTD_DStreamOutSize();
	ZSTD_DCtx *z = ZSTD_createDCtx();
	char *in = malloc(in_max), *out = malloc(out_max);
	ZSTD_inBuffer i = { in, 0, 0 };
	ZSTD_outBuffer o;
	enum vt_code rc = VT_OK;
	size_t left = 1;

	*bytes = 0;
	if (z == NULL || in == NULL || out == NULL)
		rc = vt_fail(err, VT_NOMEM, "no memory to decompress");
	while (rc == VT_OK) {
		if (i.pos == i.size) {
			i.pos = 0;
			rc = get(ctx, in, in_max, &i.size, err);
			if (rc != VT_OK || i.size == 0)
				break;
			if (left == 0) {
				rc = vt_fail(err, VT_CORRUPT, "there are "
				    "bytes behind the end");
				break;
			}
		}
		o = (ZSTD_outBuffer){ out, out_max, 0 };
		left = ZSTD_decompressStream(z, &o, &i);
		if (ZSTD_isError(left))
			rc = vt_fail(err, VT_CORRUPT, "cannot decompress: %s",
			    ZSTD_getErrorName(left));
		else if (fd >= 0 && vt_fs_write_all(fd, out, o.pos) < 0)
			rc = vt_fail_errno(err, "cannot write what was "
			    "decompressed");
		else
			*bytes += o.pos;
	}
	if (rc == VT_OK && left != 0)
		rc = vt_fail(err, VT_CORRUPT, "it ends early");
	free(in);
	free(out);
	ZSTD_freeDCtx(z);
	return rc;
}
