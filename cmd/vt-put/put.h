/*
 * What the files of vt-put share.
 */
#ifndef VT_PUT_PUT_H
#define VT_PUT_PUT_H

#include <sys/stat.h>
#include <time.h>

#include "libvt/proto/s3client.h"

#include "cmd/cli.h"

#define MIB (1024ull * 1024)
#define HEADERS_MAX 48
#define OBJECT_MAX (5 * 1024 * 1024 * MIB)

/* --- what was asked for --------------------------------------------------- */

struct put_options {
	struct cli_s3 s3;
	char *bucket, *prefix;
	int recursive, null, follow, skip_same, if_none_match, dry_run;
	int no_resume, make_bucket, json, quiet, verbose;
	const char *files_from, *content_type, *storage_class;
	uint64_t part_size, expected_size;
	unsigned jobs;
	struct vt_header header[HEADERS_MAX];	/* --header and --meta */
	size_t header_count;
};
extern struct put_options opt;
extern struct vt_s3 *client;

/* --- what there is to do -------------------------------------------------- */

struct item {
	struct cli_item in;
	char *path, *key;
	uint64_t size;
	struct timespec mtime;
	int has_mtime;
	int follow;		/* named by the user: a link may be followed */
	int64_t start_us;
	char mtime_text[48];
	struct vt_header header[HEADERS_MAX + 8];
	size_t header_count;
};

struct chunk {			/* a part of a stream, in memory */
	struct chunk *next;
	unsigned number;
	size_t len;
	char *data;
};

/* An object that is sent in parts. */
struct upload {
	struct cli_open in;
	struct item *item;
	int fd;			/* -1: a stream */
	char *id;
	uint64_t part_size, size;
	unsigned parts;		/* as many as there are, or as were read */
	struct vt_s3_part *part;	/* number 0: not stored yet */
	unsigned next_part;	/* index of the next to hand out */
	unsigned running, stored, resumed;
	struct chunk *first, **last;	/* of a stream: waiting */
	int eof;		/* nothing more will come */
	int ended;		/* completed or given up */
	enum vt_code rc;
	struct vt_err err;
};

extern struct cli_work work;
/* Buffers of streams that are not in use, under its lock. */
extern struct chunk *spare;

/* --- put_find.c ----------------------------------------------------------- */

/* `tail`: what to put behind the prefix, or NULL: the file's own name. */
void put_argument(const char *path, const char *tail);
/* What --files-from names. */
void put_listed(void);

/* --- put_queue.c ---------------------------------------------------------- */

/* A file whose key is the prefix and `key_tail`; NULL when that makes no key,
 * which was told. */
struct item *new_item(const char *path, const char *key_tail);
/* Waits while there are many. */
void enqueue(const char *path, const char *key_tail, const struct stat *st,
    int follow);

/* --- put_whole.c, put_parts.c, put_stream.c ------------------------------- */

/* Has the file changed since `it` was made from it? */
enum vt_code check_unchanged(int fd, const struct item *it,
    struct vt_err *err) VT_MUST_CHECK;
/* Is the object there with the same contents?  1, 0, or -1 with rc. */
int is_same(struct item *it, int fd, enum vt_code *rc, struct vt_err *err);
/* Each ends its item; the first two close `fd`. */
void put_whole(struct item *it, int fd);
void begin_upload(struct item *it, int fd);
void put_stream(int fd, const char *name, const char *key_tail);

/* Of the parts of an object of `size` bytes. */
uint64_t part_size_for(uint64_t size);
void free_upload(struct upload *u);
/* Of struct cli_work. */
int upload_has_part(const struct cli_open *o);
int upload_over(const struct cli_open *o);
void work_on_part(struct cli_open *o);
void retire(struct cli_open *o);

/* --- put_head.c ----------------------------------------------------------- */

extern const struct vt_header only_new;
void make_headers(struct item *it);
/* A request for the item, without a body yet. */
struct vt_s3_put put_of(struct item *it);
/* --if-none-match, and what its failure means. */
void add_condition(struct vt_s3_put *p, struct item *it);
enum vt_code explain(enum vt_code rc, struct vt_err *err);

/* --- put_result.c --------------------------------------------------------- */

struct outcome {
	const char *result;	/* "stored", "same", "planned" */
	uint64_t bytes;
	const struct vt_s3_put_result *put;	/* or NULL */
	unsigned parts, resumed;
};

/* An item is done with, well or not: tell, count, free. */
void finish_item(struct item *it, const struct outcome *o, enum vt_code rc,
    const struct vt_err *err);
void fail_item(struct item *it, enum vt_code rc, const struct vt_err *err);
void free_item(struct item *it);

#endif
