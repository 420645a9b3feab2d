#include "libvt/base/hex.h"

#include "tests/unit/test.h"

static void
test_hex(void)
{
	uint8_t bytes[256], back[256];
	char text[513];
	int i;

	for (i = 0; i < 256; i++)
		bytes[i] = (uint8_t)i;
	vt_hex_encode(bytes, 256, text);
	is_int(strlen(text), 512, "two digits a byte");
	ok(memcmp(text, "000102", 6) == 0 &&
	    strcmp(text + 506, "fdfeff") == 0, "in lower case");
	is_int(vt_hex_decode(text, back, 256), 0, "decoded");
	ok(memcmp(bytes, back, 256) == 0, "to the same");
	is_int(vt_hex_decode("AbCd", back, 2), 0, "either case");
	ok(back[0] == 0xab && back[1] == 0xcd, "reads the same");
	is_int(vt_hex_decode("abc", back, 2), -1, "too short");
	is_int(vt_hex_decode("", back, 1), -1, "empty");
	is_int(vt_hex_decode("0g", back, 1), -1, "no digit");
	is_int(vt_hex_decode("", back, 0), 0, "nothing of nothing");
	vt_hex_encode(NULL, 0, text);
	is_str(text, "", "nothing encoded");
}

/* What is read back as it was written, at all lengths, and what is not. */
static void
test_own(void)
{
	char text[65], odd[65];
	uint8_t bytes[32], back[32];
	unsigned wrong = 0, taken = 0;
	size_t i, len;
	int c;

	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 151 + 7);
	for (len = 0; len <= sizeof(bytes); len++) {
		vt_hex_encode(bytes, len, text);
		memset(back, 0, sizeof(back));
		wrong += strlen(text) != 2 * len ||
		    vt_hex_decode_own(text, 2 * len, back) != 0 ||
		    memcmp(back, bytes, len) != 0;
		taken += len > 0 &&
		    vt_hex_decode_own(text, 2 * len - 1, back) == 0;
	}
	is_int(wrong, 0, "own digits are read back");
	is_int(taken, 0, "half a byte is none");
	vt_hex_encode(bytes, 19, text);
	for (i = wrong = 0; i < 38; i++)
		for (c = 0; c < 256; c++) {
			memcpy(odd, text, sizeof(odd));
			odd[i] = (char)c;
			wrong += (vt_hex_decode_own(odd, 38, back) == 0) !=
			    (c != 0 && strchr("0123456789abcdef", c) != NULL);
		}
	is_int(wrong, 0, "no other character is taken");
}

static void
test_b64(void)
{
	/* RFC 4648 section 10. */
	static const char *const vectors[][2] = {
		{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" },
		{ "foo", "Zm9v" }, { "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" }
	};
	static const char *const bad[] = {
		"Zg", "Zg=", "Zg===", "=", "====", "Z===", "Zh==", "Zm9=",
		"Zm 9", "Zm9v\n", "Zg==Zg==", "Zm9_", "Zm9-", "=m9v"
	};
	uint8_t bytes[64], back[64];
	char text[100];
	int len, i, same = 1;
	size_t j;

	for (j = 0; j < sizeof(vectors) / sizeof(vectors[0]); j++) {
		vt_b64_encode(vectors[j][0], strlen(vectors[j][0]), text);
		is_str(text, vectors[j][1], "'%s' encoded", vectors[j][0]);
		len = vt_b64_decode(text, strlen(text), back, sizeof(back));
		ok(len == (int)strlen(vectors[j][0]) &&
		    memcmp(back, vectors[j][0], (size_t)len) == 0,
		    "and back");
	}
	for (j = 0; j < sizeof(bad) / sizeof(bad[0]); j++)
		is_int(vt_b64_decode(bad[j], strlen(bad[j]), back,
		    sizeof(back)), -1, "'%s' is not base64", bad[j]);
	for (i = 0; i < 1000; i++) {
		len = i % 64;
		for (j = 0; j < (size_t)len; j++)
			bytes[j] = (uint8_t)(rand() >> 7);
		vt_b64_encode(bytes, (size_t)len, text);
		same &= vt_b64_decode(text, strlen(text), back, 64) == len &&
		    memcmp(bytes, back, (size_t)len) == 0;
	}
	ok(same, "random bytes come back");
	is_int(vt_b64_decode("Zm9v", 4, back, 2), -1, "over the room");
	is_int(vt_b64_decode("Zm8=", 4, back, 2), 2, "just the room");
}

int
main(void)
{
	test_hex();
	test_own();
	test_b64();
	return test_done();
}
