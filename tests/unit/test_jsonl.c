#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <unistd.h>

#include "libvt/base/jsonl.h"
#include "libvt/base/jsonrun.h"
#include "libvt/base/lines.h"

#include "tests/unit/test.h"

#define MAX 8

static void
test_write(void)
{
	struct vt_buf b;

	vt_buf_init(&b, 10000);
	vt_json_begin(&b);
	vt_json_end(&b);
	is_str(b.data, "{}\n", "an empty object");
	vt_json_begin(&b);
	vt_json_str(&b, "s", "x");
	vt_json_u64(&b, "u", UINT64_MAX);
	vt_json_i64(&b, "i", INT64_MIN);
	vt_json_bool(&b, "t", 2);
	vt_json_bool(&b, "f", 0);
	vt_json_raw(&b, "r", "[1,{}]", 6);
	vt_json_bytes(&b, "b", NULL, 0);
	vt_json_str(&b, "q\"", "{");
	vt_json_i64(&b, "after", 1);
	vt_json_end(&b);
	is_str(b.data, "{}\n{\"s\":\"x\",\"u\":18446744073709551615,"
	    "\"i\":-9223372036854775808,\"t\":true,\"f\":false,"
	    "\"r\":[1,{}],\"b\":\"\",\"q\\\"\":\"{\",\"after\":1}\n",
	    "a second line after it, each type");
	vt_buf_release(&b);
	vt_buf_init(&b, 10);
	vt_json_begin(&b);
	vt_json_str(&b, "name", "a long value");
	vt_json_end(&b);
	ok(b.failed, "over the maximum the failure sticks");
	vt_buf_release(&b);
}

static void
test_quote(void)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *want;
	} cases[] = {
		{ "", 0, "\"\"" },
		{ "plain", 5, "\"plain\"" },
		{ "a\"b\\c/", 6, "\"a\\\"b\\\\c/\"" },
		{ "\b\t\n\f\r", 5, "\"\\b\\t\\n\\f\\r\"" },
		{ "\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\x7f\"" },
		{ "12345678\n12345678", 17, "\"12345678\\n12345678\"" },
		{ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9,
		    "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"" },
		{ "\xff", 1, "\"\\udcff\"" },
		{ "a\x80z", 3, "\"a\\udc80z\"" },
		{ "\xc3", 1, "\"\\udcc3\"" },		/* cut */
		{ "\xe2\x82", 2, "\"\\udce2\\udc82\"" },
		{ "\xe2\x82z", 3, "\"\\udce2\\udc82z\"" },
		{ "\xc0\x80", 2, "\"\\udcc0\\udc80\"" },	/* too long */
		{ "\xe0\x80\x80", 3, "\"\\udce0\\udc80\\udc80\"" },
		{ "\xed\xa0\x80", 3, "\"\\udced\\udca0\\udc80\"" },
		{ "\xf4\x90\x80\x80", 4,
		    "\"\\udcf4\\udc90\\udc80\\udc80\"" },	/* too high */
		{ "\xf0\x8f\xbf\xbf", 4, "\"\\udcf0\\udc8f\\udcbf\\udcbf\"" }
	};
	struct vt_buf b;
	size_t i;

	vt_buf_init(&b, 100);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		vt_buf_reset(&b);
		vt_json_quote(&b, cases[i].bytes, cases[i].len);
		is_str(b.data, cases[i].want, "quoted: %s", cases[i].want);
	}
	vt_buf_release(&b);
}

static void
test_round_trip(void)
{
	static const char *const pieces[] = {
		"\xc3\xa4", "\xf0\x9f\x98\x80", "\xed\xa0\xbd", "\xff", "\"",
		"\\", "\\u0041", "{", "}", ",", "\n", "abcdefghijk"
	};
	struct vt_json_field f[MAX];
	struct vt_buf line, back;
	uint8_t bytes[64];
	size_t len, i, n;
	int round, same = 1, valid = 1;
	json_t *doc;
	char *p;

	vt_buf_init(&line, 1000);
	vt_buf_init(&back, 1000);
	for (round = 0; round < 20000; round++) {
		len = 0;
		n = (size_t)rand() % 6;
		for (i = 0; i < n; i++) {
			const char *s = pieces[(size_t)rand() % 12];
			size_t slen = strlen(s);

			if (rand() % 3 == 0) {
				bytes[len++] = (uint8_t)(rand() >> 5);
			} else if (len + slen <= sizeof(bytes)) {
				memcpy(bytes + len, s, slen);
				len += slen;
			}
			if (len > 50)
				break;
		}
		vt_buf_reset(&line);
		vt_buf_reset(&back);
		vt_json_begin(&line);
		vt_json_bytes(&line, "key", bytes, len);
		vt_json_end(&line);
		/* No NUL behind it: ASan sees a step too far. */
		p = malloc(line.len);
		memcpy(p, line.data, line.len);
		same &= vt_json_scan(p, line.len, f, MAX) == 1 &&
		    vt_json_unescape(&f[0], &back) == 0 && back.len == len &&
		    (len == 0 || memcmp(back.data, bytes, len) == 0);
		free(p);
		/* jansson refuses lone surrogates and NUL, by design. */
		if (strstr(line.data, "\\udc") == NULL &&
		    strstr(line.data, "\\u0000") == NULL) {
			doc = json_loadb(line.data, line.len, 0, NULL);
			valid &= doc != NULL;
			json_decref(doc);
		}
	}
	ok(same, "any bytes come back");
	ok(valid, "jansson accepts what has no stray byte");
	vt_buf_release(&line);
	vt_buf_release(&back);
}

static void
test_scan(void)
{
	static const char line[] =
	    " { \"a\" : \"x\\\"y\" ,\"n\":-1.5e3,\"t\":true,\"f\":false,"
	    "\"z\":null,\"o\":{\"a\":[1,{\"}\":\"]\"}]},\"l\":[ ]}\r\n";
	const struct vt_json_field *q;
	struct vt_json_field f[MAX];
	struct vt_buf b;
	int n;

	n = vt_json_scan(line, strlen(line), f, MAX);
	is_int(n, 7, "seven fields");
	q = vt_json_find(f, n, "a");
	ok(q != NULL && q->type == 's' && q->escaped && q->value_len == 4,
	    "a string with an escape");
	vt_buf_init(&b, 100);
	vt_json_unescape(q, &b);
	is_str(b.data, "x\"y", "undone");
	vt_buf_release(&b);
	q = vt_json_find(f, n, "n");
	ok(q->type == 'n' && q->value_len == 6 &&
	    memcmp(q->value, "-1.5e3", 6) == 0, "a number, raw");
	ok(vt_json_find(f, n, "t")->type == 't' &&
	    vt_json_find(f, n, "f")->type == 'f' &&
	    vt_json_find(f, n, "z")->type == '0', "the three words");
	q = vt_json_find(f, n, "o");
	ok(q->type == 'o' && q->value_len == strlen(
	    "{\"a\":[1,{\"}\":\"]\"}]}"), "an object, whole");
	ok(vt_json_find(f, n, "l")->type == 'a', "an array");
	ok(vt_json_find(f, n, "nn") == NULL, "absent");
	is_int(vt_json_scan(line, strlen(line), f, 6), -1, "too many");
	is_int(vt_json_scan("{}", 2, NULL, 0), 0, "none");
}

static void
test_scan_bad(void)
{
	static const char *const bad[] = {
		"", " ", "{", "}", "[]", "1", "\"a\"", "{}x", "{}{}", "{,}",
		"{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\":1 \"b\":2}",
		"{a:1}", "{'a':1}", "{\"a\":1", "{\"a\":\"x}",
		"{\"a\":\"x\\\"}",
		"{\"a\":\"x\\", "{\"a\":\"\n\"}", "{\"a\":\"\\\n\"}",
		"{\"a\":\"12345678\t\"}", "{\"a\":01}", "{\"a\":-}",
		"{\"a\":1.}", "{\"a\":.5}", "{\"a\":1e}", "{\"a\":+1}",
		"{\"a\":tru}", "{\"a\":True}", "{\"a\":nul", "{\"a\":NaN}",
		"{\"a\":[1,]}", "{\"a\":[1 2]}", "{\"a\":[}", "{\"a\":{]}",
		"{\"a\":[1}}", "{\"a\":{\"b\"}}", "{\"a\":{1:2}}", "{\"a\":[",
		"{\"a\":{\"b\":", "{\"a\":1}}", "{\"a\":truex}"
	};
	struct vt_json_field f[MAX];
	char deep[200], *p;
	size_t i, len;
	int depth;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		len = strlen(bad[i]);
		p = malloc(len + (len == 0));
		memcpy(p, bad[i], len);
		is_int(vt_json_scan(p, len, f, MAX), -1, "refused: %s",
		    bad[i]);
		free(p);
	}
	for (depth = 32; depth <= 33; depth++) {
		strcpy(deep, "{\"a\":");
		memset(deep + 5, '[', (size_t)depth);
		memset(deep + 5 + depth, ']', (size_t)depth);
		strcpy(deep + 5 + 2 * depth, "}");
		is_int(vt_json_scan(deep, strlen(deep), f, MAX),
		    depth == 32 ? 1 : -1, "nested %d deep", depth);
	}
}

static void
test_unescape(void)
{
	static const struct {
		const char *text;
		size_t len;		/* SIZE_MAX: refused */
		const char *want;
	} cases[] = {
		{ "\\\"\\\\\\/\\b\\f\\n\\r\\t", 8, "\"\\/\b\f\n\r\t" },
		{ "\\u0041\\u00e4\\u20AC", 6, "A\xc3\xa4\xe2\x82\xac" },
		{ "\\ud83d\\ude00!", 5, "\xf0\x9f\x98\x80!" },
		{ "\\ud83d\\udcff", 4, "\xf0\x9f\x93\xbf" },
		{ "\\udcff\\udc80", 2, "\xff\x80" },
		{ "a\\u0000b", 3, "a\0b" },
		{ "\\ud83d", SIZE_MAX, "" },
		{ "\\ud83dx", SIZE_MAX, "" },
		{ "\\ud83d\\u0041", SIZE_MAX, "" },
		{ "\\ud83d\\n12345", SIZE_MAX, "" },
		{ "\\udc7f", SIZE_MAX, "" },
		{ "\\udd00", SIZE_MAX, "" },
		{ "\\x41", SIZE_MAX, "" },
		{ "\\u004", SIZE_MAX, "" },
		{ "\\u004g", SIZE_MAX, "" },
		{ "\\", SIZE_MAX, "" }
	};
	struct vt_json_field f = { NULL, 0, NULL, 0, 's', 1 };
	struct vt_buf b;
	size_t i;
	int rc;

	vt_buf_init(&b, 100);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		vt_buf_reset(&b);
		vt_buf_str(&b, "=");
		f.value = cases[i].text;
		f.value_len = strlen(cases[i].text);
		rc = vt_json_unescape(&f, &b);
		if (cases[i].len == SIZE_MAX)
			ok(rc == -1 && strcmp(b.data, "=") == 0 &&
			    b.len == 1, "refused: %s", cases[i].text);
		else
			ok(rc == 0 && b.len == 1 + cases[i].len &&
			    memcmp(b.data + 1, cases[i].want,
			    cases[i].len) == 0, "undone: %s", cases[i].text);
	}
	is_int(vt_json_unescape(NULL, &b), -1, "a missing field");
	f.type = 'n';
	is_int(vt_json_unescape(&f, &b), -1, "no string");
	vt_buf_release(&b);
}

static void
test_numbers(void)
{
	static const char line[] = "{\"a\":18446744073709551615,\"b\":-5,"
	    "\"c\":1.5,\"d\":-9223372036854775808,\"e\":9223372036854775808,"
	    "\"f\":\"7\",\"g\":1e400}";
	struct vt_json_field f[MAX];
	uint64_t u;
	int64_t i;
	double d;
	int n;

	n = vt_json_scan(line, strlen(line), f, MAX);
	ok(vt_json_get_u64(&f[0], &u) == 0 && u == UINT64_MAX, "u64");
	is_int(vt_json_get_u64(&f[1], &u), -1, "negative");
	is_int(vt_json_get_u64(&f[2], &u), -1, "a fraction");
	is_int(vt_json_get_u64(&f[5], &u), -1, "a string");
	is_int(vt_json_get_u64(vt_json_find(f, n, "x"), &u), -1, "missing");
	ok(vt_json_get_i64(&f[1], &i) == 0 && i == -5, "i64");
	ok(vt_json_get_i64(&f[3], &i) == 0 && i == INT64_MIN, "the least");
	is_int(vt_json_get_i64(&f[4], &i), -1, "over the most");
	ok(vt_json_get_double(&f[2], &d) == 0 && d == 1.5, "double");
	is_int(vt_json_get_double(&f[6], &d), -1, "over the range");
	is_int(vt_json_get_double(NULL, &d), -1, "missing");
}

static void
test_doubles(void)
{
	static const struct {
		double d;
		const char *want;
	} cases[] = {
		{ 0, "0" }, { -0.0, "-0" }, { 1, "1" }, { -1, "-1" },
		{ 0.1, "0.1" }, { 0.023, "0.023" }, { -2.5, "-2.5" },
		{ 1e-9, "0.000000001" }, { 1234567.891, "1234567.891" },
		{ 100, "100" }, { 0.1 + 0.2, "0.30000000000000004" },
		{ 1.0 / 3, "0.3333333333333333" }, { 1e300, "1e+300" },
		{ 5e-324, "4.94065645841247e-324" },
		{ 1.7976931348623157e308, "1.7976931348623157e+308" },
		{ 9007199254740991.0, "9007199254740991" },
		{ NAN, "null" }, { INFINITY, "null" }, { -INFINITY, "null" }
	};
	struct vt_json_field f[MAX];
	struct vt_buf b;
	char want[100];
	int same = 1, shortest = 1, small = 1, round;
	uint64_t bits;
	double d, back;
	size_t i;

	vt_buf_init(&b, 200);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		vt_buf_reset(&b);
		vt_json_double(&b, "d", cases[i].d);
		snprintf(want, sizeof(want), "\"d\":%s", cases[i].want);
		is_str(b.data, want, "double %s", cases[i].want);
	}
	for (round = 0; round < 200000; round++) {
		if (round % 2) {
			bits = (uint64_t)rand() << 42 ^
			    (uint64_t)rand() << 21 ^ (uint64_t)rand();
			memcpy(&d, &bits, 8);
		} else {
			d = rand() % 2000000 - 1000000;
			for (i = (size_t)rand() % 10; i > 0; i--)
				d = round % 4 ? d * 10 : d / 10;
		}
		if (!isfinite(d))
			continue;
		vt_buf_reset(&b);
		vt_json_begin(&b);
		vt_json_double(&b, "d", d);
		vt_json_end(&b);
		same &= vt_json_scan(b.data, b.len, f, MAX) == 1 &&
		    vt_json_get_double(&f[0], &back) == 0 && back == d &&
		    strtod(f[0].value, NULL) == d;
		/* Never longer than all its 17 digits would be. */
		snprintf(want, sizeof(want), "%.17g", d);
		if (d == 0 || (fabs(d) > 1e-4 && fabs(d) < 0x1p53))
			shortest &= f[0].value_len <= strlen(want);
	}
	for (round = 0; round < 100000; round++) {
		d = rand() % (round % 2 ? 1000000 : 100);
		for (i = 5 + (size_t)rand() % 20; i > 0; i--)
			d /= 10;
		if (!(d < 1e-4) || d == 0)
			continue;
		/* of few digits, whatever their last bits are by now */
		snprintf(want, sizeof(want), "%.6g", d);
		d = strtod(want, NULL);
		snprintf(want, sizeof(want), "{\"d\":%.15g}\n", d);
		vt_buf_reset(&b);
		vt_json_begin(&b);
		vt_json_double(&b, "d", d);
		vt_json_end(&b);
		small &= strchr(b.data, 'e') == NULL ||
		    strcmp(b.data, want) == 0;
	}
	ok(small, "small ones of few digits are as printf has them");
	ok(same, "random doubles come back");
	ok(shortest, "and are no longer than they need");
	vt_buf_release(&b);
}

static int
file_of(const char *text, size_t len)
{
	char path[] = "/tmp/vt-test-jsonl.XXXXXX";
	int fd = mkstemp(path);

	unlink(path);
	if (write(fd, text, len) != (ssize_t)len)
		exit(1);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

/* Everything as "1:text 2:! ..." with '!' for a line that is too long. */
static const char *
lines_of(const char *text, size_t max)
{
	static char out[1000];
	int fd = file_of(text, strlen(text));
	struct vt_lines *l = vt_lines_open(fd, max);
	uint64_t number = 0;
	const char *line;
	enum vt_code rc;
	size_t len, n = 0;

	out[0] = '\0';
	for (;;) {
		rc = vt_lines_next(l, &line, &len, &number, NULL);
		if (rc == VT_ABSENT)
			break;
		if (rc == VT_TOO_LARGE) {
			line = "!";
			len = 1;
		}
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%d:%.*s ",
		    (int)number, (int)len, line);
	}
	if (vt_lines_next(l, &line, &len, NULL, NULL) != VT_ABSENT)
		strcpy(out, "not at the end twice");
	vt_lines_close(l);
	close(fd);
	return out;
}

/* The same by blocks: "text,text ! ...". */
static const char *
blocks_of(const char *text, size_t max, size_t most)
{
	static char out[1000];
	int fd = file_of(text, strlen(text));
	struct vt_lines *l = vt_lines_open(fd, max);
	struct vt_buf b;
	enum vt_code rc;
	size_t i, n = 0;

	out[0] = '\0';
	vt_buf_init(&b, 1000);
	for (;;) {
		vt_buf_reset(&b);
		rc = vt_lines_block(l, most, &b, NULL);
		if (rc == VT_ABSENT)
			break;
		if (rc == VT_TOO_LARGE)
			vt_buf_str(&b, "!");
		for (i = 0; i < b.len; i++)
			if (b.data[i] == '\n')
				b.data[i] = ',';
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%.*s ",
		    (int)b.len, b.data);
	}
	vt_buf_release(&b);
	vt_lines_close(l);
	close(fd);
	return out;
}

/* Which lines a block has does not hang on how they come. */
static void
test_blocks(void)
{
	static const char text[] = "ab\n\ncdefgh\ni\njk\nlmnopqrst\nuv";
	int fds[2], same = 1, i;
	struct vt_lines *slow;
	struct vt_buf b, c;
	size_t k;

	is_str(blocks_of("", 10, 5), "", "no block");
	is_str(blocks_of("a\nbc\n", 10, 10), "a,bc, ", "one of two lines");
	is_str(blocks_of("a\nbc\nd", 10, 4), "a, bc, d, ",
	    "as many as fit, the last without a newline");
	is_str(blocks_of("abcdef\ng\nh\n", 10, 4), "abcdef, g,h, ",
	    "a longer one alone");
	is_str(blocks_of("a\nabcd\nb\nc\n", 3, 3), "a, ! b, c, ",
	    "one over the maximum is told");
	is_str(blocks_of("\n\n\na\n", 9, 3), ",,, a, ", "empty ones");
	/* byte by byte through a pipe */
	if (pipe(fds) < 0)
		exit(1);
	slow = vt_lines_open(fds[0], 100);
	vt_buf_init(&b, 1000);
	vt_buf_init(&c, 1000);
	for (i = 0; text[i] != '\0'; i++)
		if (write(fds[1], text + i, 1) != 1)
			exit(1);
	close(fds[1]);
	while (vt_lines_block(slow, 8, &b, NULL) == VT_OK) {
		for (k = i = 0; k < b.len; k++)
			i += b.data[k] == '\n';
		vt_buf_printf(&c, "%d ", i);
		same &= b.len <= 10;
		vt_buf_reset(&b);
	}
	is_str(c.data, "2 1 2 1 1 ", "from a pipe as from a file");
	ok(same, "none much longer than asked for");
	vt_buf_release(&b);
	vt_buf_release(&c);
	vt_lines_close(slow);
	close(fds[0]);
}

/* Some of the stream was read before. */
static void
test_begun(void)
{
	int fd = file_of("def\ng", 5);
	struct vt_lines *l = vt_lines_open(fd, 10);
	const char *line;
	uint64_t number;
	size_t len;

	vt_lines_begin(l, "ab\nc", 4);
	ok(vt_lines_next(l, &line, &len, &number, NULL) == VT_OK &&
	    len == 2 && memcmp(line, "ab", 2) == 0 && number == 1,
	    "what was read of a stream comes first");
	ok(vt_lines_next(l, &line, &len, &number, NULL) == VT_OK &&
	    len == 4 && memcmp(line, "cdef", 4) == 0 && number == 2,
	    "and what follows goes on with it");
	vt_lines_close(l);
	close(fd);
	fd = file_of("", 0);
	l = vt_lines_open(fd, 10);
	vt_lines_begin(l, "x", 1);
	ok(vt_lines_next(l, &line, &len, &number, NULL) == VT_OK && len == 1,
	    "if anything does");
	vt_lines_close(l);
	close(fd);
}

/* Megabytes of lines through two buffers by turns, as those who work on one
 * while the next is read have them. */
static void
test_large_blocks(void)
{
	size_t total = 5000000, at, len, n = 0, sum = 0;
	char *text = malloc(total + 4000);
	uint64_t wrong = 0;
	struct vt_buf b[2], *to;
	struct vt_lines *l;
	int fd;

	memset(text, 'y', total + 4000);
	for (at = 0; at < total; at += len + 1, n++) {
		len = n * 37 % 3000;
		memcpy(text + at, &n, len < sizeof(n) ? 0 : sizeof(n));
		if (memchr(text + at, '\n', len) != NULL)
			memset(text + at, 'n', len);
		text[at + len] = '\n';
	}
	fd = file_of(text, at);
	l = vt_lines_open(fd, 1 << 20);
	vt_buf_init(&b[0], 1 << 26);
	vt_buf_init(&b[1], 1 << 26);
	for (;; n++) {
		to = &b[n % 2];
		vt_buf_reset(to);
		if (vt_lines_block(l, 100000, to, NULL) != VT_OK)
			break;
		wrong += to->data[to->len] != '\0' ||
		    to->len > 100000 || to->cap > 1 << 20 ||
		    memcmp(text + sum, to->data, to->len) != 0;
		sum += to->len;
	}
	ok(sum == at && wrong == 0,
	    "%zu bytes of lines in blocks come whole", sum);
	vt_buf_release(&b[0]);
	vt_buf_release(&b[1]);
	vt_lines_close(l);
	close(fd);
	free(text);
}

static void
test_lines(void)
{
	size_t len, n = 0, total = 3000000, at = 0, wrong = 0, long_ones = 0;
	struct vt_lines *l;
	uint64_t number;
	const char *line;
	struct vt_err err;
	enum vt_code rc;
	char *text;
	int fd;

	is_str(lines_of("", 10), "", "no line");
	is_str(lines_of("a\nbc\n", 10), "1:a 2:bc ", "two");
	is_str(lines_of("a\nbc", 10), "1:a 2:bc ", "the last without newline");
	is_str(lines_of("\n\na\n", 10), "1: 2: 3:a ", "empty ones");
	is_str(lines_of("abc\nabcd\nx\n", 3), "1:abc 2:! 3:x ",
	    "one over the maximum");
	is_str(lines_of("abcd\nabcd", 3), "1:! 2:! ", "the last as well");
	/* Lines of all lengths, many over the buffer, some over the most. */
	text = malloc(total);
	memset(text, 'x', total);
	for (at = 0; at + 400000 < total; at += len + 1) {
		len = n % 7 == 3 ? 150000 + n * 1000 : n * 37 % 3000;
		text[at + len] = '\n';
		n++;
	}
	fd = file_of(text, at);
	l = vt_lines_open(fd, 200000);
	n = 0;
	for (;;) {
		size_t want = n % 7 == 3 ? 150000 + n * 1000 : n * 37 % 3000;

		rc = vt_lines_next(l, &line, &len, &number, &err);
		if (rc == VT_ABSENT)
			break;
		wrong += number != n + 1;
		wrong += rc != (want > 200000 ? VT_TOO_LARGE : VT_OK);
		if (rc == VT_OK)
			wrong += len != want;
		long_ones += rc == VT_TOO_LARGE;
		n++;
	}
	ok(wrong == 0 && n > 50 && long_ones > 0,
	    "%zu lines of many lengths, %zu over the maximum", n, long_ones);
	vt_lines_close(l);
	close(fd);
	free(text);
	vt_lines_close(NULL);
	fd = open("/", O_RDONLY);
	l = vt_lines_open(fd, 10);
	is_int(vt_lines_next(l, &line, &len, NULL, &err), VT_INVALID,
	    "a directory has no lines");
	is_str(err.text, "cannot read line 1: Is a directory", "says so");
	vt_lines_close(l);
	close(fd);
}

/* A writer that stops in the middle of a line, as a pipe does. */
static void
test_pieces(void)
{
	struct vt_lines *l;
	const char *line;
	size_t len;
	int fds[2];

	if (pipe2(fds, O_NONBLOCK) < 0)
		return;
	l = vt_lines_open(fds[0], 100);
	ok(write(fds[1], "one\ntw", 6) == 6, "half a line");
	is_int(vt_lines_next(l, &line, &len, NULL, NULL), VT_OK, "the first");
	is_int(vt_lines_next(l, &line, &len, NULL, NULL), VT_BUSY,
	    "the second is not there");
	ok(write(fds[1], "o\n", 2) == 2, "the rest");
	is_int(vt_lines_next(l, &line, &len, NULL, NULL), VT_OK,
	    "now it is");
	ok(len == 3 && memcmp(line, "two", 3) == 0, "whole");
	close(fds[1]);
	is_int(vt_lines_next(l, &line, &len, NULL, NULL), VT_ABSENT, "end");
	vt_lines_close(l);
	close(fds[0]);
}

static void
test_load(void)
{
	char path[] = "/tmp/vt-test-load.XXXXXX";
	int fd = mkstemp(path);
	struct vt_err err;
	json_t *doc;

	ok(write(fd, "{\"a\":\n 1,}", 10) == 10, "a file");
	is_int(vt_json_load(path, &doc, &err), VT_INVALID, "a bad one");
	ok(doc == NULL && strstr(err.text, path) != NULL &&
	    strstr(err.text, "line 2 column 4") != NULL, "told where: %s",
	    err.text);
	ok(pwrite(fd, "{\"a\":\n 1 }", 10, 0) == 10, "mended");
	is_int(vt_json_load(path, &doc, &err), VT_OK, "is read");
	is_int(json_integer_value(json_object_get(doc, "a")), 1, "right");
	json_decref(doc);
	ok(pwrite(fd, "{\"a\":1,\"a\":2}", 13, 0) == 13, "a name twice");
	is_int(vt_json_load(path, &doc, &err), VT_INVALID, "is refused");
	close(fd);
	unlink(path);
	is_int(vt_json_load(path, &doc, &err), VT_ABSENT, "absent");
}

/* Each byte at each place of texts up to 40 bytes: as byte by byte. */
static void
test_runs(void)
{
	unsigned wrong = 0, stopped = 0, all = 0;
	char text[40 + VT_JSON_BEHIND], copy[42];
	size_t len, at;
	int c, is_stop;

	for (len = 1; len <= 40; len++)
		for (at = 0; at < len; at++)
			for (c = 0; c < 256; c++) {
				memset(text, '"', sizeof(text));
				memset(text, 'a', len);
				text[at] = (char)c;
				is_stop = c < ' ' || c == '"' || c == '\\';
				wrong += vt_json_stop(text) !=
				    text + (is_stop ? at : len);
				memset(copy, '.', sizeof(copy));
				wrong += (vt_json_copy(copy + 1, text, len) !=
				    0) != (is_stop || c > 0x7f);
				wrong += *copy != '.' || copy[1 + len] != '.' ||
				    memcmp(copy + 1, text, len) != 0;
				stopped += (unsigned)is_stop;
				all++;
			}
	is_int(wrong, 0, "runs end where they end: %u of %u before the end",
	    stopped, all);
	is_int(vt_json_copy(copy, NULL, 0), 0, "nothing is nothing odd");
}

int
main(void)
{
	test_write();
	test_quote();
	test_round_trip();
	test_scan();
	test_scan_bad();
	test_unescape();
	test_numbers();
	test_doubles();
	test_lines();
	test_blocks();
	test_begun();
	test_large_blocks();
	test_pieces();
	test_load();
	test_runs();
	return test_done();
}
