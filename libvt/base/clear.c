#include <string.h>

#include "libvt/base/clear.h"

void
vt_clear_bytes(void *p, size_t len)
{
	memset(p, 0, len);
}
