/*
 * Time: see clock.h.  Calendar arithmetic is done here on days since the
 * epoch: gmtime and timegm take locks and read the environment.
 */
#include <endian.h>
#include <string.h>
#include <time.h>

#include "libvt/base/num.h"

#include "libvt/base/clock.h"

#define SECOND_US ((int64_t)1000000)
#define DAY_S ((int64_t)86400)

static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
/* The epoch was a Thursday. */
static const char *const day_names[] = {
	"Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday",
	"Wednesday"
};

struct civil {
	int year, month, day;		/* month and day from 1 */
	int hour, minute, second;
	int weekday;			/* 0 is Thursday, as day_names */
	int us;
};

int64_t
vt_clock_now_us(const struct vt_clock *c)
{
	struct timespec ts;

	if (c->fixed)
		return c->offset_us;
	/* Cannot fail: the clock exists and the pointer is ours. */
	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * SECOND_US + ts.tv_nsec / 1000 +
	    c->offset_us;
}

int64_t
vt_clock_mono_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * SECOND_US + ts.tv_nsec / 1000;
}

/*
 * Days since 1970-01-01 of a Gregorian date.  Years are counted from March,
 * so that the leap day comes last and (153 * m + 2) / 5 counts the days of
 * the months before; 400 years are 146,097 days, an "era".  719,468 is the
 * day number of 1970-01-01 counted from 0000-03-01.
 */
static int64_t
days_from_civil(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year;

	of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 +
	    day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
	    of_year - 719468;
}

/*
 * The inverse.  Divisions by constants of unsigned numbers alone, which are
 * multiplications: days are counted from the March before an era before the
 * year 0, so that none is negative.
 */
static inline void
split(int64_t us, struct civil *c)
{
	const int64_t min = -719528 * DAY_S * SECOND_US;	/* 0000 */
	const int64_t max = 2932897 * DAY_S * SECOND_US - 1;	/* 9999 */
	uint32_t days, era, of_era, year, of_year, month, second;
	uint64_t rest;

	/* All formats have four digits of year and no more room. */
	us = us < min ? min : us > max ? max : us;
	rest = (uint64_t)(us - min);
	days = (uint32_t)(rest / (DAY_S * SECOND_US));
	rest -= days * (uint64_t)(DAY_S * SECOND_US);
	second = (uint32_t)(rest / SECOND_US);
	c->us = (int)(rest - second * (uint64_t)SECOND_US);
	c->hour = (int)(second / 3600);
	second -= (uint32_t)c->hour * 3600;
	c->minute = (int)(second / 60);
	c->second = (int)(second - (uint32_t)c->minute * 60);
	c->weekday = (int)((days + 2) % 7);
	days += 146097 - 60;
	era = days / 146097;
	of_era = days - era * 146097;
	year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) /
	    365;
	of_year = of_era - (365 * year + year / 4 - year / 100);
	month = (5 * of_year + 2) / 153;
	c->day = (int)(of_year - (153 * month + 2) / 5 + 1);
	c->month = (int)(month < 10 ? month + 3 : month - 9);
	c->year = (int)(year + era * 400) - 400 + (c->month <= 2);
}

/* The time of a checked date, or -1 for a date that is none. */
static int
join(const struct civil *c, int64_t *us)
{
	static const signed char lengths[] = {
		31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
	};
	int last, leap;

	if (c->month < 1 || c->month > 12 || c->hour > 23 || c->minute > 59)
		return -1;
	/* 60 is a leap second, taken as the first of the next minute. */
	if (c->second > 60)
		return -1;
	leap = c->year % 4 == 0 && (c->year % 100 != 0 || c->year % 400 == 0);
	last = lengths[c->month - 1] + (c->month == 2 && leap);
	if (c->day < 1 || c->day > last)
		return -1;
	*us = (days_from_civil(c->year, c->month, c->day) * DAY_S +
	    c->hour * 3600 + c->minute * 60 + c->second) * SECOND_US + c->us;
	return 0;
}

/* `n` in 2, 3 or 4 digits; it has no more. */
static inline char *
put(char *out, int n, int width)
{
	uint32_t u = (uint32_t)n;

	if (width > 2) {
		if (width == 3)
			*out++ = (char)('0' + u / 100);
		else
			memcpy(out, vt_num_pairs + u / 100 * 2, 2);
		out += width == 4 ? 2 : 0;
		u %= 100;
	}
	memcpy(out, vt_num_pairs + u * 2, 2);
	return out + 2;
}

void
vt_time_rfc3339_ms(int64_t us, char out[25])
{
	struct civil c;
	char *p;

	split(us, &c);
	p = put(out, c.year, 4);
	*p++ = '-';
	p = put(p, c.month, 2);
	*p++ = '-';
	p = put(p, c.day, 2);
	*p++ = 'T';
	p = put(p, c.hour, 2);
	*p++ = ':';
	p = put(p, c.minute, 2);
	*p++ = ':';
	p = put(p, c.second, 2);
	*p++ = '.';
	p = put(p, c.us / 1000, 3);
	*p++ = 'Z';
	*p = '\0';
}

void
vt_time_http(int64_t us, char out[30])
{
	struct civil c;
	char *p = out;

	split(us, &c);
	memcpy(p, day_names[c.weekday], 3);
	memcpy(p + 3, ", ", 2);
	p = put(p + 5, c.day, 2);
	*p++ = ' ';
	memcpy(p, month_names + 3 * (c.month - 1), 3);
	p[3] = ' ';
	p = put(p + 4, c.year, 4);
	*p++ = ' ';
	p = put(p, c.hour, 2);
	*p++ = ':';
	p = put(p, c.minute, 2);
	*p++ = ':';
	p = put(p, c.second, 2);
	memcpy(p, " GMT", 5);
}

void
vt_time_amz(int64_t us, char out[17])
{
	struct civil c;
	char *p;

	split(us, &c);
	p = put(out, c.year, 4);
	p = put(p, c.month, 2);
	p = put(p, c.day, 2);
	*p++ = 'T';
	p = put(p, c.hour, 2);
	p = put(p, c.minute, 2);
	p = put(p, c.second, 2);
	*p++ = 'Z';
	*p = '\0';
}

/*
 * Parsing: a cursor that each step moves forward; a step that does not fit
 * sets p to NULL and the later ones then do nothing.
 */
struct cursor {
	const char *p, *end;
};

static int
number(struct cursor *s, int width)
{
	int n = 0, i;

	if (s->p == NULL || s->end - s->p < width) {
		s->p = NULL;
		return 0;
	}
	for (i = 0; i < width; i++) {
		if (s->p[i] < '0' || s->p[i] > '9') {
			s->p = NULL;
			return 0;
		}
		n = n * 10 + (s->p[i] - '0');
	}
	s->p += width;
	return n;
}

static void
expect(struct cursor *s, const char *text)
{
	size_t len = strlen(text);

	if (s->p == NULL)
		return;
	if ((size_t)(s->end - s->p) < len || memcmp(s->p, text, len) != 0)
		s->p = NULL;
	else
		s->p += len;
}

static int
month(struct cursor *s)
{
	int i;

	if (s->p == NULL || s->end - s->p < 3) {
		s->p = NULL;
		return 0;
	}
	for (i = 0; i < 12; i++) {
		if (memcmp(s->p, month_names + 3 * i, 3) == 0) {
			s->p += 3;
			return i + 1;
		}
	}
	s->p = NULL;
	return 0;
}

/* Step over "hh:mm:ss". */
static void
time_of_day(struct cursor *s, struct civil *c)
{
	c->hour = number(s, 2);
	expect(s, ":");
	c->minute = number(s, 2);
	expect(s, ":");
	c->second = number(s, 2);
}

/* Step over "+hh:mm" or, without a colon, "+hhmm": microseconds east. */
static int64_t
zone(struct cursor *s, const char *colon)
{
	int hour, minute, west;

	if (s->p == NULL || s->p == s->end || (*s->p != '+' && *s->p != '-')) {
		s->p = NULL;
		return 0;
	}
	west = *s->p++ == '-';
	hour = number(s, 2);
	expect(s, colon);
	minute = number(s, 2);
	if (hour > 23 || minute > 59)
		s->p = NULL;
	return (west ? -1 : 1) * (hour * 3600 + minute * 60) * SECOND_US;
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/*
 * Eight bytes that are a digit where `form` has a '0', and else as there, the
 * first in the lowest byte: their digits' values, and 0 for what is none.
 * `odd` gets a bit when they are otherwise.
 */
static inline uint64_t
eight(const char *p, const char form[static 8], uint64_t *odd)
{
	uint64_t v, f, digit;

	memcpy(&v, p, 8);
	memcpy(&f, form, 8);
	v = le64toh(v ^ f);
	f = le64toh(f) ^ EACH('0');
	/* 0x80 where the form has a digit, else 0: of at most 0x7f each */
	digit = ~((f & EACH(0x7f)) + EACH(0x7f)) & EACH(0x80);
	/* a digit over 9, or any other byte over 0, comes to 0x80 and more */
	*odd |= (v | (v + EACH(0x7f) - (digit >> 7) * 9)) & EACH(0x80);
	return v;
}

/* Two digits from byte `at` on, of ten times each and the one behind it. */
static inline uint32_t
pair(uint64_t tens, unsigned at)
{
	return (uint32_t)(tens >> 8 * at & 0xff);
}

/* "2026-11-22T12:00:00.000Z", as vt_time_rfc3339_ms writes it and most lines
 * of logs have it: 1; 0: any other form, no date, or the 29th of February. */
static int
usual_form(const char *p, int64_t *us)
{
	/* in years that begin with March; and how long months are */
	static const uint16_t before[] = {
		306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275
	};
	static const uint8_t length[] = {
		31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
	};
	uint32_t year, month, day, hour, minute, second, ms;
	uint64_t odd = 0, v, tens;

	v = eight(p, "0000-00-", &odd);
	tens = v * 10 + (v >> 8);
	year = pair(tens, 0) * 100 + pair(tens, 2);
	month = pair(tens, 5) - 1;
	v = eight(p + 8, "00T00:00", &odd);
	tens = v * 10 + (v >> 8);
	day = pair(tens, 0) - 1;
	hour = pair(tens, 3);
	minute = pair(tens, 6);
	v = eight(p + 16, ":00.000Z", &odd);
	tens = v * 10 + (v >> 8);
	second = pair(tens, 1);
	ms = pair(tens, 4) * 10 + (uint32_t)(v >> 48 & 0xff);
	if (odd != 0 || month >= 12 || day >= length[month] || hour > 23 ||
	    minute > 59 || second > 59)
		return 0;
	/* as days_from_civil, an era later: nothing is negative */
	year += 400 - (month < 2);
	day += year * 365 + year / 4 - year / 100 + year / 400 +
	    before[month];
	*us = (((int64_t)day - 146097 - 719468) * DAY_S + hour * 3600 +
	    minute * 60 + second) * SECOND_US + ms * 1000;
	return 1;
}

/* Whatever RFC 3339 allows. */
static int
any_form(const char *text, size_t len, int64_t *us)
{
	struct cursor s = { text, text + len };
	struct civil c = { 0 };
	int64_t east_us = 0, t;
	int scale;

	c.year = number(&s, 4);
	expect(&s, "-");
	c.month = number(&s, 2);
	expect(&s, "-");
	c.day = number(&s, 2);
	/* RFC 3339 section 5.6 lets T and Z be lower case and T a space. */
	if (s.p == NULL || s.p == s.end ||
	    (*s.p != 'T' && *s.p != 't' && *s.p != ' '))
		return -1;
	s.p++;
	time_of_day(&s, &c);
	if (s.p != NULL && s.p < s.end && *s.p == '.') {
		s.p++;
		scale = 100000;
		if (s.p == s.end || *s.p < '0' || *s.p > '9')
			return -1;
		for (; s.p < s.end && *s.p >= '0' && *s.p <= '9'; s.p++) {
			c.us += (*s.p - '0') * scale;
			scale /= 10;
		}
	}
	if (s.p == NULL || s.p == s.end)
		return -1;
	if (*s.p == 'Z' || *s.p == 'z')
		s.p++;
	else
		east_us = zone(&s, ":");
	if (s.p != s.end || join(&c, &t) < 0)
		return -1;
	*us = t - east_us;
	return 0;
}

int
vt_time_parse_rfc3339(const char *text, size_t len, int64_t *us)
{
	if (len == 24 && usual_form(text, us))
		return 0;
	return any_form(text, len, us);
}

int
vt_time_parse_amz(const char *text, int64_t *us)
{
	struct cursor s = { text, text + strlen(text) };
	struct civil c = { 0 };

	c.year = number(&s, 4);
	c.month = number(&s, 2);
	c.day = number(&s, 2);
	expect(&s, "T");
	c.hour = number(&s, 2);
	c.minute = number(&s, 2);
	c.second = number(&s, 2);
	expect(&s, "Z");
	if (s.p != s.end)
		return -1;
	return join(&c, us);
}

int
vt_time_parse_clf(const char *text, size_t len, int64_t *us)
{
	struct cursor s = { text, text + len };
	struct civil c = { 0 };
	int64_t east_us, t;

	c.day = number(&s, 2);
	expect(&s, "/");
	c.month = month(&s);
	expect(&s, "/");
	c.year = number(&s, 4);
	expect(&s, ":");
	time_of_day(&s, &c);
	expect(&s, " ");
	east_us = zone(&s, "");
	if (s.p != s.end || join(&c, &t) < 0)
		return -1;
	*us = t - east_us;
	return 0;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT", after the comma. */
static void
imf_fixdate(struct cursor *s, struct civil *c)
{
	expect(s, ", ");
	c->day = number(s, 2);
	expect(s, " ");
	c->month = month(s);
	expect(s, " ");
	c->year = number(s, 4);
	expect(s, " ");
	time_of_day(s, c);
	expect(s, " GMT");
}

/* "Sunday, 06-Nov-94 08:49:37 GMT", after the comma. */
static void
rfc850(struct cursor *s, struct civil *c)
{
	expect(s, ", ");
	c->day = number(s, 2);
	expect(s, "-");
	c->month = month(s);
	expect(s, "-");
	c->year = number(s, 2);
	/* The RFC's rule (not 50 years ahead) asks for a clock, which a pure
	 * function lacks; nothing in HTTP is dated before 1970. */
	c->year += c->year < 70 ? 2000 : 1900;
	expect(s, " ");
	time_of_day(s, c);
	expect(s, " GMT");
}

/* "Sun Nov  6 08:49:37 1994", after the day's name. */
static void
asctime_date(struct cursor *s, struct civil *c)
{
	expect(s, " ");
	c->month = month(s);
	expect(s, " ");
	if (s->p != NULL && s->p < s->end && *s->p == ' ') {
		s->p++;
		c->day = number(s, 1);
	} else {
		c->day = number(s, 2);
	}
	expect(s, " ");
	time_of_day(s, c);
	expect(s, " ");
	c->year = number(s, 4);
}

int
vt_time_parse_http(const char *text, int64_t *us)
{
	size_t len = strlen(text), full, i;
	struct cursor s = { text, text + len };
	struct civil c = { 0 };

	/* The day must be a day but need not be the right one. */
	for (i = 0; i < 7; i++)
		if (strncmp(text, day_names[i], 3) == 0)
			break;
	if (i == 7)
		return -1;
	full = strlen(day_names[i]);
	if (len > full && text[full] == ',' &&
	    memcmp(text, day_names[i], full) == 0) {
		s.p += full;
		rfc850(&s, &c);
	} else if (len > 3 && text[3] == ',') {
		s.p += 3;
		imf_fixdate(&s, &c);
	} else {
		s.p += 3;
		asctime_date(&s, &c);
	}
	if (s.p != s.end)
		return -1;
	return join(&c, us);
}
