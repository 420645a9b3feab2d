/*
 * What the files of vt-scan share: one run of it.
 *
 *	main.c		options, and what is done in which order
 *	source.c	which logs there are, of which formats
 *	logs.c		logs are read, by several threads
 *	place.c		where the last scan stopped in each log
 *	twins.c		logs that are there twice, where no places are kept
 *	gather.c	heat from logs, kept files and partial results, as one
 *	forget.c	kept files written anew, without what is gone
 *	walk.c		the catalog joined with it
 *	emit.c		records without a catalog, partial results, output
 *	show.c		records in blocks as lines
 *	adopt.c		no scan: what another store holds becomes ours
 *	task.h		what is done beside scanning
 */
#ifndef CMD_VT_SCAN_SCAN_H
#define CMD_VT_SCAN_SCAN_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "libvt/base/buf.h"
#include "libvt/proto/foreignlog.h"
#include "libvt/proto/recordblock.h"
#include "libvt/proto/zstream.h"
#include "libvt/store/catalog_heat.h"
#include "libvt/work/config.h"
#include "libvt/work/heat.h"
#include "libvt/work/heatfile.h"

#include "cmd/cli.h"

#include "task.h"

#define THREADS_MAX 8
#define OUT_MAX ((size_t)64 << 20)
/* The longest line of a log. */
#define VT_SCAN_LINE_MAX ((size_t)64 << 10)

/* What the logs of a server's folder are, where places are kept. */
#define OWN_LOG "access log"

/* The largest record of a log that is no lines. */
#define VT_SCAN_RECORD_MAX ((size_t)256 << 10)

/* Logs of one format; strings are borrowed. */
struct source {
	enum vt_log_format format;
	const char *bucket;	/* NULL: that of all */
	const char *schema;	/* of an inventory */
	int64_t at_us;
	size_t log_count;
	int is_folder;		/* a folder was named, maybe an empty one */
	/* the first read and the last line, when there are several of logs;
	 * 0: none.  Under run.lock */
	int64_t first_us, last_us;
};

/* What --covered says; 0: that end is taken from the logs. */
struct covered {
	int64_t from_us, to_us;
};

/* Digests of the first 1, 2, 4... bytes of a log: what it is known by. */
#define HEADS 13

/* Where a log stands, when places are kept. */
struct place {
	struct vt_heatdb_log known;	/* as it is to be kept */
	uint8_t heads[HEADS][VT_HEATDB_DIGEST];
	uint32_t head_count;
	int is_seen;		/* something of it is to be kept */
};

/* A log being read.  Under run.lock but for what a part's reader was given. */
struct log {
	char *path;
	size_t number;		/* in the order of names */
	const struct source *source;
	int fd;
	/* a stream is one part; else parts are cut from the file */
	int is_stream;
	struct vt_zlines *z;	/* of a stream */
	uint64_t next, end;	/* of the file what is not cut yet */
	size_t parts, open_parts;
	uint64_t *part_lines;
	uint64_t lines_before;	/* of the first part, in earlier scans */
	char *header;		/* of a csv */
	size_t header_len;
	uint64_t size;		/* of the file when it was opened */
	struct place place;
	uint8_t tail[VT_ZLINES_SEEN];	/* of a stream */
	size_t tail_len;
	int at_end;		/* of a stream: all of it was read */
};

/* The first malformed line of all. */
struct bad {
	size_t log, part;
	uint64_t line;		/* in the part; settled: in the log */
	int is_settled;
	char *path;
	char text[640];
};

struct run {
	/* options */
	const char *data, *config_path, *bucket, *state, *partial, *show;
	int foreign, rescan, update, has_now, quiet;
	struct task task;	/* not scanning, but this */
	struct source *sources;
	size_t source_count;
	char **own_logs, **logs, **merges;
	uint32_t *log_sources;	/* of each log */
	size_t own_count, log_count, log_cap, merge_count;
	size_t log_source_count;	/* of logs, not of inventories */
	int versions_apart;	/* an inventory lists them */
	struct vt_arena *arena;	/* of what manifests tell */
	struct covered *covered;
	size_t covered_count;
	int64_t now_us;
	uint32_t history;
	size_t memory_bytes;
	unsigned threads;
	uint64_t commit_lines;

	/* reading */
	struct vt_heatdb *db;	/* NULL: places are not kept */
	const char *tmp;	/* folder for what does not fit in memory */
	struct vt_heat *heats[THREADS_MAX];
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct log **open;	/* logs since the last commit */
	size_t open_count, open_cap, next_log;
	struct log *cutting;	/* the one that parts are cut from */
	unsigned running, parked;
	int want_commit;
	uint64_t uncommitted_lines;
	uint64_t lines, bad_lines;
	struct bad bad;
	int failed;		/* a log could not be read to its end */

	/* heat, joined */
	struct vt_coverage *coverage;
	struct vt_heatfile **files;
	int *file_fds;
	size_t file_count;
	struct vt_heat_merge *merge;
	struct vt_heat_teller *teller;
	char *kept_in;		/* the folder of heat.db; NULL: none */
	struct rewrite *rewrite;	/* NULL: kept files stay as they are */

	/* output */
	struct vt_buf out;
	int binary;		/* records in blocks, not lines: */
	struct vt_block block;
	uint64_t records_out;
	int stop;		/* output is gone */
};

/* main.c: warn and exit; what a command cannot do without is no item that
 * failed. */
void die(const struct vt_err *err) __attribute__((noreturn));
void out_of_memory(void) __attribute__((noreturn));
/* Append to a list of paths. */
void add_path(char ***list, size_t *count, char *path);

/* source.c */
struct source *add_source(struct run *r, enum vt_log_format format);
/* One more log of the last source; `path` is taken. */
void add_log(struct run *r, char *path);
/* The same for what the command line names: a log, or a folder of logs. */
void add_operand(struct run *r, const char *path);
/* Put the files of an inventory in the place of its manifest, and see whether
 * inventories list versions.  What cannot be read is told and left out. */
void expand_manifests(struct run *r);
/* What the logs are, in words: places are kept for logs of that kind. */
char *describe_sources(const struct run *r);
void free_sources(struct run *r);

/* logs.c: read r->logs into r->heats, and from there into kept files when
 * places are kept. */
void read_logs(struct run *r);
/* Lines, or records, of an open log as its format has them. */
struct vt_zlines *open_lines(struct log *l);

/* twins.c: leave out of r->logs what others begin with. */
void drop_twins(struct run *r);

/* place.c, under r->lock */
enum found { FOUND_NEW, FOUND_PLACE, FOUND_DONE, FOUND_TWIN };
/* What is known of an open log: nothing, its place, that there is nothing new
 * in it, or that one like it is being read and has to be kept first. */
enum found find_place(struct run *r, struct log *l);
/* Bring what is to be kept of a log up to date. */
void update_place(struct log *l);

/* gather.c */
/* Keep what was read so far, heat and places, and empty r->heats. */
void commit(struct run *r);
/* After the last log: r->merge gives all objects, r->coverage and r->teller
 * are ready. */
void join_heat(struct run *r);
void release_heat(struct run *r);
/* Is the file a partial result? */
int is_partial(const char *path);

/* forget.c: while all objects of kept files, which are r->files, pass by */
void begin_rewrite(struct run *r, const struct vt_heatdb_run *runs,
    size_t count);
/* The next one.  Not when r->rewrite is NULL. */
void rewrite_object(struct run *r, const char *name, size_t name_len,
    const struct vt_heat_object *o, int is_there);
/* With all of them the files are replaced by one. */
void end_rewrite(struct run *r, int is_whole);

/* emit.c */
void put(struct run *r, const struct vt_scan_record *rec);
void end_output(struct run *r);
void put_foreign(struct run *r);
void put_partial(struct run *r);
/* The next object; NULL at the end. */
const struct vt_heat_object *next_object(struct run *r);

/* show.c: no scan, but the lines of records that were written as blocks; the
 * exit status. */
int show(const char *path);

/* walk.c */
/* Ends the program when the catalog is not ours to read: before anything is
 * written beside it. */
void check_catalog(const struct vt_config *config);
void walk_catalog(struct run *r, const struct vt_config *config);

/* --- adopt.c -------------------------------------------------------------- */
/* Is it --adopt that is asked for?  Then the rest is adopt_main's: the exit
 * status. */
int is_adoption(int argc, char **argv);
int adopt_main(int argc, char **argv);

#endif
