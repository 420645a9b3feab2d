#include "libvt/base/buf.h"

#include "tests/unit/test.h"

static void
test_growth(void)
{
	struct vt_buf b;
	size_t len;
	char *text;
	int i, same = 1;

	vt_buf_init(&b, 100000);
	is_str(b.data, "", "a new buffer is an empty string");
	vt_buf_add(&b, NULL, 0);
	is_int(b.len, 0, "nothing appended is nothing");
	for (i = 0; i < 10000; i++)
		vt_buf_char(&b, (char)('a' + i % 26));
	for (i = 0; i < 10000; i++)
		same &= b.data[i] == 'a' + i % 26;
	ok(same && b.len == 10000 && b.data[10000] == '\0',
	    "10,000 appends keep their bytes");
	vt_buf_reset(&b);
	is_str(b.data, "", "reset empties");
	vt_buf_u64(&b, 0);
	vt_buf_char(&b, ' ');
	vt_buf_u64(&b, UINT64_MAX);
	vt_buf_char(&b, ' ');
	vt_buf_i64(&b, INT64_MIN);
	vt_buf_char(&b, ' ');
	vt_buf_i64(&b, -7);
	is_str(b.data, "0 18446744073709551615 -9223372036854775808 -7",
	    "numbers");
	text = vt_buf_take(&b, &len);
	is_int(len, strlen(text), "take gives the length");
	free(text);
	is_str(b.data, "", "take empties");
	text = vt_buf_take(&b, NULL);
	is_str(text, "", "taking an empty buffer gives a string to free");
	free(text);
	vt_buf_release(&b);
	vt_buf_release(&b);
	is_int(vt_buf_str(&b, "again"), 0, "usable after release");
	vt_buf_release(&b);
}

static void
test_printf(void)
{
	struct vt_buf b;
	char want[600];

	vt_buf_init(&b, 1000);
	vt_buf_printf(&b, "%s-%d", "a", 1);
	vt_buf_printf(&b, "%500d", 7);
	snprintf(want, sizeof(want), "a-1%500d", 7);
	is_str(b.data, want, "printf, short and over what is there");
	is_int(vt_buf_printf(&b, "%600d", 1), -1, "printf over the maximum");
	is_str(b.data, want, "nothing of it is appended");
	vt_buf_release(&b);
}

static void
test_maximum(void)
{
	struct vt_err err;
	struct vt_buf b;

	vt_buf_init(&b, 5);
	is_int(vt_buf_str(&b, "12345"), 0, "the maximum itself fits");
	is_int(vt_buf_check(&b, "key", &err), VT_OK, "no failure yet");
	is_int(vt_buf_str(&b, "6"), -1, "one more does not");
	is_str(b.data, "12345", "nothing of it is appended");
	is_int(vt_buf_add(&b, "", 0), -1, "the failure sticks");
	ok(vt_buf_reserve(&b, 0) == NULL, "for reserve too");
	is_int(vt_buf_check(&b, "key", &err), VT_TOO_LARGE, "check tells");
	is_str(err.text, "'key' is over 5 bytes", "and names it");
	vt_buf_reset(&b);
	is_int(vt_buf_str(&b, "ok"), 0, "until reset");
	vt_buf_str(&b, "too long");
	ok(vt_buf_take(&b, NULL) == NULL, "a cut text cannot be taken");
	vt_buf_release(&b);
	vt_buf_init(&b, SIZE_MAX);
	vt_buf_char(&b, 'x');
	ok(vt_buf_reserve(&b, SIZE_MAX - 1) == NULL, "sizes do not wrap");
	vt_buf_release(&b);
	vt_buf_init(&b, 0);
	is_int(vt_buf_char(&b, 'x'), -1, "a maximum of 0 holds nothing");
	vt_buf_release(&b);
}

static void
test_reserve(void)
{
	struct vt_buf b;
	char *p;

	vt_buf_init(&b, 100);
	vt_buf_str(&b, "ab");
	p = vt_buf_reserve(&b, 3);
	memcpy(p, "cde", 4);
	b.len += 3;
	vt_buf_char(&b, 'f');
	is_str(b.data, "abcdef", "what is written into a reserve counts");
	vt_buf_release(&b);
}

static void
test_err(void)
{
	char words[600];
	struct vt_err err;

	memset(words, 'x', sizeof(words) - 1);
	words[sizeof(words) - 1] = '\0';
	is_int(vt_fail(NULL, VT_BUSY, "x"), VT_BUSY, "err may be NULL");
	is_int(vt_fail(&err, VT_ABSENT, "no '%s'", "a"), VT_ABSENT, "fail");
	is_int(vt_err_prefix(&err, "bucket '%s'", "b"), VT_ABSENT,
	    "a prefix keeps the code");
	is_str(err.text, "bucket 'b': no 'a'", "and comes first");
	vt_err_prefix(&err, "%s", err.text);
	is_str(err.text, "bucket 'b': no 'a': bucket 'b': no 'a'",
	    "a text may prefix itself");
	vt_fail(&err, VT_IO, "%s", words);
	is_int(strlen(err.text), sizeof(err.text) - 1, "a long text is cut");
	vt_err_prefix(&err, "p");
	is_int(strlen(err.text), sizeof(err.text) - 1, "prefixed as well");
	vt_err_prefix(&err, "%s", words);
	is_int(strlen(err.text), sizeof(err.text) - 1, "by a long text too");
	is_str(vt_code_name(VT_NEEDS_RESTORE), "needs-restore", "names");
	is_str(vt_code_name((enum vt_code)99), "unknown", "even of none");
}

int
main(void)
{
	test_growth();
	test_printf();
	test_maximum();
	test_reserve();
	test_err();
	return test_done();
}
