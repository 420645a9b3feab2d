/*
 * What the files of vt-get share.
 */
#ifndef VT_GET_GET_H
#define VT_GET_GET_H

#include <time.h>

#include "libvt/proto/s3client.h"

#include "cmd/cli.h"

/* --- what was asked for --------------------------------------------------- */

struct get_options {
	struct cli_s3 s3;
	int recursive, list, no_overwrite, skip_same, dry_run, no_resume;
	int no_check, json, null, quiet, verbose;
	int decode;
	const char *range, *version, *key_file;
	uint64_t part_size;
	unsigned jobs;
};
extern struct get_options opt;
extern struct vt_s3 *client;

/* --- what there is to do -------------------------------------------------- */

struct item {
	struct cli_item in;
	char *bucket, *key;
	char *path;		/* of the file; "-" is standard output */
	int known;		/* from a listing: the next three */
	uint64_t size;
	int64_t modified_us;
	char etag[128];
	int64_t start_us;
};

/* What a NAME.vtpart says of a range. */
struct part_entry {
	uint64_t crc64;
	uint64_t done;		/* 1 */
};

struct slot {			/* a part of a stream, in memory */
	char *data;
	size_t len;
	int ready;
};

/* An object that is got in ranges. */
struct download {
	struct cli_open in;
	struct item *item;
	struct vt_s3_head head;
	uint64_t part_size;
	uint64_t parts;
	uint64_t next_part;	/* the next to hand out */
	uint64_t written;	/* of a stream: parts that main has written */
	unsigned running;
	uint64_t stored, resumed;
	struct part_entry *entry;
	int fd;			/* -1: a stream */
	char *temp;
	struct slot *slot;	/* of a stream: opt.jobs of them, in a ring */
	int ended;
	enum vt_code rc;
	struct vt_err err;
};

extern struct cli_work work;

/* --- get_queue.c ---------------------------------------------------------- */

/* An object to get; `path` is the item's from now on. */
struct item *new_item(const char *bucket, const char *key, char *path);
/* Waits while there are many. */
void enqueue(struct item *it);

/* --- get_small.c, get_parts.c, get_stream.c ------------------------------- */

/* Each ends its item. */
void get_small(struct item *it, const char *if_match, int to_stdout);
void get_stream(struct item *it);

struct download *new_download(struct item *it, const struct vt_s3_head *head);
void free_download(struct download *d);
/* Open NAME.vtpart for this process alone. */
enum vt_code open_part_file(struct download *d, struct vt_err *err)
    VT_MUST_CHECK;
/* Of struct cli_work. */
int download_has_part(const struct cli_open *o);
int download_over(const struct cli_open *o);
void work_on_part(struct cli_open *o);
void retire(struct cli_open *o);

/* --- get_file.c ----------------------------------------------------------- */

/* Make the directories above `path`, as mkdir -p does. */
enum vt_code make_parents(const char *path, struct vt_err *err)
    VT_MUST_CHECK;
/* Open a file, in a directory that may have to be made; -1 with *rc. */
int open_making(const char *path, int flags, enum vt_code *rc,
    struct vt_err *err);
/* A name beside `path`, to be freed; `unique`: of this process and call
 * alone. */
char *temp_name(const char *path, int unique);
struct timespec object_time(const struct vt_s3_head *head);
void set_time(int fd, const struct vt_s3_head *head);
/* Put the finished file in its place. */
enum vt_code publish(const char *temp, const char *path, struct vt_err *err)
    VT_MUST_CHECK;
/* By what an object can be checked when all bytes pass by in order;
 * VT_HASH_ALGS: by nothing.  And whether `sum` is the one it has. */
enum vt_hash_alg check_by(const struct vt_s3_head *head);
enum vt_code compare(const struct vt_s3_head *head, enum vt_hash_alg alg,
    const uint8_t *sum, struct vt_err *err);

/* --- get_result.c --------------------------------------------------------- */

struct outcome {
	const char *result;	/* "stored", "same", "planned" */
	uint64_t bytes;
	const struct vt_s3_head *head;	/* or NULL */
	enum vt_hash_alg checked;	/* VT_HASH_ALGS: nothing to check by */
	uint64_t parts, resumed;
};

/* An item is done with, well or not: tell, count, free. */
void finish_item(struct item *it, const struct outcome *o, enum vt_code rc,
    const struct vt_err *err);
void fail_item(struct item *it, enum vt_code rc, const struct vt_err *err);
void free_item(struct item *it);
const char *alg_name(enum vt_hash_alg alg);

/* --- get_find.c, get_list.c, decode.c ------------------------------------- */

/* Everything under a prefix into a directory; one object into a file, "-" or,
 * `into_dir`, a directory. */
void get_tree(const char *bucket, const char *prefix, const char *dir);
void get_one(const char *bucket, const char *key, const char *dest,
    int into_dir);
/* List what is there; `url` NULL: the buckets. */
void list(const char *url);
/*
 * --decode: write the plain bytes of a stored blob, a file or an object that
 * `s3` reads, to the file `dest` or "-".  What failed has been told.
 */
enum vt_code decode(struct vt_s3 *s3, const char *stored, const char *version,
    const char *key_file, const char *dest) VT_MUST_CHECK;

#endif
