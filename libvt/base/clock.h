/*
 * The only place that asks the system for the time.  Everything else gets a
 * clock, so that tests and `--now` can set it.  Times are microseconds since
 * 1970-01-01 UTC unless the name says otherwise.
 */
#ifndef VT_BASE_CLOCK_H
#define VT_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* A real clock with an offset, or a fixed one.  Safe to share: never written
 * after init. */
struct vt_clock {
	int fixed;
	int64_t offset_us;	/* added to real time; the time, when fixed */
};

#define VT_CLOCK_REAL ((struct vt_clock){ 0, 0 })
#define VT_CLOCK_FIXED(us) ((struct vt_clock){ 1, (us) })

int64_t vt_clock_now_us(const struct vt_clock *c);
/* Monotonic, for measuring and deadlines; no relation to the calendar. */
int64_t vt_clock_mono_us(void);

/* Formats, NUL-terminated; all UTC.  Years outside 0 to 9999 become the first
 * or last moment of these. */
void vt_time_rfc3339_ms(int64_t us, char out[25]);
				/* 2026-11-22T12:00:00.000Z */
void vt_time_http(int64_t us, char out[30]);	/* RFC 9110 IMF-fixdate */
void vt_time_amz(int64_t us, char out[17]);	/* 20261122T120000Z */
/* Parsers over the whole string: 0, or -1.  rfc3339 takes any fraction and
 * Z or +hh:mm; http takes the three forms of RFC 9110 section 5.6.7. */
int vt_time_parse_rfc3339(const char *s, size_t len, int64_t *us);
int vt_time_parse_http(const char *s, int64_t *us);
int vt_time_parse_amz(const char *s, int64_t *us);
/* "22/Nov/2026:12:00:00 +0000" of web and S3 access logs. */
int vt_time_parse_clf(const char *s, size_t len, int64_t *us);

#endif
