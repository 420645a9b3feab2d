/*
 * The configuration: one JSON file, vaultaire.json in the data folder, read by
 * every program.  An error names file, line and field.  Unknown fields are
 * errors.  vaultaire.json(5) is the manual.
 */
#ifndef VT_WORK_CONFIG_H
#define VT_WORK_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "libvt/base/err.h"
#include "libvt/work/place.h"

#define VT_TIERS_MAX VT_PLACE_TIERS

/* A place with a price. */
struct vt_tier {
	char *name;		/* [a-z0-9_-]{1,32} */
	char *url;		/* file:PATH (relative to the data folder)... */
	char *storage_class;	/* the S3 class it is of; the first tier of
				   a class answers for it */
	char *price;		/* entry of the price file */
	char *location;		/* for transfer prices and region constraints */
	char *scope;		/* "shared" or "node:<id>" */
	unsigned durability_nines;	/* 11 = 99.999999999 % a year */
	int64_t first_byte_ms;	/* typical, for latency constraints */
	int is_inline;		/* small bodies go into the catalog */
	uint64_t inline_max_bytes;	/* 4,096 */
	int64_t restore_delay_ms;	/* > 0: reads need a restore */
	int is_closed;		/* takes nothing new, and is to be emptied */
	unsigned compress;	/* level of zstd; 0: no */
	char *encrypt;		/* name of the master key that wraps, "master"
				   for the newest; or NULL */
	/* of tiers on another machine; see struct vt_backend_remote */
	char *endpoint, *region;	/* or NULL */
	char *credentials;	/* absolute, a profile file, 0600; or NULL */
	char *profile;		/* in it */
	char *object_class;	/* storage class or access tier; or NULL */
	char *ca_file;		/* absolute or NULL */
	int virtual_host, requester_pays;
	unsigned connections;	/* requests at once */
	uint64_t bytes_per_s;	/* each way; 0: no limit */
	uint64_t part_bytes;	/* of a multi-step upload */
	unsigned tries;		/* of each request */
	int64_t connect_ms, stall_ms;
	char *fault;		/* what goes wrong, for tests: vt_fault_parse;
				   or NULL */
};

#define VT_WEBHOOKS_MAX 16

/* Where notifications go; a bucket's rules name it as the last part of an
 * ARN. */
struct vt_webhook {
	char *name;		/* [a-z0-9_-]{1,32} */
	char *url;		/* http:// or https:// */
	char *token_file;	/* absolute, sent as "Bearer"; or NULL */
};

/* When the catalog is copied to a tier. */
struct vt_snapshot_schedule {
	char *tier;		/* NULL: never */
	int64_t every_ms;	/* 6 h */
	unsigned keep;		/* 8 */
};

struct vt_config {
	char *data_dir;		/* absolute */
	char *listen, *admin;	/* host:port; [::1]:port; port 0: any free */
	char *region;		/* us-east-1 */
	char *domain;		/* for virtual-host style, or NULL */
	char *node;		/* name of this machine in logs */
	char *location;		/* of vt-serve, for transfer prices */
	char *price_file;	/* absolute */
	char *catalog_path;	/* absolute: data_dir/catalog.db */
	char *access_log;	/* absolute: data_dir/access.jsonl */
	char *credentials;	/* absolute: an AWS-style profile file, 0600 */
	char *tls_cert, *tls_key;	/* absolute or NULL */
	/* where master keys come from: one of the two is set */
	char *master_key_file;	/* absolute, 0600 */
	char **master_key_command;	/* prints the same; NULL ends it */
	int make_master_keys;	/* nobody named the file: make it when it is
				   needed and missing */
	struct vt_tier tier[VT_TIERS_MAX];
	size_t tier_count;	/* tier[0] is where new objects go when no
				   class is asked for */
	struct vt_places *places;	/* what policies ask of them; its tiers
					   are these */
	struct vt_webhook webhook[VT_WEBHOOKS_MAX];
	size_t webhook_count;
	struct vt_snapshot_schedule snapshots;
	int64_t grace_ms;	/* dropped copies' bytes stay so long: 24 h */
	uint64_t inline_max_total_bytes;	/* 4 GiB */
	int promote;		/* reads bring objects back when they have
				   paid for it: on */
	char *object_ownership;	/* of new buckets: BucketOwnerEnforced,
				   BucketOwnerPreferred or ObjectWriter */
	int block_public_access;	/* of new buckets: on */
	int sigv2;		/* accept the old signatures: off */
	int64_t clock_skew_ms;	/* 15 min */
	unsigned max_connections;	/* 10,000 */
	int64_t idle_timeout_ms;	/* 60,000 */
	uint64_t buffer_budget_bytes;	/* all request buffers: 96 MiB */
	int64_t gc_interval_ms;	/* 60,000 */
	int64_t lifecycle_day_ms;	/* of lifecycle rules in the pipe; for
					   tests: 24 h */
	uint64_t lifecycle_min_bytes;	/* smaller objects make no transition
					   unless a rule asks: 128 KiB */
};

/*
 * Read `path`, or make the default configuration in memory when `path` is
 * NULL: four local tiers (hot STANDARD inline, warm STANDARD_IA, cold
 * GLACIER_IR, archive DEEP_ARCHIVE; all `file:tiers/NAME`, no restore delay),
 * AWS us-east-1 prices.  Relative paths are taken from `data_dir`, which must
 * be absolute.  Free with vt_config_free.  VT_INVALID names the place.
 */
enum vt_code vt_config_load(const char *path, const char *data_dir,
    struct vt_config **out, struct vt_err *err) VT_MUST_CHECK;
void vt_config_free(struct vt_config *c);
/*
 * A file with a list of policies, as the field "policies" has it, for tiers
 * that no configuration tells of.  Codes as vt_config_load; free with
 * vt_places_free.
 */
enum vt_code vt_config_policies(const char *path,
    const struct vt_place_tier *tiers, size_t tier_count,
    struct vt_places **out, struct vt_err *err) VT_MUST_CHECK;
/* The tiers of a configuration as policies look at them, borrowed: into
 * `out` of VT_TIERS_MAX; how many. */
size_t vt_config_place_tiers(const struct vt_config *c,
    struct vt_place_tier *out);
/*
 * The folder of this installation's data files, when it is not VT_SHAREDIR
 * (set by the Makefile): a "price_file" named without a '/' lies in its
 * subfolder "prices".
 */
enum vt_code vt_config_set_share(struct vt_config *c, const char *share_dir,
    struct vt_err *err) VT_MUST_CHECK;
/* The default configuration as the JSON text of a new vaultaire.json;
 * malloc'ed, caller frees; NULL: no memory. */
char *vt_config_default_text(void);

/* By name or by storage class; NULL when there is none.  Borrowed. */
const struct vt_tier *vt_config_tier(const struct vt_config *c,
    const char *name);
const struct vt_tier *vt_config_class(const struct vt_config *c,
    const char *storage_class);

/* A place for notifications; NULL when there is none of that name. */
const struct vt_webhook *vt_config_webhook(const struct vt_config *c,
    const char *name);

/* --- credentials ----------------------------------------------------------*/
/*
 * Read a file of secrets, at most 1 MiB, into *text with a NUL after it: wipe
 * it and free it, whatever is returned.  `strict`: one that others may read is
 * VT_DENIED.
 */
enum vt_code vt_secret_read(const char *path, int strict, char **text,
    size_t *len, struct vt_err *err) VT_MUST_CHECK;

struct vt_cred {
	char access_key[129];
	char secret_key[129];
	char session_token[16384];	/* "" if none; a SAS; the text of a
					   key file of Google's */
};
/*
 * Read profile `name` of an AWS shared-credentials file, or of one that names
 * an account of Azure as az and rclone do; or a whole file of Google's, which
 * is JSON and has no profiles.  Refused with
 * VT_DENIED when others may read it and `strict` is set.  Wipe the result
 * with explicit_bzero.
 */
enum vt_code vt_cred_load(const char *path, const char *profile, int strict,
    struct vt_cred *out, struct vt_err *err) VT_MUST_CHECK;
/* Make a random key pair. */
enum vt_code vt_cred_random(struct vt_cred *out, struct vt_err *err)
    VT_MUST_CHECK;
/* As the profile `name` of a shared-credentials file: the length, as
 * snprintf. */
int vt_cred_format(const struct vt_cred *cred, const char *name, char *out,
    size_t size);
/* Make a random key pair and store it as [default] in `path`, mode 0600. */
enum vt_code vt_cred_create(const char *path, struct vt_cred *out,
    struct vt_err *err) VT_MUST_CHECK;

#endif
