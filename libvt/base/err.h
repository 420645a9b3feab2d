/*
 * How libvt reports failure: a code that tells the caller what it may do
 * next, and a text for people.  libvt never prints; cmd/ does.
 */
#ifndef VT_BASE_ERR_H
#define VT_BASE_ERR_H

#define VT_MUST_CHECK __attribute__((warn_unused_result))
#define VT_PRINTF(f, a) __attribute__((format(printf, f, a)))

enum vt_code {
	VT_OK = 0,
	VT_ABSENT,		/* it is not there: never retried, no fault */
	VT_EXISTS,		/* it is there already */
	VT_INVALID,		/* the input is wrong and stays wrong */
	VT_DENIED,		/* not allowed */
	VT_PRECONDITION,	/* a condition the caller set does not hold */
	VT_CORRUPT,		/* stored bytes are not what was stored */
	VT_BUSY,		/* try again later */
	VT_NEEDS_RESTORE,	/* archived: ask for a restore first */
	VT_NOSPACE,		/* disk or quota full */
	VT_TOO_LARGE,		/* over a named limit */
	VT_CANCELLED,		/* a visitor or a signal asked to stop */
	VT_IO,			/* disk or network failed */
	VT_NOMEM
};

/* A failure in words: lower case, the subject quoted, no newline at the end. */
struct vt_err {
	enum vt_code code;
	char text[512];
};

/*
 * Record a failure and return its code, so that `return vt_fail(...)` reads
 * well.  `err` may be NULL.  A longer text is cut.
 */
enum vt_code vt_fail(struct vt_err *err, enum vt_code code,
    const char *fmt, ...) VT_PRINTF(3, 4);

/* The same with the code and ": strerror" taken from errno. */
enum vt_code vt_fail_errno(struct vt_err *err, const char *fmt, ...)
    VT_PRINTF(2, 3);

/* Put words and ": " before the text already in `err`; returns its code (with
 * `err` NULL the code is unknown and VT_IO: return your own instead). */
enum vt_code vt_err_prefix(struct vt_err *err, const char *fmt, ...)
    VT_PRINTF(2, 3);

/* The code for an errno value: ENOENT is VT_ABSENT, ENOSPC VT_NOSPACE... */
enum vt_code vt_code_of_errno(int errnum);

/* "absent", "busy"...: a static string, for JSON records. */
const char *vt_code_name(enum vt_code code);

#endif
