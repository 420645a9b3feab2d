/* What the files behind tiers.h share.  Included by them only. */
#ifndef VT_WORK_TIERS_INTERNAL_H
#define VT_WORK_TIERS_INTERNAL_H

#include "libvt/work/tiers.h"

struct vt_tiers {
	const struct vt_config *config;
	struct vt_catalog *catalog;
	const struct vt_clock *clock;
	struct vt_keyring *keyring;	/* or NULL */
	struct vt_backend *backend[VT_TIERS_MAX];
	volatile int cancel;	/* of all on other machines */
};

#endif
