/* Storage classes of providers, by the names that they give them. */
#include <string.h>
#include <strings.h>

#include "libvt/proto/foreignlog.h"

/*
 * The tiers are those that a price file offers when there is no configuration:
 * a class that no file knows is planned for as the tier of its kind.  The code
 * of a class is kept in partial results: add at the end.
 */
static const struct {
	const char *name, *tier;
} classes[] = {
	{ "", "hot" },
	/* Amazon S3 */
	{ "STANDARD", "hot" },
	{ "REDUCED_REDUNDANCY", "hot" },
	{ "STANDARD_IA", "warm" },
	{ "ONEZONE_IA", "warm" },
	{ "INTELLIGENT_TIERING", "hot" },
	{ "GLACIER_IR", "cold" },
	{ "GLACIER", "archive" },
	{ "DEEP_ARCHIVE", "archive" },
	{ "EXPRESS_ONEZONE", "hot" },
	/* Google Cloud Storage */
	{ "NEARLINE", "warm" },
	{ "COLDLINE", "cold" },
	{ "ARCHIVE", "archive" },	/* also Azure's */
	/* Azure Blob Storage */
	{ "HOT", "hot" },
	{ "COOL", "warm" },
	{ "COLD", "cold" },
};

uint8_t
vt_log_class(const char *name, size_t len)
{
	size_t i;

	for (i = 1; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (strlen(classes[i].name) == len &&
		    strncasecmp(classes[i].name, name, len) == 0)
			return (uint8_t)i;
	return 0;
}

static size_t
known(uint8_t storage_class)
{
	return storage_class < sizeof(classes) / sizeof(classes[0]) ?
	    storage_class : 0;
}

const char *
vt_log_class_name(uint8_t storage_class)
{
	return classes[known(storage_class)].name;
}

const char *
vt_log_class_tier(uint8_t storage_class)
{
	return classes[known(storage_class)].tier;
}
