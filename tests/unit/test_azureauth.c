/* SharedKey: strings to sign written down by hand after Microsoft's rules,
 * their signatures computed by another implementation of HMAC.  Metadata. */
#include "libvt/base/arena.h"
#include "libvt/base/buf.h"
#include "libvt/base/hash.h"
#include "libvt/base/hex.h"

#include "libvt/proto/azureauth.h"

#include "tests/unit/test.h"

#define KEY "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/" \
	"K1SZFPTOtr/KBHBeksoGMGw=="
#define DATE "Fri, 27 Nov 2026 09:10:11 GMT"
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct vt_arena *arena;
static struct vt_err err;

static void
check(const struct vt_azure_request *r, const char *string, const char *auth,
    const char *what)
{
	const char *got;
	struct vt_buf b;

	vt_buf_init(&b, 65536);
	is_int(vt_azure_string_to_sign(r, arena, &b, &err), VT_OK, "%s", what);
	is_str(b.data, string, "the string to sign");
	is_int(vt_azure_authorization(r, KEY, arena, &got, &err), VT_OK,
	    "sign it");
	is_str(got, auth, "the signature");
	vt_buf_release(&b);
}

static void
test_signing(void)
{
	/* Out of order and of mixed case, as callers have them. */
	static const struct vt_header put[] = {
		{ "x-ms-blob-type", "BlockBlob" },
		{ "Content-Type", "application/octet-stream" },
		{ "If-None-Match", "*" },
		{ "X-MS-Access-Tier", "Cool" },
		{ "x-ms-meta-vt_key", " a b " },
		{ "x-ms-content-crc64", "DtjZpL9/o8c=" },
		{ "x-ms-version", "2021-12-02" },
		{ "x-ms-date", DATE },
	};
	static const struct vt_header list[] = {
		{ "x-ms-version", "2021-12-02" }, { "x-ms-date", DATE },
	};
	static const struct vt_header dated[] = {
		{ "Date", DATE }, { "Range", "bytes=0-9" },
	};
	struct vt_azure_request r = { "PUT", "account1",
	    "https://account1.blob.core.windows.net/photos/p/a%20b%3DC3", put,
	    COUNT(put), 11 };
	struct vt_buf b;
	const char *got;

	check(&r, "PUT\n\n\n11\n\napplication/octet-stream\n\n\n\n*\n\n\n"
	    "x-ms-access-tier:Cool\nx-ms-blob-type:BlockBlob\n"
	    "x-ms-content-crc64:DtjZpL9/o8c=\nx-ms-date:" DATE "\n"
	    "x-ms-meta-vt_key:a b\nx-ms-version:2021-12-02\n"
	    "/account1/photos/p/a%20b%3DC3",
	    "SharedKey account1:rL/oVLIJn2/JN1npqaOFlyQeDp/Ltja5AyznqJGrBwU=",
	    "a blob with metadata");
	/* The emulator's path holds the account too; parameters are sorted
	 * and decoded, and a body of nothing has no length. */
	r = (struct vt_azure_request){ "GET", "devstoreaccount1",
	    "http://127.0.0.1:10000/devstoreaccount1/photos?restype=container"
	    "&Comp=list&prefix=a%20b%2Fc&marker=2%2176%21MDAw", list,
	    COUNT(list), 0 };
	check(&r, "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:" DATE "\n"
	    "x-ms-version:2021-12-02\n/devstoreaccount1/devstoreaccount1/"
	    "photos\ncomp:list\nmarker:2!76!MDAw\nprefix:a b/c\n"
	    "restype:container",
	    "SharedKey devstoreaccount1:"
	    "F2BnkHaOJ+2dzTpKJ84jzIZSDP/pRNIFOdeQHD7AtAU=", "a listing");
	r.headers = dated;
	r.url = "http://h/a?x=2&x=1";
	vt_buf_init(&b, 1000);
	ok(vt_azure_string_to_sign(&r, arena, &b, &err) == VT_OK &&
	    strcmp(b.data, "GET\n\n\n\n\n\n" DATE "\n\n\n\n\nbytes=0-9\n"
	    "/devstoreaccount1/a\nx:1,2") == 0,
	    "without x-ms-date the date is signed, values of a name are one");
	vt_buf_release(&b);
	is_int(vt_azure_authorization(&r, "not base64", arena, &got, &err),
	    VT_INVALID, "a key that is none");
	ok(strstr(err.text, "not base64 of") != NULL &&
	    strstr(err.text, "not base64'") == NULL, "is not shown");
	r.url = "photos/p";
	is_int(vt_azure_authorization(&r, KEY, arena, &got, &err),
	    VT_INVALID, "nor a URL");
}

static void
test_metadata(void)
{
	static const struct {
		const char *name, *value, *there, *header;
	} cases[] = {
		{ "etag", "\"1\"", "\"1\"", "x-ms-meta-vt_etag" },
		{ "content-type", "text/plain; a=b", "text/plain; a=b",
		    "x-ms-meta-vt_content_type" },
		{ "7-of-9", "a%2Fb c", "a%2Fb c", "x-ms-meta-vt_7_of_9" },
		{ "empty", "", "=", "x-ms-meta-vt_empty" },
		{ "edge", " a", "=%20a", "x-ms-meta-vt_edge" },
		{ "end", "a ", "=a%20", "x-ms-meta-vt_end" },
		{ "two", "a  b", "=a%20%20b", "x-ms-meta-vt_two" },
		{ "mark", "=a/%", "=%3Da/%25", "x-ms-meta-vt_mark" },
	};
	struct vt_buf name, value;
	const char *n, *v;
	size_t i;

	vt_buf_init(&name, 1000);
	vt_buf_init(&value, 1000);
	for (i = 0; i < COUNT(cases); i++) {
		vt_buf_reset(&name);
		vt_buf_reset(&value);
		vt_azure_meta_name(&name, cases[i].name);
		vt_azure_meta_value(&value, cases[i].value);
		is_str(name.data, cases[i].header, "a name");
		is_str(value.data, cases[i].there, "a value");
		is_int(vt_azure_meta_read(name.data, value.data, arena, &n,
		    &v), 1, "read it");
		is_str(n, cases[i].name, "the name again");
		is_str(v, cases[i].value, "every byte of the value");
	}
	ok(vt_azure_meta_read("X-Ms-Meta-Vt_Key", "1", arena, &n, &v) == 1 &&
	    strcmp(n, "key") == 0, "a proxy may change the case");
	is_int(vt_azure_meta_read("x-ms-meta-other", "1", arena, &n, &v), 0,
	    "others' metadata is not ours");
	is_int(vt_azure_meta_read("x-ms-meta-vt_a", "=%G0", arena, &n, &v), 0,
	    "nor what we cannot have written");
	vt_buf_release(&name);
	vt_buf_release(&value);
}

/* Azure's CRC64 of its SDK's test is ours with its bytes turned round. */
static void
test_crc64(void)
{
	uint64_t crc = vt_crc64nvme(0, "Hello Azure!", 12);
	uint8_t bytes[8];
	char text[16];
	int i;

	for (i = 0; i < 8; i++, crc >>= 8)
		bytes[i] = (uint8_t)crc;
	vt_b64_encode(bytes, 8, text);
	is_str(text, "DtjZpL9/o8c=", "CRC64 of \"Hello Azure!\"");
}

int
main(void)
{
	arena = vt_arena_new(4 << 20);
	test_signing();
	test_metadata();
	test_crc64();
	vt_arena_free(arena);
	return test_done();
}
