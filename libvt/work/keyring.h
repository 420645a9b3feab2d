/*
 * Master keys: what wraps the data keys of server-side encryption.  They come
 * from a file, or from what a command prints; one a line: a name, blanks, and
 * 32 bytes in hex or base64.  The last line wraps, the others still unwrap:
 * appending a line is how to rotate.  "#" begins a comment.
 *
 * When no file was named in the configuration, DATA/master.keys is made at the
 * first need, on stable storage before it wraps anything, and never replaced:
 * the catalog remembers by name which keys were ever used, and with some in
 * use a missing file is an error and no reason to make another.
 *
 * Threads may share the handle.  Calls block on the file or the command the
 * first time and after a reload, else they do not.
 */
#ifndef VT_WORK_KEYRING_H
#define VT_WORK_KEYRING_H

#include "libvt/store/catalog.h"
#include "libvt/store/transform.h"
#include "libvt/work/config.h"

struct vt_keyring;

/*
 * Reads nothing yet.  All are borrowed for the handle's life.  `env` is what
 * the command is given, as for execve(2).  `made` (may be NULL) is called, from
 * any thread, when the file was made: a person should know of it.
 */
enum vt_code vt_keyring_open(const struct vt_config *config,
    struct vt_catalog *catalog, char *const *env,
    void (*made)(const char *path), struct vt_keyring **out,
    struct vt_err *err) VT_MUST_CHECK;
/* Wipes the keys; NULL is accepted. */
void vt_keyring_close(struct vt_keyring *k);

/*
 * Read the keys, at the first call and again with `again`; a failure leaves
 * what was read before in force.  VT_ABSENT: no file, and none is needed so
 * far.  VT_DENIED: others may read it.  VT_INVALID: not what it should be.
 * VT_PRECONDITION: a name stands for another key than it used to.  VT_BUSY:
 * the command failed.
 */
enum vt_code vt_keyring_load(struct vt_keyring *k, int again,
    struct vt_err *err) VT_MUST_CHECK;
/* The key that wraps new data keys, made when there is none; wipe it. */
enum vt_code vt_keyring_newest(struct vt_keyring *k, struct vt_wrap_key *out,
    struct vt_err *err) VT_MUST_CHECK;
/* The key that wraps what a tier encrypts: of this name, or the newest when
 * that is VT_KEY_NEWEST.  Codes as of the two around. */
#define VT_KEY_NEWEST "master"
enum vt_code vt_keyring_wrap(struct vt_keyring *k, const char *name,
    struct vt_wrap_key *out, struct vt_err *err) VT_MUST_CHECK;
/* By name; VT_IO with words: there is no such key. */
enum vt_code vt_keyring_find(struct vt_keyring *k, const char *name,
    struct vt_wrap_key *out, struct vt_err *err) VT_MUST_CHECK;

/* A key by name from a file of master keys, where there is no catalog and no
 * configuration.  VT_ABSENT: the file, or a key of that name in it. */
enum vt_code vt_master_key_read(const char *path, const char *name,
    struct vt_wrap_key *out, struct vt_err *err) VT_MUST_CHECK;

struct vt_rewrap_result {
	uint64_t seen;		/* blobs of a master key */
	uint64_t rewrapped;
	uint64_t failed;	/* no key of that name, or it does not fit */
};
/*
 * Wrap the data keys of all blobs by the newest key, in the catalog alone, but
 * for those that are wrapped by the key a tier names: no stored byte changes,
 * and readers are not disturbed.  `stop` may be NULL;
 * not 0 ends it with VT_CANCELLED.  `err` has the words of the first failure
 * also when the result is VT_OK.  May be repeated.
 */
enum vt_code vt_keyring_rewrap(struct vt_keyring *k,
    int (*stop)(void *ctx), void *ctx, struct vt_rewrap_result *out,
    struct vt_err *err) VT_MUST_CHECK;

#endif
