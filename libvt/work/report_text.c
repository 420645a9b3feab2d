/* Figures and other people's names as HTML text: see report_internal.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "libvt/base/clock.h"
#include "libvt/base/num.h"
#include "libvt/base/uri.h"

#include "libvt/work/report_internal.h"

#define DAY_US 86400e6

/* --- names ---------------------------------------------------------------- */

/* Bytes of the UTF-8 character at p, its code point in *out; 0: it is none. */
static size_t
character(const uint8_t *p, size_t len, uint32_t *out)
{
	size_t n = *p < 0x80 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4, i;

	if (n > len || !vt_utf8_valid((const char *)p, n))
		return 0;
	*out = n == 1 ? *p : *p & (0xffu >> (n + 1));
	for (i = 1; i < n; i++)
		*out = *out << 6 | (p[i] & 0x3f);
	return n;
}

/* Characters that are not seen, or that change how others are: controls,
 * marks of direction, joiners, spaces but the plain one, tags, and what HTML
 * does not allow. */
static int
is_hidden(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0xad ||
	    c == 0x034f || c == 0x061c || c == 0x115f || c == 0x1160 ||
	    c == 0x1680 || c == 0x17b4 || c == 0x17b5 ||
	    (c >= 0x180b && c <= 0x180f) || (c >= 0x2000 && c <= 0x200f) ||
	    (c >= 0x2028 && c <= 0x202f) || (c >= 0x205f && c <= 0x206f) ||
	    c == 0x3000 || c == 0x3164 || (c >= 0xe000 && c <= 0xf8ff) ||
	    (c >= 0xfdd0 && c <= 0xfdef) || (c >= 0xfe00 && c <= 0xfe0f) ||
	    c == 0xfeff || c == 0xffa0 || (c >= 0xfff0 && c <= 0xfffb) ||
	    (c & 0xfffe) == 0xfffe || c >= 0xe0000;
}

static void
put_character(struct vt_buf *b, const uint8_t *p, size_t n, uint32_t c)
{
	switch (c) {
	case '&':
		vt_buf_str(b, "&amp;");
		break;
	case '<':
		vt_buf_str(b, "&lt;");
		break;
	case '>':
		vt_buf_str(b, "&gt;");
		break;
	case '"':
		vt_buf_str(b, "&quot;");
		break;
	case '\'':
		vt_buf_str(b, "&#39;");
		break;
	default:
		if (!is_hidden(c))
			vt_buf_add(b, p, n);
		else
			vt_buf_printf(b, c < 0x80 ? "<i>\\x%02x</i>" :
			    "<i>\\u%04x</i>", (unsigned)c);
		break;
	}
}

static void
put_bytes(struct vt_buf *b, const uint8_t *p, size_t len)
{
	uint32_t c;
	size_t n;

	for (; len > 0; p += n, len -= n) {
		n = character(p, len, &c);
		if (n > 0) {
			put_character(b, p, n, c);
		} else {
			n = 1;
			vt_buf_printf(b, "<i>\\x%02x</i>", *p);
		}
	}
}

void
report_text(struct vt_buf *b, const char *s)
{
	if (s != NULL)
		put_bytes(b, (const uint8_t *)s, strlen(s));
}

void
report_name(struct vt_buf *b, const void *s, size_t len, size_t max)
{
	const uint8_t *p = s;
	size_t head = max * 2 / 3, tail, i;

	if (len <= max) {
		put_bytes(b, p, len);
		return;
	}
	tail = len - max / 3;
	/* characters, of four bytes at most, stay whole */
	for (i = 0; i < 3 && (p[head] & 0xc0) == 0x80; i++)
		head--;
	for (i = 0; i < 3 && (p[tail] & 0xc0) == 0x80; i++)
		tail++;
	put_bytes(b, p, head);
	vt_buf_printf(b, "<i>\xe2\x80\xa6 %zu bytes \xe2\x80\xa6</i>",
	    tail - head);
	put_bytes(b, p + tail, len - tail);
}

/* --- figures -------------------------------------------------------------- */

/* Digits before the point in threes. */
static void
put_grouped(struct vt_buf *b, const char *digits)
{
	size_t whole = strcspn(digits, "."), i;

	for (i = 0; i < whole; i++) {
		if (i > 0 && (whole - i) % 3 == 0)
			vt_buf_char(b, ',');
		vt_buf_char(b, digits[i]);
	}
	vt_buf_str(b, digits + whole);
}

void
report_count(struct vt_buf *b, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	put_grouped(b, text);
}

/* Cents for sums that have some, more digits for those that have not. */
static int
usd_digits(double size)
{
	return size >= 1e5 ? 0 : size >= 1 || size <= 0 ? 2 :
	    size >= 0.01 ? 4 : 6;
}

static void
put_usd(struct vt_buf *b, double usd, int digits)
{
	char text[400];

	snprintf(text, sizeof(text), "%.*f", digits, fabs(usd));
	vt_buf_str(b, usd < 0 ? "\xe2\x88\x92$" : "$");
	put_grouped(b, text);
}

void
report_usd(struct vt_buf *b, double usd)
{
	if (fabs(usd) < 5e-7)
		usd = 0;
	put_usd(b, usd, usd_digits(fabs(usd)));
}

void
report_usd_of(struct vt_buf *b, double usd, double most)
{
	int digits = usd_digits(most >= 1 ? 1 : most);
	double least = pow(10, -digits);

	if (fabs(usd) < 5e-7) {
		vt_buf_str(b, "$0");
	} else if (fabs(usd) < least / 2) {
		vt_buf_str(b, "under ");
		put_usd(b, least, digits);
	} else {
		put_usd(b, usd, fabs(usd) >= 1e5 ? 0 : digits);
	}
}

void
report_usd_data(struct vt_buf *b, const char *id, double usd, double most)
{
	vt_buf_printf(b, "<data id=\"%s\" value=\"%.6f\">", id, usd);
	report_usd_of(b, usd, most);
	vt_buf_str(b, "</data>");
}

void
report_usd_axis(struct vt_buf *b, double usd, double step)
{
	double size = fabs(usd);
	int digits = 0;
	char text[400];

	for (; step < 1 - 1e-9 && digits < 9; step *= 10)
		digits++;
	if (digits == 1)
		digits = 2;
	vt_buf_str(b, usd < -1e-12 ? "\xe2\x88\x92$" : "$");
	if (size >= 1e6) {
		snprintf(text, sizeof(text), "%.4g", size >= 1e9 ?
		    size / 1e9 : size / 1e6);
		vt_buf_printf(b, "%s\xc2\xa0%s", text, size >= 1e9 ? "bn" :
		    "M");
		return;
	}
	snprintf(text, sizeof(text), "%.*f", size > 0 ? digits : 0, size);
	put_grouped(b, text);
}

void
report_bytes(struct vt_buf *b, uint64_t bytes)
{
	char text[16], *space;

	vt_num_human_bytes(bytes, text);
	space = strchr(text, ' ');
	vt_buf_add(b, text, (size_t)(space - text));
	vt_buf_printf(b, "\xc2\xa0%s", space + 1);
}

void
report_percent(struct vt_buf *b, double share)
{
	double p = share * 100;

	if (fabs(p) < 0.05)
		p = 0;
	vt_buf_printf(b, "%s%.*f\xc2\xa0%%", p < 0 ? "\xe2\x88\x92" : "",
	    fabs(p) >= 99.95 ? 0 : 1, fabs(p));
}

void
report_days(struct vt_buf *b, double days)
{
	if (!isfinite(days))
		vt_buf_str(b, "never");
	else if (days < 0.95)
		vt_buf_str(b, days > 0 ? "a day" : "at once");
	else if (days >= 730.5)
		vt_buf_printf(b, "%.1f years", days / 365.25);
	else
		vt_buf_printf(b, days < 9.95 ? "%.1f days" : "%.0f days",
		    days);
}

void
report_date(struct vt_buf *b, double day)
{
	char t[25];

	vt_time_rfc3339_ms((int64_t)floor(day * DAY_US + 0.5), t);
	vt_buf_add(b, t, 10);
}

void
report_civil(double day, int *year, int *month, int *dom)
{
	char t[25];

	vt_time_rfc3339_ms((int64_t)floor(day * DAY_US + 0.5), t);
	*year = (t[0] - '0') * 1000 + (t[1] - '0') * 100 + (t[2] - '0') * 10 +
	    (t[3] - '0');
	*month = (t[5] - '0') * 10 + (t[6] - '0');
	*dom = (t[8] - '0') * 10 + (t[9] - '0');
}

void
report_number(struct vt_buf *b, double x)
{
	char text[400];
	size_t len;

	if (!isfinite(x) || fabs(x) < 0.005)
		x = 0;
	snprintf(text, sizeof(text), "%.2f", x);
	len = strlen(text);
	while (text[len - 1] == '0')
		len--;
	if (text[len - 1] == '.')
		len--;
	vt_buf_add(b, text, len);
}

void
report_share(struct vt_buf *b, double share)
{
	if (!(share > 0))
		share = 0;
	vt_buf_printf(b, "%.4f", share < 1 ? share : 1);
}
