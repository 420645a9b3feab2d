/* Failure as a code and a text: see err.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "libvt/base/err.h"

enum vt_code
vt_fail(struct vt_err *err, enum vt_code code, const char *fmt, ...)
{
	va_list ap;

	if (err == NULL)
		return code;
	err->code = code;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return code;
}

enum vt_code
vt_fail_errno(struct vt_err *err, const char *fmt, ...)
{
	int errnum = errno;
	char words[128];
	va_list ap;
	size_t len;
	int n;

	if (err == NULL)
		return vt_code_of_errno(errnum);
	err->code = vt_code_of_errno(errnum);
	va_start(ap, fmt);
	n = vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	len = n < 0 ? 0 : (size_t)n;
	if (len < sizeof(err->text) - 1)
		snprintf(err->text + len, sizeof(err->text) - len, ": %s",
		    strerror_r(errnum, words, sizeof(words)));
	return err->code;
}

enum vt_code
vt_err_prefix(struct vt_err *err, const char *fmt, ...)
{
	char text[sizeof(err->text)];
	va_list ap;
	size_t len, old;
	int n;

	/* Without `err` the code is lost; callers that pass NULL keep it. */
	if (err == NULL)
		return VT_IO;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	len = n < 0 ? 0 : (size_t)n;
	if (len + 2 < sizeof(text)) {
		memcpy(text + len, ": ", 2);
		len += 2;
		old = strlen(err->text);
		if (old > sizeof(text) - 1 - len)
			old = sizeof(text) - 1 - len;
		memcpy(text + len, err->text, old);
		text[len + old] = '\0';
	}
	memcpy(err->text, text, sizeof(text));
	return err->code;
}

enum vt_code
vt_code_of_errno(int errnum)
{
	switch (errnum) {
	case 0:
		return VT_OK;
	case ENOENT:
	case ENOTDIR:	/* a parent is a file: so nothing can be there */
	case ENODATA:	/* no such extended attribute */
		return VT_ABSENT;
	case EEXIST:
	case ENOTEMPTY:
		return VT_EXISTS;
	case EINVAL:
	case ENAMETOOLONG:
	case ELOOP:
	case EISDIR:
	case EBADF:
	case EDOM:
	case EILSEQ:
	case ENOTSUP:
		return VT_INVALID;
	case EACCES:
	case EPERM:
	case EROFS:
		return VT_DENIED;
	case ENOSPC:
	case EDQUOT:
		return VT_NOSPACE;
	case EFBIG:
	case EOVERFLOW:
	case ERANGE:
	case E2BIG:
		return VT_TOO_LARGE;
	case ECANCELED:
		return VT_CANCELLED;
	/* What waiting may cure: limits of the moment, peers and networks. */
	case EAGAIN:
	case EINTR:
	case EBUSY:
	case ETXTBSY:
	case EMFILE:
	case ENFILE:
	case ETIMEDOUT:
	case ECONNREFUSED:
	case ECONNRESET:
	case ECONNABORTED:
	case ENETDOWN:
	case ENETUNREACH:
	case EHOSTDOWN:
	case EHOSTUNREACH:
		return VT_BUSY;
	case ENOMEM:
		return VT_NOMEM;
	default:
		return VT_IO;
	}
}

const char *
vt_code_name(enum vt_code code)
{
	/* No default, so that gcc names the code that was forgotten. */
	switch (code) {
	case VT_OK:
		return "ok";
	case VT_ABSENT:
		return "absent";
	case VT_EXISTS:
		return "exists";
	case VT_INVALID:
		return "invalid";
	case VT_DENIED:
		return "denied";
	case VT_PRECONDITION:
		return "precondition";
	case VT_CORRUPT:
		return "corrupt";
	case VT_BUSY:
		return "busy";
	case VT_NEEDS_RESTORE:
		return "needs-restore";
	case VT_NOSPACE:
		return "no-space";
	case VT_TOO_LARGE:
		return "too-large";
	case VT_CANCELLED:
		return "cancelled";
	case VT_IO:
		return "io";
	case VT_NOMEM:
		return "no-memory";
	}
	return "unknown";
}
