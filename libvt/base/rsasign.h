/* RSA signatures, for tokens that Google gives for a key.  Thread-safe. */
#ifndef VT_BASE_RSASIGN_H
#define VT_BASE_RSASIGN_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/err.h"

#define VT_RSA_MAX 1024		/* bytes of a signature: keys of 8,192 bits */

/*
 * RS256 (RSASSA-PKCS1-v1_5 with SHA-256, RFC 7518 section 3.3) of `data` by
 * the private key in `pem`.  VT_INVALID (not an RSA key in PEM), VT_NOMEM.
 */
enum vt_code vt_rsa_sha256_sign(const char *pem, size_t pem_len,
    const void *data, size_t len, uint8_t out[VT_RSA_MAX], size_t *out_len,
    struct vt_err *err) VT_MUST_CHECK;

#endif
