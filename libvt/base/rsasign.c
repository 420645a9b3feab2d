/* RSA signatures: see rsasign.h. */
#include <limits.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "libvt/base/rsasign.h"

/* A key that is encrypted is refused: nobody is asked at a terminal. */
static int
no_password(char *buf, int size, int rwflag, void *ctx)
{
	(void)buf, (void)size, (void)rwflag, (void)ctx;
	return -1;
}

enum vt_code
vt_rsa_sha256_sign(const char *pem, size_t pem_len, const void *data,
    size_t len, uint8_t out[VT_RSA_MAX], size_t *out_len, struct vt_err *err)
{
	EVP_PKEY *key = NULL;
	EVP_MD_CTX *ctx = NULL;
	BIO *bio = NULL;
	enum vt_code rc = VT_OK;

	*out_len = VT_RSA_MAX;
	if (pem_len <= INT_MAX)
		bio = BIO_new_mem_buf(pem, (int)pem_len);
	if (bio != NULL)
		key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	if (key == NULL || EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA ||
	    EVP_PKEY_get_size(key) > VT_RSA_MAX) {
		rc = vt_fail(err, VT_INVALID,
		    "the private key is not an RSA key in PEM");
		goto out;
	}
	ctx = EVP_MD_CTX_new();
	if (ctx == NULL ||
	    EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) != 1 ||
	    EVP_DigestSign(ctx, out, out_len, data, len) != 1)
		rc = vt_fail(err, VT_NOMEM, "cannot sign");
out:
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	BIO_free(bio);
	return rc;
}
