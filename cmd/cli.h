/*
 * What all commands share: warnings, exit statuses, output that is not lost
 * silently, progress on a terminal, option arguments, signals, and where an
 * S3 endpoint and its credentials come from.  Only cmd/ may include this:
 * here the environment is read, things are printed and the process ends;
 * libvt does none of that.
 *
 * The frame of a command:
 *
 *	int
 *	main(int argc, char **argv)
 *	{
 *		cli_init(argv, usage_text);
 *		while ((c = getopt_long(argc, argv, "+hV...", ...)) != -1)
 *			switch (c) {
 *			case 'h': return cli_help();
 *			case 'V': return cli_version();
 *			default:  return cli_usage();
 *			}
 *		...
 *		return cli_finish(status);
 *	}
 *
 * The state behind these functions is the process's own (its name, its
 * terminal line).  Everything that prints may be called from any thread.
 */
#ifndef CMD_CLI_H
#define CMD_CLI_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "libvt/base/buf.h"
#include "libvt/base/err.h"
#include "libvt/proto/s3client.h"
#include "libvt/work/config.h"

/* Exit statuses: an interface, described in vaultaire(7). */
enum cli_status {
	CLI_OK = 0,
	CLI_SOME = 1,		/* ran, but the answer is no or items failed */
	CLI_USAGE = 2,		/* wrong command line */
	CLI_FAILED = 3,		/* failed, will fail again */
	CLI_LATER = 4		/* failed, may work later */
};

/* --- start and end -------------------------------------------------------- */
/*
 * Once, first thing in main.  Cuts argv[0] to the program's name, as
 * getopt_long prints it.  `usage` is the whole text of --help; its first
 * line begins with "usage: "; borrowed for the life of the process.
 */
void cli_init(char **argv, const char *usage);
/* --help on stdout; returns the exit status, lost output included. */
int cli_help(void);
/* "vt-put 1.2" on stdout; returns the exit status. */
int cli_version(void);
/* After getopt_long has complained: where to look; returns CLI_USAGE. */
int cli_usage(void);
/* Complain about the command line and return CLI_USAGE. */
int cli_usage_error(const char *fmt, ...) VT_PRINTF(1, 2);
/*
 * The last call of main: ends the progress line, flushes and closes stdout.
 * Lost output turns `status` into CLI_FAILED, with a warning.  When a signal
 * was caught (cli_catch_signals), does not return: the process dies of it.
 */
int cli_finish(int status);

/* --- talking -------------------------------------------------------------- */
/* "vt-put: text\n" on stderr; a progress line gives way to it.  Control
 * characters become '?': names and messages are other people's. */
void cli_warn(const char *fmt, ...) VT_PRINTF(1, 2);
/* The same with a libvt failure: "vt-put: text: err\n". */
void cli_warn_err(const struct vt_err *err, const char *fmt, ...)
    VT_PRINTF(2, 3);
/* Master keys were made in this file: whoever saves the tiers alone saves
 * nothing of what they encrypt. */
void cli_tell_keys(const char *path);
/* What follows the words about a malformed line: ": " and the beginning of it,
 * or "" when it is empty; returns `out`. */
#define CLI_SHOWN 66
char *cli_shown(const char *line, size_t len, char out[CLI_SHOWN]);
/* Warn and exit at once, without flushing half-made output. */
void cli_die(int status, const char *fmt, ...) VT_PRINTF(2, 3)
    __attribute__((noreturn));
/* For vt_catalog_options: what was acknowledged is safe, nothing more may
 * be. */
void cli_catalog_fatal(void *ctx, const char *text)
    __attribute__((noreturn));

/*
 * Data on stdout.  One call is never mixed with another thread's.  A failed
 * write sticks and is told by cli_finish; returns 0, or -1 from then on, so
 * that a long run may stop early.
 */
int cli_out(const void *data, size_t len);
int cli_printf(const char *fmt, ...) VT_PRINTF(1, 2);
/* Write the lines in `b` (made by vt_json_*) and reset it. */
int cli_out_buf(struct vt_buf *b);
/* Hand what is written so far to the kernel: for lines a reader waits for. */
int cli_flush(void);

/* --- exit statuses from failures ------------------------------------------ */
/* What one failure means for a command that did one thing. */
int cli_status_of(enum vt_code code);

/* Outcomes of many items; zero to start.  Not for threads to share. */
struct cli_tally {
	uint64_t ok, some, failed, later;
};
void cli_tally_add(struct cli_tally *t, enum vt_code code);
/* All well: 0.  Some well, or items merely absent: 1.  None well: 4 when each
 * may work later, else 3. */
int cli_tally_status(const struct cli_tally *t);

/* --- arguments of options: each complains and exits with 2 when wrong ----- */
/* `name` is the option as the user writes it: "--jobs". */
uint64_t cli_opt_u64(const char *name, const char *text, uint64_t min,
    uint64_t max);
uint64_t cli_opt_size(const char *name, const char *text, uint64_t min,
    uint64_t max);			/* bytes; K, M, G, T */
int64_t cli_opt_duration(const char *name, const char *text,
    int64_t max_ms);			/* ms; s, m, h, d, w, y */
double cli_opt_double(const char *name, const char *text, double min,
    double max);
int64_t cli_opt_time(const char *name, const char *text); /* RFC 3339 -> us */
/* "k=v" split at the first '='; both malloc'ed, exits with 2 without one. */
void cli_opt_pair(const char *name, const char *text, char **key,
    char **value);

/* An absolute form of `path` (not resolved, need not exist); malloc'ed.
 * Exits with 3 when memory or the working directory is gone. */
char *cli_absolute(const char *path);
/* malloc'ed "$NAME", or NULL when unset or empty: an empty variable says
 * nothing, as the AWS tools take it. */
char *cli_env(const char *name);
/* Where files go that nobody is to keep: $TMPDIR, else /tmp; malloc'ed. */
char *cli_temp_folder(void);
/* malloc or exit with 3. */
void *cli_alloc(size_t size);		/* zeroed */
char *cli_strdup(const char *s);

/*
 * The configuration of a server's data folder.  `data` NULL: $VAULTAIRE_DATA,
 * else ./vaultaire-data; `path` NULL: vaultaire.json in the folder, else the
 * built-in one.  Free with vt_config_free.
 */
enum vt_code cli_config_load(const char *path, const char *data,
    struct vt_config **out, struct vt_err *err) VT_MUST_CHECK;

/* --- files of objects ----------------------------------------------------- */
/* Digest of `len` bytes of `fd` at `offset`; VT_CANCELLED after a signal. */
enum vt_code cli_hash_range(int fd, uint64_t offset, uint64_t len,
    enum vt_hash_alg alg, uint8_t out[VT_HASH_MAX], struct vt_err *err)
    VT_MUST_CHECK;
/* x-amz-meta-mtime, "seconds.fraction" as rclone has it: 0 or -1. */
int cli_parse_mtime(const char *text, struct timespec *out);

/* --- signals -------------------------------------------------------------- */
/*
 * SIGINT, SIGTERM and SIGHUP set a flag instead of killing; a second signal
 * kills at once.  SIGPIPE is left alone.  `notify_fd` (-1: none) gets a byte,
 * for those who sleep in poll.
 */
void cli_catch_signals(int notify_fd);
/* The signal that asked to stop, or 0.  Cheap; any thread. */
int cli_stopping(void);
/* Where that flag lives, for libvt's `const volatile int *cancel`. */
const volatile int *cli_cancel_flag(void);

/* --- progress ------------------------------------------------------------- */
/*
 * One line on stderr: bytes, items, rate, time left.  Shown only when stderr
 * is a terminal, `quiet` is 0 and TERM is not "dumb"; otherwise every call
 * does nothing.  Redrawn by its own thread at most five times a second.
 */
void cli_progress_start(int quiet, const char *verb);
/* More to do than was known: any thread. */
void cli_progress_expect(uint64_t bytes, uint64_t items);
/* Done so far: any thread.  `bytes` may be negative, when a try failed and
 * its bytes will be sent again. */
void cli_progress_add(int64_t bytes, uint64_t items);
/* Erase the line and stop; also done by cli_finish. */
void cli_progress_stop(void);
/* May colour be used on `fd`?  A terminal, NO_COLOR unset, TERM not dumb. */
int cli_colour(int fd);
/* "12.3 MiB/s", "1:05:09" into out; return out. */
char *cli_human_rate(double bytes_per_s, char out[24]);
char *cli_human_seconds(double seconds, char out[24]);

/* --- items that threads work on ------------------------------------------- */
/*
 * Main finds items and adds them to a bounded queue.  A worker begins one:
 * that ends it, or opens something which all of them do in parts.  Parts go
 * first, so that few things are open at a time.
 */
struct cli_item {		/* the first member of a command's own */
	struct cli_item *next;
};
struct cli_open {		/* the same */
	struct cli_open *next;
};
struct cli_work {
	/* What an item is; what to do with one that a signal came before. */
	void (*begin)(struct cli_item *it);
	void (*cancel)(struct cli_item *it);
	/* Is there a part to do?  Is it all done, or in vain?  With the lock
	 * held. */
	int (*has_part)(const struct cli_open *o);
	int (*is_over)(const struct cli_open *o);
	/* Do one part; end what is over.  Called and return with the lock
	 * held. */
	void (*do_part)(struct cli_open *o);
	void (*end)(struct cli_open *o);

	pthread_mutex_t lock;
	pthread_cond_t todo, room;	/* for workers; for main */
	/* under the lock */
	struct cli_item *first, **last;
	unsigned queued;
	int closed;		/* main has found everything */
	unsigned beginning;	/* workers that may yet open something */
	struct cli_open *active;
	struct cli_tally tally;
	/* main's */
	pthread_t *thread;
	unsigned threads;
};
#define CLI_WORK_INIT(w)						\
	.lock = PTHREAD_MUTEX_INITIALIZER,				\
	.todo = PTHREAD_COND_INITIALIZER,				\
	.room = PTHREAD_COND_INITIALIZER, .last = &(w).first
/* As many workers as can be had; exits with 3 when there are none.  Signals
 * reach main alone. */
void cli_work_start(struct cli_work *w, unsigned jobs);
/* Nothing more is added: wait until all is done. */
void cli_work_finish(struct cli_work *w);
/* Waits while there are many, unless a signal came. */
void cli_work_add(struct cli_work *w, struct cli_item *it);
/* Its parts are done from now on. */
void cli_work_open(struct cli_work *w, struct cli_open *o);
/* No more, as it ends; with the lock held. */
void cli_work_remove(struct cli_work *w, struct cli_open *o);
void cli_work_count(struct cli_work *w, enum vt_code rc);
/* The end of an item's line of --json, and out with it: how long it took (not
 * of one that was never begun, `start_us` 0), what failed. */
void cli_work_line(struct vt_buf *b, int64_t start_us, enum vt_code rc,
    const struct vt_err *err);

/* --- an S3 endpoint and its credentials ----------------------------------- */
/*
 * Filled from options first, then by cli_s3_load from the environment and the
 * profile files of the AWS tools.  Zero to start; strings are malloc'ed.
 */
struct cli_s3 {
	char *endpoint;		/* --endpoint; NULL: AWS itself */
	char *region;		/* --region */
	char *profile;		/* --profile */
	char *ca_file;		/* --ca-file */
	int virtual_host;	/* --virtual-host: bucket in the host name */
	int path_style;		/* set by load: what will be used */
	int anonymous;		/* --no-sign-request */
	unsigned tries;		/* --retries + 1; 0: VT_S3_TRIES */
	int verbose;		/* tell of each retry */
	struct vt_cred cred;
};
/* The options that fill it, for struct option tables, and their taker: 1 when
 * `c` was one of them. */
enum {
	CLI_OPT_CA_FILE = 0x4000, CLI_OPT_ENDPOINT, CLI_OPT_NO_SIGN_REQUEST,
	CLI_OPT_PROFILE, CLI_OPT_REGION, CLI_OPT_RETRIES, CLI_OPT_VIRTUAL_HOST
};
#define CLI_S3_OPTIONS							\
	{ "ca-file", required_argument, NULL, CLI_OPT_CA_FILE },	\
	{ "endpoint", required_argument, NULL, CLI_OPT_ENDPOINT },	\
	{ "no-sign-request", no_argument, NULL, CLI_OPT_NO_SIGN_REQUEST }, \
	{ "profile", required_argument, NULL, CLI_OPT_PROFILE },	\
	{ "region", required_argument, NULL, CLI_OPT_REGION },		\
	{ "retries", required_argument, NULL, CLI_OPT_RETRIES },	\
	{ "virtual-host", no_argument, NULL, CLI_OPT_VIRTUAL_HOST }
int cli_s3_option(struct cli_s3 *s, int c, const char *arg);
/*
 * Complete `s`:
 *   endpoint     option, AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, endpoint_url
 *                of the profile's [services] s3 section or of the profile
 *                (unless AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is true)
 *   region       option, AWS_REGION, AWS_DEFAULT_REGION, the profile,
 *                us-east-1
 *   credentials  AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY and
 *                AWS_SESSION_TOKEN (not when --profile is given),
 *                AWS_SHARED_CREDENTIALS_FILE or ~/.aws/credentials, then
 *                AWS_CONFIG_FILE or ~/.aws/config
 *   ca_file      option, AWS_CA_BUNDLE, the profile's ca_bundle
 * VT_ABSENT: no credentials anywhere, err says where it looked; VT_INVALID.
 */
enum vt_code cli_s3_load(struct cli_s3 *s, struct vt_err *err) VT_MUST_CHECK;
/* A client of what was loaded; stops when a caught signal asks to, unless
 * `cancel` is NULL.  `s` must outlive it. */
enum vt_code cli_s3_connect(struct cli_s3 *s, const volatile int *cancel,
    struct vt_s3 **out, struct vt_err *err) VT_MUST_CHECK;
/* Wipes the secrets; may be repeated. */
void cli_s3_release(struct cli_s3 *s);

/* Split "s3://bucket/key": malloc'ed bucket and key (may be "").  Exits with
 * 2 and names the argument when it is not of that shape. */
void cli_s3_url(const char *text, char **bucket, char **key);

#endif
